"""Whose submission a file is: by its folder, by what is said, or where only one exercise fits."""

import shutil

import nbformat
import pytest

from autograder.course import METADATA, Course
from autograder.grading.finding import find_submission
from autograder.grading.reading import UnreadableNotebook

FIRST, SECOND = "1-build-optimizers", "2-decay-groups"


@pytest.fixture
def two(course_copy):
    """A course in which two assignments have a notebook of one name, with different lessons."""
    source = course_copy / "source"
    shutil.copytree(source / "optimizers", source / "other")
    shutil.move(source / "other" / f"{SECOND}.ipynb", source / "other" / f"{FIRST}.ipynb")
    return Course(course_copy)


def put(folder, notebook, name=FIRST):
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / f"{name}.ipynb")
    return folder / f"{name}.ipynb"


def lesson_of(path, course, assignment=None):
    return find_submission(path, course, assignment).exercise.lesson.name.partition("/")[2]


def test_it_is_found_by_its_name_or_by_its_cells(course, solution, exercise, tmp_path):
    empty = put(tmp_path, nbformat.v4.new_notebook())
    assert find_submission(empty, course).exercise == exercise
    assert find_submission(put(tmp_path, solution, "final (1)"), course).exercise == exercise
    with pytest.raises(UnreadableNotebook, match=r"belongs to no exercise.*1-build-optimizers\.ipynb"):
        find_submission(put(tmp_path, nbformat.v4.new_notebook(), "homework"), course)


def test_the_folder_above_decides_then_what_is_said(two, solution, tmp_path):
    above = put(tmp_path / "ann" / "other", solution)
    assert lesson_of(above, two) == SECOND
    assert lesson_of(above, two, "optimizers") == SECOND
    elsewhere = put(tmp_path / "mail", solution)
    assert lesson_of(elsewhere, two, "other") == SECOND
    assert lesson_of(elsewhere, two, "optimizers") == FIRST


def test_what_fits_two_is_not_guessed(two, solution, tmp_path):
    with pytest.raises(
        UnreadableNotebook, match=r"could belong to each of the assignments optimizers, other.*--assignment optimizers"
    ):
        find_submission(put(tmp_path / "mail", solution), two)


def test_the_only_assignment_with_such_a_lesson_needs_no_name(two, solution, tmp_path):
    assert lesson_of(put(tmp_path / "mail", solution, SECOND), two) == SECOND  # only optimizers has this name
    assert lesson_of(put(tmp_path / "mail", solution, "draft"), two) == FIRST  # only optimizers has these cells


def test_metadata_of_a_student_decides_nothing(two, solution, tmp_path):
    solution.metadata[METADATA] = {"lesson": f"optimizers/{SECOND}"}
    assert lesson_of(put(tmp_path / "optimizers", solution), two) == FIRST


def test_a_stranger_in_its_own_folder_is_never_another_assignments(two, solution, tmp_path):
    stranger = two.source / "ps1" / f"{FIRST}.ipynb"
    stranger.parent.mkdir()
    nbformat.write(nbformat.v4.new_notebook(), stranger)
    with pytest.raises(UnreadableNotebook, match=r"has no lesson here: .*names no lesson in its metadata"):
        find_submission(put(tmp_path / "ann" / "ps1", solution), Course(two.root), "optimizers")
