"""Hidden checks of 3-learning-rate-groups."""

from __future__ import annotations

import copy
import functools
from collections import OrderedDict
from collections.abc import Callable, Mapping

import torch
import torchvision
from torch import nn

from autograder.checking.check import check
from autograder.checking.descriptions import AxesDescription, ModuleDescription, OptimizerDescription
from autograder.checking.expect import expect_class, expect_options, expect_torch_defaults, names, same, tell, tell_kind
from autograder.checking.student import StudentRaised, look_at
from autograder.lessons.optimizers.learning_rate_groups.models import TinyResNet
from autograder.sandbox.loaded import StudentFault

# --- models -------------------------------------------------------------------------------------------------------


@functools.cache
def architecture(name: str) -> nn.Module:
    """A model of torchvision, without values."""
    build = getattr(torchvision.models, name)
    if name.startswith("regnet"):  # its constructor computes with tensors
        return build(weights=None).to("meta")
    with torch.device("meta"):
        return build(weights=None)


def sketch(**layers: nn.Module) -> nn.Sequential:
    """A model with these layers, by name."""
    return nn.Sequential(OrderedDict(layers))


def linear() -> nn.Linear:
    return nn.Linear(2, 2)


def freeze(*parts: nn.Module) -> None:
    for part in parts:
        part.requires_grad_(False)


@functools.cache
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
    return copy.deepcopy(resnet(**settings))


def say(value: object) -> str:
    """A value in a few words, as ``tell`` does, and modules and tensors without values too."""
    if isinstance(value, ModuleDescription):
        return f"a module, {value.type_name.rpartition('.')[2]}"
    if isinstance(value, AxesDescription):
        return "a plot"
    if isinstance(value, torch.Tensor) and value.is_meta:
        return f"a {type(value).__name__} of shape {tuple(value.shape)}"
    if isinstance(value, tuple) and len(value) <= 4:
        return f"({', '.join(say(item) for item in value)})"
    return tell(value)


# --- replace_head -------------------------------------------------------------------------------------------------

HEADS = [  # the model, and the classes it shall tell apart
    ({"seed": 1, "channels": 4, "num_classes": 10}, 7),
    ({"seed": 2, "channels": 6, "num_classes": 5, "bias": False}, 3),
    ({"seed": 3, "channels": 5, "num_classes": 4}, 4),
]
LINEAR = "torch.nn.modules.linear.Linear"


def replaced(student, model: nn.Module, num_classes: int) -> ModuleDescription:
    """What the model became: the result or, where that is no such model, the model that was given."""
    found = student.replace_head(model, num_classes)
    if not isinstance(found, ModuleDescription) or "bn1" not in found.modules:
        found = look_at(student, model)
    assert isinstance(found, ModuleDescription), f"expected the model to stay a module, found {say(found)}"
    return found


def is_head(name: str) -> bool:
    return name == "fc" or name.startswith("fc.")


def expect_done(found: ModuleDescription, model: nn.Module) -> None:
    """Something was replaced: leaving everything as it was is no merit of a function that does nothing."""
    own = dict(model.named_parameters())
    untouched = own.keys() == found.parameters.keys() and all(found.identities[n] is p for n, p in own.items())
    assert not untouched, "expected a new head in the model, found the model with its old one"


def expect_same_members(found: ModuleDescription, model: nn.Module) -> None:
    """Outside fc there are the same parameters and buffers as before."""
    held = {name for name in (*found.parameters, *found.buffers) if not is_head(name)}
    wanted = {name for name in model.state_dict() if not is_head(name)}
    gone, new = sorted(wanted - held), sorted(held - wanted)
    assert not gone, f"expected everything but fc to stay in the model, found missing: {names(gone)}"
    assert not new, f"expected nothing new in the model but fc, found added: {names(new)}"


def is_equal(found: object, wanted: torch.Tensor) -> bool:
    return isinstance(found, torch.Tensor) and found.dtype == wanted.dtype and torch.equal(found, wanted.detach())


