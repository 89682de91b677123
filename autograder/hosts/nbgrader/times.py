"""Read a time in any common form, in UTC.

nbgrader's own ``parse_utc`` takes ``+0100`` for a hundred seconds, and ``CST`` for UTC. Here dateutil reads the time,
and Python's zoneinfo knows the zones. What can be read in two ways is not guessed, since it decides who was late.
"""

from __future__ import annotations

import codecs
import contextlib
import functools
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from dateutil import parser

from autograder.messages import brief


class UnreadableTime(Exception):
    """A text that is no time, or more than one. The message says why."""


def decode(content: bytes) -> str:
    """The text of a file, with any byte-order mark. Raises UnreadableTime when it is none."""
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableTime("it holds no text") from None


def parse(text: str, home: str = "UTC") -> datetime | None:
    """The time that a text names, in UTC and without a zone; None for an empty text, as for nbgrader.

    A time without a zone is in UTC, which is nbgrader's rule. An abbreviation that several zones have is that of
    ``home``, if that has it. Of several lines, one must be a time, or all together. Raises UnreadableTime.
    """
    lines = [line for line in map(str.strip, text.strip("\0 \t\r\n").splitlines()) if line]
    if not lines:
        return None
    try:
        return _parse_line(" ".join(lines), home)
    except UnreadableTime as error:
        found, problem = set(), error
    for line in lines if len(lines) > 1 else []:
        try:
            found.add(_parse_line(line, home))
        except UnreadableTime as error:
            if re.search(r"\d", line):
                problem = error
    if len(found) > 1:
        raise UnreadableTime("it holds several times: " + ", ".join(f"{one} UTC" for one in sorted(found)))
    if not found:
        raise problem
    return found.pop()


_EPOCH = re.compile(r"@?(\d{10})(?:\d{3}|\d{6})?(\.\d+)?")
_AREA = re.compile(r"[A-Za-z]+(?:/[A-Za-z0-9_+-]+)+")
_APACHE = re.compile(r"(\d{1,2})/([A-Za-z]{3})/(\d{4}):")
_CLOCK = re.compile(r"\d:\d\d|\b\d{8}[T ]?\d{4}|\d\s*[ap]\.?m\b", re.IGNORECASE)
_OFFSET = re.compile(r"[+-]\d\d?(?::?\d\d)?(?=\s|$)")
_AFTER = re.compile(r"(\s|\d:\d\d([:.,]\d+)*|T\d{4,6}([.,]\d+)?)$")
"""What stands before an offset; else it is part of a date."""
_DEFAULTS = (datetime(2000, 1, 2, 3), datetime(2004, 5, 6, 7))
"""What a part would be that a text does not name; a time must be the same with both."""


def _parse_line(text: str, home: str) -> datetime:
    try:
        return _in_utc(text, home).replace(tzinfo=None)
    except (ValueError, OverflowError, ArithmeticError, TypeError, IndexError):  # of dateutil, for what is no time
        raise UnreadableTime(f"{brief(text)} is no time") from None


def _in_utc(text: str, home: str) -> datetime:
    text = text.replace("\N{MINUS SIGN}", "-")
    if (epoch := _EPOCH.fullmatch(text)) is not None:
        digits = text.removeprefix("@").partition(".")[0]
        return datetime.fromtimestamp(int(digits) / 10 ** (len(digits) - 10) + float(epoch[2] or 0), UTC)
    bare, zones = _without_zones(_APACHE.sub(r"\1 \2 \3 ", text))
    offset = next(_offsets(bare), None)
    local = _local(bare.replace(offset, " ", 1) if offset else bare, text)
    if offset is not None:
        zones = [zone for zone in zones if zone.upper() not in ("UTC", "GMT", "UT", "Z")]
        named: tzinfo = _fixed(offset)
    else:
        named = _zone(zones.pop(0), local, home) if zones else UTC
    found = local.replace(tzinfo=named).astimezone(UTC)
    for other in zones:
        if local.replace(tzinfo=_zone(other, local, home)).astimezone(UTC) != found:
            raise UnreadableTime(f"{brief(text)} names two zones")
    return found


def _offsets(text: str) -> Iterator[str]:
    for found in _OFFSET.finditer(text):
        if _AFTER.search(text[: found.start()]):
            yield found[0]


