# Attacks that want to read what is not theirs. HOST tells them where it lies: it must be out of reach all the same.

# %% The files of the course are read by their names holds="no leak"
import os

for path in HOST["files"]:
    for name in (path, f"/proc/1/root{path}", f"/proc/self/root{path}", f"/proc/{os.getppid()}/root{path}"):
        try:
            print(open(name, errors="replace").read())
        except OSError as error:
            print(error.strerror)

# %% Links to the files of the course are read holds="no leak"
import os

for number, path in enumerate(HOST["files"]):
    for link in (os.symlink, os.link):
        name = f"{link.__name__}{number}"
        try:
            link(path, name)
            print(open(name, errors="replace").read())
        except OSError as error:
            print(error.strerror)

# %% The folders around the course are listed holds="no leak"
import os

for path in HOST["files"]:
    while len(path) > 1:
        path = os.path.dirname(path)
        try:
            for name in os.listdir(path)[:2000]:
                if "canary" in name:
                    print(name, open(os.path.join(path, name)).read())
        except OSError as error:
            print(error.strerror)

# %% Every environment in reach holds="no leak"
import glob
import os

print(dict(os.environ), os.popen("env").read())
for name in [*glob.glob("/proc/*/environ"), *glob.glob("/proc/*/cmdline"), f"/proc/{os.getppid()}/environ"]:
    try:
        print(open(name, errors="replace").read())
    except OSError as error:
        print(name, error.strerror)

# %% The memory of every process in reach holds="no leak"
import glob
import os
import re

for folder in [*glob.glob("/proc/[0-9]*"), f"/proc/{os.getppid()}"]:
    try:
        maps = open(f"{folder}/maps").read()
        memory = open(f"{folder}/mem", "rb")
        for start, end in re.findall(r"^(\w+)-(\w+) rw.*\[heap\]$", maps, re.M):
            memory.seek(int(start, 16))
            content = memory.read(min(int(end, 16) - int(start, 16), 2**26))
            print(re.findall(rb"can" rb"ary-\w+", content))
    except OSError as error:
        print(folder, error.strerror)

# %% The memory of the parent is read with ptrace and process_vm_readv holds="no leak"
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(4096)
for pid in {os.getppid(), 1, *range(2, 2000)} - {os.getpid()}:
    if libc.ptrace(16, pid, 0, 0) == 0:
        print("attached to", pid)
        os.kill(pid, 9)
    libc.process_vm_readv(pid, buffer, 1, buffer, 1, 0)

# %% What an earlier submission has left behind holds="no leak"
import glob
import os
import sys

for folder in ("/tmp", "/box", "/dev/shm", "/var/tmp", os.getcwd(), os.path.dirname(os.getcwd()), os.environ["HOME"]):
    for path in glob.glob(f"{folder}/**", recursive=True)[:5000]:
        try:
            if os.path.isfile(path) and "autograder" not in path:
                print(open(path, errors="replace").read()[:500])
        except OSError as error:
            print(path, error.strerror)
print(sys.modules.get("left_behind"), globals().get("SECRET"))

# %% The notes of the kernel for this user holds="no leak"
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(1000)
for keyring in (-1, -2, -3, -4, -5):
    if libc.syscall(250, 11, keyring, buffer, 1000) > 0:
        print(buffer.raw)
for key in range(0x1230, 0x1240):
    segment = libc.shmget(key, 4096, 0)
    if segment >= 0:
        libc.shmat.restype = ctypes.c_void_p
        print(ctypes.string_at(libc.shmat(segment, None, 0), 100))

# %% A note for the next submission, in the kernel holds="contained"
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
print(libc.syscall(248, b"user", b"attack-note", b"take this", 9, -4))
print(libc.shmget(0x1234, 4096, 0o1666))
print(libc.msgget(0x1234, 0o1666))
print(libc.semget(0x1234, 1, 0o1666))
print(libc.mq_open(b"/attack-note", 0o102, 0o666, None) if hasattr(libc, "mq_open") else "")

# %% A connection to the network holds="contained"
import socket

for address in (("127.0.0.1", HOST["port"]), ("192.0.2.1", 80), ("::1", HOST["port"])):
    for kind, protocol in ((1, 0), (1, 262), (1, 132), (2, 0), (5, 132), (2, 136), (3, 1), (2, 1)):
        try:
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
            with socket.socket(family, kind, protocol) as sock:
                sock.settimeout(0.3)
                sock.connect(address)
                sock.send(b"attack")
                print("connected", address, kind, protocol)
        except OSError as error:
            print(error.strerror)
try:
    socket.socket().sendto(b"attack", 0x20000000, ("127.0.0.1", HOST["port"]))
except OSError as error:
    print(error.strerror)

# %% A name is looked up holds="contained"
import socket
import urllib.request

for attempt in (lambda: socket.getaddrinfo("example.org", 80), lambda: urllib.request.urlopen("http://192.0.2.1", None, 1)):
    try:
        print(attempt())
    except OSError as error:
        print(error)

# %% A door for others to come in holds="contained"
import socket

for family in (socket.AF_INET, socket.AF_INET6):
    try:
        door = socket.socket(family)
        door.listen()
        print("listening", door.getsockname())
        assert False
    except OSError as error:
        print(error.strerror)

# %% A connection to a socket in the file system, and to an abstract one holds="contained"
import socket

for address in (HOST["socket"], "\0" + HOST["abstract"], "/run/dbus/system_bus_socket", "/var/run/docker.sock"):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        try:
            with socket.socket(socket.AF_UNIX, kind) as sock:
                sock.settimeout(0.5)
                sock.connect(address)
                sock.send(b"attack")
                print("connected", address)
        except OSError as error:
            print(error.strerror)

# %% HTML, script and terminal codes in everything that is shown holds="contained"
import sys

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"
print(EVIL)
print(EVIL, file=sys.stderr)
display(EVIL)
display({"text/html": EVIL}, raw=True)
display({"image/svg+xml": EVIL, "application/javascript": EVIL, "text/latex": EVIL, "text/plain": EVIL}, raw=True)
type(EVIL, (Exception,), {})


def build_sgd(*args, **kwargs):
    raise type(EVIL, (Exception,), {})(EVIL)


def build_adam(*args, **kwargs):
    return type(EVIL, (), {})()


def build_adamw(*args, **kwargs):
    return EVIL


exec(f"def decay_pull(a, b={EVIL!r}): pass")

# %% Terminal codes in the names of keys and labels holds="contained" lesson="optimizers/4-three-way-race"
EVIL = "<script>alert(1)</script>\x1b[2J\x1b]0;owned\x07"


def three_way_race(*args, **kwargs):
    return {EVIL: []}


def race_report(curves):
    return {EVIL: 1.0}


def plot_race(curves, ax=None):
    import matplotlib.pyplot as plt

    ax = ax or plt.subplots()[1]
    ax.plot([1, 2], label=EVIL)
    ax.set_xlabel(EVIL)
    ax.legend()
    return ax


# %% Text that is no text holds="contained"
print("\ud800 \udfff \x00")


def build_sgd(*args, **kwargs):
    raise ValueError("\ud800\x00")


def build_adam(*args, **kwargs):
    return "\ud800"


def build_adamw(*args, **kwargs):
    return type("\udcff", (), {})()


def decay_pull(*args, **kwargs):
    return {"\ud800": "\ud800"}
