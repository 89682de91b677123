"""What makes ``nbgrader generate_feedback`` write our page, named in nbgrader_config.py like the plugin's classes:

c.GenerateFeedback.exporter_class  FeedbackExporter  instead of HTMLExporter
c.GenerateFeedback.preprocessors   GetPoints         instead of GetGrades
"""

from __future__ import annotations

from typing import Any

import nbformat
from nbconvert.exporters import Exporter, HTMLExporter
from nbformat import NotebookNode
from nbgrader.api import MissingEntry
from nbgrader.converters import GenerateFeedback
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import GetGrades

from autograder.course import Exercise
from autograder.hosts.nbgrader.copying import CarefulFeedback
from autograder.hosts.nbgrader.course import who_grades_this
from autograder.pages.feedback_page import render


class GetPoints(GetGrades):
    """Reads points and comments from the gradebook, and also which points are still open."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Put the points into the notebook's cells. Raises NbGraderException when the gradebook has none."""
        try:
            return super().preprocess(nb, resources)
        except MissingEntry as error:
            names = resources["nbgrader"]
            message = (
                f"The gradebook has no points for {names['notebook']} of {names['student']}: it is the gradebook of "
                f"another course, or older. Run: autograder autograde {names['assignment']}"
            )
            self.log.error(message)
            raise NbGraderException(message) from error

    def _get_comment(self, cell: NotebookNode, resources: dict[str, Any]) -> None:
        super()._get_comment(cell, resources)
        meta = cell.metadata.nbgrader
        row = self.gradebook.find_comment(meta["grade_id"], self.notebook_id, self.assignment_id, self.student_id)
        meta["comment"] = row.manual_comment  # nbgrader's own "No response." is nobody's comment
        meta["is_untouched"] = row.auto_comment is not None

    def _get_score(self, cell: NotebookNode, resources: dict[str, Any]) -> None:
        super()._get_score(cell, resources)
        row = self.gradebook.find_grade(
            cell.metadata.nbgrader["grade_id"], self.notebook_id, self.assignment_id, self.student_id
        )
        cell.metadata.nbgrader["is_open"] = row.needs_manual_grade
        resources["nbgrader"]["timestamp"] = row.notebook.assignment.timestamp


class FeedbackExporter(HTMLExporter):
    """Makes the page of a notebook that is graded here, and nbgrader's own page of any other."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self.parent, GenerateFeedback):
            self.parent.__class__ = CarefulFeedback

    def from_filename(self, filename: str, resources: Any = None, **kw: Any) -> Any:
        """Convert a notebook file. Raises NbGraderException when a file of ours is no notebook, or half of one."""
        try:
            return super().from_filename(filename, resources, **kw)
        except (nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
            exercise = who_grades_this(self, resources)
            if not isinstance(exercise, Exercise):
                raise
            message = f"{filename} is damaged: it is no whole notebook. Run: autograder autograde {exercise.assignment}"
            self.log.error(message)
            raise NbGraderException(message) from error

    def from_notebook_node(self, nb: NotebookNode, resources: Any = None, **kw: Any) -> Any:
        """Convert a notebook."""
        exercise = who_grades_this(self, resources)
        if not isinstance(exercise, Exercise):
            return super().from_notebook_node(nb, resources, **kw)
        nb, resources = Exporter.from_notebook_node(self, nb, resources, **kw)
        return render(nb, exercise, resources["nbgrader"]), resources
