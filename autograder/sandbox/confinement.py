"""Which confinement this machine offers, and the command line that starts the Zygote in it."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
_SHOWN = (
    *("__init__.py", "sandbox/__init__.py", "sandbox/wire.py", "sandbox/sent.py"),
    *("sandbox/guest/*.py", "lessons/*/*/models.py"),
)


def shown_files() -> list[Path]:
    """The only files of this package that the sandbox can read, relative to it: it gets a copy of them."""
    return [path.relative_to(_PACKAGE) for pattern in _SHOWN for path in sorted(_PACKAGE.glob(pattern))]


def stamp() -> list[tuple[Path, int]]:
    """The shown files and when each was changed: a sandbox is not current any more once this differs."""
    return [(path, (_PACKAGE / path).stat().st_mtime_ns) for path in shown_files()]


_INSTALLED = sysconfig.get_path("purelib") in map(str, _PACKAGE.parents)
"""Whether this package lies among the packages that the sandbox can read, where its graders must be hidden."""

_DEVICES = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"]
_SYSTEM = ["/usr", "/lib", "/lib32", "/lib64", "/bin"]
_ETC = ["/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/fonts", "/etc/alternatives"]

_KEEP_MEMORY = f"glibc.malloc.mmap_threshold={32 * 2**20}:glibc.malloc.trim_threshold={256 * 2**20}"
"""Lets a process reuse memory that it has freed. By default it gives each tensor above 128 KiB back to the kernel, and
takes it from there again, until it has found out that this is slow."""


class NoSandboxError(Exception):
    """No confinement works on this machine. The message says what to install."""


@dataclass(frozen=True)
class Backend:
    """A way to confine student code."""

    name: str
    protects: str
    """What it keeps student code from, in a line."""
    lacks: str
    """What it does not, in a line."""
    remedy: str
    """How to make it work where it does not."""


BUBBLEWRAP = Backend(
    "bubblewrap",
    "own processes, network, files and /tmp for each submission; system files read-only; everything else unseen",
    "memory in sum is looked at several times in a second, so more can be held for a moment",
    "install it, for example with: apt-get install bubblewrap; where it is installed, let users make user namespaces: "
    "on Ubuntu 24.04 with sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, in a container with its options",
)
SANDLOCK = Backend(
    "sandlock",
    "no network, no signals or access to other processes, one writable directory; everything else unreadable",
    "disk is limited for each file and not in sum; memory in sum is looked at several times in a second, so more can "
    "be held for a moment; whether a file exists, and its size and times, can be asked by its name; warming up is "
    "slower",
    "run Linux 6.12 or newer with Landlock on, then: pip install sandlock",
)
UNSAFE = Backend("unsafe", "nothing", "everything: student code can read and change whatever you can", "")


def choose(unsafe: bool = False) -> Backend:
    """The best backend that works here.

    ``AUTOGRADER_SANDBOX`` in the environment names one to use instead. Raises NoSandboxError when none works and
    ``unsafe`` is false: student code never runs unconfined by accident.
    """
    wanted = os.environ.get("AUTOGRADER_SANDBOX", "")
    problems = []
    for backend in (BUBBLEWRAP, SANDLOCK):
        if wanted in ("", backend.name):
            problem = why_not(backend)
            if problem is None:
                return backend
            problems.append(f"{backend.name}: {problem}; {backend.remedy}")
    if unsafe:
        return UNSAFE
    if not problems:
        problems.append(f"AUTOGRADER_SANDBOX={wanted} is none of bubblewrap, sandlock")
    raise NoSandboxError(
        "No sandbox works here, so no student code was run.\n  "
        + "\n  ".join(problems)
        + "\nSee all of it with: autograder doctor"
    )


@functools.cache
def why_not(backend: Backend) -> str | None:
    """Why a backend does not work here; None when it does. Tries it for real."""
    if backend is BUBBLEWRAP:
        if shutil.which("bwrap") is None:
            return "the program bwrap is not installed"
        probe = _PROBE_NAMESPACES
    else:
        if importlib.util.find_spec("sandlock") is None:
            return "the Python package sandlock is not installed"
        probe = "pass"
    with tempfile.TemporaryDirectory(prefix="autograder-") as scratch:
        done = subprocess.run(
            command(backend, scratch, probe), capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or ["it does not start"])[-1]


_PROBE_NAMESPACES = """
import os
from autograder.sandbox.guest.isolation import Namespaces
namespaces = Namespaces.prepare()
pid = namespaces.fork()
if pid == 0:
    namespaces.enter()
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7, "no namespaces for each submission"
"""


def zygote_command(backend: Backend, scratch: str) -> list[str]:
    """The command that starts the Zygote, which then speaks on its standard input.

    ``scratch`` is an empty directory. The sandbox's code is copied there, and a backend that can't give a Guest a
    file system of its own lets it write there.
    """
    readable = [*readable_paths(), os.path.join(scratch, "code")]
    arguments = f"{backend.name!r}, {scratch!r}, {readable!r}"
    start = "import gc; gc.disable()  # a sixth of the imports' time\nfrom autograder.sandbox.guest.zygote import main"
    return command(backend, scratch, f"{start}; main({arguments})")


def command(backend: Backend, scratch: str, code: str) -> list[str]:
    """The command that runs Python code under a backend, with only the shown files to import."""
    sources = Path(scratch, "code")
    for name in shown_files():
        target = sources / "autograder" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_PACKAGE / name, target)
    if backend is BUBBLEWRAP:
        return _bubblewrap(sources, code)
    if backend is SANDLOCK:
        return _sandlock(sources, scratch, code)
    variables = [f"{name}={value}" for name, value in environment(scratch).items()]
    return ["/usr/bin/env", "-i", *variables, *_python(str(sources), code)]


def environment(home: str) -> dict[str, str]:
    """The whole environment of student code."""
    return {
        "HOME": home,
        "TMPDIR": home,
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "USER": "student",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MPLCONFIGDIR": home,
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",  # a student's own threads must not spin on cores that grade others
        "CUDA_VISIBLE_DEVICES": "",
        "GLIBC_TUNABLES": _KEEP_MEMORY,
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPTIMIZERS_PROGRESS": "",  # a submission is no practice: lab.check keeps no record
    }


def readable_paths() -> list[str]:
    """What student code may read besides the shown files: system, interpreter and installed packages."""
    python = {sys.base_prefix, sys.prefix, os.path.realpath(sys.base_prefix), sysconfig.get_path("purelib")}
    return [path for path in [*_SYSTEM, *_ETC, *_DEVICES, *sorted(python)] if os.path.exists(path)]


def _python(sources: str, code: str) -> list[str]:
    return [sys.executable, "-P", "-s", "-c", f"import sys; sys.path.insert(0, {sources!r})\n{code}"]


def _bubblewrap(sources: Path, code: str) -> list[str]:
    arguments = ["bwrap", "--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000"]
    arguments += ["--die-with-parent", "--new-session", "--clearenv"]
    for name, value in environment("/box").items():
        arguments += ["--setenv", name, value]
    # the Zygote makes namespaces for the Guests, which drop these
    arguments += ["--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN", "--cap-add", "CAP_SETPCAP"]
    arguments += ["--tmpfs", "/box", "--proc", "/proc", "--tmpfs", "/dev/shm"]
    if not any(path.startswith("/tmp/") for path in readable_paths()):
        arguments += ["--symlink", "/box", "/tmp"]
    for path in readable_paths():
        if os.path.islink(path) and path in _SYSTEM:
            arguments += ["--symlink", os.readlink(path), path]
        else:
            arguments += ["--dev-bind" if path in _DEVICES else "--ro-bind", path, path]
    if _INSTALLED:
        arguments += ["--tmpfs", str(_PACKAGE)]
    arguments += ["--ro-bind", str(sources), "/autograder"]
    return [*arguments, "--chdir", "/", "--remount-ro", "/", "--", *_python("/autograder", code)]


def _sandlock(sources: Path, scratch: str, code: str) -> list[str]:
    policy = {
        "fs_readable": [*readable_paths(), "/proc/cpuinfo", str(sources)],
        "fs_writable": [scratch, "/dev/null"],
        "fs_denied": [str(_PACKAGE)] if _INSTALLED else [],
        "clean_env": True,
        "env": environment(scratch),
        "cwd": scratch,
        "max_processes": 301,
    }
    launcher = (
        "import json, sandlock, sys\n"
        "inherit = sandlock.StdioMode.INHERIT\n"
        "policy, command = json.loads(sys.argv[1])\n"
        "open('/proc/self/oom_score_adj', 'w').write('1000')\n"
        "process = sandlock.Sandbox(**policy).popen(command, stdin=inherit, stdout=inherit, stderr=inherit)\n"
        "result = process.wait()\n"
        "sys.exit(0 if result.exit_code == 0 else result.error or f'sandlock ended with {result.exit_code}')\n"
    )
    return [sys.executable, "-P", "-c", launcher, json.dumps([policy, _python(str(sources), code)])]
