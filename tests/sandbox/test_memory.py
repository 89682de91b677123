"""What a Guest holds in sum: every way to hold much is seen from outside, and ends nobody else."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autograder.sandbox import confinement, memory, wire
from autograder.sandbox.loaded import Limits, StudentFault, load

MIB = 2**20
MOST = 150 * MIB
"""In the tests without a Guest: a bare Python, with the most that its areas may take, is bounded by 40 MiB."""

ROOT = """
import ctypes, os, signal, sys, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER, as in the Zygote under sandlock
zygote = os.getpid()
if os.fork() == 0:
    exec(sys.argv[1])
    print("holds", flush=True)
    time.sleep(60)
    os._exit(0)
time.sleep(60)
"""

MAP = """
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
READ, WRITE, SHARED, PRIVATE, ANONYMOUS, NORESERVE = 1, 2, 1, 2, 0x20, 0x4000
def held(action):
    here, there = os.pipe()
    if os.fork() == 0:
        action()
        os.write(there, b"x")
        time.sleep(60)
        os._exit(0)
    os.read(here, 1)
"""

HOLDS = {
    "one process": "hoard = b'x' * (200 * 2**20)",
    "many processes, each with little": MAP
    + """
def fill():
    global hoard
    hoard = b"x" * (25 * 2**20)
for _ in range(8):
    held(fill)
""",
    "copies of what was shared": MAP
    + """
hoard = bytearray(50 * 2**20)
def copy():
    for place in range(0, len(hoard), 4096):
        hoard[place] = 1
for _ in range(4):
    held(copy)
""",
    "memory that was made read-only, which RLIMIT_DATA does not count": MAP
    + """
size = 200 * 2**20
place = libc.mmap(None, size, READ | WRITE, PRIVATE | ANONYMOUS, -1, 0)
ctypes.memset(place, 1, size)
libc.mprotect(place, size, READ)
""",
    "orphans that have left their session": MAP
    + """
def leave():
    os.setsid()
    if os.fork():
        os._exit(0)
    hoard = b"x" * (25 * 2**20)
    open(there, "wb").write(hoard[:1])
    time.sleep(60)
for _ in range(8):
    here, there = os.pipe()
    if os.fork() == 0:
        leave()
    os.read(here, 1)
""",
    "a process whose first thread has ended, under a name that looks like a line of /proc": """
import threading
open("/proc/self/comm", "wb").write(b"\\xff\\rVmRSS:\\t")
ready = threading.Event()
def hold():
    hoard = b"x" * (200 * 2**20)
    print("holds", flush=True)
    time.sleep(60)
threading.Thread(target=hold).start()
ctypes.CDLL(None).pthread_exit(None)
""",
    "page tables of empty memory": MAP
    + """
count = 50_000
place = libc.mmap(None, count * 2**21, READ, PRIVATE | ANONYMOUS | NORESERVE, -1, 0)
assert place != 2**64 - 1
for number in range(count):
    ctypes.c_char.from_address(place + number * 2**21).value
""",
    "buffers of sockets": MAP
    + """
import resource, socket
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
sockets = []
def fill():
    sockets.clear()
    try:
        while True:
            sockets.extend(socket.socketpair())
    except OSError:
        pass
for _ in range(4):
    held(fill)
""",
    "areas of memory": MAP
    + """
count = 60_000
place = libc.mmap(None, count * 4096, READ | WRITE, PRIVATE | ANONYMOUS, -1, 0)
for number in range(0, count, 2):
    libc.mprotect(place + number * 4096, 4096, READ)
for _ in range(6):
    held(lambda: None)
""",
    "areas in a line of forks, each of which keeps a link to all before it": MAP
    + """
count = 3_000
place = libc.mmap(None, count * 4096, READ | WRITE, PRIVATE | ANONYMOUS, -1, 0)
ctypes.memset(place, 1, count * 4096)
for number in range(0, count, 2):
    libc.mprotect(place + number * 4096, 4096, READ)
here, there = os.pipe()
for _ in range(40):
    if os.fork():
        break
else:
    os.write(there, b"x")
if os.getppid() != zygote:
    time.sleep(60)
os.read(here, 1)
""",
    "shared memory that its process has mapped": MAP
    + """
