"""How much of a notebook one page shows, in bytes and seconds: the bounds of all pages, in one place.

What lays out Markdown and colours code takes up to about the square of a text's length, and can't be stopped once it
has begun. So what a page may cost is bounded before it starts, by lengths alone: the same notebook makes the same page
on every machine. Beyond the bounds a text is shown as it was typed, then cut, then left out, and the page says so.

The class report shows no notebook and needs no budget: what a student adds to it is a few lines of ours, and at most
``MAX_EXAMPLE`` characters of a message.
"""

from __future__ import annotations

from autograder.pages import pictures

MAX_TEXT = 500_000
"""The characters of a notebook's texts on a page: its cells, and what they display."""

MAX_WORK = 100_000_000
"""The sum of the squares of the lengths of what is laid out or coloured: about 10,000 characters in one text, or 17,000
each in ten. The worst texts known take 4e-8 seconds of CPU time for each unit on a slow core, which is 4 seconds."""

MAX_GROWTH = 60
"""The bytes of HTML that a character of Markdown may become, pictures aside. Only links that are used again and again,
and far longer than their names, become more."""

MAX_PICTURES = 16 * 2**20
"""The characters of a page's pictures, as base64."""

MAX_PIXELS = 64_000_000
"""Of a page's pictures. A browser needs four bytes for each, or eight."""

MAX_TITLE = 100
"""The characters of a heading that stands in the description of a figure."""

PIECE = 300
"""The characters that every text counts for besides its own, however short it is."""

CUT = "\n[The rest of this text has no room on this page.]"


class Budget:
    """What one page has still room for."""

    def __init__(self) -> None:
        self._text, self._work, self._pictures, self._pixels = MAX_TEXT, MAX_WORK, MAX_PICTURES, MAX_PIXELS
        self.is_short = False
        """Whether something was not shown as it should be."""

    @property
    def has_room(self) -> bool:
        """Whether there is room for any text."""
        return self._text > PIECE

    def text(self, text: str) -> str:
        """As much of a text as there is room for; where that is not all of it, it says so."""
        room = max(self._text - PIECE, 0)
        self._text -= min(len(text) + PIECE, self._text)
        if len(text) <= room:
            return text
        self.is_short = True
        return text[:room] + CUT

    def lays_out(self, text: str) -> bool:
        """Whether there are seconds left to lay a text out, or to colour it. They are then taken."""
        work = (len(text) + PIECE) ** 2
        if work > self._work:
            self.is_short = True
            return False
        self._work -= work
        return True

    def picture(self, text: object) -> str | None:
        """The address of an image for what a notebook holds as base64; None where it can't be shown."""
        length = len(text) if isinstance(text, str) else 0
        picture = pictures.decode(text) if length <= self._pictures else None
        self._pictures -= min(length, self._pictures)  # what is no picture takes time, too
        pixels = 0 if picture is None else picture.width * picture.height
        if picture is None or pixels > self._pixels:
            self.is_short = True
            return None
        self._pixels -= pixels
        return picture.address


def title(text: str) -> str:
    """A heading as far as it can stand in the description of a figure."""
    return text if len(text) <= MAX_TITLE else text[:MAX_TITLE] + "…"
