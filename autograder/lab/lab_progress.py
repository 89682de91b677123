"""Show what a student has practised: points, a streak of days, and badges."""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass
from html import escape
from pathlib import Path

from IPython.display import display

import lab_record
from lab_checks import COLOURS, PUBLIC_CHECKS


def progress() -> None:
    """Show your practice: points, the days in a row on which you practised, and badges.

    All of it is kept on this machine alone, and none of it is part of your grade.
    """
    display(_Progress(*lab_record.load()))


# --- What a record is worth ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Function:
    """How far a student is with one function."""

    name: str
    points: int
    """One for each public check that passed in the best attempt."""
    possible: int
    passed_on: str | None
    """The day on which all its checks passed for the first time; None before that."""


@dataclass(frozen=True)
class Badge:
    """Something to be proud of."""

    name: str
    meaning: str
    earned: bool


def lessons(record: lab_record.Record) -> dict[str, list[Function]]:
    """The functions of each lesson, in the order of the lessons."""
    found: dict[str, list[Function]] = {}
    for name, checks in PUBLIC_CHECKS.items():
        practice = record.functions.get(name, lab_record.Practice())
        points = sum(check.name in practice.best for check in checks)
        found.setdefault(checks[0].lesson, []).append(Function(name, points, len(checks), practice.passed_on))
    return found


_LESSON_BADGES = {
    "build optimizers": "Optimizer builder",
    "decay groups": "Name sceptic",
    "learning rate groups": "Fine-tuner",
    "three way race": "Fair judge",
}


def badges(record: lab_record.Record) -> list[Badge]:
    """Every badge that there is, earned or not."""
    passed = {lesson: [function.passed_on for function in found] for lesson, found in lessons(record).items()}
    persisted = any(practice.persisted for practice in record.functions.values())
    in_a_row = max((length for _, length in _runs(record.days)), default=0)
    return [
        Badge("First step", "pass all public checks of a function", any(map(any, passed.values()))),
        *(
            Badge(
                _LESSON_BADGES.get(lesson, lesson.capitalize()),
                f'pass every function of the lesson "{lesson}"',
                all(days),
            )
            for lesson, days in passed.items()
        ),
        Badge("Whole distance", "pass every function of the unit", all(map(all, passed.values()))),
        Badge("Persistence", f"pass a check that had failed {lab_record.PATIENCE} times in a row", persisted),
        Badge("Three in a row", "pass a function on each of three days in a row", in_a_row >= 3),
    ]


def streak(record: lab_record.Record) -> int:
    """The days in a row, up to today or yesterday, on which a function passed."""
    yesterday = lab_record.today() - datetime.timedelta(days=1)
    return next((length for last, length in _runs(record.days) if last >= yesterday), 0)


def _runs(days: list[str]) -> list[tuple[datetime.date, int]]:
    """Each run of days without a gap: its last day, and how many days it has."""
    runs: list[tuple[datetime.date, int]] = []
    for day in map(datetime.date.fromisoformat, days):
        if runs and day - runs[-1][0] == datetime.timedelta(days=1):
            runs[-1] = (day, runs[-1][1] + 1)
        else:
            runs.append((day, 1))
    return runs


# --- Showing it ------------------------------------------------------------------------------------------------------

_RULE = (
    "One point for each public check that passed in your best attempt. "
    "These points are for practice, and no part of your grade: hidden checks decide that."
)


