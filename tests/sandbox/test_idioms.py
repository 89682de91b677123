"""What works on a student's own machine and ended a cell or lost a figure here."""

import pytest

from autograder.authoring import specimens
from autograder.checking.student import Student, StudentFault
from autograder.grading.submission import Submission
from autograder.sandbox import confinement, loaded, wire
from autograder.sandbox.guest import shell
from autograder.sandbox.loaded import Limits
from tests.conftest import set_cell

BACKENDS = [confinement.BUBBLEWRAP, confinement.SANDLOCK]


@pytest.fixture(scope="module", params=BACKENDS, ids=lambda backend: backend.name)
def sandbox(request, sandboxes):
    return sandboxes(request.param)


def load(sandbox, *sources):
    cells = [wire.Cell(source, f"cell {number}") for number, source in enumerate(sources)]
    return loaded.load(sandbox, cells, {}, Limits(cell=60, call=60))


def printed(guest, cell):
    return "".join(output.text for output in guest.outputs[cell] if isinstance(output, wire.Stream))


def errors(guest):
    return [f"{out.name}: {out.message}" for outputs in guest.outputs for out in outputs if isinstance(out, wire.Error)]


SHELL = {
    "!echo said; exit 3\nprint('after')": "said\nafter\n",
    "!no-such-program 2>/dev/null\nprint(_exit_code)": "127\n",
    "!cat\nprint('no input')": "no input\n",
    "!echo early; sleep 1000 & \nprint('not waited for')": "early\nnot waited for\n",
    "found = !echo a\nprint(list(found))": "['a']\n",
    "word = 'filled in'\n!echo {word} $word": "filled in filled in\n",
    "get_ipython().system('echo by name')": "by name\n",
    "if True:\n    !echo indented": "indented\n",
    "%%bash\necho script; exit 3": "script\n",
    "%%sh\necho script\nfalse": "script\n",
    "%%script sh\nexit 1": "",
    "%sx echo x": "",
}


def test_lines_of_the_shell_never_end_their_cells(sandbox):
    with load(sandbox, *SHELL) as guest:
        assert errors(guest) == []
        assert [printed(guest, n) for n in range(len(SHELL))] == list(SHELL.values())


@pytest.mark.slow
@pytest.mark.parametrize("line", ["!pip install nothing-of-this-name", "%pip install nothing-of-this-name"])
def test_what_pip_says_is_output(sandbox, line):
    with load(sandbox, f"{line}\nprint('after')") as guest:
        assert errors(guest) == []
        assert printed(guest, 0).endswith("after\n") and "error" in printed(guest, 0).lower()


def test_a_line_of_the_shell_has_an_end(monkeypatch):
    monkeypatch.setattr(shell, "SECONDS", 0.2)
    said = []
    assert shell.run("echo begins; sleep 1000 | cat", said.append) == -9
    assert said == ["begins\n[stopped after 0.2 seconds]\n"]


def test_threads_and_processes_are_counted_while_they_live(sandbox):
    source = """
import os, subprocess, threading
for _ in range(330):
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
for _ in range(5):
    if (pid := os.fork()) == 0:
        os._exit(0)
    os.waitpid(pid, 0)
subprocess.run(["true"], check=True)
print("all")
alive, going = [], threading.Event()
try:
    for _ in range(1000):
        alive.append(threading.Thread(target=going.wait, daemon=True))
        alive[-1].start()
except RuntimeError:
    print("too many at once")
going.set()
"""
    with load(sandbox, source) as guest:
        assert printed(guest, 0) == "all\ntoo many at once\n"


