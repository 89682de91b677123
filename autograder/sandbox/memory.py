"""What a Guest holds in sum, seen from outside, and its end when that is too much.

A limit of the kernel's (RLIMIT_DATA) bounds one process, and of it only what it has mapped for itself alone and can
write. So all processes of a Guest are added up here, with what the kernel keeps for them and no process shows: page
tables, areas of memory, locks, and what waits in sockets and pipes. What cannot be seen from outside must be refused
inside (memfd, shared memory without a file, larger pipes, tables of futexes); its files lie in file systems of a fixed
size.

The rules are those of proc(5), socket(7) and pipe(7). Linux only.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence

FASTEST = 16 * 2**30
"""Bytes that a Guest may fill in a second, with all cores: the next look comes before it can fill what is left."""

AREA = 400
"""Bytes that the kernel takes for one area of memory, measured; a process may have ``vm.max_map_count`` of them."""
LINK = 64
"""Bytes that an area takes besides for each process of a line of forks that lives, measured: an anon_vma_chain."""
LOCK = 256
"""Bytes that a lock on a part of a file takes, measured 214; there may be any number of them."""
SUSPICIOUS = 128 * 2**20
"""Bytes by which the kernel's own memory grows before locks are counted: to read their list stops all who lock."""
PIPE = 8 * 2**10
"""Bytes that a pipe holds where a user has many (pipe-user-pages-soft): two pages. The first 64 MiB of all are more."""
_MAPPED = (b"RssAnon", b"RssShmem", b"VmSwap")
_SHARE = (b"Pss_Anon", b"Pss_Shmem", b"SwapPss")
"""The same, where each of n processes that share a page has an nth of it."""
_OWN = (b"VmPTE", b"HugetlbPages")
_FILES = re.compile(rb"^FDSize:\s*(\d+)", re.M)


class Watch:
    """Looks at all that comes from the Zygote, from now until ``stop``, and ends it above ``most`` bytes."""

    def __init__(self, zygote: int, most: int) -> None:
        """Begin. ``zygote`` is its process id as this process sees it."""
        self.most = most
        self.has_ended = False
        """Whether the Guest was ended, or is about to be."""
        self._zygote = zygote
        self._kernel = kernel_memory()
        self._stopped = threading.Event()
        self._ending = threading.Lock()
        threading.Thread(target=self._look, name="memory of a Guest", daemon=True).start()

    def stop(self) -> None:
        """Look no more, and end nothing any more."""
        with self._ending:
            self._stopped.set()

    def _look(self) -> None:
        pause = self.most / FASTEST
        while not self._stopped.wait(pause):
            started = time.monotonic()
            counts_locks = kernel_memory() > self._kernel + SUSPICIOUS
            left = self.most - held(self._zygote, self.most, counts_locks)
            # a process that starts another program shares its memory with it for a moment: so look twice
            if left < 0 and held(self._zygote, self.most, counts_locks) > self.most:
                with self._ending:
                    if not self._stopped.is_set():
                        self.has_ended = True
                        end_descendants(self._zygote)
                return
            pause = max(left / FASTEST, 2 * (time.monotonic() - started))


def held(zygote: int, enough: int, counts_locks: bool = True) -> int:
    """Bytes that all processes which come from the Zygote hold together, without the Zygote itself.

    An upper bound, as long as that is well below ``enough``: what processes share is counted for each of them, which
    is quick. Otherwise one process after the other is asked for its share, as far as this user may, until the bound is
    low enough, or the shares alone are more than ``enough``, and then the answer is those.
    """
    processes = descendants(zygote)
    least = _sockets(zygote, processes) * _socket_bytes()
    least += _locks(processes) * LOCK if counts_locks else 0
    area = AREA + LINK * len(processes)
    areas = area * _number("/proc/sys/vm/max_map_count")
    bounds = {process: _bound(process) + areas for process in processes}
    most = least + sum(bounds.values())
    for process, bound in bounds.items():
        if most <= enough * 3 // 4:
            break
        share = _share(process, area)
        least += share
        most += share - bound
        if least > enough:
            return least
    return most


def descendants(process: int) -> list[int]:
    """All processes that come from this one and live, each after its parent."""
    found = [process]
    for parent in found:
        found += _children(parent)
    return found[1:]


