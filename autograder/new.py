"""``autograder new NAME`` lays down a new exercise that passes the audit, for its author to fill in."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

from autograder.course import Course, CourseError, module_name

_FUNCTION = "double"

_SOLUTION = '''\
def double(x):
    """Return twice x."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION'''

_GRADERS = '''\
"""Hidden checks of {name}."""

from autograder.checks import check
from autograder.expect import same, tell


@check("test_double", 1.0, "What must be added to x to have it twice?")
def test_double(student):
    """double returns twice its argument."""
    for x in (1.5, -3.0, 0.0):
        found = student.double(x)
        assert same(found, 2 * x), f"expected double({{x:g}}) to be {{2 * x:g}}, found {{tell(found)}}"
'''

_MISTAKES = """\
# Wrong answers to {name}. Each names its misconception and the check that must catch it.

# %% The square is taken for the double caught_by="test_double"
def double(x):
    return x * x
"""

_VARIANTS = """\
# Right answers to {name} in other styles. Each must earn full marks.

# %% A sum
def double(x):
    return x + x
"""

_LAB = '''\
"""Lesson {number}, {words}: its public checks and figures."""

from __future__ import annotations

from lab_checks import Wrong, public_check


@public_check(
    "double",
    hint="what must be added to x to have it twice?",
    stronger="twice a number is that number and, added to it, the same number once more.",
)
def doubles_one(double):
    """double(1.0) is 2.0."""
    found = double(1.0)
    if found != 2.0:
        raise Wrong(2.0, found)
'''


def create(course: Course, name: str, assignment: str | None = None) -> list[Path]:
    """Write the files of a new exercise, each with a worked example in it; the paths written.

    ``name`` is like ``5-schedules``. Raises CourseError for another form, and where a file is there already.
    """
    if not re.fullmatch(r"\d+(-[a-z][a-z0-9]*)+", name):
        raise CourseError(f"{name!r} is no name for an exercise. Take a number and words, such as 5-warm-up.")
    if assignment is None:
        assignments = sorted(path.name for path in (course.root / "source").iterdir() if path.is_dir())
        if len(assignments) != 1:
            raise CourseError(f"Say with --assignment which of these it belongs to: {', '.join(assignments)}.")
        (assignment,) = assignments
    number, _, words = name.partition("-")
    fields = {"name": name, "number": number, "words": words.replace("-", " ")}
    source = course.root / "source" / assignment
    submissions = course.root / "tests" / "submissions"
    texts = {
        source / f"{name}.ipynb": nbformat.writes(_notebook(**fields)) + "\n",
        source / f"lab_{module_name(name)}.py": _LAB.format(**fields),
        course.graders / f"{module_name(name)}.py": _GRADERS.format(**fields),
        submissions / "mistakes" / f"{name}.py": _MISTAKES.format(**fields),
        submissions / "variants" / f"{name}.py": _VARIANTS.format(**fields),
    }
    there = [path for path in texts if path.exists()]
    if there:
        raise CourseError(f"{there[0]} is there already. Take another name, or remove it.")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    lab = source / "lab.py"
    lab.write_text(f"{lab.read_text()}\nimport lab_{module_name(name)}  # noqa: E402, F401  its public checks\n")
    return [*texts, lab]


def _notebook(name: str, number: str, words: str) -> nbformat.NotebookNode:
    def code(identifier: str, source: str, **nbgrader: object) -> nbformat.NotebookNode:
        cell = nbformat.v4.new_code_cell(source, id=identifier)
        meta = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3, **nbgrader}
        cell.metadata = nbformat.from_dict({"nbgrader": {"grade_id": identifier, "cell_type": "code", **meta}})
        return cell

    def text(identifier: str, source: str) -> nbformat.NotebookNode:
        return nbformat.v4.new_markdown_cell(source, id=identifier)

    rule = f"`{_FUNCTION}(x)` returns twice `x`. Write here every rule that the hidden checks know."
    notebook = nbformat.v4.new_notebook(
        cells=[
            text("intro", f"# Lesson {number}: {words}\n\nSay what this lesson is for, and why."),
            code("imports", "import lab", locked=True),
            text("rules", f"## 1. {_FUNCTION}, 1 point\n\n{rule}"),
            code(_FUNCTION, _SOLUTION, solution=True),
            code(f"test_{_FUNCTION}", f"lab.check({_FUNCTION})", grade=True, locked=True, points=1),
        ]
    )
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    return notebook
