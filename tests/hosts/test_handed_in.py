"""Folders as students hand them in: what lies in them under other names, and both routes into the gradebook."""

import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from nbgrader.api import Gradebook

from autograder.authoring import specimens
from autograder.cli import main
from autograder.course import Course
from autograder.grading import batch
from autograder.grading.batch import kept_environment
from autograder.grading.submission import grade_id
from autograder.hosts.nbgrader import plugin
from autograder.hosts.nbgrader.read_class import read_class
from tests.class_folder import api, generate
from tests.conftest import ROOT
from tests.hosts.test_failures import FakeGrader

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own, at each new submission

FIRST, SECOND, LAST = "1-build-optimizers", "2-decay-groups", "4-three-way-race"


class QuickGrader(FakeGrader):
    """Gives a notebook all points when every function is written, and none else."""

    def grade(self, submission, quick=False):
        notebook = submission.notebook
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        return super().grade(replace(submission, notebook=nbformat.v4.new_notebook(cells=code)))


@pytest.fixture
def root(released, tmp_path, monkeypatch):
    """A course in which nothing is handed in yet, with a grader that only looks whether all is answered."""
    for module in (plugin, batch):
        monkeypatch.setattr(module, "process_grader", lambda unsafe, private: QuickGrader())
    root = Path(shutil.copytree(released(), tmp_path / "a course"))
    monkeypatch.chdir(root)
    return root


def plain(root, force=False):
    """``nbgrader autograde``: what it logged."""
    with kept_environment():
        result = api(root).autograde("optimizers", "*", force=force)
    assert result["success"], result
    return result.get("log", "")


def ours(root, force=False):
    """``autograder autograde``: what it printed."""
    arguments = ["autograde", "optimizers", "--course", str(root), "--workers", "1", *(["--force"] if force else [])]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code in (0, 1) and "Traceback" not in done.output, done.output
    return done.output


ROUTES = pytest.mark.parametrize("autograde", [plain, ours])


def home(root, student="ada"):
    folder = root / "submitted" / student / "optimizers"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def written(exercise, *answered, labelled=True):
    """A notebook with these answers, or with all; the others are as they were released."""
    released = nbformat.read(ROOT / "assignments" / "optimizers" / f"{exercise.name}.ipynb", as_version=4)
    right = {grade_id(cell): cell.source for cell in specimens.unchanged(exercise).cells}
    for cell in released.cells:
        if grade_id(cell) in (answered or exercise.answers):
            cell.source = right[grade_id(cell)]
        if not labelled:
            cell.metadata.pop("nbgrader", None)
    return released


def stub(exercise):
    return written(exercise, "nothing")


def put(folder, notebook, name=FIRST):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.ipynb"
    nbformat.write(notebook, path)
    return path


def score(root, student="ada", exercise=FIRST):
    """The automatic score of an exercise; None as long as it is no final one."""
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        grades = gradebook.find_submission_notebook(exercise, "optimizers", student).grades
        rows = [row for row in grades if row.cell_type == "code"]
        scores = [row.auto_score for row in rows]
        assert all(row.needs_manual_grade for row in rows) is (None in scores)
        return None if None in scores else sum(scores)


def state(root, student="ada", exercise=FIRST):
    results = {found.student: found for found in read_class(Course(root), "optimizers").students}
    return results[student].exercises[exercise]


# --- the wrong file -----------------------------------------------------------------------------------------------


def run(command):
    subprocess.run(command, shell=True, check=True, cwd="/")


def commands(text):
    """The commands that a reason names, without the last one, which is tried by other means."""
    line = next(line for line in text.splitlines() if " && autograder autograde optimizers." in line)
    found = [part.partition(" && autograder autograde optimizers.")[0] for part in line.split("run: ")[1:]]
    assert found
    return found


def copied(folder, exercise):
    return stub(exercise), put(folder, written(exercise), f"{FIRST}-Copy1")


