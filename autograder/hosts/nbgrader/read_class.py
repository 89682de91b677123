"""Read a class's results: the Grades in the autograded notebooks, and the gradebook's own points.

A Grade says what each check found. The gradebook says what counts in the end: it also has the points that were given
by hand and the penalties for being late. Where one of the two is missing, or they disagree, nothing is final.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry, SubmittedAssignment, SubmittedNotebook

from autograder.course import Course, Exercise
from autograder.grading.in_notebook import grade_in
from autograder.grading.store import version_of
from autograder.hosts.nbgrader.course import open_course
from autograder.hosts.nbgrader.gradebook import expect_to_fit, read_gradebook
from autograder.hosts.nbgrader.handed_in import Misplaced, alike, elsewhere, nothing_handed_in
from autograder.pages.class_results import ClassResults, ExerciseResult, StudentResult
from autograder.results import Grade


def read_class(course: Course, assignment: str | None = None) -> ClassResults:
    """Read the class's results in an assignment, by default in the only one.

    Raises CourseError when there is no such assignment, no submission, or no gradebook that knows it.
    """
    opened = open_course(course)
    found = opened.course.assignment(assignment)
    exercises = list(found.exercises.values())
    handed_in = {
        step: _notebooks(folder, found.name, opened.excluded)
        for step, folder in (("submitted", opened.submitted), ("autograded", opened.autograded))
    }
    strays = [s for s in elsewhere(opened.submitted, found, opened.config) if isinstance(s, Misplaced)]
    if not any(handed_in.values()):
        raise nothing_handed_in(found.name, opened.coursedir.submitted_directory, strays)
    with read_gradebook(opened.coursedir, found.name) as gradebook:
        known = expect_to_fit(gradebook, found.name, exercises)
        max_scores = {exercise.name: known[exercise.name].max_score for exercise in exercises}
        astray = {(stray.student, stray.exercise): stray for stray in strays}
        names = {student.id for student in gradebook.students} | handed_in["submitted"].keys()
        names |= {student for student, _ in astray}
        students = [
            _read_student(gradebook, student, found.name, exercises, handed_in, astray)
            for student in sorted(names | handed_in["autograded"].keys())
        ]
    versions = {exercise.name: version_of(exercise) for exercise in exercises}
    return ClassResults(
        found.name, exercises, max_scores, students, versions, alike(names | handed_in["autograded"].keys())
    )


def _notebooks(folder: Path, assignment: str, excluded: list[str]) -> dict[str, dict[str, Path]]:
    """The notebooks in ``folder/STUDENT/ASSIGNMENT``, by student and exercise."""
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.glob(f"*/{assignment}/*.ipynb")):
        student = path.parent.parent.name
        if student not in excluded:
            found.setdefault(student, {})[path.stem] = path
    return found


def _read_student(
    gradebook: Gradebook,
    student: str,
    assignment: str,
    exercises: list[Exercise],
    handed_in: dict[str, dict[str, dict[str, Path]]],
    astray: dict[tuple[str, str], Misplaced],
) -> StudentResult:
    submitted, autograded = (handed_in[step].get(student, {}) for step in ("submitted", "autograded"))
    submission: SubmittedAssignment | None = None
    with contextlib.suppress(MissingEntry):
        submission = gradebook.find_submission(assignment, student)
    rows = {notebook.name: notebook for notebook in submission.notebooks} if submission else {}
    results = {}
    for exercise in exercises:
        if exercise.name in autograded:
            grade = _read_grade(autograded[exercise.name])
            results[exercise.name] = _judge(exercise, grade, rows.get(exercise.name))
        elif exercise.name in submitted:
            results[exercise.name] = ExerciseResult("review", None, f"Not autograded yet. {_again(exercise)}")
        elif (student, exercise.name) in astray:
            reason = f"Not graded: {astray[student, exercise.name]}"
            results[exercise.name] = ExerciseResult("review", None, reason)
        else:
            results[exercise.name] = ExerciseResult("missing", 0.0)
    names: dict[str, str] = {}
    with contextlib.suppress(MissingEntry):
        row = gradebook.find_student(student)
        names = {"first_name": row.first_name or "", "last_name": row.last_name or "", "email": row.email or ""}
        names["lms_id"] = row.lms_user_id or ""
    return StudentResult(student, results, submission.late_submission_penalty or 0.0 if submission else 0.0, **names)


def _read_grade(path: Path) -> Grade | None:
    try:
        return grade_in(json.loads(path.read_bytes()))
    except (OSError, ValueError):
        return None


def _judge(exercise: Exercise, grade: Grade | None, row: SubmittedNotebook | None) -> ExerciseResult:
    """Whether the points of one autograded notebook are settled."""
    if grade is None:
        return ExerciseResult("review", None, f"The autograded notebook holds no grade. {_again(exercise)}")
    if row is None:
        return ExerciseResult("review", None, f"The gradebook has no scores for it. {_again(exercise)}", grade)
    cells = {cell.name: cell for cell in row.grades}
    for name in exercise.points:
        found = grade.points_of(name) if grade.status == "graded" else None
        if name not in cells or cells[name].auto_score != found:
            reason = f"The gradebook has another score for {name} than the autograded notebook. {_again(exercise)}"
            return ExerciseResult("review", None, reason, grade)
    open_cells = [cell.name for cell in row.grades if cell.needs_manual_grade]
    if any(name in exercise.points for name in open_cells):
        reason = grade.reason or "Look again at the points that were given by hand."
        return ExerciseResult("review", None, reason, grade)
    if open_cells:
        return ExerciseResult("waiting", row.score, f"points by hand: {', '.join(open_cells)}", grade)
    return ExerciseResult("final", row.score, "", grade)


def _again(exercise: Exercise) -> str:
    return f"Run: autograder autograde {exercise.assignment}"
