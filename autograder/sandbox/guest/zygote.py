"""The first process in the sandbox: it imports everything once, then forks a Guest for each submission.

It speaks to the trusted side over the socket that it finds as standard input. Student code never runs here.
"""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator

import msgspec
import torch

from autograder.sandbox import wire
from autograder.sandbox.guest import debuggers, descriptors, isolation, session, workers
from autograder.sandbox.guest.kernel import Kernel, make_kernel

_decoder = msgspec.msgpack.Decoder(wire.ToZygote)
_READY = wire.Ready(platform.python_version(), str(torch.__version__))


def main(backend: str, scratch: str, readable: list[str], user: int | None) -> None:
    """Warm up, report ready, and serve until the trusted side hangs up.

    Call it with the garbage collector off: it looks through all that is being imported, again and again.
    """
    control = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    isolation.be_killed_first()
    torch.set_num_threads(1)
    import torchvision  # noqa: F401  imported here so that no Guest pays for it

    isolated: isolation.Isolation
    if backend == "bubblewrap":
        isolated = isolation.Namespaces.prepare()
    elif backend == "sandlock":
        isolated = isolation.Landlocked.prepare(scratch, readable, user)
        workers.do_without_shared_memory()
    else:
        isolated = isolation.Unconfined(scratch)
    kernel = make_kernel()
    debuggers.switch_off()
    descriptors.close_fonts()
    gc.collect()
    gc.freeze()
    gc.enable()
    speed_up = isolation.use_huge_pages()
    wire.send(control, _READY)
    _go_on(speed_up, 0.2)
    _serve(control, kernel, isolated, speed_up)
    os._exit(0)  # the libraries' own clean-up is slow and noisy


def _go_on(work: Iterator[None], seconds: float) -> None:
    """Go on with the work until it ends or the time is over."""
    end = time.monotonic() + seconds
    for _ in work:
        if time.monotonic() >= end:
            return


def _serve(control: socket.socket, kernel: Kernel, isolated: isolation.Isolation, speed_up: Iterator[None]) -> None:
    living: set[int] = set()
    while True:
        try:
            message, fd = wire.receive_with_fd(control, _decoder)
        except wire.Closed:
            break
        if isinstance(message, wire.NewGuest):
            assert fd is not None  # the trusted side sends one
            pid = isolated.fork()
            if pid == 0:
                _become_guest(fd, kernel, isolated)
            os.close(fd)
            living.add(pid)
            wire.send(control, wire.Started(pid))
            _go_on(speed_up, 0.2)
        elif isinstance(message, wire.Ping):
            wire.send(control, _READY)
        elif message.pid in living:
            wire.send(control, wire.Ended(_end(message.pid, isolated)))
            living.remove(message.pid)
    for pid in living:
        _end(pid, isolated)


def _end(pid: int, isolated: isolation.Isolation) -> int:
    ended, status = os.waitpid(pid, os.WNOHANG)
    with contextlib.suppress(ProcessLookupError):
        isolated.end(pid)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1] if ended == 0 else status)
    if ended == 0 and code == -signal.SIGKILL:  # it has lived until now
        code = wire.LOST_CHANNEL
    with contextlib.suppress(ChildProcessError):
        while True:  # there is no other Guest now: these are what it has left behind, and killed as well
            os.waitpid(-1, 0)
    return code


def _become_guest(fd: int, kernel: Kernel, isolated: isolation.Isolation) -> None:
    """Turn this fork into a Guest. Never returns."""
    code = 1
    try:
        fd = descriptors.let_go_of_inherited(fd)
        os.setsid()  # a signal to its own process group must not reach the Zygote, whatever namespace it is in
        directory = isolated.enter()
        os.chdir(directory)
        os.environ.update(HOME=directory, TMPDIR=directory)
        sys.path.insert(0, directory)
        tempfile.tempdir = None
        isolation.set_limits()
        descriptors.let_go_of_log()
        session.serve(socket.socket(fileno=fd), kernel, isolated)
        code = 0
    except wire.Closed:
        code = wire.LOST_CHANNEL
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)
