"""``--quick`` leaves demonstration cells out, and nobody loses or gains a point by it."""

import copy
import json

import nbformat
import pytest
from click.testing import CliRunner

from autograder.authoring import specimens
from autograder.cli import main
from autograder.course import METADATA, Course
from autograder.grading.store import exercise_key
from autograder.grading.submission import Submission
from tests.authoring import quick_runs
from tests.conftest import ROOT, set_cell

EXERCISES = Course(ROOT).assignment().exercises


def grade(grader, notebook, exercise, quick=True):
    return grader.grade(Submission.of(copy.deepcopy(notebook), exercise, "x"), quick).grade


def verdicts(grade):
    return [(check.name, check.status, check.points) for check in grade.checks]


def was_quick(grade):
    return [oddity.found for oddity in grade.oddities if oddity.kind == "quick"]


@pytest.mark.slow
@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
def test_the_reference_earns_the_same_with_and_without_its_demonstrations(grader, exercise):
    notebook = specimens.unchanged(exercise)
    quick, whole = (grade(grader, notebook, exercise, quick) for quick in (True, False))
    assert was_quick(quick) == [len(exercise.demonstrations)]
    assert verdicts(quick) == verdicts(whole)
    assert quick.score == exercise.max_score


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
def test_demonstrations_are_given_cells_without_a_name(exercise):
    cells = nbformat.read(exercise.source, as_version=4).cells
    assert len(exercise.demonstrations) >= 5
    for cell in cells:
        if cell.metadata.get(METADATA, {}).get("demonstration"):
            assert "nbgrader" not in cell.metadata and "SOLUTION" not in cell.source


def own_cell(notebook, source, after="imports", **metadata):
    place = [specimens.grade_id(cell) for cell in notebook.cells].index(after) + 1
    notebook.cells.insert(place, nbformat.v4.new_code_cell(source, metadata=metadata))


def demonstration(notebook, exercise, place=0):
    return [cell for cell in notebook.cells if cell.source.strip() in exercise.demonstrations][place]


NEEDS = (
    "def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):\n    assert groups\n    return torch.optim.SGD("
)
NEEDS += "params, lr=lr, momentum=momentum, weight_decay=weight_decay)"


def test_a_function_that_uses_what_only_a_demonstration_defines_is_judged_on_the_whole(grader, solution, exercise):
    set_cell(solution, "build_sgd", NEEDS)
    found = grade(grader, solution, exercise)
    assert (found.score, was_quick(found)) == (12, [])


def test_a_cell_of_the_students_own_that_needs_a_demonstration_is_run_after_it(grader, solution, exercise):
    set_cell(solution, "build_sgd", NEEDS.replace("assert groups", "assert doubled"))
    own_cell(solution, "doubled = 2 * groups", after="build_sgd")
    found = grade(grader, solution, exercise)
    assert (found.score, was_quick(found)) == (12, [])


def test_a_demonstration_that_a_student_has_changed_is_run(grader, solution, exercise):
    set_cell(solution, "build_sgd", NEEDS.replace("assert groups", "assert mine == 3"))
    demonstration(solution, exercise).source += "\nmine = 3"
    found = grade(grader, solution, exercise)
    assert (found.score, was_quick(found)) == (12, [len(exercise.demonstrations) - 1])


def test_white_space_around_a_demonstration_changes_nothing(grader, solution, exercise):
    demonstration(solution, exercise).source += "  \n\n"
    assert was_quick(grade(grader, solution, exercise)) == [len(exercise.demonstrations)]


def test_what_a_students_metadata_say_decides_nothing(grader, solution, exercise):
    set_cell(solution, "build_sgd", NEEDS.replace("assert groups", "assert mine == 3"))
    own_cell(solution, "mine = 3", **{METADATA: {"demonstration": True}})
    demonstration(solution, exercise).metadata.pop(METADATA, None)
    found = grade(grader, solution, exercise)
    assert (found.score, was_quick(found)) == (12, [len(exercise.demonstrations)])


STATE = {
    "a counter": "calls = 0\ndef count():\n    global calls\n    calls += 1\ncount()",
    "a cache": "import functools\n@functools.cache\ndef made(n):\n    return torch.zeros(n)\nmade(3)",
    "another default dtype": "torch.set_default_dtype(torch.float64)",
    "another seed": "torch.manual_seed(7)",
    "gradients off": "torch.set_grad_enabled(False)",
    "a name of torch bound anew": "torch.optim.SGD = torch.optim.SGD",
}


@pytest.mark.slow
@pytest.mark.parametrize("state", STATE.values(), ids=STATE)
@pytest.mark.parametrize("changed", [False, True], ids=["in a cell of its own", "in a changed demonstration"])
def test_state_that_cells_leave_behind_gives_the_same_verdicts(grader, solution, exercise, state, changed):
    if changed:
        demonstration(solution, exercise).source += f"\n{state}"
    else:
        own_cell(solution, state)
    quick, whole = (grade(grader, solution, exercise, quick) for quick in (True, False))
    assert verdicts(quick) == verdicts(whole)


def test_a_wrong_answer_fails_the_same_checks(grader, exercise):
    mistake = specimens.read("mistakes", exercise)[0]
    notebook = mistake.notebook(exercise)
    quick, whole = (grade(grader, notebook, exercise, quick) for quick in (True, False))
    assert verdicts(quick) == verdicts(whole)
    assert set(mistake.caught_by) <= {check.name for check in quick.checks if check.status == "failed"}


def test_what_a_function_keeps_from_call_to_call_gives_the_same_verdicts(exercise):
    """A demonstration is its first call, so that a check is its second: only one of the two is right."""
    (kept,) = [case for case in quick_runs.every_specimen(exercise.name) if case.title.startswith("One optimizer is")]
    assert quick_runs.compare(kept)[0] == ""


def test_a_quick_grade_has_a_key_of_its_own(exercise):
    assert exercise_key(exercise, False, quick=True) != exercise_key(exercise, False)


def test_the_command_says_what_was_left_out(exercise):
    done = CliRunner().invoke(main, ["grade", "--quick", "--json", str(exercise.source)])
    assert json.loads(done.stdout)["reason"] == "5 demonstration cells were not run (--quick)."


@pytest.mark.slow
@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
def test_a_sample_of_prepared_answers_has_the_same_verdicts(exercise):
    """All of them: make audit-all."""
    cases = quick_runs.every_specimen(exercise.name)
    for case in cases[len(cases) // 3 :: len(cases) // 3]:
        assert quick_runs.compare(case)[0] == "", case.title
