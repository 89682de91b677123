"""What the course holds: its assignments, their exercises, and the files that students import."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import py_compile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import nbformat

from autograder.results import total

GRADERS = Path(__file__).parent / "graders"


class CourseError(Exception):
    """The course folder is not what it should be. The message says what to do."""


@dataclass(frozen=True)
class Exercise:
    """One notebook of an assignment."""

    name: str
    """The notebook's name without ``.ipynb``."""
    assignment: str
    source: Path
    """The notebook with its solutions."""
    points: dict[str, float]
    """The points of each test cell that a Grade decides, by its grade_id."""
    answers: list[str]
    """The grade_id of each autograded answer cell, which is the name of its function."""

    graders_folder: Path = GRADERS

    @property
    def graders(self) -> Path:
        """Its file of hidden checks: ``1-build-optimizers`` is graded by ``build_optimizers.py``."""
        return self.graders_folder / f"{module_name(self.name)}.py"

    @property
    def max_score(self) -> float:
        """The sum of the points."""
        return total(self.points.values())

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


def module_name(exercise: str) -> str:
    """What the modules of an exercise are called: ``1-build-optimizers`` becomes ``build_optimizers``."""
    return exercise.partition("-")[2].replace("-", "_")


class Course:
    """A folder with ``nbgrader_config.py`` and ``source/``; its graders are this package's, unless others are given."""

    def __init__(self, root: Path, graders: Path = GRADERS) -> None:
        self.root = root
        self.graders = graders

    @classmethod
    def find(cls, start: Path | None = None) -> Course:
        """The course around ``start``; by default the one around the current directory, else the one of this file.

        Raises CourseError when there is none.
        """
        own = [] if start else [Path(__file__).resolve().parent.parent]
        start = (start or Path.cwd()).resolve()
        for folder in (start, *start.parents, *own):
            if (folder / "nbgrader_config.py").is_file() and (folder / "source").is_dir():
                return cls(folder)
        raise CourseError(
            f"{start} is not in a course folder (one with nbgrader_config.py and source/).\n"
            "Run this in the course folder, or name it with --course."
        )

    @functools.cached_property
    def exercises(self) -> dict[str, Exercise]:
        """The exercises by name, in order."""
        exercises = [_read(path, self.graders) for path in sorted((self.root / "source").glob("*/*.ipynb"))]
        return {exercise.name: exercise for exercise in exercises}


def _read(path: Path, graders: Path) -> Exercise:
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:
        raise CourseError(f"{path} can't be read: {error}\nBring it back, for instance with: git checkout") from error
    points, answers = {}, []
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and meta.get("grade") and not meta.get("solution"):
            points[meta["grade_id"]] = float(meta["points"])
        elif cell.cell_type == "code" and meta.get("solution") and not meta.get("grade"):
            answers.append(meta["grade_id"])
    return Exercise(path.stem, path.parent.name, path, points, answers, graders)
