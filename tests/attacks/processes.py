# Attacks on the processes around the notebook, and by processes that shall outlive it.

# %% A signal to every process in reach, and to each by its number holds="contained"
import os
import signal

pid = os.getpid()
for other in [os.getppid(), *range(1, 5000)]:
    if other not in (0, pid):
        for number in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
            try:
                os.kill(other, number)
            except OSError:
                break

# %% One kill for all holds="contained"
import os

os.kill(-1, 9)

# %% A call kills every process in reach holds="contained"
import os


def build_sgd(*args, **kwargs):
    for group in (0, -1):
        try:
            os.kill(group, 9) if group else os.killpg(1, 9)
        except OSError:
            pass
    os.kill(os.getppid() or 1, 9)


# %% A signal to the own process group, which reaches past a namespace holds="contained"
import os

os.kill(0, 19)
os.killpg(os.getpgrp(), 9)
os.kill(0, 9)

# %% A call kills its process group holds="contained"
import os


def build_sgd(*args, **kwargs):
    os.kill(0, 9)


build_adam = build_sgd

# %% A signal that has no name ends the process, in a cell and in a call holds="contained"
import os
import signal


def build_sgd(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGRTMIN + 3)


os.kill(os.getpid(), signal.SIGRTMIN + 1)

# %% Every descriptor of a process is signalled and stopped holds="contained"
import ctypes
import os
import signal

for pid in (os.getppid(), 1):
    try:
        descriptor = os.pidfd_open(pid)
        signal.pidfd_send_signal(descriptor, signal.SIGSTOP)
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except OSError as error:
        print(error)

# %% The cell ends the process holds="contained"
import os

os._exit(0)

# %% The cell ends the process through a segmentation fault holds="contained"
import ctypes

ctypes.string_at(0)

# %% SystemExit, and a class of its own that looks like it holds="contained"
import sys


class Leave(SystemExit, KeyboardInterrupt):
    pass


def build_sgd(*args, **kwargs):
    raise Leave(0)


def build_adam(*args, **kwargs):
    sys.exit()


def build_adamw(*args, **kwargs):
    raise GeneratorExit


raise Leave(0)

# %% A call ends the process, well and badly holds="contained"
import os
import signal


def build_sgd(*args, **kwargs):
    os._exit(0)


def build_adam(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)


def decay_pull(*args, **kwargs):
    os.abort()


# %% A daemon that has left its session holds="contained"
import os
import time

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 256)
        time.sleep(3600)
    os._exit(0)

# %% A call leaves daemons that ignore every signal holds="contained"
import os
import signal
import time


def build_sgd(*args, **kwargs):
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            for number in range(1, 65):
                try:
                    signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError):
                    pass
            if os.fork() == 0:
                time.sleep(3600)
            os._exit(0)


# %% A fork comes back as a second notebook holds="contained"
import os

os.fork()
os.fork()

# %% A call returns twice holds="contained"
import os


def build_sgd(*args, **kwargs):
    os.fork()
    return None


# %% A fork bomb holds="contained"
import os
import time

started = time.time()
try:
    while time.time() < started + 2:
        os.fork()
except OSError:
    time.sleep(0.1)
    os._exit(0)

# %% A flood of threads holds="contained"
import threading

event = threading.Event()
try:
    for _ in range(10_000):
        threading.Thread(target=event.wait, daemon=True).start()
except RuntimeError as error:
    print(error)

# %% Threads that never end, and that raise holds="contained"
import ctypes
import threading


def spin():
    while True:
        try:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(threading.main_thread().ident), ctypes.py_object(RecursionError)
            )
        except BaseException:
            pass


for _ in range(3):
    threading.Thread(target=spin, daemon=True).start()

# %% The clean-up of Python runs on and on holds="contained"
import atexit
import weakref


def linger():
    while True:
        pass


atexit.register(linger)


class Undying:
    def __del__(self):
        global kept
        kept = Undying()


Undying()
weakref.finalize(Undying, linger)

# %% The forks of the session are replaced holds="contained"
import os

os.fork = lambda: 0

# %% The fork of the session hangs holds="contained"
import time

from autograder.sandbox.guest import session

session._fork = lambda isolation: time.sleep(3600)

# %% The program is replaced by another holds="contained"
import os

os.execv("/bin/sh", ["sh", "-c", "cat <&3 >&3; sleep 3600"])

# %% The limits and priority of other processes are changed holds="contained"
import os
import resource

for pid in (os.getppid(), 1, *range(2, 3000)):
    if pid in (0, os.getpid()):
        continue
    for attempt in (
        lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, 3)),
        lambda: resource.prlimit(pid, resource.RLIMIT_CPU, (1, 1)),
        lambda: os.setpriority(os.PRIO_PROCESS, pid, 19),
        lambda: os.sched_setaffinity(pid, {0}),
    ):
        try:
            attempt()
        except OSError:
            pass

# %% A user namespace of its own, with a file system in it holds="contained"
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
print(libc.unshare(0x10000000 | 0x20000))
os.makedirs("own", exist_ok=True)
print(libc.mount(b"tmpfs", b"own", b"tmpfs", 0, b"size=90%"))
print(libc.mount(b"proc", b"own", b"proc", 0, None))

# %% The settings of the machine are changed holds="contained"
import os

for name in ("kernel/core_pattern", "kernel/pid_max", "vm/drop_caches", "kernel/hostname", "fs/file-max"):
    try:
        path = f"/proc/sys/{name}"
        value = b"0" if "drop" in name else open(path, "rb").read()
        os.write(os.open(path, os.O_WRONLY), value)
        print("written", name)
    except OSError as error:
        print(error.strerror)

# %% A call closes every descriptor holds="contained"
import os


def build_sgd(*args, **kwargs):
    os.closerange(3, 1000)


def build_adam(*args, **kwargs):
    for number in range(256):
        os.dup2(0, number)


# %% A cell closes every descriptor holds="contained"
import os

os.closerange(3, 1000)

# %% Every descriptor is closed while a check is being made, and again by what is collected later holds="contained"
import os
import threading
import time


class Closes:
    def __del__(self):
        os.closerange(3, 1000)


def close():
    while True:
        os.closerange(3, 1000)
        time.sleep(0.001)


def build_sgd(*args, **kwargs):
    threading.Thread(target=close, daemon=True).start()


def build_adam(*args, **kwargs):
    rest = [Closes()]
    rest.append(rest)

