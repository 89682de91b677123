"""``autograder autograde``: a class goes into nbgrader's gradebook as ``nbgrader autograde`` would write it."""

import functools
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from nbgrader.api import Comment, Gradebook
from nbgrader.api import Grade as GradeRow

from autograder.authoring import specimens
from autograder.authoring.build import run_nbgrader
from autograder.cli import main
from autograder.course import LESSONS, Course, CourseError
from autograder.grading import batch, reading, store
from autograder.grading.batch import LostWorkers, in_order, run_all
from autograder.grading.graded import Graded
from autograder.grading.store import Store
from autograder.hosts.nbgrader.read_class import read_class
from autograder.hosts.nbgrader.whole_class import Class
from autograder.results import CheckResult, Grade
from tests.conftest import ROOT, set_cell
from tests.heaps import crowd, nest

NOTEBOOK = "1-build-optimizers"


@pytest.fixture
def root(released, tmp_path):
    """A course folder whose gradebook knows the exercises."""
    return Path(shutil.copytree(released(), tmp_path / "course"))


def hand_in(root: Path, student: str, notebook: nbformat.NotebookNode | bytes, name: str = NOTEBOOK) -> Path:
    path = root / "submitted" / student / "optimizers" / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(notebook if isinstance(notebook, bytes) else nbformat.writes(notebook).encode())
    return path


def short(exercise, code: dict[str, str] | None = None) -> nbformat.NotebookNode:
    """A submission without the examples, which take most of the time."""
    return specimens.without_examples(specimens.answer(exercise, code or {}))


def scores(root: Path) -> dict[tuple[str, ...], tuple[float | None, float | None, bool]]:
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        return {
            (grade.student.id, grade.notebook.name, grade.name): (
                grade.auto_score,
                grade.manual_score,
                grade.needs_manual_grade,
            )
            for grade in gradebook.db.query(GradeRow)
        }


def comments(root: Path) -> dict[tuple[str, ...], str | None]:
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        rows = gradebook.db.query(Comment)
        return {(row.student.id, row.notebook.name, row.name): row.auto_comment for row in rows}


def autograded(root: Path) -> dict[str, list]:
    """The cells of every autograded notebook, with their outputs."""
    notebooks = sorted((root / "autograded").rglob("*.ipynb"))
    return {
        str(path.relative_to(root)): [
            {key: value for key, value in cell.items() if key != "id"} for cell in nbformat.read(path, 4).cells
        ]
        for path in notebooks
    }


@pytest.mark.slow
def test_the_gradebook_is_what_nbgrader_autograde_makes(root, tmp_path, exercise, course):
    wrong = specimens.read("mistakes", exercise)[0]
    hand_in(root, "ada", specimens.answer(exercise, {}))
    hand_in(root, "ben", specimens.without_examples(wrong.notebook(exercise)))
    hand_in(root, "cho", b"{")
    hand_in(root, "dee", short(exercise, {"build_adam": "raise SystemExit"}))
    hand_in(root, "ada", short(course.assignment().exercises["2-decay-groups"]), "2-decay-groups")
    other = Path(shutil.copytree(root, tmp_path / "other"))
    run_nbgrader(other, "autograde", "optimizers")
    result = CliRunner().invoke(main, ["autograde", "optimizers", "--course", str(root), "--workers", "1"])
    assert result.exit_code == 1, result.output  # cho needs review
    assert "cho/1-build-optimizers needs review" in result.output
    assert scores(root) == scores(other)
    assert comments(root) == comments(other)
    assert autograded(root) == autograded(other)


def test_a_run_that_was_interrupted_goes_on(root, exercise, monkeypatch):
    for student, decay in (("ada", 0.01), ("ben", 0.02), ("cho", 0.03)):
        hand_in(root, student, short(exercise, {"decay_pull": f"decay_pull = {decay}"}))
    with Class(Course(root), "optimizers") as found:
        assert len(found.todo()) == 3
        first, _ = next(found.grade(found.todo(), workers=1))
    with Class(Course(root), "optimizers") as found:
        assert first not in found.todo() and len(found.todo()) == 2
        assert len(found.todo(force=True)) == 3
        list(found.grade(found.todo(), workers=1))
        list(found.write(found.unwritten()))
    monkeypatch.setattr(batch, "process_grader", None)  # nothing is left to grade
    with Class(Course(root), "optimizers") as found:
        assert found.todo() == []
        assert found.unwritten() == []
        assert found.changes() == []


