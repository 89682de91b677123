"""Attacks on the grader: none earns points, harms anybody else, or reads what is not its own."""

import contextlib
import io
import json
import os
import socket
import time
from pathlib import Path

import pytest
from rich.console import Console

from autograder.authoring import specimens
from autograder.course import Course
from autograder.grading.grader import Grader
from autograder.grading.submission import Submission
from autograder.pages import feedback
from autograder.pages import terminal as report
from autograder.sandbox import confinement
from autograder.sandbox.loaded import Limits
from tests.conftest import ATTACKS, CANARY, ROOT

LIMITS = Limits(cell=0.4, call=0.2, patience=1.0, submission=5.0)
SHORT = Limits(cell=0.2, call=0.1, patience=0.4, submission=2.5)
HANG = {
    "A loop that catches everything, in a cell",
    "A loop that catches everything, in a call",
    "Sleep for ever without computing, in a cell",
    "Sleep for ever without computing, in a call",
    "Every function sleeps just short of its limit",
    "The alarm of the CPU limit is swallowed, blocked and switched off",
    "A timer fires into the code of the grader",
    "Code in C that listens to no signal",
    "Parameters whose own methods never return",
    "The fork of the session hangs",
    "A fork comes back as a second notebook",
    "Threads that never end, and that raise",
    "A signal to the own process group, which reaches past a namespace",
    "Answers are sent before they are asked for",
    "Valid messages are written on every open descriptor",
    "A message that comes one byte at a time",
}
"""Attacks that only hang, until they are stopped: there is no more to see of them after 5 s than under SHORT limits."""
QUICK = {
    "Every function returns an object equal to everything",
    "A subclass of SGD takes the name of SGD",
    "Pickles that run code when they are loaded",
    "The describer says that every result is what was sent first",
    "A message that announces four gigabytes",
    "One kill for all",
    "A daemon that has left its session",
    "The files of the course are read by their names",
    "What an earlier submission has left behind",
    "A connection to the network",
}
"""Of each topic and each promise some that ``make check`` tries; ``make test`` tries all."""
NAMES = ["1-build-optimizers", "2-decay-groups", "3-learning-rate-groups", "4-three-way-race"]
COURSE = Course(ROOT)
PARAMETERS = [
    pytest.param(attack, id=attack.title, marks=[] if attack.title in QUICK else [pytest.mark.slow])
    for _, attack in specimens.read_attacks(ATTACKS, COURSE)
]


def test_the_titles_are_those_of_attacks():
    assert {attack.title for _, attack in specimens.read_attacks(ATTACKS, COURSE)} >= HANG | QUICK


QUICKLY = [confinement.BUBBLEWRAP, pytest.param(confinement.SANDLOCK, marks=pytest.mark.slow)]


