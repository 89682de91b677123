"""Turn what a student's function returned into the plain data of ``autograder.sandbox.wire``.

The exact type decides. A subclass of float or str is not a float or str, so an object that pretends to be equal to
everything arrives as the name of its class. A named tuple arrives as the tuple that it is.
"""

from __future__ import annotations

import sys
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from typing import Any

import numpy
import torch
from matplotlib.axes import Axes
from torch.nn.parameter import UninitializedTensorMixin  # type: ignore[attr-defined]  # torch's stub lacks it

from autograder.sandbox import wire
from autograder.sandbox.sent import sent_objects

MAX_DEPTH = 20
MAX_ITEMS = 100_000
MAX_TEXT = 100_000
MAX_TENSOR_BYTES = 8 * 2**20
_DICTS = (dict, OrderedDict, defaultdict)


class Describer:
    """Describes values, recognising by identity the objects that the grader sent."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}
        self._kept: list[object] = []

    def learn(self, arguments: object) -> None:
        """Remember the torch objects in the arguments of a call."""
        for obj in sent_objects(arguments):
            self._known.setdefault(id(obj), len(self._kept))
            self._kept.append(obj)

    def look(self, index: int) -> wire.Value:
        """Describe an object that was learnt, as it is now."""
        return self.describe(self._kept[index])

    def _identity(self, value: object) -> wire.Known | None:
        index = self._known.get(id(value))
        return None if index is None else wire.Known(index)

    def describe(self, value: Any, depth: int = 0) -> wire.Value:
        """Describe one value. What nests deeper than MAX_DEPTH or counts more than MAX_ITEMS becomes opaque."""
        kind = type(value)
        if value is None or kind is bool or kind is float:
            return value
        if kind is int:
            return value if -(2**63) <= value < 2**63 else wire.Opaque("int")
        if kind is str:
            return value if len(value) <= MAX_TEXT else wire.Opaque("str")
        if kind is numpy.float64 or kind is numpy.int64:  # what NumPy makes of a Python number
            return value.item()
        if isinstance(value, torch.nn.Module):
            return self._describe_module(value)
        if isinstance(value, Axes):
            return self._describe_axes(value)
        if id(value) in self._known:
            return self._identity(value)
        if isinstance(value, torch.optim.Optimizer):
            return self._describe_optimizer(value, depth)
        if isinstance(value, torch.Tensor):
            return _describe_tensor(value)
        if issubclass(kind, tuple) and hasattr(kind, "_fields"):
            kind, value = tuple, tuple(tuple.__iter__(value))
        if kind in (list, tuple) or kind in _DICTS:
            if depth >= MAX_DEPTH:
                return wire.Opaque(kind.__name__)
            if len(value) > MAX_ITEMS:
                return wire.Opaque(kind.__name__)
            if kind in _DICTS:
                items = [(self.describe(k, depth + 1), self.describe(v, depth + 1)) for k, v in value.items()]
                return wire.Pairs(items)
            return wire.Items(kind.__name__, [self.describe(item, depth + 1) for item in value])
        return wire.Opaque(type_name(kind))

    def _describe_optimizer(self, optimizer: torch.optim.Optimizer, depth: int) -> wire.Optimizer:
        groups = []
        for group in optimizer.param_groups:
            options = {
                _name(name): self.describe(option, depth + 2) for name, option in group.items() if name != "params"
            }
            groups.append(wire.Group([self.describe(p, depth + 2) for p in group["params"]], options))
        return wire.Optimizer(type_name(type(optimizer)), groups)

    def _describe_module(self, module: torch.nn.Module) -> wire.Module:
        def members(tensors: Iterator[tuple[str, torch.Tensor]]) -> list[wire.Member]:
            return [wire.Member(_name(name), self._identity(t), _describe_tensor(t)) for name, t in tensors]

        return wire.Module(
            type_name(type(module)),
            self._identity(module),
            module.training,
            [(_name(name), type_name(type(inner))) for name, inner in module.named_modules()],
            members(module.named_parameters(remove_duplicate=False)),
            members(module.named_buffers(remove_duplicate=False)),
            [(_name(name), _name(inner.extra_repr())) for name, inner in module.named_modules()],
        )

    def _describe_axes(self, axes: Axes) -> wire.Axes:
        def numbers(data: object) -> list[float]:
            return [float(number) for number in numpy.asarray(data, dtype=float).reshape(-1)[:MAX_ITEMS]]

        legend = axes.get_legend()
        return wire.Axes(
            self._identity(axes),
            [
                wire.Line(_name(line.get_label()), numbers(line.get_xdata()), numbers(line.get_ydata()))
                for line in axes.lines
            ],
            _name(axes.get_title()),
            _name(axes.get_xlabel()),
            _name(axes.get_ylabel()),
            _name(axes.get_xscale()),
            _name(axes.get_yscale()),
            None if legend is None else [_name(text.get_text()) for text in legend.get_texts()],
        )


def _describe_tensor(tensor: torch.Tensor) -> wire.Tensor:
    if isinstance(tensor, UninitializedTensorMixin):  # of a lazy layer that has seen no data: it has no shape yet
        return wire.Tensor(type_name(type(tensor)), str(tensor.dtype).removeprefix("torch."), [], True, None)
    data = None
    plain = tensor.device.type == "cpu" and tensor.layout is torch.strided
    if plain and tensor.numel() * tensor.element_size() <= MAX_TENSOR_BYTES:
        flat = tensor.detach().contiguous().reshape(-1)
        data = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
    return wire.Tensor(
        type_name(type(tensor)),
        str(tensor.dtype).removeprefix("torch."),
        list(tensor.shape),
        tensor.requires_grad,
        data,
    )


def type_name(kind: type) -> str:
    """``module.QualifiedName`` of a class, without the module for builtins and the notebook's own classes.

    A class that only says that it is torch's is told by its own name too.
    """
    if kind.__module__.startswith("torch") and _named(kind) is not kind:
        return _name(f"{kind.__name__} (≠ {kind.__module__}.{kind.__qualname__})")
    if kind.__module__ in ("builtins", "__main__"):
        return _name(kind.__qualname__)
    return _name(f"{kind.__module__}.{kind.__qualname__}")


def _name(name: object) -> str:
    return str(name)[: wire.MAX_NAME]


def _named(kind: type) -> object:
    """What stands under the name of a class."""
    found: object = sys.modules.get(kind.__module__)
    for part in kind.__qualname__.split("."):
        found = getattr(found, part, None)
    return found
