"""What student code can see: of this package a few files, of the machine an allow-list of what Python and a shell need.

Nothing else is there for it, wherever it lies: no home, no course, no exchange. nbgrader's default exchange lies in
``/usr/local/share``, for example. What is private and lies under something that must be shown is hidden again.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
_OURS = (
    *("__init__.py", "sandbox/__init__.py", "sandbox/wire.py", "sandbox/sent.py"),
    *("sandbox/guest/*.py", "lessons/*/*/models.py"),
)

DEVICES = ["/dev/null", "/dev/full", "/dev/random", "/dev/urandom"]
"""Without /dev/zero: a shared mapping of it is memory that no process shows."""
_ETC = ["/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/fonts", "/etc/alternatives"]
ROOTS = ["/bin", "/sbin", "/lib", "/lib32", "/lib64"]
"""Links into /usr on most systems."""
_PARTS = (
    *("bin", "sbin", "lib", "lib32", "lib64", "libexec", "pyvenv.cfg", "etc/fonts"),
    *("share/fonts", "share/fontconfig", "share/zoneinfo", "share/terminfo", "share/locale", "share/i18n"),
    *("share/misc", "share/mime", "share/perl", "share/perl5", "share/matplotlib", "share/X11/locale"),
)
"""Of the system's prefixes and of Python's: programs, libraries, fonts, time zones, terminals, languages."""


def shown_files() -> list[Path]:
    """The only files of this package that the sandbox can read, relative to it: it gets a copy of them."""
    return [path.relative_to(PACKAGE) for pattern in _OURS for path in sorted(PACKAGE.glob(pattern))]


def stamp() -> list[tuple[Path, int]]:
    """The shown files and when each was changed: a sandbox is not current any more once this differs."""
    return [(path, (PACKAGE / path).stat().st_mtime_ns) for path in shown_files()]


def copy_ours(folder: Path) -> None:
    """Copy the shown files of this package into a folder, for any user to read."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in shown_files():
        target = folder / "autograder" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PACKAGE / name, target)
        target.chmod(0o644)
    for place in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        place.chmod(0o755)


def readable_paths() -> list[str]:
    """What student code may read besides: parts of the system, of the interpreter and of the installed packages.

    One may lie in another: it stays shown where what lies between them is private.
    """
    pythons = {sys.base_prefix, sys.prefix, sys.exec_prefix, os.path.realpath(sys.base_prefix)}
    parts = [os.path.join(prefix, part) for prefix in ["/usr", "/usr/local", *sorted(pythons)] for part in _PARTS]
    packages = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return [path for path in dict.fromkeys([*ROOTS, *_ETC, *DEVICES, *parts, *packages]) if os.path.exists(path)]


def private_paths(private: Iterable[str | Path] = ()) -> list[str]:
    """Where something that is ``private`` can be seen: it, the user's home or this package, under what is shown.

    Links are followed, on both sides. A path that holds what is shown, such as a course with its environment in it,
    is seen no more than that.
    """
    homes = {os.path.expanduser("~")}
    with contextlib.suppress(KeyError):  # a user without an entry
        homes.add(pwd.getpwuid(os.getuid()).pw_dir)
    hidden: dict[str, None] = {}
    places = {shown: os.path.realpath(shown) for shown in readable_paths()}
    for path in [*map(str, private), *homes, str(PACKAGE)]:
        real = os.path.realpath(path)
        if not os.path.lexists(real):
            continue
        for shown, seen in places.items():
            if real != seen and lies_under(real, seen):
                hidden[os.path.join(shown, os.path.relpath(real, seen))] = None
    return list(hidden)


def lies_under(path: str, folder: str) -> bool:
    """Whether an absolute path is the folder, or lies somewhere in it."""
    return os.path.commonpath([path, folder]) == folder
