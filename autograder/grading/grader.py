"""Grade one submission: load it into a Guest, have its checks made, and add up.

Student code never runs in this process.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import replace

import torch

from autograder.course import CourseError
from autograder.grading.checks import ChecksError, make_checks
from autograder.grading.graded import Graded, Outputs, needs_review
from autograder.grading.store import version_of
from autograder.grading.submission import Submission
from autograder.messages import brief
from autograder.results import CheckResult, Grade, Oddity, total
from autograder.sandbox import confinement, wire
from autograder.sandbox.loaded import Limits, load
from autograder.sandbox.process import Sandbox, SandboxError


class Grader:
    """Grades submissions, one after another, on one warm sandbox.

    ``unsafe`` lets student code run unconfined where no sandbox works; a ``sandbox`` may have been started before;
    what lies in ``private`` folders is hidden from student code. Use as a context manager, or call close.
    """

    def __init__(
        self,
        unsafe: bool = False,
        limits: Limits = Limits(),
        sandbox: Sandbox | None = None,
        private: Sequence[str] = (),
    ) -> None:
        torch.set_num_threads(1)  # as in the Guests: references must not depend on the machine's load
        self._unsafe = unsafe
        self.limits = limits
        self._sandbox = sandbox
        self._was_late = self._was_closed = False
        self._private = private

    def __enter__(self) -> Grader:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """End the sandbox. The next submission starts another."""
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = None

    @property
    def sandbox(self) -> Sandbox:
        """The warm sandbox, started when first needed. Raises NoSandboxError or SandboxError."""
        if self._sandbox is None or not self._sandbox.alive or not self._sandbox.is_current:
            self.close()
            self._sandbox = Sandbox(confinement.choose(self._unsafe), self._private)
        self._sandbox.warm_up()
        if self._sandbox.torch != torch.__version__:  # a new one was installed while this process lives on
            raise SandboxError(f"it has torch {self._sandbox.torch}, and the graders {torch.__version__}: start again")
        return self._sandbox

    def grade(self, submission: Submission, quick: bool = False) -> Graded:
        """Grade a submission. Trouble on our side is tried once more, and then needs review.

        ``quick`` does not run the demonstrations, as long as everything else goes well without them. Raises
        NoSandboxError when there is no sandbox at all.
        """
        started = time.perf_counter()
        if submission.problem is not None:
            return Graded(needs_review(submission, submission.problem))
        for _attempt in range(2):
            try:
                sandbox = self.sandbox
                started = time.perf_counter()  # warming up is not this submission's time
                return self._grade(submission, sandbox, started, quick)
            except SandboxError as error:
                self.close()
                problem = f"The sandbox failed, twice. Grade this submission again. ({error})"
            except (ChecksError, CourseError) as error:
                problem = str(error)
                break
        return Graded(needs_review(submission, problem, time.perf_counter() - started))

    def _grade(self, submission: Submission, sandbox: Sandbox, started: float, quick: bool) -> Graded:
        exercise = submission.exercise
        self._was_late = self._was_closed = False
        checks, outputs = (self._judge_quickly if quick else self._judge)(submission, sandbox)
        if self._was_closed:  # by what an earlier check or cell has left behind, perhaps: a second time counts
            checks, outputs = self._judge_failed(submission, sandbox, checks, outputs)
        _expect_to_add_up(checks, exercise.points, str(exercise))
        left_out = len(submission.cells()) - len(outputs)
        if left_out:
            submission = replace(submission, oddities=[*submission.oddities, Oddity("quick", found=left_out)])
        if sandbox.backend is confinement.UNSAFE:
            submission = replace(submission, oddities=[*submission.oddities, Oddity("unsafe")])
        seconds = time.perf_counter() - started
        broken = [check for check in checks if check.status == "error"]
        if broken:
            reason = f"{len(broken)} of {len(checks)} checks could not be made: {brief(broken[0].text)}"
            return Graded(needs_review(submission, reason, seconds, checks), outputs)
        names = (submission.name, exercise.assignment, exercise.name)
        most, version = exercise.max_score, version_of(exercise)
        grade = Grade(*names, "graded", None, most, seconds, checks, submission.oddities, version)
        return Graded(grade, outputs, self._was_late)

    def _judge_quickly(self, submission: Submission, sandbox: Sandbox) -> tuple[list[CheckResult], Outputs]:
        """Judge without the demonstrations; all of it with them where a check or a cell fails.

        It may need what a demonstration defines. And what a function keeps from call to call depends on all of them,
        so a check that passes here may fail there.
        """
        checks, outputs = self._judge(submission, sandbox, quick=True)
        went_well = all(check.status == "passed" for check in checks) and not any(
            isinstance(output, wire.Error) for shown in outputs.values() for output in shown
        )
        return (checks, outputs) if went_well else self._judge(submission, sandbox)

    def _judge_failed(
        self, submission: Submission, sandbox: Sandbox, checks: list[CheckResult], outputs: Outputs
    ) -> tuple[list[CheckResult], Outputs]:
        """Judge the checks that have failed once more, on the whole notebook in a new Guest."""
        failed = {check.name for check in checks if check.status != "passed"}
        if not failed:
            return checks, outputs
        again, outputs = self._judge(submission, sandbox, only=failed)
        judged = {check.name: check for check in again}
        return [judged.get(check.name, check) for check in checks], outputs

    def _judge(
        self, submission: Submission, sandbox: Sandbox, quick: bool = False, only: Collection[str] | None = None
    ) -> tuple[list[CheckResult], Outputs]:
        """Load the submission and make its checks, all or ``only`` some; what its cells displayed."""
        exercise = submission.exercise
        files, cells = exercise.checks, submission.cells(quick)
        with load(sandbox, [cell for _, cell in cells], exercise.files, self.limits) as guest:
            checks = make_checks(guest, exercise.lesson.folder, files, only)
            outputs = dict(zip((index for index, _ in cells), guest.outputs, strict=True))
            self._was_late |= guest.was_late
            self._was_closed = guest.was_closed  # in the last Guest: what another has closed was judged again
            return checks, outputs


def _expect_to_add_up(checks: list[CheckResult], points: dict[str, float], exercise: str) -> None:
    found = {cell: total(c.max_points for c in checks if c.cell == cell) for cell in {c.cell for c in checks}}
    if found != {cell: total([most]) for cell, most in points.items()}:
        raise ChecksError(
            f"The checks of {exercise} add up to {found}, its cells to {points}. "
            "Make them agree, then run: autograder build"
        )
