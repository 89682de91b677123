"""Grading one submission: what is the student's fault costs its own points, what is ours costs none."""

import dataclasses

import nbformat
import pytest

from autograder.authoring import specimens
from autograder.course import Lesson
from autograder.grading import checks as checks_module
from autograder.grading import grader as grader_module
from autograder.grading.submission import Submission
from autograder.pages import feedback
from autograder.sandbox.loaded import Limits
from autograder.sandbox.process import SandboxError
from tests.conftest import set_cell

BROKEN = "from autograder.checking.check import check\n" + "\n".join(
    f"@check('test_{name}', 3, 'h')\ndef test_{name}(student):\n    'Is.'\n    raise KeyError('ours')"
    for name in ("build_sgd", "build_adam", "build_adamw", "decay_pull")
)
"""Checks that all raise."""


def grade(grader, notebook, exercise):
    return grader.grade(Submission.of(notebook, exercise, "submission")).grade


def messages(result, cell):
    return " ".join(check.text for check in result.of_cell(cell))


@pytest.fixture
def solution(solution):
    return specimens.without_examples(solution)


NOT_READ = "Modules and files of your own beside the notebook are not read"


def test_the_reference_earns_full_marks(grader, exercise):
    result = grade(grader, specimens.unchanged(exercise), exercise)
    assert (result.status, result.reason, result.score, result.max_score) == ("graded", None, 12, 12)


