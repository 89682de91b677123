"""Grade every mistake, variant and demo answer as a student would hand it in, whole and ``--quick``, and compare.

python -m tests.authoring.quick_runs [LESSON]     part of make audit-all; ends with exit code 1 when a verdict differs
"""

from __future__ import annotations

import copy
import sys

from autograder.authoring import specimens
from autograder.authoring.cases import Case
from autograder.course import Course
from autograder.grading.batch import in_order, process_grader, run_all
from autograder.grading.submission import Submission
from autograder.pages.terminal import progress
from tests.conftest import ROOT


def every_specimen(lesson: str | None = None) -> list[Case]:
    """The prepared answers, in their whole notebooks."""
    exercises = [e for e in Course(ROOT).exercises if lesson in (None, e.name, e.lesson.name)]
    return [
        Case(kind, exercise, specimen)
        for exercise in exercises
        for kind in ("mistakes", "variants", "demo")
        for specimen in specimens.read(kind, exercise)
        if specimen.defines(exercise)
    ]


def compare(case: Case) -> tuple[str, float, float]:
    """What differs, and the seconds of the whole and of the quick grading."""
    assert case.specimen is not None
    notebook, grader = case.specimen.notebook(case.exercise), process_grader(False)
    whole, quick = (
        grader.grade(Submission.of(copy.deepcopy(notebook), case.exercise, case.title), quick).grade
        for quick in (False, True)
    )
    differ = [
        f"{one.name}: {one.status} -> {other.status}"
        for one, other in zip(whole.checks, quick.checks, strict=True)
        if (one.status, one.points) != (other.status, other.points)
    ]
    if (whole.status, whole.score) != (quick.status, quick.score):
        differ.append(f"{whole.status} {whole.score} -> {quick.status} {quick.score}")
    return "; ".join(differ), whole.seconds, quick.seconds


def main(lesson: str | None = None) -> int:
    """Compare all; how many differ."""
    todo = every_specimen(lesson)
    found = list(progress(in_order(run_all(compare, todo)), len(todo), "Grading both ways"))
    differ = [(case, problem) for case, (problem, _, _) in zip(todo, found, strict=True) if problem]
    for case, problem in differ:
        print(f"{case.exercise}, {case.kind}: {case.title}: {problem}")
    whole, quick = (sum(seconds[place] for seconds in found) for place in (1, 2))
    print(f"{len(todo)} specimens, {len(differ)} differ; {whole:.0f} s whole, {quick:.0f} s quick")
    return len(differ)


if __name__ == "__main__":
    sys.exit(min(main(*sys.argv[1:]), 1))
