"""Keep a record of a student's practice in a small file of their own, on their own machine.

It holds names of functions and checks, counts and days: no code, and nobody's name. It may be deleted at any time.
The environment variable ``OPTIMIZERS_PROGRESS`` names another file; where it is empty, no record is kept.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lab_messages import Said, say

PATIENCE = 3
"""So many failures of a check in a row, and it is time for the stronger hint."""


@dataclass
class Practice:
    """What became of one function so far."""

    best: list[str] = field(default_factory=list)
    """The checks that passed in the best attempt."""
    passed_on: str | None = None
    """The day on which all checks passed for the first time."""
    failures: dict[str, int] = field(default_factory=dict)
    """For each check that fails at present, how many attempts in a row."""
    persisted: bool = False
    """Whether a check passed after it had failed ``PATIENCE`` times in a row, or more often."""


@dataclass
class Record:
    """All that is kept."""

    functions: dict[str, Practice] = field(default_factory=dict)
    days: list[str] = field(default_factory=list)
    """The days on which a function passed all its checks, in order."""

    def add(self, function: str, outcomes: Mapping[str, bool | None]) -> dict[str, int]:
        """Add an attempt: for each check of a function whether it passed, None where it could not run.

        Returns for each check that failed how many attempts in a row it has.
        """
        practice = self.functions.setdefault(function, Practice())
        for check, passed in outcomes.items():
            if passed:
                practice.persisted |= practice.failures.pop(check, 0) >= PATIENCE
            elif passed is False:
                practice.failures[check] = practice.failures.get(check, 0) + 1
        right = [check for check, passed in outcomes.items() if passed]
        if len(right) >= sum(check in outcomes for check in practice.best):  # a check may have left the lesson
            practice.best = right
        if len(right) == len(outcomes):
            day = today().isoformat()
            practice.passed_on = practice.passed_on or day
            self.days = sorted({*self.days, day})
        return {check: practice.failures[check] for check, passed in outcomes.items() if passed is False}


def today() -> datetime.date:
    """The day by this machine's calendar."""
    return datetime.date.today()


_session = Record()
"""What counts where no file is kept, or where it can't be written: it lasts as long as Python runs."""

_trouble: str | None = None
"""Why the last attempt could not be written."""

_TROUBLES = (OSError, RuntimeError, ImportError)  # no right, no room, no answer from the lock; no home; not installed


def note(function: str, outcomes: Mapping[str, bool | None]) -> tuple[dict[str, int], Said | None]:
    """Add an attempt to the record, as ``Record.add`` does; with a sentence where its file was broken.

    Raises nothing: what can't be written stays in this session.
    """
    global _trouble
    if all(outcome is None for outcome in outcomes.values()):
        return {}, None
    try:
        path = place()
        if path is not None:
            with _lock(path):
                record, broken = _read_or_set_aside(path)
                failures = record.add(function, outcomes)
                _write(path, record)
            _trouble = None
            return failures, broken
    except _TROUBLES as error:
        _trouble = _reason(error)
    return _session.add(function, outcomes), None


def load() -> tuple[Record, Path | None, Said | None]:
    """The record, as it is now; its file, if one is kept; what is amiss with that, if anything."""
    path = None
    try:
        path = place()
        record = _parse(path.read_bytes()) if path is not None else _session
    except FileNotFoundError:
        record = _session
    except _TROUBLES as error:
        return _session, path, say("this can't be read ({reason})", reason=_reason(error))
    except _Broken:
        return _session, path, say("it is broken: the next lab.check gives it another name and begins a new one")
    return record, path, say("this can't be written ({reason})", reason=_trouble) if _trouble else None


def place() -> Path | None:
    """The file of the record; None where no record is kept."""
    wanted = os.environ.get("OPTIMIZERS_PROGRESS")
    if wanted == "" or "NBGRADER_EXECUTION" in os.environ:
        return None
    if wanted is not None:
        return Path(wanted).expanduser().resolve()
    import platformdirs  # here, because where no record is kept nobody need wait for it

    return platformdirs.user_data_path("optimizers-course", appauthor=False).resolve() / "progress.json"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Let one notebook at a time change the file."""
    import filelock  # here, because where no record is kept nobody need wait for it

    path.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{path}.lock", timeout=1):
        yield


class _Broken(Exception):
    """This is no record."""


def _parse(data: bytes) -> Record:
    try:
        value = json.loads(data)
        functions = {
            str(name): Practice(
                best=[str(check) for check in practice["best"]],
                passed_on=practice["passed_on"] and _day(practice["passed_on"]),
                failures={str(check): int(count) for check, count in practice["failures"].items()},
                persisted=bool(practice["persisted"]),
            )
            for name, practice in value["functions"].items()
        }
        return Record(functions, sorted({_day(day) for day in value["days"]}))
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        raise _Broken from error


def _day(text: str) -> str:
    return datetime.date.fromisoformat(text).isoformat()


def _read_or_set_aside(path: Path) -> tuple[Record, Said | None]:
    """The record in a file; what is none gets another name, and a sentence says so."""
    try:
        return _parse(path.read_bytes()), None
    except FileNotFoundError:
        return Record(), None
    except _Broken:
        number = 1
        while (aside := path.with_name(f"{path.stem}-broken-{number}{path.suffix}")).exists():
            number += 1
        path.rename(aside)
        notice = say(
            "The record of your progress was broken. It is kept as {name}, and a new one begins.", name=aside.name
        )
        return Record(), notice


def _write(path: Path, record: Record) -> None:
    """Write the file whole, or leave it as it is."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with open(handle, "w") as file:
            json.dump(asdict(record), file, indent=1)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
