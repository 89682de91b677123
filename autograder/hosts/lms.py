"""The class's scores as files that Canvas and Moodle import into their gradebooks.

A score that is not final is never a number there. Canvas takes an empty cell for no score, Moodle a hyphen.

A spreadsheet takes a text for a formula where it begins with = + - or @, or has one of these after a separator. So
names get an apostrophe in front of it: neither system reads them. By identifiers a student is found, and many begin
with + or - or @; those stay as they are that hold nothing else but letters, digits, dots, spaces and these signs. Any
other could call a function or a program, or fetch another file.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

from autograder.messages import printable
from autograder.pages.class_results import ClassResults, StudentResult


def canvas(results: ClassResults, column: str | None = None) -> str:
    """The file for Canvas's *Import grades*.

    ``column`` is what Canvas calls the assignment in the file that it exports, a title and a number in parentheses;
    without it, Canvas asks for the assignment. Canvas finds a student by its own number, else by the login.
    """
    rows = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", column or results.assignment],
        ["    Points Possible", "", "", "", "", _number(results.max_score)],
    ]
    for student in results.students:
        rows.append(
            [_name(student), _identifier(student.lms_id), "", _identifier(student.student), "", _final(student, "")]
        )
    return _write(rows)


def moodle(results: ClassResults) -> str:
    """The file for Moodle's *Import, CSV file*: map "Username" to the user, and the other columns to the grade item.

    Moodle gives a row without an identifier to the student above it. So a column that could identify students is
    there only when all have it.
    """
    identifiers = [
        (heading, values)
        for heading, values in (
            ("Username", [student.student for student in results.students]),
            ("ID number", [student.lms_id for student in results.students]),
            ("Email address", [student.email for student in results.students]),
        )
        if all(values)
    ]
    rows = [[*(heading for heading, _ in identifiers), results.assignment, f"{results.assignment} (feedback)"]]
    for place, student in enumerate(results.students):
        rows.append(
            [
                *(_identifier(values[place]) for _, values in identifiers),
                _final(student, "-"),
                _feedback(results, student),
            ]
        )
    return _write(rows)


def _final(student: StudentResult, none: str) -> str:
    return _number(student.score) if student.state == "final" and student.score is not None else none


def _feedback(results: ClassResults, student: StudentResult) -> str:
    """What Moodle shows to the student: made of numbers and of the course's own names alone."""
    if student.state == "missing":
        return "Nothing was handed in."
    parts = []
    for name, result in student.exercises.items():
        if result.state == "missing":
            parts.append(f"{name}: not handed in")
        elif result.state == "final":
            parts.append(f"{name}: {_number(result.score or 0.0)} of {_number(results.max_scores[name])}")
        else:
            parts.append(f"{name}: {'needs review' if result.state == 'review' else 'not all points are given yet'}")
    if student.penalty:
        parts.append(f"late: {_number(-student.penalty)}")
    return "; ".join(parts)


def _name(student: StudentResult) -> str:
    names = [name for name in (student.last_name, student.first_name) if name]
    return _no_formula(printable(", ".join(names) or student.student))


def _identifier(text: str) -> str:
    return text if re.fullmatch(r"[\w.@+\-= ]*", text) else _no_formula(text)


def _no_formula(text: str) -> str:
    """The text with an apostrophe before what could begin a formula, whatever the width of its sign."""
    return re.sub(r"(^|[;,\t\r\n])(\s*)(?=[=+\-@＝＋－＠﹦﹢﹣﹫])", r"\1\2'", text)


def _number(value: float) -> str:
    return f"{round(value, 2):.10g}"


def _write(rows: Iterable[list[str]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\r\n").writerows(rows)
    return file.getvalue()
