"""Grade a whole class into nbgrader's gradebook: workers run the submissions side by side, this process writes.

A finished Grade is kept in the Store and then replayed through nbgrader's own converter, so that the gradebook is
what ``nbgrader autograde`` would have made.
"""

from __future__ import annotations

import functools
import hashlib
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nbgrader.apps.api import NbGraderAPI
from sqlalchemy.exc import SAWarning

from autograder.course import Course
from autograder.grading import reading, store
from autograder.grading.batch import grade_all, grade_submission, kept_environment
from autograder.grading.graded import needs_review
from autograder.grading.store import Store
from autograder.hosts.nbgrader import gradebook, stamps
from autograder.hosts.nbgrader.beginning import hold_misplaced
from autograder.hosts.nbgrader.copying import STAMPS, trouble_with
from autograder.hosts.nbgrader.course import open_course
from autograder.hosts.nbgrader.handed_in import Fuller, Misplaced, alike, elsewhere, misplaced_of, nothing_handed_in
from autograder.pages.terminal import Change, ClassRun
from autograder.results import Grade, total


@dataclass(frozen=True)
class Submission:
    """One student's notebook for one exercise."""

    student: str
    exercise: str
    path: Path

    def __str__(self) -> str:
        return f"{self.student}/{self.exercise}"


