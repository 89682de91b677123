"""The feedback page of a student: what it says, what it never lets through, and how it reads in a browser."""

import json
import math
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from nbgrader.api import Gradebook
from playwright.sync_api import sync_playwright

from autograder.authoring import specimens
from autograder.checking.student import Student, show_curves
from autograder.course import Course
from autograder.grading.in_notebook import put_grade
from autograder.grading.submission import Submission
from autograder.hosts.nbgrader.read_class import read_class
from autograder.messages import quote, say
from autograder.pages import class_report
from autograder.pages.feedback_page import render
from autograder.results import CheckResult, Grade
from tests import in_process
from tests.made_up_class import ASSIGNMENT, MadeUpClass
from tests.parsed_page import Page

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own, at each new submission

FIRST, RACE = "1-build-optimizers", "4-three-way-race"
SCRIPT = "<script>alert(1)</script>"
RACERS = {"SGD": [2.0, 1.0, 0.5], "Adam": [2.0, 1.9, 1.8], "AdamW": [2.0, 1.9, 1.75]}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="  # one pixel


def made_up_grade(exercise, failed: str = "", message: str = "expected 1, found 2", each: int = 2, **race) -> Grade:
    """A Grade with some checks for each cell; the second of ``failed`` is not passed."""
    checks = []
    for cell, points in exercise.points.items():
        for number in range(1, each + 1):
            lost = number == 2 and cell == f"test_{failed}"
            checks.append(
                CheckResult(
                    cell,
                    f"{cell}_{number}",
                    f"{cell.removeprefix('test_')} does thing {number}.",
                    "failed" if lost else "passed",
                    0.0 if lost else points / each,
                    points / each,
                    say("{text}", text=quote(message)) if lost else None,
                    "Look at the task." if lost else "",
                    **(race if cell == "test_three_way_race" and number == 1 else {}),
                )
            )
    return Grade("…", exercise.assignment, exercise.name, "graded", None, exercise.max_score, 0.5, checks)


def autograded(exercise, grade: Grade, notebook=None) -> nbformat.NotebookNode:
    """A notebook as autograde and the gradebook leave it."""
    notebook = notebook or specimens.answer(exercise, {})
    put_grade(notebook, grade)
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        if meta.get("grade"):
            checks = grade.of_cell(meta["grade_id"])
            meta["is_open"] = not checks
            meta["score"] = sum(check.points for check in checks)
            if meta["grade_id"] in exercise.points:
                cell.outputs = [nbformat.v4.new_output("display_data", {"text/plain": "the checks"})]
    return notebook


def page_of(notebook, exercise, late: float = 0.0) -> str:
    metas = [cell.metadata.get("nbgrader", {}) for cell in notebook.cells]
    score = sum(meta.get("score", 0) for meta in metas) - late
    most = sum(meta["points"] for meta in metas if meta.get("grade"))
    return render(notebook, exercise, {"score": score, "max_score": most, "late_penalty": late})


# --- what it says -------------------------------------------------------------------------------------------------


def test_the_score_comes_first_and_then_each_check(exercise):
    page = page_of(autograded(exercise, made_up_grade(exercise, "build_sgd")), exercise, late=1.5)
    text = " ".join(Page(page).text.split())
    top, _, below = text.partition("Checks of build_sgd")
    assert "9 of 12 points" in top and "handed in late −1.5" in top
    assert "1 of 2 checks passed 1.5 of 3" in top and "2 of 2 checks passed 3 of 3" in top
    assert "not passed build_sgd does thing 2. expected 1, found 2 Hint: Look at the task. 0 / 1.5" in below
    assert below.count("of 3 points") == 4
    assert "lab.check(build_" not in text  # a test cell shows its checks, and no code


def test_points_that_are_open_are_no_zeros(course):
    exercise = course.assignment().exercises[RACE]
    page = Page(page_of(autograded(exercise, made_up_grade(exercise)), exercise))
    text = " ".join(page.text.split())
    assert "12 of 14 points so far" in text and "2 points of these are still open" in text
    assert "read by your instructor not graded yet" in text


def test_a_submission_that_needs_review_shows_no_score_and_nothing_of_ours(exercise):
    grade = Grade(
        "…",
        exercise.assignment,
        exercise.name,
        "needs_review",
        "The graders are broken: /secret",
        exercise.max_score,
        0.1,
    )
    notebook = autograded(exercise, grade)
    page = page_of(notebook, exercise)
    assert "Not graded yet." in page and "0</strong>" not in page and "/secret" not in page
    assert page.count('<p class="notice">the checks</p>') == 4  # what autograde has put there for the student


