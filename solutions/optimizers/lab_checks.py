"""Run public checks on a student's functions, and show what they found."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from types import TracebackType

from IPython.display import display

import lab_record
from lab_messages import Said, Translate, in_english, kept, listed, say, short, show


class ChecksFailed(Exception):
    """Raised under nbgrader's Validate button when a public check has not passed."""

    def _render_traceback_(self) -> list[str]:
        """Show the report alone: IPython asks for this, and no line of this file would help a student."""
        return [str(self)]


Detail = tuple[Said, object]
"""A label, and what stands beside it."""


class Wrong(Exception):
    """A public check found something other than it expected."""

    def __init__(self, expected: object, found: object) -> None:
        """What ``say`` gives, or a value that stands for itself: a number, a class, None."""
        self.details: list[Detail] = [(say("expected"), kept(expected)), (say("found"), kept(found))]


class CannotRun(Exception):
    """A public check has nothing to look at; an earlier check says why. Raised with what ``say`` gives."""


@dataclass(frozen=True)
class Hints:
    """What to say to a student whose function fails."""

    first: str
    """Points at the idea."""
    stronger: str
    """Names the very thing, without giving the answer."""

    def after(self, failures: int) -> Detail:
        """The hint that is due after so many failures in a row, under its label."""
        if failures < lab_record.PATIENCE:
            return say("hint"), Said(self.first)
        return say("stronger hint"), Said(self.stronger)


@dataclass(frozen=True)
class PublicCheck:
    """One sentence about a student's function, and the code that finds out whether it is true."""

    name: str
    sentence: str
    hints: Hints
    lesson: str
    """For example ``decay groups``."""
    run: Callable[[Callable], None]


PUBLIC_CHECKS: dict[str, list[PublicCheck]] = {}


def public_check(*names: str, hint: str, stronger: str) -> Callable[[Callable], Callable]:
    """Register a public check of the named functions. Its docstring is the sentence that the student reads.

    ``stronger`` takes the place of ``hint`` from the third failure in a row on.
    """

    def register(run: Callable[[Callable], None]) -> Callable:
        lesson = run.__module__.removeprefix("lab_").replace("_", " ")
        for name in names:
            public = PublicCheck(run.__name__, run.__doc__ or "", Hints(hint, stronger), lesson, run)
            PUBLIC_CHECKS.setdefault(name, []).append(public)
        return run

    return register


# --- Running the checks ----------------------------------------------------------------------------------------------


def check(function: Callable) -> None:
    """Run the public checks of one of your functions, and show which of them pass, with a hint for each that fails."""
    execution = os.environ.get("NBGRADER_EXECUTION")
    if execution == "autograde":
        raise RuntimeError(
            "This notebook was autograded without the course's own nbgrader_config.py, "
            "so nothing here was graded. Run nbgrader in the course folder."
        )
    namespace = sys._getframe(1).f_globals
    name = _known_name(function, namespace)
    checks = PUBLIC_CHECKS.get(name or "", [])
    results: list[_Result] = []
    for public in checks:
        results.append(_run(public, function, namespace, results))
    notice = _add_hints(name, checks, results)
    report = _Report(name, results, notice)
    display(report)
    if execution == "validate" and not report.passed:
        raise ChecksFailed(str(report))


_PASSED = {"✓": True, "✗": False, "·": None}

_ONLY_CRASHES = Hints(
    "here every check ends at an error. Read its last words first, and then the line of yours that it names.",
    "call the function in a new cell, and Python shows the whole way to the error. Before the line that it names, "
    "print what you hand on there, and compare that with the documentation of the function that you call.",
)


def _add_hints(function: str | None, checks: list[PublicCheck], results: list[_Result]) -> Said | None:
    """Note the attempt, and give each failed check a hint, which is a stronger one after some failures in a row.

    Returns a sentence that the student should know about the record.
    """
    outcomes = {check.name: _PASSED[result.mark] for check, result in zip(checks, results, strict=True)}
    failures, notice = lab_record.note(function, outcomes)
    only_crashes = all(result.crash or result.mark == "·" for result in results)
    for check, result in zip(checks, results, strict=True):
        if check.name in failures:
            hints = _ONLY_CRASHES if only_crashes else check.hints
            result.details.append(hints.after(failures[check.name]))
    return notice


def _known_name(function: object, namespace: dict[str, object]) -> str | None:
    """The name by which the checks know this object: its own, else the one under which the notebook holds it."""
    own = getattr(function, "__name__", None)
    held = [name for name in PUBLIC_CHECKS if namespace.get(name) is function]
    return own if own in PUBLIC_CHECKS else next(iter(held), None)


