"""The course in a real browser: a student's way and an instructor's way through JupyterLab with nbgrader's extensions.

SCREENSHOTS=FOLDER keeps a picture of each main step.
"""

import csv
import getpass
import os
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect

from autograder.authoring import specimens
from autograder.course import Exercise
from autograder.grading.labels import grade_id
from tests.class_folder import NOTEBOOK, ClassFolder
from tests.conftest import set_cell
from tests.jupyter import PATIENCE, JupyterLab, complaints, open_browser, wait_for

RACE = "4-three-way-race"
WRITTEN = "Its steps are proportional to gradients, and these are tiny in the hidden layers."


@pytest.fixture(scope="module")
def browser():
    with open_browser() as browser:
        yield browser


@pytest.fixture
def class_folder(tmp_path):
    return ClassFolder(tmp_path)


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1200, "height": 1000})
    page.set_default_timeout(PATIENCE * 1000)
    yield page
    page.close()


@pytest.fixture
def picture(request, page, tmp_path):
    """Take a picture of the page."""
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path / "screenshots"))
    way = request.node.name.removeprefix("test_")
    number = iter(range(1, 100))

    def take(name: str) -> None:
        page.screenshot(path=folder / f"{way}-{next(number):02}-{name}.png", animations="disabled")

    return take


# --- JupyterLab ------------------------------------------------------------------------------------------------------


def choose(page: Page, *entries: str) -> None:
    """Go through the menu bar: the name of a menu, of its entry, of the entry's entry."""
    menu, *others = entries
    page.get_by_role("menubar").get_by_role("menuitem", name=menu, exact=True).click()
    for name in others:
        page.locator(".lm-Menu").get_by_text(name, exact=True).click()


def code_cell(page: Page, text: str) -> Locator:
    """The code cell that holds this text."""
    return page.locator(".jp-CodeCell").filter(has=page.locator(".jp-InputArea", has_text=text))


def select(cell: Locator) -> None:
    """Select a cell, which brings it into view."""
    cell.locator(".jp-InputPrompt").click()
    expect(cell).to_be_in_viewport()


def write(page: Page, cell: Locator, line: str, text: str) -> None:
    """Type something in place of a line of the cell, whose indentation stays, and run this cell and the next."""
    cell.locator(".cm-line", has_text=line).click()
    for key in ("End", "Shift+Home"):
        page.keyboard.press(key)
    page.keyboard.type(text)
    for _ in range(2):
        page.keyboard.press("Shift+Enter")


def test_complaints_are_found_in_a_log():
    log = """[I 2026-01-01 10:00:00.000 ServerApp] Serving
[C 2026-01-01 10:00:00.000 ServerApp]
[W 2026-01-01 10:00:01.000 ServerApp] The gradebook has no ERROR
[E 2026-01-01 10:00:02.000 ServerApp] 500 POST
[Autograde | ERROR] One or more notebooks failed
[IPKernelApp] WARNING | Kernel is running over TCP
[IPKernelApp] ERROR | Exception in message handler
    Traceback (most recent call last):
[C 2026-01-01 10:00:03.000 ServerApp] received signal 15, stopping
[C 2026-01-01 10:00:04.000 ServerApp] Bad config"""
    assert [line.split("] ")[-1] for line in complaints(log)] == [
        "500 POST",
        "One or more notebooks failed",
        "ERROR | Exception in message handler",
        "    Traceback (most recent call last):",
        "Bad config",
    ]


# --- The student's way -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_student(class_folder, page, picture, tmp_path):
    """Fetch, run, get it wrong, get it right, see the figure, validate, submit; later fetch the feedback, read it."""
    class_folder.nbgrader("generate_assignment", "optimizers")
    class_folder.nbgrader("release_assignment", "optimizers")
    with JupyterLab(class_folder.home, tmp_path / "state", class_folder.exchange) as server:
        page.goto(server.url)
        fetch(page, picture)
        work(page, picture)
        validate(page, picture)
        submit(page, picture)
        for command in ("collect", "autograde", "generate_feedback", "release_feedback"):
            class_folder.nbgrader(command, "optimizers")
        read_feedback(page, picture)
    assert complaints(server.log) == []


