"""Hidden checks of build_finetune_adamw."""

from __future__ import annotations

import functools

import torch
from torch import nn

from autograder.checking.check import check
from autograder.checking.descriptions import OptimizerDescription
from autograder.checking.expect import (
    differing,
    expect_class,
    expect_optimizer,
    expect_torch_defaults,
    same,
    unlike_any,
)
from autograder.checking.student import StudentFault, StudentRaised
from autograder.checking.unchanged import expect_unchanged
from autograder.checking.words import names, tell, tell_call
from autograder.lessons.optimizers.learning_rate_groups.grouping import RATES, expect_membership, expect_unknown
from autograder.lessons.optimizers.learning_rate_groups.zoo import architecture, freeze, linear, sketch, tied
from autograder.messages import say


def built(student, model: nn.Module, head_name: str, **given: object) -> object:
    """Whatever build_finetune_adamw returns."""
    try:
        return student.build_finetune_adamw(model, head_name, **given)
    except StudentRaised as raised:
        if raised.name == "NotImplementedError" and not raised.message:
            raise StudentFault(
                say(
                    "{function} raises NotImplementedError: it is not written yet, or it calls {called}, which is not.",
                    function="build_finetune_adamw",
                    called="finetune_groups",
                )
            ) from raised
        raise


def built_optimizer(student, model: nn.Module, head_name: str, **given: object) -> OptimizerDescription:
    return expect_optimizer(built(student, model, head_name, **given), "build_finetune_adamw")


def small_build(student, **given: object) -> OptimizerDescription:
    """The optimizer of a small model's parameters, or of copies of them, which is another check's business."""
    model = sketch(body=linear(), fc=nn.Linear(2, 3))
    optimizer = built_optimizer(student, model, "fc", **given)
    missing = unlike_any(optimizer, model)
    assert not missing, say(
        "expected the optimizer to hold every trainable parameter, found missing: {names}", names=names(missing)
    )
    return optimizer


def expect_two_groups(optimizer: OptimizerDescription) -> list[dict]:
    assert len(optimizer.groups) == 2, say(
        "expected an optimizer with two groups, backbone and head, also if one is empty, found {count}",
        count=len(optimizer.groups),
    )
    return optimizer.groups


@check(
    "test_build_finetune_adamw",
    0.5,
    "torch.optim has a class for each algorithm; return an object of exactly that class.",
)
def test_build_class(student):
    """build_finetune_adamw returns a torch.optim.AdamW."""
    expect_class(small_build(student), torch.optim.AdamW, "build_finetune_adamw")


@check("test_build_finetune_adamw", 0.5, "Two groups, as finetune_groups makes them, are what the optimizer takes.")
def test_build_groups(student):
    """Group 0 holds the trainable parameters of the backbone, group 1 those of the head."""
    frozen = sketch(stem=linear(), body=linear(), fc1=linear(), fc=linear())
    freeze(frozen.stem)
    frozen_head = sketch(body=linear(), top=nn.Sequential(linear(), linear()))
    freeze(frozen_head.top[1])
    frozen.eval()
    frozen.body.train()
    for model, head_name in (
        (architecture("resnet18"), "fc"),
        (frozen, "fc"),
        (frozen_head, "top.1"),
        (tied(bias=True), "head"),
    ):
        groups = expect_two_groups(built_optimizer(student, model, head_name))
        expect_membership([group["params"] for group in groups], model, head_name, ordered=True)
        if model is frozen or model is frozen_head:
            expect_unchanged(student, model, identity=True, mode=True, parts=True)


@check(
    "test_build_finetune_adamw",
    0.5,
    "Does each rate arrive in its own group? A group's own lr wins over the optimizer's.",
)
def test_build_rates(student):
    """Group 0 has backbone_lr and group 1 has head_lr, given or by default."""
    for given, wanted in RATES[:3]:
        groups = expect_two_groups(small_build(student, **given))
        rates = tuple(group.get("lr") for group in groups)
        call = tell_call("build_finetune_adamw", "model", "head_name", **given)
        assert same(rates, wanted), say(
            "expected the rates {wanted} after {call}, found {found}", wanted=tell(wanted), call=call, found=tell(rates)
        )


@check("test_build_finetune_adamw", 0.5, "Does weight_decay arrive in the optimizer? Look at it in each of its groups.")
def test_build_decay(student):
    """Both groups have the weight decay that was given, by default 0.01."""
    for given, wanted in (({}, 1e-2), ({"weight_decay": 0.3}, 0.3), ({"weight_decay": 0.0, "head_lr": 0.1}, 0.0)):
        optimizer = small_build(student, **given)
        assert optimizer.groups, say("expected an optimizer with two groups, found none")
        for number, group in enumerate(optimizer.groups):
            call = tell_call("build_finetune_adamw", "model", "head_name", **given)
            wrong = differing(group, {"weight_decay": wanted})
            assert not wrong, say(
                "expected {wanted}, found {found} in group {number} after {call}", number=number, call=call, **wrong
            )


@check("test_build_finetune_adamw", 0.5, "Name only the settings that the signature names.")
def test_build_rest(student):
    """Every other setting stays at torch's default."""
    optimizer = small_build(student, backbone_lr=2e-4)
    expect_torch_defaults(optimizer, torch.optim.AdamW, "lr", "weight_decay")


@check(
    "test_build_finetune_adamw",
    0.5,
    "An optimizer over the wrong groups trains without a complaint. Who should complain?",
)
def test_build_unknown(student):
    """A head name that is no module inside the model, or empty, raises a ValueError here too."""
    model = sketch(body=linear(), fc1=linear(), fc=linear())
    built(student, model, "fc")  # a known name raises nothing
    for head_name in ("fc2", "fc.weight", ""):
        call = functools.partial(built, student, model, head_name)
        expect_unknown(call, "build_finetune_adamw", head_name)
