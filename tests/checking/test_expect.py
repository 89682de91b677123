"""What graders say to students, and what they compare: any value that can come back is told, and none raises."""

import contextlib
import copy

import pytest
import torch

from autograder.checking import expect, unchanged, words
from autograder.checking.descriptions import (
    AxesDescription,
    ModuleDescription,
    Opaque,
    OptimizerDescription,
    full_name,
    is_tensor,
)
from autograder.checking.student import NewAxes
from autograder.messages import say

VALUES = [
    (None, "None"),
    (0.1, "0.1"),
    (float("nan"), "nan"),
    (True, "True"),
    (2**62, "4611686018427387904"),
    (2**64, "an int beyond 64 bits"),
    (1 + 2j, "1+2j"),
    ("x" * 100, f"the text {'x' * 40!r}"),
    ("", "the text ''"),
    ((), "()"),
    ((0.9,), "(0.9,)"),
    ((0.9, 0.999), "(0.9, 0.999)"),
    ((0.9, (1, None)), "(0.9, (1, None))"),
    ((1, (2, (3, 4))), "(1, (2, a tuple of 2 items))"),
    (("fc.weight", torch.ones(2)), "(the text 'fc.weight', a tensor of shape (2,))"),
    (tuple(range(5)), "a tuple of 5 items"),
    ([1], "a list of 1 item"),
    ([[float("nan")], []], "a list of 2 items"),
    ({}, "a dict of 0 items"),
    (torch.ones(1), "a tensor holding 1"),
    (torch.tensor(float("nan")), "a tensor holding nan"),
    (torch.tensor(True), "a tensor holding True"),
    (torch.tensor(123456789), "a tensor holding 123456789"),
    (torch.tensor(1 + 2j), "a tensor holding 1+2j"),
    (torch.ones(2, dtype=torch.complex64), "a tensor of shape (2,)"),
    (torch.ones(0), "a tensor of shape (0,)"),
    (torch.nn.Parameter(torch.ones(2, 3)), "a Parameter of shape (2, 3)"),
    (torch.nn.Parameter(torch.ones(1, device="meta")), "a Parameter of shape (1,)"),
    (torch.ones(10**6, 10**6, device="meta"), "a tensor of shape (1000000, 1000000)"),
    (torch.nn.UninitializedParameter(), "a Parameter without values"),
    (torch.nn.Linear(1, 1), "a module of class Linear"),
    (ModuleDescription("torch.nn.modules.linear.Linear", None, True, {}, {}, {}, {}, {}), "a module of class Linear"),
    (
        ModuleDescription("Linear (≠ torch.nn.Linear)", None, True, {}, {}, {}, {}, {}),
        "a module of class Linear (≠ torch.nn.Linear)",
    ),
    (AxesDescription(None, [], "", "", "", "linear", "linear", None), "matplotlib Axes"),
    (OptimizerDescription("torch.optim.sgd.SGD", []), "an optimizer of class SGD"),
    (Opaque("generator"), "a value of type generator"),
    (object(), "a value of type object"),
    (NewAxes(), "a value of type NewAxes"),
]


def text(value):
    """What stands in a place of a message."""
    return str(say("{value}", value=value))


@pytest.mark.parametrize(("value", "told"), VALUES, ids=[told for _, told in VALUES])
def test_every_value_is_told_in_a_few_words(value, told):
    assert text(words.tell(value)) == told
    assert text(words.tell_kind(value)).endswith(told)
    if not isinstance(value, torch.nn.UninitializedParameter):  # only a lazy layer of ours has one
        assert not expect.same(value, 17.5)
    with pytest.raises(AssertionError, match="expected f to return an optimizer"):
        expect.expect_optimizer(value if not isinstance(value, OptimizerDescription) else None, "f")


def test_a_value_without_end_is_told():
    deep = wide = 0
    for _ in range(10_000):
        deep = (deep,)
    for _ in range(30):
        wide = (wide, wide, wide, wide)
    assert text(words.tell(deep)) == "((a tuple of 1 item,),)"
    assert len(text(words.tell(wide))) < 500
    assert text(words.tell(-(10**5000))) == text(words.tell_kind(10**5000)) == "an int beyond 64 bits"


def test_a_number_is_told_with_its_kind():
    assert [text(words.tell_kind(value)) for value in (3, 3.0, True)] == ["the int 3", "the float 3.0", "the bool True"]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ([], "no key"),
        (["sgd"], "the key 'sgd'"),
        (["SGD", ""], "the keys 'SGD', ''"),
        ([1, Opaque("Parameter")], "2 keys that are no text"),
        (["a", None, "b"], "the keys 'a', 'b' and one that is no text"),
        (["a", None, 1], "the keys 'a' and 2 that are no text"),
        (list("abcdef"), "the keys 'a', 'b', 'c', 'd' (and 2 more)"),
        (["k" * 100_000], f"the key '{'k' * 40}'"),
    ],
)
def test_the_keys_of_a_dict_are_told(keys, told):
    assert str(words.tell_keys(dict.fromkeys(keys))) == told


