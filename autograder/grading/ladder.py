"""How often a check is judged: one ladder for whatever is judged a second time.

All checks share a fork of the loaded notebook as long as they pass. One that fails is judged again on the next rung,
and only the last verdict counts, so that nobody loses a point to what an earlier check left behind. A rung sees only
checks that have failed on the one below, and a check that has passed is never judged again. Above the rungs here
are whole notebooks, in a new Guest: see ``grader.py`` and ``batch.grade_all``.
"""

from __future__ import annotations

from collections.abc import Callable

from autograder.checking.student import Shown, Student
from autograder.sandbox.loaded import Guest

Check = Callable[[Student], object]


class Ladder:
    """The forks of one loaded notebook, in which its checks are judged."""

    def __init__(self, guest: Guest, shown: list[Shown]) -> None:
        self._guest = guest
        self._shown = shown
        self._student: Student | None = None
        self._is_fresh = False

    def student(self, seconds: float | None) -> Student:
        """The submission, in the fork that all checks share until one fails; a call may take so long."""
        if self._student is None:
            self._renew(alone=False)
        return self._allow(seconds)

    def judge_again(self, error: Exception, check: Check, seconds: float | None) -> object:
        """What the check says on the next rung, a fork that no check has used. Raises the error if it was there."""
        if self._is_fresh:
            raise error
        self._renew(alone=True)
        return check(self._allow(seconds))

    def used(self) -> None:
        """A check has been judged: the fork is not fresh any more."""
        self._is_fresh = False

    def close(self) -> None:
        """Hang up on the fork."""
        if self._student is not None:
            self._student.close()
            self._student = None

    def _renew(self, alone: bool) -> None:
        self.close()
        self._student = Student(self._guest.fork(alone), self._shown)
        self._is_fresh = True

    def _allow(self, seconds: float | None) -> Student:
        assert self._student is not None
        self._student.allow(seconds or self._guest.limits.call)
        return self._student
