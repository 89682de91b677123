"""What students read is data: templates with values, whole sentences of ours in any language, and text where shown."""

import ast
import re
from pathlib import Path

import msgspec
import pytest

from autograder.authoring.templates import calls, of_everything, of_lesson, prose_in
from autograder.course import Course
from autograder.messages import (
    MAX_TEXT,
    Code,
    Message,
    Text,
    kind_of,
    lines,
    message_of,
    places_of,
    printable,
    quote,
    say,
    show,
)
from autograder.results import FORM, CheckResult, Grade, decode, encode
from tests.brackets import bracketed, outside
from tests.conftest import ROOT

PACKAGE = ROOT / "autograder"
COURSE = Course(ROOT)
TEMPLATES = [*of_everything(COURSE), *(one for exercise in COURSE.exercises for one in of_lesson(exercise))]
SPEAKERS = [
    *(PACKAGE / "checking").glob("*.py"),
    *(PACKAGE / "sandbox").glob("loaded.py"),
    *(path for e in COURSE.exercises for path in (e.lesson.folder / name for name in e.lesson.deciding())),
]
FINISHED = (ast.Constant, ast.JoinedStr)
WANTED = say("expected {rate:.4g} in {names}, found {found}", rate=0.123456, names=["a.weight", 3], found=quote("it"))


def test_a_message_is_text_where_it_is_shown():
    assert str(WANTED) == "expected 0.1235 in a.weight, 3, found it"
    swapped = {WANTED.template: "in {names}: {found} for {rate:.1g}"}
    assert show(WANTED, swapped.get) == "in a.weight, 3: it for 0.1"
    nested = say("{problem}. See {call}", problem=WANTED, call="f(x, {y})")
    assert show(nested, lambda template: swapped.get(template, template)) == "in a.weight, 3: it for 0.1. See f(x, {y})"
    assert show(nested, bracketed) == "⟦expected ⟧0.1235⟦ in ⟧a.weight, 3⟦, found ⟧it⟦. See ⟧f(x, {y})"
    assert str(lines([say("one"), say("two"), say("three")])) == "one\ntwo\nthree"


@pytest.mark.parametrize(
    ("template", "values"),
    [("found {this}", {}), ("found it", {"this": 1}), ("found {this}", {"that": 1}), ("found {this}", {"this": {}})],
)
def test_a_place_needs_a_value_and_a_value_a_place(template, values):
    with pytest.raises(TypeError, match="value"):
        say(template, **values)


@pytest.mark.parametrize(
    "message",
    [
        WANTED,
        say("nothing"),
        say("{n} {x} {t}", n=2**62, x=-1e-300, t=True),
        say("{n} {i}", n=float("nan"), i=-float("inf")),
        say("{a} {b}", a=[WANTED, "b", 2.0, quote("c")], b=WANTED),
        say("{text}", text=quote("\udc80 \x1b[2J <b>")),
    ],
)
def test_a_message_is_kept_and_read_again(message):
    kept = msgspec.json.decode(msgspec.json.encode(msgspec.to_builtins(message)))
    assert msgspec.convert(kept, Message) == message
    assert kind_of(msgspec.convert(kept, Message)) == kind_of(message)


def test_what_a_student_wrote_is_bounded_and_commands_no_terminal():
    assert quote("a\x1b[31m\udc80\n") == Text("a�[31m�\n")
    assert len(quote("x" * 10**6).text) < MAX_TEXT + 10
    (code,) = say("{name}", name="\x1b" + "n" * 10**5).values.values()
    assert isinstance(code, Code) and len(code.text) < 500 and "\x1b" not in code.text


def test_an_assertion_with_a_plain_text_still_says_it():
    assert str(message_of(AssertionError("expected {this}"))) == "expected {this}"
    assert str(message_of(AssertionError())) == ""
    assert prose_in(message_of(AssertionError("expected 3")))
    assert prose_in(say("expected {what}", what="another thing")) == ["another thing"]
    assert not prose_in(say("expected {what}", what=["f('one text', x=…)", "a.weight = b.weight (Linear, 3×4)"]))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.place)
def test_every_word_of_ours_is_in_a_template(template):
    values = {name: Code("name") for name in places_of(template.text)}
    shown = show(Message(template.text, values), bracketed)
    assert outside(shown) == "name" * len(places_of(template.text))
    assert template.shown


