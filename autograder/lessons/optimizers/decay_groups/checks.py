"""Hidden checks of 2-decay-groups."""

import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torchvision import models

from autograder.checking.check import check
from autograder.checking.descriptions import AxesDescription, ModuleDescription, Opaque, OptimizerDescription
from autograder.checking.expect import FREE, expect_class, names, same, tell
from autograder.checking.student import StudentRaised, look_at
from autograder.lessons.optimizers.decay_groups import models as layers
from autograder.sandbox.loaded import StudentFault

NORM_LAYERS = (
    *(nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.SyncBatchNorm),
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d),
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
)
EMBEDDING_LAYERS = (nn.Embedding, nn.EmbeddingBag)


# --- The truth ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Member:
    """A parameter of a model, under all its names."""

    param: nn.Parameter
    names: tuple[str, ...]
    owners: tuple[nn.Module, ...]
    """The layers that hold it directly."""

    @property
    def last(self) -> str:
        """The last part of its name; only parameters with one name are asked for it."""
        return self.names[0].rpartition(".")[2]

    @property
    def is_raw(self) -> bool:
        """Whether it belongs to no layer of torch's own."""
        return not any(type(owner).__module__.startswith("torch.nn.modules.") for owner in self.holders)

    @property
    def holders(self) -> list[nn.Module]:
        """The owners that are more than a box for other modules."""
        return [owner for owner in self.owners if type(owner) is not nn.Module]

    @property
    def decays(self) -> bool:
        """The rule of this exercise."""
        if self.param.ndim < 2 or any(isinstance(owner, NORM_LAYERS + EMBEDDING_LAYERS) for owner in self.owners):
            return False
        return "bias" not in self.last and "embedding" not in self.last

    def __str__(self) -> str:
        shape = "×".join(map(str, self.param.shape)) or "a single number"
        kind = f"{kind_of(self.holders[0])}, " if self.holders else ""
        return f"{' = '.join(self.names)} ({kind}{shape})"


def kind_of(layer: nn.Module) -> str:
    """The class of a layer, in words that a reader of torch's documentation knows."""
    own = type(layer)
    known = next(cls for cls in own.__mro__ if getattr(nn, cls.__name__, None) is cls)
    if known in (own, nn.Module):
        return own.__name__
    if own.__module__.startswith("torch.nn."):
        return known.__name__
    return f"{own.__name__}, a kind of {known.__name__}"


@functools.cache
def members(model: nn.Module) -> list[Member]:
    """Every parameter of a model, frozen ones too."""
    found: dict[int, tuple[nn.Parameter, list[str], list[nn.Module]]] = {}
    for path, module in model.named_modules():
        for name, param in module.named_parameters(recurse=False, remove_duplicate=False):
            _, all_names, owners = found.setdefault(id(param), (param, [], []))
            all_names.append(f"{path}.{name}" if path else name)
            owners.append(module)
    return [Member(param, tuple(all_names), tuple(owners)) for param, all_names, owners in found.values()]


def trainable(model: nn.Module) -> list[Member]:
    return [member for member in members(model) if member.param.requires_grad]


# --- Models -------------------------------------------------------------------------------------------------------


def tree(**parts: nn.Module | tuple[int, ...]) -> nn.Module:
    """A module that holds these modules, and a new parameter for each shape."""
    module = nn.Module()
    for name, part in parts.items():
        if isinstance(part, nn.Module):
            module.add_module(name, part)
        else:
            module.register_parameter(name, part if isinstance(part, nn.Parameter) else nn.Parameter(torch.ones(part)))
    return module


@functools.cache
def make_dense() -> nn.Module:
    """The least that has something for each list."""
    return nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 2))


@functools.cache
def make_biasless() -> nn.Module:
    """A model in which everything decays."""
    return nn.Sequential(nn.Linear(3, 4, bias=False), nn.Linear(4, 2, bias=False))


@functools.cache
def make_vector() -> nn.Module:
    """A model in which nothing decays."""
    return tree(shift=tree(bias=(3,)))


