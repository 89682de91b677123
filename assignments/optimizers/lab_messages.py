"""What is said to a student, as data: a template with values, which becomes text only where it is shown.

Every word of ours stands in a template, a whole sentence or phrase, so that it can be put into another language.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
from torch.optim import Optimizer

MAX_ITEMS = 20
"""The items of a row that are kept."""

Translate = Callable[[str], str]


def in_english(template: str) -> str:
    """Templates are written in English."""
    return template


@dataclass(frozen=True)
class Said:
    """A template, with a value for each of its places; one without values, such as a hint, has no places."""

    template: str
    values: dict[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return show(self)


def say(template: str, /, **values: object) -> Said:
    """What a template says, which is written out at each call. Its places are as for ``str.format``.

    A value is a number, a name of code as a str, a class, another Said, a Row, or what a student's function gave, which
    is kept as it is now. Raises TypeError when a place has no value, or a value no place.
    """
    places = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
    if places != values.keys():
        raise TypeError(f"{template!r} has values for {sorted(values)}, and places for {sorted(places)}")
    return Said(template, {name: _in_a_place(value) for name, value in values.items()})


def a_kind_of(found: object) -> object:
    """Of what type something is that a function gave; None stands for itself."""
    return None if found is None else say("a {type}", type=type(found).__name__)


@dataclass(frozen=True)
class Row:
    """Values with commas between them, or what else is to separate them."""

    items: tuple[object, ...]
    separator: str = ", "

    def __post_init__(self) -> None:
        items = tuple(kept(_in_a_place(item)) for item in self.items[:MAX_ITEMS])
        object.__setattr__(self, "items", items if len(self.items) <= MAX_ITEMS else (*items, "…"))


def listed(items: Iterable[object]) -> object:
    """Values in a row, or that there is none."""
    items = tuple(items)
    return Row(items) if items else say("nothing")


def kept(value: object) -> object:
    """A value as it is now: no code of a student can change it afterwards, or fail when it is shown.

    That is a Said, a Row, None, a number, or for anything else a short text; for a class its public name.
    """
    if value is None or isinstance(value, (Said, Row)) or type(value) in (int, float):
        return value
    if isinstance(value, Optimizer):
        value = type(value)
    if isinstance(value, type):
        is_public = getattr(torch.optim, value.__name__, None) is value
        return f"torch.optim.{value.__name__}" if is_public else f"{value.__module__}.{value.__qualname__}"
    return short(value if isinstance(value, str) else repr(value))


def _in_a_place(value: object) -> object:
    if isinstance(value, float):
        return float(value)  # a number of NumPy has no other name than its digits here
    return value if isinstance(value, str) else "None" if value is None else kept(value)


def show(value: object, translate: Translate = in_english) -> str:
    """What is kept, as text in some language; a number that stands alone in a few digits."""
    if isinstance(value, Said):
        template = translate(value.template)
        if not value.values:
            return template
        return template.format_map({name: _Shown(given, translate) for name, given in value.values.items()})
    if isinstance(value, Row):
        return value.separator.join(format(_Shown(item, translate)) for item in value.items)
    if value is None:
        return show(say("None (is the return missing?)"), translate)
    return f"{value:g}" if isinstance(value, float) else str(value)


def short(text: str) -> str:
    """A student's own text in one line that is not long."""
    text = " ".join(text.split())
    return text if len(text) <= 160 else text[:159] + "…"


class _Shown:
    """A value in a place of a template."""

    def __init__(self, value: object, translate: Translate) -> None:
        self._value, self._translate = value, translate

    def __format__(self, spec: str) -> str:
        value = self._value
        return format(show(value, self._translate) if isinstance(value, (Said, Row)) else value, spec)
