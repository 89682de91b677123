"""Whether a curve of losses is right, and how far from the reference a right one may be."""

import torch

from autograder.checking.expect import expect_number
from autograder.checking.words import tell, tell_kind

# How far a right answer may be from the reference, relative to max(1, |value|).
# Measured on these kinds of problems and optimizers, 24 seeds each: 1, 2 and 4 threads; plain, foreach and fused steps;
# gradients set to None and to zero; cross_entropy, nll_loss, logsumexp, one-hot targets, sum / n; shuffled rows.
# Largest deviation found: 5e-15 in a loss and 1e-14 in a parameter in float64, 1.0e-6 and 2.1e-6 in float32.
# (Losses kept in a float32 tensor are off by up to 6e-8. The smallest mistake known, SGD with lesson 1's weight decay,
# leaves 4e-6 at step 2, and more later.)
TOLERANCE = {torch.float64: 1e-6, torch.float32: 3e-5}


def is_close(found: float, wanted: float, tolerance: float) -> bool:
    return abs(found - wanted) <= tolerance * max(1.0, abs(wanted))  # false for NaN


def expect_list_of_floats(found: object, steps: int, what: str) -> None:
    assert type(found) is list, f"expected {what} to be a list, found {tell(found)}"
    assert len(found) == steps, f"expected {what} to have length {steps} for steps={steps}, found length {len(found)}"
    odd = [(place, loss) for place, loss in enumerate(found) if type(loss) is not float]
    assert not odd, f"expected {what} to hold Python floats, found {tell_kind(odd[0][1])} at index {odd[0][0]}"


def as_numbers(found: object, steps: int, what: str) -> list[float]:
    """A curve, in whatever container. Whether that is a list of `steps` floats is for another check to say."""
    if isinstance(found, torch.Tensor) and found.ndim == 1 and not found.is_complex():
        found = found.tolist()
    assert isinstance(found, (list, tuple)), f"expected {what} to be a list of losses, found {tell(found)}"
    assert len(found) >= max(1, steps - 1), (
        f"expected {what} to have length {steps} for steps={steps}, found length {len(found)}"
    )
    return [expect_number(loss, f"each entry of {what}") for loss in found[:steps]]


def expect_curve(found: object, wanted: list[float], dtype: torch.dtype, what: str, entries: int | None = None) -> None:
    """The first ``entries`` losses (by default all) are right."""
    numbers = as_numbers(found, len(wanted), what)
    tolerance = TOLERANCE[dtype]
    wrong = [i for i, loss in enumerate(numbers[:entries]) if not is_close(loss, wanted[i], tolerance)]
    if not wrong:
        return
    first = wrong[0]
    digits = 6 if f"{wanted[first]:.6g}" != f"{numbers[first]:.6g}" else 9
    message = f"expected {what} to be {wanted[first]:.{digits}g} at step {first}, found {numbers[first]:.{digits}g}"
    if first:
        message += f" (step{'s 0 to ' if first > 1 else ' '}{first - 1} agree{'' if first > 1 else 's'})"
    if len(wanted) > 1 and is_close(numbers[0], wanted[1], tolerance):
        message += ", which is the loss at step 1: it comes one step late"
    raise AssertionError(message)