def test_points_given_by_hand_win_and_the_page_says_so(exercise):
    notebook = autograded(exercise, made_up_grade(exercise, "build_sgd"))
    (cell,) = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == "test_build_sgd"]
    cell.metadata.nbgrader["score"] = 2.5
    text = " ".join(Page(page_of(notebook, exercise)).text.split())
    assert "11.5 of 12 points" in text and "the checks alone come to 1.5" in text


def test_the_race_shows_the_student_s_curves_beside_the_reference_s(course):
    exercise = course.assignment().exercises[RACE]
    curves = {"SGD": [2.0, 3.0, None], "Adam": [2.0, 1.9, 1.8]}
    grade = made_up_grade(exercise, curves=list(curves.items()), reference=list(RACERS.items()))
    page = page_of(autograded(exercise, grade), exercise)
    text = " ".join(Page(page).text.split())
    assert "SGD not finite 0.5000 Adam 1.8000 1.8000 AdamW no curve 1.7500" in text
    assert len([image for image in Page(page).all("img") if image["src"].startswith("data:image/svg+xml")]) == 3
    assert page == page_of(autograded(exercise, grade), exercise)  # the same Grade makes the same page


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        (RACERS, RACERS),
        (
            {"SGD": (1, math.nan, math.inf), "Adam": [0.123456789] * 500},
            {"SGD": [1, None, None], "Adam": [0.12346] * 3},
        ),
        ({"SGD": [True, 1.0], "Adam": ["2"], "AdamW": []}, {}),
        (None, {}),
        ([1.0], {}),
    ],
)
def test_only_numbers_become_curves(found, kept):
    student = Student(fork=None)
    show_curves(student, found, RACERS)
    assert [dict(shown.curves) for shown in student._shown] == ([kept] if kept else [])
    json.dumps([asdict(shown) for shown in student._shown], allow_nan=False)


@pytest.mark.slow
def test_grading_keeps_the_curves_of_right_and_wrong_races(course, grader):
    exercise = course.assignment().exercises[RACE]
    found = {}
    for name, code in (("right", {}), ("wrong", {"train": SUMS_GRADIENTS}), ("none", {"train": "def train(): 1 / 0"})):
        notebook = specimens.without_examples(specimens.answer(exercise, code))
        grade = grader.grade(Submission.of(notebook, exercise, name)).grade
        found[name] = [check for check in grade.checks if check.curves or check.reference]
        assert "curves" not in grade.to_json()["checks"][0] and "reference" not in grade.to_json()["checks"][0]
    (right,), (wrong,) = found["right"], found["wrong"]
    assert [name for name, _ in right.curves] == [name for name, _ in right.reference] == list(RACERS)
    assert all(len(curve) == 100 for _, curve in [*right.curves, *right.reference])
    assert right.reference == wrong.reference
    for (_, own), (_, summed), (_, wanted) in zip(right.curves, wrong.curves, right.reference, strict=True):
        assert own == pytest.approx(wanted, rel=1e-3)
        assert summed != pytest.approx(wanted, rel=0.02)
    assert found["none"] == []


SUMS_GRADIENTS = """\
def train(model, optimizer, X, y, steps=100):
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    return losses
"""


# --- what it never lets through -----------------------------------------------------------------------------------


def spiteful(exercise) -> nbformat.NotebookNode:
    """A student's markup in every place that holds a student's text."""
    new = nbformat.v4
    notebook = autograded(exercise, made_up_grade(exercise, "build_sgd", message=f"found {SCRIPT}\x1b[31m"))
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "build_adam":
            cell.source = f"# {SCRIPT} </pre>\ndef build_adam(): pass"
            cell.metadata.nbgrader["comment"] = f"*Good.* {SCRIPT}"
    rich = {
        "text/html": SCRIPT,
        "image/svg+xml": f"<svg onload=alert(1)>{SCRIPT}</svg>",
        "text/plain": f"rich {SCRIPT}",
    }
    outputs = [
        new.new_output("display_data", {**rich, "application/javascript": "alert(1)"}),
        new.new_output("display_data", {"image/png": f'"><img src=x onerror=alert(1)>{PNG}'}),
        new.new_output("stream", name="stderr", text=f"10 %\r20 %\rdone \x1b[31m{SCRIPT}\x07\n\ud800"),
        new.new_output("error", ename=SCRIPT, evalue=SCRIPT, traceback=[f"\x1b[0;31m{SCRIPT}"]),
    ]
    texts = [
        f"# Title {SCRIPT} <img src=x onerror=alert(1)>",
        f"<div onclick='alert(1)'>\n{SCRIPT}\n</div>",
        f"```mermaid\n{SCRIPT}\n```\n```html\n{SCRIPT}\n```",
        "[a](javascript:alert(1)) [b](JaVaScRiPt&colon;alert(1)) [c](data:text/html;base64,PHNjcmlwdD4=)",
        '[d](https://example.org "\\" onclick=alert(1)") ![e](https://example.org/e.png) ![f" onload="](x.png)',
        "![g](data:image/svg+xml;base64,PHN2Zz4=) ![h](attachment:none.png) ![i](attachment:own.png)",
        f"$$ {SCRIPT} $$ and ${SCRIPT}$ | a |\n\n| {SCRIPT} |\n|---|\n| {SCRIPT} |",
        "<iframe src=https://example.org></iframe><style>body{display:none}</style><form action=https://example.org>",
    ]
    attachments = {"own.png": {"image/png": PNG}}
    notebook.cells += [new.new_markdown_cell(text, attachments=attachments) for text in texts]
    notebook.cells += [new.new_code_cell(f"print('{SCRIPT}')", outputs=outputs), new.new_raw_cell(SCRIPT)]
    return notebook


