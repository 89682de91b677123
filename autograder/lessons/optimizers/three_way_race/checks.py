"""Hidden checks of 4-three-way-race."""

import contextlib
import copy
import functools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from autograder.checking.check import check
from autograder.checking.descriptions import AxesDescription, ModuleDescription
from autograder.checking.expect import expect_number, names, tell, tell_kind
from autograder.checking.student import look_at, show_curves
from autograder.lessons.optimizers.three_way_race.models import NewPanel, Residual
from autograder.sandbox.loaded import StudentFault
from autograder.sandbox.sent import NewAxes

SGD, Adam, AdamW = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW

# How far a right answer may be from the reference, relative to max(1, |value|).
# Measured on these kinds of problems and optimizers, 24 seeds each: 1, 2 and 4 threads; plain, foreach and fused steps;
# gradients set to None and to zero; cross_entropy, nll_loss, logsumexp, one-hot targets, sum / n; shuffled rows.
# Largest deviation found: 5e-15 in a loss and 1e-14 in a parameter in float64, 1.0e-6 and 2.1e-6 in float32.
# (Losses kept in a float32 tensor are off by up to 6e-8. The smallest mistake known, SGD with lesson 1's weight decay,
# leaves 4e-6 at step 2, and more later.)
TOLERANCE = {torch.float64: 1e-6, torch.float32: 3e-5}


# --- Problems and their reference runs ----------------------------------------------------------------------------


def make_model(kind: str) -> nn.Module:
    """A small classifier of 3 features into 4 classes."""
    if kind == "residual":
        return Residual(3, 6, 4)
    if kind in ("one layer", "steep"):  # steep: its inputs are a hundred times as large, and so are its gradients
        return nn.Linear(3, 4)
    if kind == "no activation":  # with a large learning rate, it reaches NaN within a few steps
        return nn.Sequential(nn.Linear(3, 6), nn.Linear(6, 6), nn.Linear(6, 4))
    if kind == "batch norm":  # has buffers, and another output in evaluation mode; its first layer is frozen
        model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 4))
        model[0].requires_grad_(False)
        return model
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 4))


@dataclass(frozen=True)
class Problem:
    """A classifier with its first weights, and the data to train it on."""

    model: nn.Module
    X: torch.Tensor
    y: torch.Tensor

    def copy(self) -> nn.Module:
        """The model once more. (A model that ``look_at`` shall find must not have been sent before.)"""
        return copy.deepcopy(self.model)


@functools.cache
def make_problem(kind: str, seed: int, dtype: torch.dtype = torch.float64, samples: int = 24) -> Problem:
    """Weights and inputs are large, so that gradients are too: each shortcut leaves its mark on the losses."""
    random = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=random, dtype=torch.float64)

    X = (200 if kind == "steep" else 2) * draw(samples, 3)
    y = (X @ draw(3, 4) + 2 * draw(samples, 4)).argmax(1)
    model = make_model(kind).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(draw(*parameter.shape) * (0.7 if kind == "no activation" else 1))
    return Problem(model.to(dtype), X.to(dtype), y)


def run(
    model: nn.Module, optimizer: torch.optim.Optimizer, X: torch.Tensor, y: torch.Tensor, steps: int
) -> list[float]:
    """Train the model; the loss before each step."""
    losses = []
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# --- Curves and parameters ----------------------------------------------------------------------------------------


def is_close(found: float, wanted: float, tolerance: float) -> bool:
    return abs(found - wanted) <= tolerance * max(1.0, abs(wanted))  # false for NaN


def expect_list_of_floats(found: object, steps: int, what: str) -> None:
    assert type(found) is list, f"expected {what} to be a list, found {tell(found)}"
    assert len(found) == steps, f"expected {what} to have length {steps} for steps={steps}, found length {len(found)}"
    odd = [(place, loss) for place, loss in enumerate(found) if type(loss) is not float]
    assert not odd, f"expected {what} to hold Python floats, found {tell_kind(odd[0][1])} at index {odd[0][0]}"


def as_numbers(found: object, steps: int, what: str) -> list[float]:
    """A curve, in whatever container. Whether that is a list of `steps` floats is for another check to say."""
    if isinstance(found, torch.Tensor) and found.ndim == 1 and not found.is_complex():
        found = found.tolist()
    assert isinstance(found, (list, tuple)), f"expected {what} to be a list of losses, found {tell(found)}"
    assert len(found) >= max(1, steps - 1), (
        f"expected {what} to have length {steps} for steps={steps}, found length {len(found)}"
    )
    return [expect_number(loss, f"each entry of {what}") for loss in found[:steps]]


