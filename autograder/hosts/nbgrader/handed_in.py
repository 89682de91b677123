"""What lies in ``submitted/``: where it belongs, and what nobody would grade where it lies."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode
from traitlets.config import Config

from autograder.course import Assignment, CourseError, Exercise
from autograder.grading import files, reading
from autograder.grading.submission import belongs_to
from autograder.hosts.nbgrader.answers import Answers
from autograder.messages import in_line, quote, say


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


@dataclass(frozen=True)
class Fuller:
    """A notebook beside the one that is graded, which answers more: a person must say which of the two counts."""

    student: str
    exercise: str
    assignment: str
    path: Path
    """Where it lies."""
    wanted: Path
    """The one that is graded."""
    answers: int
    fewer: int
    """What the one that is graded answers."""
    most: int
    """What there is to answer."""
    is_named: bool
    """Whether it has the name of another exercise, so that the two may have changed places."""

    def __str__(self) -> str:
        keep = "give its points by hand" if self.is_named else f"run: rm {shlex.quote(str(self.path))} && {self._again}"
        return in_line(
            f"{self.path.name} answers {self.answers} of {self.most} cells, and {self.wanted.name}, which is "
            f"graded, answers {self.fewer}. To take {self.path.name}, run: {self.command} && {self._again}. "
            f"To keep {self.wanted.name}, {keep}."
        )

    @property
    def _again(self) -> str:
        return f"autograder autograde {self.assignment}"

    @property
    def command(self) -> str:
        """What puts it in the place of the one that is graded, which is kept: under a name that is no notebook's."""
        path, wanted, kept = (shlex.quote(str(p)) for p in (self.path, self.wanted, f"{self.wanted}~"))
        swapped = f"mv {wanted} {kept} && mv {path} {wanted}"
        return f"{swapped} && mv {kept} {path}" if self.is_named else swapped

    @property
    def told(self) -> str:
        """What the student is told."""
        return str(
            say(
                "You have handed in {other} too, and it answers more than {named}.",
                other=quote(self.path.name),
                named=self.wanted.name,
            )
        )


def elsewhere(submitted: Path, assignment: Assignment, config: Config, student: str = "*") -> list[Misplaced | Fuller]:
    """The exercises of an assignment that lie in another place of ``submitted/``, found by name or by their answers.

    That is what lies elsewhere only, and what is answered better there. What a student has not handed in, and whose
    folder can't be looked through to its end, is among them. ``student`` is one, else all are looked at.
    """
    answers = Answers(assignment, config)
    found: list[Misplaced | Fuller] = []
    for folder in sorted(submitted.glob("*")) if student == "*" else [submitted / student]:
        if folder.is_symlink() or folder.is_dir():
            found += _elsewhere(submitted, folder, assignment, answers)
    return found


def _elsewhere(submitted: Path, folder: Path, assignment: Assignment, answers: Answers) -> Iterator[Misplaced | Fuller]:
    home = folder / assignment.name
    places = {name: home / f"{name}.ipynb" for name in assignment.exercises}
    there = {name for name, place in places.items() if os.path.lexists(place)}
    paths, problem = _notebooks(submitted, folder, home, [place.name for place in places.values()])
    exercises = assignment.exercises.values()
    are_in_place = set(paths) <= set(places.values()) and all(
        _holds_some(places[e.name], e) for e in exercises if e.name in there
    )
    if problem is None and are_in_place:
        return
    if paths:  # of many, those in their place may be left out
        paths += [place for name, place in places.items() if name in there and place not in paths]
    notebooks = {path: notebook for path in paths if (notebook := _read(path)) is not None}
    for exercise in exercises:
        name, place, most = exercise.name, places[exercise.name], len(answers.of(exercise))
        given = {path: len(answers.given(notebook, exercise)) for path, notebook in notebooks.items()}
        others = [path for path in notebooks if path != place]
        if name not in there:
            strays = [path for path in others if path not in places.values() and _is_for(path, notebooks, exercise)]
            strays += [path for path in others if path not in strays and given[path] == most]
            if strays:
                yield Misplaced(folder.name, name, max(strays, key=lambda path: given[path]), place)
            elif problem is not None:
                yield Misplaced(folder.name, name, problem[0], place, problem[1])
        elif place in notebooks and others:
            fullest = max(others, key=lambda path: given[path])
            if given[fullest] > given[place]:
                counts = (given[fullest], given[place], most)
                is_named = fullest in places.values()
                yield Fuller(folder.name, name, assignment.name, fullest, place, *counts, is_named)


def _holds_some(path: Path, exercise: Exercise) -> bool:
    """Whether an answer of the exercise seems to be in a file, which is not read as a notebook for that."""
    text = reading.identity(path)
    return any(f'"{name}"'.encode() in text for name in exercise.answers)


def _is_for(path: Path, notebooks: Mapping[Path, NotebookNode], exercise: Exercise) -> bool:
    return path.stem == exercise.name or belongs_to(notebooks[path], {exercise.name: exercise}) is not None


def _read(path: Path) -> NotebookNode | None:
    try:
        return reading.read(path)
    except reading.UnreadableNotebook:
        return None


def _notebooks(
    submitted: Path, folder: Path, home: Path, wanted: Iterable[str]
) -> tuple[list[Path], tuple[Path, str] | None]:
    """A student's notebooks right in their folder and anywhere in that of the assignment, and what hides others."""
    for place in (folder, home):
        if os.path.lexists(place) and (why := why_closed(submitted, place)) is not None:
            return [], (place, why)
    outside = [path for path in folder.glob("*.ipynb") if not path.name.startswith(".")]
    inside, problem = files.notebooks(home, wanted) if os.path.lexists(home) else ([], None)
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
                os.stat(".", dir_fd=handle)  # to list a folder and to enter it are two rights
        except (files.Refused, OSError) as error:
            return files.explain(error)
    return None


def misplaced_of(strays: Iterable[Misplaced | Fuller]) -> dict[str, list[Misplaced]]:
    """What lies in a wrong place, or may do so, by student."""
    found: dict[str, list[Misplaced]] = {}
    for stray in strays:
        if isinstance(stray, Misplaced):
            found.setdefault(stray.student, []).append(stray)
    return found


def alike(students: Iterable[str]) -> list[list[str]]:
    """The students whose names differ in upper and lower case alone: each group may be one student."""
    found: dict[str, list[str]] = {}
    for student in sorted(students):
        found.setdefault(student.casefold(), []).append(student)
    return [group for group in found.values() if len(group) > 1]


def nothing_handed_in(assignment: str, submitted: str, strays: Iterable[Misplaced]) -> CourseError:
    """What to say where ``submitted/`` holds no notebook in its place."""
    return CourseError(
        f"Nobody has handed in {assignment}: {submitted}/ holds no notebook of it. "
        f"Run: nbgrader collect {assignment}, or put notebooks under {submitted}/STUDENT/{assignment}/."
        + "".join(f"\n{in_line(stray.student)}/{stray.exercise}: {stray}" for stray in strays)
    )
