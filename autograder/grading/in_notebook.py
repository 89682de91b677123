"""The Grade inside an autograded notebook, where nbgrader's later steps and our pages find it."""

from __future__ import annotations

from collections.abc import Mapping

from nbformat import NotebookNode

from autograder.course import METADATA
from autograder.results import Grade, decode, encode


def put_grade(notebook: NotebookNode, grade: Grade) -> None:
    """Keep the Grade in the notebook's metadata."""
    notebook.metadata[METADATA] = {"grade": encode(grade)}


def grade_in(notebook: Mapping) -> Grade | None:
    """The Grade that a notebook holds; None where there is none that this version wrote."""
    try:
        return decode(notebook["metadata"][METADATA]["grade"])
    except (KeyError, TypeError, AttributeError):
        return None
