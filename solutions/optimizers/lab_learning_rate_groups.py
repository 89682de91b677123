"""Lesson 3, learning-rate groups: its model, its public checks and its figures."""

from __future__ import annotations

import contextlib
import copy
import functools
import io
import threading
import urllib.request
from collections.abc import Callable

import matplotlib.pyplot as plt
import torch
import torchvision
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator
from torch import nn
from torch.optim import Optimizer

from lab_checks import CannotRun, Wrong, public_check
from lab_messages import Said, listed, say, short

# --- The model -------------------------------------------------------------------------------------------------------


def load_resnet18() -> nn.Module:
    """Return a resnet18 with the weights that it learned on ImageNet; without a network, with random weights."""
    weights = torchvision.models.ResNet18_Weights.DEFAULT
    try:
        _expect_at_hand(weights.url)
        with contextlib.redirect_stderr(io.StringIO()):  # torch announces its download there
            model = torchvision.models.resnet18(weights=weights, progress=False)
    except Exception:  # no network, no permission, no room, a damaged file: the lesson goes on without the weights
        print(
            say("The pretrained weights can't be loaded (is there no network?), so this resnet18 has random weights.")
        )
        print(say("Everything in this lesson works with them, too."))
        return torchvision.models.resnet18(weights=None)
    print(say("This resnet18 has the weights that it learned on ImageNet."))
    return model


def _expect_at_hand(url: str, seconds: float = 5.0) -> None:
    """Raise an error unless the file is on this machine already, or its server answers soon.

    In a thread of its own, because looking up a server's name has no time limit.
    """
    cached = f"{torch.hub.get_dir()}/checkpoints/{url.rpartition('/')[2]}"
    with contextlib.suppress(OSError), open(cached, "rb"):
        return
    answers = []

    def ask() -> None:
        request = urllib.request.Request(url, method="HEAD")
        with contextlib.suppress(Exception), urllib.request.urlopen(request, timeout=seconds) as answer:
            answers.append(answer)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    if not answers:
        raise ConnectionError(f"no answer from {url}")


# --- Public checks ---------------------------------------------------------------------------------------------------


