"""Hidden checks of split_decay_groups."""

from collections.abc import Callable

from torch import nn

from autograder.checking.check import check
from autograder.checking.descriptions import is_tensor
from autograder.checking.student import once
from autograder.checking.unchanged import expect_unchanged
from autograder.checking.words import tell
from autograder.lessons.optimizers.decay_groups.places import expect_each_once, expect_none_frozen, expect_places
from autograder.lessons.optimizers.decay_groups.truth import EMBEDDING_LAYERS, NORM_LAYERS, Member, members, trainable
from autograder.lessons.optimizers.decay_groups.zoo import (
    make_all_frozen,
    make_dense,
    make_embeddings,
    make_frozen,
    make_misleading,
    make_norms,
    make_raw,
    make_real,
    make_sample,
    make_shared,
    make_tied,
    make_vectors,
    make_zoo,
    new_frozen,
)
from autograder.messages import say


def split(student, model: nn.Module) -> object:
    """The split of a model, which is asked for once for all checks."""
    return once(student, model, lambda: student.split_decay_groups(model))


def read_split(found: object) -> tuple[list, list]:
    """What a split means, even in a container of another kind; ``test_split_returns_lists`` is strict about it."""
    sides = list(found.values()) if isinstance(found, dict) else found
    assert isinstance(sides, (tuple, list)) and len(sides) == 2, say(
        "expected split_decay_groups to return (decay, no_decay), two lists, found {found}", found=tell(found)
    )
    return _read_side(sides[0], "decay"), _read_side(sides[1], "no_decay")


def _read_side(side: object, name: str) -> list:
    if isinstance(side, dict):
        side = side["params"] if "params" in side else list(side.values())
    assert isinstance(side, (tuple, list)), say(
        "expected split_decay_groups to return (decay, no_decay), two lists, found {found} as {name}",
        found=tell(side),
        name=name,
    )
    return [item[1] if isinstance(item, tuple) and len(item) == 2 else item for item in side]


def sides_of(student, model: nn.Module) -> tuple[list, list]:
    """The two sides of a split, by a function that does sort."""
    expect_it_sorts(student)
    return read_split(split(student, model))


def expect_it_sorts(student) -> None:
    """Most matrices are on one side, and on the other are the biases, or the other vectors, or the tables.

    It need not be the right side: which one comes first is another check's business. But one side for everything is
    right for half of the parameters, and no merit. Where a split holds other things, each check tells what is missing.
    """
    model = make_sample()
    sides = [{id(item) for item in side} for side in read_split(split(student, model))]
    if sides[0] | sides[1] and not (sides[0] | sides[1]) & {id(member.param) for member in members(model)}:
        return
    matrices = [id(member.param) for member in members(model) if member.decays]
    rest = [member for member in members(model) if not member.decays]
    kinds = [[id(m.param) for m in rest if _kind(m) == kind] for kind in {_kind(m) for m in rest}]
    for one, other in (sides, sides[::-1]):
        most = sum(param in one - other for param in matrices) > len(matrices) / 2
        if most and any(other - one >= set(kind) for kind in kinds):
            return
    raise AssertionError(
        say("expected matrices and biases in different lists, found a split that does not tell one from the other")
    )


def _kind(member: Member) -> str:
    return "bias" if "bias" in member.last else "vector" if member.param.ndim < 2 else "table"


def expect_sides(student, model: nn.Module, which: Callable[[Member], bool]) -> None:
    """The chosen trainable parameters are where the rule puts them. Of the others, nothing is asked."""
    chosen = [member for member in trainable(model) if which(member)]
    decay, no_decay = ({id(item) for item in side} for side in sides_of(student, model))
    expect_places(chosen, decay, no_decay, "decay", "no_decay")


@check("test_split_decay_groups", 0.5, "Two plain lists, and in them the parameters themselves: no names, no copies.")
def test_split_returns_lists(student):
    """split_decay_groups returns two lists of the model's own parameters."""
    for model in (make_all_frozen(), make_dense()):
        found = split(student, model)
        read_split(found)
        assert isinstance(found, (tuple, list)), say(
            "expected (decay, no_decay), two lists of parameters, found {found}", found=tell(found)
        )
        for name, side in zip(("decay", "no_decay"), found, strict=True):
            assert isinstance(side, (tuple, list)), say(
                "expected (decay, no_decay), two lists of parameters, found {found} as {name}",
                found=tell(side),
                name=name,
            )
            odd = [item for item in side if not is_tensor(item)]
            assert not odd, say(
                "expected (decay, no_decay), two lists of parameters, found {found} in {name}",
                found=tell(odd[0]),
                name=name,
            )
            own = {id(member.param) for member in members(model)}
            copies = [item for item in side if id(item) not in own]
            assert len(copies) != 1, say(
                "expected the model's own parameters, found 1 in {name} that is a copy or something else", name=name
            )
            assert not copies, say(
                "expected the model's own parameters, found {count} in {name} that are a copy or something else",
                count=len(copies),
                name=name,
            )
    assert any(found), say("expected the four parameters of two linear layers, found two empty lists")
    expect_it_sorts(student)


