"""The submissions whose grade is known, and their grading: references, stubs, and every prepared answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from autograder.authoring import specimens
from autograder.authoring.specimens import Attack, Specimen
from autograder.course import Course, CourseError, Exercise
from autograder.grading.batch import in_order, process_grader, run_all
from autograder.grading.graded import Graded
from autograder.grading.store import Store, exercise_key, key_of
from autograder.grading.submission import Submission
from autograder.sandbox.loaded import Limits

REFERENCE, QUICK, STUB = "reference", "quick", "stub"

KEPT = Path(".autograder", "specimens.sqlite")
"""Where a course keeps the finished Grades of its prepared answers. It may be deleted at any time."""


@dataclass(frozen=True)
class Case:
    """One submission whose grade is known."""

    kind: str
    """``reference``, ``quick`` (the reference without its demonstrations), ``stub``, ``mistakes``, ``variants`` or
    ``attacks``."""
    exercise: Exercise
    specimen: Specimen | None = None

    @property
    def title(self) -> str:
        """How a report names it."""
        return self.specimen.title if self.specimen else f"the {self.kind}"


def cases(course: Course, attacks: Path | None, lesson: str | None = None) -> list[Case]:
    """Every case of the course, or of one lesson; ``attacks`` is the folder of the attacks, if they are tried.

    Raises CourseError when the course has no such lesson.
    """
    exercises = course.exercises
    if lesson is not None:
        exercises = [e for e in exercises if lesson in (e.lesson.name, e.name)]
        if not exercises:
            known = ", ".join(exercise.lesson.name for exercise in course.exercises)
            raise CourseError(f"The course has no lesson {lesson}. It has: {known}.")
    against = specimens.read_attacks(attacks, course) if attacks is not None else []
    found = []
    for exercise in exercises:
        found += [Case(REFERENCE, exercise), Case(QUICK, exercise), Case(STUB, exercise)]
        for kind in ("mistakes", "variants"):
            found += [Case(kind, exercise, specimen) for specimen in specimens.read(kind, exercise)]
        found += [Case("attacks", exercise, attack) for target, attack in against if target is exercise]
    return found


ATTACK_LIMITS = Limits(cell=0.5, call=0.5, patience=1.0, submission=5.0)
"""Attacks that hang shall not hold the audit up."""


def notebook_of(case: Case) -> NotebookNode:
    """The submission of a case, without the examples between its graded cells where it answers otherwise."""
    if isinstance(case.specimen, Attack):
        return case.specimen.notebook(case.exercise)
    if case.specimen is not None:
        return specimens.without_examples(case.specimen.notebook(case.exercise))
    return (specimens.stub if case.kind == STUB else specimens.unchanged)(case.exercise)


def grade(case: Case) -> Graded:
    """Grade one case, with this process's grader."""
    grader = process_grader(False)
    usual = grader.limits
    grader.limits = ATTACK_LIMITS if case.kind == "attacks" else usual
    try:
        submission = Submission.of(notebook_of(case), case.exercise, case.title)
        return grader.grade(submission, quick=case.kind == QUICK)
    finally:
        grader.limits = usual


def grade_all(todo: Sequence[Case], workers: int | None = None, kept: Path | None = None) -> Iterator[Graded]:
    """Grade the cases, in order. Finished Grades are ``kept`` in that file, under the same keys as a class's."""
    if kept is None:
        yield from in_order(run_all(grade, todo, workers))
        return
    with Store(kept) as store:
        keys, finished = [_key(case) for case in todo], store.finished()
        known = [store.get(key) if key in finished else None for key in keys]
        missing = [case for case, graded in zip(todo, known, strict=True) if graded is None]
        fresh = in_order(run_all(grade, missing, workers))
        for key, graded in zip(keys, known, strict=True):
            if graded is None:
                graded = next(fresh)
                store.put(key, graded)
            yield graded


def _key(case: Case) -> str:
    """Of a notebook only the cells count: their ids are new at each making."""
    cells = [(cell.cell_type, specimens.grade_id(cell), cell.source) for cell in notebook_of(case).cells]
    limits = repr(ATTACK_LIMITS) if case.kind == "attacks" else ""
    return key_of(repr((limits, cells)).encode(), exercise_key(case.exercise, False, case.kind == QUICK))
