"""What autograde puts into a notebook, and what nbgrader's own pages make of it, is bounded, too."""

import time

import pytest
from nbconvert.exporters import HTMLExporter
from nbformat import v4 as new
from traitlets.config import Config

from autograder.authoring import specimens
from autograder.grading.graded import Graded
from autograder.grading.submission import Submission
from autograder.hosts.nbgrader import plugin
from autograder.pages.budget import MAX_TEXT
from autograder.results import Grade
from autograder.sandbox import wire
from tests.conftest import ROOT
from tests.pages.test_budget import png


@pytest.fixture
def exporter():
    """The exporter of the formgrader, as the course configures it."""
    config = Config()
    code = compile((ROOT / "nbgrader_config.py").read_text(), "nbgrader_config.py", "exec")
    exec(code, {"get_config": lambda: config})
    return HTMLExporter(config=config)


@pytest.mark.parametrize(
    "cells",
    [
        [new.new_code_cell('"' + "\\N{" * 80_000)] * 2,
        [new.new_code_cell("  \n" * 3_000 + "x")] * 100,
        [new.new_markdown_cell("* " * 64_000)] * 2,
        [new.new_markdown_cell("**a " * 700 + "a**" * 700)] * 100,
    ],
    ids=["names of characters", "blanks", "bullets", "nested emphasis"],
)
def test_the_page_of_the_formgrader_shares_one_budget(exporter, cells):
    notebook = new.new_notebook()
    notebook.cells = [
        new.new_code_cell(cell.source) if cell.cell_type == "code" else new.new_markdown_cell(cell.source)
        for cell in cells
    ]
    started = time.process_time()
    page, resources = exporter.from_notebook_node(notebook)
    assert time.process_time() - started < 40
    assert resources["budget_of_texts"].is_short and len(page) < 10_000_000


def test_the_formgrader_shows_code_in_colours(exporter):
    notebook = new.new_notebook(cells=[new.new_code_cell("def f(): return '<b>'")])
    page, _ = exporter.from_notebook_node(notebook)
    assert '<div class="highlight hl-ipython3"><pre><span class="k">def</span>' in page and "<b>" not in page


OUTPUTS = {
    "text": ([wire.Stream("stdout", "x" * 110_000)] * 100, False),
    "tracebacks": ([wire.Error("E" * 2_000, "e" * 110_000, ["x" * 110_000] * 9)], False),
    "a bomb": ([wire.Display(False, "<Figure>", png(100_000, 100_000))], False),
    "many figures": ([wire.Display(False, "<Figure>", png(5_000, 5_000))] * 20, True),
    "an ordinary figure": ([wire.Display(True, "<Figure>", png(640, 480))], True),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_what_autograde_puts_into_a_notebook_is_bounded(name, exercise, monkeypatch):
    outputs, has_figure = OUTPUTS[name]
    submission = Submission.of(specimens.answer(exercise, {}), exercise, "ada")
    places = [index for index, _ in submission.cells()]
    grade = Grade("ada", exercise.assignment, exercise.name, "needs_review", "…", exercise.max_score, 0.1)

    class FakeGrader:
        def grade(self, submission):
            return Graded(grade, dict.fromkeys(places, outputs))

    monkeypatch.setattr(plugin, "process_grader", lambda unsafe, private: FakeGrader())
    monkeypatch.setattr(plugin, "who_grades_this", lambda *_: exercise)
    resources = {"nbgrader": {"student": "ada"}}
    notebook, _ = plugin.ExecuteInSandbox().preprocess(submission.notebook, resources)
    shown = [output for index in places for output in notebook.cells[index].outputs]
    assert sum(len(str(output)) for output in shown) < 2 * MAX_TEXT
    assert any("image/png" in output.get("data", {}) for output in shown) is has_figure
    assert sum("image/png" in output.get("data", {}) for output in shown) <= max(2, len(places))
