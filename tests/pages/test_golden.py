"""Golden files: what students and instructors read, as a whole, from made-up Grades. No student code runs here.

They lie in ``__snapshots__/test_golden/``; a browser opens the pages. Where one is meant to change, renew them, look at
the difference, and commit it: ``pytest tests/pages/test_golden.py --snapshot-update``. A file that no test asks for any
more fails the run, too; the same flag deletes it.
"""

from __future__ import annotations

import io
import re
from datetime import datetime
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from rich.console import Console
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from autograder.cli import main
from autograder.course import Exercise, Lesson
from autograder.grading import batch
from autograder.grading.graded import Graded, needs_review
from autograder.grading.in_notebook import put_grade
from autograder.messages import Message, quote, say
from autograder.pages import class_report, feedback, feedback_page, terminal
from autograder.pages.class_results import ClassResults, ExerciseResult, StudentResult
from autograder.pages.harmless import CODE_STYLE
from autograder.results import CheckResult, Grade, Oddity
from tests.conftest import ROOT

SCRIPT = "<script>alert(1)</script>"
NASTY = "<img src=x onerror=alert(1)>"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="  # one pixel


class Page(SingleFileSnapshotExtension):
    file_extension = "html"
    _write_mode = WriteMode.TEXT


class Text(SingleFileSnapshotExtension):
    file_extension = "txt"
    _write_mode = WriteMode.TEXT


class Lines(SingleFileSnapshotExtension):
    file_extension = "jsonl"
    _write_mode = WriteMode.TEXT


SIZES = {3_000: "less than 3 kB", 30_000: "3 to 30 kB", 300_000: "30 to 300 kB", 10**9: "more than 300 kB"}


def steady(page: str) -> str:
    """The page without what our libraries' versions and this machine's fonts decide.

    In place of a figure stands how large it is, roughly: an empty one or a flood would still be seen. The
    colours of code are pygments' own. A picture of the student's stays: it was made up here.
    """

    def size(figure: re.Match[str]) -> str:
        return "data:,a figure of " + next(words for most, words in SIZES.items() if len(figure[0]) < most)

    assert CODE_STYLE in page or "pre.code" not in page
    page = page.replace(CODE_STYLE, "/* the colours of code */")
    return re.sub(r"data:image/svg\+xml;base64,[A-Za-z0-9+/=]+", size, page)


# --- made-up Grades -----------------------------------------------------------------------------------------------


def exercise(name: str, **points: float) -> Exercise:
    """An exercise that no course has, so that no edit of a lesson changes a golden file."""
    lesson = Lesson(f"optimizers/{name}", Path("lessons"))
    return Exercise(
        "optimizers", name, Path(f"{name}.ipynb"), lesson, {f"test_{f}": p for f, p in points.items()}, [*points]
    )


BUILD = exercise("1-build", build_sgd=3.0, build_adam=1.5)
RACE = exercise("2-race", race=4.0)


def check(
    function: str, sentence: str, points: float, message: Message | None = None, hint: str = "", **more
) -> CheckResult:
    """A check that has passed, unless there is a message."""
    name, status = sentence.replace(" ", "_").rstrip("."), more.pop("status", "failed" if message else "passed")
    earned = points if status == "passed" else 0.0
    sentence = f"{function} {sentence}"
    return CheckResult(f"test_{function}", f"test_{name}", sentence, status, earned, points, message, hint, **more)


def grade(submission: str, exercise: Exercise, checks: list[CheckResult], *oddities: Oddity, seconds=0.5) -> Grade:
    names = (submission, exercise.assignment, exercise.name)
    return Grade(*names, "graded", None, exercise.max_score, seconds, checks, list(oddities))


def wrong_rate(found: float) -> Message:
    values = {"wanted": 0.1, "found": found, "call": "build_sgd(params)"}
    return say("expected lr = {wanted}, found lr = {found}\nafter {call}", **values)


WRONG_RATE = wrong_rate(0.01)
LESS_WRONG_RATE = wrong_rate(3e-5)
TYPED = say("expected 0.9, found {text}", text=quote(f"'{SCRIPT} [red]& \x1b[31m \u202eevil 김 𝛃 [/red]'"))
BROKEN = say("{error}: {text}", error="IndexError", text=quote("list index out of range"))