@check(
    "test_replace_head", 0.5, "An assignment such as model.fc = ... changes the model itself. What does return give?"
)
def test_head_same_model(student):
    """replace_head returns the very model that it was given."""
    for case in HEADS[:2]:
        model = make_resnet(**case[0])
        found = student.replace_head(model, case[1])
        if isinstance(found, ModuleDescription):
            kind = found.type_name.rpartition(".")[2]
            assert found.same_as is not None or kind != "TinyResNet", (
                "expected the model that was given, found another model: a copy, or one built anew"
            )
            assert found.same_as is model, f"expected the model that was given, found a {kind}"
            expect_done(found, model)
        assert found is not None, "expected the model that was given, found None (is a return missing?)"
        assert isinstance(found, ModuleDescription), f"expected the model that was given, found {say(found)}"


@check("test_replace_head", 0.5, "A layer knows how many inputs it takes. Ask the old head, before you replace it.")
def test_head_is_linear(student):
    """The new fc is an nn.Linear with the old number of inputs and num_classes outputs."""
    for settings, num_classes in HEADS[:2]:
        model = make_resnet(**settings)
        found = replaced(student, model, num_classes)
        kind = found.modules.get("fc")
        assert kind is not None, "expected the model to have a module called fc, found none"
        assert kind == LINEAR, f"expected fc to be an nn.Linear, found {kind}"
        wanted = (num_classes, model.fc.in_features)
        weight = found.parameters.get("fc.weight")
        shape = tuple(weight.shape) if isinstance(weight, torch.Tensor) else ()
        assert len(shape) == 2, "expected fc.weight to be a matrix, found something else"
        assert shape == wanted, (
            f"expected fc to have {wanted[1]} inputs and {wanted[0]} outputs "
            f"(its weight has the shape {wanted}), found the shape {shape}"
        )


@check("test_replace_head", 0.5, "What does a new nn.Linear have by itself? Does your code change that?")
def test_head_can_learn(student):
    """The new fc has a bias, and both its parameters are trainable, in a frozen model too."""
    for number, (settings, num_classes) in enumerate((HEADS[0], HEADS[1], HEADS[0])):
        model = make_resnet(**settings)
        if number == 2:
            freeze(model)
        found = replaced(student, model, num_classes)
        where = "" if settings.get("bias", True) else " (the old fc had none)"
        biases = [name for name in found.parameters if is_head(name) and name.endswith("bias")]
        assert biases, f"expected the new fc to have a bias, found none{where}"
        empty = [n for n in found.parameters if is_head(n) and not isinstance(found.parameters[n], torch.Tensor)]
        assert not empty, f"expected the new head to be ready to learn, found parameters without values: {names(empty)}"
        frozen = [n for n in found.parameters if is_head(n) and not getattr(found.parameters[n], "requires_grad", 0)]
        where = "in a model that was frozen before" if number == 2 else "in the new head"
        assert not frozen, f"expected requires_grad = True {where}, found False: {names(frozen)}"


@check("test_replace_head", 0.5, "Make a new layer and put it in the old one's place; do not rebuild the old one.")
def test_head_is_new(student):
    """The new fc is a new layer, even if the old one has num_classes outputs already."""
    for settings, num_classes in HEADS[::2]:
        model = make_resnet(**settings)
        found = replaced(student, model, num_classes)
        head = [name for name in found.parameters if is_head(name)]
        assert head, "expected the model to have a new layer called fc, found none"
        kept = [n for n in head if found.identities.get(n) is not None]
        assert not kept, f"expected fc to have new parameters, found the old ones: {names(kept)}"
        if found.same_as is model:
            old = look_at(student, model.fc)
            changed = [n for n, p in model.fc.named_parameters() if not is_equal(old.parameters.get(n), p)]
            changed += [n for n in old.parameters if n not in dict(model.fc.named_parameters())]
            assert not changed, (
                f"expected a new layer in place of the old fc, found the old layer edited: {names(changed)}"
            )


