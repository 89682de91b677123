"""What the course holds: its assignments, their exercises, and the lesson behind each of them."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import py_compile
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from traitlets.config import Config, PyFileConfigLoader

from autograder.results import total

LESSONS = Path(__file__).parent / "lessons"

METADATA = "autograder"
"""Our key in metadata. A source notebook names its lesson there, ``{"lesson": "optimizers/1-adamw"}``, and marks cells
that only show something, ``{"demonstration": true}``."""

PREPARED = ("mistakes", "variants", "demo")
"""A lesson's prepared answers, which decide no Grade: one file of each kind."""

CONFIGURATION = "nbgrader_config.py"


class CourseError(Exception):
    """The course folder is not what it should be. The message says what to do."""


@dataclass(frozen=True)
class Lesson:
    """What students never get of a lesson: its checks, the models that are sent, and prepared answers."""

    name: str
    """As a source notebook names it, for example ``optimizers/1-build-optimizers``."""
    folder: Path

    @classmethod
    def named(cls, name: str, lessons: Path) -> Lesson:
        """The lesson of this name, be it there or not. Raises CourseError when it is no such name."""
        if not re.fullmatch(r"[A-Za-z][\w-]*/\d+(-[a-z][a-z0-9]*)+", name):
            raise CourseError(f"{name!r} is no name of a lesson. One is like optimizers/1-build-optimizers.")
        assignment, _, exercise = name.partition("/")
        return cls(name, lessons / module_name(assignment) / module_name(exercise.partition("-")[2]))

    def checks(self, answers: list[str]) -> list[Path]:
        """Its files of hidden checks: ``checks.py``, or one for each graded function in ``checks/``, in their order.

        Raises CourseError when they are missing, and when a file in ``checks/`` is named after no graded function.
        """
        single, several = self.folder / "checks.py", self.folder / "checks"
        if single.is_file():
            return [single]
        found = {path.stem: path for path in sorted(several.glob("[!_]*.py"))}
        if not found:
            raise CourseError(f"The checks of {self.name} are missing: {single}. Bring them back.")
        strange = [path for name, path in found.items() if name not in answers]
        if strange:
            raise CourseError(f"{strange[0]} is named after no graded function of {self.name}: {', '.join(answers)}.")
        return [found[name] for name in answers if name in found]

    def deciding(self) -> dict[str, bytes]:
        """What a Grade depends on, by relative path: every module but the prepared answers."""
        paths = [path for path in sorted(self.folder.rglob("*.py")) if path.stem not in PREPARED]
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in paths}


def cells_changed(exercise: str, assignment: str) -> str:
    """What to say where graded cells came or went after students had handed in: the gradebook can't follow."""
    return (
        f"The graded cells of {exercise} are others than in the gradebook, which holds submissions to it, and "
        "nbgrader adds or removes none under them. Take the change back. Or let the gradebook forget the assignment, "
        "its due date and all points and comments that were given by hand: save a copy of gradebook.db, and run: "
        f"nbgrader db assignment remove {assignment} --force && autograder build && autograder autograde {assignment}"
    )


def module_name(name: str) -> str:
    """What the folder of an assignment or of a lesson's words is called, so that it can be imported."""
    return name.replace("-", "_")


@dataclass(frozen=True)
class Exercise:
    """One notebook of an assignment, with a lesson behind it."""

    assignment: str
    """The folder's name, which the instructor chose."""
    name: str
    """The notebook's name without ``.ipynb``."""
    source: Path
    """The notebook with its solutions."""
    lesson: Lesson
    points: dict[str, float]
    """The points of each test cell that a Grade decides, by its grade_id."""
    answers: list[str]
    """The grade_id of each autograded answer cell, which is the name of its function."""
    demonstrations: frozenset[str] = frozenset()
    """The texts of given cells that show something and define nothing that a graded function needs."""

    def __str__(self) -> str:
        return f"{self.assignment}/{self.name}"

    @property
    def checks(self) -> list[Path]:
        """Its files of hidden checks. Raises CourseError when they are missing."""
        return self.lesson.checks(self.answers)

    @property
    def max_score(self) -> float:
        """The sum of the points."""
        return total(self.points.values())

    @functools.cached_property
    def cells(self) -> list[nbformat.NotebookNode]:
        """The cells of the source. Nobody changes them."""
        return nbformat.read(self.source, as_version=4).cells

    @functools.cached_property
    def files(self) -> dict[str, bytes]:
        """What lies beside the notebook and students import, by relative path: our copy, never the student's.

        Modules come with their bytecode, which a Guest would otherwise make anew for each submission.
        """
        folder = self.source.parent
        paths = [p for p in folder.rglob("*") if p.is_file() and p.suffix != ".ipynb" and "__pycache__" not in p.parts]
        files = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(paths)}
        for name in [name for name in files if name.endswith(".py")]:
            cached = importlib.util.cache_from_source(name)
            with tempfile.NamedTemporaryFile(suffix=".pyc") as compiled, contextlib.suppress(py_compile.PyCompileError):
                mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
                py_compile.compile(str(folder / name), compiled.name, name, doraise=True, invalidation_mode=mode)
                files[cached] = Path(compiled.name).read_bytes()
        return files


@dataclass(frozen=True)
class Assignment:
    """A folder of notebooks in the course's source."""

    name: str
    exercises: dict[str, Exercise] = field(default_factory=dict)
    """The notebooks with a lesson here, by name, in order."""
    strangers: dict[str, str] = field(default_factory=dict)
    """The other notebooks, and why they are not graded here."""


