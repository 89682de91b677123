"""What public checks say is data, as what graders say: templates with values, and text only where it is shown."""

import ast
import re
import sys

import pytest

from autograder.course import Course
from autograder.messages import places_of
from tests.conftest import ROOT
from tests.test_messages import bracketed

SOURCE = ROOT / "source" / "optimizers"
MODULES = sorted(SOURCE.glob("lab*.py"))
EXERCISES = Course(ROOT).assignment("optimizers").exercises


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_what_a_check_says_is_said_by_templates(path):
    """``say`` gets its template in full, with a value for each place; Wrong and CannotRun get no other text."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        texts = [argument for argument in node.args if isinstance(argument, (ast.Constant, ast.JoinedStr))]
        texts = [text for text in texts if not isinstance(text, ast.Constant) or isinstance(text.value, str)]
        if node.func.id == "say":
            named = {keyword.arg for keyword in node.keywords}
            assert named == set(places_of(ast.literal_eval(node.args[0]))), f"line {node.lineno}"
        if node.func.id in ("Wrong", "CannotRun"):
            assert not texts, f"line {node.lineno}"
        if node.func.id == "print":
            assert not [text for text in texts if re.search("[a-z]{3} [a-z]{2}", ast.unparse(text))], (
                f"line {node.lineno}"
            )


@pytest.fixture(scope="module")
def lab():
    """The modules that students import, as they are found beside a notebook."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SOURCE))
        import lab
        import lab_checks

        yield lab_checks
        for name in [name for name in sys.modules if name == "lab" or name.startswith("lab_")]:
            del sys.modules[name]
        del lab


def test_a_place_needs_a_value_and_a_value_a_place(lab):
    for template, values in (("found {this}", {}), ("found", {"this": 1}), ("found {this}", {"that": 1})):
        with pytest.raises(TypeError, match="value"):
            lab.say(template, **values)


WRONG = {name: f"def {name}(*args, **kwargs):\n    return {{}}" for e in EXERCISES.values() for name in e.answers}
CRASH = {name: f"def {name}(*args, **kwargs):\n    raise KeyError(7)" for name in WRONG}
NONE = {name: f"def {name}(*args, **kwargs):\n    return" for name in WRONG}


def reports(lab, namespace, name):
    """What the public checks of a function say, in the language in which every word of ours is in brackets."""
    results = []
    for public in lab.PUBLIC_CHECKS[name]:
        results.append(lab._run(public, namespace[name], namespace, results))
        results[-1].details.append(public.hints.after(1))
    return lab._Report(name, results).text(bracketed)


def outside(report):
    """What stands outside of brackets, but for exceptions and lines of the student's own."""
    lines = [re.sub("⟦[^⟧]*⟧", "", line) for line in report.splitlines()]
    return [line for line in lines if re.search(r"[^\W\d_]{2,} [^\W\d_]{2,}", line) and "Error" not in line]


@pytest.mark.parametrize("answers", [WRONG, CRASH, NONE], ids=["a dict", "an error", "nothing"])
def test_every_word_of_a_report_is_in_a_template(lab, answers):
    for name, code in answers.items():
        namespace: dict = {}
        exec(code, namespace)
        report = reports(lab, namespace, name)
        assert "⟦found⟧" in report or "⟦error⟧" in report or "⟦not run⟧" in report
        assert outside(report) == []
