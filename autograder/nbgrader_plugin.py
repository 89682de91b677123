"""The nbgrader plugin: named in nbgrader_config.py, it makes ``nbgrader autograde`` use this grader.

Cells run in a Guest, and scores come from the Grade. A notebook for which this course has no graders is left to
nbgrader's own classes. Nothing of nbgrader is changed; these are the classes of its configuration strings:

    c.Autograde.exporter_class          SubmissionExporter   clears up before a run; reads and repairs submissions
    c.Autograde.sanitize_preprocessors  ForgetScores         first: an old score does not survive a failed regrade
    c.Autograde.autograde_preprocessors ExecuteInSandbox     instead of Execute
    c.Autograde.autograde_preprocessors SaveGrades           instead of SaveAutoGrades
"""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import Execute, NbGraderPreprocessor, SaveAutoGrades
from nbgrader.utils import remove, rmtree
from sqlalchemy.exc import OperationalError
from traitlets import Bool, Unicode

from autograder import feedback, notebooks, wire
from autograder.batch import process_grader
from autograder.course import Course, Exercise
from autograder.results import CheckResult, Grade, Graded
from autograder.store import Store, exercise_key, key_of

NOTES = "autograder"
"""The key of the notebook's metadata that keeps what was found on reading until grading, and then the Grade."""


def exercise_of(resources: dict[str, Any] | None) -> Exercise | None:
    """The exercise that nbgrader is working on; None when its assignment is not graded here.

    nbgrader works in the course folder, and names no exercise when it validates.
    """
    names = (resources or {}).get("nbgrader")
    return None if names is None else find_exercise(Path.cwd(), names["assignment"], names["notebook"])


def find_exercise(root: Path, assignment: str, notebook: str) -> Exercise | None:
    """The exercise of this name; None when its assignment is not graded here.

    One whose graders file is missing is still ours, so that it fails closed, as long as the assignment has another
    exercise with graders.
    """
    exercise = _exercises(root).get(notebook)
    if exercise is None or exercise.assignment != assignment:
        return None
    siblings = [e for e in _exercises(root).values() if e.assignment == assignment]
    return exercise if any(sibling.graders.is_file() for sibling in siblings) else None


def _exercises(root: Path) -> dict[str, Exercise]:
    stamp = tuple((str(path), path.stat().st_mtime_ns) for path in sorted(root.glob("source/*/*")))
    return _read_exercises(root, stamp)


@functools.lru_cache(maxsize=1)
def _read_exercises(root: Path, stamp: tuple) -> dict[str, Exercise]:
    return Course(root).exercises


def read_grade(notebook: NotebookNode) -> Grade | None:
    """The Grade that an autograded notebook holds."""
    kept = notebook.metadata.get(NOTES)
    return None if kept is None else Grade(**{**kept, "checks": [CheckResult(**check) for check in kept["checks"]]})


def begin(converter: Autograde) -> None:
    """Before a run of autograde: what it will grade has no score any more, and what a killed run left goes again.

    nbgrader passes over a submission whose autograded folder is there, however much of it. So the rule is: a score
    stands in the gradebook only as long as the autograded notebook is there that holds its Grade. Scores are forgotten
    before files are removed, and files are written after scores.
    """
    coursedir = converter.coursedir
    excluded = coursedir.student_id_exclude.split(",")
    pattern = converter._format_source("(?P<assignment>.*)", "(?P<student>.*)", escape=True)
    for folder, paths in converter.assignments.items():
        names = re.match(pattern, folder)
        if names is None or names["student"] in excluded:
            continue
        found = [find_exercise(Path(coursedir.root), names["assignment"], Path(path).stem) for path in paths]
        ours = [exercise for exercise in found if exercise is not None]
        if not ours:
            continue
        done = Path(converter._format_dest(names["assignment"], names["student"]))
        unfinished = [exercise for exercise in ours if not _holds_grade(done / f"{exercise.name}.ipynb")]
        try:
            new, old = coursedir.get_existing_timestamp(folder), coursedir.get_existing_timestamp(str(done))
        except (ArithmeticError, AttributeError, OSError, ValueError):  # no time at all
            # nbgrader refuses this submission, and goes on
            forget(coursedir.db_url, names["student"], ours)
            continue
        if new and not old:
            unfinished = ours
        if unfinished or converter.force or (new and old and new > old):
            forget(coursedir.db_url, names["student"], ours)
        if unfinished and done.exists():
            converter.log.warning("Grading again what an interrupted run has left: %s", done)
            if coursedir.notebook_id == "*":
                rmtree(str(done))
            else:
                for path in [done / f"{exercise.name}.ipynb" for exercise in unfinished]:
                    if path.exists():
                        remove(str(path))


