"""Prepared answers under ``tests/submissions``: mistakes, variants and attacks, on which the graders are tried.

Each exercise has one file of each kind, a Python script in jupytext's percent format. A cell is one specimen: what
it changes in the reference solution, under a title that says what is special about it. A mistake also names the
check that must catch it: ``# %% SGD without its momentum caught_by="test_sgd_settings"``.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from autograder.course import CourseError, Exercise
from autograder.notebooks import grade_id


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
        first, *others = self.defines(exercise)
        return answer(exercise, {first: self.code}, others)

    def defines(self, exercise: Exercise) -> list[str]:
        """The graded functions that the code defines, in order."""
        names = []
        for statement in ast.parse(self.code).body:
            if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
                names.append(statement.name)
            elif isinstance(statement, ast.Assign):
                names += [target.id for target in statement.targets if isinstance(target, ast.Name)]
        defined = [name for name in dict.fromkeys(names) if name in exercise.answers]
        if not defined:
            raise CourseError(f'The specimen "{self.title}" of {self.exercise} defines none of {exercise.answers}.')
        return defined


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
    unanswered = "raise NotImplementedError()"
    return answer(exercise, {name: f"def {name}(*args, **kwargs):\n    {unanswered}" for name in exercise.answers})


def read(folder: Path, kind: str, exercise: Exercise) -> list[Specimen]:
    """The specimens of one kind (``mistakes``, ``variants``) for an exercise, from ``folder/kind/exercise.py``."""
    path = folder / kind / f"{exercise.name}.py"
    if not path.is_file():
        return []
    specimens = []
    for cell in jupytext.read(path, fmt="py:percent").cells:
        title = cell.metadata.get("title")
        if cell.cell_type != "code" or title is None:
            continue
        if "incorrectly_encoded_metadata" in cell.metadata:
            raise CourseError(f"{path}: the title {title!r} must not hold quotes or an equals sign.")
        caught_by = cell.metadata.get("caught_by", [])
        caught_by = (caught_by,) if isinstance(caught_by, str) else tuple(caught_by)
        specimens.append(Specimen(title, exercise.name, cell.source, caught_by))
    return specimens
