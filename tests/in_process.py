"""nbgrader's and our own commands in this process: what the programs call, without the seconds that a start costs.

A process of their own have tests of what only that shows: ``ClassFolder.start_nbgrader``, and the first command of
each program in tests/test_docs.py.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from click.testing import CliRunner
from jupyter_core.application import NoStart
from nbgrader.apps import NbGraderApp

from autograder.cli import main
from autograder.grading.batch import kept_environment


def nbgrader(*arguments: str, cwd: Path, **environment: str) -> tuple[int, str]:
    """What ``nbgrader`` exits with, and what it prints. Its own tests call it in this way."""
    printed, code = io.StringIO(), 0
    with _at(cwd, environment), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        app = NbGraderApp.instance()
        try:
            app.initialize(list(arguments))
            app.start()
        except NoStart:  # a subcommand was run
            pass
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else error.code is not None
        finally:
            app.reset()
    return code, printed.getvalue()


def autograder(*arguments: str, cwd: Path, **environment: str) -> tuple[int, str]:
    """What ``autograder`` exits with, and what it prints."""
    with _at(cwd, environment):
        done = CliRunner().invoke(main, arguments)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


@contextlib.contextmanager
def _at(cwd: Path, environment: dict[str, str]) -> Iterator[None]:
    """In a folder, with an environment and with warnings as a program has them; afterwards all is as it was."""
    path = list(sys.path)
    with kept_environment(), contextlib.chdir(cwd), warnings.catch_warnings():
        os.environ.update(environment)
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            sys.path[:] = path
