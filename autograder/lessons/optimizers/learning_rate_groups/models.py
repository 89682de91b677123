"""Model classes for 3-learning-rate-groups. They reach students' processes, so they hold no answers."""

from __future__ import annotations

import torch
from torch import nn


class Gate(nn.Module):
    """Scales each channel by a number between 0 and 1. Its layer is called ``fc``, too."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(self.fc(x.mean((2, 3))))[:, :, None, None]


class Block(nn.Module):
    """A residual block with batch norm and a gate."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.gate = Gate(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.gate(torch.relu(self.bn1(self.conv1(x))))


class TinyResNet(nn.Module):
    """Built like torchvision's resnet18, only much smaller: it takes images of any size and ends in ``fc``."""

    def __init__(self, channels: int = 4, num_classes: int = 10, bias: bool = True) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.layer1 = nn.Sequential(Block(channels))
        self.layer2 = nn.Sequential(Block(channels))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_classes, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer2(self.layer1(torch.relu(self.bn1(self.conv1(x)))))
        return self.fc(self.avgpool(x).flatten(1))
