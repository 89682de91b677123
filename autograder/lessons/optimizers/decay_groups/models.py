"""Layers that the graders of 2-decay-groups build models of. Students' processes import them, to receive the models."""

import torch
from torch import nn


class PatchEmbedding(nn.Conv2d):
    """A convolution that cuts an image into patches."""

    embedding_dim = property(lambda self: self.out_channels)


class NormalizedLinear(nn.Linear):
    """A linear layer for inputs of unit length."""

    eps = 1e-12
    elementwise_affine = False


class Codebook(nn.Module):
    """The vectors to which inputs are rounded."""

    padding_idx = None

    def __init__(self, number: int, width: int) -> None:
        super().__init__()
        self.num_embeddings, self.embedding_dim = number, width
        self.codes = nn.Parameter(torch.ones(number, width))


class Lookup(nn.Embedding):
    """A table of vectors."""


class Standardize(nn.LayerNorm):
    """Shift and scale to mean 0 and variance 1."""


class ClassConditional(nn.BatchNorm2d):
    """Batch normalisation with gains of its own for each class."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__(channels)
        self.gains = nn.Parameter(nn.init.ones_(self.weight.new_empty(classes, channels)))


class Adaptive(nn.LayerNorm):
    """Layer normalisation that a condition modulates, through a linear layer."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.modulation = nn.Linear(width, 2 * width)


class Factorized(nn.Embedding):
    """A narrow table of vectors, and a linear layer that widens them."""

    def __init__(self, rows: int, narrow: int, wide: int) -> None:
        super().__init__(rows, narrow)
        self.widen = nn.Linear(narrow, wide, bias=False)
