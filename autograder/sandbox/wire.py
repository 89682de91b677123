"""The messages that cross the trust boundary, and the frames that carry them.

Outward (to a Guest) anything may be sent: it is the trusted side that speaks. Inward comes only what the
``Struct`` classes below describe, decoded by msgspec into exactly these types, never by pickle. A frame is a
four-byte big-endian length and that many bytes of MessagePack; a longer one than ``MAX_FRAME`` is refused unread, and
one that nests deeper than ``MAX_DEPTH`` or holds more than ``MAX_COUNT`` values before any object is made of it.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

MAX_FRAME = 16 * 2**20
"""The largest frame, in bytes, that either side accepts."""
MAX_DEPTH = 100
"""How deep MessagePack's arrays and maps may nest; a list inside a list takes two levels."""
MAX_COUNT = 250_000
"""How many values, keys and containers one message may hold: in Python each takes up to a few hundred bytes."""
MAX_NAME = 2_000
"""Characters of a name: of a class, a parameter, an axis."""
MAX_DEFINED = 1_000
"""Names that a cell's end may tell."""
MAX_TEXT = 110_000
"""Characters of any other text."""

Name = Annotated[str, Meta(max_length=MAX_NAME)]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]

_HEADER = struct.Struct(">I")


class WireError(Exception):
    """What came in is not a message: too large, malformed, or of a type that is not expected here."""


class Closed(WireError):
    """The other side has gone."""


LOST_CHANNEL = 97
"""Exit code of a Guest that lives and can't speak: code in it has closed its channel. Student code can exit with it,
too: it only chooses a sentence."""


class Late(WireError):
    """Nothing came in time."""


# --- values: what a student's function can return -----------------------------------------------------------------


class Known(Struct, frozen=True, tag="known"):
    """An object that the grader sent, by its place in the order of sending."""

    index: int


class Tensor(Struct, frozen=True, tag="tensor"):
    """A tensor that the grader did not send."""

    type_name: Name
    """Fully qualified class, for example ``torch.nn.parameter.Parameter``."""
    dtype: Name
    """Name in the torch module, for example ``float32``."""
    shape: list[int]
    requires_grad: bool
    data: bytes | None
    """Contiguous bytes in C order; None for a tensor too large to send, or one without ordinary memory."""


class Items(Struct, frozen=True, tag="items"):
    """A list or a tuple."""

    kind: Name
    """``list`` or ``tuple``."""
    items: Annotated[list[Value], Meta(max_length=100_000)]


class Pairs(Struct, frozen=True, tag="dict"):
    """A dict, as its items in order."""

    items: Annotated[list[tuple[Value, Value]], Meta(max_length=100_000)]


class Group(Struct, frozen=True, tag="group"):
    """One parameter group of an optimizer."""

    params: list[Value]
    options: dict[Name, Value]
    """Every other entry of the group: lr, weight_decay and so on."""


class Optimizer(Struct, frozen=True, tag="optimizer"):
    """A ``torch.optim.Optimizer`` of any class."""

    type_name: Name
    groups: list[Group]


class Member(Struct, frozen=True):
    """A parameter or buffer of a module, as it is now."""

    name: Name
    """Dotted, as in ``named_parameters``; a shared one stands under each of its names."""
    identity: Known | None
    """Which of the grader's own tensors it is."""
    tensor: Tensor


class Module(Struct, frozen=True, tag="module"):
    """A ``torch.nn.Module``."""

    type_name: Name
    identity: Known | None
    training: bool
    modules: list[tuple[Name, Name]]
    """Dotted name and class of each module inside."""
    parameters: list[Member]
    buffers: list[Member]
    settings: list[tuple[Name, Name]] = []
    """Dotted name of each module inside, and its settings as it prints them, for example ``p=0.5, inplace=False``."""


class Line(Struct, frozen=True):
    """A line of a plot."""

    label: Name
    x: list[float]
    y: list[float]


class Axes(Struct, frozen=True, tag="axes"):
    """Matplotlib Axes."""

    identity: Known | None
    lines: list[Line]
    title: Name
    xlabel: Name
    ylabel: Name
    xscale: Name
    yscale: Name
    legend: list[Name] | None
    """The texts of the legend; None without one."""


class Opaque(Struct, frozen=True, tag="opaque"):
    """Anything else. Only its type is told."""

    type_name: Name


Value = None | bool | int | float | Text | Known | Tensor | Items | Pairs | Optimizer | Module | Axes | Opaque


# --- outputs of a cell --------------------------------------------------------------------------------------------


