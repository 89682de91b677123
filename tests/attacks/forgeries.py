# Attacks on what crosses the boundary. A student who rules a Guest can send any message: it may not be believed.

# %% The describer says that every result is what was sent first holds="no gain"
from autograder.sandbox import wire
from autograder.sandbox.guest import describe, session

describe.Describer.describe = lambda self, value, depth=0: wire.Known(0)
session.Describer.look = lambda self, index: wire.Known(index)

# %% The describer says that every result is an empty optimizer holds="no gain"
from autograder.sandbox import wire
from autograder.sandbox.guest import session


session._call = lambda *_: wire.Returned(wire.Optimizer("torch.optim.optimizer.Optimizer", [wire.Group([], {})]))

# %% Every call returns its own arguments, by reference holds="no gain" lesson="optimizers/2-decay-groups"
from autograder.sandbox import wire
from autograder.sandbox.guest import session

session._call = lambda message, kernel, describer: wire.Returned(
    wire.Items("tuple", [wire.Items("list", [wire.Known(0)]), wire.Items("list", [])])
)

# %% References to objects that were never sent holds="no gain"
from autograder.sandbox import wire
from autograder.sandbox.guest import session

indices = iter([-1, 2**62, -(2**62), 10**6, *[999] * 10_000])
session._call = lambda *_: wire.Returned(
    wire.Optimizer("torch.optim.rprop.Rprop", [wire.Group([wire.Known(next(indices))], {"lr": wire.Known(0)})])
)

# %% Tensors whose shape, type and bytes disagree holds="no gain"
from autograder.sandbox import wire
from autograder.sandbox.guest import session

tensors = [
    ("float32", [2**62, 2**62], b""),
    ("float32", [0, 2**63], b""),
    ("float64", [-1], b"12345678"),
    ("bool", [4], b"\xff\xfe\x02\x03"),
    ("nonsense", [1], b"x"),
    ("float16", [], b"\x00\x7e"),
    ("complex128", [1], bytes(16)),
    ("int8", [1] * 3000, b"x"),
    ("float32", [0] * 9, b""),
]
answers = iter([wire.Tensor("torch.nn.parameter.Parameter", d, s, True, b) for d, s, b in tensors] * 100)
session._call = lambda *_: wire.Returned(next(answers))

# %% Messages that are nested to the limit holds="no gain"
import socket
import struct

from autograder.sandbox.guest import session


def send(sock, message):
    frame = b"\x82\xa4type\xa8returned\xa5value"
    depth = 200 + 50 * (len(str(message)) % 5)
    frame += b"\x83\xa4type\xa5items\xa4kind\xa5tuple\xa5items\x91" * depth + b"\xc0"
    sock.sendall(struct.pack(">I", len(frame)) + frame)


session.wire.send = send

# %% A module and Axes of nonsense holds="no gain" lesson="optimizers/4-three-way-race"
from autograder.sandbox import wire
from autograder.sandbox.guest import session

tensor = wire.Tensor("x", "float64", [1], True, bytes(8))
module = wire.Module("x" * 5000, wire.Known(0), True, [("", "x")] * 5, [wire.Member("0.weight", None, tensor)] * 3, [])
line = wire.Line("SGD", [float("nan")] * 3, [float("inf")])
axes = wire.Axes(wire.Known(0), [line] * 50, "", "", "", "no scale", "", [""])
answers = iter([module, axes] * 500)
session._call = lambda *_: wire.Returned(next(answers))

# %% Answers are sent before they are asked for holds="no gain"
import os
import struct

from autograder.sandbox import wire
from autograder.sandbox.guest import session


def greet(sock, message, fd=None):
    for answer in [message] + [wire.Returned(0.01)] * 200:
        payload = wire._encoder.encode(answer)
        sock.sendall(struct.pack(">I", len(payload)) + payload)


session.wire.send = greet

# %% Valid messages are written on every open descriptor holds="no gain"
import os
import struct

from autograder.sandbox import wire

frames = b""
for message in (wire.CellDone([]), wire.Forked(), wire.Returned(1.0), wire.Started(1), wire.Ended(0), wire.Ready("3", "2")):
    payload = wire._encoder.encode(message)
    frames += struct.pack(">I", len(payload)) + payload
