"""The graders are tried on prepared answers: each mistake is caught by its check, each variant earns full marks."""

import pytest

from autograder import specimens
from autograder.course import Course
from tests.conftest import ROOT, SUBMISSIONS

EXERCISES = Course(ROOT).exercises


def cases(kind):
    return [
        pytest.param(specimen, EXERCISES[name], id=f"{name}: {specimen.title}")
        for name in EXERCISES
        for specimen in specimens.read(SUBMISSIONS, kind, EXERCISES[name])
    ]


@pytest.mark.parametrize(("mistake", "exercise"), cases("mistakes"))
def test_mistake_is_caught_by_the_check_it_names(grader, mistake, exercise):
    grade = grader.grade_notebook(mistake.notebook(exercise), exercise, mistake.title).grade
    failed = {check.name for check in grade.checks if check.status == "failed"}
    assert grade.status == "graded", grade.reason
    assert mistake.caught_by
    assert failed.issuperset(mistake.caught_by)
    told = [check for check in grade.checks if check.status == "failed"]
    assert all(check.message and check.hint for check in told)


@pytest.mark.parametrize(("variant", "exercise"), cases("variants"))
def test_variant_earns_full_marks(grader, variant, exercise):
    grade = grader.grade_notebook(variant.notebook(exercise), exercise, variant.title).grade
    assert [(check.name, check.message) for check in grade.checks if check.status != "passed"] == []
    assert (grade.status, grade.score) == ("graded", exercise.max_score)


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
def test_reference_earns_everything_and_the_stub_nothing(grader, exercise):
    assert (
        grader.grade_notebook(specimens.answer(exercise, {}), exercise, "reference").grade.score == exercise.max_score
    )
    assert grader.grade_notebook(specimens.stub(exercise), exercise, "stub").grade.score == 0


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
def test_every_check_is_named_by_a_mistake(grader, exercise):
    checks = grader.grade_notebook(specimens.stub(exercise), exercise, "stub").grade.checks
    named = {name for mistake in specimens.read(SUBMISSIONS, "mistakes", exercise) for name in mistake.caught_by}
    assert {check.name for check in checks} == named
