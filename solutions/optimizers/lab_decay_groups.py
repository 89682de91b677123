"""Lesson 2, decay groups: its public checks and figures."""

from __future__ import annotations

from collections.abc import Callable

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator
from torch import nn
from torch.optim import Optimizer

from lab_checks import CannotRun, Wrong, public_check
from lab_messages import Row, Said, a_kind_of, listed, say


def _linear_and_frozen() -> nn.Module:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    return model


class _WithOwnParameters(nn.Module):
    """Parameters that the model holds itself, beside a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.zeros(1, 5, 3))
        self.class_token = nn.Parameter(torch.zeros(1, 1, 3))
        self.head = nn.Linear(3, 2)


def _tied() -> nn.Module:
    model = nn.ModuleDict({"lm_head": nn.Linear(3, 5, bias=False), "wte": nn.Embedding(5, 3)})
    model["lm_head"].weight = model["wte"].weight
    return model


def _names(model: nn.Module, params: list) -> list[str]:
    """The names of parameters, sorted; of a shared one the first, and an empty one of what is none."""
    known = {id(param): name for name, param in model.named_parameters()}
    return sorted(known.get(id(param), "") for param in params)


def _side(names: list[str]) -> object:
    return listed(name or say("something else") for name in names)


def _lists(decay: list[str], no_decay: list[str]) -> Said:
    return say("decay: {decay}; no_decay: {no_decay}", decay=_side(decay), no_decay=_side(no_decay))


def _groups(groups: list[list[str]]) -> Row:
    told = [say("group {number}: {names}", number=n, names=_side(names)) for n, names in enumerate(groups)]
    return Row(tuple(told), separator="; ")


def _expect_groups(optimizer: Optimizer, model: nn.Module, expected: list[list[str]]) -> None:
    found = [_names(model, group["params"]) for group in optimizer.param_groups]
    if found != expected:
        raise Wrong(_groups(expected), _groups(found))


def _split(split_decay_groups: Callable, model: nn.Module) -> tuple[list, list]:
    found = split_decay_groups(model)
    if not isinstance(found, (tuple, list)) or len(found) != 2 or not all(isinstance(s, (tuple, list)) for s in found):
        raise CannotRun(say("there are no two lists to look at"))
    return found


def _expect_split(split_decay_groups: Callable, model: nn.Module, decay: list[str], no_decay: list[str]) -> None:
    found = [_names(model, params) for params in _split(split_decay_groups, model)]
    if found != [sorted(decay), sorted(no_decay)]:
        raise Wrong(_lists(sorted(decay), sorted(no_decay)), _lists(*found))


@public_check(
    "split_decay_groups",
    hint="return decay, no_decay: two lists, and in them the parameters, not names.",
    stronger="start with two empty lists, and return both, separated by a comma, after the loop (a return "
    "inside it ends at the first parameter). named_parameters() gives pairs of a name and a "
    "parameter: only the parameter goes into a list.",
)
def returns_two_lists(split_decay_groups):
    """It returns two lists of parameters."""
    found = split_decay_groups(nn.Linear(3, 2))
    if not isinstance(found, (tuple, list)):
        raise Wrong(say("two lists"), a_kind_of(found))
    if len(found) != 2:
        raise Wrong(say("two lists"), say("a {type} of {count}", type=type(found).__name__, count=len(found)))
    for side in found:
        if not isinstance(side, (tuple, list)):
            raise Wrong(say("two lists"), say("a {type} in place of a list", type=type(side).__name__))
        for item in side:
            if not isinstance(item, nn.Parameter):
                raise Wrong(say("parameters in the lists"), say("a {type}", type=type(item).__name__))


@public_check(
    "split_decay_groups",
    hint="a weight is a matrix, a bias is not.",
    stronger="parameter.ndim is 2 for the weight of a linear layer, and 1 for its bias. Which of the two "
    "belongs where, and do you return the list of what decays first?",
)
def linear_layer(split_decay_groups):
    """Of a linear layer, the weight decays and the bias does not."""
    _expect_split(split_decay_groups, nn.Linear(3, 2), ["weight"], ["bias"])


@public_check(
    "split_decay_groups",
    hint="a parameter with requires_grad False is frozen.",
    stronger="ask each parameter for its requires_grad before you sort it. What is frozen is left out "
    "altogether: it does not go into no_decay either.",
)
def frozen_layer(split_decay_groups):
    """Frozen parameters (here 0.weight and 0.bias) are in neither list."""
    _expect_split(split_decay_groups, _linear_and_frozen(), ["1.weight"], ["1.bias"])


@public_check(
    "split_decay_groups",
    hint="how many dimensions does it have?",
    stronger="the name 1.weight tells nothing, but 4 numbers in a row are a vector: its ndim is 1. Rule 4 "
    "sends everything with fewer than two dimensions to no_decay, in whatever layer it is.",
)
def vectors(split_decay_groups):
    """A batch norm without a telling name (1.weight) does not decay."""
    model = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.BatchNorm2d(4))
    _expect_split(split_decay_groups, model, ["0.weight"], ["1.weight", "1.bias"])


@public_check(
    "split_decay_groups",
    hint="which layer holds it, and is that one of EMBEDDING_LAYERS?",
    stronger="the name and the shape look like any matrix, so ask the layer. model.modules() goes through all "
    "of them; isinstance(layer, EMBEDDING_LAYERS) recognises one, and its own parameters come with "
    "recurse=False.",
)
def embedding_layer(split_decay_groups):
    """An nn.Embedding does not decay, though it is called wte."""
    _expect_split(split_decay_groups, nn.ModuleDict({"wte": nn.Embedding(5, 3)}), [], ["wte.weight"])


@public_check(
    "split_decay_groups",
    hint="which layer holds it, and is that one of NORM_LAYERS?",
    stronger="this weight has two dimensions, so ndim does not find it, and its name tells nothing. What you "
    "do for EMBEDDING_LAYERS with isinstance, do for NORM_LAYERS, too.",
)
def norm_over_two_dimensions(split_decay_groups):
    """A LayerNorm over two dimensions does not decay, though it is called ln."""
    _expect_split(split_decay_groups, nn.ModuleDict({"ln": nn.LayerNorm((2, 3))}), [], ["ln.weight", "ln.bias"])


@public_check(
    "split_decay_groups",
    hint="only the last part of the name counts, and the layer.",
    stronger="the full name is embedding_projection.weight, and its last part is just weight. Take the name "
    "apart at the dots (look up str.split or str.rpartition), and search the last part alone.",
)
def misleading_name(split_decay_groups):
    """A linear layer called embedding_projection decays."""
    model = nn.ModuleDict({"embedding_projection": nn.Linear(3, 2, bias=False)})
    _expect_split(split_decay_groups, model, ["embedding_projection.weight"], [])


@public_check(
    "split_decay_groups",
    hint="here the parameter is in no layer; the last part of its name counts.",
    stronger="named_parameters() of the whole model shows these, too; a loop over certain kinds of layers does "
    "not. Then ask whether the last part of the name contains bias or embedding. Having no layer is "
    "no reason to be exempt.",
)
def own_parameters(split_decay_groups):
    """Of a model's own parameters, pos_embedding does not decay and class_token does."""
    decay, no_decay = ["class_token", "head.weight"], ["pos_embedding", "head.bias"]
    _expect_split(split_decay_groups, _WithOwnParameters(), decay, no_decay)


