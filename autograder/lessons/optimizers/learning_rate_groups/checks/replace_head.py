"""Hidden checks of replace_head."""

from __future__ import annotations

import torch
from torch import nn

from autograder.checking.check import check
from autograder.checking.descriptions import ModuleDescription, full_name
from autograder.checking.pickling import made_once, new_copy
from autograder.checking.student import look_at, once
from autograder.checking.unchanged import expect_same_mode, is_equal
from autograder.checking.words import names, short_name, tell
from autograder.lessons.optimizers.learning_rate_groups.models import TinyResNet
from autograder.lessons.optimizers.learning_rate_groups.zoo import freeze
from autograder.messages import Code, say


@made_once
def resnet(seed: int, channels: int, num_classes: int = 10, bias: bool = True) -> TinyResNet:
    """A small resnet with running statistics of its own; a few of its parts are frozen."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = TinyResNet(channels, num_classes, bias)
        for buffer in model.buffers():
            buffer.copy_(torch.rand(buffer.shape) * 9)
    freeze(model.conv1, model.bn1, model.layer1[0].conv1)
    return model


def make_resnet(**settings: object) -> TinyResNet:
    """A new one for each call, so that ``look_at`` finds this call's."""
    return new_copy(resnet(**settings))


HEADS = [  # the model, and the classes it shall tell apart
    ({"seed": 1, "channels": 4, "num_classes": 10}, 7),
    ({"seed": 2, "channels": 6, "num_classes": 5, "bias": False}, 3),
    ({"seed": 3, "channels": 5, "num_classes": 4}, 4),
]


def replaced(student, found: object, model: nn.Module) -> ModuleDescription:
    """What the model became: the result or, where that is no such model, the model that was given."""
    if isinstance(found, ModuleDescription) and "bn1" in found.modules:
        return found
    return look_at(student, model)


def replace(student, case: int) -> tuple[object, TinyResNet]:
    """The result for one of the models above, and the model: it is asked for once for all checks."""

    def replace_head() -> tuple[object, TinyResNet]:
        settings, num_classes = HEADS[case]
        model = make_resnet(**settings)
        return student.replace_head(model, num_classes), model

    return once(student, (replace, case), replace_head)


def is_head(name: str) -> bool:
    return name == "fc" or name.startswith("fc.")


def expect_done(found: ModuleDescription, num_classes: int) -> None:
    """Something was replaced: leaving everything as it was is no merit of a function that does nothing, or copies."""
    head = [param for name, param in found.parameters.items() if is_head(name)]
    fits = not head or any(getattr(param, "shape", (num_classes,))[:1] == (num_classes,) for param in head)
    assert fits, say("expected a new head in the model, found the model with its old one")


def expect_same_members(found: ModuleDescription, model: nn.Module) -> None:
    """Outside fc there are the same parameters and buffers as before."""
    held = {name for name in (*found.parameters, *found.buffers) if not is_head(name)}
    wanted = {name for name in model.state_dict() if not is_head(name)}
    gone, new = sorted(wanted - held), sorted(held - wanted)
    assert not gone, say("expected everything but fc to stay in the model, found missing: {names}", names=names(gone))
    assert not new, say("expected nothing new in the model but fc, found added: {names}", names=names(new))


@check(
    "test_replace_head", 0.5, "An assignment such as model.fc = ... changes the model itself. What does return give?"
)
def test_head_same_model(student):
    """replace_head returns the very model that it was given."""
    for case in (0, 1):
        found, model = replace(student, case)
        if isinstance(found, ModuleDescription):
            kind = short_name(found.type_name)
            assert found.same_as is not None or kind != Code("TinyResNet"), say(
                "expected the model that was given, found another model: a copy, or one built anew"
            )
            assert found.same_as is model, say("expected the model that was given, found a {kind}", kind=kind)
            expect_done(found, HEADS[case][1])
        assert found is not None, say("expected the model that was given, found None (is a return missing?)")
        assert isinstance(found, ModuleDescription), say(
            "expected the model that was given, found {found}", found=tell(found)
        )


@check("test_replace_head", 0.5, "A layer knows how many inputs it takes. Ask the old head, before you replace it.")
def test_head_is_linear(student):
    """The new fc is an nn.Linear with the old number of inputs and num_classes outputs."""
    for case in (0, 1):
        result, model = replace(student, case)
        found = replaced(student, result, model)
        kind = found.modules.get("fc")
        assert kind is not None, say("expected the model to have a module called fc, found none")
        assert kind == full_name(nn.Linear), say("expected fc to be an nn.Linear, found {kind}", kind=kind)
        wanted = (HEADS[case][1], model.fc.in_features)
        weight = found.parameters.get("fc.weight")
        shape = tuple(weight.shape) if isinstance(weight, torch.Tensor) else ()
        assert len(shape) == 2, say("expected fc.weight to be a matrix, found something else")
        assert shape == wanted, say(
            "expected fc to have {inputs} inputs and {outputs} outputs (its weight has the shape {wanted}), "
            "found the shape {shape}",
            inputs=wanted[1],
            outputs=wanted[0],
            wanted=str(wanted),
            shape=str(shape),
        )