def test_equal_notebooks_are_graded_once(root, exercise):
    for student in ("ada", "ben"):
        hand_in(root, student, short(exercise))
    with Class(Course(root), "optimizers") as found:
        assert len(found.todo()) == 1
        list(found.grade(found.todo(), workers=1))
        assert found.todo() == []
        list(found.write(found.unwritten()))
    written = scores(root)
    assert sum(written["ada", NOTEBOOK, f"test_{name}"][0] for name in exercise.answers) == exercise.max_score
    assert all(written[("ben", *place[1:])] == score for place, score in written.items())


def test_a_link_and_a_file_without_end_have_no_grade_of_another(root, exercise):
    """Neither is read for its key: what a link leads to may have been graded before."""
    solution = hand_in(root, "ann", short(exercise))
    with Class(Course(root), "optimizers") as found:
        assert [grade.reason for _, grade in found.grade(found.todo(), workers=1)] == [None]
    for student in ("bob", "cy"):
        hand_in(root, student, b"").unlink()
    (root / "submitted" / "bob" / "optimizers" / f"{NOTEBOOK}.ipynb").symlink_to(solution)
    with open(root / "submitted" / "cy" / "optimizers" / f"{NOTEBOOK}.ipynb", "wb") as file:
        file.truncate(2**40)
    with Class(Course(root), "optimizers") as found:
        assert sorted(submission.student for submission in found.todo()) == ["bob", "cy"]
        grades = {submission.student: grade for submission, grade in found.grade(found.todo(), workers=1)}
    assert {student: grade.status for student, grade in grades.items()} == {"bob": "needs_review", "cy": "needs_review"}
    assert "is a link" in grades["bob"].reason


def test_one_students_heap_or_pipe_stops_only_that_student(root, exercise, tmp_path):
    """Each had a score before; it goes where nothing can be graded, and nobody's folder is called empty."""
    students = ("ada", "crowd", "deep", "link", "pipe", "stamp")
    path = {student: hand_in(root, student, short(exercise)) for student in students}
    run = functools.partial(CliRunner().invoke, main, ["autograde", "optimizers", "--course", str(root), "--yes"])
    assert run().exit_code == 0
    before = scores(root)
    crowd(path["crowd"].parent)
    nest(path["deep"].parent)
    path["link"].parent.parent.rename(tmp_path / "elsewhere")
    path["link"].parent.parent.symlink_to(tmp_path / "elsewhere")
    path["pipe"].unlink()
    os.mkfifo(path["pipe"])
    os.mkfifo(path["stamp"].parent / "timestamp.txt")
    done = run()
    assert done.exit_code == 1
    for text in (
        f"pipe/{NOTEBOOK}: {NOTEBOOK}.ipynb is no file but a named pipe",
        f"stamp/{NOTEBOOK}: timestamp.txt cannot be read: it is no file but a named pipe",
        f"link could not be written: {path['link'].parent} is a link to another folder",
        "crowd/2-decay-groups was not graded:",
        "holds folders in each other, more than 10 deep",
    ):
        assert text in done.output, done.output
    after = scores(root)
    for student in students:
        mine = {place: score for place, score in after.items() if place[:2] == (student, NOTEBOOK)}
        if student in ("ada", "crowd", "deep"):
            assert mine.items() <= before.items()
        else:
            assert {score[0] for place, score in mine.items() if place[2] in exercise.points} == {None}
    assert {s.student for s in read_class(Course(root), "optimizers").students} == set(students)