@public_check(
    "split_decay_groups",
    hint="look at every layer that holds the parameter, before you sort it.",
    stronger="work in two rounds. First go through all layers and collect in a set every parameter that an "
    "embedding or a norm holds. Then sort, with named_parameters(), which shows each parameter once. "
    "A set recognises it under any name.",
)
def tied_embedding(split_decay_groups):
    """A weight that lm_head shares with an nn.Embedding is there once and does not decay."""
    _expect_split(split_decay_groups, _tied(), [], ["lm_head.weight"])


def _optimizer(found: object) -> Optimizer:
    if not isinstance(found, Optimizer):
        raise CannotRun(say("there is no optimizer to look at"))
    return found


def _expect_in_groups(optimizer: Optimizer, key: str, expected: list[float]) -> None:
    found = [group.get(key) for group in optimizer.param_groups]
    if found != expected:
        raise Wrong(*(say("{name} {values}", name=key, values=listed(values)) for values in (expected, found)))


@public_check(
    "build_grouped_adamw",
    hint="return the optimizer that torch.optim offers for this.",
    stronger="the class is torch.optim.AdamW. Its first argument may be a list of group dicts; and what the "
    "call gives must be returned.",
)
def grouped_class(build_grouped_adamw):
    """It returns a torch.optim.AdamW."""
    found = build_grouped_adamw(nn.Linear(3, 2))
    if type(found) is not torch.optim.AdamW:
        raise Wrong(torch.optim.AdamW, found)


