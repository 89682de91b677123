"""Lines of the sandbox that ``make coverage`` has found no other test to reach, on both sides."""

import contextlib
import socket

import nbformat
import pytest
import torch

from autograder.checking.descriptions import Opaque
from autograder.checking.student import Student, StudentRaised
from autograder.course import METADATA
from autograder.grading.finding import find_submission
from autograder.grading.in_notebook import grade_in
from autograder.grading.reading import UnreadableNotebook
from autograder.sandbox import confinement, loaded, wire
from autograder.sandbox.process import SandboxError

FUNCTIONS = """
import numpy, torch
from IPython.display import clear_output
print("gone")
clear_output()
print("left")
class Mute(Exception):
    def __str__(self):
        raise RuntimeError("nothing to say")
def numbers(): return [numpy.float64(0.5), numpy.int64(3), numpy.float32(0.5)]
def mute(): raise Mute
def read(tensor): return [float(tensor.sum()), tensor.note]
"""


@pytest.fixture(scope="module")
def sandbox(sandboxes):
    return sandboxes(confinement.BUBBLEWRAP)


@pytest.fixture
def guest(sandbox):
    with loaded.load(sandbox, [wire.Cell(FUNCTIONS, "functions")], {}) as guest:
        yield guest


@pytest.fixture
def student(guest):
    with contextlib.closing(Student(guest.fork())) as student:
        yield student


def test_numbers_that_numpy_makes_of_python_s_are_numbers(student):
    half, three, other = student.numbers()
    assert (half, type(half), three, type(three)) == (0.5, float, 3, int)
    assert other == Opaque("numpy.float32")


def test_an_exception_that_can_t_be_told_is_named(student):
    with pytest.raises(StudentRaised, match="mute raised Mute"):
        student.mute()


def test_a_tensor_s_own_attributes_are_sent_with_it(student):
    tensor = torch.ones(3)
    tensor.note = "mine"
    assert student.read(tensor) == [3, "mine"]


def test_a_cell_that_clears_its_output_shows_what_comes_after(guest):
    assert guest.outputs == [[wire.Stream("stdout", "left\n")]]


def test_a_notebook_that_can_t_be_sent_is_our_trouble(sandbox, monkeypatch):
    monkeypatch.setattr(wire, "MAX_FRAME", 1000)
    cells = [wire.Cell("#" * 2000, "long")]
    with pytest.raises(SandboxError, match="could not be sent"), loaded.load(sandbox, cells, {}):
        pass


def test_a_side_that_does_not_listen_is_late():
    here, there = socket.socketpair()
    with here, there:
        here.settimeout(0.01)
        with pytest.raises(wire.Late):
            wire.send(here, wire.Load([wire.Cell("#" * 2**22, "long")], [], {}, 1.0))


@pytest.mark.parametrize("missing", ["bwrap", "sandlock"])
def test_a_backend_that_is_not_installed_is_named(monkeypatch, missing):
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    why_not = confinement.why_not.__wrapped__
    monkeypatch.setattr(confinement, "why_not", why_not)
    backend = {"bwrap": confinement.BUBBLEWRAP, "sandlock": confinement.SANDLOCK}[missing]
    assert f"{missing} is not installed" in why_not(backend)
    monkeypatch.delenv("AUTOGRADER_SANDBOX", raising=False)
    with pytest.raises(confinement.NoSandboxError, match=r"(?s)bwrap is not installed.*sandlock is not installed"):
        confinement.choose()


def test_a_backend_that_does_not_start_says_why(monkeypatch):
    monkeypatch.setattr(
        confinement, "command", lambda *about: ["bash", "-c", "echo no >&2; echo namespaces >&2; false"]
    )
    assert confinement.why_not.__wrapped__(confinement.BUBBLEWRAP) == "namespaces"


def test_a_notebook_of_another_name_belongs_where_its_cells_do(course, solution, tmp_path):
    """Within the assignment of the folder above; a notebook there with none of its cells belongs nowhere."""
    folder = tmp_path / "ann" / "optimizers"
    folder.mkdir(parents=True)
    nbformat.write(solution, folder / "my homework.ipynb")
    nbformat.write(nbformat.v4.new_notebook(), folder / "essay.ipynb")
    assert find_submission(folder / "my homework.ipynb", course).exercise.name == "1-build-optimizers"
    with pytest.raises(UnreadableNotebook, match="belongs to no exercise"):
        find_submission(folder / "essay.ipynb", course)


@pytest.mark.parametrize("metadata", [{}, {METADATA: None}, {METADATA: {"grade": 3}}, {METADATA: {"grade": {}}}])
def test_a_notebook_without_a_grade_holds_none(metadata):
    assert grade_in(nbformat.v4.new_notebook(metadata=metadata)) is None