@pytest.fixture(scope="module", params=QUICKLY, ids=lambda backend: backend.name)
def warm(request, sandboxes):
    """A warm grader."""
    shared = sandboxes(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOGRADER_SANDBOX", request.param.name)  # for another, where an attack has ended this one
        grader = Grader(sandbox=shared)
        expect_full_marks(grader, COURSE)  # the first one is slow
        yield grader
        if grader._sandbox is not shared:
            grader.close()


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """What the attacks are told: files with canaries, and doors at which nobody may knock."""
    folder = tmp_path_factory.mktemp("host")
    planted = [folder / "gradebook.db", folder / "canary.txt", folder / "submitted" / "ann" / "answer.ipynb"]
    for path in planted:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{path.name} holds {CANARY}")
        os.utime(path, (10**9, 10**9))
    before = [path.stat() for path in planted]
    course = [
        *COURSE.assignment().exercises[NAMES[0]].checks,
        ROOT / "source" / "optimizers" / f"{NAMES[0]}.ipynb",
    ]
    with contextlib.ExitStack() as stack:
        doors = [stack.enter_context(socket.create_server(("127.0.0.1", 0)))]
        port = doors[0].getsockname()[1]
        datagrams = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        datagrams.bind(("127.0.0.1", port))
        abstract = f"attack-{os.getpid()}"
        for address in (str(folder / "door"), f"\0{abstract}"):
            doors.append(stack.enter_context(socket.socket(socket.AF_UNIX)))
            doors[-1].bind(address)
            doors[-1].listen()
        for door in [*doors, datagrams]:
            door.settimeout(0)
        yield {
            "told": {
                "files": [str(path) for path in [*planted, *course]],
                "port": port,
                "socket": str(folder / "door"),
                "abstract": abstract,
            },
            "doors": doors,
            "datagrams": datagrams,
            "files": dict(zip(planted, before, strict=True)),
        }


@pytest.mark.parametrize("attack", PARAMETERS)
def test_the_attack_is_held(warm, host, course, attack):
    exercise = course.assignment().exercises[attack.exercise]
    sandbox = warm.sandbox
    if attack.holds == "no leak":
        leave_something_behind(warm, course)
    warm.limits = SHORT if attack.title in HANG else LIMITS
    graded = warm.grade(Submission.of(attack.notebook(exercise, host["told"]), exercise, attack.title))
    grade, targets = graded.grade, attack.targets(exercise)
    assert grade.status == "graded", grade.reason
    if attack.holds == "no gain":
        gained = [check.name for check in grade.checks if check.status == "passed" and check.cell[5:] in targets]
        assert (grade.score <= attack.honest_score(exercise), gained) == (True, [])
    else:
        assert warm.sandbox is sandbox, "the sandbox had to be replaced"
        expect_full_marks(warm, course)
    expect_no_leak(graded, exercise)
    expect_safe_to_show(grade)
    expect_unharmed(host)
    expect_nothing_left(warm)


def leave_something_behind(grader, course):
    """Grade a notebook that holds a secret, in every place that it can write to."""
    exercise = course.assignment().exercises[NAMES[0]]
    notebook = specimens.without_examples(specimens.unchanged(exercise))
    source = f"""
import os, sys, types
SECRET = {CANARY!r}
sys.modules["left_behind"] = types.SimpleNamespace(SECRET=SECRET)
os.environ["LEFT_BEHIND"] = SECRET
for folder in (".", "/tmp", "/box", "/dev/shm", "/var/tmp", ".."):
    try:
        open(os.path.join(folder, "left_behind"), "w").write(SECRET)
    except OSError:
        pass
"""
    notebook.cells.insert(0, specimens.nbformat.v4.new_code_cell(source))
    assert grade_innocent(grader, notebook, exercise).score == exercise.max_score


def grade_innocent(grader, notebook, exercise):
    """Grade with the limits of everyday."""
    grader.limits = Limits()
    return grader.grade(Submission.of(notebook, exercise, "innocent")).grade


def expect_full_marks(grader, course):
    exercise = course.assignment().exercises[NAMES[0]]
    notebook = specimens.without_examples(specimens.unchanged(exercise))
    grade = grade_innocent(grader, notebook, exercise)
    lost = [(check.name, check.text) for check in grade.checks if check.status != "passed"]
    assert (grade.status, grade.score, lost) == ("graded", exercise.max_score, [])


def expect_no_leak(graded, exercise):
    inward = repr(graded.outputs) + json.dumps(graded.grade.to_json())
    assert CANARY not in inward
    secrets = [line for path in exercise.checks for line in path.read_text().splitlines()]
    leaks = [line for line in secrets if len(line.strip()) > 40 and repr(line.strip())[1:-1] in inward]
    assert leaks == []


def expect_safe_to_show(grade):
    """No script reaches a page, no control code a terminal, and no flood either."""
    pages = [feedback.html(cell, grade.of_cell(cell)) for cell in {check.cell for check in grade.checks}]
    terminal = io.StringIO()
    report.print_grades([grade], Console(file=terminal, width=200))
    texts = [feedback.text(cell, grade.of_cell(cell)) for cell in {check.cell for check in grade.checks}]
    for shown in [*pages, *texts, terminal.getvalue()]:
        odd = {char for char in shown if not char.isprintable() and char not in "\n\t"}
        assert odd == set()
        shown.encode()
    assert not any("<script" in page or "<img" in page for page in pages)
    assert max(len(check.text) for check in grade.checks) < 10_000


def expect_unharmed(host):
    for door in host["doors"]:
        with pytest.raises(BlockingIOError):
            door.accept()
    with pytest.raises(BlockingIOError):
        host["datagrams"].recv(100)
    for path, before in host["files"].items():
        now = path.stat()
        for what in ("st_mode", "st_uid", "st_gid", "st_size", "st_mtime_ns", "st_nlink"):
            assert getattr(now, what) == getattr(before, what), (path, what)
    assert not Path("/tmp/attack-pickle").exists()


def expect_nothing_left(grader):
    """Of the sandbox there are only its own processes and the waiting Guest, and no folder of an earlier Guest."""
    sandbox = grader.sandbox
    sandbox._settle()
    spare = sandbox._spare
    scratch = Path(sandbox._scratch)
    deadline = time.monotonic() + 5
    while True:
        # bubblewrap or the launcher of sandlock, its child, the Zygote, and the spare Guest
        processes = descendants(sandbox._process.pid)
        files = {path.name for path in scratch.iterdir() if path.name.isdigit()} - {str(spare[0])}
        if len(processes) <= 4 and not files:
            return
        assert time.monotonic() < deadline, (processes, files)
        time.sleep(0.02)


def descendants(root):
    """A process and all that came from it."""
    children = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found
