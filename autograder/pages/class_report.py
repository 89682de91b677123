"""One page for the instructor: how a class did, what it got wrong, and what still needs review.

The page is one file that needs no network. What comes from students is text there, never markup.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median

import matplotlib
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from autograder.messages import kind_of, printable
from autograder.pages.class_results import ClassResults, StudentResult
from autograder.pages.feedback import without_repeats
from autograder.pages.figures import BLUE, PALE, STYLE, Curves, address, class_race

MISCONCEPTIONS = 15
"""How many are listed for a class; the rest are only counted."""

MAX_EXAMPLE = 600
"""The characters of a message that are shown as an example."""

_STATES = {"final": "final", "waiting": "not final", "review": "needs review", "missing": "nothing"}


@dataclass(frozen=True)
class CheckRate:
    """How many submissions pass a check."""

    function: str
    sentence: str
    passed: int
    checked: int
    """Without those in which the check could not be made."""

    @property
    def percent(self) -> float:
        """The share that passes."""
        return 100 * self.passed / self.checked if self.checked else 0.0


@dataclass
class Misconception:
    """A way to fail a check that several students may share."""

    exercise: str
    function: str
    sentence: str
    students: list[str] = field(default_factory=list)
    messages: Counter[str] = field(default_factory=Counter)

    @property
    def example(self) -> str:
        """The most common message of this kind."""
        text = self.messages.most_common(1)[0][0]
        return text if len(text) <= MAX_EXAMPLE else text[:MAX_EXAMPLE] + " …"


@dataclass(frozen=True)
class Timing:
    """The seconds that grading took for the submissions to an exercise."""

    exercise: str
    seconds: list[float]
    slowest: list[tuple[str, float]]

    @property
    def middle(self) -> float:
        """The median."""
        return median(self.seconds)


def check_rates(results: ClassResults) -> dict[str, list[CheckRate]]:
    """The pass rate of each check, by exercise, in the graders' order."""
    outcomes: dict[str, dict[tuple[str, str], Counter[str]]] = {}
    sentences: dict[tuple[str, str], str] = {}
    for _, grade in results.grades():
        for check in grade.checks:
            key = (check.cell, check.name)
            sentences[key] = check.sentence
            outcomes.setdefault(grade.exercise or "", {}).setdefault(key, Counter())[check.status] += 1
    return {
        exercise.name: [
            CheckRate(key[0].removeprefix("test_"), sentences[key], count["passed"], count["passed"] + count["failed"])
            for key, count in outcomes[exercise.name].items()
        ]
        for exercise in results.exercises
        if exercise.name in outcomes
    }


def misconceptions(results: ClassResults) -> list[Misconception]:
    """What students got wrong, the most common first: failed checks with the same sentence and kind of message.

    Messages are of one kind when their templates and the names in them are the same, whatever the numbers and the
    student's own words. One that a student got several times for the same function counts once, at the first check.
    """
    found: dict[tuple, Misconception] = {}
    for student, grade in results.grades():
        for shown in without_repeats([check for check in grade.checks if check.status == "failed"]):
            check = shown.check
            if shown.is_repeated or check.message is None:
                continue
            exercise = grade.exercise or ""
            key = (exercise, check.cell, check.sentence, kind_of(check.message))
            kind = found.setdefault(key, Misconception(exercise, check.cell.removeprefix("test_"), check.sentence))
            kind.students.append(student)
            kind.messages[check.text] += 1
    return sorted(found.values(), key=lambda kind: -len(kind.students))


def timings(results: ClassResults) -> list[Timing]:
    """How long grading took, by exercise."""
    found: dict[str, list[tuple[str, float]]] = {}
    for student, grade in results.grades():
        found.setdefault(grade.exercise or "", []).append((student, grade.seconds))
    return [
        Timing(
            exercise.name,
            [seconds for _, seconds in found[exercise.name]],
            sorted(found[exercise.name], key=lambda item: -item[1])[:3],
        )
        for exercise in results.exercises
        if exercise.name in found
    ]


@dataclass
class Races:
    """The loss curves of a class in one exercise, beside the reference's."""

    exercise: str
    sentence: str
    """Of the check that let the students' functions run."""
    reference: Curves
    students: dict[str, Curves] = field(default_factory=dict)

    @property
    def images(self) -> dict[str, str]:
        """All curves: the address of an image for each optimizer."""
        return class_race(list(self.students.values()), self.reference)

    def ends(self) -> list[tuple[str, float | None, int, list[str]]]:
        """For each optimizer: the reference's final loss, how many students end there, and who does not."""
        rows = []
        for name, wanted in self.reference.items():
            apart = [s for s, curves in self.students.items() if not _is_same_end(curves.get(name, ()), wanted)]
            rows.append((name, wanted[-1], len(self.students) - len(apart), apart))
        return rows


