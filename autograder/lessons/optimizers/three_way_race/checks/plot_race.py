"""Hidden checks of plot_race."""

import math

from autograder.checking.check import check
from autograder.checking.descriptions import AxesDescription
from autograder.checking.student import NewAxes, look_at, once
from autograder.checking.words import names, tell
from autograder.lessons.optimizers.three_way_race.models import NewPanel
from autograder.messages import Message, quote, say

THREE = {"SGD": [1.5, 1.4, 1.35, 1.32, 1.3], "Adam": [1.5, 1.1, 0.6, 0.3, 0.12], "AdamW": [1.5, 1.2, 0.7, 0.4, 0.2]}
TWO = {"Lion": [2.0, 0.004, 3.5], "RMSprop": [1.25, 0.75, 0.5, 0.45, 0.44, 7.0]}
LONG = {"short": [0.7], "long": [1 / (step + 1) for step in range(150)]}
FOUR = {"d": [0.9, 0.8], "AdamW": [0.1, 0.11], "b": [12.0, 1e-5], "a": [0.3, 0.2]}


def plot(student, curves: dict, kind: type[NewAxes] | None = None) -> AxesDescription:
    found = student.plot_race(curves) if kind is None else draw(student, curves, kind)[0]
    call = "plot_race(curves)" if kind is None else "plot_race(curves, ax=ax)"
    assert isinstance(found, AxesDescription), say(
        "expected {call} to return the Axes, found {found}", call=call, found=tell(found)
    )
    return found


def labelled_lines(axes: AxesDescription) -> list[tuple[str, list[float], list[float]]]:
    """Label, x and y of each line. A label may have been given to the line, or to the legend, in the same order."""
    lines = axes.lines
    named = [line for line in lines if not line.label.startswith("_")]
    if not named and axes.legend is not None and len(axes.legend) == len(lines):
        return [(label, line.x, line.y) for label, line in zip(axes.legend, lines, strict=True)]
    return [(line.label, line.x, line.y) for line in named]


def draw(student, curves: dict, kind: type[NewAxes]) -> tuple[object, NewAxes]:
    """What plot_race returns, and the new Axes that it was given; each of the curves above is drawn once."""

    def plot_race() -> tuple[object, NewAxes]:
        axes = kind()
        return student.plot_race(curves, ax=axes), axes

    return once(student, (plot, id(curves), kind), plot_race)


def drawing(student, curves: dict, kind: type[NewAxes] = NewAxes) -> AxesDescription:
    """What plot_race draws into new Axes, whatever it returns."""
    _, axes = draw(student, curves, kind)
    found = look_at(student, axes)
    if not isinstance(found, AxesDescription) or not found.lines:  # perhaps it drew elsewhere, and said so
        found = plot(student, curves)
    return found


def _shows(points: list[float], losses: list[float]) -> bool:
    if len(points) == len(losses) and len(set(points)) > 1:
        return True
    known = [any(math.isclose(point, loss, rel_tol=1e-5) for loss in losses) for point in points]
    return bool(known) and all(known)


@check("test_plot_race", 0.5, "Return the Axes, not a Figure; draw into ax when there is one, else into new Axes.")
def test_plot_returns_the_axes(student):
    """plot_race returns the Axes, and draws into ax when it is given."""
    plot(student, TWO)
    for curves, kind in ((THREE, NewAxes), (TWO, NewPanel)):
        found = plot(student, curves, kind)
        assert found.same_as is draw(student, curves, kind)[1], say(
            "expected plot_race(curves, ax=ax) to return ax itself, found other Axes"
        )
        assert found.lines, say("expected plot_race(curves, ax=ax) to draw into ax, found no line there")
        # any line is a line: one must have as many points as its curve, or be drawn through some of its losses
        shown = [line for line in found.lines if any(_shows(line.y, losses) for losses in curves.values())]
        assert shown, say("expected plot_race(curves, ax=ax) to draw the curves, found lines through other points")


