"""What is authored in source/ and what is generated from it."""

import os
import subprocess
import sys

import nbformat
import pytest
from nbconvert.preprocessors import ExecutePreprocessor

from autograder.course import Course
from tests.conftest import ROOT

EXERCISES = Course(ROOT).exercises
each_exercise = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)


def read(folder, exercise):
    return nbformat.read(ROOT / folder / exercise.assignment / f"{exercise.name}.ipynb", as_version=4)


@each_exercise
def test_every_answer_is_followed_by_its_test_cell(exercise):
    cells = [cell.metadata.get("nbgrader", {}) for cell in read("source", exercise).cells]
    ids = [cell.get("grade_id") for cell in cells]
    for name in exercise.answers:
        place = ids.index(name)
        assert ids[place + 1] == f"test_{name}"
        assert cells[place + 1]["points"] > 0
    assert list(exercise.points) == [f"test_{name}" for name in exercise.answers]


@each_exercise
def test_source_holds_no_outputs_and_stable_ids(exercise):
    cells = read("source", exercise).cells
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells)
    assert len({cell.id for cell in cells}) == len(cells)


@each_exercise
def test_the_release_holds_no_solution(exercise):
    text = "\n".join(cell.source for cell in read("assignments", exercise).cells)
    assert "SOLUTION" not in text
    assert text.count("raise NotImplementedError()") >= len(exercise.answers)


@each_exercise
def test_the_solution_shows_no_error(exercise):
    outputs = [output for cell in read("solutions", exercise).cells for output in cell.get("outputs", [])]
    assert outputs
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]


@pytest.mark.slow
@each_exercise
def test_the_released_notebook_runs_from_top_to_bottom(exercise):
    notebook = read("assignments", exercise)
    folder = ROOT / "assignments" / exercise.assignment
    ExecutePreprocessor(timeout=120).preprocess(notebook, {"metadata": {"path": str(folder)}})
    shown = [str(output) for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("is not written yet" in text for text in shown) == len(exercise.answers)


CHECK = "import lab\ndef build_sgd(*args, **kwargs):\n    return None\nlab.check(build_sgd)"


@pytest.mark.parametrize(
    ("execution", "code", "says"),
    [
        (None, 0, "0 of 3 public checks passed"),
        ("validate", 1, "ChecksFailed"),
        ("autograde", 1, "autograded without the course's own nbgrader_config.py"),
    ],
)
def test_public_checks_raise_only_where_nbgrader_looks(execution, code, says):
    environment = dict(os.environ, **({"NBGRADER_EXECUTION": execution} if execution else {}))
    folder = ROOT / "source" / "optimizers"
    done = subprocess.run(
        [sys.executable, "-B", "-c", CHECK], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert says in done.stdout + done.stderr
