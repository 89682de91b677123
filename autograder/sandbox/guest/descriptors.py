"""The numbers of open files: a Guest is a fork of the Zygote, whose objects live on in it and own some.

An object that owns a number closes it when it is collected, whatever has that number by then. So each number that a
Guest inherits stays taken until its owner lets go of it, by nothing but /dev/null; and the channels to the trusted side
have numbers of their own, out of the way of those that files get.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource

from matplotlib import font_manager
from matplotlib.mathtext import MathTextParser

from autograder.sandbox.guest.isolation import OPEN_FILES

CHANNELS = OPEN_FILES - 16
"""The numbers from here on are for channels: files get the lowest that are free."""


def close_fonts() -> None:
    """Call in the Zygote: matplotlib keeps its fonts open and reads as it draws, so each Guest opens its own.

    Who shares an open file shares the place at which it is read. A matplotlib without these caches needs nothing.
    """
    for owner, cache in ((font_manager, "_get_font"), (MathTextParser, "_parse_cached")):
        with contextlib.suppress(AttributeError):
            getattr(owner, cache).cache_clear()


def let_go_of_inherited(channel: int) -> int:
    """Call in a new Guest: put /dev/null in the place of all that is open, except for the channel and the log.

    Returns the channel's new number.
    """
    channel = as_channel(channel)
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3, CHANNELS):
        if number != null and _is_open(number):
            os.dup2(null, number, inheritable=False)
    os.close(null)
    os.closerange(CHANNELS, channel)
    os.closerange(channel + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    return channel


def let_go_of_log() -> None:
    """Call in a Guest that is shut in: what it prints outside of Python goes nowhere."""
    for number in (1, 2):
        os.dup2(0, number)


def as_channel(number: int) -> int:
    """Move an open file to a number that is kept for channels, which a program started from here does not inherit."""
    channel = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, CHANNELS)
    os.close(number)
    return channel


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