def test_a_mended_grader_regrades_only_its_exercise_and_lists_what_changes(root, exercise, course, tmp_path):
    second = course.assignment().exercises["2-decay-groups"]
    hand_in(root, "ada", short(exercise))
    hand_in(root, "ada", short(second), second.name)
    with Class(Course(root), "optimizers") as found:
        list(found.grade(found.todo(), workers=1))
        list(found.write(found.unwritten()))
    lessons = Path(shutil.copytree(LESSONS, tmp_path / "lessons"))
    with Class(Course(root, lessons), "optimizers") as found:
        assert found.todo() == []
    file = lessons / exercise.checks[0].relative_to(LESSONS)
    file.write_text(file.read_text() + "\n\ndef stricter(student):\n    assert student is None, 'stricter now'\n\n")
    text = file.read_text()
    start = text.index("\ndef test_")
    line_end = text.index("\n", text.index('"""', text.index('"""', start) + 3))
    file.write_text(text[:line_end] + "\n    stricter(student)" + text[line_end:])
    with Class(Course(root, lessons), "optimizers") as found:
        assert [submission.exercise for submission in found.todo()] == [NOTEBOOK]
        list(found.grade(found.todo(), workers=1))
        (change,) = found.changes()
        assert change.lowers and change.old == exercise.max_score and change.new < change.old
        assert found.unwritten() == ["ada"]


def test_a_score_that_somebody_changed_in_the_gradebook_is_written_again(root, exercise):
    hand_in(root, "ada", short(exercise))
    with Class(Course(root), "optimizers") as found:
        list(found.grade(found.todo(), workers=1))
        list(found.write(found.unwritten()))
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        gradebook.db.query(GradeRow).filter(GradeRow.auto_score > 0).first().auto_score = 99
        gradebook.db.commit()
    with Class(Course(root), "optimizers") as found:
        assert found.todo() == []
        assert [change.lowers for change in found.changes()] == [True]
        list(found.write(found.unwritten()))
    assert 99 not in [score for score, _, _ in scores(root).values()]


def test_a_submission_that_changed_is_graded_again(root, exercise):
    path = hand_in(root, "ada", short(exercise))
    with Class(Course(root), "optimizers") as found:
        list(found.grade(found.todo(), workers=1))
    notebook = nbformat.read(path, 4)
    set_cell(notebook, "decay_pull", "decay_pull = None")
    nbformat.write(notebook, path)
    with Class(Course(root), "optimizers") as found:
        assert len(found.todo()) == 1


def test_clear_messages(root):
    with pytest.raises(CourseError, match="no assignment nothing"):
        Class(Course(root), "nothing")
    with pytest.raises(CourseError, match="nbgrader collect optimizers"):
        Class(Course(root), "optimizers")


@pytest.mark.slow
def test_a_gradebook_that_is_gone_is_named(root, exercise):
    hand_in(root, "ada", short(exercise))
    (root / "gradebook.db").unlink()
    with pytest.raises(CourseError, match="nbgrader generate_assignment optimizers --force"):
        Class(Course(root), "optimizers")


def die_once(flag: str) -> int:
    """Ends its process the first time."""
    path = Path(flag)
    if not path.exists():
        path.touch()
        os._exit(1)
    return os.getpid()


@pytest.mark.slow
def test_a_lost_worker_costs_a_retry_and_no_result(tmp_path):
    items = [str(tmp_path / name) for name in "ab"]
    results = list(in_order(run_all(die_once, items, workers=2)))
    assert len(results) == 2 and os.getpid() not in results


def always_die(item: int) -> None:
    os._exit(1)


@pytest.mark.slow
def test_workers_that_always_die_end_the_run():
    with pytest.raises(LostWorkers, match="want of memory"):
        list(run_all(always_die, [1], workers=2))


def work_slowly(item: int) -> tuple[int, int]:
    time.sleep(0.2)
    return item, os.getpid()


