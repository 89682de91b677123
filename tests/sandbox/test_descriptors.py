"""A Guest owns the numbers of its open files: nothing that the Zygote has opened closes its channel."""

import contextlib

import pytest

from autograder.authoring import specimens
from autograder.checking.descriptions import AxesDescription
from autograder.checking.student import Student
from autograder.grading.submission import Submission
from autograder.sandbox import confinement, loaded, wire
from autograder.sandbox.loaded import Limits
from tests.conftest import set_cell
from tests.sandbox.idioms import ENVIRONMENT, PLOTS

BACKENDS = [confinement.BUBBLEWRAP, confinement.SANDLOCK]
QUICKLY = [confinement.BUBBLEWRAP, pytest.param(confinement.SANDLOCK, marks=pytest.mark.slow)]
GENEROUS = Limits(cell=60, call=60)


@pytest.fixture(scope="module", params=BACKENDS, ids=lambda backend: backend.name)
def sandbox(request, sandboxes):
    return sandboxes(request.param)


def load(sandbox, *sources):
    return loaded.load(sandbox, [wire.Cell(source, f"cell {n}") for n, source in enumerate(sources)], {}, GENEROUS)


def printed(guest, cell):
    return "".join(output.text for output in guest.outputs[cell] if isinstance(output, wire.Stream))


def errors(guest):
    return [f"{out.name}: {out.message}" for outputs in guest.outputs for out in outputs if isinstance(out, wire.Error)]


def test_a_guest_inherits_nothing_but_its_channel(sandbox):
    look = """
import os, stat
def kind(number):
    try:
        mode, null = os.fstat(number), os.stat("/dev/null")
    except OSError:
        return None
    return "null" if mode.st_rdev == null.st_rdev else "socket" if stat.S_ISSOCK(mode.st_mode) else "other"
kinds = [kind(number) for number in range(1000)]
print(kinds.count("socket"), kinds.count("other"), kinds.index("socket") > 200)
"""
    with load(sandbox, look) as guest:
        assert printed(guest, 0) == "1 0 True\n"


@pytest.mark.parametrize(
    "close",
    [
        "os.closerange(3, 100)",
        "[os.dup2(0, number) for number in range(3, 100)]",
        "files = [open('/dev/null') for _ in range(50)]; os.closerange(3, 100); del files[:0]",
        "saved = os.dup(1); os.dup2(0, 1); os.dup2(saved, 1); os.close(saved); os.closerange(saved, saved + 1)",
    ],
)
def test_a_channel_is_out_of_the_way_of_the_numbers_that_files_get(sandbox, close):
    source = f"import os, gc\ndef f():\n    {close}\n    gc.collect()\n    return 7"
    with load(sandbox, source, close) as guest:
        with contextlib.closing(Student(guest.fork())) as student:
            assert [student.f(), student.f()] == [7, 7]
        assert errors(guest) == []


@pytest.mark.parametrize("held", range(10))
def test_what_the_zygote_has_opened_closes_no_channel(sandbox, held):
    """Whatever number the channel of a check gets: a cell holds some files, and a call draws new texts and collects."""
    source = f"""
import gc, matplotlib.pyplot as plt
from matplotlib.mathtext import MathTextParser
held = [open("/dev/null") for _ in range({held})]
def plot_race():
    for number in range(60):
        MathTextParser("path").parse(f"$x_{{{{{{number}}}}}}$")
    gc.collect()
    return plt.subplots()[1]
"""
    with load(sandbox, source) as guest, contextlib.closing(Student(guest.fork())) as student:
        student.allow(60)
        assert isinstance(student.plot_race(), AxesDescription)
        assert isinstance(student.plot_race(), AxesDescription)


CURVES = {"SGD": [1.5, 1.4, 1.3], "Adam": [1.5, 0.6, 0.2]}


@pytest.mark.parametrize(
    ("backend", "idioms"),
    [
        pytest.param(confinement.BUBBLEWRAP, PLOTS[::10], id="some"),
        *[pytest.param(backend, PLOTS, id=f"all, {backend.name}", marks=pytest.mark.slow) for backend in BACKENDS],
    ],
)
def test_plots_in_the_idioms_of_the_world_come_back(sandboxes, backend, idioms):
    """Each is called twice, and what it leaves is collected: a finalizer would then close what is not its own."""
    cells = [
        f"def plot_{n}(curves, ax=None):\n    {DRAW}\n    {idiom.replace(chr(10), chr(10) + '    ')}\n    return ax"
        for n, idiom in enumerate(idioms)
    ]
    with load(sandboxes(backend), IMPORTS, *cells) as guest:
        assert errors(guest) == []
        with contextlib.closing(Student(guest.fork())) as student:
            student.allow(60)
            for n, idiom in enumerate(idioms):
                axes = getattr(student, f"plot_{n}")(CURVES)
                assert isinstance(axes, AxesDescription) and len(axes.lines) >= len(CURVES), idiom


