"""What grading yields, as plain data: a Grade is the CheckResults of one submission and their sum."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from autograder.messages import Message, places_of, say

Status = Literal["passed", "failed", "error"]


Curve = tuple[str, list[float | None]]
"""The name of an optimizer and its losses; None where a loss is not finite. (A notebook's dicts lose their order.)"""


def total(points: Iterable[float]) -> float:
    """The sum of points, so that ten times 0.3 is 3: the gradebook's scores are compared with it."""
    return round(math.fsum(points), 9)


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check."""

    cell: str
    """The grade_id of the test cell whose points this check carries."""
    name: str
    """The check's function in the lesson's checks."""
    sentence: str
    """What a right answer does, in one line: a template without values."""
    status: Status
    """``error`` means that the check itself could not be made, which is never the student's fault."""
    points: float
    max_points: float
    message: Message | None = None
    """What was expected and what was found; None when passed."""
    hint: str = ""
    """Where to look, a template without values as the sentence is; empty when passed."""
    curves: list[Curve] = field(default_factory=list)
    """Loss curves that the student's function returned, to be drawn on the feedback page."""
    reference: list[Curve] = field(default_factory=list)
    """What these curves should be."""

    @property
    def text(self) -> str:
        """The message in English; empty when passed."""
        return "" if self.message is None else str(self.message)


ODDITIES = {
    "check missing": "The check cell {cell} is missing. Its points are given all the same, by the hidden checks.",
    "given missing": "The given cell {cell} is missing. It was put back.",
    "answer missing": "The answer cell {cell} is missing. Take it from the released notebook.",
    "answer unlabelled": "The answer cell {cell} has lost its label. What another cell defines under this name counts.",
    "answer as text": "The answer cell {cell} is a {found} cell, which does not run. "
    "What another cell defines under this name counts.",
    "answer joined": "The written answer {cell} stood in {found} cells. They were put together.",
    "answer gathered": "The answer cell {cell} is missing. Your own text cells were put into its place.",
    "answer retyped": "The answer cell {cell} was made a {found} cell. It was turned back.",
    "check repeated": "The check cell {cell} is there {found} times. It counts once.",
    "given repeated": "The given cell {cell} is there {found} times. Each was kept in its place.",
    "answer repeated": "The answer cell {cell} is there {found} times. Each was run: the last definition counts.",
    "check changed": "The check cell {cell} was changed. The change has no effect: write answers in answer cells.",
    "check ran": "The check cell {cell} was changed, and there is no answer in its answer cell. "
    "So what you wrote into the check cell was run, and counts.",
    "given changed": "The given cell {cell} was changed. Yours was run right before the given one. Both are shown.",
    "given set back": "The given cell {cell} was changed. It was set back. Text of yours is shown above it.",
    "check rules": "The points or the kind of the check cell {cell} were changed. They were set back.",
    "given rules": "The points or the kind of the given cell {cell} were changed. They were set back.",
    "answer rules": "The points or the kind of the answer cell {cell} were changed. They were set back.",
    "order": "The cells are in another order than in the released notebook. They were run in yours.",
    "quick": "{found} demonstration cells were not run (--quick).",
    "unsafe": "Graded with --unsafe: the student's code ran without a sandbox.",
}
"""What can be odd about a graded submission, by kind. None of it costs points."""


@dataclass(frozen=True)
class Oddity:
    """One thing that is odd about a submission."""

    kind: str
    """A key of ODDITIES."""
    cell: str = ""
    """The grade_id of the cell, where it is about one."""
    found: str | int = ""
    """What the cell is now, or how often it is there."""

    def __str__(self) -> str:
        return str(self.message)

    @property
    def message(self) -> Message:
        """What there is to say of it."""
        values = {"cell": self.cell, "found": self.found}
        places = places_of(ODDITIES[self.kind])
        return say(ODDITIES[self.kind], **{name: values[name] for name in places})


@dataclass(frozen=True)
class Grade:
    """The result of one submission."""

    submission: str
    assignment: str | None
    exercise: str | None
    """None, as the assignment, when the notebook belongs to no exercise of the course."""
    status: Literal["graded", "needs_review"]
    reason: str | None
    """Why it needs review."""
    max_score: float | None
    seconds: float
    checks: list[CheckResult] = field(default_factory=list)
    oddities: list[Oddity] = field(default_factory=list)
    version: str = ""
    """Of everything that decided it besides the submission: the lesson, the grader and the libraries."""

    @property
    def remarks(self) -> list[str]:
        """Why it needs review, and what was odd, in sentences."""
        return [*([self.reason] if self.reason else []), *map(str, self.oddities)]

    @property
    def score(self) -> float | None:
        """The sum of the points; None as long as the submission needs review."""
        return total(check.points for check in self.checks) if self.status == "graded" else None

    def of_cell(self, cell: str) -> list[CheckResult]:
        """The checks that carry a test cell's points."""
        return [check for check in self.checks if check.cell == cell]

    def points_of(self, cell: str) -> float | None:
        """The points that a test cell's checks have earned; None without a check: that is no 0."""
        checks = self.of_cell(cell)
        return total(check.points for check in checks) if checks else None

    def to_json(self) -> dict[str, Any]:
        """The object that ``autograder grade --json`` prints: a view, which no program of ours reads back."""
        checks = [
            {name: getattr(check, name) for name in _SHOWN_OF_A_CHECK} | {"message": check.text}
            for check in self.checks
        ]
        reason, seconds = " ".join(self.remarks) or None, round(self.seconds, 3)
        shown = {name: getattr(self, name) for name in _SHOWN}
        return shown | {"reason": reason, "seconds": seconds, "checks": checks}


_SHOWN = ("submission", "assignment", "exercise", "status", "reason", "score", "max_score", "seconds", "checks")
_SHOWN_OF_A_CHECK = ("cell", "name", "status", "points", "max_points", "message", "hint")

FORM = 2
"""The version of what ``encode`` makes. One of another version is not read: it is graded anew."""


def encode(grade: Grade) -> dict[str, Any]:
    """The Grade as plain data, which is how it is kept everywhere."""
    return {**msgspec.to_builtins(grade), "form": FORM}


def decode(kept: Mapping[str, Any]) -> Grade | None:
    """The Grade that ``encode`` made plain data of; None for anything else, and for one of another version."""
    if kept.get("form") != FORM:
        return None
    try:
        return msgspec.convert({name: value for name, value in kept.items() if name != "form"}, Grade)
    except msgspec.ValidationError:
        return None
