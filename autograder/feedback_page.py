"""The page that ``nbgrader generate_feedback`` makes for a student: the score, every check, then the notebook.

Like the plugin's other classes, these are named in nbgrader_config.py:

    c.GenerateFeedback.exporter_class  FeedbackExporter  instead of HTMLExporter
    c.GenerateFeedback.preprocessors   GetPoints         instead of GetGrades

The page is one file without scripts, which needs no network. What comes from a student is text there, never markup:
the template escapes all that it is given, and the module harmless makes HTML of Markdown and of code.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from nbconvert.exporters import Exporter, HTMLExporter
from nbformat import NotebookNode
from nbgrader.api import MissingEntry
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import GetGrades

from autograder import feedback, figures
from autograder.course import Exercise
from autograder.harmless import CODE_STYLE, code, markdown, plain
from autograder.nbgrader_plugin import exercise_of, read_grade
from autograder.notebooks import grade_id
from autograder.results import CheckResult, Grade, total


class GetPoints(GetGrades):
    """Reads points and comments from the gradebook, and also which points are still open."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Put the points into the notebook's cells. Raises NbGraderException when the gradebook has none."""
        try:
            return super().preprocess(nb, resources)
        except MissingEntry as error:
            names = resources["nbgrader"]
            message = (
                f"The gradebook has no points for {names['notebook']} of {names['student']}: it is the gradebook of "
                f"another course, or older. Run: autograder autograde {names['assignment']}"
            )
            self.log.error(message)
            raise NbGraderException(message) from error

    def _get_comment(self, cell: NotebookNode, resources: dict[str, Any]) -> None:
        super()._get_comment(cell, resources)
        meta = cell.metadata.nbgrader
        row = self.gradebook.find_comment(meta["grade_id"], self.notebook_id, self.assignment_id, self.student_id)
        meta["comment"] = row.manual_comment  # nbgrader's own "No response." is nobody's comment
        meta["is_untouched"] = row.auto_comment is not None

    def _get_score(self, cell: NotebookNode, resources: dict[str, Any]) -> None:
        super()._get_score(cell, resources)
        row = self.gradebook.find_grade(
            cell.metadata.nbgrader["grade_id"], self.notebook_id, self.assignment_id, self.student_id
        )
        cell.metadata.nbgrader["is_open"] = row.needs_manual_grade
        resources["nbgrader"]["timestamp"] = row.notebook.assignment.timestamp


