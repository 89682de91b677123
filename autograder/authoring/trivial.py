"""Answers that compute nothing, made for every graded function of a lesson: each may earn a tenth of its cell at most.

They are made from what the function is called with and what it returns while the reference is graded: constants and
empty containers, its own arguments, everything on one side, the first, least or middle of what it is given, an
optimizer over other parameters, numbers that rise or fall. A new lesson has them without a word about it.
``python -m tests.authoring.trivial_runs`` grades them.
"""

from __future__ import annotations

import ast
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import nbformat
import torch

from autograder.authoring import specimens
from autograder.course import Exercise
from autograder.grading.checks import make_checks
from autograder.grading.labels import grade_id
from autograder.grading.submission import Submission
from autograder.sandbox import wire
from autograder.sandbox.loaded import Fork, Guest, load
from autograder.sandbox.process import Sandbox

CONSTANTS = (
    *("None", "True", "False", "0", "1", "0.0", "1.0", "-1.0", "0.5", "1e-3", "1e9", "float('nan')", "float('inf')"),
    *("''", "'SGD'", "[]", "()", "{}", "set()", "[[], []]", "([], [])", "[[]]", "[{}]", "[{}, {}]", "[0.0]"),
    "[0.0, 0.0]",
    *("[(0.0, 0)]", "[None, None]", "torch.zeros(())", "torch.zeros(3)", "torch.nn.Parameter(torch.zeros(1))"),
    *("torch.nn.Linear(1, 1)", "object()", "lambda *given, **named: None"),
)


@dataclass
class Use:
    """How a graded function is used while the reference is graded."""

    parameters: dict[str, list[object]]
    """What each of its parameters was given, by name."""
    results: list[object] = field(default_factory=list)
    """What came back, as the wire describes it."""

    def given(self, *kinds: type) -> list[str]:
        """The parameters that got a value of these types, and of no other."""
        found = {name: [value for value in values if value is not None] for name, values in self.parameters.items()}
        return [
            name
            for name, values in found.items()
            if values and all(isinstance(v, kinds) and not isinstance(v, bool) for v in values)
        ]


def trivial_answers(exercise: Exercise, sandbox: Sandbox) -> list[dict[str, str]]:
    """How each function of the exercise is answered, in code: in the first way, the second, and so on."""
    signatures = _signatures(exercise)
    uses = _watch(exercise, sandbox, signatures)
    ways = {name: list(dict.fromkeys(_bodies(uses[name]))) for name in exercise.answers}
    return [
        {name: _define(name, signatures[name], bodies[number % len(bodies)]) for name, bodies in ways.items()}
        for number in range(max(map(len, ways.values())))
    ]


def _define(name: str, signature: ast.arguments, body: str) -> str:
    lines = body.splitlines()
    lines[-1] = f"return {lines[-1]}"
    return "\n    ".join([f"def {name}({ast.unparse(signature)}):", "import torch", *lines])


def _signatures(exercise: Exercise) -> dict[str, ast.arguments]:
    cells = {grade_id(cell): cell.source for cell in nbformat.read(exercise.source, as_version=4).cells}
    found = {}
    for name in exercise.answers:
        (function,) = [node for node in ast.parse(cells[name]).body if getattr(node, "name", None) == name]
        assert isinstance(function, ast.FunctionDef)
        found[name] = function.args
    return found


def _watch(exercise: Exercise, sandbox: Sandbox, signatures: dict[str, ast.arguments]) -> dict[str, Use]:
    """Grade the reference, and note each call."""
    submission = Submission.of(specimens.without_examples(specimens.unchanged(exercise)), exercise, "reference")
    uses = {name: Use({arg.arg: [] for arg in arguments.args}) for name, arguments in signatures.items()}
    with load(sandbox, [cell for _, cell in submission.cells()], exercise.files) as guest:
        make_checks(_WatchedGuest(guest, uses), exercise.lesson.folder, exercise.checks)  # type: ignore[arg-type]
    return uses