class _TinyNet(nn.Module):
    """As small as a model with a body, a norm and a head called ``fc`` can be."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(6)
        self.fc1 = nn.Linear(6, 6)
        self.fc = nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.fc1(self.bn1(self.conv1(x)).mean((2, 3))))


@public_check(
    "replace_head",
    hint="change the model itself, and return it at the end.",
    stronger="an assignment to an attribute changes the model itself. So nothing needs to be copied or built "
    "anew: no copy.deepcopy, no nn.Sequential. Does the last line return the name that came in?",
)
def head_same_model(replace_head):
    """It returns the very model that it was given."""
    model = _TinyNet()
    found = replace_head(model, 3)
    if found is not model:
        other = None if found is None else say("another object, a {type}", type=type(found).__name__)
        raise Wrong(say("the model itself"), other)


@public_check(
    "replace_head",
    hint="the old head knows its number of inputs: in_features.",
    stronger="nn.Linear takes first the number of inputs, then that of outputs. The old fc has the first as "
    "its attribute in_features: ask for it before you replace fc. A fixed number fits only one model.",
)
def head_is_linear(replace_head):
    """fc becomes an nn.Linear with as many inputs as before and num_classes outputs."""
    model = _TinyNet()
    replace_head(model, 3)
    if type(model.fc) is not nn.Linear:
        raise Wrong(say("an nn.Linear"), say("a {type}", type=type(model.fc).__name__))
    if tuple(model.fc.weight.shape) != (3, 6):
        outputs, inputs = model.fc.weight.shape
        raise Wrong(
            say("6 inputs, 3 outputs"), say("{inputs} inputs, {outputs} outputs", inputs=inputs, outputs=outputs)
        )


@public_check(
    "replace_head",
    hint="freeze nothing and unfreeze nothing: a new layer is trainable by itself.",
    stronger="a new nn.Linear is trainable without any help. Search your code for requires_grad: each line "
    "that sets it changes what the caller has decided. And is fc really a new layer, not the old one "
    "edited?",
)
def head_of_a_frozen_model(replace_head):
    """In a frozen model, the new fc is trainable, and everything else stays frozen."""
    model = _TinyNet().requires_grad_(False)
    replace_head(model, 3)
    found = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    if found != ["fc.weight", "fc.bias"]:
        raise Wrong(say("trainable: fc.weight, fc.bias"), say("trainable: {names}", names=listed(found)))


@public_check(
    "finetune_groups",
    hint="list(...) turns what .parameters() gives into a list.",
    stronger='return [first, second], each a dict with the keys "params" and "lr" in this spelling. '
    ".parameters(), filter(...) and map(...) are not lists: they are used up after one look. A list "
    "comprehension makes a list.",
)
def groups_are_dicts(finetune_groups):
    """It returns two dicts, each with a list of parameters and an lr."""
    groups = finetune_groups(_TinyNet(), "fc")
    if not isinstance(groups, (list, tuple)) or [type(group) for group in groups] != [dict, dict]:
        raise Wrong(say("a list of two dicts"), groups)
    for group in groups:
        if not {"params", "lr"} <= set(group):
            raise Wrong(say('the keys "params" and "lr"'), say("the keys {keys}", keys=listed(map(repr, group))))
        if not isinstance(group["params"], (list, tuple)):
            raise Wrong(say('a list as "params"'), say("a {type}", type=type(group["params"]).__name__))


def _two_groups(groups: object) -> tuple[dict, dict]:
    try:
        backbone, head = groups
        for group in (backbone, head):
            iter(group["params"]), group["lr"]
    except (TypeError, ValueError, KeyError):
        raise CannotRun(say("there are no two group dicts to look at")) from None
    return backbone, head


@public_check(
    "finetune_groups",
    hint="use both arguments, each in its own dict.",
    stronger='no fixed numbers: the entry "lr" of the first dict is the argument backbone_lr, that of the '
    "second is head_lr. Compare the defaults of your def line with the task as well.",
)
def groups_have_rates(finetune_groups):
    """The first dict has backbone_lr and the second one head_lr."""
    for given, expected in (({}, (1e-5, 1e-3)), ({"backbone_lr": 0.25, "head_lr": 0.5}, (0.25, 0.5))):
        backbone, head = _two_groups(finetune_groups(_TinyNet(), "fc", **given))
        if (backbone["lr"], head["lr"]) != expected:
            found = (backbone["lr"], head["lr"])
            raise Wrong(*(say("lr {first} and lr {second}", first=one, second=two) for one, two in (expected, found)))


@public_check(
    "finetune_groups",
    hint="fc1 is another module than fc, although its name begins alike.",
    stronger="leave the names alone. Get the head as a module (named_modules() or get_submodule), note the "
    "id(...) of each of its parameters, and ask of every trainable parameter of the model whether its "
    "id is among them.",
)
def groups_are_complete(finetune_groups):
    """Head fc: the parameters of fc are in the second dict, all others, fc1's too, in the first."""
    model = _TinyNet()
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = [
        [names.get(id(parameter), "") for parameter in group["params"]]
        for group in _two_groups(finetune_groups(model, "fc"))
    ]
    expected = [["conv1.weight", "bn1.weight", "bn1.bias", "fc1.weight", "fc1.bias"], ["fc.weight", "fc.bias"]]
    if [sorted(group) for group in found] != [sorted(group) for group in expected]:
        told = [
            [listed(name or say("a stranger") for name in group) for group in groups] for groups in (expected, found)
        ]
        raise Wrong(*(say("{first}; {second}", first=first, second=second) for first, second in told))


@public_check(
    "finetune_groups",
    hint="does the model have a module of this name?",
    stronger="dict(model.named_modules()) has every path as a key; the empty one means the model itself. Test "
    "head_name before you sort anything, raise ValueError yourself, and put head_name into its text "
    "with an f-string.",
)
def groups_of_unknown_head(finetune_groups):
    """The head name "classifier" of a model without one raises a ValueError that names it."""
    try:
        found = finetune_groups(_TinyNet(), "classifier")
    except ValueError as error:
        if "classifier" not in str(error):
            told = say("the message {text}", text=short(repr(str(error))))
            raise Wrong(say('a message with "classifier" in it'), told) from None
    else:
        told = say("it returned None") if found is None else say("it returned a {type}", type=type(found).__name__)
        raise Wrong(say("a ValueError"), told)


def _adamw(found: object) -> Optimizer:
    if not isinstance(found, Optimizer):
        raise CannotRun(say("there is no optimizer to look at"))
    return found


def _rates(rates: list[float]) -> Said:
    """How many groups there are, and their learning rates."""
    if len(rates) == 1:
        return say("1 group, lr {rate}", rate=rates[0])
    return say("{count} groups, lr {rates}", count=len(rates), rates=listed(rates))


