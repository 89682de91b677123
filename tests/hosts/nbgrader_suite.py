"""``make nbgrader-tests``: nbgrader's own tests, as they ship in its wheel, with this course's configuration in force.

A course that leaves its assignments to nbgrader must find it as it was. The classes that ``nbgrader_config.py`` names
stand in for nbgrader's own ones, in every application that a test starts, in the tests of the preprocessors, and where
a test makes a ``NbGraderAPI`` with a configuration of its own. Only the names of the course and of its folders are left
out: the tests ask for nbgrader's.
"""

from __future__ import annotations

import getpass
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

import nbgrader.preprocessors
import nbgrader.tests
import nbgrader.validator
import pytest
from nbgrader.apps.api import NbGraderAPI
from nbgrader.converters import Autograde
from traitlets import List, Unicode
from traitlets.config import Config, PyFileConfigLoader

from autograder.hosts.nbgrader import course, plugin
from tests.conftest import ROOT

SUITES = ["api", "apps", "nbgraderformat", "preprocessors", "test_auth.py", "test_validator.py", "utils"]
"""All of the wheel's tests but ``ui-tests``, which need a browser and a JupyterLab, and no class of ours."""

LEFT_OUT: dict[str, str] = {}
"""Each case that cannot pass here, and why. The run fails when one of them passes after all."""

CONFIGURATION = f"""
c = get_config()
load_subconfig("nbgrader_config.py", path={str(ROOT)!r})
del c["CourseDirectory"]
c.Autograder.left_to_nbgrader = ["*"]
"""

EXPECTED = {
    "exporter_class": plugin.SubmissionExporter,
    "sanitize_preprocessors": [plugin.ForgetScores],
    "autograde_preprocessors": [plugin.ExecuteInSandbox, plugin.SaveGrades],
}
"""What each run of autograde must have of ours."""


class OurConfiguration:
    """A pytest plugin: marks what is left out, and counts how often our classes were at work."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.unknown: set[str] = set()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        names = {item.nodeid.partition("nbgrader/tests/")[2]: item for item in items}
        self.unknown = {name for name in LEFT_OUT if name.partition("::")[0] in {n.partition("::")[0] for n in names}}
        self.unknown -= names.keys()
        for name, item in names.items():
            if name in LEFT_OUT:
                item.add_marker(pytest.mark.xfail(reason=LEFT_OUT[name], strict=True))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("our classes at work")
        for name, count in sorted(self.calls.items()):
            terminalreporter.line(f"{count:6} {name}")

    def problems(self) -> list[str]:
        """What makes the run worthless."""
        found = [f"LEFT_OUT names a case that is not there: {name}" for name in sorted(self.unknown)]
        if not self.calls["runs of autograde with our classes"]:
            found.append("No test ran autograde with our classes.")
        if self.calls["runs of autograde without them"]:
            found.append("Some tests ran autograde without our classes.")
        return found

    def put_in_force(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        """Make nbgrader read our configuration, and its tests take our classes for nbgrader's."""
        (folder / "nbgrader_config.py").write_text(CONFIGURATION)
        monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(folder))
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        for module in (nbgrader.preprocessors, nbgrader.validator):
            monkeypatch.setattr(module, "Execute", plugin.ExecuteInSandbox)
        monkeypatch.setattr(nbgrader.preprocessors, "SaveAutoGrades", plugin.SaveGrades)
        monkeypatch.setattr(course, "Autograder", _AllLeftToNbgrader)  # for classes that a test makes by itself
        make = NbGraderAPI.__init__

        def made_with_our_configuration(
            api: NbGraderAPI, *args: object, config: Config | None = None, **kwargs: object
        ) -> None:
            """A script must load the course's configuration; nbgrader's tests of this class make one of their own."""
            merged = PyFileConfigLoader("nbgrader_config.py", path=str(folder)).load_config()
            merged.merge(config or {})
            make(api, *args, config=merged, **kwargs)

        monkeypatch.setattr(NbGraderAPI, "__init__", made_with_our_configuration)
        start = Autograde.start

        def counted_start(converter: Autograde) -> None:
            ours = converter.exporter_class is EXPECTED["exporter_class"] and all(
                set(map(_name, EXPECTED[trait])) <= set(map(_name, getattr(converter, trait)))
                for trait in ("sanitize_preprocessors", "autograde_preprocessors")
            )
            self.calls["runs of autograde " + ("with our classes" if ours else "without them")] += 1
            start(converter)

        monkeypatch.setattr(Autograde, "start", counted_start)
        for kind in (
            plugin.SubmissionExporter,
            plugin.ForgetScores,
            plugin.ExecuteInSandbox,
            plugin.SaveGrades,
        ):
            self._count(monkeypatch, kind, "from_filename" if "Exporter" in kind.__name__ else "preprocess")

    def _count(self, monkeypatch: pytest.MonkeyPatch, kind: type, method: str) -> None:
        original = getattr(kind, method)

        def counted(*args: object, **kwargs: object) -> object:
            self.calls[f"{kind.__name__}.{method}"] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(kind, method, counted)


class _AllLeftToNbgrader(course.Autograder):
    left_to_nbgrader = List(Unicode(), ["*"])


def _name(kind: type | str) -> str:
    return kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"


def main(arguments: list[str]) -> int:
    """Run the tests, or those named; 0 when all is as LEFT_OUT says."""
    folder = Path(nbgrader.tests.__file__).parent
    tests = [str(folder / name) for name in (arguments or SUITES)]
    ours = OurConfiguration()
    with pytest.MonkeyPatch.context() as monkeypatch, tempfile.TemporaryDirectory() as configuration:
        monkeypatch.chdir(configuration)
        os.symlink(folder.parent, "nbgrader")  # some tests read nbgrader's files from the current folder
        monkeypatch.setenv("PATH", os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"])
        monkeypatch.setenv("USER", getpass.getuser())  # some containers have none, and two tests want it
        ours.put_in_force(monkeypatch, Path(configuration))
        options = [
            "-c",
            os.devnull,
            "--rootdir",
            str(folder.parent.parent),
            "-p",
            "no:cacheprovider",
            "-v",
            "--tb=short",
            "-rfEX",
        ]
        code = pytest.main([*options, "--durations=5", *tests], plugins=[ours])
    for problem in ours.problems():
        print(problem)
        code = code or 1
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
