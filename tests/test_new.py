"""A new exercise can be laid down, and passes the audit as it is."""

import shutil

import pytest
from click.testing import CliRunner

from autograder import audit
from autograder.build import build_all
from autograder.cli import main
from autograder.course import GRADERS, Course, CourseError
from autograder.new import create


@pytest.fixture
def course(course_copy, tmp_path):
    shutil.copytree(GRADERS, tmp_path / "graders")
    return Course(course_copy, tmp_path / "graders")


@pytest.mark.slow
def test_a_new_exercise_builds_and_passes_the_audit(course):
    assert len(create(course, "9-warm-up")) == 6
    for path in course.root.glob("source/*/[2-4]-*.ipynb"):  # the others take long to build
        path.unlink()
    fresh = Course(course.root, course.graders)
    list(build_all(fresh))
    todo = [c for c in audit.cases(fresh, course.root / "tests" / "submissions") if c.exercise.name == "9-warm-up"]
    verdicts = [audit.judge(case) for case in todo]
    assert [verdict.case.kind for verdict in verdicts] == ["reference", "stub", "mistakes", "variants"]
    assert [verdict.problems for verdict in verdicts] == [[]] * 4
    assert audit.unneeded_checks(verdicts) == []


@pytest.mark.parametrize("name", ["schedules", "5", "5-", "5-Übung", "../5-x", "5 x"])
def test_a_name_of_another_form_is_refused(course, name):
    with pytest.raises(CourseError, match="no name for an exercise"):
        create(course, name)


def test_nothing_is_overwritten(course):
    create(course, "9-warm-up")
    with pytest.raises(CourseError, match="there already"):
        create(course, "9-warm-up")


def test_the_command_says_what_to_do(course_copy):
    result = CliRunner().invoke(main, ["new", "no name", "--course", str(course_copy)])
    assert result.exit_code == 2
    assert "such as 5-warm-up" in result.stderr