size = 200 * 2**20
place = libc.mmap(None, size, READ | WRITE, SHARED | ANONYMOUS, -1, 0)
ctypes.memset(place, 1, size)
""",
}
SLOW = {"areas of memory"}

FITS = {
    "much that is shared, in many processes": MAP
    + """
hoard = b"x" * (60 * 2**20)
for _ in range(3):
    held(lambda: None)
""",
    "much that was given back": "hoard = b'x' * (120 * 2**20); del hoard",
    "much that is only reserved": MAP + "libc.mmap(None, 2**33, READ, PRIVATE | ANONYMOUS | NORESERVE, -1, 0)",
    "programs that are started one after another": """
import subprocess
hoard = b"x" * (60 * 2**20)
for _ in range(20):
    subprocess.run(["/bin/true"])
""",
}


@contextlib.contextmanager
def started(code):
    """A process like the Zygote, whose only child runs this code and then waits."""
    with subprocess.Popen([sys.executable, "-c", ROOT, code], stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            for each in [process.pid, *memory.descendants(process.pid)]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)


def expect(what, seconds=10):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()[0] != b"Z"
    return False


@pytest.mark.parametrize(
    "code",
    [pytest.param(code, id=what, marks=pytest.mark.slow if what in SLOW else []) for what, code in HOLDS.items()],
)
def test_what_holds_too_much_is_ended_with_all_it_has_started(code):
    with started(code) as process:
        watch = memory.Watch(process.pid, MOST)
        expect(lambda: watch.has_ended)
        expect(lambda: not any(map(is_running, memory.descendants(process.pid))))
        assert process.poll() is None, "the Zygote was ended as well"
        watch.stop()


@pytest.mark.parametrize("code", FITS.values(), ids=FITS)
def test_what_is_shared_or_free_is_not_counted(code):
    with started(code) as process:
        watch = memory.Watch(process.pid, MOST)
        assert process.stdout.readline() == b"holds\n"
        time.sleep(0.1)
        assert not watch.has_ended
        watch.stop()


LOCKS = """
import fcntl, tempfile
files = [tempfile.TemporaryFile() for _ in range(20)]
for file in files:
    for place in range(0, 400, 2):
        fcntl.lockf(file, fcntl.LOCK_EX, 1, place)
