"""When a submission was handed in: ``timestamp.txt`` beside it, which a student or another program may have written."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange.default import Exchange

from autograder.grading import files
from autograder.hosts.nbgrader import times
from autograder.messages import in_line

NAME = "timestamp.txt"
FORM = "%Y-%m-%d %H:%M:%S.%f UTC"
"""As nbgrader itself writes it."""

MAX_BYTES = 1_000
"""More than any of nbgrader's own small files beside a submission has."""


@dataclass(frozen=True)
class Untimed:
    """Why a submission is not graded: nobody can say when it was handed in."""

    path: Path
    why: str

    def __str__(self) -> str:
        return in_line(
            f"{NAME} cannot be read: {self.why}. Write the time into {self.path}, such as 2027-01-31 23:59:00 +0100, "
            "or remove the file if no time counts; then autograde again."
        )

    @property
    def told(self) -> str:
        """What the student is told."""
        return f"The time in {NAME} cannot be read."


def of(coursedir: CourseDirectory, folder: Path) -> datetime | Untimed | None:
    """When the submission in a folder was handed in, in UTC and without a zone, as nbgrader keeps it; None without."""
    path = folder / NAME
    try:
        return times.parse(times.decode(files.read(path, MAX_BYTES)), zone_of(coursedir))
    except FileNotFoundError:
        return None
    except files.TooLarge:
        return Untimed(path, "it is longer than any time")
    except (files.Refused, OSError) as error:
        return Untimed(path, f"it {files.explain(error)}")
    except times.UnreadableTime as error:
        return Untimed(path, str(error))


def zone_of(coursedir: CourseDirectory) -> str:
    """The zone in which the course's exchange writes its times."""
    return str(Exchange(config=coursedir.config).timezone)


def put_in_force(coursedir: CourseDirectory, is_ours: bool) -> None:
    """Let nbgrader's steps read times as here, or as ever in an assignment that is not graded here."""
    if is_ours:
        coursedir.get_existing_timestamp = functools.partial(_existing, coursedir)
    else:
        vars(coursedir).pop("get_existing_timestamp", None)


def _existing(coursedir: CourseDirectory, folder: str) -> datetime | None:
    found = of(coursedir, Path(folder))
    return None if isinstance(found, Untimed) else found


def correct(coursedir: CourseDirectory, folder: Path) -> None:
    """Write the time in a copy of a submission as nbgrader does; one that can't be read goes."""
    found, path = of(coursedir, folder), folder / NAME
    if found is not None:
        path.unlink(missing_ok=True)
        if isinstance(found, datetime):
            path.write_text(found.strftime(FORM), encoding="utf-8")
