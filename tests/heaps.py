"""Heaps of files that a student may hand in, for the tests."""

from __future__ import annotations

import os
from pathlib import Path

from autograder.grading import files


def nest(folder: Path, depth: int = 400) -> None:
    """Folders in each other: as many as pytest can still remove. More must go by ``remove_nest`` again."""
    inside = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=inside)
        outside, inside = inside, os.open("d", os.O_RDONLY, dir_fd=inside)
        os.close(outside)
    os.close(inside)


def remove_nest(folder: Path) -> None:
    """Remove what ``nest`` has made, deeper than ``shutil.rmtree`` can before Python 3.13."""
    while (folder / "d" / "d").exists():
        (folder / "d" / "d").rename(folder / "e")
        (folder / "d").rmdir()
        (folder / "e").rename(folder / "d")


def crowd(folder: Path) -> None:
    """More files than are looked at."""
    for number in range(files.MAX_ENTRIES + 1):
        (folder / f"{number}.txt").touch()


def notebooks(folder: Path) -> None:
    """More notebooks than are looked at."""
    for number in range(files.MAX_NOTEBOOKS + 1):
        (folder / f"0{number}.ipynb").write_text("{}")


def ring(folder: Path) -> None:
    """A link that leads into itself."""
    (folder / "d").symlink_to(folder)