def sgd(message: Message | None = None) -> list[CheckResult]:
    """Checks of build_sgd, of which two find the same where there is a message."""
    return [
        check("build_sgd", "returns a torch.optim.SGD.", 1.0),
        check("build_sgd", "has lr 0.1 by default.", 0.5, message, "Look at the signature." if message else ""),
        check("build_sgd", "takes lr as it is given.", 1.5, message, "Look at the signature." if message else ""),
    ]


def adam(message: Message | None = None) -> list[CheckResult]:
    return [
        check("build_adam", "gives Adam its betas.", 1.0, message, f"Print betas; not {SCRIPT}." if message else ""),
        check("build_adam", "decays nothing.", 0.5),
    ]


ODD = [Oddity("answer repeated", "build_adam", 2), Oddity("check changed", "test_build_sgd"), Oddity("order")]
LOST_SGD = grade("submitted/ben/1-build.ipynb", BUILD, [*sgd(WRONG_RATE), *adam()], seconds=0.4149)
MIXED = grade(
    "submitted/<b>김 & \udc80\x1b[2J/1-build.ipynb", BUILD, [*sgd(WRONG_RATE), *adam(TYPED)], *ODD, seconds=12.0
)
RIGHT = grade("submitted/ada/1-build.ipynb", BUILD, [*sgd(), *adam()], seconds=1 / 3)
DAMAGED = needs_review("submitted/dee/homework.ipynb", f"homework.ipynb is not JSON ({SCRIPT}), so it is no notebook.")
NOT_MADE = Grade(
    "submitted/cho/1-build.ipynb",
    *("optimizers", "1-build", "needs_review", f"1 of 5 checks could not be made: {BROKEN}", 4.5, 0.25),
    [*sgd(), check("build_adam", "gives Adam its betas.", 1.0, BROKEN, status="error"), *adam()[1:]],
)
REFERENCE = {"SGD": [2.0, 0.5, 0.25], "Adam": [2.0, 1.0, 0.5], "AdamW": [2.0, 1.25, 0.5]}


def raced(submission: str, curves: dict[str, list[float | None]], message: Message | None = None) -> Grade:
    kept = {"curves": [*curves.items()], "reference": [*REFERENCE.items()]}
    return grade(submission, RACE, [check("race", "trains each optimizer alike.", 4.0, message, **kept)], seconds=2.0)


# --- the feedback page --------------------------------------------------------------------------------------------


def page_of(grade: Grade, exercise: Exercise, cells: list[nbformat.NotebookNode], late: float = 0.0) -> str:
    """The page of a notebook as autograde and the gradebook leave it."""
    notebook = nbformat.v4.new_notebook(cells=cells)
    put_grade(notebook, grade)
    metas = [cell.metadata.get("nbgrader", {}) for cell in cells]
    score = sum(meta.get("score", 0.0) for meta in metas) - late
    most = sum(meta["points"] for meta in metas if meta.get("grade"))
    names = {"score": score, "max_score": most, "late_penalty": late, "timestamp": datetime(2031, 5, 2, 9, 30)}
    return steady(feedback_page.render(notebook, exercise, names))


def answer(name: str, source: str, **meta) -> nbformat.NotebookNode:
    return nbformat.v4.new_code_cell(source, metadata={"nbgrader": {"grade_id": name, "solution": True, **meta}})


def checked(grade: Grade, name: str, points: float, *notices: str, **meta) -> nbformat.NotebookNode:
    """A test cell with its checks, or with notices alone where there is no score."""
    earned = {"is_open": True} if grade.score is None else {"score": grade.points_of(f"test_{name}")}
    labels = {"grade_id": f"test_{name}", "grade": True, "points": points, **earned, **meta}
    texts = [*notices] if grade.score is None else [*notices, "the checks, which the page makes anew"]
    outputs = [nbformat.v4.new_output("display_data", {"text/plain": text}) for text in texts]
    return nbformat.v4.new_code_cell(f"lab.check({name})", metadata={"nbgrader": labels}, outputs=outputs)


def shown(*outputs) -> list[nbformat.NotebookNode]:
    return [nbformat.v4.new_output(kind, **content) for kind, content in outputs]


