"""Figures for pages that are one file: SVG images inside their own address."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

STYLE: Any = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",  # the reader's fonts, and text that can be searched
    "svg.hashsalt": "report",
}
BLUE, PALE = "#1f5f99", "#a9c9e8"

Curves = Mapping[str, Sequence[float | None]]
"""Losses by the name of the optimizer; None where a loss is not finite."""


def address(figure: Figure) -> str:
    """The figure as the address of an image that holds all of it."""
    file = io.BytesIO()
    figure.savefig(file, format="svg", dpi=220, metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode()


def race(curves: Curves, reference: Curves) -> dict[str, str]:
    """One student's curves over those of the reference: the address of an image for each optimizer."""
    losses = [loss for name in reference for loss in curves.get(name, ()) if loss is not None]
    top = 1.05 * min(max([_top(reference), *losses]), 3 * _top(reference))
    images = {}
    for name, wanted in reference.items():
        with matplotlib.rc_context(STYLE):
            figure, axes = _panel(name, top)
            axes.plot(_numbers(wanted), color=PALE, linewidth=7, solid_capstyle="round")
            axes.plot(_numbers(curves.get(name, ())), color="#1b1b1b", linewidth=1.6)
            images[name] = address(figure)
    return images


def class_race(students: Sequence[Curves], reference: Curves) -> dict[str, str]:
    """The curves of a class over those of the reference: the address of an image for each optimizer."""
    images = {}
    thin: dict[str, Any] = {"color": BLUE, "linewidth": 0.9, "alpha": max(0.15, min(0.8, 8 / (len(students) or 1)))}
    for name, wanted in reference.items():
        with matplotlib.rc_context(STYLE):
            figure, axes = _panel(name, 1.5 * _top(reference))
            axes.plot(_numbers(wanted), color="#e08a00", linewidth=4, alpha=0.75)
            for curves in students:  # as pixels: hundreds of paths are large
                axes.plot(_numbers(curves.get(name, ())), rasterized=True, **thin)
            images[name] = address(figure)
    return images


def _top(reference: Curves) -> float:
    return max([loss for losses in reference.values() for loss in losses if loss is not None], default=1.0)


def _panel(name: str, top: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(3, 2.3))
    axes = figure.subplots(gridspec_kw={"left": 0.17, "right": 0.96, "bottom": 0.2, "top": 0.9})
    axes.set_title(name, fontsize=10)
    axes.set(xlabel="step", ylabel="loss", ylim=(0, top))
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 2.5, 5, 10]))
    return figure, axes


def _numbers(losses: Sequence[float | None]) -> list[float]:
    return [float("nan") if loss is None else loss for loss in losses]
