"""What graders say of what they found: any value that can come back, as a value of a message. Nothing raises."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from autograder.checking.descriptions import AxesDescription, ModuleDescription, Opaque, OptimizerDescription
from autograder.messages import Code, Message, Value, quote, say


def tell(value: object) -> Value:
    """A value in a few words. What Python would print with an address is told by its type."""
    return _tell(value, nested=2)


def tell_kind(value: object) -> Value:
    """A value in a few words, and of what type a number is: ``tell`` says 3 for both 3 and 3.0."""
    is_plain = type(value) in (int, float, bool) and not _is_long(value)
    return say("the {type} {value}", type=type(value).__name__, value=repr(value)) if is_plain else tell(value)


def tell_keys(found: Iterable[object]) -> Message:
    """Which keys a dict has, the first few of them."""
    keys = list(found)
    texts = names([quote(repr(key[:40])) for key in keys if isinstance(key, str)], most=4)
    others = sum(not isinstance(key, str) for key in keys)
    if not keys:
        return say("no key")
    if len(keys) == others:
        return say("a key that is no text") if others == 1 else say("{count} keys that are no text", count=others)
    if not others:
        return say("the key {key}", key=texts) if len(keys) == 1 else say("the keys {keys}", keys=texts)
    if others == 1:
        return say("the keys {keys} and one that is no text", keys=texts)
    return say("the keys {keys} and {count} that are no text", keys=texts, count=others)


def tell_call(function: str, /, *given: object, **settings: object) -> str:
    """A call as the student would write it: a str stands for a name of code, and what has a name is given by it."""
    arguments = [value if isinstance(value, str) else _code(value) for value in given]
    return f"{function}({', '.join([*arguments, *(f'{name}={_code(value)}' for name, value in settings.items())])})"


def names(items: Iterable[object], most: int = 3) -> object:
    """A value for names in a row, the first few of them; each a str or what else a message takes as a value."""
    items = list(items)
    if len(items) <= most:
        return items
    return say("{names} (and {count} more)", names=items[:most], count=len(items) - most)


def short_name(type_name: str) -> Code:
    """A class without its module. One that only says that it is torch's is told whole."""
    return Code(type_name if "≠" in type_name else type_name.rpartition(".")[2])


def _code(value: object) -> str:
    """A number, a tuple or list of numbers or a text, as it stands in code."""
    if isinstance(value, list):
        return f"[{', '.join(map(_code, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(_code, value))}{',' if len(value) == 1 else ''})"
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


def _tell(value: object, nested: int) -> Value:
    if value is None or isinstance(value, bool):
        return Code(str(value))
    if isinstance(value, int):
        return say("an int beyond 64 bits") if _is_long(value) else value
    if isinstance(value, float):
        return value
    if isinstance(value, complex):
        return Code(f"{value:.6g}")
    if isinstance(value, str):
        return say("the text {text}", text=quote(repr(value[:40])))
    if isinstance(value, torch.Tensor):
        return _tell_tensor(value)
    if isinstance(value, tuple) and len(value) <= 4 and nested:
        items = [_tell(item, nested - 1) for item in value]
        return say("({items},)", items=items) if len(value) == 1 else say("({items})", items=items)
    if isinstance(value, (list, tuple, dict)):
        return _tell_items(value)
    if isinstance(value, torch.nn.Module):
        return say("a module of class {class_name}", class_name=type(value).__name__)
    if isinstance(value, ModuleDescription):
        return say("a module of class {class_name}", class_name=short_name(value.type_name))
    if isinstance(value, OptimizerDescription):
        return say("an optimizer of class {class_name}", class_name=short_name(value.type_name))
    if isinstance(value, AxesDescription):
        return say("matplotlib Axes")
    return _tell_opaque(value) if isinstance(value, Opaque) else _of_type(type(value).__name__)


def _tell_items(value: list | tuple | dict) -> Message:
    kind = next(kind.__name__ for kind in (list, tuple, dict) if isinstance(value, kind))
    if len(value) == 1:
        return say("a {kind} of 1 item", kind=kind)
    return say("a {kind} of {count} items", kind=kind, count=len(value))


def _tell_tensor(tensor: torch.Tensor) -> Message:
    kind = "Parameter" if isinstance(tensor, torch.nn.Parameter) else "tensor"
    try:
        if tensor.numel() == 1 and not tensor.is_meta:
            return say("a {kind} holding {value}", kind=kind, value=tell(tensor.item()))
        return say("a {kind} of shape {shape}", kind=kind, shape=str(tuple(tensor.shape)))
    except (RuntimeError, ValueError):  # of a lazy layer, for instance: it has neither values nor a shape yet
        return say("a {kind} without values", kind=kind)


def _tell_opaque(value: Opaque) -> Message:
    if value.lacks == "values":
        return say("a value of type {type} that is too large or has no values", type=value.type_name)
    if value.lacks == "sense":
        return say("a value of type {type} that makes no sense", type=value.type_name)
    if value.type_name in ("int", "str", "list", "tuple", "dict"):  # which come as they are where they can
        return say("a value of type {type} that is too large or too deeply nested", type=value.type_name)
    return _of_type(value.type_name)


def _of_type(name: str) -> Message:
    return say("a value of type {type}", type=name)


def _is_long(value: object) -> bool:
    """Whether an int has more digits than a sentence, or Python, cares to print."""
    return isinstance(value, int) and value.bit_length() > 63