def fetch(page: Page, picture: Callable) -> None:
    choose(page, "Nbgrader", "Assignment List")
    page.locator("#released_assignments_list").get_by_role("button", name="Fetch").click()
    fetched = page.locator("#fetched_assignments_list")
    fetched.get_by_text("optimizers", exact=True).click()
    expect(fetched.get_by_role("button", name="Validate")).to_have_count(4)
    picture("fetched")
    fetched.get_by_text(NOTEBOOK).click()


def work(page: Page, picture: Callable) -> None:
    expect(page.get_by_role("button", name="Python 3 (ipykernel) | Idle")).to_be_visible()
    choose(page, "Run", "Run All Cells")
    answer = code_cell(page, "def build_sgd(")
    check = code_cell(page, "lab.check(build_sgd)").locator(".jp-OutputArea")
    figure = code_cell(page, "lab.plot_valley(build_sgd)")
    expect(check).to_contain_text("build_sgd is not written yet")
    expect(figure).to_contain_text("The figure appears here once build_sgd works.")
    select(figure)
    picture("unwritten")

    write(page, answer, "raise NotImplementedError()", "return torch.optim.SGD(params, lr=lr, momentum=momentum)")
    expect(check).to_contain_text("build_sgd: 2 of 3 public checks passed.")
    expect(check).to_contain_text("expected: weight_decay 0.0001")
    expect(check).to_contain_text("found: weight_decay 0")
    expect(check).to_contain_text("hint:")
    select(figure)
    page.keyboard.press("Shift+Enter")
    expect(figure.get_by_role("img")).to_be_visible()
    select(answer)
    picture("wrong")

    right = "return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)"
    write(page, answer, "return torch.optim.SGD", right)
    expect(check).to_contain_text("build_sgd: all 3 public checks passed.")
    expect(check).not_to_contain_text("found:")
    picture("right")


def validate(page: Page, picture: Callable) -> None:
    """Three functions are not written yet: nbgrader's button must say so, and not blame the one that is."""
    page.get_by_role("button", name="Validate").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Validation Results")
    for name in ("build_adam", "build_adamw", "decay_pull"):
        expect(dialog).to_contain_text(f"{name} is not written yet")
    expect(dialog).not_to_contain_text("build_sgd")
    expect(dialog).not_to_contain_text("lab_checks.py")
    picture("validated")
    dialog.get_by_role("button", name="Ok").click()


def submit(page: Page, picture: Callable) -> None:
    page.get_by_role("tab", name="Assignments").click()
    page.locator("#fetched_assignments_list").get_by_role("button", name="Submit").click()
    expect(page.locator("#submitted_assignments_list")).to_contain_text("optimizers")
    picture("submitted")


def read_feedback(page: Page, picture: Callable) -> None:
    page.locator("#refresh_assignments_list").click()
    submitted = page.locator("#submitted_assignments_list")
    expect(submitted).to_contain_text("(feedback available to fetch)")
    submitted.get_by_role("button", name="Fetch Feedback").click()
    submitted.get_by_text("optimizers", exact=True).click()
    submitted.get_by_text("(view feedback)").click()
    picture("feedback-fetched")
    page.locator(".jp-DirListing-item", has_text=f"{NOTEBOOK}.html").dblclick()
    feedback = page.frame_locator("iframe")
    expect(feedback.locator("body")).to_contain_text("3 of 12 points")
    expect(feedback.locator("body")).to_contain_text("build_adam is not written yet")
    picture("feedback")
    feedback.get_by_text("build_adam is not written yet").first.scroll_into_view_if_needed()
    picture("feedback-checks")


