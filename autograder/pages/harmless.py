"""Text of a student as HTML that can do no harm: markup in it is shown, and never obeyed.

Formulas stay as they were typed: the lessons write theirs as code, and what renders TeX on a page is a script.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import mistune
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from nbconvert.filters import strip_ansi
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer


def plain(text: str) -> str:
    """The text as a terminal would leave it, with a mark in place of what is no text."""
    text = re.sub(r"^[^\n]*\r(?=[^\r\n])", "", strip_ansi(text), flags=re.M).replace("\r", "")  # a progress bar's end
    return "".join(
        char if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs") else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )


class _Renderer(mistune.HTMLRenderer):
    """Markdown of a student or a lesson: its HTML is shown as text, and its images come from the notebook alone."""

    def __init__(self, attachments: Mapping[str, Mapping[str, str]]) -> None:
        super().__init__(escape=True, allow_harmful_protocols=False)
        self._attachments = attachments

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        """One level down: the page has a title of its own."""
        return super().heading(text, min(level + 1, 6))

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """A picture that was pasted into the cell; a link to any other."""
        kinds = self._attachments.get(url.removeprefix("attachment:"), {}) if url.startswith("attachment:") else {}
        kind = next((kind for kind in ("image/png", "image/jpeg", "image/gif") if kind in kinds), None)
        if kind is not None:
            return super().image(text or "picture", f"data:{kind};base64,{kinds[kind]}", title)
        if url.startswith(("http://", "https://")):
            return self.link(text or "picture", url, title)
        is_safe = self.sanitize_url(url).startswith("data:image/")  # a picture of pixels, not of markup
        return super().image(text or "picture", url, title) if is_safe else text

    def inline_math(self, text: str) -> str:
        """A formula as it was typed."""
        return self.codespan(text)

    def block_math(self, text: str) -> str:
        """A formula as it was typed, on lines of its own."""
        return self.block_code(text)


def markdown(source: str, attachments: Mapping[str, Mapping[str, str]] | None = None) -> Markup:
    """Markdown as HTML that can do no harm."""
    render = mistune.create_markdown(
        renderer=_Renderer(attachments or {}), plugins=["strikethrough", "table", "url", "math"]
    )
    return Markup(render(plain(source)))


@pass_context
def in_formgrader(context: Context, source: str) -> Markup:
    """Markdown on nbgrader's own pages: the formgrader would run a student's script with the instructor's rights."""
    return markdown(source, context.get("cell", {}).get("attachments"))


_FORMATTER = HtmlFormatter(style="xcode", nowrap=True)  # all of its colours can be read on white

CODE_STYLE = _FORMATTER.get_style_defs("pre.code")
"""The style sheet of what ``code`` makes, inside of ``<pre class="code">``."""


def code(source: str) -> Markup:
    """Python code as HTML."""
    return Markup(highlight(plain(source), PythonLexer(stripnl=True), _FORMATTER))
