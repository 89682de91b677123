"""nbgrader's labels: which cell of the source a student's cell is, and what that cell is for."""

from __future__ import annotations

from typing import Literal

from nbformat import NotebookNode

from autograder.course import Exercise

Kind = Literal["answer", "written", "check", "given"]
"""What a labelled cell of the source is for; a written answer is text that a person grades."""


def grade_id(cell: NotebookNode) -> str | None:
    """The nbgrader id of a cell, if it has one."""
    meta = cell.metadata.get("nbgrader")
    value = meta.get("grade_id") if isinstance(meta, dict) else None
    return value if isinstance(value, str) else None


def released(exercise: Exercise) -> dict[str, NotebookNode]:
    """The cells of the source that nbgrader knows, by grade_id, in order."""
    cells = {grade_id(cell): cell for cell in exercise.cells}
    return {name: cell for name, cell in cells.items() if name is not None}


def kind_of(original: NotebookNode) -> Kind:
    """What a labelled cell of the source is for."""
    meta = original.metadata.nbgrader
    if meta.get("solution"):
        return "written" if original.cell_type != "code" else "answer"
    return "check" if meta.get("grade") else "given"


def rules(cell: NotebookNode) -> list[object]:
    """What nbgrader's metadata say of a cell, as far as it decides anything."""
    meta = cell.metadata.nbgrader
    return [*(bool(meta.get(key)) for key in ("grade", "solution", "task")), meta.get("grade") and meta.get("points")]
