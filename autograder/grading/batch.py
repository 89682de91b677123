"""Grade many notebook files through one ``concurrent.futures.Executor``."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing.util
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from autograder.course import LESSONS, Course, CourseError
from autograder.grading import files
from autograder.grading.finding import find_submission
from autograder.grading.graded import Graded, needs_review
from autograder.grading.reading import UnreadableNotebook
from autograder.grading.submission import Submission
from autograder.sandbox import confinement
from autograder.sandbox.process import Sandbox
from autograder.sandbox.shown import private_paths

if TYPE_CHECKING:
    from autograder.grading.grader import Grader
    from autograder.sandbox.confinement import Backend

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_LOST_WORKERS = 3
"""How often a pool is started in which workers die."""

FILES_PER_WORKER = 8
"""A worker warms up for about 5 s, so another one pays only for about this many submissions."""


def find_notebooks(paths: Iterable[Path]) -> list[Path]:
    """The notebooks among the paths and in the folders among them, in order, each once.

    Raises CourseError when none of the paths is there, and when a folder holds no notebook. A file that is not there
    among others is kept: its grade will say so. So is a folder that can't be looked through to its end. The folders in
    a named one have their bounds each: they may be students'.
    """
    found: dict[Path, None] = {}
    paths = list(paths)
    if not any(path.exists() or path.is_symlink() for path in paths):
        raise CourseError(f"There is no {' and no '.join(map(str, paths))}. Is the name right?")
    for path in paths:
        if not path.is_dir():
            found[path] = None
            continue
        try:
            inside = sorted(_inside(path))
        except OSError as error:
            raise CourseError(f"{path} {files.explain(error)}. Let it be read, or name another folder.") from error
        if not inside:
            raise CourseError(f"There is no notebook in {path}. Name a notebook, or a folder such as submitted/.")
        found.update(dict.fromkeys(inside))
    return list(found)


def _inside(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_symlink() or not path.is_dir() or path.suffix == ".ipynb":
            if path.suffix == ".ipynb" and not path.name.startswith("."):
                yield path
        elif not path.name.startswith("."):
            notebooks, problem = files.notebooks(path)
            yield from notebooks if problem is None else [*notebooks, path]


def grade_all(
    work: Callable[[Item], Graded], items: Sequence[Item], workers: int | None = None, dask: str | None = None
) -> Iterator[tuple[int, Graded]]:
    """Grade every item as ``run_all`` does. What the clock has stopped is judged once more at the end, alone.

    Then no neighbour can be the cause; a second stop counts.
    """
    late = []
    for place, graded in run_all(work, items, workers, dask):
        if graded.was_late:
            late.append(place)
        else:
            yield place, graded
    yield from ((place, work(items[place])) for place in late)


class LostWorkers(Exception):
    """Workers kept dying. What they had finished is not lost."""


def run_all(
    work: Callable[[Item], Result], items: Sequence[Item], workers: int | None = None, dask: str | None = None
) -> Iterator[tuple[int, Result]]:
    """Do the same work on every item; yields each item's place and its result, as they come.

    The work is done on the Dask cluster with that address, or in a pool of ``workers`` processes, by default as many
    as pay. Each has its ``process_grader``. The items of a worker that dies are tried again. Raises LostWorkers when
    that happens too often, and CourseError when the cluster does not answer.
    """
    if workers is None:
        workers = max(1, min(os.cpu_count() or 1, len(items) // FILES_PER_WORKER))
    if workers == 1 and dask is None:
        yield from ((place, work(item)) for place, item in enumerate(items))
        return
    left = list(range(len(items)))
    for _ in range(MAX_LOST_WORKERS):
        with _on_dask(dask) if dask is not None else _on_processes(workers) as executor:
            places = {executor.submit(work, items[place]): place for place in left}
            try:
                for future in as_completed(places):
                    result, place = future.result(), places.pop(future)  # and forget it: results may be large
                    left.remove(place)
                    yield place, result
                return
            except BrokenExecutor:  # all that is left in the pool ends with the one worker
                continue
    raise LostWorkers(
        f"Workers died {MAX_LOST_WORKERS} times, perhaps for want of memory. Run it again with fewer: --workers 1"
    )


@contextlib.contextmanager
def _on_processes(workers: int) -> Iterator[Executor]:
    with kept_environment():
        os.environ["PYTHONSAFEPATH"] = "1"  # workers would import a student's modules from the folder that we are in
        executor = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
        try:
            yield executor
        finally:
            executor.shutdown(wait=False, cancel_futures=True)


@contextlib.contextmanager
def kept_environment() -> Iterator[None]:
    """Undo at the end what was done to the environment variables."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


