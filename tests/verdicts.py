"""The verdicts of all specimens, to compare before and after a change that should change none.

python -m tests.verdicts write FILE        grade every specimen of every lesson, and keep what came of it
python -m tests.verdicts compare OLD NEW   list what differs; ends with exit code 1 when something does
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from autograder.authoring import cases, specimens
from autograder.authoring.cases import Case
from autograder.course import Course
from autograder.grading.batch import in_order, process_grader, run_all
from autograder.grading.submission import Submission
from autograder.pages.terminal import progress
from tests.conftest import ATTACKS, ROOT


def judge(case: Case) -> dict[str, Any]:
    """What comes of a case: status, score, and each check's verdict."""
    exercise = case.exercise
    if case.kind == "demo" and case.specimen:
        submission = Submission.of(case.specimen.notebook(exercise), exercise, case.title)
        grade = process_grader(False).grade(submission).grade
    else:
        grade = cases.grade(case).grade
    checks = [[c.cell, c.name, c.status, c.points, c.max_points, c.text, c.hint] for c in grade.checks]
    return {
        "exercise": exercise.name,
        "kind": case.kind,
        "title": case.title,
        "status": grade.status,
        "score": grade.score,
        "reason": " ".join(grade.remarks) or None,
        "checks": checks,
    }


def write(path: Path) -> None:
    """Grade everything."""
    course = Course(ROOT)
    todo = cases.cases(course, ATTACKS)
    for exercise in course.exercises:
        prepared = specimens.read("demo", exercise)
        todo += [Case("demo", exercise, s) for s in prepared if "NotImplementedError" not in s.code]
    found = list(progress(in_order(run_all(judge, todo)), len(todo), "Grading"))
    path.write_text(json.dumps(found, indent=0))
    print(f"{len(found)} specimens, {sum(len(case['checks']) for case in found)} verdicts")


def compare(old: Path, new: Path) -> bool:
    """Print what differs; whether nothing does. Messages are only counted."""
    before, after = (
        {(c["exercise"], c["kind"], c["title"]): c for c in json.loads(path.read_text())} for path in (old, new)
    )
    problems = [f"only in {old if key in before else new}: {key}" for key in sorted(before.keys() ^ after.keys())]
    messages = 0
    for key in before.keys() & after.keys():
        one, other = before[key], after[key]
        problems += [f"{key}: {n} {one[n]} -> {other[n]}" for n in ("status", "score", "reason") if one[n] != other[n]]
        verdicts = zip(one["checks"], other["checks"], strict=False)
        changed = [(a[1], a[2:5], b[2:5]) for a, b in verdicts if a[:5] != b[:5]]
        if changed or len(one["checks"]) != len(other["checks"]):
            problems.append(f"{key}: {len(one['checks'])} and {len(other['checks'])} verdicts: {changed}")
        messages += sum(a[5:] != b[5:] for a, b in zip(one["checks"], other["checks"], strict=False))
    print(f"{len(before)} specimens before, {len(after)} after; {messages} messages differ")
    print("\n".join(problems) or "no status, score or verdict differs")
    return not problems


if __name__ == "__main__":
    verb, *files = sys.argv[1:]
    if verb == "write":
        write(Path(files[0]))
    else:
        sys.exit(0 if compare(Path(files[0]), Path(files[1])) else 1)
