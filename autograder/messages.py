"""What is said to people, as data: a template with values, which becomes text only where it is shown.

Every word of ours stands in a template, which is a whole sentence or names a whole kind of thing, so that it can be put
into a language with other grammar. What fills a template is a value: a number, a name of code, a list of these, a kind,
or a student's own text.
"""

from __future__ import annotations

import math
import re
import string
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import msgspec

MAX_TEXT = 4000
"""The characters of a student's text that a message keeps."""
MAX_CODE = 400
"""The characters of a name of code that a message keeps."""
MAX_BRIEF = 100
"""The characters of a text that has no place of its own, such as an exception's in a reason for review."""
MAX_MARKS = 4
"""The combining marks that a letter may bear. Hebrew needs as many; a tower of them covers the lines around it."""

Translate: TypeAlias = Callable[[str], str]
"""Gives a template in some language."""


_MARK = "\N{REPLACEMENT CHARACTER}"
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and a sign that nobody sees
_JOINERS = frozenset("\u200c\u200d")  # which Persian, Hindi and many emoji need


def printable(text: str) -> str:
    """The text with a mark in place of what could command a terminal, can't be seen, or is no text.

    That is every control and format character but line ends and tabs, so those that turn the direction of writing,
    too. A joiner stays between two characters beyond ASCII. More combining marks than ``MAX_MARKS`` in a row, or one
    without a letter, become one mark.
    """
    if text.isascii():
        return re.sub(r"[^\n\t -~]", _MARK, text)
    shown: list[str] = []
    combining = 0
    for place, char in enumerate(text):
        is_combining = unicodedata.category(char) in ("Mn", "Me")
        combining = combining + 1 if is_combining else 0
        if is_combining and (combining > MAX_MARKS or not shown or shown[-1].isspace()):
            char = "" if combining > MAX_MARKS + 1 else _MARK
        elif char in _JOINERS:
            char = char if _joins(text[place - 1 : place], text[place + 1 : place + 2]) else _MARK
        elif char in _BLANK or not (char.isprintable() or char in "\n\t" or unicodedata.category(char) == "Zs"):
            char = _MARK
        shown.append(char)
    return "".join(shown)


def in_line(text: str) -> str:
    """The same in one line. A name can hold a line end, and go on after it as if it were a message of ours."""
    return printable(text).replace("\n", _MARK)


def _joins(before: str, after: str) -> bool:
    return not before.isascii() and before not in _JOINERS and not after.isascii() and after.isprintable()


def without_addresses(text: str) -> str:
    """The text without the memory addresses that Python prints of objects: they are others at each run."""
    return re.sub(r"\b0x[0-9a-fA-F]{8,}", "0x…", text)


def brief(text: str) -> str:
    """The first line of a text, cut, where a whole one has no place."""
    line = (text.strip().splitlines() or [""])[0]
    return printable(line if len(line) <= MAX_BRIEF else line[:MAX_BRIEF] + " […]")


class Code(msgspec.Struct, frozen=True, tag="code"):
    """A name of code, a call or a shape, which no language changes."""

    text: str


class Text(msgspec.Struct, frozen=True, tag="text"):
    """What a student wrote, or a program on the student's behalf: an exception's message, a key, a label."""

    text: str


class Message(msgspec.Struct, frozen=True, tag="message"):
    """A template, with a value for each of its places. Made by ``say``; ``str`` gives it in English."""

    template: str
    """As for ``str.format``, for example ``expected {wanted:.4g}, found {found}``."""
    values: dict[str, int | float | Code | Text | Message | list[int | float | Code | Text | Message]] = {}

    def __str__(self) -> str:
        return show(self)


Value: TypeAlias = "int | float | Code | Text | Message | list[int | float | Code | Text | Message]"


def say(template: str, /, **values: object) -> Message:
    """The message of a template, which is written out at each call: ``autograder messages`` finds it there.

    A value may be a number, a message (a kind), a Text (a student's own words), a str (a name of code), or a list of
    these. Raises TypeError when a place has no value, when a value has no place, and for any other type.
    """
    places = set(places_of(template))
    if places != values.keys():
        raise TypeError(f"the message {template!r} has values for {sorted(values)}, and places for {sorted(places)}")
    return Message(template, {name: _value(value) for name, value in values.items()})


def quote(text: str) -> Text:
    """A student's own words, as far as they can be shown, and the same at each run."""
    text = without_addresses(text)
    return Text(printable(text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + " […]"))


def lines(messages: Sequence[Message]) -> Message:
    """Messages under each other."""
    first, *others = messages
    return say("{first}\n{others}", first=first, others=lines(others)) if others else first


def message_of(error: BaseException) -> Message:
    """What an exception says: its message, or the words of one that was made without."""
    said = error.args[0] if error.args else None
    return said if isinstance(said, Message) else say("{text}", text=quote(str(error)))


def show(message: Message, translate: Translate = lambda template: template) -> str:
    """The message in a language, English unless another is asked for."""
    values = {name: _Shown(value, translate) for name, value in message.values.items()}
    return translate(message.template).format_map(values)


def places_of(template: str) -> list[str]:
    """The names of a template's places, in order."""
    return [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]


def kind_of(message: Message) -> tuple:
    """What two messages have in common that say the same of the same things: all but numbers and students' words."""
    return (message.template, *((name, _kind(value)) for name, value in sorted(message.values.items())))


def messages_in(message: Message) -> Iterator[Message]:
    """The message, and those among its values."""
    yield message
    for value in message.values.values():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Message):
                yield from messages_in(item)


class _Shown:
    """A value in a place of a template."""

    def __init__(self, value: Value, translate: Translate) -> None:
        self._value, self._translate = value, translate

    def __format__(self, spec: str) -> str:
        value = self._value
        if isinstance(value, (int, float)):
            return format(value, spec or ("" if isinstance(value, int) else ".6g"))
        if isinstance(value, list):
            return ", ".join(format(_Shown(item, self._translate), spec) for item in value)
        return show(value, self._translate) if isinstance(value, Message) else value.text


def _value(value: object) -> Any:
    if isinstance(value, (Code, Text, Message)):
        return value
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        return Code(str(value))
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str):
        value = without_addresses(value)
        return Code(printable(value if len(value) <= MAX_CODE else value[:MAX_CODE] + "…"))
    if isinstance(value, (list, tuple)):
        return [_value(item) for item in value]
    raise TypeError(f"a message has no values of type {type(value).__name__}")


def _kind(value: Value) -> object:
    if isinstance(value, list):
        return tuple(map(_kind, value))
    if isinstance(value, Message):
        return kind_of(value)
    return value.text if isinstance(value, Code) else ""
