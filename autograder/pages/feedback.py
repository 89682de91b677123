"""A Grade as the student sees it: the block that stands below a test cell, in HTML and in plain text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, StrictUndefined

from autograder.results import CheckResult, total

AS_ABOVE = "as above"
"""In place of a message that an earlier check of the same cell has given."""
MARKS = {"passed": "✓", "failed": "✗", "error": "?"}
WORDS = {"passed": "passed", "failed": "not passed", "error": "could not be checked"}

_HTML = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string("""\
<table style="border-collapse: collapse; width: 100%; max-width: 52em; font-size: 14px; line-height: 1.4; \
text-align: left;" aria-label="Checks of {{ cell }}">
<caption style="caption-side: top; text-align: left; font-weight: bold; padding: 6px 0; color: inherit;">
{{ function }}: {{ "%g" | format(points) }} of {{ "%g" | format(max_points) }} points</caption>
{% for shown in checks %}
{% set check = shown.check %}
<tr style="border-top: 1px solid #ccc; vertical-align: top; background: none;">
<td style="padding: 6px 8px; width: 1.4em; text-align: center; font-weight: bold; color: {{ colors[check.status] }};">\
<span role="img" aria-label="{{ words[check.status] }}">{{ marks[check.status] }}</span></td>
<td style="padding: 6px 8px; text-align: left; white-space: normal;">{{ check.sentence }}
{% if shown.text %}
<div style="white-space: pre-wrap; overflow-wrap: anywhere; font-family: monospace; font-size: 13px; \
margin-top: 4px;">{{ shown.text }}</div>
{% endif %}
{% if shown.hint %}
<div style="margin-top: 4px;"><b>Hint:</b> {{ shown.hint }}</div>
{% endif %}
</td>
<td style="padding: 6px 8px; white-space: nowrap; text-align: right;">\
{{ "%g" | format(check.points) }} / {{ "%g" | format(check.max_points) }}</td>
</tr>
{% endfor %}
</table>
""")

_NOTICE = Environment(autoescape=True, undefined=StrictUndefined).from_string(
    '<p style="border-left: 4px solid #b35c00; padding: 4px 10px; margin: 0;"><b>{{ title }}</b> {{ text }}</p>'
)

_COLORS = {"passed": "#1a7f37", "failed": "#c62828", "error": "#b35c00"}


@dataclass(frozen=True)
class ShownCheck:
    """A check as it is shown below others."""

    check: CheckResult
    is_repeated: bool
    """Whether an earlier check of the same cell has given its message."""

    @property
    def text(self) -> str:
        """What the check has to say."""
        return AS_ABOVE if self.is_repeated else self.check.text

    @property
    def hint(self) -> str:
        """Where to look, where something new is said."""
        return "" if self.is_repeated else self.check.hint


def without_repeats(checks: Sequence[CheckResult]) -> list[ShownCheck]:
    """The checks as they are shown, each message once for a cell."""
    told: list[tuple[str, object]] = []
    shown = []
    for check in checks:
        key = (check.cell, check.message)
        shown.append(ShownCheck(check, check.message is not None and key in told))
        told.append(key)
    return shown


def html(cell: str, checks: Sequence[CheckResult]) -> str:
    """The checks of one test cell as an HTML table. Everything that came from a student is escaped."""
    return _HTML.render(
        cell=cell,
        function=cell.removeprefix("test_"),
        points=total(check.points for check in checks),
        max_points=total(check.max_points for check in checks),
        checks=without_repeats(checks),
        marks=MARKS,
        words=WORDS,
        colors=_COLORS,
    )


def text(cell: str, checks: Sequence[CheckResult]) -> str:
    """The checks of one test cell as plain text, four lines at most for each."""
    points, most = total(check.points for check in checks), total(check.max_points for check in checks)
    lines = [f"{cell.removeprefix('test_')}: {points:g} of {most:g} points"]
    for shown in without_repeats(checks):
        check = shown.check
        lines.append(f"{MARKS[check.status]} {check.sentence}  {check.points:g} / {check.max_points:g}")
        lines += [f"  {line}" for line in shown.text.splitlines()]
        if shown.hint:
            lines.append(f"  Hint: {shown.hint}")
    return "\n".join(lines)


def notice_html(title: str, message: str) -> str:
    """A notice that stands for itself."""
    return _NOTICE.render(title=title, text=message)
