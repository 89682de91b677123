"""What the hidden checks of 4-three-way-race send to students' processes. It holds no answers."""

import torch
from torch import nn

from autograder.sandbox.sent import NewAxes


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


class NewPanel(NewAxes):
    """Empty Axes, one of two in a figure; pyplot's current Axes are the other ones."""

    def __reduce__(self) -> tuple:
        return _new_panel, ()


def _new_panel() -> object:
    import matplotlib.pyplot

    return matplotlib.pyplot.subplots(1, 2)[1][0]