@functools.cache
def make_real() -> dict[str, nn.Module]:
    """Models of torchvision, with few and narrow layers."""
    with torch.device("meta"):
        inverted = models.mobilenetv3.InvertedResidualConfig(8, 3, 16, 8, True, "HS", 1, 1, 1.0)
        stages = [models.convnext.CNBlockConfig(8, 16, 1), models.convnext.CNBlockConfig(16, None, 1)]
        return {
            "vit": models.VisionTransformer(8, 4, 2, 2, 8, 16, num_classes=3),
            "swin": models.SwinTransformer([4, 4], 8, [1, 1], [1, 2], [7, 7], num_classes=3),
            "mobilenet": models.MobileNetV3([inverted, inverted], 16, num_classes=3),
            "convnext": models.ConvNeXt(stages, num_classes=3),
        }


@functools.cache
def make_zoo() -> nn.Module:
    """The models of torchvision and some of torch's layers, in one."""
    with torch.device("meta"):
        return nn.ModuleDict(
            {
                **make_real(),
                "rnn": nn.GRU(3, 4, 2, bidirectional=True),
                "attention": nn.MultiheadAttention(8, 2, kdim=6, vdim=4, add_bias_kv=True),
                "pair": nn.Bilinear(2, 3, 4),
                "up": nn.ConvTranspose1d(2, 3, 4),
                "scale": nn.Linear(1, 1, bias=False),
            }
        )


@functools.cache
def make_transformer() -> nn.Module:
    """A Transformer whose names tell the truth."""
    with torch.device("meta"):
        layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
        return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


@functools.cache
def make_raw() -> nn.Module:
    """Parameters that a model holds directly, beside its layers."""
    part = tree(relative_position_bias_table=(5, 2), class_token=(1, 1, 3), query=nn.Linear(3, 3), norm_mix=(3, 3))
    tables = tree(pos_embedding=(1, 4, 3), embedding=(4, 2), embeddings_of_rows=(4, 3), Bias=(4, 3), pos_mix=(3, 3))
    return tree(mask_token=(1, 3), embed_in=(3, 3), tables=tables, pos_embedding=(1, 5, 3), attn=part)


@functools.cache
def make_vectors() -> nn.Module:
    """Parameters of fewer than two dimensions, with names that tell nothing."""
    block = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.PReLU(4), nn.GroupNorm(2, 4), nn.RMSNorm(4))
    return tree(temperature=(), gate=(4,), block=block, out=nn.Linear(4, 2))


def new_frozen() -> nn.Module:
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    model[:2].requires_grad_(False)
    model[2].bias.requires_grad_(False)
    return model


make_frozen = functools.cache(new_frozen)


@functools.cache
def make_all_frozen() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3)).requires_grad_(False)


@functools.cache
def make_shared() -> nn.Module:
    """One weight in two layers, one layer in two places, one vector in two norms."""
    up, down, twice = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3)
    down.weight = up.weight
    norm1, norm2 = nn.LayerNorm(3), nn.LayerNorm(3)
    norm2.weight = norm1.weight
    return tree(up=up, first=twice, norm1=norm1, deep=tree(down=down, second=twice, norm2=norm2), out=nn.Linear(3, 2))


@functools.cache
def make_norms() -> tuple[nn.Module, ...]:
    """Normalisation layers whose parameters have several dimensions."""
    vectors = [nn.BatchNorm1d(2), nn.BatchNorm3d(2), nn.SyncBatchNorm(2), nn.GroupNorm(1, 2)]
    vectors += [nn.InstanceNorm1d(2), nn.InstanceNorm2d(2), nn.InstanceNorm3d(2)]
    for layer in vectors:
        layer.gains = nn.Parameter(torch.ones(3, 2))  # one that a layer of this type holds, too
    return (
        tree(
            ln=nn.LayerNorm((2, 3)),
            tail=nn.Sequential(nn.Conv1d(2, 2, 1), nn.RMSNorm((2, 3)), layers.Standardize((2, 3))),
            cond=layers.ClassConditional(3, 2),
            others=nn.Sequential(*vectors),
        ),
        nn.LayerNorm((2, 3)),
    )


@functools.cache
def make_embeddings() -> tuple[nn.Module, ...]:
    """Tables of vectors, with names that do not tell."""
    text = tree(wte=nn.Embedding(5, 3), wpe=nn.Embedding(4, 3), bag=nn.EmbeddingBag(5, 3))
    return tree(text=text, users=layers.Lookup(4, 3), out=nn.Linear(3, 2)), nn.Embedding(4, 3)