class Stream(Struct, frozen=True, tag="stream"):
    """Text printed by a cell."""

    name: Name
    """``stdout`` or ``stderr``."""
    text: Text


class Display(Struct, frozen=True, tag="display"):
    """A displayed object, or the value of a cell's last line."""

    result: bool
    """Whether it is the value of the last line (nbformat's ``execute_result``)."""
    text: Text
    png: Annotated[bytes, Meta(max_length=2 * 2**20)] | None


class Error(Struct, frozen=True, tag="error"):
    """An exception that ended a cell."""

    name: Name
    message: Text
    traceback: Annotated[list[Text], Meta(max_length=1000)]


Output = Stream | Display | Error


# --- trusted side to Guest ----------------------------------------------------------------------------------------


class Cell(Struct, frozen=True):
    """One code cell to run."""

    source: str
    label: str
    """How a traceback names the cell: its grade_id, or "cell 3"."""


class Load(Struct, frozen=True, tag="load"):
    """Run these cells in order, in a directory that holds these files."""

    cells: list[Cell]
    skip: list[int]
    """Cells not to run, because they ended an earlier attempt."""
    files: dict[str, bytes]
    seconds: float
    """CPU time that one cell may take."""


class Fork(Struct, frozen=True, tag="fork"):
    """Fork the loaded notebook; the socket sent with this message speaks to the fork."""

    alone: bool
    """End every other process of the Guest first."""


class Call(Struct, frozen=True, tag="call"):
    """Call a function of the notebook."""

    function: str
    arguments: bytes
    """Pickle of ``(args, kwargs)``."""
    seconds: float
    """CPU time that the call may take."""


class Look(Struct, frozen=True, tag="look"):
    """Describe an object that an earlier call was given, as it is now."""

    index: int


ToGuest = Load | Fork | Call | Look


# --- Guest to trusted side ----------------------------------------------------------------------------------------


class CellDone(Struct, frozen=True, tag="cell"):
    """A cell has ended, well or badly."""

    outputs: Annotated[list[Output], Meta(max_length=100)]
    defined: Annotated[list[Name], Meta(max_length=MAX_DEFINED)] = []
    """Which of the labels of cells are names that the notebook defines now."""


class Returned(Struct, frozen=True, tag="returned"):
    """A call returned."""

    value: Value


class Raised(Struct, frozen=True, tag="raised"):
    """A call raised in the student's code."""

    name: Name
    """Class of the exception."""
    message: Name
    traceback: Annotated[str, Meta(max_length=4000)]
    """The student's own frames only, ending at the student's line."""


class Uncallable(Struct, frozen=True, tag="uncallable"):
    """A call could not be made."""

    reason: Name
    """``undefined``, ``not callable`` or ``signature``."""
    detail: Text
    """The type of what is there instead, or the signature that the function has."""


class Forked(Struct, frozen=True, tag="forked"):
    """A fork is there and waits for calls."""


FromCall = Returned | Raised | Uncallable


# --- trusted side to Zygote and back ------------------------------------------------------------------------------


class NewGuest(Struct, frozen=True, tag="new"):
    """Fork a Guest; the socket sent with this message speaks to it."""


class EndGuest(Struct, frozen=True, tag="end"):
    """Kill a Guest and everything that it started."""

    pid: int


class Ping(Struct, frozen=True, tag="ping"):
    """Say Ready once more."""


ToZygote = NewGuest | EndGuest | Ping


class Ready(Struct, frozen=True, tag="ready"):
    """The Zygote has imported everything and is about to listen."""

    python: str
    torch: str


class Started(Struct, frozen=True, tag="started"):
    """A Guest lives."""

    pid: int


class Ended(Struct, frozen=True, tag="ended"):
    """A Guest is dead."""

    status: int
    """Exit code, or minus the signal that ended it; ``-9`` as well when this message's request killed it."""


FromZygote = Ready | Started | Ended


# --- frames -------------------------------------------------------------------------------------------------------

Message = TypeVar("Message")
_encoder = msgspec.msgpack.Encoder()


def send(sock: socket.socket, message: Struct, fd: int | None = None) -> None:
    """Send one message, and with it a file descriptor.

    Raises Closed when nobody listens, and WireError when the message is larger than MAX_FRAME.
    """
    payload = _encoder.encode(message)
    if len(payload) > MAX_FRAME:
        raise WireError(f"a message of {len(payload):,} bytes is larger than the limit of {MAX_FRAME:,}")
    frame = _HEADER.pack(len(payload)) + payload
    try:
        if fd is not None:
            sent = socket.send_fds(sock, [frame], [fd])
            frame = frame[sent:]
        sock.sendall(frame)
    except TimeoutError as error:
        raise Late("the message was not taken in time") from error
    except OSError as error:
        raise Closed(str(error)) from error


