"""The life of one Guest: run the cells of a notebook once, then fork for each check and serve its calls."""

from __future__ import annotations

import contextlib
import gc
import inspect
import os
import pickle
import socket
import traceback
from pathlib import Path

import msgspec
import torch

from autograder.sandbox import wire
from autograder.sandbox.guest import descriptors
from autograder.sandbox.guest.describe import Describer, type_name
from autograder.sandbox.guest.isolation import Isolation
from autograder.sandbox.guest.kernel import Kernel, cpu_limit, seed_everything
from autograder.sandbox.sent import Generator, reduce_tensor

_decoder = msgspec.msgpack.Decoder(wire.ToGuest)


def serve(channel: socket.socket, kernel: Kernel, isolation: Isolation) -> None:
    """Serve the trusted side until it hangs up."""
    while True:
        try:
            message, fd = wire.receive_with_fd(channel, _decoder)
        except wire.Closed:
            return
        if isinstance(message, wire.Load):
            _load(message, channel, kernel)
        elif isinstance(message, wire.Fork):
            assert fd is not None  # the trusted side sends one
            if message.alone:
                isolation.end_others()
            _reap()
            if _fork(isolation) == 0:
                channel.close()
                _serve_calls(socket.socket(fileno=descriptors.as_channel(fd)), kernel)
                os._exit(0)
            os.close(fd)


def _load(message: wire.Load, channel: socket.socket, kernel: Kernel) -> None:
    for name, content in message.files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    seed_everything()
    labels = dict.fromkeys(cell.label for cell in message.cells)
    for index, cell in enumerate(message.cells):
        outputs = [] if index in message.skip else kernel.run(cell, message.seconds)
        defined = [label for label in labels if label in kernel.user_ns][: wire.MAX_DEFINED]
        wire.send(channel, wire.CellDone(outputs, defined))
    gc.freeze()


def _fork(isolation: Isolation) -> int:
    try:
        return os.fork()
    except OSError:  # an earlier fork has left too many processes behind
        isolation.end_others()
        _reap()
        return os.fork()


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _serve_calls(channel: socket.socket, kernel: Kernel) -> None:
    _touch()
    describer = Describer()
    wire.send(channel, wire.Forked())
    while True:
        try:
            message, _ = wire.receive_with_fd(channel, _decoder)
        except wire.Closed:
            return
        if isinstance(message, wire.Look):
            answer: wire.FromCall = wire.Returned(describer.look(message.index))
        else:
            answer = _call(message, kernel, describer)
        wire.send(channel, answer)


def _touch() -> None:
    """Use what every call uses, so that the memory it needs is copied while the trusted side is still busy."""
    with contextlib.suppress(Exception):  # the student may have changed torch
        make, parts = reduce_tensor(torch.nn.Parameter(torch.zeros(1)))  # as the other side sends it
        Describer().describe(torch.optim.AdamW([make(*pickle.loads(pickle.dumps(parts)))]))


def _call(message: wire.Call, kernel: Kernel, describer: Describer) -> wire.FromCall:
    args, kwargs = pickle.loads(message.arguments)
    describer.learn([args, kwargs])
    args = tuple((item for item in arg) if isinstance(arg, Generator) else arg for arg in args)
    if message.function not in kernel.user_ns:
        return wire.Uncallable("undefined", "")
    function = kernel.user_ns[message.function]
    if not callable(function):
        return wire.Uncallable("not callable", type_name(type(function)))
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        signature = None  # a builtin without one
    if signature is not None:
        try:
            signature.bind(*args, **kwargs)
        except TypeError:
            return wire.Uncallable("signature", str(signature))
    try:
        with cpu_limit(message.seconds):
            value = kernel.silently(lambda: function(*args, **kwargs))
            return wire.Returned(describer.describe(value))
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: they are the student's
        return _raised(error, kernel)


def _raised(error: BaseException, kernel: Kernel) -> wire.Raised:
    try:
        message = str(error)
    except Exception:
        message = "".join(traceback.format_exception_only(error))
    return wire.Raised(type_name(type(error)), message[:2000], kernel.student_frames(error.__traceback__)[:4000])
