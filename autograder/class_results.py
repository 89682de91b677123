"""What a class has earned in an assignment: the Grades in the autograded notebooks, and the gradebook's own points.

A Grade says what each check found. The gradebook says what counts in the end: it also has the points that were given
by hand and the penalties for being late. Where one of the two is missing, or they disagree, nothing is final.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import nbformat
from nbgrader.api import Gradebook, MissingEntry, SubmittedAssignment, SubmittedNotebook
from nbgrader.apps import AutogradeApp
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import SQLAlchemyError

from autograder import notebooks
from autograder.course import Course, CourseError, Exercise
from autograder.nbgrader_plugin import read_grade
from autograder.results import Grade, total

State = Literal["final", "waiting", "review", "missing"]


@dataclass(frozen=True)
class ExerciseResult:
    """One student's result in one exercise."""

    state: State
    """``waiting``: only points that are given by hand are still open. ``review``: the automatic score is not settled.
    ``missing``: not handed in."""
    score: float | None
    """The gradebook's points, without those that are still open; None where it needs review."""
    reason: str = ""
    """Why it needs review, or what it waits for."""
    grade: Grade | None = None
    """What the checks found, where the notebook was autograded."""


@dataclass(frozen=True)
class StudentResult:
    """One student's result in the assignment."""

    student: str
    exercises: dict[str, ExerciseResult]
    penalty: float = 0.0
    """Points off for being late."""
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    lms_id: str = ""
    """The number that the learning management system gave to the student, where the gradebook has it."""

    @property
    def state(self) -> State:
        """``missing`` when nothing was handed in; else the worst state of what was."""
        states = {result.state for result in self.exercises.values()}
        if states == {"missing"}:
            return "missing"
        return next((state for state in ("review", "waiting") if state in states), "final")

    @property
    def score(self) -> float | None:
        """The points after the penalty, so far as they are known; None where something needs review."""
        if self.state in ("review", "missing"):
            return None
        return max(0.0, total([*(result.score or 0.0 for result in self.exercises.values()), -self.penalty]))


@dataclass(frozen=True)
class ClassResults:
    """The results of a class in one assignment."""

    assignment: str
    exercises: list[Exercise]
    max_scores: dict[str, float]
    """The points of each exercise, with those that are given by hand."""
    students: list[StudentResult] = field(default_factory=list)

    @property
    def max_score(self) -> float:
        """All points of the assignment."""
        return total(self.max_scores.values())

    def of(self, *states: State) -> list[StudentResult]:
        """The students in one of these states."""
        return [student for student in self.students if student.state in states]

    @property
    def needs_review(self) -> list[tuple[str, str, str]]:
        """Student, exercise and reason of what needs review."""
        return [
            (student.student, name, result.reason)
            for student in self.students
            for name, result in student.exercises.items()
            if result.state == "review"
        ]

    def grades(self) -> Iterator[tuple[str, Grade]]:
        """Each Grade with its student."""
        for student in self.students:
            for result in student.exercises.values():
                if result.grade is not None:
                    yield student.student, result.grade