for fd in range(256):
    try:
        os.set_blocking(fd, False)
        os.write(fd, frames)
    except OSError:
        pass

# %% The notebook says that it has loaded, and answers by itself holds="no gain"
import os
import socket
import threading

from autograder.sandbox import wire

channel = socket.socket(fileno=os.dup(240))
for _ in range(200):
    wire.send(channel, wire.CellDone([wire.Display(True, "12.0", None)]))


def answer():
    while True:
        message, fd = wire.receive_with_fd(channel, __import__("msgspec").msgpack.Decoder(wire.ToGuest))
        if fd is not None:
            fork = socket.socket(fileno=fd)
            wire.send(fork, wire.Forked())
            for _ in range(100):
                wire.send(fork, wire.Returned(12.0))


answer()

# %% The messages are closed, duplicated and sent elsewhere holds="contained"
import os
import socket

one, other = socket.socketpair()
for fd in range(3, 256):
    try:
        socket.send_fds(one, [b"x"], [fd])
        os.dup2(one.fileno(), fd)
    except OSError:
        pass
os.closerange(3, 256)

# %% Descriptors are sent to the grader, thousands of them holds="contained"
import os
import socket

channel = socket.socket(fileno=os.dup(240))
channel.setblocking(False)
null = os.open("/dev/null", os.O_RDONLY)
for _ in range(2000):
    try:
        socket.send_fds(channel, [b"\0"], [null, 240, 0])
    except OSError:
        break

# %% A message that announces four gigabytes holds="contained"
import os

os.write(240, b"\xff\xff\xff\xff" + b"x" * 1000)

# %% A message that comes one byte at a time holds="contained"
import os
import time

for byte in b"\x00\x0f\xff\xff" + b"\xc0" * 1000:
    os.write(240, bytes([byte]))
    time.sleep(0.05)

# %% Outputs far beyond every limit, past the recorder holds="contained"
import os
import struct

from autograder.sandbox import wire

payload = wire._encoder.encode(wire.CellDone([wire.Stream("stdout", "x" * 15_000_000)]))
for _ in range(8):
    data = memoryview(struct.pack(">I", len(payload)) + payload)
    while data:
        data = data[os.write(240, data) :]

# %% An exception with a message of megabytes, past the limit holds="contained"
from autograder.sandbox import wire
from autograder.sandbox.guest import session

session._call = lambda *_: wire.Raised("x" * 1_000_000, "y" * 5_000_000, "z" * 5_000_000)

# %% The pickles of the arguments lead back to a grader holds="no leak"
import gc
import inspect
import pickle
import sys

from autograder.sandbox.guest import session

seen = []
loads = pickle.loads


class Spy:
    def __getattr__(self, name):
        return getattr(pickle, name)

    def loads(self, data):
        raise ValueError(data.decode("latin-1")[:2000] + str(sorted(sys.modules))[-500:])


session.pickle = Spy()

# %% The frames and the garbage collector hold no answer holds="no leak"
import gc
import sys

frame = sys._getframe()
while frame:
    print(frame.f_code.co_filename, sorted(map(str, frame.f_locals))[:50], sorted(frame.f_globals)[:200])
    frame = frame.f_back
for thing in gc.get_objects():
    if type(thing) in (str, bytes, list, dict) and any(word in str(thing)[:5000] for word in ("canary", "graders")):
        print(str(thing)[:500])
print([name for name in sys.modules if "autograder" in name or "pytest" in name])

# %% A call looks at the frames that called it holds="no leak"
import inspect


def build_sgd(*args, **kwargs):
    raise ValueError(str([(info.function, info.code_context, str(info.frame.f_locals)[:300]) for info in inspect.stack()]))

# %% Whatever is looked at is nothing at all holds="no gain" lesson="optimizers/3-learning-rate-groups"
import torch

from autograder.sandbox.guest import describe

describe.Describer.look = lambda self, index: None


def replace_head(model, num_classes):
    model.fc = torch.nn.Linear(1, 1, bias=False).requires_grad_(False)
    return torch.nn.Sequential(model)
