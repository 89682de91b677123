"""Figures are shown inline and as PNG, whatever backend or format a student has chosen for their own screen."""

from __future__ import annotations

from typing import Any

import matplotlib_inline.backend_inline
from IPython.core import pylabtools
from matplotlib import pyplot

_select_formats = pylabtools.select_figure_formats


def show_inline_only() -> None:
    """Call in the Zygote, once the inline backend is in force: it stays so, and its format stays PNG.

    Students choose others with %config, ``set_matplotlib_formats``, ``matplotlib.use`` or ``switch_backend``; for
    %matplotlib see the Kernel.
    """
    pylabtools.select_figure_formats = _select_png
    matplotlib_inline.backend_inline.select_figure_formats = _select_png
    pyplot.switch_backend = _stay
    pyplot.pause = _show
    pyplot.uninstall_repl_displayhook()  # it draws each figure for nobody, before the inline backend draws it


def _select_png(shell: object, formats: object, **options: Any) -> None:
    options.pop("quality", None)  # of a JPEG
    _select_formats(shell, {"png"}, **options)


def _show(interval: float) -> None:
    """Show the figures as ``pyplot.pause`` does, without a wait in which nobody looks."""
    if pyplot.get_fignums():
        pyplot.show()


def _stay(newbackend: str) -> None:
    """Keep the backend."""