def expect_curve(found: object, wanted: list[float], dtype: torch.dtype, what: str, entries: int | None = None) -> None:
    """The first ``entries`` losses (by default all) are right."""
    numbers = as_numbers(found, len(wanted), what)
    tolerance = TOLERANCE[dtype]
    wrong = [i for i, loss in enumerate(numbers[:entries]) if not is_close(loss, wanted[i], tolerance)]
    if not wrong:
        return
    first = wrong[0]
    digits = 6 if f"{wanted[first]:.6g}" != f"{numbers[first]:.6g}" else 9
    message = f"expected {what} to be {wanted[first]:.{digits}g} at step {first}, found {numbers[first]:.{digits}g}"
    if first:
        message += f" (step{'s 0 to ' if first > 1 else ' '}{first - 1} agree{'' if first > 1 else 's'})"
    if len(wanted) > 1 and is_close(numbers[0], wanted[1], tolerance):
        message += ", which is the loss at step 1: it comes one step late"
    raise AssertionError(message)


def expect_parameters(found: object, wanted: nn.Module, before: nn.Module, dtype: torch.dtype, what: str) -> None:
    """The model that a call was given has these parameters now."""
    assert isinstance(found, ModuleDescription), f"expected the model that was given, found {tell(found)}"
    start = dict(before.named_parameters())
    untouched, wrong, freed, numbers = [], [], [], []
    for name, parameter in wanted.named_parameters():
        now = found.parameters.get(name)
        if getattr(now, "requires_grad", None) is not parameter.requires_grad:
            freed.append(name)
        if not isinstance(now, torch.Tensor) or now.shape != parameter.shape:
            wrong.append(name)
        elif parameter.isnan().all():
            numbers += [] if now.isnan().all() else [name]
        elif not torch.allclose(now.double(), parameter.double(), rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype]):
            (untouched if torch.equal(now, start[name]) else wrong).append(name)
    assert not untouched, f"expected {what}, found unchanged: {names(untouched)}"
    assert not wrong, f"expected {what}, found other values in {names(wrong)}"
    assert not numbers, f"expected {what}, which is NaN once the loss is, found numbers in {names(numbers)}"
    assert not freed, f"expected requires_grad to stay as it was, found changed: {names(freed)}"
    assert found.training == before.training, "expected the model to stay in training mode, found it in evaluation mode"


def special(problem: Problem) -> str:
    """What to know of a model that is less plain than others."""
    has_norm = any(isinstance(module, nn.BatchNorm1d) for module in problem.model.modules())
    return ", on a model with batch norm and a frozen layer," if has_norm else ""


def keys_of(found: Iterable[object]) -> str:
    return names((key if isinstance(key, str) else "one that is no text" for key in found), 4) or "nothing"


@contextlib.contextmanager
def mentioning_train(student, problem: Problem, make_optimizer: "MakeOptimizer", steps: int) -> Iterator[None]:
    """What builds on train fails along with it: then say so."""
    try:
        yield
    except AssertionError as error:
        case = Training(problem, make_optimizer, steps)
        try:
            found = case.ask(student)[0]
            expect_list_of_floats(found, steps, "the result of train")
            expect_curve(found, case.reference[0], problem.X.dtype, "the loss")
        except (AssertionError, StudentFault):
            raise AssertionError(f"{error}. Your train alone is not right here either: mend it first") from error
        raise


# --- train --------------------------------------------------------------------------------------------------------

MakeOptimizer = Callable[[nn.Module], torch.optim.Optimizer]


def plain_sgd(model: nn.Module) -> torch.optim.Optimizer:
    return SGD(model.parameters(), lr=0.05)


def sgd_with_momentum(model: nn.Module) -> torch.optim.Optimizer:
    """Fast enough to swing past the minimum: the loss also rises on the way."""
    return SGD(model.parameters(), lr=0.4, momentum=0.8)


def adam(model: nn.Module) -> torch.optim.Optimizer:
    return Adam(model.parameters(), lr=0.02, betas=(0.7, 0.95))


def diverging(model: nn.Module) -> torch.optim.Optimizer:
    return SGD(model.parameters(), lr=1000.0)


def head_only(model: nn.Module) -> torch.optim.Optimizer:
    """Moves the last layer, and nothing else."""
    return SGD(list(model.parameters())[-2:], lr=0.1, momentum=0.5)


