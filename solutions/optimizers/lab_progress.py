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
from lab_messages import Said, say, show


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

    name: Said
    meaning: Said
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
    "build optimizers": say("Optimizer builder"),
    "decay groups": say("Name sceptic"),
    "learning rate groups": say("Fine-tuner"),
    "three way race": say("Fair judge"),
}


def badges(record: lab_record.Record) -> list[Badge]:
    """Every badge that there is, earned or not."""
    passed = {lesson: [function.passed_on for function in found] for lesson, found in lessons(record).items()}
    persisted = any(practice.persisted for practice in record.functions.values())
    in_a_row = max((length for _, length in _runs(record.days)), default=0)
    return [
        Badge(say("First step"), say("pass all public checks of a function"), any(map(any, passed.values()))),
        *(
            Badge(
                _LESSON_BADGES.get(lesson, Said(lesson.capitalize())),
                say('pass every function of the lesson "{lesson}"', lesson=Said(lesson)),
                all(days),
            )
            for lesson, days in passed.items()
        ),
        Badge(say("Whole distance"), say("pass every function of the unit"), all(map(all, passed.values()))),
        Badge(
            say("Persistence"),
            say("pass a check that had failed {count} times in a row", count=lab_record.PATIENCE),
            persisted,
        ),
        Badge(say("Three in a row"), say("pass a function on each of three days in a row"), in_a_row >= 3),
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

_RULE = say(
    "One point for each public check that passed in your best attempt. "
    "These points are for practice, and no part of your grade: hidden checks decide that."
)

_BADGES = say("Badges")


def _in_a_row(days: int) -> Said:
    if not days:
        return say("no streak yet")
    return say("a streak of 1 day") if days == 1 else say("a streak of {days} days", days=days)


class _Progress:
    """A record: tables in a notebook, plain text elsewhere."""

    def __init__(self, record: lab_record.Record, place: Path | None, trouble: Said | None) -> None:
        self.is_kept = place is not None
        self.lessons, self.badges = lessons(record), badges(record)
        points, possible = _points([function for found in self.lessons.values() for function in found])
        self.title = say(
            "Your practice: {points} of {possible} points, {streak}, {earned} of {badges} badges.",
            points=points,
            possible=possible,
            streak=_in_a_row(streak(record)),
            earned=sum(badge.earned for badge in self.badges),
            badges=len(self.badges),
        )
        if not self.is_kept and trouble:
            self.title = say("No record of your practice is kept here: {trouble}.", trouble=trouble)
        elif not self.is_kept:
            self.title = say("No record of your practice is kept here.")
        self.footer = say(
            "The record is in {place}. It stays on this machine, and deleting it loses nothing else.",
            place=_short(place),
        )
        if trouble:
            self.footer = say("The record belongs in {place}, but {trouble}.", place=_short(place), trouble=trouble)

    def __repr__(self) -> str:
        if not self.is_kept:
            return show(self.title)
        lines = [show(self.title), show(_RULE)]
        for lesson, functions in self.lessons.items():
            lines += ["", f"{lesson.capitalize()}: {_of(_points(functions))}"]
            for function in functions:
                mark, day = ("✓", f", {_passed_on(function)}") if function.passed_on else ("·", "")
                lines.append(f"  {mark} {function.name}: {_of(_points([function]))}{day}")
        lines += ["", show(_BADGES)]
        lines += [f"  {'★' if b.earned else '☆'} {show(b.name)}: {show(b.meaning)}" for b in self.badges]
        return "\n".join([*lines, "", show(self.footer)])

    def _repr_html_(self) -> str:
        if not self.is_kept:
            return f"<div>{escape(show(self.title))}</div>"
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
                    f'<td style="{cell}">{escape(_passed_on(function)) if function.passed_on else ""}'
                    "</td></tr>"
                )
        earned = [_badge_row(badge, cell) for badge in self.badges]
        return (
            f"<div><b>{escape(show(self.title))}</b></div><div>{escape(show(_RULE))}</div>"
            f'<table style="margin:6px 0">{"".join(rows)}</table>'
            f'<div><b>{escape(show(_BADGES))}</b></div><table style="margin:0 0 6px">{"".join(earned)}</table>'
            f'<div style="opacity:0.75">{escape(show(self.footer))}</div>'
        )


def _points(functions: list[Function]) -> tuple[int, int]:
    return sum(function.points for function in functions), sum(function.possible for function in functions)


def _of(points: tuple[int, int]) -> str:
    return show(say("{points} of {possible}", points=points[0], possible=points[1]))


def _passed_on(function: Function) -> str:
    return show(say("passed on {day}", day=function.passed_on))


def _bar(function: Function) -> str:
    """A bar as full as the function is done."""
    share = 100 * function.points / function.possible
    return (
        '<div style="width:90px; height:9px; border-radius:5px; background:rgba(128,128,128,0.3)">'
        f'<div style="width:{share:.0f}%; height:100%; border-radius:5px; background:{COLOURS["✓"]}"></div></div>'
    )


def _badge_row(badge: Badge, cell: str) -> str:
    star, look, state = "☆", "opacity:0.6", say("still to earn")
    if badge.earned:
        star, look, state = "★", "color:#c98a00", say("earned")
    text = "" if badge.earned else "opacity:0.75"
    return (
        f'<tr style="background:none"><td style="{cell} font-size:1.3em; line-height:1; {look}" '
        f'title="{escape(show(state))}">{star}</td><td style="{cell} {text}"><b>{escape(show(badge.name))}</b></td>'
        f'<td style="{cell} {text}">{escape(show(badge.meaning))}</td></tr>'
    )


def _short(place: Path | None) -> str:
    """A path, with ~ for the home directory."""
    text, home = str(place), os.path.expanduser("~")
    return f"~{text[len(home) :]}" if home != "~" and text.startswith(home + os.sep) else text
