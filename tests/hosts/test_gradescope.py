"""Gradescope: the zip file, in the folders that it documents, and the results that it reads."""

import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from dataclasses import replace

import nbformat
import pytest
from click.testing import CliRunner

from autograder.authoring import specimens
from autograder.cli import main
from autograder.course import PREPARED
from autograder.hosts import gradescope_harness
from autograder.hosts.gradescope import NOT_GRADED
from autograder.hosts.gradescope_harness import find_submission, results
from autograder.results import CheckResult, Grade, Oddity
from tests.conftest import ROOT

FIRST, SECOND = "1-build-optimizers", "2-decay-groups"
TOP = {"score", "execution_time", "output", "visibility", "stdout_visibility", "tests"}
TEST = {"score", "max_score", "status", "name", "number", "output", "output_format", "visibility"}


@pytest.fixture(scope="module")
def zip_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("gradescope") / "autograder.zip"
    result = CliRunner().invoke(
        main,
        ["gradescope", "optimizers", "--output", str(path), "--visibility", "after_due_date", "--course", str(ROOT)],
    )
    assert result.exit_code == 0, result.output
    return path


@pytest.fixture
def root(zip_file, tmp_path):
    """The folder that Gradescope calls /autograder, before a submission is graded."""
    root = tmp_path / "autograder"
    with zipfile.ZipFile(zip_file) as archive:
        archive.extractall(root / "source")
    shutil.copy(root / "source" / "run_autograder", root)
    (root / "submission").mkdir()
    (root / "results").mkdir()
    return root


def run(root, **environment: str) -> tuple[dict, str]:
    """Run a submission as Gradescope does; the results, and what the instructor sees."""
    done = subprocess.run(
        ["bash", root / "run_autograder", root, sys.executable],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "source"), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    found = json.loads((root / "results" / "results.json").read_text())
    check_schema(found)
    return found, done.stdout


def check_schema(found: dict) -> None:
    """What Gradescope documents: these keys, of these types, and no score of a part when there is none of the whole."""
    visibilities = ("visible", "hidden", "after_due_date", "after_published")
    assert set(found) <= TOP
    assert found.get("visibility", "visible") in visibilities
    assert found["tests"]
    for test in found["tests"]:
        assert set(test) <= TEST
        assert test.get("status", "passed") in ("passed", "failed")
        assert test.get("visibility", "visible") in visibilities
        assert ("score" in test) is ("score" in found)
        assert test.get("score", 0) <= test.get("max_score", 0)
    if "score" in found:
        assert found["score"] == pytest.approx(sum(test["score"] for test in found["tests"]))


def test_the_zip_has_what_gradescope_starts_and_what_grading_needs(zip_file):
    with zipfile.ZipFile(zip_file) as archive:
        infos = {info.filename: info for info in archive.infolist()}
        assert b"--visibility after_due_date" in archive.read("run_autograder")
    for name in ("setup.sh", "run_autograder"):
        assert (infos[name].external_attr >> 16) & stat.S_IXUSR
    wanted = (
        "pyproject.toml",
        f"source/optimizers/{FIRST}.ipynb",
        "source/optimizers/lab.py",
        "autograder/sandbox/wire.py",
    )
    wanted += ("autograder/sandbox/guest/zygote.py", "autograder/lessons/optimizers/decay_groups/models.py")
    assert {*wanted} <= infos.keys()
    lessons = [name for name in infos if "/lessons/" in name]
    assert not [name for name in lessons if name.rpartition("/")[2].removesuffix(".py") in PREPARED]
    assert not [name for name in infos if "__pycache__" in name or "tests" in name or name.endswith(".db")]


def test_the_scripts_are_right_for_bash(root):
    for script in (root / "run_autograder", root / "source" / "setup.sh"):
        assert script.read_text().startswith("#!/usr/bin/env bash\n")
        subprocess.run(["bash", "-n", script], check=True)


def test_the_environment_lies_where_the_sandbox_does_not_cover_it(root):
    """In the sandbox, /autograder holds the sandbox's own code: a Python below it could not be seen there."""
    for script in (root / "run_autograder", root / "source" / "setup.sh"):
        assert "/opt/autograder/bin" in script.read_text()
        assert "/autograder/bin" not in script.read_text().replace("/opt/autograder", "")


