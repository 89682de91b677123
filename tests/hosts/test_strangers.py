"""Deny by default: what has no lesson here is never run, unless the configuration leaves it to nbgrader."""

import json
import shutil

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder.authoring import specimens
from autograder.course import METADATA
from autograder.grading.batch import kept_environment
from autograder.grading.in_notebook import grade_in
from autograder.hosts.nbgrader import plugin
from tests.class_folder import ClassFolder, api, generate
from tests.hosts.test_failures import FakeGrader

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own, at each new submission

FIRST, SECOND = "1-build-optimizers", "2-decay-groups"
LEFT = "c.Autograder.left_to_nbgrader"


def own_notebook(mark):
    """A problem of the instructor's own, whose answer leaves a mark on the machine when it is run."""

    def cell(name, source, **meta):
        made = nbformat.v4.new_code_cell(source, id=name)
        defaults = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
        made.metadata.nbgrader = {"grade_id": name, "cell_type": "code", **defaults, **meta}
        return made

    cells = [
        cell("answer", f"x = 1\nopen({str(mark)!r}, 'a').write('ran ')", solution=True),
        cell("test_answer", "assert x == 1", grade=True, locked=True, points=3),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


class Room(ClassFolder):
    """A course of two lessons and a problem set of the instructor's own."""

    def __init__(self, folder, course=None):
        super().__init__(folder, course)
        for name in ("3-learning-rate-groups", "4-three-way-race"):
            (self.source / "optimizers" / f"{name}.ipynb").unlink(missing_ok=True)
        (self.source / "ps1").mkdir()
        nbformat.write(own_notebook(self.mark), self.source / "ps1" / "problem.ipynb")

    @property
    def mark(self):
        return self.root.parent / "mark"

    @property
    def source(self):
        return self.root / "source"

    def configure(self, line):
        with (self.root / "nbgrader_config.py").open("a") as file:
            file.write(f"\n{line}\n")

    def release(self, *assignments):
        for assignment in assignments:
            generate(self.root, assignment)

    def hand_in(self, assignment, notebook, content=None, student="ann"):
        folder = self.root / "submitted" / student / assignment
        folder.mkdir(parents=True, exist_ok=True)
        nbformat.write(content or own_notebook(self.mark), folder / f"{notebook}.ipynb")

    def autograde(self, assignment, force=False):
        """What nbgrader logged, and each cell's score and whether it waits for a person."""
        with kept_environment():
            result = api(self.root).autograde(assignment, "ann", force=force)
        assert result["success"], result.get("log")
        with Gradebook(f"sqlite:///{self.root / 'gradebook.db'}") as gradebook:
            rows = gradebook.find_submission(assignment, "ann").notebooks
            scores = {(row.name, g.name): (g.auto_score, g.needs_manual_grade) for row in rows for g in row.grades}
        return result["log"], scores


@pytest.fixture
def solution(solution):
    return specimens.without_examples(solution)


@pytest.fixture(scope="module")
def unreleased(tmp_path_factory):
    return Room(tmp_path_factory.mktemp("unreleased"))


@pytest.fixture(scope="module")
def all_released(released, tmp_path_factory):
    room = Room(tmp_path_factory.mktemp("released"), released(FIRST, SECOND))
    room.release("ps1")
    return room


@pytest.fixture
def fake_grader(monkeypatch):
    monkeypatch.setattr(plugin, "process_grader", lambda unsafe, private: FakeGrader())


@pytest.fixture
def fresh_room(unreleased, fake_grader, tmp_path, monkeypatch):
    """One in which nothing is released yet."""
    found = unreleased.at(tmp_path)
    monkeypatch.chdir(found.root)
    return found


@pytest.fixture
def room(all_released, fake_grader, tmp_path, monkeypatch):
    """One in which both assignments are released."""
    found = all_released.at(tmp_path)
    monkeypatch.chdir(found.root)
    return found


def test_a_stranger_is_never_run_and_the_line_to_add_is_told(room):
    room.hand_in("ps1", "problem")
    log, scores = room.autograde("ps1")
    assert scores == {("problem", "test_answer"): (None, True)}
    assert 'add to nbgrader_config.py: c.Autograder.left_to_nbgrader = ["ps1"]' in log
    assert "source/ps1/problem.ipynb names no lesson in its metadata" in log
    assert not room.mark.exists()
    page = json.loads((room.root / "autograded" / "ann" / "ps1" / "problem.ipynb").read_bytes())
    assert "Not graded yet." in json.dumps(page["cells"][1]["outputs"])
    log, _ = room.autograde("ps1")
    assert "Skipping existing assignment" in log  # it was looked at, and is not tried at every run


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["ps1", "ps*", "*"])
def test_what_is_left_to_nbgrader_is_graded_by_it(room, pattern):
    room.hand_in("ps1", "problem")
    room.autograde("ps1")
    room.configure(f'{LEFT} = ["essay", "{pattern}"]')
    _, scores = room.autograde("ps1", force=True)
    assert scores == {("problem", "test_answer"): (3, False)}
    assert room.mark.read_text() == "ran "
    # and a lesson is never left to nbgrader, whatever the pattern says
    room.hand_in("optimizers", FIRST, own_notebook(room.mark))
    room.autograde("optimizers")
    assert room.mark.read_text() == "ran "