def _is_same_end(found: Sequence[float | None], wanted: Sequence[float | None]) -> bool:
    """To the eye: within one percent of the way that the reference went."""
    if len(found) != len(wanted) or found[-1] is None or wanted[0] is None or wanted[-1] is None:
        return False
    return abs(found[-1] - wanted[-1]) <= 0.01 * abs(wanted[0] - wanted[-1])


def races(results: ClassResults) -> list[Races]:
    """The class's loss curves, wherever a check has kept some."""
    found: dict[tuple[str, str], Races] = {}
    for student, grade in results.grades():
        for check in grade.checks:
            if check.curves and check.reference:
                key = (grade.exercise or "", check.name)
                race = found.setdefault(key, Races(key[0], check.sentence, dict(check.reference)))
                race.students[student] = dict(check.curves)
    return list(found.values())


BINS = [f"{low} to {low + 10} %" for low in range(0, 100, 10)]


def distribution(scores: Sequence[float], most: float) -> list[int]:
    """How many scores fall into each tenth of the points; a score on a border belongs to the upper tenth."""
    counts = [0] * len(BINS)
    for score in scores:
        counts[min(max(int(10 * score / most + 1e-9), 0), len(BINS) - 1)] += 1
    return counts


def render(results: ClassResults) -> str:
    """The page."""
    known = {state: [s.score for s in results.of(state) if s.score is not None] for state in ("final", "waiting")}
    totals = {state: distribution(scores, results.max_score) for state, scores in known.items()}
    exercises = {
        exercise.name: distribution(_scores(results, exercise.name), exercise.max_score)
        for exercise in results.exercises
        if exercise.max_score
    }
    kinds = misconceptions(results)
    template = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    ).get_template("class_report.html.jinja")
    return template.render(
        results=results,
        states=_STATES,
        scores=_summary(known["final"] + known["waiting"], results.max_score),
        bins=BINS,
        totals=totals,
        total_figure=_total_figure(totals),
        exercise_counts=exercises,
        exercise_figure=_exercise_figure(exercises),
        rates=check_rates(results),
        kinds=kinds[:MISCONCEPTIONS],
        other_kinds=len(kinds) - MISCONCEPTIONS,
        reviews=results.needs_review,
        outdated=results.outdated(),
        remarks=[
            (student, grade) for student, grade in results.grades() if grade.status == "graded" and grade.oddities
        ],
        races=races(results),
        timings=timings(results),
        ordered=_ordered(results.students),
    )


def _scores(results: ClassResults, exercise: str) -> list[float]:
    return [grade.score for _, grade in results.grades() if grade.exercise == exercise and grade.score is not None]


def _ordered(students: Sequence[StudentResult]) -> list[StudentResult]:
    return sorted(students, key=lambda student: (student.last_name, student.first_name, student.student))


def _summary(scores: Sequence[float], most: float) -> dict[str, float] | None:
    if not scores:
        return None
    return {"mean": mean(scores), "median": median(scores), "lowest": min(scores), "highest": max(scores), "most": most}


def _total_figure(totals: dict[str, list[int]]) -> str:
    """A histogram of the scores, as the address of an image that holds all of it."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 2.9), layout="constrained")
        axes = figure.subplots()
        places = range(len(BINS))
        axes.bar(places, totals["final"], width=0.92, align="edge", color=BLUE, label="final")
        axes.bar(
            places,
            totals["waiting"],
            bottom=totals["final"],
            width=0.92,
            align="edge",
            color=PALE,
            edgecolor=BLUE,
            hatch="///",
            label="waits for points by hand",
        )
        _label(axes, "share of all points")
        axes.set_ylim(0, 1.05 * max(1, *map(sum, zip(*totals.values(), strict=True))))
        if any(totals["waiting"]):
            axes.legend(frameon=False, loc="upper left")
        return address(figure)


def _exercise_figure(counts: dict[str, list[int]]) -> str:
    with matplotlib.rc_context({**STYLE, "font.size": 9}):
        columns = min(len(counts), 4) or 1
        rows = -(-len(counts) // columns) or 1
        figure = Figure(figsize=(7.2, 2.1 * rows), layout="constrained")
        grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
        for axes in grid.flat[len(counts) :]:
            axes.set_visible(False)
        for place, (axes, (name, heights)) in enumerate(zip(grid.flat, counts.items(), strict=False)):
            axes.bar(range(len(BINS)), heights, width=0.92, align="edge", color=BLUE)
            axes.set_title(name, fontsize=9)
            _label(axes, "", every=5, count=place % columns == 0)
        grid.flat[0].set_ylim(0, 1.05 * max([1, *(height for heights in counts.values() for height in heights)]))
        return address(figure)


def _label(axes: matplotlib.axes.Axes, xlabel: str, every: int = 1, count: bool = True) -> None:
    edges = range(0, len(BINS) + 1, every)
    axes.set_xticks(edges, [f"{10 * edge} %" for edge in edges])
    axes.set_xlim(-0.1, len(BINS) + 0.1)
    axes.yaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 2.5, 5, 10]))
    axes.set_xlabel(xlabel)
    axes.set_ylabel("students" if count else "")
