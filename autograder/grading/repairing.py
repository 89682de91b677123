"""Give a student's notebook the labelled cells of its source again, and lose nothing that the student wrote into them.

Answers stay as they are, and one that is missing is not made up. Of two copies of a cell the last one counts, as for
Python, but one that can run before one that can't. What a student wrote into a cell that is not for answers becomes a
cell of the student's own, right before ours:

- into a given cell: it runs, and ours after it, so that what ours defines holds;
- into a check cell: it runs only where its answer cell is missing or was left unwritten. Else it is shown as text, so
  nothing in a check cell costs anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import nbformat
from nbformat import NotebookNode

from autograder.course import Exercise
from autograder.grading import written
from autograder.grading.definitions import defines, is_answered
from autograder.grading.labels import grade_id, kind_of, released, rules
from autograder.grading.rebuilding import number
from autograder.results import Oddity

Cell = NotebookNode


def repair(notebook: NotebookNode, exercise: Exercise) -> list[Oddity]:
    """Repair a notebook in place. What was odd about it, in the order of the source's cells."""
    repaired = _Repair(notebook.cells, exercise)
    oddities = list(repaired.oddities())
    notebook.cells = repaired.cells()
    notebook.nbformat_minor = max(notebook.nbformat_minor, 5)  # the first with ids
    number(notebook)
    return oddities


def as_released(cell: Cell, original: Cell) -> Cell:
    """A copy of the original cell, with this cell's text where students write."""
    fresh = nbformat.from_dict(json.loads(json.dumps(original)))
    if original.metadata.nbgrader.get("solution"):
        fresh.source = cell.source
        fresh.pop("attachments", None)
        if cell.get("attachments") and fresh.cell_type != "code":
            fresh.attachments = cell.attachments
    if fresh.cell_type == "code":
        fresh.outputs, fresh.execution_count = [], None
    return fresh


