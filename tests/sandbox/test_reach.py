"""What a Guest must not reach on the machine. Each attack is also run with the one defence off that it aims at.

There it must do its harm, so that none is held only because it is broken. No Zygote is needed: the code runs where a
Guest has been shut in, without torch, which takes a quarter of a second.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.sandbox import confinement, root, shown
from autograder.sandbox.confinement import BUBBLEWRAP, SANDLOCK, NoSandboxError

BACKENDS = [BUBBLEWRAP, SANDLOCK]

SHUT_IN = """
import os, traceback
from autograder.sandbox.guest import isolation
isolated = {isolated}
pid = isolated.fork()
if pid == 0:
    try:
        os.chdir(isolated.enter())
        isolation.set_limits()
        exec({code!r}, {{"__name__": "__main__"}})
        print("done")
    except BaseException as error:
        print(f"{{type(error).__name__}}: {{error}}")
    finally:
        import sys
        sys.stdout.flush()
        os._exit(0)
os.waitpid(pid, 0)
"""


def begin_inside(backend, code, scratch, private=()):
    """Run code where a Guest is, and don't wait for it."""
    readable = [*shown.readable_paths(), str(scratch / "code")]
    landlocked = f"isolation.Landlocked.prepare({str(scratch)!r}, {readable!r}, {root.other_user(readable)!r})"
    isolated = "isolation.Namespaces.prepare()" if backend is BUBBLEWRAP else landlocked
    return confinement.start(
        backend,
        str(scratch),
        SHUT_IN.format(isolated=isolated, code=code),
        private,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def run_inside(backend, code, scratch, private=()):
    """Run code where a Guest is; its last line of output: ``done``, or what stopped it."""
    process = begin_inside(backend, code, scratch, private)
    said = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 0, said
    return said.strip().splitlines()[-1]


@pytest.fixture
def scratch(tmp_path_factory):
    """As a Sandbox has one: below the temporary folder itself, where another user can go."""
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="autograder-test-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def without(monkeypatch, tmp_path):
    """Call it with a line of what runs inside and another for it: from now on a sandbox gets that."""

    def change(file, old, new):
        package = tmp_path / "package" / "autograder"
        shutil.copytree(shown.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__", "*.ipynb"))
        path = package / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
        monkeypatch.setattr(shown, "PACKAGE", package)

    return change


LIBC = "import ctypes, fcntl, os, signal, sys, time\nlibc = ctypes.CDLL(None, use_errno=True)\n"
CALL = """
def call(number, *arguments):
    result = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result
"""

ON_WHAT_IS_SHARED = {
    "a lease": "fcntl.fcntl(os.open(os.__file__, os.O_RDONLY), fcntl.F_SETLEASE, fcntl.F_RDLCK)",
    "a lease, with the upper half of the command set": (
        "call(72, os.open(os.__file__, os.O_RDONLY), ctypes.c_long((7 << 32) | fcntl.F_SETLEASE), fcntl.F_RDLCK)"
    ),
    "a notification": "fcntl.fcntl(os.open(os.path.dirname(os.__file__), os.O_RDONLY), fcntl.F_NOTIFY, 1)",
    "a larger pipe": "fcntl.fcntl(os.pipe()[0], 1031, 2**20)",
    "inotify": "call(294, 0)",
    "inotify, the old call": "call(253)",
    "AIO": "call(206, 100, ctypes.byref(ctypes.c_ulong(0)))",
    "a timer that queues signals": "call(222, 0, None, ctypes.byref(ctypes.c_int(0)))",
    "a queued signal": (
        "signal.pthread_sigmask(signal.SIG_BLOCK, [40])\n"
        "libc.sigqueue.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_void_p]\n"
        "if libc.sigqueue(os.getpid(), 40, None): raise OSError(ctypes.get_errno(), 'refused')"
    ),
    "a real-time signal": "signal.pthread_sigmask(signal.SIG_BLOCK, [40])\nos.kill(os.getpid(), 40)",
    "a real-time signal to a thread": (
        "signal.pthread_sigmask(signal.SIG_BLOCK, [64])\ncall(234, os.getpid(), os.getpid(), 64)"
    ),
    "a message queue": "call(68, 0, 0o1600)",
    "a POSIX message queue": "call(240, b'queue', os.O_CREAT | os.O_RDWR, 0o600, None)",
    "semaphores": "call(64, 0, 1, 0o1600)",
    "shared memory of System V": "call(29, 0, 4096, 0o1600)",
    "a memfd": "os.memfd_create('x')",
    "memory that is shared and nameless": "import mmap\nmmap.mmap(-1, 4096)",
    "pages in a pipe": "call(278, os.pipe()[1], None, 0, 0)",
    "pages of a file in a pipe": "os.sendfile(os.pipe()[1], os.open(os.__file__, os.O_RDONLY), 0, 10)",
    "signals that a file queues": (
        "signal.pthread_sigmask(signal.SIG_BLOCK, [40, signal.SIGIO])\n"
        "here, there = os.pipe()\n"
        "fcntl.fcntl(here, 10, 40)  # F_SETSIG\n"
        "fcntl.fcntl(here, fcntl.F_SETOWN, os.getpid())\n"
        "fcntl.fcntl(here, fcntl.F_SETFL, os.O_ASYNC)\n"
        "os.write(there, b'x')\n"
        "assert signal.sigtimedwait([40], 1).si_signo == 40"
    ),
    "signals that processes queue when they end": (
        "signal.pthread_sigmask(signal.SIG_BLOCK, [40])\n"
        "child = call(56, 40, 0, 0, 0, 0)\n"
        "if child == 0: os._exit(0)\n"
        "assert signal.sigtimedwait([40], 5).si_signo == 40"
    ),
    "a lock that belongs to no process": (
        "import struct\n"
        "fcntl.fcntl(open('x', 'w'), 37, struct.pack('hhlllq', fcntl.F_WRLCK, 0, 0, 1, 0, 0))  # F_OFD_SETLK"
    ),
    "a process whose locks belong to another": (
        "child = call(56, signal.SIGCHLD | 0x400, 0, 0, 0, 0)  # CLONE_FILES\n"
        "if child == 0: os._exit(0)\n"
        "os.waitpid(child, 0)"
    ),
    "a table of futexes": "if libc.prctl(78, 1, 16, 0, 0): raise OSError(ctypes.get_errno(), 'refused')",
    "more filters of calls": "call(317, 2, 0, ctypes.byref(ctypes.c_uint(0x7FFF0000)))  # SECCOMP_GET_ACTION_AVAIL",
    "the disks of the whole machine": "call(162)",
    "the disk of a file": "call(306, os.open(os.__file__, os.O_RDONLY))",
    "hiding how much memory is held": ("if libc.prctl(4, 0, 0, 0, 0): raise OSError(ctypes.get_errno(), 'refused')"),
}


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the calls are numbered as on x86-64")
@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_calls_on_what_is_shared_are_refused(backend, scratch):
    """All of them in one Guest; none of them is to work."""
    told = run_inside(backend, _each(ON_WHAT_IS_SHARED), scratch)
    assert told == repr(dict.fromkeys(ON_WHAT_IS_SHARED, "PermissionError"))


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the calls are numbered as on x86-64")
def test_without_the_filter_they_work(scratch, without):
    """Under bubblewrap: sandlock has a filter of its own, which refuses some of them."""
    without("sandbox/guest/isolation.py", "syscalls.forbid(alone=True)", "pass")
    told = run_inside(BUBBLEWRAP, _each(ON_WHAT_IS_SHARED), scratch)
    worked = [name for name, result in eval(told).items() if result == "worked"]
    others = set(ON_WHAT_IS_SHARED) - set(worked)
    hold_here = {"a lease", "a lease, with the upper half of the command set"}  # of a file of one's own only
    hold_here |= {"a table of futexes"} if tuple(map(int, os.uname().release.split(".")[:2])) < (6, 16) else set()
    assert others <= hold_here, told


UNSEEN_SOCKETS = {
    "those that wait to be accepted": (
        "address = f'{chr(0)}door-{os.getpid()}'\n"
        "door = socket.socket(socket.AF_UNIX)\n"
        "door.bind(address)\n"
        "door.listen()\n"
        "socket.socket(socket.AF_UNIX).connect(address)"
    ),
    "messages of many to one": "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)",
    "the same, in a pair that can be parted": "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
    "with flags": "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)",
    "by their other name": "socket.socketpair(socket.AF_UNIX, socket.SOCK_RAW)",
}


def test_sockets_hold_nothing_unseen_where_all_share_a_network(scratch, without):
    """Under sandlock only the sockets count that a process has open."""
    attacks = {name: f"import socket\n{attack}" for name, attack in UNSEEN_SOCKETS.items()}
    harmless = {"a pair": "import socket\nhere, there = socket.socketpair()\nhere.send(b'x')\nassert there.recv(1)"}
    told = eval(run_inside(SANDLOCK, _each(attacks | harmless), scratch))
    assert told == dict.fromkeys(attacks, "PermissionError") | dict.fromkeys(harmless, "worked")
    assert set(eval(run_inside(BUBBLEWRAP, _each(attacks), scratch)).values()) == {"worked"}
    without("sandbox/guest/syscalls.py", "    if not alone:  # what such sockets", "    if False:  # what such sockets")
    assert set(eval(run_inside(SANDLOCK, _each(attacks), scratch)).values()) == {"worked"}


def _each(attacks):
    return (
        LIBC
        + CALL
        + f"""
attacks, found = {attacks!r}, {{}}
for name, attack in attacks.items():
    try:
        exec(attack)
        found[name] = "worked"
    except OSError as error:
        found[name] = type(error).__name__
os.write(1, (repr(found) + chr(10)).encode())
os._exit(0)
"""
    )


def test_what_work_needs_is_not_refused(scratch):
    """Threads, processes, locks, timers, pipes, temporary files, priorities of one's own."""
    code = """
import fcntl, multiprocessing, os, signal, socket, subprocess, tempfile, threading
threading.Thread(target=len, args=("",)).start()
context = multiprocessing.get_context("fork")
queue = context.Queue()
context.Process(target=queue.put, args=(1,)).start()
assert queue.get() == 1
assert subprocess.run(["sh", "-c", "ls / | wc -l; date"], stdout=subprocess.DEVNULL).returncode == 0
signal.setitimer(signal.ITIMER_REAL, 100)
signal.alarm(0)
os.nice(1)
os.sched_setaffinity(0, os.sched_getaffinity(0))
with tempfile.TemporaryFile() as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    fcntl.lockf(file, fcntl.LOCK_UN)
    fcntl.fcntl(file, fcntl.F_GETFL)
    fcntl.fcntl(file, fcntl.F_SETFL, os.O_NONBLOCK)
    os.set_inheritable(os.dup(file.fileno()), True)
import ctypes, sqlite3
sqlite3.connect("rows.db").execute("create table rows (number)")
assert ctypes.CDLL(None).prctl(15, b"a name") == ctypes.CDLL(None).prctl(1, signal.SIGTERM) == 0
socket.socketpair()
os.kill(os.getpid(), 0)
open("/dev/null", "w").write("x")
"""
    assert run_inside(BUBBLEWRAP, code, scratch) == "done"


# --- device nodes, and other files of root's -------------------------------------------------------------------------

CHANGES = {
    "chmod": "os.chmod('/dev/full', 0o600)",
    "fchmod": "os.fchmod(os.open('/dev/full', os.O_RDONLY), 0o600)",
    "fchmod of what was open before": "os.fchmod(0, 0o600)",
    "chown": "os.chown('/dev/zero', 1000, 1000)",
    "utime": "os.utime('/dev/random', (1, 1))",
    "xattr": "os.setxattr('/dev/full', 'user.x', b'x')",
}


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_device_nodes_cannot_be_changed(backend, scratch):
    before = [os.stat(path)[:8] for path in shown.DEVICES]
    told = eval(run_inside(backend, _each(CHANGES), scratch))
    assert [name for name, result in told.items() if result == "worked"] == []
    assert [os.stat(path)[:8] for path in shown.DEVICES] == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root owns device nodes")
def test_a_guest_of_root_is_another_user(scratch):
    code = "import os\nassert (os.getuid(), os.getgid(), os.getgroups()) == (1000, 1000, [])"
    assert run_inside(BUBBLEWRAP, code, scratch) == "done"


SEND = """
import os, socket, time
here, there = socket.socketpair()
null = os.open("/dev/null", os.O_RDONLY)
said = "sent"
try:
    for _ in range({times}):
        socket.send_fds(here, [b"x"], [null] * {files})
except OSError as error:
    said = os.strerror(error.errno)
print(said, flush=True)
time.sleep({seconds})
os._exit(0)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be others")
def test_guests_of_two_graders_share_nothing_that_is_counted_for_a_user(scratch, monkeypatch):
    """As of files that are sent through sockets: one Guest took them all, and another's DataLoader then failed."""
    monkeypatch.setattr(os, "getpid", lambda: 12_345)
    with begin_inside(BUBBLEWRAP, SEND.format(times=10, files=250, seconds=50), scratch) as process:
        assert process.stdout.readline() == b"Too many references: cannot splice\n"
        one = SEND.format(times=1, files=1, seconds=0)
        assert run_inside(BUBBLEWRAP, one, scratch) == "Too many references: cannot splice"
        monkeypatch.setattr(os, "getpid", lambda: 12_346)
        assert run_inside(BUBBLEWRAP, one, scratch) == "sent"
        process.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root owns device nodes")
def test_as_root_itself_a_guest_could_change_them(scratch, without, monkeypatch, tmp_path):
    """On a node of the test's own; it shows that the attack works, and what holds it."""
    without("sandbox/guest/isolation.py", "GUEST = 1000", "GUEST = 999")
    device = tmp_path / "full"
    os.mknod(device, 0o666 | 0o020000, os.makedev(1, 7))
    device.chmod(0o666)
    tmp_path.chmod(0o755)
    monkeypatch.setattr(shown, "DEVICES", [*shown.DEVICES, str(device)])
    monkeypatch.setattr(confinement, "DEVICES", shown.DEVICES)
    assert run_inside(BUBBLEWRAP, f"import os\nos.chmod({str(device)!r}, 0o600)", scratch) == "done"
    assert device.stat().st_mode & 0o777 == 0o600


# --- what lies in the machine ----------------------------------------------------------------------------------------


def test_only_what_python_and_a_shell_need_is_shown():
    shares = [path for path in shown.readable_paths() if "/share" in path]
    assert {
        "/usr",
        "/usr/local",
        "/usr/share",
        "/usr/local/share",
        "/etc",
        "/home",
        "/root",
        "/srv",
        "/opt",
    }.isdisjoint(shown.readable_paths())
    assert all(Path(path).parent.name in ("share", "X11") for path in shares)


def list_of(path):
    return f"import os\nprint(os.listdir({str(path)!r}))"


@pytest.mark.skipif(not os.access("/usr/local/share", os.W_OK), reason="needs to write to the default exchange's place")
@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
@pytest.mark.parametrize("place", ["/usr/local/share", "/usr/share", "/usr/local/etc", "/usr/src", "/opt", "/srv"])
def test_an_exchange_is_not_seen(backend, place, scratch, monkeypatch):
    canary = Path(place, f"autograder-canary-{os.getpid()}")
    if not canary.parent.is_dir():
        pytest.skip(f"no {place} here")
    canary.mkdir()
    try:
        (canary / "answer.ipynb").write_text("an answer")
        assert run_inside(backend, f"open({str(canary / 'answer.ipynb')!r})", scratch).split(":")[0] in (
            "FileNotFoundError",
            "PermissionError",
        )
        monkeypatch.setattr(shown, "_PARTS", (*shown._PARTS, ""))  # the whole prefix, as it was once
        if place.startswith("/usr"):
            assert run_inside(backend, f"open({str(canary / 'answer.ipynb')!r})", scratch) == "done"
    finally:
        shutil.rmtree(canary)


@pytest.fixture
def library(monkeypatch, tmp_path_factory):
    """A folder that is shown, as a prefix's ``lib`` is."""
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="autograder-library-", dir="/var/tmp"))
    folder.chmod(0o755)
    (folder / "module.py").write_text("ours = 1")
    monkeypatch.setattr(shown, "_ETC", [*shown._ETC, str(folder)])
    yield folder
    shutil.rmtree(folder)