def _local(text: str, whole: str) -> datetime:
    """The date and time that a text without a zone names."""
    if not _CLOCK.search(text):
        raise UnreadableTime(f"{brief(whole)} names no time of day")
    starts_with_year = re.match(r"\D*\d{4}", text) or re.search(r"\b\d{4}[-/.]\d", text)
    found = set()
    for order in (False,) if starts_with_year else (False, True):
        first, second = (parser.parse(text, dayfirst=order, default=default) for default in _DEFAULTS)
        if first != second:
            raise UnreadableTime(f"{brief(whole)} names no whole date")
        found.add(first)
    if len(found) > 1:
        days = " and ".join(f"{one:%Y-%m-%d}" for one in sorted(found))
        raise UnreadableTime(f"{brief(whole)} can be {days}")
    return found.pop()


def _without_zones(text: str) -> tuple[str, list[str]]:
    """A text without the names of zones in it, and these. What stands in brackets beside an offset is a remark."""
    text, remarks = re.sub(r"[\[(][^\])]*[\])]", " ", text).strip(), re.findall(r"[\[(]([^\])]*)[\])]", text)
    known, zones = parser.parserinfo(), []

    def take(found: re.Match[str]) -> str:
        word = found[0]
        is_of_time = (
            known.jump(word)
            or known.weekday(word) is not None
            or known.month(word) is not None
            or known.ampm(word) is not None
        )
        if is_of_time and not known.utczone(word):
            return word
        zones.append(word)
        return " "

    text = re.sub(
        r"[A-Za-z][A-Za-z_]*(?:\d[A-Za-z]+)?", take, _AREA.sub(lambda found: _take_area(found[0], zones), text)
    )
    if not zones and not any(_offsets(text)):
        zones += remarks
    return " ".join(text.split()), zones


def _take_area(name: str, zones: list[str]) -> str:
    if name not in _areas():
        return name
    zones.append(name)
    return " "


@functools.cache
def _areas() -> frozenset[str]:
    return frozenset(name for name in available_timezones() if not name.startswith(("posix/", "right/")))


def _fixed(offset: str) -> timezone:
    digits = offset[1:].replace(":", "")
    hours, minutes = (int(digits), 0) if len(digits) < 3 else (int(digits[:-2]), int(digits[-2:]))
    if hours > 14 or minutes > 59:
        raise UnreadableTime(f"{offset} is no offset of a zone")
    return timezone((1 if offset[0] == "+" else -1) * timedelta(hours=hours, minutes=minutes))


def _zone(name: str, local: datetime, home: str) -> tzinfo:
    """The zone of a name at a time: of an area, or of an abbreviation that means one offset only."""
    if name.upper() in ("UTC", "GMT", "UT", "Z", "ZULU"):
        return UTC
    if "/" in name:
        return ZoneInfo(name)
    found = _abbreviated(name.upper(), local)
    own = local.replace(tzinfo=ZoneInfo(home if home in _areas() else "UTC"))
    if len(found) > 1 and own.tzname() == name.upper():
        return own.tzinfo or UTC
    if len(found) > 1:
        examples = " and ".join(f"{_shown(offset)} in {area}" for offset, area in sorted(found.items()))
        raise UnreadableTime(f"{name.upper()} is {examples}")
    if found:
        return timezone(next(iter(found)))
    if name in _areas():  # such as Singapore or EST5EDT
        return ZoneInfo(name)
    raise UnreadableTime(f"{brief(name)} is no zone that is known here")


def _abbreviated(name: str, local: datetime) -> dict[timedelta, str]:
    """The offsets for which an abbreviation stands on a day, each with an area; else in the same year."""
    days = [local.date(), *(date(local.year, month, 1) for month in (1, 7))]
    return next((found for day in days if (found := _abbreviations(day).get(name))), {})


@functools.lru_cache(maxsize=1_000)
def _abbreviations(day: date) -> dict[str, dict[timedelta, str]]:
    """The abbreviations that are in use on a day, with what they stand for, and an area of each."""
    noon, found = datetime.combine(day, time(12)), dict[str, dict[timedelta, str]]()
    for area in (*_WELL_KNOWN, *sorted(_areas())):
        with contextlib.suppress(ZoneInfoNotFoundError, OSError, ValueError):
            at = noon.replace(tzinfo=ZoneInfo(area))
            name, offset = at.tzname(), at.utcoffset()
            if "/" in area and name is not None and offset is not None:
                found.setdefault(name, {}).setdefault(offset, area)
    return found


_WELL_KNOWN = ("America/Chicago", "America/Los_Angeles", "Asia/Kolkata", "Asia/Shanghai", "Europe/Dublin")
"""Areas that are named as an example before others."""


def _shown(offset: timedelta) -> str:
    sign, minutes = ("-" if offset < timedelta() else "+"), abs(offset) // timedelta(minutes=1)
    return f"{sign}{minutes // 60:02}{minutes % 60:02}"
