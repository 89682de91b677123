"""Shut one Guest in: its own processes, files and limits, apart from the Zygote and from other Guests.

Python 3.11 has no unshare, setns, mount or prctl, so they are called through libc. The rules are those of
namespaces(7), capabilities(7), setrlimit(2) and Landlock.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from autograder.sandbox.guest import syscalls

_libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWPID = 0x00020000, 0x08000000, 0x20000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND = 1, 2, 4, 8, 32, 4096
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 24, 38, 47, 4
PR_SET_CHILD_SUBREAPER = 36
LAST_CAPABILITY = 40

GUEST = 1000
"""Who a Guest is in its user namespace, as in ``sandbox/root.py``."""

MEMORY = 3 * 2**30
"""Bytes of data a Guest may map (RLIMIT_DATA): torch then raises a clean error. A healthy run needs under 1 GiB."""
DISK = 64 * 2**20
"""Bytes a Guest may write."""
FILES = 4096
"""Files a Guest may create."""
PROCESSES = 301
"""Processes and threads that a Guest may have at once."""
FIRST_REUSED = 300
"""Where all numbers of a PID namespace have been used once, the kernel goes on with this one (RESERVED_PIDS)."""
OPEN_FILES = 256
"""Files that a process of a Guest may have open."""
CPU_SECONDS = 600
"""CPU time of one process of a Guest, whatever else fails. Cells and calls have their own, lower limits."""


def _check(result: int, what: str) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


@dataclass
class Namespaces:
    """Inside bubblewrap: a Guest is process 1 of its own PID namespace, with its own
    files, and without capabilities.

    The Zygote holds CAP_SYS_ADMIN in bubblewrap's user namespace, so it can make namespaces; a Guest drops it.
    When the Guest ends, the kernel ends every process in its namespace.
    """

    own: int

    @classmethod
    def prepare(cls) -> Namespaces:
        """Call once in the Zygote."""
        return cls(os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC))

    def fork(self) -> int:
        """Fork a child that is process 1 of a new PID namespace."""
        _check(_libc.unshare(CLONE_NEWPID), "new PID namespace")
        try:
            return os.fork()
        finally:
            if os.getpid() != 1:
                _check(_libc.setns(self.own, CLONE_NEWPID), "return to the own PID namespace")

    def enter(self) -> str:
        """Call in the Guest before any student code; returns its private, writable directory."""
        _check(_libc.unshare(CLONE_NEWNS | CLONE_NEWIPC), "new mount namespace")
        _check(_libc.mount(b"proc", b"/proc", b"proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, None), "mount /proc")
        with contextlib.suppress(OSError), open("/proc/sys/kernel/pid_max", "w") as file:
            file.write(str(FIRST_REUSED + PROCESSES))  # per namespace since Linux 6.14; RLIMIT_NPROC serves before
        # a Guest must not leave the place where the kernel looks first for memory, nor change a machine of root's
        _make_read_only(b"/proc")
        size = f"size={DISK},nr_inodes={FILES},mode=0700,uid={GUEST},gid={GUEST}".encode()
        _check(_libc.mount(b"tmpfs", b"/box", b"tmpfs", MS_NOSUID | MS_NODEV, size), "mount /box")
        _check(_libc.mount(b"tmpfs", b"/dev/shm", b"tmpfs", MS_NOSUID | MS_NODEV, size), "mount /dev/shm")
        limit(resource.RLIMIT_NPROC, PROCESSES)  # of this user namespace alone
        if os.getuid() != GUEST:
            become(GUEST)
        drop_capabilities()
        syscalls.forbid(alone=True)
        return "/box"

    def end(self, guest: int) -> None:
        """Call in the Zygote to kill a Guest; the kernel kills the rest of its namespace."""
        os.kill(guest, signal.SIGKILL)

    def end_others(self) -> None:
        """Call in the Guest to kill every other process in it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)


