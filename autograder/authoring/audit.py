"""``autograder audit`` grades the graders: on right answers, wrong answers and stubs whose grade is known."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.authoring.build import stale_files
from autograder.authoring.cases import QUICK, REFERENCE, STUB, Case, cases, grade, grade_all, notebook_of
from autograder.authoring.specimens import Attack
from autograder.authoring.templates import prose_in
from autograder.course import Course, Exercise
from autograder.grading.graded import Graded
from autograder.pages.terminal import progress
from autograder.results import Grade


@dataclass(frozen=True)
class Verdict:
    """What grading a case showed."""

    case: Case
    problems: list[str]
    checks: list[str]
    """All checks of the exercise."""
    failed: list[str]
    """Those that failed."""


@dataclass
class Audit:
    """The outcome of an audit."""

    verdicts: list[Verdict] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What is wrong, each a sentence with its place. None is what we want."""


def judge(case: Case, graded: Graded | None = None) -> Verdict:
    """Compare what came of a case with what is known."""
    graded = graded or grade(case)
    exercise, found = case.exercise, graded.grade
    failed = [check.name for check in found.checks if check.status == "failed"]
    if isinstance(case.specimen, Attack):
        return Verdict(case, list(_attack_problems(case.specimen, exercise, graded)), [], [])
    problems = []
    if found.score is None:
        problems.append(f"it needs review: {found.reason}")
    elif case.kind in (REFERENCE, QUICK, "variants") and found.score != exercise.max_score:
        problems.append(f"it earns {found.score:g} of {exercise.max_score:g}: {_first_message(found)}")
    elif case.kind == STUB and found.score != 0:
        problems.append(f"it earns {found.score:g}, expected nothing")
    elif case.kind == "mistakes":
        named = case.specimen.caught_by if case.specimen else ()
        problems += [f"{name} does not catch it" for name in named if name not in failed]
        problems += [] if named else ["it names no check that must catch it"]
        problems += [f"its feedback holds words that are no template: {text}" for text in _untranslatable(found)]
    own_code = "\n".join(cell.source for cell in notebook_of(case).cells)
    problems += [f"its feedback holds {leak}" for leak in _leaks(found, exercise, own_code)]
    return Verdict(case, problems, [check.name for check in found.checks], failed)


def _attack_problems(attack: Attack, exercise: Exercise, graded: Graded) -> Iterator[str]:
    """Whether an attack is held, as far as one submission shows; its own tests look at the machine too."""
    score, honest = graded.grade.score, attack.honest_score(exercise)
    if score is None:
        yield f"it needs review: {graded.grade.reason}"
    elif score > honest:
        yield f"it earns {score:g}, and {honest:g} without the attack"
    told = f"{graded.outputs!r} {[check.text for check in graded.grade.checks]!r}"
    lines = {line.strip() for line in _hidden(exercise).splitlines() if len(line.strip()) > 40}
    for line in sorted(lines):
        if repr(line)[1:-1] in told:
            yield f"it reads a line of the checks: {line}"


def unneeded_checks(verdicts: Sequence[Verdict]) -> list[str]:
    """The checks that no mistake names, and the names that are no check, as sentences."""
    problems = []
    for name in dict.fromkeys(str(verdict.case.exercise) for verdict in verdicts):
        own = [verdict for verdict in verdicts if str(verdict.case.exercise) == name]
        checks = {check for verdict in own for check in verdict.checks}
        named = {check for v in own if v.case.specimen for check in v.case.specimen.caught_by}
        problems += [f"{name}: no mistake needs the check {check}" for check in sorted(checks - named)]
        problems += [f"{name}: there is no check {check}, which a mistake names" for check in sorted(named - checks)]
    return problems


def audit(
    course: Course,
    attacks: Path | None,
    workers: int | None = None,
    lesson: str | None = None,
    kept: Path | None = None,
) -> Audit:
    """Run the whole audit, or that of one lesson, with a progress bar."""
    todo = cases(course, attacks, lesson)
    result = Audit()
    graded = progress(grade_all(todo, workers, kept), len(todo), "Auditing")
    for case, found in zip(todo, graded, strict=True):
        verdict = judge(case, found)
        result.verdicts.append(verdict)
        result.problems += [f"{case.exercise}, {case.kind}: {case.title}: {problem}" for problem in verdict.problems]
    result.problems += unneeded_checks(result.verdicts)
    result.problems += [f"{path} is stale. Run: autograder build" for path in stale_files(course)]
    return result


def print_audit(result: Audit, console: Console | None = None) -> None:
    """A row for each exercise, then what is wrong."""
    console = console or Console(soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("exercise", overflow="fold")
    kinds = ("mistakes", "variants", "attacks", REFERENCE, QUICK, STUB)
    for heading in ("checks", *kinds):
        table.add_column(heading, justify="right", no_wrap=True)
    for name in dict.fromkeys(str(verdict.case.exercise) for verdict in result.verdicts):
        own = [verdict for verdict in result.verdicts if str(verdict.case.exercise) == name]
        counts = []
        for kind in kinds:
            of_kind = [verdict for verdict in own if verdict.case.kind == kind]
            counts.append(f"{sum(not verdict.problems for verdict in of_kind)}/{len(of_kind)}")
        table.add_row(name, str(max(len(verdict.checks) for verdict in own)), *counts)
    console.print("As they should be: mistakes caught, variants at full marks, attacks held, and so on.")
    console.print(table)
    for problem in result.problems:
        console.print(Text(f"✗ {problem}"))
    console.print(f"{len(result.problems)} problems" if result.problems else "✓ no problems")


def _first_message(grade: Grade) -> str:
    check = next(check for check in grade.checks if check.status != "passed")
    return f"{check.name}: {check.text}"


def _untranslatable(grade: Grade) -> list[str]:
    """What failed checks say outside of templates: ``say`` was not called, or a value of it is a sentence."""
    failed = [check.message for check in grade.checks if check.status == "failed" and check.message is not None]
    return sorted({text for message in failed for text in prose_in(message)})


def _hidden(exercise: Exercise) -> str:
    """The text of the lesson's checks; the models are sent to students' processes, so they are no secret."""
    files = {name: content for name, content in exercise.lesson.deciding().items() if name != "models.py"}
    return b"\n".join(files.values()).decode()


@functools.cache
def _solution(source: Path) -> str:
    return "\n".join(cell.source for cell in nbformat.read(source, as_version=4).cells)


def _leaks(grade: Grade, exercise: Exercise, own_code: str) -> list[str]:
    """Lines of the checks or of the solution that stand in a message and are not the student's own."""
    told = {line.strip() for check in grade.checks for line in check.text.splitlines()}
    own = {line.strip() for line in own_code.splitlines()}
    secrets = {"the checks": _hidden(exercise)}
    secrets["the solution"] = _solution(exercise.source)
    leaks = []
    for what, text in secrets.items():
        lines = {line.strip() for line in text.splitlines() if len(line.strip()) > 12}
        leaks += [f"a line of {what}: {line}" for line in sorted(told & lines - own)]
    return leaks
