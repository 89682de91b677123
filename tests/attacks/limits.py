# Attacks that take time, memory, disk or patience.

# %% A loop that catches everything, in a cell holds="contained"
while True:
    try:
        while True:
            pass
    except BaseException:
        continue

# %% A loop that catches everything, in a call holds="contained"
def decay_pull(*args, **kwargs):
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue


# %% Sleep for ever without computing, in a cell holds="contained"
import time

time.sleep(10**6)

# %% Sleep for ever without computing, in a call holds="contained"
import time


def decay_pull(*args, **kwargs):
    time.sleep(10**6)


# %% Every function sleeps just short of its limit holds="contained"
import time


def build_sgd(*args, **kwargs):
    time.sleep(0.6)


build_adam = build_adamw = decay_pull = build_sgd

# %% The alarm of the CPU limit is swallowed, blocked and switched off holds="contained"
import signal

signal.signal = lambda *args: None
signal.setitimer = lambda *args: None
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))


def decay_pull(*args, **kwargs):
    while True:
        pass


# %% A timer fires into the code of the grader holds="contained"
import signal


def strike(*args):
    raise RecursionError("struck")


signal.signal(signal.SIGALRM, strike)
signal.signal(signal.SIGVTALRM, strike)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
signal.setitimer(signal.ITIMER_VIRTUAL, 0.001, 0.001)

# %% Code in C that listens to no signal holds="contained"
def decay_pull(*args, **kwargs):
    return sum(range(10**15))


# %% A regular expression without end holds="contained"
import re

re.match(r"(a+)+$", "a" * 64 + "b")

# %% All the memory of Python holds="contained"
hoard = []
while True:
    hoard.append(bytearray(2**28))

# %% All the memory of torch, in a call holds="contained"
def build_sgd(*args, **kwargs):
    hoard = []
    while True:
        hoard.append(torch.ones(2**26))


# %% Memory that is caught each time holds="contained"
hoard = []
for size in (2**40, 2**36, 2**33, 2**31):
    try:
        hoard.append(bytearray(size))
    except MemoryError:
        pass
try:
    hoard.append(torch.empty(2**50))
except RuntimeError:
    pass

# %% A disk full of large files holds="contained"
for number in range(5):
    with open(f"large{number}", "wb") as file:
        file.write(bytes(40 * 2**20))

# %% A disk full of small files holds="contained"
import os

for number in range(3000):
    os.mkdir(f"small{number}")

# %% A file with holes, as large as numbers go holds="contained"
with open("sparse", "wb") as file:
    file.truncate(2**40)

# %% Folders deeper than Python can follow holds="contained"
import os

for _ in range(3000):
    os.mkdir("d", 0o700)
    os.chdir("d")
os.mkdir("closed", 0)

# %% A flood of output holds="contained"
while True:
    print("x" * 100_000)

# %% A flood of displays and figures holds="contained"
import matplotlib.pyplot as plt

for _ in range(150):
    display("x" * 50_000)
plt.figure(figsize=(40, 40))
plt.imshow(torch.rand(400, 400))
plt.show()

# %% A flood of output beside the recorder holds="contained"
import os

for fd in (1, 2):
    for _ in range(2000):
        os.write(fd, b"x" * 100_000)

# %% Recursion without end, in all that Python calls by itself holds="contained"
class Bottomless:
    def __repr__(self):
        return repr(self)

    __str__ = __repr__

    def __getattr__(self, name):
        return getattr(self, name + "x")

    def __del__(self):
        Bottomless()


def build_sgd(*args, **kwargs):
    return build_sgd(*args, **kwargs)


def build_adam(*args, **kwargs):
    error = ValueError(Bottomless())
    error.__cause__ = error.__context__ = error
    raise error


Bottomless()

# %% A metaclass that runs wild holds="contained"
class Wild(type):
    def __getattribute__(cls, name):
        if name in ("__module__", "__qualname__", "__name__"):
            raise SystemExit
        return super().__getattribute__(name)

    def __instancecheck__(cls, thing):
        raise MemoryError

    def __str__(cls):
        raise KeyboardInterrupt


class Beast(metaclass=Wild):
    pass


def build_sgd(*args, **kwargs):
    return Beast()


def build_adam(*args, **kwargs):
    class Trouble(Exception):
        def __str__(self):
            raise SystemExit

    raise Trouble


# %% Parameters whose own methods never return holds="contained"
class Sticky(torch.Tensor):
    def numel(self):
        while True:
            pass

    @property
    def shape(self):
        while True:
            pass


def decay_pull(*args, **kwargs):
    return torch.zeros(2).as_subclass(Sticky)


# %% The folder of the notebook is deleted holds="contained"
import os
import shutil

shutil.rmtree(os.getcwd(), ignore_errors=True)
os.chdir("/")
for folder in ("/box", "/tmp", "/dev/shm"):
    shutil.rmtree(folder, ignore_errors=True)

# %% Rights are taken from everything that it made holds="contained"
import os
import resource

os.umask(0o777)
os.makedirs("locked/inner", exist_ok=True)
open("locked/file", "w").close() if os.access("locked", os.W_OK) else None
for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_STACK, resource.RLIMIT_AS, resource.RLIMIT_FSIZE):
    resource.setrlimit(limit, (16, 16))

# %% Modules that shadow those of the grader holds="contained"
import os

evil = "import os\nos.write(240, b'evil')\nraise SystemExit"
for name in ("torch", "lab", "numpy", "sitecustomize", "usercustomize", "conftest", "msgspec", "pickle", "autograder"):
    for folder in (".", os.environ["HOME"], "/tmp", "/box"):
        try:
            with open(os.path.join(folder, f"{name}.py"), "w") as file:
                file.write(evil)
            with open(os.path.join(folder, f"{name}.pth"), "w") as file:
                file.write("import os; os._exit(0)\n")
        except OSError:
            pass

# %% Links that lead out of the folder are written through holds="contained"
import os

for number, path in enumerate([*HOST["files"], "/usr/lib/python3", torch.__file__, "/etc/passwd"]):
    os.symlink(path, f"link{number}")
    try:
        with open(f"link{number}", "a") as file:
            file.write("attack")
        print("written")
    except OSError as error:
        print(error.strerror)

# %% The rights, times and names of foreign files are changed holds="contained"
import os

for path in [*HOST["files"], torch.__file__]:
    for attempt in (
        lambda: os.chmod(path, 0o777),
        lambda: os.chown(path, os.getuid(), os.getgid()),
        lambda: os.utime(path, (1, 1)),
        lambda: os.setxattr(path, "user.attack", b"1"),
        lambda: os.rename(path, path + "x"),
        lambda: os.truncate(path, 0),
        lambda: os.unlink(path),
        lambda: os.fchmod(os.open(path, os.O_RDONLY), 0),
    ):
        try:
            attempt()
            print("changed", path)
        except OSError as error:
            print(error.strerror)

# %% The recorder of the kernel is taken apart holds="contained"
from autograder.sandbox.guest import kernel

kernel.OUTPUTS.items = kernel.OUTPUTS
kernel.OUTPUTS.clear = None
kernel.Kernel.run = kernel.Kernel.silently = None
kernel.cpu_limit = None

# %% All modules of the session are emptied holds="contained"
import builtins
import sys

for name in [name for name in sys.modules if name.startswith("autograder")]:
    vars(sys.modules[name]).clear()
vars(builtins).clear()
