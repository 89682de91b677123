"""The walls of the house stand, and each falls over the import that it forbids."""

import ast
import os
import shutil
import subprocess
import sys

import pytest

from autograder.course import PREPARED
from tests.conftest import ROOT


def lint_imports(folder):
    """What import-linter says of the package in a folder: whether the contracts are kept, and the report."""
    program = os.path.join(os.path.dirname(sys.executable), "lint-imports")
    done = subprocess.run(
        [program, "--no-cache", "--config", ROOT / "pyproject.toml"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0, done.stdout + done.stderr


def test_the_contracts_are_kept():
    kept, report = lint_imports(ROOT)
    assert kept, report


WRONG = {
    "a page that knows a host": ("pages/feedback.py", "autograder.hosts.lms"),
    "a check that knows the sandbox": ("lessons/optimizers/build_optimizers/truth.py", "autograder.sandbox.loaded"),
    "a lesson that uses another": (
        "lessons/optimizers/build_optimizers/truth.py",
        "autograder.lessons.optimizers.decay_groups.models",
    ),
    "trusted code that imports what runs inside": ("grading/grader.py", "autograder.sandbox.guest.kernel"),
    "the sandbox's own room that does": ("sandbox/process.py", "autograder.sandbox.guest.kernel"),
    "what runs inside that imports a result": ("sandbox/guest/session.py", "autograder.results"),
    "what is sent that imports a check's helper": (
        "lessons/optimizers/decay_groups/models.py",
        "autograder.checking.expect",
    ),
    "a host that uses an author's tool": ("hosts/lms.py", "autograder.authoring.specimens"),
    "a course that knows how to grade": ("course.py", "autograder.grading.store"),
    "a circle": ("grading/reading.py", "autograder.grading.submission"),
    "a room that is in no plan": ("attic/__init__.py", "autograder.results"),
}


@pytest.mark.parametrize(("file", "imported"), WRONG.values(), ids=WRONG)
def test_an_import_in_the_wrong_direction_is_named(tmp_path, file, imported):
    shutil.copytree(ROOT / "autograder", tmp_path / "autograder", ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "autograder" / file
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + f"\nimport {imported}\n")
    kept, report = lint_imports(tmp_path)
    assert not kept
    named = "autograder." + file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    assert named.rpartition(".")[2] in report.replace("\n", ""), report


LESSON_MODULES = [
    path for path in sorted((ROOT / "autograder" / "lessons").glob("*/*/**/*.py")) if path.stem not in PREPARED
]


@pytest.mark.parametrize("path", LESSON_MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_lesson_imports_checking_and_its_own_modules_and_only_models_import_what_is_sent(path):
    """What import-linter can't say, because it knows modules and not their role in a lesson."""
    home = ".".join(path.relative_to(ROOT).parts[:4])
    allowed = (
        ("autograder.sandbox.sent",)
        if path.name == "models.py"
        else ("autograder.checking", "autograder.messages", home)
    )
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, (ast.Import, ast.ImportFrom))]
    imported = [getattr(node, "module", None) or node.names[0].name for node in nodes]
    assert [name for name in imported if name.startswith("autograder") and not name.startswith(allowed)] == []


def test_nothing_of_ours_imports_what_students_import():
    for path in (ROOT / "autograder").rglob("*.py"):
        if "lab" not in path.parts and path.stem not in PREPARED:
            names = {
                node.name
                for n in ast.walk(ast.parse(path.read_text()))
                if isinstance(n, ast.Import)
                for node in n.names
            }
            assert not {name for name in names if name == "lab" or name.startswith("lab_")}, path


def test_tests_mirror_the_package():
    rooms = {path.name for path in (ROOT / "autograder").iterdir() if path.is_dir()} - {"__pycache__", "lessons"}
    assert rooms <= {path.name for path in (ROOT / "tests").iterdir()}
