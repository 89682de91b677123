"""The nbgrader plugin: named in nbgrader_config.py, it makes ``nbgrader autograde`` use this grader.

Cells run in a Guest, and scores come from the Grade. A notebook for which this course has no graders is left to
nbgrader's own classes. Nothing of nbgrader is changed; these are the classes of its configuration strings:

    c.Autograde.exporter_class          SubmissionExporter   reads and repairs what was handed in
    c.Autograde.sanitize_preprocessors  ForgetScores         first: an old score does not survive a failed regrade
    c.Autograde.autograde_preprocessors ExecuteInSandbox     instead of Execute
    c.Autograde.autograde_preprocessors SaveGrades           instead of SaveAutoGrades
"""

from __future__ import annotations

import base64
import functools
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.preprocessors import Execute, NbGraderPreprocessor, SaveAutoGrades
from traitlets import Bool, Unicode

from autograder import feedback, notebooks, wire
from autograder.batch import process_grader
from autograder.course import Course, Exercise
from autograder.grading import Graded
from autograder.results import CheckResult, Grade
from autograder.store import Store, exercise_key, key_of

NOTES = "autograder"
"""The key of the notebook's metadata that keeps what was found on reading until grading, and then the Grade."""


def exercise_of(resources: dict[str, Any]) -> Exercise | None:
    """The exercise that nbgrader is working on; None when its assignment is not graded here.

    nbgrader works in the course folder. An exercise whose graders file is missing is still ours, so that it fails
    closed, as long as the assignment has another exercise with graders.
    """
    names = resources["nbgrader"]
    exercise = _exercises(Path.cwd()).get(names["notebook"])
    if exercise is None or exercise.assignment != names["assignment"]:
        return None
    siblings = [e for e in _exercises(Path.cwd()).values() if e.assignment == exercise.assignment]
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


class SubmissionExporter(NotebookExporter):
    """Reads a submission for autograding, repairs it, and survives what is no notebook."""

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
            names = resources["nbgrader"]
            with Gradebook(names["db_url"]) as gradebook:
                try:
                    submission = gradebook.find_submission_notebook(
                        names["notebook"], names["assignment"], names["student"]
                    )
                except MissingEntry:
                    return nb, resources
                for grade in submission.grades:
                    if grade.name in exercise.points:
                        grade.auto_score, grade.needs_manual_grade = None, True
                gradebook.db.commit()
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
        remarks = [*notes["oddities"], *([grade.reason] if grade.reason and grade.status == "graded" else [])]
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
            return store.get(key_of(Path(notes["file"]).read_bytes(), exercise_key(exercise, self.unsafe)))


class SaveGrades(SaveAutoGrades):
    """Writes the points of the Grade into the gradebook, never what a cell displayed."""

    def _add_score(self, cell: NotebookNode, resources: dict[str, Any]) -> None:
        grade: Grade | None = resources.get(NOTES)
        name = notebooks.grade_id(cell)
        exercise = exercise_of(resources)
        if exercise is None or name not in exercise.points:
            super()._add_score(cell, resources)
            return
        row = self.gradebook.find_grade(name, self.notebook_id, self.assignment_id, self.student_id)
        checks = grade.of_cell(name) if grade is not None and grade.status == "graded" else []
        row.auto_score = sum(check.points for check in checks) if checks else None
        if checks and abs(sum(check.max_points for check in checks) - row.max_score) > 1e-9:
            self.log.error("%s has other points in the gradebook. Run: nbgrader generate_assignment --force", name)
            row.auto_score = None
        row.needs_manual_grade = row.manual_score is not None or row.auto_score is None
        self.gradebook.db.commit()


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
