"""Prepared answers, on which the graders are tried: each lesson's mistakes, variants and demo, and attacks.

A lesson has one file of each kind in its folder, a Python script in jupytext's percent format. A cell is one specimen:
what it changes in the reference solution, under a title that says what is special about it. A mistake also names the
check that must catch it: ``# %% SGD without its momentum caught_by="test_sgd_settings"``.

Attacks are sorted by topic instead, ``tests/attacks/TOPIC.py``. Each names what must hold, and its lesson where that is
not the first: ``# %% A fork bomb holds="contained" lesson="optimizers/2-decay-groups"``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode

from autograder.course import Course, CourseError, Exercise, Lesson
from autograder.grading.labels import grade_id
from autograder.results import total


@dataclass(frozen=True)
class Specimen:
    """One prepared submission to an exercise."""

    title: str
    exercise: str
    code: str
    """Definitions that replace those of the reference solution."""
    caught_by: tuple[str, ...] = ()
    """The checks that must fail; only mistakes name some."""

    def notebook(self, exercise: Exercise) -> NotebookNode:
        """The reference solution with this specimen's definitions in place of its own."""
        defined = self.defines(exercise)
        if not defined:
            raise CourseError(f'The specimen "{self.title}" of {self.exercise} defines none of {exercise.answers}.')
        first, *others = defined
        return answer(exercise, {first: self.code}, others)

    def defines(self, exercise: Exercise) -> list[str]:
        """The graded functions that the code defines, in order."""
        names = []
        for statement in ast.parse(self.code).body:
            if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
                names.append(statement.name)
            elif isinstance(statement, ast.Assign):
                names += [target.id for target in statement.targets if isinstance(target, ast.Name)]
        return [name for name in dict.fromkeys(names) if name in exercise.answers]


HOLDS = ("no gain", "contained", "no leak")


@dataclass(frozen=True)
class Attack(Specimen):
    """A submission that tries to cheat, to break the grader, or to read what is not its own."""

    topic: str = ""
    holds: str = ""
    """``no gain``: the functions that it is after earn nothing. ``contained``: it harms nobody else, and the next
    submission has full marks. ``no leak``: what it was after is in nothing that comes back."""

    def targets(self, exercise: Exercise) -> list[str]:
        """The functions that it is after; they are not answered, and the others are right."""
        return self.defines(exercise) or exercise.answers[:1]

    def honest_score(self, exercise: Exercise) -> float:
        """The most that the same notebook would earn without the attack."""
        lost = self.targets(exercise) if self.holds == "no gain" else []
        return total([exercise.max_score, *(-exercise.points[f"test_{name}"] for name in lost)])

    def notebook(self, exercise: Exercise, host: Mapping[str, Any] | None = None) -> NotebookNode:
        """The attack's definitions in place of the answers, or its code in a cell in front of them.

        ``host`` is what it is told about the machine, as ``HOST``: it need not guess where to look.
        """
        code = {name: unwritten(name) for name in self.targets(exercise)} if self.holds == "no gain" else {}
        defined = self.defines(exercise)
        if defined:
            code[defined[0]] = self.code
        notebook = without_examples(answer(exercise, code, defined[1:]))
        cells = [f"HOST = {dict(host or whereabouts(exercise))!r}"] + ([] if defined else [self.code])
        place = next(place for place, cell in enumerate(notebook.cells) if grade_id(cell) in exercise.answers)
        notebook.cells[place:place] = [nbformat.v4.new_code_cell(cell) for cell in cells]
        return notebook


def whereabouts(exercise: Exercise) -> dict[str, Any]:
    """Where the secrets of an exercise lie, and doors of the host that students must not reach."""
    root = exercise.source.parent.parent.parent
    solution = root / "solutions" / exercise.assignment / exercise.source.name
    files = [*exercise.checks, exercise.source, solution, root / "gradebook.db", root / "nbgrader_config.py"]
    return {"files": [str(file) for file in files], "port": 9, "socket": "/run/attack", "abstract": "attack"}


def unchanged(exercise: Exercise) -> NotebookNode:
    """The reference solution as a student would hand it in."""
    return answer(exercise, {})


def answer(exercise: Exercise, code: dict[str, str], dropped: Sequence[str] = ()) -> NotebookNode:
    """The solution notebook as a student would hand it in, with other code in some answer cells.

    The ``dropped`` ones are left empty. nbgrader's ``### BEGIN SOLUTION`` marks go.
    """
    notebook = nbformat.read(exercise.source, as_version=4)
    for cell in notebook.cells:
        name = grade_id(cell)
        if name in code:
            cell.source = code[name]
        elif name in dropped:
            cell.source = "# defined above"
        elif name in exercise.answers:
            cell.source = "\n".join(line for line in cell.source.splitlines() if "### " not in line)
    return notebook


def without_examples(notebook: NotebookNode) -> NotebookNode:
    """The notebook's graded and locked cells alone: the examples and figures between them take most of its time."""
    notebook.cells = [cell for cell in notebook.cells if grade_id(cell)]
    return notebook


def stub(exercise: Exercise) -> NotebookNode:
    """The notebook as it is released, with nothing answered."""
    return answer(exercise, {name: unwritten(name) for name in exercise.answers})


def unwritten(name: str) -> str:
    """An answer that is not written yet."""
    return f"def {name}(*args, **kwargs):\n    raise NotImplementedError()"


def read(kind: str, exercise: Exercise) -> list[Specimen]:
    """The specimens of one kind (``mistakes``, ``variants`` or ``demo``) of an exercise's lesson."""
    path = exercise.lesson.folder / f"{kind}.py"
    if not path.is_file():
        return []
    specimens = []
    for title, code, metadata in _titled_cells(path):
        caught_by = metadata.get("caught_by", [])
        caught_by = (caught_by,) if isinstance(caught_by, str) else tuple(caught_by)
        specimens.append(Specimen(title, exercise.name, code, caught_by))
    return specimens


ATTACKED = "optimizers/1-build-optimizers"
"""The lesson of an attack that names none."""


def read_attacks(folder: Path, course: Course) -> list[tuple[Exercise, Attack]]:
    """The attacks in the folder on lessons of the course, each with its exercise."""
    attacks = []
    exercises = {exercise.lesson.name: exercise for exercise in reversed(course.exercises)}
    for path in sorted(folder.glob("[!_]*.py")):
        for title, code, metadata in _titled_cells(path):
            lesson, holds = metadata.get("lesson", ATTACKED), metadata.get("holds")
            if holds not in HOLDS or not Lesson.named(lesson, course.lessons).folder.is_dir():
                raise CourseError(f"{path}: {title!r} needs holds, one of {HOLDS}, and a lesson that is there.")
            if lesson in exercises:
                exercise = exercises[lesson]
                attacks.append((exercise, Attack(title, exercise.name, code, topic=path.stem, holds=holds)))
    return attacks


def _titled_cells(path: Path) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for cell in jupytext.read(path, fmt="py:percent").cells:
        title = cell.metadata.get("title")
        if cell.cell_type != "code" or title is None:
            continue
        if "incorrectly_encoded_metadata" in cell.metadata:
            raise CourseError(f"{path}: the title {title!r} must not hold quotes or an equals sign.")
        yield title, cell.source, cell.metadata
