"""Measure the grader beside what it competes with, on the same submissions and in one run.

``make bench`` prints the tables, and writes them with a plot into ``build/bench/``. Name sections to run only these:
``python -m tests.bench unit cores``. Run it on an idle machine; read the ratios, not the seconds.

unit    each lesson's reference: a bare warm Python, ours warm, and stock ``nbgrader autograde``
cores   a class on one core and on all
otter   lesson 1 under otter-grader without containers, where ``OTTER`` names its program
dask    simulated work on 1, 2, 4 and 8 workers of a local cluster
class   a class of 10, 100 and 1,000: time and memory for each submission, and a start after a kill
checks  lesson 1 with more and more checks
"""

from __future__ import annotations

import contextlib
import copy
import functools
import gc
import itertools
import logging
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import nbformat
import torch
from rich.console import Console
from rich.table import Table

from autograder.authoring import specimens
from autograder.authoring.build import run_nbgrader
from autograder.course import Course, Exercise, Lesson
from autograder.grading.batch import grade_one, run_all
from autograder.grading.grader import Grader
from autograder.grading.submission import Submission
from autograder.hosts.nbgrader.whole_class import Class
from autograder.sandbox import wire
from autograder.sandbox.guest.kernel import make_kernel

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "build" / "bench"
REPEATS = 7
PAUSE = 0.5
"""Seconds between two measurements: the sandbox makes the next Guest meanwhile, on the same core."""
STOCK = "import os, sys\nos.environ['PATH'] = os.path.dirname(sys.executable) + os.pathsep + os.environ['PATH']\n"
Rows = list[tuple[str, ...]]


def seconds(action: Callable[[], object]) -> float:
    """The wall time of one call."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def spread(values: list[float]) -> str:
    """The median, and the least and the most."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


@contextlib.contextmanager
def cores(wanted: int) -> Iterator[None]:
    """Let this process and what it starts use so many cores."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:wanted])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def lay_course(root: Path) -> None:
    """A course folder of its own."""
    root.mkdir(parents=True)
    shutil.copy(ROOT / "nbgrader_config.py", root)
    shutil.copytree(ROOT / "source", root / "source", ignore=shutil.ignore_patterns("__pycache__"))


def hand_in(root: Path, exercise: Exercise, number: int, short: bool = False) -> Path:
    """Put a student's right answer into ``submitted/``; no two notebooks are equal."""
    notebook = specimens.unchanged(exercise)
    if short:
        notebook = specimens.without_examples(notebook)
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell(f"Student {number}"))
    path = root / "submitted" / f"s{number:04}" / exercise.assignment / f"{exercise.name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


# --- unit ---------------------------------------------------------------------------------------------------------


def bare_runner(exercise: Exercise, folder: Path) -> Callable[[], None]:
    """Runs the cells in this warm Python, without sandbox and checks: the limit. ``lab`` is compiled already."""
    if str(folder) not in sys.path:
        shutil.copytree(exercise.source.parent, folder, dirs_exist_ok=True)
        sys.path.insert(0, str(folder))
    kernel = make_kernel()
    code = [cell.source for cell in specimens.unchanged(exercise).cells if cell.cell_type == "code"]

    os.environ["OPTIMIZERS_PROGRESS"] = ""  # lab.check keeps no record, as in the sandbox
    gc.collect()
    gc.freeze()  # as in the sandbox; else each reset looks through all of torch, twice the time of the cells

    def run() -> None:
        for name in [name for name in sys.modules if name.partition("_")[0] == "lab"]:
            del sys.modules[name]  # a notebook imports them for the first time
        kernel.reset()
        for source in code:
            outputs = kernel.run(wire.Cell(source, "cell"), 120)
            assert not any(isinstance(output, wire.Error) for output in outputs), outputs

    return run


