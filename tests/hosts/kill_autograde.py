"""``make kill-test``: kill ``nbgrader autograde`` at random moments, and see that no Grade is lost or made up.

    python -m tests.hosts.kill_autograde KILLS SEED

A small class hands in notebooks, and then others, over and over. Each run of nbgrader is killed with SIGKILL
at a moment that the seed decides. After each kill, every score in the gradebook must be one of a finished Grade, the
autograded notebook of which is there, or wait for review; and a run that is let through must end with the right scores.
"""

from __future__ import annotations

import copy
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook, MissingEntry

from autograder.authoring import specimens
from autograder.course import Course
from autograder.grading.in_notebook import grade_in
from tests.class_folder import release
from tests.conftest import ROOT

NAMES = ("1-build-optimizers",)
STUDENTS = ("ada", "ben", "eve")
LONGEST = 300.0


class Class:
    """Students who hand in one of two versions, all right or all wrong, in a course folder that is released."""

    def __init__(self, root: Path, names: Sequence[str] = NAMES) -> None:
        self.root = root
        self.exercises = {name: Course(ROOT).assignment().exercises[name] for name in names}
        self.version = {student: index % 2 for index, student in enumerate(STUDENTS)}
        self.hand_ins = 0
        for student in STUDENTS:
            self.hand_in(student)

    def at(self, root: Path) -> Class:
        """The same class in a copy of its folder."""
        other = copy.copy(self)
        other.root, other.version = root, dict(self.version)
        return other

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start an nbgrader command."""
        return subprocess.Popen(
            [sys.executable, "-m", "nbgrader", *arguments],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def nbgrader(self, *arguments: str) -> str:
        """Run an nbgrader command to its end."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=LONGEST)
        if process.returncode:
            raise RuntimeError(output)
        return output

    def hand_in(self, student: str) -> None:
        """Hand in the other version, later than the last."""
        self.version[student] = 1 - self.version[student]
        self.hand_ins += 1
        folder = self.root / "submitted" / student / "optimizers"
        folder.mkdir(parents=True, exist_ok=True)
        for exercise in self.exercises.values():
            make = specimens.unchanged if self.version[student] else specimens.stub
            nbformat.write(specimens.without_examples(make(exercise)), folder / f"{exercise.name}.ipynb")
        day, minute = divmod(self.hand_ins, 1440)
        (folder / "timestamp.txt").write_text(f"2030-01-{day + 1:02} {minute // 60:02}:{minute % 60:02}:00 UTC")

    def scores(self, student: str) -> dict[str, set[float | None]]:
        """The different final scores of a student's cells in each exercise; None for one that waits for review."""
        with Gradebook(f"sqlite:///{self.root / 'gradebook.db'}") as gradebook:
            rows = {
                name: gradebook.find_submission_notebook(name, "optimizers", student).grades for name in self.exercises
            }
            return {
                name: {None if grade.needs_manual_grade else grade.auto_score for grade in grades}
                for name, grades in rows.items()
            }

    def kept_score(self, student: str, name: str) -> float | None:
        """The score of the Grade in an autograded notebook; None where there is none, or only a part of it."""
        path = self.root / "autograded" / student / "optimizers" / f"{name}.ipynb"
        try:
            grade = grade_in(json.loads(path.read_bytes()))
        except (OSError, ValueError):
            return None
        return None if grade is None else grade.score

    def problems(self, ended: bool) -> list[str]:
        """What is wrong with the gradebook, after a kill or after a run that ended."""
        found = []
        with Gradebook(f"sqlite:///{self.root / 'gradebook.db'}") as gradebook:
            for student in STUDENTS:
                for name, exercise in self.exercises.items():
                    try:
                        rows = gradebook.find_submission_notebook(name, "optimizers", student).grades
                    except MissingEntry:
                        rows = []
                    scores = {row.name: None if row.needs_manual_grade else row.auto_score for row in rows}
                    right = {cell: self.version[student] * points for cell, points in exercise.points.items()}
                    if scores == right or (not ended and set(scores.values()) <= {None}):
                        continue
                    total = sum(score or 0.0 for score in scores.values())
                    whole = None not in scores.values() and scores.keys() == exercise.points.keys()
                    if not ended and whole and self.kept_score(student, name) == total:
                        continue  # the Grade of the version before, which is not touched yet
                    found.append(f"{student}/{name}: {scores}, and not {right}")
        return found


def kill_once(course: Class, moment: random.Random, usual: float) -> str | None:
    """Start autograde and kill it; where it was killed, or None when it ended before.

    One of four kills falls anywhere in the run, the others into the part that begins with its first message.
    """
    anywhere = moment.random() < 0.25
    delay = moment.random() * usual * (1.0 if anywhere else 0.6)
    process = course.start("autograde", "optimizers")
    assert process.stdout is not None
    lines: list[str] = []
    speaks = threading.Event()

    def read() -> None:
        for line in process.stdout:
            lines.append(line)
            speaks.set()
        speaks.set()

    reader = threading.Thread(target=read)
    reader.start()
    if not anywhere:
        speaks.wait(LONGEST)
    try:
        process.wait(delay)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    code = process.wait()
    reader.join()
    if code == -signal.SIGKILL:
        return lines[-1].strip() if lines else "before its first message"
    if code:
        raise RuntimeError("".join(lines))
    return None


def main(kills: int, seed: int) -> int:
    """Kill so often; the number of problems."""
    moment = random.Random(seed)
    found: list[str] = []
    with tempfile.TemporaryDirectory(prefix="kill-") as folder:
        course = Class(release(Path(folder, "course"), NAMES))
        started = time.monotonic()
        course.nbgrader("autograde", "optimizers")
        usual = time.monotonic() - started
        found += course.problems(ended=True)
        print(f"a whole run takes {usual:.1f} s", flush=True)
        done = ended = 0
        while done < kills:
            for student in moment.sample(STUDENTS, moment.randint(0, len(STUDENTS))):
                course.hand_in(student)
            where = kill_once(course, moment, usual)
            problems = course.problems(ended=where is None)
            done, ended = done + (where is not None), ended + (where is None)
            if where is not None:
                print(f"kill {done}: {where[-100:]}", flush=True)
            if where is not None and (moment.random() < 0.3 or done == kills):
                course.nbgrader("autograde", "optimizers")
                problems += course.problems(ended=True)
                ended += 1
            for problem in problems:
                print(f"  WRONG {problem}", flush=True)
            found += problems
    print(f"{done} kills, {ended} runs that ended, {len(found)} scores wrong or lost (seed {seed})")
    return len(found)


if __name__ == "__main__":
    sys.exit(min(main(int(sys.argv[1]), int(sys.argv[2])), 1))
