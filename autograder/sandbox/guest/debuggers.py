"""Debuggers, at which nobody sits: a ``breakpoint()`` or ``set_trace()`` that was left in the code is passed."""

from __future__ import annotations

import pdb
import sys

from IPython.core import debugger


def switch_off() -> None:
    """Call in the Zygote: from then on a breakpoint is passed, and a debugger that finds no more input lets go on."""
    sys.breakpointhook = _pass
    pdb.set_trace = debugger.set_trace = _pass
    for kind in (pdb.Pdb, debugger.Pdb):
        kind.set_trace = _pass  # type: ignore[method-assign]
        kind.do_EOF = kind.do_continue  # type: ignore[method-assign]


def _pass(*args: object, **kwargs: object) -> None:
    """Do nothing."""