@public_check(
    "build_grouped_adamw",
    hint="two group dicts; the first holds what decays.",
    stronger='a group dict needs the key "params" with a list of parameters. split_decay_groups gives you both '
    "lists: is the first one in the first dict, and are there two dicts even when one list is empty?",
)
def two_groups(build_grouped_adamw):
    """Group 0 of a linear layer holds the weight, group 1 the bias."""
    layer = nn.Linear(3, 2)
    _expect_groups(_optimizer(build_grouped_adamw(layer)), layer, [["weight"], ["bias"]])


@public_check(
    "build_grouped_adamw",
    hint="torch's own default lr is another one: hand lr on.",
    stronger="AdamW's own default for lr is 0.001. An argument of the optimizer holds for every group that has "
    "no setting of its own: is your lr one, under the name lr?",
)
def grouped_defaults(build_grouped_adamw):
    """With model alone, lr is 0.0001 in both groups."""
    _expect_in_groups(_optimizer(build_grouped_adamw(nn.Linear(3, 2))), "lr", [1e-4, 1e-4])


@public_check(
    "build_grouped_adamw",
    hint="a group without a weight_decay of its own takes the optimizer's.",
    stronger='a group dict may hold the key "weight_decay", and that wins. Where it is missing, the group '
    "takes the argument of the optimizer, and without one torch's default of 0.01. What should each "
    "of your two dicts say?",
)
def grouped_decays(build_grouped_adamw):
    """With weight_decay 0.25, group 0 has 0.25 and group 1 has 0."""
    optimizer = _optimizer(build_grouped_adamw(nn.Linear(3, 2), lr=0.5, weight_decay=0.25))
    _expect_in_groups(optimizer, "weight_decay", [0.25, 0.0])


@public_check(
    "build_grouped_adamw",
    hint="which of the functions in this notebook knows about layers?",
    stronger="your split_decay_groups sorts this model already: call it here, in place of a second split by "
    "names or dimensions. If its own check fails, mend that first.",
)
def grouped_by_layers(build_grouped_adamw):
    """An nn.Embedding called wte is in group 1."""
    model = nn.ModuleDict({"wte": nn.Embedding(5, 3), "head": nn.Linear(3, 2, bias=False)})
    _expect_groups(_optimizer(build_grouped_adamw(model)), model, [["head.weight"], ["wte.weight"]])


# --- Figures ---------------------------------------------------------------------------------------------------------

_BLUE, _ORANGE, _GREY = "#2166ac", "#d95f02", "#888888"


def _axes(width: float, height: float) -> Axes:
    """Empty axes with room for long labels on the left."""
    margins = {"left": 0.27, "right": 0.97, "bottom": 0.16, "top": 0.86}
    return plt.subplots(figsize=(width, height), gridspec_kw=margins)[1]


