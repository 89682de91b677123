"""What is sent to a Guest as a description, because pickle can't carry it or carries it slowly.

Both sides import this module: one makes the descriptions, the other finds again in them what it was sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy
import torch
from matplotlib.axes import Axes


class Generator(list):
    """Items that the other side receives as a generator, which pickle cannot carry."""


class NewAxes:
    """Empty Axes, which are made where this is unpickled."""

    def __reduce__(self) -> tuple:
        return _new_axes, ()


def _new_axes() -> object:
    import matplotlib.pyplot

    return matplotlib.pyplot.subplots()[1]


def reduce_tensor(tensor: torch.Tensor) -> Any:
    """How pickle sends an ordinary tensor: as an array, many times as fast as torch's own way.

    Returns NotImplemented, as ``Pickler.reducer_override`` wants it, for any other tensor.
    """
    ordinary = type(tensor) in (torch.Tensor, torch.nn.Parameter) and tensor.device.type == "cpu"
    if not (ordinary and tensor.is_leaf and tensor.dtype in _ARRAY_DTYPES and tensor.is_contiguous()):
        return NotImplemented
    if tensor.__dict__ or tensor._backward_hooks:
        return NotImplemented
    return _make_tensor, (tensor.detach().numpy(), tensor.requires_grad, type(tensor) is torch.nn.Parameter)


_ARRAY_DTYPES = {torch.float64, torch.float32, torch.float16, torch.int64, torch.int32, torch.bool}


def _make_tensor(array: numpy.ndarray, requires_grad: bool, is_parameter: bool) -> torch.Tensor:
    tensor = torch.from_numpy(array)
    return torch.nn.Parameter(tensor, requires_grad) if is_parameter else tensor.requires_grad_(requires_grad)


def sent_objects(value: object) -> Iterator[object]:
    """Yield every tensor, module and Axes in ``value``, in an order that both sides share.

    Looks into lists, tuples, dicts and modules; an object met twice is yielded twice.
    """
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, torch.nn.Module):
        modules = list(value.modules())  # torch's own parameters() and buffers() go through all of them once more each
        yield from modules
        for kind in ("_parameters", "_buffers"):
            tensors = (tensor for module in modules for tensor in getattr(module, kind).values())
            yield from dict.fromkeys(tensor for tensor in tensors if tensor is not None)
    elif isinstance(value, (NewAxes, Axes)):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from sent_objects(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from sent_objects(item)