def two_speeds(model: nn.Module) -> torch.optim.Optimizer:
    """Two groups with their own settings."""
    params = list(model.parameters())
    groups = [{"params": params[:2], "lr": 0.003}, {"params": params[2:], "weight_decay": 0.2}]
    return AdamW(groups, lr=0.03, betas=(0.8, 0.9))


@dataclass(frozen=True)
class Training:
    """One call of train, and what must come of it."""

    problem: Problem
    make_optimizer: MakeOptimizer
    steps: int
    warm: int = 0
    """Steps that model and optimizer have behind them, so that the optimizer has a memory."""

    def start(self) -> tuple[nn.Module, torch.optim.Optimizer]:
        """A new model and its optimizer."""
        model = self.problem.copy()
        optimizer = self.make_optimizer(model)
        run(model, optimizer, self.problem.X, self.problem.y, self.warm)
        return model, optimizer

    @functools.cached_property
    def before(self) -> nn.Module:
        """The model before the call."""
        return self.start()[0]

    @functools.cached_property
    def reference(self) -> tuple[list[float], nn.Module]:
        """The right losses, and the model after the call."""
        model, optimizer = self.start()
        return run(model, optimizer, self.problem.X, self.problem.y, self.steps), model

    def ask(self, student) -> tuple[object, nn.Module]:
        """What the student's train returns, and the model that it was given."""
        model, optimizer = self.start()
        return student.train(model, optimizer, self.problem.X, self.problem.y, steps=self.steps), model


@functools.cache
def training(kind, seed, make_optimizer, steps, warm=0, dtype=torch.float64, samples=24) -> Training:
    return Training(make_problem(kind, seed, dtype, samples), make_optimizer, steps, warm)


def expect_training(student, case: Training) -> None:
    """The curve is right, and so are the parameters of the given model."""
    dtype = case.problem.X.dtype
    found, model = case.ask(student)
    expect_curve(found, case.reference[0], dtype, "the loss")
    after = f"the given model as {case.steps} steps of the given optimizer leave it"
    expect_parameters(look_at(student, model), case.reference[1], case.before, dtype, after)


@check(
    "test_train",
    0.5,
    "A tensor has a method that gives its one value as a Python number. Count your entries, too.",
    seconds=10,
)
def test_train_returns_floats(student):
    """train returns a list of Python floats, one for each step."""
    for case in (
        training("one layer", 1, plain_sgd, 1),
        training("tanh", 2, adam, 7),
        training("one layer", 49, sgd_with_momentum, 40, samples=3),  # the loss is next to nothing after 20 steps
        training("no activation", 0, diverging, 10, dtype=torch.float32),  # and here it is NaN after 3
    ):
        expect_list_of_floats(case.ask(student)[0], case.steps, "the result of train")


@check("test_train", 0.5, "What is the value of steps when a call does not name it?", seconds=10)
def test_train_default_steps(student):
    """train takes 100 steps by default."""
    case = training("one layer", 3, plain_sgd, 100)
    model, optimizer = case.start()
    found = student.train(model, optimizer, case.problem.X, case.problem.y)
    assert isinstance(found, (list, tuple, torch.Tensor)), f"expected a list of losses, found {tell(found)}"
    length = found.numel() if isinstance(found, torch.Tensor) else len(found)
    assert length == 100, f"expected 100 losses from train(model, optimizer, X, y), found {length}"


@check(
    "test_train",
    0.5,
    "Which loss do you write down: of which rows, on what output of the model, before or after?",
    seconds=10,
)
def test_train_first_loss(student):
    """The first entry is the cross-entropy of all the data before the first step."""
    for case in (
        training("tanh", 4, plain_sgd, 2, samples=1100),
        training("residual", 5, sgd_with_momentum, 2),
        training("one layer", 6, adam, 2, samples=1),
        training("batch norm", 16, plain_sgd, 2),
    ):
        found, _ = case.ask(student)
        what = f"the loss of all {len(case.problem.y)} samples{special(case.problem)}"
        expect_curve(found, case.reference[0], torch.float64, what, entries=1)


@check(
    "test_train",
    0.5,
    "Each step needs the gradient of its own loss alone, and the optimizer takes it as it is.",
    seconds=10,
)
def test_train_curve(student):
    """Each further entry is the loss before that step."""
    for case in (
        training("residual", 7, plain_sgd, 12),
        training("tanh", 8, sgd_with_momentum, 12, samples=1100),
        training("steep", 19, plain_sgd, 40),  # no progress in most of the steps
        training("one layer", 49, sgd_with_momentum, 40, samples=3),  # next to no loss in half of them
        training("tanh", 9, adam, 8, dtype=torch.float32),
    ):
        found, _ = case.ask(student)
        expect_curve(found, case.reference[0], case.problem.X.dtype, "the loss")


