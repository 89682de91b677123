"""Whether a model that a call was given is as it was before."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from autograder.checking.descriptions import ModuleDescription
from autograder.checking.student import Student, look_at
from autograder.checking.words import names
from autograder.messages import Code, Value, say


def expect_unchanged(
    student: Student,
    model: nn.Module,
    *,
    dtypes: bool = True,
    identity: bool = False,
    buffers: bool = False,
    mode: bool = False,
    parts: bool = False,
) -> None:
    """The model of the last call has the values and requires_grad that it had, in every parameter.

    That call must have been the first that it was sent with. More is asked with ``buffers`` (they have their values
    too), ``identity`` (all these are the very objects), ``mode`` (the model is in training or evaluation mode as
    before) and ``parts`` (and so is every module in it); less without ``dtypes`` (equal values of another dtype do).
    Raises AssertionError, with a sentence that names what changed, and StudentFault when it can't be looked at.
    """
    now = look_at(student, model)
    own = model.state_dict(keep_vars=True) if buffers else dict(model.named_parameters(remove_duplicate=False))
    found = {**now.parameters, **now.buffers} if buffers else now.parameters
    other = [name for name, tensor in own.items() if identity and now.identities.get(name) is not tensor]
    assert not other, say(
        "expected the model to stay as it was, found other parameters in it: {names}", names=names(other)
    )
    changed = [name for name, tensor in own.items() if not is_equal(found.get(name), tensor, dtypes)]
    assert not changed, say("expected the model to stay as it was, found changed: {names}", names=names(changed))
    freed = [name for name, tensor in own.items() if found[name].requires_grad is not tensor.requires_grad]
    assert not freed, say("expected requires_grad to stay as it was, found changed: {names}", names=names(freed))
    if mode or parts:
        expect_same_mode(student, model, now, lambda part: not parts)


def expect_same_mode(
    student: Student, model: nn.Module, found: ModuleDescription, free: Callable[[str], bool] = lambda part: False
) -> None:
    """What a model became is in training or evaluation mode as the model was, and so are its parts, but for free ones.

    Parts are looked at where it is still the model itself. Raises as ``expect_unchanged`` does.
    """
    parts = {name: part for name, part in model.named_modules() if name and not free(name)}
    modes: list[tuple[Value, bool, bool]] = [(say("the model"), model.training, found.training)]
    if found.same_as is model:
        modes += [(Code(name), part.training, look_at(student, part).training) for name, part in parts.items()]
    stopped = [name for name, was, now in modes if was and not now]
    started = [name for name, was, now in modes if now and not was]
    assert not stopped, say("expected training mode as before, found evaluation mode: {names}", names=names(stopped))
    assert not started, say("expected evaluation mode as before, found training mode: {names}", names=names(started))


def is_equal(found: object, wanted: torch.Tensor, dtypes: bool = True) -> bool:
    """Whether what was found is a tensor of the same values and, unless ``dtypes`` is off, the same dtype."""
    if not isinstance(found, torch.Tensor) or (dtypes and found.dtype != wanted.dtype):
        return False
    return torch.equal(found, wanted.detach())
