"""Make a notebook in exactly the format that we write, of whatever JSON holds the cells of one.

What grading reads must be there: cells, their types and texts. nbgrader's labels, and pictures in text, are kept where
they can be read. All else is made anew, so nothing that a program or a student got wrong there refuses a notebook.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import nbformat
from nbformat import NotebookNode

MINOR = 5
"""We write format 4.5, the first in which cells have ids."""

_TYPES = {name: name for name in ("code", "markdown", "raw")} | {"heading": "markdown", "html": "markdown"}
"""What becomes of the types that cells had in any format. JupyterLab, too, shows unknown ones as raw."""


class Damaged(Exception):
    """Something is missing that grading reads. The message says what and where, in no words of the student's."""


def cells_in(content: Mapping[str, Any]) -> list[object]:
    """The cells of a notebook as its JSON has them; before format 4 they lie in worksheets.

    What format the file says it has decides nothing. Raises Damaged when there is no list of cells.
    """
    cells, sheets = content.get("cells"), content.get("worksheets")
    if isinstance(cells, list) and (cells or not isinstance(sheets, list)):
        return cells
    if not isinstance(sheets, list):
        raise Damaged("it has no list of cells")
    found = []
    for sheet in sheets:
        if not isinstance(sheet, dict) or not isinstance(sheet.get("cells"), list):
            raise Damaged("it has a worksheet without a list of cells")
        found += sheet["cells"]
    return found


def rebuild(raw: Iterable[object]) -> NotebookNode:
    """A notebook of these cells. Raises Damaged when one has no type, or a text that is none.

    A cell without anything in it is left out.
    """
    cells = [_cell(cell, f"cell {count}") for count, cell in enumerate(raw, start=1) if cell not in (None, {})]
    notebook = {"nbformat": 4, "nbformat_minor": MINOR, "metadata": {}, "cells": cells}
    return number(nbformat.from_dict(notebook))


def number(notebook: NotebookNode) -> NotebookNode:
    """The same notebook, whose cells are given ids by their places: no two have one, and none is a student's."""
    for place, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{place}"
    return notebook


def _cell(raw: object, name: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise Damaged(f"{name} is no cell")
    metadata = raw.get("metadata")
    labels = _labels(metadata.get("nbgrader")) if isinstance(metadata, dict) else {}
    kind = _type(raw, labels)
    if kind is None:
        raise Damaged(f"{name} has no type")
    cell = {"cell_type": kind, "metadata": {"nbgrader": labels} if labels else {}, "source": _source(raw, name)}
    if kind == "code":
        return {**cell, "outputs": [], "execution_count": None}
    attachments = _attachments(raw.get("attachments"))
    return {**cell, "attachments": attachments} if attachments else cell


def _type(raw: Mapping[str, Any], labels: Mapping[str, object]) -> str | None:
    """The type of a cell, else what its label and its other parts say, else None."""
    for said in (raw.get("cell_type"), labels.get("cell_type")):
        if isinstance(said, str):
            return _TYPES.get(said.strip().lower(), "raw")
    return "code" if "outputs" in raw or "execution_count" in raw else None


def _source(raw: Mapping[str, Any], name: str) -> str:
    """The text of a cell, which is ``input`` in code before format 4; empty where there is none."""
    said = raw.get("input") if raw.get("source") is None else raw["source"]
    source = _joined("" if said is None else said)
    if source is None:
        raise Damaged(f"{name} has a text that is none")
    if raw.get("cell_type") == "heading":
        level = raw.get("level")
        return f"{'#' * (level if type(level) is int and 1 <= level <= 6 else 1)} {' '.join(source.splitlines())}"
    return source


def _joined(said: object) -> str | None:
    """A text, which may be given in lines; None for anything else."""
    lines = [line for line in said if line is not None] if isinstance(said, list) else [said]
    texts = [line for line in lines if isinstance(line, str)]
    return _text("".join(texts)) if len(texts) == len(lines) else None


def _text(text: str) -> str:
    """The text with Python's line ends, and with a mark in place of half a character, which no file can hold."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _labels(said: object) -> dict[str, object]:
    """nbgrader's own words, numbers and marks on a cell."""
    found = said.items() if isinstance(said, dict) else ()
    plain = {name: value for name, value in found if value is None or isinstance(value, (str, int, float))}
    return {_text(name): _text(value) if isinstance(value, str) else value for name, value in plain.items()}


def _attachments(said: object) -> dict[str, dict[str, str]]:
    """The pictures that were pasted into a text, each in its kinds."""
    found: dict[str, dict[str, str]] = {}
    for name, bundle in said.items() if isinstance(said, dict) else ():
        kinds = {kind: _joined(value) for kind, value in bundle.items()} if isinstance(bundle, dict) else {}
        found[_text(name)] = {_text(kind): text for kind, text in kinds.items() if text is not None}
    return {name: kinds for name, kinds in found.items() if kinds}
