"""The zip file that Gradescope builds an autograder from: the course, this package, and the two scripts that it starts.

Gradescope unpacks it into ``/autograder/source``, runs ``setup.sh`` once, and ``run_autograder`` for each submission.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from autograder.course import LESSONS, Course, CourseError

VISIBILITIES = ("visible", "hidden", "after_due_date", "after_published")
"""When students see the checks, in Gradescope's words."""

NOT_GRADED = "Not graded yet. Your instructor will look at it; no points are lost."

_PACKAGE = Path(__file__).parent.parent

# The virtual environment must not lie under /autograder: in the sandbox, that is the place of its own code.
SETUP = """\
#!/usr/bin/env bash
# Gradescope runs this once, when it builds the autograder.
set -euo pipefail
apt-get update
apt-get install -y --no-install-recommends bubblewrap python3 python3-venv
python=python3
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    apt-get install -y --no-install-recommends python3.11 python3.11-venv
    python=python3.11
fi
"$python" -m venv /opt/autograder
# Editable, so that the hidden checks do not lie among the packages that student code may read.
/opt/autograder/bin/pip install --no-cache-dir --editable /autograder/source
/opt/autograder/bin/autograder doctor || echo "No sandbox works here. On Gradescope, see docs/instructor.md"
"""

RUN = """\
#!/usr/bin/env bash
# Gradescope runs this for each submission. Whatever happens below, there is a result, and it is no score by accident.
root="${{1:-/autograder}}"
python="${{2:-/opt/autograder/bin/python}}"
mkdir -p "$root/results"
cp "$root/source/not_graded.json" "$root/results/results.json"
cd "$root/source" && exec "$python" -P -m autograder.hosts.gradescope_harness "$root" {options}
"""


def build_zip(course: Course, assignment: str, target: Path, visibility: str, unsafe: bool = False) -> list[str]:
    """Write the zip file for an assignment; the names of what is in it.

    Raises CourseError when the assignment or a file of the project is missing.
    """
    exercises = list(course.assignment(assignment).exercises.values())
    options = f"--visibility {visibility}" + (" --unsafe" if unsafe else "")
    files: dict[str, bytes] = {
        "setup.sh": SETUP.encode(),
        "run_autograder": RUN.format(options=options).encode(),
        "not_graded.json": json.dumps({"output": NOT_GRADED, "tests": [{"name": "Not graded yet"}]}).encode(),
        "nbgrader_config.py": (course.root / "nbgrader_config.py").read_bytes(),
    }
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        path = _PACKAGE.parent / name
        if not path.is_file():
            raise CourseError(f"{path} is missing, which the zip file needs. Run this from a clone of the course.")
        files[name] = path.read_bytes()
    files |= _files(course.source / assignment, f"source/{assignment}")
    files |= {
        name: content for name, content in _files(_PACKAGE, "autograder").items() if "/lessons/" not in f"/{name}"
    }
    files["autograder/lessons/__init__.py"] = (LESSONS / "__init__.py").read_bytes()
    for exercise in exercises:
        exercise.checks  # noqa: B018  raises where they are missing
        folder = exercise.lesson.folder
        home = f"autograder/lessons/{folder.parent.name}"
        files |= {f"{home}/{folder.name}/{name}": content for name, content in exercise.lesson.deciding().items()}
        files[f"{home}/__init__.py"] = b""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            info = zipfile.ZipInfo(name)  # without the time, so that the same course makes the same file
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o100755 if name in ("setup.sh", "run_autograder") else 0o100644) << 16
            archive.writestr(info, content)
    return sorted(files)


def _files(folder: Path, name: str) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file() and not _is_made(path.relative_to(folder))]
    return {f"{name}/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in paths}


def _is_made(path: Path) -> bool:
    return any(part == "__pycache__" or part.startswith(".") or part.endswith(".egg-info") for part in path.parts)
