"""Hidden checks of build_adam."""

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
    "build_adam",
    torch.optim.Adam,
    defaults={"lr": 1e-3, "betas": (0.9, 0.999), "weight_decay": 0.0},
    given=[{"lr": 0.0042, "betas": (0.8, 0.95)}, {"lr": 0.02, "betas": (0.0, 0.9)}],
    own=[{"lr": 0.03, "eps": 1e-5}, {"betas": (0.5, 0.6), "weight_decay": 0.07}, {}, {}],
)


@check("test_build_adam", 0.5, HINTS["class"])
def test_adam_class(student):
    """build_adam returns a torch.optim.Adam, and not its subclass AdamW."""
    returns_its_class(student, BUILDER)


@check("test_build_adam", 0.5, HINTS["forms"])
def test_adam_params(student):
    """build_adam takes params in every form, holds each parameter once and changes none."""
    takes_params_in_every_form(student, BUILDER)


@check("test_build_adam", 0.5, HINTS["defaults"] + " Adam has no weight decay here.")
def test_adam_defaults(student):
    """build_adam has lr 0.001, betas (0.9, 0.999) and no weight decay by default."""
    has_the_default_settings(student, BUILDER)


@check("test_build_adam", 0.5, HINTS["given"])
def test_adam_settings(student):
    """build_adam uses the lr and betas that it is given."""
    uses_the_given_settings(student, BUILDER)


@check("test_build_adam", 0.5, HINTS["rest"])
def test_adam_rest(student):
    """build_adam leaves every other setting at torch's default."""
    leaves_the_rest_at_torch_defaults(student, BUILDER)


@check("test_build_adam", 0.5, HINTS["groups"])
def test_adam_groups(student):
    """build_adam lets a group's own settings win."""
    lets_group_settings_win(student, BUILDER)
