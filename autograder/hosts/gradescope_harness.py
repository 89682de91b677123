"""Grade one submission on Gradescope: the notebooks in ``submission/`` become ``results/results.json``.

A submission of which any part could not be graded has no score anywhere in the results: Gradescope adds up what it
finds, and the rest would count as 0.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from autograder.course import Course, CourseError, Exercise
from autograder.grading import files, reading
from autograder.grading.grader import Grader
from autograder.grading.submission import Submission, belongs_to
from autograder.hosts.gradescope import NOT_GRADED, VISIBILITIES
from autograder.messages import in_line, printable
from autograder.results import CheckResult, Grade
from autograder.sandbox.confinement import NoSandboxError


@dataclass(frozen=True)
class Uploaded:
    """What a student has uploaded."""

    notebooks: dict[str, Path]
    """The notebook of each exercise, as far as it is there."""
    problems: list[str]
    """Why it can't be graded as it is, in words for the student."""
    others: list[str]
    """Notebooks that belong to no exercise."""


def find_submission(folder: Path, exercises: Sequence[Exercise]) -> Uploaded:
    """Sort the uploaded notebooks by exercise."""
    known = {exercise.name: exercise for exercise in exercises}
    found: dict[str, list[Path]] = {}
    problems: list[str] = []
    strangers: list[str] = []
    others: list[str] = []
    names = ", ".join(f"{name}.ipynb" for name in known)
    paths, trouble = files.notebooks(folder, [f"{name}.ipynb" for name in known])
    for path in sorted(paths):
        inside = path.relative_to(folder)
        try:
            notebook = reading.read(path)
        except reading.UnreadableNotebook as error:
            (problems if path.stem in known else strangers).append(str(error))
            others += [] if path.stem in known else [str(inside)]
            exercise = known.get(path.stem)
        else:
            exercise = known.get(path.stem) or belongs_to(notebook, known)
            if exercise is None:
                strangers.append(f"{path.name} belongs to no exercise. Name it as one of: {names}.")
                others.append(str(inside))
        if exercise is not None:
            found.setdefault(exercise.name, []).append(path)
    for name, paths in found.items():
        if len(paths) > 1:
            places = ", ".join(str(path.relative_to(folder)) for path in paths)
            problems.append(f"There are {len(paths)} notebooks for {name}: {places}. Submit again, with one of them.")
    if not found and not strangers and not trouble:
        problems.append(f"There is no notebook. Submit again, with {names}.")
    if len(found) < len(known):  # one of them may be what is missing
        problems += strangers
        problems += [f"The upload {trouble}. Submit again, with {names}."] if trouble else []
        others = []
    return Uploaded({name: paths[0] for name, paths in found.items()}, problems, others)


def grade_submission(grader: Grader, submission: Uploaded, exercises: Sequence[Exercise]) -> list[Grade | None]:
    """A Grade for each exercise; None for one that was not handed in."""
    pairs = [(submission.notebooks.get(exercise.name), exercise) for exercise in exercises]
    return [None if path is None else grader.grade(Submission.read(path, e)).grade for path, e in pairs]


def results(
    exercises: Sequence[Exercise],
    grades: Sequence[Grade | None],
    submission: Uploaded,
    visibility: str,
) -> dict[str, Any]:
    """What Gradescope reads. It has scores only when all that was handed in is graded."""
    remarks = [f"{name} belongs to no exercise and was left out." for name in submission.others]
    unsettled = [grade for grade in grades if grade is not None and grade.status == "needs_review"]
    is_final = bool(exercises) and not submission.problems and not unsettled
    tests: list[dict[str, Any]] = []
    for place, (exercise, grade) in enumerate(zip(exercises, grades, strict=True), start=1):
        if grade is None:
            test = _test(f"{exercise.name} was handed in", place, 1, visibility)
            if is_final:
                test |= {"score": 0.0, "max_score": exercise.max_score, "status": "failed"}
            tests.append(test | {"output": f"There is no {exercise.name}.ipynb among the files."})
        elif grade.status == "needs_review":
            tests.append(_test(f"{exercise.name}: not graded yet", place, 1, visibility) | {"output": NOT_GRADED})
        else:
            remarks += [f"{exercise.name}: {' '.join(grade.remarks)}"] if grade.remarks else []
            for number, check in enumerate(grade.checks, start=1):
                tests.append(_check(check, _test("", place, number, visibility), is_final))
    seconds = sum(grade.seconds for grade in grades if grade is not None)
    found: dict[str, Any] = {"execution_time": round(seconds, 2), "stdout_visibility": "hidden"}
    if is_final:
        found["score"] = round(sum(grade.score or 0.0 for grade in grades if grade is not None), 4)
    else:
        remarks = [NOT_GRADED, *submission.problems, *remarks]
    if remarks:
        found["output"] = "\n".join(map(in_line, remarks))
    tests = tests or [{"name": "Not graded yet"}]
    return {**found, "visibility": visibility if is_final else "visible", "tests": tests}


def _test(name: str, exercise: int, number: int, visibility: str) -> dict[str, Any]:
    return {"name": name, "number": f"{exercise}.{number}", "visibility": visibility}


def _check(check: CheckResult, test: dict[str, Any], is_final: bool) -> dict[str, Any]:
    test |= {"name": f"{check.cell.removeprefix('test_')}: {check.sentence}", "status": check.status}
    if is_final:
        test |= {"score": check.points, "max_score": check.max_points}
    if check.message:
        test["output"] = printable(check.text + (f"\nHint: {check.hint}" if check.hint else ""))
        test["output_format"] = "text"
    return test


def write(root: Path, found: dict[str, Any]) -> None:
    """Put the results in place, all or none."""
    folder = root / "results"
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / "results.json.new"
    temporary.write_text(json.dumps(found, indent=1, ensure_ascii=False), encoding="utf-8")
    os.replace(temporary, folder / "results.json")


def say(lines: Iterable[str]) -> None:
    """Tell the instructor: Gradescope keeps standard output for them."""
    for line in lines:
        click.echo(printable(line))


@click.command()
@click.argument("root", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--visibility", type=click.Choice(VISIBILITIES), default="visible")
@click.option("--unsafe", is_flag=True)
def main(root: Path, visibility: str, unsafe: bool) -> None:
    """Grade ``ROOT/submission`` with the course in ``ROOT/source``, into ``ROOT/results/results.json``."""
    write(root, {"output": NOT_GRADED, "tests": [{"name": "Not graded yet"}]})
    try:
        exercises = Course(root / "source", source="source").exercises
        if not exercises:
            raise CourseError(f"There is no exercise in {root / 'source' / 'source'}.")
        submission = find_submission(root / "submission", exercises)
        with Grader(unsafe, private=[str(root)]) as grader:
            grades = grade_submission(grader, submission, exercises)
    except NoSandboxError as error:
        say([str(error), "To grade without one, see what docs/instructor.md says of Gradescope."])
        return
    except CourseError as error:
        say([str(error), "Nothing was graded. Make the zip file again, with: autograder gradescope ASSIGNMENT"])
        return
    except Exception:
        traceback.print_exc(file=sys.stdout)
        return
    say(map(in_line, submission.problems))
    say(f"{g.exercise} needs review: {g.reason}" for g in grades if g is not None and g.status == "needs_review")
    write(root, results(exercises, grades, submission, visibility))


if __name__ == "__main__":
    main()
