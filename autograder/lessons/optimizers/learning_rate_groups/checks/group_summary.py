"""Hidden checks of group_summary."""

from __future__ import annotations

import torch
from torch import nn

from autograder.checking.check import check
from autograder.checking.expect import same
from autograder.checking.words import names, tell, tell_kind
from autograder.lessons.optimizers.learning_rate_groups.zoo import architecture
from autograder.messages import say


def blank(*shape: int, frozen: bool = False) -> nn.Parameter:
    return nn.Parameter(torch.zeros(shape), requires_grad=not frozen)


def rising(*groups: list[nn.Parameter]) -> list[dict]:
    """Group dicts with different rates, in rising order."""
    return [{"params": group, "lr": 0.25 * (number + 1)} for number, group in enumerate(groups)]


def summarised(student, optimizer: torch.optim.Optimizer) -> list[tuple]:
    """What group_summary says, as pairs of whatever it holds."""
    found = student.group_summary(optimizer)
    assert isinstance(found, (list, tuple)), say(
        "expected a list of (lr, number) tuples, found {found}", found=tell(found)
    )
    assert len(found) == len(optimizer.param_groups), say(
        "expected a tuple for each of {count} groups, found {found}",
        count=len(optimizer.param_groups),
        found=tell(found),
    )
    for number, pair in enumerate(found):
        assert isinstance(pair, (tuple, list)) and len(pair) == 2, say(
            "expected a tuple (lr, number) for group {number}, found {found}", number=number, found=tell(pair)
        )
    return [tuple(pair) for pair in found]


def expect_counts(student, optimizer: torch.optim.Optimizer) -> None:
    """The second entries count the scalars of each group."""
    pairs = summarised(student, optimizer)
    for number, (pair, group) in enumerate(zip(pairs, optimizer.param_groups, strict=True)):
        wanted = sum(param.numel() for param in group["params"])
        assert same(pair[1], wanted) or group["params"], say(
            "expected {wanted} scalars in group {number}, which has no parameters, found {found}",
            wanted=wanted,
            number=number,
            found=tell(pair[1]),
        )
        assert same(pair[1], wanted), say(
            "expected {wanted} scalars in group {number}, whose parameters have the shapes {shapes}, found {found}",
            wanted=wanted,
            number=number,
            shapes=names(str(tuple(param.shape)) for param in group["params"]),
            found=tell(pair[1]),
        )


@check("test_group_summary", 0.5, "A list, and in it a tuple for each group: two plain Python numbers.")
def test_summary_form(student):
    """group_summary returns a list of tuples, each a float and an int."""
    for groups in ([[blank(3)], [blank(2, 2), blank()]], [[blank(4)]], [[blank(5)], [blank(1)], [blank(2)]]):
        optimizer = torch.optim.AdamW(rising(*groups))
        found = student.group_summary(optimizer)
        assert type(found) is list, say("expected a list of (lr, number) tuples, found {found}", found=tell(found))
        assert len(found) == len(groups), say(
            "expected a tuple for each of {count} groups, found {found}", count=len(groups), found=tell(found)
        )
        for number, pair in enumerate(found):
            assert type(pair) is tuple, say(
                "expected a tuple for group {number}, found {found}", number=number, found=tell(pair)
            )
            assert len(pair) == 2, say(
                "expected the two numbers (lr, number) for group {number}, found {found}",
                number=number,
                found=tell(pair),
            )
            assert type(pair[0]) is float, say(
                "expected lr to be a float for group {number}, found {found}", number=number, found=tell_kind(pair[0])
            )
            assert type(pair[1]) is int, say(
                "expected the number to be an int for group {number}, found {found}",
                number=number,
                found=tell_kind(pair[1]),
            )
        truth = [(g["lr"], sum(p.numel() for p in g["params"]), len(g["params"])) for g in optimizer.param_groups]
        is_told = any(
            all(same(pair[column], wanted[other]) for pair, wanted in zip(found, truth, strict=True))
            for column, other in ((0, 0), (1, 1), (1, 2))
        )  # any number is a number: those of one column must be of these groups
        assert is_told, say("expected numbers of the groups, found numbers that have nothing to do with them")


@check(
    "test_group_summary",
    0.5,
    "A matrix of 3 x 4 is one tensor, but how many numbers does it hold? And a tensor without dimensions?",
)
def test_summary_counts(student):
    """It counts the scalars of each group, not its tensors."""
    expect_counts(student, torch.optim.SGD(rising([blank(3, 4), blank(4)], [blank(2, 3, 5)])))
    expect_counts(student, torch.optim.Adam(rising([blank(), blank(7)], [blank()])))
    expect_counts(student, torch.optim.RMSprop(rising(list(architecture("resnet18").parameters()))))


@check("test_group_summary", 0.5, "Each group knows its own lr, as it is now. Two groups may have the same one.")
def test_summary_rates(student):
    """It gives the present lr of each group, in group order."""
    for kind, rates in (
        (torch.optim.SGD, [0.5, 0.1, 0.5]),
        (torch.optim.AdamW, [1.25e-7, 1e-3]),
        (torch.optim.NAdam, [0.2]),
    ):
        optimizer = kind([{"params": [blank(size + 1)], "lr": rate} for size, rate in enumerate(rates)], lr=9.0)
        for group in optimizer.param_groups:  # as a scheduler does
            group["initial_lr"] = group["lr"]
        optimizer.param_groups[len(rates) // 2]["lr"] = 0.03125
        wanted = tuple(0.03125 if number == len(rates) // 2 else rate for number, rate in enumerate(rates))
        found = tuple(pair[0] for pair in summarised(student, optimizer))
        assert same(found, wanted), say(
            "expected the rates {wanted}, found {found} (from {optimizer})",
            wanted=tell(wanted),
            found=tell(found),
            optimizer=kind.__name__,
        )


@check("test_group_summary", 0.5, "The optimizer holds it, so it counts. Which parameters does your code pass over?")
def test_summary_every_parameter(student):
    """It counts every parameter of a group, frozen ones too, and an empty group as 0."""
    half = [blank(3), blank(5, frozen=True)]
    half[0].grad = torch.ones(3)
    expect_counts(student, torch.optim.Adagrad(rising(half, [blank(2, 2, frozen=True)])))
    expect_counts(student, torch.optim.AdamW(rising([], [blank(6), blank(6)])))
