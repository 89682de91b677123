"""The nbgrader plugin: named in nbgrader_config.py, it makes ``nbgrader autograde`` use this grader.

Cells run in a Guest, and scores come from the Grade. A notebook without a lesson here is never run, unless the
configuration leaves its assignment to nbgrader: then nbgrader's own classes do their work. Nothing of nbgrader is
changed but the class of the one converter that makes the exporter (see ``copying``); these are the classes of its
configuration strings:

    c.Autograde.exporter_class          SubmissionExporter   clears up before a run; reads and repairs submissions
    c.Autograde.sanitize_preprocessors  ForgetScores         first: an old score does not survive a failed regrade
    c.Autograde.autograde_preprocessors ExecuteInSandbox     instead of Execute
    c.Autograde.autograde_preprocessors SaveGrades           instead of SaveAutoGrades
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbgrader.converters import Autograde
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import Execute, NbGraderPreprocessor, SaveAutoGrades
from nbgrader.utils import is_grade, is_solution
from traitlets import Bool, Unicode

from autograder.course import METADATA, Exercise
from autograder.grading import files, reading
from autograder.grading.batch import process_grader
from autograder.grading.graded import Graded, needs_review
from autograder.grading.in_notebook import put_grade
from autograder.grading.labels import grade_id
from autograder.grading.store import Store, exercise_key, key_of
from autograder.grading.submission import Submission
from autograder.hosts.nbgrader import gradebook
from autograder.hosts.nbgrader.beginning import begin
from autograder.hosts.nbgrader.copying import CarefulAutograde
from autograder.hosts.nbgrader.course import Stranger, private_folders, who_grades_this
from autograder.messages import brief
from autograder.pages import feedback
from autograder.pages.budget import Budget
from autograder.results import Grade, Oddity
from autograder.sandbox import wire

Names = Mapping[str, Any]
"""What nbgrader says of the notebook that it works on: its assignment, notebook, student and db_url."""


class SubmissionExporter(NotebookExporter):
    """Reads a submission for autograding, repairs it, and survives what is no notebook."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self.parent, Autograde):
            self.parent.__class__ = CarefulAutograde
            try:
                begin(self.parent)
            except gradebook.GradebookError as error:
                self.log.error("%s", error)
                raise NbGraderException("The gradebook can't be written.") from error

    def from_filename(self, filename: str, resources: dict[str, Any] | None = None, **kw: Any) -> Any:
        """Convert a notebook file."""
        exercise = who_grades_this(self, resources)
        if not isinstance(exercise, Exercise) or not getattr(self.parent, "_sanitizing", False):
            try:
                with files.opened(filename):
                    pass
            except files.Refused as error:
                raise NbGraderException(f"{filename} {error}, and no notebook of its own") from error
            return super().from_filename(filename, resources, **kw)
        submission = Submission.read(Path(filename), exercise)
        problem, told = submission.problem, submission.problem
        held = getattr(self.parent, "held", {}).get(exercise.name)
        if problem is None and held is not None:
            problem, told = str(held), held.told
        if problem is not None:
            self.log.warning("%s needs review: %s", filename, problem)
        for oddity in submission.oddities:
            self.log.warning("%s: %s", filename, oddity)
        oddities = [asdict(oddity) for oddity in submission.oddities]
        notes = {"file": filename, "problem": problem, "told": told, "oddities": oddities}
        submission.notebook.metadata[METADATA] = {"read": notes}
        return self.from_notebook_node(submission.notebook, resources, **kw)


class ForgetScores(NbGraderPreprocessor):
    """Empties the scores of a notebook and marks them for review, until SaveGrades writes new ones."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Forget the automatic scores of the notebook's graded cells."""
        if who_grades_this(self, resources) is not None:
            names = resources["nbgrader"]
            gradebook.forget(names["db_url"], names["assignment"], names["student"], [names["notebook"]])
        return nb, resources


class ExecuteInSandbox(Execute):
    """Runs the student's cells in a Guest and shows the checks below each test cell."""

    unsafe = Bool(False, help="Run student code without a sandbox where none works. Shown on every report.").tag(
        config=True
    )

    finished = Unicode(help="The store in which ``autograder autograde`` keeps finished Grades.").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: Any = None, km: Any = None) -> Any:
        """Grade the notebook; the Grade goes on in the resources."""
        exercise = who_grades_this(self, resources)
        if exercise is None:
            return super().preprocess(nb, resources, km)
        if isinstance(exercise, Stranger):
            self.log.error("%s/%s needs review. %s", exercise.assignment, resources["nbgrader"]["notebook"], exercise)
            for cell in nb.cells:
                if _is_checked(cell):
                    _show_notice(cell, "This notebook was not run.")
            nb.metadata[METADATA] = {"stranger": str(exercise)}
            return nb, resources
        name = f"{resources['nbgrader']['student']}/{exercise.name}"
        submission, path, told = _read_before(nb, exercise, name)
        graded = self._grade(submission, path)
        grade = graded.grade
        budget = Budget()
        for count, (index, outputs) in enumerate(sorted(graded.outputs.items()), start=1):
            _show_outputs(nb.cells[index], outputs, count, budget)
        if grade.status == "needs_review":
            self.log.warning("%s needs review: %s", name, grade.reason)
        for cell in nb.cells:
            if grade_id(cell) in exercise.points:
                _show_checks(cell, grade, told or "There was trouble on our side.")
        if grade.oddities:
            remarks = " ".join(map(str, grade.oddities))
            shown = {"text/plain": f"Note: {remarks}", "text/html": feedback.notice_html("Note:", remarks)}
            first = next(cell for cell in nb.cells if grade_id(cell) in exercise.points)
            first.outputs.insert(0, nbformat.v4.new_output("display_data", shown))
        put_grade(nb, grade)
        resources[METADATA] = grade
        return nb, resources

    def _grade(self, submission: Submission, path: Path | None) -> Graded:
        if submission.problem is not None:
            return Graded(needs_review(submission, submission.problem))
        graded = None
        if self.finished and path is not None:
            with Store(Path(self.finished)) as store:
                graded = store.get(key_of(reading.identity(path), exercise_key(submission.exercise, self.unsafe)))
        if graded is None:
            grader = process_grader(self.unsafe, private_folders(self))
            graded = grader.grade(submission)
            if graded.was_late:  # another process may be the cause: a second stop counts
                graded = grader.grade(submission)
        return replace(graded, grade=replace(graded.grade, submission=submission.name))