@check("test_split_decay_groups", 0.5, "Which parameters do nothing but multiply their input?")
def test_split_weights(student):
    """The weights of linear, convolution, attention and recurrent layers decay."""
    expect_sides(student, make_zoo(), lambda member: member.decays and not member.is_raw)


@check("test_split_decay_groups", 0.5, "Which of a layer's parameters are added, rather than multiplied?")
def test_split_biases(student):
    """Biases do not decay."""
    expect_sides(student, make_zoo(), lambda member: member.param.ndim == 1 and "bias" in member.last)


@check(
    "test_split_decay_groups", 0.5, "Go through all parameters of the model, those deep inside and those at the top."
)
def test_split_each_once(student):
    """Each trainable parameter is in exactly one of the two lists, once."""
    for model in (*make_real().values(), make_raw()):
        decay, no_decay = sides_of(student, model)
        expect_each_once(model, [*decay, *no_decay], say("the two lists"))


@check("test_split_decay_groups", 0.5, "How does a parameter tell whether it is trained?")
def test_split_frozen(student):
    """Frozen parameters are in neither list, the others are there, and the model stays as it was."""
    for model in (make_frozen(), make_all_frozen()):
        decay, no_decay = sides_of(student, model)
        expect_none_frozen(model, [*decay, *no_decay], say("the two lists"))
        expect_each_once(model, [*decay, *no_decay], say("the two lists"))
    model = new_frozen()
    student.split_decay_groups(model)
    expect_unchanged(student, model)


@check("test_split_decay_groups", 0.5, "Two layers can hold the same object. How do you notice that you have had it?")
def test_split_shared(student):
    """A parameter that several layers share is there once."""
    decay, no_decay = sides_of(student, make_shared())
    expect_each_once(make_shared(), [*decay, *no_decay], say("the two lists"))


@check(
    "test_split_decay_groups",
    0.5,
    "Not every parameter is in a layer of torch's own. Is the word anywhere in the last part of its name?",
)
def test_split_own_names(student):
    """Own parameters of a model, such as pos_embedding, go by their last name part."""
    expect_sides(student, make_raw(), lambda member: member.param.ndim > 1 and member.is_raw)
    expect_sides(student, make_zoo(), lambda member: member.param.ndim > 1 and (member.is_raw or "bias" in member.last))


@check("test_split_decay_groups", 0.5, "A parameter knows how many dimensions it has, whatever it is called.")
def test_split_vectors(student):
    """A parameter with fewer than two dimensions does not decay, whatever its name."""
    expect_sides(student, make_zoo(), lambda member: member.param.ndim < 2 and "bias" not in member.last)
    expect_sides(student, make_vectors(), lambda member: member.param.ndim < 2)


@check("test_split_decay_groups", 0.5, "Ask the layer what it is. A subclass of a normalisation layer is one, too.")
def test_split_norm_layers(student):
    """The parameters of normalisation layers do not decay, even when they have several dimensions."""
    for model in make_norms():
        expect_sides(student, model, lambda member: isinstance(member.owners[0], NORM_LAYERS))


@check(
    "test_split_decay_groups",
    0.5,
    "Ask the layer what it is. torch has two kinds of embedding layer, and subclasses count.",
)
def test_split_embedding_layers(student):
    """The tables of embedding layers do not decay, whatever the layers are called."""
    for model in make_embeddings():
        expect_sides(student, model, lambda member: isinstance(member.owners[0], EMBEDDING_LAYERS))


@check(
    "test_split_decay_groups",
    0.5,
    "named_parameters() shows a shared parameter once, under its first name. Look at all layers that hold it.",
)
def test_split_tied(student):
    """A parameter that is shared with an embedding layer does not decay."""
    for model in make_tied():
        expect_sides(student, model, lambda member: len(member.names) > 1)


@check(
    "test_split_decay_groups",
    0.5,
    "Which layer holds the parameter directly, and what is that layer? The names of layers and classes can lie.",
)
def test_split_names_lie(student):
    """A matrix decays, whatever its layer, the layer's class or the modules around it are called."""
    expect_sides(student, make_misleading(), lambda member: member.decays)
