"""What the lab says is data: templates with values, whole phrases of ours in any language, and text where shown."""

import ast
import html
import re
import textwrap

import numpy as np
import pytest
import torch

from autograder.authoring.build import LAB as MASTERS
from autograder.authoring.templates import calls
from autograder.course import Course
from autograder.messages import places_of
from tests.brackets import bracketed
from tests.conftest import ROOT

MODULES = [*sorted(MASTERS.glob("*.py")), *sorted(Course(ROOT).source.glob("*/lab_*.py"))]
MODULES = [path for path in MODULES if path.parent == MASTERS or not (MASTERS / path.name).exists()]
EXERCISES = Course(ROOT).assignment().exercises
FUNCTIONS = [name for exercise in EXERCISES.values() for name in exercise.answers]
each_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)


# --- What is written -------------------------------------------------------------------------------------------------


def texts_outside(node):
    """The texts and f-strings in an expression, but for those in what is said, in keys and in comparisons."""
    called = getattr(node.func, "id", None) if isinstance(node, ast.Call) else None
    if called == "say":
        return []
    if called in ("Row", "listed"):  # one word is a name of code
        return [text for child in ast.iter_child_nodes(node) for text in texts_outside(child) if " " in text]
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return [ast.unparse(node)]
    if isinstance(node, (ast.Compare, ast.Subscript)):
        return []
    return [text for child in ast.iter_child_nodes(node) for text in texts_outside(child)]


@each_module
def test_each_template_is_written_out_with_a_value_for_each_place(path):
    for call in calls(ast.parse(path.read_text()), "say"):
        (template,) = call.args
        assert isinstance(template, ast.Constant) and isinstance(template.value, str), f"line {call.lineno}"
        assert {keyword.arg for keyword in call.keywords} == set(places_of(template.value)), f"line {call.lineno}"
        for value in (keyword.value for keyword in call.keywords):
            assert not re.search(r"[a-z]{2} [a-z]{2}", " ".join(texts_outside(value))), f"line {call.lineno}"


@each_module
def test_no_check_says_a_finished_text(path):
    tree = ast.parse(path.read_text())
    for call in calls(tree, "Wrong", "CannotRun", "print"):
        texts = [text for argument in call.args for text in texts_outside(argument)]
        assert "print" in ast.unparse(call.func) or not texts, f"line {call.lineno}: {texts}"
        assert not re.search(r"[a-z]{2} [a-z]{2}", " ".join(texts)), f"line {call.lineno}: {texts}"


@pytest.mark.parametrize(
    "code",
    [
        "Wrong('two lists', found)",
        "Wrong(say('two lists'), f'a {found}')",
        "Wrong(*(f'{key} a list' for key in found))",
        "Wrong('a list' if found else None, 1)",
        "Wrong(listed(['one name', 'other']), found)",
        "CannotRun('there is no list')",
        "Wrong(1, '{} inputs'.format(found))",
        "print(f'once {name} works here')",
    ],
)
def test_a_finished_text_would_be_found(code, tmp_path):
    (tmp_path / "lab_new.py").write_text(code)
    with pytest.raises(AssertionError, match="line 1"):
        test_no_check_says_a_finished_text(tmp_path / "lab_new.py")


# --- What say makes, and show ----------------------------------------------------------------------------------------


@pytest.fixture
def messages(modules):
    return modules["lab_messages"]


@pytest.mark.parametrize(
    ("template", "values"), [("found {this}", {}), ("found it", {"this": 1}), ("found {this}", {"that": 1})]
)
def test_a_place_needs_a_value_and_a_value_a_place(messages, template, values):
    with pytest.raises(TypeError, match="places"):
        messages.say(template, **values)


def test_values_are_put_into_a_template_of_any_language(messages):
    names = messages.Row(("a.b", messages.say("nothing"), 0.1))
    said = messages.say("{count} of {names}, {gap:.3f}", count=2, names=names, gap=1)
    assert str(said) == "2 of a.b, nothing, 0.1, 1.000"
    german = {said.template: "{gap:.1f} bei {names}", "nothing": "nichts"}
    assert messages.show(said, lambda template: german.get(template, template)) == "1.0 bei a.b, nichts, 0.1"
    assert str(messages.say("{name:6}|{kind:6}|", name="a", kind=messages.say("b"))) == "a     |b     |"
    assert str(messages.Said("two entries: {'gap': ...}")) == "two entries: {'gap': ...}"


