"""Which confinement this machine offers, and how the Zygote is started in it."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.sandbox import root
from autograder.sandbox.shown import DEVICES, PACKAGE, ROOTS, copy_ours, lies_under, private_paths, readable_paths

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
        process = start(
            backend, scratch, probe, (), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        _, said = process.communicate()
    if process.returncode == 0:
        return None
    return (said.decode(errors="replace").strip().splitlines() or ["it does not start"])[-1]


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


def start_zygote(backend: Backend, scratch: str, private: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start the Zygote, which then speaks on its standard input.

    ``scratch`` is an empty directory. The sandbox's code is copied there, and a backend that can't give a Guest a
    file system of its own lets it write there. Raises NoSandboxError when something ``private`` would be seen.
    """
    shown = readable_paths()
    readable = [*shown, os.path.join(scratch, "code")]
    user = root.other_user(shown) if backend is SANDLOCK else None
    arguments = f"{backend.name!r}, {scratch!r}, {readable!r}, {user!r}"
    first = "import gc; gc.disable()  # a sixth of the imports' time\nfrom autograder.sandbox.guest.zygote import main"
    return start(backend, scratch, f"{first}; main({arguments})", private, **options)


def start(backend: Backend, scratch: str, code: str, private: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Run Python code under a backend, with only the shown files to import. The options are those of Popen."""
    copy_ours(Path(scratch, "code"))
    hidden = private_paths(private)
    seen = [path for path in hidden if path != str(PACKAGE)]
    if backend is SANDLOCK and seen:
        raise NoSandboxError(
            f"sandlock cannot hide {seen[0]}, which lies among what student code must be able to read. "
            f"Move it, or use bubblewrap: {BUBBLEWRAP.remedy}"
        )
    os.chmod(scratch, 0o711)  # under sandlock a Guest of root is another user, with a folder in here
    with root.user_namespace() if backend is BUBBLEWRAP else contextlib.nullcontext() as namespace:
        words = command(backend, scratch, code, hidden, namespace)
        return subprocess.Popen(words, pass_fds=[] if namespace is None else [namespace], **options)


def command(backend: Backend, scratch: str, code: str, hidden: Sequence[str], namespace: int | None) -> list[str]:
    """The command that runs Python code under a backend."""
    sources = Path(scratch, "code")
    if backend is BUBBLEWRAP:
        return _bubblewrap(sources, code, hidden, namespace)
    if backend is SANDLOCK:
        return _sandlock(sources, scratch, code, hidden)
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
        "TORCHDYNAMO_DISABLE": "1",  # torch.compile needs a compiler and minutes; this leaves everything as it is
        "GLIBC_TUNABLES": _KEEP_MEMORY,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PIP_RETRIES": "0",  # a student's line with pip would wait for a network that is not there
        "OPTIMIZERS_PROGRESS": "",  # a submission is no practice: lab.check keeps no record
    }


def _python(sources: str, code: str) -> list[str]:
    return [sys.executable, "-P", "-s", "-c", f"import sys; sys.path.insert(0, {sources!r})\n{code}"]


def _bubblewrap(sources: Path, code: str, hidden: Sequence[str], namespace: int | None) -> list[str]:
    arguments = ["bwrap", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    # the Zygote makes namespaces for the Guests, which drop these
    capabilities = ["CAP_SYS_ADMIN", "CAP_SETPCAP"]
    if namespace is None:
        arguments += ["--unshare-user", "--uid", str(root.GUEST), "--gid", str(root.GUEST)]
    else:
        arguments += ["--userns", str(namespace), "--uid", str(root.ZYGOTE), "--gid", str(root.ZYGOTE)]
        capabilities += ["CAP_SETUID", "CAP_SETGID", "CAP_KILL"]
    arguments += ["--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
    for capability in capabilities:
        arguments += ["--cap-add", capability]
    for name, value in environment("/box").items():
        arguments += ["--setenv", name, value]
    shown = readable_paths()
    paths = [*shown, *hidden]
    above = {str(folder) for path in paths for folder in Path(path).parents}
    arguments += _made({folder for folder in above if _is_bare(folder, paths)})
    arguments += ["--tmpfs", "/box", "--proc", "/proc", "--tmpfs", "/dev/shm"]
    if not any(path.startswith("/tmp/") for path in shown):
        arguments += ["--symlink", "/box", "/tmp"]
    in_order = sorted([*shown, *hidden], key=lambda path: path.count("/"))  # what lies deeper covers what is above
    for path in in_order:
        if path in hidden:
            arguments += ["--tmpfs", path] if os.path.isdir(path) else ["--ro-bind", "/dev/null", path]
            arguments += _made({folder for folder in above if folder != path and lies_under(folder, path)})
        elif os.path.islink(path) and path in ROOTS:
            arguments += ["--symlink", os.readlink(path), path]
        else:
            arguments += ["--dev-bind" if path in DEVICES else "--ro-bind", path, path]
    arguments += ["--ro-bind", str(sources), "/autograder"]
    for path in hidden:
        arguments += ["--remount-ro", path] if os.path.isdir(path) else []
    return [*arguments, "--chdir", "/", "--remount-ro", "/", "--", *_python("/autograder", code)]


def _is_bare(folder: str, paths: Sequence[str]) -> bool:
    """Whether bubblewrap finds nothing there of these paths, nor of its own."""
    return folder not in ("/", "/tmp", *ROOTS) and not any(lies_under(folder, path) for path in paths)


def _made(folders: Iterable[str]) -> list[str]:
    """Have folders made; those above what is shown would else be bubblewrap's own alone."""
    return [word for folder in sorted(folders) for word in ("--perms", "0755", "--dir", folder)]


def _sandlock(sources: Path, scratch: str, code: str, hidden: Sequence[str]) -> list[str]:
    policy = {
        "fs_readable": [*readable_paths(), "/proc/cpuinfo", str(sources)],
        "fs_writable": [scratch, "/dev/null"],
        "fs_denied": list(hidden),
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
