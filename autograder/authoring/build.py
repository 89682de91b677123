"""Make what students and instructors get from ``source/``, with nbgrader's own commands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat

from autograder.course import Course, cells_changed


class BuildError(Exception):
    """nbgrader could not build. The message holds what it said."""


def build_all(course: Course) -> Iterator[Path]:
    """Build ``assignments/`` and ``solutions/`` (executed) for every assignment with lessons; yields what is written.

    First the source gets its copies of what every lesson imports.
    """
    assignments = [name for name, assignment in course.assignments.items() if assignment.exercises]
    for assignment in assignments:
        yield from copy_lab(course.source / assignment)
        for command, option, folder in (
            ("generate_assignment", "release_directory", "assignments"),
            ("generate_solution", "solution_directory", "solutions"),
        ):
            with tempfile.TemporaryDirectory(prefix=".build-", dir=course.root) as made:
                run_nbgrader(
                    course.root, command, assignment, "--force", f"--CourseDirectory.{option}={Path(made).name}"
                )
                _put(Path(made) / assignment, course.root / folder / assignment, Path(made) / "before")
            yield course.root / folder / assignment


def _put(made: Path, target: Path, before: Path) -> None:
    """Put a folder in the place of another one, which is there until then."""
    target.parent.mkdir(exist_ok=True)
    if target.exists():
        target.rename(before)
    made.rename(target)


LAB = Path(__file__).parent.parent / "lab"
"""The master of what every lesson imports. An assignment holds copies, because nbgrader releases its folder alone."""


def copy_lab(folder: Path) -> list[Path]:
    """Copy the modules of ``lab/`` into an assignment's source folder; those that were not the same before."""
    changed = []
    for master in sorted(LAB.glob("*.py")):
        copy = folder / master.name
        if not copy.is_file() or copy.read_bytes() != master.read_bytes():
            shutil.copyfile(master, copy)
            changed.append(copy)
    return changed


def stale_files(course: Course) -> list[Path]:
    """The generated files that are not what ``source/`` makes now, relative to the course.

    Of an executed solution only what does not depend on the machine counts: its cells, and the kinds of their outputs.
    """
    source = course.source.relative_to(course.root)
    with tempfile.TemporaryDirectory(prefix="autograder-") as folder:
        fresh = Course(Path(folder), course.lessons)
        shutil.copy(course.root / "nbgrader_config.py", folder)
        shutil.copytree(course.source, fresh.root / source, ignore=shutil.ignore_patterns("__pycache__"))
        list(build_all(fresh))
        made, kept = (_generated(root, str(source)) for root in (fresh.root, course.root))
        return sorted(name for name in made.keys() | kept.keys() if made.get(name) != kept.get(name))


def _generated(root: Path, source: str) -> dict[Path, object]:
    """What was made: everything in two folders, and the copies of ``lab/`` in the source."""
    paths = [path for folder in ("assignments", "solutions") for path in (root / folder).rglob("*")]
    paths += [path for master in LAB.glob("*.py") for path in (root / source).glob(f"*/{master.name}")]
    return {p.relative_to(root): _essence(p) for p in paths if p.is_file() and "__pycache__" not in p.parts}


def _essence(path: Path) -> object:
    if path.suffix != ".ipynb":
        return path.read_bytes()
    notebook = nbformat.read(path, as_version=4)
    return [
        (
            cell.cell_type,
            cell.id,
            cell.source,
            cell.metadata,
            [output.output_type for output in cell.get("outputs", [])],
        )
        for cell in notebook.cells
    ]


def run_nbgrader(root: Path, *arguments: str) -> str:
    """Run an nbgrader command in the course folder; its output. Raises BuildError when it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=root,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",  # threads only slow down models as small as the lessons'
            "OPTIMIZERS_PROGRESS": "",  # the solutions are nobody's practice
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    changed = re.search(r"Cannot add or remove cells for notebook '(.*)' because there are submissions", done.stdout)
    if done.returncode != 0 and changed is not None:
        raise BuildError(cells_changed(changed[1], arguments[1]))
    if done.returncode != 0:
        raise BuildError(f"nbgrader {' '.join(arguments)} failed:\n{done.stdout.strip()}")
    return done.stdout
