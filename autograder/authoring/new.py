"""``autograder new NAME`` lays down a new lesson that passes the audit, for its author to fill in."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

from autograder.authoring.build import copy_lab
from autograder.course import METADATA, Course, CourseError, Lesson, module_name

_FUNCTION = "double"

_SOLUTION = '''\
def double(x):
    """Return twice x."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION'''

_CHECKS = '''\
"""Hidden checks of {name}."""

from autograder.checking.check import check
from autograder.checking.expect import same
from autograder.checking.words import tell, tell_call
from autograder.messages import say


@check("test_double", 1.0, "What must be added to x to have it twice?")
def test_double(student):
    """double returns twice its argument."""
    for x in (1.5, -3.0, 0.0):
        found = student.double(x)
        assert same(found, 2 * x), say(
            "expected {{call}} to be {{wanted}}, found {{found}}",
            call=tell_call("double", x),
            wanted=2 * x,
            found=tell(found),
        )
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
from lab_messages import a_kind_of, say


@public_check(
    "double",
    hint="a function without return gives None.",
    stronger="the last line of the function must hand the result back: return, and after it twice x.",
)
def double_is_float(double):
    """double(1.5) is a float."""
    found = double(1.5)
    if type(found) is not float:
        raise Wrong(say("a float"), a_kind_of(found))


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


_LAB_OF_ALL = '''\
"""What the notebooks of this assignment import: public checks for your functions, and your practice so far.

In a notebook, ``lab.check(your_function)`` tells you what is right and what is not yet, and ``lab.progress()`` what you
have practised.
"""

from lab_checks import ChecksFailed, check
from lab_progress import progress

__all__ = ["ChecksFailed", "check", "progress"]
'''

_REQUIREMENTS = """\
torch>=2.9
matplotlib>=3.9
ipython>=8
platformdirs>=4
filelock>=3.16
"""


def create(course: Course, name: str, assignment: str | None = None) -> list[Path]:
    """Write the files of a new lesson, each with a worked example in it; the paths written.

    ``name`` is like ``5-schedules``. An assignment that is not there yet begins with this lesson. Raises CourseError
    for another form, and where a file is there already.
    """
    if not re.fullmatch(r"\d+(-[a-z][a-z0-9]*)+", name):
        raise CourseError(f"{name!r} is no name for an exercise. Take a number and words, such as 5-warm-up.")
    if assignment is None:
        assignment = _only_assignment(course)
    if not re.fullmatch(r"[A-Za-z][\w-]*", assignment):
        raise CourseError(f"{assignment!r} is no name for an assignment. Take letters, digits and hyphens.")
    number, _, words = name.partition("-")
    fields = {"name": name, "number": number, "words": words.replace("-", " ")}
    lesson = Lesson.named(f"{assignment}/{name}", course.lessons)
    source = course.source / assignment
    texts = {
        source / f"{name}.ipynb": nbformat.writes(_notebook(lesson=lesson.name, **fields)) + "\n",
        source / f"lab_{module_name(words)}.py": _LAB.format(**fields),
        lesson.folder / "__init__.py": f'"""The lesson ``{lesson.name}``."""\n',
        lesson.folder / "checks.py": _CHECKS.format(**fields),
        lesson.folder / "mistakes.py": _MISTAKES.format(**fields),
        lesson.folder / "variants.py": _VARIANTS.format(**fields),
    }
    _expect_room(course, assignment, [*texts])
    lab = source / "lab.py"
    beginnings = {
        lab: _LAB_OF_ALL,
        source / "requirements.txt": _REQUIREMENTS,
        lesson.folder.parent / "__init__.py": f'"""The assignment ``{assignment}``."""\n',
    }
    texts |= {path: text for path, text in beginnings.items() if not path.exists()}
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    lab.write_text(f"{lab.read_text()}\nimport lab_{module_name(words)}  # noqa: E402, F401  its public checks\n")
    return [*dict.fromkeys([*texts, lab, *copy_lab(source)])]


def _only_assignment(course: Course) -> str:
    assignments = list(course.assignments)
    if len(assignments) != 1:
        known = ", ".join(assignments) or "none is there yet"
        raise CourseError(f"Say with --assignment which assignment it belongs to, one of these or a new one: {known}.")
    return assignments[0]


def _expect_room(course: Course, assignment: str, paths: list[Path]) -> None:
    for other in course.assignments:
        if module_name(other) == module_name(assignment) and other != assignment:
            raise CourseError(
                f"The lessons of {assignment} would lie in the folder of {other}, "
                f"{course.lessons / module_name(other)}. Take a name that differs in more than a hyphen."
            )
    there = [path for path in paths if path.exists()]
    if there:
        raise CourseError(f"{there[0]} is there already. Take another name, or remove it.")


def _notebook(lesson: str, name: str, number: str, words: str) -> nbformat.NotebookNode:
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
            METADATA: {"lesson": lesson},
        }
    )
    return notebook
