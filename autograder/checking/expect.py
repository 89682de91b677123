"""Assertions for graders. Each fails with a sentence that a student can act on: what was expected, what was found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from autograder.checking.descriptions import OptimizerDescription, full_name
from autograder.checking.words import names, short_name, tell
from autograder.messages import Message, Value, say

FREE = {"foreach", "fused"}
"""Options that are free, because they choose only how torch computes a step. (``capturable`` and ``differentiable`` are
not: with them, the optimizer refuses an ordinary step.)"""

THREE = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW)
"""The optimizers of the unit."""


def expect_class(found: object, wanted: type[torch.optim.Optimizer], function: str) -> OptimizerDescription:
    """The optimizer that a function returned, of exactly the class ``wanted``."""
    optimizer = expect_optimizer(found, function)
    own, name = f"torch.optim.{wanted.__name__}", optimizer.type_name
    is_foreign = "." in name
    assert is_foreign or name == full_name(wanted), say(
        "expected {wanted}, found {found} (a class of the notebook's own)", wanted=own, found=name
    )
    assert name == full_name(wanted), say(
        "expected {wanted}, found {found} ({name})", wanted=own, found=short_name(name), name=name
    )
    return optimizer


def expect_optimizer(found: object, function: str) -> OptimizerDescription:
    """The optimizer that a function returned, of any class."""
    assert isinstance(found, OptimizerDescription), say(
        "expected {function} to return an optimizer, found {found}", function=function, found=tell(found)
    )
    return found


def expect_params(optimizer: OptimizerDescription, wanted: Mapping[str, torch.Tensor], call: str) -> None:
    """After this call, the optimizer holds each of the named parameters once, the very objects, and no other."""
    held = [id(param) for param in optimizer.params]
    missing = [name for name, param in wanted.items() if id(param) not in held]
    twice = [name for name, param in wanted.items() if held.count(id(param)) > 1]
    own = {id(param) for param in wanted.values()}
    foreign = sum(1 for param in held if param not in own)
    assert foreign != 1, say(
        "expected the very parameters that were given, found 1 that is a copy or something else after {call}", call=call
    )
    assert not foreign, say(
        "expected the very parameters that were given, found {count} that are a copy or something else after {call}",
        count=foreign,
        call=call,
    )
    assert not missing, say(
        "expected the optimizer to hold every parameter, found missing: {names} after {call}",
        names=names(missing),
        call=call,
    )
    assert not twice, say(
        "expected each parameter once, found more than once: {names} after {call}", names=names(twice), call=call
    )


def unlike_any(optimizer: OptimizerDescription, module: torch.nn.Module) -> list[str]:
    """The names of a module's parameters of which the optimizer holds none of their shape, be it a copy.

    What was built for something else has the right class and settings, too, and they are no merit of it.
    """
    shapes = [tuple(getattr(param, "shape", ())) for param in optimizer.params]
    return [name for name, param in module.named_parameters() if tuple(param.shape) not in shapes]


def expect_options(group: Mapping[str, Any], wanted: Mapping[str, Any], call: str) -> None:
    """After this call, the group has these options, as numbers or pairs of numbers."""
    wrong = differing(group, wanted)
    assert not wrong, say("expected {wanted}, found {found} after {call}", call=call, **wrong)


def differing(group: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, list[Message]]:
    """The options that a group should have and has not, ``wanted`` and ``found``; an empty dict where it has all."""
    wrong = [name for name, value in wanted.items() if not same(group.get(name), value)]
    sides = {"wanted": wanted, "found": group} if wrong else {}
    return {
        side: [say("{name} = {value}", name=name, value=tell(values.get(name))) for name in wrong]
        for side, values in sides.items()
    }


def expect_torch_defaults(optimizer: OptimizerDescription, wanted: type[torch.optim.Optimizer], *named: str) -> None:
    """Every group has torch's default for every setting but the ``named`` and the free ones.

    The defaults are those of the class that came, so that a wrong one of the three is not blamed here too; of
    ``wanted`` if it is no class of torch.
    """
    assert optimizer.groups, say("expected parameter groups, found none")
    classes = {full_name(cls): cls for cls in THREE}
    cls: Any = classes.get(optimizer.type_name, wanted)
    defaults = cls([torch.zeros(1)]).defaults
    rest = {name: value for name, value in defaults.items() if name not in named and name not in FREE}
    for number, group in enumerate(optimizer.groups):
        wrong = differing(group, rest)
        assert not wrong, say(
            "expected {wanted} in group {number}, which is torch's default, found {found}", number=number, **wrong
        )


def expect_number(found: object, what: Value) -> float:
    """A number, be it a float, an int or a tensor of one element; ``what`` names it."""
    if isinstance(found, torch.Tensor) and found.numel() == 1 and not found.is_complex() and not found.is_meta:
        return float(found.detach())
    assert type(found) in (int, float), say(
        "expected {what} to be a float, found {found}", what=what, found=tell(found)
    )
    return float(found)  # type: ignore[arg-type]


def same(found: object, wanted: object) -> bool:
    """Whether an option has a value; a list counts as a tuple, and a tensor of one number as that number."""
    found = unwrapped(found)
    if isinstance(wanted, (tuple, list)):
        if not isinstance(found, (tuple, list)) or len(found) != len(wanted):
            return False
        return all(same(f, w) for f, w in zip(found, wanted, strict=True))
    if isinstance(wanted, bool) or wanted is None or isinstance(found, bool) or found is None:
        return found is wanted
    if isinstance(found, (int, float)) and isinstance(wanted, (int, float)):
        return math.isclose(found, wanted, rel_tol=1e-6)  # nothing but 0 is close to 0
    return False


def unwrapped(value: object) -> object:
    """A tensor of one number as that number, anything else as it is."""
    return value.item() if isinstance(value, torch.Tensor) and value.numel() == 1 and not value.is_meta else value
