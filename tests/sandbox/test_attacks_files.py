"""Attacks by the notebook file and the folder around it: they need review or earn nothing, and harm nobody."""

import json
import os
import subprocess
import sys

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert.exporters import HTMLExporter
from nbgrader.server_extensions.formgrader import handlers
from traitlets.config import PyFileConfigLoader

from autograder.authoring import specimens
from autograder.grading import reading
from autograder.grading.submission import Submission
from autograder.sandbox import wire
from autograder.sandbox.loaded import MAX_SHOWN
from tests.conftest import ROOT, grade_file

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
    grade = grade_file(grader, folder / NAME, course)
    assert (grade.status, grade.score) == ("needs_review", None)
    assert "is a link" in grade.reason


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("/dev/zero", path)])
def test_what_is_no_file_is_not_read(grader, course, folder, make):
    make(folder / NAME)
    assert grade_file(grader, folder / NAME, course).status == "needs_review"


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
    grade = grade_file(grader, write(folder, notebook), course)
    assert grade.status == "needs_review" or grade.score == 12
    json.dumps(grade.to_json()).encode()


def test_more_code_than_a_message_holds_costs_nobody_else(grader, course, exercise, folder):
    sandbox = grader.sandbox
    notebook = lean(exercise)
    notebook.cells.append(nbformat.v4.new_code_cell("# " + "x" * (17 * 2**20)))
    grade = grade_file(grader, write(folder, notebook), course)
    assert grade.status == "needs_review"
    assert "code" in grade.reason
    assert grader.sandbox is sandbox


def test_thousands_of_cells_are_run(grader, course, exercise, folder):
    notebook = lean(exercise)
    notebook.cells += [nbformat.v4.new_code_cell("print(1)") for _ in range(2000)]
    assert grade_file(grader, write(folder, notebook), course).score == 12


def test_answers_that_are_renamed_duplicated_and_retyped_earn_no_more(grader, course, exercise, folder):
    notebook = lean(exercise)
    cells = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == "build_sgd"]
    wrong = nbformat.from_dict(json.loads(json.dumps(cells[0])))
    wrong.source = "def build_sgd(*args, **kwargs): raise SystemExit"
    wrong.metadata.nbgrader.update(points=1000, grade=True, cell_type="markdown")
    notebook.cells += [wrong, wrong]
    assert grade_file(grader, write(folder, notebook), course).score == 9


@pytest.mark.parametrize("leaf", ["{}," * 3_000_000 + "{}", "[" * 700 + "]" * 700, '"</script><script>"'])
@pytest.mark.parametrize("place", ["notebook", "cell", "label", "output"])
def test_what_no_grader_reads_is_dropped_before_it_costs_anything(exercise, folder, leaf, place):
    """nbformat would take minutes and all the memory for millions of parts, in the process that grades."""
    notebook = json.loads(nbformat.writes(lean(exercise)))
    cell = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    cell["outputs"] = [{"output_type": "display_data", "metadata": {}, "data": {}}]
    holders = {"notebook": notebook["metadata"], "cell": cell["metadata"]}
    holders |= {"label": cell["metadata"]["nbgrader"], "output": cell["outputs"][0]["data"]}
    holders[place]["autograder"] = "EVIL"
    path = folder / NAME
    path.write_text(json.dumps(notebook).replace('"EVIL"', f"[{leaf}]"))
    read = reading.read(path)
    assert "autograder" not in repr(read)
    assert Submission.of(read, exercise, "x").oddities == []


def test_outputs_of_many_cells_are_bounded_together(grader, exercise):
    """Each is within the limits of a message; together they would fill the memory of the process that grades."""
    notebook = lean(exercise)
    source = """
from autograder.sandbox import wire
from autograder.sandbox.guest.kernel import OUTPUTS
OUTPUTS.items = [wire.Display(False, "", bytes(2 * 2**20))] * 7
"""
    notebook.cells += [nbformat.v4.new_code_cell(source) for _ in range(8)]
    graded = grader.grade(Submission.of(notebook, exercise, "many outputs"))
    assert graded.grade.score == 12
    size = sum(
        len(output.png or b"")
        for outputs in graded.outputs.values()
        for output in outputs
        if isinstance(output, wire.Display)
    )
    assert 0 < size <= MAX_SHOWN


def test_the_formgrader_runs_no_script_of_a_student():
    """A script on the instructor's page could give any points, with the instructor's rights."""
    config = PyFileConfigLoader("nbgrader_config.py", str(ROOT)).load_config()
    config.HTMLExporter.template_name = "formgrade"  # as the formgrader makes its exporter
    config.HTMLExporter.extra_template_basedirs = [handlers.template_path]
    notebook = nbformat.v4.new_notebook()
    evil = "**bold** <script>alert(1)</script> <img src=x onerror=alert(1)> [a](javascript:alert(1)) ![b](attachment:c)"
    text, raw = nbformat.v4.new_markdown_cell(evil), nbformat.v4.new_raw_cell(evil)
    text.attachments = {"c": {"image/png": '"><script>alert(1)</script>'}}
    output = nbformat.v4.new_output("error", ename=evil, evalue=evil, traceback=[evil])
    code = nbformat.v4.new_code_cell(evil, outputs=[output, nbformat.v4.new_output("stream", text=evil)])
    for place, cell in enumerate((text, raw, code)):
        label = {"grade_id": f"c{place}", "grade": True, "solution": True, "task": False, "locked": False, "points": 1}
        cell.metadata.nbgrader = {**label, "schema_version": 3, "cell_type": cell.cell_type}
        notebook.cells += [cell, nbformat.from_dict({**cell, "metadata": {"tags": ['"><script>']}, "id": f"i{place}"})]
    names = {"student": "ann", "first_name": "", "last_name": "", "submission_id": "s", "assignment_id": "a"}
    page, _ = HTMLExporter(config=config).from_notebook_node(
        notebook, {**names, "notebook_id": "n", "index": 0, "total": 1, "base_url": "/"}
    )
    shown = BeautifulSoup(page, "html.parser")
    assert shown.find("strong", string="bold")
    assert "alert" in shown.get_text()
    assert not any("alert" in script.get_text() for script in shown.find_all("script"))
    attributes = [str(value) for tag in shown.find_all() for name, value in tag.attrs.items() if name != "alt"]
    assert not [value for value in attributes if value.startswith("javascript:") or value == "alert(1)"]


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
