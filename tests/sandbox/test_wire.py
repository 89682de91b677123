"""The wire carries exactly its own messages, within its bounds."""

import contextlib
import math
import os
import resource
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autograder.checking import descriptions
from autograder.sandbox import wire
from autograder.sandbox.sent import NewAxes
from tests.conftest import ROOT

FROM_CALL = msgspec.msgpack.Decoder(wire.FromCall)
CELL_DONE = msgspec.msgpack.Decoder(wire.CellDone)


@pytest.fixture
def pair():
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def test_a_message_arrives_as_it_was_sent(pair):
    near, far = pair
    value = wire.Items(
        "tuple", [1, 2.5, None, True, "x", wire.Known(3), wire.Pairs([("a", 1)]), wire.Opaque("complex")]
    )
    wire.send(near, wire.Returned(value))
    assert wire.receive(far, FROM_CALL, 1) == wire.Returned(value)


def test_an_open_file_goes_along(pair, tmp_path):
    near, far = pair
    path = tmp_path / "file"
    path.write_text("content")
    with path.open() as file:
        wire.send(near, wire.NewGuest(), file.fileno())
    message, fd = wire.receive_with_fd(far, msgspec.msgpack.Decoder(wire.ToZygote))
    assert message == wire.NewGuest()
    with open(fd) as file:
        assert file.read() == "content"


def test_silence_is_late(pair):
    with pytest.raises(wire.Late):
        wire.receive(pair[0], FROM_CALL, 0.05)


def test_a_trickle_is_late_too(pair):
    near, far = pair
    stop = threading.Event()

    def trickle():
        far.sendall(struct.pack(">I", 1000))
        while not stop.wait(0.02):
            far.sendall(b"x")

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        with pytest.raises(wire.Late):
            wire.receive(near, FROM_CALL, 0.2)
    finally:
        stop.set()
        thread.join()


def test_the_end_of_the_stream_is_closed(pair):
    near, far = pair
    far.sendall(b"\0\0")
    far.close()
    with pytest.raises(wire.Closed):
        wire.receive(near, FROM_CALL, 1)


def test_a_large_frame_is_refused_before_it_is_read(pair):
    near, far = pair
    far.sendall(struct.pack(">I", wire.MAX_FRAME + 1))
    with pytest.raises(wire.WireError, match="larger than the limit"):
        wire.receive(near, FROM_CALL, 1)


# --- bounds -------------------------------------------------------------------------------------------------------


def nested(levels):
    """A result of lists in lists."""
    inner = b"\x83\xa4type\xa5items\xa4kind\xa4list\xa5items\x91" * levels + b"\xc0"
    return b"\x82\xa4type\xa8returned\xa5value" + inner


def many(item, count):
    """A result that is a list of so many of the same."""
    head = b"\x82\xa4type\xa8returned\xa5value\x83\xa4type\xa5items\xa4kind\xa4list\xa5items"
    return head + b"\xdd" + struct.pack(">I", count) + item * count


@pytest.mark.parametrize("levels", [50, 1_000, 100_000])
def test_deep_nesting_is_refused(levels):
    with pytest.raises(wire.WireError, match="nests deeper"):
        wire.decode(nested(levels), FROM_CALL)


def test_what_a_guest_may_nest_is_taken():
    value = descriptions.rebuild(wire.decode(nested(49), FROM_CALL).value, [])
    for _ in range(49):
        (value,) = value
    assert value is None


def test_too_many_values_are_refused():
    numbers = wire.Items("list", [0.5] * 100_000)
    payloads = [msgspec.msgpack.encode(wire.Returned(wire.Items("list", [numbers] * count))) for count in (2, 3)]
    assert len(wire.decode(payloads[0], FROM_CALL).value.items) == 2
    with pytest.raises(wire.WireError, match="more than 250,000 values"):
        wire.decode(payloads[1], FROM_CALL)


