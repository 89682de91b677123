"""What finetune_groups and build_finetune_adamw are both asked for: who is in which group, rates, unknown heads."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from autograder.checking.descriptions import is_tensor
from autograder.checking.student import StudentRaised
from autograder.checking.words import names, tell
from autograder.messages import quote, say

RATES = [  # what is given, and the two rates that must come
    ({}, (1e-5, 1e-3)),
    ({"backbone_lr": 3e-4, "head_lr": 0.02}, (3e-4, 0.02)),
    ({"backbone_lr": 0.5, "head_lr": 0.0}, (0.5, 0.0)),
    ({"backbone_lr": 0.0}, (0.0, 1e-3)),
]


def true_groups(model: nn.Module, head_name: str) -> tuple[set[int], set[int]]:
    """The ids of the backbone's and of the head's trainable parameters."""
    head = {id(p) for p in model.get_submodule(head_name).parameters() if p.requires_grad}
    return {id(p) for p in model.parameters() if p.requires_grad} - head, head


def names_by_id(model: nn.Module) -> dict[int, str]:
    """The name of each parameter; a shared one has all its names."""
    found: dict[int, list[str]] = {}
    for name, param in model.named_parameters(remove_duplicate=False):
        found.setdefault(id(param), []).append(name)
    return {key: " = ".join(parts) for key, parts in found.items()}


def expect_membership(groups: list[list[object]], model: nn.Module, head_name: str, ordered: bool = False) -> None:
    """Each trainable parameter is in its group, once, and nothing else is.

    Only where ``ordered``, the backbone must come first; a mix-up of the two costs no other check's points.
    """
    head_name_told = repr(head_name)
    known = names_by_id(model)
    strange = [item for group in groups for item in group if id(item) not in known]
    assert not strange or not is_tensor(strange[0]), say(
        "expected the model's own parameters and nothing else, "
        "found {count} that are copies, buffers or of another model (with head_name {head_name})",
        count=len(strange),
        head_name=head_name_told,
    )
    assert not strange, say(
        "expected the model's own parameters and nothing else, "
        "found {count} that are something else, such as {found} (with head_name {head_name})",
        count=len(strange),
        found=tell(strange[0]),
        head_name=head_name_told,
    )
    ids = [[id(item) for item in group] for group in groups]
    backbone, head = true_groups(model, head_name)
    if not ordered and is_swapped(ids, backbone, head):
        ids.reverse()
    held = ids[0] + ids[1]
    frozen = [key for key in dict.fromkeys(held) if key not in backbone | head]
    twice = [key for key in dict.fromkeys(held) if held.count(key) > 1]
    missing = [key for key in known if key in backbone | head and key not in held]
    in_head = [key for key in dict.fromkeys(ids[1]) if key in backbone]
    in_backbone = [key for key in dict.fromkeys(ids[0]) if key in head]

    def told(keys: list[int]) -> dict[str, object]:
        return {"names": names(known[key] for key in keys), "head_name": head_name_told}

    assert not frozen, say(
        "expected frozen parameters in no group, found: {names} (with head_name {head_name})", **told(frozen)
    )
    assert not twice, say(
        "expected each parameter in one group, once, found more than once: {names} (with head_name {head_name})",
        **told(twice),
    )
    assert not missing, say(
        "expected every trainable parameter in a group, found in none: {names} (with head_name {head_name})",
        **told(missing),
    )
    assert not in_head, say(
        "expected in the backbone's group, found in the head's: {names} (with head_name {head_name})", **told(in_head)
    )
    assert not in_backbone, say(
        "expected in the head's group, found in the backbone's: {names} (with head_name {head_name})",
        **told(in_backbone),
    )


def is_swapped(ids: list[list[int]], backbone: set[int], head: set[int]) -> bool:
    """Whether the first group is rather the head and the second rather the backbone."""
    first, second = (set(group) for group in ids)
    strayed, in_place = len(head & first) + len(backbone & second), len(backbone & first) + len(head & second)
    return strayed > in_place and bool(not head or head & first) and bool(not backbone or backbone & second)


def expect_unknown(call: Callable[[], object], function: str, head_name: str) -> None:
    """The call, with the name of no module or the empty one, raises a ValueError that names the head."""
    given = {"function": function, "head_name": repr(head_name)}
    try:
        found = call()
    except StudentRaised as raised:
        if raised.name == "NotImplementedError":
            raise
        if raised.name == "ValueError" and head_name in raised.message:
            return
        what = say("{error} without a message", error=raised.name)
        if raised.message:
            what = say("{error}: {text}", error=raised.name, text=quote(raised.message[:80]))
        problem = say(
            "expected {function} to raise a ValueError for the head name {head_name}, found {what}", what=what, **given
        )
        if raised.name == "ValueError":
            problem = say(
                "expected {function} to raise a ValueError for the head name {head_name} whose message holds it, "
                "found {what}",
                what=what,
                **given,
            )
        raise AssertionError(problem) from raised
    assert not head_name, say(
        "expected {function} to raise a ValueError for the unknown head name {head_name}, found that it returned "
        "{found}",
        found=tell(found),
        **given,
    )
    raise AssertionError(
        say(
            "expected {function} to raise a ValueError for the empty head name {head_name}, found that it returned "
            "{found}",
            found=tell(found),
            **given,
        )
    )
