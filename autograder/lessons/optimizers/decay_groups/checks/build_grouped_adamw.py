"""Hidden checks of build_grouped_adamw."""

import torch
from torch import nn

from autograder.checking.check import check
from autograder.checking.descriptions import OptimizerDescription
from autograder.checking.expect import expect_class, expect_optimizer, same, unlike_any
from autograder.checking.student import StudentFault, StudentRaised
from autograder.checking.unchanged import expect_unchanged
from autograder.checking.words import tell, tell_call
from autograder.lessons.optimizers.decay_groups.places import expect_each_once, expect_none_frozen, expect_places
from autograder.lessons.optimizers.decay_groups.truth import members, trainable
from autograder.lessons.optimizers.decay_groups.updates import STEPS, found_way, make_trained, true_way
from autograder.lessons.optimizers.decay_groups.zoo import (
    make_biasless,
    make_dense,
    make_frozen,
    make_hard,
    make_shared,
    make_transformer,
    make_vector,
    new_frozen,
)
from autograder.messages import say


def build(student, model: nn.Module, *values: float, **settings: float) -> OptimizerDescription:
    return expect_optimizer(student.build_grouped_adamw(model, *values, **settings), "build_grouped_adamw")


def expect_groups(optimizer: OptimizerDescription, model: nn.Module) -> None:
    """Two groups, with the parameters that the rule puts into each."""
    count = len(optimizer.groups)
    assert count == 2, say("expected two parameter groups, found {count}", count=count)
    first, second = ({id(param) for param in group["params"]} for group in optimizer.groups)
    expect_places(trainable(model), first, second, say("group {number}", number=0), say("group {number}", number=1))


def group_of(optimizer: OptimizerDescription, model: nn.Module, decays: bool) -> tuple[int, dict]:
    """The group that holds the model's first decayed or undecayed parameter."""
    member = next(member for member in trainable(model) if member.decays == decays)
    for number, group in enumerate(optimizer.groups):
        if any(param is member.param for param in group["params"]):
            return number, group
    raise AssertionError(say("expected {parameter} in the optimizer, found it missing", parameter=member.told))


def expect_settings(
    optimizer: OptimizerDescription, model: nn.Module, lr: float, weight_decay: float, call: str
) -> None:
    """The learning rate in every group, and the weight decay where the weights are."""
    for number, group in enumerate(optimizer.groups):
        found = group.get("lr")
        assert same(found, lr), say(
            "expected lr = {wanted} in group {number} after {call}, found {found}",
            wanted=lr,
            number=number,
            call=call,
            found=tell(found),
        )
    number, group = group_of(optimizer, model, decays=True)
    found = group.get("weight_decay")
    assert same(found, weight_decay), say(
        "expected weight_decay = {wanted} after {call} in the group of the weights (group {number}), found {found}",
        wanted=weight_decay,
        call=call,
        number=number,
        found=tell(found),
    )


SETTINGS = ({"lr": 0.0037, "weight_decay": 0.21}, {"lr": 0.5, "weight_decay": 0.0}, {"lr": 2e-5, "weight_decay": 3.0})


@check("test_build_grouped_adamw", 0.5, "torch.optim has a class of this name; return an object of exactly that class.")
def test_grouped_class(student):
    """build_grouped_adamw returns a torch.optim.AdamW."""
    optimizer = expect_class(build(student, make_dense()), torch.optim.AdamW, "build_grouped_adamw")
    is_of_it = len(unlike_any(optimizer, make_dense())) < len(members(make_dense()))  # which ones, others judge
    assert is_of_it, say("expected an optimizer of the model's parameters, found none that is like one of them")


@check("test_build_grouped_adamw", 0.5, "You have a function that makes the two lists. Which of them comes first?")
def test_grouped_groups(student):
    """Group 0 holds what decays, group 1 what does not."""
    for model in (make_transformer(), make_dense(), make_biasless(), make_vector()):
        expect_groups(build(student, model), model)


