"""One walk over what students hand in: bounded, and it follows no link."""

import os
import tempfile
from pathlib import Path

import pytest
from rich.console import Console
from traitlets.config import Config

from autograder.course import Course
from autograder.grading import batch, files, reading
from autograder.grading.finding import find_submission
from autograder.grading.reading import UnreadableNotebook
from autograder.hosts import gradescope_harness
from autograder.hosts.nbgrader import copying
from autograder.hosts.nbgrader.handed_in import elsewhere
from autograder.pages import terminal
from autograder.results import Grade
from tests.conftest import ROOT
from tests.heaps import crowd, nest, notebooks, remove_nest, ring

NAME = "1-build-optimizers"


HEAPS = {
    nest: "holds folders in each other, more than 10 deep",
    crowd: "holds more than 2,000 files and folders",
    notebooks: "holds 51 notebooks, more than 50",
    ring: None,
}


@pytest.fixture(params=HEAPS, ids=lambda heap: heap.__name__)
def heap(request, tmp_path):
    """A class's folder, in which bob has handed in a heap and ada a notebook; and what is said of bob's."""
    for student in ("ada", "bob"):
        (tmp_path / "submitted" / student / "optimizers").mkdir(parents=True)
        (tmp_path / "submitted" / student / "optimizers" / "draft.txt").touch()
    (tmp_path / "submitted" / "ada" / "optimizers" / f"{NAME}.ipynb").write_text("{}")
    request.param(tmp_path / "submitted" / "bob" / "optimizers")
    return tmp_path / "submitted", HEAPS[request.param]


def test_autograder_grade_names_the_folder_and_goes_on(heap, course):
    submitted, problem = heap
    found = batch.find_notebooks([submitted])
    assert submitted / "ada" / "optimizers" / f"{NAME}.ipynb" in found
    assert (submitted / "bob" in found) is (problem is not None)
    if problem is not None:
        with pytest.raises(UnreadableNotebook, match=problem):
            find_submission(submitted / "bob", course)


def test_autograde_and_the_report_never_call_it_not_handed_in(heap):
    submitted, problem = heap
    assignment = Course(ROOT).assignments["optimizers"]
    told = {
        stray.exercise: str(stray) for stray in elsewhere(submitted, assignment, Config()) if stray.student == "bob"
    }
    assert set(told) == (set(assignment.exercises) if problem is not None else set())
    assert all(problem in text for text in told.values())


def test_folders_deeper_than_python_calls_itself_are_named(tmp_path):
    inside = tmp_path / "submitted" / "bob" / "optimizers"
    inside.mkdir(parents=True)
    try:
        nest(inside, 1_200)
        assert batch.find_notebooks([tmp_path / "submitted"]) == [tmp_path / "submitted" / "bob"]
        assert len(elsewhere(tmp_path / "submitted", Course(ROOT).assignments["optimizers"], Config())) == 4
        left_out = files.copy(inside, tmp_path / "copied", max_file_bytes=100, max_bytes=100)
        assert left_out == {".": HEAPS[nest]}
    finally:
        remove_nest(inside)


def test_gradescope_gives_no_score(heap, course):
    submitted, problem = heap
    exercises = course.assignments["optimizers"].exercises.values()
    found = gradescope_harness.find_submission(submitted / "bob", list(exercises))
    assert any(problem in text for text in found.problems) is True if problem else found.problems


@pytest.mark.parametrize("place", ["bob", "bob/optimizers"])
def test_a_link_in_place_of_a_folder_is_named(tmp_path, place):
    (tmp_path / "elsewhere" / "optimizers").mkdir(parents=True)
    link = tmp_path / "submitted" / place
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "elsewhere")
    told = [str(stray) for stray in elsewhere(tmp_path / "submitted", Course(ROOT).assignments["optimizers"], Config())]
    assert told and all("is a link to another folder" in text for text in told)