@check("test_replace_head", 0.5, "What does a new nn.Linear have by itself? Does your code change that?")
def test_head_can_learn(student):
    """The new fc has a bias, and both its parameters are trainable, in a frozen model too."""
    frozen_model = make_resnet(**HEADS[0][0])
    freeze(frozen_model)
    for number in range(3):
        if number == 2:
            result, model = student.replace_head(frozen_model, HEADS[0][1]), frozen_model
        else:
            result, model = replace(student, number)
        found = replaced(student, result, model)
        expect_done(found, HEADS[number % 2][1])
        biases = [name for name in found.parameters if is_head(name) and name.endswith("bias")]
        assert biases or model.fc.bias is None, say("expected the new fc to have a bias, found none")
        assert biases, say("expected the new fc to have a bias, found none (the old fc had none)")
        empty = [n for n in found.parameters if is_head(n) and not isinstance(found.parameters[n], torch.Tensor)]
        assert not empty, say(
            "expected the new head to be ready to learn, found parameters without values: {names}", names=names(empty)
        )
        frozen = [n for n in found.parameters if is_head(n) and not getattr(found.parameters[n], "requires_grad", 0)]
        assert not frozen or number == 2, say(
            "expected requires_grad = True in the new head, found False: {names}", names=names(frozen)
        )
        assert not frozen, say(
            "expected requires_grad = True in a model that was frozen before, found False: {names}",
            names=names(frozen),
        )


@check("test_replace_head", 0.5, "Make a new layer and put it in the old one's place; do not rebuild the old one.")
def test_head_is_new(student):
    """The new fc is a new layer, even if the old one has num_classes outputs already."""
    for case in (0, 2):
        result, model = replace(student, case)
        found = replaced(student, result, model)
        head = [name for name in found.parameters if is_head(name)]
        assert head, say("expected the model to have a new layer called fc, found none")
        kept = [n for n in head if found.identities.get(n) is not None]
        assert not kept, say("expected fc to have new parameters, found the old ones: {names}", names=names(kept))
        if found.same_as is model:
            old = look_at(student, model.fc)
            changed = [n for n, p in model.fc.named_parameters() if not is_equal(old.parameters.get(n), p)]
            changed += [n for n in old.parameters if n not in dict(model.fc.named_parameters())]
            assert not changed, say(
                "expected a new layer in place of the old fc, found the old layer edited: {names}", names=names(changed)
            )
        expect_done(found, HEADS[case][1])


@check("test_replace_head", 0.5, "Only fc changes. What else does your code touch, call or run on the way?")
def test_head_rest_stays(student):
    """Every other weight, running statistic and layer, and the training mode, stay as they were."""
    for settings, num_classes in HEADS[:2]:
        model = make_resnet(**settings)
        model.train(num_classes == 3)
        model.layer2.train(num_classes != 3)
        model.layer1[0].bn1.train(num_classes != 3)
        found = replaced(student, student.replace_head(model, num_classes), model)
        expect_done(found, num_classes)
        expect_same_members(found, model)
        values = {**found.parameters, **found.buffers}
        state = model.state_dict(keep_vars=True)
        changed = [n for n, t in state.items() if not is_head(n) and not is_equal(values[n], t)]
        assert not changed, say(
            "expected every value outside fc to stay the same, found changed: {names}", names=names(changed)
        )
        kinds = {n: k for n, k in found.modules.items() if not is_head(n)}
        wanted = {n: full_name(type(m)) for n, m in model.named_modules() if not is_head(n)}
        other = [n or say("the model itself") for n in wanted if kinds.get(n) != wanted[n]]
        assert not other, say(
            "expected every layer but fc to stay of its kind, found another: {names}", names=names(other)
        )
        settings = {n: m.extra_repr() for n, m in model.named_modules() if not is_head(n)}
        other = [n or say("the model itself") for n, text in settings.items() if found.settings.get(n) != text]
        assert not other, say(
            "expected every layer but fc to keep its settings, found other ones: {names}", names=names(other)
        )
        new = [n for n in kinds if n not in wanted]
        assert not new, say("expected no new layer in the model but fc, found added: {names}", names=names(new))
        expect_same_mode(student, model, found, is_head)


@check("test_replace_head", 0.5, "Whoever calls replace_head decides what is frozen. It only brings a new head.")
def test_head_frozen_stays(student):
    """What was frozen stays frozen, and what was trainable stays trainable."""
    for case in (0, 1):
        result, model = replace(student, case)
        found = replaced(student, result, model)
        expect_done(found, HEADS[case][1])
        wrong: dict[bool, list[str]] = {True: [], False: []}
        for name, param in model.named_parameters():
            now = getattr(found.parameters.get(name), "requires_grad", None)
            if not is_head(name) and now is not None and now != param.requires_grad:
                wrong[param.requires_grad].append(name)
        assert not wrong[True], say("expected trainable as before, found frozen: {names}", names=names(wrong[True]))
        assert not wrong[False], say("expected frozen as before, found trainable: {names}", names=names(wrong[False]))
