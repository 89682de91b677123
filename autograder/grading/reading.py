"""Read a notebook file that a student has handed in: within bounds, whatever is in it."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.grading import files
from autograder.messages import in_line

MAX_BYTES = 20 * 2**20
MAX_CODE_BYTES = 8 * 2**20
"""Without outputs. What is sent to a Guest must fit into one message."""

MAX_CELLS = 2_500
"""A notebook of this course has some 20. To run thousands takes minutes, even where each does nothing."""

MAX_PARTS = 20_000
"""Lists and dicts in a notebook without its outputs, and names in a dict beyond ``MAX_NAMES``. nbformat takes seconds
for a hundred thousand of them."""

MAX_NAMES = 10
"""Of a dict. Those of a cell and of nbgrader have nine at most; a million wrong names in a cell took 45 seconds."""

MAX_BRACKETS = 5_000_000
"""Outputs included. To read some millions of lists takes longer than any notebook is worth, and much memory."""


class UnreadableNotebook(Exception):
    """A submission that can't be graded. The message says why, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(in_line(message))  # nbformat's own words hold some of the student's


def read(path: Path) -> NotebookNode:
    """Read a notebook in format 4. Raises UnreadableNotebook for anything else."""
    remedy = "Open it in Jupyter, save it there, and submit again."
    try:
        text = files.read(path, MAX_BYTES)
    except FileNotFoundError:
        raise UnreadableNotebook(
            f"There is no notebook {path.name} in {path.absolute().parent}. Is the name right?"
        ) from None
    except files.TooLarge as error:
        raise UnreadableNotebook(f"{path.name} {error}. Clear its outputs, and submit again.") from None
    except files.Refused as error:
        raise UnreadableNotebook(f"{path.name} {error}, and no notebook of its own. {remedy}") from None
    except OSError as error:
        raise UnreadableNotebook(
            f"{path.name} {files.explain(error)}. Let it be read, and grade it again; or submit again."
        ) from None
    if not text.strip():
        raise UnreadableNotebook(f"{path.name} is empty. {remedy}")
    if b"\n<<<<<<< " in b"\n" + text and b"\n>>>>>>> " in text:
        raise UnreadableNotebook(
            f"{path.name} holds two versions, with the conflict marks of a version control system (<<<<<<<). "
            "Keep one of them, open it in Jupyter, and submit again."
        )
    if (size := text.count(b"[") + text.count(b"{")) > MAX_BRACKETS:
        raise UnreadableNotebook(
            f"{path.name} has {size:,} opening brackets, too many for a notebook. Clear its outputs, and submit again."
        )
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableNotebook(f"{path.name} is not JSON ({error}), so it is no notebook. {remedy}") from error
    if not isinstance(content, dict) or "nbformat" not in content:
        raise UnreadableNotebook(f"{path.name} is JSON but not a Jupyter notebook. {remedy}")
    if content["nbformat"] in (4, "4"):
        minor = content.get("nbformat_minor")
        content["nbformat"] = 4
        content["nbformat_minor"] = (
            minor if type(minor) is int and minor >= 5 else 5
        )  # the first in which cells have ids
        _drop_ballast(content)
    if (count := _count_cells(content)) > MAX_CELLS:
        raise UnreadableNotebook(
            f"{path.name} has {count:,} cells, too many for a notebook: more than {MAX_CELLS:,}. "
            "Delete those that it does not need, and submit again."
        )
    if (size := _count_parts(content)) > MAX_PARTS:
        raise UnreadableNotebook(f"{path.name} has {size:,} parts, too many for a notebook. {remedy}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # missing cell ids are harmless here
            notebook = nbformat.reads(json.dumps(content), as_version=4)
            nbformat.validate(notebook)
            json.dumps(notebook, ensure_ascii=False).encode()  # JSON can hold halves of characters
    except Exception as error:  # nbformat raises whatever the damage makes it raise
        raise UnreadableNotebook(f"{path.name} is a damaged notebook ({_damage(error)}). {remedy}") from error
    if sum(len(cell.source.encode()) for cell in notebook.cells) > MAX_CODE_BYTES:
        raise UnreadableNotebook(
            f"{path.name} holds more than {MAX_CODE_BYTES // 2**20} MiB of text and code. Shorten it, and submit again."
        )
    return notebook


_WORDS = frozenset(("cells", "cell_type", "source", "metadata", "attachments", "outputs", "execution_count", "id"))
"""Of a notebook's format. Any other name could be the student's."""


def _damage(error: Exception) -> str:
    """What is wrong and where, in nbformat's words and none of the student's, which its own message quotes."""
    if not isinstance(error, nbformat.ValidationError):
        return type(error).__name__
    places = [str(part) if isinstance(part, int) or part in _WORDS else "…" for part in error.absolute_path]
    return f"{error.validator} at {'/'.join(places) or 'its top'}"


def identity(path: Path) -> bytes:
    """What the Grade of a file depends on: its bytes, or why ``read`` refuses it without reading them."""
    try:
        return files.read(path, MAX_BYTES)
    except (files.Refused, OSError) as error:
        return type(error).__name__.encode()


def _drop_ballast(content: dict[str, Any]) -> None:
    """Remove what nothing here reads: outputs, and all metadata but nbgrader's own words, numbers and marks."""
    if isinstance(content.get("metadata"), dict):
        content["metadata"] = {}
    for cell in content["cells"] if isinstance(content.get("cells"), list) else []:
        if not isinstance(cell, dict):
            continue
        if isinstance(cell.get("outputs"), list):
            cell["outputs"] = []
        if isinstance(cell.get("metadata"), dict):
            labels = cell["metadata"].get("nbgrader")
            labels = labels if isinstance(labels, dict) else {}
            flat = {name: value for name, value in labels.items() if not isinstance(value, (dict, list))}
            cell["metadata"] = {"nbgrader": flat} if flat else {}


def _count_cells(content: dict[str, Any]) -> int:
    """How many cells there are; before format 4 they lie in worksheets."""
    sheets = content.get("worksheets")
    holders = [content, *(sheets if isinstance(sheets, list) else [])]
    found = [holder.get("cells") for holder in holders if isinstance(holder, dict)]
    return sum(len(cells) for cells in found if isinstance(cells, list))


def _count_parts(content: object) -> int:
    """How many lists, dicts and surplus names there are; not much more is counted than is too many."""
    waiting, count = [content], 0
    while waiting and count <= MAX_PARTS:
        part = waiting.pop()
        count += 1 + (max(0, len(part) - MAX_NAMES) if isinstance(part, dict) else 0)
        inside = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        waiting += [value for value in inside if isinstance(value, (dict, list))]
    return count
