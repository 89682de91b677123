"""What every lesson imports has one master, and each assignment holds copies of it."""

import pytest

from autograder.authoring.build import LAB, copy_lab
from autograder.course import Course
from tests.conftest import ROOT

COPIES = [
    ROOT / folder / assignment / master.name
    for master in sorted(LAB.glob("*.py"))
    for assignment, found in Course(ROOT).assignments.items()
    if found.exercises
    for folder in ("source", "assignments", "solutions")
]


@pytest.mark.parametrize("copy", COPIES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_copy_is_its_master(copy):
    assert copy.read_bytes() == (LAB / copy.name).read_bytes(), f"{copy} is stale. Run: autograder build"


def test_a_copy_that_differs_or_is_missing_is_written_anew(course_copy):
    folder = course_copy / "source" / "optimizers"
    assert copy_lab(folder) == []
    (folder / "lab_checks.py").write_text("stale")
    (folder / "lab_record.py").unlink()
    assert copy_lab(folder) == [folder / "lab_checks.py", folder / "lab_record.py"]
    assert copy_lab(folder) == []