@check("test_plot_race", 0.5, "curves may hold any number of curves, under any names: loop over its items.")
def test_plot_lines(student):
    """There is one line for each curve, labelled with its key."""
    for curves in (THREE, TWO, FOUR):
        axes = drawing(student, curves)
        labels = [label for label, _, _ in labelled_lines(axes)]
        given = list(curves)
        missing = [name for name in curves if name not in labels]
        assert not missing, say(
            "expected a line labelled {label} for the curves {curves}, found {found}",
            label=missing[0],
            curves=given,
            found=tell_labels(labels),
        )
        other = [label for label in labels if label not in curves]
        assert not other, say(
            "expected one line each for the curves {curves}, found also a line labelled {label}",
            curves=given,
            label=quote(other[0]),
        )
        twice = [name for name in curves if labels.count(name) > 1]
        assert not twice, say(
            "expected one line each for the curves {curves}, found {count} of {label}",
            curves=given,
            count=labels.count(twice[0]),
            label=twice[0],
        )
        bare = [line for line in axes.lines if line.label.startswith("_")]
        further = [line for line in bare if len(set(line.y)) > 2]  # a straight line or a mark may help the reader
        assert len(bare) == len(axes.lines) or not further, say(
            "expected one line each for the curves {curves}, found also a line without a label, of {count} points",
            curves=given,
            count=len(further[0].y),
        )


@check("test_plot_race", 0.5, "Draw the numbers as they are; a log scale changes the axis, not the numbers.")
def test_plot_values(student):
    """Each line shows the unchanged losses over the step index, from 0."""
    for curves in (THREE, TWO, LONG):
        lines = {label: (x, y) for label, x, y in labelled_lines(drawing(student, curves))}
        for name, losses in curves.items():
            if name not in lines:  # labels are another check's business
                continue
            x, y = lines[name]
            expect_points(x, list(range(len(losses))), say("{axis} of the line {name}", axis="x", name=name))
            expect_points(y, losses, say("{axis} of the line {name}", axis="y", name=name))
        assert set(lines) & set(curves), say(
            "expected lines labelled {labels}, found {found}", labels=list(curves), found=tell_labels(list(lines))
        )


def tell_labels(labels: list[str]) -> Message:
    if not labels:
        return say("no line with a label")
    return say("lines labelled {labels}", labels=names(map(quote, labels), most=4))


def expect_points(found: list[float], wanted: list[float], what: Message) -> None:
    assert len(found) == len(wanted), say(
        "expected {what} to have {wanted} points, found {found}", what=what, wanted=len(wanted), found=len(found)
    )
    wrong = [i for i, (f, w) in enumerate(zip(found, wanted, strict=True)) if not math.isclose(f, w, rel_tol=1e-5)]
    assert not wrong, say(
        "expected {what} to be {wanted:g} at index {index}, found {found:g}",
        what=what,
        wanted=wanted[wrong[0]],
        index=wrong[0],
        found=found[wrong[0]],
    )


@check("test_plot_race", 0.5, "A reader who sees the figure alone must know what each axis and each line is.")
def test_plot_labels(student):
    """Both axes have labels, and a legend names the lines."""
    for curves, kind in ((TWO, NewPanel), (FOUR, NewAxes)):
        axes = drawing(student, curves, kind)
        bare = [axis for axis, label in (("x", axes.xlabel), ("y", axes.ylabel)) if not label.strip()]
        assert not bare, say("expected a label on both axes, found none on: {axes}", axes=bare)
        assert axes.legend is not None, say("expected a legend, found none")
        missing = [name for name in curves if name not in axes.legend]
        assert not missing or axes.legend, say("expected {label} in the legend, found it empty", label=missing[0])
        assert not missing, say(
            "expected {label} in the legend, found {found}",
            label=missing[0],
            found=names(map(quote, axes.legend), most=4),
        )