def downloaded_twice(folder, exercise):
    return written(exercise, "build_sgd"), put(folder, written(exercise, "build_sgd", "build_adam"), f"{FIRST} (1)")


def in_a_folder_of_its_own(folder, exercise):
    return stub(exercise), put(folder / "my work", written(exercise))


def above(folder, exercise):
    return stub(exercise), put(folder.parent, written(exercise))


def without_labels(folder, exercise):
    return stub(exercise), put(folder, written(exercise, labelled=False), "it's final")


def partly(folder, exercise):
    return written(exercise, "build_adam", "build_sgd"), put(
        folder, written(exercise, "decay_pull", *exercise.answers[:2]), "x"
    )


FULLER = [copied, downloaded_twice, in_a_folder_of_its_own, above, without_labels, partly]


@pytest.mark.slow
@ROUTES
def test_a_second_notebook_that_answers_more_is_for_a_person(root, exercise, autograde):
    others = {}
    for kind in FULLER:
        student = kind.__name__
        named, others[student] = kind(home(root, student), exercise)
        put(home(root, student), named)
        put(home(root, student), written(Course(root).assignment().exercises[SECOND]), SECOND)
    log = autograde(root)
    results = {found.student: found.exercises[FIRST] for found in read_class(Course(root), "optimizers").students}
    for student, other in others.items():
        assert (score(root, student), score(root, student, SECOND)) == (None, 10), student
        assert f"{other.name} answers " in log
        assert results[student].state == "review" and results[student].score is None
    with kept_environment():
        assert api(root).generate_feedback("optimizers", "copied")["success"]
    page = (root / "feedback" / "copied" / "optimizers" / f"{FIRST}.html").read_text()
    assert "Not graded yet" in page and f"{FIRST}-Copy1.ipynb" in page and str(root) not in page
    for student, other in others.items():
        content = other.read_bytes()
        take, keep = commands(results[student].reason)
        if student == "partly":
            run(keep)
        else:
            run(take)
            assert (home(root, student) / f"{FIRST}.ipynb").read_bytes() == content
    ours(root)
    full = {"copied", "in_a_folder_of_its_own", "above", "without_labels"}
    assert {student: score(root, student) for student in others} == {s: 12 if s in full else 0 for s in others}
    assert all(state(root, student).state == "final" for student in others)


@pytest.mark.slow
@ROUTES
def test_a_backup_that_answers_no_more_stops_nothing(root, exercise, autograde):
    other = Course(root).assignment().exercises[SECOND]
    for student in ("backup", "older", "draft of another", "checkpoint", "damaged"):
        put(home(root, student), written(exercise))
    put(home(root, "backup"), written(exercise), f"{FIRST}-Copy1")
    put(home(root, "older"), written(exercise, "build_sgd"), f"{FIRST} old")
    put(home(root, "draft of another"), written(other), SECOND)
    put(home(root, "draft of another"), stub(other), f"{SECOND}-Copy1")
    put(home(root, "checkpoint") / ".ipynb_checkpoints", written(exercise), f"{FIRST}-checkpoint")
    (home(root, "damaged") / "copy.ipynb").write_text("{")
    put(home(root, "helper"), stub(exercise))  # and a function of the same name in another lesson
    notebook = written(other)
    notebook.cells.append(nbformat.v4.new_code_cell("def build_sgd(params):\n    return None"))
    put(home(root, "helper"), notebook, SECOND)
    autograde(root)
    for found in read_class(Course(root), "optimizers").students:
        assert score(root, found.student) == (0 if found.student == "helper" else 12), found.student
        assert found.state == "final", found.student


@ROUTES
def test_two_lessons_that_changed_names_change_back(root, exercise, autograde):
    other = Course(root).assignment().exercises[SECOND]
    put(home(root), written(exercise), SECOND)
    put(home(root), written(other), FIRST)
    autograde(root)
    assert score(root) is None and score(root, exercise=SECOND) is None
    run(commands(state(root).reason)[0])
    ours(root)
    assert (score(root), score(root, exercise=SECOND)) == (12, 10)