def put(folder, name="answer.ipynb"):
    folder.mkdir(parents=True)
    (folder / name).write_text("an answer")
    return folder


def test_what_is_private_is_hidden_under_what_is_shown(library, scratch):
    course = put(library / "course")
    environment = put(course / ".venv" / "lib", "shown.py")
    file = library / "gradebook.db"
    file.write_text("scores")
    link = library / "link"
    link.symlink_to(course)
    private = [str(link), str(file), str(library / "not there")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shown, "_PARTS", shown._PARTS)
        told = run_inside(BUBBLEWRAP, list_of(library), scratch, private)
    assert told == "done"
    tries = {
        "listed": f"assert os.listdir({str(course)!r}) == []",
        "read": f"open({str(course / 'answer.ipynb')!r})",
        "read by a link": f"open({str(link / 'answer.ipynb')!r})",
        "the file": f"assert open({str(file)!r}).read() == ''",
        "written": f"open({str(course / 'left_behind')!r}, 'w')",
        "still shown": f"open({str(library / 'module.py')!r})",
    }
    told = eval(run_inside(BUBBLEWRAP, _each(tries), scratch, private))
    assert told == {
        "listed": "worked",
        "read": "FileNotFoundError",
        "read by a link": "FileNotFoundError",
        "the file": "PermissionError",
        "written": "OSError",
        "still shown": "worked",
    }
    assert environment.is_dir()


