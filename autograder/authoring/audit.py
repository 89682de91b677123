"""``autograder audit`` grades the graders: on right answers, wrong answers and stubs whose grade is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.authoring import specimens
from autograder.authoring.build import stale_files
from autograder.authoring.specimens import Attack, Specimen
from autograder.course import Course, Exercise
from autograder.grading.batch import in_order, process_grader, run_all
from autograder.grading.submission import Submission
from autograder.pages.terminal import progress
from autograder.results import Grade
from autograder.sandbox.loaded import Limits

REFERENCE, STUB = "reference", "stub"


@dataclass(frozen=True)
class Case:
    """One submission whose grade is known."""

    kind: str
    """``reference``, ``stub``, ``mistakes``, ``variants`` or ``attacks``."""
    exercise: Exercise
    specimen: Specimen | None = None

    @property
    def title(self) -> str:
        """How a report names it."""
        return self.specimen.title if self.specimen else f"the {self.kind}"


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


def cases(course: Course, attacks: Path) -> list[Case]:
    """Every case of the course; ``attacks`` is the folder of the attacks."""
    found = []
    against = specimens.read_attacks(attacks, course)
    for exercise in course.exercises:
        found += [Case(REFERENCE, exercise), Case(STUB, exercise)]
        for kind in ("mistakes", "variants"):
            found += [Case(kind, exercise, specimen) for specimen in specimens.read(kind, exercise)]
        found += [Case("attacks", exercise, attack) for target, attack in against if target is exercise]
    return found


def run(todo: Sequence[Case], workers: int | None = None) -> Iterator[Verdict]:
    """Grade the cases."""
    return in_order(run_all(judge, todo, workers))


def judge(case: Case) -> Verdict:
    """Grade one case, and compare with what is known."""
    exercise = case.exercise
    if isinstance(case.specimen, Attack):
        return _judge_attack(case, case.specimen)
    if case.specimen is not None:
        notebook = specimens.without_examples(case.specimen.notebook(exercise))
    else:
        notebook = (specimens.stub if case.kind == STUB else specimens.unchanged)(exercise)
    own_code = "\n".join(cell.source for cell in notebook.cells)
    submission = Submission.of(notebook, exercise, case.title)
    grade = process_grader(False).grade(submission).grade
    failed = [check.name for check in grade.checks if check.status == "failed"]
    problems = []
    if grade.status != "graded":
        problems.append(f"it needs review: {grade.reason}")
    elif case.kind in (REFERENCE, "variants") and grade.score != exercise.max_score:
        problems.append(f"it earns {grade.score:g} of {exercise.max_score:g}: {_first_message(grade)}")
    elif case.kind == STUB and grade.score != 0:
        problems.append(f"it earns {grade.score:g}, expected nothing")
    elif case.kind == "mistakes":
        named = case.specimen.caught_by if case.specimen else ()
        problems += [f"{name} does not catch it" for name in named if name not in failed]
        problems += [] if named else ["it names no check that must catch it"]
    if case.kind == REFERENCE:
        quick = process_grader(False).grade(submission, quick=True).grade
        differ = [one.name for one, other in zip(grade.checks, quick.checks, strict=True) if one.status != other.status]
        problems += [f"without its demonstrations, {name} says something else" for name in differ]
    problems += [f"its feedback holds {leak}" for leak in _leaks(grade, exercise, own_code)]
    return Verdict(case, problems, [check.name for check in grade.checks], failed)


ATTACK_LIMITS = Limits(cell=0.5, call=0.5, patience=1.0, submission=5.0)
"""Attacks that hang shall not hold the audit up."""


def _judge_attack(case: Case, attack: Attack) -> Verdict:
    """Whether an attack is held, as far as one submission shows; tests/test_attacks.py looks at the machine too."""
    grader = process_grader(False)
    usual, grader.limits = grader.limits, ATTACK_LIMITS
    try:
        graded = grader.grade(Submission.of(attack.notebook(case.exercise), case.exercise, case.title))
    finally:
        grader.limits = usual
    grade, honest = graded.grade, attack.honest_score(case.exercise)
    problems = []
    if grade.score is None:
        problems.append(f"it needs review: {grade.reason}")
    elif grade.score > honest:
        problems.append(f"it earns {grade.score:g}, and {honest:g} without the attack")
    told = f"{graded.outputs!r} {[check.message for check in grade.checks]!r}"
    lines = {line.strip() for line in _hidden(case.exercise).splitlines() if len(line.strip()) > 40}
    problems += [f"it reads a line of the checks: {line}" for line in sorted(lines) if repr(line)[1:-1] in told]
    return Verdict(case, problems, [], [])


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


def audit(course: Course, attacks: Path, workers: int | None = None) -> Audit:
    """Run the whole audit with a progress bar."""
    todo = cases(course, attacks)
    result = Audit()
    for verdict in progress(run(todo, workers), len(todo), "Auditing"):
        result.verdicts.append(verdict)
        exercise = verdict.case.exercise
        result.problems += [f"{exercise}, {verdict.case.kind}: {verdict.case.title}: {p}" for p in verdict.problems]
    result.problems += unneeded_checks(result.verdicts)
    result.problems += [f"{path} is stale. Run: autograder build" for path in stale_files(course)]
    return result


def print_audit(result: Audit, console: Console | None = None) -> None:
    """A row for each exercise, then what is wrong."""
    console = console or Console(soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in (
        "exercise",
        "checks",
        "mistakes caught",
        "variants at full marks",
        "attacks held",
        "reference",
        "stub",
    ):
        table.add_column(heading, justify="right")
    for name in dict.fromkeys(str(verdict.case.exercise) for verdict in result.verdicts):
        own = [verdict for verdict in result.verdicts if str(verdict.case.exercise) == name]
        counts = []
        for kind in ("mistakes", "variants", "attacks", REFERENCE, STUB):
            of_kind = [verdict for verdict in own if verdict.case.kind == kind]
            counts.append(f"{sum(not verdict.problems for verdict in of_kind)} of {len(of_kind)}")
        table.add_row(name, str(max(len(verdict.checks) for verdict in own)), *counts)
    console.print(table)
    for problem in result.problems:
        console.print(Text(f"✗ {problem}"))
    console.print(f"{len(result.problems)} problems" if result.problems else "✓ no problems")


def _first_message(grade: Grade) -> str:
    check = next(check for check in grade.checks if check.status != "passed")
    return f"{check.name}: {check.message}"


def _hidden(exercise: Exercise) -> str:
    """The text of the lesson's checks; the models are sent to students' processes, so they are no secret."""
    files = {name: content for name, content in exercise.lesson.deciding().items() if name != "models.py"}
    return b"\n".join(files.values()).decode()


def _leaks(grade: Grade, exercise: Exercise, own_code: str) -> list[str]:
    """Lines of the checks or of the solution that stand in a message and are not the student's own."""
    told = {line.strip() for check in grade.checks for line in check.message.splitlines()}
    own = {line.strip() for line in own_code.splitlines()}
    secrets = {"the checks": _hidden(exercise)}
    secrets["the solution"] = "\n".join(cell.source for cell in specimens.unchanged(exercise).cells)
    leaks = []
    for what, text in secrets.items():
        lines = {line.strip() for line in text.splitlines() if len(line.strip()) > 12}
        leaks += [f"a line of {what}: {line}" for line in sorted(told & lines - own)]
    return leaks