@functools.cache
def make_tied() -> tuple[nn.Module, ...]:
    """Tables of vectors that are used in a second place, which comes later or earlier."""
    wte, head = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
    head.weight = wte.weight
    bag, reader = nn.EmbeddingBag(4, 3), nn.Linear(3, 4)
    reader.weight = bag.weight
    return tree(wte=wte, lm_head=head), tree(reader=reader, body=tree(bag=bag, out=nn.Linear(3, 2)))


@functools.cache
def make_misleading() -> nn.Module:
    """Matrices that must decay, whatever they are called and whatever is around them."""
    return tree(
        embedding_projection=nn.Linear(3, 4),
        norm_head=nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)),
        bias_net=tree(inner=nn.Linear(2, 5), mixer=(2, 3)),
        LayerNorm=nn.Linear(2, 2),
        embedding=nn.Conv1d(2, 3, 1),
        patches=layers.PatchEmbedding(3, 4, 2),
        unit=layers.NormalizedLinear(4, 2),
        codes=layers.Codebook(4, 3),
        adaptive=layers.Adaptive(3),
        table=layers.Factorized(5, 2, 4),
    )


# --- split_decay_groups -------------------------------------------------------------------------------------------


def word(value: object) -> str:
    """A value in a few words, whatever it is."""
    if isinstance(value, ModuleDescription):
        return f"a module, {value.type_name}"
    if isinstance(value, AxesDescription):
        return "matplotlib Axes"
    if isinstance(value, torch.Tensor):
        return "a single parameter" if isinstance(value, nn.Parameter) else "a tensor"
    if isinstance(value, Opaque):
        return f"a value of type {value.type_name}"
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    return tell(value)


def is_tensor(value: object) -> bool:
    """Whether a value is a tensor, be it one without values here."""
    return isinstance(value, torch.Tensor) or (
        isinstance(value, Opaque) and value.type_name.startswith("torch.nn.param")
    )


def read_split(found: object) -> tuple[list, list]:
    """What a split means, even in a container of another kind; ``test_split_returns_lists`` is strict about it."""
    expected = "expected split_decay_groups to return (decay, no_decay), two lists"
    sides = list(found.values()) if isinstance(found, dict) else found
    assert isinstance(sides, (tuple, list)), f"{expected}, found {word(found)}"
    assert len(sides) == 2, f"{expected}, found {word(found)}"
    return tuple(_read_side(side, name, expected) for side, name in zip(sides, ("decay", "no_decay"), strict=True))


def _read_side(side: object, name: str, expected: str) -> list:
    if isinstance(side, dict):
        side = side["params"] if "params" in side else list(side.values())
    assert isinstance(side, (tuple, list)), f"{expected}, found {word(side)} as {name}"
    return [item[1] if isinstance(item, tuple) and len(item) == 2 else item for item in side]


def expect_unchanged(student, model: nn.Module) -> None:
    """The model of the last call, which was sent then for the first time, is as it was."""
    now = look_at(student, model)
    assert isinstance(now, ModuleDescription), f"expected the model to stay as it was, found {word(now)}"
    changed = []
    for name, old in model.named_parameters():
        new = now.parameters.get(name)
        same_kind = isinstance(new, torch.Tensor) and new.dtype == old.dtype and new.requires_grad == old.requires_grad
        if not same_kind or not torch.equal(new, old):
            changed.append(name)
    assert not changed, (
        f"expected the model to stay as it was (values and requires_grad), found changed: {names(changed)}"
    )


def expect_sides(student, model: nn.Module, which: Callable[[Member], bool]) -> None:
    """The chosen trainable parameters are where the rule puts them. Of the others, nothing is asked."""
    chosen = [member for member in trainable(model) if which(member)]
    decay, no_decay = ({id(item) for item in side} for side in read_split(student.split_decay_groups(model)))
    expect_places(chosen, decay, no_decay, "decay", "no_decay", "either list")


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


