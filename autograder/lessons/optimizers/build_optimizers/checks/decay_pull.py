"""Hidden checks of decay_pull."""

import functools
import math

import torch

from autograder.checking.check import check
from autograder.checking.expect import expect_number, unwrapped
from autograder.checking.student import once
from autograder.checking.words import tell, tell_call, tell_kind
from autograder.messages import say

SGD, Adam, AdamW = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW


@functools.cache
def true_pull(optimizer_class, lr, weight_decay, weight):
    """The answer, measured with torch itself in float64."""
    parameter = torch.nn.Parameter(torch.tensor(weight, dtype=torch.float64))
    parameter.grad = torch.zeros_like(parameter)
    optimizer_class([parameter], lr=lr, weight_decay=weight_decay).step()
    return weight - parameter.item()


def expect_pull(student, optimizer_class, lr, weight_decay, weight=None, by_position=False):
    """Compare one call with the truth. A student may compute in float32, so a weight is known to about 1e-7 of it.

    That bounds the error however small the weight is; a rounded result does not keep to it.
    """
    settings = {"lr": lr, "weight_decay": weight_decay} | ({} if weight is None else {"weight": weight})
    if by_position:
        call = tell_call("decay_pull", optimizer_class.__name__, *settings.values())
        found = student.decay_pull(optimizer_class, *settings.values())
    else:
        call = tell_call("decay_pull", optimizer_class.__name__, **settings)
        found = student.decay_pull(optimizer_class, **settings)
    weight = 1.0 if weight is None else weight
    found = expect_number(found, "decay_pull")
    wanted = true_pull(optimizer_class, lr, weight_decay, weight)
    close = abs(found - wanted) <= 1e-3 * abs(wanted) + 1e-6 * abs(weight)
    assert close, say(
        "expected {call} to be about {wanted:.4g}, found {found:.4g}", call=call, wanted=wanted, found=found
    )


def expect_it_measures(student):
    """The answer depends on what is asked, for one of the classes at least, whatever it is.

    A constant and an argument that is handed back are floats too, and no merit.
    """
    usual = {"lr": 0.1, "weight_decay": 0.1}

    def measure():
        return [
            [
                student.decay_pull(optimizer_class, **{**usual, **other})
                for other in ({}, {"lr": 0.2}, {"weight_decay": 0.4})
            ]
            for optimizer_class in (SGD, AdamW)
        ]

    found = [[unwrapped(answer) for answer in answers] for answers in once(student, expect_it_measures, measure)]
    depends = any(all(map(is_finite, answers)) and len(set(answers)) == 3 for answers in found)
    assert depends, say(
        "expected {function} to depend on lr and weight_decay, found {found} whatever they are",
        function="decay_pull",
        found=tell(found[0][0]),
    )


def is_finite(found):
    return type(found) in (int, float) and math.isfinite(found)


PULL_HINT = "Set the gradient to zero, which is not the same as leaving it None. Then take one step, and compare."


@check("test_decay_pull", 0.5, "A tensor has a method that gives its one value as a Python number.")
def test_pull_is_a_float(student):
    """decay_pull returns a Python float."""
    right = False  # any number is a float: one of these must be the pull, too
    for optimizer_class in (SGD, Adam, AdamW):
        for weight_decay in (0.1, 0.0):
            found = student.decay_pull(optimizer_class, lr=0.3, weight_decay=weight_decay)
            assert type(found) is float, say(
                "expected a float, found {found} (from {optimizer})",
                found=tell_kind(found),
                optimizer=optimizer_class.__name__,
            )
            right |= weight_decay != 0 and optimizer_class is not Adam and math.isclose(found, 0.03, rel_tol=1e-3)
    assert right, say("expected one of the pulls to be right before its type counts, found none")


@check("test_decay_pull", 0.5, PULL_HINT)
def test_pull_of_sgd(student):
    """SGD pulls a weight by lr * weight_decay * weight."""
    expect_pull(student, SGD, 0.1, 0.1)
    expect_pull(student, SGD, 0.05, 0.4)
    expect_pull(student, SGD, 0.013, 0.0027)


@check("test_decay_pull", 0.5, PULL_HINT)
def test_pull_of_adamw(student):
    """AdamW pulls a weight by lr * weight_decay * weight."""
    expect_pull(student, AdamW, 0.1, 0.1)
    expect_pull(student, AdamW, 0.02, 0.6)
    expect_pull(student, AdamW, 0.017, 0.0019)


@check(
    "test_decay_pull",
    0.5,
    "Adam's decay enters through the gradient, which Adam then divides by its own size. " + PULL_HINT,
)
def test_pull_of_adam(student):
    """Adam pulls a weight by about lr, whatever the decay."""
    expect_it_measures(student)
    expect_pull(student, Adam, 0.1, 0.3)
    expect_pull(student, Adam, 0.1, 0.03)
    expect_pull(student, Adam, 0.02, 0.3)


@check(
    "test_decay_pull",
    0.5,
    "Start from the weight that was given, subtract after from before (a negative weight moves up), and do not round.",
)
def test_pull_of_weights(student):
    """decay_pull starts from the given weight, of either sign, however small."""
    for optimizer_class in (SGD, AdamW, Adam):
        expect_pull(student, optimizer_class, 0.1, 0.2, 4.0)
        expect_pull(student, optimizer_class, 0.1, 0.2, -2.5, by_position=True)
    for optimizer_class in (SGD, AdamW):  # in Adam, eps counts for such a weight
        expect_pull(student, optimizer_class, 0.1, 0.2, 3.1e-7)


@check("test_decay_pull", 0.5, "With a zero gradient and no decay, what is left that could move the weight?")
def test_pull_without_decay(student):
    """Without decay, nothing pulls."""
    expect_it_measures(student)
    for optimizer_class in (SGD, AdamW, Adam):
        expect_pull(student, optimizer_class, 0.1, 0.0)
