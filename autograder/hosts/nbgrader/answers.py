"""What a notebook answers: the functions and questions whose cells are not as nbgrader has released them."""

from __future__ import annotations

import re
from collections.abc import Mapping

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import ClearSolutions
from traitlets.config import Config

from autograder.course import Assignment, Exercise
from autograder.grading.submission import grade_id


class Answers:
    """Knows the released text of each answer cell of an assignment, written answers too."""

    def __init__(self, assignment: Assignment, config: Config) -> None:
        self._config = config
        self._exercises = assignment.exercises
        self._released: dict[str, dict[str, str]] = {}

    def of(self, exercise: Exercise) -> Mapping[str, str]:
        """The text with which each answer cell of an exercise is released, by its grade_id."""
        if exercise.name not in self._released:
            notebook = nbformat.read(exercise.source, as_version=4)
            ClearSolutions(config=self._config).preprocess(notebook, {})
            answers = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("solution")]
            self._released[exercise.name] = {cell.metadata.nbgrader["grade_id"]: _text(cell) for cell in answers}
        return self._released[exercise.name]

    def given(self, notebook: NotebookNode, exercise: Exercise) -> set[str]:
        """The grade_ids of the answers that a notebook gives to an exercise.

        What lost its label counts where a cell defines the function, as it does for the checks; but not in a notebook
        of another exercise, which may define a helper of the same name.
        """
        released = self.of(exercise)
        given = {
            name
            for cell in notebook.cells
            if (name := grade_id(cell)) is not None and name in released and _text(cell) not in ("", released[name])
        }
        labels = set(map(grade_id, notebook.cells))
        if not any(labels.intersection(other.answers) for other in self._exercises.values() if other != exercise):
            code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code" and not grade_id(cell))
            given |= {name for name in exercise.answers if name not in given and _defines(code, name)}
        return given


def _defines(code: str, name: str) -> bool:
    return re.search(rf"^(def|class) {re.escape(name)}\b|^{re.escape(name)} *=[^=]", code, re.MULTILINE) is not None


def _text(cell: NotebookNode) -> str:
    return "\n".join(line.rstrip() for line in cell.source.strip().splitlines())