def test_stderr_and_prints_cost_nothing(grader, solution, exercise):
    set_cell(
        solution,
        "build_sgd",
        "import sys, warnings\nwarnings.warn('careful')\n"
        "def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):\n"
        "    print('x', file=sys.stderr); print(0)\n"
        "    return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)\n12.0",
    )
    assert grade(grader, solution, exercise).score == 12


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "build_sgd is not defined. Its cell ran, but defines nothing of this name"),
        pytest.param(
            "def build_sgd(:", "build_sgd is not defined. Its cell stopped with SyntaxError", marks=pytest.mark.slow
        ),
        ("build_sgd = 3", "build_sgd is not a function"),
        ("def build_sgd(params, rate): return None", "it is defined as build_sgd(params, rate)"),
        ("def build_sgd(params, **settings): return None", "expected build_sgd to return an optimizer, found None"),
        pytest.param(
            "def build_sgd(params, **settings): return {'lr': 1}", "found a dict of 1 item", marks=pytest.mark.slow
        ),
        pytest.param(
            "def build_sgd(params, **settings): return (p for p in params)",
            "found a value of type generator",
            marks=pytest.mark.slow,
        ),
        pytest.param("def build_sgd(params, **settings): return 3.5", "found 3.5", marks=pytest.mark.slow),
        ("def build_sgd(params, **settings): return params_", "NameError: name 'params_' is not defined"),
        ("def build_sgd(params, **settings): raise NotImplementedError()", "build_sgd is not written yet"),
        ("import os\nos._exit(0)", "Its cell did not come to its end. It ended the Python process."),
        pytest.param("raise SystemExit", "Its cell stopped with SystemExit", marks=pytest.mark.slow),
        ("from helpers import build_sgd", "No module named 'helpers'\n" + NOT_READ),
        pytest.param("from lab import build_sgd", "\n" + NOT_READ, marks=pytest.mark.slow),
        pytest.param("def build_sgd(*a, **k): open('x.csv')", "\n" + NOT_READ, marks=pytest.mark.slow),
        pytest.param(
            "try:\n    import helpers\nfinally:\n    def build_sgd(*a, **k): return helpers.make(*a, **k)",
            "\n" + NOT_READ,
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_wrong_function_costs_its_own_points_and_says_why(grader, solution, exercise, source, message):
    set_cell(solution, "build_sgd", source)
    result = grade(grader, solution, exercise)
    assert (result.status, result.score) == ("graded", 9)
    assert message in messages(result, "test_build_sgd")


def test_a_deleted_answer_cell_says_so(grader, solution, exercise):
    solution.cells = [c for c in solution.cells if c.metadata.get("nbgrader", {}).get("grade_id") != "build_sgd"]
    result = grade(grader, solution, exercise)
    assert (result.status, result.score) == ("graded", 9)
    assert "take it from the released notebook" in messages(result, "test_build_sgd")
    assert "The answer cell build_sgd is missing" in " ".join(result.remarks)


def test_test_cells_decide_nothing(grader, solution, exercise):
    for name in exercise.points:
        set_cell(solution, name, "raise SystemExit")
    result = grade(grader, solution, exercise)
    assert (result.status, result.score) == ("graded", 12)
    assert "was changed" in " ".join(result.remarks)


def test_an_empty_notebook_gets_nothing_and_says_why(grader, exercise):
    result = grade(grader, nbformat.v4.new_notebook(), exercise)
    assert (result.status, result.score) == ("graded", 0)
    assert "is missing" in " ".join(result.remarks)


def test_a_notebook_that_always_ends_its_process_gets_nothing(grader, exercise):
    cells = [nbformat.v4.new_code_cell("import os\nos._exit(1)") for _ in range(8)]
    result = grade(grader, nbformat.v4.new_notebook(cells=cells), exercise)
    assert (result.status, result.score) == ("graded", 0)
    assert "Too many cells" in messages(result, "test_build_sgd")


def test_a_check_never_pays_for_what_another_left_behind(grader, solution, exercise):
    set_cell(
        solution,
        "build_adam",
        "calls = 0\n"
        "def build_adam(params, lr=1e-3, betas=(0.9, 0.999)):\n"
        "    global calls\n"
        "    calls += 1\n"
        "    if calls > 8:\n"  # as many as the busiest check makes
        "        raise RuntimeError('worn out')\n"
        "    return torch.optim.Adam(params, lr=lr, betas=betas)",
    )
    assert grade(grader, solution, exercise).score == 12


@pytest.mark.slow
def test_a_hanging_function_costs_its_own_points(grader, solution, exercise, monkeypatch):
    set_cell(solution, "decay_pull", "def decay_pull(*args, **kwargs):\n    while True:\n        pass")
    monkeypatch.setattr(grader, "limits", Limits(call=0.2))
    result = grade(grader, solution, exercise)
    assert (result.status, result.score) == ("graded", 9)
    assert "without returning" in messages(result, "test_decay_pull")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("build_adam = torch.optim.AdamW", "graded"),
        ("build_adam = 3", "graded"),
        ("def build_adam(*args, **kwargs): raise KeyError", "graded"),
        ("import os\ndef build_adam(*args, **kwargs): os._exit(1)", "graded"),
        (None, "needs_review"),  # the check itself raises
    ],
)
def test_no_traceback_of_a_failed_check_is_laid_out(grader, solution, exercise, tmp_path, monkeypatch, code, status):
    """pytest reads the source of each frame for it, which takes longer than most checks, and nobody sees it."""
    if code is None:
        (tmp_path / "checks.py").write_text(BROKEN)
        exercise = dataclasses.replace(exercise, lesson=Lesson("tests/1-broken", tmp_path))
    else:
        set_cell(solution, "build_adam", code)
    laid_out = []
    with monkeypatch.context() as patched:  # and not where pytest reports this test itself
        patched.setattr(pytest.Function, "repr_failure", lambda item, *_: laid_out.append(item.name) or "")
        result = grade(grader, solution, exercise)
    assert laid_out == []
    assert result.status == status, result.reason
    assert any(check.status != "passed" and check.text for check in result.of_cell("test_build_adam"))


# --- our own failures ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_sandbox_that_dies_once_is_replaced(grader, solution, exercise):
    process = grader.sandbox._process
    process.kill()
    process.wait(10)
    assert grade(grader, solution, exercise).score == 12


@pytest.mark.slow
def test_a_sandbox_that_fails_twice_needs_review(grader, solution, exercise, monkeypatch):
    def fail(*args):
        raise SandboxError("out of luck")

    monkeypatch.setattr(grader_module, "make_checks", fail)
    result = grade(grader, solution, exercise)
    assert (result.status, result.score) == ("needs_review", None)
    assert "out of luck" in " ".join(result.remarks)