@check(
    "test_train",
    0.5,
    "Whoever calls train wants that very model trained: neither a copy of it nor a fresh one.",
    seconds=10,
)
def test_train_trains_the_model(student):
    """train trains the model that it is given, by exactly that many steps."""
    for case in (
        training("tanh", 10, plain_sgd, 1),
        training("residual", 11, adam, 5),
        training("no activation", 0, diverging, 10, dtype=torch.float32),
    ):
        _, model = case.ask(student)
        after = f"the given model as {case.steps} step{'s' if case.steps > 1 else ''} of the optimizer leave it"
        expect_parameters(look_at(student, model), case.reference[1], case.before, case.problem.X.dtype, after)


@check(
    "test_train",
    0.5,
    "The optimizer may hold a part of the model, settings of its own and a memory of past steps.",
    seconds=10,
)
def test_train_leaves_the_optimizer_alone(student):
    """Nothing but the given optimizer's own steps changes the model."""
    for case in (
        training("tanh", 12, head_only, 6),
        training("residual", 13, two_speeds, 6),
        training("tanh", 14, sgd_with_momentum, 6, warm=3),
        training("tanh", 15, adam, 6, warm=3),
        training("batch norm", 17, sgd_with_momentum, 6),
    ):
        expect_training(student, case)


# --- three_way_race -----------------------------------------------------------------------------------------------

RACERS: dict[str, MakeOptimizer] = {
    "SGD": lambda model: SGD(model.parameters(), lr=1e-2, momentum=0.9),
    "Adam": lambda model: Adam(model.parameters(), lr=1e-3),
    "AdamW": lambda model: AdamW(model.parameters(), lr=1e-3, weight_decay=0.01),
}


@functools.cache
def reference_curve(problem: Problem, racer: str, steps: int) -> list[float]:
    model = problem.copy()
    return run(model, RACERS[racer](model), problem.X, problem.y, steps)


def race(student, problem: Problem, steps: int, model: nn.Module | None = None) -> dict:
    found = student.three_way_race(model or problem.model, problem.X, problem.y, steps=steps)
    assert isinstance(found, dict), f"expected three_way_race to return a dict, found {tell(found)}"
    return found


def curve_of(curves: dict, racer: str) -> object:
    found = curves.get(racer)
    assert racer in curves, f"expected a curve under the key {racer}, found the keys {keys_of(curves)}"
    return found


def expect_racer(student, racer: str) -> None:
    """One optimizer's curves on three problems."""
    for kind, seed, dtype, steps, samples in (
        ("tanh", 21, torch.float64, 12, 1100),
        ("residual", 22, torch.float32, 12, 24),
        ("batch norm", 23, torch.float64, 5, 24),
    ):
        problem = make_problem(kind, seed, dtype, samples)
        with mentioning_train(student, problem, RACERS[racer], steps):
            found = curve_of(race(student, problem, steps), racer)
            what = f"the loss of {racer}{special(problem)}"
            expect_curve(found, reference_curve(problem, racer, steps), dtype, what)


@check(
    "test_three_way_race", 0.5, "The keys are the names of the three classes. What is the default of steps?", seconds=10
)
def test_race_is_a_dict_of_curves(student):
    """three_way_race returns a dict of SGD, Adam and AdamW, each a list of floats."""
    problem = make_problem("one layer", 24)
    for steps in (100, 5):
        given = {} if steps == 100 else {"steps": steps}
        curves = student.three_way_race(problem.model, problem.X, problem.y, **given)
        if steps == 100:  # the long race is the one to look at
            show_curves(student, curves, {racer: reference_curve(problem, racer, 100) for racer in RACERS})
        assert type(curves) is dict, f"expected three_way_race to return a dict, found {tell(curves)}"
        for racer in RACERS:
            expect_list_of_floats(curve_of(curves, racer), steps, f"the curve of {racer}")
        extra = [key for key in curves if key not in RACERS]
        assert not extra, f"expected the keys SGD, Adam and AdamW alone, found also {keys_of(extra)}"


