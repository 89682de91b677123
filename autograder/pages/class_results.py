"""What a class has earned in an assignment, as data for pages and files: each student's points, and what is open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from autograder.course import Exercise
from autograder.results import Grade, total

State = Literal["final", "waiting", "review", "missing"]


@dataclass(frozen=True)
class ExerciseResult:
    """One student's result in one exercise."""

    state: State
    """``waiting``: only points that are given by hand are still open. ``review``: the automatic score is not settled.
    ``missing``: not handed in."""
    score: float | None
    """The gradebook's points, without those that are still open; None where it needs review."""
    reason: str = ""
    """Why it needs review, or what it waits for."""
    grade: Grade | None = None
    """What the checks found, where the notebook was autograded."""


@dataclass(frozen=True)
class StudentResult:
    """One student's result in the assignment."""

    student: str
    exercises: dict[str, ExerciseResult]
    penalty: float = 0.0
    """Points off for being late."""
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    lms_id: str = ""
    """The number that the learning management system gave to the student, where the gradebook has it."""

    @property
    def state(self) -> State:
        """``missing`` when nothing was handed in; else the worst state of what was."""
        states = {result.state for result in self.exercises.values()}
        if states == {"missing"}:
            return "missing"
        return next((state for state in ("review", "waiting") if state in states), "final")

    @property
    def score(self) -> float | None:
        """The points after the penalty, so far as they are known; None where something needs review."""
        if self.state in ("review", "missing"):
            return None
        return max(0.0, total([*(result.score or 0.0 for result in self.exercises.values()), -self.penalty]))


@dataclass(frozen=True)
class ClassResults:
    """The results of a class in one assignment."""

    assignment: str
    exercises: list[Exercise]
    max_scores: dict[str, float]
    """The points of each exercise, with those that are given by hand."""
    students: list[StudentResult] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    """The version of each exercise as it is now; a Grade of another one was made before something was mended."""
    alike: list[list[str]] = field(default_factory=list)
    """Groups of students whose names differ in upper and lower case alone."""

    def outdated(self) -> dict[str, list[str]]:
        """The students whose Grade was made by another version than there is now, by exercise."""
        found: dict[str, list[str]] = {}
        for student, grade in self.grades():
            name = grade.exercise or ""
            if grade.status == "graded" and grade.version != self.versions.get(name, grade.version):
                found.setdefault(name, []).append(student)
        return found

    @property
    def max_score(self) -> float:
        """All points of the assignment."""
        return total(self.max_scores.values())

    def of(self, *states: State) -> list[StudentResult]:
        """The students in one of these states."""
        return [student for student in self.students if student.state in states]

    @property
    def needs_review(self) -> list[tuple[str, str, str]]:
        """Student, exercise and reason of what needs review."""
        return [
            (student.student, name, result.reason)
            for student in self.students
            for name, result in student.exercises.items()
            if result.state == "review"
        ]

    def grades(self) -> Iterator[tuple[str, Grade]]:
        """Each Grade with its student."""
        for student in self.students:
            for result in student.exercises.values():
                if result.grade is not None:
                    yield student.student, result.grade
