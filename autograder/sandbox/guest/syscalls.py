"""System calls that a Guest may not make: a seccomp filter, for what neither namespaces nor Landlock keep out.

Landlock knows TCP but no other protocol that reaches the network, and does not ask who changes the mode or the times
of a file, or the limits of another process. A user namespace of its own would give a Guest new privileges.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import socket
import struct

_libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWUSER = 0x10000000
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
X32 = 0x40000000
"""Numbers from here on are calls of x86-64's other, forgotten interface."""

# The numbers on x86-64 and on ARM64; None where the call does not exist.
_ANYWHERE = [
    *[(425, 425), (248, 217), (249, 218), (250, 219)],  # io_uring_setup, add_key, request_key, keyctl
    *[(272, 97), (308, 268), (251, 30)],  # unshare, setns, ioprio_set
]
_CLONE, _CLONE3, _PRLIMIT, _SOCKET = (56, 220), (435, 435), (302, 261), (41, 198)
_METADATA = [
    *[(90, None), (91, 52), (268, 53), (452, 452)],  # chmod, fchmod, fchmodat, fchmodat2
    *[(92, None), (93, 55), (94, None), (260, 54)],  # chown, fchown, lchown, fchownat
    *[(132, None), (235, None), (261, None), (280, 88)],  # utime, utimes, futimesat, utimensat
    *[(188, 5), (189, 6), (190, 7), (463, 463)],  # setxattr, lsetxattr, fsetxattr, setxattrat
    *[(197, 14), (198, 15), (199, 16), (466, 466), (469, 469)],  # and removexattr; file_setattr
]
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Column of the tables, and what the kernel calls the machine."""

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16


def forbid(metadata: bool) -> None:
    """Refuse these calls from now on, in this process and all that it starts.

    ``metadata`` are the modes, owners, times and attributes of files. Needs no_new_privs. Does nothing on a machine
    whose numbers are not known here.
    """
    column, architecture = _MACHINES.get(platform.machine(), (None, 0))
    if column is None:
        return
    refuse = REFUSE | errno.EPERM
    program = [
        *[(_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, refuse)],
        *[(_LOAD, 0, 0, _NUMBER), (_AT_LEAST, 0, 1, X32), (_RETURN, 0, 0, refuse)],
        # without clone3, whose flags a filter can't see, the C library uses clone
        *[(_EQUAL, 0, 1, _CLONE3[column]), (_RETURN, 0, 0, REFUSE | errno.ENOSYS)],
    ]
    for numbers in _ANYWHERE + (_METADATA if metadata else []):
        number = numbers[column]
        if number is not None:
            program += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, refuse)]
    for number, refused_if in (
        (_CLONE[column], (_ANY_BIT, 0, 1, CLONE_NEWUSER)),
        (_PRLIMIT[column], (_EQUAL, 1, 0, 0)),  # process 0 is the caller itself
        (_SOCKET[column], (_EQUAL, 1, 0, int(socket.AF_UNIX))),
    ):
        program += [(_EQUAL, 0, 4, number), (_LOAD, 0, 0, _FIRST_ARGUMENT), refused_if]
        program += [(_RETURN, 0, 0, refuse), (_RETURN, 0, 0, ALLOW)]
    program.append((_RETURN, 0, 0, ALLOW))
    _install(program)


def _install(program: list[tuple[int, int, int, int]]) -> None:
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *instruction) for instruction in program))
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    if _libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp filter refused")