@check(
    "test_three_way_race",
    0.5,
    "The three runs must differ in nothing but the optimizer: who has moved the weights?",
    seconds=10,
)
def test_race_starts_at_the_same_place(student):
    """All three start with the same weights, those of the given model."""
    for kind, seed in (("tanh", 25), ("residual", 26), ("batch norm", 30)):
        problem = make_problem(kind, seed)
        curves = race(student, problem, 4)
        for racer, make_optimizer in RACERS.items():
            with mentioning_train(student, problem, make_optimizer, 4):
                wanted = reference_curve(problem, racer, 4)
                expect_curve(
                    curve_of(curves, racer), wanted, torch.float64, f"the loss of {racer}{special(problem)}", entries=1
                )


@check(
    "test_three_way_race",
    0.5,
    "Compare every setting with the task. Does this run have an identical copy of its own?",
    seconds=10,
)
def test_race_sgd(student):
    """SGD races with lr 0.01 and momentum 0.9."""
    expect_racer(student, "SGD")


@check(
    "test_three_way_race",
    0.5,
    "Compare every setting with the task. Does this run have an identical copy of its own?",
    seconds=10,
)
def test_race_adam(student):
    """Adam races with lr 0.001 and no weight decay."""
    expect_racer(student, "Adam")


@check(
    "test_three_way_race",
    0.5,
    "Compare every setting with the task. Does this run have an identical copy of its own?",
    seconds=10,
)
def test_race_adamw(student):
    """AdamW races with lr 0.001 and weight decay 0.01."""
    expect_racer(student, "AdamW")


@check(
    "test_three_way_race",
    0.5,
    "A second name for an object is not a copy, and copy.copy copies no weights.",
    seconds=10,
)
def test_race_leaves_the_model(student):
    """The given model is left as it was."""
    for kind, seed in (("tanh", 27), ("residual", 28), ("batch norm", 29)):
        model = make_problem(kind, seed).copy()
        model.train(kind != "residual")  # whose copies may be in either mode: its output is the same
        curves = race(student, make_problem(kind, seed), 5, model)
        # leaving everything as it was is no merit of a race that is not run; keys are another check's business
        assert len(losses_in(curves)) > 1, "expected the losses of a race, found none"
        expect_as_it_was(student, model)


def losses_in(curves: dict) -> set[float]:
    """Every number in a race, in whatever container and under whatever key."""
    found = [loss for curve in curves.values() for loss in (curve if isinstance(curve, (list, tuple)) else [curve])]
    found = [loss.item() if isinstance(loss, torch.Tensor) and loss.numel() == 1 else loss for loss in found]
    return {loss for loss in found if type(loss) is float}


def expect_as_it_was(student, model: nn.Module) -> None:
    found = look_at(student, model)
    assert isinstance(found, ModuleDescription), f"expected the model that was given, found {tell(found)}"
    now, own = {**found.parameters, **found.buffers}, model.state_dict(keep_vars=True)
    changed = [n for n, t in own.items() if not isinstance(now.get(n), torch.Tensor) or not same(now[n], t)]
    assert not changed, f"expected the given model as it was, found changed: {names(changed)}"
    freed = [n for n, t in own.items() if now[n].requires_grad is not t.requires_grad]
    assert not freed, f"expected requires_grad of the given model as it was, found changed: {names(freed)}"
    modes = {True: "training mode", False: "evaluation mode"}
    assert found.training == model.training, (
        f"expected the given model in {modes[model.training]} as it was, found it in {modes[found.training]}"
    )


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one, other)


# --- plot_race ----------------------------------------------------------------------------------------------------

THREE = {"SGD": [1.5, 1.4, 1.35, 1.32, 1.3], "Adam": [1.5, 1.1, 0.6, 0.3, 0.12], "AdamW": [1.5, 1.2, 0.7, 0.4, 0.2]}
TWO = {"Lion": [2.0, 0.004, 3.5], "RMSprop": [1.25, 0.75, 0.5, 0.45, 0.44, 7.0]}
LONG = {"short": [0.7], "long": [1 / (step + 1) for step in range(150)]}
FOUR = {"d": [0.9, 0.8], "AdamW": [0.1, 0.11], "b": [12.0, 1e-5], "a": [0.3, 0.2]}


def plot(student, curves: dict, axes: NewAxes | None = None) -> AxesDescription:
    found = student.plot_race(curves) if axes is None else student.plot_race(curves, ax=axes)
    call = "plot_race(curves)" if axes is None else "plot_race(curves, ax=ax)"
    assert isinstance(found, AxesDescription), f"expected {call} to return the Axes, found {tell(found)}"
    return found


def labelled_lines(axes: AxesDescription) -> list[tuple[str, list[float], list[float]]]:
    """Label, x and y of each line. A label may have been given to the line, or to the legend, in the same order."""
    lines = axes.lines
    named = [line for line in lines if not line.label.startswith("_")]
    if not named and axes.legend is not None and len(axes.legend) == len(lines):
        return [(label, line.x, line.y) for label, line in zip(axes.legend, lines, strict=True)]
    return [(line.label, line.x, line.y) for line in named]


