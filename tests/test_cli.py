"""The command line, as an instructor types it."""

import contextlib
import json
import subprocess
import sys

import nbformat
import pytest
from click.testing import CliRunner

from autograder.authoring import doctor, specimens
from autograder.cli import NothingDone, main
from autograder.grading import batch
from autograder.messages import printable
from autograder.sandbox import confinement
from tests.conftest import ROOT, set_cell

KEYS = ["submission", "assignment", "exercise", "status", "reason", "score", "max_score", "seconds", "checks"]
CHECK_KEYS = ["cell", "name", "status", "points", "max_points", "message", "hint"]


@pytest.fixture
def run(monkeypatch):
    monkeypatch.chdir(ROOT)
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def submitted(tmp_path, exercise, solution):
    """Three students: one right, one half right, one whose file is broken."""
    for student in ("ann", "bob", "cyd"):
        folder = tmp_path / "submitted" / student / "optimizers"
        folder.mkdir(parents=True)
        if student == "bob":
            set_cell(solution, "build_sgd", "def build_sgd(params, **settings):\n    return None")
        nbformat.write(specimens.without_examples(solution), folder / "1-build-optimizers.ipynb")
    (folder / "1-build-optimizers.ipynb").write_text("{")
    return tmp_path / "submitted"


def test_json_prints_one_object_for_each_submission(run, submitted):
    result = run("grade", "--json", submitted)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 1  # one needs review
    assert [list(line) for line in lines] == [KEYS] * 3
    assert [line["score"] for line in lines] == [12, 9, None]
    assert [line["status"] for line in lines] == ["graded", "graded", "needs_review"]
    assert [line["max_score"] for line in lines] == [12, 12, 12]
    assert "is not JSON" in lines[2]["reason"]
    assert [list(check) for check in lines[1]["checks"]] == [CHECK_KEYS] * 24
    failed = lines[1]["checks"][0]
    assert (failed["cell"], failed["name"], failed["status"], failed["points"]) == (
        "test_build_sgd",
        "test_sgd_class",
        "failed",
        0,
    )


def test_the_table_gives_the_reason_for_every_lost_point(run, submitted):
    result = run("grade", submitted / "bob", submitted / "ann" / "optimizers" / "1-build-optimizers.ipynb")
    assert result.exit_code == 0
    assert "9 / 12" in result.stdout
    assert "expected build_sgd to return an optimizer, found None" in result.stdout


@pytest.mark.slow
def test_several_workers_give_the_same_grades_in_the_same_order(run, submitted):
    lines = {n: run("grade", "--json", "--workers", n, submitted).stdout.splitlines() for n in (1, 2)}
    plain = {n: [{**json.loads(line), "seconds": 0} for line in lines[n]] for n in lines}
    assert plain[1] == plain[2]


def test_a_missing_file_does_not_stop_the_others(run, submitted, tmp_path):
    result = run("grade", "--json", tmp_path / "missing.ipynb", submitted / "ann")
    first, second = (json.loads(line) for line in result.stdout.splitlines())
    assert (first["status"], first["exercise"], first["max_score"]) == ("needs_review", None, None)
    assert "There is no notebook missing.ipynb" in first["reason"]
    assert second["score"] == 12


def test_a_path_that_is_not_there_says_just_that(run, tmp_path):
    result = run("grade", tmp_path / "missing.ipynb", tmp_path / "nowhere")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"There is no {tmp_path}/missing.ipynb and no {tmp_path}/nowhere. Is the name right?" in result.stderr


def test_a_folder_without_notebooks_says_so(run, tmp_path):
    result = run("grade", tmp_path)
    assert result.exit_code == 2
    assert "There is no notebook in" in result.stderr


def test_without_a_sandbox_nothing_is_graded(run, submitted, monkeypatch):
    monkeypatch.setenv("AUTOGRADER_SANDBOX", "none")
    monkeypatch.setattr(batch, "process_grader", batch.process_grader.__wrapped__)
    result = run("grade", "--json", submitted / "ann")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "No sandbox works here" in result.stderr


@pytest.mark.slow
def test_unsafe_is_shown_on_the_result(run, submitted, monkeypatch):
    monkeypatch.setenv("AUTOGRADER_SANDBOX", "none")
    result = run("grade", "--json", "--unsafe", submitted / "ann")
    (line,) = (json.loads(line) for line in result.stdout.splitlines())
    assert line["score"] == 12
    assert "without a sandbox" in line["reason"]


BACKENDS = {backend.name: backend for backend in (confinement.BUBBLEWRAP, confinement.SANDLOCK)}


@pytest.mark.parametrize("started", ["before", pytest.param("by it", marks=pytest.mark.slow)])
@pytest.mark.parametrize("backend", BACKENDS)
def test_doctor_says_which_sandbox_is_active(run, monkeypatch, sandboxes, backend, started):
    if started == "before":
        warm = sandboxes(BACKENDS[backend])
        monkeypatch.setattr(doctor, "Sandbox", lambda backend: contextlib.nullcontext(warm))
    monkeypatch.setenv("AUTOGRADER_SANDBOX", backend)
    result = run("doctor")
    assert result.exit_code == 0
    assert f"Active: {backend}" in result.stdout
    for what in (*doctor._REFUSED, doctor._MEMORY):
        assert f"✓ {what}: refused" in result.stdout
    assert "✗" not in result.stdout


def test_doctor_fails_without_a_sandbox(run, monkeypatch):
    monkeypatch.setenv("AUTOGRADER_SANDBOX", "none")
    result = run("doctor")
    assert result.exit_code == 1
    assert "nothing will be graded" in result.stdout


def test_help_imports_nothing_heavy():
    heavy = ("torch", "nbformat", "nbgrader", "pytest", "numpy", "rich")
    code = "import sys\nfrom autograder.cli import main\nmain(['--help'], standalone_mode=False)\n"
    code += f"print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_outside_of_a_course_the_packages_own_is_used(run, submitted, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert json.loads(run("grade", "--json", submitted / "ann").stdout)["score"] == 12


def test_stub_earns_nothing(run, tmp_path, exercise):
    path = tmp_path / "1-build-optimizers.ipynb"
    nbformat.write(specimens.without_examples(specimens.stub(exercise)), path)
    assert json.loads(run("grade", "--json", path).stdout)["score"] == 0


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\u202eb", "a\x9b31mb", "a\rb"])
def test_an_error_commands_no_terminal(name):
    """Errors name files that a student has handed in; the student named them."""
    shown = NothingDone(
        f"ada/1-build: it lies at submitted/ada/{name}.ipynb, where nothing is graded."
    ).format_message()
    assert shown == f"ada/1-build: it lies at submitted/ada/{printable(name)}.ipynb, where nothing is graded."
    assert shown.isprintable()
