"""A folder of submissions: only regular files are carried through a course, and a student's trouble stays there."""

import os
import shutil
import socket

import pytest
from nbgrader.utils import notebook_hash

from autograder.grading import files
from autograder.grading.batch import kept_environment
from autograder.hosts.nbgrader import exchange, plugin
from tests.class_folder import COURSE_ID, NOTEBOOK, ClassFolder, api
from tests.heaps import crowd, nest, notebooks, ring
from tests.hosts.test_failures import FakeGrader

pytestmark = [  # nbgrader's own, at each new submission and release
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning"),
    pytest.mark.filterwarnings("ignore:Passing unrecognized arguments:DeprecationWarning"),
]

SECRET = "the gradebook and the solutions"
TIME = "2027-01-01 00:00:00.000000 UTC"


def link(path, secret):
    path.symlink_to(secret)


def dangling(path, secret):
    path.symlink_to("nowhere")


def loop(path, secret):
    path.symlink_to(path.name)


def folder_link(path, secret):
    path.symlink_to(secret.parent)


def pipe(path, secret):
    os.mkfifo(path)


def listening(path, secret):
    with socket.socket(socket.AF_UNIX) as made:
        os.chdir(path.parent)  # the name of a socket has a hundred letters at most
        made.bind(path.name)


def folder(path, secret):
    path.mkdir()


def sparse(path, secret):
    with open(path, "wb") as file:
        file.truncate(2**40)


NO_FILES = [link, dangling, loop, folder_link, pipe, listening, folder, sparse]
BESIDE = [kind for kind in NO_FILES if kind is not folder]


@pytest.fixture
def room(released, tmp_path, monkeypatch):
    """A course in which two students have handed in through the exchange, and a file that none of them may read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plugin, "process_grader", lambda unsafe, private: FakeGrader())
    course = ClassFolder(tmp_path, released())
    course.secret = tmp_path / "private" / "secret.txt"
    course.secret.parent.mkdir()
    course.secret.write_text(SECRET)
    for student in ("ada", "bob"):
        course.sent = sent(course, student)
    return course


def sent(course, student):
    """What ``nbgrader submit`` leaves in the exchange."""
    path = course.exchange / COURSE_ID / "inbound" / f"{student}+optimizers+{TIME}+x"
    path.mkdir(parents=True)
    shutil.copy(course.root / "assignments" / "optimizers" / f"{NOTEBOOK}.ipynb", path)
    (path / "timestamp.txt").write_text(TIME)
    (path / "submission_secret.txt").write_text(f"secret of {student}")
    return path


def run(course, verb, *arguments):
    nbgrader = api(course.root)
    nbgrader.config.Exchange.root = str(course.exchange)
    nbgrader.exchange.update_config(nbgrader.config)
    nbgrader.coursedir.course_id = COURSE_ID
    with kept_environment():
        return getattr(nbgrader, verb)("optimizers", *arguments)


def collect(course):
    (course.exchange / COURSE_ID / "feedback").mkdir(exist_ok=True)
    return run(course, "collect")


def hand_in(course, student):
    """Put a submission where collect would."""
    path = course.root / "submitted" / student / "optimizers"
    shutil.copytree(course.exchange / COURSE_ID / "inbound" / f"{student}+optimizers+{TIME}+x", path, symlinks=True)
    return path


def holds_the_secret(*folders):
    return [
        path
        for top in folders
        for path in top.rglob("*")
        if (
            path.is_symlink()
            or (path.is_file() and path.stat().st_size < 2**20 and SECRET.encode() in path.read_bytes())
        )
    ]


def carry(course):
    """Everything from the students' folders to released feedback, in one go for the class."""
    for student in ("ada", "bob"):
        run(course, "autograde", student)
    run(course, "generate_feedback")
    run(course, "release_feedback")


