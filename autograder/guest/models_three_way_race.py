"""A model that the hidden checks of 4-three-way-race send to students' processes. It holds no answers."""

import torch
from torch import nn


class Residual(nn.Module):
    """A classifier that is not a plain chain of layers."""

    def __init__(self, features: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.enter = nn.Linear(features, hidden)
        self.middle = nn.Linear(hidden, hidden)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, one for each class."""
        x = torch.tanh(self.enter(x))
        return self.head(x + torch.tanh(self.middle(x)))
