"""What a call is given arrives as it was, be it pickled anew or once for all calls."""

import pickle

import torch
from torch import nn

from autograder.checking.pickling import dump_arguments, made_once, new_copy
from autograder.sandbox.sent import sent_objects


@made_once
def make_model(size: int) -> nn.Module:
    return nn.Sequential(nn.Linear(size, 2), nn.BatchNorm1d(2)).requires_grad_(False).eval()


@made_once
def make_two() -> tuple[nn.Module, ...]:
    return nn.Linear(2, 2), nn.Linear(2, 3)


def send(*args, **kwargs):
    return pickle.loads(dump_arguments(args, kwargs))


def test_a_model_that_never_changes_is_pickled_once(monkeypatch):
    model = make_model(3)
    assert model is make_model(3) is not make_model(4)
    first = dump_arguments((model, "fc"), {"lr": 0.1})
    monkeypatch.setattr(nn.Module, "__getstate__", lambda self: 1 / 0)
    assert dump_arguments((model, "fc"), {"lr": 0.1}) == first
    assert dump_arguments((), {"rates": [0.1, 2], "model": model}) != first
    monkeypatch.undo()
    for found in (pickle.loads(first)[0][0], new_copy(model)):
        assert found is not model
        assert str(found) == str(model) and not found.training
        for name, tensor in model.state_dict(keep_vars=True).items():
            other = found.state_dict(keep_vars=True)[name]
            assert torch.equal(other, tensor) and type(other) is type(tensor) and not other.requires_grad


def test_what_arguments_share_they_share_on_the_other_side():
    model, (one, two) = make_model(3), make_two()
    args, _ = send(model, list(model.parameters()))
    assert args[1][0] is args[0][0].weight
    args, kwargs = send(model, again=model)
    assert kwargs["again"] is args[0]
    args, _ = send(torch.optim.SGD(one.parameters()), one)
    assert args[0].param_groups[0]["params"][0] is args[1].weight
    args, _ = send(one, two)
    assert [list(model.weight.shape) for model in args] == [[2, 2], [3, 2]]


def test_a_model_that_may_change_is_pickled_anew():
    model = new_copy(make_model(3)).train()
    assert send(model)[0][0].training
    assert not send(make_model(3))[0][0].training


def test_what_only_the_graders_have_is_sent_too():
    (args, _) = send(make_model(3), lambda: 5)
    assert args[1]() == 5


def test_both_sides_find_all_of_a_model_in_torchs_own_order():
    """Whatever its parts share, lack or hold for themselves, and at the depth of a real model."""
    tied = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2), torch.nn.Linear(2, 2, bias=False))
    tied[1].weight = tied[0].weight
    twice = torch.nn.ModuleList([tied, tied[0], torch.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(2)])
    twice[3].running_mean = twice[2].running_mean
    lone = torch.nn.Module()
    lone.register_parameter("none", None)
    lone.register_buffer("buffer", torch.zeros(1), persistent=False)
    lone.own, lone.part = torch.nn.Parameter(torch.ones(1)), tied
    for model in (tied, twice, lone, torch.nn.TransformerEncoderLayer(4, 2, batch_first=True)):
        found = list(sent_objects(model))
        wanted = [*model.modules(), *model.parameters(), *model.buffers()]
        assert [id(item) for item in found] == [id(item) for item in wanted]
