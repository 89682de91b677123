"""Whether parameters are where the rule puts them, be it in two lists or in the groups of an optimizer."""

from torch import nn

from autograder.checking.words import names
from autograder.lessons.optimizers.decay_groups.truth import Member, members, trainable
from autograder.messages import Message, lines, say

Place = str | Message
"""Where parameters are: the name of a list, or a kind of place."""


def expect_places(chosen: list[Member], decay: set, no_decay: set, first: Place, second: Place) -> None:
    """Each member is in the one set that the rule puts it in."""
    wrong: dict[tuple[bool, str], list[Message]] = {}
    for member in chosen:
        wanted, other = (decay, no_decay) if member.decays else (no_decay, decay)
        is_right, is_wrong = id(member.param) in wanted, id(member.param) in other
        if is_wrong or not is_right:
            found = "nowhere" if not is_wrong else "both" if is_right else "other"
            wrong.setdefault((member.decays, found), []).append(member.told)
    assert not wrong, lines([_misplaced(first, second, *how, who) for how, who in wrong.items()])


def _misplaced(first: Place, second: Place, decays: bool, found: str, who: list[Message]) -> Message:
    wanted, other = (first, second) if decays else (second, first)
    if found == "nowhere":
        return say("expected in {wanted}, found in neither: {names}", wanted=wanted, names=names(who))
    if found == "both":
        return say("expected in {wanted}, found in both: {names}", wanted=wanted, names=names(who))
    return say("expected in {wanted}, found in {other}: {names}", wanted=wanted, other=other, names=names(who))


def expect_each_once(model: nn.Module, held: list, place: Message) -> None:
    """Each trainable parameter is there exactly once; frozen ones are not judged here."""
    ids = [id(item) for item in held]
    missing = [member.told for member in trainable(model) if id(member.param) not in ids]
    twice = [member.told for member in trainable(model) if ids.count(id(member.param)) > 1]
    foreign = len(set(ids) - {id(member.param) for member in members(model)})
    assert not missing, say(
        "expected every trainable parameter in {place}, found missing: {names}", place=place, names=names(missing)
    )
    assert not twice, say(
        "expected every parameter once in {place}, found more than once: {names}", place=place, names=names(twice)
    )
    assert not foreign, say(
        "expected the model's own parameters in {place}, found {count} that belong to something else",
        place=place,
        count=foreign,
    )


def expect_none_frozen(model: nn.Module, held: list, place: Message) -> None:
    ids = {id(item) for item in held}
    frozen = [member.told for member in members(model) if not member.param.requires_grad and id(member.param) in ids]
    assert not frozen, say("expected no frozen parameter in {place}, found: {names}", place=place, names=names(frozen))
