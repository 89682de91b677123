"""The sandbox: cells run as in Jupyter, nothing gets out, and a guest that misbehaves costs only itself."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

import pytest
import torch

from autograder.authoring import specimens
from autograder.checking.descriptions import Opaque, OptimizerDescription
from autograder.checking.student import Student, StudentRaised, look_at
from autograder.grading.grader import Grader
from autograder.grading.submission import Submission
from autograder.sandbox import confinement, loaded, process, wire
from autograder.sandbox.loaded import Limits, StudentFault
from autograder.sandbox.process import Sandbox
from tests.conftest import ROOT

BACKENDS = [confinement.BUBBLEWRAP, confinement.SANDLOCK]


@pytest.fixture(scope="module", params=BACKENDS, ids=lambda backend: backend.name)
def sandbox(request, sandboxes):
    return sandboxes(request.param)


def run(sandbox, *sources, limits=Limits(), files=None):
    cells = [wire.Cell(source, f"cell {number}") for number, source in enumerate(sources)]
    return loaded.load(sandbox, cells, files or {}, limits)


def printed(guest, cell=0):
    return "".join(output.text for output in guest.outputs[cell] if isinstance(output, wire.Stream))


# --- warming up ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_a_sandbox_can_be_closed_while_it_warms_up(backend, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Sandbox(backend) as sandbox:
        assert sandbox.alive
    assert not sandbox.alive
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_one_that_ends_while_it_warms_up_is_replaced(exercise, solution, sandbox):
    started = Sandbox(sandbox.backend)
    os.killpg(started._process.pid, signal.SIGKILL)
    with Grader(sandbox=started) as grader:
        grade = grader.grade(Submission.of(specimens.without_examples(solution), exercise, "x")).grade
    assert (grade.status, grade.score) == ("graded", exercise.max_score)


def test_another_torch_than_the_graders_have_needs_review(exercise, solution, sandbox, monkeypatch):
    """As after an upgrade under a server that lives on."""
    monkeypatch.setattr(torch, "__version__", "0.4")
    sandbox.warm_up()
    with Grader(sandbox=sandbox) as grader:
        monkeypatch.setattr(sandbox, "close", lambda: None)  # other tests need it
        monkeypatch.setattr("autograder.grading.grader.Sandbox", lambda backend, private: sandbox)
        grade = grader.grade(Submission.of(solution, exercise, "x")).grade
    assert (grade.status, grade.score) == ("needs_review", None)
    assert "and the graders 0.4" in grade.reason


# --- cells --------------------------------------------------------------------------------------------------------


def test_outputs_come_in_order_as_in_jupyter(sandbox):
    with run(sandbox, "import sys\nprint('a')\nprint('b', file=sys.stderr)\ndisplay(1)\n1 + 1") as guest:
        stdout, stderr, shown, result = guest.outputs[0]
    assert (stdout.name, stdout.text, stderr.name, stderr.text) == ("stdout", "a\n", "stderr", "b\n")
    assert (shown.text, shown.result) == ("1", False)
    assert (result.text, result.result) == ("2", True)


def test_figures_come_as_png(sandbox):
    with run(sandbox, "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()") as guest:
        assert guest.outputs[0][-1].png.startswith(b"\x89PNG")


def test_an_error_ends_its_cell_and_no_other(sandbox):
    with run(sandbox, "1 / 0", "print('next')") as guest:
        assert guest.outputs[0][0].name == "ZeroDivisionError"
        assert printed(guest, 1) == "next\n"


def test_files_of_the_assignment_can_be_imported(sandbox):
    with run(sandbox, "import lab\nprint(lab.x)", files={"lab.py": b"x = 3"}) as guest:
        assert printed(guest) == "3\n"


def test_magics_and_await_work(sandbox):
    with run(sandbox, "%time 1\nimport asyncio\nawait asyncio.sleep(0)\nprint('done')") as guest:
        assert "done" in printed(guest)


@pytest.mark.parametrize(
    "ending", ["import os\nos._exit(3)", "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)"]
)
def test_a_cell_that_ends_the_process_is_left_out(sandbox, ending):
    with run(sandbox, "x = 1", ending, "print(x + 1)") as guest:
        if "SIGSEGV" in ending and sandbox.backend is confinement.BUBBLEWRAP:
            assert printed(guest, 2) == "2\n"  # the first process of a namespace is deaf to its own signals
        else:
            assert "ended the Python process" in guest.outputs[1][0].message
            assert printed(guest, 2) == "2\n"


def test_a_cell_that_never_ends_is_stopped(sandbox):
    with run(sandbox, "while True:\n    pass", "print('next')", limits=Limits(cell=0.3)) as guest:
        assert guest.outputs[0][0].name == "TimeLimit"
        assert printed(guest, 1) == "next\n"


@pytest.mark.slow
def test_a_cell_that_catches_everything_is_stopped_from_outside(sandbox, monkeypatch):
    monkeypatch.setattr(Limits, "wall", staticmethod(lambda seconds: 2.0))
    stubborn = "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass"
    with run(sandbox, stubborn, "print('next')", limits=Limits(cell=0.2)) as guest:
        assert "still running" in guest.outputs[0][0].message
        assert printed(guest, 1) == "next\n"


def test_a_flood_of_output_is_cut(sandbox):
    with run(sandbox, "for _ in range(10_000):\n    print('x' * 1000)", "print('next')") as guest:
        assert len(printed(guest)) < 200_000
        assert "cut here" in printed(guest)
        assert printed(guest, 1) == "next\n"


def test_too_much_memory_is_a_clean_error(sandbox):
    with run(sandbox, "import torch\ntorch.ones(2**40)", "x = bytearray(2**36)", "print('next')") as guest:
        assert guest.outputs[0][0].name == "RuntimeError"
        assert guest.outputs[1][0].name == "MemoryError"
        assert printed(guest, 2) == "next\n"


# --- confinement --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "attempt",
    [
        f"open({str(ROOT / 'pyproject.toml')!r})",
        f"open({str(ROOT / 'source' / 'optimizers' / '1-build-optimizers.ipynb')!r})",
        f"open({str(ROOT / 'autograder' / 'lessons' / 'optimizers' / 'build_optimizers' / 'mistakes.py')!r})",
        "open('/etc/passwd')",
        "import torch\nopen(torch.__file__, 'a')",
        "import os\nos.kill(os.getppid() or 2, 9)",
        "open('big', 'wb').write(bytes(2**27))",
    ],
)
def test_what_student_code_must_not_do_fails(sandbox, attempt):
    with run(
        sandbox, f"try:\n    {attempt.replace(chr(10), chr(10) + '    ')}\nexcept OSError:\n    print('refused')"
    ) as guest:
        assert printed(guest) == "refused\n"
    assert sandbox.alive


def test_there_is_no_network(sandbox):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        attempt = f"socket.create_connection(('127.0.0.1', {port}), timeout=2)"
        source = f"import socket\ntry:\n    {attempt}\nexcept OSError:\n    print('refused')"
        with run(sandbox, source) as guest:
            assert printed(guest) == "refused\n"
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_the_environment_is_scrubbed(sandbox, monkeypatch):
    with run(sandbox, "import os\nprint(sorted(os.environ))") as guest:
        assert "PYTEST" not in printed(guest)
        assert "VIRTUAL_ENV" not in printed(guest)


def test_one_submission_cannot_see_another(sandbox):
    with run(sandbox, "open('secret', 'w').write('x')\nimport os\nprint(os.getcwd())") as guest:
        folder = printed(guest).strip()
    with run(sandbox, f"import os\nprint(os.path.exists(os.path.join({folder!r}, 'secret')))") as guest:
        assert printed(guest) == "False\n"


def test_processes_end_with_their_submission(sandbox):
    marker = f"sleep 31{os.getpid() % 1000:03}"
    with run(sandbox, f"import subprocess\np = subprocess.Popen({marker.split()!r}, start_new_session=True)") as guest:
        assert guest.outputs == [[]]
        assert subprocess.run(["pgrep", "-f", marker], check=False, stdout=subprocess.DEVNULL).returncode == 0
    deadline = time.monotonic() + 10
    while subprocess.run(["pgrep", "-f", marker], check=False, stdout=subprocess.DEVNULL).returncode == 0:
        assert time.monotonic() < deadline
        time.sleep(0.1)


# --- calls --------------------------------------------------------------------------------------------------------

FUNCTIONS = """
import os, torch
count = 0
def tick():
    global count
    count += 1
    return count
