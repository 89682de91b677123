"""The ``student`` fixture: call a submission's functions as if they were here, and get back data.

``student.build_sgd(params, lr=0.1)`` runs in the Guest. Tensors and modules that the grader sent come back as the
grader's own objects; everything else comes back as a copy or a description.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch

from autograder.checking.descriptions import AxesDescription, ModuleDescription, rebuild
from autograder.checking.pickling import dump_arguments
from autograder.messages import Message, quote, say
from autograder.results import Curve
from autograder.sandbox import wire
from autograder.sandbox.loaded import Fork, StudentFault
from autograder.sandbox.sent import Generator, NewAxes, sent_objects

__all__ = ["NewAxes", "Shown", "Student", "StudentFault", "StudentRaised", "look_at", "once", "show_curves"]


_MISSING_FILE = frozenset(("FileNotFoundError", "ImportError", "ModuleNotFoundError"))
"""What Python raises where a module, a name in it or another file is missing."""


class StudentRaised(StudentFault):
    """A function raised an exception."""

    def __init__(self, sentence: Message, name: str, message: str) -> None:
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
        self._made: dict[Hashable, object] = {}

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
        answer = self._fork.call(function, dump_arguments(args, kwargs), self._seconds)
        if isinstance(answer, wire.Returned):
            try:
                return rebuild(answer.value, self._sent)
            except (RecursionError, ValueError, TypeError, OverflowError, RuntimeError):  # no honest Guest says this
                raise StudentFault(say("{function} sent something that is not a result.", function=function)) from None
        sentence = self._explain(function, args, kwargs, answer)
        if self._wants_a_file(answer):
            sentence = say(
                "{problem}\nModules and files of your own beside the notebook are not read: "
                "put what you need of them into the notebook.",
                problem=sentence,
            )
        if isinstance(answer, wire.Raised):
            raise StudentRaised(sentence, answer.name, answer.message)
        raise StudentFault(sentence)

    def _wants_a_file(self, answer: wire.Raised | wire.Uncallable) -> bool:
        """Whether a call failed because of a file that is not there, or of a name that a cell took from one."""
        shown = [
            output.name for outputs in self._fork.guest.outputs for output in outputs if isinstance(output, wire.Error)
        ]
        missing = _MISSING_FILE.intersection(shown)
        if isinstance(answer, wire.Uncallable):
            return answer.reason == "undefined" and bool(missing)
        return answer.name in _MISSING_FILE or (answer.name == "NameError" and bool(missing))

    def _explain(
        self, function: str, args: tuple, kwargs: dict[str, object], answer: wire.Raised | wire.Uncallable
    ) -> Message:
        if isinstance(answer, wire.Uncallable):
            return self._explain_uncallable(function, args, kwargs, answer)
        name, said = answer.name, answer.message
        if name == "NotImplementedError" and not said:  # torch raises it too, with a message
            return say("{function} is not written yet: it raises NotImplementedError.", function=function)
        if name == "autograder.sandbox.guest.kernel.TimeLimit":
            text = say(
                "{function} was stopped after {seconds:g} seconds of computing, without returning.",
                function=function,
                seconds=self._fork.guest.limits.call if self._seconds is None else self._seconds,
            )
        elif name == "autograder.sandbox.guest.kernel.DrawingLimit":
            text = say(
                "{function} was stopped after {seconds:g} seconds of computing, while it was drawing a figure. "
                "Draw less often: once, after the last step.",
                function=function,
                seconds=self._fork.guest.limits.call if self._seconds is None else self._seconds,
            )
        elif said:
            text = say("{function} raised {error}: {text}", function=function, error=name, text=quote(said))
        else:
            text = say("{function} raised {error}", function=function, error=name)
        return say("{problem}\n{lines}", problem=text, lines=quote(answer.traceback)) if answer.traceback else text

    def _explain_uncallable(
        self, function: str, args: tuple, kwargs: dict[str, object], answer: wire.Uncallable
    ) -> Message:
        if answer.reason == "undefined":
            return self._explain_undefined(function)
        if answer.reason == "not callable":
            return say(
                "{function} is not a function: the notebook binds this name to a value of type {type}.",
                function=function,
                type=answer.detail,
            )
        call = f"{function}({', '.join(['…'] * len(args) + [f'{name}=…' for name in kwargs])})"
        return say(
            "{function} can't be called as {call}: it is defined as {definition}.",
            function=function,
            call=call,
            definition=quote(function + answer.detail),
        )

    def _explain_undefined(self, function: str) -> Message:
        guest = self._fork.guest
        labels = [cell.label for cell in guest.cells]
        if function not in labels:
            return say(
                "{function} is not defined. Its cell is missing: take it from the released notebook.", function=function
            )
        place = labels.index(function)
        errors = [output for output in guest.outputs[place] if isinstance(output, wire.Error)]
        if place in guest.faults:
            return say(
                "{function} is not defined. Its cell did not come to its end. {reason}",
                function=function,
                reason=guest.faults[place],
            )
        if function in guest.removed:
            return say(
                "{function} is not defined any more: {cell} has removed it, as %reset and del do.",
                function=function,
                cell=quote(guest.removed[function]),
            )
        if errors:
            return say(
                "{function} is not defined. Its cell stopped with {error}: {text}",
                function=function,
                error=errors[0].name,
                text=quote(errors[0].message),
            )
        return say("{function} is not defined. Its cell ran, but defines nothing of this name.", function=function)


def look_at(student: Student, sent: object) -> Any:
    """An object that a call was given, as it is in the Guest now: a ModuleDescription, for instance."""
    index = next(index for index, known in enumerate(student._sent) if known is sent)
    answer = student._fork.look(index)
    found = rebuild(answer.value, student._sent) if isinstance(answer, wire.Returned) else None
    for kind, description in ((torch.nn.Module, ModuleDescription), (NewAxes, AxesDescription)):
        if isinstance(sent, kind) and not isinstance(found, description):  # no honest Guest says this
            raise StudentFault(say("The notebook sent something that is not a result."))
    return found


Found = TypeVar("Found")


def once(student: Student, key: Hashable, make: Callable[[], Found]) -> Found:
    """What ``make`` gives, made once for all checks that ask under this key; they must leave it as it is.

    Only checks that share a fork share it. One that fails is judged again in a new fork, and there it is made anew.
    """
    if key not in student._made:
        student._made[key] = make()
    return cast(Found, student._made[key])


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
