"""One submission: the notebook repaired, ready to run, and what was odd about it; read once, in this order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.course import Exercise
from autograder.grading import reading
from autograder.grading.labels import grade_id
from autograder.grading.repairing import as_released, repair
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
        oddities = repair(notebook, exercise)
        return cls(name, exercise, notebook, oddities)

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


def placeholder(exercise: Exercise, reason: str) -> NotebookNode:
    """A notebook in place of one that can't be read: the reason, and the graded cells of the exercise."""
    source = nbformat.read(exercise.source, as_version=4)
    graded = [cell for cell in source.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    source.cells = [nbformat.v4.new_markdown_cell(reason)]
    source.cells += [as_released(cell, cell) for cell in graded if not cell.metadata.nbgrader.get("solution")]
    return source
