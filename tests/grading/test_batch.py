"""What the clock has stopped is judged once more, at the end and alone."""

import sysconfig
from pathlib import Path
from types import SimpleNamespace

import pytest

from autograder.authoring import specimens
from autograder.grading import batch
from autograder.grading.graded import Graded
from autograder.grading.submission import Submission
from autograder.results import Grade
from autograder.sandbox.loaded import Limits


def graded(name, late):
    return Graded(Grade(name, None, None, "graded", None, 1.0, 0.0), was_late=late)


@pytest.mark.parametrize("late_twice", [False, True])
def test_it_is_judged_once_more_and_last(late_twice):
    judged = []

    def work(name):
        judged.append(name)
        return graded(name, name == "slow" and (late_twice or judged.count(name) == 1))

    found = list(batch.grade_all(work, ["a", "slow", "b"], workers=1))
    assert judged == ["a", "slow", "b", "slow"]
    assert [(place, result.was_late) for place, result in found] == [(0, False), (2, False), (1, late_twice)]
    assert [result.grade.submission for result in batch.in_order(iter(found))] == ["a", "slow", "b"]


@pytest.mark.parametrize(
    ("code", "late"),
    [
        pytest.param(  # waits for the clock at each check
            "import time\ndef build_sgd(*args, **kwargs): time.sleep(100)", True, marks=pytest.mark.slow
        ),
        ("def build_sgd(*args, **kwargs):\n    while True: pass", False),
        ("build_sgd = 3", False),
    ],
)
def test_a_stop_by_the_clock_is_told_from_its_own_computing(grader, exercise, code, late, monkeypatch):
    monkeypatch.setattr(grader, "limits", Limits(cell=1.0, call=0.2, patience=0.8))
    notebook = specimens.without_examples(specimens.answer(exercise, {"build_sgd": code}))
    found = grader.grade(Submission.of(notebook, exercise, "student"))
    assert (found.grade.status, found.was_late) == ("graded", late)


def test_courses_share_a_sandbox_unless_one_has_something_to_hide(grader, tmp_path, monkeypatch):
    courses = [tmp_path / "spring", tmp_path / "autumn"]
    for course in courses:
        course.mkdir()
        assert batch.process_grader(False, (str(course),)) is grader
    hidden = []

    def start(backend, private):
        hidden.extend(private)
        return SimpleNamespace(close=lambda: None)

    monkeypatch.setattr(batch, "Sandbox", start)
    among_what_is_shown = Path(sysconfig.get_path("purelib"), "torch")
    assert batch.process_grader(False, (str(among_what_is_shown),)) is not grader
    assert str(among_what_is_shown) in hidden
