"""A class for the tests: a course folder, an exchange and a student's folder, on which nbgrader's commands run."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Self

import nbformat
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config import PyFileConfigLoader

from autograder.grading.batch import kept_environment
from tests import in_process
from tests.conftest import copy_course

COURSE_ID = "optimizers-course"
NOTEBOOK = "1-build-optimizers"


def api(root: Path) -> NbGraderAPI:
    """nbgrader's commands on a course folder, in this process, which takes less time than one for each."""
    config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    return NbGraderAPI(CourseDirectory(config=config, root=str(root)), config=config)


def generate(root: Path, assignment: str = "optimizers") -> None:
    """``nbgrader generate_assignment``, in this process."""
    with kept_environment():
        result = api(root).generate_assignment(assignment)
    assert result["success"], result.get("log")


def release(folder: Path, notebooks: Collection[str] = ()) -> Path:
    """Make a course folder and generate ``optimizers`` in it, with all its notebooks or those named."""
    copy_course(folder)
    for path in (folder / "source" / "optimizers").glob("*.ipynb"):
        if notebooks and path.stem not in notebooks:
            path.unlink()
    generate(folder)
    return folder


class ClassFolder:
    """A course folder, an exchange, and a student's folder."""

    def __init__(self, folder: Path, course: Path | None = None) -> None:
        """With a copy of this ``course`` folder, by default of the course that is still to be generated."""
        self.root, self.exchange, self.home = folder / "course", folder / "exchange", folder / "student"
        if course is None:
            copy_course(self.root)
        else:
            shutil.copytree(course, self.root)
        self.exchange.mkdir()
        self.exchange.chmod(0o777)
        self.home.mkdir()

    def at(self, folder: Path) -> Self:
        """The same, as it is now, in another folder."""
        shutil.copytree(self.root.parent, folder, dirs_exist_ok=True)
        other = copy.copy(self)
        other.root, other.exchange, other.home = (folder / path.name for path in (self.root, self.exchange, self.home))
        return other

    def nbgrader(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run a command in this process; what it printed."""
        code, printed = in_process.nbgrader(*arguments, *self._settings, cwd=cwd or self.root, **self._environment)
        assert code == 0, printed
        return printed

    def start_nbgrader(self, *arguments: str, ok: bool = True, **environment: str) -> str:
        """Run a command in a process of its own, which has no warm sandbox; what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", *arguments, *self._settings],
            cwd=self.root,
            env={**os.environ, **self._environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) is ok, done.stdout
        return done.stdout

    @property
    def _settings(self) -> list[str]:
        return [f"--Exchange.root={self.exchange}", f"--CourseDirectory.course_id={COURSE_ID}"]

    @property
    def _environment(self) -> dict[str, str]:
        return {"JUPYTER_DATA_DIR": str(self.home / "jupyter")}

    def hand_in(self, student: str, notebook: nbformat.NotebookNode | bytes) -> None:
        """Put a submission where ``nbgrader collect`` would."""
        folder = self.root / "submitted" / student / "optimizers"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{NOTEBOOK}.ipynb"
        if isinstance(notebook, bytes):
            path.write_bytes(notebook)
        else:
            nbformat.write(notebook, path)

    def scores(self, student: str) -> dict[str, tuple[float | None, bool]]:
        """Each test cell's automatic score, and whether it needs review."""
        with Gradebook(f"sqlite:///{self.root / 'gradebook.db'}") as gradebook:
            submission = gradebook.find_submission_notebook(NOTEBOOK, "optimizers", student)
            return {grade.name: (grade.auto_score, grade.needs_manual_grade) for grade in submission.grades}

    def feedback(self, student: str) -> str:
        """Make the student's feedback page."""
        self.nbgrader("generate_feedback", "optimizers", "--force", "--student", student)
        return self.page(student)

    def page(self, student: str) -> str:
        """The student's feedback page, which is there."""
        return (self.root / "feedback" / student / "optimizers" / f"{NOTEBOOK}.html").read_text()
