"""Lesson 1, build optimizers: its public checks and figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator
from torch.optim import Optimizer

from lab_checks import CannotRun, Wrong, public_check
from lab_messages import Said, a_kind_of, listed, say


def _weight() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.ones(2))


def _expect_class(found: object, cls: type[Optimizer]) -> None:
    if type(found) is not cls:
        raise Wrong(cls, found)


def _expect_settings(optimizer: object, **expected: object) -> None:
    """Compare the settings of an optimizer's only group; report the ones that differ."""
    if not isinstance(optimizer, Optimizer):
        raise CannotRun(say("there is no optimizer to look at"))
    group = optimizer.param_groups[0]
    wrong = [key for key, value in expected.items() if group.get(key, "missing") != value]
    if wrong:
        raise Wrong(*(listed(_setting(where, key) for key in wrong) for where in (expected, group)))


def _setting(group: dict, key: str) -> Said:
    if key not in group:
        return say("{name} missing", name=key)
    return say("{name} {value}", name=key, value=group[key])


@public_check(
    "build_sgd",
    hint="return the optimizer that torch.optim offers for this; a subclass is not accepted.",
    stronger="the class is torch.optim.SGD. Call it inside your function, with params as its first argument, "
    "and return what the call gives: a function without return gives None.",
)
def sgd_class(build_sgd):
    """It returns a torch.optim.SGD."""
    _expect_class(build_sgd([_weight()]), torch.optim.SGD)


@public_check(
    "build_sgd",
    hint="torch's own defaults differ from those in the def line: keep that line, and hand every argument on.",
    stronger="torch.optim.SGD has keyword arguments lr, momentum and weight_decay. One that you leave out "
    "takes torch's own default (0.001, 0 and 0), not the one of your def line. Which of the three is "
    "missing, or a fixed number?",
)
def sgd_defaults(build_sgd):
    """With params alone, lr is 0.1, momentum 0.9 and weight_decay 0.0001."""
    _expect_settings(build_sgd([_weight()]), lr=0.1, momentum=0.9, weight_decay=1e-4)


@public_check(
    "build_adam",
    hint="AdamW is a kind of Adam, but here the exact class is asked for.",
    stronger="torch has two classes, Adam and AdamW, and isinstance takes both for an Adam. Print type(...) of "
    "what your function returns: that must be torch.optim.Adam.",
)
def adam_class(build_adam):
    """It returns a torch.optim.Adam."""
    _expect_class(build_adam([_weight()]), torch.optim.Adam)


@public_check(
    "build_adam",
    hint="hand lr and betas on; Adam has no weight decay here.",
    stronger="torch.optim.Adam has keyword arguments lr and betas, and betas is one tuple of two numbers. Your "
    "def line has no weight_decay, so the call needs none: torch's default is 0.",
)
def adam_defaults(build_adam):
    """With params alone, lr is 0.001, betas (0.9, 0.999) and weight_decay 0."""
    _expect_settings(build_adam([_weight()]), lr=1e-3, betas=(0.9, 0.999), weight_decay=0)


@public_check(
    "build_adamw",
    hint="Adam with a weight_decay is still Adam, not AdamW.",
    stronger="torch has two classes, Adam and AdamW; the W stands for the decoupled weight decay. Look at the "
    "class in your return line, and at type(...) of what comes out.",
)
def adamw_class(build_adamw):
    """It returns a torch.optim.AdamW."""
    _expect_class(build_adamw([_weight()]), torch.optim.AdamW)


@public_check(
    "build_adamw",
    hint="hand every argument of the def line on.",
    stronger="torch.optim.AdamW has a keyword argument for each of the three settings, under the same name: "
    "lr, betas and weight_decay. Is one of them missing, or a fixed number, or is a default of the "
    "def line changed?",
)
def adamw_defaults(build_adamw):
    """With params alone, lr is 0.001, betas (0.9, 0.999) and weight_decay 0.01."""
    _expect_settings(build_adamw([_weight()]), lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2)


@public_check(
    "build_sgd",
    "build_adam",
    "build_adamw",
    hint="hand params on as it came, and lr too.",
    stronger="torch.optim reads group dicts by itself, and fills in the argument only where a group has no lr "
    "of its own. So take nothing out of params, put it into nothing else, and set no lr after the "
    "optimizer is built.",
)
def groups_win(build):
    """A group's own lr wins over the argument; a group without one takes the argument."""
    optimizer = build([{"params": [_weight()], "lr": 0.5}, {"params": [_weight()]}], lr=0.25)
    if not isinstance(optimizer, Optimizer):
        raise CannotRun(say("there is no optimizer to look at"))
    rates = [group["lr"] for group in optimizer.param_groups]
    if rates != [0.5, 0.25]:
        raise Wrong(_rates([0.5, 0.25]), _rates(rates))


def _rates(rates: list[float]) -> Said:
    """How many groups there are, and their learning rates."""
    if len(rates) == 1:
        return say("1 group, lr {rate}", rate=rates[0])
    return say("{count} groups, lr {rates}", count=len(rates), rates=listed(rates))


def _expect_pull(found: object, expected: float) -> None:
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        raise CannotRun(say("there is no number to look at"))
    if not abs(found - expected) <= 1e-5:
        raise Wrong(expected, float(found))


@public_check(
    "decay_pull",
    hint="a tensor with one element turns into a float with .item().",
    stronger="a tensor minus a tensor is a tensor again. See torch.Tensor.item in the PyTorch documentation: "
    "it works on the weight before, on the weight after, and on their difference.",
)
def pull_is_float(decay_pull):
    """It returns a plain Python float."""
    pull = decay_pull(torch.optim.SGD, lr=0.5, weight_decay=0.25)
    if type(pull) is not float:
        raise Wrong(say("a float"), a_kind_of(pull))


