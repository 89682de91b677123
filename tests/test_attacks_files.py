"""Attacks by the notebook file and the folder around it: they need review or earn nothing, and harm nobody."""

import json
import os
import subprocess
import sys

import nbformat
import pytest

from autograder import specimens
from tests.conftest import ROOT

NAME = "1-build-optimizers.ipynb"


@pytest.fixture
def folder(tmp_path):
    """A student's folder with the reference solution in it."""
    return tmp_path


def write(folder, notebook):
    path = folder / NAME
    path.write_text(json.dumps(notebook))
    return path


def lean(exercise):
    return specimens.without_examples(specimens.unchanged(exercise))


def test_a_link_to_the_solution_is_not_graded(grader, course, folder):
    (folder / NAME).symlink_to(ROOT / "source" / "optimizers" / NAME)
    grade = grader.grade_file(folder / NAME, course.exercises)
    assert (grade.status, grade.score) == ("needs_review", None)
    assert "is a link" in grade.reason


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("/dev/zero", path)])
def test_what_is_no_file_is_not_read(grader, course, folder, make):
    make(folder / NAME)
    assert grader.grade_file(folder / NAME, course.exercises).status == "needs_review"


@pytest.mark.parametrize(
    "change",
    [
        lambda nb: nb["cells"].append({"cell_type": "code", "source": "x = '\ud800'", "metadata": {}, "outputs": []}),
        lambda nb: nb["cells"].append({"cell_type": "code", "source": 3, "metadata": {}, "outputs": []}),
        lambda nb: nb["cells"].append({"cell_type": "evil", "source": "", "metadata": {}}),
        lambda nb: nb["cells"].append([]),
        lambda nb: nb.update(nbformat=10**30),
        lambda nb: nb.update(nbformat_minor=-1),
        lambda nb: nb.update(metadata=[]),
        lambda nb: nb["metadata"].update(language_info=3),
    ],
)
def test_a_damaged_notebook_needs_review_or_is_graded(grader, course, exercise, folder, change):
    notebook = json.loads(nbformat.writes(lean(exercise)))
    change(notebook)
    grade = grader.grade_file(write(folder, notebook), course.exercises)
    assert grade.status == "needs_review" or grade.score == 12
    json.dumps(grade.to_json()).encode()


def test_more_code_than_a_message_holds_costs_nobody_else(grader, course, exercise, folder):
    sandbox = grader.sandbox
    notebook = lean(exercise)
    notebook.cells.append(nbformat.v4.new_code_cell("# " + "x" * (17 * 2**20)))
    grade = grader.grade_file(write(folder, notebook), course.exercises)
    assert grade.status == "needs_review"
    assert "code" in grade.reason
    assert grader.sandbox is sandbox


def test_thousands_of_cells_are_run(grader, course, exercise, folder):
    notebook = lean(exercise)
    notebook.cells += [nbformat.v4.new_code_cell("print(1)") for _ in range(2000)]
    assert grader.grade_file(write(folder, notebook), course.exercises).score == 12


def test_answers_that_are_renamed_duplicated_and_retyped_earn_no_more(grader, course, exercise, folder):
    notebook = lean(exercise)
    cells = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == "build_sgd"]
    wrong = nbformat.from_dict(json.loads(json.dumps(cells[0])))
    wrong.source = "def build_sgd(*args, **kwargs): raise SystemExit"
    wrong.metadata.nbgrader.update(points=1000, grade=True, cell_type="markdown")
    notebook.cells += [wrong, wrong]
    assert grader.grade_file(write(folder, notebook), course.exercises).score == 9


EVIL = "import os\nopen({marker!r}, 'w').close()\n"
SHADOWS = ["torch", "lab", "conftest", "sitecustomize", "json", "pickle", "struct", "sandlock", "pytest"]


@pytest.mark.slow
@pytest.mark.parametrize("sandbox", ["bubblewrap", "sandlock"])
def test_modules_beside_the_notebook_are_never_imported(exercise, tmp_path, sandbox):
    """Even where the instructor works in the student's folder, with several workers."""
    folder = tmp_path / "eve"
    folder.mkdir()
    marker = str(tmp_path / "owned")
    for name in SHADOWS:
        (folder / f"{name}.py").write_text(EVIL.format(marker=marker))
    (folder / "evil.pth").write_text(f"import os; open({marker!r}, 'w').close()\n")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -p conftest\n")
    write(folder, lean(exercise))
    script = tmp_path / "bin" / "autograder"  # as pip installs it
    script.parent.mkdir()
    script.write_text("from autograder.cli import main\n\nif __name__ == '__main__':\n    main()\n")
    done = subprocess.run(
        [sys.executable, str(script), "grade", ".", "--json", "--workers", "2"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "AUTOGRADER_SANDBOX": sandbox},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not os.path.exists(marker), done.stderr
    assert json.loads(done.stdout.splitlines()[0])["score"] == 12, done.stderr