def test_nothing_of_a_student_is_markup(exercise):
    page = page_of(spiteful(exercise), exercise)
    parsed = Page(page)
    page.encode()  # a lone surrogate could not be written
    assert not {"script", "iframe", "form", "svg", "object", "embed", "link", "base"} & {tag for tag, _ in parsed.tags}
    assert len(parsed.all("style")) == 1
    names = {name for _, attributes in parsed.tags for name in attributes}
    assert not [name for name in names if name.startswith("on")]
    assert not {char for char in page if char < " " and char != "\n"}
    assert parsed.text.count(SCRIPT) >= 16  # it is all there to be read
    assert "done " in parsed.text and "10 %" not in parsed.text
    assert {image["src"] for image in parsed.all("img")} >= {f"data:image/png;base64,{PNG}"}


@pytest.mark.parametrize("char", ["\u202e", "\u2066", "\u200b", "\u2060", "\ufeff", "\U000e0041", "\u3164", "\u2028"])
def test_no_place_of_a_page_shows_what_nobody_sees_or_what_turns_a_line(exercise, char):
    text = f"a{char}b e" + "\u0301" * 500
    notebook = autograded(exercise, made_up_grade(exercise, "build_sgd", message=text))
    outputs = [
        nbformat.v4.new_output("stream", name="stdout", text=text),
        nbformat.v4.new_output("error", ename=text, evalue=text, traceback=[text]),
    ]
    notebook.cells += [nbformat.v4.new_markdown_cell(f"# {text}\n\n`{text}`")]
    notebook.cells += [nbformat.v4.new_code_cell(f"# {text}\n'{text}'", outputs=outputs)]
    page = page_of(notebook, exercise)
    assert char not in page and "\u0301" * 5 not in page and page.count("a\N{REPLACEMENT CHARACTER}b") >= 7