def time_stock(exercises: list[Exercise], config: str | None, students: int = 2) -> float:
    """Seconds that one more student costs ``nbgrader autograde``; its start is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "course")
        lay_course(root)
        run_nbgrader(root, "generate_assignment", exercises[0].assignment)
        if config is not None:
            (root / "nbgrader_config.py").write_text(config)
        for number in range(students + 1):
            for exercise in exercises:
                hand_in(root, exercise, number)
        command = ("autograde", exercises[0].assignment, "--force")
        one = seconds(lambda: run_nbgrader(root, *command, "--student=s0000"))
        every = seconds(lambda: run_nbgrader(root, *command))
        return (every - one) / students


def unit() -> Rows:
    """Each lesson, and the whole unit: bare, ours and stock, on one core."""
    exercises = list(Course(ROOT).assignment().exercises.values())
    rows: Rows = [
        (
            "lesson",
            "bare, seconds",
            "ours, seconds",
            "ours / bare",
            "stock nbgrader",
            "stock / ours",
            "quick",
            "stock / quick",
        )
    ]
    total_bare = total_ours = total_quick = total_mixed = 0.0
    with cores(1), tempfile.TemporaryDirectory() as folder, Grader() as grader:
        torch.set_num_threads(1)
        stock = {e.name: time_stock([e], STOCK) for e in exercises}
        for exercise in exercises:
            notebook = specimens.unchanged(exercise)
            bare = bare_runner(exercise, Path(folder))

            def ours(notebook: nbformat.NotebookNode = notebook, exercise: Exercise = exercise) -> None:
                assert grader.grade(Submission.of(notebook, exercise, "bench")).grade.score == exercise.max_score

            def quick(notebook: nbformat.NotebookNode = notebook, exercise: Exercise = exercise) -> None:
                grade = grader.grade(Submission.of(notebook, exercise, "bench"), quick=True).grade
                assert grade.score == exercise.max_score

            wrong = [mistake.notebook(exercise) for mistake in specimens.read("mistakes", exercise)[:: 1 + REPEATS]]
            mistakes = itertools.cycle(wrong)

            def quick_and_wrong(exercise: Exercise = exercise, mistakes: Iterator = mistakes) -> None:
                grader.grade(Submission.of(copy.deepcopy(next(mistakes)), exercise, "bench"), quick=True)

            actions = {"bare": bare, "ours": ours, "quick": quick, "wrong": quick_and_wrong}
            times: dict[str, list[float]] = {name: [] for name in actions}
            for action in actions.values():
                action()
            for _ in range(REPEATS):  # in turn, so that the machine's moods hit all
                for name, action in actions.items():
                    time.sleep(PAUSE)
                    times[name].append(seconds(action))
            bare_time, our_time, quick_time, _ = (statistics.median(values) for values in times.values())
            total_bare, total_ours, total_quick = (
                total_bare + bare_time,
                total_ours + our_time,
                total_quick + quick_time,
            )
            total_mixed += (quick_time + statistics.mean(times["wrong"])) / 2
            rows.append(
                (
                    exercise.name,
                    spread(times["bare"]),
                    spread(times["ours"]),
                    f"{our_time / bare_time:.2f}",
                    f"{stock[exercise.name]:.2f}",
                    f"{stock[exercise.name] / our_time:.1f}",
                    spread(times["quick"]),
                    f"{stock[exercise.name] / quick_time:.1f}",
                )
            )
        whole = sum(stock.values())
        in_nbgrader = time_stock(exercises, None)
    ratio = f"{total_ours / total_bare:.2f}"
    totals = (f"{total_bare:.2f}", f"{total_ours:.2f}", ratio, f"{whole:.2f}", f"{whole / total_ours:.1f}")
    rows.append(("whole unit", *totals, f"{total_quick:.2f}", f"{whole / total_quick:.1f}"))
    mixed = (f"{total_mixed:.2f}", f"{whole / total_mixed:.1f}")
    rows.append(("every second notebook with a wrong function", "", "", "", f"{whole:.2f}", "", *mixed))
    ratio = f"{in_nbgrader / total_bare:.2f}"
    title = "the same in nbgrader autograde"
    shown = (f"{total_bare:.2f}", f"{in_nbgrader:.2f}", ratio, f"{whole:.2f}", f"{whole / in_nbgrader:.1f}")
    rows.append((title, *shown, "", ""))
    return rows


# --- cores --------------------------------------------------------------------------------------------------------


def throughput(files: list[Path], workers: int) -> float:
    """Submissions a second, once all workers are warm."""
    work = functools.partial(grade_one, root=ROOT, unsafe=False)
    stamps = [time.perf_counter() for _ in run_all(work, files, workers)]
    warm = 2 * workers
    return (len(stamps) - warm) / (stamps[-1] - stamps[warm - 1])


def all_cores() -> Rows:
    """A class of the whole unit with one worker on one core, and with a worker for each core."""
    count = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        exercises = Course(ROOT).assignment().exercises.values()
        files = [hand_in(Path(folder), exercise, number) for number in range(8 * count) for exercise in exercises]
        rates: dict[int, list[float]] = {1: [], count: []}
        for _ in range(2):
            for workers, measured in rates.items():
                with cores(workers):
                    # a pool for both, so that both pay the same for sending results
                    measured.append(throughput(files[: len(files) * workers // count], workers))
    one = statistics.median(rates[1])
    rows: Rows = [("workers and cores", "submissions a second", "against one")]
    return rows + [(str(n), spread(rate), f"{statistics.median(rate) / one:.2f}") for n, rate in rates.items()]


# --- otter --------------------------------------------------------------------------------------------------------


def otter() -> Rows:
    """Lesson 1 under otter-grader's mode without containers, with one test for each function."""
    program = os.environ.get("OTTER") or shutil.which("otter")
    rows: Rows = [("lesson 1", "seconds", "against ours")]
    if program is None:
        return [*rows, ("otter run", "not installed here: set OTTER to its program", "")]
    exercise = next(iter(Course(ROOT).assignment().exercises.values()))
    notebook = specimens.unchanged(exercise)
    calls = {name: f"{name}(torch.nn.Linear(2, 2).parameters())" for name in exercise.answers[:3]}
    calls[exercise.answers[3]] = f"{exercise.answers[3]}(torch.optim.SGD, 0.1, 0.5)"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "tests").mkdir()
        for name, call in calls.items():
            case = {"code": f">>> {call} is not None\nTrue", "hidden": False, "locked": False}
            suite = {"name": name, "points": 1, "suites": [{"cases": [case], "scored": True, "type": "doctest"}]}
            (root / "tests" / f"{name}.py").write_text(f"OK_FORMAT = True\n\ntest = {suite!r}\n")
        for path in exercise.source.parent.glob("*.py"):
            shutil.copy(path, root)
        nbformat.write(notebook, root / "lesson.ipynb")
        modules = sorted(path.name for path in root.glob("*.py"))
        quiet = {"cwd": root, "check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
        subprocess.run([program, "generate", "-t", "tests", "-o", "autograder.zip", *modules], **quiet)
        with cores(1), Grader() as grader:
            run = [program, "run", "-a", "autograder.zip", "--no-logo", "lesson.ipynb"]
            theirs = [seconds(lambda: subprocess.run(run, **quiet)) for _ in range(3)]
            ours = [seconds(lambda: grader.grade(Submission.of(notebook, exercise, "b"))) for _ in range(1 + REPEATS)][
                1:
            ]
    ratio = statistics.median(theirs) / statistics.median(ours)
    return [*rows, ("otter run", spread(theirs), f"{ratio:.1f}"), ("ours", spread(ours), "1.0")]


# --- dask ---------------------------------------------------------------------------------------------------------


def simulate(item: int) -> int:
    """Work that takes 0.25 s and no core."""
    time.sleep(0.25)
    return item


def dask() -> Rows:
    """Simulated work on clusters of this machine."""
    from distributed import Client, LocalCluster

    rows: Rows = [("workers", "seconds", "efficiency")]
    for workers in (1, 2, 4, 8):
        with LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=logging.ERROR
        ) as cluster:
            with Client(cluster) as client:
                client.wait_for_workers(workers)
            list(run_all(simulate, range(workers), dask=cluster.scheduler_address))
            started = time.perf_counter()
            list(run_all(simulate, range(40 * workers), dask=cluster.scheduler_address))
            taken = time.perf_counter() - started
        rows.append((str(workers), f"{taken:.2f}", f"{40 * 0.25 / taken:.0%}"))
    return rows