def drawing(student, curves: dict, kind: type[NewAxes] = NewAxes) -> AxesDescription:
    """What plot_race draws into new Axes, whatever it returns."""
    axes = kind()
    student.plot_race(curves, ax=axes)
    found = look_at(student, axes)
    if not isinstance(found, AxesDescription) or not found.lines:  # perhaps it drew elsewhere, and said so
        found = plot(student, curves)
    return found


@check("test_plot_race", 0.5, "Return the Axes, not a Figure; draw into ax when there is one, else into new Axes.")
def test_plot_returns_the_axes(student):
    """plot_race returns the Axes, and draws into ax when it is given."""
    plot(student, TWO)
    for curves, axes in ((THREE, NewAxes()), (TWO, NewPanel())):
        found = plot(student, curves, axes)
        assert found.same_as is axes, "expected plot_race(curves, ax=ax) to return ax itself, found other Axes"
        assert found.lines, "expected plot_race(curves, ax=ax) to draw into ax, found no line there"


@check("test_plot_race", 0.5, "curves may hold any number of curves, under any names: loop over its items.")
def test_plot_lines(student):
    """There is one line for each curve, labelled with its key."""
    for curves in (THREE, TWO, FOUR):
        axes = drawing(student, curves)
        labels = [label for label, _, _ in labelled_lines(axes)]
        given = f"for the curves {', '.join(curves)}"
        missing = [name for name in curves if name not in labels]
        assert not missing, (
            f"expected a line labelled {missing[0]} {given}, "
            f"found {f'lines labelled {names(labels, 4)}' if labels else 'no line with a label'}"
        )
        other = [label for label in labels if label not in curves]
        assert not other, f"expected one line each {given}, found also a line labelled {other[0]}"
        twice = [name for name in curves if labels.count(name) > 1]
        assert not twice, f"expected one line each {given}, found {labels.count(twice[0])} of {twice[0]}"
        bare = [line for line in axes.lines if line.label.startswith("_")]
        further = [line for line in bare if len(set(line.y)) > 2]  # a straight line or a mark may help the reader
        assert len(bare) == len(axes.lines) or not further, (
            f"expected one line each {given}, found also a line without a label, of {len(further[0].y)} points"
        )


@check("test_plot_race", 0.5, "Draw the numbers as they are; a log scale changes the axis, not the numbers.")
def test_plot_values(student):
    """Each line shows the unchanged losses over the step index, from 0."""
    for curves in (THREE, TWO, LONG):
        lines = {label: (x, y) for label, x, y in labelled_lines(drawing(student, curves))}
        for name, losses in curves.items():
            if name not in lines:  # labels are another check's business
                continue
            x, y = lines[name]
            expect_points(x, list(range(len(losses))), f"x of the line {name}")
            expect_points(y, losses, f"y of the line {name}")
        assert set(lines) & set(curves), (
            f"expected lines labelled {', '.join(curves)}, found {names(lines) or 'none with a label'}"
        )


def expect_points(found: list[float], wanted: list[float], what: str) -> None:
    assert len(found) == len(wanted), f"expected {what} to have {len(wanted)} points, found {len(found)}"
    wrong = [i for i, (f, w) in enumerate(zip(found, wanted, strict=True)) if not math.isclose(f, w, rel_tol=1e-5)]
    assert not wrong, f"expected {what} to be {wanted[wrong[0]]:g} at index {wrong[0]}, found {found[wrong[0]]:g}"


@check("test_plot_race", 0.5, "A reader who sees the figure alone must know what each axis and each line is.")
def test_plot_labels(student):
    """Both axes have labels, and a legend names the lines."""
    for curves, kind in ((THREE, NewPanel), (FOUR, NewAxes)):
        axes = drawing(student, curves, kind)
        bare = [axis for axis, label in (("x", axes.xlabel), ("y", axes.ylabel)) if not label.strip()]
        assert not bare, f"expected a label on both axes, found none on the {' and the '.join(bare)} axis"
        assert axes.legend is not None, "expected a legend, found none"
        missing = [name for name in curves if name not in axes.legend]
        assert not missing, f"expected {missing[0]} in the legend, found {names(axes.legend, 4) or 'an empty legend'}"


# --- race_report --------------------------------------------------------------------------------------------------


