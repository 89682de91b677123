"""Finished Grades on disk, under keys that change with everything that a Grade depends on.

So a run that was interrupted goes on where it was, and after a check is mended only its lesson runs again.
"""

from __future__ import annotations

import functools
import hashlib
import platform
import sqlite3
from importlib.metadata import version
from pathlib import Path

import msgspec

from autograder.course import Exercise
from autograder.grading.graded import Graded
from autograder.results import Grade, decode, encode
from autograder.sandbox import wire

PLACE = Path(".autograder", "grades.sqlite")
"""Where a course keeps them. It may be deleted at any time: then everything is graded again."""

_VERSIONS = ("torch", "torchvision", "numpy", "matplotlib", "ipython", "pytest")
_PACKAGE = Path(__file__).parent.parent

_outputs = msgspec.msgpack.Decoder(dict[int, list[wire.Output]])


def exercise_key(exercise: Exercise, unsafe: bool, quick: bool = False) -> bytes:
    """What every Grade of an exercise depends on besides the submission.

    That is its source notebook, what its students import, its lesson's checks and models, the grader, and versions;
    not what is made of a Grade, nor prepared answers, nor where submissions come from.
    """
    digest = hashlib.sha256(f"{_libraries()} {unsafe} {quick}".encode())
    digest.update(_grader_code())
    digest.update(hashlib.sha256(exercise.source.read_bytes()).digest())
    files = {name: content for name, content in exercise.files.items() if not name.endswith(".pyc")}  # which vary
    for name, content in (*files.items(), *exercise.lesson.deciding().items()):
        digest.update(name.encode() + hashlib.sha256(content).digest())
    return digest.digest()


def version_of(exercise: Exercise) -> str:
    """The version of an exercise that its Grades are made by: a few letters of its key."""
    return exercise_key(exercise, unsafe=False).hex()[:10]


_DECIDING = (
    *("__init__.py", "course.py", "results.py", "messages.py"),
    *("sandbox/**/*.py", "checking/**/*.py", "grading/**/*.py"),
)


@functools.cache
def _libraries() -> str:
    return f"{platform.python_version()} {[version(name) for name in _VERSIONS]}"


@functools.cache
def _grader_code() -> bytes:
    """The content of what decides every Grade, read once: an edit changes nothing in a process that runs."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in _DECIDING for path in _PACKAGE.glob(pattern)):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.digest()


def key_of(submission: bytes, exercise_key: bytes) -> str:
    """The key of a notebook file's Grade."""
    return hashlib.sha256(exercise_key + submission).hexdigest()


class Store:
    """A file of Grades; one process at a time writes it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=30)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        for table in (
            "graded (key TEXT PRIMARY KEY, status TEXT, grade BLOB, outputs BLOB)",
            "written (assignment TEXT, student TEXT, keys TEXT, PRIMARY KEY (assignment, student))",
        ):
            self._db.execute(f"CREATE TABLE IF NOT EXISTS {table}")

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def finished(self) -> set[str]:
        """The keys of the finished Grades; not of those that need review: what stood in their way may be gone."""
        return {key for (key,) in self._db.execute("SELECT key FROM graded WHERE status = 'graded'")}

    def put(self, key: str, graded: Graded) -> None:
        """Keep a Grade."""
        row = (
            key,
            graded.grade.status,
            msgspec.json.encode(encode(graded.grade)),
            msgspec.msgpack.encode(graded.outputs),
        )
        self._db.execute("INSERT OR REPLACE INTO graded VALUES (?, ?, ?, ?)", row)

    def get(self, key: str) -> Graded | None:
        """The Grade with this key, if it is here."""
        row = self._db.execute("SELECT grade, outputs FROM graded WHERE key = ?", (key,)).fetchone()
        grade = None if row is None else decode(msgspec.json.decode(row[0]))
        return None if grade is None else Graded(grade, _outputs.decode(row[1]))

    def grade(self, key: str) -> Grade | None:
        """The same without the notebook's outputs."""
        row = self._db.execute("SELECT grade FROM graded WHERE key = ?", (key,)).fetchone()
        return None if row is None else decode(msgspec.json.decode(row[0]))

    def mark_written(self, assignment: str, student: str, keys: str) -> None:
        """Remember that the gradebook holds a student's Grades with these keys."""
        self._db.execute("INSERT OR REPLACE INTO written VALUES (?, ?, ?)", (assignment, student, keys))

    def written(self, assignment: str) -> dict[str, str]:
        """The keys that were written last, by student."""
        return dict(self._db.execute("SELECT student, keys FROM written WHERE assignment = ?", (assignment,)))
