"""Hidden checks of build_adamw."""

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
    "build_adamw",
    torch.optim.AdamW,
    defaults={"lr": 1e-3, "betas": (0.9, 0.999), "weight_decay": 1e-2},
    given=[
        {"lr": 0.0042, "betas": (0.8, 0.95), "weight_decay": 0.13},
        {"lr": 0.02, "betas": (0.0, 0.9), "weight_decay": 0.0},
    ],
    own=[{"lr": 0.03, "weight_decay": 0.0}, {"betas": (0.5, 0.6), "eps": 1e-5}, {}, {}],
)


@check("test_build_adamw", 0.5, HINTS["class"] + " Adam with a weight_decay is not AdamW.")
def test_adamw_class(student):
    """build_adamw returns a torch.optim.AdamW."""
    returns_its_class(student, BUILDER)


@check("test_build_adamw", 0.5, HINTS["forms"])
def test_adamw_params(student):
    """build_adamw takes params in every form, holds each parameter once and changes none."""
    takes_params_in_every_form(student, BUILDER)


@check("test_build_adamw", 0.5, HINTS["defaults"])
def test_adamw_defaults(student):
    """build_adamw has lr 0.001, betas (0.9, 0.999) and weight decay 0.01 by default."""
    has_the_default_settings(student, BUILDER)


@check("test_build_adamw", 0.5, HINTS["given"])
def test_adamw_settings(student):
    """build_adamw uses the lr, betas and weight decay that it is given."""
    uses_the_given_settings(student, BUILDER)


@check("test_build_adamw", 0.5, HINTS["rest"])
def test_adamw_rest(student):
    """build_adamw leaves every other setting at torch's default."""
    leaves_the_rest_at_torch_defaults(student, BUILDER)


@check("test_build_adamw", 0.5, HINTS["groups"])
def test_adamw_groups(student):
    """build_adamw lets a group's own settings win."""
    lets_group_settings_win(student, BUILDER)
