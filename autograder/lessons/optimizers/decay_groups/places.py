"""Whether parameters are where the rule puts them, be it in two lists or in the groups of an optimizer."""

from torch import nn

from autograder.checking.words import names
from autograder.lessons.optimizers.decay_groups.truth import Member, members, trainable


def expect_places(chosen: list[Member], decay: set, no_decay: set, first: str, second: str, either: str) -> None:
    """Each member is in the one set that the rule puts it in."""
    wrong: dict[tuple[str, str], list[str]] = {}
    for member in chosen:
        wanted, other = (first, second) if member.decays else (second, first)
        there = [name for name, side in ((first, decay), (second, no_decay)) if id(member.param) in side]
        if there != [wanted]:
            found = f"found in {other}" if there == [other] else "found in both" if there else f"not found in {either}"
            wrong.setdefault((wanted, found), []).append(str(member))
    assert not wrong, "\n".join(
        f"expected in {wanted}, {found}: {names(who)}" for (wanted, found), who in wrong.items()
    )


def expect_each_once(model: nn.Module, held: list, where: str) -> None:
    """Each trainable parameter is there exactly once; frozen ones are not judged here."""
    ids = [id(item) for item in held]
    missing = [str(member) for member in trainable(model) if id(member.param) not in ids]
    twice = [str(member) for member in trainable(model) if ids.count(id(member.param)) > 1]
    foreign = len(set(ids) - {id(member.param) for member in members(model)})
    assert not missing, f"expected every trainable parameter {where}, found missing: {names(missing)}"
    assert not twice, f"expected every parameter once {where}, found more than once: {names(twice)}"
    assert not foreign, f"expected the model's own parameters {where}, found {foreign} that belong to something else"


def expect_none_frozen(model: nn.Module, held: list, where: str) -> None:
    ids = {id(item) for item in held}
    frozen = [str(member) for member in members(model) if not member.param.requires_grad and id(member.param) in ids]
    assert not frozen, f"expected no frozen parameter {where}, found: {names(frozen)}"
