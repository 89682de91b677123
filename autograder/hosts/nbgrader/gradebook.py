"""nbgrader's gradebook: the one module that opens it, to read scores, to write them and to forget them."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from nbgrader.api import (
    Assignment,
    BaseCell,
    Gradebook,
    MissingEntry,
    Notebook,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.api import Grade as GradeRow
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import OperationalError, SAWarning, SQLAlchemyError

from autograder.course import CourseError, Exercise, cells_changed
from autograder.results import Grade

BUSY = "Is the disk full, or does another program use the gradebook? Then try again"


class GradebookError(CourseError):
    """The gradebook is missing, or can't be read or written. The message says what to do."""


@contextlib.contextmanager
def read_gradebook(coursedir: CourseDirectory, assignment: str) -> Iterator[Gradebook]:
    """The course's gradebook. Raises GradebookError when it is missing, or can't be read in this context."""
    database = coursedir.db_url.removeprefix("sqlite:///")
    if coursedir.db_url.startswith("sqlite:///") and not Path(database).is_file():
        raise GradebookError(
            f"There is no gradebook {database}. Run: nbgrader generate_assignment {assignment} --force, "
            f"then: autograder autograde {assignment}"
        )
    try:
        with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
            yield gradebook
    except SQLAlchemyError as error:
        raise GradebookError(f"The gradebook {coursedir.db_url} can't be read: {error}\n{BUSY}.") from error


def expect_to_fit(gradebook: Gradebook, assignment: str, exercises: Iterable[Exercise]) -> dict[str, Notebook]:
    """The gradebook's notebooks of the exercises, by name.

    Raises GradebookError when it does not know them all as they are in the source, and says what to do.
    """
    known: dict[str, Notebook] = {}
    with contextlib.suppress(MissingEntry):
        known = {notebook.name: notebook for notebook in gradebook.find_assignment(assignment).notebooks}
    for exercise in exercises:
        notebook = known.get(exercise.name)
        answers = {cell.name for cell in notebook.solution_cells} if notebook is not None else set()
        graded = notebook.grade_cells if notebook is not None else []
        cells = {cell.name: cell.max_score for cell in graded if cell.cell_type == "code" and cell.name not in answers}
        if cells == exercise.points:
            continue
        if notebook is not None and cells.keys() != exercise.points.keys() and notebook.submissions:
            raise GradebookError(cells_changed(exercise.name, assignment))
        raise GradebookError(
            f"The gradebook does not know {exercise.name} of {assignment} as it is in source/: it is empty, older, "
            f"or the gradebook of another course. Run: nbgrader generate_assignment {assignment} --force, then: "
            f"autograder autograde {assignment}"
        )
    return known


def why_unfit(coursedir: CourseDirectory, assignment: str, exercises: Iterable[Exercise]) -> str | None:
    """What ``expect_to_fit`` says of the course's gradebook, if it does not fit."""
    with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
        try:
            expect_to_fit(gradebook, assignment, exercises)
        except GradebookError as error:
            return str(error)
    return None


