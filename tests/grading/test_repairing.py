"""What a student wrote into a labelled cell is not lost, and what stands in a check cell costs nothing."""

import ast
import copy

import nbformat
import pytest

from autograder.authoring import specimens
from autograder.grading.definitions import MAX_STUB, is_answered
from autograder.grading.labels import grade_id
from autograder.grading.submission import Submission
from autograder.results import ODDITIES

RIGHT = "def build_adam(params, lr=1e-3, betas=(0.9, 0.999)):\n    return torch.optim.Adam(params, lr=lr, betas=betas)"
STUB = 'def build_adam(params, lr=1e-3):\n    """Do it."""\n    # YOUR CODE HERE\n    raise NotImplementedError()'
WRONG = "def build_adam(*args, **kwargs):\n    return None"
CHECK = "lab.check(build_adam)"
GIVEN = "import torch\n\nimport lab"


def place(notebook, name):
    return next(place for place, cell in enumerate(notebook.cells) if grade_id(cell) == name)


def cell(notebook, name):
    return notebook.cells[place(notebook, name)]


def write(notebook, name, source, kind="code"):
    """Put a text into a labelled cell."""
    cell(notebook, name).update(source=source, cell_type=kind)


def copied(notebook, name, source, kind="code", below=True):
    """Put a copy of a labelled cell, label and all, right below it or above."""
    where = place(notebook, name)
    twin = copy.deepcopy(notebook.cells[where])
    twin.update(source=source, cell_type=kind)
    notebook.cells.insert(where + below, twin)


def own(notebook, source, kind="code", beside="build_adam", below=True):
    """Put a cell of the student's own right below a labelled cell, or above."""
    new = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
    notebook.cells.insert(place(notebook, beside) + below, new(source))


def remove(notebook, name):
    del notebook.cells[place(notebook, name)]


def both(*changes):
    return lambda notebook: [change(notebook) for change in changes]


def use_np(notebook):
    write(notebook, "build_adam", RIGHT.replace("return ", "return np and "))


