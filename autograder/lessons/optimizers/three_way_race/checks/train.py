"""Hidden checks of train."""

import functools

import torch
from torch import nn

from autograder.checking.check import check
from autograder.checking.descriptions import ModuleDescription
from autograder.checking.student import look_at
from autograder.checking.words import names, tell
from autograder.lessons.optimizers.three_way_race.curves import (
    TOLERANCE,
    as_numbers,
    expect_curve,
    expect_list_of_floats,
    is_close,
)
from autograder.lessons.optimizers.three_way_race.problems import make_problem, on_its_model
from autograder.lessons.optimizers.three_way_race.training import LOSS, RESULT, Training
from autograder.messages import Message, say

SGD, Adam, AdamW = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW


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


@functools.cache
def training(kind, seed, make_optimizer, steps, warm=0, dtype=torch.float64, samples=24) -> Training:
    return Training(make_problem(kind, seed, dtype, samples), make_optimizer, steps, warm)


def expect_parameters(
    found: ModuleDescription, wanted: nn.Module, before: nn.Module, dtype: torch.dtype, steps: int
) -> None:
    """The model that a call was given has these parameters now, after so many steps."""
    start = dict(before.named_parameters())
    untouched: list[str] = []
    wrong: list[str] = []
    freed: list[str] = []
    numbers: list[str] = []
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
    what = say("the given model as 1 step of the given optimizer leaves it")
    if steps != 1:
        what = say("the given model as {steps} steps of the given optimizer leave it", steps=steps)
    assert not untouched, say("expected {what}, found unchanged: {names}", what=what, names=names(untouched))
    assert not wrong, say("expected {what}, found other values in {names}", what=what, names=names(wrong))
    assert not numbers, say(
        "expected {what}, which is NaN once the loss is, found numbers in {names}", what=what, names=names(numbers)
    )
    assert not freed, say("expected requires_grad to stay as it was, found changed: {names}", names=names(freed))
    assert found.training == before.training, say(
        "expected the model to stay in training mode, found it in evaluation mode"
    )


def loss_of_samples(count: int) -> Message:
    return say("the loss of the 1 sample") if count == 1 else say("the loss of all {count} samples", count=count)


def expect_training(student, case: Training) -> None:
    """The curve is right, and so are the parameters of the given model."""
    dtype = case.problem.X.dtype
    found, model = case.ask(student)
    expect_curve(found, case.reference[0], dtype, LOSS)
    expect_parameters(look_at(student, model), case.reference[1], case.before, dtype, case.steps)


def expect_it_trains(student) -> None:
    """The given model is not as it was, or the second loss is that of a model that was trained.

    As many numbers as steps, and the loss of the untrained model, can be had without a step.
    """
    case = training("residual", 7, plain_sgd, 12)
    found, model = case.ask(student)
    before, now = dict(case.before.named_parameters()), look_at(student, model).parameters
    moved = any(isinstance(now.get(name), torch.Tensor) and not torch.equal(now[name], before[name]) for name in before)
    numbers = as_numbers(found, case.steps, LOSS) if not moved else []
    right = moved or is_close(numbers[1], case.reference[0][1], TOLERANCE[torch.float64])
    assert right, say("expected train to take steps, found the model as it was, and losses of no trained one")


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
        expect_list_of_floats(case.ask(student)[0], case.steps, RESULT)
    expect_it_trains(student)


@check("test_train", 0.5, "What is the value of steps when a call does not name it?", seconds=10)
def test_train_default_steps(student):
    """train takes 100 steps by default."""
    case = training("one layer", 3, plain_sgd, 100)
    model, optimizer = case.start()
    found = student.train(model, optimizer, case.problem.X, case.problem.y)
    assert isinstance(found, (list, tuple, torch.Tensor)), say(
        "expected a list of losses, found {found}", found=tell(found)
    )
    length = found.numel() if isinstance(found, torch.Tensor) else len(found)
    assert length == 100, say(
        "expected {wanted} losses from {call}, found {found}",
        wanted=100,
        call="train(model, optimizer, X, y)",
        found=length,
    )
    expect_it_trains(student)


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
        what = on_its_model(loss_of_samples(len(case.problem.y)), case.problem)
        expect_curve(found, case.reference[0], torch.float64, what, entries=1)
    expect_it_trains(student)


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
        expect_curve(found, case.reference[0], case.problem.X.dtype, LOSS)


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
        expect_parameters(look_at(student, model), case.reference[1], case.before, case.problem.X.dtype, case.steps)


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
