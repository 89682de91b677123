"""The wire carries exactly its own messages, within its bounds."""

import contextlib
import socket
import struct
import threading

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder import wire

FROM_CALL = msgspec.msgpack.Decoder(wire.FromCall)


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


def test_deep_nesting_is_refused():
    inner = b"\x83\xa4type\xa5items\xa4kind\xa4list\xa5items\x91" * 100_000 + b"\xc0"
    with pytest.raises(wire.WireError):
        wire.decode(b"\x82\xa4type\xa8returned\xa5value" + inner, FROM_CALL)


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(payload):
    with contextlib.suppress(wire.WireError):
        wire.decode(payload, FROM_CALL)


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
    with contextlib.suppress(wire.WireError):
        wire.decode(payload, FROM_CALL)
