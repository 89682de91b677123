"""What lies in ``submitted/``: where it belongs, and what nobody would grade where it lies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from autograder.course import Assignment, CourseError
from autograder.grading import reading
from autograder.grading.submission import belongs_to


@dataclass(frozen=True)
class Misplaced:
    """An exercise that a student has handed in only under another name or in another folder; nobody graded it."""

    student: str
    exercise: str
    path: Path
    wanted: Path
    """Where it belongs."""

    def __str__(self) -> str:
        return f"it lies at {self.path}, where nothing is graded. Move it to {self.wanted}."


def misplaced(submitted: Path, assignment: Assignment) -> list[Misplaced]:
    """The exercises of an assignment that lie in the wrong place of ``submitted/``, found by name or answer cells."""
    exercises = assignment.exercises
    found: dict[tuple[str, str], Misplaced] = {}
    for folder in sorted(path for path in submitted.glob("*") if path.is_dir()):
        for path in [*sorted(folder.glob("*.ipynb")), *sorted((folder / assignment.name).rglob("*.ipynb"))]:
            if (
                path.parent == folder / assignment.name and path.stem in exercises
            ) or ".ipynb_checkpoints" in path.parts:
                continue
            try:
                notebook = reading.read(path)
            except reading.UnreadableNotebook:
                continue
            exercise = exercises.get(path.stem) or belongs_to(notebook, exercises)
            if exercise is None:
                continue
            name = exercise.name
            wanted = folder / assignment.name / f"{name}.ipynb"
            if not wanted.exists():
                found[folder.name, name] = Misplaced(folder.name, name, path, wanted)
    return list(found.values())


def nothing_handed_in(assignment: str, submitted: str, strays: Iterable[Misplaced]) -> CourseError:
    """What to say where ``submitted/`` holds no notebook in its place."""
    return CourseError(
        f"Nobody has handed in {assignment}: {submitted}/ holds no notebook of it. "
        f"Run: nbgrader collect {assignment}, or put notebooks under {submitted}/STUDENT/{assignment}/."
        + "".join(f"\n{stray.student}/{stray.exercise}: {stray}" for stray in strays)
    )
