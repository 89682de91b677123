"""A Grade as the student sees it: the block that stands below a test cell, in HTML and in plain text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jinja2 import Environment

from autograder.results import CheckResult, total

AS_ABOVE = "as above"
MARKS = {"passed": "✓", "failed": "✗", "error": "?"}
WORDS = {"passed": "passed", "failed": "not passed", "error": "could not be checked"}

_HTML = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<table style="border-collapse: collapse; width: 100%; max-width: 52em; font-size: 14px; line-height: 1.4; \
text-align: left;" aria-label="Checks of {{ cell }}">
<caption style="caption-side: top; text-align: left; font-weight: bold; padding: 6px 0; color: inherit;">
{{ function }}: {{ "%g" | format(points) }} of {{ "%g" | format(max_points) }} points</caption>
{% for check in checks %}
<tr style="border-top: 1px solid #ccc; vertical-align: top; background: none;">
<td style="padding: 6px 8px; width: 1.4em; text-align: center; font-weight: bold; color: {{ colors[check.status] }};">\
<span role="img" aria-label="{{ words[check.status] }}">{{ marks[check.status] }}</span></td>
<td style="padding: 6px 8px; text-align: left; white-space: normal;">{{ check.sentence }}
{% if check.message %}
<div style="white-space: pre-wrap; overflow-wrap: anywhere; font-family: monospace; font-size: 13px; \
margin-top: 4px;">{{ check.message }}</div>
{% endif %}
{% if check.hint %}
<div style="margin-top: 4px;"><b>Hint:</b> {{ check.hint }}</div>
{% endif %}
</td>
<td style="padding: 6px 8px; white-space: nowrap; text-align: right;">\
{{ "%g" | format(check.points) }} / {{ "%g" | format(check.max_points) }}</td>
</tr>
{% endfor %}
</table>
""")

_NOTICE = Environment(autoescape=True).from_string(
    '<p style="border-left: 4px solid #b35c00; padding: 4px 10px; margin: 0;"><b>{{ title }}</b> {{ text }}</p>'
)

_COLORS = {"passed": "#1a7f37", "failed": "#c62828", "error": "#b35c00"}


def without_repeats(checks: Sequence[CheckResult]) -> list[CheckResult]:
    """The checks, with AS_ABOVE in place of a message that an earlier one of the same cell has given."""
    told: set[tuple[str, str]] = set()
    shown = []
    for check in checks:
        key = (check.cell, check.message)
        if check.message and key in told:
            check = replace(check, message=AS_ABOVE, hint="")
        told.add(key)
        shown.append(check)
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
    for check in without_repeats(checks):
        lines.append(f"{MARKS[check.status]} {check.sentence}  {check.points:g} / {check.max_points:g}")
        lines += [f"  {line}" for line in check.message.splitlines()]
        if check.hint:
            lines.append(f"  Hint: {check.hint}")
    return "\n".join(lines)


def notice_html(title: str, message: str) -> str:
    """A notice that stands for itself."""
    return _NOTICE.render(title=title, text=message)