# --- The instructor's way --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_instructor(class_folder, course, exercise, page, picture, tmp_path):
    """Generate, release, collect, autograde, look, grade by hand, override a score, release feedback, export."""
    with JupyterLab(class_folder.root, tmp_path / "state", class_folder.exchange) as server:
        page.goto(server.url)
        choose(page, "Nbgrader", "Formgrader")
        formgrader = page.frame_locator("iframe")
        press(formgrader, "assign", "Successfully created the student version")
        press(formgrader, "release", "Successfully released")
        picture("released")
        student = hand_in(class_folder, exercise)
        press(formgrader, "collect", "Successfully collected")
        picture("collected")
        formgrader.locator(".num-submissions a").click()
        press(formgrader, "autograde", "Successfully autograded")
        row = formgrader.locator("#main-table tr", has_text=student)
        written = 2  # points of the answer in lesson 4 that is graded by hand
        everything = sum(each.max_score for each in course.exercises) + written
        expect(row.locator(".score")).to_have_text(f"9 / {everything:g}")
        expect(row.locator(".status")).to_have_text("needs manual grading")
        picture("autograded")
        grade(page, formgrader, picture)
        for name in ("Manual Grading", "Manage Assignments"):
            formgrader.get_by_role("link", name=name).click()
        press(formgrader, "generate-feedback", "Successfully generated feedback")
        press(formgrader, "release-feedback", "Successfully released feedback")
        picture("feedback-released")
        choose(page, "File", "New", "Terminal")
        page.locator(".jp-Terminal .xterm").click()
        page.keyboard.type(f"{sys.executable} -m nbgrader export\n")  # a login shell has a PATH of its own
        grades = class_folder.root / "grades.csv"
        wait_for(grades.exists, "the exported grades")
        page.locator(".jp-DirListing-item", has_text="grades.csv").dblclick()
        expect(page.locator(".jp-CSVViewer")).to_be_visible()
        picture("exported")
    assert complaints(server.log) == []
    (row,) = csv.DictReader(grades.read_text().splitlines())
    assert (row["student_id"], float(row["score"])) == (student, 9 + 2 + 1.5)


def press(formgrader: FrameLocator, button: str, says: str) -> None:
    """Press a button of the only row of the formgrader's table, and close the window that says how it went."""
    formgrader.locator(f"#main-table .{button} a").click()
    expect(formgrader.locator(".modal-body")).to_contain_text(says)
    formgrader.locator(".modal-footer button").click()
    expect(formgrader.locator(".modal-body")).to_have_count(0)


def hand_in(class_folder: ClassFolder, exercise: Exercise) -> str:
    """A student hands in lesson 1, all but build_adam, and the written answer of lesson 4; the student's name."""
    class_folder.nbgrader("fetch_assignment", "optimizers", cwd=class_folder.home)
    path = class_folder.home / "optimizers" / f"{NOTEBOOK}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for cell in specimens.answer(exercise, {}).cells:
        if grade_id(cell) in exercise.answers and grade_id(cell) != "build_adam":
            set_cell(notebook, grade_id(cell), cell.source)
    nbformat.write(notebook, path)
    path = class_folder.home / "optimizers" / f"{RACE}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    set_cell(notebook, "why_sgd_lagged", WRITTEN)
    nbformat.write(notebook, path)
    class_folder.nbgrader("submit", "optimizers", cwd=class_folder.home)
    return getpass.getuser()


def grade(page: Page, formgrader: FrameLocator, picture: Callable) -> None:
    """Override a score of lesson 1, and give points and a comment for the written answer of lesson 4."""
    formgrader.get_by_role("link", name="Manual Grading").click()
    formgrader.get_by_role("link", name="optimizers", exact=True).click()
    formgrader.get_by_role("link", name=NOTEBOOK).click()
    formgrader.get_by_role("link", name="Submission #1").click()
    expect(formgrader.locator("body")).to_contain_text("build_adam is not written yet")
    formgrader.locator("#test_build_adam").scroll_into_view_if_needed()
    picture("submission")
    fill(page, formgrader.locator("#test_build_adam"), "2")
    picture("overridden")

    formgrader.get_by_role("link", name="optimizers", exact=True).click()
    formgrader.get_by_role("link", name=RACE).click()
    formgrader.get_by_role("link", name="Submission #1").click()
    expect(formgrader.locator("body")).to_contain_text(WRITTEN)
    fill(page, formgrader.locator("#why_sgd_lagged"), "1.5")
    fill(page, formgrader.locator("#why_sgd_lagged-comment"), "Good. And once it is tuned?")
    picture("by-hand")


def fill(page: Page, field: Locator, text: str) -> None:
    """Fill in a field of the formgrader, which saves as soon as the field is left.

    Its page empties the fields when the points arrive from the server, and whoever types before that types for nothing.
    """
    loaded = "() => formgrader.grades.loaded && formgrader.comments.loaded"
    field.element_handle().owner_frame().wait_for_function(loaded)
    field.fill(text)
    saved = lambda answer: answer.request.method == "PUT" and "/formgrader/api/" in answer.url  # noqa: E731
    with page.expect_response(saved) as response:  # JupyterLab puts its own state away, at any time
        field.blur()
    assert response.value.ok
    assert text in response.value.request.post_data_json.values()
