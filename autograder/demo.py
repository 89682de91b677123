"""``make demo``: a small class goes through nbgrader, in the folder ``demo/`` that this makes anew."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from rich.console import Console
from rich.text import Text
from sqlalchemy.exc import SAWarning
from traitlets.config import PyFileConfigLoader

from autograder import report, specimens
from autograder.build import run_nbgrader
from autograder.course import Course
from autograder.nbgrader_plugin import read_grade
from autograder.results import Grade


def main() -> None:
    """Build the release, put submissions in place, autograde them, and show what came out."""
    warnings.filterwarnings("ignore", category=SAWarning)  # nbgrader's own, at each new submission
    console = Console(soft_wrap=True)
    course = Course.find()
    demo = course.root / "demo"
    shutil.rmtree(demo, ignore_errors=True)
    demo.mkdir()
    shutil.copy(course.root / "nbgrader_config.py", demo)
    shutil.copytree(course.root / "source", demo / "source", ignore=shutil.ignore_patterns("__pycache__"))
    console.print("Building the release with nbgrader generate_assignment …")
    run_nbgrader(demo, "generate_assignment", "optimizers", "--force")
    students = hand_in(course, demo)
    console.print(f"{len(students)} students have handed in. Autograding with nbgrader …")
    grades = autograde(demo, students)
    console.print()
    report.print_grades(grades, console)
    run_nbgrader(demo, "generate_feedback", "optimizers", "--force", "--quiet")
    console.print("\nnbgrader's gradebook has the same scores. (The answer in words of lesson 4 is graded by hand.)")
    for line in gradebook_lines(demo):
        console.print(Text(f"  {line}"))
    console.print("\nFeedback pages, one for each notebook; ben has much to read in them:")
    for folder in sorted({page.parent for page in (demo / "feedback").rglob("*.html")}):
        console.print(Text(f"  {folder.relative_to(course.root)}/"))
    console.print(Text(f"Gradebook: {(demo / 'gradebook.db').relative_to(course.root)}"))
    console.print("\nYour own class: source .venv/bin/activate, then docs/instructor.md")


def hand_in(course: Course, demo: Path) -> list[str]:
    """Write the prepared submissions into ``submitted/``; the students' names.

    The demo file of an exercise has a cell for each student who gets it wrong or answers in an own style; one whose
    name is in none of its titles hands in the reference. The class is that of the first exercise.
    """
    folder = course.root / "tests" / "submissions"
    students: list[str] = []
    for exercise in course.exercises.values():
        prepared = {s.title.partition(":")[0]: s for s in specimens.read(folder, "demo", exercise)}
        students = students or list(prepared)
        for student in students:
            specimen = prepared.get(student)
            if specimen is None:
                notebook = specimens.unchanged(exercise)
            elif "NotImplementedError" in specimen.code:
                notebook = specimens.stub(exercise)
            else:
                notebook = specimen.notebook(exercise)
            target = demo / "submitted" / student / exercise.assignment / f"{exercise.name}.ipynb"
            target.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook, target)
    return students


def autograde(demo: Path, students: list[str]) -> list[Grade]:
    """Autograde with nbgrader's own API, student by student; the Grades that it left in the notebooks."""
    os.chdir(demo)
    config = PyFileConfigLoader("nbgrader_config.py", path=str(demo)).load_config()
    api = NbGraderAPI(CourseDirectory(config=config), config=config)
    for student in report.progress(students, len(students), "Autograding"):
        result = api.autograde("optimizers", student)
        if not result["success"]:
            sys.exit(
                f"nbgrader autograde failed for {student}:\n{result['log']}\nWhat may be missing: autograder doctor"
            )
    notebooks = [nbformat.read(path, as_version=4) for path in sorted((demo / "autograded").rglob("*.ipynb"))]
    return [grade for grade in map(read_grade, notebooks) if grade is not None]


def gradebook_lines(demo: Path) -> list[str]:
    """Each student's score as the gradebook has it."""
    lines = []
    with Gradebook(f"sqlite:///{demo / 'gradebook.db'}") as gradebook:
        for submission in sorted(gradebook.assignment_submissions("optimizers"), key=lambda s: s.student.id):
            grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
            waiting = [grade for grade in grades if grade.needs_manual_grade]
            written = sum(grade.max_score for grade in waiting if grade.cell.cell_type == "markdown")
            review = any(grade.cell.cell_type == "code" for grade in waiting)
            note = "needs review" if review else f"and {written:g} points by hand are open" if written else ""
            lines.append(f"{submission.student.id:8} {submission.score:g} / {submission.max_score:g}  {note}".rstrip())
    return lines


if __name__ == "__main__":
    main()
