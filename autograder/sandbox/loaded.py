"""One submission in the sandbox: load it into a Guest, fork that, and call its functions.

``StudentFault`` is what a submission did to itself, and costs its own points. What is our fault is a ``SandboxError``.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from autograder.messages import Code, Message, Value, say
from autograder.sandbox import wire
from autograder.sandbox.process import Sandbox, SandboxError

_cell_done = msgspec.msgpack.Decoder(wire.CellDone)
_forked = msgspec.msgpack.Decoder(wire.Forked)
_from_call = msgspec.msgpack.Decoder(wire.FromCall)
_encoder = msgspec.msgpack.Encoder()

FORK_SECONDS = 30
MAX_RESTARTS = 5
MAX_SHOWN = 32 * 2**20
"""Bytes that all cells of a notebook may display together: what comes of them is kept, written and shown."""
_TOO_MUCH = wire.Stream("stderr", "[not shown: this notebook displays too much]\n")


class StudentFault(Exception):
    """The submission ended its process, hung or sent nonsense. Raised with a Message for the student."""


@dataclass(frozen=True)
class Limits:
    """Time that student code may take, in seconds of computing, and its memory."""

    cell: float = 20.0
    call: float = 2.0
    patience: float = 5.0
    """Seconds by the clock that are waited for anything."""
    submission: float = 600.0
    """Seconds by the clock for all of a submission: many cells or calls, each just short of its limit, end here."""
    memory: int = 4 * 2**30
    """Bytes that all processes of a submission may hold together. A healthy one needs under 1 GiB."""

    def wall(self, cpu_seconds: float) -> float:
        """How long to wait, by the clock, for code that may compute for ``cpu_seconds`` on a busy machine."""
        return self.patience + 5 * cpu_seconds


@contextlib.contextmanager
def load(
    sandbox: Sandbox, cells: Sequence[wire.Cell], files: Mapping[str, bytes], limits: Limits = Limits()
) -> Iterator[Guest]:
    """Run the cells in a fresh Guest of the sandbox, which ends with this context.

    Returns at once; the Guest's outputs and forks wait until the cells have run. A notebook that can't be loaded
    raises StudentFault at each fork.
    """
    guest = Guest(sandbox, list(cells), dict(files), limits)
    try:
        guest.begin()
        yield guest
    finally:
        guest.leave()
        sandbox.prepare_guest()


@dataclass
class Guest:
    """One submission, loaded or loading. ``fork`` gives a copy of it."""

    sandbox: Sandbox
    cells: list[wire.Cell]
    files: dict[str, bytes]
    limits: Limits
    _started: float = field(default_factory=time.monotonic)
    _outputs: list[list[wire.Output]] = field(default_factory=list)
    faults: dict[int, Message] = field(default_factory=dict)
    """Why cells did not come to their ends: those that ended or hung the process."""
    removed: dict[str, str] = field(default_factory=dict)
    """What cells have defined and a later one has removed, with that one's label."""
    was_late: bool = False
    """Whether the clock has stopped something: it may have waited for a busy machine, or for another process."""
    was_closed: bool = False
    """Whether a channel has ended before its time: the process has, or code in it has closed what is not its own."""
    _loaded: bool = False
    _pid: int | None = None
    _channel: socket.socket | None = None

    @property
    def outputs(self) -> list[list[wire.Output]]:
        """What each cell displayed, in order."""
        with contextlib.suppress(StudentFault):  # what was displayed until then is all there is
            self._finish()
        return self._outputs

    @property
    def is_out_of_time(self) -> bool:
        """Whether the submission has had its time."""
        return time.monotonic() >= self._started + self.limits.submission

    def at_most(self, seconds: float) -> float:
        """As many seconds, or what is left of the submission's time."""
        left = self._started + self.limits.submission - time.monotonic()
        return max(0.01, min(seconds, left))

    def why_late(self, who: Value, seconds: float) -> Message:
        """Why something was stopped for which we would have waited so long."""
        if not self.is_out_of_time:
            return say(
                "{who} was stopped, because it was still running after {seconds:g} seconds.", who=who, seconds=seconds
            )
        return say(
            "{who} was stopped, because the whole notebook has taken more than {seconds:g} seconds.",
            who=who,
            seconds=self.limits.submission,
        )

    def why_ended(self, who: Value, otherwise: Message) -> Message:
        """Why something has ended the process: its memory, or else what it seems to be."""
        if not self.sandbox.is_overfull:
            return otherwise
        return say(
            "{who} was stopped, because all processes of the notebook together held more than {most:g} GiB of memory.",
            who=who,
            most=self.limits.memory / 2**30,
        )

    def begin(self) -> None:
        """Start to run the cells."""
        self.end()
        self._pid, self._channel = self.sandbox.new_guest(self.limits.memory)
        self._outputs, self._loaded = [], False
        try:
            self._channel.settimeout(FORK_SECONDS)
            wire.send(self._channel, wire.Load(self.cells, list(self.faults), self.files, self.limits.cell))
        except wire.WireError as error:
            raise SandboxError(f"the notebook could not be sent: {error}") from error

    def _finish(self) -> None:
        """Wait until the cells have run. One that ends or hangs the process is left out, and the others run again."""
        while not self._loaded:
            if self.is_out_of_time:
                self._outputs += [[] for _ in self.cells[len(self._outputs) :]]
                raise StudentFault(
                    say(
                        "The notebook was stopped, because it has taken more than {seconds:g} seconds.",
                        seconds=self.limits.submission,
                    )
                )
            if len(self.faults) > MAX_RESTARTS:
                stopped: dict[int, list[wire.Output]] = {i: [_stopped(fault)] for i, fault in self.faults.items()}
                self._outputs = [stopped.get(index, []) for index in range(len(self.cells))]
                raise StudentFault(say("Too many cells of this notebook end or hang the Python process."))
            if self._channel is None:
                self.begin()
            self._loaded = self._receive_outputs()

    def _receive_outputs(self) -> bool:
        """Whether all cells ran; if not, the one to blame is in ``_faults`` and the process is dead."""
        assert self._channel is not None
        self._outputs, self.removed, defined, shown = [], {}, set[str](), 0
        for index in range(len(self.cells)):
            try:
                done = wire.receive(self._channel, _cell_done, self.at_most(self.limits.wall(self.limits.cell)))
            except wire.WireError as error:
                self.faults[index] = self._explain(error, self.limits.cell)
                return False
            self.removed.update(dict.fromkeys(defined - set(done.defined), self.cells[index].label))
            defined = set(done.defined)
            shown += len(_encoder.encode(done.outputs))
            outputs: list[wire.Output] = done.outputs if shown <= MAX_SHOWN else [_TOO_MUCH]
            self._outputs.append([_stopped(self.faults[index])] if index in self.faults else outputs)
        return True

    def end(self) -> int | None:
        """End the process, if there is one; its exit code, or minus a signal."""
        pid = self._hang_up()
        return None if pid is None else self.sandbox.end_guest(pid)

    def leave(self) -> None:
        """End the process, if there is one, without waiting for it."""
        pid = self._hang_up()
        if pid is not None:
            self.sandbox.forget_guest(pid)

    def _hang_up(self) -> int | None:
        self._loaded = False
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        pid, self._pid = self._pid, None
        return pid

    def fork(self, alone: bool = True) -> Fork:
        """A fresh copy of the loaded notebook; ``alone`` ends every other copy and what it left running.

        The copy is made while the caller goes on.
        """
        for attempt in range(2):
            self._finish()
            channel, inside = socket.socketpair()
            assert self._channel is not None
            with inside:
                try:
                    wire.send(self._channel, wire.Fork(alone), inside.fileno())
                    return Fork(self, channel)
                except wire.WireError as error:  # an earlier check took the whole process down
                    channel.close()
                    self.end()
                    if attempt:
                        self.was_closed = True
                        raise StudentFault(self.why_silent()) from error
        raise SandboxError("not reached")

    def why_silent(self) -> Message:
        """Why the process does not answer any more, whoever asks."""
        return self.why_ended(say("The notebook"), say("The notebook's process stopped answering."))

    def _explain(self, error: wire.WireError, seconds: float) -> Message:
        status = self.end()
        return self.why_ended(say("It"), self._explain_end(error, status, seconds))

    def _explain_end(self, error: wire.WireError, status: int | None, seconds: float) -> Message:
        if isinstance(error, wire.Late):
            self.was_late = True
            return self.why_late(say("It"), self.limits.wall(seconds))
        if not isinstance(error, wire.Closed):
            return say("It interfered with the grader's connection.")
        self.was_closed = True
        if status == wire.LOST_CHANNEL:
            return say("It closed the notebook's connection to the grader.")
        if status is None or status == 0:
            return say("It ended the Python process.")
        if status < 0:
            names = [f" ({known.name})" for known in signal.Signals if known == -status]  # not all have one
            return say("It ended the Python process with signal {signal}.", signal=f"{-status}{''.join(names)}")
        return say("It ended the Python process with exit code {status}.", status=status)