def test_what_a_student_gave_is_kept_as_it_was_then(messages, modules):
    found = [1.0]
    wrong = modules["lab_checks"].Wrong(0.5, found)
    said = [wrong.details[1][1], messages.say("{found}", found={"losses": found}), messages.Row((found, found))]
    found.append(2.0)
    assert [messages.show(one) for one in said] == ["[1.0]", "{'losses': [1.0]}", "[1.0], [1.0]"]


def test_what_a_student_gave_is_short(messages, modules):
    wrong = modules["lab_checks"].Wrong("x " * 10**5, [0] * 10**5)
    assert [len(messages.show(value)) for _, value in wrong.details] == [160, 160]
    assert len(messages.show(messages.listed(["name"] * 10**5))) < 160
    assert len(messages.show(messages.listed(["x" * 10**5]))) == 160


class Unshowable:
    def __repr__(self):
        raise ValueError("no repr")


def test_what_fails_to_be_shown_is_an_error_of_that_check_alone(reports):
    text, _ = reports("tune_sgd", "give = None\ndef tune_sgd(*args, **kwargs):\n    return give", give=Unshowable())
    assert "⟦error⟧: ValueError: no repr\n" in text
    assert "✓ ⟦The given model is left as it was.⟧" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None (is the return missing?)"),
        (torch.optim.SGD, "torch.optim.SGD"),
        (torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1), "torch.optim.SGD"),
        (torch.nn.Linear, "torch.nn.modules.linear.Linear"),
        (0.1 + 0.2, "0.3"),
        (True, "True"),
        ([(0.25, 16)], "[(0.25, 16)]"),
        ("a\n  text", "a text"),
        (np.float64(0.5), repr(np.float64(0.5))),
    ],
)
def test_a_value_stands_for_itself(messages, value, text):
    assert messages.show(messages.kept(value)) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.1 + 0.2, "0.30000000000000004"), (0.0, "0.0"), (None, "None"), (np.float64(0.5), "0.5")]
)
def test_a_number_in_a_template_is_exact(messages, value, text):
    assert str(messages.say("lr {rate}", rate=value)) == f"lr {text}"
    assert str(messages.say("lr {rates}", rates=messages.listed([value]))) == f"lr {text}"


def test_a_number_of_numpy_has_a_format(messages):
    assert str(messages.say("{loss:.2f}", loss=np.float64(0.5))) == "0.50"


# --- In another language ---------------------------------------------------------------------------------------------


NAMES = {
    *FUNCTIONS,
    *("torch", "optim", "SGD", "Adam", "AdamW", "lr", "betas", "momentum", "weight_decay", "params"),
    *("float", "int", "str", "tuple", "list", "dict", "generator"),
    *("Tensor", "Linear", "Sequential", "Parameter", "tensor"),
    *("weight", "bias", "wte", "ln", "lm_head", "head", "embedding_projection", "class_token", "pos_embedding"),
    *("conv1", "bn1", "fc1", "fc", "classifier", "adam_adamw_gap", "sgd_lag", "one", "other", "KeyError", "True"),
    *("TinyNet", "_TinyNet", "Axes", "gap"),
}
"""What no language changes: names of code in the lessons, and in the answers below."""


@pytest.fixture
def reports(modules, monkeypatch):
    """Call it with a graded function's name and a student's code to get the report, in brackets, as text and HTML."""
    monkeypatch.setenv("OPTIMIZERS_PROGRESS", "")
    monkeypatch.setattr(modules["lab_record"], "_session", modules["lab_record"].Record())
    displayed = []
    monkeypatch.setattr(modules["lab_checks"], "display", displayed.append)

    def report(name, code, **given):
        notebook = {"check": modules["lab"].check}
        exec(code, notebook)
        notebook |= given
        exec(f"check({name})", notebook)
        found = displayed.pop()
        return found.text(bracketed), found.html(bracketed)

    return report