def _holds_grade(path: Path) -> bool:
    try:
        return "status" in json.loads(path.read_bytes())["metadata"][NOTES]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def forget(db_url: str, student: str, exercises: Iterable[Exercise]) -> None:
    """Empty the automatic scores of a student's exercises and mark them for review, all or none."""
    with Gradebook(db_url) as gradebook:
        for exercise in exercises:
            try:
                submission = gradebook.find_submission_notebook(exercise.name, exercise.assignment, student)
            except MissingEntry:
                continue
            for grade in submission.grades:
                if grade.name in exercise.points:
                    grade.auto_score, grade.needs_manual_grade = None, True
        gradebook.db.commit()


class SubmissionExporter(NotebookExporter):
    """Reads a submission for autograding, repairs it, and survives what is no notebook."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self.parent, Autograde):
            try:
                begin(self.parent)
            except OperationalError as error:
                self.log.error(
                    "The gradebook can't be written: %s. Nothing was graded. "
                    "Is the disk full, or does another program use the gradebook? Then try again",
                    error.orig,
                )
                raise NbGraderException("The gradebook can't be written.") from error

    def from_filename(self, filename: str, resources: dict[str, Any] | None = None, **kw: Any) -> Any:
        """Convert a notebook file."""
        exercise = exercise_of(resources) if resources else None
        if exercise is None or not getattr(self.parent, "_sanitizing", False):
            return super().from_filename(filename, resources, **kw)
        try:
            notebook = notebooks.read(Path(filename))
        except notebooks.UnreadableNotebook as error:
            self.log.warning("%s needs review: %s", filename, error)
            notebook = notebooks.placeholder(exercise, str(error))
            notes = {"unreadable": str(error), "oddities": []}
        else:
            notes = {"unreadable": None, "oddities": notebooks.oddities(notebook, exercise)}
            notebook = notebooks.repair(notebook, exercise)
        for oddity in notes["oddities"]:
            self.log.warning("%s: %s", filename, oddity)
        notebook.metadata[NOTES] = {**notes, "file": filename}
        return self.from_notebook_node(notebook, resources, **kw)


class ForgetScores(NbGraderPreprocessor):
    """Empties the scores of a notebook and marks them for review, until SaveGrades writes new ones."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Forget the automatic scores of the notebook's graded cells."""
        exercise = exercise_of(resources)
        if exercise is not None:
            forget(resources["nbgrader"]["db_url"], resources["nbgrader"]["student"], [exercise])
        return nb, resources


class ExecuteInSandbox(Execute):
    """Runs the student's cells in a Guest and shows the checks below each test cell."""

    unsafe = Bool(False, help="Run student code without a sandbox where none works. Shown on every report.").tag(
        config=True
    )

    finished = Unicode(help="The store in which ``autograder autograde`` keeps finished Grades.").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: Any = None, km: Any = None) -> Any:
        """Grade the notebook; the Grade goes on in the resources."""
        exercise = exercise_of(resources)
        if exercise is None:
            return super().preprocess(nb, resources, km)
        notes = nb.metadata.pop(NOTES, {"unreadable": None, "oddities": []})
        name = f"{resources['nbgrader']['student']}/{exercise.name}"
        if notes["unreadable"]:
            grade = Grade(name, exercise.name, "needs_review", notes["unreadable"], exercise.max_score, 0.0)
        else:
            graded = self._find_finished(notes, exercise) or process_grader(self.unsafe).grade_notebook(
                nb, exercise, name
            )
            grade = replace(graded.grade, submission=name)
            for index, outputs in graded.outputs.items():
                _show_outputs(nb.cells[index], outputs, count=len([i for i in graded.outputs if i <= index]))
        if grade.status == "needs_review":
            self.log.warning("%s needs review: %s", name, grade.reason)
        for cell in nb.cells:
            if notebooks.grade_id(cell) in exercise.points:
                _show_checks(cell, grade, notes["unreadable"] or "There was trouble on our side.")
        reason = grade.reason if grade.reason and grade.status == "graded" else ""
        remarks = [*(oddity for oddity in notes["oddities"] if oddity not in reason), *([reason] if reason else [])]
        if remarks:
            notice = nbformat.v4.new_output(
                "display_data",
                {
                    "text/plain": "Note: " + " ".join(remarks),
                    "text/html": feedback.notice_html("Note:", " ".join(remarks)),
                },
            )
            first = next(cell for cell in nb.cells if notebooks.grade_id(cell) in exercise.points)
            first.outputs.insert(0, notice)
        nb.metadata[NOTES] = asdict(grade)
        resources[NOTES] = grade
        return nb, resources

    def _find_finished(self, notes: dict[str, Any], exercise: Exercise) -> Graded | None:
        if not self.finished or "file" not in notes:
            return None
        with Store(Path(self.finished)) as store:
            return store.get(key_of(notebooks.identity(Path(notes["file"])), exercise_key(exercise, self.unsafe)))