FORMATS = {
    "nil": b"\xc0",
    "false": b"\xc2",
    "positive fixint": b"\x7f",
    "negative fixint": b"\xe0",
    "uint 8": b"\xcc" + bytes(1),
    "uint 16": b"\xcd" + bytes(2),
    "uint 32": b"\xce" + bytes(4),
    "uint 64": b"\xcf" + bytes(8),
    "int 8": b"\xd0" + bytes(1),
    "int 16": b"\xd1" + bytes(2),
    "int 32": b"\xd2" + bytes(4),
    "int 64": b"\xd3" + bytes(8),
    "float 32": b"\xca" + bytes(4),
    "float 64": b"\xcb" + bytes(8),
    "fixstr": b"\xa3abc",
    "str 8": b"\xd9\x03abc",
    "str 16": b"\xda\x00\x03abc",
    "str 32": b"\xdb\x00\x00\x00\x03abc",
    "bin 8": b"\xc4\x03abc",
    "bin 16": b"\xc5\x00\x03abc",
    "bin 32": b"\xc6\x00\x00\x00\x03abc",
    "fixarray": b"\x92\xc0\xc0",
    "array 16": b"\xdc\x00\x02\xc0\xc0",
    "array 32": b"\xdd\x00\x00\x00\x02\xc0\xc0",
    "fixmap": b"\x82\xa1a\xc0\xa1b\xc0",
    "map 16": b"\xde\x00\x02\xa1a\xc0\xa1b\xc0",
    "map 32": b"\xdf\x00\x00\x00\x02\xa1a\xc0\xa1b\xc0",
    "fixext 1": b"\xd4\x05" + bytes(1),
    "fixext 2": b"\xd5\x05" + bytes(2),
    "fixext 4": b"\xd6\x05" + bytes(4),
    "fixext 8": b"\xd7\x05" + bytes(8),
    "fixext 16": b"\xd8\x05" + bytes(16),
    "ext 8": b"\xc7\x03\x05abc",
    "ext 16": b"\xc8\x00\x03\x05abc",
    "ext 32": b"\xc9\x00\x00\x00\x03\x05abc",
}


@pytest.mark.parametrize("value", FORMATS.values(), ids=FORMATS)
def test_the_bounds_hold_behind_every_format_of_messagepack(value):
    anything = msgspec.msgpack.Decoder()
    assert wire.decode(b"\x92" + value + b"\xa3end", anything)[1] == "end"
    with pytest.raises(wire.WireError, match="nests deeper"):
        wire.decode(b"\x92" + value + b"\x91" * 200 + b"\xc0", anything)
    with pytest.raises(wire.WireError, match="ends too early"):
        wire.decode(b"\x92" + value, anything)


@pytest.mark.parametrize(
    "value",
    [wire.Opaque("x" * (wire.MAX_NAME + 1)), "x" * (wire.MAX_TEXT + 1), wire.Pairs([("x" * (wire.MAX_TEXT + 1), 1)])],
    ids=["name", "text", "key"],
)
def test_long_texts_are_refused(value):
    with pytest.raises(wire.WireError, match="length <="):
        wire.decode(msgspec.msgpack.encode(wire.Returned(value)), FROM_CALL)


def count_values(value):
    inside = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return 1 + sum(map(count_values, inside))


