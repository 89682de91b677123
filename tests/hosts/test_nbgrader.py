"""The course under nbgrader's own commands, from the release to the exported scores."""

import csv
import json
import shutil

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder.authoring import specimens
from tests.class_folder import NOTEBOOK, ClassFolder
from tests.conftest import set_cell


@pytest.fixture(scope="module")
def class_folder(tmp_path_factory):
    course = ClassFolder(tmp_path_factory.mktemp("nbgrader"))
    course.nbgrader("generate_assignment", "optimizers")
    return course


@pytest.mark.slow
def test_the_whole_way_through_the_exchange(class_folder, course, exercise):
    """generate, release, fetch, submit, collect, autograde, feedback and export, with ordinary commands."""
    class_folder.nbgrader("release_assignment", "optimizers")
    class_folder.nbgrader("fetch_assignment", "optimizers", cwd=class_folder.home)
    path = class_folder.home / "optimizers" / f"{NOTEBOOK}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for cell in specimens.answer(exercise, {}).cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in exercise.answers and name != "build_adam":
            set_cell(notebook, name, cell.source)
    nbformat.write(notebook, path)
    assert (class_folder.home / "optimizers" / "lab.py").is_file()
    class_folder.nbgrader("submit", "optimizers", cwd=class_folder.home)
    class_folder.nbgrader("collect", "optimizers")
    (student,) = (folder.name for folder in (class_folder.root / "submitted").iterdir())
    class_folder.start_nbgrader("autograde", "optimizers", "--student", student)
    assert class_folder.scores(student) == {
        "test_build_sgd": (3, False),
        "test_build_adam": (0, False),
        "test_build_adamw": (3, False),
        "test_decay_pull": (3, False),
    }
    page = class_folder.feedback(student)
    assert "build_adam returns a torch.optim.Adam, and not its subclass AdamW." in page
    assert "build_adam is not written yet" in page
    assert "image/png" in page
    for secret in ("def test_", "expect_class", "autograder.lessons", "CASES"):
        assert secret not in page
    class_folder.nbgrader("release_feedback", "optimizers")
    class_folder.nbgrader("fetch_feedback", "optimizers", cwd=class_folder.home)
    (fetched,) = (class_folder.home / "optimizers" / "feedback").rglob(f"{NOTEBOOK}.html")
    assert fetched.read_text() == page
    class_folder.nbgrader("export")
    with (class_folder.root / "grades.csv").open() as file:
        (row,) = [row for row in csv.DictReader(file) if row["student_id"] == student]
    written = 2  # points of the answer in lesson 4 that is graded by hand
    everything = sum(exercise.max_score for exercise in course.exercises) + written
    assert (float(row["score"]), float(row["max_score"])) == (9, everything)


@pytest.mark.slow
def test_bad_notebooks_need_review_and_the_others_are_graded(class_folder, exercise, solution):
    class_folder.hand_in("broken", b"{ not json")
    class_folder.hand_in("empty", b"")
    class_folder.hand_in("right", solution)
    stray = specimens.answer(exercise, {})
    stray.cells = [c for c in stray.cells if c.metadata.get("nbgrader", {}).get("grade_id") != "test_build_sgd"]
    set_cell(stray, "test_build_adam", "# I need no tests")
    set_cell(stray, "imports", "from torch.optim import SGD as mine")
    set_cell(
        stray,
        "build_sgd",
        "def build_sgd(params, lr=0.1, momentum=0.9, weight_decay=1e-4):\n    return mine(**locals())",
    )
    class_folder.hand_in("stray", stray)
    odd = json.loads(nbformat.writes(solution).replace('"outputs"', '"printed"'))
    class_folder.hand_in("odd", json.dumps({**odd, "nbformat_minor": 99}).encode())
    log = class_folder.nbgrader("autograde", "optimizers")
    class_folder.nbgrader("generate_feedback", "optimizers", "--force")
    for student in ("broken", "empty"):
        assert f"{student}/{NOTEBOOK} needs review" in log
        assert set(class_folder.scores(student).values()) == {(None, True)}
        assert "Your instructor will look at it" in class_folder.page(student)
    for student in ("right", "stray", "odd"):
        assert f"{student}/{NOTEBOOK} needs review" not in log
        assert set(class_folder.scores(student).values()) == {(3, False)}
    page = class_folder.page("stray")
    assert "test_build_sgd is missing" in page
    assert "test_build_adam was changed" in page and "# I need no tests" in page
    assert "imports was changed" in page and "mine" in page


@pytest.mark.slow
def test_a_failed_regrade_leaves_no_old_score(class_folder, solution):
    class_folder.hand_in("again", solution)
    class_folder.nbgrader("autograde", "optimizers", "--student", "again")
    assert set(class_folder.scores("again").values()) == {(3, False)}
    log = class_folder.start_nbgrader(
        "autograde", "optimizers", "--student", "again", "--force", ok=False, AUTOGRADER_SANDBOX="none"
    )
    assert "No sandbox works here" in log
    assert set(class_folder.scores("again").values()) == {(None, True)}


@pytest.mark.slow
def test_stock_configuration_gives_no_marks_and_says_why(class_folder, solution, tmp_path):
    class_folder.hand_in("stock", solution)
    stock = tmp_path / "stock"
    shutil.copytree(class_folder.root, stock)
    (stock / "nbgrader_config.py").write_text(
        "import os, sys\nos.environ['PATH'] = os.path.dirname(sys.executable) + ':' + os.environ['PATH']\n"
    )
    class_folder.nbgrader("autograde", "optimizers", "--student", "stock", "--create", cwd=stock)
    with Gradebook(f"sqlite:///{stock / 'gradebook.db'}") as gradebook:
        assert gradebook.find_submission("optimizers", "stock").score == 0
    shown = (stock / "autograded" / "stock" / "optimizers" / f"{NOTEBOOK}.ipynb").read_text()
    assert "autograded without the course" in shown