def read_class(course: Course, assignment: str | None = None) -> ClassResults:
    """Read the class's results in an assignment, by default in the only one.

    Raises CourseError when there is no such assignment, no submission, or no gradebook that knows it.
    """
    assignments = sorted({exercise.assignment for exercise in course.exercises.values()})
    if assignment is None:
        if len(assignments) != 1:
            raise CourseError(f"Name one of the assignments in source/: {', '.join(assignments) or 'there is none'}.")
        (assignment,) = assignments
    if assignment not in assignments:
        raise CourseError(f"There is no assignment {assignment} in source/. There is: {', '.join(assignments)}.")
    exercises = [exercise for exercise in course.exercises.values() if exercise.assignment == assignment]
    coursedir = _course_directory(course)
    handed_in = {
        step: _notebooks(Path(coursedir.root, folder), assignment, coursedir.student_id_exclude.split(","))
        for step, folder in (
            ("submitted", coursedir.submitted_directory),
            ("autograded", coursedir.autograded_directory),
        )
    }
    strays = notebooks.misplaced(
        Path(coursedir.root, coursedir.submitted_directory), assignment, {e.name: e for e in exercises}
    )
    if not any(handed_in.values()):
        raise notebooks.nothing_handed_in(assignment, coursedir.submitted_directory, strays)
    database = coursedir.db_url.removeprefix("sqlite:///")
    if coursedir.db_url.startswith("sqlite:///") and not Path(database).is_file():
        raise CourseError(
            f"There is no gradebook {database}. Run: nbgrader generate_assignment {assignment} --force, "
            f"then: autograder autograde {assignment}"
        )
    try:
        with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
            max_scores = _max_scores(gradebook, assignment, exercises)
            misplaced = {(stray.student, stray.exercise): stray for stray in strays}
            names = {student.id for student in gradebook.students} | handed_in["submitted"].keys()
            names |= {student for student, _ in misplaced}
            students = [
                _read_student(gradebook, student, assignment, exercises, handed_in, misplaced)
                for student in sorted(names | handed_in["autograded"].keys())
            ]
    except SQLAlchemyError as error:
        raise CourseError(
            f"The gradebook {coursedir.db_url} can't be read: {error}\nIs the disk full, or does another "
            "program use it? Then try again."
        ) from error
    return ClassResults(assignment, exercises, max_scores, students)


def _course_directory(course: Course) -> CourseDirectory:
    with contextlib.chdir(course.root):  # where nbgrader looks for its configuration
        app = AutogradeApp()
        app.initialize([])
    app.coursedir.root = str(course.root)
    return app.coursedir


def _notebooks(folder: Path, assignment: str, excluded: list[str]) -> dict[str, dict[str, Path]]:
    """The notebooks in ``folder/STUDENT/ASSIGNMENT``, by student and exercise."""
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.glob(f"*/{assignment}/*.ipynb")):
        student = path.parent.parent.name
        if student not in excluded:
            found.setdefault(student, {})[path.stem] = path
    return found


def _max_scores(gradebook: Gradebook, assignment: str, exercises: list[Exercise]) -> dict[str, float]:
    try:
        known = {notebook.name: notebook for notebook in gradebook.find_assignment(assignment).notebooks}
    except MissingEntry:
        known = {}
    for exercise in exercises:
        cells = (
            {cell.name: cell.max_score for cell in known[exercise.name].grade_cells} if exercise.name in known else {}
        )
        if any(cells.get(name) != points for name, points in exercise.points.items()):
            raise CourseError(
                f"The gradebook does not know {exercise.name} of {assignment} as it is in source/: it is empty, older, "
                f"or the gradebook of another course. Run: nbgrader generate_assignment {assignment} --force, then: "
                f"autograder autograde {assignment}"
            )
    return {exercise.name: known[exercise.name].max_score for exercise in exercises}


def _read_student(
    gradebook: Gradebook,
    student: str,
    assignment: str,
    exercises: list[Exercise],
    handed_in: dict[str, dict[str, dict[str, Path]]],
    misplaced: dict[tuple[str, str], notebooks.Misplaced],
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
        elif (student, exercise.name) in misplaced:
            reason = f"Not graded: {misplaced[student, exercise.name]}"
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
        return read_grade(nbformat.from_dict(json.loads(path.read_bytes())))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
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
        reason = grade.reason if grade.status == "needs_review" else None
        return ExerciseResult("review", None, reason or "Look again at the points that were given by hand.", grade)
    if open_cells:
        return ExerciseResult("waiting", row.score, f"points by hand: {', '.join(open_cells)}", grade)
    return ExerciseResult("final", row.score, "", grade)


def _again(exercise: Exercise) -> str:
    return f"Run: autograder autograde {exercise.assignment}"
