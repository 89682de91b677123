"""Before a run of autograde: what it will grade, what nobody can grade, and whose old scores go."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import remove, rmtree
from sqlalchemy.exc import OperationalError

from autograder.course import METADATA, Assignment
from autograder.grading import files
from autograder.hosts.nbgrader import gradebook, stamps
from autograder.hosts.nbgrader.copying import trouble_with
from autograder.hosts.nbgrader.course import lessons_of, who_grades
from autograder.hosts.nbgrader.handed_in import Misplaced, alike, elsewhere, misplaced_of
from autograder.messages import in_line
from autograder.pages import terminal


def begin(converter: Autograde) -> None:
    """Prepare a run. Raises GradebookError when the gradebook can't be read or written."""
    try:
        _leave_out_unknown(converter)
        _name_misfits(converter)
        _leave_out_misplaced(converter)
        _name_alike(converter)
        _forget(converter)
    except OperationalError as error:
        raise gradebook.cannot_write(error) from error


def _forget(converter: Autograde) -> None:
    """What will be graded has no score any more, and what a killed run left goes again.

    nbgrader passes over a submission whose autograded folder is there, however much of it. So the rule is: a score
    stands in the gradebook only as long as the autograded notebook is there that holds its Grade. Scores are forgotten
    before files are removed, and files are written after scores.
    """
    coursedir = converter.coursedir
    for folder, assignment, student, paths in _submissions(converter):
        found = lessons_of(converter, assignment)
        names = [Path(path).stem for path in paths]
        if found is not None:  # what lies beside them is not graded by anybody
            names = [name for name in names if name in found.exercises or name in found.strangers]
        ours = [name for name in names if who_grades(converter, assignment, name) is not None]
        if not ours:
            continue
        done = Path(converter._format_dest(assignment, student))
        unfinished = [name for name in ours if not _is_finished(done / f"{name}.ipynb")]
        if trouble_with(coursedir, Path(folder), coursedir.submitted_directory, found is not None) is not None:
            gradebook.forget(coursedir.db_url, assignment, student, ours)
            continue  # the converter refuses it, says why, and goes on
        stamps.put_in_force(coursedir, found is not None)
        if isinstance(stamps.of(coursedir, Path(folder)), stamps.Untimed) and found is not None:
            unfinished = ours
        try:
            new, old = coursedir.get_existing_timestamp(folder), coursedir.get_existing_timestamp(str(done))
        except (ArithmeticError, AttributeError, OSError, ValueError):  # no time at all
            # nbgrader refuses this submission, and goes on
            gradebook.forget(coursedir.db_url, assignment, student, ours)
            continue
        if new and not old:
            unfinished = ours
        if unfinished or converter.force or (new and old and new > old):
            gradebook.forget(coursedir.db_url, assignment, student, ours)
        if unfinished and done.exists():
            converter.log.warning("Grading again what an interrupted run has left: %s", done)
            if coursedir.notebook_id == "*":
                rmtree(str(done))
            else:
                for path in [done / f"{name}.ipynb" for name in unfinished]:
                    if path.exists():
                        remove(str(path))


def _submissions(converter: Autograde) -> Iterator[tuple[str, str, str, list[str]]]:
    """The folder, assignment, student and notebooks of each submission that is to be graded."""
    excluded = converter.coursedir.student_id_exclude.split(",")
    pattern = converter._format_source("(?P<assignment>.*)", "(?P<student>.*)", escape=True)
    for folder, paths in list(converter.assignments.items()):
        found = re.match(pattern, folder)
        if found is not None and found["student"] not in excluded:
            yield folder, found["assignment"], found["student"], paths


def _is_finished(path: Path) -> bool:
    """Whether an autograded notebook says what came of it; what nobody will ever grade is not there at all."""
    try:
        return not {"grade", "stranger"}.isdisjoint(json.loads(path.read_bytes())["metadata"][METADATA])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _leave_out_unknown(converter: Autograde) -> None:
    """Take from a run of autograde what has no place in the gradebook, where that is much or has no name in Unicode.

    nbgrader asks the gradebook for each by its name; a student may hand in a hundred thousand, or one that stops it.
    """
    for folder, paths in converter.assignments.items():
        if len(paths) <= files.MAX_NOTEBOOKS and all(map(str.isprintable, paths)):
            continue
        known = gradebook.notebooks(converter.coursedir, converter.coursedir.assignment_id)
        converter.assignments[folder] = kept = [path for path in paths if Path(path).stem in known]
        converter.log.warning("Skipping %d unknown notebooks in %s", len(paths) - len(kept), in_line(folder))


def _leave_out_misplaced(converter: Autograde) -> None:
    """Take from a run of autograde the students of whom no notebook lies in its place: they need review.

    nbgrader fails on them, and says that the assignment was not generated; or it does not see them.
    """
    coursedir = converter.coursedir
    in_place, folders = set(), {}
    for folder, assignment, student, paths in _submissions(converter):
        found = lessons_of(converter, assignment)
        if found is not None and any(Path(path).stem in found.exercises for path in paths):
            in_place.add((assignment, student))
        folders[assignment, student] = folder
    for assignment in {assignment for assignment, _ in folders}:
        found = lessons_of(converter, assignment)
        if found is None:
            continue
        submitted = Path(coursedir.root, coursedir.submitted_directory)
        strays = elsewhere(submitted, found, converter.config, coursedir.student_id)
        for student, misplaced in misplaced_of(strays).items():
            place = (assignment, student)
            if place in in_place or student in coursedir.student_id_exclude.split(","):
                continue
            if place in folders and any(stray.problem for stray in misplaced):
                continue  # nbgrader's converter says why
            if not hold_misplaced(coursedir, found, student, misplaced):
                continue
            converter.assignments.pop(folders.get(place), None)
            for stray in misplaced:
                converter.log.warning("%s", in_line(f"{student}/{stray.exercise} was not graded: {stray}"))


def hold_misplaced(
    coursedir: CourseDirectory, assignment: Assignment, student: str, misplaced: Iterable[Misplaced]
) -> bool:
    """Tell the gradebook of a student of whom no notebook lies in its place; False when it knows no such assignment."""
    time = stamps.of(coursedir, Path(coursedir.format_path(coursedir.submitted_directory, student, assignment.name)))
    if not gradebook.enter(coursedir, assignment.name, student, time if isinstance(time, datetime) else None):
        return False
    lost = {stray.exercise for stray in misplaced}
    gradebook.miss(coursedir.db_url, assignment.name, student, {name: name in lost for name in assignment.exercises})
    done = Path(coursedir.format_path(coursedir.autograded_directory, student, assignment.name))
    if done.exists():
        rmtree(str(done))
    return True


def _name_misfits(converter: Autograde) -> None:
    """Say once why no scores can be written, where the gradebook has other cells or points than the source."""
    coursedir = converter.coursedir
    for assignment in {assignment for _, assignment, _, _ in _submissions(converter)}:
        found = lessons_of(converter, assignment)
        if found is not None:
            why = gradebook.why_unfit(coursedir, assignment, found.exercises.values())
            if why is not None:
                converter.log.error("%s", why)


def _name_alike(converter: Autograde) -> None:
    """Point out students whose names differ in upper and lower case alone."""
    submissions = list(_submissions(converter))
    if converter.coursedir.student_id == "*" and any(lessons_of(converter, found) for _, found, _, _ in submissions):
        students = {student for _, _, student, _ in submissions}
        for group in alike(students.union(gradebook.students(converter.coursedir))):
            converter.log.warning("%s", terminal.alike(group))
