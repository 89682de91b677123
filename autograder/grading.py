"""Grade one submission: load it into a Guest, run its exercise's graders with pytest, and add up.

Student code never runs in this process.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from nbformat import NotebookNode

from autograder import confinement, notebooks, wire
from autograder.course import Exercise
from autograder.results import CheckResult, Grade, Graded, Status, printable, total
from autograder.sandbox import Guest, Limits, Sandbox, SandboxError, StudentFault
from autograder.student import Shown, Student


class GradersError(Exception):
    """The graders of an exercise are missing or broken; nothing may be scored."""


class Grader:
    """Grades submissions, one after another, on one warm sandbox.

    ``unsafe`` lets student code run unconfined where no sandbox works; a ``sandbox`` may have been started before.
    Use as a context manager, or call close.
    """

    def __init__(self, unsafe: bool = False, limits: Limits = Limits(), sandbox: Sandbox | None = None) -> None:
        torch.set_num_threads(1)  # as in the Guests: references must not depend on the machine's load
        self._unsafe = unsafe
        self.limits = limits
        self._sandbox = sandbox

    def __enter__(self) -> Grader:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """End the sandbox. The next submission starts another."""
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = None

    @property
    def sandbox(self) -> Sandbox:
        """The warm sandbox, started when first needed. Raises NoSandboxError or SandboxError."""
        if self._sandbox is None or not self._sandbox.alive:
            self.close()
            self._sandbox = Sandbox(confinement.choose(self._unsafe))
        self._sandbox.warm_up()
        if self._sandbox.torch != torch.__version__:  # a new one was installed while this process lives on
            raise SandboxError(f"it has torch {self._sandbox.torch}, and the graders {torch.__version__}: start again")
        return self._sandbox

    def grade_file(self, path: Path, exercises: dict[str, Exercise]) -> Grade:
        """Grade a notebook file. A file that can't be graded needs review, with the reason; it never raises for it."""
        started = time.perf_counter()
        try:
            notebook = notebooks.read(path)
            exercise = notebooks.find_exercise(path, notebook, exercises)
        except notebooks.UnreadableNotebook as error:
            known = exercises.get(path.stem)
            max_score = known.max_score if known else None
            seconds = time.perf_counter() - started
            return Grade(str(path), known and known.name, "needs_review", str(error), max_score, seconds)
        oddities = notebooks.oddities(notebook, exercise)
        grade = self.grade_notebook(notebooks.repair(notebook, exercise), exercise, str(path)).grade
        reason = grade.reason or ""
        reasons = [reason, *(oddity for oddity in oddities if oddity not in reason)]
        return replace(grade, reason=" ".join(filter(None, reasons)) or None)

    def grade_notebook(self, notebook: NotebookNode, exercise: Exercise, submission: str) -> Graded:
        """Grade a notebook. Trouble on our side is tried once more, and then needs review.

        Raises NoSandboxError when there is no sandbox at all.
        """
        started = time.perf_counter()
        for attempt in range(2):
            try:
                sandbox = self.sandbox
                started = time.perf_counter()  # warming up is not this submission's time
                outputs, checks = self._run(notebook, exercise, sandbox)
                break
            except SandboxError as error:
                self.close()
                problem = f"The sandbox failed, twice. Grade this submission again. ({error})"
            except GradersError as error:
                problem = str(error)
                attempt = 1
            if attempt:
                seconds = time.perf_counter() - started
                grade = Grade(submission, exercise.name, "needs_review", problem, exercise.max_score, seconds)
                return Graded(grade, {})
        status, reasons = "graded", notebooks.oddities(notebook, exercise)
        broken = [check for check in checks if check.status == "error"]
        if broken:
            status = "needs_review"
            reasons.insert(0, f"{len(broken)} of {len(checks)} checks could not be made: {broken[0].message}")
        if sandbox.backend.name == "unsafe":
            reasons.append("Graded with --unsafe: the student's code ran without a sandbox.")
        seconds = time.perf_counter() - started
        reason = " ".join(reasons) or None
        return Graded(Grade(submission, exercise.name, status, reason, exercise.max_score, seconds, checks), outputs)

    def _run(
        self, notebook: NotebookNode, exercise: Exercise, sandbox: Sandbox
    ) -> tuple[dict[int, list[wire.Output]], list[CheckResult]]:
        if not exercise.graders.is_file():
            raise GradersError(f"The graders of {exercise.name} are missing: {exercise.graders.name}. Bring them back.")
        cells = notebooks.cells_to_run(notebook, exercise)
        with sandbox.load([cell for _, cell in cells], exercise.files, self.limits) as guest:
            checks = run_checks(guest, exercise)
            outputs = dict(zip((index for index, _ in cells), guest.outputs, strict=True))
        points = {cell: total(c.max_points for c in checks if c.cell == cell) for cell in {c.cell for c in checks}}
        if points != {cell: total([most]) for cell, most in exercise.points.items()}:
            raise GradersError(
                f"The checks of {exercise.name} add up to {points}, its cells to {exercise.points}. "
                "Make them agree, then run: autograder build"
            )
        return outputs, checks


