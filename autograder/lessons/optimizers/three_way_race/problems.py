"""What optimizers are raced on: small classifiers with their data, and a plain run of one of them."""

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from autograder.lessons.optimizers.three_way_race.models import Residual
from autograder.messages import Message, say

MakeOptimizer = Callable[[nn.Module], torch.optim.Optimizer]


def make_model(kind: str) -> nn.Module:
    """A small classifier of 3 features into 4 classes."""
    if kind == "residual":
        return Residual(3, 6, 4)
    if kind in ("one layer", "steep"):  # steep: its inputs are a hundred times as large, and so are its gradients
        return nn.Linear(3, 4)
    if kind == "no activation":  # with a large learning rate, it reaches NaN within a few steps
        return nn.Sequential(nn.Linear(3, 6), nn.Linear(6, 6), nn.Linear(6, 4))
    if kind == "batch norm":  # has buffers, and another output in evaluation mode; its first layer is frozen
        model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 4))
        model[0].requires_grad_(False)
        return model
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 4))


@dataclass(frozen=True)
class Problem:
    """A classifier with its first weights, and the data to train it on."""

    model: nn.Module
    X: torch.Tensor
    y: torch.Tensor

    def copy(self) -> nn.Module:
        """The model once more. (A model that ``look_at`` shall find must not have been sent before.)"""
        return copy.deepcopy(self.model)


@functools.cache
def make_problem(kind: str, seed: int, dtype: torch.dtype = torch.float64, samples: int = 24) -> Problem:
    """Weights and inputs are large, so that gradients are too: each shortcut leaves its mark on the losses."""
    random = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=random, dtype=torch.float64)

    X = (200 if kind == "steep" else 2) * draw(samples, 3)
    y = (X @ draw(3, 4) + 2 * draw(samples, 4)).argmax(1)
    model = make_model(kind).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(draw(*parameter.shape) * (0.7 if kind == "no activation" else 1))
    return Problem(model.to(dtype), X.to(dtype), y)


def run(
    model: nn.Module, optimizer: torch.optim.Optimizer, X: torch.Tensor, y: torch.Tensor, steps: int
) -> list[float]:
    """Train the model; the loss before each step."""
    losses = []
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(X), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


def on_its_model(what: Message, problem: Problem) -> Message:
    """What it is, and on which model, where this is less plain than others."""
    has_norm = any(isinstance(module, nn.BatchNorm1d) for module in problem.model.modules())
    return say("{what} on a model with batch norm and a frozen layer", what=what) if has_norm else what