def plot_split(split_decay_groups: Callable) -> Axes | None:
    """Draw how many numbers of a six-layer Transformer your function lets decay, for each kind of parameter."""
    with torch.device("meta"):  # shapes without values: takes no memory
        layer = nn.TransformerEncoderLayer(d_model=512, nhead=8, dim_feedforward=2048, batch_first=True)
        model = nn.TransformerEncoder(layer, num_layers=6, enable_nested_tensor=False)
    try:
        decay, no_decay = ({id(param) for param in side} for side in split_decay_groups(model))
    except Exception:
        return print(say("The figure appears here once {function} works.", function="split_decay_groups"))
    counts: dict[tuple[str, str], int] = {}
    totals = {"decays": 0, "does not decay": 0, "in neither list": 0}
    for name, param in model.named_parameters():
        key = id(param)
        side = "decays" if key in decay else "does not decay" if key in no_decay else "in neither list"
        row = (_kind(name), side)
        counts[row] = counts.get(row, 0) + param.numel()
        totals[side] += param.numel()
    rows = sorted(counts, key=lambda row: (list(totals).index(row[1]), -counts[row]))
    axes = _axes(7.2, 3.4)
    for side, colour in zip(totals, (_BLUE, _ORANGE, _GREY), strict=True):
        places = [place for place, row in enumerate(rows) if row[1] == side]
        if places:
            sizes = [counts[rows[place]] for place in places]
            axes.hlines(places, 1e3, sizes, color=colour, linewidth=3)
            axes.plot(sizes, places, "o", color=colour, markersize=8, label=f"{side}: {totals[side]:,} in all")
            for place, size in zip(places, sizes, strict=True):
                axes.annotate(f"{size:,}", (size, place), (9, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(rows)), [kind for kind, _ in rows])
    axes.set(xscale="log", xlim=(1e3, 2e8), ylim=(len(rows) - 0.4, -0.6), xlabel="how many numbers (log scale)")
    axes.set_title("Weights and biases of a six-layer Transformer, 512 wide", fontsize="medium", loc="left")
    axes.set_xticks([1e3, 1e4, 1e5, 1e6, 1e7], ["1,000", "10,000", "100,000", "1 million", "10 million"])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", fontsize="small", frameon=False)
    return axes


def _kind(name: str) -> str:
    """What a parameter of the Transformer is for."""
    part = "attention" if "self_attn" in name else "LayerNorm" if ".norm" in name else "feed-forward"
    return f"{part} {'biases' if 'bias' in name.rpartition('.')[2] else 'weights'}"


def plot_fading(
    build_grouped_adamw: Callable, lr: float = 0.1, weight_decay: float = 0.1, steps: int = 50
) -> Axes | None:
    """Draw what is left of each tensor after many steps with gradients of zero, under plain AdamW and under yours."""
    plain = _what_is_left(lambda model: torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay), steps)
    try:
        yours = _what_is_left(lambda model: build_grouped_adamw(model, lr=lr, weight_decay=weight_decay), steps)
    except Exception:
        return print(say("The figure appears here once {function} works.", function="build_grouped_adamw"))
    axes = _axes(7.2, 3.2)
    places = range(len(plain))
    expected = (1 - lr * weight_decay) ** steps
    axes.axvline(expected, color="0.8", linewidth=1, zorder=0)
    axes.hlines(places, list(plain.values()), list(yours.values()), color="0.8", linewidth=2, zorder=1)
    axes.plot(
        list(plain.values()), places, "o", markersize=11, markerfacecolor="none", color=_GREY, label="plain AdamW"
    )
    axes.plot(list(yours.values()), places, "o", markersize=6, color=_BLUE, label="yours")
    formula = f"(1 − lr · weight_decay)$^{{{steps}}}$\n= {expected:.3f}"
    axes.annotate(formula, (expected, 3), (-12, 0), textcoords="offset points", ha="right", va="center", color="0.4")
    axes.set_yticks(places, list(plain))
    axes.set(xlim=(0, 1.08), ylim=(len(plain) - 0.4, -0.6), xlabel="size after / size before")
    axes.set_title(
        f"{steps} steps with gradients of zero, lr = {lr:g}, weight_decay = {weight_decay:g}",
        loc="left",
        fontsize="medium",
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower left", fontsize="small", frameon=False)
    return axes


def _what_is_left(build: Callable, steps: int) -> dict[str, float]:
    """The size of each tensor of a small model after the steps, as a part of its size before."""
    layers = {"wte": nn.Embedding(10, 4), "embedding_projection": nn.Linear(4, 6), "ln": nn.LayerNorm((3, 6))}
    model = nn.ModuleDict({**layers, "head": nn.Linear(6, 2)})
    with torch.no_grad():
        for param in model.parameters():
            param.fill_(1.0)
            param.grad = torch.zeros_like(param)
    optimizer = build(model)
    for _ in range(steps):
        optimizer.step()
    return {name: param.detach().mean().item() for name, param in model.named_parameters()}