@dataclass
class Landlocked:
    """Inside sandlock: a Guest confines itself further, to one directory of its own, out of reach of the Zygote.

    What a Guest leaves behind becomes the Zygote's, so that the trusted side finds all of it among its descendants.
    """

    scratch: str
    readable: list[str]
    user: int | None
    """Who a Guest becomes where the grader is root, if it can be another."""

    @classmethod
    def prepare(cls, scratch: str, readable: list[str], user: int | None) -> Landlocked:
        """Call once in the Zygote."""
        _check(_libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "become the parent of orphans")
        return cls(scratch, readable, user)

    def fork(self) -> int:
        """Fork a child."""
        return os.fork()

    def enter(self) -> str:
        """Call in the Guest before any student code; returns its private, writable directory."""
        import sandlock

        directory = os.path.join(self.scratch, str(os.getpid()))
        os.mkdir(directory, 0o700)
        sandlock.confine(sandlock.Sandbox(fs_readable=self.readable, fs_writable=[directory, "/dev/null"]))
        if self.user is not None:
            os.chown(directory, self.user, self.user)
            become(self.user)
        drop_capabilities()
        syscalls.forbid(alone=False)
        return directory

    def end(self, guest: int) -> None:
        """Call in the Zygote: Landlock lets this signal reach nothing but the Zygote's own descendants."""
        os.kill(-1, signal.SIGKILL)

    def end_others(self) -> None:
        """Call in the Guest: Landlock lets this signal reach nothing but the Guest's own descendants."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)


@dataclass
class Unconfined:
    """No confinement at all, for an instructor who has passed ``--unsafe``."""

    scratch: str

    def fork(self) -> int:
        """Fork a child."""
        return os.fork()

    def enter(self) -> str:
        """Call in the Guest; returns its directory."""
        directory = os.path.join(self.scratch, str(os.getpid()))
        os.mkdir(directory, 0o700)
        return directory

    def end(self, guest: int) -> None:
        """Call in the Zygote to kill a Guest and what is still in its process group."""
        os.killpg(guest, signal.SIGKILL)

    def end_others(self) -> None:
        """Nothing tells the Guest's processes from others here."""


def _make_read_only(place: bytes) -> None:
    flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC
    _check(_libc.mount(b"none", place, None, flags, None), "make a file system read-only")


Isolation = Namespaces | Landlocked | Unconfined


def become(user: int) -> None:
    """Be another user from now on, who may still look at its own processes in /proc."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    _check(_libc.prctl(syscalls.PR_SET_DUMPABLE, 1, 0, 0, 0), "stay dumpable")


def drop_capabilities() -> None:
    """Give up every capability for good."""
    _check(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    _libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    for capability in range(LAST_CAPABILITY + 1):
        _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails where it was never held
    version_3, this_process = 0x20080522, 0
    _check(_libc.capset(struct.pack("<Ii", version_3, this_process), bytes(24)), "drop capabilities")


def set_limits() -> None:
    """Set the limits of a Guest, which its forks inherit."""
    for what, most in (
        (resource.RLIMIT_DATA, MEMORY),
        (resource.RLIMIT_FSIZE, DISK),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        limit(what, most)


def limit(what: int, most: int) -> None:
    """Set one resource limit, for good."""
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(what, (most, most))


def be_killed_first() -> None:
    """Where the machine's memory runs out, let the kernel end the sandbox and not the grader."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def use_huge_pages() -> Iterator[None]:
    """Move this process's memory into huge pages, one by one: each later fork is then up to three times faster.

    A fork copies one page-table entry for each page; torch alone fills 100,000 small pages. Does nothing where the
    kernel has no MADV_COLLAPSE (before Linux 6.1) or hides /proc. A page takes less than a millisecond, but up to 30
    where a virtual machine must first get the memory from its host.
    """
    madv_collapse, huge = 25, 2 * 2**20
    try:
        with open("/proc/self/maps") as maps:
            lines = maps.readlines()
    except OSError:
        return
    for line in lines:
        bounds, permissions, _, _, inode = line.split()[:5]
        if inode != "0" or "w" not in permissions:
            continue
        start, end = (int(bound, 16) for bound in bounds.split("-"))
        for page in range(-(-start // huge) * huge, end // huge * huge, huge):
            _libc.madvise(ctypes.c_void_p(page), ctypes.c_size_t(huge), madv_collapse)
            yield
