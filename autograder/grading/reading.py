"""Read a notebook file that a student has handed in: within bounds, whatever is in it."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.messages import printable

MAX_BYTES = 20 * 2**20
MAX_CODE_BYTES = 8 * 2**20
"""Without outputs. What is sent to a Guest must fit into one message."""


MAX_PARTS = 100_000
"""Lists and dicts in a notebook without its outputs. nbformat takes seconds and much memory for a million of them."""


class UnreadableNotebook(Exception):
    """A submission that can't be graded. The message says why, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))  # nbformat's own words hold some of the student's


def read(path: Path) -> NotebookNode:
    """Read a notebook in format 4. Raises UnreadableNotebook for anything else."""
    remedy = "Open it in Jupyter, save it there, and submit again."
    if path.is_symlink():  # it could lead to the solution
        raise UnreadableNotebook(f"{path.name} is a link to another file, and no notebook of its own. {remedy}")
    if not path.exists():
        raise UnreadableNotebook(f"There is no notebook {path.name} in {path.absolute().parent}. Is the name right?")
    if not path.is_file():
        raise UnreadableNotebook(f"{path.name} is no file, and so no notebook. {remedy}")
    if path.stat().st_size > MAX_BYTES:
        size = path.stat().st_size / 2**20
        raise UnreadableNotebook(
            f"{path.name} has {size:.0f} MiB, more than {MAX_BYTES // 2**20}. Clear its outputs, and submit again."
        )
    text = path.read_bytes()
    if not text.strip():
        raise UnreadableNotebook(f"{path.name} is empty. {remedy}")
    if b"\n<<<<<<< " in b"\n" + text and b"\n>>>>>>> " in text:
        raise UnreadableNotebook(
            f"{path.name} holds two versions, with the conflict marks of a version control system (<<<<<<<). "
            "Keep one of them, open it in Jupyter, and submit again."
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
    if path.is_symlink():
        return b"a link"
    return path.read_bytes() if path.stat().st_size <= MAX_BYTES else b"too large"


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


def _count_parts(content: object) -> int:
    """How many lists and dicts there are; no more are counted than are too many."""
    waiting, count = [content], 0
    while waiting and count <= MAX_PARTS:
        part = waiting.pop()
        count += 1
        inside = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        waiting += [value for value in inside if isinstance(value, (dict, list))]
    return count