def make_curves(adam: list[float], gaps: list[float], sgd: list[float]) -> dict[str, list[float]]:
    """AdamW is Adam plus the gaps. The order of the keys says nothing."""
    adamw = [loss + gap for loss, gap in zip(adam, gaps, strict=True)]
    return {"AdamW": adamw, "SGD": sgd, "Adam": adam}


def falling(start: float, end: float, steps: int) -> list[float]:
    return [end + (start - end) * (1 - step / (steps - 1)) ** 2 for step in range(steps)]


REPORTS = {
    "AdamW below Adam": make_curves(
        falling(2.0, 0.25, 16),
        [0, -0.01, -0.02, 0.015, -0.0704321, 0.03, 0, 0, 0.01, 0.02] + [0.0] * 6,
        falling(2, 0.9004321, 16),
    ),
    "AdamW above Adam": make_curves(
        falling(1.5, 0.5, 14), [0, 0.01, 0.02, -0.01, 0, 0.04, 0.01, 0, 0, -0.02] + [0.0] * 4, falling(1.5, 2.5, 14)
    ),
    "the largest gap at the tenth step": make_curves(
        [*falling(1.0, 0.3, 19), 0.45], [0.0] * 8 + [2e-5, -5.4321e-5] + [0.0] * 10, falling(1.0, 0.35, 20)
    ),
    "larger gaps from the eleventh step on": make_curves(
        falling(1.0, 0.4, 15), [0, 0.01, 0.03, 0.02] + [0.0] * 6 + [0.2, -0.3, 0.1, 0.2, 0.5], falling(1.0, 0.1, 15)
    ),
    "a race of 1 step": make_curves([1.2], [0], [1.2]),
    "a race of 4 steps": make_curves(falling(1.2, 0.8, 4), [0, 0.01, -0.06, 0.05], falling(1.2, 0.5, 4)),
}


def true_report(curves: dict[str, list[float]]) -> dict[str, float]:
    pairs = zip(curves["Adam"][:10], curves["AdamW"][:10], strict=True)
    return {
        "adam_adamw_gap": max(abs(one - other) for one, other in pairs),
        "sgd_lag": curves["SGD"][-1] - curves["Adam"][-1],
    }


def report(student, case: str) -> dict:
    found = student.race_report(REPORTS[case])
    assert isinstance(found, dict), f"expected race_report to return a dict, found {tell(found)}"
    return found


def expect_entry(student, case: str, key: str) -> None:
    found = report(student, case)
    assert key in found, f"expected the key {key}, found the keys {keys_of(found)}"
    number = expect_number(found[key], f"race_report, under {key},")
    wanted = true_report(REPORTS[case])[key]
    assert abs(number - wanted) <= 1e-6, f"with {case}, expected {key} to be {wanted:.4g}, found {number:.4g}"


@check("test_race_report", 0.5, "Two keys, spelled as in the task, with a plain number under each.")
def test_report_form(student):
    """race_report returns a dict of two floats, adam_adamw_gap and sgd_lag."""
    found = student.race_report(REPORTS["AdamW below Adam"])
    assert type(found) is dict, f"expected race_report to return a dict, found {tell(found)}"
    wanted = {"adam_adamw_gap", "sgd_lag"}
    assert set(found) == wanted, f"expected the keys adam_adamw_gap and sgd_lag, found {keys_of(found)}"
    for key in sorted(wanted):
        assert type(found[key]) is float, f"expected {key} to be a float, found {tell_kind(found[key])}"


@check("test_race_report", 0.5, "A gap has no sign, and either curve may be the upper one. Which step is the tenth?")
def test_report_gap(student):
    """adam_adamw_gap is the largest distance of the two curves in the first ten steps."""
    for case in list(REPORTS)[:4]:
        expect_entry(student, case, "adam_adamw_gap")


@check("test_race_report", 0.5, "It is positive where SGD ends above Adam, and negative where it ends below.")
def test_report_lag(student):
    """sgd_lag is the final loss of SGD minus that of Adam."""
    for case in list(REPORTS)[:4]:
        expect_entry(student, case, "sgd_lag")


@check("test_race_report", 0.5, "How many of the first ten steps are there when a race has only four, or one?")
def test_report_of_a_short_race(student):
    """race_report works for a race of fewer than ten steps."""
    for case in list(REPORTS)[4:]:
        expect_entry(student, case, "adam_adamw_gap")
        expect_entry(student, case, "sgd_lag")


# --- tune_sgd -----------------------------------------------------------------------------------------------------

