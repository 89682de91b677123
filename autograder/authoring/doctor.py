"""``autograder doctor``: which sandbox is active here, what it protects, and whether it really does."""

from __future__ import annotations

import contextlib
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from nbgrader.exchange.default import Exchange
from rich.console import Console
from rich.text import Text

from autograder.course import Course
from autograder.sandbox import confinement, wire
from autograder.sandbox.loaded import Limits, load
from autograder.sandbox.process import Sandbox, SandboxError

_PROBE = """
import ctypes, fcntl, mmap, os, pathlib, socket

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

def table_of_futexes():  # PR_FUTEX_HASH, with PR_FUTEX_HASH_SET_SLOTS
    if ctypes.CDLL(None).prctl(78, 1, 16, 0, 0):
        raise OSError

tries = {
    "network": lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),
    "reading the graders": lambda: os.listdir({graders!r}),
    "reading /etc/passwd": lambda: open("/etc/passwd"),
    "reading nbgrader's exchange": lambda: open({canary!r}),
    "reading your home": lambda: open({home!r}),
    "writing to installed packages": lambda: open(os.path.join({packages!r}, "x"), "w"),
    "signals to other processes": other_processes,
    "a lease on a file": lambda: fcntl.fcntl(open("leased", "w"), fcntl.F_SETLEASE, fcntl.F_WRLCK),
    "a table of futexes": table_of_futexes,
    "changing a device node": lambda: os.chmod("/dev/full", 0o666),
    "memory that is shared and nameless": lambda: mmap.mmap(-1, 4096),
    "a memfd": lambda: os.memfd_create("x"),
    "a file in its own folder": lambda: pathlib.Path("x").write_text("x"),
}
for what, action in tries.items():
    print(what, attempt(action), sep="|")
"""

_HOARD = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        held = b"x" * (120 * 2**20)
        break
time.sleep(20)
"""

_POSSIBLE = "a file in its own folder"
_REFUSED = (
    *("network", "reading the graders", "reading /etc/passwd", "reading nbgrader's exchange", "reading your home"),
    *("writing to installed packages", "signals to other processes", "a lease on a file"),
    *("a table of futexes", "changing a device node", "memory that is shared and nameless", "a memfd"),
)
_MEMORY = "holding more memory than allowed, in many processes"
_WANTED = {**dict.fromkeys((*_REFUSED, _MEMORY), "refused"), _POSSIBLE: "possible"}


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

    with _canary(_exchange()) as canary, _canary(Path.home()) as home:
        probe = _PROBE.replace("{graders!r}", repr(str(Path(__file__).parent.parent / "lessons")))
        probe = probe.replace("{packages!r}", repr(str(Path(torch.__file__).parent.parent)))
        probe = probe.replace("{canary!r}", repr(str(canary))).replace("{home!r}", repr(str(home)))
        with load(sandbox, [wire.Cell(probe, "probe")], {}) as guest:
            lines = [line for output in guest.outputs[0] for line in getattr(output, "text", "").splitlines()]
    found = {what: result for what, _, result in (line.partition("|") for line in lines)}
    with load(sandbox, [wire.Cell(_HOARD, "memory")], {}, Limits(memory=768 * 2**20)) as guest:
        stopped = bool(guest.outputs) and "of memory" in str(guest.faults.get(0, ""))
    found[_MEMORY] = "refused" if stopped else "possible"
    for what, wanted in _WANTED.items():
        result = found.get(what, "not tried")
        mark, note = ("✓", "") if result == wanted else ("✗", f", and must be {wanted}")
        console.print(Text(f"    {mark} {what}: {result}{note}"))
    return all(found.get(what) == wanted for what, wanted in _WANTED.items())


def _exchange() -> Path:
    course = Course.find()
    configured = [path for path in course.private if path != str(course.root)]
    return Path(*configured or [Exchange().root])


@contextlib.contextmanager
def _canary(folder: Path) -> Iterator[Path]:
    """A file in a folder, for as long as it is tried; the folder itself where we may not write there."""
    try:
        with tempfile.NamedTemporaryFile(prefix=".autograder-canary-", dir=folder) as file:
            os.chmod(file.name, 0o644)
            yield Path(file.name)
    except (FileNotFoundError, PermissionError, NotADirectoryError):
        yield folder
