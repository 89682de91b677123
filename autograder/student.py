"""The ``student`` fixture: call a submission's functions as if they were here, and get back data.

``student.build_sgd(params, lr=0.1)`` runs in the Guest. Tensors and modules that the grader sent come back as the
grader's own objects; everything else comes back as a copy or a description.
"""

from __future__ import annotations

import io
import math
import pickle
import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cloudpickle
import torch

from autograder import wire
from autograder.guest.describe import Generator, NewAxes, reduce_tensor, sent_objects
from autograder.results import Curve
from autograder.sandbox import Fork, StudentFault


@dataclass(frozen=True)
class Opaque:
    """A result that is neither data nor a torch object that graders understand."""

    type_name: str


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


class StudentRaised(StudentFault):
    """A function raised an exception."""

    def __init__(self, sentence: str, name: str, message: str) -> None:
        super().__init__(sentence)
        self.name = name
        """Class of the exception, for example ``ValueError``."""
        self.message = message


@dataclass(frozen=True)
class Shown:
    """Curves for the feedback page."""

    curves: list[Curve]
    reference: list[Curve]


class Student:
    """A fresh fork of the loaded notebook; its attributes are the notebook's functions.

    A call raises StudentFault, with a sentence for the student, when the function is not there, can't be called this
    way, raises, hangs, or ends its process.
    """

    def __init__(self, fork: Fork, shown: list[Shown] | None = None) -> None:
        self._fork = fork
        self._shown = [] if shown is None else shown
        self._seconds: float | None = None
        self._sent: list[object] = []

    def close(self) -> None:
        """End the fork."""
        self._fork.close()

    def allow(self, seconds: float) -> None:
        """Let each later call compute for so long."""
        self._seconds = seconds

    def __getattr__(self, function: str) -> Any:
        if function.startswith("_"):
            raise AttributeError(function)

        def call(*args: object, **kwargs: object) -> Any:
            return self._call(function, args, kwargs)

        return call

    def _call(self, function: str, args: tuple, kwargs: dict[str, object]) -> Any:
        args = tuple(Generator(arg) if isinstance(arg, types.GeneratorType) else arg for arg in args)
        self._sent.extend(sent_objects([args, kwargs]))
        answer = self._fork.call(function, _pickle((args, kwargs)), self._seconds)
        if isinstance(answer, wire.Returned):
            try:
                return rebuild(answer.value, self._sent)
            except (RecursionError, ValueError, TypeError, OverflowError, RuntimeError):  # no honest Guest says this
                raise StudentFault(f"{function} sent something that is not a result.") from None
        sentence = self._explain(function, args, kwargs, answer)
        if isinstance(answer, wire.Raised):
            raise StudentRaised(sentence, answer.name, answer.message)
        raise StudentFault(sentence)

    def _explain(
        self, function: str, args: tuple, kwargs: dict[str, object], answer: wire.Raised | wire.Uncallable
    ) -> str:
        if isinstance(answer, wire.Uncallable):
            if answer.reason == "undefined":
                return f"{function} is not defined. {self._why_undefined(function)}"
            if answer.reason == "not callable":
                return f"{function} is not a function: the notebook binds this name to a value of type {answer.detail}."
            wanted = ", ".join(["…"] * len(args) + [f"{name}=…" for name in kwargs])
            return f"{function} can't be called as {function}({wanted}): it is defined as {function}{answer.detail}."
        if answer.name == "NotImplementedError" and not answer.message:  # torch raises it too, with a message
            return f"{function} is not written yet: it raises NotImplementedError."
        if answer.name == "autograder.guest.kernel.TimeLimit":
            text = f"{function} was {answer.message}, without returning."
        else:
            text = f"{function} raised {answer.name}" + (f": {answer.message}" if answer.message else "")
        return f"{text}\n{answer.traceback}" if answer.traceback else text

    def _why_undefined(self, function: str) -> str:
        guest = self._fork.guest
        labels = [cell.label for cell in guest.cells]
        if function not in labels:
            return "Its cell is missing: take it from the released notebook."
        errors = [output for output in guest.outputs[labels.index(function)] if isinstance(output, wire.Error)]
        if errors and errors[0].name == "Stopped":
            return f"Its cell did not come to its end. {errors[0].message}"
        if errors:
            return f"Its cell stopped with {errors[0].name}: {errors[0].message}"
        return "Its cell ran, but defines nothing of this name."