@public_check(
    "build_finetune_adamw",
    hint="return the optimizer that torch.optim offers for this.",
    stronger="the class is torch.optim.AdamW. It takes the dicts of finetune_groups as they are; what the call "
    "gives must be returned.",
)
def build_class(build_finetune_adamw):
    """It returns a torch.optim.AdamW."""
    found = build_finetune_adamw(_TinyNet(), "fc")
    if type(found) is not torch.optim.AdamW:
        raise Wrong(torch.optim.AdamW, found)


@public_check(
    "build_finetune_adamw",
    hint="hand the dicts of finetune_groups to AdamW: their lr wins.",
    stronger="finetune_groups has the rates as its third and fourth argument, and defaults for both: if you do "
    "not hand yours on, you get 1e-5 and 1e-3. An lr given to AdamW itself changes nothing here.",
)
def build_rates(build_finetune_adamw):
    """Its two groups have backbone_lr and head_lr."""
    optimizer = _adamw(build_finetune_adamw(_TinyNet(), "fc", backbone_lr=0.25, head_lr=0.5))
    rates = [group["lr"] for group in optimizer.param_groups]
    if rates != [0.25, 0.5]:
        raise Wrong(_rates([0.25, 0.5]), _rates(rates))


@public_check(
    "build_finetune_adamw",
    hint="hand weight_decay on: AdamW's own default hides that it is missing.",
    stronger="weight_decay is an argument of torch.optim.AdamW as well, and there it holds for every group "
    "that has none of its own. Does yours arrive there, under this name?",
)
def build_decay(build_finetune_adamw):
    """With weight_decay=0.25, both groups have this weight decay."""
    optimizer = _adamw(build_finetune_adamw(_TinyNet(), "fc", weight_decay=0.25))
    decays = [group["weight_decay"] for group in optimizer.param_groups]
    if any(decay != 0.25 for decay in decays):
        raise Wrong(*(say("weight_decay {values}", values=listed(values)) for values in ([0.25, 0.25], decays)))


def _two_layers() -> Optimizer:
    first, second = nn.Linear(3, 4), nn.Linear(4, 2).requires_grad_(False)
    groups = [{"params": list(first.parameters()), "lr": 0.25}, {"params": list(second.parameters()), "lr": 0.5}]
    return torch.optim.AdamW(groups)


@public_check(
    "group_summary",
    hint="for each group, one tuple; .item() or int(...) turns a tensor into a plain number.",
    stronger="optimizer.param_groups is a list of dicts; your list needs one tuple for each of them, in "
    "parentheses, the rate first. If the rate or the count is a tensor, you added up tensors: add up "
    "Python numbers.",
)
def summary_form(group_summary):
    """It returns a list with a tuple (float, int) for each group."""
    found = group_summary(_two_layers())
    if not isinstance(found, list) or len(found) != 2 or not all(isinstance(pair, tuple) for pair in found):
        raise Wrong(say("a list of two tuples"), found)
    kinds = [tuple(type(number) for number in pair) for pair in found]
    if kinds != [(float, int)] * 2:
        raise Wrong(say("tuples of float and int"), found)


@public_check(
    "group_summary",
    hint="a weight of 4 x 3 counts 12, not 1; and what is frozen counts, too.",
    stronger="look up torch.Tensor.numel: it tells how many numbers a tensor holds, where len(...) tells only "
    'its rows. Every tensor under "params" counts, whatever its requires_grad.',
)
def summary_values(group_summary):
    """Linear(3, 4) with lr 0.25 and a frozen Linear(4, 2) with lr 0.5 give [(0.25, 16), (0.5, 10)]."""
    found = group_summary(_two_layers())
    if found != [(0.25, 16), (0.5, 10)]:
        raise Wrong([(0.25, 16), (0.5, 10)], found)


# --- Figures ---------------------------------------------------------------------------------------------------------