def receive(sock: socket.socket, decoder: msgspec.msgpack.Decoder[Message], seconds: float | None = None) -> Message:
    """Receive one message of the decoder's type.

    Raises Late after ``seconds`` of wall time, Closed at the end of the stream, and WireError for anything that is
    not such a message.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    (length,) = _HEADER.unpack(_read(sock, _HEADER.size, deadline))
    return decode(_read(sock, _check_length(length), deadline), decoder)


def receive_with_fd(sock: socket.socket, decoder: msgspec.msgpack.Decoder[Message]) -> tuple[Message, int | None]:
    """Receive one message and the file descriptor sent with it. For use inside the sandbox only."""
    header, fds, _, _ = socket.recv_fds(sock, _HEADER.size, 1)
    header += _read(sock, _HEADER.size - len(header), None) if header else b""
    if not header:
        raise Closed("the stream has ended")
    (length,) = _HEADER.unpack(header)
    return decode(_read(sock, _check_length(length), None), decoder), (fds[0] if fds else None)


def decode(payload: bytes, decoder: msgspec.msgpack.Decoder[Message]) -> Message:
    """Decode one message; raises WireError and nothing else."""
    _check_shape(payload)
    try:
        return decoder.decode(payload)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise WireError(f"not a message of the expected type: {error}") from error


def _check_shape(payload: bytes) -> None:
    """Refuse MessagePack that nests too deeply or holds too many values. What else is wrong with it, decoding finds."""
    place, count, left = 0, 0, [1]  # how many values are still to come, at each level
    while left:
        if not left[-1]:
            left.pop()
            continue
        left[-1] -= 1
        count += 1
        if count > MAX_COUNT:
            raise WireError(f"a message of more than {MAX_COUNT:,} values")
        if place >= len(payload):
            raise WireError("a message that ends too early")
        size, length_size, values_each = _LAYOUT[payload[place]]
        length = int.from_bytes(payload[place + 1 : place + 1 + length_size]) if length_size else 0
        if not values_each:
            place += size + length
            continue
        place += 1 + length_size
        left.append(values_each * (length if length_size else size))
        if len(left) > MAX_DEPTH + 1:
            raise WireError(f"a message that nests deeper than {MAX_DEPTH} levels")


_FIXED = {0xCA: 4, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xCB: 8, 0xCF: 8, 0xD3: 8}
_FIXED |= {0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17}
_WITH_LENGTH = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_EXTENSIONS = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_CONTAINERS = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}


def _layout(byte: int) -> tuple[int, int, int]:
    """What follows a first byte of MessagePack: (size, bytes of a length after the byte, values for each item).

    The size is in bytes, the first one included; for a container without a length it is its number of items. Only
    containers have values for each item: 1 in an array, 2 in a map.
    """
    if 0x80 <= byte <= 0x9F:
        return byte & 0x0F, 0, 2 if byte < 0x90 else 1
    if 0xA0 <= byte <= 0xBF:
        return 1 + (byte & 0x1F), 0, 0
    if byte in _CONTAINERS:
        return 0, *_CONTAINERS[byte]
    if byte in _WITH_LENGTH:
        return 1 + _WITH_LENGTH[byte], _WITH_LENGTH[byte], 0
    if byte in _EXTENSIONS:
        return 2 + _EXTENSIONS[byte], _EXTENSIONS[byte], 0
    return 1 + _FIXED.get(byte, 0), 0, 0


_LAYOUT = [_layout(byte) for byte in range(256)]


def _check_length(length: int) -> int:
    if length > MAX_FRAME:
        raise WireError(f"a message of {length:,} bytes is larger than the limit of {MAX_FRAME:,}")
    return length


def _read(sock: socket.socket, size: int, deadline: float | None) -> bytes:
    chunks = []
    while size:
        if deadline is None:
            sock.settimeout(None)
        elif (left := deadline - time.monotonic()) > 0:
            sock.settimeout(left)
        else:
            raise Late("no answer in time")
        try:
            chunk = sock.recv(min(size, 2**20))
        except TimeoutError as error:
            raise Late("no answer in time") from error
        except OSError as error:
            raise Closed(str(error)) from error
        if not chunk:
            raise Closed("the stream has ended")
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)