class _WatchedGuest:
    """A Guest whose forks note the calls."""

    def __init__(self, guest: Guest, uses: dict[str, Use]) -> None:
        self._guest, self._uses = guest, uses

    def __getattr__(self, name: str) -> Any:
        return getattr(self._guest, name)

    def fork(self, alone: bool = True) -> _WatchedFork:
        return _WatchedFork(self._guest.fork(alone), self._uses)


class _WatchedFork:
    """A Fork that notes what each call was given, and what came back."""

    def __init__(self, fork: Fork, uses: dict[str, Use]) -> None:
        self._fork, self._uses = fork, uses

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fork, name)

    def call(self, function: str, arguments: bytes, seconds: float | None = None) -> wire.FromCall:
        answer = self._fork.call(function, arguments, seconds)
        if isinstance(answer, wire.Returned):
            use = self._uses[function]
            values, named = pickle.loads(arguments)  # which the checks have pickled
            for name, value in [*zip(use.parameters, values, strict=False), *named.items()]:
                use.parameters[name].append(value)
            use.results.append(answer.value)
        return answer


def _bodies(use: Use) -> Iterator[str]:
    """The trivial ways to write a function: each the lines of its body, of which the last is returned."""
    result = max(use.results, key=lambda value: len(repr(value)))  # the one that shows most of its form
    yield from _alike(result, use)
    yield from use.parameters
    yield f"[{', '.join(use.parameters)}]"
    yield f"({', '.join(use.parameters)},)"
    for name in use.given(list, tuple, dict):
        for pick in (
            "list({0})[0]",
            "list({0})[-1]",
            "min({0})",
            "max({0})",
            "sorted({0})[len({0}) // 2]",
            "list({0})",
        ):
            yield pick.format(name)
    yield from CONSTANTS


def _alike(result: object, use: Use) -> Iterator[str]:
    """What has the form of a result, and nothing in it."""
    if isinstance(result, wire.Optimizer):
        yield from _optimizers(result, use)
    elif isinstance(result, wire.Items) and result.items:
        yield from _lists(result, use)
    elif isinstance(result, wire.Pairs):
        yield from _dicts(result, use)
    elif isinstance(result, wire.Axes):
        yield from _axes(use)
    elif isinstance(result, (bool, int, float)):
        yield from _numbers(use)
    elif isinstance(result, (wire.Module, wire.Known)):
        yield from (f"type({name})()" for name in use.given(torch.nn.Module))
        yield from (f"__import__('copy').deepcopy({name})" for name in use.given(torch.nn.Module))
        yield "torch.nn.Sequential()"


def _everything(use: Use) -> list[str]:
    """All parameters of what was given."""
    return [f"list({name}.parameters())" for name in use.given(torch.nn.Module)]


def _optimizers(result: wire.Optimizer, use: Use) -> Iterator[str]:
    """Optimizers over other parameters, with the settings that were given or without."""
    other = "torch.nn.Parameter(torch.zeros(1))"
    groups = ", ".join([f"{{'params': [{other}]}}"] * max(2, len(result.groups)))
    held = [f"[{other}]", f"[{groups}]"]
    for algorithm in ("SGD", "Adam", "AdamW"):
        settings = getattr(torch.optim, algorithm)([torch.zeros(1)]).defaults
        named = [f"{name}={name}" for name in use.parameters if name in settings]
        rates = [f"lr={name}" for name in use.parameters if name.endswith("_lr")][:1]
        for params in held:
            yield f"torch.optim.{algorithm}({params})"
            yield f"torch.optim.{algorithm}({', '.join([params, *named, *rates])})"