def test_an_old_score_of_a_stranger_does_not_survive(room):
    with Gradebook(f"sqlite:///{room.root / 'gradebook.db'}") as gradebook:
        gradebook.add_student("ann")
        submission = gradebook.add_submission("ps1", "ann")
        for row in submission.notebooks[0].grades:
            row.auto_score, row.needs_manual_grade = 3, False
        gradebook.db.commit()
    room.hand_in("ps1", "problem")
    assert room.autograde("ps1")[1] == {("problem", "test_answer"): (None, True)}


def lessons_of(room, assignment):
    folder = room.root / "autograded" / "ann" / assignment
    grades = {path.stem: grade_in(nbformat.read(path, as_version=4)) for path in folder.glob("*.ipynb")}
    return {name: grade and (grade.assignment, grade.exercise, grade.max_score) for name, grade in grades.items()}


def test_a_renamed_assignment_is_graded_here(fresh_room, solution):
    shutil.move(fresh_room.source / "optimizers", fresh_room.source / "week 7")
    fresh_room.release("week 7")
    fresh_room.hand_in("week 7", FIRST, solution)
    _, scores = fresh_room.autograde("week 7")
    assert sum(score for (name, _), (score, _) in scores.items() if name == FIRST) == 12
    assert lessons_of(fresh_room, "week 7") == {FIRST: ("week 7", FIRST, 12)}


@pytest.mark.slow
def test_another_source_directory_is_found(fresh_room, solution):
    fresh_room.configure('c.CourseDirectory.source_directory = "material"')
    shutil.move(fresh_room.source, fresh_room.root / "material")
    fresh_room.release("optimizers")
    fresh_room.hand_in("optimizers", FIRST, solution)
    fresh_room.autograde("optimizers")
    assert lessons_of(fresh_room, "optimizers") == {FIRST: ("optimizers", FIRST, 12)}


@pytest.mark.parametrize("missing", ["source", "source/optimizers", f"source/optimizers/{FIRST}.ipynb"])
def test_without_its_source_nothing_is_run(room, solution, missing):
    solution.cells.insert(0, nbformat.v4.new_code_cell(own_notebook(room.mark).cells[0].source))
    room.hand_in("optimizers", FIRST, solution)
    path = room.root / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    log, scores = room.autograde("optimizers")
    assert {score for (name, _), score in scores.items() if name == FIRST} == {(None, True)}
    assert "It was not run, because it has no lesson here: " in log and missing in log
    assert not room.mark.exists()


@pytest.mark.slow
def test_two_notebooks_of_one_name_have_each_their_own_lesson(fresh_room, course, solution):
    """The second one's lesson has other points; nothing of one is mixed up with the other."""
    (fresh_room.source / "second").mkdir()
    shutil.copy(fresh_room.source / "optimizers" / f"{SECOND}.ipynb", fresh_room.source / "second" / f"{FIRST}.ipynb")
    fresh_room.release("optimizers", "second")
    for assignment in ("optimizers", "second"):
        fresh_room.hand_in(assignment, FIRST, solution)
        fresh_room.autograde(assignment)
    assert lessons_of(fresh_room, "optimizers") == {FIRST: ("optimizers", FIRST, 12)}
    assert lessons_of(fresh_room, "second") == {FIRST: ("second", FIRST, 10)}


def test_a_name_in_a_students_metadata_decides_nothing(room, solution):
    lying = own_notebook(room.mark)
    lying.metadata[METADATA] = {"lesson": f"optimizers/{FIRST}", "grade": {"form": 1, "status": "graded"}}
    room.hand_in("ps1", "problem", lying)
    assert room.autograde("ps1")[1] == {("problem", "test_answer"): (None, True)}
    solution.metadata[METADATA] = {"lesson": f"optimizers/{SECOND}", "read": {"file": "x", "problem": "review me"}}
    room.hand_in("optimizers", FIRST, solution)
    room.autograde("optimizers")
    assert lessons_of(room, "optimizers") == {FIRST: ("optimizers", FIRST, 12)}
    assert not room.mark.exists()
