"""Hidden checks of tune_sgd."""

import functools
import math

import torch
from torch import nn

from autograder.checking.check import check
from autograder.checking.unchanged import expect_unchanged
from autograder.checking.words import tell, tell_call
from autograder.lessons.optimizers.three_way_race.problems import MakeOptimizer, Problem, make_problem, run
from autograder.lessons.optimizers.three_way_race.training import mentioning_train
from autograder.messages import say

# Seeds were searched for on which one mistake gives another answer and the next best final loss is at least 25 % above
# the best: no rounding changes the winner.


def make_sgd(lr: float) -> MakeOptimizer:
    """The optimizer of a run."""
    return lambda model: torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)


@functools.cache
def final_loss(problem: Problem, lr: float, steps: int) -> float:
    model = problem.copy()
    return run(model, make_sgd(lr)(model), problem.X, problem.y, steps)[-1]


def expect_best(student, problem: Problem, lrs: list[float] | tuple[float, ...], steps: int | None = None) -> nn.Module:
    """One call, which names the steps unless they are the default; returns the model that it was given."""
    given, steps = ({}, 100) if steps is None else ({"steps": steps}, steps)
    model = problem.copy().eval()  # the mode is kept, and makes no difference to the runs
    found = student.tune_sgd(model, problem.X, problem.y, lrs, **given)
    finals = {lr: final_loss(problem, lr, steps) for lr in lrs}
    wanted = min((lr for lr in lrs if math.isfinite(finals[lr])), key=finals.__getitem__)
    call = tell_call("tune_sgd", "model", "X", "y", lrs, **given)
    with mentioning_train(student, problem, make_sgd(wanted), steps):
        assert type(found) in (int, float), say(
            "expected one of the learning rates from {call}, found {found}", call=call, found=tell(found)
        )
        chosen = [lr for lr in lrs if math.isclose(lr, found, rel_tol=1e-9)]
        assert chosen, say("expected one of the learning rates from {call}, found {found:.9g}", call=call, found=found)
        assert chosen[0] == wanted, say(
            "expected {wanted} (final loss {lowest:.3g}) from {call}, found {found} (final loss {end:.3g})",
            wanted=wanted,
            lowest=finals[wanted],
            call=call,
            found=chosen[0],
            end=finals[chosen[0]],
        )
    return model


def expect_it_tries(student) -> None:
    """With inputs a hundred times as large, a far smaller rate is chosen from the same ones.

    A rule for the rates alone is right where the best one happens to be the one that it names.
    """
    lrs = [1e-6, 1e-2, 1.0]
    found = [
        student.tune_sgd(problem.copy(), problem.X, problem.y, lrs, steps=5)
        for problem in (make_problem("tanh", 3), make_problem("steep", 40))
    ]
    are_numbers = all(type(rate) in (int, float) for rate in found)  # of anything else the check itself tells
    assert not are_numbers or found[0] != found[1], say(
        "expected different rates for inputs of different sizes, found {found} for both", found=tell(found[0])
    )


@check(
    "test_tune_sgd",
    0.5,
    "Look at the last entry of each curve alone, and return the rate, not its loss or place.",
    seconds=10,
)
def test_tune_finds_the_best(student):
    """tune_sgd returns the learning rate of lrs whose final loss is lowest."""
    for seed, lrs, steps, *kind in (
        (3, [0.05, 0.01, 3.0, 5.0], 5),  # neither the smallest nor the largest, neither first nor last
        (39, (1.0, 5.0, 0.2, 0.02), 4),  # a tuple
        (12, [0.02, 0.6, 5.0, 0.01], 5),  # 5 is lower on the way, but not at the end
        (297, [0.1, 0.2, 0.05, 5.0], 5),  # 5 is higher on the way, but not at the end
        (234, [0.01, 0.3, 1.0, 5.0], 5),  # 1 is worse than 0.3, and 5 is better again
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
    expect_it_tries(student)
    problem = make_problem("no activation", 0, torch.float32)
    for lrs in ([0.0005, 1000.0], [1000.0, 0.0005, 0.002], [0.0005, 1000.0, 0.002, 0.001], (0.002, 0.0005, 1e6)):
        expect_best(student, problem, lrs, 6)


@check("test_tune_sgd", 0.5, "Who has trained the model before the second learning rate gets its turn?", seconds=10)
def test_tune_starts_each_run_anew(student):
    """Each run starts from a copy of the given model, which is left as it was."""
    expect_it_tries(student)
    for seed, lrs, steps in ((39, [5.0, 1.0, 0.1, 0.3], 15), (26, [0.6, 0.02, 0.2, 2.0], 8)):
        model = expect_best(student, make_problem("tanh", seed), lrs, steps)
        expect_unchanged(student, model, dtypes=False, buffers=True, mode=True)
