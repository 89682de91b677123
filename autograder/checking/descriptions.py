"""What a student's function returned, as graders see it: their own torch objects, copies, and descriptions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch

from autograder.sandbox import wire
from autograder.sandbox.sent import NewAxes


@dataclass(frozen=True)
class Opaque:
    """A result that is neither data nor a torch object that graders understand."""

    type_name: str
    lacks: Literal["", "values", "sense"] = ""
    """What is missing of a torch object: ``values`` that came along, or ``sense``."""


@dataclass(frozen=True)
class OptimizerDescription:
    """An optimizer that a student's function returned."""

    type_name: str
    """Fully qualified class, for example ``torch.optim.sgd.SGD``."""
    groups: list[dict[str, Any]]
    """As ``param_groups``: the grader's own parameters under ``params``, and every option."""

    @property
    def params(self) -> list[Any]:
        """Every parameter, in order."""
        return [param for group in self.groups for param in group["params"]]


@dataclass(frozen=True)
class ModuleDescription:
    """A module that a student's function returned or was given, as it is now."""

    type_name: str
    same_as: torch.nn.Module | None
    """The grader's own module that this is; None for a copy or another one."""
    training: bool
    modules: dict[str, str]
    """The class of each module inside, by its dotted name."""
    parameters: dict[str, torch.Tensor]
    """Each parameter with its present values, by its dotted name."""
    buffers: dict[str, torch.Tensor]
    identities: dict[str, torch.Tensor | None]
    """For each parameter and buffer, the grader's own tensor that it is."""
    settings: dict[str, str]
    """What each module inside prints of its settings, by its dotted name."""


@dataclass(frozen=True)
class AxesDescription:
    """Matplotlib Axes that a student's function returned or was given."""

    same_as: object | None
    """The NewAxes of the grader that these are."""
    lines: list[wire.Line]
    title: str
    xlabel: str
    ylabel: str
    xscale: str
    yscale: str
    legend: list[str] | None
    """The texts of the legend; None without one."""


def full_name(kind: type) -> str:
    """A class as descriptions name it, for example ``torch.optim.sgd.SGD``."""
    return f"{kind.__module__}.{kind.__qualname__}"


def is_tensor(value: object) -> bool:
    """Whether a value is a tensor, be it one whose values did not come."""
    if isinstance(value, Opaque):
        return value.type_name.startswith("torch.") and ("Tensor" in value.type_name or "Parameter" in value.type_name)
    return isinstance(value, torch.Tensor)


def rebuild(value: wire.Value, sent: list[object]) -> Any:
    """Turn a description into Python and torch objects; ``sent`` are the objects that may come back by reference.

    Raises nothing for any value that ``wire.decode`` lets through: what makes no sense becomes Opaque.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, wire.Known):
        found = _find(value, sent)
        return Opaque("reference", "sense") if found is None else found
    if isinstance(value, wire.Items):
        items = [rebuild(item, sent) for item in value.items]
        return tuple(items) if value.kind == "tuple" else items
    if isinstance(value, wire.Pairs):
        pairs = [(rebuild(key, sent), rebuild(item, sent)) for key, item in value.items]
        return {key if _is_plain_key(key) else Opaque(type(key).__name__): item for key, item in pairs}
    if isinstance(value, wire.Optimizer):
        groups = []
        for group in value.groups:
            options = {name: rebuild(option, sent) for name, option in group.options.items()}
            groups.append({**options, "params": [rebuild(param, sent) for param in group.params]})
        return OptimizerDescription(value.type_name, groups)
    if isinstance(value, wire.Module):
        members = [*value.parameters, *value.buffers]
        return ModuleDescription(
            value.type_name,
            _find(value.identity, sent, torch.nn.Module),
            value.training,
            dict(value.modules),
            {member.name: _rebuild_tensor(member.tensor) for member in value.parameters},
            {member.name: _rebuild_tensor(member.tensor) for member in value.buffers},
            {member.name: _find(member.identity, sent, torch.Tensor) for member in members},
            dict(value.settings),
        )
    if isinstance(value, wire.Axes):
        return AxesDescription(
            _find(value.identity, sent, NewAxes),
            value.lines,
            value.title,
            value.xlabel,
            value.ylabel,
            value.xscale,
            value.yscale,
            value.legend,
        )
    if isinstance(value, wire.Tensor):
        return _rebuild_tensor(value)
    return Opaque(value.type_name)


def _find(known: wire.Known | None, sent: list[object], kind: type = object) -> Any:
    if known is None or not 0 <= known.index < len(sent):
        return None
    found = sent[known.index]
    return found if isinstance(found, kind) else None


def _is_plain_key(key: object) -> bool:
    return isinstance(key, (str, int, float, bool, type(None)))


_DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.complex128),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
    )
}


def _rebuild_tensor(value: wire.Tensor) -> Any:
    dtype = _DTYPES.get(value.dtype)
    if dtype is None or len(value.shape) > 8 or not all(0 <= size <= wire.MAX_FRAME for size in value.shape):
        return Opaque(value.type_name)
    if value.data is None:
        return Opaque(value.type_name, "values")
    count = math.prod(value.shape)
    if count * dtype.itemsize != len(value.data) or math.prod(max(size, 1) for size in value.shape) > wire.MAX_FRAME:
        return Opaque(value.type_name, "sense")
    raw = torch.uint8 if dtype is torch.bool else dtype  # a bool whose byte is neither 0 nor 1 is no bool
    tensor = torch.frombuffer(bytearray(value.data), dtype=raw) if count else torch.empty(0, dtype=raw)
    tensor = tensor.to(dtype).reshape(value.shape)
    if value.type_name == "torch.nn.parameter.Parameter" and (dtype.is_floating_point or dtype.is_complex):
        return torch.nn.Parameter(tensor, requires_grad=value.requires_grad)
    return tensor
