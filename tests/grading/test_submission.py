"""Notebooks as students hand them in: what can't be read says why, what was changed is repaired."""

import copy
import json
import os
import re
from pathlib import Path

import nbformat
import pytest

from autograder.authoring import specimens
from autograder.grading import reading
from autograder.grading.labels import grade_id
from autograder.grading.reading import UnreadableNotebook
from autograder.grading.submission import Submission
from autograder.grading.written import MISSING_ANSWER
from tests.conftest import set_cell


def oddities(notebook, exercise):
    """What is odd about a notebook, in sentences."""
    return list(map(str, Submission.of(copy.deepcopy(notebook), exercise, "x").oddities))


def repair(notebook, exercise):
    return Submission.of(notebook, exercise, "x").notebook


def index_of(notebook, name):
    return [grade_id(cell) for cell in notebook.cells].index(name)


NAMES = ", ".join(f'"name {number}": 0' for number in range(30_000)).encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"\x89PNG", "is not JSON"),
        (b'{"cells": [', "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[1, 2]", "not a Jupyter notebook"),
        (b'{"a": 1}', "not a Jupyter notebook"),
        (b'{"nbformat": 4, "nbformat_minor": 5}', "damaged notebook"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": 3}', "damaged notebook"),
        (b'{"nbformat": 4, "cells": null}', "it has no list of cells"),
        (b'{"cells": {"0": {}}}', "it has no list of cells"),
        (b" " * (21 * 2**20), "more than 20"),
        (b'<<<<<<< HEAD\n{"a": 1}\n=======\n{"a": 2}\n>>>>>>> other\n', "two versions, with the conflict marks"),
        (b"\xff{", "is not JSON"),
        (b'{"nbformat": 3, "worksheets": {}}', "it has no list of cells"),
        (b'{"nbformat": 3, "worksheets": [{}]}', "a worksheet without a list of cells"),
        (b'{"nbformat": 4, "metadata": {}, "cells": [{"a": ' + b"[" * 900 + b"]" * 900 + b"}]}", "cell 1 has no type"),
        (b'{"nbformat": 4, "metadata": {}, "cells": [' + b"{}," * 200_000 + b"{}]}", "too many for a notebook"),
        (
            b'{"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "code", "source": 5}]}',
            "cell 1 has a text that is",
        ),
        (b'{"nbformat": 4, "metadata": {}, "cells": ["def f(): pass"]}', "cell 1 is no cell"),
        (b'{"nbformat": 4, "metadata": {}, "cells": [' + b"0," * 2_500 + b"0]}", "has 2,501 cells, too many"),
        (b'{"nbformat": 3, "worksheets": [{"cells": [' + b"0," * 2_499 + b'0]}, {"cells": [0]}]}', "has 2,501 cells"),
        (b'{"nbformat": 4, "cells": [], "a": [' + b"[]," * 30_000 + b"0]}", "20,001 parts, too many"),
        (b'{"nbformat": 4, "cells": [], ' + NAMES + b"}", "parts, too many"),
        (b'{"nbformat": 4, "cells": [{' + NAMES + b"}]}", "parts, too many"),
        (b'{"nbformat": 4, "cells": [{"attachments": {"a": {' + NAMES + b"}}}]}", "parts, too many"),
        (b'{"nbformat": 4, "cells": [], "a": [' + b"[]," * 5_000_001 + b"0]}", "opening brackets, too many"),
    ],
)
def test_what_is_no_notebook_says_why_and_what_to_do(tmp_path, content, message):
    path = tmp_path / "1-build-optimizers.ipynb"
    path.write_bytes(content)
    with pytest.raises(UnreadableNotebook, match=message) as raised:
        reading.read(path)
    assert "1-build-optimizers.ipynb" in str(raised.value)
    assert "ubmit again" in str(raised.value)


