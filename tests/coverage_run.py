"""``make coverage``: which branches of sandbox/ and grading/ the tests take, on both sides of the sandbox.

    python -m tests.coverage_run [PYTEST-ARGUMENTS]

Prints the table with the branches that are missing, and leaves pages in build/coverage/html. Ends with exit code 1 when
a test fails, and when something is not covered that is not in KNOWN. It takes a quarter of an hour; how the inner side
is measured, says tests/coverage_guest.py. Edit nothing meanwhile: the lines would be others.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from coverage import CoverageData

from tests import coverage_guest
from tests.conftest import ROOT

FOLDER = coverage_guest.PLACE.parent
TESTS = ["tests/sandbox", "tests/grading", "tests/checking", "tests/hosts", "tests/test_cli.py"]
TESTS += ["tests/pages/test_class_report.py"]
SIDE_BY_SIDE = ["--numprocesses", "auto", "--dist", "loadfile", "--no-loadscope-reorder"]

KNOWN: dict[str, dict[str, list[str]]] = {
    "only on another machine: of another make, with Python below /tmp, or with this package installed": {
        "sandbox/confinement.py": [
            'if not any(path.startswith("/tmp/") for path in shown): -> for path in in_order:',
            'arguments += ["--symlink", "/box", "/tmp"]',
        ],
        "sandbox/guest/syscalls.py": [
            "return",
            "if (number := numbers[column]) is not None: -> for numbers in _ANYWHERE + ([] if alone else _METADATA):",
        ],
    },
    "only where the kernel refuses what it has just granted, or torch is broken": {
        "sandbox/guest/isolation.py": [
            "error = ctypes.get_errno()",
            'raise OSError(error, f"{what}: {os.strerror(error)}")',
        ],
        "sandbox/guest/syscalls.py": ['raise OSError(ctypes.get_errno(), "seccomp filter refused")'],
        "sandbox/guest/kernel.py": ['raise RuntimeError("the warm-up failed:\\n" + "\\n".join(errors[0].traceback))'],
    },
    "never asked for: the trusted side sends no such message, and no loop ends so": {
        "sandbox/guest/session.py": ["elif isinstance(message, wire.Fork): -> while True:"],
        "sandbox/guest/zygote.py": ["elif message.pid in living: -> while True:"],
        "sandbox/guest/kernel.py": ["return True"],
        "sandbox/loaded.py": ['raise SandboxError("not reached")', "for attempt in range(2): -> exit"],
    },
    "only by chance: a signal between two lines, or more processes than fit": {
        "sandbox/guest/kernel.py": ["self.showtraceback()"],
        "sandbox/guest/session.py": [
            "except OSError:  # an earlier fork has left too many processes behind",
            "isolation.end_others()",
            "_reap()",
            "return os.fork()",
        ],
    },
    "Ctrl-C while pytest makes the checks": {"grading/checks.py": ["raise KeyboardInterrupt"]},
    "without Dask, which the tests have; with a cluster that loses four workers; a grader that can't be imported": {
        "grading/batch.py": [
            "except ImportError as error:",
            'raise CourseError("--dask needs Dask\'s scheduler. Install it: pip install distributed") from error',
            "except KilledWorker as error:",
            'raise LostWorkers(f"The cluster lost its workers again and again: {error}. Their logs say why.") from error',  # noqa: E501
            "except BaseException:",
            "sandbox.close()",
            "raise",
        ],
    },
}
"""What no test reaches: why, in which file, and the text of the line, or of both lines of a branch."""


def main(arguments: list[str]) -> int:
    """Run the tests, and report; the exit code."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    names = coverage_guest.measured()
    coverage_guest.prepare(coverage_guest.PLACE, len(names))
    codes = [_coverage("run", "-m", "pytest", "-p", "tests.coverage_guest", *SIDE_BY_SIDE, *(arguments or TESTS))]
    inside = CoverageData(str(FOLDER / "data.inside"))
    taken = coverage_guest.arcs(coverage_guest.PLACE, names)
    inside.add_arcs({str(ROOT / "autograder" / name): arcs for name, arcs in taken.items()})
    inside.write()
    report = FOLDER / "report.json"
    steps = [["combine", "--quiet"], ["html", "--quiet"], ["json", "--quiet", "-o", str(report)], ["report"]]
    codes += [_coverage(*step) for step in steps]
    news = [] if any(codes[1:]) else list(unknown(report))
    print(*[f"not covered, and not known: {new}" for new in news], sep="\n")
    return 1 if any(codes) or news else 0


def _coverage(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "coverage", *arguments], cwd=ROOT, check=False).returncode


def unknown(report: Path) -> Iterator[str]:
    """What is not covered and not in KNOWN."""
    known = {(name, text) for files in KNOWN.values() for name, texts in files.items() for text in texts}
    for file, found in json.loads(report.read_text())["files"].items():
        name = str(Path(file).relative_to("autograder"))
        lines = ["exit", *(ROOT / file).read_text().splitlines()]
        missing = set(found["missing_lines"])
        texts = {line: lines[line].strip() for line in missing}
        for origin, target in found["missing_branches"]:
            if not {origin, target} & missing:
                texts[origin] = f"{lines[origin].strip()} -> {lines[max(target, 0)].strip()}"
        yield from (f"{name}:{line}: {text}" for line, text in sorted(texts.items()) if (name, text) not in known)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
