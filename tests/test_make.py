"""What make says on a bare machine, before anything long starts."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.fixture
def bare(tmp_path):
    """A clone that is not set up, and a folder of programs without bubblewrap, Chromium or a useful Python."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "pyproject.toml").touch()
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sh", "printf", "uname", "sort", "head", "touch"):
        (programs / name).symlink_to(shutil.which(name))
    return tmp_path


def program(bare, name, text):
    path = bare / "programs" / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def make(bare, *arguments):
    done = subprocess.run(
        [shutil.which("make"), *arguments],
        cwd=bare,
        env={"PATH": str(bare / "programs")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not (bare / ".venv").exists()
    assert done.returncode != 0
    return [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]


@pytest.mark.parametrize("verb", ["demo", "check", ".venv/ready"])
def test_without_venv_it_says_what_to_install(bare, verb):
    program(bare, "bwrap", "exit 0")
    program(bare, "python3", f'case "$2" in *ensurepip*) exit 1;; *) exec {sys.executable} "$@";; esac')
    assert make(bare, verb) == ["python3 cannot make virtual environments: sudo apt-get install python3-venv"]


def test_an_old_python_is_named(bare):
    program(bare, "python3", "exit 1")
    (line,) = make(bare, ".venv/ready")
    assert line.startswith("Python 3.11 or newer is needed, and python3 is none.")


@pytest.mark.parametrize(("kernel", "line"), [("6.1.0", "sudo apt-get install bubblewrap"), ("6.12.3", "python3-venv")])
def test_the_demo_needs_one_sandbox(bare, kernel, line):
    """Where Linux is new enough for sandlock, which is installed with the package, the next thing is told."""
    os.remove(bare / "programs" / "uname")
    program(bare, "uname", f"echo {kernel}")
    program(bare, "python3", f'case "$2" in *ensurepip*) exit 1;; *) exec {sys.executable} "$@";; esac')
    (told,) = make(bare, "demo")
    assert line in told


@pytest.mark.parametrize("missing", ["bubblewrap", "chromium"])
def test_the_tests_need_both(bare, missing):
    program(bare, "bwrap" if missing == "chromium" else "chromium", "exit 0")
    (told,) = make(bare, "test")
    assert told.endswith(f"sudo apt-get install {missing}")
