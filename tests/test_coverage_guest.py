"""What measures the inner side of the sandbox: a killed process loses nothing, and the arcs are coverage's."""

import inspect
import subprocess
import sys

from coverage import Coverage

from tests import coverage_guest

SAMPLE = """\
def halve(number):
    while number > 1:
        if number % 2:
            yield "odd"
        else:
            yield "even"
        number //= 2
    try:
        raise ValueError
    except ValueError:
        return
"""
USE = "import sample; assert list(sample.halve(6)) == ['even', 'odd']\n"
KILLED = "import os, signal\nif os.fork() == 0:\n    {use}    os.kill(os.getpid(), signal.SIGKILL)\nos.wait()\n"


def run(code, folder):
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)


def test_a_killed_fork_leaves_the_arcs_that_coverage_finds(tmp_path):
    sample, place = tmp_path / "sample.py", tmp_path / "record"
    sample.write_text(SAMPLE)
    names = ["other.py", str(sample)]
    coverage_guest.prepare(place, len(names))
    call = f"watch({str(place)!r}, {names!r}, {coverage_guest.LINES})\n"
    run(inspect.getsource(coverage_guest.watch) + call + KILLED.format(use=USE), tmp_path)
    found = coverage_guest.arcs(place, names)
    assert found["other.py"] == []

    (tmp_path / "use.py").write_text(USE)
    command = ["coverage", "run", "--branch", f"--rcfile={tmp_path / 'none'}", "--data-file=data", "use.py"]
    (tmp_path / "none").touch()
    subprocess.run([sys.executable, "-m", *command], cwd=tmp_path, check=True)
    wanted = Coverage(data_file=str(tmp_path / "data"), config_file=False)
    wanted.load()
    assert sorted(found[str(sample)]) == sorted(wanted.get_data().arcs(str(sample)))
    assert len(found[str(sample)]) > 10


def test_no_file_is_too_long_to_be_measured():
    package = coverage_guest.ROOT / "autograder"
    assert len(coverage_guest.measured()) >= 9
    for name in coverage_guest.measured():
        assert len((package / name).read_text().splitlines()) < coverage_guest.LINES, name
