"""Read what students hand in: find the exercise, the cells to run, and what is odd about the notebook."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder import wire
from autograder.course import CourseError, Exercise
from autograder.results import printable

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
        first_line = str(error).partition("\n")[0][:300]
        raise UnreadableNotebook(f"{path.name} is a damaged notebook ({first_line}). {remedy}") from error
    if sum(len(cell.source.encode()) for cell in notebook.cells) > MAX_CODE_BYTES:
        raise UnreadableNotebook(
            f"{path.name} holds more than {MAX_CODE_BYTES // 2**20} MiB of text and code. Shorten it, and submit again."
        )
    return notebook


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


def find_exercise(path: Path, notebook: NotebookNode, exercises: Mapping[str, Exercise]) -> Exercise:
    """The exercise of a submission: by its name, else by its answer cells. Raises UnreadableNotebook."""
    if path.stem in exercises:
        return exercises[path.stem]
    ids = {grade_id(cell) for cell in notebook.cells}
    for exercise in exercises.values():
        if exercise.answers and ids.issuperset(exercise.answers):
            return exercise
    known = ", ".join(f"{name}.ipynb" for name in exercises)
    raise UnreadableNotebook(f"{path.name} belongs to no exercise of this course. Name it as one of: {known}.")


@dataclass(frozen=True)
class Misplaced:
    """An exercise that a student has handed in only under another name or in another folder; nobody graded it."""

    student: str
    exercise: str
    path: Path
    wanted: Path
    """Where it belongs."""

    def __str__(self) -> str:
        return f"it lies at {self.path}, where nothing is graded. Move it to {self.wanted}."


def misplaced(submitted: Path, assignment: str, exercises: Mapping[str, Exercise]) -> list[Misplaced]:
    """The exercises of an assignment that lie in the wrong place of ``submitted/``, found by name or answer cells."""
    found: dict[tuple[str, str], Misplaced] = {}
    for folder in sorted(path for path in submitted.glob("*") if path.is_dir()):
        for path in [*sorted(folder.glob("*.ipynb")), *sorted((folder / assignment).rglob("*.ipynb"))]:
            if (path.parent == folder / assignment and path.stem in exercises) or ".ipynb_checkpoints" in path.parts:
                continue
            try:
                name = find_exercise(path, read(path), exercises).name
            except UnreadableNotebook:
                continue
            wanted = folder / assignment / f"{name}.ipynb"
            if not wanted.exists():
                found[folder.name, name] = Misplaced(folder.name, name, path, wanted)
    return list(found.values())


def nothing_handed_in(assignment: str, submitted: str, strays: Iterable[Misplaced]) -> CourseError:
    """What to say where ``submitted/`` holds no notebook in its place."""
    return CourseError(
        f"Nobody has handed in {assignment}: {submitted}/ holds no notebook of it. "
        f"Run: nbgrader collect {assignment}, or put notebooks under {submitted}/STUDENT/{assignment}/."
        + "".join(f"\n{stray.student}/{stray.exercise}: {stray}" for stray in strays)
    )


def grade_id(cell: NotebookNode) -> str | None:
    """The nbgrader id of a cell, if it has one."""
    meta = cell.metadata.get("nbgrader")
    value = meta.get("grade_id") if isinstance(meta, dict) else None
    return value if isinstance(value, str) else None


def cells_to_run(notebook: NotebookNode, exercise: Exercise) -> list[tuple[int, wire.Cell]]:
    """The student's code, as (place in the notebook, cell). Test cells are not run: the checks decide."""
    cells = []
    for index, cell in enumerate(notebook.cells):
        name = grade_id(cell)
        is_code = cell.cell_type == "code" or name in exercise.answers  # an answer cell turned into text still counts
        if is_code and name not in exercise.points:
            cells.append((index, wire.Cell(cell.source, name or f"cell {index + 1}")))
    return cells


def oddities(notebook: NotebookNode, exercise: Exercise) -> list[str]:
    """What a student changed and should not have, each a sentence. None of it costs points by itself."""
    released = _released(exercise)
    present: dict[str | None, list[NotebookNode]] = {}
    for cell in notebook.cells:
        present.setdefault(grade_id(cell), []).append(cell)
    found = []
    for name, original in released.items():
        cells, kind = present.get(name, []), _kind(original)
        if not cells:
            found.append(_why_missing(name, original, notebook))
        elif len(cells) > 1:
            what = "It counts once." if kind == "check" else "The last one counts."
            found.append(f"The {kind} cell {name} is there {len(cells)} times. {what}")
        if kind == "answer":
            if any(cell.cell_type != original.cell_type for cell in cells):
                found.append(f"The answer cell {name} was made a {cells[-1].cell_type} cell. It was turned back.")
        elif any(
            cell.source.strip() != original.source.strip() or cell.cell_type != original.cell_type for cell in cells
        ):
            effect = "The change has no effect: write answers in answer cells."
            found.append(f"The {kind} cell {name} was changed. {effect}")
        if any(_rules(cell) != _rules(original) for cell in cells):
            found.append(f"The points or the kind of the {kind} cell {name} were changed. They were set back.")
    order = [name for name in dict.fromkeys(map(grade_id, notebook.cells)) if name in released]
    if order != [name for name in released if name in order]:
        found.append("The cells are in another order than in the released notebook. They were run in yours.")
    return found