def test_the_page_asks_for_nothing_from_elsewhere(exercise):
    parsed = Page(page_of(spiteful(exercise), exercise))
    assert all(image["src"].startswith("data:image/") and image["alt"] for image in parsed.all("img"))
    links = {link["href"] for link in parsed.all("a")}
    assert {"https://example.org", "#harmful-link"} <= links
    assert all(link.startswith(("#", "https://")) for link in links)
    (policy,) = [meta["content"] for meta in parsed.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src" not in policy
    assert not [attributes for _, attributes in parsed.tags if "src" in attributes and "alt" not in attributes]


# --- nbgrader makes it --------------------------------------------------------------------------------------------


@pytest.fixture
def made_up(course_copy):
    made_up = MadeUpClass(course_copy)
    made_up.add_assignment()
    yield made_up
    made_up.gradebook.close()


def add(made_up: MadeUpClass, student: str, grade: Grade, notebook=None) -> Path:
    path = made_up.add(student, grade)
    nbformat.write(autograded(made_up.exercises[grade.exercise], grade, notebook), path)
    return path


def generate_feedback(made_up: MadeUpClass, *arguments: str) -> tuple[int, str]:
    data = str(made_up.root / "jupyter")
    return in_process.nbgrader("generate_feedback", ASSIGNMENT, *arguments, cwd=made_up.root, JUPYTER_DATA_DIR=data)


STUDENTS = ["ben okri", "김민준", "o'hara+1", "<b>bold<b>"]


@pytest.mark.slow
def test_any_name_of_a_folder_gets_its_page(made_up):
    exercise = made_up.exercises[FIRST]
    for student in STUDENTS:
        add(made_up, student, made_up_grade(exercise, "build_sgd"))
    made_up.gradebook.update_or_create_submission(ASSIGNMENT, STUDENTS[0], timestamp="2031-04-30 18:05:00 UTC")
    made_up.gradebook.find_comment("build_adam", FIRST, ASSIGNMENT, STUDENTS[0]).auto_comment = "No response."
    made_up.gradebook.find_comment("build_adamw", FIRST, ASSIGNMENT, STUDENTS[0]).manual_comment = "Well *done*"
    made_up.gradebook.db.commit()
    code, printed = generate_feedback(made_up)
    assert code == 0, printed
    for student in STUDENTS:
        page = (made_up.root / "feedback" / student / ASSIGNMENT / f"{FIRST}.html").read_text()
        assert "<strong>10.5</strong> of 12 points" in page
        assert "No response" not in page  # nobody has written that
        for text in ("submitted on 2031-04-30 at 18:05 (UTC)", "not changed this cell", "Well <em>done</em>"):
            assert page.count(text) == (student == STUDENTS[0]), text


@pytest.mark.slow
def test_what_stands_in_the_way_of_a_page_is_named(made_up):
    """Half an autograded notebook, another course's gradebook, and nobody at all: no page, and a reason."""
    assert "No notebooks were matched" in generate_feedback(made_up)[1]
    exercise = made_up.exercises[FIRST]
    for student in ("ada", "ben"):
        path = add(made_up, student, made_up_grade(exercise))
    path.write_bytes(path.read_bytes()[:5000])
    code, printed = generate_feedback(made_up)
    assert code == 1 and f"autograder autograde {ASSIGNMENT}" in printed
    assert [page.parent.parent.name for page in made_up.root.glob("feedback/*/*/*.html")] == ["ada"]
    made_up.gradebook.close()
    (made_up.root / "gradebook.db").unlink()
    with Gradebook(f"sqlite:///{made_up.root / 'gradebook.db'}") as other:
        other.add_assignment("calculus")
    code, printed = generate_feedback(made_up, "--student", "ada", "--force")
    assert code == 1 and "gradebook of another course" in printed


# --- in a browser -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    """Chromium; its processes end with the module."""
    with sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def pages(made_up, tmp_path) -> dict[str, Path]:
    """A feedback page of each kind, and the report on the class."""
    first, race = made_up.exercises[FIRST], made_up.exercises[RACE]
    curves = [(name, [1.1 * loss for loss in losses]) for name, losses in RACERS.items()]
    lost = made_up_grade(race, "race_report", curves=curves, reference=list(RACERS.items()))
    texts = {
        **{name: page_of(autograded(e, made_up_grade(e, each=16)), e) for name, e in made_up.exercises.items()},
        "partial": page_of(spiteful(first), first),
        "race": page_of(autograded(race, lost), race),
        "review": page_of(autograded(first, replace(made_up_grade(first), status="needs_review", checks=[])), first),
    }
    made_up.add_student("absent")
    made_up.add("ada", lost)
    made_up.add("ben okri", made_up.review(FIRST, "It is not JSON."))
    made_up.add("김민준", made_up_grade(first, "build_sgd"))
    texts["report"] = class_report.render(read_class(Course(made_up.root), ASSIGNMENT))
    paths = {name: tmp_path / f"{name}.html" for name in texts}
    for name, text in texts.items():
        paths[name].write_text(text)
    return paths


@pytest.mark.slow
def test_axe_finds_nothing_and_a_phone_shows_all_of_it(pages, browser):
    axe = Axe()
    for name, path in pages.items():
        for width in (360, 1200):
            page = browser.new_page(viewport={"width": width, "height": 800})
            asked = []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.on("dialog", lambda dialog: pytest.fail(dialog.message))
            page.goto(path.as_uri())
            found = {v["id"]: [node["html"] for node in v["nodes"]] for v in axe.run(page).response["violations"]}
            assert found == {}, (name, width)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
            assert [url for url in asked if not url.startswith(("data:", "file:"))] == [], name
            page.close()


@pytest.mark.slow
def test_half_a_page_says_that_it_is_half(pages, browser):
    page = browser.new_page()
    page.goto(pages["partial"].as_uri())
    assert not page.locator(".cut").is_visible()
    text = pages["partial"].read_text()
    pages["partial"].write_text(text[: len(text) // 2])
    page.goto(pages["partial"].as_uri())
    assert page.locator(".cut").is_visible()
    page.close()