@public_check(
    "decay_pull",
    hint="a zero gradient is a tensor of zeros in .grad; step() skips a weight without one.",
    stronger="SGD adds weight_decay * w to .grad, and passes over a parameter whose .grad is None. So give "
    "your parameter a .grad of its own shape before the step (look up torch.zeros_like). Do lr and "
    "weight_decay both reach optimizer_class?",
)
def pull_of_sgd(decay_pull):
    """SGD with lr 0.5 and weight_decay 0.25 pulls a weight of 2 by 0.5 * 0.25 * 2 = 0.25."""
    _expect_pull(decay_pull(torch.optim.SGD, lr=0.5, weight_decay=0.25, weight=2.0), 0.25)


@public_check(
    "decay_pull",
    hint="the answer is the weight before the step minus the weight after it; step() skips a weight without .grad.",
    stronger="the parameter must start at weight, not at 1, and no abs(...) belongs here. step() changes a "
    "tensor in place: keep the value before it as a number, because a second name for the tensor "
    "shows the value after.",
)
def pull_of_negative_weight(decay_pull):
    """AdamW with lr 0.5 and weight_decay 0.25 pulls a weight of -2 by -0.25."""
    _expect_pull(decay_pull(torch.optim.AdamW, lr=0.5, weight_decay=0.25, weight=-2.0), -0.25)


@public_check(
    "decay_pull",
    hint="hand weight_decay on even when it is 0: AdamW's own default is 0.01.",
    stronger="0 counts as false, so a line like `if weight_decay:` or `weight_decay or ...` drops it. The "
    "optimizer class must get the keyword argument weight_decay in every case, 0 too.",
)
def no_decay_no_pull(decay_pull):
    """Without weight decay, nothing moves."""
    _expect_pull(decay_pull(torch.optim.AdamW, lr=0.5, weight_decay=0.0), 0.0)


# --- Figures ---------------------------------------------------------------------------------------------------------


def _axes(width: float, height: float) -> Axes:
    """Empty axes with room for labels. (A fixed margin: automatic layout takes longer than the drawing.)"""
    return plt.subplots(figsize=(width, height), gridspec_kw={"left": 0.18, "bottom": 0.18})[1]


def plot_valley(build_sgd: Callable, lr: float = 0.01, steps: int = 40) -> Axes | None:
    """Draw the way of your SGD through a narrow valley, without and with momentum."""
    try:
        paths = [(momentum, _valley_path(build_sgd, lr, momentum, steps)) for momentum in (0.0, 0.9)]
    except Exception:
        return print(say("The figure appears here once {function} works.", function="build_sgd"))
    x, y = torch.meshgrid(torch.linspace(-4.5, 1.5, 80), torch.linspace(-1.4, 1.4, 60), indexing="xy")
    axes = _axes(6, 2.8)
    axes.contour(x, y, _valley(x, y), levels=[0.05, 0.3, 1, 2.5, 5, 8, 12], colors="0.8", linewidths=0.8)
    for (momentum, path), style in zip(paths, ("o-", "x--"), strict=True):
        axes.plot(*zip(*path, strict=True), style, markersize=4, linewidth=1, label=f"momentum {momentum:g}")
    axes.plot(0, 0, "k*", markersize=10, label="minimum")
    axes.set(title=f"{steps} steps of SGD, lr = {lr:g}", xlabel="first weight (flat)", ylabel="second weight (steep)")
    axes.set(xlim=(-4.5, 1.5), ylim=(-1.4, 1.4))
    axes.legend(loc="lower right", fontsize="small")
    return axes


def _valley(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (x**2 + 10 * y**2) / 2


def _valley_path(build_sgd: Callable, lr: float, momentum: float, steps: int) -> list[list[float]]:
    point = torch.nn.Parameter(torch.tensor([-4.0, 1.0]))
    optimizer = build_sgd([point], lr=lr, momentum=momentum, weight_decay=0.0)
    path = [point.tolist()]
    for _ in range(steps):
        optimizer.zero_grad()
        _valley(*point).backward()
        optimizer.step()
        path.append(point.tolist())
    return path


def plot_decay_pull(
    decay_pull: Callable, lr: float = 0.1, decays: Sequence[float] = (1e-3, 1e-2, 1e-1, 1.0)
) -> Axes | None:
    """Draw how far one step moves a weight of 1 whose loss gradient is zero, for several weight decays."""
    classes = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW)
    try:
        pulls = [[decay_pull(cls, lr, decay) for decay in decays] for cls in classes]
    except Exception:
        pulls = [[None]]
    if not all(isinstance(pull, float) and pull > 0 for row in pulls for pull in row):  # a log axis has no 0
        return print(say("The figure appears here once {function} works.", function="decay_pull"))
    axes = _axes(6, 3.5)
    looks = ({"fmt": "o-", "markersize": 12, "linewidth": 5, "alpha": 0.4}, {"fmt": "s-."}, {"fmt": "x--"})
    for cls, row, look in zip(classes, pulls, looks, strict=True):
        axes.loglog(decays, row, look.pop("fmt"), label=cls.__name__, **look)
    axes.set_title(f"One step with a loss gradient of zero, lr = {lr:g}")
    axes.set(xlabel="weight_decay", ylabel="decay pull on a weight of 1\n(weight before − weight after)")
    for axis in (axes.xaxis, axes.yaxis):  # plain numbers: easier to read than powers of ten, and quicker to draw
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
    axes.grid(alpha=0.3)
    axes.legend()
    return axes
