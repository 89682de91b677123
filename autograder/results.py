"""What grading yields, as plain data: a Grade is the CheckResults of one submission and their sum."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from autograder import wire

Status = Literal["passed", "failed", "error"]


Curve = tuple[str, list[float | None]]
"""The name of an optimizer and its losses; None where a loss is not finite. (A notebook's dicts lose their order.)"""


def total(points: Iterable[float]) -> float:
    """The sum of points, so that ten times 0.3 is 3: the gradebook's scores are compared with it."""
    return round(math.fsum(points), 9)


def printable(text: str) -> str:
    """The text with a mark in place of what could command a terminal or is no text."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check."""

    cell: str
    """The grade_id of the test cell whose points this check carries."""
    name: str
    """The check's function in the graders file."""
    sentence: str
    """What a right answer does, in one line."""
    status: Status
    """``error`` means that the check itself could not be made, which is never the student's fault."""
    points: float
    max_points: float
    message: str = ""
    """What was expected and what was found; empty when passed."""
    hint: str = ""
    """Where to look; empty when passed."""
    curves: list[Curve] = field(default_factory=list)
    """Loss curves that the student's function returned, to be drawn on the feedback page."""
    reference: list[Curve] = field(default_factory=list)
    """What these curves should be."""


@dataclass(frozen=True)
class Grade:
    """The result of one submission."""

    submission: str
    exercise: str | None
    """None when the notebook belongs to no exercise of the course."""
    status: Literal["graded", "needs_review"]
    reason: str | None
    """Why it needs review; on a graded submission, what was odd about the notebook."""
    max_score: float | None
    seconds: float
    checks: list[CheckResult] = field(default_factory=list)

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
        """The object that ``autograder grade --json`` prints."""
        checks = [asdict(check) for check in self.checks]
        for check in checks:
            for name in ("sentence", "curves", "reference"):
                del check[name]
        return {
            "submission": self.submission,
            "exercise": self.exercise,
            "status": self.status,
            "reason": self.reason,
            "score": self.score,
            "max_score": self.max_score,
            "seconds": round(self.seconds, 3),
            "checks": checks,
        }


@dataclass(frozen=True)
class Graded:
    """A Grade, and what the notebook displayed on the way."""

    grade: Grade
    outputs: dict[int, list[wire.Output]]
    """The outputs of each cell that ran, by its place in the notebook."""