LOST = {
    # what was written into a given cell
    "imports added to it": (
        both(use_np, lambda n: write(n, "imports", f"import numpy as np\n{GIVEN}")),
        "given changed",
    ),
    "imports in its place": (both(use_np, lambda n: write(n, "imports", "import numpy as np")), "given changed"),
    "what it defines, in another way": (lambda n: write(n, "imports", "torch = lab = None"), "given changed"),
    "a magic in it": (lambda n: write(n, "imports", f"%matplotlib inline\n{GIVEN}"), "given changed"),
    "it is split in two": (
        both(
            use_np, lambda n: write(n, "imports", "import torch"), lambda n: copied(n, "imports", "import numpy as np")
        ),
        "given repeated, given changed",
    ),
    "an error in it": (lambda n: write(n, "imports", "import lab\n1 / 0"), "given changed"),
    "the end of the process in it": (lambda n: write(n, "imports", "import os\nos._exit(1)"), "given changed"),
    "nothing in it": (lambda n: write(n, "imports", " \n"), "given missing"),
    "it is text": (lambda n: write(n, "imports", GIVEN, "markdown"), "given set back"),
    # an answer in the check cell
    "the answer cell is gone": (
        both(lambda n: remove(n, "build_adam"), lambda n: write(n, "test_build_adam", f"{RIGHT}\n\n{CHECK}")),
        "check ran",
    ),
    "the answer cell is as it was": (
        both(lambda n: write(n, "build_adam", STUB), lambda n: write(n, "test_build_adam", f"{RIGHT}\n\n{CHECK}")),
        "check ran",
    ),
    "the answer cell is empty": (
        both(lambda n: write(n, "build_adam", ""), lambda n: write(n, "test_build_adam", f"{RIGHT}\n\n{CHECK}")),
        "check ran",
    ),
    "the answer cell says where to look": (
        both(lambda n: write(n, "build_adam", "# build_adam is below"), lambda n: write(n, "test_build_adam", RIGHT)),
        "check ran",
    ),
    "the answer stands in a copy of the check cell": (
        both(lambda n: write(n, "build_adam", STUB), lambda n: copied(n, "test_build_adam", RIGHT)),
        "check repeated, check ran",
    ),
    "an old answer is kept as text": (
        both(
            lambda n: write(n, "build_adam", WRONG, "markdown"),
            lambda n: write(n, "test_build_adam", f"{RIGHT}\n{CHECK}"),
        ),
        "check ran",
    ),
    "what it needs stands in the check cell": (
        both(
            lambda n: write(n, "build_adam", STUB),
            lambda n: own(n, RIGHT.replace("return ", "return np and "), beside="test_build_adam"),
            lambda n: write(n, "test_build_adam", f"import numpy as np\n{CHECK}"),
        ),
        "check ran",
    ),
    # a right answer, and something in its check cell
    "another definition": (lambda n: write(n, "test_build_adam", f"{WRONG}\n{CHECK}"), "check changed"),
    "a name unbound": (lambda n: write(n, "test_build_adam", f"{CHECK}\ndel build_adam"), "check changed"),
    "torch unbound": (
        lambda n: write(n, "test_build_adam", "import sys\ndel torch, sys.modules['torch']"),
        "check changed",
    ),
    "the end of the process": (lambda n: write(n, "test_build_adam", "import os\nos._exit(1)"), "check changed"),
    "exit": (lambda n: write(n, "test_build_adam", "exit()"), "check changed"),
    "a loop without end": (lambda n: write(n, "test_build_adam", "while True:\n    pass"), "check changed"),
    "another definition in a copy below": (
        lambda n: copied(n, "test_build_adam", WRONG),
        "check repeated, check changed",
    ),
    "another definition in a copy above": (
        lambda n: copied(n, "test_build_adam", WRONG, below=False),
        "check repeated, check changed",
    ),
    "another definition as text": (lambda n: write(n, "test_build_adam", WRONG, "markdown"), "check changed"),
    "nothing": (lambda n: write(n, "test_build_adam", ""), "check missing"),
    "another definition, and the answer is split in two": (
        both(
            lambda n: copied(n, "build_adam", "print(3)"),
            lambda n: write(n, "test_build_adam", f"{WRONG}\n{CHECK}"),
        ),
        "answer repeated, check changed",
    ),
    # copies of answers
    "an old copy below as Markdown": (lambda n: copied(n, "build_adam", WRONG, "markdown"), ""),
    "an old copy below as raw text": (lambda n: copied(n, "build_adam", WRONG, "raw"), ""),
    "an old copy above as Markdown": (lambda n: copied(n, "build_adam", WRONG, "markdown", below=False), ""),
    "old copies on both sides": (
        both(lambda n: copied(n, "build_adam", WRONG, "raw"), lambda n: copied(n, "build_adam", WRONG, "raw", False)),
        "",
    ),
    "an old copy above as code": (lambda n: copied(n, "build_adam", WRONG, below=False), "answer repeated"),
    "the old one as Markdown, the new one without a label": (
        both(lambda n: write(n, "build_adam", WRONG, "markdown"), lambda n: own(n, RIGHT, below=False)),
        "answer as text",
    ),
    "Markdown alone": (lambda n: write(n, "build_adam", RIGHT, "markdown"), "answer retyped"),
    "a given cell kept below as Markdown": (
        lambda n: copied(n, "imports", "torch = None", "markdown"),
        "given set back",
    ),
    # what is no change
    "line ends": (lambda n: [c.update(source=c.source.replace("\n", "\r\n")) for c in n.cells], ""),
    "white space": (lambda n: write(n, "imports", "import torch  \n\n\n\nimport lab\n"), ""),
    "white space in a check cell": (lambda n: write(n, "test_build_adam", f"\n{CHECK} \n"), ""),
    "a check cell that is there twice": (lambda n: copied(n, "test_build_adam", CHECK), "check repeated"),
}


@pytest.fixture
def notebook(solution):
    return specimens.without_examples(solution)


def kinds(submission):
    return ", ".join(oddity.kind for oddity in submission.oddities)


@pytest.mark.parametrize(("change", "told"), LOST.values(), ids=LOST)
def test_a_right_answer_loses_nothing_and_the_note_is_true(grader, exercise, notebook, change, told):
    change(notebook)
    submission = Submission.of(notebook, exercise, "x")
    assert kinds(submission) == told
    grade = grader.grade(submission).grade
    assert (grade.status, grade.score) == ("graded", 12)


