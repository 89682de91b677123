"""Notebooks as students hand them in: what can't be read says why, what was changed is repaired."""

import copy
import json

import nbformat
import pytest

from autograder import notebooks
from autograder.notebooks import UnreadableNotebook, grade_id
from tests.conftest import set_cell


def index_of(notebook, name):
    return [grade_id(cell) for cell in notebook.cells].index(name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "There is no notebook"),
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"\x89PNG", "is not JSON"),
        (b'{"cells": [', "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[1, 2]", "not a Jupyter notebook"),
        (b'{"a": 1}', "not a Jupyter notebook"),
        (b'{"nbformat": 4, "nbformat_minor": 5}', "damaged notebook"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": 3}', "damaged notebook"),
        (b'{"nbformat": "x", "cells": []}', "damaged notebook"),
        (b" " * (21 * 2**20), "more than 20"),
    ],
)
def test_what_is_no_notebook_says_why_and_what_to_do(tmp_path, content, message):
    path = tmp_path / "1-build-optimizers.ipynb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnreadableNotebook, match=message) as raised:
        notebooks.read(path)
    assert "1-build-optimizers.ipynb" in str(raised.value)
    assert "ubmit again" in str(raised.value)


def test_the_exercise_is_found_by_name_or_by_its_cells(course, solution, exercise, tmp_path):
    assert (
        notebooks.find_exercise(tmp_path / "1-build-optimizers.ipynb", nbformat.v4.new_notebook(), course.exercises)
        == exercise
    )
    assert notebooks.find_exercise(tmp_path / "final (1).ipynb", solution, course.exercises) == exercise
    with pytest.raises(UnreadableNotebook, match=r"belongs to no exercise.*1-build-optimizers\.ipynb"):
        notebooks.find_exercise(tmp_path / "homework.ipynb", nbformat.v4.new_notebook(), course.exercises)


def test_an_untouched_notebook_has_no_oddities(solution, exercise):
    assert notebooks.oddities(solution, exercise) == []


def test_each_change_of_a_nbgrader_cell_is_told_and_undone(solution, exercise):
    released = copy.deepcopy(solution)
    set_cell(solution, "test_build_adam", "assert True")
    del solution.cells[index_of(solution, "test_build_sgd")]
    solution.cells.append(copy.deepcopy(solution.cells[index_of(solution, "test_build_adamw")]))
    solution.cells.append(copy.deepcopy(solution.cells[index_of(solution, "build_adamw")]))
    solution.cells[-1].source = "the last one"
    told = " ".join(notebooks.oddities(solution, exercise))
    for part in (
        "test_build_sgd is missing",
        "test_build_adam was changed",
        "test_build_adamw is there 2 times",
        "build_adamw is there 2 times",
    ):
        assert part in told

    repaired = notebooks.repair(solution, exercise)
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
    notebooks.oddities(solution, exercise)
    repaired = notebooks.repair(nbformat.from_dict(json.loads(json.dumps(solution))), exercise)
    cell = repaired.cells[index_of(repaired, "test_build_sgd")]
    assert cell.metadata.nbgrader["points"] == 3
    assert cell.metadata.nbgrader["grade"] is True


def test_an_answer_turned_into_text_still_counts(solution, exercise):
    cell = solution.cells[index_of(solution, "build_sgd")]
    cell.cell_type = "markdown"
    cells = [cell.label for _, cell in notebooks.cells_to_run(solution, exercise)]
    assert "build_sgd" in cells
    assert not any(label.startswith("test_") for label in cells)