@check("test_replace_head", 0.5, "Only fc changes. What else does your code touch, call or run on the way?")
def test_head_rest_stays(student):
    """Every other weight, running statistic and layer, and the training mode, stay as they were."""
    for settings, num_classes in HEADS[:2]:
        model = make_resnet(**settings)
        model.train(num_classes == 3)
        model.layer2.train(num_classes != 3)
        model.layer1[0].bn1.train(num_classes != 3)
        found = replaced(student, model, num_classes)
        expect_done(found, model)
        expect_same_members(found, model)
        values = {**found.parameters, **found.buffers}
        state = model.state_dict(keep_vars=True)
        changed = [n for n, t in state.items() if not is_head(n) and not is_equal(values[n], t)]
        assert not changed, f"expected every value outside fc to stay the same, found changed: {names(changed)}"
        kinds = {n: k for n, k in found.modules.items() if not is_head(n)}
        wanted = {n: f"{type(m).__module__}.{type(m).__qualname__}" for n, m in model.named_modules() if not is_head(n)}
        other = [n or "the model itself" for n in wanted if kinds.get(n) != wanted[n]]
        assert not other, f"expected every layer but fc to stay of its kind, found another: {names(other)}"
        settings = {n: m.extra_repr() for n, m in model.named_modules() if not is_head(n)}
        other = [n or "the model itself" for n, text in settings.items() if found.settings.get(n) != text]
        assert not other, f"expected every layer but fc to keep its settings, found other ones: {names(other)}"
        new = [n for n in kinds if n not in wanted]
        assert not new, f"expected no new layer in the model but fc, found added: {names(new)}"
        expect_same_mode(student, model, found, is_head)


def expect_same_mode(
    student, model: nn.Module, found: ModuleDescription, free: Callable[[str], bool] = lambda name: False
) -> None:
    """The model and its parts, but for the free ones, are in training or evaluation mode as before."""
    parts = {name: part for name, part in model.named_modules() if name and not free(name)}
    modes = {"the model": (model.training, found.training)}
    if found.same_as is model:
        modes |= {name: (part.training, look_at(student, part).training) for name, part in parts.items()}
    for was, before, after in ((True, "training", "evaluation"), (False, "evaluation", "training")):
        wrong = [name for name, (mode, now) in modes.items() if mode is was and now is not was]
        assert not wrong, f"expected modes to stay as they were, found {after} mode, not {before} mode: {names(wrong)}"


@check("test_replace_head", 0.5, "Whoever calls replace_head decides what is frozen. It only brings a new head.")
def test_head_frozen_stays(student):
    """What was frozen stays frozen, and what was trainable stays trainable."""
    for settings, num_classes in HEADS[:2]:
        model = make_resnet(**settings)
        found = replaced(student, model, num_classes)
        expect_done(found, model)
        wrong = {True: [], False: []}
        for name, param in model.named_parameters():
            now = getattr(found.parameters.get(name), "requires_grad", None)
            if not is_head(name) and now is not None and now != param.requires_grad:
                wrong[param.requires_grad].append(name)
        assert not wrong[True], f"expected trainable as before, found frozen: {names(wrong[True])}"
        assert not wrong[False], f"expected frozen as before, found trainable: {names(wrong[False])}"


# --- groups -------------------------------------------------------------------------------------------------------


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


def expect_two_dicts(found: object) -> list[Mapping]:
    assert isinstance(found, (list, tuple)), f"expected a list of two group dicts, found {say(found)}"
    assert len(found) == 2, f"expected two group dicts, backbone and head, also if one is empty, found {say(found)}"
    for place, group in zip(("first", "second"), found, strict=True):
        assert isinstance(group, dict), f"expected two group dicts, found {say(group)} in the {place} place"
    return list(found)


def expect_params_list(group: Mapping, place: str) -> list[object]:
    keys = ", ".join(repr(key) for key in group if isinstance(key, str)) or "none"
    assert "params" in group, f'expected the key "params" in the {place} dict, found the keys: {keys}'
    params = group["params"]
    if type(params) is not list and type(params) is not tuple:
        what = "a generator" if getattr(params, "type_name", "") == "generator" else say(params)
        raise AssertionError(f'expected "params" of the {place} dict to be a list of parameters, found {what}')
    return list(params)