@ROUTES
def test_a_written_answer_counts_as_one(root, autograde):
    exercise = Course(root).assignment().exercises[LAST]
    put(home(root), written(exercise), LAST)
    put(home(root), written(exercise, *exercise.answers, "why_sgd_lagged"), f"{LAST} with words")
    autograde(root)
    assert score(root, exercise=LAST) is None
    assert "answers 6 of 6 cells" in state(root, exercise=LAST).reason


WRONG = {
    "copy": lambda folder: (folder, f"{FIRST}-Copy1"),
    "download": lambda folder: (folder, f"{FIRST} (1)"),
    "capitals": lambda folder: (folder, FIRST.title()),
    "folder": lambda folder: (folder / "x", FIRST),
    "above": lambda folder: (folder.parent, FIRST),
}


@pytest.mark.slow
@ROUTES
def test_a_notebook_in_a_wrong_place_alone_is_no_silent_zero(root, exercise, autograde):
    """Also where an older score stands in the gradebook, and whether other lessons lie in their places or not."""
    students = [f"{place} alone" for place in WRONG] + ["copy beside another"]
    graded = ["right", "copy alone", "above alone", "copy beside another"]
    for student in graded:
        put(home(root, student), written(exercise))
        if student.endswith("beside another"):
            put(home(root, student), written(Course(root).assignment().exercises[SECOND]), SECOND)
    plain(root)
    for student in students:
        if student in graded:
            assert score(root, student) == 12
            (home(root, student) / f"{FIRST}.ipynb").unlink()
        folder, name = WRONG[student.partition(" ")[0]](home(root, student))
        put(folder, written(exercise), name)
    log = autograde(root, force=True)
    assert "generate_assignment" not in log and "Traceback" not in log
    assert score(root, "right") == 12
    for student in students:
        assert f"{student}/{FIRST} was not graded: it lies at " in log
        assert score(root, student) is None and state(root, student).state == "review"
        assert score(root, student, LAST) == 0  # nothing of it is there
        assert score(root, student, SECOND) == (10 if student.endswith("beside another") else 0)


@pytest.mark.slow
@ROUTES
def test_names_that_differ_in_case_alone_are_pointed_out(root, exercise, autograde):
    for student in ("ANA01", "ana01", "Bob"):
        put(home(root, student), written(exercise))
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        gradebook.update_or_create_student("bob")  # from the school's list
    log = autograde(root)
    assert "ANA01 and ana01 differ in upper and lower case alone" in log
    assert "Bob and bob differ" in log
    assert score(root, "ANA01") == score(root, "ana01") == 12
    done = CliRunner().invoke(main, ["report", "optimizers", "--course", str(root)])
    assert "ANA01 and ana01 differ" in done.output


# --- files beside the notebook ------------------------------------------------------------------------------------


