"""The page that a student gets for an autograded notebook: the score, every check, then the notebook.

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

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from nbformat import NotebookNode

from autograder.course import Exercise
from autograder.grading.in_notebook import grade_in
from autograder.grading.labels import grade_id
from autograder.pages import feedback, figures
from autograder.pages.budget import Budget, title
from autograder.pages.feedback import ShownCheck
from autograder.pages.harmless import CODE_STYLE, code, markdown, plain
from autograder.results import Grade, total


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
    """Each ``text``, ``stderr`` or ``error`` and what it says, or ``picture`` and its address."""
    section: str = ""
    """The heading above, which tells what a figure belongs to."""
    points: float | None = None
    """The gradebook's; None while they are open, and for cells without points."""
    max_points: float | None = None
    checks: list[ShownCheck] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    """What stands above the checks, or instead of them."""
    comment: str = ""
    """The instructor's, as Markup."""
    is_untouched: bool = False
    """Whether an answer is still as it was handed out."""

    @property
    def passed(self) -> int:
        """How many checks passed."""
        return sum(shown.check.status == "passed" for shown in self.checks)

    @property
    def checks_points(self) -> float:
        """What the checks add up to; the instructor may have given other points by hand."""
        return total(shown.check.points for shown in self.checks)

    @property
    def races(self) -> list[Race]:
        """The curves that checks have kept."""
        checks = [shown.check for shown in self.checks]
        return [Race(dict(check.curves), dict(check.reference)) for check in checks if check.curves and check.reference]


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
    budget = Budget()
    parts = read_parts(nb, exercise, grade_in(nb), budget)
    graded = [part for part in parts if part.max_points is not None]
    return _template().render(
        exercise=exercise.name,
        parts=parts,
        is_short=budget.is_short,
        graded=graded,
        lost=[
            (part, shown)
            for part in graded
            for shown in part.checks
            if shown.check.status == "failed" and not shown.is_repeated
        ],
        score=max(0.0, names["score"]),
        max_score=names["max_score"],
        late_penalty=names["late_penalty"],
        submitted=names.get("timestamp"),
        is_settled=all(part.points is not None for part in graded if part.kind == "checks"),
        open_points=sum(part.max_points or 0.0 for part in graded if part.points is None),
        marks=feedback.MARKS,
        words=feedback.WORDS,
        code_style=Markup(CODE_STYLE),
    )


def read_parts(nb: NotebookNode, exercise: Exercise, grade: Grade | None, budget: Budget) -> list[Part]:
    """The notebook's cells as the page shows them; empty ones are left out, and those beyond the budget."""
    parts, section = [], ""
    for index, cell in enumerate(nb.cells):
        if not budget.has_room and not _is_graded(cell):
            budget.is_short = True
            continue
        section = (re.findall(r"^#+ +(.+)$", cell.source, re.M) or [section])[-1] if _is_text(cell) else section
        part = _read_part(cell, f"cell-{index}", exercise, grade, budget)
        part.section = title(section)
        if part.source.strip() or part.outputs or part.max_points is not None:
            parts.append(part)
    return parts


def _is_text(cell: NotebookNode) -> bool:
    return cell.cell_type == "markdown"


def _is_graded(cell: NotebookNode) -> bool:
    meta = cell.metadata.get("nbgrader", {})
    return bool(meta.get("grade") or meta.get("task"))


def _read_part(cell: NotebookNode, place: str, exercise: Exercise, grade: Grade | None, budget: Budget) -> Part:
    meta, name = cell.metadata.get("nbgrader", {}), grade_id(cell) or ""
    part = Part(place, "text" if _is_text(cell) else "code", source=cell.source, is_text=_is_text(cell))
    if meta.get("comment"):
        part.comment = markdown(meta["comment"])
    part.is_untouched = bool(meta.get("is_untouched"))
    if _is_graded(cell):
        part.max_points = meta.get("points", 0.0)
        part.points = None if meta.get("is_open") else meta.get("score")
        part.kind, part.name = "written", "Your answer in words" if _is_text(cell) else name
    if name in exercise.points:
        part.kind, part.name = "checks", name.removeprefix("test_")
        shown = [text for _, text in _outputs(cell, budget)]
        if grade is not None and grade.status == "graded":
            part.checks = feedback.without_repeats(grade.of_cell(name))
            shown = shown[:-1]  # the last output is these checks
        part.notices = shown
        return part
    if name in exercise.answers:
        part.kind, part.name = "answer", name
    part.html = markdown(cell.source, cell.get("attachments"), budget) if _is_text(cell) else code(cell.source, budget)
    part.outputs = _outputs(cell, budget)
    return part


def _outputs(cell: NotebookNode, budget: Budget) -> list[tuple[str, str]]:
    """Text and figures of pixels; nothing else is shown, so that no page holds a student's markup."""
    shown: list[tuple[str, str]] = []
    for output in cell.get("outputs", []):
        if not budget.has_room:
            budget.is_short = True
            break
        if output.output_type == "stream":
            shown.append(("stderr" if output.name == "stderr" else "text", budget.text(output.text)))
        elif output.output_type == "error":
            shown.append(("error", budget.text("\n".join(output.traceback) or f"{output.ename}: {output.evalue}")))
        elif (address := budget.picture(output.data["image/png"]) if "image/png" in output.data else None) is not None:
            shown.append(("picture", address))
        elif "text/plain" in output.data:
            shown.append(("text", budget.text(output.data["text/plain"])))
    return shown


@functools.cache
def _template() -> Any:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: plain(value) if type(value) is str else value,
    ).get_template("feedback_page.html.jinja")