@pytest.mark.parametrize("name", ["imports", "test_build_adam"])
@pytest.mark.parametrize("text", ["x = '```'\n~~~", "<script>alert(1)</script>", "````\n# 12 of 12 points\n"])
def test_what_a_student_wrote_is_shown_right_before_ours(exercise, notebook, name, text):
    released = cell(notebook, name).source
    write(notebook, name, text)
    repaired = Submission.of(notebook, exercise, "x").notebook
    theirs, ours = repaired.cells[place(repaired, name) - 1 : place(repaired, name) + 1]
    assert text.strip() in theirs.source
    assert "nbgrader" not in theirs.metadata
    assert theirs.cell_type == ("code" if name == "imports" else "markdown")
    assert ours.source == released
    assert len({c.id for c in repaired.cells}) == len(repaired.cells)
    nbformat.validate(repaired)


def test_a_cell_of_the_students_own_runs_as_if_it_had_never_had_a_label(exercise, notebook):
    """So equal code has one draw, however it is labelled."""
    other = copy.deepcopy(notebook)
    write(notebook, "imports", "import numpy as np")
    own(other, "import numpy as np", beside="imports", below=False)
    one, two = (Submission.of(n, exercise, "x").cells() for n in (notebook, other))
    assert one == two


def test_the_parser_is_given_little_of_a_student(exercise, notebook, monkeypatch):
    """However many copies there are: it runs on our side, and each text can keep it busy."""
    read = []
    parse = ast.parse
    monkeypatch.setattr(ast, "parse", lambda source: read.append(len(source)) or parse(source))
    for number in range(300):
        copied(notebook, "build_adam", f"{STUB}\nx = {number}")
    Submission.of(notebook, exercise, "x")
    assert len(read) <= len(exercise.answers) and sum(read) <= len(exercise.answers) * MAX_STUB


def test_labels_that_a_student_made_up_claim_nothing(exercise, notebook):
    label = {"grade": True, "grade_id": "test_bonus", "points": 99, "solution": False, "locked": True}
    own(notebook, "99.0")
    notebook.cells[place(notebook, "build_adam") + 1].metadata["nbgrader"] = label
    copied(notebook, "test_build_sgd", "3.0  # points")
    cell(notebook, "test_build_sgd").metadata.nbgrader["points"] = 99
    repaired = Submission.of(notebook, exercise, "x").notebook
    labels = [c.metadata.nbgrader for c in repaired.cells if "nbgrader" in c.metadata]
    assert sum(meta.get("points", 0) for meta in labels) == 12
    assert len(labels) == len({meta.grade_id for meta in labels}) == 9


# --- written answers ----------------------------------------------------------------------------------------------

FIRST, SECOND = "1. The gradients were tiny.", "2. Tuned, it does not lag."
UNTOUCHED = "YOUR ANSWER HERE"
WHY = "why_sgd_lagged"
PICTURES = [{"image.png": {"image/png": content}} for content in ("aGk=", "aG8=")]


def picture(notebook, where, content):
    notebook.cells[where].update(source="![it](attachment:image.png)", attachments=content)


def question(notebook):
    return notebook.cells[place(notebook, WHY) - 1]


SPLIT = {
    "both with its label": (lambda n: [write(n, WHY, FIRST, "markdown"), copied(n, WHY, SECOND, "markdown")], "joined"),
    "the second without": (lambda n: [write(n, WHY, FIRST, "markdown"), own(n, SECOND, "text", WHY)], "joined"),
    "the first without": (lambda n: [write(n, WHY, SECOND, "markdown"), own(n, FIRST, "text", WHY, False)], "joined"),
    "none with it": (
        lambda n: [own(n, SECOND, "text", WHY), own(n, FIRST, "text", WHY), remove(n, WHY)],
        "gathered",
    ),
    "none with it, and far away": (
        lambda n: [own(n, SECOND, "text", "tune_sgd"), own(n, FIRST, "text", "train"), remove(n, WHY)],
        "gathered",
    ),
    "raw text": (lambda n: [write(n, WHY, FIRST, "raw"), copied(n, WHY, SECOND, "raw")], "joined, answer retyped"),
    "three with it": (
        lambda n: [
            write(n, WHY, FIRST, "markdown"),
            copied(n, WHY, SECOND, "markdown"),
            copied(n, WHY, "", "markdown"),
        ],
        "joined",
    ),
    "below the untouched one": (
        lambda n: [write(n, WHY, UNTOUCHED, "markdown"), own(n, f"{FIRST}\n{SECOND}", "text", WHY)],
        "joined",
    ),
    "in the question": (
        lambda n: [write(n, WHY, UNTOUCHED, "markdown"), question(n).update(source=f"Why? {FIRST} {SECOND}")],
        "joined",
    ),
}