fcntl.flock(files[0], fcntl.LOCK_EX)
"""


def test_locks_are_counted_once_the_kernel_holds_more(monkeypatch):
    """Without limit in number, and in no other figure of a process's."""
    with started(LOCKS) as process:
        assert process.stdout.readline() == b"holds\n"
        without = memory.held(process.pid, MOST, counts_locks=False)
        assert memory.held(process.pid, MOST) - without == 20 * 200 * memory.LOCK
        monkeypatch.setattr(memory, "LOCK", MOST // 2_000)
        watch = memory.Watch(process.pid, MOST)
        time.sleep(0.1)
        assert not watch.has_ended
        watch.stop()
        monkeypatch.setattr(memory, "SUSPICIOUS", -memory.SUSPICIOUS)
        watch = memory.Watch(process.pid, MOST)
        expect(lambda: watch.has_ended)
        watch.stop()


def test_a_process_that_hides_itself_counts_for_all_that_it_may_hold(monkeypatch):
    """As one that runs a program which this user may start and not read: its files and areas are then not told."""
    with started("import socket; pair = socket.socketpair()") as process:
        assert process.stdout.readline() == b"holds\n"
        (child,) = memory.descendants(process.pid)
        files, areas = 64, int(Path("/proc/sys/vm/max_map_count").read_text())
        assert f"FDSize:\t{files}\n" in Path(f"/proc/{child}/status").read_text()
        seen = memory.held(process.pid, 1)
        listdir, read = os.listdir, memory._read

        def refuse(path):
            if str(path).endswith("/fd"):
                raise PermissionError
            return listdir(path)

        monkeypatch.setattr(os, "listdir", refuse)
        monkeypatch.setattr(
            memory, "_read", lambda path: b"" if path.endswith(("smaps_rollup", "maps")) else read(path)
        )
        assert memory.held(process.pid, 1) > seen + (files - 2) * memory._socket_bytes()
        monkeypatch.setattr(memory, "_socket_bytes", lambda: 0)
        assert memory.held(process.pid, 2**40) == memory._bound(child) + areas * (memory.AREA + memory.LINK)
        assert memory._share(child, memory.AREA) == memory._bound(child) + areas * memory.AREA


def test_after_it_has_stopped_nothing_is_ended():
    with started("time.sleep(0.3); hoard = b'x' * (200 * 2**20)") as process:
        memory.Watch(process.pid, MOST).stop()
        assert process.stdout.readline() == b"holds\n"
        time.sleep(0.1)
        assert all(map(is_running, memory.descendants(process.pid)))
        assert memory.held(process.pid, MOST) > MOST


def test_nothing_is_ended_whose_zygote_has_gone():
    with started("pass") as process:
        assert process.stdout.readline() == b"holds\n"
        (child,) = memory.descendants(process.pid)
        process.kill()
        process.wait()
        memory.end_descendants(process.pid)
        assert memory.descendants(process.pid) == [] and memory.held(process.pid, MOST) < MOST
        assert is_running(child)
        os.kill(child, signal.SIGKILL)


# --- in a Guest ---------------------------------------------------------------------------------------------------

BACKENDS = [confinement.BUBBLEWRAP, pytest.param(confinement.SANDLOCK, marks=pytest.mark.slow)]
LIMITS = Limits(memory=768 * MIB)
SENTENCE = "{} was stopped, because all processes of the notebook together held more than 0.75 GiB of memory."

TOGETHER = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            hoard = b"x" * (120 * 2**20)
            time.sleep(60)
        os._exit(0)
time.sleep(60)
"""
FUNCTIONS = """
def hold():
    exec(hoard)
def fine():
    return 1
"""


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name)
def sandbox(request, sandboxes):
    return sandboxes(request.param)


def test_a_cell_whose_processes_hold_too_much_together_is_left_out(sandbox):
    cells = [wire.Cell(source, "cell") for source in (TOGETHER, "print('next')")]
    with load(sandbox, cells, {}, LIMITS) as guest:
        assert guest.outputs[1] == [wire.Stream("stdout", "next\n")]
        assert {index: str(fault) for index, fault in guest.faults.items()} == {0: SENTENCE.format("It")}
    assert sandbox.alive


def test_a_call_that_holds_too_much_costs_only_itself(sandbox):
    cells = [wire.Cell(f"hoard = {TOGETHER!r}\n{FUNCTIONS}", "cell")]
    arguments = pickle.dumps(((), {}))
    with load(sandbox, cells, {}, LIMITS) as guest:
        with contextlib.closing(guest.fork()) as fork, pytest.raises(StudentFault) as caught:
            fork.call("hold", arguments)
        assert str(caught.value) == SENTENCE.format("hold")
        with contextlib.closing(guest.fork()) as fork:
            assert fork.call("fine", arguments) == wire.Returned(1)
    with load(sandbox, [wire.Cell("print('next')", "cell")], {}) as guest:
        assert (guest.outputs, guest.faults) == ([[wire.Stream("stdout", "next\n")]], {})


LOWER = """
import os
me = os.getpid()
for path in ("self/oom_score_adj", "self/oom_adj", "thread-self/oom_score_adj", f"{me}/task/{me}/oom_score_adj"):
    try:
        with open(f"/proc/{path}", "w") as file:
            file.write("0")
        print("lowered", path)
    except OSError:
        print("refused")
"""
IN_A_CHILD = f"""
import subprocess, sys
print(subprocess.run([sys.executable, "-c", {LOWER!r}], capture_output=True, text=True).stdout, end="")
"""


@pytest.mark.parametrize("code", [LOWER, IN_A_CHILD], ids=["itself", "a child"])
def test_a_guest_stays_where_the_kernel_takes_memory_first(sandbox, code):
    with load(sandbox, [wire.Cell(code, "cell")], {}) as guest:
        assert guest.outputs == [[wire.Stream("stdout", "refused\n" * 4)]]


LOADER = """
import torch, warnings
from torch.utils.data import DataLoader, TensorDataset
warnings.simplefilter("ignore")
numbers = TensorDataset(torch.arange(400))
print(sum(int(x.sum()) for (x,) in DataLoader(numbers, batch_size=20, num_workers=4)))
"""


def test_a_data_loader_with_four_workers_fits(sandboxes):
    with load(sandboxes(confinement.BUBBLEWRAP), [wire.Cell(LOADER, "cell")], {}) as guest:
        assert guest.outputs == [[wire.Stream("stdout", f"{sum(range(400))}\n")]]
