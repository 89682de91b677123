"""Files that students hand in: only regular ones are read or copied, within bounds, and no link is followed.

Whatever else may lie there (a link, a named pipe, a socket, a device) is named and never opened. A hard link is a
regular file like any other.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

MAX_DEPTH = 10
"""Folders in each other, below the one that is looked at."""

MAX_ENTRIES = 2_000
"""Files and folders that are looked at in one folder and all below it."""


class Refused(Exception):
    """Something that is not read or copied. The message says what it is, to be put after its name."""


class TooLarge(Refused):
    """A file of more bytes than are read."""

    def __init__(self, size: int, most: int) -> None:
        super().__init__(f"has {size / 2**20:,.0f} MiB, more than {most / 2**20:,.0f}")


def read(path: Path, most: int) -> bytes:
    """The bytes of a regular file, read once.

    Raises FileNotFoundError when nothing is there, Refused when it is no regular file or has more than ``most`` bytes,
    and OSError when it can't be read.
    """
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        content = file.read(most + 1) if size <= most else b""
    if size > most or len(content) > most:
        raise TooLarge(max(size, len(content)), most)
    return content


@contextlib.contextmanager
def opened(path: str | Path, within: int | None = None) -> Iterator[BinaryIO]:
    """A regular file, opened for reading; a relative path is one in the open folder ``within``. Raises as ``read``."""
    _must_be_regular(os.stat(path, follow_symlinks=False, dir_fd=within))  # to open a device can do something already
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    handle = os.open(path, flags, dir_fd=within)
    with open(handle, "rb") as file:
        _must_be_regular(os.fstat(handle))  # it may be another one by now
        yield file


def _must_be_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Refused(_kind(status.st_mode, "file"))


def _kind(mode: int, wanted: str) -> str:
    """What something is that is no file, or no folder, whichever is wanted; no link is either."""
    if stat.S_ISLNK(mode):
        return f"is a link to another {wanted}"
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFIFO: "named pipe", stat.S_IFSOCK: "socket"}
    return f"is no {wanted} but a {kinds.get(stat.S_IFMT(mode), 'device')}"


@contextlib.contextmanager
def opened_folder(path: str | Path, within: int | None = None) -> Iterator[int]:
    """A folder, opened; each part of a path in the open folder ``within`` must be one, and no link.

    Raises Refused when it is something else, and OSError when it can't be read.
    """
    place = within
    with contextlib.ExitStack() as stack:
        for part in [path] if within is None else Path(path).parts or ["."]:
            status = os.stat(part, dir_fd=place, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode):
                raise Refused(_kind(status.st_mode, "folder"))
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
            place = os.open(part, flags, dir_fd=place)
            stack.callback(os.close, place)
        assert place is not None
        yield place


MAX_NOTEBOOKS = 50
"""Notebooks that are read to find out where they belong, in one folder and all below it."""


def notebooks(folder: Path, wanted: Iterable[str] = ()) -> tuple[list[Path], str | None]:
    """The notebooks in a folder and below it, nearest first, and why these may not be all, if so.

    What has a notebook's name and is no file is among them: to read it says why. Copies that Jupyter or a Mac makes
    are not. ``wanted`` as for ``walk``.
    """
    found = walk(folder, wanted)
    paths = [
        path
        for path in sorted([*found.files, *found.folders, *found.left_out], key=_nearest_first)
        if path.suffix == ".ipynb" and not any(part.startswith((".", "__MACOSX")) for part in path.parts)
    ]
    problem = found.problem
    if len(paths) > MAX_NOTEBOOKS:
        problem = f"holds {len(paths):,} notebooks, more than {MAX_NOTEBOOKS}"
    return [folder / path for path in paths[:MAX_NOTEBOOKS]], problem


def _nearest_first(path: Path) -> tuple[int, tuple[str, ...]]:
    return len(path.parts), path.parts


@dataclass
class Found:
    """What lies in a folder and below it; paths are relative to it, those nearest to it first."""

    files: list[Path] = field(default_factory=list)
    """The regular files."""
    folders: list[Path] = field(default_factory=list)
    left_out: dict[Path, str] = field(default_factory=dict)
    """What is neither a regular file nor a folder, and what it is."""
    problem: str | None = None
    """Why not all was looked at, in words for an instructor, after the folder's name."""