WORKERS = {
    "for options in ({}, {'persistent_workers': True}, {'shuffle': True, 'timeout': 30}):\n"
    "    print(sum(float(x.sum()) for x, _ in DataLoader(data, 4, num_workers=2, **options)))": "28.0\n28.0\n28.0\n",
    "with multiprocessing.Pool(2) as pool: print(pool.map(abs, [-1, 2]))": "[1, 2]\n",
    "with torch.multiprocessing.Pool(2) as pool: print(pool.map(torch.neg, [torch.ones(1)]))": "[tensor([-1.])]\n",
    "with ProcessPoolExecutor(2) as pool: print(list(pool.map(abs, [-1])))": "[1]\n",
    """
value, queue, lock, again = (make() for make in (partial(multiprocessing.Value, "i", 3), multiprocessing.Queue,
                             multiprocessing.Lock, multiprocessing.RLock))
event, barrier = multiprocessing.Event(), multiprocessing.Barrier(2)
def work():
    with again, again, lock:
        value.value += 1
    queue.put(torch.ones(2)); event.set(); barrier.wait()
process = multiprocessing.Process(target=work)
process.start()
print(queue.get(timeout=30), event.wait(30), barrier.wait() is not None)
process.join()
print(value.value, process.exitcode)
""": "tensor([1., 1.]) True True\n4 0\n",
    """
few = multiprocessing.BoundedSemaphore(1)
print(few.acquire(), few.acquire(False), few.acquire(timeout=0.01))
few.release()
try:
    few.release()
except ValueError:
    print("once only")
""": "True False False\nonce only\n",
}


def test_workers_work(sandbox):
    imports = """
import multiprocessing, torch, torch.multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from torch.utils.data import DataLoader, TensorDataset
data = TensorDataset(torch.arange(8.0).reshape(8, 1), torch.arange(8))
"""
    with load(sandbox, imports, *WORKERS) as guest:
        assert errors(guest) == []
        assert [printed(guest, n + 1) for n in range(len(WORKERS))] == list(WORKERS.values())


STOPS = [
    "breakpoint()",
    "import pdb; pdb.set_trace()",
    "from pdb import set_trace; set_trace()",
    "from IPython.core.debugger import set_trace; set_trace()",
    "from IPython.core.debugger import Pdb; Pdb().set_trace()",
    "import pdb; pdb.Pdb().set_trace()",
]


@pytest.mark.parametrize("backend", BACKENDS[:1], ids=lambda backend: backend.name)
def test_breakpoints_are_passed(sandboxes, backend):
    source = "\n".join(f"def f{n}():\n    {stop}\n    return {n}" for n, stop in enumerate(STOPS))
    cells = [f"{stop}\nprint('goes on')" for stop in STOPS]
    with load(sandboxes(backend), source, *cells, "import pdb\npdb.run('print(1 + 1)')") as guest:
        assert errors(guest) == []
        assert {printed(guest, n + 1) for n in range(len(STOPS))} == {"goes on\n"}
        student = Student(guest.fork())
        found = [getattr(student, f"f{n}")() for n in range(len(STOPS))]
        student.close()
    assert found == list(range(len(STOPS)))


CHOICES = [
    "%config InlineBackend.figure_format = 'svg'",
    "%config InlineBackend.figure_formats = {'jpeg', 'pdf'}",
    "%config InlineBackend.figure_format = 'retina'",
    "%matplotlib notebook",
    "%matplotlib widget",
    "%matplotlib agg",
    "%pylab notebook",
    "import matplotlib; matplotlib.use('Agg')",
    "import matplotlib; matplotlib.use('TkAgg'); matplotlib.rcParams['backend'] = 'pdf'",
    "plt.switch_backend('svg')",
    "import matplotlib_inline.backend_inline as b; b.set_matplotlib_formats('jpeg', quality=90)",
]


@pytest.mark.parametrize("backend", BACKENDS[:1], ids=lambda backend: backend.name)
def test_figures_are_shown_whatever_was_chosen(sandboxes, backend):
    cells = [f"{choice}\nplt.figure(figsize=(1, 1)); plt.plot([1, 2])" for choice in CHOICES]
    shown = "plt.figure(figsize=(1, 1)); plt.plot([1, 2]); plt.show()\nplt.subplots(figsize=(1, 1)); plt.pause(100)"
    with load(sandboxes(backend), "import matplotlib.pyplot as plt", *cells, shown) as guest:
        assert errors(guest) == []
        pictures = [sum(bool(getattr(out, "png", None)) for out in outputs) for outputs in guest.outputs]
    assert pictures == [0, *[1] * len(CHOICES), 2]


