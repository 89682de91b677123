"""The sizes of a student's pictures, read from their first bytes: nothing here decodes a picture.

A picture of few bytes can unpack to gigabytes in the browser that shows it. So pages show PNG and JPEG pictures of a
known size, and no other kind; nor moving ones, which can hold a whole picture in every few bytes.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

MAX_SIDE = 20_000
"""Pixels. A narrow picture of many pixels would make an endless page."""

MAX_SCANS = 20
"""Of a JPEG, each of which is decoded over all pixels; cameras and programs make ten at most."""


@dataclass(frozen=True)
class Picture:
    """A picture that a browser may show."""

    kind: str
    """``png`` or ``jpeg``, as its bytes have it, whatever its label says."""
    content: bytes
    width: int
    height: int

    @property
    def address(self) -> str:
        """The address of an image that holds all of it."""
        return f"data:image/{self.kind};base64,{base64.b64encode(self.content).decode()}"


def decode(text: object) -> Picture | None:
    """The picture that a notebook holds as base64; None for anything else, whatever its label says."""
    try:
        return read(base64.b64decode("".join(text.split()), validate=True)) if isinstance(text, str) else None
    except ValueError:
        return None


def read(content: bytes) -> Picture | None:
    """The picture in a file; None where it is of another kind, moves, or has no side or too long ones."""
    for kind, size_of in (("png", _png_size), ("jpeg", _jpeg_size)):
        size = size_of(content)
        if size is not None and min(size) > 0 and max(size) <= MAX_SIDE:
            return Picture(kind, content, *size)
    return None


def _png_size(content: bytes) -> tuple[int, int] | None:
    """From the header, which comes first. What makes a PNG move must stand before its pixels, in a chunk of its own."""
    if not content.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"):
        return None
    place = 8 + 12 + 13
    while (kind := content[place + 4 : place + 8]) != b"IDAT":
        if kind in (b"", b"acTL", b"IHDR"):
            return None
        place += 12 + int.from_bytes(content[place : place + 4])
    return int.from_bytes(content[16:20]), int.from_bytes(content[20:24])


_BARE = frozenset([0x01, *range(0xD0, 0xDA)])
"""Markers that no length follows. Ahead of the frame stands none of them, and to a browser what follows is the next."""
_SEGMENT = re.compile(rb"\xff+([^\0\xff])(..)", re.S)


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """From the first frame header; ahead of it are segments that say how long they are."""
    if not content.startswith(b"\xff\xd8") or content.count(b"\xff\xda") > MAX_SCANS:
        return None
    place = 2
    while (found := _SEGMENT.match(content, place)) is not None:
        marker, length = found[1][0], int.from_bytes(found[2])
        if 0xC0 <= marker <= 0xC2:  # sequential or progressive: browsers show no other
            header = content[found.end() : found.end() + 5]
            return int.from_bytes(header[3:5]), int.from_bytes(header[1:3])
        if marker == 0xDA or marker in _BARE or length < 2:  # pixels without a size, or no length at all
            return None
        place = found.start(2) + length
    return None
