"""Grade answers that compute nothing, and tell the most that one earns in each cell.

python -m tests.authoring.trivial_runs [LESSON]     part of make audit-all; ends with exit code 1 above a tenth
"""

from __future__ import annotations

import sys

from autograder.authoring import specimens
from autograder.authoring.trivial import trivial_answers
from autograder.course import Course, Exercise
from autograder.grading.batch import process_grader
from autograder.grading.submission import Submission
from autograder.pages.terminal import progress
from tests.conftest import ROOT

MOST = 0.1
"""The share of a cell that an answer may earn which computes nothing."""


def too_dear(exercise: Exercise) -> list[str]:
    """What earns more, and what can't be graded, as sentences. Prints what was tried."""
    grader = process_grader(False)
    answers = trivial_answers(exercise, grader.sandbox)
    problems: dict[str, None] = {}
    most = dict.fromkeys(exercise.answers, 0.0)
    for code in progress(answers, len(answers), f"Trivial answers to {exercise.name}"):
        notebook = specimens.without_examples(specimens.answer(exercise, code))
        grade = grader.grade(Submission.of(notebook, exercise, "trivial")).grade
        if grade.status != "graded":
            problems[f"{code} needs review: {grade.reason}"] = None
            continue
        for name in exercise.answers:
            share = (grade.points_of(f"test_{name}") or 0.0) / exercise.points[f"test_{name}"]
            most[name] = max(most[name], share)
            if share > MOST:
                passed = [check.name for check in grade.of_cell(f"test_{name}") if check.status == "passed"]
                problems[f"{share:.0%} of its cell, by {', '.join(passed)}:\n{code[name]}"] = None
    for name, share in most.items():
        ways = len({code[name] for code in answers})
        print(f"{exercise}, {name}: {ways} answers that compute nothing earn {share:.0%} at most")
    return list(problems)


def main(lesson: str | None = None) -> int:
    """Try all lessons or one; how many answers earn too much."""
    exercises = [e for e in Course(ROOT).exercises if lesson in (None, e.name, e.lesson.name)]
    problems = [problem for exercise in exercises for problem in too_dear(exercise)]
    print("\n".join(problems))
    return len(problems)


if __name__ == "__main__":
    sys.exit(min(main(*sys.argv[1:]), 1))
