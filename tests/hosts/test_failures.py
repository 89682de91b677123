"""What goes wrong on our side never turns into 0, full marks or an old score."""

import errno
import functools
import os
import shutil
import signal
import sqlite3
import warnings
from pathlib import Path

import pytest
from nbconvert.writers import FilesWriter
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.converters import Autograde, base
from nbgrader.coursedir import CourseDirectory
from traitlets.config import PyFileConfigLoader

from autograder.authoring import specimens
from autograder.course import Course
from autograder.grading import batch
from autograder.grading import grader as grader_module
from autograder.grading.batch import kept_environment
from autograder.grading.graded import Graded
from autograder.grading.submission import Submission
from autograder.hosts.nbgrader import course as nbgrader_course
from autograder.hosts.nbgrader import gradebook, plugin
from autograder.results import CheckResult, Grade
from autograder.sandbox import loaded
from autograder.sandbox.confinement import NoSandboxError
from tests.hosts import kill_autograde

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own, at each new submission

NAMES = ("1-build-optimizers", "2-decay-groups")
REVIEW = {name: {None} for name in NAMES}


# --- the sandbox dies ---------------------------------------------------------------------------------------------


def kill_sandbox(guest):
    process = guest.sandbox._process
    process.kill()
    process.wait(30)


def at_times(times, original, before):
    """The original, before the first so many calls of which something happens."""
    left = [times]

    def function(first, *args, **kwargs):
        if left[0]:
            left[0] -= 1
            before(first)
        return original(first, *args, **kwargs)

    return function


MOMENTS = {
    "while the notebook loads": (grader_module, "make_checks", lambda guest: guest),
    "before a fork": (loaded.Guest, "fork", lambda guest: guest),
    "before a call": (loaded.Fork, "call", lambda fork: fork.guest),
    "before the outputs are read": (loaded.Guest, "_receive_outputs", lambda guest: guest),
}


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_sandbox_that_is_killed_is_replaced_once(moment, grader, solution, exercise, monkeypatch):
    owner, name, guest_of = MOMENTS[moment]
    original, solution = getattr(owner, name), specimens.without_examples(solution)
    monkeypatch.setattr(owner, name, at_times(1, original, lambda first: kill_sandbox(guest_of(first))))
    grade = grader.grade(Submission.of(solution, exercise, "submission")).grade
    assert (grade.status, grade.score) == ("graded", 12), grade.reason
    monkeypatch.setattr(owner, name, at_times(10**6, original, lambda first: kill_sandbox(guest_of(first))))
    grade = grader.grade(Submission.of(solution, exercise, "submission")).grade
    assert (grade.status, grade.score) == ("needs_review", None)
    assert "The sandbox failed, twice. Grade this submission again." in grade.reason
    monkeypatch.setattr(owner, name, original)
    assert grader.grade(Submission.of(solution, exercise, "submission")).grade.score == 12


# --- in the gradebook ---------------------------------------------------------------------------------------------


class FakeGrader:
    """Gives every check of a notebook its points, unless a function of the notebook isn't written."""

    failure: Exception | None = None

    def grade(self, submission):
        if self.failure is not None:
            raise self.failure
        exercise = submission.exercise
        right = not any("raise NotImplementedError" in cell.source for cell in submission.notebook.cells)
        checks = [
            CheckResult(cell, "test", "Is.", "passed" if right else "failed", right * points, points)
            for cell, points in exercise.points.items()
        ]
        names = (submission.name, exercise.assignment, exercise.name)
        return Graded(Grade(*names, "graded", None, exercise.max_score, 0.1, checks))


@pytest.fixture(scope="module")
def before(released, tmp_path_factory):
    """A class of two exercises before its first autograde."""
    root = shutil.copytree(released(*NAMES), tmp_path_factory.mktemp("before") / "class")
    return kill_autograde.Class(root, NAMES)


@pytest.fixture
def fake(monkeypatch):
    """A grader without a sandbox, where only nbgrader's side is tried."""
    grader = FakeGrader()
    monkeypatch.setattr(plugin, "process_grader", lambda unsafe, private: grader)
    return grader


@pytest.fixture
def a_class(before, tmp_path, monkeypatch):
    shutil.copytree(before.root, tmp_path / "class")
    monkeypatch.chdir(tmp_path / "class")
    return before.at(tmp_path / "class")