def test_the_same_course_makes_the_same_zip_without_checks_of_other_assignments(course_copy):
    other = course_copy / "source" / "other"
    other.mkdir()
    shutil.move(course_copy / "source" / "optimizers" / f"{SECOND}.ipynb", other)
    files = [course_copy / "one.zip", course_copy / "two.zip"]
    for path in files:
        arguments = ["gradescope", "other", "--output", str(path), "--course", str(course_copy)]
        assert CliRunner().invoke(main, arguments).exit_code == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    with zipfile.ZipFile(files[0]) as archive:
        lessons = {
            name.split("/")[3] for name in archive.namelist() if name.startswith("autograder/lessons/optimizers")
        }
        assert not [name for name in archive.namelist() if name.startswith("source/optimizers")]
    assert lessons == {"__init__.py", "decay_groups"}


def test_an_assignment_that_is_not_there_is_named(tmp_path):
    result = CliRunner().invoke(main, ["gradescope", "calculus", "--course", str(ROOT)])
    assert result.exit_code == 2
    assert "There is no assignment calculus in source/. There is: optimizers." in result.stderr
    assert not (ROOT / "gradescope" / "calculus.zip").exists()


@pytest.mark.slow
def test_a_submission_is_graded_in_gradescopes_folders(root, exercise):
    """One notebook, under a name that a browser gave it; the other three were not handed in."""
    notebook = specimens.without_examples(specimens.answer(exercise, {"build_sgd": specimens.unwritten("build_sgd")}))
    nbformat.write(notebook, root / "submission" / f"{FIRST} (1).ipynb")
    (root / "submission" / "json.py").write_text("raise SystemExit('a module of the student')")
    found, told = run(root)
    assert found["score"] == 9, told
    assert found["visibility"] == "after_due_date" and found["stdout_visibility"] == "hidden"
    names = {test["name"]: test for test in found["tests"]}
    failed = names["build_sgd: build_sgd returns a torch.optim.SGD."]
    assert (failed["status"], failed["score"], failed["number"]) == ("failed", 0, "1.1")
    assert "not written yet" in failed["output"] and "Hint: " in failed["output"]
    passed = names["build_adam: build_adam returns a torch.optim.Adam, and not its subclass AdamW."]
    assert passed["status"] == "passed" and passed["score"] == passed["max_score"] > 0
    assert names[f"{SECOND} was handed in"]["score"] == 0 and names[f"{SECOND} was handed in"]["max_score"] == 10
    assert not [secret for secret in ("def test_", "expect_class", "autograder.lessons") if secret in json.dumps(found)]


@pytest.mark.slow
def test_without_a_sandbox_there_is_no_score(root, solution):
    nbformat.write(solution, root / "submission" / f"{FIRST}.ipynb")
    found, told = run(root, AUTOGRADER_SANDBOX="none")
    assert "score" not in found and found["output"] == NOT_GRADED
    assert "No sandbox works here" in told


def test_when_python_does_not_start_there_is_no_score(root):
    (root / "results" / "results.json").write_text('{"score": 48}')
    subprocess.run(["bash", root / "run_autograder", root, root / "no-python"], check=False, capture_output=True)
    found = json.loads((root / "results" / "results.json").read_text())
    check_schema(found)
    assert "score" not in found and found["output"] == NOT_GRADED


def test_when_the_harness_breaks_there_is_no_score(root, monkeypatch):
    monkeypatch.setattr(gradescope_harness, "find_submission", lambda *_: 1 / 0)
    result = CliRunner().invoke(gradescope_harness.main, [str(root)])
    found = json.loads((root / "results" / "results.json").read_text())
    assert result.exit_code == 0 and "ZeroDivisionError" in result.output
    assert "score" not in found and "ZeroDivisionError" not in json.dumps(found)


@pytest.fixture
def two(course):
    return [course.assignment().exercises[FIRST], course.assignment().exercises[SECOND]]


@pytest.fixture
def folder(tmp_path, solution):
    """An upload with the first notebook."""
    folder = tmp_path / "submission"
    folder.mkdir()
    nbformat.write(solution, folder / f"{FIRST}.ipynb")
    return folder


def grade(exercise, status="graded", reason=None) -> Grade:
    checks = [
        CheckResult(cell, cell, "It works.", "passed" if place else "failed", points if place else 0.0, points)
        for place, (cell, points) in enumerate(exercise.points.items())
    ]
    return Grade("…", exercise.assignment, exercise.name, status, reason, exercise.max_score, 0.25, checks)


