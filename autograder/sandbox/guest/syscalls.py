"""System calls that a Guest may not make: a seccomp filter, for what neither namespaces nor Landlock keep out.

Landlock knows TCP but no other protocol that reaches the network, and does not ask who changes the mode or the times
of a file, or the limits and the priority of another process. A user namespace of its own would give a Guest new
privileges. And some calls act on what all Guests share: a lease on a file of the interpreter stops every other process
at that file; a user's instances of inotify, queued signals or requests of AIO are counted, so that one Guest could take
them all; a memfd is memory that no limit counts; a message queue outlives its maker. Of ``fcntl`` and ``prctl``, which
get new commands with each kernel, only those are left that a program needs.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import socket
import struct

_libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWUSER, CLONE_FILES, CLONE_THREAD = 0x10000000, 0x400, 0x10000
CLONE_SIGNAL = 0xFF
"""The part of the flags of ``clone`` that says which signal comes at the end."""
PR_SET_DUMPABLE, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 4, 22, 2
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
X32 = 0x40000000
"""Numbers from here on are calls of x86-64's other, forgotten interface."""
FIRST_QUEUED_SIGNAL = 34
"""Real-time signals wait in a queue that all processes of a user share; the two below it are the C library's own."""

# The numbers on x86-64 and on ARM64; None where the call does not exist.
_ANYWHERE = [
    *[(425, 425), (248, 217), (249, 218), (250, 219)],  # io_uring_setup, add_key, request_key, keyctl
    *[(272, 97), (308, 268), (251, 30)],  # unshare, setns, ioprio_set
    *[(319, 279), (447, 447), (323, 282)],  # memfd_create, memfd_secret, userfaultfd: memory that is not counted
    *[(253, None), (294, 26), (300, 262), (206, 0)],  # inotify_init, inotify_init1, fanotify_init, io_setup
    *[(240, 180), (68, 186), (64, 190), (29, 194)],  # mq_open, msgget, semget, shmget
    *[(222, 107), (129, 138), (297, 240), (424, 424)],  # timer_create, rt_(tg)sigqueueinfo, pidfd_send_signal
    *[(298, 241), (321, 280), (103, 116)],  # perf_event_open, bpf, syslog
    *[(278, 75), (276, 77), (275, 76), (40, 71)],  # vmsplice, tee, splice, sendfile: pages that no process shows
    *[(162, 81), (306, 267), (317, 277)],  # sync, syncfs: the whole machine's disks; seccomp: filters are memory
    *[(444, 444), (445, 445), (446, 446)],  # landlock_create_ruleset, landlock_add_rule, landlock_restrict_self
]
_METADATA = [
    *[(90, None), (91, 52), (268, 53), (452, 452)],  # chmod, fchmod, fchmodat, fchmodat2
    *[(92, None), (93, 55), (94, None), (260, 54)],  # chown, fchown, lchown, fchownat
    *[(132, None), (235, None), (261, None), (280, 88)],  # utime, utimes, futimesat, utimensat
    *[(188, 5), (189, 6), (190, 7), (463, 463)],  # setxattr, lsetxattr, fsetxattr, setxattrat
    *[(197, 14), (198, 15), (199, 16), (466, 466), (469, 469)],  # and removexattr; file_setattr
]
_CLONE, _CLONE3, _PRLIMIT = (56, 220), (435, 435), (302, 261)
_SOCKET, _SOCKETPAIR, _LISTEN = (41, 198), (53, 199), (50, 201)
SOCKET_TYPE = 0xF
"""The part of a socket's type that is no flag."""
_FCNTL, _IOCTL, _PRCTL = (72, 25), (16, 29), (157, 167)
_KILL, _TKILL, _TGKILL = (62, 129), (200, 130), (234, 131)
_MMAP = (9, 222)
MAP_SHARED, MAP_ANONYMOUS = 0x01, 0x20
_SETPRIORITY, _SCHED_SETAFFINITY = (141, 140), (203, 122)
_SCHED_SETPARAM, _SCHED_SETSCHEDULER, _SCHED_SETATTR = (142, 118), (144, 119), (314, 274)
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Column of the tables, and what the kernel calls the machine."""

_FCNTL_COMMANDS = [
    *[0, 1, 2, 3, 4, 1030],  # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC
    *[5, 6, 7, 36],  # F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK: not F_OFD_SETLK, whose locks show no process
    *[8, 9, 11, 15, 16],  # F_SETOWN, F_GETOWN, F_GETSIG, F_SETOWN_EX, F_GETOWN_EX: not F_SETSIG, which queues signals
    *[1025, 1027, 1032, 1034],  # F_GETLEASE, F_DUPFD_QUERY, F_GETPIPE_SZ, F_GET_SEALS
]
"""All that are left. Not among them: leases, notifications, larger pipes, hints for a file."""
_PRCTL_OPTIONS = [
    *[1, 2, 15, 16],  # PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_SET_NAME, PR_GET_NAME
    *[3, 21, 23, 27, 39],  # PR_GET_DUMPABLE, PR_GET_SECCOMP, PR_CAPBSET_READ, PR_GET_SECUREBITS, PR_GET_NO_NEW_PRIVS
    *[29, 30, 36, 37, 38],  # PR_SET_TIMERSLACK, PR_GET_, PR_SET_CHILD_SUBREAPER, PR_GET_, PR_SET_NO_NEW_PRIVS
    *[40, 41, 42],  # PR_GET_TID_ADDRESS, PR_SET_THP_DISABLE, PR_GET_
]
"""All that are left. Not among them: PR_SET_DUMPABLE, which would hide how much memory is held, PR_FUTEX_HASH and
PR_SET_SECCOMP, which take memory that no process shows, PR_SCHED_CORE, which keeps others from a core."""
_IOCTL_REQUESTS = [
    *[0x40086602, 0x40046602, 0x40087602, 0x401C5820],  # FS_IOC_SETFLAGS (and 32 bits), SETVERSION, FSSETXATTR
    *[0x40806685, 0x800C6613],  # FS_IOC_ENABLE_VERITY, FS_IOC_SET_ENCRYPTION_POLICY
    *[0x5412, 0x541C],  # TIOCSTI, TIOCLINUX: what is typed on a terminal
]

_LOAD, _AND, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16

Instruction = tuple[int, int, int, int]
"""Of classic BPF: operation, how many to skip if it is true, if it is false, and a number."""


def forbid(alone: bool) -> None:
    """Refuse these calls from now on, in this process and all that it starts.

    ``alone`` says that namespaces hide the machine's files, sockets and the user's other processes. Where they do not,
    the modes, owners, times and attributes of files may not be changed, nor another process's priority, and a socket
    has one other end, which is made with it. Needs no_new_privs. Does nothing on a machine whose numbers are not known
    here.
    """
    column, architecture = _MACHINES.get(platform.machine(), (None, 0))
    if column is None:
        return
    refuse = (_RETURN, 0, 0, REFUSE | errno.EPERM)
    program = [
        *[(_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, architecture), refuse],
        *[(_LOAD, 0, 0, _NUMBER), (_AT_LEAST, 0, 1, X32), refuse],
        # without clone3, whose flags a filter can't see, the C library uses clone
        *[(_EQUAL, 0, 1, _CLONE3[column]), (_RETURN, 0, 0, REFUSE | errno.ENOSYS)],
    ]
    for numbers in _ANYWHERE + ([] if alone else _METADATA):
        if (number := numbers[column]) is not None:
            program += [(_EQUAL, 0, 1, number), refuse]
    for numbers, argument, tests in [*_rules(), *([] if alone else _rules_for_others())]:
        program += _refuse_if(numbers[column], argument, tests)
    for numbers, argument, left in ((_FCNTL, 1, _FCNTL_COMMANDS), (_PRCTL, 0, _PRCTL_OPTIONS)):
        program += _refuse_unless(numbers[column], argument, left)
    program += _refuse_if(_CLONE[column], 0, [(_AT_LEAST, 0, 1, FIRST_QUEUED_SIGNAL)], mask=CLONE_SIGNAL)
    # a process that shares its files with another that has ended has locks that show no process
    program += _refuse_if(_CLONE[column], 0, [_if(CLONE_FILES)], mask=CLONE_FILES | CLONE_THREAD)
    if not alone:  # what such sockets hold is seen only in a network namespace: messages of many that are closed
        datagrams = [_if(int(kind)) for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW)]
        for numbers in (_SOCKET, _SOCKETPAIR):
            program += _refuse_if(numbers[column], 1, datagrams, mask=SOCKET_TYPE)
        program += [(_EQUAL, 0, 1, _LISTEN[column]), refuse]
    shared = MAP_SHARED | MAP_ANONYMOUS  # memory that stays when no process maps it any more, unseen
    program += _refuse_if(_MMAP[column], 3, [_if(shared)], mask=shared)
    program.append((_RETURN, 0, 0, ALLOW))
    _install(program)


def _rules() -> list[tuple[tuple[int, int], int, list[Instruction]]]:
    """A call, which of its arguments is looked at, and the tests of which one must hold for it to be refused.

    All of these arguments are 32 bits wide for the kernel, as they are for a test. Only ``clone`` takes more, and its
    flag lies in the lower half.
    """
    return [
        (_CLONE, 0, [(_ANY_BIT, 0, 1, CLONE_NEWUSER)]),
        (_PRLIMIT, 0, [_unless(0)]),  # process 0 is the caller itself
        (_SOCKET, 0, [_unless(int(socket.AF_UNIX))]),
        (_IOCTL, 1, [_if(request) for request in _IOCTL_REQUESTS]),
        (_KILL, 1, [(_AT_LEAST, 0, 1, FIRST_QUEUED_SIGNAL)]),
        (_TKILL, 1, [(_AT_LEAST, 0, 1, FIRST_QUEUED_SIGNAL)]),
        (_TGKILL, 2, [(_AT_LEAST, 0, 1, FIRST_QUEUED_SIGNAL)]),
    ]


def _rules_for_others() -> list[tuple[tuple[int, int], int, list[Instruction]]]:
    """The same, for calls that reach any process of the same user: they are left for the caller itself."""
    return [
        (_SETPRIORITY, 0, [_unless(0)]),
        (_SETPRIORITY, 1, [_unless(0)]),
        *[(call, 0, [_unless(0)]) for call in (_SCHED_SETAFFINITY, _SCHED_SETPARAM)],
        *[(call, 0, [_unless(0)]) for call in (_SCHED_SETSCHEDULER, _SCHED_SETATTR)],
    ]


def _if(number: int) -> Instruction:
    """Goes on with the next instruction if the number is this one, else with the one after it."""
    return (_EQUAL, 0, 1, number)


def _unless(number: int) -> Instruction:
    return (_EQUAL, 1, 0, number)


def _refuse_if(call: int, argument: int, tests: list[Instruction], mask: int = 0xFFFFFFFF) -> list[Instruction]:
    """If it is this call, refuse it if a test holds for its argument; afterwards the number is loaded again."""
    refuse = (_RETURN, 0, 0, REFUSE | errno.EPERM)
    body = [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument), (_AND, 0, 0, mask)]
    for test in tests:
        body += [test, refuse]
    body.append((_LOAD, 0, 0, _NUMBER))
    return [(_EQUAL, 0, len(body), call), *body]


def _refuse_unless(call: int, argument: int, left: list[int]) -> list[Instruction]:
    """If it is this call, refuse it unless its argument is one of those; afterwards the number is loaded again."""
    body = [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument)]
    body += [(_EQUAL, len(left) - place, 0, number) for place, number in enumerate(left)]
    body += [(_RETURN, 0, 0, REFUSE | errno.EPERM), (_LOAD, 0, 0, _NUMBER)]
    return [(_EQUAL, 0, len(body), call), *body]


def _install(program: list[Instruction]) -> None:
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *instruction) for instruction in program))
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    if _libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp filter refused")