class Class:
    """The submissions to one assignment, and the gradebook that their Grades go to."""

    def __init__(self, course: Course, assignment: str, unsafe: bool = False) -> None:
        """Raises CourseError when the assignment, its submissions or its place in the gradebook is missing."""
        opened = open_course(course)
        self.course, self._unsafe = opened.course, unsafe
        self._assignment = self.course.assignment(assignment).name
        self.exercises = self.course.assignment(assignment).exercises
        opened.config.ExecuteInSandbox.finished = str(course.root / store.PLACE)
        opened.config.ExecuteInSandbox.unsafe = unsafe
        self._nbgrader = NbGraderAPI(opened.coursedir, config=opened.config)
        strays = elsewhere(opened.submitted, self.course.assignment(assignment), opened.config)
        self.misplaced = [stray for stray in strays if isinstance(stray, Misplaced)]
        """What nobody grades, because it lies in the wrong place."""
        self._troubles: dict[str, str] = {}
        self._untimed: dict[str, stamps.Untimed] = {}
        self.students = self._find()
        """What each student has handed in."""
        self._only_misplaced = {
            student: lost
            for student, lost in misplaced_of(strays).items()
            if not self.students.get(student) and student not in self._troubles
        }
        fuller = {(stray.student, stray.exercise): stray for stray in strays if isinstance(stray, Fuller)}
        everything = [s for handed_in in self.students.values() for s in handed_in]
        self._held = {s: str(why) for s in everything if (why := self._untimed.get(s.student)) is not None}
        self._held |= {s: str(fuller[s.student, s.exercise]) for s in everything if (s.student, s.exercise) in fuller}
        self._scores = gradebook.automatic_scores(opened.coursedir, self._assignment, self.exercises)
        keys = {name: store.exercise_key(exercise, unsafe) for name, exercise in self.exercises.items()}
        self._keys = {s: store.key_of(reading.identity(s.path), keys[s.exercise]) for s in everything}
        self._store = Store(course.root / store.PLACE)
        self.alike = alike(self.students.keys() | set(gradebook.students(opened.coursedir)))
        """Students whose names differ in upper and lower case alone."""
        self.failed: dict[str, str] = {}
        """What nbgrader said, by the student whom it could not write."""

    def __enter__(self) -> Class:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._store.close()

    def _find(self) -> dict[str, list[Submission]]:
        coursedir = self._nbgrader.coursedir
        found: dict[str, list[Submission]] = {}
        for student in sorted(self._nbgrader.get_submitted_students(self._assignment)):
            folder = Path(coursedir.format_path(coursedir.submitted_directory, student, self._assignment))
            trouble = trouble_with(coursedir, folder, coursedir.submitted_directory, is_ours=True)
            if trouble is not None:
                self._troubles[student] = trouble
            elif isinstance(time := stamps.of(coursedir, folder), stamps.Untimed):
                self._untimed[student] = time
            paths = [folder / f"{name}.ipynb" for name in self.exercises] if trouble is None else []
            found[student] = [Submission(student, path.stem, path) for path in paths if os.path.lexists(path)]
        if not any(found.values()) and not self._troubles:
            raise nothing_handed_in(self._assignment, coursedir.submitted_directory, self.misplaced)
        return found

    def todo(self, force: bool = False) -> list[Submission]:
        """The submissions whose Grade is not known yet, or all; of equal notebooks only one."""
        known = set() if force else self._store.finished()
        keys = {submission: key for submission, key in self._keys.items() if submission not in self._held}
        return list({key: submission for submission, key in keys.items() if key not in known}.values())

    def grade(
        self, todo: Sequence[Submission], workers: int | None = None, dask: str | None = None
    ) -> Iterator[tuple[Submission, Grade]]:
        """Grade submissions side by side, and keep each Grade as it comes."""
        work = functools.partial(
            grade_submission,
            root=self.course.root,
            lessons=self.course.lessons,
            source=str(self.course.source),
            unsafe=self._unsafe,
        )
        items = [(s.path.absolute(), self._assignment, s.exercise) for s in todo]
        for place, graded in grade_all(work, items, workers, dask):
            self._store.put(self._keys[todo[place]], graded)
            yield todo[place], graded.grade

    def changes(self) -> list[Change]:
        """The scores of the gradebook that writing would change, lowered ones first."""
        changes = []
        for submission, grade in self._grades.items():
            cells = self._scores.get((submission.student, submission.exercise), {})
            points = self.exercises[submission.exercise].points
            old = _sum(map(cells.get, points))
            new = _sum(map(grade.points_of, points)) if grade is not None and grade.status == "graded" else None
            if old is not None and new != old:
                changes.append(Change(str(submission), old, new))
        return sorted(changes, key=lambda change: not change.lowers)

    def everybody(self) -> list[str]:
        """The students whose work lies there, wherever."""
        handed_in = {student for student, submissions in self.students.items() if submissions}
        return sorted(handed_in | self._troubles.keys() | self._only_misplaced.keys())

    def unwritten(self) -> list[str]:
        """The students whose Grades the gradebook does not have, or not as they are now."""
        written = self._store.written(self._assignment)
        coursedir = self._nbgrader.coursedir
        stale = {
            submission.student
            for submission, grade in self._grades.items()
            if not self._is_in_gradebook(submission, grade)
        }
        for student, keys in self._keys_of_students().items():
            folder = coursedir.format_path(coursedir.autograded_directory, student, self._assignment)
            if written.get(student) != keys or not os.path.isdir(folder):
                stale.add(student)
        return sorted(stale | self._troubles.keys() | self._only_misplaced.keys())

    def write(self, students: Iterable[str]) -> Iterator[str]:
        """Write students' Grades with nbgrader's own converter, one after the other."""
        for student in students:
            if student in self._only_misplaced:
                assignment = self.course.assignment(self._assignment)
                hold_misplaced(self._nbgrader.coursedir, assignment, student, self._only_misplaced[student])
                yield student
                continue
            with warnings.catch_warnings(), kept_environment():  # nbgrader leaves a variable behind when it fails
                warnings.simplefilter("ignore", SAWarning)  # nbgrader's own, at each new submission
                result = self._nbgrader.autograde(self._assignment, student)
            if result["success"]:
                self._store.mark_written(self._assignment, student, self._keys_of_students().get(student, ""))
            else:
                self.failed[student] = (
                    self._troubles.get(student)
                    or result.get("error")
                    or result.get("log")
                    or "nbgrader gives no reason"
                )
            yield student

    def summary(self, graded: int, written: int) -> ClassRun:
        """What a run has done that has graded and written so many."""
        return ClassRun(
            course=str(self.course.root),
            students=len(self.students),
            notebooks=len(self.students) * len(self.exercises),
            submissions=sum(map(len, self.students.values())),
            strays=sum(stray.student in self.students for stray in self.misplaced),
            graded=graded,
            written=written - len(self.failed),
            needs_review={str(submission): reason for submission, reason in self.needs_review.items()},
            misplaced={f"{stray.student}/{stray.exercise}": str(stray) for stray in self.misplaced},
            failed=self.failed,
            alike=self.alike,
        )

    @property
    def needs_review(self) -> dict[Submission, str]:
        """Why a submission has no score."""
        reviews = {s: grade for s, grade in self._grades.items() if grade is not None and grade.status != "graded"}
        return {submission: grade.reason or "" for submission, grade in reviews.items()}

    @functools.cached_property
    def _grades(self) -> dict[Submission, Grade | None]:
        held = {submission: needs_review(str(submission), reason) for submission, reason in self._held.items()}
        return {submission: self._store.grade(key) for submission, key in self._keys.items()} | held

    def _keys_of_students(self) -> dict[str, str]:
        keys: dict[str, str] = {}
        for submission, key in self._keys.items():
            keys.setdefault(submission.student, f"{self._stamp(submission.path.parent)} ")
            keys[submission.student] += f"{key} "
        return keys

    def _stamp(self, folder: Path) -> str:
        """What nbgrader has put beside a submission: another time, or secret, is another submission."""
        return hashlib.sha256(b"\n".join(reading.identity(folder / name) for name in STAMPS)).hexdigest()

    def _is_in_gradebook(self, submission: Submission, grade: Grade | None) -> bool:
        if grade is None or grade.status != "graded":
            return False
        cells = self._scores.get((submission.student, submission.exercise), {})
        return all(cells.get(cell) == grade.points_of(cell) for cell in self.exercises[submission.exercise].points)


def _sum(scores: Iterable[float | None]) -> float | None:
    """The sum of test cells' scores; None where one is open. Each is rounded already, so only such sums agree."""
    found = list(scores)
    return None if None in found else total(score for score in found if score is not None)
