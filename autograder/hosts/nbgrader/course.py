"""nbgrader's side of a course: its folders and configuration, and who grades which notebook."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from nbgrader.apps import AutogradeApp
from nbgrader.converters.base import BaseConverter
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange.default import Exchange
from traitlets import List, Unicode
from traitlets.config import Config, Configurable

from autograder.course import Assignment, Course, CourseError, Exercise


class Autograder(Configurable):
    """What the course's configuration says to this grader."""

    left_to_nbgrader = List(
        Unicode(),
        help="The assignments without lessons here that nbgrader's own classes grade, by name or pattern (* and ?). "
        "They run student code without a sandbox. Any other notebook without a lesson is never run, and needs review.",
    ).tag(config=True)


@dataclass(frozen=True)
class Stranger:
    """A notebook without a lesson here, in an assignment that nobody has left to nbgrader: it is never run."""

    assignment: str
    why: str

    def __str__(self) -> str:
        return (
            f"It was not run, because it has no lesson here: {self.why.rstrip('.')}. If nbgrader itself shall grade "
            f'this assignment, add to nbgrader_config.py: c.Autograder.left_to_nbgrader = ["{self.assignment}"], '
            f"then run: nbgrader autograde {self.assignment} --force"
        )


def who_grades(part: Configurable, assignment: str, notebook: str) -> Exercise | Stranger | None:
    """Who grades a notebook: the exercise that it belongs to, nobody, or (None) nbgrader's own classes.

    ``part`` is the part of nbgrader that asks. Nothing that a student has written decides this.
    """
    root, source = _folders(part)
    try:
        why, found = _why_strange(_read_course(root, source, _stamp(root / source)), assignment, notebook)
    except CourseError as error:
        why, found = str(error), None
    if found is not None:
        return found
    is_left = any(fnmatchcase(assignment, pattern) for pattern in Autograder(config=part.config).left_to_nbgrader)
    return None if is_left else Stranger(assignment, why)


def who_grades_this(part: Configurable, resources: Mapping[str, Any] | None) -> Exercise | Stranger | None:
    """The same for the notebook that nbgrader works on; nbgrader names none when it validates, which is its own."""
    names = (resources or {}).get("nbgrader")
    return None if names is None else who_grades(part, names["assignment"], names["notebook"])


def lessons_of(part: Configurable, assignment: str) -> Assignment | None:
    """The assignment, where it has lessons here that can be read."""
    root, source = _folders(part)
    try:
        found = _read_course(root, source, _stamp(root / source)).assignments.get(assignment)
    except CourseError:
        return None
    return found if found is not None and found.exercises else None


def private_folders(part: Configurable) -> tuple[str, ...]:
    """What student code must see nothing of: the course's folder, and the exchange."""
    root, _ = _folders(part)
    return (str(root), Exchange(config=part.config).root)


def _why_strange(course: Course, assignment: str, notebook: str) -> tuple[str, Exercise | None]:
    if assignment not in course.assignments:
        return f"there is no folder {course.source / assignment}", None
    found = course.assignments[assignment]
    missing = f"there is no {course.source / assignment / notebook}.ipynb"
    return found.strangers.get(notebook, missing), found.exercises.get(notebook)


def _folders(part: Configurable) -> tuple[Path, str]:
    """The folder that nbgrader works in, and the name of the source folder in it."""
    converter: Any = part
    while converter is not None and not isinstance(converter, BaseConverter):
        converter = converter.parent
    if converter is None and isinstance(part, Exchange):
        converter = part
    if converter is None:
        return Path.cwd(), part.config.CourseDirectory.get("source_directory", "source")
    return Path(converter.coursedir.root), converter.coursedir.source_directory


def _stamp(source: Path) -> tuple:
    return tuple((str(path), path.stat().st_mtime_ns) for path in sorted(source.glob("*/*")))


@functools.lru_cache(maxsize=1)
def _read_course(root: Path, source: str, stamp: tuple) -> Course:
    """The course, read again once a file of its source has changed."""
    return Course(root, source=source)


@dataclass(frozen=True)
class OpenCourse:
    """A course as nbgrader's own configuration describes it, wherever that was found."""

    course: Course
    coursedir: CourseDirectory
    config: Config

    @property
    def submitted(self) -> Path:
        """The folder of what was handed in."""
        return Path(self.coursedir.root, self.coursedir.submitted_directory)

    @property
    def autograded(self) -> Path:
        """The folder of autograded notebooks."""
        return Path(self.coursedir.root, self.coursedir.autograded_directory)

    @property
    def excluded(self) -> list[str]:
        """The students whom the configuration leaves out."""
        return self.coursedir.student_id_exclude.split(",")


def open_course(course: Course) -> OpenCourse:
    """Read the configuration as ``nbgrader autograde`` does in the course's folder."""
    with contextlib.chdir(course.root):  # where nbgrader looks for its configuration
        app = AutogradeApp()
        app.initialize([])
    app.coursedir.root = str(course.root)
    found = Course(course.root, course.lessons, app.coursedir.source_directory)
    return OpenCourse(found, app.coursedir, app.config)