class Course:
    """A folder with ``nbgrader_config.py`` and a source folder.

    Its lessons are this package's, and its source folder is what the configuration says, unless others are given.
    """

    def __init__(self, root: Path, lessons: Path = LESSONS, source: str | None = None) -> None:
        self.root = root
        self.lessons = lessons
        self._source = source

    @classmethod
    def find(cls, start: Path | None = None) -> Course:
        """The course around ``start``; by default the one around the current directory, else the one of this file.

        Raises CourseError when there is none.
        """
        own = [] if start else [Path(__file__).resolve().parent.parent]
        start = (start or Path.cwd()).resolve()
        for folder in (start, *start.parents, *own):
            if (folder / CONFIGURATION).is_file():
                return cls(folder)
        raise CourseError(
            f"{start} is not in a course folder (one with {CONFIGURATION}).\n"
            "Run this in the course folder, or name it with --course."
        )

    @functools.cached_property
    def source(self) -> Path:
        """The folder of the source notebooks. Raises CourseError when the configuration can't be read."""
        if self._source is not None:
            return self.root / self._source
        if not (self.root / CONFIGURATION).is_file():
            return self.root / "source"
        return self.root / self._config.CourseDirectory.get("source_directory", "source")

    @functools.cached_property
    def private(self) -> tuple[str, ...]:
        """Folders of which student code must see nothing: the course, and the exchange that its configuration names."""
        exchange = self._config.Exchange.get("root") if (self.root / CONFIGURATION).is_file() else None
        return (str(self.root), *([str(exchange)] if exchange else []))

    @functools.cached_property
    def _config(self) -> Config:
        try:
            return PyFileConfigLoader(CONFIGURATION, path=str(self.root)).load_config()
        except Exception as error:  # it is a program, and can raise whatever it likes
            raise CourseError(f"{self.root / CONFIGURATION} can't be read: {type(error).__name__}: {error}") from error

    @functools.cached_property
    def assignments(self) -> dict[str, Assignment]:
        """The assignments by name, in order.

        Raises CourseError when the source folder is missing, and when two lessons would have the same folder.
        """
        if not self.source.is_dir():
            raise CourseError(f"There is no folder {self.source}, where the course's notebooks should be.")
        folders = [path for path in sorted(self.source.iterdir()) if path.is_dir() and path.name[0] not in "._"]
        found = {folder.name: self._read_assignment(folder) for folder in folders}
        names: dict[Path, str] = {}
        for assignment in found.values():
            for exercise in assignment.exercises.values():
                lesson = exercise.lesson
                if names.setdefault(lesson.folder, lesson.name) != lesson.name:
                    raise CourseError(
                        f"The lessons {names[lesson.folder]} and {lesson.name} would both lie in {lesson.folder}. "
                        "Rename one of them, so that they differ in more than a hyphen or a number."
                    )
        return found

    @property
    def exercises(self) -> list[Exercise]:
        """All exercises, in order."""
        return [exercise for assignment in self.assignments.values() for exercise in assignment.exercises.values()]

    def assignment(self, name: str | None = None) -> Assignment:
        """An assignment with lessons, by default the only one. Raises CourseError, which names those that are there."""
        known = {key: found for key, found in self.assignments.items() if found.exercises}
        listed = ", ".join(known) or "none"
        if name is None:
            if len(known) != 1:
                raise CourseError(f"Name one of the assignments in {self.source.name}/: {listed}.")
            return next(iter(known.values()))
        if name in known:
            return known[name]
        if name not in self.assignments:
            raise CourseError(f"There is no assignment {name} in {self.source.name}/. There is: {listed}.")
        why = next(iter(self.assignments[name].strangers.values()), f"{self.source / name} holds no notebook")
        raise CourseError(f"The assignment {name} has no lesson here: {why}. With lessons there is: {listed}.")

    def _read_assignment(self, folder: Path) -> Assignment:
        assignment = Assignment(folder.name)
        for path in sorted(folder.glob("*.ipynb")):
            try:
                assignment.exercises[path.stem] = _read(path, self.lessons)
            except CourseError as error:
                assignment.strangers[path.stem] = str(error)
        return assignment


def _read(path: Path, lessons: Path) -> Exercise:
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat raises whatever the damage makes it raise
        raise CourseError(f"{path} can't be read: {error}") from error
    named = notebook.metadata.get(METADATA)
    name = named.get("lesson") if isinstance(named, Mapping) else None
    if not isinstance(name, str):
        raise CourseError(f"{path} names no lesson in its metadata")
    points, answers = {}, []
    for identifier, meta in _graded_code(notebook):
        if meta.get("grade") and not meta.get("solution"):
            points[identifier] = float(meta["points"])
        elif meta.get("solution") and not meta.get("grade"):
            answers.append(identifier)
    marked = [cell.source.strip() for cell in notebook.cells if _is_demonstration(cell)]
    lesson = Lesson.named(name, lessons)
    return Exercise(path.parent.name, path.stem, path, lesson, points, answers, frozenset(marked))


def _is_demonstration(cell: nbformat.NotebookNode) -> bool:
    marks = cell.metadata.get(METADATA)
    return cell.cell_type == "code" and isinstance(marks, Mapping) and marks.get("demonstration") is True


def _graded_code(notebook: nbformat.NotebookNode) -> Iterator[tuple[str, Mapping]]:
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and "grade_id" in meta:
            yield meta["grade_id"], meta