def build(params, lr):
    return torch.optim.SGD(params, lr=lr)
def back(*args):
    return args
def copied(model):
    import copy
    return copy.deepcopy(model)
def crash():
    return helper()
def helper():
    return [].missing
def end():
    os._exit(0)
def leave():
    raise SystemExit
def loop():
    while True:
        pass
def train(model, optimizer):
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
number = 3
"""


@pytest.fixture(scope="module")
def guest(sandbox):
    """The only one: a Zygote expects one submission at a time."""
    with run(sandbox, FUNCTIONS, PRETENDERS, limits=Limits(call=0.5)) as guest:
        yield guest


@pytest.fixture
def student(guest):
    student = Student(guest.fork())
    yield student
    student.close()


def test_the_graders_own_parameters_come_back_as_themselves(student):
    layer = torch.nn.Linear(2, 1)
    optimizer = student.build(layer.parameters(), lr=0.25)
    assert isinstance(optimizer, OptimizerDescription)
    assert optimizer.type_name == "torch.optim.sgd.SGD"
    assert [id(p) for p in optimizer.params] == [id(p) for p in layer.parameters()]
    assert optimizer.groups[0]["lr"] == 0.25


def test_a_generator_arrives_as_a_generator(student):
    layer = torch.nn.Linear(2, 1)
    names = [name for name, _ in layer.named_parameters()]
    assert student.build(layer.named_parameters(), lr=0.1).groups[0]["param_names"] == names


def test_parameters_of_a_copy_are_foreign(student):
    layer = torch.nn.Linear(2, 1)
    copy = student.copied(layer)
    assert copy.same_as is None
    assert torch.equal(copy.parameters["weight"], layer.weight)
    assert copy.identities == {"weight": None, "bias": None}


def test_plain_data_comes_back_equal(student):
    data = (1, 2.5, "x", None, True, [1, (2,)], {"a": [1.5]}, torch.arange(3.0))
    found = student.back(*data)
    assert found[:-1] == data[:-1]
    assert found[-1] is data[-1]


def test_what_a_call_did_to_a_model_can_be_looked_at(student):
    layer = torch.nn.Linear(2, 1, bias=False)
    student.train(layer, torch.optim.SGD(layer.parameters(), lr=0.5))
    assert torch.allclose(look_at(student, layer).parameters["weight"], layer.weight - 0.5)


def test_every_fork_starts_from_the_loaded_notebook(guest):
    with contextlib.closing(Student(guest.fork())) as first:
        assert [first.tick(), first.tick()] == [1, 2]
    with contextlib.closing(Student(guest.fork())) as second:
        assert second.tick() == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.missing(), "missing is not defined"),
        (lambda s: s.number(), "number is not a function: the notebook binds this name to a value of type int"),
        (
            lambda s: s.build([], rate=1),
            r"build can't be called as build\(…, rate=…\): it is defined as build\(params, lr\)",
        ),
        (lambda s: s.crash(), r"(?s)AttributeError.*line 15, in crash.*line 17, in helper.*\[\].missing$"),
        (lambda s: s.leave(), "SystemExit"),
        (lambda s: s.end(), "end ended the Python process"),
        (lambda s: s.loop(), r"stopped after 0.5 seconds of computing(?s:.*)while True"),
    ],
)
def test_a_call_that_fails_says_why(student, call, message):
    with pytest.raises(StudentFault, match=message):
        call(student)


def test_a_guest_works_on_after_failed_calls(guest):
    for name in ("end", "crash", "loop"):
        with contextlib.closing(Student(guest.fork())) as student, pytest.raises(StudentFault):
            getattr(student, name)()
    with contextlib.closing(Student(guest.fork())) as student:
        assert student.tick() == 1


def test_an_exception_tells_its_class(student):
    with pytest.raises(StudentRaised) as raised:
        student.crash()
    assert raised.value.name == "AttributeError"


PRETENDERS = """
import collections, torch
Pair = collections.namedtuple("Pair", "a b")
class Equal:
    def __eq__(self, other): return True
    def __lt__(self, other): return True