class _Progress:
    """A record: tables in a notebook, plain text elsewhere."""

    def __init__(self, record: lab_record.Record, place: Path | None, trouble: str | None) -> None:
        self.is_kept = place is not None
        self.lessons, self.badges = lessons(record), badges(record)
        points, possible = _points([function for found in self.lessons.values() for function in found])
        days = streak(record)
        in_a_row = f"a streak of {days} {'day' if days == 1 else 'days'}" if days else "no streak yet"
        self.title = (
            f"Your practice: {points} of {possible} points, {in_a_row}, "
            f"{sum(badge.earned for badge in self.badges)} of {len(self.badges)} badges."
        )
        self.footer = (
            f"The record belongs in {_short(place)}, but {trouble}."
            if trouble
            else f"The record is in {_short(place)}. It stays on this machine, and deleting it loses nothing else."
        )
        if not self.is_kept:
            self.title = f"No record of your practice is kept here{f': {trouble}' if trouble else ''}."

    def __repr__(self) -> str:
        if not self.is_kept:
            return self.title
        lines = [self.title, _RULE]
        for lesson, functions in self.lessons.items():
            lines += ["", f"{lesson.capitalize()}: {_of(_points(functions))}"]
            for function in functions:
                mark, day = ("✓", f", passed on {function.passed_on}") if function.passed_on else ("·", "")
                lines.append(f"  {mark} {function.name}: {_of(_points([function]))}{day}")
        lines += ["", "Badges"]
        lines += [f"  {'★' if badge.earned else '☆'} {badge.name}: {badge.meaning}" for badge in self.badges]
        return "\n".join([*lines, "", self.footer])

    def _repr_html_(self) -> str:
        if not self.is_kept:
            return f"<div>{escape(self.title)}</div>"
        cell = "text-align:left; padding:2px 8px; white-space:normal;"
        rows = []
        for lesson, functions in self.lessons.items():
            rows.append(
                f'<tr style="background:none"><th colspan="2" style="{cell}">{escape(lesson.capitalize())}</th>'
                f'<th style="{cell}">{_of(_points(functions))}</th><td></td></tr>'
            )
            for function in functions:
                rows.append(
                    f'<tr style="background:none"><td style="{cell} padding-left:20px"><code>{escape(function.name)}'
                    f'</code></td><td style="{cell}">{_bar(function)}</td>'
                    f'<td style="{cell}">{_of(_points([function]))}</td>'
                    f'<td style="{cell}">{f"passed on {escape(function.passed_on)}" if function.passed_on else ""}'
                    "</td></tr>"
                )
        earned = [_badge_row(badge, cell) for badge in self.badges]
        return (
            f"<div><b>{escape(self.title)}</b></div><div>{escape(_RULE)}</div>"
            f'<table style="margin:6px 0">{"".join(rows)}</table>'
            f'<div><b>Badges</b></div><table style="margin:0 0 6px">{"".join(earned)}</table>'
            f'<div style="opacity:0.75">{escape(self.footer)}</div>'
        )


def _points(functions: list[Function]) -> tuple[int, int]:
    return sum(function.points for function in functions), sum(function.possible for function in functions)


def _of(points: tuple[int, int]) -> str:
    return "{} of {}".format(*points)


def _bar(function: Function) -> str:
    """A bar as full as the function is done."""
    share = 100 * function.points / function.possible
    return (
        '<div style="width:90px; height:9px; border-radius:5px; background:rgba(128,128,128,0.3)">'
        f'<div style="width:{share:.0f}%; height:100%; border-radius:5px; background:{COLOURS["✓"]}"></div></div>'
    )


def _badge_row(badge: Badge, cell: str) -> str:
    star, look, state = ("★", "color:#c98a00", "earned") if badge.earned else ("☆", "opacity:0.6", "still to earn")
    text = "" if badge.earned else "opacity:0.75"
    return (
        f'<tr style="background:none"><td style="{cell} font-size:1.3em; line-height:1; {look}" title="{state}">{star}'
        f'</td><td style="{cell} {text}"><b>{escape(badge.name)}</b></td>'
        f'<td style="{cell} {text}">{escape(badge.meaning)}</td></tr>'
    )


def _short(place: Path | None) -> str:
    """A path, with ~ for the home directory."""
    text, home = str(place), os.path.expanduser("~")
    return f"~{text[len(home) :]}" if home != "~" and text.startswith(home + os.sep) else text