def test_a_feedback_page(snapshot: SnapshotAssertion):
    """Right, wrong, wrong as above, odd, late, and markup of a student in each place that holds a student's text."""
    markdown, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    displayed = shown(
        ("stream", {"name": "stdout", "text": f"10 %\r100 %\n{SCRIPT} \x1b[31mred\x07\n\ud800"}),
        ("stream", {"name": "stderr", "text": f"UserWarning: {NASTY}"}),
        ("display_data", {"data": {"text/html": SCRIPT, "text/plain": f"rich {SCRIPT}", "image/svg+xml": "<svg>"}}),
        ("display_data", {"data": {"image/png": PNG, "text/plain": "<Figure>"}}),
        ("error", {"ename": "ValueError", "evalue": SCRIPT, "traceback": [f"\x1b[0;31mValueError\x1b[0m: {SCRIPT}"]}),
    )
    cells = [
        markdown(
            f"# Build & compare\n\nA *first* `optimizer`, $\\beta < 1$. {SCRIPT}\n\n| a | b |\n|---|---|\n| 1 | 2 |"
        ),
        answer(
            "build_sgd", f"def build_sgd(params, lr=0.01):\n    # {SCRIPT} </pre>\n    return torch.optim.SGD(params)"
        ),
        checked(MIXED, "build_sgd", 3.0, f"Note: {' '.join(map(str, ODD))}"),
        code(f"print({SCRIPT!r})", outputs=displayed),
        markdown(f"[a](javascript:alert(1)) [b](https://example.org) ![c](https://example.org/c.png)\n\n{NASTY}"),
        answer("build_adam", "def build_adam(params):\n    raise NotImplementedError()", is_untouched=True),
        checked(MIXED, "build_adam", 1.5, comment=f"*Nearly.* {SCRIPT}"),
    ]
    page = page_of(MIXED, BUILD, cells, late=0.5)
    assert "<script" not in page and "<img src=x" not in page  # whatever is renewed
    assert page == snapshot(extension_class=Page)


def test_a_feedback_page_with_curves_a_check_that_was_not_made_and_open_points(snapshot: SnapshotAssertion):
    """The grader gives no score where a check could not be made; the page can show it all the same."""
    found = raced(
        "x",
        {"SGD": [2.0, 9.0, None], "Adam": REFERENCE["Adam"], NASTY: [1.0]},
        say("expected 0.25, found {found}", found=float("nan")),
    )
    checks = [*found.checks, check("race", "leaves the models alone.", 0.0, BROKEN, status="error")]
    found = grade("x", RACE, checks)
    written = {"grade_id": "why", "grade": True, "solution": True, "points": 2.0, "is_open": True}
    cells = [
        answer("race", "def race(): ..."),
        checked(found, "race", 4.0),
        nbformat.v4.new_markdown_cell(f"SGD wins, because {SCRIPT}", metadata={"nbgrader": written}),
    ]
    page = page_of(found, RACE, cells)
    assert "<script" not in page and NASTY not in page
    assert page == snapshot(extension_class=Page)


def test_a_feedback_page_without_a_score(snapshot: SnapshotAssertion):
    notice = "Not graded yet. There was trouble on our side. Your instructor will look at it; no points are lost."
    cells = [answer("build_sgd", "def build_sgd(params): ..."), checked(NOT_MADE, "build_sgd", 3.0, notice)]
    page = page_of(NOT_MADE, BUILD, [*cells, checked(NOT_MADE, "build_adam", 1.5, notice)])
    assert str(BROKEN) not in page  # what is wrong on our side is for the instructor
    assert page == snapshot(extension_class=Page)


SEVERAL = [*sgd(WRONG_RATE), *adam(TYPED), *NOT_MADE.of_cell("test_build_adam")]


def test_the_checks_below_a_test_cell(snapshot: SnapshotAssertion):
    """As the formgrader and JupyterLab show them."""
    page = feedback.html("test_build_sgd", SEVERAL)
    assert "<script" not in page
    assert page == snapshot(extension_class=Page)


def test_the_checks_below_a_test_cell_as_text(snapshot: SnapshotAssertion):
    assert feedback.text("test_build_sgd", SEVERAL) == snapshot(extension_class=Text)


# --- the class report ---------------------------------------------------------------------------------------------


def of(result: Grade, state: str = "final", reason: str = "") -> ExerciseResult:
    return ExerciseResult(state, result.score, reason or result.reason or "", result)


