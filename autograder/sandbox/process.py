"""The confined process, seen from the trusted side: start it once, ask it for Guests, end them.

What goes wrong here is never a student's fault: ``SandboxError`` means that nothing may be scored because of it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
import tempfile
from collections import deque
from collections.abc import Sequence

import msgspec

from autograder.sandbox import confinement, shown, wire
from autograder.sandbox.memory import Watch

_from_zygote = msgspec.msgpack.Decoder(wire.FromZygote)
_credentials = struct.Struct("iII")
"""Process, user and group, as the kernel tells them."""

WARM_UP_SECONDS = 300
ZYGOTE_SECONDS = 60


class SandboxError(Exception):
    """The sandbox itself failed; the submission is not to blame."""


class Sandbox:
    """A confined process that makes Guests, into which ``loaded.load`` puts submissions, one at a time.

    It warms up for seconds beside the caller, and makes a Guest in milliseconds: keep one for many submissions, and
    close it at the end. This module does not import torch, so that the caller can do so meanwhile.
    """

    def __init__(self, backend: confinement.Backend | None = None, private: Sequence[str] = ()) -> None:
        """Start the sandbox, by default the best that works here. Raises NoSandboxError when none does.

        Nothing that lies in a ``private`` folder is seen from inside, wherever that lies.
        """
        self.backend = backend or confinement.choose()
        self._shown = shown.stamp()
        self._scratch = tempfile.mkdtemp(prefix="autograder-")
        self._sweeper = _sweeper(self._scratch)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  close() closes it
        self._due: deque[int | socket.socket] = deque()
        self._is_warm = False
        self.torch = ""
        """The version of torch in there, once it is warm."""
        self._spare: tuple[int, socket.socket] | None = None
        self._watch: Watch | None = None
        self._zygote: int | None = None
        self._control, inside = socket.socketpair()
        if hasattr(socket, "SO_PASSCRED"):  # on Linux
            self._control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        with inside:
            self._process = confinement.start_zygote(
                self.backend,
                self._scratch,
                private,
                stdin=inside.fileno(),
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,
            )

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """End the sandbox and everything in it."""
        self._stop_watch()
        self._control.close()
        for channel in [due for due in self._due if isinstance(due, socket.socket)]:
            channel.close()
        self._due.clear()
        if self._spare is not None:
            self._spare[1].close()
            self._spare = None
        try:
            self._process.wait(10 if self._is_warm else 0)  # while it warms up it does not notice
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._log.close()
        remove(self._scratch)
        self._sweeper.communicate()

    def warm_up(self) -> None:
        """Wait until submissions can be loaded. Raises SandboxError when the sandbox does not come up."""
        if self._is_warm:
            return
        zygote = None if self.backend is confinement.UNSAFE else self._sender(WARM_UP_SECONDS)
        ready = self._answer(WARM_UP_SECONDS)
        assert isinstance(ready, wire.Ready), ready
        if not zygote and self.backend is not confinement.UNSAFE:
            raise SandboxError("the kernel does not tell which process the sandbox is, so its memory can't be watched")
        self._zygote = zygote
        self.torch = ready.torch
        self._is_warm = True
        self.prepare_guest()

    @property
    def alive(self) -> bool:
        """Whether the process is still there."""
        return self._process.poll() is None

    @property
    def is_current(self) -> bool:
        """Whether the files of ours that it was shown are still what they were."""
        return self._shown == shown.stamp()

    def new_guest(self, memory: int) -> tuple[int, socket.socket]:
        """A Guest: its process id inside the sandbox, and a socket to it.

        It is ended when all its processes together hold more than so many bytes of ``memory``.
        """
        self.warm_up()
        self.prepare_guest()
        self._settle()
        assert self._spare is not None
        spare, self._spare = self._spare, None
        self._stop_watch()
        self._watch = None if self._zygote is None else Watch(self._zygote, memory)
        return spare

    @property
    def is_overfull(self) -> bool:
        """Whether the last Guest was ended for the memory that it held."""
        return self._watch is not None and self._watch.has_ended

    def prepare_guest(self) -> None:
        """Fork the next Guest, without waiting for it."""
        if self._spare is None and not any(isinstance(due, socket.socket) for due in self._due):
            channel, inside = socket.socketpair()
            self._due.append(channel)
            with inside:
                self._tell(wire.NewGuest(), inside.fileno())

    def end_guest(self, pid: int) -> int:
        """Kill a Guest; its exit code, or minus the signal that ended it."""
        self.forget_guest(pid)
        return self._settle()

    def forget_guest(self, pid: int) -> None:
        """Kill a Guest, without waiting for it."""
        self._stop_watch()
        self._settle()
        self._tell(wire.EndGuest(pid))
        self._due.append(pid)

    def confirm(self) -> None:
        """Raise SandboxError unless the sandbox still answers; a Guest that has gone is not the student's fault."""
        self._settle()
        self._tell(wire.Ping())
        self._answer(ZYGOTE_SECONDS)

    def _settle(self) -> int:
        """Wait for what was asked for; the exit code of the last Guest that ended."""
        status = 0
        while self._due:
            answer = self._answer(ZYGOTE_SECONDS)
            due = self._due.popleft()
            if isinstance(due, socket.socket):
                assert isinstance(answer, wire.Started), answer
                self._spare = answer.pid, due
            else:
                assert isinstance(answer, wire.Ended), answer
                status = answer.status
                remove(os.path.join(self._scratch, str(due)))
        return status

    def _stop_watch(self) -> None:
        if self._watch is not None:
            self._watch.stop()

    def _sender(self, seconds: float) -> int | None:
        """The process id, as this process sees it, of who sent the next message; the kernel tells it (unix(7))."""
        self._control.settimeout(seconds)
        with contextlib.suppress(OSError):  # reading the message will say what is wrong
            _, told, _, _ = self._control.recvmsg(1, socket.CMSG_SPACE(_credentials.size), socket.MSG_PEEK)
            for _level, kind, content in told:
                if kind == socket.SCM_CREDENTIALS:
                    return int(_credentials.unpack(content)[0])
        return None

    def _tell(self, message: wire.ToZygote, fd: int | None = None) -> None:
        try:
            wire.send(self._control, message, fd)
        except wire.WireError as error:
            raise SandboxError(f"the sandbox has gone: {error}\n{self._read_log()}") from error

    def _answer(self, seconds: float) -> wire.FromZygote:
        try:
            return wire.receive(self._control, _from_zygote, seconds)
        except wire.WireError as error:
            log = self._read_log()
            self.close()
            raise SandboxError(f"the sandbox does not answer: {error}\n{log}") from error

    def _read_log(self) -> str:
        if self._log.closed:
            return ""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-4000:]


_SWEEP = """
read -r _
for _ in 1 2 3 4 5; do
    chmod -R u+rwx -- "$1" "$1"-*
    rm -rf -- "$1" "$1"-* && exit
    sleep 1
done
"""


def _sweeper(folder: str) -> subprocess.Popen:
    """A process that removes a folder once this one is gone, even if by a signal: then its standard input ends.

    What moved out of the folder is beside it (see ``remove``). Students' processes may still write for a moment, and
    their folders may have no rights.
    """
    return subprocess.Popen(
        ["/bin/sh", "-c", _SWEEP, "sh", folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


def remove(folder: str) -> None:
    """Remove what a student has filled, however deep it is and without following a link. What is in use stays.

    Each folder is moved up beside the first one, so that nothing here is as deep as the student's folders.
    """
    places, moved = [folder], 0
    with contextlib.suppress(OSError):
        while places:
            place = places.pop()
            for entry in list(os.scandir(place)):
                if entry.is_dir(follow_symlinks=False):
                    os.chmod(entry.path, 0o700)
                    moved += 1
                    places.append(f"{folder}-{moved}")
                    os.rename(entry.path, places[-1])
                else:
                    os.unlink(entry.path)
            os.rmdir(place)