@pytest.mark.parametrize("path", SPEAKERS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_a_grader_says_is_said_by_templates(path: Path):
    """``say`` gets its template in full, with a value for each place; no check and no fault has another text."""
    tree = ast.parse(path.read_text())
    for call in calls(tree, "say"):
        named = {keyword.arg for keyword in call.keywords}
        assert None in named or named == set(places_of(ast.literal_eval(call.args[0]))), f"line {call.lineno}"
        texts = [ast.unparse(keyword.value) for keyword in call.keywords if isinstance(keyword.value, FINISHED)]
        assert not [text for text in texts if re.search(r"[a-z]{2} [a-z]{2}", text)], f"line {call.lineno}"
    for call in calls(tree, "AssertionError", "StudentFault"):
        assert not [text for text in call.args[:1] if isinstance(text, FINISHED)], f"line {call.lineno}"
    for node in ast.walk(tree):
        assert not (isinstance(node, ast.Assert) and isinstance(node.msg, FINISHED)), f"line {node.lineno}"


@pytest.mark.parametrize("form", [None, 0, FORM - 1, FORM + 1, "2"])
def test_a_grade_of_another_form_is_not_read(form):
    check = CheckResult("test_f", "test_f_1", "f works.", "failed", 0.0, 1.0, WANTED, "Look.")
    grade = Grade("x", "optimizers", "1-f", "graded", None, 1.0, 0.5, [check])
    assert decode(encode(grade)) == grade
    assert decode({**encode(grade), "form": form}) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<function f at 0x7f3a5c0e1d80>", "<function f at 0x…>"),
        ("<__main__.Net object at 0x7F3A5C0E1D80>", "<__main__.Net object at 0x…>"),
        ("<weakref at 0x7f3a5c0e1d80; to 'Net' at 0x7f3a5c0e1d81>", "<weakref at 0x…; to 'Net' at 0x…>"),
        ("<cparam 'P' (0x7f3a5c0e1d80)>", "<cparam 'P' (0x…)>"),
        (
            "f(key=<built-in method get of dict object at 0x10c0e1d80>)",
            "f(key=<built-in method get of dict object at 0x…>)",
        ),
        ("a mask of 0xff, a colour of 0x1f5f99", "a mask of 0xff, a colour of 0x1f5f99"),
    ],
)
def test_a_message_is_the_same_at_each_run(text, shown):
    """An address in memory is another one each time, whatever prints it and wherever a message is cut."""
    assert quote(text).text == str(say("{name}", name=text)) == shown
    for room in range(20):
        at_the_end = ["x" * (MAX_TEXT - room) + text.replace("7f3a", other) for other in ("7f3a", "7f3b")]
        assert quote(at_the_end[0]) == quote(at_the_end[1])


MARK = "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    "char",
    [
        "\x1b",
        "\x9b",
        "\x00",
        "\u202e",
        "\u2066",
        "\u200b",
        "\ufeff",
        "\u2060",
        "\u00ad",
        "\U000e0041",
        "\u3164",
        "\u2028",
        "\ue000",
        "\ud800",
        "\u200d",
    ],
)
def test_what_nobody_sees_or_what_turns_a_line_is_a_mark(char):
    assert printable(f"a{char}b") == f"a{MARK}b"
    assert printable(f"김{char}") == f"김{MARK}"


@pytest.mark.parametrize(
    "text",
    [
        "a\n\tb",
        "a\u00a0b\u3000c",
        "می\u200cخواهم",
        "क्\u200dष",
        "👩\u200d👩\u200d👧",
        "❤\ufe0f",
        "שׁ\u05bc\u05b8\u0591",
        "e\u0301\u0323",
    ],
)
def test_the_writing_of_people_stays(text):
    assert printable(text) == text


@pytest.mark.parametrize("mark", ["\u0301", "\u0489", "\u0e49", "\u20dd", "\ufe0f"])
def test_marks_do_not_pile_up_on_a_letter_nor_stand_on_ours(mark):
    assert printable("a" + mark * 1_000) == "a" + mark * 4 + MARK
    assert printable(mark + "a") == printable(f"{MARK}a") and printable(f"a\n{mark}") == f"a\n{MARK}"
