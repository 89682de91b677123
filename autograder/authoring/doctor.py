"""``autograder doctor``: which sandbox is active here, what it protects, and whether it really does."""

from __future__ import annotations

import platform
import time
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.text import Text

from autograder.sandbox import confinement, wire
from autograder.sandbox.loaded import load
from autograder.sandbox.process import Sandbox, SandboxError

_PROBE = """
import os, pathlib, socket

def attempt(action):
    try:
        action()
        return "possible"
    except OSError:
        return "refused"

def other_processes():
    seen = [p for p in range(1, 100_000) if p != os.getpid() and alive(p)]
    if seen:
        return
    raise OSError

def alive(pid):
    try:
        os.kill(pid, 0)
        return True
    except OSError:
        return False

print("network", attempt(lambda: socket.create_connection(("192.0.2.1", 80), timeout=1)), sep="|")
print("reading the graders", attempt(lambda: os.listdir({graders!r})), sep="|")
print("reading /etc/passwd", attempt(lambda: open("/etc/passwd")), sep="|")
print("writing to installed packages", attempt(lambda: open(os.path.join({packages!r}, "x"), "w")), sep="|")
print("signals to other processes", attempt(other_processes), sep="|")
print("a file in its own folder", attempt(lambda: pathlib.Path("x").write_text("x")), sep="|")
"""

_WANTED = {
    "network": "refused",
    "reading the graders": "refused",
    "reading /etc/passwd": "refused",
    "writing to installed packages": "refused",
    "signals to other processes": "refused",
    "a file in its own folder": "possible",
}


def examine(unsafe: bool = False) -> bool:
    """Print what works here; whether student code can be run."""
    console = Console(soft_wrap=True)
    console.print(f"Python {platform.python_version()}, torch {version('torch')}, nbgrader {version('nbgrader')}")
    for backend in (confinement.BUBBLEWRAP, confinement.SANDLOCK):
        problem = confinement.why_not(backend)
        if problem is None:
            console.print(Text(f"✓ {backend.name} works"))
        else:
            console.print(Text(f"✗ {backend.name} does not work: {problem}\n    To mend it: {backend.remedy}"))
    try:
        backend = confinement.choose(unsafe)
    except confinement.NoSandboxError:
        console.print("\nNo sandbox: nothing will be graded, unless you pass --unsafe (and trust every student).")
        return False
    console.print(Text(f"\nActive: {backend.name}"))
    console.print(Text(f"  protects: {backend.protects}"))
    console.print(Text(f"  does not protect: {backend.lacks}"))
    started = time.perf_counter()
    try:
        with Sandbox(backend) as sandbox:
            sandbox.warm_up()
            console.print(f"  warm after {time.perf_counter() - started:.1f} s; tried in a real Guest:")
            holds = _try_out(sandbox, console)
    except SandboxError as error:
        console.print(Text(f"\nThe sandbox does not start: {error}"))
        holds = False
    if not holds and backend is not confinement.UNSAFE:
        other = next(b for b in (confinement.BUBBLEWRAP, confinement.SANDLOCK) if b is not backend)
        console.print(
            Text(f"\nDon't grade like this. Try the other: AUTOGRADER_SANDBOX={other.name} autograder doctor")
        )
    return holds or backend is confinement.UNSAFE


def _try_out(sandbox: Sandbox, console: Console) -> bool:
    import torch

    probe = _PROBE.replace("{graders!r}", repr(str(Path(__file__).parent.parent / "lessons")))
    probe = probe.replace("{packages!r}", repr(str(Path(torch.__file__).parent.parent)))
    with load(sandbox, [wire.Cell(probe, "probe")], {}) as guest:
        lines = [line for output in guest.outputs[0] for line in getattr(output, "text", "").splitlines()]
    found = {what: result for what, _, result in (line.partition("|") for line in lines)}
    for what, wanted in _WANTED.items():
        result = found.get(what, "not tried")
        mark, note = ("✓", "") if result == wanted else ("✗", f", and must be {wanted}")
        console.print(Text(f"    {mark} {what}: {result}{note}"))
    return all(found.get(what) == wanted for what, wanted in _WANTED.items())