@check("test_split_decay_groups", 0.5, "Two plain lists, and in them the parameters themselves: no names, no copies.")
def test_split_returns_lists(student):
    """split_decay_groups returns two lists of the model's own parameters."""
    expected = "expected (decay, no_decay), two lists of parameters"
    for model in (make_all_frozen(), make_dense()):
        found = student.split_decay_groups(model)
        read_split(found)
        assert isinstance(found, (tuple, list)), f"{expected}, found {word(found)}"
        for name, side in zip(("decay", "no_decay"), found, strict=True):
            assert isinstance(side, (tuple, list)), f"{expected}, found {word(side)} as {name}"
            odd = [item for item in side if not is_tensor(item)]
            assert not odd, f"{expected}, found {word(odd[0])} in {name}"
            own = {id(member.param) for member in members(model)}
            copies = [item for item in side if id(item) not in own]
            assert not copies, (
                f"expected the model's own parameters, found {len(copies)} in {name} that "
                f"{'is' if len(copies) == 1 else 'are'} a copy or something else"
            )
    assert any(found), "expected the four parameters of two linear layers, found two empty lists"


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
        decay, no_decay = read_split(student.split_decay_groups(model))
        expect_each_once(model, [*decay, *no_decay], "in the two lists")


@check("test_split_decay_groups", 0.5, "How does a parameter tell whether it is trained?")
def test_split_frozen(student):
    """Frozen parameters are in neither list, the others are there, and the model stays as it was."""
    for model in (make_frozen(), make_all_frozen()):
        decay, no_decay = read_split(student.split_decay_groups(model))
        expect_none_frozen(model, [*decay, *no_decay], "in the two lists")
        expect_each_once(model, [*decay, *no_decay], "in the two lists")
    model = new_frozen()
    student.split_decay_groups(model)
    expect_unchanged(student, model)


@check("test_split_decay_groups", 0.5, "Two layers can hold the same object. How do you notice that you have had it?")
def test_split_shared(student):
    """A parameter that several layers share is there once."""
    decay, no_decay = read_split(student.split_decay_groups(make_shared()))
    expect_each_once(make_shared(), [*decay, *no_decay], "in the two lists")


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


# --- build_grouped_adamw ------------------------------------------------------------------------------------------


def build(student, model: nn.Module, *values: float, **settings: float) -> OptimizerDescription:
    found = student.build_grouped_adamw(model, *values, **settings)
    is_optimizer = isinstance(found, OptimizerDescription)
    assert is_optimizer, f"expected build_grouped_adamw to return an optimizer, found {word(found)}"
    return found


def expect_groups(optimizer: OptimizerDescription, model: nn.Module) -> None:
    """Two groups, with the parameters that the rule puts into each."""
    count = len(optimizer.groups)
    assert count == 2, f"expected two parameter groups, found {count}"
    first, second = ({id(param) for param in group["params"]} for group in optimizer.groups)
    expect_places(trainable(model), first, second, "group 0", "group 1", "either group")


def group_of(optimizer: OptimizerDescription, model: nn.Module, decays: bool) -> tuple[int, dict]:
    """The group that holds the model's first decayed or undecayed parameter."""
    member = next(member for member in trainable(model) if member.decays == decays)
    for number, group in enumerate(optimizer.groups):
        if any(param is member.param for param in group["params"]):
            return number, group
    raise AssertionError(f"expected {member} in the optimizer, found it missing")


def expect_settings(
    optimizer: OptimizerDescription, model: nn.Module, lr: float, weight_decay: float, call: str
) -> None:
    """The learning rate in every group, and the weight decay where the weights are."""
    for number, group in enumerate(optimizer.groups):
        found = group.get("lr")
        assert same(found, lr), f"expected lr = {tell(lr)} in group {number} after {call}, found {told(found)}"
    number, group = group_of(optimizer, model, decays=True)
    found = group.get("weight_decay")
    assert same(found, weight_decay), (
        f"expected weight_decay = {tell(weight_decay)} after {call} in the group of the weights (group {number}), "
        f"found {told(found)}"
    )


def told(value: object) -> str:
    """A setting in a few words."""
    if isinstance(value, torch.Tensor):
        return f"{value.item():.6g}" if value.numel() == 1 and value.device.type == "cpu" else "a tensor"
    return tell(value) if isinstance(value, tuple) else word(value)


SETTINGS = ({"lr": 0.0037, "weight_decay": 0.21}, {"lr": 0.5, "weight_decay": 0.0}, {"lr": 2e-5, "weight_decay": 3.0})


