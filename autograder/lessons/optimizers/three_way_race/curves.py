"""Whether a curve of losses is right, and how far from the reference a right one may be."""

import torch

from autograder.checking.expect import expect_number
from autograder.checking.words import tell, tell_kind
from autograder.messages import Message, say

# How far a right answer may be from the reference, relative to max(1, |value|).
# Measured on these kinds of problems and optimizers, 24 seeds each: 1, 2 and 4 threads; plain, foreach and fused steps;
# gradients set to None and to zero; cross_entropy, nll_loss, logsumexp, one-hot targets, sum / n; shuffled rows.
# Largest deviation found: 5e-15 in a loss and 1e-14 in a parameter in float64, 1.0e-6 and 2.1e-6 in float32.
# (Losses kept in a float32 tensor are off by up to 6e-8. The smallest mistake known, SGD with lesson 1's weight decay,
# leaves 4e-6 at step 2, and more later.)
TOLERANCE = {torch.float64: 1e-6, torch.float32: 3e-5}


def is_close(found: float, wanted: float, tolerance: float) -> bool:
    return abs(found - wanted) <= tolerance * max(1.0, abs(wanted))  # false for NaN


def expect_list_of_floats(found: object, steps: int, what: Message) -> None:
    assert type(found) is list, say("expected {what} to be a list, found {found}", what=what, found=tell(found))
    assert len(found) == steps, _wrong_length(found, steps, what)
    odd = [(place, loss) for place, loss in enumerate(found) if type(loss) is not float]
    assert not odd, say(
        "expected {what} to hold Python floats, found {found} at index {index}",
        what=what,
        found=tell_kind(odd[0][1]),
        index=odd[0][0],
    )


def _wrong_length(found: list | tuple, steps: int, what: Message) -> Message:
    return say(
        "expected {what} to have length {steps} for steps={steps}, found length {found}",
        what=what,
        steps=steps,
        found=len(found),
    )


def as_numbers(found: object, steps: int, what: Message) -> list[float]:
    """A curve, in whatever container. Whether that is a list of `steps` floats is for another check to say."""
    if isinstance(found, torch.Tensor) and found.ndim == 1 and not found.is_complex():
        found = found.tolist()
    assert isinstance(found, (list, tuple)), say(
        "expected {what} to be a list of losses, found {found}", what=what, found=tell(found)
    )
    assert len(found) >= max(1, steps - 1), _wrong_length(found, steps, what)
    each = say("each entry of {what}", what=what)
    return [expect_number(loss, each) for loss in found[:steps]]


def expect_curve(
    found: object, wanted: list[float], dtype: torch.dtype, what: Message, entries: int | None = None
) -> None:
    """The first ``entries`` losses (by default all) are right."""
    numbers = as_numbers(found, len(wanted), what)
    tolerance = TOLERANCE[dtype]
    wrong = [i for i, loss in enumerate(numbers[:entries]) if not is_close(loss, wanted[i], tolerance)]
    if not wrong:
        return
    first = wrong[0]
    digits = 6 if f"{wanted[first]:.6g}" != f"{numbers[first]:.6g}" else 9
    problem = say(
        "expected {what} to be {wanted:.9g} at step {step}, found {found:.9g}",
        what=what,
        wanted=float(f"{wanted[first]:.{digits}g}"),
        step=first,
        found=float(f"{numbers[first]:.{digits}g}"),
    )
    if first == 1:
        problem = say("{problem} (step 0 agrees)", problem=problem)
    elif first:
        problem = say("{problem} (steps 0 to {last} agree)", problem=problem, last=first - 1)
    if len(wanted) > 1 and is_close(numbers[0], wanted[1], tolerance):
        problem = say("{problem}, which is the loss at step 1: it comes one step late", problem=problem)
    raise AssertionError(problem)