def walk(folder: Path, wanted: Iterable[str] = ()) -> Found:
    """Look through a folder, nearest files first, as far as the bounds allow. Raises nothing for what lies there.

    ``wanted`` are names of files right in the folder that are found however full it is.
    """
    found = Found()
    try:
        with opened_folder(folder) as top:
            _walk(top, found)
            for name in wanted:
                with contextlib.suppress(OSError):
                    _sort_in(Path(name), os.stat(name, dir_fd=top, follow_symlinks=False).st_mode, found)
    except (OSError, Refused) as error:
        found.problem = explain(error)
    found.files = sorted(set(found.files), key=_nearest_first)
    return found


def explain(error: OSError | Refused) -> str:
    """What is wrong with a file or a folder, after its name."""
    return str(error) if isinstance(error, Refused) else f"can't be read: {error.strerror or error}"


def _walk(top: int, found: Found) -> None:
    waiting, seen = deque([Path()]), 0
    while waiting:
        inside = waiting.popleft()
        try:
            with opened_folder(inside, top) as place, os.scandir(place) as entries:
                for entry in entries:
                    seen += 1
                    if seen > MAX_ENTRIES:
                        found.problem = f"holds more than {MAX_ENTRIES:,} files and folders"
                        return
                    mode = entry.stat(follow_symlinks=False).st_mode
                    path = inside / entry.name
                    _sort_in(path, mode, found)
                    if stat.S_ISDIR(mode) and len(path.parts) <= MAX_DEPTH:
                        waiting.append(path)
                    elif stat.S_ISDIR(mode):
                        found.problem = f"holds folders in each other, more than {MAX_DEPTH} deep"
        except (OSError, Refused) as error:
            found.problem = f"holds a folder {inside} that {explain(error)}" if inside.parts else explain(error)


def _sort_in(path: Path, mode: int, found: Found) -> None:
    if stat.S_ISREG(mode):
        found.files.append(path)
    elif stat.S_ISDIR(mode):
        found.folders.append(path)
    else:
        found.left_out[path] = _kind(mode, "file")


def copy(
    folder: Path,
    target: Path,
    is_chosen: Callable[[Path], bool] = lambda path: True,
    *,
    wanted: Iterable[str] = (),
    max_file_bytes: int,
    max_bytes: int,
) -> dict[str, str]:
    """Copy the regular files of a folder and below it, the wanted and the nearest first, as far as the bounds allow.

    They keep their rights and times. A file that stands in ``target`` already is replaced. Returns what was left out,
    and why, by its path in the folder; the folder itself is ".". A file that has another name and another owner than
    the folder is left out too: it may be one that the student could link here, but not read. Raises Refused or OSError
    when the folder can't be read, and OSError when ``target`` can't be written.
    """
    first = set(wanted)
    found = walk(folder, first)
    left_out = {str(path): why for path, why in found.left_out.items() if is_chosen(path)}
    if found.problem:
        left_out["."] = found.problem
    target.mkdir(parents=True, exist_ok=True)
    with opened_folder(folder) as top:
        owner, left = os.fstat(top).st_uid, max_bytes
        for path in sorted(filter(is_chosen, found.files), key=lambda path: str(path) not in first):
            try:
                with opened_folder(path.parent, top) as place, opened(path.name, place) as file:
                    status = os.fstat(file.fileno())
                    most = min(max_file_bytes, left)
                    if status.st_size > most:
                        raise TooLarge(status.st_size, most)
                    if status.st_nlink > 1 and status.st_uid != owner:
                        raise Refused("belongs to somebody else")
                    left -= _write(file, target / path, status, most)
            except Refused as error:
                left_out[str(path)] = str(error)
            except FileNotFoundError:
                left_out[str(path)] = "went away"
            except PermissionError as error:
                left_out[str(path)] = explain(error)
    return left_out


def _write(file: BinaryIO, target: Path, status: os.stat_result, most: int) -> int:
    """Copy an open file, with its rights and times; the number of bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    written = 0
    with target.open("xb") as out:
        while written < most and (chunk := file.read(min(2**20, most - written))):
            written += out.write(chunk)
        os.fchmod(out.fileno(), stat.S_IMODE(status.st_mode) & 0o777)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    return written