def file(path, content=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def folder_of(path):
    file(path / "inside.txt")


BESIDE = {
    "page": lambda folder: file(folder / f"{FIRST}.html", b"<p>mine"),
    "page-folder": lambda folder: folder_of(folder / f"{FIRST}.html"),
    "page-of-another": lambda folder: file(folder / f"{SECOND}.html"),
    "folder-of-its-name": lambda folder: folder_of(folder / FIRST),
    "files-folder": lambda folder: folder_of(folder / f"{FIRST}_files"),
    "files-file": lambda folder: file(folder / f"{FIRST}_files"),
    "notebook-folder": lambda folder: folder_of(folder / f"{SECOND}.ipynb"),
    "lab-folder": lambda folder: folder_of(folder / "lab.py"),
    "lab-nested": lambda folder: folder_of(folder / "requirements.txt" / "lab.py"),
    "own-module": lambda folder: file(folder / "helpers.py"),
    "mac": lambda folder: [
        file(folder / f"._{FIRST}.ipynb", b"\0\5\26\7"),
        file(folder / "__MACOSX" / f"._{FIRST}.ipynb", b"\0\5\26\7"),
        file(folder / "__MACOSX" / f"{FIRST}.ipynb", b"\0\5\26\7"),
        file(folder / ".DS_Store"),
    ],
    "windows": lambda folder: [file(folder / "Thumbs.db"), file(folder / "desktop.ini"), file(folder / "~$x.docx")],
    "checkpoints": lambda folder: [
        file(folder / ".ipynb_checkpoints" / f"{FIRST}-checkpoint.ipynb", b"{"),
        file(folder / ".ipynb_checkpoints" / f"{FIRST}.ipynb", b"{"),
    ],
    "damaged-notebook": lambda folder: file(folder / "draft.ipynb", b"{"),
    "caches": lambda folder: [file(folder / "__pycache__" / "lab.cpython-311.pyc"), file(folder / ".git" / "HEAD")],
    "odd-names": lambda folder: [file(folder / "a\nb.txt"), file(folder / "\udcff.txt"), file(folder / "ä [1].ipynb")],
    "secret-folder": lambda folder: folder_of(folder / "submission_secret.txt"),
}


@pytest.mark.slow
@ROUTES
def test_files_beside_the_notebook_stop_nothing(root, exercise, autograde):
    for student, make in BESIDE.items():
        put(home(root, student), written(exercise))
        make(home(root, student))
    log = autograde(root)
    for student in BESIDE:
        assert score(root, student) == 12, (student, log[-3000:])
    with kept_environment():
        assert api(root).generate_feedback("optimizers")["success"]
    for student in BESIDE:
        page = root / "feedback" / student / "optimizers" / f"{FIRST}.html"
        assert page.is_file() and "build_sgd" in page.read_text(), student


# --- when it was handed in ----------------------------------------------------------------------------------------


def stamp(root, student, text, secret="s"):
    (home(root, student) / "timestamp.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    (home(root, student) / "submission_secret.txt").write_text(secret)


def handed_in(root, student):
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        return str(gradebook.find_submission("optimizers", student).timestamp)


@ROUTES
def test_equal_work_with_another_time_is_another_submission(root, exercise, autograde):
    put(home(root), written(exercise))
    stamp(root, "ada", "2027-01-02 03:04:05.000000 UTC", "first")
    autograde(root)
    assert handed_in(root, "ada") == "2027-01-02 03:04:05"
    stamp(root, "ada", "2027-01-03 03:04:05.000000 UTC", "second")
    autograde(root)
    assert handed_in(root, "ada") == "2027-01-03 03:04:05" and score(root) == 12
    done = root / "autograded" / "ada" / "optimizers"
    assert (done / "timestamp.txt").read_text() == "2027-01-03 03:04:05.000000 UTC"
    assert (done / "submission_secret.txt").read_text() == "second"  # its feedback is fetched by this


FORMS = {
    "offset": "2027-01-02 04:04:05 +0100",
    "name": "2027-01-02 04:04:05 CET",
    "mark": b"\xef\xbb\xbf2027-01-02T03:04:05Z\r\n",
    "epoch": "1798859045",
}
NO_TIMES = {
    "ambiguous": ("2027-01-02 03:04:05 CST", "CST is -0600 in America/Chicago and"),
    "words": ("yesterday", "yesterday names no time of day"),
    "bytes": (b"\xff", "it holds no text"),
    "several": ("2027-01-02 03:04:05 UTC\n2027-01-03 03:04:05 UTC", "it holds several times"),
}


@pytest.mark.slow
@ROUTES
def test_a_time_in_any_form_is_read_and_what_is_none_needs_review(root, exercise, autograde):
    given = FORMS | {student: text for student, (text, _) in NO_TIMES.items()}
    for student, text in given.items():
        put(home(root, student), written(exercise))
        stamp(root, student, text)
    log = autograde(root)
    assert "Traceback" not in log and "traceback" not in log
    for student, text in given.items():
        content = (home(root, student) / "timestamp.txt").read_bytes()
        assert content == (text if isinstance(text, bytes) else text.encode())
        done = root / "autograded" / student / "optimizers" / "timestamp.txt"
        if student in FORMS:
            assert (score(root, student), handed_in(root, student)) == (12, "2027-01-02 03:04:05")
            assert done.read_text() == "2027-01-02 03:04:05.000000 UTC"
        else:
            assert score(root, student) is None and not done.exists()
            assert f"timestamp.txt cannot be read: {NO_TIMES[student][1]}" in log
            assert state(root, student).reason.startswith("timestamp.txt cannot be read: ")
    with kept_environment():
        assert api(root).generate_feedback("optimizers")["success"]
    stamp(root, "words", "2027-01-02 03:04:05 UTC")
    autograde(root)
    assert (score(root, "words"), handed_in(root, "words")) == (12, "2027-01-02 03:04:05")
    assert score(root, "bytes") is None


def test_the_zone_of_the_exchange_says_what_an_abbreviation_means(root, exercise):
    with (root / "nbgrader_config.py").open("a") as file:
        file.write('\nc.Exchange.timezone = "America/Chicago"\n')
    put(home(root), written(exercise))
    stamp(root, "ada", "2027-01-02 03:04:05 CST")
    plain(root)
    assert (score(root), handed_in(root, "ada")) == (12, "2027-01-02 09:04:05")


# --- when the source changes under submissions --------------------------------------------------------------------


def change(root, kind):
    path = root / "source" / "optimizers" / f"{FIRST}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    place = next(place for place, cell in enumerate(notebook.cells) if grade_id(cell) == "test_build_sgd")
    meta = notebook.cells[place].metadata.nbgrader
    if kind == "points":
        meta["points"] = 5
    elif kind == "renamed":
        meta["grade_id"] = "test_sgd"
    elif kind == "removed":
        del notebook.cells[place]
    else:
        added = nbformat.v4.new_code_cell("pass", metadata={"nbgrader": {**meta, "grade_id": "extra"}})
        notebook.cells.insert(place, added)
    nbformat.write(notebook, path)


CHANGES = {
    "added": "nbgrader db assignment remove optimizers --force && autograder build",
    "removed": "nbgrader db assignment remove optimizers --force && autograder build",
    "renamed": "nbgrader db assignment remove optimizers --force && autograder build",
    "points": "nbgrader generate_assignment optimizers --force",
}


@pytest.mark.slow
def test_what_changed_under_submissions_is_one_sentence_with_what_to_do(root, exercise):
    put(home(root), written(exercise))
    ours(root)
    source = root / "source" / "optimizers" / f"{FIRST}.ipynb"
    released = {path.name: path.read_bytes() for path in (root / "assignments" / "optimizers").iterdir()}
    before = source.read_bytes()
    for kind, remedy in CHANGES.items():
        source.write_bytes(before)
        change(root, kind)
        for command in ("autograde", "report") if kind == "points" else ("autograde", "report", "build"):
            named = [] if command == "build" else ["optimizers"]
            done = CliRunner().invoke(main, [command, *named, "--course", str(root)])
            assert done.exit_code == 2 and isinstance(done.exception, SystemExit), (kind, command, done.output)
            assert remedy in done.output and FIRST in done.output and len(done.output.splitlines()) == 1
        assert {path.name: path.read_bytes() for path in (root / "assignments" / "optimizers").iterdir()} == released
    assert not [*root.glob(".build-*")] and score(root) == 12
    run(f"cd {shlex.quote(str(root))} && {sys.executable} -m nbgrader db assignment remove optimizers --force")
    source.write_bytes(before)
    change(root, "removed")
    generate(root)
    ours(root)
    assert score(root) == 9 and state(root).state == "final"