def telling(settings: dict[str, float]) -> str:
    return ", ".join(f"{name}={value:g}" for name, value in settings.items())


@check("test_build_grouped_adamw", 0.5, "torch.optim has a class of this name; return an object of exactly that class.")
def test_grouped_class(student):
    """build_grouped_adamw returns a torch.optim.AdamW."""
    expect_class(build(student, make_dense()), torch.optim.AdamW, "build_grouped_adamw")


@check("test_build_grouped_adamw", 0.5, "You have a function that makes the two lists. Which of them comes first?")
def test_grouped_groups(student):
    """Group 0 holds what decays, group 1 what does not."""
    for model in (make_transformer(), make_dense(), make_biasless(), make_vector()):
        expect_groups(build(student, model), model)


@check("test_build_grouped_adamw", 0.5, "Does every group get exactly what belongs there: trained, and once?")
def test_grouped_each_once(student):
    """Each trainable parameter is in the optimizer once, no frozen one is, and the model stays as it was."""
    for model in (make_frozen(), make_shared()):
        optimizer = build(student, model)
        expect_each_once(model, optimizer.params, "in the optimizer")
        expect_none_frozen(model, optimizer.params, "in the optimizer")
    model = new_frozen()
    build(student, model)
    expect_unchanged(student, model)


@check("test_build_grouped_adamw", 0.5, "Compare the default values in your def line with those in the task.")
def test_grouped_defaults(student):
    """The learning rate is 0.0001 and the weight decay 0.01 by default."""
    expect_settings(build(student, make_dense()), make_dense(), 1e-4, 1e-2, "build_grouped_adamw(model)")


@check("test_build_grouped_adamw", 0.5, "Does every argument of your function arrive in the optimizer, at every call?")
def test_grouped_settings(student):
    """The given learning rate is used in both groups, the given weight decay where the weights are."""
    for settings in SETTINGS:
        call = f"build_grouped_adamw(model, {telling(settings)})"
        expect_settings(build(student, make_dense(), **settings), make_dense(), **settings, call=call)
    settings = SETTINGS[0]  # by position; a function that takes them by name only is not blamed for that
    call = f"build_grouped_adamw(model, {settings['lr']:g}, {settings['weight_decay']:g})"
    try:
        optimizer = build(student, make_dense(), *settings.values())
    except StudentRaised:
        raise
    except StudentFault:
        return
    expect_settings(optimizer, make_dense(), **settings, call=call)


@check(
    "test_build_grouped_adamw",
    0.5,
    "A group without a setting of its own takes the optimizer's. What is AdamW's own weight decay?",
)
def test_grouped_no_decay(student):
    """The group of the biases has a weight decay of exactly 0."""
    for settings in ({}, *SETTINGS):
        optimizer = build(student, make_dense(), **settings)
        number, group = group_of(optimizer, make_dense(), decays=False)
        found = group.get("weight_decay")
        where = f"in the group of the biases (group {number}) after build_grouped_adamw(model{', ' if settings else ''}"
        where += f"{telling(settings)})"
        assert same(found, 0.0), f"expected weight_decay = 0 {where}, found {told(found)}"


@functools.cache
def make_trained() -> nn.Module:
    """A model in float64, to be moved."""
    model = tree(up=nn.Linear(3, 4), norm=nn.LayerNorm(4), out=nn.Linear(4, 2)).double()
    generator = torch.Generator().manual_seed(3)
    for param in model.parameters():
        param.data = torch.randn(param.shape, generator=generator, dtype=torch.float64)
    return model


STEPS = 6


def train(optimizer_class: type, groups: list[dict], seed: int) -> dict[int, torch.Tensor]:
    """Where copies of the parameters in these groups come to, under gradients that shrink and change their signs."""
    copies = {id(param): param.detach().clone().requires_grad_() for param in make_trained().parameters()}
    groups = [{**group, "params": [copies[id(param)] for param in group["params"]]} for group in groups]
    with warnings.catch_warnings(action="ignore"):  # about a parameter that is in a group twice: it will show
        optimizer = optimizer_class(groups)
    generator = torch.Generator().manual_seed(seed)
    for step in range(STEPS):
        for copy in copies.values():
            size = 10.0 ** -(step + 2 * (torch.arange(copy.numel()).reshape(copy.shape) % 4))  # tiny ones show eps
            copy.grad = torch.randn(copy.shape, generator=generator, dtype=torch.float64) * size
        optimizer.step()
    return {key: copy.detach() for key, copy in copies.items()}