def test_a_call_is_told_as_a_student_writes_it():
    assert words.tell_call("f") == "f()"
    assert words.tell_call("f", "params", 0.1, betas=(0.9, 0.95)) == "f(params, 0.1, betas=(0.9, 0.95))"


@pytest.mark.parametrize(
    ("found", "wanted", "answer"),
    [
        (1, 1.0, True),
        (torch.tensor(0.5), 0.5, True),
        ([0.9, 0.99], (0.9, 0.99), True),
        ((0.9,), (0.9, 0.99), False),
        (True, 1.0, False),
        (False, False, True),
        (0, False, False),
        (None, 0.0, False),
        (float("nan"), 0.0, False),
        (0.1 + 1e-9, 0.1, True),
        (-0.0, 0.0, True),
        (1e-15, 0.0, False),
    ],
)
def test_options_are_compared_as_numbers(found, wanted, answer):
    assert expect.same(found, wanted) is answer


def test_a_tensor_of_one_number_is_that_number():
    assert expect.unwrapped(torch.tensor([0.5])) == 0.5
    for value in (torch.ones(2), torch.ones(1, device="meta"), "0.5", None):
        assert expect.unwrapped(value) is value


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (torch.ones(1), True),
        (Opaque("torch.nn.parameter.Parameter"), True),
        (Opaque("torch.Tensor that is too large or has no values"), True),
        (Opaque("Tensor"), False),
        (Opaque("generator"), False),
        (1.0, False),
    ],
)
def test_a_tensor_is_one_without_its_values_too(value, answer):
    assert is_tensor(value) is answer


def thaw(model):
    model[0].requires_grad_(True)


def move(model):
    with torch.no_grad():
        model[0].weight[0, 0] += 1


def move_buffer(model):
    model[1].running_mean += 1


def put_anew(model):
    model[0].bias = copy.deepcopy(model[0].bias)


def lose(model):
    model[0].bias = None


def store(model):
    weight = model[0].weight.detach()
    del model[0].weight
    model[0].register_buffer("weight", weight)


def rest_inside(model):
    model[1].eval()


EVERYTHING = {"identity": True, "buffers": True, "mode": True, "parts": True}


@pytest.mark.parametrize(
    ("change", "asked", "complaint"),
    [
        (thaw, {}, "expected requires_grad to stay as it was, found changed: 0.weight, 0.bias"),
        (move, {}, "expected the model to stay as it was, found changed: 0.weight"),
        (lose, {"dtypes": False}, "expected the model to stay as it was, found changed: 0.bias"),
        (store, {}, "expected the model to stay as it was, found changed: 0.weight"),
        (torch.nn.Module.double, {}, "expected the model to stay as it was, found changed: 0.weight, 0.bias, 1.weight"),
        (torch.nn.Module.double, EVERYTHING | {"dtypes": False, "identity": False}, None),
        (move_buffer, {"buffers": True}, "expected the model to stay as it was, found changed: 1.running_mean"),
        (move_buffer, EVERYTHING | {"buffers": False}, None),
        (put_anew, {"identity": True}, "expected the model to stay as it was, found other parameters in it: 0.bias"),
        (put_anew, EVERYTHING | {"identity": False}, None),
        (torch.nn.Module.eval, {"mode": True}, "expected training mode as before, found evaluation mode: the model"),
        (
            torch.nn.Module.eval,
            {"parts": True},
            "expected training mode as before, found evaluation mode: the model, 0",
        ),
        (torch.nn.Module.eval, EVERYTHING | {"mode": False, "parts": False}, None),
        (rest_inside, {"parts": True}, "expected training mode as before, found evaluation mode: 1"),
        (rest_inside, EVERYTHING | {"parts": False}, None),
        (torch.nn.Module.train, EVERYTHING, None),
    ],
)
def test_a_model_is_as_it_was_in_what_is_asked(monkeypatch, change, asked, complaint):
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    model[0].requires_grad_(False)
    theirs = copy.deepcopy(model)  # the one that a student's function has
    pairs = zip(theirs.state_dict(keep_vars=True).values(), model.state_dict(keep_vars=True).values(), strict=True)
    known = {id(copied): tensor for copied, tensor in pairs}

    def look_at(student, sent):
        now = theirs.get_submodule(next(name for name, part in model.named_modules() if part is sent))
        parameters, buffers = dict(now.named_parameters()), dict(now.named_buffers())
        identities = {name: known.get(id(tensor)) for name, tensor in {**parameters, **buffers}.items()}
        return ModuleDescription(full_name(type(now)), sent, now.training, {}, parameters, buffers, identities, {})

    monkeypatch.setattr(unchanged, "look_at", look_at)
    change(theirs)
    with pytest.raises(AssertionError) if complaint else contextlib.nullcontext() as raised:
        unchanged.expect_unchanged(None, model, **asked)
    assert complaint is None or complaint in str(raised.value)