def test_a_wanted_file_is_found_however_full_the_folder_is(tmp_path):
    crowd(tmp_path)
    (tmp_path / f"{NAME}.ipynb").write_text("{}")
    found = files.walk(tmp_path, [f"{NAME}.ipynb"])
    assert tmp_path.joinpath(f"{NAME}.ipynb").relative_to(tmp_path) in found.files
    assert found.problem is not None


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_bytes(b"x" * 11)
    monkeypatch.setattr(
        files.os, "fstat", lambda handle, real=os.fstat: os.stat_result((*real(handle)[:6], 5, 0, 0, 0))
    )
    with pytest.raises(files.TooLarge):
        files.read(path, 10)


def test_a_file_that_becomes_a_link_is_not_followed(tmp_path, monkeypatch):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "x").symlink_to("secret")
    monkeypatch.setattr(files.os, "stat", lambda *args, real=os.stat, **kwargs: real(tmp_path / "secret"))
    with pytest.raises(OSError, match="symbolic links"):
        files.read(tmp_path / "x", 10)


FORGED = "x\nada was graded: full marks"


class Coursedir:
    """As much of nbgrader's as copying asks for."""

    max_file_size = max_dir_size = 1


class Log:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def warning(self, text: str) -> None:
        self.told.append(text)


def test_a_name_with_a_line_end_forges_no_line(tmp_path, course, capsys):
    """Wherever a student's name for something is told: in a log, an error, a table, and on Gradescope."""
    folder = tmp_path / "submitted" / "bob"
    (folder / "optimizers" / FORGED).mkdir(parents=True)
    (folder / "optimizers" / FORGED / f"{NAME}.ipynb").write_text('{"nbformat": 4, "metadata": {}, "cells": []}')
    os.mkfifo(folder / FORGED)
    log = Log()
    copying.copy(Coursedir(), folder, tmp_path / "copied", lambda path: True, log)
    (stray,) = [stray for stray in elsewhere(folder.parent, course.assignment(), Config()) if stray.exercise == NAME]
    with pytest.raises(UnreadableNotebook) as refused:
        reading.read(folder / FORGED)
    exercise = course.assignment().exercises[NAME]
    terminal.print_grades(
        [Grade(FORGED, exercise.assignment, exercise.name, "needs_review", "odd", 12.0, 0.1)], Console(width=200)
    )
    (folder / "optimizers" / f"{FORGED}.ipynb").write_text("{}")
    uploaded = gradescope_harness.find_submission(folder / "optimizers", [exercise])
    output = gradescope_harness.results([exercise], [None], uploaded, "visible")["output"]
    texts = [*log.told, str(stray), str(refused.value), capsys.readouterr().out, output]
    assert all("ada was graded" in text for text in texts), texts
    assert not [line for text in texts for line in text.splitlines() if line.strip().startswith("ada was")]


@pytest.fixture
def ordinary():
    """A folder of an ordinary user, and that user's rights."""
    with tempfile.TemporaryDirectory() as folder:
        is_root = os.geteuid() == 0
        if is_root:
            os.chown(folder, 65534, 65534)
            os.seteuid(65534)
        try:
            yield Path(folder)
        finally:
            if is_root:
                os.seteuid(0)
            for place, _, _ in os.walk(folder):
                os.chmod(place, 0o700)


@pytest.mark.parametrize("rights", [0, 0o444, 0o111], ids=oct)
@pytest.mark.parametrize("place", ["bob", "bob/optimizers", "bob/optimizers/data"])
def test_a_folder_that_may_not_be_read_is_named_and_stops_nobody(ordinary, rights, place):
    for student in ("ada", "bob"):
        (ordinary / "submitted" / student / "optimizers" / "data").mkdir(parents=True)
        (ordinary / "submitted" / student / "optimizers" / "data" / "x.csv").touch()
    (ordinary / "submitted" / "ada" / f"{NAME}.ipynb").write_bytes(
        (ROOT / f"assignments/optimizers/{NAME}.ipynb").read_bytes()
    )
    os.chmod(ordinary / "submitted" / place, rights)
    found = elsewhere(ordinary / "submitted", Course(ROOT).assignments["optimizers"], Config())
    assert {stray.exercise for stray in found if stray.student == "ada"} == {NAME}
    told = [str(stray) for stray in found if stray.student == "bob"]
    assert len(told) == 4 and all("can't be read: Permission denied" in text for text in told)