@pytest.mark.parametrize(
    ("graders", "reason"),
    [
        (None, "are missing"),
        ("syntax error(", "are broken"),
        ("import missing_module", "are broken"),
        ("", "are broken"),
        ("def test_x(student): pass", "has no @check"),
        (
            "from autograder.checking.check import check\n@check('test_build_sgd', 1, 'h')\ndef test_x(student): pass",
            "are broken",
        ),
        (
            "from autograder.checking.check import check\n"
            "@check('test_build_sgd', 1, 'h')\ndef test_x(student):\n    'Is.'",
            "add up to",
        ),
        (
            BROKEN,
            "4 of 4 checks could not be made: KeyError: 'ours'",
        ),
    ],
)
def test_missing_or_broken_graders_need_review(grader, solution, exercise, tmp_path, graders, reason):
    if graders is not None:
        (tmp_path / "checks.py").write_text(graders)
    broken = dataclasses.replace(exercise, lesson=Lesson("tests/1-broken", tmp_path))
    result = grade(grader, solution, broken)
    assert (result.status, result.score) == ("needs_review", None)
    assert reason in " ".join(result.remarks)


@pytest.mark.parametrize(("error", "status"), [(KeyError("pytest"), "needs_review"), (KeyboardInterrupt(), None)])
def test_what_stops_pytest_stops_one_submission(grader, solution, exercise, monkeypatch, error, status):
    """The checks are collected once for all submissions: the next one must not find them half made."""

    def fail(**kwargs):
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(checks_module, "CheckResult", fail)
        if status is None:
            with pytest.raises(KeyboardInterrupt):
                grade(grader, solution, exercise)
        else:
            assert grade(grader, solution, exercise).status == status
    assert grade(grader, solution, exercise).score == 12


def test_graders_are_read_again_once_they_are_changed(grader, solution, exercise, tmp_path):
    """In one process, as under the formgrader's server; and of two folders with the same name each has its own."""
    graders = "from autograder.checking.check import check\n" + "".join(
        f"@check('test_{name}', 3, 'h')\ndef test_{name}(student):\n    'Is.'\n"
        for name in ("build_sgd", "build_adam", "build_adamw", "decay_pull")
    )
    for folder, last_line, score in (
        ("one", "", 12),
        ("one", "    assert not student, 'stricter'", 9),
        ("other", "", 12),
        ("other", "    1 / 0", None),
    ):
        lesson = tmp_path / folder / "lessons" / "tests" / "changing"
        lesson.mkdir(parents=True, exist_ok=True)
        (lesson / "__init__.py").touch()
        (lesson / "checks.py").write_text(graders + last_line)
        own = dataclasses.replace(exercise, lesson=Lesson("tests/1-changing", lesson))
        assert grade(grader, solution, own).score == score


@pytest.mark.parametrize(
    ("count", "points", "score"),
    [(1, [10 / 3, 0.7, 0.1, 0.1], 4.233333333), (7, [3, 3, 3, 3], 12), (10, [3, 0.7, 0.1, 1], 4.8), (90, [1] * 4, 4)],
)
def test_parts_of_a_point_add_up(grader, solution, exercise, tmp_path, count, points, score):
    """Ten times 0.3 is 3 to people, and a little less to a sum of floats."""
    lesson = Lesson("tests/1-parts", tmp_path)
    own = dataclasses.replace(exercise, lesson=lesson, points=dict(zip(exercise.points, points, strict=True)))
    lines = ["from autograder.checking.check import check"]
    for cell, most in own.points.items():
        for number in range(count):
            lines.append(f"@check('{cell}', {most} / {count}, 'h')\ndef {cell}_{number}(student):\n    'Is.'")
    (tmp_path / "checks.py").write_text("\n".join(lines))
    result = grade(grader, solution, own)
    assert (result.status, result.score) == ("graded", score)
    assert result.score == own.max_score
    assert [result.points_of(cell) for cell in own.points] == pytest.approx(points, abs=1e-9)


# --- feedback -----------------------------------------------------------------------------------------------------


def test_feedback_escapes_what_came_from_the_student(grader, solution, exercise):
    set_cell(
        solution, "build_sgd", "def build_sgd(*args, **kwargs):\n    raise ValueError('<script>alert(1)</script>')"
    )
    checks = grade(grader, solution, exercise).of_cell("test_build_sgd")
    page = feedback.html("test_build_sgd", checks)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_feedback_says_the_same_thing_once(grader, solution, exercise):
    set_cell(solution, "build_sgd", "def build_sgd(*args, **kwargs):\n    raise ValueError('wrong')")
    checks = grade(grader, solution, exercise).of_cell("test_build_sgd")
    assert feedback.text("test_build_sgd", checks).count("ValueError: wrong") == 1
    assert feedback.text("test_build_sgd", checks).startswith("build_sgd: 0 of 3 points")