# --- class --------------------------------------------------------------------------------------------------------


def resident(pid: int) -> float:
    """MiB of a process and its descendants that are in memory and its own."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    private = sum(
        int(line.split()[1])
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        if line.startswith("Private_")
    )
    return private / 1024 + sum(resident(int(child)) for child in children)


def class_size() -> Rows:
    """One worker grades 1,000 submissions; then a run that starts when 990 of them are done."""
    rows: Rows = [("submissions", "seconds for each", "memory, MiB")]
    exercise = next(iter(Course(ROOT).assignment().exercises.values()))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "course")
        lay_course(root)
        run_nbgrader(root, "generate_assignment", exercise.assignment)
        for number in range(1000):
            hand_in(root, exercise, number, short=True)
        with Class(Course(root), exercise.assignment) as found:
            started, before = time.perf_counter(), 0
            for number, _ in enumerate(found.grade(found.todo()[:990], workers=1), start=1):
                if number in (10, 100, 990):
                    taken = (time.perf_counter() - started) / (number - before)
                    rows.append((str(number), f"{taken:.3f}", f"{resident(os.getpid()):.0f}"))
                    started, before = time.perf_counter(), number
        code = (
            "import sys, time\n"
            "from pathlib import Path\nfrom autograder.hosts.nbgrader.whole_class import Class\n"
            "from autograder.course import Course\n"
            f"with Class(Course(Path({str(root)!r})), {exercise.assignment!r}) as found:\n"
            "    todo = found.todo()\n    assert len(todo) <= 10, len(todo)\n    found.changes(); found.unwritten()\n"
            "    grades = found.grade(todo, workers=1)\n    next(grades)\n    print(time.time() - float(sys.argv[1]))\n"
        )
        again = []
        for _ in range(3):  # each leaves its Grade there, and so one less to do
            command = [sys.executable, "-c", code, str(time.time())]
            again.append(float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))
    return [*rows, ("start again after a kill, to the first new Grade", spread(again), "")]


# --- checks -------------------------------------------------------------------------------------------------------


def checks() -> Rows:
    """Lesson 1 with so many checks, each of which builds an optimizer and looks at it."""
    exercise = next(iter(Course(ROOT).assignment().exercises.values()))
    rows: Rows = [("checks", "seconds")]
    with tempfile.TemporaryDirectory() as folder, Grader() as grader:
        for count in (4, 40, 100, 200, 400):
            lines = ["import torch", "from autograder.checking.check import check"]
            for cell, points in exercise.points.items():
                for number in range(count // 4):
                    lines += [
                        f"@check('{cell}', points={points / (count // 4)}, hint='')",
                        f"def test_{cell}_{number}(student):",
                        "    '''It builds an optimizer.'''",
                        "    p = torch.nn.Parameter(torch.ones(2))",
                        f"    assert student.build_sgd([p], lr={(number + 1) / 1000}).params[0] is p",
                    ]
            lesson = Lesson(f"bench/{count}-checks", Path(folder, str(count)))
            lesson.folder.mkdir()
            (lesson.folder / "checks.py").write_text("\n".join(lines))
            same = replace(exercise, lesson=lesson)
            grade = functools.partial(grader.grade, Submission.of(specimens.unchanged(same), same, "bench"))
            assert grade().grade.score == same.max_score
            rows.append((str(count), spread([seconds(grade) for _ in range(REPEATS)])))
    return rows


SECTIONS = {"unit": unit, "cores": all_cores, "otter": otter, "dask": dask, "class": class_size, "checks": checks}


def draw(results: dict[str, Rows]) -> None:
    """The plot: the unit, and how cost grows."""
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    figure, grid = plt.subplots(2, 2, figsize=(11, 7.5), layout="constrained")
    axes = grid.ravel()
    lessons = results["unit"][1:5]
    for offset, column, label in ((-0.27, 1, "bare Python"), (0, 2, "ours"), (0.27, 4, "stock nbgrader")):
        heights = [float(row[column].split()[0]) for row in lessons]
        bars = axes[0].bar([place + offset for place in range(len(lessons))], heights, width=0.26, label=label)
        axes[0].bar_label(bars, fmt="%.1f", fontsize=8)
    axes[0].set_xticks(range(len(lessons)), [f"lesson {row[0][0]}" for row in lessons])
    axes[0].set(title="One submission on one core", ylabel="seconds")
    axes[0].legend()
    counts = [int(row[0]) for row in results["checks"][1:]]
    axes[1].plot(counts, [float(row[1].split()[0]) for row in results["checks"][1:]], "o-")
    axes[1].set(title="Lesson 1 with more checks", xlabel="checks", ylabel="seconds for a submission", ylim=0)
    graded = [int(row[0]) for row in results["class"][1:-1]]
    axes[2].semilogx(graded, [float(row[1]) for row in results["class"][1:-1]], "o-")
    axes[2].set(title="Lesson 1 as the class grows", xlabel="submissions", ylabel="seconds for each", ylim=0)
    workers = [int(row[0]) for row in results["dask"][1:]]
    axes[3].plot(workers, [int(row[2].rstrip("%")) for row in results["dask"][1:]], "o-")
    axes[3].set(title="Dask, simulated work", xlabel="workers", ylabel="efficiency, %", ylim=(0, 105))
    figure.savefig(FOLDER / "bench.png", dpi=110)


def main(names: list[str]) -> None:
    """Measure, print, and write."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    console, results, text = Console(width=None if sys.stdout.isatty() else 120), {}, []
    for name in names or SECTIONS:
        # each in a process of its own: a notebook's kernel takes over __main__, and memory is measured
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            results[name] = process.submit(SECTIONS[name]).result()
        head, *rows = results[name]
        title = (SECTIONS[name].__doc__ or "").strip()
        table = Table(*head, box=None, pad_edge=False)
        for row in rows:
            table.add_row(*row)
        console.print(title, table, "")
        lines = ["| " + " | ".join(row) + " |" for row in (head, tuple("---" for _ in head), *rows)]
        text += [f"## {title}", "", *lines, ""]
        (FOLDER / "bench.md").write_text("\n".join(text))
    if results.keys() >= {"unit", "checks", "class", "dask"}:
        draw(results)
        console.print(f"Written into {FOLDER.relative_to(ROOT)}/")


if __name__ == "__main__":
    main(sys.argv[1:])
