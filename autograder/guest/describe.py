"""Turn what a student's function returned into the plain data of ``autograder.wire``.

The exact type decides. A subclass of float or str is not a float or str, so an object that pretends to be equal to
everything arrives as the name of its class.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy
import torch

from autograder import wire

MAX_DEPTH = 20
MAX_ITEMS = 100_000
MAX_TEXT = 100_000
MAX_TENSOR_BYTES = 8 * 2**20


class Generator(list):
    """Items that the other side receives as a generator, which pickle cannot carry."""


def torch_objects(value: object) -> Iterator[object]:
    """Yield every tensor and module in ``value``, in an order that both sides share.

    Looks into lists, tuples, dicts and modules; an object met twice is yielded twice.
    """
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, torch.nn.Module):
        yield from value.modules()
        yield from value.parameters()
        yield from value.buffers()
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from torch_objects(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from torch_objects(item)


class Describer:
    """Describes values, recognising by identity the objects that the grader sent."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}
        self._kept: list[object] = []

    def learn(self, arguments: object) -> None:
        """Remember the torch objects in the arguments of a call."""
        for obj in torch_objects(arguments):
            self._known.setdefault(id(obj), len(self._kept))
            self._kept.append(obj)

    def describe(self, value: object, depth: int = 0) -> wire.Value:
        """Describe one value. What nests deeper than MAX_DEPTH or counts more than MAX_ITEMS becomes opaque."""
        kind = type(value)
        if value is None or kind is bool or kind is float:
            return value
        if kind is int:
            return value if -(2**63) <= value < 2**63 else wire.Opaque("int beyond 64 bits")
        if kind is str:
            return value if len(value) <= MAX_TEXT else wire.Opaque("str too long to send")
        if kind is numpy.float64:
            return float(value)
        if id(value) in self._known:
            return wire.Known(self._known[id(value)])
        if isinstance(value, torch.optim.Optimizer):
            return self._describe_optimizer(value, depth)
        if isinstance(value, torch.Tensor):
            return _describe_tensor(value)
        if kind in (list, tuple, dict):
            if depth >= MAX_DEPTH:
                return wire.Opaque(f"{kind.__name__} nested too deeply")
            if len(value) > MAX_ITEMS:
                return wire.Opaque(f"{kind.__name__} with too many items")
            if kind is dict:
                items = [(self.describe(k, depth + 1), self.describe(v, depth + 1)) for k, v in value.items()]
                return wire.Pairs(items)
            return wire.Items(kind.__name__, [self.describe(item, depth + 1) for item in value])
        return wire.Opaque(type_name(kind))

    def _describe_optimizer(self, optimizer: torch.optim.Optimizer, depth: int) -> wire.Optimizer:
        groups = []
        for group in optimizer.param_groups:
            options = {
                str(name): self.describe(option, depth + 2) for name, option in group.items() if name != "params"
            }
            groups.append(wire.Group([self.describe(p, depth + 2) for p in group["params"]], options))
        return wire.Optimizer(type_name(type(optimizer)), groups)


def _describe_tensor(tensor: torch.Tensor) -> wire.Tensor:
    data = None
    plain = tensor.device.type == "cpu" and tensor.layout is torch.strided
    if plain and tensor.numel() * tensor.element_size() <= MAX_TENSOR_BYTES:
        flat = tensor.detach().contiguous().reshape(-1)
        data = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
    return wire.Tensor(
        type_name(type(tensor)),
        str(tensor.dtype).removeprefix("torch."),
        list(tensor.shape),
        tensor.requires_grad,
        data,
    )


def type_name(kind: type) -> str:
    """``module.QualifiedName`` of a class, without the module for builtins and the notebook's own classes."""
    if kind.__module__ in ("builtins", "__main__"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"
