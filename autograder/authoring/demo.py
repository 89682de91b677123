"""``make demo``: a small class goes through nbgrader, in the folder ``demo/`` that this makes anew."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from rich.console import Console
from rich.text import Text

from autograder.authoring import specimens
from autograder.authoring.build import run_nbgrader
from autograder.course import Course
from autograder.grading.in_notebook import grade_in
from autograder.pages.terminal import print_grades
from autograder.results import Grade

ASSIGNMENT = "optimizers"


def main() -> None:
    """Build the release, put submissions in place, autograde them, and show what came out."""
    console = Console(soft_wrap=True)
    course = Course.find()
    demo = course.root / "demo"
    shutil.rmtree(demo, ignore_errors=True)
    demo.mkdir()
    shutil.copy(course.root / "nbgrader_config.py", demo)
    shutil.copytree(course.source, demo / "source", ignore=shutil.ignore_patterns("__pycache__"))
    console.print("Building the release with nbgrader generate_assignment …")
    run_nbgrader(demo, "generate_assignment", ASSIGNMENT, "--force")
    students = hand_in(course, demo)
    console.print(f"{len(students)} students have handed in. Autograding into nbgrader's gradebook …")
    done = subprocess.run([sys.executable, "-m", "autograder", "autograde", ASSIGNMENT, "--course", demo], check=False)
    if done.returncode not in (0, 1):
        sys.exit("Autograding failed. What may be missing: autograder doctor")
    console.print()
    print_grades(list(grades(demo)), console, reasons=False)
    run_nbgrader(demo, "generate_feedback", ASSIGNMENT, "--force", "--quiet")
    console.print("\nnbgrader's gradebook has the same scores. (The answer in words of lesson 4 is graded by hand.)")
    for line in gradebook_lines(demo):
        console.print(Text(f"  {line}"))
    console.print("\nWhat ben reads of lesson 1: demo/feedback/ben/optimizers/1-build-optimizers.html, and so on")
    console.print("The gradebook: demo/gradebook.db")
    console.print("Your own class: source .venv/bin/activate, then docs/instructor.md")


def hand_in(course: Course, demo: Path) -> list[str]:
    """Write the prepared submissions into ``submitted/``; the students' names.

    The demo file of a lesson has a cell for each student who gets it wrong or answers in an own style; one whose
    name is in none of its titles hands in the reference. The class is that of the first exercise.
    """
    students: list[str] = []
    for exercise in course.assignment(ASSIGNMENT).exercises.values():
        prepared = {s.title.partition(":")[0]: s for s in specimens.read("demo", exercise)}
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


def grades(demo: Path) -> Iterator[Grade]:
    """The Grades in the autograded notebooks."""
    for path in sorted((demo / "autograded").rglob("*.ipynb")):
        grade = grade_in(nbformat.read(path, as_version=4))
        if grade is not None:
            yield grade


def gradebook_lines(demo: Path) -> list[str]:
    """Each student's score as nbgrader exports it from the gradebook."""
    run_nbgrader(demo, "export", "--to", "grades.csv")
    with (demo / "grades.csv").open(newline="") as file:
        return [
            f"{row['student_id']:8} {float(row['score']):g} / {float(row['max_score']):g}"
            for row in csv.DictReader(file)
            if row["assignment"] == ASSIGNMENT
        ]


if __name__ == "__main__":
    main()
