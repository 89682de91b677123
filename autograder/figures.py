"""Figures for pages that are one file: SVG images inside their own address."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

STYLE = {
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


def race(curves: Curves, reference: Curves) -> str:
    """One student's curves over those of the reference: a panel for each optimizer."""
    losses = [loss for name in reference for loss in curves.get(name, ()) if loss is not None]
    top = min(max([_top(reference), *losses]), 3 * _top(reference))
    with matplotlib.rc_context(STYLE):
        figure, panels = _panels(reference, 1.05 * top)
        for axes, (name, wanted) in zip(panels, reference.items(), strict=True):
            axes.plot(_numbers(wanted), color=PALE, linewidth=7, solid_capstyle="round", label="reference")
            if name in curves:
                axes.plot(_numbers(curves[name]), color="#1b1b1b", linewidth=1.6, label="yours")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="lower center", ncols=2, frameon=False)
        return address(figure)


def class_races(students: Sequence[Curves], reference: Curves) -> str:
    """The curves of a class: thin lines, and a strong one for the reference."""
    with matplotlib.rc_context(STYLE):
        figure, panels = _panels(reference, 1.5 * _top(reference))
        thin = {"color": BLUE, "linewidth": 0.8, "alpha": max(0.15, min(0.8, 8 / (len(students) or 1)))}
        for axes, (name, wanted) in zip(panels, reference.items(), strict=True):
            for curves in students:
                if name in curves:
                    axes.plot(_numbers(curves[name]), zorder=3, rasterized=True, **thin)  # hundreds of paths are large
            axes.plot(_numbers(wanted), color="#e08a00", linewidth=4, alpha=0.75, label="reference")
        panels[0].plot([], label="a student", **{**thin, "alpha": 1})
        figure.legend(*panels[0].get_legend_handles_labels(), loc="lower center", ncols=2, frameon=False)
        return address(figure)


def _top(reference: Curves) -> float:
    return max([loss for losses in reference.values() for loss in losses if loss is not None], default=1.0)


def _panels(reference: Curves, top: float) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(7.2, 2.8))
    room = {"left": 0.08, "right": 0.99, "bottom": 0.29, "top": 0.9, "wspace": 0.1}  # automatic layout takes as long
    panels = list(figure.subplots(1, len(reference), sharey=True, squeeze=False, gridspec_kw=room).flat)  # as drawing
    for axes, name in zip(panels, reference, strict=True):
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("step")
    panels[0].set_ylim(0, top)
    panels[0].set_ylabel("loss")
    return figure, panels


def _numbers(losses: Sequence[float | None]) -> list[float]:
    return [float("nan") if loss is None else loss for loss in losses]
