"""Measures the code that runs inside the sandbox: a pytest plugin, which only ``python -m tests.coverage_run`` loads.

What is inside can't save what coverage has found: the Zygote kills Guests, they and their forks end with ``os._exit``,
and under sandlock they can't write where anybody would look. So the Zygote maps a file into its memory before anything
else, every process that comes of it shares this memory, and coverage's own tracer sets a byte there for each arc that
is taken: what was set stays, however the process ends.

The sandbox is changed for that (it sees one more file), and code in it is slower. The product knows nothing of this.
"""

from __future__ import annotations

import inspect
import json
import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from autograder.sandbox import confinement, shown
from tests.conftest import ROOT

PLACE = ROOT / "build" / "coverage" / "inside.arcs"
LINES = 1024
"""No file that is measured may have more. An arc leads from a line to another; entries and exits are negative."""


def measured() -> list[str]:
    """What is measured inside, relative to the package."""
    return [str(path) for path in shown.shown_files() if path.parts[0] == "sandbox"]


def watch(place: str, names: list[str], lines: int) -> None:
    """Record the arcs taken in these files from now on, in this process and its forks. It is run inside by its text."""
    import mmap
    import sys
    from types import SimpleNamespace

    from coverage.pytracer import PyTracer

    with open(place, "r+b") as file:
        shared = mmap.mmap(file.fileno(), 0)

    class Arcs:
        """Stands for the set to which the tracer adds the arcs of a file."""

        def __init__(self, number: int) -> None:
            self._start = number * (2 * lines) ** 2

        def add(self, arc: tuple[int, int]) -> None:
            shared[self._start + (arc[0] + lines) * 2 * lines + arc[1] + lines] = 1

    tracer = PyTracer()
    tracer.data = {name: Arcs(number) for number, name in enumerate(names)}
    tracer.trace_arcs = True
    tracer.should_trace_cache = {name: SimpleNamespace(trace=True, source_filename=name) for name in names}
    tracer.lock_data = tracer.unlock_data = lambda: None
    trace, ours = tracer.start(), frozenset(names)
    # all other code is left alone: it is slow enough
    sys.settrace(lambda frame, event, arg: trace(frame, event, arg) if frame.f_code.co_filename in ours else None)


def prepare(place: Path, files: int) -> None:
    """Lay down an empty record of so many files."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("wb") as file:
        file.truncate(files * (2 * LINES) ** 2)


def arcs(place: Path, names: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
    """What was recorded, by file."""
    found: dict[str, list[tuple[int, int]]] = {name: [] for name in names}
    with place.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as shared:
        at = shared.find(b"\1")
        while at >= 0:
            number, arc = divmod(at, (2 * LINES) ** 2)
            origin, target = divmod(arc, 2 * LINES)
            found[names[number]].append((origin - LINES, target - LINES))
            at = shared.find(b"\1", at + 1)
    return found


def pytest_configure(config: pytest.Config) -> None:
    """From now on, whatever this process runs in a sandbox is watched."""
    make, source = confinement.command, inspect.getsource(watch)

    def command(backend: confinement.Backend, scratch: str, code: str, *others: Any) -> list[str]:
        is_own = backend is confinement.BUBBLEWRAP
        place, sources = ("/coverage", "/autograder") if is_own else (str(PLACE), f"{scratch}/code")
        names = [f"{sources}/autograder/{name}" for name in measured()]
        watched = f"{source}\nwatch({place!r}, {names!r}, {LINES})\ndel watch\n{code}"
        words = make(backend, scratch, watched, *others)
        if backend is confinement.BUBBLEWRAP:
            at = words.index("--chdir")
            words[at:at] = ["--bind", str(PLACE), place]
        elif backend is confinement.SANDLOCK:
            policy, python = json.loads(words[-1])
            words[-1] = json.dumps([{**policy, "fs_writable": [*policy["fs_writable"], place]}, python])
        return words

    confinement.command = command
