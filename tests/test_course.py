"""What the course holds: assignments, exercises and lessons, and a sentence for each thing that is wrong with them."""

import json
import re
import shutil

import nbformat
import pytest
from click.testing import CliRunner

from autograder.cli import main
from autograder.course import LESSONS, METADATA, Course, CourseError, Lesson

FIRST = "1-build-optimizers"


@pytest.fixture
def root(course_copy):
    """A course of one lesson."""
    for path in course_copy.glob("source/*/[2-4]-*.ipynb"):
        path.unlink()
    return course_copy


def name_lesson(path, lesson):
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata[METADATA] = lesson
    nbformat.write(notebook, path)


def why(course, assignment="optimizers", notebook=FIRST):
    return course.assignments[assignment].strangers[notebook]


def test_an_assignment_may_have_any_name_and_its_notebooks_too(root):
    shutil.move(root / "source" / "optimizers", root / "source" / "hw-3 (late)")
    shutil.move(root / "source" / "hw-3 (late)" / f"{FIRST}.ipynb", root / "source" / "hw-3 (late)" / "warm up.ipynb")
    (exercise,) = Course(root).exercises
    assert (exercise.assignment, exercise.name) == ("hw-3 (late)", "warm up")
    assert exercise.lesson == Lesson(f"optimizers/{FIRST}", LESSONS / "optimizers" / "build_optimizers")


def test_the_source_folder_is_what_the_configuration_says(root):
    shutil.move(root / "source", root / "material")
    with (root / "nbgrader_config.py").open("a") as file:
        file.write('\nc.CourseDirectory.source_directory = "material"\n')
    assert [exercise.name for exercise in Course(root).exercises] == [FIRST]


@pytest.mark.parametrize(
    ("lesson", "sentence"),
    [
        (None, "names no lesson in its metadata"),
        ({}, "names no lesson in its metadata"),
        ({"lesson": 3}, "names no lesson in its metadata"),
        ("optimizers", "names no lesson in its metadata"),
        ({"lesson": "optimizers"}, "'optimizers' is no name of a lesson. One is like optimizers/1-build-optimizers."),
        ({"lesson": "../1-x"}, "'../1-x' is no name of a lesson."),
    ],
)
def test_a_notebook_without_a_lesson_is_a_stranger(root, lesson, sentence):
    name_lesson(root / "source" / "optimizers" / f"{FIRST}.ipynb", lesson)
    assert sentence in why(Course(root))
    with pytest.raises(
        CourseError, match=r"The assignment optimizers has no lesson here: .*With lessons there is: none"
    ):
        Course(root).assignment("optimizers")


def test_a_notebook_that_cannot_be_read_is_a_stranger_and_harms_no_other(root):
    (root / "source" / "broken").mkdir()
    (root / "source" / "broken" / "1-x.ipynb").write_text("{")
    course = Course(root)
    assert "source/broken/1-x.ipynb can't be read" in why(course, "broken", "1-x")
    assert [exercise.name for exercise in course.exercises] == [FIRST]


def test_an_empty_assignment_says_so(root):
    (root / "source" / "empty").mkdir()
    with pytest.raises(CourseError, match=r"empty has no lesson here: .*source/empty holds no notebook"):
        Course(root).assignment("empty")


def test_an_assignment_that_is_not_there_is_named_with_those_that_are(root):
    with pytest.raises(CourseError, match=r"There is no assignment second in source/\. There is: optimizers\."):
        Course(root).assignment("second")


def test_two_assignments_may_have_notebooks_of_one_name(root):
    shutil.copytree(root / "source" / "optimizers", root / "source" / "again")
    name_lesson(root / "source" / "again" / f"{FIRST}.ipynb", {"lesson": "optimizers/2-decay-groups"})
    found = {str(exercise): exercise.lesson.name for exercise in Course(root).exercises}
    assert found == {f"again/{FIRST}": "optimizers/2-decay-groups", f"optimizers/{FIRST}": f"optimizers/{FIRST}"}
    with pytest.raises(CourseError, match=r"Name one of the assignments in source/: again, optimizers\."):
        Course(root).assignment()


@pytest.mark.parametrize(("one", "other"), [("my-hw/1-x", "my_hw/1-x"), ("second/1-adamw", "second/2-adamw")])
def test_lessons_whose_folders_would_be_one_get_a_sentence(root, one, other):
    for name, lesson in (("a", one), ("b", other)):
        shutil.copytree(root / "source" / "optimizers", root / "source" / name)
        name_lesson(root / "source" / name / f"{FIRST}.ipynb", {"lesson": lesson})
    with pytest.raises(CourseError, match=re.escape(f"The lessons {one} and {other} would both lie in ")):
        Course(root).exercises  # noqa: B018


def test_a_missing_source_folder_is_named(root):
    shutil.rmtree(root / "source")
    with pytest.raises(CourseError, match=r"There is no folder .*/source, where the course's notebooks should be\."):
        Course(root).exercises  # noqa: B018


def test_a_configuration_that_raises_is_named(root):
    (root / "nbgrader_config.py").write_text("1 / 0")
    with pytest.raises(CourseError, match=r"nbgrader_config\.py can't be read: ZeroDivisionError: division by zero"):
        Course(root).source  # noqa: B018


# --- lessons ------------------------------------------------------------------------------------------------------


def test_checks_are_one_file_or_one_for_each_function_in_their_order(tmp_path):
    lesson = Lesson("tests/1-own", tmp_path)
    with pytest.raises(CourseError, match=r"The checks of tests/1-own are missing: .*checks\.py\. Bring them back\."):
        lesson.checks(["a", "b"])
    (tmp_path / "checks").mkdir()
    for name in ("__init__", "a", "b"):
        (tmp_path / "checks" / f"{name}.py").touch()
    assert [path.name for path in lesson.checks(["b", "a", "c"])] == ["b.py", "a.py"]
    with pytest.raises(CourseError, match=r"checks/b\.py is named after no graded function of tests/1-own: a, c\."):
        lesson.checks(["a", "c"])
    (tmp_path / "checks.py").touch()
    assert [path.name for path in lesson.checks(["a", "c"])] == ["checks.py"]


def test_prepared_answers_decide_no_grade(exercise):
    deciding = exercise.lesson.deciding()
    assert "__init__.py" in deciding
    assert not {"mistakes.py", "variants.py", "demo.py"} & deciding.keys()
    assert (exercise.lesson.folder / "mistakes.py").is_file()


# --- the command --------------------------------------------------------------------------------------------------


def test_the_command_tells_what_has_no_lesson(root, tmp_path):
    own = root / "source" / "ps1" / "essay.ipynb"
    own.parent.mkdir()
    nbformat.write(nbformat.v4.new_notebook(), own)
    path = tmp_path / "submitted" / "ann" / "ps1" / "essay.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(nbformat.v4.new_notebook(), path)
    done = CliRunner().invoke(main, ["grade", "--json", str(path), "--course", str(root)])
    found = json.loads(done.stdout)
    assert (done.exit_code, found["status"], found["assignment"]) == (1, "needs_review", None)
    assert "essay.ipynb has no lesson here" in found["reason"]
    for verb in ("autograde", "report", "gradescope"):
        done = CliRunner().invoke(main, [verb, "ps1", "--course", str(root)])
        assert (done.exit_code, done.stdout) == (2, "")
        assert "The assignment ps1 has no lesson here" in done.stderr