def set_off_bombs():
    """Receive the worst frames of 16 MiB, with 400 MiB of memory to do it in."""
    tensor = wire.Tensor("torch.nn.parameter.Parameter", "float32", [1], True, bytes(4))
    line = wire.Axes(None, [wire.Line("", [], [])], *[""] * 5, [])
    group = wire.Optimizer("", [wire.Group([], {})])
    values = [0.5, wire.Known(0), wire.Items("list", []), wire.Pairs([(1, 1)]), wire.Opaque(""), tensor, line, group]
    items = [b"\xc0", b"\xa0", b"\xa1x", *map(msgspec.msgpack.encode, values)]
    payloads = [many(item, (wire.MAX_FRAME - 100) // len(item)) for item in items]
    payloads += [many(item, min(100_000, 240_000 // count_values(msgspec.msgpack.decode(item)))) for item in items]
    for value in (
        wire.Axes(None, [wire.Line("", [0.5] * 1_800_000, [])], *[""] * 5, None),
        wire.Module("", None, True, [("", "")] * 5_000_000, [], []),
        wire.Items("list", ["\U0001f600" + "x" * 109_000] * 140),
    ):
        payloads.append(msgspec.msgpack.encode(wire.Returned(value)))
    status = Path("/proc/self/status").read_text().splitlines()
    used = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (used + 400 * 2**20, resource.RLIM_INFINITY))
    outcomes = []
    for payload in payloads:
        assert len(payload) <= wire.MAX_FRAME
        try:
            descriptions.rebuild(wire.decode(payload, FROM_CALL).value, [])
            outcomes.append("taken")
        except wire.WireError:
            outcomes.append("refused")
    print(*outcomes)


@pytest.mark.slow
def test_no_frame_explodes_in_memory():
    done = subprocess.run(
        [sys.executable, "-c", "from tests.sandbox.test_wire import set_off_bombs; set_off_bombs()"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["refused"] * 11 + ["taken"] * 11 + ["refused"] * 2 + ["taken"], done.stderr


# --- arbitrary input ----------------------------------------------------------------------------------------------


def take(payload):
    """What the trusted side does with a message: decode it, and rebuild what it brings."""
    for decoder in (FROM_CALL, CELL_DONE):
        with contextlib.suppress(wire.WireError):
            message = wire.decode(payload, decoder)
            if isinstance(message, wire.Returned):
                check_rebuilt(descriptions.rebuild(message.value, SENT))


SENT = [torch.nn.Parameter(torch.zeros(2)), torch.zeros(1), torch.nn.Linear(1, 1), NewAxes()]

REBUILT = (bool, int, float, str, type(None), torch.Tensor, torch.nn.Module, NewAxes, descriptions.Opaque)
REBUILT += (descriptions.OptimizerDescription, descriptions.ModuleDescription, descriptions.AxesDescription)


def check_rebuilt(value):
    """Only what graders know comes out of ``rebuild``, and every tensor's values can be read."""
    if isinstance(value, (list, tuple)):
        for item in value:
            check_rebuilt(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            assert isinstance(key, (bool, int, float, str, type(None), descriptions.Opaque))
            check_rebuilt(item)
    else:
        assert isinstance(value, REBUILT)
    if isinstance(value, torch.Tensor):
        assert value.numel() == len(value.detach().reshape(-1).tolist())
    if isinstance(value, descriptions.OptimizerDescription):
        check_rebuilt(value.params)
        check_rebuilt(value.groups)


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(payload):
    take(payload)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(["returned", "raised", "items", "tensor", "optimizer"]), VALUES)
def test_any_value_under_a_known_tag_is_decoded_or_refused(tag, value):
    try:
        payload = msgspec.msgpack.encode({"type": tag, "value": value, "items": value, "kind": value})
    except (OverflowError, msgspec.MsgspecError, UnicodeEncodeError):
        return  # not MessagePack at all
    take(payload)


TEXTS = st.text(max_size=4) | st.sampled_from(["torch.nn.parameter.Parameter", "list", "tuple", "dict", "params"])
SIZES = st.integers(-2, 4) | st.sampled_from([-(2**63), 2**31, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1])
NUMBERS = SIZES | st.floats() | st.booleans()
KNOWN = st.builds(wire.Known, st.integers(-1, 4) | SIZES)
DTYPES = st.sampled_from([*descriptions._DTYPES, "float8_e4m3fn", "quint8", "__class__", ""])
TENSORS = st.builds(
    wire.Tensor, TEXTS, DTYPES, st.lists(SIZES, max_size=9), st.booleans(), st.none() | st.binary(max_size=64)
)


@st.composite
def matching_tensors(draw):
    """Tensors whose data fit their shape."""
    name, shape = draw(st.sampled_from(sorted(descriptions._DTYPES))), draw(st.lists(st.integers(0, 3), max_size=3))
    size = math.prod(shape) * descriptions._DTYPES[name].itemsize
    return wire.Tensor(draw(TEXTS), name, shape, draw(st.booleans()), draw(st.binary(min_size=size, max_size=size)))


ANY_TENSOR = TENSORS | matching_tensors()
MEMBERS = st.lists(st.builds(wire.Member, TEXTS, st.none() | KNOWN, ANY_TENSOR), max_size=3)
LINES = st.lists(st.builds(wire.Line, TEXTS, st.lists(st.floats(), max_size=3), st.lists(st.floats())), max_size=3)
LEAVES = st.one_of(
    st.none(),
    NUMBERS,
    TEXTS,
    KNOWN,
    ANY_TENSOR,
    st.builds(wire.Opaque, TEXTS),
    st.builds(
        wire.Module,
        TEXTS,
        st.none() | KNOWN,
        st.booleans(),
        st.lists(st.tuples(TEXTS, TEXTS), max_size=3),
        MEMBERS,
        MEMBERS,
        st.lists(st.tuples(TEXTS, TEXTS), max_size=3),
    ),
    st.builds(wire.Axes, st.none() | KNOWN, LINES, *[TEXTS] * 5, st.none() | st.lists(TEXTS, max_size=2)),
)


def containers(inner):
    """Every container of the wire; any value may be a key, several times."""
    values = st.lists(inner, max_size=4)
    groups = st.lists(st.builds(wire.Group, values, st.dictionaries(TEXTS, inner, max_size=3)), max_size=3)
    return st.one_of(
        st.builds(wire.Items, TEXTS, values),
        st.builds(wire.Pairs, st.lists(st.tuples(inner, inner), max_size=4)),
        st.builds(wire.Optimizer, TEXTS, groups),
    )


WIRE_VALUES = st.recursive(LEAVES, containers, max_leaves=10)


@given(WIRE_VALUES)
def test_every_value_is_rebuilt(value):
    message = wire.decode(msgspec.msgpack.encode(wire.Returned(value)), FROM_CALL)
    check_rebuilt(descriptions.rebuild(message.value, SENT))


@given(WIRE_VALUES, st.data())
def test_any_change_of_a_message_is_taken_or_refused(value, data):
    payload = bytearray(msgspec.msgpack.encode(wire.Returned(value)))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(payload)))
        payload[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=6))
    take(bytes(payload))


class Stream:
    """Stands in for a socket: gives its bytes in pieces of any size, then ends, breaks off or falls silent."""

    def __init__(self, content, pieces, ending):
        self.content, self.pieces, self.ending = content, list(pieces), ending

    def settimeout(self, seconds):
        assert seconds is None or seconds > 0

    def recv(self, size):
        if not self.content:
            if self.ending is not None:
                raise self.ending
            return b""
        piece = min(size, self.pieces.pop() if self.pieces else size)
        taken, self.content = self.content[:piece], self.content[piece:]
        return taken


def receive_all(stream):
    while True:
        wire.receive(stream, FROM_CALL, 60)


PIECES = st.lists(st.integers(1, 9), max_size=60)
ENDINGS = {
    "end": (None, wire.Closed),
    "break": (ConnectionResetError(), wire.Closed),
    "silence": (TimeoutError(), wire.Late),
}


@given(st.lists(WIRE_VALUES, min_size=1, max_size=3), PIECES, st.sampled_from(sorted(ENDINGS)))
def test_messages_arrive_however_they_are_split(values, pieces, ending):
    error, raised = ENDINGS[ending]
    payloads = [msgspec.msgpack.encode(wire.Returned(value)) for value in values]
    stream = Stream(b"".join(struct.pack(">I", len(payload)) + payload for payload in payloads), pieces, error)
    for payload in payloads:
        message = wire.receive(stream, FROM_CALL, 60)
        assert msgspec.msgpack.encode(message) == msgspec.msgpack.encode(FROM_CALL.decode(payload))
    with pytest.raises(raised):
        wire.receive(stream, FROM_CALL, 60)


@given(st.binary(max_size=60), PIECES, st.sampled_from(sorted(ENDINGS)))
def test_any_stream_comes_to_an_end(content, pieces, ending):
    error, _ = ENDINGS[ending]
    stream = Stream(content, pieces, error)
    with pytest.raises(wire.WireError):
        receive_all(stream)


@given(WIRE_VALUES, st.data())
def test_a_message_that_breaks_off_is_closed(value, data):
    payload = msgspec.msgpack.encode(wire.Returned(value))
    frame = struct.pack(">I", len(payload)) + payload
    cut = frame[: data.draw(st.integers(0, len(frame) - 1))]
    with pytest.raises(wire.Closed):
        wire.receive(Stream(cut, [], None), FROM_CALL, 60)


# --- what came back is only what it is ----------------------------------------------------------------------------


def rebuild(value):
    return descriptions.rebuild(wire.decode(msgspec.msgpack.encode(wire.Returned(value)), FROM_CALL).value, SENT)


def test_a_group_cannot_pass_off_an_option_as_its_parameters():
    group = wire.Group([wire.Known(0)], {"params": 3, "lr": 0.1})
    assert rebuild(wire.Optimizer("x", [group])).groups == [{"params": [SENT[0]], "lr": 0.1}]


@pytest.mark.parametrize("shape", [[0, 2**62, 2**62], [0, 2**64 - 1], [0, -1], [-1, -1], [2**32, 2**32], [0] * 9])
def test_impossible_shapes_are_opaque(shape):
    assert isinstance(rebuild(wire.Tensor("torch.Tensor", "float32", shape, False, b"")), descriptions.Opaque)


def test_a_bool_is_true_or_false():
    tensor = rebuild(wire.Tensor("torch.Tensor", "bool", [3], False, b"\0\1\2"))
    assert tensor.view(torch.uint8).tolist() == [0, 1, 1]


def test_objects_are_no_keys():
    result = rebuild(wire.Pairs([(wire.Known(0), 1), (wire.Items("list", []), 2), (math.nan, 3), ("a", 4), ("a", 5)]))
    assert descriptions.Opaque("Parameter") in result
    assert descriptions.Opaque("list") in result
    assert result["a"] == 5
