"""Grades on a terminal: a progress bar, a table, and the reason for every lost point."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from autograder.feedback import without_repeats
from autograder.results import Grade, printable

Item = TypeVar("Item")


def progress(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Hand the items on, with a progress bar on standard error where that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        for item in items:
            bar.advance(task)
            yield item


def print_grades(grades: Sequence[Grade], console: Console | None = None) -> None:
    """A table of scores, then what each submission lost its points for."""
    console = console or Console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("submission", overflow="fold")
    table.add_column("exercise")
    table.add_column("score", justify="right")
    table.add_column("seconds", justify="right")
    for grade in grades:
        score = "needs review" if grade.score is None else f"{grade.score:g} / {grade.max_score:g}"
        table.add_row(Text(printable(grade.submission)), grade.exercise or "unknown", score, f"{grade.seconds:.2f}")
    console.print(table)
    for grade in grades:
        lost = without_repeats([check for check in grade.checks if check.status != "passed"])
        if not lost and not grade.reason:
            continue
        console.print()
        console.print(Text(printable(grade.submission), style="bold"))
        if grade.reason:
            console.print(Text(printable(f"  {grade.reason}")))
        for check in lost:
            points = f"-{check.max_points - check.points:g}"
            as_above = "  (as above)" if check.message == "as above" else ""
            console.print(Text(f"  {points:>5}  {check.sentence}{as_above}"))
            for line in check.message.splitlines() if not as_above else []:
                console.print(Text(f"         {line}", style="dim"))