def look_at(student: Student, sent: object) -> Any:
    """An object that a call was given, as it is in the Guest now: a ModuleDescription, for instance."""
    index = next(index for index, known in enumerate(student._sent) if known is sent)
    answer = student._fork.look(index)
    found = rebuild(answer.value, student._sent) if isinstance(answer, wire.Returned) else None
    for kind, description in ((torch.nn.Module, ModuleDescription), (NewAxes, AxesDescription)):
        if isinstance(sent, kind) and not isinstance(found, description):  # no honest Guest says this
            raise StudentFault("The notebook sent something that is not a result.")
    return found


def show_curves(student: Student, found: object, reference: dict[str, list[float]]) -> None:
    """Put the curves of a result onto the feedback page, beside those of the reference, whatever the check says.

    What is no curve is left out. Only numbers are kept, and no more of them than the reference has.
    """
    curves = [
        (name, _plain_curve(found[name][: len(wanted)]))
        for name, wanted in reference.items()
        if isinstance(found, dict) and _is_curve(found.get(name))
    ]
    if curves:
        student._shown[:] = [Shown(curves, [(name, _plain_curve(wanted)) for name, wanted in reference.items()])]


def _is_curve(found: object) -> bool:
    return isinstance(found, (list, tuple)) and bool(found) and all(type(loss) in (int, float) for loss in found)


def _plain_curve(losses: Sequence[float]) -> list[float | None]:
    """The losses with as many digits as a figure needs."""
    return [float(f"{loss:.5g}") if abs(loss) < 1e300 else None for loss in losses]  # NaN is not below anything


def rebuild(value: wire.Value, sent: list[object]) -> Any:
    """Turn a description into Python and torch objects; ``sent`` are the objects that may come back by reference.

    Raises nothing for any value that ``wire.decode`` lets through: what makes no sense becomes Opaque.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, wire.Known):
        found = _find(value, sent)
        return Opaque("a reference to nothing") if found is None else found
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
        return Opaque(f"{value.type_name} that is too large or has no values")
    count = math.prod(value.shape)
    if count * dtype.itemsize != len(value.data) or math.prod(max(size, 1) for size in value.shape) > wire.MAX_FRAME:
        return Opaque(f"{value.type_name} whose size does not match its shape")
    raw = torch.uint8 if dtype is torch.bool else dtype  # a bool whose byte is neither 0 nor 1 is no bool
    tensor = torch.frombuffer(bytearray(value.data), dtype=raw) if count else torch.empty(0, dtype=raw)
    tensor = tensor.to(dtype).reshape(value.shape)
    if value.type_name == "torch.nn.parameter.Parameter" and (dtype.is_floating_point or dtype.is_complex):
        return torch.nn.Parameter(tensor, requires_grad=value.requires_grad)
    return tensor


class _Pickler(pickle.Pickler):
    """Sends an ordinary tensor as its bytes: several times as fast as torch's own way, in both processes."""

    def reducer_override(self, value: object) -> object:
        return reduce_tensor(value) if isinstance(value, torch.Tensor) else NotImplemented


def _pickle(arguments: object) -> bytes:
    buffer = io.BytesIO()
    try:
        _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(arguments)
        return buffer.getvalue()
    except (pickle.PicklingError, AttributeError, TypeError):  # a function or class that only the graders have
        return cloudpickle.dumps(arguments)
