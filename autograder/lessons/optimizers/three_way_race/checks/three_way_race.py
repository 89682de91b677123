"""Hidden checks of three_way_race."""

import functools

import torch
from torch import nn

from autograder.checking.check import check
from autograder.checking.expect import unwrapped
from autograder.checking.student import once, show_curves
from autograder.checking.unchanged import expect_unchanged
from autograder.checking.words import tell, tell_keys
from autograder.lessons.optimizers.three_way_race.curves import (
    TOLERANCE,
    expect_curve,
    expect_list_of_floats,
    is_close,
)
from autograder.lessons.optimizers.three_way_race.models import Residual
from autograder.lessons.optimizers.three_way_race.problems import (
    MakeOptimizer,
    Problem,
    make_problem,
    on_its_model,
    run,
)
from autograder.lessons.optimizers.three_way_race.training import mentioning_train
from autograder.messages import Message, say

SGD, Adam, AdamW = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW

RACERS: dict[str, MakeOptimizer] = {
    "SGD": lambda model: SGD(model.parameters(), lr=1e-2, momentum=0.9),
    "Adam": lambda model: Adam(model.parameters(), lr=1e-3),
    "AdamW": lambda model: AdamW(model.parameters(), lr=1e-3, weight_decay=0.01),
}


@functools.cache
def reference_curve(problem: Problem, racer: str, steps: int) -> list[float]:
    model = problem.copy()
    return run(model, RACERS[racer](model), problem.X, problem.y, steps)


def race(student, problem: Problem, steps: int) -> tuple[dict, nn.Module]:
    """One race, which is run once for all checks, and the model that it was given."""

    def run_race() -> tuple[object, nn.Module]:
        model = problem.copy()
        model.train(not isinstance(model, Residual))  # whose output is the same in either mode
        return student.three_way_race(model, problem.X, problem.y, steps=steps), model

    found, model = once(student, (problem, steps), run_race)
    assert isinstance(found, dict), say("expected three_way_race to return a dict, found {found}", found=tell(found))
    return found, model


def loss_of(racer: str, problem: Problem) -> Message:
    return on_its_model(say("the loss of {racer}", racer=racer), problem)


def curve_of(curves: dict, racer: str) -> object:
    found = curves.get(racer)
    assert racer in curves, say(
        "expected a curve under the key {key}, found {found}", key=repr(racer), found=tell_keys(curves)
    )
    return found


SHORT_RACES = [("tanh", 25), ("residual", 26), ("batch norm", 30)]
RACES = [
    ("tanh", 21, torch.float64, 6, 1100),
    ("residual", 22, torch.float32, 8, 24),
    ("batch norm", 23, torch.float64, 5, 24),
]


def expect_racer(student, racer: str) -> None:
    """One optimizer's curves on three problems."""
    for kind, seed, dtype, steps, samples in RACES:
        problem = make_problem(kind, seed, dtype, samples)
        with mentioning_train(student, problem, RACERS[racer], steps):
            found = curve_of(race(student, problem, steps)[0], racer)
            expect_curve(found, reference_curve(problem, racer, steps), dtype, loss_of(racer, problem))


def expect_it_races(student) -> None:
    """The curves differ, and one begins with a loss of the given model, or with that after its first step.

    Any three lists of numbers have the right form, and leave the model as it was.
    """
    problem = make_problem(*SHORT_RACES[0])
    curves, _ = race(student, problem, 4)
    found = [[unwrapped(loss) for loss in curve] for curve in curves.values() if isinstance(curve, (list, tuple))]
    found += [curve.tolist() for curve in curves.values() if isinstance(curve, torch.Tensor) and curve.ndim == 1]
    found = [curve for curve in found if curve and all(type(loss) is float for loss in curve)]
    starts = {loss for racer in RACERS for loss in reference_curve(problem, racer, 4)[:2]}
    begins = any(is_close(curve[0], start, TOLERANCE[torch.float64]) for curve in found for start in starts)
    assert begins, say("expected a curve to begin with the loss of the given model, found none")
    assert any(curve != found[0] for curve in found), say("expected curves that differ, found the same ones")


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
        assert type(curves) is dict, say("expected three_way_race to return a dict, found {found}", found=tell(curves))
        for racer in RACERS:
            expect_list_of_floats(curve_of(curves, racer), steps, say("the curve of {racer}", racer=racer))
        extra = [key for key in curves if key not in RACERS]
        assert not extra, say(
            "expected the keys 'SGD', 'Adam' and 'AdamW' alone, found also {found}", found=tell_keys(extra)
        )
    expect_it_races(student)


@check(
    "test_three_way_race",
    0.5,
    "The three runs must differ in nothing but the optimizer: who has moved the weights?",
    seconds=10,
)
def test_race_starts_at_the_same_place(student):
    """All three start with the same weights, those of the given model."""
    for kind, seed in SHORT_RACES:
        problem = make_problem(kind, seed)
        curves, _ = race(student, problem, 4)
        for racer, make_optimizer in RACERS.items():
            with mentioning_train(student, problem, make_optimizer, 4):
                wanted = reference_curve(problem, racer, 4)
                expect_curve(curve_of(curves, racer), wanted, torch.float64, loss_of(racer, problem), entries=1)
    expect_it_races(student)


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
    for kind, seed in SHORT_RACES:
        curves, model = race(student, make_problem(kind, seed), 4)
        # leaving everything as it was is no merit of a race that is not run; keys are another check's business
        assert len(losses_in(curves)) > 1, say("expected the losses of a race, found none")
        expect_unchanged(student, model, dtypes=False, buffers=True, mode=True)
    expect_it_races(student)


def losses_in(curves: dict) -> set[float]:
    """Every number in a race, in whatever container and under whatever key."""
    found = [loss for curve in curves.values() for loss in (curve if isinstance(curve, (list, tuple)) else [curve])]
    return {loss for loss in map(unwrapped, found) if type(loss) is float}