class FeedbackExporter(HTMLExporter):
    """Makes the page of a notebook that is graded here, and nbgrader's own page of any other."""

    def from_filename(self, filename: str, resources: Any = None, **kw: Any) -> tuple[str, dict[str, Any]]:
        """Convert a notebook file. Raises NbGraderException when a file of ours is no notebook, or half of one."""
        try:
            return super().from_filename(filename, resources, **kw)
        except (nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
            exercise = exercise_of(resources)
            if exercise is None:
                raise
            message = f"{filename} is damaged: it is no whole notebook. Run: autograder autograde {exercise.assignment}"
            self.log.error(message)
            raise NbGraderException(message) from error

    def from_notebook_node(self, nb: NotebookNode, resources: Any = None, **kw: Any) -> tuple[str, dict[str, Any]]:
        """Convert a notebook."""
        exercise = exercise_of(resources)
        if exercise is None:
            return super().from_notebook_node(nb, resources, **kw)
        nb, resources = Exporter.from_notebook_node(self, nb, resources, **kw)
        return render(nb, exercise, resources["nbgrader"]), resources


@dataclass
class Part:
    """A cell as the page shows it."""

    id: str
    kind: str
    """``text``, ``code``, ``answer`` (a graded function), ``checks`` or ``written`` (graded by hand)."""
    name: str = ""
    """The function, for answers and checks."""
    source: str = ""
    html: str = ""
    """The source as Markup: rendered Markdown, or the inside of a block of code."""
    is_text: bool = False
    outputs: list[tuple[str, str]] = field(default_factory=list)
    """Each ``text``, ``stderr``, ``error`` or ``png``, and its content."""
    section: str = ""
    """The heading above, which tells what a figure belongs to."""
    points: float | None = None
    """The gradebook's; None while they are open, and for cells without points."""
    max_points: float | None = None
    checks: list[CheckResult] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    """What stands above the checks, or instead of them."""
    comment: str = ""
    """The instructor's, as Markup."""
    is_untouched: bool = False
    """Whether an answer is still as it was handed out."""

    @property
    def passed(self) -> int:
        """How many checks passed."""
        return sum(check.status == "passed" for check in self.checks)

    @property
    def checks_points(self) -> float:
        """What the checks add up to; the instructor may have given other points by hand."""
        return total(check.points for check in self.checks)

    @property
    def races(self) -> list[Race]:
        """The curves that checks have kept."""
        return [
            Race(dict(check.curves), dict(check.reference)) for check in self.checks if check.curves and check.reference
        ]


@dataclass(frozen=True)
class Race:
    """The student's loss curves beside those of the reference."""

    curves: figures.Curves
    reference: figures.Curves

    @property
    def images(self) -> dict[str, str]:
        """The address of an image for each optimizer."""
        return figures.race(self.curves, self.reference)

    @property
    def ends(self) -> list[tuple[str, str, str]]:
        """The final loss under each name, the student's and the reference's."""
        return [(name, _end(self.curves.get(name)), _end(wanted)) for name, wanted in self.reference.items()]


def _end(losses: Sequence[float | None] | None) -> str:
    if not losses:
        return "no curve"
    return "not finite" if losses[-1] is None else f"{losses[-1]:.4f}"


def render(nb: NotebookNode, exercise: Exercise, names: Mapping[str, Any]) -> str:
    """The page of an autograded notebook whose cells hold the gradebook's points."""
    parts = read_parts(nb, exercise, read_grade(nb))
    graded = [part for part in parts if part.max_points is not None]
    return _template().render(
        exercise=exercise.name,
        parts=parts,
        graded=graded,
        lost=[
            (part, check)
            for part in graded
            for check in part.checks
            if check.status == "failed" and check.message != feedback.AS_ABOVE
        ],
        score=max(0.0, names["score"]),
        max_score=names["max_score"],
        late_penalty=names["late_penalty"],
        submitted=names.get("timestamp"),
        is_settled=all(part.points is not None for part in graded if part.kind == "checks"),
        open_points=sum(part.max_points or 0.0 for part in graded if part.points is None),
        as_above=feedback.AS_ABOVE,
        marks=feedback.MARKS,
        words=feedback.WORDS,
        code_style=Markup(CODE_STYLE),
    )


def read_parts(nb: NotebookNode, exercise: Exercise, grade: Grade | None) -> list[Part]:
    """The notebook's cells as the page shows them; empty ones are left out."""
    parts, section = [], ""
    for index, cell in enumerate(nb.cells):
        section = (re.findall(r"^#+ +(.+)$", cell.source, re.M) or [section])[-1] if _is_text(cell) else section
        part = _read_part(cell, f"cell-{index}", exercise, grade)
        part.section = section
        if part.source.strip() or part.outputs or part.max_points is not None:
            parts.append(part)
    return parts


def _is_text(cell: NotebookNode) -> bool:
    return cell.cell_type == "markdown"


def _read_part(cell: NotebookNode, place: str, exercise: Exercise, grade: Grade | None) -> Part:
    meta, name = cell.metadata.get("nbgrader", {}), grade_id(cell) or ""
    part = Part(place, "text" if _is_text(cell) else "code", source=cell.source, is_text=_is_text(cell))
    if meta.get("comment"):
        part.comment = markdown(meta["comment"])
    part.is_untouched = bool(meta.get("is_untouched"))
    if meta.get("grade") or meta.get("task"):
        part.max_points = meta.get("points", 0.0)
        part.points = None if meta.get("is_open") else meta.get("score")
        part.kind, part.name = "written", "Your answer in words" if _is_text(cell) else name
    if name in exercise.points:
        part.kind, part.name = "checks", name.removeprefix("test_")
        shown = [text for _, text in _outputs(cell)]
        if grade is not None and grade.status == "graded":
            part.checks = feedback.without_repeats(grade.of_cell(name))
            shown = shown[:-1]  # the last output is these checks
        part.notices = shown
    else:
        part.outputs = _outputs(cell)
    if name in exercise.answers:
        part.kind, part.name = "answer", name
    part.html = markdown(cell.source, cell.get("attachments")) if _is_text(cell) else code(cell.source)
    return part


def _outputs(cell: NotebookNode) -> list[tuple[str, str]]:
    """Text and PNG figures; nothing else is shown, so that no page holds a student's markup."""
    shown = []
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            shown.append(("stderr" if output.name == "stderr" else "text", output.text))
        elif output.output_type == "error":
            shown.append(("error", "\n".join(output.traceback) or f"{output.ename}: {output.evalue}"))
        elif "image/png" in output.data:
            shown.append(("png", output.data["image/png"].replace("\n", "")))
        elif "text/plain" in output.data:
            shown.append(("text", output.data["text/plain"]))
    return shown


@functools.cache
def _template() -> Any:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: plain(value) if type(value) is str else value,
    ).get_template("feedback_page.html.jinja")