def expect_membership(groups: list[list[object]], model: nn.Module, head_name: str, ordered: bool = False) -> None:
    """Each trainable parameter is in its group, once, and nothing else is.

    Only where ``ordered``, the backbone must come first; a mix-up of the two costs no other check's points.
    """
    where = f"with head_name {head_name!r}"
    known = names_by_id(model)
    strange = [item for group in groups for item in group if id(item) not in known]
    if strange:
        kind = getattr(strange[0], "type_name", "")
        is_tensor = isinstance(strange[0], torch.Tensor) or "Tensor" in kind or "Parameter" in kind
        what = "copies, buffers or of another model" if is_tensor else f"something else, such as {say(strange[0])}"
        raise AssertionError(
            f"expected the model's own parameters and nothing else, found {len(strange)} that are {what} ({where})"
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
    for sentence, keys in (
        ("expected frozen parameters in no group, found", frozen),
        ("expected each parameter in one group, once, found more than once", twice),
        ("expected every trainable parameter in a group, found in none", missing),
        ("expected in the backbone's group, found in the head's", in_head),
        ("expected in the head's group, found in the backbone's", in_backbone),
    ):
        assert not keys, f"{sentence}: {names(known[key] for key in keys)} ({where})"


def is_swapped(ids: list[list[int]], backbone: set[int], head: set[int]) -> bool:
    """Whether the first group is rather the head and the second rather the backbone."""
    first, second = (set(group) for group in ids)
    strayed, in_place = len(head & first) + len(backbone & second), len(backbone & first) + len(head & second)
    return strayed > in_place and bool(not head or head & first) and bool(not backbone or backbone & second)


def expect_model_stays(student, model: nn.Module) -> None:
    """Sorting parameters changes none of them: not their values, not what is frozen, not the mode."""
    found = look_at(student, model)
    assert isinstance(found, ModuleDescription), f"expected the model to stay as it was, found {say(found)}"
    now, own = found.parameters, dict(model.named_parameters(remove_duplicate=False))
    other = [n for n, p in own.items() if found.identities.get(n) is not p]
    assert not other, f"expected the model to stay as it was, found other parameters in it: {names(other)}"
    changed = [n for n, p in own.items() if getattr(now.get(n), "requires_grad", None) is not p.requires_grad]
    assert not changed, f"expected requires_grad to stay as it was, found changed: {names(changed)}"
    changed = [n for n, p in own.items() if not is_equal(now.get(n), p)]
    assert not changed, f"expected the model to stay as it was, found other values in: {names(changed)}"
    expect_same_mode(student, model, found)


def expect_groups(student, model: nn.Module, head_name: str, ordered: bool = False) -> None:
    found = expect_two_dicts(student.finetune_groups(model, head_name))
    places = ("first", "second")
    groups = [expect_params_list(group, place) for group, place in zip(found, places, strict=True)]
    expect_membership(groups, model, head_name, ordered)


def tied(bias: bool) -> nn.Sequential:
    """Like a language model: one matrix serves the first layer and the last."""
    model = sketch(embedding=nn.Embedding(5, 2), body=linear(), head=nn.Linear(2, 5, bias=bias))
    model.head.weight = model.embedding.weight
    return model


RATES = [  # what is given, and the two rates that must come
    ({}, (1e-5, 1e-3)),
    ({"backbone_lr": 3e-4, "head_lr": 0.02}, (3e-4, 0.02)),
    ({"backbone_lr": 0.5, "head_lr": 0.0}, (0.5, 0.0)),
    ({"backbone_lr": 0.0}, (0.0, 1e-3)),
]


def call_of(function: str, given: Mapping[str, object]) -> str:
    return f"{function}({', '.join(['model', 'head_name', *(f'{k}={say(v)}' for k, v in given.items())])})"


def expect_unknown(call: Callable[[], object], function: str, head_name: str, kind: str) -> None:
    """The call raises a ValueError that names the head."""
    wanted = f"expected {function} to raise a ValueError for {kind} head name {head_name!r}"
    try:
        found = f"that it returned {say(call())}"
    except StudentRaised as raised:
        if raised.name == "NotImplementedError":
            raise
        if raised.name == "ValueError" and head_name in raised.message:
            return
        if raised.name == "ValueError":
            wanted += " whose message holds this name"
        found = raised.name + (f": {raised.message[:80]}" if raised.message else " without a message")
    raise AssertionError(f"{wanted}, found {found}")


@check(
    "test_finetune_groups", 0.5, "A dict for the backbone, a dict for the head; list(...) keeps what a generator gives."
)
def test_groups_form(student):
    """finetune_groups returns two dicts, each with a list of parameters and an lr."""
    model = sketch(body=linear(), norm=nn.LayerNorm(2), fc=linear())
    found = expect_two_dicts(student.finetune_groups(model, "fc"))
    for place, group in zip(("first", "second"), found, strict=True):
        params = expect_params_list(group, place)
        odd = [item for item in params if not isinstance(item, nn.Parameter)]
        assert not odd, f'expected "params" of the {place} dict to hold parameters, found {say(odd[0])}'
        keys = ", ".join(repr(key) for key in group if isinstance(key, str))
        assert "lr" in group, f'expected the key "lr" in the {place} dict, found the keys: {keys}'


@check(
    "test_finetune_groups", 0.5, "Which of the two arguments goes into which dict? Are the defaults those of the task?"
)
def test_groups_rates(student):
    """The first group has backbone_lr, the second head_lr, given or by default."""
    model = sketch(body=linear(), fc=linear())
    for given, wanted in RATES:
        found = expect_two_dicts(student.finetune_groups(model, "fc", **given))
        rates = tuple(group.get("lr") for group in found)
        assert all(same(rate, want) for rate, want in zip(rates, wanted, strict=True)), (
            f"expected the rates {say(wanted)} from {call_of('finetune_groups', given)}, found {say(rates)}"
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
        expect_model_stays(student, model)


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
    for head_name, kind in (
        ("head", "the unknown"),
        ("layer", "the unknown"),
        ("classifier.7", "the unknown"),
        ("fc.weight", "the unknown"),
        ("fc.", "the unknown"),
        ("", "the empty"),
    ):
        call = functools.partial(student.finetune_groups, model, head_name)
        expect_unknown(call, "finetune_groups", head_name, kind)


# --- build_finetune_adamw -----------------------------------------------------------------------------------------


def built(student, model: nn.Module, head_name: str, **given: object) -> object:
    """Whatever build_finetune_adamw returns."""
    try:
        return student.build_finetune_adamw(model, head_name, **given)
    except StudentRaised as raised:
        if raised.name == "NotImplementedError" and not raised.message:
            raise StudentFault(
                "build_finetune_adamw raises NotImplementedError: it is not written yet, "
                "or it calls finetune_groups, which is not."
            ) from raised
        raise


def built_optimizer(student, model: nn.Module, head_name: str, **given: object) -> OptimizerDescription:
    found = built(student, model, head_name, **given)
    assert isinstance(found, OptimizerDescription), (
        f"expected build_finetune_adamw to return an optimizer, found {say(found)}"
    )
    return found


def small_build(student, **given: object) -> OptimizerDescription:
    model = sketch(body=linear(), fc=linear())
    return built_optimizer(student, model, "fc", **given)


def expect_two_groups(optimizer: OptimizerDescription) -> list[dict]:
    assert len(optimizer.groups) == 2, (
        f"expected an optimizer with two groups, backbone and head, also if one is empty, found {len(optimizer.groups)}"
    )
    return optimizer.groups


@check(
    "test_build_finetune_adamw",
    0.5,
    "torch.optim has a class for each algorithm; return an object of exactly that class.",
)
def test_build_class(student):
    """build_finetune_adamw returns a torch.optim.AdamW."""
    model = sketch(body=linear(), fc=linear())
    expect_class(built_optimizer(student, model, "fc"), torch.optim.AdamW, "build_finetune_adamw")


@check("test_build_finetune_adamw", 0.5, "Two groups, as finetune_groups makes them, are what the optimizer takes.")
def test_build_groups(student):
    """Group 0 holds the trainable parameters of the backbone, group 1 those of the head."""
    frozen = sketch(stem=linear(), body=linear(), fc1=linear(), fc=linear())
    freeze(frozen.stem)
    frozen_head = sketch(body=linear(), top=nn.Sequential(linear(), linear()))
    freeze(frozen_head.top[1])
    frozen.eval()
    frozen.body.train()
    for model, head_name in (
        (architecture("resnet18"), "fc"),
        (frozen, "fc"),
        (frozen_head, "top.1"),
        (tied(bias=True), "head"),
    ):
        groups = expect_two_groups(built_optimizer(student, model, head_name))
        expect_membership([group["params"] for group in groups], model, head_name, ordered=True)
        if model is frozen or model is frozen_head:
            expect_model_stays(student, model)


@check(
    "test_build_finetune_adamw",
    0.5,
    "Does each rate arrive in its own group? A group's own lr wins over the optimizer's.",
)
def test_build_rates(student):
    """Group 0 has backbone_lr and group 1 has head_lr, given or by default."""
    for given, wanted in RATES[:3]:
        groups = expect_two_groups(small_build(student, **given))
        rates = tuple(group.get("lr") for group in groups)
        assert all(same(rate, want) for rate, want in zip(rates, wanted, strict=True)), (
            f"expected the rates {say(wanted)} after {call_of('build_finetune_adamw', given)}, found {say(rates)}"
        )


@check("test_build_finetune_adamw", 0.5, "Does weight_decay arrive in the optimizer? Look at it in each of its groups.")
def test_build_decay(student):
    """Both groups have the weight decay that was given, by default 0.01."""
    for given, wanted in (({}, 1e-2), ({"weight_decay": 0.3}, 0.3), ({"weight_decay": 0.0, "head_lr": 0.1}, 0.0)):
        optimizer = small_build(student, **given)
        assert optimizer.groups, "expected an optimizer with two groups, found none"
        for number, group in enumerate(optimizer.groups):
            call = call_of("build_finetune_adamw", given)
            expect_options(group, {"weight_decay": wanted}, f"in group {number} after {call}")


@check("test_build_finetune_adamw", 0.5, "Name only the settings that the signature names.")
def test_build_rest(student):
    """Every other setting stays at torch's default."""
    optimizer = small_build(student, backbone_lr=2e-4)
    expect_torch_defaults(optimizer, torch.optim.AdamW, "lr", "weight_decay")


@check(
    "test_build_finetune_adamw",
    0.5,
    "An optimizer over the wrong groups trains without a complaint. Who should complain?",
)
def test_build_unknown(student):
    """A head name that is no module inside the model, or empty, raises a ValueError here too."""
    model = sketch(body=linear(), fc1=linear(), fc=linear())
    built(student, model, "fc")  # a known name raises nothing
    for head_name, kind in (("fc2", "the unknown"), ("fc.weight", "the unknown"), ("", "the empty")):
        call = functools.partial(built, student, model, head_name)
        expect_unknown(call, "build_finetune_adamw", head_name, kind)


# --- group_summary ------------------------------------------------------------------------------------------------


def blank(*shape: int, frozen: bool = False) -> nn.Parameter:
    return nn.Parameter(torch.zeros(shape), requires_grad=not frozen)


def rising(*groups: list[nn.Parameter]) -> list[dict]:
    """Group dicts with different rates, in rising order."""
    return [{"params": group, "lr": 0.25 * (number + 1)} for number, group in enumerate(groups)]


def summarised(student, optimizer: torch.optim.Optimizer) -> list[tuple]:
    """What group_summary says, as pairs of whatever it holds."""
    found = student.group_summary(optimizer)
    assert isinstance(found, (list, tuple)), f"expected a list of (lr, number) tuples, found {say(found)}"
    assert len(found) == len(optimizer.param_groups), (
        f"expected a tuple for each of the {len(optimizer.param_groups)} groups, found {say(found)}"
    )
    for number, pair in enumerate(found):
        assert isinstance(pair, (tuple, list)) and len(pair) == 2, (
            f"expected a tuple (lr, number) for group {number}, found {say(pair)}"
        )
    return [tuple(pair) for pair in found]


def expect_counts(student, optimizer: torch.optim.Optimizer) -> None:
    """The second entries count the scalars of each group."""
    pairs = summarised(student, optimizer)
    for number, (pair, group) in enumerate(zip(pairs, optimizer.param_groups, strict=True)):
        wanted = sum(param.numel() for param in group["params"])
        shapes = names(str(tuple(param.shape)) for param in group["params"]) or "none"
        assert same(pair[1], wanted), (
            f"expected {wanted} scalars in group {number}, whose parameters have the shapes {shapes}, "
            f"found {say(pair[1])}"
        )


@check("test_group_summary", 0.5, "A list, and in it a tuple for each group: two plain Python numbers.")
def test_summary_form(student):
    """group_summary returns a list of tuples, each a float and an int."""
    for groups in ([[blank(3)], [blank(2, 2), blank()]], [[blank(4)]], [[blank(5)], [blank(1)], [blank(2)]]):
        optimizer = torch.optim.AdamW(rising(*groups))
        found = student.group_summary(optimizer)
        assert type(found) is list, f"expected a list of (lr, number) tuples, found {say(found)}"
        assert len(found) == len(groups), f"expected a tuple for each of {len(groups)} groups, found {say(found)}"
        for number, pair in enumerate(found):
            where = f"for group {number}"
            assert type(pair) is tuple, f"expected a tuple {where}, found {say(pair)}"
            assert len(pair) == 2, f"expected the two numbers (lr, number) {where}, found {say(pair)}"
            assert type(pair[0]) is float, f"expected lr to be a float {where}, found {tell_kind(pair[0])}"
            assert type(pair[1]) is int, f"expected the number to be an int {where}, found {tell_kind(pair[1])}"


@check(
    "test_group_summary",
    0.5,
    "A matrix of 3 x 4 is one tensor, but how many numbers does it hold? And a tensor without dimensions?",
)
def test_summary_counts(student):
    """It counts the scalars of each group, not its tensors."""
    expect_counts(student, torch.optim.SGD(rising([blank(3, 4), blank(4)], [blank(2, 3, 5)])))
    expect_counts(student, torch.optim.Adam(rising([blank(), blank(7)], [blank()])))
    expect_counts(student, torch.optim.RMSprop(rising(list(architecture("resnet18").parameters()))))


@check("test_group_summary", 0.5, "Each group knows its own lr, as it is now. Two groups may have the same one.")
def test_summary_rates(student):
    """It gives the present lr of each group, in group order."""
    for kind, rates in (
        (torch.optim.SGD, [0.5, 0.1, 0.5]),
        (torch.optim.AdamW, [1.25e-7, 1e-3]),
        (torch.optim.NAdam, [0.2]),
    ):
        optimizer = kind([{"params": [blank(size + 1)], "lr": rate} for size, rate in enumerate(rates)], lr=9.0)
        for group in optimizer.param_groups:  # as a scheduler does
            group["initial_lr"] = group["lr"]
        optimizer.param_groups[len(rates) // 2]["lr"] = 0.03125
        wanted = tuple(0.03125 if number == len(rates) // 2 else rate for number, rate in enumerate(rates))
        found = tuple(pair[0] for pair in summarised(student, optimizer))
        assert all(same(rate, want) for rate, want in zip(found, wanted, strict=True)), (
            f"expected the rates {say(wanted)}, found {say(found)} (from {kind.__name__})"
        )


@check("test_group_summary", 0.5, "The optimizer holds it, so it counts. Which parameters does your code pass over?")
def test_summary_every_parameter(student):
    """It counts every parameter of a group, frozen ones too, and an empty group as 0."""
    half = [blank(3), blank(5, frozen=True)]
    half[0].grad = torch.ones(3)
    expect_counts(student, torch.optim.Adagrad(rising(half, [blank(2, 2, frozen=True)])))
    expect_counts(student, torch.optim.AdamW(rising([], [blank(6), blank(6)])))
