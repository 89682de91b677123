"""Make the checks of a lesson on a loaded notebook: pytest runs them, and each becomes a CheckResult."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Collection, Generator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

import pytest

from autograder.checking.student import Shown, Student
from autograder.grading.ladder import Ladder
from autograder.messages import Message, message_of, quote, say
from autograder.results import CheckResult, Status
from autograder.sandbox.loaded import Guest, StudentFault
from autograder.sandbox.process import SandboxError


class ChecksError(Exception):
    """The checks of a lesson are broken; nothing may be scored."""


_UNUSED = (
    *("terminal", "cacheprovider", "warnings", "logging", "faulthandler", "unraisableexception", "threadexception"),
    *("doctest", "junitxml", "pastebin", "unittest", "setuponly", "setupplan", "stepwise", "skipping", "debugging"),
    *("recwarn", "tmpdir", "monkeypatch", "legacypath", "subtests", "capture", "assertion"),
)
"""pytest's own plugins that these runs do without: each costs time, most of all those that collect all garbage."""

_PYTEST_OPTIONS = [
    *("--disable-plugin-autoload", "--noconftest", "--import-mode=importlib", "-c", os.devnull),
    *(option for plugin in _UNUSED for option in ("-p", f"no:{plugin}")),
]


def make_checks(
    guest: Guest, folder: Path, files: Sequence[Path], only: Collection[str] | None = None
) -> list[CheckResult]:
    """Run the files of checks, which lie in a lesson's folder, on a loaded notebook; all of them, or those named.

    Raises ChecksError when pytest can't run them, and SandboxError when the sandbox failed on the way.
    """
    _forget_what_changed(folder)
    session = _collected.pop((folder, *files), None) or _collect(folder, files)
    results = session.judge(guest, only)
    _collected[folder, *files] = session  # not one that was interrupted: it may be in the midst of a check
    return results


def _collect(folder: Path, files: Sequence[Path]) -> _Session:
    """Let pytest find the checks in the files. That takes it longer than to make them, so it is done once."""
    session = _Session()
    # under the folder above the lessons, so that no two lessons have modules of one name
    root = folder.parent.parent.parent
    # else pytest goes through every folder from / on, and asks of each file in them whether it is a test
    places = ["--rootdir", str(root), "--confcutdir", str(files[0].parent)]
    code = pytest.main([*_PYTEST_OPTIONS, *places, *map(str, files)], plugins=[session])
    if code == pytest.ExitCode.INTERRUPTED and not session.problems:
        raise KeyboardInterrupt
    if session.problems or code != pytest.ExitCode.OK:
        problem = session.problems[0] if session.problems else f"pytest ended with {code!r}"
        raise ChecksError(f"The checks in {folder} are broken: {problem}")
    return session


_collected: dict[tuple[Path, ...], _Session] = {}
"""The checks that pytest has found, by their lesson's folder and files, as long as none of these changes."""

_imported: dict[tuple[str, ...], tuple[Path, bytes]] = {}
"""What this process has imported of each lesson: from which folder, and a digest of its modules then."""


def _forget_what_changed(folder: Path) -> None:
    """Let pytest import a lesson as it is now: it takes any module that the process has already.

    A server such as the formgrader's lives on while an instructor mends the checks.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.read_bytes())
    now, before = (folder, digest.digest()), _imported.get(folder.parts[-2:])
    if now != before:
        for name, module in list(sys.modules.items()):
            places = Path(getattr(module, "__file__", None) or "/").parents
            if folder in places or (before is not None and before[0] in places):
                del sys.modules[name]
        _collected.clear()
        _imported[folder.parts[-2:]] = now


def _say(error: BaseException, status: Status) -> Message:
    """What a check has against a submission, or what is wrong with the check itself."""
    if status == "failed":
        return message_of(error)
    return say("{error}: {text}", error=type(error).__name__, text=quote(str(error)))


def _mark(item: pytest.Item) -> dict[str, Any]:
    mark = item.get_closest_marker("check")
    assert mark is not None
    return dict(mark.kwargs)


class _Session:
    """A pytest plugin: finds checks, gives them the ``student`` fixture and collects what came of each."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []
        self.problems: list[str] = []

    def judge(self, guest: Guest, only: Collection[str] | None) -> list[CheckResult]:
        """Make the checks that pytest has found, or those named, on a loaded notebook."""
        self._shown: list[Shown] = []
        self._ladder = Ladder(guest, self._shown)
        self._results: list[CheckResult] = []
        self._sandbox_error: SandboxError | None = None
        items = [item for item in self.items if only is None or item.name in only]
        try:
            for item, following in zip_longest(items, items[1:]):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        except Exception as error:
            raise ChecksError(f"pytest could not make the checks: {error!r}") from error
        finally:
            self._ladder.close()
        if self._sandbox_error:
            raise self._sandbox_error
        return self._results

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line(
            "markers", "check(cell, points, hint, sentence, seconds): made by autograder.checking.check.check"
        )

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.problems.append(str(report.longrepr))

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self.problems += [f"{item.name} has no @check" for item in items if item.get_closest_marker("check") is None]
        self.items = items

    def pytest_runtestloop(self) -> bool:
        """Nothing is run yet."""
        return True

    @pytest.fixture
    def student(self, request: pytest.FixtureRequest) -> Student:
        """The submission, in a fork that only checks have used that passed."""
        return self._ladder.student(_mark(request.node).get("seconds"))

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """A check that fails goes up the ladder."""
        try:
            try:
                return (yield)
            except (AssertionError, StudentFault) as error:
                seconds = _mark(pyfuncitem).get("seconds")
                return self._ladder.judge_again(error, lambda student: pyfuncitem.obj(student=student), seconds)
        except BaseException:
            self._ladder.close()
            raise
        finally:
            self._ladder.used()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport:
        """Record what came of a check. pytest's own report would lay out the source of each frame, for nobody."""
        error = call.excinfo.value if call.excinfo else None
        if call.when == "call" or error is not None:
            self._record(item, error)
        assert call.when != "collect"
        outcome: Literal["passed", "failed"] = "passed" if error is None else "failed"
        return pytest.TestReport(item.nodeid, item.location, {}, outcome, None, call.when)

    def _record(self, item: pytest.Item, error: BaseException | None) -> None:
        mark = _mark(item)
        if isinstance(error, SandboxError):
            self._sandbox_error = error
        status: Status = "passed"
        if isinstance(error, (AssertionError, StudentFault)):
            status = "failed"
        elif error is not None:
            status = "error"
        shown = self._shown.pop() if self._shown else Shown([], [])
        self._results.append(
            CheckResult(
                cell=mark["cell"],
                name=item.name,
                sentence=mark["sentence"],
                status=status,
                points=mark["points"] if status == "passed" else 0.0,
                max_points=mark["points"],
                message=None if error is None else _say(error, status),
                hint=mark["hint"] if status == "failed" else "",
                curves=shown.curves,
                reference=shown.reference,
            )
        )
