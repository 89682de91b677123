"""What is authored in source/ and what is generated from it."""

import ast
import importlib.metadata
import json
import os
import subprocess
import sys

import nbformat
import pytest
from nbconvert.preprocessors import ExecutePreprocessor
from packaging.requirements import Requirement

from autograder.course import Course
from tests.conftest import ROOT

EXERCISES = Course(ROOT).assignment().exercises
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


LEAN = """
import importlib.machinery, importlib.util, json, sys, sysconfig

class Installed(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return super().find_spec(name, path, target) if name.partition(".")[0] in modules else None

sysconfig.get_config_vars()  # reads a module of Python's own that has another name on each machine
modules, notebooks = json.load(sys.stdin)
modules = {*modules, *sys.stdlib_module_names}
sys.meta_path = [importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter, Installed]
assert importlib.util.find_spec("nbgrader") is None
for cells in notebooks:
    namespace = {}
    for cell in cells:
        exec(cell, namespace)
"""
"""Runs notebooks in a Python that finds its own modules and those named, and nothing else that is installed here."""


def installed_with(requirements):
    """The modules that pip install brings with these requirements."""
    distributions, todo = set(), [Requirement(line) for line in requirements]
    while todo:
        needed = todo.pop()
        if any(needed.marker is None or needed.marker.evaluate({"extra": extra}) for extra in ("", *needed.extras)):
            found = importlib.metadata.distribution(needed.name)
            if found.name not in distributions:
                todo += [Requirement(line) for line in found.requires or []]
            distributions.add(found.name)
    return [name for name, owners in importlib.metadata.packages_distributions().items() if distributions & {*owners}]


@pytest.mark.slow
def test_the_release_needs_only_what_its_requirements_name():
    folder = ROOT / "assignments" / "optimizers"
    modules = [path.stem for path in folder.glob("*.py")]
    modules += installed_with((folder / "requirements.txt").read_text().splitlines())
    imports = [
        ast.unparse(node)
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and node.module != "__future__")
    ]  # those inside of functions too
    notebooks = [
        [cell.source for cell in read("assignments", exercise).cells if cell.cell_type == "code"]
        for exercise in EXERCISES.values()
    ]
    done = subprocess.run(
        [sys.executable, "-B", "-c", LEAN],
        cwd=folder,
        env={**os.environ, "MPLBACKEND": "agg"},
        input=json.dumps([modules, [imports, *notebooks]]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("is not written yet") == sum(len(exercise.answers) for exercise in EXERCISES.values())


CHECK = "import lab\ndef build_sgd(*args, **kwargs):\n    return None\nlab.check(build_sgd)"


@pytest.mark.slow
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
