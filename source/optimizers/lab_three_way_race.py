"""Lesson 4, three-way race: its problems, public checks and figures."""

from __future__ import annotations

import copy
import math
import sys
from collections.abc import Callable

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn
from tqdm import tqdm

from lab_checks import CannotRun, Wrong, public_check
from lab_messages import Row, Said, a_kind_of, listed, say, short

Curves = dict[str, list[float]]

# --- Problems --------------------------------------------------------------------------------------------------------


def spirals() -> tuple[torch.Tensor, torch.Tensor]:
    """120 points of the plane on three arms of a spiral: X of shape (120, 2), and y, the number of each point's arm."""
    random = torch.Generator().manual_seed(0)
    y = torch.arange(120) % 3
    radius = 0.1 + 0.9 * torch.rand(120, generator=random)
    angle = 4 * radius + y * (2 * math.pi / 3) + 0.15 * torch.randn(120, generator=random)
    return 2 * torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1), y


def blobs() -> tuple[torch.Tensor, torch.Tensor]:
    """120 points of the plane in three round heaps: X of shape (120, 2), and y, the number of each point's heap."""
    random = torch.Generator().manual_seed(0)
    y = torch.arange(120) % 3
    angle = y * (2 * math.pi / 3)
    return 2 * torch.stack([angle.cos(), angle.sin()], dim=1) + torch.randn(120, 2, generator=random), y


def deep_classifier(hidden_layers: int = 5, seed: int = 0) -> nn.Sequential:
    """Hidden layers of 64 units with ReLU between 2 inputs and 3 classes, as torch initialises them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for number in range(hidden_layers):
            layers += [nn.Linear(64 if number else 2, 64), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(64, 3))


def shallow_classifier(seed: int = 0) -> nn.Linear:
    """One linear layer from 2 inputs to 3 classes (softmax regression), as torch initialises it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Linear(2, 3)


# --- Public checks ---------------------------------------------------------------------------------------------------


def _tiny() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """A model of 2 inputs and 3 classes, and a few points."""
    X, y = blobs()
    return shallow_classifier(seed=1), X[:20], y[:20]


def _weights(model: nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in model.parameters()]