def _released(exercise: Exercise) -> dict[str, NotebookNode]:
    """The cells of the source that nbgrader knows, by grade_id, in order."""
    cells = {grade_id(cell): cell for cell in nbformat.read(exercise.source, as_version=4).cells}
    return {name: cell for name, cell in cells.items() if name is not None}


def _kind(original: NotebookNode) -> str:
    meta = original.metadata.nbgrader
    return "answer" if meta.get("solution") else "check" if meta.get("grade") else "given"


def _rules(cell: NotebookNode) -> list[object]:
    """What nbgrader's metadata say of a cell, as far as it decides anything."""
    meta = cell.metadata.nbgrader
    return [*(bool(meta.get(key)) for key in ("grade", "solution", "task")), meta.get("grade") and meta.get("points")]


def _why_missing(name: str, original: NotebookNode, notebook: NotebookNode) -> str:
    kind = _kind(original)
    if kind == "check":
        return f"The check cell {name} is missing. Its points are given all the same, by the hidden checks."
    if kind == "given":
        return f"The given cell {name} is missing. It was put back."
    defines = re.compile(rf"^(def|class) {re.escape(name)}\b|^{re.escape(name)} *=", re.MULTILINE)
    if any(defines.search(cell.source) for cell in notebook.cells if cell.cell_type == "code"):
        return f"The answer cell {name} has lost its label. What another cell defines under this name counts."
    return f"The answer cell {name} is missing. Take it from the released notebook."


MISSING_ANSWER = "*This cell was missing from the submission.*"
"""What stands in a restored cell for a written answer."""


def repair(notebook: NotebookNode, exercise: Exercise) -> NotebookNode:
    """The notebook with the nbgrader cells of its source: what is missing comes back, what was changed is undone.

    Answers stay as they are, and one that is missing is not made up. Call ``oddities`` first: afterwards there are
    none left to tell.
    """
    released = _released(exercise)
    cells, seen = [], set()
    for cell in reversed(notebook.cells):  # of two copies the last counts, as for Python
        name = grade_id(cell)
        cell.metadata.pop("nbgrader", None)
        if name in released and name not in seen:
            seen.add(name)
            cell = _as_released(cell, released[name])
        cells.append(cell)
    cells.reverse()
    before = None
    for name, original in released.items():
        meta = original.metadata.nbgrader
        if name not in seen and (meta.get("grade") or not meta.get("solution")):
            blank = nbformat.from_dict({**original, "source": MISSING_ANSWER})
            names = [grade_id(cell) for cell in cells]
            place = names.index(before) + 1 if before in names else 0
            cells.insert(place, _as_released(blank, original))
            seen.add(name)
        before = name if name in seen else before
    ids: set[str] = set()
    for cell in cells:
        if cell.get("id") in ids or "id" not in cell:
            cell["id"] = nbformat.v4.new_markdown_cell()["id"]
        ids.add(cell["id"])
    notebook.cells = cells
    notebook.nbformat_minor = max(notebook.nbformat_minor, 5)  # the first with ids
    return notebook


def placeholder(exercise: Exercise, reason: str) -> NotebookNode:
    """A notebook in place of one that can't be read: the reason, and the graded cells of the exercise."""
    source = nbformat.read(exercise.source, as_version=4)
    graded = [cell for cell in source.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    source.cells = [nbformat.v4.new_markdown_cell(reason)]
    source.cells += [_as_released(cell, cell) for cell in graded if not cell.metadata.nbgrader.get("solution")]
    return source


def _as_released(cell: NotebookNode, original: NotebookNode) -> NotebookNode:
    """A copy of the original cell, with this cell's text where students write."""
    fresh = nbformat.from_dict(json.loads(json.dumps(original)))
    meta = original.metadata.nbgrader
    if meta.get("solution"):
        fresh.source = cell.source
    if fresh.cell_type == "code":
        fresh.outputs, fresh.execution_count = [], None
    return fresh
