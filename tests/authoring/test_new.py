"""A new exercise can be laid down, and passes the audit as it is."""

import shutil

import pytest
from click.testing import CliRunner

from autograder.authoring import audit, build, cases
from autograder.authoring.build import build_all, stale_files
from autograder.authoring.new import create
from autograder.cli import main
from autograder.course import LESSONS, Course, CourseError
from tests import in_process
from tests.conftest import ATTACKS, ROOT, shorten


@pytest.fixture
def course(course_copy, tmp_path):
    shutil.copytree(LESSONS, tmp_path / "lessons")
    return Course(course_copy, tmp_path / "lessons")


def run_nbgrader(root, *arguments):
    """As the build does, without a process; tests/authoring/test_audit.py has those."""
    code, printed = in_process.nbgrader(*arguments, cwd=root)
    assert code == 0, printed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "assignment", "files"),
    [("9-warm-up", "optimizers", 7), ("1-adamw", "second", 13), ("1-adamw", "my-hw", 13)],
)
def test_a_new_lesson_builds_and_passes_the_audit(course, name, assignment, files, monkeypatch):
    """In an assignment that is there, and in one that begins with it."""
    monkeypatch.setattr(build, "run_nbgrader", run_nbgrader)
    written = create(course, name, assignment)
    assert (len(written), all(path.is_file() for path in written)) == (files, True)
    for path in course.root.glob("source/*/[2-4]-*.ipynb"):  # these take long to build
        path.unlink()
    shorten(course.root / "source" / "optimizers" / "1-build-optimizers.ipynb")
    if assignment != "optimizers":
        shutil.rmtree(course.root / "source" / "optimizers")
    fresh = Course(course.root, course.lessons)
    list(build_all(fresh))
    assert stale_files(fresh) == []
    todo = [case for case in cases.cases(fresh, ATTACKS) if case.exercise.name == name]
    verdicts = [audit.judge(case) for case in todo]
    assert [verdict.case.kind for verdict in verdicts] == ["reference", "quick", "stub", "mistakes", "variants"]
    assert [verdict.problems for verdict in verdicts] == [[]] * 5
    assert audit.unneeded_checks(verdicts) == []


def test_a_course_without_anything_gets_its_first_lesson(tmp_path):
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    (tmp_path / "source").mkdir()
    with pytest.raises(CourseError, match=r"Say with --assignment which assignment it belongs to.*none is there yet"):
        create(Course(tmp_path, tmp_path / "lessons"), "1-adamw")
    create(Course(tmp_path, tmp_path / "lessons"), "1-adamw", "second")
    assert [str(exercise) for exercise in Course(tmp_path, tmp_path / "lessons").exercises] == ["second/1-adamw"]


def test_assignments_whose_lessons_would_share_a_folder_get_a_sentence(course):
    create(course, "1-adamw", "my-hw")
    with pytest.raises(CourseError, match="The lessons of my_hw would lie in the folder of my-hw, "):
        create(Course(course.root, course.lessons), "2-lion", "my_hw")
    with pytest.raises(CourseError, match=r"adamw.* is there already"):
        create(Course(course.root, course.lessons), "2-adamw", "my-hw")
    with pytest.raises(CourseError, match=r"'\.\./x' is no name for an assignment"):
        create(course, "1-adamw", "../x")


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