def automatic_scores(
    coursedir: CourseDirectory, assignment: str, exercises: Mapping[str, Exercise]
) -> dict[tuple[str, str], dict[str, float | None]]:
    """The automatic scores of each graded cell, by student and exercise. Raises GradebookError as ``expect_to_fit``."""
    with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
        expect_to_fit(gradebook, assignment, exercises.values())
        rows = (
            gradebook.db.query(Student.id, Notebook.name, BaseCell.name, GradeRow.auto_score)
            .select_from(GradeRow)
            .join(BaseCell, GradeRow.cell_id == BaseCell.id)
            .join(SubmittedNotebook, GradeRow.notebook_id == SubmittedNotebook.id)
            .join(Notebook, SubmittedNotebook.notebook_id == Notebook.id)
            .join(SubmittedAssignment, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
            .join(Student, SubmittedAssignment.student_id == Student.id)
            .join(Assignment, SubmittedAssignment.assignment_id == Assignment.id)
            .filter(Assignment.name == assignment)
        )
        scores: dict[tuple[str, str], dict[str, float | None]] = {}
        for student, exercise, cell, score in rows:
            scores.setdefault((student, exercise), {})[cell] = score
    return scores


def notebooks(coursedir: CourseDirectory, assignment: str) -> set[str]:
    """The names of an assignment's notebooks, as far as the gradebook knows it."""
    with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
        rows = gradebook.db.query(Notebook.name).join(Assignment).filter(Assignment.name == assignment)
        return {name for (name,) in rows}


def forget(db_url: str, assignment: str, student: str, notebooks: Iterable[str]) -> None:
    """Empty the automatic scores of a student's notebooks and mark them for review, all or none.

    Raises GradebookError when the gradebook can't be written.
    """
    try:
        with Gradebook(db_url) as gradebook:
            for notebook in notebooks:
                with contextlib.suppress(MissingEntry):
                    for row in _checked(gradebook.find_submission_notebook(notebook, assignment, student)):
                        row.auto_score, row.needs_manual_grade = None, True
            gradebook.db.commit()
    except OperationalError as error:
        raise cannot_write(error) from error


def cannot_write(error: OperationalError) -> GradebookError:
    """What there is to say of a gradebook that is locked, or on a full disk."""
    return GradebookError(f"The gradebook can't be written: {error.orig}. Nothing was graded. {BUSY}")


def enter(coursedir: CourseDirectory, assignment: str, student: str, time: datetime | None) -> bool:
    """Enter a submission, with its student; False when the gradebook does not know the assignment."""
    with (
        Gradebook(coursedir.db_url, coursedir.course_id) as gradebook,
        warnings.catch_warnings(),
        contextlib.suppress(MissingEntry),
    ):
        warnings.simplefilter("ignore", SAWarning)  # nbgrader's own, at each new submission
        gradebook.find_assignment(assignment)
        gradebook.update_or_create_student(student)
        gradebook.update_or_create_submission(assignment, student, **({} if time is None else {"timestamp": time}))
        return True
    return False


def miss(db_url: str, assignment: str, student: str, notebooks: Mapping[str, bool]) -> None:
    """Write for notebooks that are not in their place what nbgrader writes, 0 for each cell; for those which a person
    must look for (True), no score at all, and that they need review.
    """
    with Gradebook(db_url) as gradebook:
        for notebook, needs_review in notebooks.items():
            with contextlib.suppress(MissingEntry):
                for row in gradebook.find_submission_notebook(notebook, assignment, student).grades:
                    row.auto_score, row.needs_manual_grade = (None, True) if needs_review else (0, False)
        gradebook.db.commit()


def students(coursedir: CourseDirectory) -> list[str]:
    """The students whom the gradebook knows."""
    with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
        return [name for (name,) in gradebook.db.query(Student.id)]


def write(db_url: str, student: str, exercise: Exercise, grade: Grade | None) -> bool:
    """Write the points of a Grade, all cells at once, or none where there is no final Grade.

    False when the gradebook has other cells or points for the exercise: then no score is written either.
    """
    with Gradebook(db_url) as gradebook:
        submission = gradebook.find_submission_notebook(exercise.name, exercise.assignment, student)
        rows = {row.name: row for row in submission.grades}
        fits = all(name in rows and rows[name].max_score == most for name, most in exercise.points.items())
        is_final = fits and grade is not None and grade.status == "graded"
        for name in exercise.points.keys() & rows.keys():
            row = rows[name]
            row.auto_score = grade.points_of(name) if is_final and grade is not None else None
            row.needs_manual_grade = row.manual_score is not None or row.auto_score is None
        gradebook.db.commit()
    return fits


def _checked(submission: SubmittedNotebook) -> list[GradeRow]:
    """The rows of a notebook's test cells: code that is graded and holds no answer."""
    answers = {cell.name for cell in submission.notebook.solution_cells}
    return [row for row in submission.grades if row.cell_type == "code" and row.name not in answers]