def released(course, student):
    page = notebook_hash(secret=f"secret of {student}", notebook_id=NOTEBOOK)
    return (course.exchange / COURSE_ID / "feedback" / f"{page}.html").is_file()


@pytest.mark.parametrize("kind", BESIDE)
def test_what_is_no_file_is_not_collected_and_stops_nobody(room, kind):
    """Beside the notebook and as a page that feedback would be released from."""
    for name in ("data.csv", "page.html"):
        kind(room.sent / name, room.secret)
    assert collect(room)["success"]
    assert (room.root / "submitted" / "ada" / "optimizers" / f"{NOTEBOOK}.ipynb").is_file()
    inside = room.root / "submitted" / "bob" / "optimizers"
    assert {path.name for path in inside.iterdir()} == {
        f"{NOTEBOOK}.ipynb",
        "timestamp.txt",
        "submission_secret.txt",
    }
    assert holds_the_secret(room.root / "submitted") == []


@pytest.mark.parametrize("kind", NO_FILES)
def test_a_notebook_that_is_no_file_is_collected_empty(room, kind):
    """So it needs review, and is never taken for not handed in."""
    (room.sent / f"{NOTEBOOK}.ipynb").unlink()
    kind(room.sent / f"{NOTEBOOK}.ipynb", room.secret)
    assert collect(room)["success"]
    collected = room.root / "submitted" / "bob" / "optimizers" / f"{NOTEBOOK}.ipynb"
    if kind is not folder:
        assert collected.read_bytes() == b""
    assert holds_the_secret(room.root / "submitted") == []


@pytest.mark.parametrize("kind", [link, dangling, loop, folder_link, pipe])
def test_a_submission_that_is_no_folder_stops_nobody(room, kind):
    shutil.rmtree(room.sent)
    kind(room.sent, room.secret)
    result = collect(room)
    assert not result["success"] and "The submission of bob was not collected" in result["log"]
    assert [path.name for path in (room.root / "submitted").glob("*/optimizers")] == ["optimizers"]
    assert (room.root / "submitted" / "ada" / "optimizers" / f"{NOTEBOOK}.ipynb").is_file()
    assert holds_the_secret(room.root / "submitted") == []


@pytest.mark.parametrize("name", ["bob+optimizers+yesterday+x", "bob+optimizers+", "bob+optimizers+" + "9" * 40 + "+x"])
def test_a_name_without_a_time_stops_nobody(room, name):
    room.sent.rename(room.sent.with_name(name))
    result = collect(room)
    assert "has no time in its name" in result["log"]
    assert (room.root / "submitted" / "ada" / "optimizers").is_dir()
    assert not (room.root / "submitted" / "bob" / "optimizers").exists()


def strange_names(path):
    with open(os.fsencode(path) + b"/\xff\xfe.txt", "wb"):
        pass
    shutil.copy(path / f"{NOTEBOOK}.ipynb", os.fsencode(path) + b"/\xff\xfe.ipynb")


HEAPS = [nest, crowd, strange_names, notebooks, ring]


@pytest.mark.slow
@pytest.mark.parametrize("heap", HEAPS, ids=lambda heap: heap.__name__)
@pytest.mark.parametrize("way", ["collected", "by hand"])
def test_a_heap_of_files_costs_nobody_a_grade(room, heap, way):
    heap(room.sent)
    if way == "collected":
        assert collect(room)["success"]
    else:
        hand_in(room, "ada")
        (room.root / "submitted" / "bob").mkdir()
        room.sent.rename(room.root / "submitted" / "bob" / "optimizers")
    carry(room)
    assert released(room, "ada") and released(room, "bob")
    assert len([*(room.root / "autograded" / "bob" / "optimizers").iterdir()]) <= files.MAX_ENTRIES + 50