_UNUSED = (
    *("terminal", "cacheprovider", "warnings", "logging", "faulthandler", "unraisableexception", "threadexception"),
    *("doctest", "junitxml", "pastebin", "unittest", "setuponly", "setupplan", "stepwise", "skipping", "debugging"),
    *("recwarn", "tmpdir", "monkeypatch", "legacypath", "subtests"),
)
"""pytest's own plugins that these runs do without: each costs time, most of all those that collect all garbage."""

_PYTEST_OPTIONS = [
    *("--disable-plugin-autoload", "--noconftest", "--import-mode=importlib", "-c", os.devnull),
    *("--assert=plain", "--capture=no"),
    *(option for plugin in _UNUSED for option in ("-p", f"no:{plugin}")),
]


def run_checks(guest: Guest, exercise: Exercise) -> list[CheckResult]:
    """Run an exercise's graders on a loaded notebook.

    Raises GradersError when pytest can't run them, and SandboxError when the sandbox failed on the way.
    """
    _forget_other_graders(exercise.graders)
    session = _Session(guest)
    code = pytest.main(
        [*_PYTEST_OPTIONS, "--rootdir", str(exercise.graders.parent), str(exercise.graders)], plugins=[session]
    )
    session.close()
    if code == pytest.ExitCode.INTERRUPTED and not session.problems:
        raise KeyboardInterrupt
    if session.problems or code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        problem = session.problems[0] if session.problems else f"pytest ended with {code!r}"
        raise GradersError(f"The graders of {exercise.name} are broken: {problem}")
    if session.sandbox_error:
        raise session.sandbox_error
    return session.results


_imported: dict[str, tuple[Path, bytes]] = {}


def _forget_other_graders(graders: Path) -> None:
    """Let pytest import this file as it is now: it takes any module of the same name that the process has already.

    A server such as the formgrader's lives on while an instructor mends the graders.
    """
    now = graders, graders.read_bytes()
    if _imported.get(graders.stem) != now:
        for name, module in list(sys.modules.items()):
            if (
                name.rpartition(".")[2] == graders.stem
                and Path(getattr(module, "__file__", None) or "").name == graders.name
            ):
                del sys.modules[name]
        _imported[graders.stem] = now


MAX_MESSAGE = 8000


def _say(error: BaseException, status: Status) -> str:
    """What a check has against a submission, fit to be shown on a page and on a terminal."""
    text = str(error) if status == "failed" else f"{type(error).__name__}: {error}"
    return printable(text if len(text) <= MAX_MESSAGE else text[:MAX_MESSAGE] + " [cut here]")


def _mark(item: pytest.Item) -> dict[str, Any]:
    mark = item.get_closest_marker("check")
    assert mark is not None
    return dict(mark.kwargs)


class _Session:
    """A pytest plugin: gives graders the ``student`` fixture and collects what came of each check."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        self._student: Student | None = None
        self._is_fresh = False
        self._shown: list[Shown] = []
        self.results: list[CheckResult] = []
        self.problems: list[str] = []
        self.sandbox_error: SandboxError | None = None

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line(
            "markers", "check(cell, points, hint, sentence, seconds): made by autograder.checks.check"
        )

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.problems.append(str(report.longrepr))

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self.problems += [f"{item.name} has no @check" for item in items if item.get_closest_marker("check") is None]

    def pytest_runtestloop(self) -> bool | None:
        return True if self.problems else None

    @pytest.fixture
    def student(self, request: pytest.FixtureRequest) -> Student:
        """The submission, in a fork that only checks have used that passed."""
        if self._student is None:
            self._renew(alone=False)
        assert self._student is not None
        self._student.allow(_mark(request.node).get("seconds") or self._guest.limits.call)
        return self._student

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """A check that fails is judged again on a fresh fork, so that it never pays for what others left behind."""
        was_fresh, self._is_fresh = self._is_fresh, False
        try:
            try:
                return (yield)
            except (AssertionError, StudentFault):
                if was_fresh:
                    raise
                self._renew(alone=True)
                self._is_fresh = False
                self._student.allow(_mark(pyfuncitem).get("seconds") or self._guest.limits.call)
                return pyfuncitem.obj(student=self._student)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hang up on the fork."""
        if self._student is not None:
            self._student.close()
            self._student = None

    def _renew(self, alone: bool) -> None:
        self.close()
        self._student = Student(self._guest.fork(alone), self._shown)
        self._is_fresh = True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        error = call.excinfo.value if call.excinfo else None
        if call.when == "call" or error is not None:
            self._record(item, error)
        return report

    def _record(self, item: pytest.Item, error: BaseException | None) -> None:
        mark = _mark(item)
        if isinstance(error, SandboxError):
            self.sandbox_error = error
        status: Status = "passed"
        if isinstance(error, (AssertionError, StudentFault)):
            status = "failed"
        elif error is not None:
            status = "error"
        shown = self._shown.pop() if self._shown else Shown([], [])
        self.results.append(
            CheckResult(
                cell=mark["cell"],
                name=item.name,
                sentence=mark["sentence"],
                status=status,
                points=mark["points"] if status == "passed" else 0.0,
                max_points=mark["points"],
                message="" if error is None else _say(error, status),
                hint=mark["hint"] if status == "failed" else "",
                curves=shown.curves,
                reference=shown.reference,
            )
        )