def _stopped(fault: Message) -> wire.Error:
    return wire.Error("Stopped", str(fault), [f"Stopped: {fault}"])


@dataclass
class Fork:
    """A copy of a loaded notebook in which functions can be called."""

    guest: Guest
    _channel: socket.socket
    _greeted: bool = False

    def call(self, function: str, arguments: bytes, seconds: float | None = None) -> wire.FromCall:
        """Call a function of the notebook with pickled ``(args, kwargs)``. Raises StudentFault when no answer comes."""
        seconds = self.guest.limits.call if seconds is None else seconds
        return self._ask(wire.Call(function, arguments, seconds), seconds, Code(function))

    def look(self, index: int) -> wire.FromCall:
        """Describe an object that an earlier call was given, as it is now."""
        return self._ask(wire.Look(index), self.guest.limits.call, say("The notebook"))

    def _ask(self, message: wire.Call | wire.Look, seconds: float, who: Value) -> wire.FromCall:
        if not self._greeted:
            self._greet()
        wall = self.guest.limits.wall(seconds)
        try:
            self._channel.settimeout(self.guest.at_most(FORK_SECONDS))
            wire.send(self._channel, message)
            return wire.receive(self._channel, _from_call, self.guest.at_most(wall))
        except wire.Late:
            self.guest.was_late = True
            raise StudentFault(self.guest.why_ended(who, self.guest.why_late(who, wall))) from None
        except wire.Closed:
            self.guest.was_closed = True
            self.guest.sandbox.confirm()
            ended = say(
                "{who} ended the Python process, or closed its connection to the grader, instead of returning.", who=who
            )
            raise StudentFault(self.guest.why_ended(who, ended)) from None
        except wire.WireError:
            raise StudentFault(say("{who} sent something that is too large or not a result.", who=who)) from None

    def _greet(self) -> None:
        """Wait until the fork lives; when the Guest cannot fork any more, load it again, once."""
        for attempt in range(2):
            try:
                wire.receive(self._channel, _forked, self.guest.at_most(FORK_SECONDS))
            except wire.WireError as error:
                if attempt or self.guest.is_out_of_time:
                    self.guest.was_closed = True
                    self.guest.sandbox.confirm()
                    raise StudentFault(self.guest.why_silent()) from error
                self.guest.end()
                self._channel.close()
                self._channel = self.guest.fork()._channel
            else:
                self._greeted = True
                return

    def close(self) -> None:
        """Hang up; the fork ends."""
        self._channel.close()