NONE = ExerciseResult("missing", None)


def test_the_class_report(snapshot: SnapshotAssertion):
    """Final, late, waiting, odd, needs review and absent; markup in names, messages and reasons."""
    names, wait = ("1-build", "2-race"), "points by hand: why"
    classmates = {
        "ada": [of(RIGHT), of(raced("ada", REFERENCE))],
        "ben": [of(LOST_SGD), of(raced("ben", {**REFERENCE, "SGD": [2.0, 3.0, None]}), "waiting", wait)],
        "kim": [of(grade("kim", BUILD, [*sgd(LESS_WRONG_RATE), *adam()], seconds=0.7)), NONE],
        NASTY: [
            of(MIXED),
            of(raced(NASTY, {"SGD": [2.0]}, say("expected three curves, found {text}", text=quote(SCRIPT)))),
        ],
        "김민준": [of(NOT_MADE, "review"), of(raced("김", REFERENCE))],
        "dee": [ExerciseResult("review", None, f"homework.ipynb: {SCRIPT} [bold]\x1b[31m"), NONE],
        "absent": [NONE, NONE],
    }
    about = {
        "ada": {"first_name": "Ada", "last_name": "Lovelace & Sons", "penalty": 1.5},
        "김민준": {"first_name": NASTY, "last_name": "김", "email": "kim@example.org"},
    }
    students = [
        StudentResult(student, dict(zip(names, results, strict=True)), **about.get(student, {}))
        for student, results in classmates.items()
    ]
    page = class_report.render(ClassResults("optimizers", [BUILD, RACE], {"1-build": 4.5, "2-race": 6.0}, students))
    assert "<script" not in page and NASTY not in page
    assert steady(page) == snapshot(extension_class=Page)


# --- the terminal, and --json -------------------------------------------------------------------------------------


@pytest.fixture
def autograder_grade(monkeypatch):
    """``autograder grade`` on files that are not there: what grading them yields is made up."""
    grades = {Path(found.submission): found for found in (RIGHT, LOST_SGD, MIXED, NOT_MADE, DAMAGED)}
    monkeypatch.setattr(batch, "find_notebooks", list)
    monkeypatch.setattr(batch, "grade_one", lambda path, **how: Graded(grades[path]))
    monkeypatch.setenv("COLUMNS", "100")

    def run(*options: str) -> str:
        done = CliRunner().invoke(main, ["grade", *options, "--course", str(ROOT), *map(str, grades)])
        assert (done.exit_code, done.stderr) == (1, ""), done  # some need review
        return done.stdout

    return run


def test_the_terminal_shows_grades(autograder_grade, snapshot: SnapshotAssertion):
    text = autograder_grade()
    assert all(char.isprintable() or char == "\n" for char in text)
    assert text == snapshot(extension_class=Text)


def test_json_lines(autograder_grade, snapshot: SnapshotAssertion):
    assert autograder_grade("--json") == snapshot(extension_class=Lines)


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=100, soft_wrap=True)


def test_the_terminal_shows_a_run_on_a_class(console, snapshot: SnapshotAssertion):
    changes = [("ada/1-build", 4.5, 3.0), ("ben/1-build", 2.5, 4.5), ("[red]cho[/red]/1-build", 4.5, None)]
    terminal.print_changes([terminal.Change(*change) for change in changes], console)
    terminal.print_class(
        terminal.ClassRun(
            *("/courses/optimizers", 7, 28, 20, 1, 5, 6),
            needs_review={"cho/1-build": str(NOT_MADE.reason), "dee/2-race": f"odd file \x1b[2J{SCRIPT} [red]x[/red]"},
            misplaced={"kim/1-build (1).ipynb": "it belongs to submitted/kim/optimizers/1-build.ipynb"},
            failed={"\udc80eve": "Traceback\nOperationalError: database is locked\n"},
        ),
        console,
    )
    assert console.file.getvalue() == snapshot(extension_class=Text)


def test_the_terminal_shows_a_run_without_trouble(console, snapshot: SnapshotAssertion):
    terminal.print_changes([], console)
    terminal.print_class(terminal.ClassRun("/courses/optimizers", 1, 4, 4, 0, 0, 1, {}, {}, {}), console)
    assert console.file.getvalue() == snapshot(extension_class=Text)
