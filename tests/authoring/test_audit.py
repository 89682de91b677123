"""The audit finds nothing wrong with the course, and notices every kind of wrong."""

import ast
import dataclasses
import functools
import shutil

import nbformat
import pytest

from autograder.authoring import audit, cases, specimens
from autograder.authoring.build import run_nbgrader, stale_files
from autograder.authoring.new import create
from autograder.course import LESSONS, Course, CourseError, Lesson
from tests.conftest import ROOT

COURSE = Course(ROOT)
EXERCISES = COURSE.assignment().exercises
PARTS = 8
"""Of the audit of a lesson: as many tests, so that workers share them evenly."""


@functools.cache
def all_cases(name):
    """Without the attacks: tests/sandbox/test_attacks.py tries each of them under both sandboxes."""
    return cases.cases(COURSE, None, name)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", sorted(EXERCISES, reverse=True))
def test_a_part_of_the_course_passes_its_audit(name, part):
    verdicts = [audit.judge(case) for case in all_cases(name)[part::PARTS]]
    assert [(v.case.kind, v.case.title, v.problems) for v in verdicts if v.problems] == []
    if part == 0:
        others = [audit.Verdict(case, [], [], []) for case in all_cases(name)]
        assert audit.unneeded_checks([verdicts[0], *others]) == []


@pytest.mark.slow
def test_what_is_generated_is_not_stale():
    assert stale_files(COURSE) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", EXERCISES)
def test_a_weakened_check_is_noticed(tmp_path, name):
    mistakes = specimens.read("mistakes", EXERCISES[name])
    mistake = next(mistake for mistake in mistakes if len(mistake.caught_by) == 1)
    shutil.copytree(LESSONS, tmp_path / "lessons")
    weakened = Course(ROOT, tmp_path / "lessons").assignment().exercises[name]
    (checks,) = [path for path in weakened.checks if f"def {mistake.caught_by[0]}(" in path.read_text()]
    let_everything_pass(checks, mistake.caught_by[0])
    verdict = audit.judge(cases.Case("mistakes", weakened, mistake))
    assert verdict.problems == [f"{mistake.caught_by[0]} does not catch it"]
    assert audit.judge(cases.Case("mistakes", EXERCISES[name], mistake)).problems == []


def let_everything_pass(path, check):
    """Empty the body of one check."""
    lines = path.read_text().splitlines()
    (test,) = [node for node in ast.parse(path.read_text()).body if getattr(node, "name", "") == check]
    first, last = test.body[1].lineno, test.body[-1].end_lineno
    path.write_text("\n".join([*lines[: first - 1], "    pass", *lines[last:]]))


def specimen(code, caught_by=()):
    return specimens.Specimen("a specimen", "1-build-optimizers", code, caught_by)


RIGHT = "build_adam = torch.optim.Adam"
WRONG = "build_adam = torch.optim.AdamW"


@pytest.mark.parametrize(
    ("kind", "code", "caught_by", "problem"),
    [
        ("variants", WRONG, (), "it earns"),
        ("mistakes", RIGHT, ("test_adam_class",), "test_adam_class does not catch it"),
        ("mistakes", WRONG, (), "it names no check"),
    ],
)
def test_a_wrong_specimen_is_noticed(exercise, kind, code, caught_by, problem):
    verdict = audit.judge(cases.Case(kind, exercise, specimen(code, caught_by)))
    assert [p for p in verdict.problems if p.startswith(problem)]


def test_an_unneeded_check_is_noticed(exercise):
    case = cases.Case("mistakes", exercise, specimen(WRONG, ("test_a", "test_c")))
    assert audit.unneeded_checks([audit.Verdict(case, [], ["test_a", "test_b"], [])]) == [
        "optimizers/1-build-optimizers: no mistake needs the check test_b",
        "optimizers/1-build-optimizers: there is no check test_c, which a mistake names",
    ]


def test_a_stub_that_earns_points_is_noticed(exercise, tmp_path):
    (tmp_path / "checks.py").write_text(
        "from autograder.checking.check import check\n"
        + "\n".join(
            f"@check('{cell}', {points}, 'h')\ndef {cell}(student):\n    'Is.'"
            for cell, points in exercise.points.items()
        )
    )
    free = dataclasses.replace(exercise, lesson=Lesson("tests/1-own", tmp_path))
    assert audit.judge(cases.Case(cases.STUB, free)).problems == ["it earns 12, expected nothing"]


def test_a_message_that_tells_the_solution_is_noticed(exercise, tmp_path):
    line = "return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)"
    (tmp_path / "checks.py").write_text(
        "from autograder.checking.check import check\n"
        + "\n".join(
            f"@check('{cell}', {points}, 'h')\ndef {cell}(student):\n    'Is.'\n    assert not 'x', {line!r}"
            for cell, points in exercise.points.items()
        )
    )
    telling = dataclasses.replace(exercise, lesson=Lesson("tests/1-own", tmp_path))
    (problem,) = audit.judge(cases.Case(cases.STUB, telling)).problems
    assert problem.startswith("its feedback holds a line of the solution")


