"""Time one submission: ours warm, the same cells in a bare warm Python, and nbgrader with and without this grader.

Run it with ``make bench`` on an idle machine. It prints medians and their ratios; all figures come from one run.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
from rich.console import Console
from rich.table import Table

from autograder import specimens, wire
from autograder.build import run_nbgrader
from autograder.course import Course, Exercise
from autograder.grading import Grader

ROOT = Path(__file__).parent.parent
REPEATS = 9
STOCK = "import os, sys\nos.environ['PATH'] = os.path.dirname(sys.executable) + os.pathsep + os.environ['PATH']\n"


def seconds(action: Callable[[], object]) -> float:
    """The wall time of one call."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def time_warm(exercise: Exercise) -> dict[str, list[float]]:
    """Ours and bare, in turn, so that the machine's moods hit both."""
    import torch

    from autograder.guest.kernel import make_kernel

    torch.set_num_threads(1)
    notebook = specimens.answer(exercise, {})
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    sys.path.insert(0, str(exercise.source.parent))
    sys.dont_write_bytecode = True
    kernel = make_kernel()

    def bare() -> None:
        for name in [name for name in sys.modules if name.startswith("lab")]:
            del sys.modules[name]  # a notebook imports them for the first time
        kernel.reset()
        for source in code:
            kernel.run(wire.Cell(source, "cell"), 60)

    times: dict[str, list[float]] = {"bare": [], "ours": []}
    with Grader() as grader:
        score = grader.grade_notebook(notebook, exercise, "bench").grade.score
        assert score == exercise.max_score, score
        bare()
        for _ in range(REPEATS):
            times["bare"].append(seconds(bare))
            times["ours"].append(seconds(lambda: grader.grade_notebook(notebook, exercise, "bench")))
    return times


def time_nbgrader(exercise: Exercise, config: str | None, students: int = 4) -> float:
    """Seconds for one more submission in a run of ``nbgrader autograde``: start-up and warm-up not counted."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        shutil.copytree(ROOT / "source", root / "source", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "nbgrader_config.py", root)
        run_nbgrader(root, "generate_assignment", exercise.assignment)
        if config is not None:
            (root / "nbgrader_config.py").write_text(config)
        for number in range(students + 1):
            target = root / "submitted" / f"s{number}" / exercise.assignment
            target.mkdir(parents=True)
            nbformat.write(specimens.answer(exercise, {}), target / f"{exercise.name}.ipynb")
        command = ("autograde", exercise.assignment, "--force")
        one = seconds(lambda: run_nbgrader(root, *command, "--student=s0"))
        every = seconds(lambda: run_nbgrader(root, *command))
        return (every - one) / students


def main() -> None:
    """Measure, and print the table."""
    exercise = next(iter(Course(ROOT).exercises.values()))
    times = time_warm(exercise)
    rows = {name: statistics.median(values) for name, values in times.items()}
    spread = {name: f"{min(values):.2f} to {max(values):.2f}" for name, values in times.items()}
    rows["ours, in nbgrader autograde"] = time_nbgrader(exercise, None)
    rows["stock nbgrader autograde"] = time_nbgrader(exercise, STOCK)
    table = Table(title=f"Seconds for one submission of {exercise.name}", title_justify="left", box=None)
    for heading in ("", "seconds", "spread", "against bare", "stock against this"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, value in rows.items():
        against_bare = f"{value / rows['bare']:.2f} x"
        speed = f"{rows['stock nbgrader autograde'] / value:.1f} x"
        table.add_row(name, f"{value:.2f}", spread.get(name, ""), against_bare, speed)
    Console().print(table)


if __name__ == "__main__":
    main()