@pytest.mark.parametrize("kind", BESIDE)
def test_feedback_holds_only_pages_that_we_wrote(room, kind):
    """Also where an instructor has put the submissions into ``submitted/`` by hand, links and all."""
    hand_in(room, "ada")
    inside = hand_in(room, "bob")
    for name in ("data.csv", "page.html"):
        kind(inside / name, room.secret)
    (inside / "mine.html").write_text("<script>")
    (inside / "more").mkdir()
    (inside / "more" / "mine.html").write_text("<script>")
    carry(room)
    for student in ("ada", "bob"):
        assert {path.name for path in (room.root / "feedback" / student / "optimizers").rglob("*")} == {
            f"{NOTEBOOK}.html",
            "timestamp.txt",
            "submission_secret.txt",
        }
        assert released(room, student)
    assert len([*(room.exchange / COURSE_ID / "feedback").iterdir()]) == 2
    places = [room.root / "autograded", room.root / "feedback", room.exchange / COURSE_ID / "feedback"]
    assert holds_the_secret(*places) == []


def test_an_old_page_that_a_student_handed_in_is_not_released(room):
    hand_in(room, "ada")
    hand_in(room, "bob")
    carry(room)
    shutil.rmtree(room.exchange / COURSE_ID / "feedback")
    inside = room.root / "feedback" / "bob" / "optimizers"
    (inside / "page.html").symlink_to(room.secret)
    (inside / "other.html").write_text(SECRET)
    (room.root / "feedback" / "ada" / "optimizers" / "submission_secret.txt").unlink()
    result = run(room, "release_feedback")
    assert "The feedback of ada was not released" in result["log"]
    assert released(room, "bob")
    assert len([*(room.exchange / COURSE_ID / "feedback").iterdir()]) == 1


@pytest.mark.parametrize("kind", NO_FILES)
@pytest.mark.parametrize("name", ["timestamp.txt", "submission_secret.txt"])
def test_a_stamp_that_is_no_file_stops_only_what_needs_it(room, kind, name):
    hand_in(room, "ada")
    inside = hand_in(room, "bob")
    (inside / name).unlink()
    kind(inside / name, room.secret)
    carry(room)
    assert released(room, "ada") and released(room, "bob") is (name == "timestamp.txt")
    log = run(room, "autograde", "bob")["log"]
    assert "Traceback" not in log
    assert ("needs review: timestamp.txt cannot be read: it " in log) is (name == "timestamp.txt")
    assert holds_the_secret(room.root / "autograded", room.root / "feedback", room.exchange / COURSE_ID) == []


@pytest.mark.parametrize("place", ["bob", "bob/optimizers"])
def test_a_students_folder_that_is_a_link_is_not_opened(room, place):
    hand_in(room, "ada")
    inside = hand_in(room, "bob")
    elsewhere = room.root.parent / "elsewhere"
    (room.root / "submitted" / place).rename(elsewhere)
    (room.root / "submitted" / place).symlink_to(elsewhere)
    assert (inside / "timestamp.txt").is_file()
    carry(room)
    assert released(room, "ada") and not released(room, "bob")
    assert "is a link to another folder" in run(room, "autograde", "bob")["log"]


def test_a_hard_link_to_what_is_somebody_elses_is_not_copied(tmp_path):
    """Who may not read a file can perhaps link it; a link to one's own file is a file like any other."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (tmp_path / "own.txt").write_text("own")
    (tmp_path / "other.txt").write_text(SECRET)
    os.chown(source, 1000, 1000)
    os.chown(tmp_path / "own.txt", 1000, 1000)
    for name in ("own.txt", "other.txt"):
        (source / name).hardlink_to(tmp_path / name)
    left_out = files.copy(source, target, max_file_bytes=100, max_bytes=1000)
    assert left_out == {"other.txt": "belongs to somebody else"}
    assert [path.name for path in target.iterdir()] == ["own.txt"]


def test_the_classes_are_those_of_the_configuration(room):
    factory = api(room.root).exchange
    assert (factory.collect, factory.release_feedback) == (exchange.Collect, exchange.ReleaseFeedback)
