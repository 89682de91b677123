"""What the text of a cell says of a name, without running it."""

from __future__ import annotations

import ast
import re
import warnings

MAX_STUB = 4_000
"""The characters of an answer cell in which an unwritten function is looked for. Python's parser is given no more of a
student's text: a long one can bring it down."""


def defines(source: str, name: str) -> bool:
    """Whether a cell defines a function, a class or a variable of this name, as far as its text tells."""
    return re.search(rf"^(async +def|def|class) {re.escape(name)}\b|^{re.escape(name)} *=", source, re.M) is not None


def is_answered(source: str, name: str) -> bool:
    """Whether an answer cell has an answer: it speaks of the name, and not as of a function that is still unwritten.

    Unwritten is what does nothing but raise NotImplementedError, be there or pass, whatever its docstring says.
    """
    if re.search(rf"^[^#\n]*\b{re.escape(name)}\b", source, re.M) is None:
        return False
    if len(source) > MAX_STUB:
        return True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are the student's
            statements = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # as of a magic; or of nonsense
        return True
    functions = [found for found in statements if isinstance(found, ast.FunctionDef) and found.name == name]
    if not functions:
        return True
    body = functions[-1].body
    body = body[1:] if ast.get_docstring(functions[-1], clean=False) is not None else body
    return not all(map(_does_nothing, body))


def _does_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Raise):
        raised = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
        return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
    is_ellipsis = isinstance(statement, ast.Expr) and getattr(statement.value, "value", None) is Ellipsis
    return isinstance(statement, ast.Pass) or is_ellipsis
