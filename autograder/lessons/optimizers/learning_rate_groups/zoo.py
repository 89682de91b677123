"""The models of this lesson: some are torchvision's, most are sketches of a backbone with a head."""

from __future__ import annotations

from collections import OrderedDict

import torch
import torchvision
from torch import nn

from autograder.checking.pickling import made_once


@made_once
def architecture(name: str) -> nn.Module:
    """A model of torchvision, without values."""
    build = getattr(torchvision.models, name)
    if name.startswith("regnet"):  # its constructor computes with tensors
        return build(weights=None).to("meta")
    with torch.device("meta"):
        return build(weights=None)


def sketch(**layers: nn.Module) -> nn.Sequential:
    """A model with these layers, by name."""
    return nn.Sequential(OrderedDict(layers))


def linear() -> nn.Linear:
    return nn.Linear(2, 2)


def freeze(*parts: nn.Module) -> None:
    for part in parts:
        part.requires_grad_(False)


def tied(bias: bool) -> nn.Sequential:
    """Like a language model: one matrix serves the first layer and the last."""
    model = sketch(embedding=nn.Embedding(5, 2), body=linear(), head=nn.Linear(2, 5, bias=bias))
    model.head.weight = model.embedding.weight
    return model
