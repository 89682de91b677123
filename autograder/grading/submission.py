"""One submission: the notebook repaired, ready to run, and what was odd about it; read once, in this order."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.course import Exercise
from autograder.grading import reading
from autograder.results import Oddity
from autograder.sandbox import wire


@dataclass(frozen=True)
class Submission:
    """What a student has handed in for an exercise."""

    name: str
    """How reports call it."""
    exercise: Exercise
    notebook: NotebookNode
    """With the nbgrader cells of its source; a placeholder where the file can't be graded."""
    oddities: list[Oddity] = field(default_factory=list)
    """What the student changed and should not have. None of it costs points by itself."""
    problem: str | None = None
    """Why it can't be graded as it is."""

    @classmethod
    def read(cls, path: Path, exercise: Exercise, name: str | None = None) -> Submission:
        """Read a notebook file. One that is no notebook has a problem; this never raises for it."""
        name = name or str(path)
        try:
            return cls.of(reading.read(path), exercise, name)
        except reading.UnreadableNotebook as error:
            return cls(name, exercise, placeholder(exercise, str(error)), problem=str(error))

    @classmethod
    def of(cls, notebook: NotebookNode, exercise: Exercise, name: str) -> Submission:
        """The submission of a notebook that was read, which is repaired in place."""
        found = list(_oddities(notebook, exercise))
        return cls(name, exercise, _repair(notebook, exercise), found)

    def cells(self, quick: bool = False) -> list[tuple[int, wire.Cell]]:
        """The student's code, as (place in the notebook, cell). Test cells are not run: the checks decide.

        ``quick`` leaves out demonstrations: cells whose text is that of a marked cell of our source.
        """
        cells = []
        for index, cell in enumerate(self.notebook.cells):
            name = grade_id(cell)
            is_code = cell.cell_type == "code" or name in self.exercise.answers  # as text, an answer still counts
            is_shown_only = name is None and cell.source.strip() in self.exercise.demonstrations
            if is_code and name not in self.exercise.points and not (quick and is_shown_only):
                cells.append((index, wire.Cell(cell.source, name or f"cell {index + 1}")))
        return cells


def belongs_to(notebook: NotebookNode, exercises: Mapping[str, Exercise]) -> Exercise | None:
    """The exercise whose answer cells are all in the notebook, whatever the file is called."""
    ids = {grade_id(cell) for cell in notebook.cells}
    return next((e for e in exercises.values() if e.answers and ids.issuperset(e.answers)), None)


def grade_id(cell: NotebookNode) -> str | None:
    """The nbgrader id of a cell, if it has one."""
    meta = cell.metadata.get("nbgrader")
    value = meta.get("grade_id") if isinstance(meta, dict) else None
    return value if isinstance(value, str) else None


def _oddities(notebook: NotebookNode, exercise: Exercise) -> Iterator[Oddity]:
    released = _released(exercise)
    present: dict[str | None, list[NotebookNode]] = {}
    for cell in notebook.cells:
        present.setdefault(grade_id(cell), []).append(cell)
    for name, original in released.items():
        cells, kind = present.get(name, []), _kind(original)
        if not cells:
            yield Oddity(_how_missing(name, kind, notebook), name)
        elif len(cells) > 1:
            yield Oddity(f"{kind} repeated", name, len(cells))
        if kind == "answer":
            if any(cell.cell_type != original.cell_type for cell in cells):
                yield Oddity("answer retyped", name, cells[-1].cell_type)
        elif any(
            cell.source.strip() != original.source.strip() or cell.cell_type != original.cell_type for cell in cells
        ):
            yield Oddity(f"{kind} changed", name)
        if any(_rules(cell) != _rules(original) for cell in cells):
            yield Oddity(f"{kind} rules", name)
    order = [name for name in dict.fromkeys(map(grade_id, notebook.cells)) if name in released]
    if order != [name for name in released if name in order]:
        yield Oddity("order")


def _released(exercise: Exercise) -> dict[str, NotebookNode]:
    """The cells of the source that nbgrader knows, by grade_id, in order."""
    cells = {grade_id(cell): cell for cell in exercise.cells}
    return {name: cell for name, cell in cells.items() if name is not None}


def _kind(original: NotebookNode) -> str:
    meta = original.metadata.nbgrader
    return "answer" if meta.get("solution") else "check" if meta.get("grade") else "given"


def _rules(cell: NotebookNode) -> list[object]:
    """What nbgrader's metadata say of a cell, as far as it decides anything."""
    meta = cell.metadata.nbgrader
    return [*(bool(meta.get(key)) for key in ("grade", "solution", "task")), meta.get("grade") and meta.get("points")]


def _how_missing(name: str, kind: str, notebook: NotebookNode) -> str:
    defines = re.compile(rf"^(def|class) {re.escape(name)}\b|^{re.escape(name)} *=", re.MULTILINE)
    is_elsewhere = any(defines.search(cell.source) for cell in notebook.cells if cell.cell_type == "code")
    return "answer unlabelled" if kind == "answer" and is_elsewhere else f"{kind} missing"


MISSING_ANSWER = "*This cell was missing from the submission.*"
"""What stands in a restored cell for a written answer."""


def _repair(notebook: NotebookNode, exercise: Exercise) -> NotebookNode:
    """The notebook with the nbgrader cells of its source: what is missing comes back, what was changed is undone.

    Answers stay as they are, and one that is missing is not made up.
    """
    released = _released(exercise)
    cells, seen = [], set()
    for cell in reversed(notebook.cells):  # of two copies the last counts, as for Python
        name = grade_id(cell)
        cell.metadata.pop("nbgrader", None)
        if name in released and name not in seen:
            seen.add(name)
            cell = _as_released(cell, released[name])
        cells.append(cell)
    cells.reverse()
    before = None
    for name, original in released.items():
        meta = original.metadata.nbgrader
        if name not in seen and (meta.get("grade") or not meta.get("solution")):
            blank = nbformat.from_dict({**original, "source": MISSING_ANSWER})
            names = [grade_id(cell) for cell in cells]
            place = names.index(before) + 1 if before in names else 0
            cells.insert(place, _as_released(blank, original))
            seen.add(name)
        before = name if name in seen else before
    ids: set[str] = set()
    for cell in cells:
        if cell.get("id") in ids or "id" not in cell:
            cell["id"] = nbformat.v4.new_markdown_cell()["id"]
        ids.add(cell["id"])
    notebook.cells = cells
    notebook.nbformat_minor = max(notebook.nbformat_minor, 5)  # the first with ids
    return notebook


def placeholder(exercise: Exercise, reason: str) -> NotebookNode:
    """A notebook in place of one that can't be read: the reason, and the graded cells of the exercise."""
    source = nbformat.read(exercise.source, as_version=4)
    graded = [cell for cell in source.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    source.cells = [nbformat.v4.new_markdown_cell(reason)]
    source.cells += [_as_released(cell, cell) for cell in graded if not cell.metadata.nbgrader.get("solution")]
    return source


def _as_released(cell: NotebookNode, original: NotebookNode) -> NotebookNode:
    """A copy of the original cell, with this cell's text where students write."""
    fresh = nbformat.from_dict(json.loads(json.dumps(original)))
    meta = original.metadata.nbgrader
    if meta.get("solution"):
        fresh.source = cell.source
    if fresh.cell_type == "code":
        fresh.outputs, fresh.execution_count = [], None
    return fresh
