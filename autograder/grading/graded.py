"""What grading a submission yields: its Grade, and what its cells displayed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from autograder.grading.submission import Submission
from autograder.results import CheckResult, Grade
from autograder.sandbox import wire

Outputs = Mapping[int, list[wire.Output]]
"""What cells displayed, by their place in the notebook."""


@dataclass(frozen=True)
class Graded:
    """A Grade, and what the notebook displayed on the way."""

    grade: Grade
    outputs: Outputs = field(default_factory=dict)
    was_late: bool = False
    """Whether the clock has stopped something, and not its own computing: it is to be judged once more, alone."""


def needs_review(
    submission: Submission | str, reason: str, seconds: float = 0.0, checks: Sequence[CheckResult] = ()
) -> Grade:
    """The Grade of what a person must look at: without a score, with the reason, and with what checks could be made.

    Of a file that belongs to no exercise there is no submission, but a name.
    """
    if isinstance(submission, str):
        return Grade(submission, None, None, "needs_review", reason, None, seconds)
    exercise = submission.exercise
    names = (submission.name, exercise.assignment, exercise.name)
    most = exercise.max_score
    return Grade(*names, "needs_review", reason, most, seconds, list(checks), submission.oddities)