class Text(str): pass
class Number(float):
    def __eq__(self, other): return True
def give(what):
    loop = []
    loop.append(loop)
    return {
        "equal": Equal(), "text": Text("x"), "number": Number(1), "huge": 10**400, "cycle": loop, "lambda": lambda: 1,
        "nan": float("nan"), "many": list(range(200_000)), "tensor": torch.zeros(2**23), "type": type,
        "generator": (i for i in []), "named tuple": Pair(1, 2.5), "lazy": torch.nn.LazyLinear(2),
    }[what]
def meta(): return torch.equal(*[torch.zeros(1, device="meta")] * 2)
"""


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("equal", repr(Opaque("Equal"))),
        ("text", repr(Opaque("Text"))),
        ("number", repr(Opaque("Number"))),
        ("huge", repr(Opaque("int"))),
        ("lambda", repr(Opaque("function"))),
        ("nan", "nan"),
        ("many", repr(Opaque("list"))),
        ("tensor", repr(Opaque("torch.Tensor", "values"))),
        ("type", repr(Opaque("type"))),
        ("generator", repr(Opaque("generator"))),
    ],
)
def test_pretenders_come_back_as_the_name_of_their_class(student, what, found):
    assert repr(student.give(what)) == found


def test_a_named_tuple_comes_back_as_a_tuple(student):
    assert repr(student.give("named tuple")) == "(1, 2.5)"


def test_a_layer_that_has_no_parameters_yet_is_described(student):
    found = student.give("lazy")
    assert found.type_name == "torch.nn.modules.linear.LazyLinear"
    assert set(found.parameters) == {"weight", "bias"}
    assert found.settings == {"": "in_features=0, out_features=2, bias=True"}


def test_what_torch_does_not_implement_is_no_unwritten_answer(student):
    with pytest.raises(StudentRaised, match="meta raised NotImplementedError: "):
        student.meta()


def test_a_cyclic_list_comes_back_bounded(student):
    assert repr(Opaque("list")) in repr(student.give("cycle"))


# --- choosing -----------------------------------------------------------------------------------------------------


def test_without_a_sandbox_nothing_runs(monkeypatch):
    monkeypatch.setenv("AUTOGRADER_SANDBOX", "none")
    with pytest.raises(confinement.NoSandboxError, match="autograder doctor"):
        confinement.choose()
    assert confinement.choose(unsafe=True) is confinement.UNSAFE


def test_a_backend_can_be_asked_for(monkeypatch):
    monkeypatch.setenv("AUTOGRADER_SANDBOX", "sandlock")
    assert confinement.choose() is confinement.SANDLOCK


_STARTS_AND_WAITS = """
import sys, time
from autograder.sandbox.process import Sandbox
sandbox = Sandbox()
if sys.argv[1] == "warm":
    sandbox.warm_up()
