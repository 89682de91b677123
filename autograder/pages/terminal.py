"""Grades on a terminal: a progress bar, a table, and the reason for every lost point."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from autograder.messages import in_line, printable
from autograder.pages.feedback import AS_ABOVE, without_repeats
from autograder.results import Grade

Item = TypeVar("Item")


def progress(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Hand the items on, with a progress bar on standard error where that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with _bar(*columns, TimeRemainingColumn()) as bar:
        task = bar.add_task(what, total=total)
        for item in items:
            bar.advance(task)
            yield item


def _bar(*columns: ProgressColumn) -> Progress:
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def grading_progress(results: Iterable[tuple[Item, Grade]], total: int) -> Iterator[tuple[Item, Grade]]:
    """Hand the graded submissions on, with a bar that shows how many are done and need review, rate and time left."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"))
    with _bar(*columns, TimeRemainingColumn()) as bar:
        task = bar.add_task("Grading", total=total, note="")
        reviews = 0
        for item, grade in results:
            reviews += grade.status == "needs_review"
            bar.advance(task)
            speed = bar.tasks[task].speed or 0.0
            bar.update(task, note=f"{reviews} need review, {speed:.1f} a second")
            yield item, grade


@dataclass(frozen=True)
class Change:
    """A score that the gradebook has and that is about to change."""

    submission: str
    old: float
    new: float | None
    """None when it needs review now."""

    @property
    def lowers(self) -> bool:
        """Whether the student loses points."""
        return self.new is None or self.new < self.old


@dataclass(frozen=True)
class ClassRun:
    """What a run of ``autograder autograde`` has done."""

    course: str
    students: int
    notebooks: int
    """As many as the students should have handed in."""
    submissions: int
    strays: int
    """Notebooks of these students in a wrong place."""
    graded: int
    written: int
    """Students whose scores were written."""
    needs_review: dict[str, str]
    """The reason, by submission; likewise below."""
    misplaced: dict[str, str]
    failed: dict[str, str]
    """What nbgrader said, by the student whom it could not write."""
    alike: list[list[str]] = field(default_factory=list)
    """Groups of students whose names differ in upper and lower case alone."""


def print_changes(changes: Sequence[Change], console: Console | None = None) -> None:
    """The scores that the gradebook has and that are about to change."""
    console = console or Console()
    if changes:
        table = Table(box=None, pad_edge=False, header_style="bold", title="Scores that change", title_justify="left")
        for heading in ("submission", "gradebook", "now", ""):
            table.add_column(heading, justify="right" if heading in ("gradebook", "now") else "left")
        for change in changes:
            new = "needs review" if change.new is None else f"{change.new:g}"
            table.add_row(
                Text(in_line(change.submission)), f"{change.old:g}", new, "lowered" if change.lowers else "raised"
            )
        console.print(table)


def print_class(run: ClassRun, console: Console | None = None) -> None:
    """What a run of ``autograder autograde`` has done."""
    console = console or Console(soft_wrap=True)
    console.print(Text(f"Course: {run.course}"))
    console.print(
        f"Submissions: {run.submissions}, of {_count(run.students, 'student')}; "
        f"{run.notebooks - run.submissions - run.strays} of their notebooks not "
        f"handed in. Graded now: {run.graded}; the others were known before, or are equal to these.\n"
        f"Written into the gradebook: {_count(run.written, 'student')}.\n"
        f"Need review: {_count(len(run.needs_review), 'submission')}."
    )
    for submission, reason in run.needs_review.items():
        console.print(Text(in_line(f"  {submission}: {reason}")))
    if run.needs_review:
        console.print(
            "Mend the cause and run this again, which tries them again; or give the points by hand in the formgrader."
        )
    for submission, place in run.misplaced.items():
        console.print(Text(in_line(f"  {submission} was not graded: {place}")))
    for student, reason in run.failed.items():
        console.print(Text(in_line(f"  {student} could not be written: {reason.strip().splitlines()[-1]}")))

    for group in run.alike:
        console.print(Text(f"  {alike(group)}"))


def alike(students: Iterable[str]) -> str:
    """What to say of students whose names differ in upper and lower case alone."""
    names = printable(" and ".join(students))
    return f"{names} differ in upper and lower case alone. If they are one student, keep one of the two."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def print_grades(grades: Sequence[Grade], console: Console | None = None, reasons: bool = True) -> None:
    """A table of scores, then what each submission lost its points for, unless ``reasons`` are not wanted."""
    console = console or Console()
    folder, names = _shorten([grade.submission for grade in grades])
    if folder:
        console.print(Text(in_line(f"in {folder}:")))
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("submission", overflow="fold")
    table.add_column("exercise")
    table.add_column("score", justify="right")
    table.add_column("seconds", justify="right")
    for grade, name in zip(grades, names, strict=True):
        score = "needs review" if grade.score is None else f"{grade.score:g} / {grade.max_score:g}"
        table.add_row(Text(in_line(name)), grade.exercise or "unknown", score, f"{grade.seconds:.2f}")
    console.print(table)
    for grade, name in zip(grades, names, strict=True) if reasons else ():
        lost = without_repeats([check for check in grade.checks if check.status != "passed"])
        if not lost and not grade.remarks:
            continue
        console.print()
        console.print(Text(in_line(name), style="bold"))
        if grade.remarks:
            console.print(Text(printable(f"  {' '.join(grade.remarks)}")))
        for shown in lost:
            points = f"-{shown.check.max_points - shown.check.points:g}"
            as_above = f"  ({AS_ABOVE})" if shown.is_repeated else ""
            console.print(Text(printable(f"  {points:>5}  {shown.check.sentence}{as_above}")))
            for line in shown.text.splitlines() if not as_above else []:
                console.print(Text(printable(f"         {line}"), style="dim"))


def _shorten(paths: Sequence[str]) -> tuple[str, list[str]]:
    """The folder that all the paths lie in, and the rest of each path."""
    if not paths:
        return "", []
    folder = os.path.commonpath([os.path.dirname(path) for path in paths])
    return folder, [os.path.relpath(path, folder) if folder else path for path in paths]