def end_descendants(zygote: int) -> None:
    """Kill all processes that come from the Zygote, and for at most a second what they leave behind.

    Never kills another process that has got the number of one that is gone.
    """
    deadline, handles = time.monotonic() + 1, dict[int, int]()
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        ancestor = stack.enter_context(_handle(zygote))
        while time.monotonic() < deadline:
            ended = all(map(_has_ended, handles.values()))
            new = set(descendants(zygote)) - handles.keys()
            if ended and not new:
                return
            for process in new:
                with contextlib.suppress(ProcessLookupError):
                    handles[process] = stack.enter_context(_handle(process))
            for process in new.intersection(handles, descendants(zygote)):
                with contextlib.suppress(ProcessLookupError):
                    if not _has_ended(ancestor):
                        signal.pidfd_send_signal(handles[process], signal.SIGKILL)
            time.sleep(0.002)


@contextlib.contextmanager
def _handle(process: int) -> Iterator[int]:
    """A descriptor of a process, which stays this one's when another gets its number."""
    handle = os.pidfd_open(process)
    try:
        yield handle
    finally:
        os.close(handle)


def _has_ended(handle: int) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(0))


def _tasks(process: int) -> list[str]:
    """The folders of a process's threads. The first may have ended before others: it then shows nothing any more."""
    folder = f"/proc/{process}/task"
    with contextlib.suppress(OSError):
        return [f"{folder}/{task}" for task in os.listdir(folder)]
    return []


def _children(process: int) -> list[int]:
    return [int(child) for task in _tasks(process) for child in _read(f"{task}/children").split()]


def _of(process: int, file: str, line: bytes = b"") -> bytes:
    """A file of a process, from the first of its threads that has it, with this line in it."""
    for task in _tasks(process):
        content = _read(f"{task}/{file}")
        if content and re.search(b"^" + line, content, re.M):
            return content
    return b""


def _bound(process: int) -> int:
    """What a process maps, shared or not, with its page tables and the most that lies in its pipes."""
    status = _of(process, "status", b"VmRSS:")
    return _bytes(status, _MAPPED + _OWN) + PIPE * sum(map(int, _FILES.findall(status)))


def _share(process: int, area: int) -> int:
    """The same, with its share of what it maps, and with its areas of so many bytes each."""
    status, shares = _of(process, "status", b"VmRSS:"), _of(process, "smaps_rollup")
    if status and not shares:  # it hides itself: this user may not read the program that it runs
        return _bound(process) + area * _number("/proc/sys/vm/max_map_count")
    shared = _bytes(status, _MAPPED) - _bytes(shares, _SHARE)
    return _bound(process) - max(0, shared) + area * _of(process, "maps").count(b"\n")


def kernel_memory() -> int:
    """Bytes that the kernel of this machine holds in small pieces, which it can't give up."""
    return _bytes(_read("/proc/meminfo"), [b"SUnreclaim"])


def _locks(processes: Sequence[int]) -> int:
    """How many locks on parts of files they hold."""
    of_whom = re.findall(rb"^\d+: +POSIX +\S+ +\S+ +(\d+) ", _read("/proc/locks"), re.M)
    return sum(count for process, count in Counter(of_whom).items() if int(process) in processes)


def _sockets(zygote: int, processes: Sequence[int]) -> int:
    """How many sockets there are: all of its network namespace, or else those that its processes have open.

    The first counts those, too, that wait in another socket and are open in no process.
    """
    with contextlib.suppress(OSError):
        if os.readlink(f"/proc/{zygote}/ns/net") != os.readlink("/proc/self/ns/net"):
            return sum(map(int, re.findall(rb"^sockets: used (\d+)", _read(f"/proc/{zygote}/net/sockstat"), re.M)))
    found, hidden = set(), 0
    for task in (task for process in processes for task in _tasks(process)):
        try:
            for file in os.listdir(f"{task}/fd"):
                with contextlib.suppress(OSError):
                    found.add(os.readlink(f"{task}/fd/{file}"))
        except PermissionError:  # as in _share
            hidden += sum(map(int, _FILES.findall(_read(f"{task}/status"))))
        except OSError:
            pass
    return sum(name.startswith("socket:") for name in found) + hidden


def _socket_bytes() -> int:
    """The most that a socket holds unread: its buffer, which it may enlarge up to twice the limit of this machine, and
    the last message, which may pass that by a fourth (measured)."""
    most = max(_number("/proc/sys/net/core/wmem_default"), 2 * _number("/proc/sys/net/core/wmem_max"))
    return most * 5 // 4


def _bytes(content: bytes, names: Sequence[bytes]) -> int:
    """The sum of these lines of a file of /proc, in bytes."""
    return 1024 * sum(int(size) for name, size in re.findall(rb"^(\w+):\s*(\d+) kB$", content, re.M) if name in names)


def _number(path: str) -> int:
    return int(_read(path) or 0)


def _read(path: str) -> bytes:
    """A file of /proc; nothing where its process has ended, or is not this user's to look into. Its bytes: a process
    chooses its own name."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read()
    return b""
