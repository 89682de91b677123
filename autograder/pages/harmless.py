"""Text of a student as HTML that can do no harm: markup in it is shown, and never obeyed, within a page's budget.

Formulas stay as they were typed: the lessons write theirs as code, and what renders TeX on a page is a script.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import mistune
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from nbconvert.filters import strip_ansi
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from autograder.messages import printable
from autograder.pages.budget import MAX_GROWTH, PIECE, Budget


def plain(text: str) -> str:
    """The text as a terminal would leave it, with a mark in place of what is no text or can't be seen."""
    text = re.sub(r"^[^\n]*\r(?=[^\r\n])", "", strip_ansi(text), flags=re.M).replace("\r", "")  # a progress bar's end
    return printable(text)


class _Renderer(mistune.HTMLRenderer):
    """Markdown of a student or a lesson: its HTML is shown as text, and its images come from the notebook alone."""

    def __init__(self, attachments: Mapping[str, Mapping[str, Any]], budget: Budget) -> None:
        super().__init__(escape=True, allow_harmful_protocols=False)
        self._attachments, self._budget = attachments, budget
        self.pictures = 0
        """The characters of the pictures so far."""

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        """One level down: the page has a title of its own."""
        return super().heading(text, min(level + 1, 6))

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """A picture that was pasted into the cell; a link to any other."""
        if url.startswith(("http://", "https://")):
            return self.link(text or "picture", url, title)
        content = self._content(url)
        address = None if content is None else self._budget.picture(content)
        if address is None:
            return text if content is None else f"{text or 'picture'} (this picture can't be shown here)"
        self.pictures += len(address)
        return super().image(text or "picture", address, title)

    def _content(self, url: str) -> object:
        """What should be a picture of pixels, as base64; None where there is no such thing."""
        kind, _, content = url.partition(",") if url.startswith("data:image/") else ("", "", "")
        if kind.endswith(";base64") and "svg" not in kind:  # which is markup
            return content
        attached = self._attachments.get(url.removeprefix("attachment:"), {}) if url.startswith("attachment:") else {}
        return next((attached[kind] for kind in ("image/png", "image/jpeg", "image/gif") if kind in attached), None)

    def inline_math(self, text: str) -> str:
        """A formula as it was typed."""
        return self.codespan(text)

    def block_math(self, text: str) -> str:
        """A formula as it was typed, on lines of its own."""
        return self.block_code(text)


def markdown(
    source: str, attachments: Mapping[str, Mapping[str, Any]] | None = None, budget: Budget | None = None
) -> Markup:
    """Markdown as HTML that can do no harm. What is too much for the page's budget is shown as it was typed."""
    budget = budget or Budget()
    text = plain(budget.text(source))
    if not budget.lays_out(text):
        return _as_typed(text)
    renderer = _Renderer(attachments or {}, budget)
    html = mistune.create_markdown(renderer=renderer, plugins=["strikethrough", "table", "url", "math"])(text)
    if len(html) - renderer.pictures > MAX_GROWTH * (len(text) + PIECE):
        budget.is_short = True
        return _as_typed(text)
    return Markup(html)


def _as_typed(text: str) -> Markup:
    notice = "This text is too long to be laid out. It is shown as it was typed."
    return Markup("<p><em>{}</em></p>\n<pre>{}</pre>\n").format(notice, text)


_FORMATTER = HtmlFormatter(style="xcode", nowrap=True)  # all of its colours can be read on white

CODE_STYLE = _FORMATTER.get_style_defs("pre.code")
"""The style sheet of what ``code`` makes, inside of ``<pre class="code">``."""


def code(source: str, budget: Budget | None = None) -> Markup:
    """Python code as HTML. What is too much for the page's budget has no colours."""
    budget = budget or Budget()
    text = plain(budget.text(source))
    if not budget.lays_out(text):
        return escape(text)
    text = "\n".join(line.rstrip() for line in text.split("\n"))  # the lexer takes long for blanks at lines' ends
    return Markup(highlight(text, PythonLexer(stripnl=True), _FORMATTER))


def _budget_of(context: Context) -> Budget:
    """The budget of a page of nbgrader's, which hands the same resources to every part of it."""
    return context.get("resources", {}).setdefault("budget_of_texts", Budget())


@pass_context
def in_formgrader(context: Context, source: str) -> Markup:
    """Markdown on nbgrader's own pages: the formgrader would run a student's script with the instructor's rights."""
    return markdown(source, context.get("cell", {}).get("attachments"), _budget_of(context))


@pass_context
def code_in_formgrader(context: Context, source: str, **options: Any) -> Markup:
    """Code on nbgrader's own pages, in the place of nbconvert's filter; its options are of no use here."""
    return Markup('<div class="highlight hl-ipython3"><pre>{}</pre></div>\n').format(code(source, _budget_of(context)))