def test_a_wrong_path_is_nobodys_notebook(tmp_path, monkeypatch):
    """The one who typed it reads where it was looked for; what a student has handed in is another matter."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnreadableNotebook, match=re.escape(f"There is no notebook missing.ipynb in {tmp_path}.")):
        reading.read(Path("missing.ipynb"))
    (tmp_path / "folder.ipynb").mkdir()
    (tmp_path / "link.ipynb").symlink_to("nowhere")
    for name, message in ("folder.ipynb", "is no file"), ("link.ipynb", "is a link"):
        with pytest.raises(UnreadableNotebook, match=message) as raised:
            reading.read(Path(name))
        assert "submit again" in str(raised.value)


def test_at_the_bound_a_notebook_is_read(tmp_path):
    cells = [nbformat.v4.new_code_cell("1") for _ in range(reading.MAX_CELLS)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "x.ipynb")
    assert len(reading.read(tmp_path / "x.ipynb").cells) == reading.MAX_CELLS


def test_what_is_no_file_is_never_opened(tmp_path):
    """To open a named pipe waits for its other end, perhaps for ever; it also has no Grade of another file."""
    path = tmp_path / "pipe.ipynb"
    os.mkfifo(path)
    with pytest.raises(UnreadableNotebook, match="is no file but a named pipe"):
        reading.read(path)
    assert reading.identity(path) == b"Refused"


def test_the_reason_commands_no_terminal(tmp_path):
    path = tmp_path / "1-build-optimizers.ipynb"
    path.write_text(json.dumps({"nbformat": "\x1b[31m" + "4" * 10_000, "metadata": {}, "cells": "\x1b[31m"}))
    with pytest.raises(UnreadableNotebook, match="damaged") as raised:
        reading.read(path)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 1000


STUDENTS_WORDS = "give me full marks"


@pytest.mark.parametrize(
    "change",
    [
        {"cells": [{"cell_type": {STUDENTS_WORDS: 1}, "source": ""}]},
        {"cells": [{"cell_type": "markdown", "metadata": {}, "source": {STUDENTS_WORDS: 1}}]},
        {"cells": [{"cell_type": "markdown", "metadata": {}, "source": [STUDENTS_WORDS, 1]}]},
        {"cells": [STUDENTS_WORDS]},
        {"cells": STUDENTS_WORDS},
        {"cells": None, "worksheets": [STUDENTS_WORDS]},
    ],
)
def test_the_reason_for_review_quotes_no_student(tmp_path, change):
    path = tmp_path / "1-build-optimizers.ipynb"
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [], **change}))
    with pytest.raises(UnreadableNotebook, match="damaged") as raised:
        reading.read(path)
    assert STUDENTS_WORDS not in str(raised.value) and "full marks" not in str(raised.value)


def test_an_untouched_notebook_has_no_oddities(solution, exercise):
    assert oddities(solution, exercise) == []


def test_each_change_of_a_nbgrader_cell_is_told_and_undone(solution, exercise):
    released = copy.deepcopy(solution)
    set_cell(solution, "test_build_adam", "assert True")
    del solution.cells[index_of(solution, "test_build_sgd")]
    solution.cells.append(copy.deepcopy(solution.cells[index_of(solution, "test_build_adamw")]))
    solution.cells.append(copy.deepcopy(solution.cells[index_of(solution, "build_adamw")]))
    solution.cells[-1].source = "the last one"
    told = " ".join(oddities(solution, exercise))
    for part in (
        "test_build_sgd is missing",
        "test_build_adam was changed",
        "test_build_adamw is there 2 times",
        "build_adamw is there 2 times",
    ):
        assert part in told

    repaired = repair(solution, exercise)
    names = [grade_id(cell) for cell in repaired.cells if grade_id(cell)]
    assert sorted(names) == sorted({grade_id(cell) for cell in released.cells} - {None})
    assert index_of(repaired, "test_build_sgd") == index_of(repaired, "build_sgd") + 1
    assert repaired.cells[index_of(repaired, "test_build_adam")].source == "lab.check(build_adam)"
    assert repaired.cells[index_of(repaired, "build_adamw")].source == "the last one"
    nbformat.validate(repaired)


@pytest.mark.parametrize(
    "damage", [None, 3, [], {"grade_id": 3}, {"grade_id": "test_build_sgd"}, {"grade_id": "unknown", "grade": True}]
)
def test_damaged_metadata_is_repaired(solution, exercise, damage):
    solution.cells[index_of(solution, "test_build_sgd")].metadata["nbgrader"] = damage
    repaired = repair(nbformat.from_dict(json.loads(json.dumps(solution))), exercise)
    cell = repaired.cells[index_of(repaired, "test_build_sgd")]
    assert cell.metadata.nbgrader["points"] == 3
    assert cell.metadata.nbgrader["grade"] is True


def test_an_answer_turned_into_text_still_counts(solution, exercise):
    cell = solution.cells[index_of(solution, "build_sgd")]
    cell.cell_type = "markdown"
    cells = [cell.label for _, cell in Submission.of(solution, exercise, "x").cells()]
    assert "build_sgd" in cells
    assert not any(label.startswith("test_") for label in cells)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_any_unicode_encoding_is_read(solution, exercise, tmp_path, encoding):
    path = tmp_path / "1-build-optimizers.ipynb"
    path.write_bytes(nbformat.writes(solution).replace("\n", "\r\n").encode(encoding))
    notebook = reading.read(path)
    assert [cell.source for cell in notebook.cells] == [cell.source for cell in solution.cells]
    assert oddities(notebook, exercise) == []


@pytest.mark.parametrize("version", [(4, 0), (4, 4), (4, 99), (4, None), (4, "5"), (4, -1), ("4", 5)])
def test_an_odd_format_number_is_repaired(solution, exercise, tmp_path, version):
    content = json.loads(nbformat.writes(solution))
    content["nbformat"], content["nbformat_minor"] = version
    path = tmp_path / "1-build-optimizers.ipynb"
    path.write_text(json.dumps(content))
    repaired = repair(reading.read(path), exercise)
    nbformat.validate(repaired)
    assert oddities(repaired, exercise) == []


def test_a_notebook_of_format_3_is_read(solution, exercise, tmp_path):
    path = tmp_path / "1-build-optimizers.ipynb"
    nbformat.write(copy.deepcopy(solution), path, version=3)
    assert json.loads(path.read_text())["nbformat"] == 3
    repaired = repair(reading.read(path), exercise)
    assert (
        repaired.cells[index_of(repaired, "build_sgd")].source == solution.cells[index_of(solution, "build_sgd")].source
    )


def damage(notebook, name, **changes):
    cell = notebook.cells[index_of(notebook, name)]
    for key, value in changes.items():
        if key in ("cell_type", "source"):
            cell[key] = value
        else:
            cell.metadata.nbgrader[key] = value


def delete(notebook, name):
    del notebook.cells[index_of(notebook, name)]


def move_to_the_end(notebook, name):
    notebook.cells.append(notebook.cells.pop(index_of(notebook, name)))


DAMAGES = {
    "given cell deleted": (lambda n: delete(n, "imports"), "The given cell imports is missing. It was put back."),
    "given cell edited": (lambda n: damage(n, "imports", source="x = 1"), "The given cell imports was changed."),
    "points": (lambda n: damage(n, "test_build_sgd", points=99), "points or the kind of the check cell test_build_sgd"),
    "no grade": (lambda n: damage(n, "test_build_sgd", grade=False), "points or the kind of the check cell test_build"),
    "answer graded": (lambda n: damage(n, "build_sgd", grade=True, points=9), "kind of the answer cell build_sgd were"),
    "check retyped": (lambda n: damage(n, "test_build_sgd", cell_type="raw"), "check cell test_build_sgd was changed"),
    "answer retyped": (lambda n: damage(n, "build_sgd", cell_type="markdown"), "build_sgd was made a markdown cell"),
    "check renamed": (lambda n: damage(n, "test_build_sgd", grade_id="x"), "check cell test_build_sgd is missing"),
    "answer renamed": (lambda n: damage(n, "build_sgd", grade_id="x"), "build_sgd has lost its label"),
    "ids swapped": (lambda n: damage(n, "build_sgd", grade_id="test_build_sgd"), "test_build_sgd is there 2 times"),
    "order": (lambda n: move_to_the_end(n, "build_sgd"), "The cells are in another order"),
}


@pytest.mark.parametrize(("change", "sentence"), DAMAGES.values(), ids=DAMAGES)
def test_each_damage_is_told_and_repaired(solution, exercise, change, sentence):
    released = {grade_id(cell): cell for cell in copy.deepcopy(solution).cells if grade_id(cell)}
    change(solution)
    assert sentence in " ".join(oddities(solution, exercise))
    repaired = repair(solution, exercise)
    nbformat.validate(repaired)
    cells = {grade_id(cell): cell for cell in repaired.cells if grade_id(cell)}
    for name, cell in released.items():
        if name in cells or name not in exercise.answers:
            assert cells[name].metadata.nbgrader == cell.metadata.nbgrader
            assert cells[name].cell_type == cell.cell_type
            assert cells[name].source == cell.source
    assert oddities(repair(repaired, exercise), exercise) == oddities(repaired, exercise)


def test_cells_come_back_where_they_were(solution, exercise):
    order = [grade_id(cell) for cell in solution.cells if grade_id(cell)]
    kept = [cell for cell in solution.cells if grade_id(cell) in (None, *exercise.answers)]
    solution.cells = kept
    repaired = repair(solution, exercise)
    assert [grade_id(cell) for cell in repaired.cells if grade_id(cell)] == order


def test_a_missing_written_answer_is_not_made_up(course):
    exercise = course.assignment().exercises["4-three-way-race"]
    notebook = specimens.unchanged(exercise)
    delete(notebook, "why_sgd_lagged")
    assert "The answer cell why_sgd_lagged is missing" in " ".join(oddities(notebook, exercise))
    repaired = repair(notebook, exercise)
    assert repaired.cells[index_of(repaired, "why_sgd_lagged")].source == MISSING_ANSWER
    assert "BEGIN SOLUTION" not in nbformat.writes(repaired)


def test_a_deleted_given_cell_costs_nothing(grader, exercise, solution, tmp_path):
    delete(solution, "imports")
    path = tmp_path / "1-build-optimizers.ipynb"
    nbformat.write(specimens.without_examples(solution), path)
    grade = grader.grade(Submission.read(path, exercise)).grade
    assert (grade.status, grade.score) == ("graded", 12)
    assert grade.remarks == ["The given cell imports is missing. It was put back."]
