"""A class that never existed: Grades in autograded notebooks, and a gradebook with the same points."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook

from autograder.course import Course
from autograder.grading.in_notebook import put_grade
from autograder.grading.labels import grade_id
from autograder.grading.store import version_of
from autograder.messages import Message, quote, say
from autograder.results import CheckResult, Grade

ASSIGNMENT = "optimizers"


class MadeUpClass:
    """A course folder in which students can be put, with any Grade."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.exercises = Course(root).assignment().exercises
        os.environ["PATH"] = (
            os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
        )  # a new one needs alembic
        self.gradebook = Gradebook(f"sqlite:///{root / 'gradebook.db'}")

    def add_assignment(self) -> None:
        """Tell the gradebook of the exercises."""
        self.gradebook.add_assignment(ASSIGNMENT, duedate=datetime(2031, 5, 1))
        for exercise in self.exercises.values():
            self.gradebook.add_notebook(exercise.name, ASSIGNMENT)
            for cell in nbformat.read(exercise.source, as_version=4).cells:
                meta = cell.metadata.get("nbgrader", {})
                if meta.get("solution"):
                    self.gradebook.add_solution_cell(grade_id(cell), exercise.name, ASSIGNMENT)
                if meta.get("grade"):
                    self.gradebook.add_grade_cell(
                        grade_id(cell),
                        exercise.name,
                        ASSIGNMENT,
                        max_score=meta["points"],
                        cell_type=cell.cell_type,
                    )

    def add_student(self, student: str, **names: str) -> None:
        """Put a student into the gradebook who has handed in nothing."""
        self.gradebook.update_or_create_student(student, **names)

    def hand_in(self, student: str, exercise: str) -> Path:
        """A submitted notebook that is not autograded."""
        path = self.root / "submitted" / student / ASSIGNMENT / f"{exercise}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
        return path

    def add(self, student: str, grade: Grade, by_hand: dict[str, float] | None = None, penalty: float = 0.0) -> Path:
        """An autograded notebook and its scores; cells that are graded by hand wait for it unless it is there."""
        assert grade.exercise is not None
        self.gradebook.update_or_create_student(student)
        submission = self.gradebook.update_or_create_submission(ASSIGNMENT, student)
        (row,) = [notebook for notebook in submission.notebooks if notebook.name == grade.exercise]
        row.late_submission_penalty = penalty
        for cell in row.grades:
            points = (by_hand or {}).get(cell.name)
            is_checked = cell.name in self.exercises[grade.exercise].points and grade.status == "graded"
            cell.auto_score = sum(check.points for check in grade.of_cell(cell.name)) if is_checked else None
            cell.manual_score = points
            cell.needs_manual_grade = cell.auto_score is None and points is None
        for other in submission.notebooks:
            if not self.autograded(student, other.name).is_file() and other is not row:
                for cell in other.grades:
                    cell.auto_score, cell.needs_manual_grade = 0, False
        self.gradebook.db.commit()
        notebook = nbformat.v4.new_notebook()
        put_grade(notebook, grade)
        path = self.autograded(student, grade.exercise)
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
        return path

    def autograded(self, student: str, exercise: str) -> Path:
        return self.root / "autograded" / student / ASSIGNMENT / f"{exercise}.ipynb"

    def grade(self, exercise: str, wrong: dict[str, str | Message] | None = None, seconds: float = 0.5) -> Grade:
        """A Grade with one check for each cell; a message for each function that is wrong."""
        checks = []
        for cell, points in self.exercises[exercise].points.items():
            message = (wrong or {}).get(cell.removeprefix("test_"))
            checks.append(
                CheckResult(
                    cell=cell,
                    name=f"{cell}_works",
                    sentence=f"{cell.removeprefix('test_')} works.",
                    status="failed" if message else "passed",
                    points=0.0 if message else points,
                    max_points=points,
                    message=say("{text}", text=quote(message)) if isinstance(message, str) else message,
                )
            )
        most, version = self.exercises[exercise].max_score, version_of(self.exercises[exercise])
        return Grade("…", ASSIGNMENT, exercise, "graded", None, most, seconds, checks, version=version)

    def review(self, exercise: str, reason: str) -> Grade:
        """A Grade of what could not be graded."""
        return Grade("…", ASSIGNMENT, exercise, "needs_review", reason, self.exercises[exercise].max_score, 0.1)
