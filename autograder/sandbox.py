"""The trusted side of the sandbox: start it once, load a submission into a Guest, call its functions.

Two kinds of trouble are kept apart. ``StudentFault`` is what a submission did to itself: it costs its own points.
``SandboxError`` is ours: nothing may be scored because of it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import cloudpickle
import msgspec

from autograder import confinement, wire

_from_zygote = msgspec.msgpack.Decoder(wire.FromZygote)
_cell_done = msgspec.msgpack.Decoder(wire.CellDone)
_forked = msgspec.msgpack.Decoder(wire.Forked)
_from_call = msgspec.msgpack.Decoder(wire.FromCall)

WARM_UP_SECONDS = 300
ZYGOTE_SECONDS = 60
FORK_SECONDS = 30
MAX_RESTARTS = 5


class SandboxError(Exception):
    """The sandbox itself failed; the submission is not to blame."""


class StudentFault(Exception):
    """The submission ended its process, hung or sent nonsense. The message is a sentence for the student."""


@dataclass(frozen=True)
class Limits:
    """Time that student code may take, in seconds of computing."""

    cell: float = 20.0
    call: float = 2.0

    @staticmethod
    def wall(cpu_seconds: float) -> float:
        """How long to wait, by the clock, for code that may compute for ``cpu_seconds`` on a busy machine."""
        return 5 + 5 * cpu_seconds


class Sandbox:
    """A warm, confined process that can load submissions, one at a time.

    Starting takes seconds, loading milliseconds: keep one for many submissions, and close it at the end.
    """

    def __init__(self, backend: confinement.Backend | None = None) -> None:
        """Start the sandbox. Raises NoSandboxError, or SandboxError when it does not come up."""
        self.backend = backend or confinement.choose()
        self._scratch = tempfile.mkdtemp(prefix="autograder-")
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  close() closes it
        self._control, inside = socket.socketpair()
        with inside:
            self._process = subprocess.Popen(
                confinement.zygote_command(self.backend, self._scratch),
                stdin=inside,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,
            )
        ready = self._answer(WARM_UP_SECONDS)
        import torch

        if not isinstance(ready, wire.Ready) or ready.torch != torch.__version__:
            self.close()
            raise SandboxError(f"the sandbox has another torch ({ready}) than the graders ({torch.__version__})")

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """End the sandbox and everything in it."""
        self._control.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._log.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    @property
    def alive(self) -> bool:
        """Whether the process is still there."""
        return self._process.poll() is None

    @contextlib.contextmanager
    def load(
        self, cells: Sequence[wire.Cell], files: Mapping[str, bytes], limits: Limits = Limits()
    ) -> Iterator[Guest]:
        """Run the cells in a fresh Guest, which ends with this context.

        A notebook that can't be loaded raises StudentFault at its first fork.
        """
        guest = Guest(self, list(cells), dict(files), limits)
        try:
            with contextlib.suppress(StudentFault):  # each fork raises it again
                guest.start()
            yield guest
        finally:
            guest.end()

    def new_guest(self) -> tuple[int, socket.socket]:
        """Fork a Guest; its process id inside the sandbox, and a socket to it."""
        channel, inside = socket.socketpair()
        with inside:
            answer = self._ask(wire.NewGuest(), inside.fileno())
        assert isinstance(answer, wire.Started), answer
        return answer.pid, channel

    def end_guest(self, pid: int) -> int:
        """Kill a Guest; its exit code, or minus the signal that ended it."""
        answer = self._ask(wire.EndGuest(pid))
        assert isinstance(answer, wire.Ended), answer
        with os.scandir(self._scratch) as entries:
            for entry in entries:
                if entry.name.isdecimal():
                    shutil.rmtree(entry.path, ignore_errors=True)
        return answer.status

    def _ask(self, message: wire.ToZygote, fd: int | None = None) -> wire.FromZygote:
        try:
            wire.send(self._control, message, fd)
        except wire.WireError as error:
            raise SandboxError(f"the sandbox has gone: {error}\n{self._read_log()}") from error
        return self._answer(ZYGOTE_SECONDS)

    def _answer(self, seconds: float) -> wire.FromZygote:
        try:
            return wire.receive(self._control, _from_zygote, seconds)
        except wire.WireError as error:
            log = self._read_log()
            self.close()
            raise SandboxError(f"the sandbox does not answer: {error}\n{log}") from error

    def _read_log(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-4000:]


@dataclass
class Guest:
    """One submission, loaded. ``fork`` gives a copy of it for one check."""

    sandbox: Sandbox
    cells: list[wire.Cell]
    files: dict[str, bytes]
    limits: Limits
    outputs: list[list[wire.Output]] = field(default_factory=list)
    """What each cell displayed, in order."""
    _faults: dict[int, str] = field(default_factory=dict)
    _pid: int | None = None
    _channel: socket.socket | None = None

    def start(self) -> None:
        """Run the cells. A cell that ends or hangs the process is left out, and the others run again."""
        while len(self._faults) <= MAX_RESTARTS:
            self.end()
            self._pid, self._channel = self.sandbox.new_guest()
            self.outputs = []
            if self._run_cells():
                return
        self.outputs = [[_stopped(self._faults[i])] if i in self._faults else [] for i in range(len(self.cells))]
        raise StudentFault("Too many cells of this notebook end or hang the Python process.")

    def _run_cells(self) -> bool:
        """Whether all cells ran; if not, the one to blame is in ``_faults``."""
        assert self._channel is not None
        message = wire.Load(self.cells, list(self._faults), self.files, self.limits.cell)
        try:
            self._channel.settimeout(FORK_SECONDS)
            wire.send(self._channel, message)
        except wire.WireError as error:
            raise SandboxError(f"the notebook could not be sent: {error}") from error
        for index in range(len(self.cells)):
            try:
                done = wire.receive(self._channel, _cell_done, Limits.wall(self.limits.cell))
            except wire.WireError as error:
                self._faults[index] = self._explain(error, self.limits.cell)
                return False
            if index in self._faults:
                done = wire.CellDone([_stopped(self._faults[index])])
            self.outputs.append(done.outputs)
        return True

    def end(self) -> int | None:
        """End the process, if there is one; its exit code, or minus a signal."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._pid is None:
            return None
        pid, self._pid = self._pid, None
        return self.sandbox.end_guest(pid)

    def fork(self) -> Fork:
        """A fresh copy of the loaded notebook. It is made while the caller goes on."""
        channel, inside = socket.socketpair()
        with inside:
            if self._channel is None:
                self.start()
            assert self._channel is not None
            try:
                wire.send(self._channel, wire.Fork(), inside.fileno())
            except wire.Closed:  # an earlier check took the whole process down
                self.start()
                wire.send(self._channel, wire.Fork(), inside.fileno())
        return Fork(self, channel)

    def _explain(self, error: wire.WireError, seconds: float) -> str:
        if isinstance(error, wire.Late):
            self.end()
            return f"It was stopped, because it was still running after {Limits.wall(seconds):g} seconds."
        if isinstance(error, wire.Closed):
            status = self.end()
            if status is None or status == 0:
                return "It ended the Python process."
            if status < 0:
                return f"It ended the Python process with signal {-status} ({signal.Signals(-status).name})."
            return f"It ended the Python process with exit code {status}."
        self.end()
        return "It interfered with the grader's connection."