def autograde(a_class, student="*", force=False):
    """Run ``nbgrader autograde`` in this process; whether it succeeded, and what it logged."""
    config = PyFileConfigLoader("nbgrader_config.py", path=str(a_class.root)).load_config()
    api = NbGraderAPI(CourseDirectory(config=config, root=str(a_class.root)), config=config)
    with kept_environment():
        result = api.autograde("optimizers", student, force=force)
    return result["success"], result.get("log", "") + result.get("error", "")


def succeed(a_class, student="*"):
    success, log = autograde(a_class, student)
    assert success, log
    assert a_class.problems(ended=student == "*") == []
    return log


def fail(a_class, **options):
    success, log = autograde(a_class, **options)
    assert not success, log
    return log


def test_a_run_that_goes_well(a_class, fake):
    succeed(a_class)
    log = succeed(a_class)
    assert log.count("Skipping existing assignment") == 3


def test_without_a_sandbox_no_score_of_any_exercise_survives(a_class, fake):
    succeed(a_class)
    fake.failure = NoSandboxError("No sandbox works here")
    assert "No sandbox works here" in fail(a_class, force=True)
    assert a_class.scores("ada") == REVIEW
    fake.failure = None
    succeed(a_class)


def test_the_named_sandbox_is_the_only_one(a_class, monkeypatch):
    monkeypatch.setenv("AUTOGRADER_SANDBOX", "none")
    monkeypatch.setattr(plugin, "process_grader", batch.process_grader.__wrapped__)
    assert "No sandbox works here" in fail(a_class)
    assert a_class.scores("ada") == REVIEW
    assert not (a_class.root / "autograded" / "ada" / "optimizers").exists()


@pytest.mark.slow
def test_a_broken_check_leaves_the_score_empty(a_class, monkeypatch, tmp_path, grader):
    lessons = tmp_path / "lessons"
    (lessons / "optimizers" / "build_optimizers").mkdir(parents=True)
    (lessons / "optimizers" / "build_optimizers" / "checks.py").write_text(
        "from autograder.checking.check import check\n"
        + "\n".join(
            f"@check('test_{name}', 3, 'h')\ndef test_{name}(student):\n    'Is.'\n"
            + ("    raise KeyError('ours')" if name == "build_adam" else "    pass")
            for name in ("build_sgd", "build_adam", "build_adamw", "decay_pull")
        )
    )
    monkeypatch.setattr(plugin, "process_grader", lambda unsafe, private: grader)
    monkeypatch.setattr(nbgrader_course, "Course", functools.partial(Course, lessons=lessons))
    nbgrader_course._read_course.cache_clear()
    success, log = autograde(a_class, student="ada")
    nbgrader_course._read_course.cache_clear()
    assert success
    assert a_class.scores("ada") == REVIEW
    assert "ada/1-build-optimizers needs review: 1 of 4 checks could not be made: KeyError: 'ours'" in log
    assert "ada/2-decay-groups needs review: The checks of optimizers/2-decay-groups are missing: " in log


@pytest.mark.slow
def test_a_locked_gradebook_changes_nothing(a_class, fake, monkeypatch):
    succeed(a_class)
    before = a_class.scores("ada")
    a_class.hand_in("ada")
    with sqlite3.connect(a_class.root / "gradebook.db") as other:
        other.execute("BEGIN EXCLUSIVE")
        log = fail(a_class)
        assert "The gradebook can't be written: database is locked. Nothing was graded." in log
        other.rollback()
    assert a_class.scores("ada") == before
    succeed(a_class)


