"""Hidden checks of finetune_groups."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from torch import nn

from autograder.checking.check import check
from autograder.checking.expect import same
from autograder.checking.unchanged import expect_unchanged
from autograder.checking.words import tell, tell_call, tell_keys
from autograder.lessons.optimizers.learning_rate_groups.grouping import RATES, expect_membership, expect_unknown
from autograder.lessons.optimizers.learning_rate_groups.zoo import architecture, freeze, linear, sketch, tied
from autograder.messages import Message, say


def expect_two_dicts(found: object) -> list[Mapping]:
    assert isinstance(found, (list, tuple)), say("expected a list of two group dicts, found {found}", found=tell(found))
    assert len(found) == 2, say(
        "expected two group dicts, backbone and head, also if one is empty, found {found}", found=tell(found)
    )
    for place, group in zip(PLACES, found, strict=True):
        assert isinstance(group, dict), say(
            "expected two group dicts, found {found} as {place}", found=tell(group), place=place
        )
    return list(found)


PLACES = (say("the first dict"), say("the second dict"))


def expect_key(group: Mapping, place: Message, key: str) -> Any:
    assert key in group, say(
        "expected the key {key} in {place}, found {found}", key=repr(key), place=place, found=tell_keys(group)
    )
    return group[key]


def expect_params_list(group: Mapping, place: Message) -> list[object]:
    params = expect_key(group, place, "params")
    is_list = type(params) is list or type(params) is tuple
    assert is_list, say(
        "expected 'params' of {place} to be a list of parameters, found {found}", place=place, found=tell(params)
    )
    return list(params)


def expect_groups(student, model: nn.Module, head_name: str, ordered: bool = False) -> None:
    found = expect_two_dicts(student.finetune_groups(model, head_name))
    groups = [expect_params_list(group, place) for group, place in zip(found, PLACES, strict=True)]
    expect_membership(groups, model, head_name, ordered)


@check(
    "test_finetune_groups", 0.5, "A dict for the backbone, a dict for the head; list(...) keeps what a generator gives."
)
def test_groups_form(student):
    """finetune_groups returns two dicts, each with a list of parameters and an lr."""
    model = sketch(body=linear(), norm=nn.LayerNorm(2), fc=linear())
    found = expect_two_dicts(student.finetune_groups(model, "fc"))
    for place, group in zip(PLACES, found, strict=True):
        params = expect_params_list(group, place)
        odd = [item for item in params if not isinstance(item, nn.Parameter)]
        assert not odd, say(
            "expected 'params' of {place} to hold parameters, found {found}", place=place, found=tell(odd[0])
        )
        expect_key(group, place, "lr")
    held = [{id(item) for item in expect_params_list(group, place)} for place, group in zip(PLACES, found, strict=True)]
    sorts = all(held) and held[0] != held[1]  # any list is a list: something must be in each
    assert sorts, say(
        "expected the backbone's parameters in one dict and the head's in the other, found no such groups"
    )


@check(
    "test_finetune_groups", 0.5, "Which of the two arguments goes into which dict? Are the defaults those of the task?"
)
def test_groups_rates(student):
    """The first group has backbone_lr, the second head_lr, given or by default."""
    model = sketch(body=linear(), fc=linear())
    for given, wanted in RATES:
        found = expect_two_dicts(student.finetune_groups(model, "fc", **given))
        rates = tuple(group.get("lr") for group in found)
        assert same(rates, wanted), say(
            "expected the rates {wanted} from {call}, found {found}",
            wanted=tell(wanted),
            call=tell_call("finetune_groups", "model", "head_name", **given),
            found=tell(rates),
        )


@check("test_finetune_groups", 0.5, "Add up both groups: is every trainable parameter of the model there, once?")
def test_groups_plain(student):
    """The backbone comes first, then the head, be it one layer or several."""
    expect_groups(student, architecture("resnet18"), "fc", ordered=True)
    expect_groups(student, architecture("mobilenet_v3_small"), "classifier", ordered=True)
    expect_groups(student, sketch(stem=linear(), top=nn.Sequential(linear(), nn.Tanh(), linear())), "top", ordered=True)


@check("test_finetune_groups", 0.5, "A name that contains the head's name, or begins like it, may be another module's.")
def test_groups_lookalikes(student):
    """Modules whose names only look like the head's belong to the backbone."""
    expect_groups(student, architecture("regnet_y_400mf"), "fc")
    expect_groups(student, sketch(aux=sketch(fc=linear()), fc_norm=nn.LayerNorm(2), fc=linear()), "fc")
    expect_groups(student, sketch(heads=linear(), head_norm=nn.LayerNorm(2), pre_head=linear(), head=linear()), "head")
    expect_groups(student, nn.Sequential(*(linear() for _ in range(12))), "1")


@check("test_finetune_groups", 0.5, "A dotted path leads through several modules. Who knows how to follow it?")
def test_groups_dotted(student):
    """A dotted head name means exactly that module, and not those around it."""
    expect_groups(student, architecture("vgg11"), "classifier.6")
    expect_groups(student, architecture("vit_b_16"), "heads.head")
    inner = {"left": sketch(top=linear()), "right": sketch(top=sketch(a=linear(), b=linear()), low=linear())}
    expect_groups(student, sketch(trunk=sketch(**inner), top=linear()), "trunk.right.top")


@check(
    "test_finetune_groups",
    0.5,
    "Which attribute of a parameter says whether it learns? Read it, and change nothing in the model.",
)
def test_groups_frozen(student):
    """Frozen parameters are in no group, and the model stays as it was."""
    for frozen in (("stem", "top.0"), ("stem", "body"), ("top",)):
        model = sketch(stem=linear(), body=linear(), top=nn.Sequential(linear(), linear()))
        freeze(*(model.get_submodule(part) for part in frozen))
        model.body.bias.requires_grad_(False)
        model.train(frozen != ("stem", "body"))
        model.stem.train(frozen == ("stem", "body"))
        expect_groups(student, model, "top")
        expect_unchanged(student, model, identity=True, mode=True, parts=True)


@check(
    "test_finetune_groups", 0.5, "Names can differ where the parameter is the same object. Compare objects, not names."
)
def test_groups_shared(student):
    """A parameter that the head shares with the backbone is in the head's group, once."""
    expect_groups(student, tied(bias=True), "head")
    expect_groups(student, tied(bias=False), "head")  # named_parameters() shows nothing of this head
    late = sketch(head=nn.Sequential(linear(), linear()), body=linear(), last=linear())
    late.body.bias = late.head[1].bias
    late.last.weight = late.body.weight
    late.head[0].weight = late.head[1].weight
    expect_groups(student, late, "head")


@check("test_finetune_groups", 0.5, "Which head names does the model know? Make sure of it before you sort anything.")
def test_groups_unknown(student):
    """A head name that is no module inside the model, or empty, raises a ValueError that names it."""
    model = sketch(
        layer1=linear(), layer2=linear(), classifier=nn.Sequential(linear(), nn.ReLU(), linear()), fc=linear()
    )
    student.finetune_groups(model, "fc")  # a known name raises nothing
    for head_name in ("head", "layer", "classifier.7", "fc.weight", "fc.", ""):
        call = functools.partial(student.finetune_groups, model, head_name)
        expect_unknown(call, "finetune_groups", head_name)