class SaveGrades(SaveAutoGrades):
    """Writes the points of the Grade into the gradebook, never what a cell displayed: all cells at once."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Write the scores and comments of a notebook."""
        nb, resources = super().preprocess(nb, resources)
        exercise = exercise_of(resources)
        if exercise is not None:
            with Gradebook(self.db_url) as gradebook:
                self._write_points(gradebook, exercise, resources.get(NOTES))
                gradebook.db.commit()
        return nb, resources

    def _add_score(self, cell: NotebookNode, resources: dict[str, Any]) -> None:
        exercise = exercise_of(resources)
        if exercise is None or notebooks.grade_id(cell) not in exercise.points:
            super()._add_score(cell, resources)

    def _write_points(self, gradebook: Gradebook, exercise: Exercise, grade: Grade | None) -> None:
        submission = gradebook.find_submission_notebook(self.notebook_id, self.assignment_id, self.student_id)
        rows = {row.name: row for row in submission.grades}
        if any(name not in rows or rows[name].max_score != points for name, points in exercise.points.items()):
            self.log.error(
                "The gradebook has other cells or points for %s: no scores were written. "
                "Run: nbgrader generate_assignment %s --force, then autograde again",
                exercise.name,
                exercise.assignment,
            )
            grade = None
        for name in exercise.points.keys() & rows.keys():
            row = rows[name]
            row.auto_score = grade.points_of(name) if grade is not None and grade.status == "graded" else None
            row.needs_manual_grade = row.manual_score is not None or row.auto_score is None


def _show_checks(cell: NotebookNode, grade: Grade, trouble: str) -> None:
    """Put the checks below their test cell. What went wrong on our side is for the log, not for the student."""
    name = notebooks.grade_id(cell)
    checks = grade.of_cell(name)
    if grade.status == "graded":
        shown = {"text/plain": feedback.text(name, checks), "text/html": feedback.html(name, checks)}
    else:
        message = f"{trouble} Your instructor will look at it; no points are lost."
        title = "Not graded yet."
        shown = {"text/plain": f"{title} {message}", "text/html": feedback.notice_html(title, message)}
    cell.outputs = [nbformat.v4.new_output("display_data", shown)]
    cell.execution_count = None


def _show_outputs(cell: NotebookNode, outputs: list[wire.Output], count: int) -> None:
    """Put a Guest's outputs into a cell: text and PNG figures only, so that no page runs a student's script."""
    if cell.cell_type != "code":
        return
    cell.execution_count = count
    cell.outputs = []
    for output in outputs:
        if isinstance(output, wire.Stream):
            name = "stderr" if output.name == "stderr" else "stdout"
            shown = nbformat.v4.new_output("stream", name=name, text=output.text)
        elif isinstance(output, wire.Error):
            shown = nbformat.v4.new_output(
                "error", ename=output.name, evalue=output.message, traceback=list(output.traceback)
            )
        else:
            data = {"text/plain": output.text}
            if output.png is not None and output.png.startswith(b"\x89PNG\r\n\x1a\n"):
                data["image/png"] = base64.b64encode(output.png).decode()
            if output.result:
                shown = nbformat.v4.new_output("execute_result", data, execution_count=count)
            else:
                shown = nbformat.v4.new_output("display_data", data)
        cell.outputs.append(shown)