def test_scores_add_up(two, folder):
    found = results(two, [grade(exercise) for exercise in two], find_submission(folder, two), "visible")
    check_schema(found)
    lost = sum(next(iter(exercise.points.values())) for exercise in two)
    assert found["score"] == 22 - lost and found["execution_time"] == 0.5
    assert sum(test["max_score"] for test in found["tests"]) == 22


def test_one_part_that_needs_review_takes_the_score_from_all(two, folder):
    grades = [grade(two[0]), grade(two[1], "needs_review", "secret trouble")]
    found = results(two, grades, find_submission(folder, two), "hidden")
    check_schema(found)
    assert "score" not in found and found["output"].startswith(NOT_GRADED)
    assert found["visibility"] == "visible"  # the student must learn of it
    assert {test["status"] for test in found["tests"] if test["name"].startswith("build")} == {"passed", "failed"}
    assert "secret trouble" not in json.dumps(found)


def test_what_is_odd_is_told_with_the_score(two, folder):
    odd = replace(grade(two[0]), oddities=[Oddity("check changed", "test_build_sgd\x1b[2J")])
    found = results(two[:1], [odd], find_submission(folder, two[:1]), "visible")
    check_schema(found)
    assert (
        "score" in found
        and "test_build_sgd" in found["output"]
        and "was changed" in found["output"]
        and "\x1b" not in found["output"]
    )


def test_notebooks_are_found_by_name_or_by_their_cells(two, folder):
    (folder / f"{FIRST}.ipynb").rename(folder / "my homework.ipynb")
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / f"._{FIRST}.ipynb").write_bytes(b"\0")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / f"{FIRST}-checkpoint.ipynb").write_text("{}")
    found = find_submission(folder, two)
    assert found.notebooks == {FIRST: folder / "my homework.ipynb"}
    assert (found.problems, found.others) == ([], [])


def test_two_notebooks_for_one_exercise_are_not_guessed_about(two, folder):
    shutil.copy(folder / f"{FIRST}.ipynb", folder / f"{FIRST} (1).ipynb")
    (problem,) = find_submission(folder, two).problems
    assert "There are 2 notebooks for 1-build-optimizers" in problem


def test_an_empty_upload_has_no_score(two, tmp_path):
    submission = find_submission(tmp_path, two)
    found = results(two, [None, None], submission, "visible")
    check_schema(found)
    assert "score" not in found and "There is no notebook." in found["output"]


def test_a_damaged_notebook_has_no_score_and_the_student_is_told(two, folder):
    (folder / f"{SECOND}.ipynb").write_text("{")
    submission = find_submission(folder, two)
    found = results(two, [grade(two[0]), grade(two[1], "needs_review", "…")], submission, "visible")
    assert "score" not in found and f"{SECOND}.ipynb is not JSON" in found["output"]


def test_a_strange_notebook_matters_only_where_one_is_missing(two, folder):
    nbformat.write(nbformat.v4.new_notebook(), folder / "notes.ipynb")
    assert find_submission(folder, two[:1]).others == ["notes.ipynb"]
    assert find_submission(folder, two[:1]).problems == []
    (problem,) = find_submission(folder, two).problems
    assert "notes.ipynb belongs to no exercise" in problem


@pytest.mark.parametrize("others", [[], ["notes.ipynb"]])
def test_without_an_exercise_there_is_no_score(folder, others):
    submission = find_submission(folder, [])
    found = results([], [], replace(submission, others=others, problems=[]), "hidden")
    check_schema(found)
    assert "score" not in found and found["output"].startswith(NOT_GRADED) and found["visibility"] == "visible"


@pytest.mark.parametrize("loss", ["no folder", "no notebooks", "no lesson"])
def test_a_course_that_knows_no_exercise_writes_no_score(root, loss):
    source = root / "source" / "source"
    for path in source.glob("*/*.ipynb"):
        path.write_text("{") if loss == "no lesson" else path.unlink()
    if loss == "no folder":
        shutil.rmtree(source)
    result = CliRunner().invoke(gradescope_harness.main, [str(root)])
    found = json.loads((root / "results" / "results.json").read_text())
    check_schema(found)
    assert "score" not in found and found["output"] == NOT_GRADED
    assert "Traceback" not in result.output and "autograder gradescope" in result.output
