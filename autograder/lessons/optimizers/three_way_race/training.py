"""Calls of train, and what builds on train says when train itself is wrong."""

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from autograder.checking.student import StudentFault, once
from autograder.lessons.optimizers.three_way_race.curves import expect_curve, expect_list_of_floats
from autograder.lessons.optimizers.three_way_race.problems import MakeOptimizer, Problem, run
from autograder.messages import message_of, say

LOSS = say("the loss")
RESULT = say("the result of {train}", train="train")


@dataclass(frozen=True)
class Training:
    """One call of train, and what must come of it."""

    problem: Problem
    make_optimizer: MakeOptimizer
    steps: int
    warm: int = 0
    """Steps that model and optimizer have behind them, so that the optimizer has a memory."""

    def start(self) -> tuple[nn.Module, torch.optim.Optimizer]:
        """A new model and its optimizer."""
        model = self.problem.copy()
        optimizer = self.make_optimizer(model)
        run(model, optimizer, self.problem.X, self.problem.y, self.warm)
        return model, optimizer

    @functools.cached_property
    def before(self) -> nn.Module:
        """The model before the call."""
        return self.start()[0]

    @functools.cached_property
    def reference(self) -> tuple[list[float], nn.Module]:
        """The right losses, and the model after the call."""
        model, optimizer = self.start()
        return run(model, optimizer, self.problem.X, self.problem.y, self.steps), model

    def ask(self, student) -> tuple[object, nn.Module]:
        """What the student's train returns, and the model that it was given."""

        def train() -> tuple[object, nn.Module]:
            model, optimizer = self.start()
            return student.train(model, optimizer, self.problem.X, self.problem.y, steps=self.steps), model

        return once(student, self, train)


@contextlib.contextmanager
def mentioning_train(student, problem: Problem, make_optimizer: MakeOptimizer, steps: int) -> Iterator[None]:
    """What builds on train fails along with it: then say so."""
    try:
        yield
    except AssertionError as error:
        case = Training(problem, make_optimizer, steps)
        try:
            found = case.ask(student)[0]
            expect_list_of_floats(found, steps, RESULT)
            expect_curve(found, case.reference[0], problem.X.dtype, LOSS)
        except (AssertionError, StudentFault):
            hint = say(
                "{problem}. Your {train} alone is not right here either: mend it first",
                problem=message_of(error),
                train="train",
            )
            raise AssertionError(hint) from error
        raise
