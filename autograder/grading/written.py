"""Written answers: what a student wrote for one, wherever it stands, reaches whoever grades it by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence

import nbformat
from nbformat import NotebookNode

from autograder.course import Exercise
from autograder.grading.labels import grade_id, released

MISSING_ANSWER = "*This cell was missing from the submission.*"
"""What stands in a restored cell for a written answer, where there is no text of the student's own."""


def gather(cells: Sequence[NotebookNode], name: str, exercise: Exercise) -> list[NotebookNode]:
    """The cells that make up a written answer, in order: those with its label, and own texts right above and below.

    Where no cell has its label, all texts of the student's own are taken for it: those that we did not hand out. What
    says the same counts once.
    """
    places = [place for place, cell in enumerate(cells) if grade_id(cell) == name]
    places = [place for place in places if cells[place].cell_type != "code"] or places[-1:]
    known = {_words(cell) for cell in exercise.cells} | {""}
    labels = released(exercise).keys()
    own = [cell.cell_type != "code" and grade_id(cell) not in labels and _words(cell) not in known for cell in cells]
    taken = set(places)
    for place in places:
        for step in (-1, 1):
            beside = place + step
            while 0 <= beside < len(cells) and own[beside]:
                taken.add(beside)
                beside += step
    chosen = sorted(taken) if places else [place for place, is_own in enumerate(own) if is_own]
    once = {_words(cells[place]): cells[place] for place in chosen}
    once.pop("", None)
    return list(once.values())


def _words(cell: NotebookNode) -> str:
    """The text of a cell, whatever its white space."""
    return " ".join(cell.source.split())


def join(pieces: Sequence[NotebookNode]) -> NotebookNode:
    """One text of all the pieces, with their pictures. A single piece stays as it is, to the letter."""
    if len(pieces) == 1:
        return pieces[0]
    texts: list[str] = []
    pictures: dict[str, object] = {}
    for count, piece in enumerate(pieces, start=1):
        text = piece.source.strip("\n")
        for name, picture in (piece.get("attachments") or {}).items():
            if pictures.get(name, picture) != picture:  # most pasted ones are called image.png
                text = text.replace(f"attachment:{name}", f"attachment:{count}-{name}")
                name = f"{count}-{name}"
            pictures[name] = picture
        texts.append(text)
    return nbformat.from_dict({"cell_type": "markdown", "source": "\n\n".join(texts), "attachments": pictures})


def as_text(code: str) -> NotebookNode:
    """A cell that shows code and never runs."""
    fence = max(["```", *(run + "`" for run in re.findall("`{3,}", code))], key=len)
    return nbformat.v4.new_markdown_cell(f"{fence}python\n{code}\n{fence}")