# Seeds were searched for on which one mistake gives another answer and the next best final loss is at least 25 % above
# the best: no rounding changes the winner.


@functools.cache
def final_loss(problem: Problem, lr: float, steps: int) -> float:
    model = problem.copy()
    return run(model, SGD(model.parameters(), lr=lr, momentum=0.9), problem.X, problem.y, steps)[-1]


def expect_best(student, problem: Problem, lrs: list[float] | tuple[float, ...], steps: int | None = None) -> nn.Module:
    """One call, which names the steps unless they are the default; returns the model that it was given."""
    given, steps = ({}, 100) if steps is None else ({"steps": steps}, steps)
    model = problem.copy().eval()  # the mode is kept, and makes no difference to the runs
    found = student.tune_sgd(model, problem.X, problem.y, lrs, **given)
    finals = {lr: final_loss(problem, lr, steps) for lr in lrs}
    wanted = min((lr for lr in lrs if math.isfinite(finals[lr])), key=finals.__getitem__)
    call = f"of lrs {', '.join(f'{lr:g}' for lr in lrs)}, for steps={steps}{'' if given else ' (the default)'},"
    ends = {lr: f"final loss {finals[lr]:.3g}" for lr in lrs}
    with mentioning_train(student, problem, lambda model: SGD(model.parameters(), lr=wanted, momentum=0.9), steps):
        assert type(found) in (int, float), f"expected one of the learning rates {call} found {tell(found)}"
        chosen = [lr for lr in lrs if math.isclose(lr, found, rel_tol=1e-9)]
        assert chosen, f"expected one of the learning rates {call} found {found:.9g}"
        assert chosen[0] == wanted, (
            f"expected {wanted:g} ({ends[wanted]}) {call} found {chosen[0]:g} ({ends[chosen[0]]})"
        )
    return model


@check(
    "test_tune_sgd",
    0.5,
    "Look at the last entry of each curve alone, and return the rate, not its loss or place.",
    seconds=10,
)
def test_tune_finds_the_best(student):
    """tune_sgd returns the learning rate of lrs whose final loss is lowest."""
    for seed, lrs, steps, *kind in (
        (3, [0.05, 0.01, 3.0, 5.0], 10),  # neither the smallest nor the largest, neither first nor last
        (39, (1.0, 5.0, 0.2, 0.02), 8),  # a tuple
        (1, [0.02, 0.6, 5.0, 0.01], 12),  # 5 is lower on the way, but not at the end
        (34, [0.1, 0.2, 0.05, 5.0], 10),  # 5 is higher on the way, but not at the end
        (67, [0.01, 0.3, 1.0, 5.0], 10),  # 1 is worse than 0.3, and 5 is better again
        (40, [100.0, 3.0, 30.0], 4, "steep"),  # all end far above their start, and yet one is the lowest
    ):
        expect_best(student, make_problem(*kind or ["tanh"], seed), lrs, steps)


@check("test_tune_sgd", 0.5, "Which optimizer, with which momentum, for how many steps?", seconds=10)
def test_tune_settings(student):
    """tune_sgd runs SGD with momentum 0.9, for as many steps as it is told."""
    for seed, lrs, steps in (
        (3, [5.0, 0.1, 1.0, 0.003], 10),  # without momentum, another rate wins
        (19, [0.02, 0.3, 0.05, 3.0], 8),  # after 100 steps, another rate wins
        (208, [0.4, 0.1], None),  # after 50 steps, another rate wins
    ):
        expect_best(student, make_problem("tanh", seed), lrs, steps)


@check("test_tune_sgd", 0.5, "What does Python say to float('nan') < 1.0, and to 1.0 < float('nan')?", seconds=10)
def test_tune_ignores_diverged_runs(student):
    """A run that diverged never wins, wherever it stands in lrs."""
    problem = make_problem("no activation", 0, torch.float32)
    for lrs in ([0.0005, 1000.0], [1000.0, 0.0005, 0.002], [0.0005, 1000.0, 0.002, 0.001], (0.002, 0.0005, 1e6)):
        expect_best(student, problem, lrs, 10)


@check("test_tune_sgd", 0.5, "Who has trained the model before the second learning rate gets its turn?", seconds=10)
def test_tune_starts_each_run_anew(student):
    """Each run starts from a copy of the given model, which is left as it was."""
    for seed, lrs, steps in ((39, [5.0, 1.0, 0.1, 0.3], 15), (26, [0.6, 0.02, 0.2, 2.0], 8)):
        model = expect_best(student, make_problem("tanh", seed), lrs, steps)
        expect_as_it_was(student, model)
