"""Hidden checks of build_sgd."""

import torch

from autograder.checking.check import check
from autograder.lessons.optimizers.build_optimizers.builders import (
    HINTS,
    Builder,
    has_the_default_settings,
    leaves_the_rest_at_torch_defaults,
    lets_group_settings_win,
    returns_its_class,
    takes_params_in_every_form,
    uses_the_given_settings,
)

BUILDER = Builder(
    "build_sgd",
    torch.optim.SGD,
    defaults={"lr": 1e-1, "momentum": 0.9, "weight_decay": 1e-4},
    given=[{"lr": 0.037, "momentum": 0.63, "weight_decay": 0.0021}, {"lr": 0.4, "momentum": 0.0, "weight_decay": 0.0}],
    own=[{"lr": 0.5, "momentum": 0.2, "weight_decay": 0.0}, {"weight_decay": 0.03, "nesterov": True}, {}, {}],
)


@check("test_build_sgd", 0.5, HINTS["class"])
def test_sgd_class(student):
    """build_sgd returns a torch.optim.SGD."""
    returns_its_class(student, BUILDER)


@check("test_build_sgd", 0.5, HINTS["forms"])
def test_sgd_params(student):
    """build_sgd takes params in every form, holds each parameter once and changes none."""
    takes_params_in_every_form(student, BUILDER)


@check("test_build_sgd", 0.5, HINTS["defaults"])
def test_sgd_defaults(student):
    """build_sgd has lr 0.1, momentum 0.9 and weight decay 0.0001 by default."""
    has_the_default_settings(student, BUILDER)


@check("test_build_sgd", 0.5, HINTS["given"])
def test_sgd_settings(student):
    """build_sgd uses the lr, momentum and weight decay that it is given."""
    uses_the_given_settings(student, BUILDER)


@check("test_build_sgd", 0.5, HINTS["rest"])
def test_sgd_rest(student):
    """build_sgd leaves every other setting at torch's default."""
    leaves_the_rest_at_torch_defaults(student, BUILDER)


@check("test_build_sgd", 0.5, HINTS["groups"])
def test_sgd_groups(student):
    """build_sgd lets a group's own settings win."""
    lets_group_settings_win(student, BUILDER)
