"""Grade many notebook files through one ``concurrent.futures.Executor``."""

from __future__ import annotations

import functools
import multiprocessing.util
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from autograder.course import Course, CourseError
from autograder.grading import Grader
from autograder.results import Grade

Item = TypeVar("Item")
Result = TypeVar("Result")

FILES_PER_WORKER = 8
"""A worker warms up for about 5 s, so another one pays only for about this many submissions."""


def find_notebooks(paths: Iterable[Path]) -> list[Path]:
    """The notebooks among the paths and in the folders among them, in order, each once.

    Raises CourseError when a folder holds none. A file that is not there is kept: its grade will say so.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.is_dir():
            found[path] = None
            continue
        inside = [p for p in sorted(path.rglob("*.ipynb")) if ".ipynb_checkpoints" not in p.parts]
        if not inside:
            raise CourseError(f"There is no notebook in {path}. Name a notebook, or a folder such as submitted/.")
        found.update(dict.fromkeys(inside))
    return list(found)


def grade_all(files: Sequence[Path], root: Path, unsafe: bool = False, workers: int | None = None) -> Iterator[Grade]:
    """Grade the files, in order, with several workers where that pays."""
    return run_all(functools.partial(grade_one, root=root, unsafe=unsafe), files, workers)


def run_all(work: Callable[[Item], Result], items: Sequence[Item], workers: int | None = None) -> Iterator[Result]:
    """Do the same work on every item, in order of the items; each worker has its ``process_grader``."""
    if workers is None:
        workers = max(1, min(os.cpu_count() or 1, len(items) // FILES_PER_WORKER))
    if workers == 1:
        yield from map(work, items)
        return
    os.environ["PYTHONSAFEPATH"] = "1"  # workers would import a student's modules from the folder that we are in
    with ExitStack() as stack:
        executor: Executor = stack.enter_context(ProcessPoolExecutor(workers, mp_context=get_context("spawn")))
        stack.callback(executor.shutdown, wait=False, cancel_futures=True)
        yield from executor.map(work, items)


def grade_one(path: Path, root: Path, unsafe: bool) -> Grade:
    """Grade one file with this process's grader."""
    return process_grader(unsafe).grade_file(path, _course(root).exercises)


@functools.cache
def process_grader(unsafe: bool) -> Grader:
    """The one grader of this process, whose sandbox stays warm until the process ends."""
    grader = Grader(unsafe)
    multiprocessing.util.Finalize(None, grader.close, exitpriority=10)  # atexit does not run in a pool's workers
    return grader


@functools.cache
def _course(root: Path) -> Course:
    return Course(root)