@pytest.fixture
def cluster(tmp_path):
    """The address of a real scheduler with three worker processes, and those processes."""
    file = tmp_path / "scheduler.json"
    here = {**os.environ, "PYTHONPATH": str(ROOT)}

    def start(program: str, *options: str) -> subprocess.Popen:
        command = [sys.executable, "-m", f"distributed.cli.{program}", f"--scheduler-file={file}", "--no-dashboard"]
        return subprocess.Popen([*command, *options], env=here, stderr=subprocess.DEVNULL)

    processes = [start("dask_scheduler", "--host=127.0.0.1", "--port=0")]
    while not file.exists():
        assert processes[0].poll() is None
        time.sleep(0.05)
    processes += [start("dask_worker", "--nthreads=1", "--no-nanny", f"--local-directory={tmp_path}") for _ in range(3)]
    yield json.loads(file.read_text())["address"], processes[1:]
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_loses_no_result(cluster):
    address, workers = cluster
    results = {}
    for place, (item, process) in run_all(work_slowly, range(40), dask=address):
        results[place] = item, process
        if len(results) == 5:
            next(worker for worker in workers if worker.pid == process).kill()
    assert {place: item for place, (item, _) in results.items()} == {i: i for i in range(40)}
    assert len({process for _, process in results.values()}) >= 2


@pytest.mark.slow
def test_a_cluster_that_does_not_answer_is_named():
    with pytest.raises(CourseError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        list(run_all(work_slowly, [1], dask="tcp://127.0.0.1:9"))


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own, at each new submission
def test_thirds_of_a_point_are_no_change(root, exercise):
    """The gradebook holds 3.333333333 for each cell, and the sum of the checks is 13.333333333."""
    path = hand_in(root, "ada", short(exercise))
    own = Course(root).assignment().exercises[NOTEBOOK]
    checks = [CheckResult(cell, "check", "Is.", "passed", 10 / 3, 10 / 3) for cell in own.points]
    grade = Grade(str(path), "optimizers", NOTEBOOK, "graded", None, 40 / 3, 0.1, checks)
    with Store(root / store.PLACE) as finished:
        finished.put(store.key_of(reading.identity(path), store.exercise_key(own, False)), Graded(grade, {}))
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        gradebook.add_student("ada")
        gradebook.add_submission("optimizers", "ada")
        for cell in own.points:
            gradebook.find_grade(cell, NOTEBOOK, "optimizers", "ada").auto_score = grade.points_of(cell)
        gradebook.db.commit()
    with Class(Course(root), "optimizers") as found:
        assert (found.todo(), found.changes()) == ([], [])


def test_threads_of_one_worker_take_turns(root, exercise, monkeypatch):
    """A Dask worker has as many threads as cores unless it is told otherwise, and one sandbox."""
    working = threading.Lock()

    class OneAtATime:
        def grade(self, *_: object) -> str:
            assert working.acquire(blocking=False), "two submissions at once"
            time.sleep(0.05)
            working.release()
            return "done"

    monkeypatch.setattr(batch, "process_grader", lambda unsafe, private: OneAtATime())
    items = [(hand_in(root, student, short(exercise)), "optimizers", NOTEBOOK) for student in ("ada", "ben", "eve")]
    work = functools.partial(batch.grade_submission, root=root, lessons=LESSONS, source="source", unsafe=False)
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(work, items)) == ["done"] * 3


def test_a_notebook_in_the_wrong_place_is_named_and_never_called_missing(root, exercise):
    """A browser's second download, a folder that was left out, and a draft beside what counts."""
    right = hand_in(root, "ada", short(exercise))
    hand_in(root, "ada", short(exercise), f"{NOTEBOOK} draft")
    hand_in(root, "eve", short(exercise), f"{NOTEBOOK} (1)")
    (root / "submitted" / "frank").mkdir()
    shutil.copy(right, root / "submitted" / "frank")
    done = CliRunner().invoke(main, ["autograde", "optimizers", "--course", str(root), "--workers", "1"])
    assert done.exit_code == 1
    for student, place in ("eve", f"eve/optimizers/{NOTEBOOK} (1).ipynb"), ("frank", f"frank/{NOTEBOOK}.ipynb"):
        assert f"{student}/{NOTEBOOK} was not graded: it lies at {root / 'submitted' / place}" in done.stdout
        assert f"Move it to {root / 'submitted' / student / 'optimizers' / NOTEBOOK}.ipynb." in done.stdout
    assert "draft" not in done.stdout
    results = read_class(Course(root), "optimizers")
    assert {s.student: s.exercises[NOTEBOOK].state for s in results.students} == {
        "ada": "final",
        "eve": "review",
        "frank": "review",
    }