def test_there_are_fifty_of_each():
    assert len(PLOTS) >= 50 and len(ENVIRONMENT) >= 50


IMPORTS = "import gc, io, math\nimport matplotlib as mpl, matplotlib.pyplot as plt\nimport numpy as np, torch"
DRAW = """gc.collect()
    if ax is None:
        ax = plt.subplots()[1]
    for name, losses in curves.items():
        ax.plot(range(len(losses)), losses, label=name)
    ax.set(xlabel="step", ylabel="cross-entropy")
    ax.legend()"""


@pytest.mark.parametrize("backend", QUICKLY, ids=lambda backend: backend.name)
def test_what_else_an_environment_has_works(sandboxes, backend):
    with load(sandboxes(backend), "import torch, warnings, logging\nfrom torch import nn", *ENVIRONMENT) as guest:
        failed = {
            source: [str(out) for out in outputs if isinstance(out, wire.Error)]
            for source, outputs in zip(ENVIRONMENT, guest.outputs[1:], strict=True)
            if any(isinstance(out, wire.Error) for out in outputs)
        }
        assert failed == {}
        assert not guest.faults


@pytest.mark.slow
@pytest.mark.parametrize(
    "ending",
    [
        'ax.set_yscale("log"); ax.figure.tight_layout()',
        'ax.legend(bbox_to_anchor=(1.02, 1), loc="upper left"); ax.figure.tight_layout()',
        r'ax.set_title(r"$\alpha_t \leq \frac{1}{2}$"); ax.figure.canvas.draw()',
        'ax.set_yscale("symlog"); ax.figure.savefig(__import__("io").BytesIO(), bbox_inches="tight")',
    ],
)
def test_a_right_plot_that_needs_more_fonts_earns_all(course, grader, ending):
    exercise = course.assignment().exercises["4-three-way-race"]
    right = f"""def plot_race(curves, ax=None):
    {DRAW.removeprefix("gc.collect()")}
    {ending}
    return ax"""
    notebook = specimens.without_examples(specimens.answer(exercise, {"plot_race": right}))
    grade = grader.grade(Submission.of(notebook, exercise, "x")).grade
    lost = [(check.name, check.text) for check in grade.checks if check.cell == "test_plot_race" and not check.points]
    assert (grade.status, lost) == ("graded", [])


@pytest.mark.parametrize(
    "close",
    [
        "os.closerange(3, 1000)",
        "[os.dup2(0, number) for number in range(256)]",
        "import socket, gc; [s.close() for s in [socket.socket(fileno=n) for n in range(3, 256) if is_socket(n)]]",
        "os._exit(0)",
    ],
)
def test_who_closes_the_channel_fails_with_a_sentence(exercise, grader, solution, close):
    """Once more in a new Guest, and then it counts: nobody needs review by it."""
    set_cell(solution, "build_sgd", f"import os\n{IS_SOCKET}\ndef build_sgd(*args, **kwargs):\n    {close}")
    grade = grader.grade(Submission.of(specimens.without_examples(solution), exercise, "x")).grade
    failed = [check for check in grade.checks if check.status != "passed"]
    assert grade.status == "graded"
    assert {check.cell for check in failed} == {"test_build_sgd"}
    assert all("closed its connection to the grader" in check.text for check in failed)


IS_SOCKET = """
def is_socket(number):
    try:
        return os.fstat(number).st_mode >> 12 == 12
    except OSError:
        return False
"""


def test_a_cell_that_closes_the_channel_is_told_as_what_it_is(exercise, grader, solution):
    set_cell(solution, "build_adam", "import os\nos.closerange(3, 1000)\ndef build_adam(*args, **kwargs): ...")
    grade = grader.grade(Submission.of(specimens.without_examples(solution), exercise, "x")).grade
    failed = [check for check in grade.checks if check.status != "passed"]
    assert grade.status == "graded"
    assert {check.cell for check in failed} == {"test_build_adam"}
    assert all("It closed the notebook's connection to the grader." in check.text for check in failed)


def test_a_check_whose_channel_closes_once_is_judged_again(exercise, grader, solution, monkeypatch):
    """As if something of ours had closed it: the second time, nothing does."""
    first = loaded.Fork.call
    calls = []

    def closed_once(fork, function, *args):
        calls.append(function)
        if calls.count("build_sgd") <= 2 and function == "build_sgd":  # the shared fork, and a fresh one
            fork.close()
            fork._channel, other = loaded.socket.socketpair()
            other.close()
            fork._greeted = True
        return first(fork, function, *args)

    monkeypatch.setattr(loaded.Fork, "call", closed_once)
    grade = grader.grade(Submission.of(specimens.without_examples(solution), exercise, "x")).grade
    assert (grade.status, grade.score) == ("graded", exercise.max_score)