@pytest.mark.parametrize("place", ["lib", ".venv/lib", "a/b/c/d"])
def test_an_environment_in_a_private_folder_stays(library, scratch, monkeypatch, place):
    """Though all of it lies under something that is shown anyway."""
    course = put(library / "course")
    environment = put(course / place, "shown.py")
    monkeypatch.setattr(shown, "_ETC", [*shown._ETC, str(environment)])
    first = place.split("/")[0]
    code = f"import os\nassert os.listdir({str(course)!r}) == [{first!r}] and os.listdir({str(environment)!r})"
    assert run_inside(BUBBLEWRAP, code, scratch, [str(course)]) == "done"


def test_a_course_in_an_environment_is_hidden_there(library, scratch, monkeypatch):
    environment = put(library / "environment", "shown.py")
    course = put(environment / "course")
    monkeypatch.setattr(shown, "_ETC", [*shown._ETC, str(environment)])
    code = f"import os\nassert os.listdir({str(course)!r}) == [] and {str(environment / 'shown.py')!r}"
    assert run_inside(BUBBLEWRAP, code, scratch, [str(course)]) == "done"


def test_sandlock_cannot_hide_and_refuses(library, scratch):
    course = put(library / "course")
    with pytest.raises(NoSandboxError, match=rf"sandlock cannot hide {course}"):
        run_inside(SANDLOCK, "pass", scratch, [str(course)])


def test_a_home_under_what_is_shown_is_hidden(library, scratch, monkeypatch):
    home = put(library / "home")
    monkeypatch.setenv("HOME", str(home))
    assert run_inside(BUBBLEWRAP, f"import os\nassert os.listdir({str(home)!r}) == []", scratch) == "done"


def test_the_interpreter_that_runs_this_is_shown(scratch):
    assert run_inside(BUBBLEWRAP, "import encodings, ssl, sqlite3, zoneinfo; zoneinfo.ZoneInfo('Asia/Seoul')", scratch)
    assert os.path.realpath(sys.executable).startswith(tuple(map(os.path.realpath, shown.readable_paths())))
