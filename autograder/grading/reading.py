"""Read a notebook file that a student has handed in: within bounds, whatever is in it."""

from __future__ import annotations

import json
from pathlib import Path

from nbformat import NotebookNode

from autograder.grading import files
from autograder.grading.rebuilding import Damaged, cells_in, rebuild
from autograder.messages import in_line

MAX_BYTES = 20 * 2**20
MAX_CODE_BYTES = 8 * 2**20
"""Without outputs. What is sent to a Guest must fit into one message."""

MAX_CELLS = 2_500
"""A notebook of this course has some 20. To run thousands takes minutes, even where each does nothing."""

MAX_PARTS = 20_000
"""Lists and dicts in a notebook without its outputs and metadata, and names in a dict beyond ``MAX_NAMES``. What is
kept of them is written, read and shown."""

MAX_NAMES = 10
"""Of a dict. Those of a cell are nine at most; a notebook may hold millions of wrong ones."""

MAX_BRACKETS = 5_000_000
"""Outputs included. To read some millions of lists takes longer than any notebook is worth, and much memory."""


class UnreadableNotebook(Exception):
    """A submission that can't be graded. The message says why, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(in_line(message))  # a file's name is the student's


FRESH_COPY = (
    "Take a copy that opens in Jupyter, such as the one in the folder .ipynb_checkpoints, or put your answers into a "
    "new copy of the released notebook, and submit again."
)
"""What helps where Jupyter would refuse the file, too."""


def read(path: Path) -> NotebookNode:
    """Read a notebook of any format, which then has the one that we write. Raises UnreadableNotebook."""
    try:
        text = files.read(path, MAX_BYTES)
    except FileNotFoundError:
        raise UnreadableNotebook(
            f"There is no notebook {path.name} in {path.absolute().parent}. Is the name right?"
        ) from None
    except files.TooLarge as error:
        raise UnreadableNotebook(
            f"{path.name} {error}. Clear its outputs, remove pictures from its text, and submit again."
        ) from None
    except files.Refused as error:
        raise UnreadableNotebook(
            f"{path.name} {error}, and no notebook of its own. Put the notebook itself there, and submit again."
        ) from None
    except OSError as error:
        raise UnreadableNotebook(
            f"{path.name} {files.explain(error)}. Let it be read, and grade it again; or submit again."
        ) from None
    if not text.strip():
        raise UnreadableNotebook(f"{path.name} is empty. {FRESH_COPY}")
    if b"\n<<<<<<< " in b"\n" + text and b"\n>>>>>>> " in text:
        raise UnreadableNotebook(
            f"{path.name} holds two versions, with the conflict marks of a version control system (<<<<<<<). "
            "Keep one of them, look whether it opens in Jupyter, and submit again."
        )
    if (size := text.count(b"[") + text.count(b"{")) > MAX_BRACKETS:
        raise UnreadableNotebook(
            f"{path.name} has {size:,} opening brackets, too many for a notebook. Clear its outputs, and submit again."
        )
    try:
        content = json.loads(_decoded(text))
    except (ValueError, RecursionError) as error:
        raise UnreadableNotebook(f"{path.name} is not JSON ({error}), so it is no notebook. {FRESH_COPY}") from error
    if not isinstance(content, dict) or content.keys().isdisjoint(("nbformat", "cells", "worksheets")):
        raise UnreadableNotebook(f"{path.name} is JSON but not a Jupyter notebook. {FRESH_COPY}")
    try:
        cells = cells_in(content)
        if len(cells) > MAX_CELLS:
            raise UnreadableNotebook(
                f"{path.name} has {len(cells):,} cells, too many for a notebook: more than {MAX_CELLS:,}. "
                "Delete those that it does not need, and submit again."
            )
        if (size := _count_parts(content)) > MAX_PARTS:
            raise UnreadableNotebook(f"{path.name} has {size:,} parts, too many for a notebook. {FRESH_COPY}")
        notebook = rebuild(cells)
    except Damaged as error:
        raise UnreadableNotebook(f"{path.name} is a damaged notebook: {error}. {FRESH_COPY}") from error
    if sum(len(cell.source.encode()) for cell in notebook.cells) > MAX_CODE_BYTES:
        raise UnreadableNotebook(
            f"{path.name} holds more than {MAX_CODE_BYTES // 2**20} MiB of text and code. Shorten it, and submit again."
        )
    return notebook


def _decoded(text: bytes) -> str:
    """The text in its Unicode encoding, else in the one of old Windows editors; half a character stays one."""
    try:
        return text.decode(json.detect_encoding(text), "surrogatepass")
    except UnicodeDecodeError:
        return text.decode("cp1252", "replace")


def identity(path: Path) -> bytes:
    """What the Grade of a file depends on: its bytes, or why ``read`` refuses it without reading them."""
    try:
        return files.read(path, MAX_BYTES)
    except (files.Refused, OSError) as error:
        return type(error).__name__.encode()


def _count_parts(content: object) -> int:
    """How many lists, dicts and surplus names there are, without outputs and metadata; no more than are too many."""
    waiting, count = [content], 0
    while waiting and count <= MAX_PARTS:
        part = waiting.pop()
        count += 1 + (max(0, len(part) - MAX_NAMES) if isinstance(part, dict) else 0)
        inside = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
        waiting += [value for name, value in inside if isinstance(value, (dict, list)) and name not in _UNREAD]
    return count


_UNREAD = ("outputs", "metadata")
"""Of a cell's metadata nbgrader's label is read, which has no parts."""
