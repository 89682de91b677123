"""Grade every right answer again and again, with other seeds and thread counts: none may lose a point.

Run it with ``make variant-runs``. Each run moves every seed in the checks by another amount, and lets grader and
notebook compute with 1, 2 or 4 threads; so models, data and rounding are new each time.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import torch

from autograder.authoring import specimens
from autograder.course import Course
from autograder.grading.grader import Grader
from autograder.grading.submission import Submission
from autograder.pages.terminal import progress
from tests.conftest import ROOT

THREADS = (1, 2, 4)


def move_seeds(by: int) -> None:
    """Let every later seed of this process be another one."""
    seed_all, generator = torch.manual_seed, torch.Generator

    class Moved(generator):
        def manual_seed(self, seed: int) -> torch.Generator:
            return super().manual_seed(seed + by)

    torch.manual_seed = lambda seed: seed_all(seed + by)
    torch.Generator = Moved


def run(number: int) -> tuple[int, int, list[str]]:
    """One run, in a process of its own: its number, the variants graded, and those that lost points."""
    move_seeds(1000 * number)
    threads = THREADS[number % len(THREADS)]
    graded, rejected = 0, []
    with Grader() as grader:
        torch.set_num_threads(threads)
        for exercise in Course(ROOT).assignment().exercises.values():
            for variant in specimens.read("variants", exercise):
                notebook = specimens.without_examples(variant.notebook(exercise))
                first = next(cell for cell in notebook.cells if cell.cell_type == "code")
                first.source = f"import torch\ntorch.set_num_threads({threads})\n{first.source}"
                grade = grader.grade(Submission.of(notebook, exercise, variant.title)).grade
                graded += 1
                if grade.score != exercise.max_score:
                    lost = [f"{check.name}: {check.message}" for check in grade.checks if check.status != "passed"]
                    rejected.append(f"run {number}, {threads} threads, {exercise.name}: {variant.title}: {lost}")
    return number, graded, rejected


def main(runs: int) -> None:
    """Run, and print what was rejected."""
    rejected, graded = [], 0
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # more threads than cores: those that wait must not spin
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), max_tasks_per_child=1) as executor:
        for _, count, lost in progress(executor.map(run, range(1, runs + 1)), runs, "Runs"):
            graded += count
            rejected += lost
            print("\n".join(lost), end="\n" if lost else "", flush=True)
    print(f"{runs} runs, {graded} right answers graded, {len(rejected)} rejected")
    sys.exit(1 if rejected else 0)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
