"""Find the exercise that a notebook file answers: by its folder and name, else by its answer cells."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from autograder.course import Course, Exercise
from autograder.grading import files, reading
from autograder.grading.reading import UnreadableNotebook
from autograder.grading.submission import Submission, belongs_to


def find_submission(path: Path, course: Course, assignment: str | None = None, name: str | None = None) -> Submission:
    """Read the submission that lies anywhere.

    Its assignment is the folder above, else the given one, else the only one that has its exercise. Raises
    UnreadableNotebook when that leaves no exercise, or several.
    """
    if path.is_dir() and not path.is_symlink() and (problem := files.notebooks(path)[1]) is not None:
        raise UnreadableNotebook(
            f"{path.name} {problem}, so not all in it was looked at. Remove what is no work of this course."
        )
    scopes = [course.assignments[a] for a in (path.absolute().parent.name, assignment) if a in course.assignments]
    for scope in scopes:
        if path.stem in scope.exercises:
            return Submission.read(path, scope.exercises[path.stem], name)
        if path.stem in scope.strangers:
            raise UnreadableNotebook(f"{path.name} has no lesson here: {scope.strangers[path.stem]}.")
    candidates = course.assignments.values()
    named = [found.exercises[path.stem] for found in candidates if path.stem in found.exercises]
    if not scopes and named:
        return Submission.read(path, _only(named, path), name)
    notebook = reading.read(path)
    for scope in scopes:
        found = belongs_to(notebook, scope.exercises)
        if found is not None:
            return Submission.of(notebook, found, name or str(path))
    answered = named or [e for a in candidates if (e := belongs_to(notebook, a.exercises)) is not None]
    if not answered:
        known = ", ".join(dict.fromkeys(f"{exercise.name}.ipynb" for exercise in course.exercises))
        raise UnreadableNotebook(f"{path.name} belongs to no exercise of this course. Name it as one of: {known}.")
    return Submission.of(notebook, _only(answered, path), name or str(path))


def _only(found: Iterable[Exercise], path: Path) -> Exercise:
    first, *others = found
    if others:
        names = [exercise.assignment for exercise in (first, *others)]
        raise UnreadableNotebook(
            f"{path.name} could belong to each of the assignments {', '.join(names)}. Put it into a folder of that "
            f"name, or say which: --assignment {names[0]}."
        )
    return first
