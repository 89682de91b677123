"""Every template of what students read, where it stands, and an example: for whoever edits or translates it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from autograder.authoring.cases import STUB, Case, cases, grade_all
from autograder.course import Course, Exercise
from autograder.messages import Code, Message, Value, messages_in, places_of
from autograder.pages.terminal import progress
from autograder.results import ODDITIES

PACKAGE = Path(__file__).parent.parent


@dataclass(frozen=True)
class Template:
    """One template."""

    text: str
    place: str
    """The file, and the line where that is known."""
    example: str = ""
    """What a prepared answer was told by it; empty where none was."""

    @property
    def shown(self) -> str:
        """The example, or the template with the names of its values."""
        return self.example or self.text.format(**{name: _Named(name) for name in places_of(self.text)})


class _Named:
    """Stands in the place of a value."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __format__(self, spec: str) -> str:
        return f"‹{self._name}›"


def calls(tree: ast.AST, *names: str) -> list[ast.Call]:
    """The calls of these functions in a piece of code."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", None) in names]


def read_templates(path: Path, root: Path) -> list[Template]:
    """The templates in a Python file: what ``say`` is called with, each once, in order."""
    found: dict[str, Template] = {}
    for call in sorted(calls(ast.parse(path.read_text()), "say"), key=lambda call: call.lineno):
        text = call.args[0] if call.args else None
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            place = f"{path.relative_to(root)}:{call.lineno}"
            found.setdefault(text.value, Template(text.value, place))
    return list(found.values())


def of_everything(course: Course) -> list[Template]:
    """The templates that all lessons share: of the graders, and of the files that students import."""
    graders = [
        *sorted((PACKAGE / "checking").glob("*.py")),
        PACKAGE / "sandbox/loaded.py",
        PACKAGE / "grading/checks.py",
    ]
    found = [template for path in graders for template in read_templates(path, PACKAGE.parent)]
    found += [Template(text, "autograder/results.py") for text in ODDITIES.values()]
    imported = sorted({path for e in course.exercises for path in e.source.parent.glob("*.py")})
    return found + [template for path in imported for template in read_templates(path, course.root)]


def of_lesson(exercise: Exercise) -> list[Template]:
    """The templates in a lesson's own modules."""
    folder = exercise.lesson.folder
    paths = [folder / name for name in exercise.lesson.deciding()]
    return [template for path in paths for template in read_templates(path, folder.parent.parent.parent)]


def with_examples(course: Course, lesson: str | None, kept: Path, workers: int | None = None) -> list[Template]:
    """The templates of a lesson, or of everything; the sentences and hints of its checks too.

    Examples are what mistakes and the stub are told. Raises CourseError when the course has no such lesson.
    """
    todo = [case for case in cases(course, None, lesson) if case.kind in (STUB, "mistakes")]
    examples: dict[str, str] = {}
    spoken: dict[str, list[Template]] = {}
    for case, graded in zip(todo, progress(grade_all(todo, workers, kept), len(todo), "Reading"), strict=True):
        for check in graded.grade.checks:
            for message in messages_in(check.message) if check.message else ():
                examples.setdefault(message.template, str(message))
        spoken.setdefault(str(case.exercise), []).extend(_spoken(case, graded.grade.checks))
    found = [] if lesson else of_everything(course)
    for exercise in {str(case.exercise): case.exercise for case in todo}.values():
        found += [*of_lesson(exercise), *dict.fromkeys(spoken[str(exercise)])]
    return [Template(one.text, one.place, one.example or examples.get(one.text, "")) for one in found]


def _spoken(case: Case, checks: Sequence) -> Iterator[Template]:
    """The sentences and hints of checks that failed on the stub: that is all of them."""
    if case.kind == STUB:
        for check in checks:
            yield from (Template(text, f"{case.exercise}: {check.name}", text) for text in (check.sentence, check.hint))


def print_templates(found: Sequence[Template], console: Console | None = None) -> None:
    """Each template under its place, with its example."""
    console = console or Console(soft_wrap=True)
    for template in found:
        console.print(Text(template.place, style="dim"))
        console.print(Text(f"  {template.text}"))
        if template.shown != template.text:
            console.print(Text(f"  e.g. {template.shown}", style="italic"))
    console.print(f"{len({template.text for template in found})} templates")


_PROSE = re.compile(r"[^\W\d_]{2,} [^\W\d_]{2,}")
"""Two words in a row, which no code has outside of a text."""


def prose_in(message: Message) -> list[str]:
    """The names of code in a message that are rather sentences, and a message that is a finished text."""
    found = []
    for one in messages_in(message):
        if one.template == "{text}":
            found.append(str(one))
        for value in one.values.values():
            found += [code for code in _codes(value) if _PROSE.search(re.sub(r"'[^']*'|\"[^\"]*\"", "", code))]
    return found


def _codes(value: Value) -> list[str]:
    if isinstance(value, list):
        return [code for item in value for code in _codes(item)]
    return [value.text] if isinstance(value, Code) else []