def _lists(result: wire.Items, use: Use) -> Iterator[str]:
    first = result.items[0]
    if isinstance(first, wire.Items) and len(result.items) == 2:
        for name in use.given(torch.nn.Module):
            yield f"[name for name, _ in {name}.named_parameters()], []"
        for everything in _everything(use):
            yield f"[], {everything}"
            yield f"{everything}, []"
            yield f"{everything}, {everything}"
            yield f"{everything}[:1], {everything}[1:]"
            yield f"{everything}[::2], {everything}[1::2]"
        yield "[torch.nn.Parameter(torch.zeros(1))], [torch.nn.Parameter(torch.zeros(1))]"
    if isinstance(first, wire.Items):
        for name in use.given(torch.optim.Optimizer):
            for pair in ("(0.0, 0)", "(1e-3, 1)", "(0, 0.0)", "()", "(None, None)"):
                yield f"[{pair} for _ in {name}.param_groups]"
            yield f"{name}.param_groups"
            yield f"list({name}.defaults.items())"
    if isinstance(first, wire.Pairs):
        keys = [key for key, _ in first.items if isinstance(key, str)]
        rates = [*(name for name in use.parameters if name.endswith("lr")), "0.0", "1e-3"]
        for everything in _everything(use):
            for sides in (("[]", everything), (everything, "[]"), ("[]", "[]"), (everything, everything)):
                for rate in rates:
                    groups = (_dict(keys, {"params": side}, rate) for side in sides)
                    yield f"[{', '.join(groups)}]"
    if isinstance(first, float):
        yield from _curves(use)


def _dict(keys: Sequence[str], known: dict[str, str], otherwise: str) -> str:
    return f"{{{', '.join(f'{key!r}: {known.get(key, otherwise)}' for key in keys)}}}"


def _curves(use: Use) -> Iterator[str]:
    """Lists of as many numbers as are asked for."""
    for name in use.given(int)[:1]:
        for number in ("0.0", "1.0", "2.3", "float('nan')", "float('inf')", "-1.0", "0"):
            yield f"[{number}] * {name}"
        for number in ("float(i)", "1.0 / (i + 1)", "2.0 - 0.01 * i", "0.9 ** i", "-float(i)", "0.01 * i + 1.0"):
            yield f"[{number} for i in range({name})]"
        models, data = use.given(torch.nn.Module), use.given(torch.Tensor)
        if models and len(data) == 2:
            loss = f"torch.nn.functional.cross_entropy({models[0]}({data[0]}), {data[1]})"
            yield f"[{loss}.item()] * {name}"
            yield f"[{loss}.item() * 0.99**i for i in range({name})]"


def _dicts(result: wire.Pairs, use: Use) -> Iterator[str]:
    keys = [key for key, _ in result.items if isinstance(key, str)]
    values: list[str] = []
    if any(isinstance(value, wire.Items) for _, value in result.items):
        values += [*_curves(use), "[]", "[0.0]"]
    else:
        values += ["0.0", "1.0", "-1.0", "0", "None", "float('nan')", "1e-3"]
        for name in use.given(dict):
            values += [f"list({name}.values())[{i}][{k}]" for i in (0, -1) for k in (0, -1)]
            values += [f"float(len({name}))", f"max(map(max, {name}.values()))", f"min(map(min, {name}.values()))"]
    for value in values:
        yield _dict(keys, {}, value)
    yield _dict([key.lower() for key in keys], {}, values[0])
    yield from (f"dict({name})" for name in use.given(dict))


def _axes(use: Use) -> Iterator[str]:
    ax = "ax = ax if ax is not None else __import__('matplotlib.pyplot').pyplot.subplots()[1]\n"
    if "ax" not in use.parameters:
        ax = "ax = __import__('matplotlib.pyplot').pyplot.subplots()[1]\n"
    yield f"{ax}ax"
    yield f"{ax}ax.plot([0.0, 1.0])\nax"
    yield f"{ax}ax.plot([], label='SGD')\nax"
    yield f"{ax}ax.set_xlabel('step')\nax.set_ylabel('loss')\nax"
    yield f"{ax}ax.legend()\nax.set_title('race')\nax"
    yield f"{ax}ax.figure"
    yield "__import__('matplotlib.pyplot').pyplot.gcf()"


def _numbers(use: Use) -> Iterator[str]:
    for name in use.given(float, int):
        yield f"float({name})"
        yield f"-{name}"
        yield f"1.0 - {name}"
    for name in use.given(list, tuple):
        for bound in ("0.05", "0.1", "0.3", "0.5", "1.0", "2.0"):
            yield f"max((x for x in {name} if x <= {bound}), default=min({name}))"
        for place in (1, 2, -2):
            yield f"sorted({name})[min({place}, len({name}) - 1)]"
        yield f"sum({name}) / len({name})"