def words_outside(text):
    return set(re.findall(r"[^\W\d]\w*", re.sub(r"⟦[^⟧]*⟧|\de[-+]?\d+", " ", text)))


def expect_translated(report):
    text, page = report
    assert words_outside(text) <= NAMES, text
    assert words_outside(html.unescape(re.sub(r"<[^>]*>", " ", page))) <= NAMES, page
    assert not re.search(r'title="[^⟦]', page)


GIVES = {
    "the stub": "raise NotImplementedError()",
    "nothing": "return None",
    "an empty tuple": "return ()",
    "an empty dict": "return {}",
    "a text": "return 'gap'",
    "two lists": "return [1], [2]",
    "two dicts": "return [{'params': (1,), 'lr': 2}, {'params': [], 'lr': 3.5}]",
    "a dict": "return {'SGD': [1.0] * 4, 'Adam': [1.0] * 4, 'AdamW': [1.0] * 4, 'gap': 0.5}",
    "an error": "raise KeyError(7)",
    "floats": "return [0.5, 0.25, 0.125, 0.0625, 0.5]",
}


@pytest.mark.parametrize("body", GIVES.values(), ids=GIVES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_whatever_a_function_gives_every_word_of_the_report_can_be_translated(reports, name, body):
    expect_translated(reports(name, f"def {name}(*args, **kwargs):\n    {body}"))


def test_an_error_keeps_its_own_words(reports):
    code = "def build_sgd(*args, **kwargs):\n    raise ValueError('oh no')"
    text, _ = reports("build_sgd", code)
    assert "⟦error⟧: ValueError: oh no\n" in text
    assert text.count("⟦not run⟧: ⟦the same error as above⟧") == 2
    expect_translated((re.sub("ValueError: oh no", "", text), ""))


WRONG = {
    "build_sgd": "return torch.optim.SGD(args[0], lr=0.1)",
    "build_adam": "return torch.optim.AdamW([weight for group in args[0] for weight in [group]][:1], lr=0.5)",
    "build_adamw": """
        groups = [group if isinstance(group, dict) else {"params": [group]} for group in args[0]]
        return torch.optim.AdamW([{"params": [w for group in groups for w in group["params"]]}])""",
    "decay_pull": "return 3.5",
    "split_decay_groups": "return [*args[0].parameters(), torch.ones(1)], []",
    "build_grouped_adamw": "return torch.optim.AdamW(args[0].parameters(), lr=0.5)",
    "replace_head": """
        args[0].fc = torch.nn.Linear(2, 3).requires_grad_(False)
        return torch.nn.Sequential(args[0])""",
    "finetune_groups": "return [{'params': args[0].parameters(), 'lr': 0.5}, {'params': [args[0]], 'lr': 0.25}]",
    "build_finetune_adamw": "return torch.optim.AdamW(args[0].parameters(), lr=0.5)",
    "group_summary": "return [(0.25, 4), (0.5, torch.tensor(1))]",
    "train": "return [0.5] * kwargs['steps']",
    "three_way_race": """
        with torch.no_grad():
            args[0].weight += 1
        return {"SGD": [1.0, 2.0, 3.0, 4.0], "Adam": [0.5, 2.0, 3.0, 4.0], "AdamW": [0.25, 2.0, 3.0, 4.0]}""",
    "plot_race": """
        ax = kwargs.get("ax") or matplotlib.figure.Figure().subplots()
        for name in args[0]:
            ax.plot([1, 2], label=name)
        return ax""",
    "race_report": "return {'adam_adamw_gap': 1.5, 'sgd_lag': 2.5}",
    "tune_sgd": "return args[3][0] * 2",
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_of_a_wrong_answer_every_word_of_the_report_can_be_translated(reports, name):
    body = textwrap.indent(textwrap.dedent(WRONG[name]), "    ")
    report = reports(name, f"import torch, matplotlib.figure\ndef {name}(*args, **kwargs):\n{body}")
    assert "⟦expected⟧" in report[0]
    expect_translated(report)
