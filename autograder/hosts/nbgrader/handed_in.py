"""What lies in ``submitted/``: where it belongs, and what nobody would grade where it lies."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from autograder.course import Assignment, CourseError
from autograder.grading import files, reading
from autograder.grading.submission import belongs_to
from autograder.messages import in_line


@dataclass(frozen=True)
class Misplaced:
    """An exercise that a student has not handed in where it is graded, but perhaps elsewhere; nobody graded it."""

    student: str
    exercise: str
    path: Path
    """Where it lies; the folder that can't be looked through when there is a problem."""
    wanted: Path
    """Where it belongs."""
    problem: str | None = None

    def __str__(self) -> str:
        if self.problem is not None:
            found = f"{self.path} {self.problem}, so not all in it was looked at. What is graded lies at {self.wanted}."
        else:
            found = f"it lies at {self.path}, where nothing is graded. Move it to {self.wanted}."
        return in_line(found)


def misplaced(submitted: Path, assignment: Assignment) -> list[Misplaced]:
    """The exercises of an assignment that lie in the wrong place of ``submitted/``, found by name or answer cells.

    Those of a student whose folder can't be looked through to its end are among them, unless they lie in their place.
    """
    exercises = assignment.exercises
    found: dict[tuple[str, str], Misplaced] = {}
    for folder in sorted(submitted.glob("*")):
        if not folder.is_symlink() and not folder.is_dir():
            continue
        home = folder / assignment.name
        places = {name: home / f"{name}.ipynb" for name in exercises}
        missing = {name: place for name, place in places.items() if not os.path.lexists(place)}
        if not missing and why_closed(submitted, home) is None:
            continue
        paths, problem = _notebooks(submitted, folder, home)
        for path in paths:
            if path in places.values():
                continue
            try:
                notebook = reading.read(path)
            except reading.UnreadableNotebook:
                continue
            exercise = exercises.get(path.stem) or belongs_to(notebook, exercises)
            if exercise is not None and exercise.name in missing:
                name = exercise.name
                found[folder.name, name] = Misplaced(folder.name, name, path, places[name])
        if problem is not None:
            for name, place in missing.items():
                lost = Misplaced(folder.name, name, problem[0], place, problem[1])
                found.setdefault((folder.name, name), lost)
    return list(found.values())


def _notebooks(submitted: Path, folder: Path, home: Path) -> tuple[list[Path], tuple[Path, str] | None]:
    """A student's notebooks right in their folder and anywhere in that of the assignment, and what hides others."""
    for place in (folder, home):
        if os.path.lexists(place) and (why := why_closed(submitted, place)) is not None:
            return [], (place, why)
    outside = [path for path in folder.glob("*.ipynb") if not path.name.startswith(".")]
    inside, problem = files.notebooks(home) if home.exists() else ([], None)
    return [*sorted(outside)[: files.MAX_NOTEBOOKS], *inside], None if problem is None else (home, problem)


def why_closed(submitted: Path, folder: Path) -> str | None:
    """Why nothing in a student's folder is read, if so: it, or a folder above it in ``submitted/``, is a link, say."""
    parts = folder.relative_to(submitted).parts if folder.is_relative_to(submitted) else (folder.name,)
    place = submitted if folder.is_relative_to(submitted) else folder.parent
    for part in parts:
        place /= part
        try:
            with files.opened_folder(place) as handle:
                os.scandir(handle).close()
        except (files.Refused, OSError) as error:
            return files.explain(error)
    return None


def nothing_handed_in(assignment: str, submitted: str, strays: Iterable[Misplaced]) -> CourseError:
    """What to say where ``submitted/`` holds no notebook in its place."""
    return CourseError(
        f"Nobody has handed in {assignment}: {submitted}/ holds no notebook of it. "
        f"Run: nbgrader collect {assignment}, or put notebooks under {submitted}/STUDENT/{assignment}/."
        + "".join(f"\n{in_line(stray.student)}/{stray.exercise}: {stray}" for stray in strays)
    )
