"""Lines of the shell in a notebook: without a terminal, which IPython would ask for and the sandbox has none of."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable

SECONDS = 20
"""By the clock, that a line may take."""
MOST = 100_000
"""Bytes that are shown of what a line prints."""
SCRIPTS = {"script", "bash", "sh", "perl", "python", "python2", "python3", "pypy", "ruby"}
"""The cell magics that run a script with ``%%script``."""


def run(command: str, show: Callable[[str], object]) -> int:
    """Run a line to its end, without input, and show what it prints; its exit code, or minus a signal.

    What it starts in the background goes on, and so prints to a file: a pipe would be waited for.
    """
    with tempfile.TemporaryFile() as printed:
        note = ""
        try:
            process = subprocess.Popen(
                command,
                shell=True,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:  # there are too many processes, for example
            show(f"{error}\n")
            return 1
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            note = f"[stopped after {SECONDS} seconds]\n"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        printed.seek(0)
        if text := printed.read(MOST).decode(errors="replace") + note:
            show(text)
        return process.wait()
