"""Run notebook cells in this process and record their outputs, as Jupyter would show them.

An IPython shell with recording hooks, so magics, rich display and inline figures work; there are no sockets, threads
or history database.
"""

from __future__ import annotations

import base64
import contextlib
import io
import random
import signal
import traceback
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType

import numpy
import torch
from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

from autograder.sandbox import wire
from autograder.sandbox.guest import figures, shell

MAX_OUTPUT_TEXT = 100_000
MAX_OUTPUTS = 100
MAX_PNG = 2 * 2**20


class TimeLimit(BaseException):
    """The cell or the call has used up its CPU time."""


class DrawingLimit(TimeLimit):
    """It has, and was drawing a figure."""


@contextlib.contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    """Raise TimeLimit in this block after ``seconds`` of CPU time."""

    def stop(signum: int, frame: FrameType | None) -> None:
        if any(
            caller.f_globals.get("__name__", "").startswith("matplotlib.") for caller, _ in traceback.walk_stack(frame)
        ):
            raise DrawingLimit(f"stopped after {seconds:g} seconds of computing, while it was drawing a figure")
        raise TimeLimit(f"stopped after {seconds:g} seconds of computing")

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


class _Outputs:
    """The outputs of the running cell. What exceeds the limits is cut, and says so."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.items: list[wire.Output] = []
        self._text = 0

    def print(self, name: str, text: str) -> None:
        room = MAX_OUTPUT_TEXT - self._text
        self._text += len(text)
        if room <= 0:
            return
        if len(text) > room:
            text = text[:room] + "\n[output cut here]\n"
        last = self.items[-1] if self.items else None
        if isinstance(last, wire.Stream) and last.name == name:
            self.items[-1] = wire.Stream(name, last.text + text)
        else:
            self.add(wire.Stream(name, text))

    def display(self, data: dict[str, object], result: bool) -> None:
        png = data.get("image/png")
        if isinstance(png, str):
            png = base64.b64decode(png)
        if not isinstance(png, bytes) or len(png) > MAX_PNG:
            png = None
        self.add(wire.Display(result, str(data.get("text/plain", ""))[:MAX_OUTPUT_TEXT], png))

    def add(self, output: wire.Output) -> None:
        if len(self.items) < MAX_OUTPUTS:
            self.items.append(output)


OUTPUTS = _Outputs()


class _Printed(io.TextIOBase):
    """A standard stream that records."""

    def __init__(self, name: str) -> None:
        self._name = name

    encoding = "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        OUTPUTS.print(self._name, text)
        return len(text)


class _Publisher(DisplayPublisher):
    def publish(self, data, metadata=None, *args, transient=None, update=False, **kwargs) -> None:
        OUTPUTS.display(data, result=False)

    def clear_output(self, wait: bool = False) -> None:
        OUTPUTS.clear()


class _ResultHook(DisplayHook):
    def start_displayhook(self) -> None:
        pass

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict, md_dict=None) -> None:
        OUTPUTS.display(format_dict, result=True)

    def finish_displayhook(self) -> None:
        self._is_active = False


class _Compiler(CachingCompiler):
    """Remembers which cell each compiled code came from."""

    label = ""
    labels: dict[str, str] = {}

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        name = super().get_code_name(raw_code, transformed_code, number)
        self.labels[name] = self.label
        return name


class Kernel(InteractiveShell):
    """An IPython shell whose cells' outputs are recorded."""

    compile: _Compiler
    compiler_class = Type(_Compiler)
    display_pub_class = Type(_Publisher)
    displayhook_class = Type(_ResultHook)

    def enable_matplotlib(self, gui: str | None = None) -> tuple[str | None, str]:
        """Figures stay inline, whatever %matplotlib or %pylab asks for."""
        found: tuple[str | None, str] = super().enable_matplotlib("inline")
        return found

    def enable_gui(self, gui: str | None = None) -> None:
        """Inline figures need no event loop."""

    def _showtraceback(self, etype: type, evalue: BaseException, stb: list[str]) -> None:
        OUTPUTS.add(wire.Error(etype.__name__, str(evalue)[:MAX_OUTPUT_TEXT], [line[:MAX_OUTPUT_TEXT] for line in stb]))

    def show_usage_error(self, exc: BaseException) -> None:
        """A wrong use of a magic ends its cell, so it is an error like any other."""
        OUTPUTS.add(wire.Error("UsageError", str(exc)[:MAX_OUTPUT_TEXT], [f"UsageError: {exc}"[:MAX_OUTPUT_TEXT]]))

    def system(self, command: str) -> None:
        """Run a line of the shell, after ``!`` or for %pip: what it prints is the cell's, and it does not end it."""
        self.user_ns["_exit_code"] = shell.run(self.var_expand(command, depth=1), lambda text: print(text, end=""))

    def run_cell_magic(self, magic_name: str, line: str, cell: str) -> object:
        """Scripts such as %%bash don't end their cell when they fail, either."""
        if magic_name in shell.SCRIPTS:
            line = f"--no-raise-error {line}"
        return super().run_cell_magic(magic_name, line, cell)

    def run(self, cell: wire.Cell, seconds: float) -> list[wire.Output]:
        """Run one cell and return its outputs."""
        self.compile.label = cell.label
        OUTPUTS.clear()
        with contextlib.redirect_stdout(_Printed("stdout")), contextlib.redirect_stderr(_Printed("stderr")):
            try:
                with cpu_limit(seconds):
                    self.run_cell(cell.source, store_history=True)
            except TimeLimit:  # the time was up between the student's code and ours
                self.showtraceback()
        return OUTPUTS.items

    def silently(self, function: Callable[[], object]) -> object:
        """Call a function, and drop what it prints; what it displays is not even drawn."""
        assert self.display_formatter is not None  # IPython always makes one
        for formatter in self.display_formatter.formatters.values():
            formatter.enabled = False
        OUTPUTS.clear()
        with contextlib.redirect_stdout(_Printed("stdout")), contextlib.redirect_stderr(_Printed("stderr")):
            return function()

    def student_frames(self, tb: TracebackType | None) -> str:
        """The frames of a traceback from the first to the last that lie in the notebook, as text."""
        lines = []
        for frame in traceback.extract_tb(tb):
            if frame.filename in self.compile.labels:
                lines.append(f"{self.compile.labels[frame.filename]}, line {frame.lineno}, in {frame.name}:")
                lines.append(f"    {frame.line}")
        return "\n".join(lines)