def _stopped(fault: str) -> wire.Error:
    return wire.Error("Stopped", fault, [f"Stopped: {fault}"])


@dataclass
class Fork:
    """A copy of a loaded notebook in which functions can be called."""

    guest: Guest
    _channel: socket.socket
    _greeted: bool = False

    def call(self, function: str, args: tuple, kwargs: dict, seconds: float | None = None) -> wire.FromCall:
        """Call a function of the notebook. Raises StudentFault when no answer comes back."""
        seconds = self.guest.limits.call if seconds is None else seconds
        message = wire.Call(function, cloudpickle.dumps((args, kwargs)), seconds)
        if not self._greeted:
            self._greet()
        try:
            self._channel.settimeout(FORK_SECONDS)
            wire.send(self._channel, message)
            return wire.receive(self._channel, _from_call, Limits.wall(seconds))
        except wire.Late:
            raise StudentFault(
                f"{function} was stopped, because it was still running after {Limits.wall(seconds):g} seconds."
            ) from None
        except wire.Closed:
            raise StudentFault(f"{function} ended the Python process instead of returning.") from None
        except wire.WireError:
            raise StudentFault(f"{function} sent something that is too large or not a result.") from None

    def _greet(self) -> None:
        """Wait until the fork lives; when the Guest cannot fork any more, load it again, once."""
        for attempt in range(2):
            try:
                wire.receive(self._channel, _forked, FORK_SECONDS)
            except wire.WireError as error:
                if attempt or not self.guest.sandbox.alive:
                    raise StudentFault("The notebook's process stopped answering.") from error
                self.guest.end()
                self._channel.close()
                self._channel = self.guest.fork()._channel
            else:
                self._greeted = True
                return

    def close(self) -> None:
        """Hang up; the fork ends."""
        self._channel.close()