def plot_first_step(model: nn.Module, optimizer: Optimizer, title: str = "") -> Axes:
    """Draw how far the first step of an optimizer moves each layer of a model, from the image to the output.

    The step is really taken, on random images, by a copy of both: yours stay as they are.
    """
    moves = _first_moves(model, optimizer)
    axes = plt.subplots(figsize=(7.5, 3.2), gridspec_kw={"left": 0.11, "right": 0.98, "bottom": 0.16, "top": 0.9})[1]
    kinds = (
        ("moved", "o", "C0", "a layer that moved"),
        ("frozen", "s", "0.6", "frozen"),
        ("forgotten", "x", "C3", "trainable, but did not move"),
    )
    floor = 1e-6
    for kind, marker, colour, label in kinds:
        points = [(x, max(move, floor)) for x, (_, move, what) in enumerate(moves) if what == kind]
        if points:
            axes.plot(*zip(*points, strict=True), marker, color=colour, label=f"{label} ({len(points)})", markersize=5)
    _mark_blocks(axes, [name for name, _, _ in moves])
    axes.set_yscale("log")
    ticks = [floor, 1e-5, 1e-4, 1e-3, 1e-2]
    axes.set_yticks(ticks, ["0", *(f"{tick:g}" for tick in ticks[1:])])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set(ylim=(floor / 2, 2e-2), xlim=(-1, len(moves)), title=title)
    axes.set(xlabel="layers, from the image to the output", ylabel="mean move of a weight")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(loc="upper left", fontsize="small", ncols=3)
    return axes


def _first_moves(model: nn.Module, optimizer: Optimizer) -> list[tuple[str, float, str]]:
    """Each layer's name, how far a first step moves its weights on average, and what became of it."""
    model, optimizer = copy.deepcopy((model, optimizer))  # together, so that they share their parameters
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, 3, 64, 64, generator=generator)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    model.train()
    outputs = model(images)
    nn.functional.cross_entropy(outputs, torch.arange(2) % outputs.shape[1]).backward()
    optimizer.step()
    moves = []
    for layer, module in model.named_modules():
        own = [(f"{layer}.{name}", p.detach(), p) for name, p in module.named_parameters(recurse=False)]
        if not own:
            continue
        total = sum((now - before[name]).abs().sum().item() for name, now, _ in own)
        move = total / sum(now.numel() for _, now, _ in own)
        trainable = any(parameter.requires_grad for _, _, parameter in own)
        moves.append((layer, move, "moved" if move > 0 else "forgotten" if trainable else "frozen"))
    return moves


def _mark_blocks(axes: Axes, layers: list[str]) -> None:
    """Write the name of the part of the model under each stretch of layers, and draw a line where the next begins."""
    tops = [layer.partition(".")[0] for layer in layers]
    starts = [index for index, top in enumerate(tops) if index == 0 or tops[index - 1] != top]
    ticks, labels = [], []
    for start, end in zip(starts, [*starts[1:], len(tops)], strict=True):
        if start:
            axes.axvline(start - 0.5, color="0.85", linewidth=0.8)
        if end - start > 0.05 * len(tops) or end == len(tops):  # a narrow stretch has no room for its name
            ticks.append((start + end - 1) / 2)
            labels.append(tops[start])
    axes.set_xticks(ticks, labels)


def plot_finetuning(build_finetune_adamw: Callable, model: nn.Module, head_name: str) -> Axes | None:
    """Draw what the first step of your optimizer moves."""
    try:
        optimizer = build_finetune_adamw(model, head_name)
        return plot_first_step(model, optimizer, "The first step of your AdamW")
    except Exception:
        return print(say("The figure appears here once {function} works.", function="build_finetune_adamw"))


ARCHITECTURES = (
    ("resnet18", "fc"),
    ("regnet_y_400mf", "fc"),
    ("mobilenet_v3_small", "classifier"),
    ("mobilenet_v3_small", "classifier.3"),
    ("vit_b_16", "heads.head"),
)


def show_groups(build_finetune_adamw: Callable, group_summary: Callable) -> None:
    """Print how your optimizer groups the parameters of some well-known models."""
    rows = []
    try:
        for name, head in ARCHITECTURES:
            model = _architecture(name)
            (_, backbone), (_, top) = group_summary(build_finetune_adamw(model, head))
            total = sum(parameter.numel() for parameter in model.parameters())
            rows.append(f"{name:20}{head:14}{backbone:>12,}{top:>12,}{total - backbone - top:>14,}")
    except Exception:
        return print(say("The table appears here once build_finetune_adamw and group_summary work."))
    title = say(
        "{model:20}{head:14}{in_backbone:>12}{in_head:>12}{in_none:>14}",
        model=say("model"),
        head=say("head"),
        in_backbone=say("in backbone"),
        in_head=say("in head"),
        in_none=say("in no group"),
    )
    print(title, *rows, sep="\n")


@functools.cache
def _architecture(name: str) -> nn.Module:
    build = getattr(torchvision.models, name)
    if name.startswith("regnet"):  # its constructor computes with tensors, so it needs real ones
        return build(weights=None)
    with torch.device("meta"):  # shapes alone, no values: quick, and it needs no memory
        return build(weights=None)
