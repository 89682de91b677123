"""Assertions for graders. Each fails with a sentence that a student can act on: what was expected, what was found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from autograder.checking.descriptions import OptimizerDescription, full_name
from autograder.checking.words import names, tell

FREE = {"foreach", "fused"}
"""Options that are free, because they choose only how torch computes a step. (``capturable`` and ``differentiable`` are
not: with them, the optimizer refuses an ordinary step.)"""

THREE = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW)
"""The optimizers of the unit."""


def expect_class(found: object, wanted: type[torch.optim.Optimizer], function: str) -> OptimizerDescription:
    """The optimizer that a function returned, of exactly the class ``wanted``."""
    optimizer = expect_optimizer(found, function)
    short = optimizer.type_name.rpartition(".")[2]
    same = optimizer.type_name == full_name(wanted)
    kind = optimizer.type_name if short != optimizer.type_name else "a class of the notebook's own"
    assert same, f"expected torch.optim.{wanted.__name__}, found {short} ({kind})"
    return optimizer


def expect_optimizer(found: object, function: str) -> OptimizerDescription:
    """The optimizer that a function returned, of any class."""
    assert isinstance(found, OptimizerDescription), f"expected {function} to return an optimizer, found {tell(found)}"
    return found


def expect_params(optimizer: OptimizerDescription, wanted: Mapping[str, torch.Tensor], where: str) -> None:
    """The optimizer holds each of the named parameters once, the very objects, and no other."""
    held = [id(param) for param in optimizer.params]
    missing = [name for name, param in wanted.items() if id(param) not in held]
    twice = [name for name, param in wanted.items() if held.count(id(param)) > 1]
    own = {id(param) for param in wanted.values()}
    foreign = sum(1 for param in held if param not in own)
    assert not foreign, (
        f"expected the very parameters that were given, found {foreign} that "
        f"{'is' if foreign == 1 else 'are'} a copy or something else {where}"
    )
    assert not missing, f"expected the optimizer to hold every parameter, found missing: {names(missing)} {where}"
    assert not twice, f"expected each parameter once, found more than once: {names(twice)} {where}"


def expect_options(group: Mapping[str, Any], wanted: Mapping[str, Any], where: str) -> None:
    """The group has these options, as numbers or pairs of numbers."""
    wrong = [name for name, value in wanted.items() if not same(group.get(name), value)]
    expected = ", ".join(f"{name} = {tell(wanted[name])}" for name in wrong)
    found = ", ".join(f"{name} = {tell(group.get(name))}" for name in wrong)
    assert not wrong, f"expected {expected}, found {found} {where}"


def expect_torch_defaults(optimizer: OptimizerDescription, wanted: type[torch.optim.Optimizer], *named: str) -> None:
    """Every group has torch's default for every setting but the ``named`` and the free ones.

    The defaults are those of the class that came, so that a wrong one of the three is not blamed here too; of
    ``wanted`` if it is no class of torch.
    """
    assert optimizer.groups, "expected parameter groups, found none"
    classes = {full_name(cls): cls for cls in THREE}
    cls: Any = classes.get(optimizer.type_name, wanted)
    defaults = cls([torch.zeros(1)]).defaults
    rest = {name: value for name, value in defaults.items() if name not in named and name not in FREE}
    for number, group in enumerate(optimizer.groups):
        expect_options(group, rest, f"(torch's default) in group {number}")


def expect_number(found: object, function: str) -> float:
    """A number, be it a float, an int or a tensor of one element."""
    if isinstance(found, torch.Tensor) and found.numel() == 1 and not found.is_complex() and not found.is_meta:
        return float(found)
    assert type(found) in (int, float), f"expected {function} to return a float, found {tell(found)}"
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
