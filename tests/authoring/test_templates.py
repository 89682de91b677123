"""``autograder messages``: every template of a lesson, with what a prepared answer was told by it."""

import shutil

import pytest

from autograder.authoring.new import create
from autograder.authoring.templates import print_templates, with_examples
from autograder.course import LESSONS, Course, CourseError


@pytest.fixture
def course(course_copy, tmp_path):
    """A course with one lesson, as ``autograder new`` lays it down."""
    shutil.rmtree(course_copy / "source" / "optimizers")
    shutil.copytree(LESSONS, tmp_path / "lessons")
    create(Course(course_copy, tmp_path / "lessons"), "1-adamw", "second")
    return Course(course_copy, tmp_path / "lessons")


def test_each_template_of_a_lesson_is_listed_with_an_example(course, tmp_path, capsys):
    found = with_examples(course, "1-adamw", tmp_path / "kept.sqlite", workers=1)
    assert [(template.text, template.example) for template in found] == [
        ("expected {call} to be {wanted}, found {found}", "expected double(1.5) to be 3, found 2.25"),
        ("double returns twice its argument.", "double returns twice its argument."),
        ("What must be added to x to have it twice?", "What must be added to x to have it twice?"),
    ]
    everything = with_examples(course, None, tmp_path / "kept.sqlite", workers=1)
    assert {template.text for template in found} < {template.text for template in everything}
    assert [t.example for t in everything if t.text.startswith("{function} is not written yet")]
    print_templates(everything)
    printed = capsys.readouterr().out
    assert (
        "\n  expected {what} to be a float, found {found}\n  e.g. expected ‹what› to be a float, found ‹found›\n"
        in printed
    )
    assert f"{len({template.text for template in everything})} templates" in printed


def test_a_lesson_that_is_not_there_gets_a_sentence(course, tmp_path):
    with pytest.raises(CourseError, match=r"The course has no lesson 7-none\. It has: second/1-adamw"):
        with_examples(course, "7-none", tmp_path / "kept.sqlite")
