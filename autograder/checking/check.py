"""Mark a pytest test of a graders file as a Check: ``@check(cell, points, hint)``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., None])


def check(cell: str, points: float, hint: str, seconds: float | None = None) -> Callable[[Test], Test]:
    """Give a test the points of a test cell.

    ``cell`` is the grade_id of the test cell, ``hint`` points at the idea without telling the answer, ``seconds`` is
    the CPU time that each call of the student's code may take, where that is more than usual. The test's docstring is
    one line: the sentence that the student reads, in the present tense.
    """

    def mark(test: Test) -> Test:
        sentence = inspect.getdoc(test) or ""
        if not sentence or "\n" in sentence:
            raise TypeError(f"the check {test.__name__} needs a docstring of one line, the sentence for the student")
        return pytest.mark.check(cell=cell, points=float(points), hint=hint, sentence=sentence, seconds=seconds)(test)

    return mark