class _Repair:
    def __init__(self, cells: list[Cell], exercise: Exercise) -> None:
        self._cells = cells
        self._exercise = exercise
        self._released = released(exercise)
        self._kinds = {name: kind_of(original) for name, original in self._released.items()}
        self._copies: dict[str, list[Cell]] = {name: [] for name in self._released}
        for cell in cells:
            if (name := grade_id(cell)) in self._copies:
                self._copies[name].append(cell)
        self._counts = {name: found for name in self._released if (found := self._which_counts(name)) is not None}
        self._pieces = {
            name: written.gather(cells, name, exercise) for name, kind in self._kinds.items() if kind == "written"
        }
        self._joined = {id(piece) for name in self._pieces if name in self._counts for piece in self._pieces[name]}
        self._unanswered = {name for name in exercise.answers if not self._is_answered(name)}

    # --- which cell is what

    def _which_counts(self, name: str) -> Cell | None:
        """The copy that counts: the last of the right type, else the last; no text where something else can run."""
        copies, right = self._copies[name], self._right(name)
        if copies and not right and self._kinds[name] == "answer" and self._is_defined_elsewhere(name, f"test_{name}"):
            return None
        return (right or copies)[-1] if copies else None

    def _right(self, name: str) -> list[Cell]:
        """The copies of a cell that are of its type."""
        return [cell for cell in self._copies[name] if cell.cell_type == self._released[name].cell_type]

    def _is_defined_elsewhere(self, name: str, *checks: str) -> bool:
        """Whether a code cell defines the name that is not labelled with it: one that runs, or one of these checks."""
        return any(
            cell.cell_type == "code"
            and defines(cell.source, name)
            and (label := grade_id(cell)) != name
            and (label in checks or self._kinds.get(label or "") != "check")
            for cell in self._cells
        )

    def _is_answered(self, name: str) -> bool:
        running = [cell for cell in self._right(name) if cell.cell_type == "code"]
        if not running and name in self._counts:
            running = [self._counts[name]]  # it is turned back
        return is_answered("\n".join(cell.source for cell in running), name)

    def _runs(self, check: str) -> bool:
        """Whether what a student wrote into a check cell runs."""
        return check.removeprefix("test_") in self._unanswered

    def _is_changed(self, cell: Cell, name: str) -> bool:
        """Whether there is more of the student's in a cell than white space."""
        return bool(cell.source.strip()) and cell.source.split() != self._released[name].source.split()

    def _changed(self, name: str) -> list[Cell]:
        return [cell for cell in self._copies[name] if self._is_changed(cell, name)]

    # --- what is odd

    def oddities(self) -> Iterator[Oddity]:
        """What the student changed and should not have."""
        for name, kind in self._kinds.items():
            yield from {
                "answer": self._odd_answer,
                "written": self._odd_written,
                "check": self._odd_check,
                "given": self._odd_given,
            }[kind](name)
            if any(rules(cell) != rules(self._released[name]) for cell in self._copies[name]):
                yield Oddity(f"{'answer' if kind == 'written' else kind} rules", name)
        order = [name for name in dict.fromkeys(map(grade_id, self._cells)) if name in self._released]
        if order != [name for name in self._released if name in order]:
            yield Oddity("order")

    def _odd_answer(self, name: str) -> Iterator[Oddity]:
        copies, right = self._copies[name], self._right(name)
        check = f"test_{name}"
        if name not in self._counts:
            if check in self._released and self._ran(check):
                return  # which is told of the check cell
            if copies:
                yield Oddity("answer as text", name, copies[-1].cell_type)
            else:
                yield Oddity(f"answer {'unlabelled' if self._is_defined_elsewhere(name) else 'missing'}", name)
            return
        if len(right or copies) > 1:
            yield Oddity("answer repeated", name, len(right or copies))
        if not right:
            yield Oddity("answer retyped", name, copies[-1].cell_type)

    def _odd_written(self, name: str) -> Iterator[Oddity]:
        pieces, copies = self._pieces[name], self._copies[name]
        if not copies:
            yield Oddity("answer gathered" if pieces else "answer missing", name)
        elif len(pieces) > 1:
            yield Oddity("answer joined", name, len(pieces))
        if copies and self._counts[name].cell_type != self._released[name].cell_type:
            yield Oddity("answer retyped", name, self._counts[name].cell_type)

    def _odd_check(self, name: str) -> Iterator[Oddity]:
        copies = self._copies[name]
        if not any(cell.source.strip() for cell in copies):
            yield Oddity("check missing", name)
            return
        if len(copies) > 1:
            yield Oddity("check repeated", name, len(copies))
        if self._ran(name):
            yield Oddity("check ran", name)
        elif self._changed(name) or self._counts[name].cell_type != self._released[name].cell_type:
            yield Oddity("check changed", name)

    def _ran(self, check: str) -> bool:
        return self._runs(check) and any(cell.cell_type == "code" for cell in self._changed(check))

    def _odd_given(self, name: str) -> Iterator[Oddity]:
        copies = self._copies[name]
        if not any(cell.source.strip() for cell in copies):
            yield Oddity("given missing", name)
            return
        if len(self._right(name)) > 1:
            yield Oddity("given repeated", name, len(self._right(name)))
        if any(cell.cell_type == "code" for cell in self._changed(name)):
            yield Oddity("given changed", name)
        elif self._changed(name) or self._counts[name].cell_type != self._released[name].cell_type:
            yield Oddity("given set back", name)

    # --- what comes of it

    def cells(self) -> list[Cell]:
        """The cells of the repaired notebook."""
        return self._with_missing([made for cell in self._cells for made in self._become(cell, grade_id(cell))])

    def _become(self, cell: Cell, name: str | None) -> list[Cell]:
        """What a cell of the student's becomes."""
        cell.metadata.pop("nbgrader", None)
        kind = self._kinds.get(name or "")
        if name is None or kind is None:
            return [] if id(cell) in self._joined else [cell]
        original, counts = self._released[name], cell is self._counts.get(name)
        if kind == "written":
            if not counts:
                return [] if id(cell) in self._joined else [cell]
            return [as_released(written.join(self._pieces[name] or [cell]), original)]
        if kind == "answer":
            return [as_released(cell, original) if counts else cell]
        kept = [self._kept(cell, name)] if self._is_changed(cell, name) else []
        if counts:
            return [*kept, as_released(cell, original)]
        return [cell] if kind == "given" else kept

    def _kept(self, cell: Cell, name: str) -> Cell:
        """What a student wrote into a cell that is not for answers, as a cell of the student's own."""
        if self._kinds[name] == "given" or self._runs(name) or cell.cell_type != "code":
            return cell
        return written.as_text(cell.source)

    def _with_missing(self, cells: list[Cell]) -> list[Cell]:
        before = None
        for name, original in self._released.items():
            if name not in self._counts and (self._kinds[name] != "answer" or original.metadata.nbgrader.get("grade")):
                pieces = self._pieces.get(name)
                text = written.join(pieces) if pieces else nbformat.v4.new_markdown_cell(written.MISSING_ANSWER)
                names = [grade_id(cell) for cell in cells]
                place = names.index(before) + 1 if before in names else 0
                cells.insert(place, as_released(text, original))
            elif name not in self._counts:
                continue
            before = name
        return cells