@dataclass
class _Result:
    """What one public check found."""

    mark: str
    sentence: str
    details: list[Detail] = field(default_factory=list)
    unwritten: bool = False
    crash: list[object] | None = None
    """The exception with which the function ended, and the line of the student's code."""


def _run(public: PublicCheck, function: Callable, namespace: dict, earlier: list[_Result]) -> _Result:
    try:
        public.run(function)
    except Wrong as wrong:
        return _Result("✗", public.sentence, wrong.details)
    except CannotRun as reason:
        return _Result("·", public.sentence, [(say("not run"), reason.args[0])])
    except NotImplementedError:
        return _Result("·", public.sentence, unwritten=True)
    except Exception as error:
        frames = _students_frames(error.__traceback__, namespace)
        crash = [type(error), str(error), *((frame.lineno, frame.line) for frame in frames)]
        if any(result.crash == crash for result in earlier):
            return _Result("·", public.sentence, [(say("not run"), say("the same error as above"))])
        told: list[Detail] = [(say("error"), short(f"{type(error).__name__}: {error}"))]
        told += [(say("your code, line {line}", line=frame.lineno), frame.line or "") for frame in frames]
        return _Result("✗", public.sentence, told, crash=crash)
    return _Result("✓", public.sentence)


def _students_frames(tb: TracebackType | None, namespace: dict) -> list[traceback.FrameSummary]:
    """The last line of the notebook's own code that a traceback passes through."""
    own = [frame.f_globals is namespace for frame, _ in traceback.walk_tb(tb)]
    frames = [frame for frame, mine in zip(traceback.extract_tb(tb), own, strict=True) if mine]
    return frames[-1:]


# --- Showing the results ---------------------------------------------------------------------------------------------

COLOURS = {"✓": "#1f9a48", "✗": "#e0454b", "·": "#888888"}  # mid tones, readable on white and on black
_MEANINGS = {"✓": say("passed"), "✗": say("failed"), "·": say("not run")}


class _Report:
    """The results of one function's checks: a table in a notebook, plain text elsewhere."""

    def __init__(self, name: str | None, results: list[_Result], notice: Said | None = None) -> None:
        self.results = results
        self.notice = notice
        right = sum(result.mark == "✓" for result in results)
        self.passed = 0 < right == len(results)
        if name is None:
            self.title = say(
                "{call} does not know this object. It knows: {names}.", call="lab.check", names=listed(PUBLIC_CHECKS)
            )
        elif all(result.unwritten for result in results):
            self.title = say(
                "{name} is not written yet: put your code in place of raise NotImplementedError().", name=name
            )
        elif self.passed:
            self.title = say("{name}: all {count} public checks passed.", name=name, count=len(results))
        else:
            self.title = say(
                "{name}: {right} of {count} public checks passed.", name=name, right=right, count=len(results)
            )

    def text(self, translate: Translate = in_english) -> str:
        """The report in a language, as plain text."""
        lines = [show(self.title, translate)]
        for result in self.results:
            lines.append(f"  {result.mark} {translate(result.sentence)}")
            lines += [f"      {show(label, translate)}: {show(said, translate)}" for label, said in result.details]
        return "\n".join([*lines, *([show(self.notice, translate)] if self.notice else [])])

    def html(self, translate: Translate = in_english) -> str:
        """The report in a language, as a table."""

        def shown(value: object) -> str:
            return escape(show(value, translate))

        cell = "text-align:left; vertical-align:top; white-space:normal; padding:3px 8px;"
        rows = []
        for result in self.results:
            look = f"{cell} width:1em; font-size:1.3em; font-weight:bold; line-height:1; color:{COLOURS[result.mark]}"
            details = "".join(
                f'<div style="margin-left:1em"><i>{shown(label)}:</i> {shown(said)}</div>'
                for label, said in result.details
            )
            meaning = shown(_MEANINGS[result.mark])
            rows.append(
                f'<tr style="background:none"><td style="{look}" title="{meaning}">{result.mark}</td>'
                f'<td style="{cell}">{escape(translate(result.sentence))}{details}</td></tr>'
            )
        notice = f"<div>{shown(self.notice)}</div>" if self.notice else ""
        return f'<div><b>{shown(self.title)}</b></div><table style="margin:0">{"".join(rows)}</table>{notice}'

    __repr__ = text
    _repr_html_ = html