_WARM_UP = """
import matplotlib.pyplot, torch
%matplotlib inline
_, (_a, _b) = matplotlib.pyplot.subplots(1, 2)
_a.loglog([1.0, 2.0, 3.0], [1.0, 10.0, 100.0], "o--", label="x")
_a.set(title="warm", xlabel="x", ylabel="$y$")
_a.legend()
_a.grid(True)
_b.contour([[0.0, 1.0], [1.0, 0.0]], levels=[0.3, 0.6])
_b.annotate("x", (0.5, 0.5), (0.2, 0.2), arrowprops={"arrowstyle": "->"})
matplotlib.pyplot.show()
for _o in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW):
    _p = torch.nn.Parameter(torch.ones(2))
    _p.sum().backward()
    _o([_p], lr=0.1).step()
del _a, _b, _p, _o, _, matplotlib, torch
"""


def make_kernel() -> Kernel:
    """Make the process's kernel and warm what every notebook uses first: figures, autograd, an optimizer."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    kernel = Kernel.instance(config=config)
    outputs = kernel.run(wire.Cell(_WARM_UP, "warm-up"), seconds=60)
    errors = [output for output in outputs if isinstance(output, wire.Error)]
    if errors:
        raise RuntimeError("the warm-up failed:\n" + "\n".join(errors[0].traceback))
    figures.show_inline_only()
    kernel.execution_count = 1
    return kernel


def seed_everything() -> None:
    """Start every notebook from the same random state."""
    random.seed(0)
    numpy.random.seed(0)
    torch.manual_seed(0)