@check("test_build_grouped_adamw", 0.5, "Does every group get exactly what belongs there: trained, and once?")
def test_grouped_each_once(student):
    """Each trainable parameter is in the optimizer once, no frozen one is, and the model stays as it was."""
    for model in (make_frozen(), make_shared()):
        optimizer = build(student, model)
        expect_each_once(model, optimizer.params, say("the optimizer"))
        expect_none_frozen(model, optimizer.params, say("the optimizer"))
    model = new_frozen()
    build(student, model)
    expect_unchanged(student, model)


@check("test_build_grouped_adamw", 0.5, "Compare the default values in your def line with those in the task.")
def test_grouped_defaults(student):
    """The learning rate is 0.0001 and the weight decay 0.01 by default."""
    expect_settings(build(student, make_dense()), make_dense(), 1e-4, 1e-2, "build_grouped_adamw(model)")


@check("test_build_grouped_adamw", 0.5, "Does every argument of your function arrive in the optimizer, at every call?")
def test_grouped_settings(student):
    """The given learning rate is used in both groups, the given weight decay where the weights are."""
    for settings in SETTINGS:
        call = tell_call("build_grouped_adamw", "model", **settings)
        expect_settings(build(student, make_dense(), **settings), make_dense(), **settings, call=call)
    settings = SETTINGS[0]  # by position; a function that takes them by name only is not blamed for that
    call = tell_call("build_grouped_adamw", "model", *settings.values())
    try:
        optimizer = build(student, make_dense(), *settings.values())
    except StudentRaised:
        raise
    except StudentFault:
        return
    expect_settings(optimizer, make_dense(), **settings, call=call)


@check(
    "test_build_grouped_adamw",
    0.5,
    "A group without a setting of its own takes the optimizer's. What is AdamW's own weight decay?",
)
def test_grouped_no_decay(student):
    """The group of the biases has a weight decay of exactly 0."""
    for settings in ({}, *SETTINGS):
        optimizer = build(student, make_dense(), **settings)
        number, group = group_of(optimizer, make_dense(), decays=False)
        found = group.get("weight_decay")
        call = tell_call("build_grouped_adamw", "model", **settings)
        assert same(found, 0.0), say(
            "expected weight_decay = 0 in the group of the biases (group {number}) after {call}, found {found}",
            number=number,
            call=call,
            found=tell(found),
        )


@check(
    "test_build_grouped_adamw",
    0.5,
    "Name only lr, weight_decay and the groups: the rest of AdamW stays as torch has it.",
)
def test_grouped_updates(student):
    """Its steps move every weight as AdamW does with these two groups."""
    for settings in ({"lr": 0.03, "weight_decay": 0.4}, {"lr": 0.002, "weight_decay": 2.0}):
        found, changed = found_way(build(student, make_trained(), **settings))
        wanted = true_way(**settings)
        errors = {m: (found[id(m.param)] - wanted[id(m.param)]).abs() for m in members(make_trained())}
        worst = max(errors, key=lambda member: errors[member].nan_to_num(torch.inf).max())
        if not errors[worst].max() <= 1e-5 * settings["lr"]:
            place = errors[worst].nan_to_num(torch.inf).argmax()
            start, right, wrong = (
                t.detach().reshape(-1)[place].item()
                for t in (worst.param, wanted[id(worst.param)], found[id(worst.param)])
            )
            problem = say(
                "expected {steps} steps to move a number in {parameter} by {wanted}, found {found}, after {call}",
                steps=STEPS,
                parameter=worst.told,
                wanted=right - start,
                found=wrong - start,
                call=tell_call("build_grouped_adamw", "model", **settings),
            )
            raise AssertionError(
                say("{problem}; found {settings}", problem=problem, settings=changed) if changed else problem
            )


@check("test_build_grouped_adamw", 0.5, "Let split_decay_groups do this work, and mend it first.")
def test_grouped_names_lie(student):
    """The groups are right where names lie, too."""
    expect_groups(build(student, make_hard()), make_hard())