@contextlib.contextmanager
def _on_dask(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client, KilledWorker
    except ImportError as error:
        raise CourseError("--dask needs Dask's scheduler. Install it: pip install distributed") from error
    try:
        client = Client(address, timeout=10, set_as_default=False)
    except (OSError, ValueError) as error:
        raise CourseError(f"No Dask scheduler answers at {address}. Start one: dask scheduler") from error
    with client, client.get_executor(pure=False) as executor:
        try:
            yield executor
        except KilledWorker as error:
            raise LostWorkers(f"The cluster lost its workers again and again: {error}. Their logs say why.") from error
        finally:
            executor.shutdown(wait=False)


def in_order(results: Iterable[tuple[int, Result]]) -> Iterator[Result]:
    """The results in the order of their items, each as soon as all before it are there."""
    waiting: dict[int, Result] = {}
    following = 0
    for place, result in results:
        waiting[place] = result
        while following in waiting:
            yield waiting.pop(following)
            following += 1


def grade_one(path: Path, root: Path, unsafe: bool, assignment: str | None = None, quick: bool = False) -> Graded:
    """Grade a file that lies anywhere with this process's grader; what has no exercise needs review."""
    with _one_at_a_time:
        try:
            course = read_course(root)
            submission = find_submission(path, course, assignment)
        except UnreadableNotebook as error:
            return Graded(needs_review(str(path), str(error)))
        return _grade(submission, course, unsafe, quick)


def grade_submission(item: tuple[Path, str, str], root: Path, lessons: Path, source: str, unsafe: bool) -> Graded:
    """Grade one notebook, given with its assignment and exercise, with this process's grader."""
    path, assignment, exercise = item
    with _one_at_a_time:
        course = read_course(root, lessons, source)
        return _grade(Submission.read(path, course.assignments[assignment].exercises[exercise]), course, unsafe)


def _grade(submission: Submission, course: Course, unsafe: bool, quick: bool = False) -> Graded:
    if submission.problem is not None:  # which needs no sandbox
        return Graded(needs_review(submission, submission.problem))
    return process_grader(unsafe, course.private).grade(submission, quick)


_one_at_a_time = threading.Lock()
"""A cluster's worker may run several tasks as threads; a Sandbox serves one submission at a time."""


@functools.cache
def process_grader(unsafe: bool, private: tuple[str, ...] = ()) -> Grader:
    """The grader of this process, whose sandbox stays warm until the process ends.

    Nothing in a ``private`` folder is seen from inside. Courses for which the same must be hidden share a sandbox.
    """
    return _grader_on(confinement.choose(unsafe), unsafe, tuple(private_paths(private)))


@functools.cache
def _grader_on(backend: Backend, unsafe: bool, hidden: tuple[str, ...]) -> Grader:
    sandbox = Sandbox(backend, hidden)  # it warms up while torch and pytest are imported here
    try:
        import torch._dynamo  # noqa: F401  else the first optimizer imports it

        from autograder.grading.grader import Grader

        grader = Grader(unsafe, sandbox=sandbox, private=hidden)
    except BaseException:
        sandbox.close()
        raise
    multiprocessing.util.Finalize(None, grader.close, exitpriority=10)  # atexit does not run in a pool's workers
    return grader


@functools.cache
def read_course(root: Path, lessons: Path = LESSONS, source: str | None = None) -> Course:
    """The course, read once a process."""
    return Course(root, lessons, source)