@functools.cache
def true_way(lr: float, weight_decay: float) -> dict[int, torch.Tensor]:
    """Where torch's AdamW takes the parameters, when the groups and settings are right."""
    sides = [[member.param for member in members(make_trained()) if member.decays is side] for side in (True, False)]
    groups = [{"params": sides[0], "weight_decay": weight_decay}, {"params": sides[1], "weight_decay": 0.0}]
    return train(functools.partial(torch.optim.AdamW, lr=lr), groups, seed=5)


def found_way(optimizer: OptimizerDescription) -> tuple[dict[int, torch.Tensor], str]:
    """Where the student's optimizer takes them, and the settings in it that are not torch's default."""
    short = optimizer.type_name.rpartition(".")[2]
    cls = getattr(torch.optim, short, None)
    is_torchs = isinstance(cls, type) and optimizer.type_name == f"{cls.__module__}.{cls.__qualname__}"
    assert is_torchs, f"expected an optimizer of torch.optim, found {optimizer.type_name}"
    own = {id(member.param) for member in members(make_trained())}
    foreign = sum(1 for param in optimizer.params if id(param) not in own)
    assert not foreign, f"expected the model's own parameters in the optimizer, found {foreign} that are something else"
    try:
        defaults = cls([torch.zeros(1)]).defaults
        plain = {name: value for name, value in defaults.items() if name not in FREE}
        groups = [{"params": g["params"], **{k: number(g[k]) for k in plain if k in g}} for g in optimizer.groups]
        way = train(cls, groups, seed=5)
    except Exception as error:  # whatever torch has against these settings
        raise AssertionError(
            f"expected settings that torch can use, found that its {short} refuses them: {error}"
        ) from None
    changed = {
        f"{name} = {told(group[name])} (torch's default is {tell(value)})": None
        for group in groups
        for name, value in plain.items()
        if name not in ("lr", "weight_decay") and name in group and not same(group[name], value)
    }
    return way, "; found " + ", ".join(changed) if changed else ""


def number(value: object) -> object:
    """A setting as torch takes it anywhere: a tensor of one number as that number."""
    return value.item() if isinstance(value, torch.Tensor) and value.numel() == 1 else value


@check(
    "test_build_grouped_adamw",
    0.5,
    "Name only lr, weight_decay and the groups: the rest of AdamW stays as torch has it.",
)
def test_grouped_updates(student):
    """Its steps move every weight as AdamW does with these two groups."""
    for settings in ({"lr": 0.03, "weight_decay": 0.4}, {"lr": 0.002, "weight_decay": 2.0}):
        found, changed = found_way(build(student, make_trained(), **settings))
        wanted = true_way(**settings)
        errors = {m: (found[id(m.param)] - wanted[id(m.param)]).abs() for m in members(make_trained())}
        worst = max(errors, key=lambda member: errors[member].nan_to_num(torch.inf).max())
        if not errors[worst].max() <= 1e-5 * settings["lr"]:
            place = errors[worst].nan_to_num(torch.inf).argmax()
            start, right, wrong = (
                t.detach().reshape(-1)[place].item()
                for t in (worst.param, wanted[id(worst.param)], found[id(worst.param)])
            )
            raise AssertionError(
                f"expected {STEPS} steps to move a number in {worst} by {right - start:.6g}, "
                f"found {wrong - start:.6g}, after build_grouped_adamw(model, {telling(settings)}){changed}"
            )


@functools.cache
def make_hard() -> nn.Module:
    """Everything that names do not tell."""
    return tree(
        first=make_misleading(),
        second=make_norms()[0],
        third=make_embeddings()[0],
        fourth=make_tied()[1],
        fifth=make_vectors(),
    )


@check("test_build_grouped_adamw", 0.5, "Let split_decay_groups do this work, and mend it first.")
def test_grouped_names_lie(student):
    """The groups are right where names lie, too."""
    expect_groups(build(student, make_hard()), make_hard())