def test_torch_compile_leaves_everything_as_it_is(sandbox):
    source = """
import torch
model = torch.nn.Linear(3, 2)
compiled = torch.compile(model, mode="max-autotune")
print(compiled(torch.ones(1, 3)).shape, [name for name, _ in compiled.named_parameters()])
double = torch.compile(fullgraph=True)(lambda x: 2 * x)
print(double(torch.ones(1)))
model.compile()
model(torch.ones(1, 3)).sum().backward()
torch.compile(torch.optim.SGD(model.parameters(), 0.1).step)()
torch.compiler.reset()
"""
    with load(sandbox, source) as guest:
        assert errors(guest) == []
        assert printed(guest, 0) == "torch.Size([1, 2]) ['weight', 'bias']\ntensor([2.])\n"


@pytest.mark.parametrize("backend", BACKENDS[:1], ids=lambda backend: backend.name)
def test_a_limit_that_meets_a_figure_says_so(sandboxes, backend):
    source = """
import matplotlib.pyplot as plt
def draws():
    figure, axes = plt.subplots()
    while True:
        figure.canvas.draw()
def loops():
    while True:
        pass
"""
    with load(sandboxes(backend), source) as guest:
        for function, said in (("draws", "while it was drawing a figure"), ("loops", "without returning")):
            student = Student(guest.fork())
            student.allow(0.5)
            with pytest.raises(StudentFault, match=said):
                getattr(student, function)()
            student.close()


@pytest.mark.parametrize("backend", BACKENDS[:1], ids=lambda backend: backend.name)
def test_figures_that_nobody_sees_are_not_drawn(sandboxes, backend):
    """A hundred in a call cost about a second and not ten: its drawing is counted."""
    source = """
import matplotlib.pyplot as plt
from IPython.display import clear_output, display
from matplotlib.figure import Figure
drawn = 0
draw = Figure.draw
def counted(*args, **kwargs):
    global drawn
    drawn += 1
    return draw(*args, **kwargs)
Figure.draw = counted
def f():
    figure, axes = plt.subplots(figsize=(1, 1))
    for _ in range(3):
        clear_output(wait=True)
        display(figure)
        plt.pause(100)
        plt.figure(figsize=(1, 1))
        plt.show()
    return drawn
"""
    with load(sandboxes(backend), source) as guest:
        student = Student(guest.fork())
        assert student.f() == 0
        student.close()


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("# timed\n%%time", "Its cell stopped with UsageError: Line magic function `%%time` not found"),
        ("%nosuch", "Its cell stopped with UsageError: Line magic function `%nosuch` not found"),
        ("%timeit -z", "Its cell stopped with UsageError"),
        ("x = 1\n%run", "Its cell stopped with"),
    ],
)
def test_a_cell_that_ipython_refused_is_told_as_such(exercise, grader, solution, before, said):
    set_cell(solution, "decay_pull", f"{before}\ndef decay_pull(*args): ...")
    failed = grade(grader, exercise, specimens.without_examples(solution))
    assert {check.cell for check in failed} == {"test_decay_pull"}
    assert all(said in check.text for check in failed)


@pytest.mark.parametrize("remove", ["%reset -f", "del decay_pull", "globals().pop('decay_pull')", "%xdel decay_pull"])
def test_what_a_later_cell_has_removed_is_told(exercise, grader, solution, remove):
    solution = specimens.without_examples(solution)
    solution.cells.append(specimens.nbformat.v4.new_code_cell(remove))
    failed = [check for check in grade(grader, exercise, solution) if check.cell == "test_decay_pull"]
    where = f"decay_pull is not defined any more: cell {len(solution.cells)} has removed it"
    assert failed and all(where in check.text for check in failed)


def grade(grader, exercise, notebook):
    """The checks that failed."""
    graded = grader.grade(Submission.of(notebook, exercise, "x")).grade
    assert graded.status == "graded", graded.reason
    return [check for check in graded.checks if check.status != "passed"]
