"""What graders say of what they found: any value that can come back, in a few words for a student. Nothing raises."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from autograder.checking.descriptions import AxesDescription, ModuleDescription, Opaque, OptimizerDescription


def tell(value: object) -> str:
    """A value in a few words. What Python would print with an address is told by its type."""
    return _tell(value, nested=2)


def tell_kind(value: object) -> str:
    """A value in a few words, and of what type a number is: ``tell`` says 3 for both 3 and 3.0."""
    is_plain = type(value) in (int, float, bool) and not _is_long(value)
    return f"the {type(value).__name__} {value!r}" if is_plain else tell(value)


def tell_keys(found: Iterable[object]) -> str:
    """Which keys a dict has, the first few of them."""
    keys = list(found)
    texts = [repr(key[:40]) for key in keys if isinstance(key, str)]
    others = len(keys) - len(texts)
    told = [f"the key{'' if len(texts) == 1 else 's'} {names(texts, most=4)}"] if texts else []
    told += ["a key that is no text" if others == 1 else f"{others} keys that are no text"] if others else []
    return " and ".join(told) or "no key"


def tell_call(function: str, /, *given: str, **settings: object) -> str:
    """A call as the student would write it: with what is given as it stands here, and with these settings by name."""
    return f"{function}({', '.join([*given, *(f'{name}={tell(value)}' for name, value in settings.items())])})"


def names(items: Iterable[str], most: int = 3) -> str:
    """Names in a row, the first few of them."""
    items = list(items)
    rest = f" (and {len(items) - most} more)" if len(items) > most else ""
    return ", ".join(items[:most]) + rest


def _tell(value: object, nested: int) -> str:
    if value is None or (isinstance(value, int) and not _is_long(value)):
        return str(value)
    if isinstance(value, int):
        return "an int beyond 64 bits"
    if isinstance(value, (float, complex)):
        return f"{value:.6g}"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    if isinstance(value, torch.Tensor):
        return _tell_tensor(value)
    if isinstance(value, tuple) and len(value) <= 4 and nested:
        return f"({', '.join(_tell(item, nested - 1) for item in value)}{',' if len(value) == 1 else ''})"
    if isinstance(value, (list, tuple, dict)):
        return f"a {_kind(value)} of {len(value)} item{'' if len(value) == 1 else 's'}"
    if isinstance(value, torch.nn.Module):
        return f"a module of class {type(value).__name__}"
    if isinstance(value, ModuleDescription):
        return f"a module of class {_short(value.type_name)}"
    if isinstance(value, OptimizerDescription):
        return f"an optimizer of class {_short(value.type_name)}"
    if isinstance(value, AxesDescription):
        return "matplotlib Axes"
    return f"a value of type {value.type_name if isinstance(value, Opaque) else type(value).__name__}"


def _tell_tensor(tensor: torch.Tensor) -> str:
    kind = "Parameter" if isinstance(tensor, torch.nn.Parameter) else "tensor"
    try:
        if tensor.numel() == 1 and not tensor.is_meta:
            return f"a {kind} holding {tell(tensor.item())}"
        return f"a {kind} of shape {tuple(tensor.shape)}"
    except (RuntimeError, ValueError):  # of a lazy layer, for instance: it has neither values nor a shape yet
        return f"a {kind}"


def _is_long(value: object) -> bool:
    """Whether an int has more digits than a sentence, or Python, cares to print."""
    return isinstance(value, int) and value.bit_length() > 64


def _kind(value: object) -> str:
    return next(kind.__name__ for kind in (list, tuple, dict) if isinstance(value, kind))


def _short(type_name: str) -> str:
    """A class without its module. One that only says that it is torch's is told whole."""
    return type_name if ", which is not " in type_name else type_name.rpartition(".")[2]
