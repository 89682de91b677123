"""Make what students and instructors get from ``source/``, with nbgrader's own commands."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from autograder.course import Course


class BuildError(Exception):
    """nbgrader could not build. The message holds what it said."""


def build_all(course: Course) -> Iterator[Path]:
    """Build ``assignments/`` and ``solutions/`` (executed) for every assignment; yields each folder written."""
    for assignment in dict.fromkeys(exercise.assignment for exercise in course.exercises.values()):
        for command, folder in (("generate_assignment", "assignments"), ("generate_solution", "solutions")):
            run_nbgrader(course.root, command, assignment, "--force")
            yield course.root / folder / assignment


def run_nbgrader(root: Path, *arguments: str) -> str:
    """Run an nbgrader command in the course folder; its output. Raises BuildError when it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BuildError(f"nbgrader {' '.join(arguments)} failed:\n{done.stdout.strip()}")
    return done.stdout