@pytest.mark.parametrize("write", [0, *(pytest.param(write, marks=pytest.mark.slow) for write in (1, 2, 3))])
def test_a_full_disk_costs_nobody_a_score(a_class, fake, monkeypatch, write):
    succeed(a_class)
    a_class.hand_in("ada")
    original, count = FilesWriter.write, iter(range(100))

    def full(writer, output, *args, **kwargs):
        if next(count) == write:
            original(writer, output[: len(output) // 2], *args, **kwargs)
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(writer, output, *args, **kwargs)

    monkeypatch.setattr(FilesWriter, "write", full)
    assert "No space left on device" in fail(a_class)
    assert a_class.problems(ended=False) == []
    monkeypatch.setattr(FilesWriter, "write", original)
    succeed(a_class)


def test_a_full_disk_under_the_gradebook_leaves_no_score(a_class, fake, monkeypatch):
    succeed(a_class)
    a_class.hand_in("ada")

    def full(*args):
        raise gradebook.OperationalError("UPDATE", {}, sqlite3.OperationalError("database or disk is full"))

    with monkeypatch.context() as patch:
        patch.setattr(gradebook, "write", full)
        assert "database or disk is full" in fail(a_class)
    assert a_class.scores("ada") == REVIEW
    succeed(a_class)


@pytest.mark.parametrize(
    "text",
    [
        "yesterday, I think",
        pytest.param("9" * 30, marks=pytest.mark.slow),
        pytest.param("2027-01-01 00:00:00 " + "9" * 30, marks=pytest.mark.slow),
    ],
)
def test_a_timestamp_that_is_none_stops_only_its_own_submission(a_class, fake, text):
    succeed(a_class)
    for student in kill_autograde.STUDENTS:
        a_class.hand_in(student)
    stamp = a_class.root / "submitted" / "ada" / "optimizers" / "timestamp.txt"
    right = stamp.read_text()
    stamp.write_text(text)
    success, log = autograde(a_class)
    assert success and "needs review: timestamp.txt cannot be read: " in log and "Traceback" not in log
    assert a_class.scores("ada") == REVIEW
    assert [problem for problem in a_class.problems(ended=True) if not problem.startswith("ada/")] == []
    stamp.write_text(right)
    succeed(a_class)


@pytest.mark.parametrize("change", ["points", "cell"])
def test_a_gradebook_of_another_release_leaves_no_score(a_class, fake, change):
    with Gradebook(f"sqlite:///{a_class.root / 'gradebook.db'}") as gradebook:
        if change == "points":
            gradebook.find_graded_cell("test_build_sgd", NAMES[0], "optimizers").max_score = 5
        else:
            gradebook.db.delete(gradebook.find_graded_cell("test_build_sgd", NAMES[0], "optimizers"))
            gradebook.db.delete(gradebook.find_source_cell("test_build_sgd", NAMES[0], "optimizers"))
        gradebook.db.commit()
    autograde(a_class, student="ada")
    assert a_class.scores("ada")[NAMES[0]] == {None}


# --- nbgrader is killed -------------------------------------------------------------------------------------------


def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)


whole_write = FilesWriter.write


def write_half_and_die(writer, output, *args, **kwargs):
    whole_write(writer, output[: len(output) // 2], *args, **kwargs)
    die()


def remove_some_and_die(path):
    (Path(path) / "timestamp.txt").unlink(missing_ok=True)
    die()


POINTS = {
    "before anything": (plugin, "begin", die),
    "before old files are removed": (Autograde, "init_destination", die),
    "while old files are removed": (base, "rmtree", remove_some_and_die),
    "before the submission is there": (Autograde, "init_assignment", die),
    "before it is read": (plugin.ForgetScores, "preprocess", die),
    "before it is graded": (plugin.ExecuteInSandbox, "preprocess", die),
    "before scores are written": (plugin.SaveGrades, "preprocess", die),
    "while scores are written": (gradebook, "write", die),
    "while the notebook is written": (FilesWriter, "write", write_half_and_die),
    "before the end": (Autograde, "set_permissions", die),
}


@pytest.mark.slow
@pytest.mark.parametrize("skip", [0, 1], ids=["at once", "the second time"])
@pytest.mark.parametrize("point", POINTS)
def test_a_killed_run_leaves_no_false_score_and_the_next_goes_on(a_class, fake, monkeypatch, point, skip):
    succeed(a_class, student="ada")
    for student in kill_autograde.STUDENTS:
        a_class.hand_in(student)
    owner, name, killer = POINTS[point]
    original, calls = getattr(owner, name), iter(range(100))

    def killing(*args, **kwargs):
        return (original if next(calls) < skip else killer)(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, killing)
        code = in_a_fork(lambda: autograde(a_class))
    assert code == -signal.SIGKILL or next(calls) <= skip  # some points are passed only once
    assert a_class.problems(ended=code == 0) == []
    succeed(a_class)


def in_a_fork(function):
    """Run the function in a child; its exit code, or minus the signal that ended it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer Pythons warn that there are threads
        pid = os.fork()
    if pid == 0:
        try:
            function()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
