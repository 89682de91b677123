"""What the tests share: the course, and one warm grader for the whole run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from autograder.course import Course, Exercise

if TYPE_CHECKING:  # the process that only hands out the tests shall not wait for torch
    import nbformat

    from autograder.grading.grader import Grader
    from autograder.results import Grade
    from autograder.sandbox.confinement import Backend
    from autograder.sandbox.process import Sandbox

ROOT = Path(__file__).parent.parent
ATTACKS = ROOT / "tests" / "attacks"


os.environ["OPTIMIZERS_PROGRESS"] = ""  # whoever runs the tests has a record of their own
os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads that wait for each other on busy cores cost most of their time
CANARY = os.environ["AUTOGRADER_CANARY"] = "canary-5d41402a"
"""In no sandbox's environment, and in nothing that comes from one."""

TOPICS = ("docs", "browser", "nbgrader", "new", "audit", "attacks", "whole_class", "feedback_page", "failures")
LONGEST = [f"test_{topic}" for topic in TOPICS]
"""The modules that take minutes. They run first, so that no worker is left alone with one of them at the end."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Three workers for two cores: slow tests wait for other processes, browsers and the clock."""
    cores = os.cpu_count() or 1
    return cores if config.option.markexpr == "not slow" else cores + (cores + 1) // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


@pytest.fixture(scope="session")
def course() -> Course:
    return Course(ROOT)


@pytest.fixture(scope="session")
def exercise(course: Course) -> Exercise:
    """The first exercise."""
    return course.assignments["optimizers"].exercises["1-build-optimizers"]


@pytest.fixture(scope="session")
def grader() -> Iterator[Grader]:
    """The warm grader of this process, on the best sandbox of this machine."""
    from autograder.grading.batch import process_grader

    grader = process_grader(False)
    yield grader
    grader.close()


@pytest.fixture(scope="session")
def sandboxes(grader: Grader) -> Iterator[Callable[[Backend], Sandbox]]:
    """Call it with a backend for its warm sandbox, which is the grader's where that has the same. Don't close it."""
    from autograder.sandbox import confinement
    from autograder.sandbox.process import Sandbox

    started: dict[Backend, Sandbox] = {}

    def warm(backend: Backend) -> Sandbox:
        problem = confinement.why_not(backend)
        assert problem is None, f"{problem}; CI must have both backends. {backend.remedy}"
        if grader.sandbox.backend is backend:
            return grader.sandbox
        if backend in started and not started[backend].alive:
            started.pop(backend).close()
        if backend not in started:
            started[backend] = Sandbox(backend)
        started[backend].warm_up()
        return started[backend]

    yield warm
    for sandbox in started.values():
        sandbox.close()


@pytest.fixture
def solution(exercise: Exercise) -> nbformat.NotebookNode:
    """The first exercise, answered as in the reference solution."""
    from autograder.authoring import specimens

    return specimens.answer(exercise, {})


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Call it for a course folder in which ``optimizers`` is generated, with all its notebooks or those named.

    It is made once for all workers of a run: copy it. Its gradebook has no student.
    """
    from tests.class_folder import release

    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def made(*notebooks: str) -> Path:
        folder = shared / "-".join(["released", *notebooks])
        with FileLock(f"{folder}.lock"):
            if not folder.exists():
                release(own / f"{folder.name} is being made", notebooks).rename(folder)
        return folder

    return made


@pytest.fixture
def course_copy(tmp_path: Path) -> Path:
    """A course folder of its own, for commands that write into it."""
    return copy_course(tmp_path / "course")


def copy_course(folder: Path) -> Path:
    """Make a course folder of the configuration and the source."""
    folder.mkdir()
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    shutil.copytree(ROOT / "source", folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def set_cell(notebook: nbformat.NotebookNode, name: str, source: str) -> None:
    """Replace the text of the cell with this grade_id."""
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == name:
            cell.source = source
            return
    raise KeyError(name)


def shorten(source: Path) -> None:
    """Leave the graded and given cells of a notebook alone, which takes less time to run."""
    import nbformat

    from autograder.authoring import specimens

    nbformat.write(specimens.without_examples(nbformat.read(source, as_version=4)), source)


def grade_file(grader: Grader, path: Path, course: Course) -> Grade:
    """The Grade of a notebook file that lies anywhere."""
    from autograder.grading.finding import find_submission

    return grader.grade(find_submission(path, course)).grade