def _are_same(some: list[torch.Tensor], others: list[torch.Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(some, others, strict=True))


def _numbers(found: object) -> list[float]:
    if not isinstance(found, list) or not all(isinstance(loss, float) for loss in found) or not found:
        raise CannotRun(say("there is no list of floats to look at"))
    return found


@public_check(
    "train",
    hint="append one number at each step; loss.item() turns a tensor into a float.",
    stronger="begin with an empty list, append once in each round of a loop over range(steps), and return the "
    "list after the loop. An entry of type Tensor still needs .item(); an array needs to become a "
    "list.",
)
def train_list(train):
    """With steps=5 it returns a list of 5 floats."""
    model, X, y = _tiny()
    losses = train(model, torch.optim.SGD(model.parameters(), lr=0.1), X, y, steps=5)
    if type(losses) is not list:
        raise Wrong(say("a list"), a_kind_of(losses))
    kinds = sorted({type(loss).__name__ for loss in losses})
    if len(losses) != 5 or kinds != ["float"]:
        raise Wrong(say("5 entries of type float"), _entries(len(losses), kinds))


def _entries(count: int, types: list[str]) -> Said:
    if count == 0:
        return say("an empty list")
    if count == 1:
        return say("1 entry of type {type}", type=types[0])
    return say("{count} entries of type {types}", count=count, types=listed(types))


@public_check(
    "train",
    hint="write the loss down before the step: all rows of X, cross-entropy on the model's own output.",
    stronger="in each round, first compute the loss and write it down, then change the weights. The loss is "
    "torch.nn.functional.cross_entropy of model(X) and y: no softmax before it, no part of the rows, "
    "no log or sum after it.",
)
def train_first(train):
    """The first entry is the loss of the model as it came."""
    model, X, y = _tiny()
    expected = nn.functional.cross_entropy(model(X), y).item()
    losses = _numbers(train(model, torch.optim.SGD(model.parameters(), lr=0.1), X, y, steps=3))
    if not abs(losses[0] - expected) <= 1e-4:
        raise Wrong(round(expected, 4), round(losses[0], 4))


@public_check(
    "train",
    hint="backward() adds to .grad: each step needs a gradient of its own.",
    stronger="look up Optimizer.zero_grad. It must run in every round, between the gradient of the last round "
    "and the backward() of this one; once before the loop is not enough.",
)
def train_in_two_parts(train):
    """A training of 6 steps does the same as one of 3 steps, empty gradients, and 3 more steps."""
    model, X, y = _tiny()
    other = copy.deepcopy(model)
    in_one = _numbers(train(model, torch.optim.SGD(model.parameters(), lr=0.3), X, y, steps=6))
    optimizer = torch.optim.SGD(other.parameters(), lr=0.3)
    in_two = _numbers(train(other, optimizer, X, y, steps=3))[:3]
    optimizer.zero_grad()
    in_two += _numbers(train(other, optimizer, X, y, steps=3))[:3]
    if not abs(in_one[-1] - in_two[-1]) <= 1e-4:
        raise Wrong(
            say("last loss {loss:.4f}, as in two parts", loss=in_two[-1]), say("{loss:.4f} in one", loss=in_one[-1])
        )


@public_check(
    "train",
    hint="train the model that was given, with the optimizer that was given, and make no others.",
    stronger="does backward() stand before optimizer.step(), and both inside the loop? The given optimizer "
    "holds the parameters of the given model: a copy of the model would not move, and an optimizer of "
    "your own knows another lr.",
)
def train_moves_the_model(train):
    """The given model moves, and with lr=0 it does not."""
    for lr in (0.1, 0.0):
        model, X, y = _tiny()
        before = _weights(model)
        train(model, torch.optim.SGD(model.parameters(), lr=lr), X, y, steps=3)
        if _are_same(before, _weights(model)) != (lr == 0):
            moved, kept = say("weights that moved"), say("the weights as they were")
            wanted, found = (moved, kept) if lr else (kept, moved)
            raise Wrong(say("{what} (lr={lr:g})", what=wanted, lr=lr), found)


def _tiny_race(three_way_race: Callable) -> Curves:
    curves = three_way_race(*_tiny(), steps=4)
    if not isinstance(curves, dict) or set(curves) != {"SGD", "Adam", "AdamW"}:
        raise CannotRun(say("there are no three curves to look at"))
    return curves


@public_check(
    "three_way_race",
    hint="the keys are the names of the three classes, in this spelling.",
    stronger='three strings, "SGD", "Adam" and "AdamW", as in the first column of the table. Put each curve '
    "under its key into one dict, and return the dict after all three runs.",
)
def race_keys(three_way_race):
    """It returns a dict with the keys SGD, Adam and AdamW."""
    curves = three_way_race(*_tiny(), steps=4)
    if not isinstance(curves, dict):
        raise Wrong(say("a dict"), a_kind_of(curves))
    if set(curves) != {"SGD", "Adam", "AdamW"}:
        raise Wrong(Row(("SGD", "Adam", "AdamW")), listed(curves))


@public_check(
    "three_way_race",
    hint="use train: it returns such a list.",
    stronger="what train gives is a curve already: put it under its key as it is, without tensors, arrays or "
    "the last value alone. And hand steps on to train, which takes 100 without it.",
)
def race_lists(three_way_race):
    """With steps=4 each curve is a list of 4 floats."""
    for name, losses in _tiny_race(three_way_race).items():
        if type(losses) is not list or [type(loss) for loss in losses] != [float] * 4:
            raise Wrong(say("a list of 4 floats"), say("{found} under {name}", found=losses, name=name))


@public_check(
    "three_way_race",
    hint="when one run has moved the weights, where does the next one start?",
    stronger="copy.deepcopy(model) gives an identical copy; a second name or a state_dict does not. Make one "
    "for each run, from the model that was given. If the curves do not differ: whose class and whose "
    "parameters has each optimizer?",
)
def race_start(three_way_race):
    """The three curves start with the same loss, and then differ."""
    curves = _tiny_race(three_way_race)
    first, last = ({name: _numbers(curves[name])[place] for name in curves} for place in (0, -1))
    if max(first.values()) - min(first.values()) > 1e-5:
        told = listed(say("{name} {loss:.4f}", name=name, loss=loss) for name, loss in first.items())
        raise Wrong(say("one first loss"), told)
    if abs(last["SGD"] - last["Adam"]) < 1e-5:
        raise Wrong(say("another loss for SGD than for Adam at the end"), say("{loss:.6f} for both", loss=last["SGD"]))


@public_check(
    "three_way_race",
    hint="each optimizer needs a copy of its own, and the optimizer must hold that copy's parameters.",
    stronger="train moves the weights of whatever it is given, so it must never get model itself: not even for "
    "the last of the three runs. Look at the cell with the copies: only copy.deepcopy stood still.",
)
def race_leaves_the_model(three_way_race):
    """The given model is left as it was."""
    model, X, y = _tiny()
    before = _weights(model)
    three_way_race(model, X, y, steps=2)
    if not _are_same(before, _weights(model)):
        raise Wrong(say("the weights as they were"), say("weights that moved"))


_CURVES: Curves = {"one": [1.5, 1.2, 1.0], "other": [1.5, 0.9, 0.4]}


def _drawn(plot_race: Callable) -> Axes:
    figure = Figure()
    axes = figure.subplots()
    found = plot_race(_CURVES, ax=axes)
    if found is not axes:
        raise CannotRun(say("ax did not come back"))
    return axes


@public_check(
    "plot_race",
    hint="draw into ax when there is one, and return it.",
    stronger="plt.plot draws into Axes of matplotlib's own choice; the methods of ax, such as ax.plot, draw "
    "into yours. Make new Axes only if ax is None, and return ax in the last line.",
)
def plot_returns_ax(plot_race):
    """With an ax it returns this very ax."""
    axes = Figure().subplots()
    found = plot_race(_CURVES, ax=axes)
    if found is not axes:
        raise Wrong(say("ax itself"), a_kind_of(found))


@public_check(
    "plot_race",
    hint="when ax is None, make new Axes: plt.subplots() returns a figure and its Axes.",
    stronger="plt.subplots() gives a pair: first the figure, then the Axes. Return the second of them, after "
    "you have drawn into it; is there a return on both ways through the function?",
)
def plot_makes_axes(plot_race):
    """Without an ax it returns new Axes."""
    already = plt.get_fignums()
    try:
        found = plot_race(_CURVES)
    finally:
        for number in set(plt.get_fignums()) - set(already):  # a check shows no figure
            plt.close(number)
    if not isinstance(found, Axes):
        raise Wrong(say("Axes"), a_kind_of(found))


@public_check(
    "plot_race",
    hint="one line for each curve, with label=; its points are the steps 0, 1, 2 and the losses.",
    stronger="go through curves.items(), and call ax.plot once in each round: the label is the key, the points "
    "are the losses as they are, over the numbers 0, 1, 2, … (look up range and len). No logarithm, "
    "no smoothing.",
)
def plot_lines(plot_race):
    """Curves called one and other become two lines with these names, from step 0 on."""
    axes = _drawn(plot_race)
    lines = {line.get_label(): line for line in axes.lines if not str(line.get_label()).startswith("_")}
    legend = axes.get_legend()
    if not lines and legend is not None:  # the names may be in the legend alone
        lines = {text.get_text(): line for text, line in zip(legend.get_texts(), axes.lines, strict=False)}
    if sorted(map(str, lines)) != sorted(_CURVES):
        raise Wrong(Row(("one", "other")), listed(lines) if lines else say("no line with a label"))
    for name, losses in _CURVES.items():
        points = [(float(x), float(y)) for x, y in zip(*lines[name].get_data(), strict=True)]
        if points != [(float(step), loss) for step, loss in enumerate(losses)]:
            wanted = Row(tuple(enumerate(losses)))
            raise Wrong(say("points {points} for {name}", points=wanted, name=name), Row(tuple(points)))


@public_check(
    "plot_race",
    hint="Axes have methods set_xlabel, set_ylabel and legend.",
    stronger="ax.set_xlabel and ax.set_ylabel want a text that is not empty. Call ax.legend() after the lines "
    "are drawn, because it collects their labels; the functions of plt may mean other Axes.",
)
def plot_names(plot_race):
    """Both axes have a label, and there is a legend."""
    axes = _drawn(plot_race)
    there = ((say("no x label"), axes.get_xlabel()), (say("no y label"), axes.get_ylabel()))
    missing = [told for told, value in (*there, (say("no legend"), axes.get_legend())) if not value]
    if missing:
        raise Wrong(say("x label, y label and legend"), listed(missing))


_RACE: Curves = {
    "SGD": [1.5] * 11 + [0.25],
    "Adam": [1.0, 0.75] + [0.5] * 10,
    "AdamW": [1.0, 0.875] + [0.5] * 8 + [1.5, 0.5],
}


def _entry(race_report: Callable, key: str) -> float:
    found = race_report(_RACE)
    if not isinstance(found, dict) or not isinstance(found.get(key), float):
        raise CannotRun(say("there is no float under {key}", key=key))
    return found[key]


@public_check(
    "race_report",
    hint="two entries: {'adam_adamw_gap': ..., 'sgd_lag': ...}, each a float.",
    stronger="the keys are texts with underscores, spelled as in the rule. Each value is a Python float: where "
    "NumPy or torch did the sums, float(...) turns the result into one.",
)
def report_keys(race_report):
    """It returns a dict of two floats, adam_adamw_gap and sgd_lag."""
    found = race_report(_RACE)
    if not isinstance(found, dict):
        raise Wrong(say("a dict"), a_kind_of(found))
    kinds = {key: type(value).__name__ for key, value in found.items()}
    if kinds != {"adam_adamw_gap": "float", "sgd_lag": "float"}:
        told = listed(say("{key} a {type}", key=short(str(key)), type=name) for key, name in kinds.items())
        raise Wrong(say("adam_adamw_gap a float, sgd_lag a float"), told)


@public_check(
    "race_report",
    hint="a distance has no sign, and the step with index 10 is the eleventh.",
    stronger="the gap is the largest of several distances: not the last one, and not their sum. A slice cuts a "
    "list to its first ten entries; for the rest, look up zip, abs and max in the Python "
    "documentation.",
)
def report_gap(race_report):
    """Curves that differ by 0.125 at step 1, and by 1 at step 10, have a gap of 0.125."""
    gap = _entry(race_report, "adam_adamw_gap")
    if not abs(gap - 0.125) <= 1e-5:
        raise Wrong(0.125, gap)


@public_check(
    "race_report",
    hint="SGD minus Adam, the last entries.",
    stronger="the index -1 means the last entry of a list. Subtract Adam's (not AdamW's) from SGD's, and leave "
    "the sign as it is: no abs(...) here.",
)
def report_lag(race_report):
    """When SGD ends at 0.25 and Adam at 0.5, the lag is -0.25."""
    lag = _entry(race_report, "sgd_lag")
    if not abs(lag + 0.25) <= 1e-5:
        raise Wrong(-0.25, lag)


@public_check(
    "tune_sgd",
    hint="return the learning rate, as it stands in lrs.",
    stronger="the result is one entry of lrs: not its index, not a loss, not a list. So keep each rate "
    "together with the final loss it led to, and at the end ask for the rate.",
)
def tune_one(tune_sgd):
    """With a single learning rate in lrs, it returns that one."""
    found = tune_sgd(*_tiny(), [0.0625], steps=3)
    if found != 0.0625:
        raise Wrong(0.0625, found)


@public_check(
    "tune_sgd",
    hint="the last entry of a curve is its final loss; the lowest wins.",
    stronger="compare the entries [-1] of the curves, not their first, mean or smallest one, and look for the "
    "smallest: min, not max. Does each rate reach torch.optim.SGD, and do your steps reach train?",
)
def tune_best(tune_sgd):
    """On an easy problem, 0.1 beats 0.00001 and 0.0001."""
    found = tune_sgd(*_tiny(), [0.00001, 0.1, 0.0001], steps=10)
    if found != 0.1:
        raise Wrong(0.1, found)


@public_check(
    "tune_sgd",
    hint="a comparison with NaN is always False: sort such runs out before you compare.",
    stronger="math.isfinite says False for infinity and for NaN, so it recognises such a run. Leave the run "
    "out before you compare: neither min nor < does that for you, as the cell above shows.",
)
def tune_diverged(tune_sgd):
    """A learning rate of 10 billion, which ends in NaN, never wins."""
    X, y = blobs()
    model = nn.Sequential(nn.Linear(2, 8), nn.Linear(8, 8), nn.Linear(8, 3))
    found = tune_sgd(model, X[:20], y[:20], [1e10, 0.01], steps=10)
    if found != 0.01:
        raise Wrong(0.01, found)


@public_check(
    "tune_sgd",
    hint="each learning rate needs a copy of the model.",
    stronger="train moves whatever model it gets. So make a copy.deepcopy of model for each rate, inside the "
    "loop, and build the optimizer with the parameters of that copy.",
)
def tune_leaves_the_model(tune_sgd):
    """The given model is left as it was."""
    model, X, y = _tiny()
    before = _weights(model)
    tune_sgd(model, X, y, [0.1, 0.2], steps=2)
    if not _are_same(before, _weights(model)):
        raise Wrong(say("the weights as they were"), say("weights that moved"))


# --- Figures ---------------------------------------------------------------------------------------------------------


def _two_panels(left: str, right: str) -> tuple[Axes, Axes]:
    """Two empty Axes side by side. (A fixed margin: automatic layout takes longer than the drawing.)"""
    room = {"left": 0.08, "right": 0.98, "bottom": 0.17, "top": 0.88, "wspace": 0.25}
    panels = plt.subplots(1, 2, figsize=(9.5, 3.4), gridspec_kw=room)[1]
    for axes, title in zip(panels, (left, right), strict=True):
        axes.set_title(title, fontsize="medium")
    return panels[0], panels[1]


def _not_yet(what: Said) -> None:
    """Say what is missing, and show no half-drawn figure."""
    plt.close("all")
    print(what)


def plot_problems() -> None:
    """Draw the two data sets."""
    panels = _two_panels("spirals, for the deep classifier", "blobs, for the shallow classifier")
    for axes, (X, y) in zip(panels, (spirals(), blobs()), strict=True):
        for number, marker in enumerate("o^s"):
            axes.scatter(*X[y == number].T, s=16, marker=marker, label=f"class {number}")
        axes.set(xlabel="first feature", ylabel="second feature", aspect="equal", adjustable="datalim")
    panels[0].legend(fontsize="small")


def plot_races(three_way_race: Callable, plot_race: Callable) -> dict[str, Curves] | None:
    """Run both races, draw them with your plot_race, and return the curves of each."""
    races = {}
    for axes, name, model, data in zip(
        _two_panels("deep classifier, spirals", "shallow classifier, blobs"),
        ("deep classifier", "shallow classifier"),
        (deep_classifier(), shallow_classifier()),
        (spirals(), blobs()),
        strict=True,
    ):
        try:
            races[name] = three_way_race(model, *data)
            plot_race(races[name], ax=axes)
        except Exception:
            return _not_yet(say("The figure appears here once three_way_race and plot_race work."))
    return races


def plot_early_gap(races: dict[str, Curves] | None, race_report: Callable) -> None:
    """Draw the first ten steps of Adam and AdamW, and beside them their distance alone; print your reports."""
    close, far = _two_panels("deep classifier, first ten steps", "|Adam − AdamW|, enlarged")
    try:
        for (name, curves), look in zip(races.items(), ("o-", "s--"), strict=True):
            report = race_report(curves)
            gap, lag = float(report["adam_adamw_gap"]), float(report["sgd_lag"])
            print(say("{race:19} gap {gap:.6f}, SGD lag {lag:+.3f}", race=f"{name}:", gap=gap, lag=lag))
            adam, adamw = curves["Adam"][:10], curves["AdamW"][:10]
            gaps = [1e6 * abs(one - other) for one, other in zip(adam, adamw, strict=True)]
            far.plot(gaps, look, markersize=4, label=name)
        close.plot(races["deep classifier"]["Adam"][:10], "o-", markersize=9, linewidth=4, alpha=0.4, label="Adam")
        close.plot(races["deep classifier"]["AdamW"][:10], "x--", label="AdamW")
    except Exception:
        return _not_yet(say("The figure appears here once three_way_race, plot_race and race_report work."))
    close.set(xlabel="step", ylabel="loss")
    far.set(xlabel="step", ylabel="distance in millionths")
    close.legend()
    far.legend()


def plot_tuning(train: Callable, tune_sgd: Callable | None = None, hidden_layers: int = 5) -> None:
    """Draw the final loss over the learning rate, for SGD and for Adam; mark the one that your tune_sgd chooses."""
    model, data = deep_classifier(hidden_layers), spirals()
    rates = {"SGD": (1e-3, 1e-2, 1e-1, 1.0), "Adam": (1e-4, 1e-3, 1e-2)}
    finals = {}
    try:
        best = tune_sgd(model, *data, list(rates["SGD"])) if tune_sgd else None
        runs = [(name, rate) for name in rates for rate in rates[name]]
        for name, rate in tqdm(runs, "training", file=sys.stdout, leave=False):
            own = copy.deepcopy(model)
            settings = {"momentum": 0.9} if name == "SGD" else {}
            optimizer = getattr(torch.optim, name)(own.parameters(), lr=rate, **settings)
            final = float(train(own, optimizer, *data)[-1])
            finals[name, rate] = final if final < 1.5 else 1.5  # a diverged run, too, belongs at the top edge
        star = finals["SGD", best] if tune_sgd else None
    except Exception:
        if tune_sgd:
            return _not_yet(say("The figure appears here once train and tune_sgd work."))
        return _not_yet(say("The figure appears here once train works."))
    axes = plt.subplots(figsize=(8, 3.4), gridspec_kw={"left": 0.09, "right": 0.72, "bottom": 0.17})[1]
    for name, style in (("SGD", "o-"), ("Adam", "s--")):
        axes.semilogx(rates[name], [finals[name, rate] for rate in rates[name]], style, label=name)
    axes.axhline(math.log(3), color="0.6", linewidth=0.8, linestyle=":", label="log 3")
    if star is not None:
        axes.plot(best, star, "k*", markersize=13, label=f"your tune_sgd: {best:g}")
    axes.set_title(f"{hidden_layers} hidden layers, 100 steps", fontsize="medium")
    axes.set(xlabel="learning rate", ylabel="final loss", ylim=(-0.08, 1.58))
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.02, 0.5))