def _read_before(nb: NotebookNode, exercise: Exercise, name: str) -> tuple[Submission, Path | None, str | None]:
    """The submission as SubmissionExporter has read it, the file that it was, and what the student is told of it."""
    notes = (nb.metadata.pop(METADATA, None) or {}).get("read")
    if notes is None:  # nbgrader's own exporter has read it
        return Submission.of(nb, exercise, name), None, None
    oddities = [Oddity(**oddity) for oddity in notes["oddities"]]
    return Submission(name, exercise, nb, oddities, notes["problem"]), Path(notes["file"]), notes["told"]


class SaveGrades(SaveAutoGrades):
    """Writes the points of the Grade into the gradebook, never what a cell displayed: all cells at once."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Write the scores and comments of a notebook."""
        nb, resources = super().preprocess(nb, resources)
        exercise = who_grades_this(self, resources)
        if isinstance(exercise, Exercise):
            fits = gradebook.write(self.db_url, self.student_id, exercise, resources.get(METADATA))
            if not fits:
                self.log.error(
                    "The gradebook has other cells or points for %s: no scores were written. "
                    "Run: nbgrader generate_assignment %s --force, then autograde again",
                    exercise.name,
                    exercise.assignment,
                )
        return nb, resources

    def _add_score(self, cell: NotebookNode, resources: dict[str, Any]) -> None:
        """Leave test cells as ForgetScores has left them: what a cell displays is no score."""
        if who_grades_this(self, resources) is None or not _is_checked(cell):
            super()._add_score(cell, resources)


def _is_checked(cell: NotebookNode) -> bool:
    """Whether it is a test cell, whose points no person gives."""
    return cell.cell_type == "code" and is_grade(cell) and not is_solution(cell)


def _show_checks(cell: NotebookNode, grade: Grade, trouble: str) -> None:
    """Put the checks below their test cell. What went wrong on our side is for the log, not for the student."""
    name = grade_id(cell)
    if name is None or grade.status != "graded":
        _show_notice(cell, trouble)
        return
    checks = grade.of_cell(name)
    shown = {"text/plain": feedback.text(name, checks), "text/html": feedback.html(name, checks)}
    cell.outputs = [nbformat.v4.new_output("display_data", shown)]
    cell.execution_count = None


def _show_notice(cell: NotebookNode, trouble: str) -> None:
    title, message = "Not graded yet.", f"{trouble} Your instructor will look at it; no points are lost."
    shown = {"text/plain": f"{title} {message}", "text/html": feedback.notice_html(title, message)}
    cell.outputs = [nbformat.v4.new_output("display_data", shown)]
    cell.execution_count = None


def _show_outputs(cell: NotebookNode, outputs: list[wire.Output], count: int, budget: Budget) -> None:
    """Put a Guest's outputs into a cell, as far as the formgrader's page has room for them.

    Only text and PNG pictures, so that no page runs a student's script.
    """
    if cell.cell_type != "code":
        return
    cell.execution_count = count
    cell.outputs = []
    for output in outputs:
        if not budget.has_room:
            break
        if isinstance(output, wire.Stream):
            name = "stderr" if output.name == "stderr" else "stdout"
            shown = nbformat.v4.new_output("stream", name=name, text=budget.text(output.text))
        elif isinstance(output, wire.Error):
            lines = budget.text("\n".join(output.traceback)).split("\n")
            shown = nbformat.v4.new_output(
                "error", ename=brief(output.name), evalue=brief(output.message), traceback=lines
            )
        else:
            data = {"text/plain": budget.text(output.text)}
            address = budget.picture(base64.b64encode(output.png).decode()) if output.png is not None else None
            kind, _, content = (address or "").partition(",")
            if kind == "data:image/png;base64":
                data["image/png"] = content
            if output.result:
                shown = nbformat.v4.new_output("execute_result", data, execution_count=count)
            else:
                shown = nbformat.v4.new_output("display_data", data)
        cell.outputs.append(shown)