print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.parametrize("warm", ["warm", "cold"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_a_signal_leaves_no_files_behind(tmp_path, number, warm):
    process = subprocess.Popen(
        [sys.executable, "-c", _STARTS_AND_WAITS, warm],
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        assert list(tmp_path.iterdir())
        process.send_signal(number)
    for _ in range(300):
        if not list(tmp_path.iterdir()):
            return
        time.sleep(0.1)
    pytest.fail(f"left behind: {list(tmp_path.iterdir())}")


_FILLS = """
umask 0
cd "$1" && mkdir guest guest-1 open && touch guest/x guest-1/x open/x || exit
mkdir open/inside && touch open/inside/x && ln -s /dev "$1/open/link"
chmod 300 guest guest-1 && chmod 000 open/inside && chmod 500 open && chmod 300 "$1"
mkdir "$1"-1 && chmod 000 "$1"-1
"""


def test_what_a_student_has_locked_is_swept_too():
    """By an ordinary user, who can't read such a folder; root could."""
    with tempfile.TemporaryDirectory() as parent:
        os.chmod(parent, 0o777)
        user = {"user": 65_000, "group": 65_000, "extra_groups": []} if os.geteuid() == 0 else {}
        folder = os.path.join(parent, "scratch")
        made = f'mkdir "$1"; {_FILLS}'
        subprocess.run(["/bin/sh", "-c", made, "sh", folder], **user, check=True)
        assert len(os.listdir(parent)) == 2
        swept = subprocess.run(["/bin/sh", "-c", process._SWEEP, "sh", folder], **user, stdin=subprocess.DEVNULL)
        assert (swept.returncode, os.listdir(parent)) == (0, [])