@pytest.mark.slow
def test_a_stale_release_is_noticed(course_copy):
    for folder in ("assignments", "solutions"):
        shutil.copytree(ROOT / folder, course_copy / folder)
    for path in course_copy.glob("*/*/[2-4]-*.ipynb"):  # one lesson takes less time than four
        path.unlink()
    (course_copy / "assignments" / "optimizers" / "lab.py").write_text("stale")
    assert [str(path) for path in stale_files(Course(course_copy))] == ["assignments/optimizers/lab.py"]


TWO_MESSAGES = """
import time
for text in "one", "two":
    print(text, flush=True)
    time.sleep(0.3)  # ipykernel sends what there is every 0.2 s
"""


@pytest.mark.slow
def test_a_text_that_arrives_in_two_messages_is_one_text_of_the_solution(course_copy):
    shutil.rmtree(course_copy / "source")
    source = course_copy / "source" / "slow" / "slow.ipynb"
    source.parent.mkdir(parents=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(TWO_MESSAGES)]), source)
    for command in ("generate_assignment", "generate_solution"):
        run_nbgrader(course_copy, command, "slow")
    (cell,) = nbformat.read(course_copy / "solutions" / "slow" / "slow.ipynb", as_version=4).cells
    assert [output.text for output in cell.outputs] == ["one\ntwo\n"]


# --- one lesson, and what is kept ---------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path):
    """A course of two lessons that are graded in no time."""
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    (tmp_path / "source").mkdir()
    for name in ("1-adamw", "2-lion"):
        create(Course(tmp_path, tmp_path / "lessons"), name, "second")
    return Course(tmp_path, tmp_path / "lessons")


def test_one_lesson_is_audited_by_its_name_or_its_notebooks(small):
    assert {case.exercise.name for case in cases.cases(small, None)} == {"1-adamw", "2-lion"}
    for name in ("second/2-lion", "2-lion"):
        assert {case.exercise.name for case in cases.cases(small, None, name)} == {"2-lion"}
    with pytest.raises(CourseError, match=r"The course has no lesson 3-muon\. It has: second/1-adamw, second/2-lion\."):
        cases.cases(small, None, "3-muon")


def test_an_audit_tells_what_it_found(small, monkeypatch, capsys):
    mistakes = small.lessons / "second" / "lion" / "mistakes.py"
    mistakes.write_text(mistakes.read_text().replace("caught_by=", 'caught_by="test_nothing" was='))
    monkeypatch.setattr(audit, "stale_files", lambda course: ["lab.py"])
    result = audit.audit(small, attacks=None, workers=1)
    audit.print_audit(result)
    assert result.problems == [
        "second/2-lion, mistakes: The square is taken for the double: test_nothing does not catch it",
        "second/2-lion: no mistake needs the check test_double",
        "second/2-lion: there is no check test_nothing, which a mistake names",
        "lab.py is stale. Run: autograder build",
    ]
    table, *problems = capsys.readouterr().out.partition("\n✗ ")
    assert [line.split() for line in table.splitlines()[1:]] == [
        ["exercise", "checks", *("mistakes", "variants", "attacks", "reference", "quick", "stub")],
        ["second/1-adamw", "1", "1/1", "1/1", "0/0", "1/1", "1/1", "1/1"],
        ["second/2-lion", "1", "0/1", "1/1", "0/0", "1/1", "1/1", "1/1"],
    ]
    assert "".join(problems).split("\n✗ ")[1:] == [*result.problems[:3], f"{result.problems[3]}\n4 problems\n"]


@pytest.mark.slow
def test_what_is_finished_is_kept_until_something_changes_that_it_depends_on(small, tmp_path, monkeypatch):
    graded, really = [], cases.grade
    monkeypatch.setattr(cases, "grade", lambda case: graded.append(case.exercise.name) or really(case))
    kept = tmp_path / "kept.sqlite"

    def audited():
        graded.clear()
        fresh = Course(small.root, small.lessons)
        found = list(cases.grade_all(cases.cases(fresh, None), 1, kept))
        assert [g.grade.score for g in found] == [1, 1, 0, 0, 1] * 2
        return graded

    assert audited() == ["1-adamw"] * 5 + ["2-lion"] * 5
    assert audited() == []
    checks = small.lessons / "second" / "lion" / "checks.py"
    checks.write_text(checks.read_text() + "\n# mended\n")
    assert audited() == ["2-lion"] * 5
    mistakes = small.lessons / "second" / "lion" / "mistakes.py"
    mistakes.write_text(mistakes.read_text().replace("x * x", "x * x * x"))
    assert audited() == ["2-lion"]