@pytest.mark.parametrize(("change", "told"), SPLIT.values(), ids=SPLIT)
def test_a_written_answer_in_pieces_reaches_whoever_grades_it(course, change, told):
    exercise = course.assignment().exercises["4-three-way-race"]
    notebook = specimens.unchanged(exercise)
    change(notebook)
    submission = Submission.of(notebook, exercise, "x")
    assert kinds(submission) == f"answer {told}"
    text = cell(submission.notebook, WHY).source
    assert 0 <= text.index(FIRST) < text.index(SECOND)
    assert [grade_id(c) for c in submission.notebook.cells].count(WHY) == 1
    if "gathered" not in told:
        assert sum(FIRST in c.source for c in submission.notebook.cells) == 1
    nbformat.validate(submission.notebook)


@pytest.mark.parametrize(
    "change",
    [
        lambda n: None,
        lambda n: own(n, "A note.", "text", "train"),
        lambda n: own(n, "x = 1", "code", WHY),
        lambda n: copied(n, WHY, UNTOUCHED, "markdown"),
        lambda n: own(n, " ", "text", WHY),
    ],
)
def test_a_written_answer_that_is_not_there_stays_untouched_to_the_letter(course, change):
    """nbgrader tells by its checksum that there is nothing to grade."""
    exercise = course.assignment().exercises["4-three-way-race"]
    notebook = specimens.unchanged(exercise)
    write(notebook, WHY, UNTOUCHED, "markdown")
    change(notebook)
    assert cell(Submission.of(notebook, exercise, "x").notebook, WHY).source == UNTOUCHED


def test_pictures_of_one_name_are_kept_apart(course):
    exercise = course.assignment().exercises["4-three-way-race"]
    notebook = specimens.unchanged(exercise)
    copied(notebook, WHY, "", "markdown")
    for step in (0, 1):
        picture(notebook, place(notebook, WHY) + step, PICTURES[step])
        notebook.cells[place(notebook, WHY) + step].source += f" {step}"
    joined = cell(Submission.of(notebook, exercise, "x").notebook, WHY)
    assert joined.source == "![it](attachment:image.png) 0\n\n![it](attachment:2-image.png) 1"
    assert joined.attachments == {**PICTURES[0], "2-image.png": PICTURES[1]["image.png"]}


# --- what is no answer --------------------------------------------------------------------------------------------

ANSWERS = [
    RIGHT,
    "from mine import build_adam",
    "build_adam = torch.optim.Adam",
    "class build_adam: pass",
    "build_adam: object = 3",
    f"%%time\n{RIGHT}",
    f"{RIGHT}\n)",
    "def build_adam(:",
    f"{STUB}\n{RIGHT}",
    "def build_adam(a):\n    if not a:\n        raise NotImplementedError()",
    "def build_adam(a):\n    raise ValueError()",
    f"{STUB}\n# {'x' * MAX_STUB}",
    f"build_adam = {'-' * (MAX_STUB - 20)}1",
    f"build_adam = {'(' * (MAX_STUB - 20)}1",
    f"build_adam = 1{'.a' * (MAX_STUB // 2 - 20)}",
    f"build_adam = 1{'+1' * (MAX_STUB // 2 - 20)}",
    "build_adam = '\x00'",
    "build_adam = '\\d'",
]
NO_ANSWERS = [
    STUB,
    "",
    "# build_adam",
    "x = 1",
    "def build_adam(a): pass",
    "def build_adam(a): ...",
    "def build_adam(a):\n    'Do it.'",
    "def build_adam(a):\n    raise NotImplementedError",
    "def build_adam(a):\n    raise NotImplementedError('not yet')",
    f"{RIGHT}\n{STUB}",
    f"import numpy\n{STUB}",
    "def build_adamw(a):\n    return 3",
]


@pytest.mark.parametrize("source", ANSWERS)
def test_an_answer_is_told(source):
    assert is_answered(source, "build_adam")


@pytest.mark.parametrize("source", NO_ANSWERS)
def test_what_is_no_answer_is_told(source):
    assert not is_answered(source, "build_adam")


def test_every_note_that_repairing_can_make_is_tried():
    told = {kind for _, kinds in LOST.values() for kind in kinds.split(", ") if kind}
    told |= {f"answer {kind.removeprefix('answer ')}" for _, kinds in SPLIT.values() for kind in kinds.split(", ")}
    elsewhere = {"order", "quick", "unsafe", "answer missing", "answer unlabelled"}  # see test_submission
    assert {kind for kind in ODDITIES if not kind.endswith("rules")} - elsewhere == told
