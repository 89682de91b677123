# Right answers to 4-three-way-race in other styles. Each must earn full marks.

# %% A criterion object, and zero_grad at the end of each step
def train(model, optimizer, X, y, steps=100):
    criterion = torch.nn.CrossEntropyLoss()
    losses = []
    optimizer.zero_grad()
    for i in range(steps):
        out = model(X)
        loss = criterion(out, y)
        loss.backward()
        losses += [float(loss)]
        optimizer.step()
        optimizer.zero_grad()
    return losses


# %% Gradients set to zero instead of None, through the model
def train(model, optimizer, X, y, steps=100):
    model.train()
    history = []
    for epoch in range(1, steps + 1):
        model.zero_grad(set_to_none=False)
        loss = torch.nn.functional.cross_entropy(model(X), y, reduction="mean")
        loss.backward()
        optimizer.step()
        history.append(loss.detach().cpu().item())
        if epoch % 50 == 0:
            print(f"epoch {epoch}: {history[-1]:.4f}")
    return history


# %% optimizer.step with a closure
def train(model, optimizer, X, y, steps=100):
    def closure():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(X), y)
        loss.backward()
        return loss

    return [optimizer.step(closure).item() for _ in range(steps)]


# %% log_softmax and nll_loss by hand, losses collected in a tensor
def train(model, optimizer, X, y, steps=100):
    losses = torch.zeros(steps)
    for i in range(steps):
        log_probabilities = torch.log_softmax(model(X), dim=-1)
        loss = -log_probabilities[torch.arange(len(y)), y].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses[i] = loss.detach()
    return losses.tolist()


# %% Gradients from autograd.grad, filled in by hand
def train(model, optimizer, X, y, steps=100):
    losses = []
    params = [p for p in model.parameters() if p.requires_grad]
    while len(losses) < steps:
        loss = torch.nn.functional.cross_entropy(model(X), y)
        for p, g in zip(params, torch.autograd.grad(loss, params)):
            p.grad = g
        optimizer.step()
        losses.append(loss.item())
    return losses


# %% A DataLoader whose one batch is all the data, shuffled
def train(model, optimizer, X, y, steps=100):
    from torch.utils.data import DataLoader, TensorDataset

    loader = DataLoader(TensorDataset(X, y), batch_size=len(X), shuffle=True)
    losses = []
    while len(losses) < steps:
        for xb, yb in loader:
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(xb), yb)
            losses.append(loss.item())
            loss.backward()
            optimizer.step()
    return losses


# %% One-hot targets, numpy floats, type hints, the loss measured apart
import numpy as np


def train(model: torch.nn.Module, optimizer, X, y, steps: int = 100) -> list[float]:
    def loss_now():
        logits = model(X)
        targets = torch.nn.functional.one_hot(y, logits.shape[1]).to(logits.dtype)
        return torch.nn.functional.cross_entropy(logits, targets)

    losses = np.empty(steps)
    for step in range(steps):
        with torch.no_grad():
            losses[step] = loss_now()
        optimizer.zero_grad(set_to_none=True)
        loss_now().backward()
        optimizer.step()
    return losses.tolist()


# %% Sum of single losses divided by their number, gradients cleared by hand
def train(model, optimizer, X, y, steps=100):
    result = []
    for _ in range(steps):
        for p in model.parameters():
            p.grad = None
        loss = torch.nn.functional.cross_entropy(model(X), y, reduction="none").sum() / y.numel()
        result.append(loss.item())
        loss.backward()
        optimizer.step()
    return result


# %% Anomaly detection on, grad mode set, progress shown by tqdm
from tqdm import tqdm


def train(model, optimizer, X, y, steps=100):
    losses = []
    with torch.enable_grad():
        for _ in tqdm(range(steps)):
            loss = torch.nn.functional.cross_entropy(input=model.forward(X), target=y)
            losses.append(loss.tolist())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return losses


# %% Three copies made before the race, written out in full
def three_way_race(model, X, y, steps=100):
    m1, m2, m3 = copy.deepcopy(model), copy.deepcopy(model), copy.deepcopy(model)
    sgd = torch.optim.SGD(m1.parameters(), lr=1e-2, momentum=0.9)
    adam = torch.optim.Adam(m2.parameters(), lr=1e-3)
    adamw = torch.optim.AdamW(m3.parameters(), lr=1e-3, weight_decay=0.01)
    return {
        "AdamW": train(m3, adamw, X, y, steps),
        "SGD": train(m1, sgd, X, y, steps),
        "Adam": train(m2, adam, X, y, steps),
    }


# %% A copy loaded from a cloned state dict, between runs
def three_way_race(model, X, y, steps=100):
    start = {name: value.clone() for name, value in model.state_dict().items()}
    runner = copy.deepcopy(model)
    curves = {}
    for name, make in {
        "SGD": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
        "Adam": lambda p: torch.optim.Adam(p, lr=0.001),
        "AdamW": lambda p: torch.optim.AdamW(p, lr=0.001),
    }.items():
        runner.load_state_dict(start)
        curves[name] = train(runner, make(runner.parameters()), X, y, steps=steps)
    return curves


# %% The model itself is trained, and put back after each run
def three_way_race(model, X, y, steps=100):
    start = copy.deepcopy(model.state_dict())
    curves = dict()
    for name in ["SGD", "Adam", "AdamW"]:
        options = {"SGD": dict(lr=1e-2, momentum=0.9), "Adam": dict(lr=1e-3), "AdamW": dict(lr=1e-3, weight_decay=1e-2)}
        optimizer = getattr(torch.optim, name)(model.parameters(), **options[name])
        curves[name] = train(model, optimizer, X, y, steps)
        model.load_state_dict(start)
    return curves


# %% The foreach implementation, positional settings, a group dict
def three_way_race(model, X, y, steps=100):
    def run(make):
        clone = copy.deepcopy(model)
        return train(clone, make([{"params": list(clone.parameters())}]), X, y, steps)

    return dict(
        SGD=run(lambda groups: torch.optim.SGD(groups, 0.01, 0.9, foreach=True)),
        Adam=run(lambda groups: torch.optim.Adam(groups, 1e-3, foreach=True)),
        AdamW=run(lambda groups: torch.optim.AdamW(groups, 1e-3, foreach=True)),
    )


# %% The fused implementation, named parameters
def three_way_race(model, X, y, steps=100):
    curves = {}
    for name, settings in (("SGD", {"lr": 1e-2, "momentum": 0.9}), ("Adam", {}), ("AdamW", {"weight_decay": 0.01})):
        twin = copy.deepcopy(model)
        make = getattr(torch.optim, name)
        curves[name] = train(twin, make(twin.named_parameters(), **({"lr": 1e-3} | settings), fused=True), X, y, steps)
    return curves


# %% A copy by pickling through torch.save, threads changed on the way
import io


def clone_of(model):
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=False)


def three_way_race(model, X, y, steps=100):
    torch.set_num_threads(2)
    models = [clone_of(model) for _ in range(3)]
    optimizers = [
        torch.optim.SGD(models[0].parameters(), lr=1e-2, momentum=0.9),
        torch.optim.Adam(models[1].parameters(), lr=1e-3),
        torch.optim.AdamW(models[2].parameters(), lr=1e-3, weight_decay=0.01),
    ]
    names = ["SGD", "Adam", "AdamW"]
    return {n: train(m, o, X, y, steps) for n, m, o in zip(names, models, optimizers)}


# %% Everything inside one function, without train
def three_way_race(model, X, y, steps=100):
    loss_fn = torch.nn.CrossEntropyLoss()
    models = {name: copy.deepcopy(model) for name in ("SGD", "Adam", "AdamW")}
    optimizers = {
        "SGD": torch.optim.SGD(models["SGD"].parameters(), lr=1e-2, momentum=0.9),
        "Adam": torch.optim.Adam(models["Adam"].parameters(), lr=1e-3),
        "AdamW": torch.optim.AdamW(models["AdamW"].parameters(), lr=1e-3, weight_decay=0.01),
    }
    losses = {name: [] for name in models}
    for _ in range(steps):
        for name in models:
            optimizers[name].zero_grad()
            loss = loss_fn(models[name](X), y)
            losses[name].append(loss.item())
            loss.backward()
            optimizers[name].step()
    return losses


# %% A log scale, a title, a grid and styles
def plot_race(curves, ax=None):
    if ax is None:
        fig, ax = plt.subplots(figsize=(6, 4))
    for (name, losses), style in zip(curves.items(), ["-", "--", ":", "-."]):
        ax.semilogy(losses, style, label=name, alpha=0.8)
    ax.set(xlabel="Step", ylabel="Loss (log scale)", title="Race")
    ax.grid(True)
    ax.legend(loc="upper right")
    return ax


# %% pyplot functions on the current Axes
def plot_race(curves, ax=None):
    if ax is not None:
        plt.sca(ax)
    for name in curves:
        plt.plot(list(range(len(curves[name]))), curves[name], label=name)
    plt.xlabel("step")
    plt.ylabel("loss")
    plt.yscale("log")
    plt.legend()
    return plt.gca()


# %% Axes of a new figure, numpy arrays, labels set later
def plot_race(curves, ax=None):
    ax = ax or plt.figure().add_subplot()
    for key, value in curves.items():
        (line,) = ax.plot(np.arange(len(value)), np.array(value))
        line.set_label(key)
    ax.set_xlabel("steps")
    ax.set_ylabel("cross-entropy")
    ax.legend(title="optimizer", frameon=False)
    ax.figure.suptitle("the race")
    return ax


import numpy as np


# %% Names handed to the legend, a helper line, tensors
def plot_race(curves, ax=None):
    if ax is None:
        _, ax = plt.subplots()
    for losses in curves.values():
        ax.plot(torch.tensor(losses))
    ax.set_ylabel("loss")
    ax.set_xlabel("training step")
    ax.legend(list(curves))
    return ax


# %% A helper line at zero, without a label, and markers
def plot_race(curves, ax=None):
    if ax is None:
        ax = plt.gca()
    ax.axhline(0, color="0.8")
    for name, losses in curves.items():
        ax.step(range(len(losses)), losses, where="post", marker=".", label=str(name))
    ax.set_xlabel("$t$")
    ax.set_ylabel("loss")
    ax.legend()
    plt.tight_layout()
    return ax


# %% numpy computes the report
import numpy as np


def race_report(curves):
    adam, adamw, sgd = (np.array(curves[name]) for name in ("Adam", "AdamW", "SGD"))
    return {"sgd_lag": sgd[-1] - adam[-1], "adam_adamw_gap": np.abs(adam - adamw)[:10].max()}


# %% torch computes the report, a loop finds the largest
def race_report(curves):
    difference = torch.tensor(curves["Adam"]) - torch.tensor(curves["AdamW"])
    largest = 0.0
    for value in difference[:10].tolist():
        if abs(value) > largest:
            largest = abs(value)
    report = dict(adam_adamw_gap=largest)
    report["sgd_lag"] = float(curves["SGD"][-1]) - curves["Adam"][-1]
    return report


# %% An index loop up to the shorter of ten and the length
def race_report(curves):
    n = min(10, len(curves["Adam"]))
    gaps = []
    for i in range(n):
        gaps.append(math.fabs(curves["AdamW"][i] - curves["Adam"][i]))
    return {"adam_adamw_gap": sorted(gaps)[-1], "sgd_lag": curves["SGD"][len(curves["SGD"]) - 1] - curves["Adam"][-1]}


# %% A running best, starting from infinity
def tune_sgd(model, X, y, lrs, steps=100):
    best_lr, best_loss = None, float("inf")
    for lr in lrs:
        m = copy.deepcopy(model)
        loss = train(m, torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9), X, y, steps)[-1]
        if loss < best_loss:  # False for NaN
            best_lr, best_loss = lr, loss
    return best_lr


# %% NaN replaced by infinity, then argmin
def tune_sgd(model, X, y, lrs, steps=100):
    finals = []
    for lr in lrs:
        m = copy.deepcopy(model)
        finals.append(train(m, torch.optim.SGD(m.parameters(), lr, 0.9), X, y, steps=steps)[-1])
    finals = torch.tensor(finals, dtype=torch.float64)
    finals = torch.where(torch.isfinite(finals), finals, torch.inf)
    return lrs[finals.argmin()]


# %% nanargmin of numpy, with infinities made NaN
import numpy as np


def tune_sgd(model, X, y, lrs, steps=100):
    lrs = np.array(lrs)
    losses = np.array([final_loss(model, X, y, float(lr), steps) for lr in lrs])
    losses[~np.isfinite(losses)] = np.nan
    return lrs[np.nanargmin(losses)]


def final_loss(model, X, y, lr, steps):
    m = copy.deepcopy(model)
    return train(m, torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9), X, y, steps)[-1]


# %% A sort of pairs, diverged runs left out, and own training stopped at NaN
def tune_sgd(model, X, y, lrs, steps=100):
    start = copy.deepcopy(model.state_dict())
    results = []
    for lr in sorted(lrs, reverse=True):
        m = copy.deepcopy(model)
        m.load_state_dict(start)
        optimizer = torch.optim.SGD(m.parameters(), lr=lr, momentum=0.9)
        for _ in range(steps):
            loss = torch.nn.functional.cross_entropy(m(X), y)
            if not torch.isfinite(loss):
                break
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        else:
            results.append((loss.item(), lr))
    return sorted(results)[0][1]


# %% A key function for min
def tune_sgd(model, X, y, lrs, steps=100):
    def final(lr):
        m = copy.deepcopy(model)
        curve = train(m, torch.optim.SGD([{"params": m.parameters(), "lr": lr}], lr=1.0, momentum=0.9), X, y, steps)
        return curve[-1] if math.isfinite(curve[-1]) else math.inf

    return min(lrs, key=final)


# %% Training mode first, a generator of losses, zero_grad at both ends
def train(model, optimizer, X, y, steps=100):
    def run():
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=False)
            logits = model(X)
            loss = (logits.logsumexp(1) - logits.gather(1, y[:, None]).squeeze(1)).mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            yield loss.item()

    model.train()
    return list(run())


# %% All three race side by side, a step at a time, on their trainable parameters
def three_way_race(model, X, y, steps=100):
    curves = {"SGD": [], "Adam": [], "AdamW": []}
    models = [copy.deepcopy(model).train() for _ in curves]
    params = [[p for p in own.parameters() if p.requires_grad] for own in models]
    optimizers = [
        torch.optim.SGD(params[0], lr=1e-2, momentum=0.9),
        torch.optim.Adam(params[1], lr=1e-3),
        torch.optim.AdamW(params[2], lr=1e-3, weight_decay=0.01),
    ]
    for _ in range(steps):
        for name, own, optimizer in zip(curves, models, optimizers):
            curves[name] += train(own, optimizer, X, y, 1)
    return curves


# %% Line2D objects added by hand, a mark at each end and a dotted line at log 3
def plot_race(curves, ax=None):
    from matplotlib.lines import Line2D

    if ax is None:
        ax = plt.figure().add_subplot()
    for number, (name, losses) in enumerate(curves.items()):
        ax.add_line(Line2D(range(len(losses)), losses, label=name, color=f"C{number}"))
        ax.plot(len(losses) - 1, losses[-1], "o", color=f"C{number}")
    ax.axhline(math.log(3), linestyle=":")
    ax.autoscale_view()
    ax.set(xlabel="step", ylabel="loss")
    ax.legend(title="optimizer")
    return ax

# %% The race in a defaultdict
from collections import defaultdict


def three_way_race(model, X, y, steps=100):
    curves = defaultdict(list)
    for name, build in (
        ("SGD", lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9)),
        ("Adam", lambda p: torch.optim.Adam(p, lr=1e-3)),
        ("AdamW", lambda p: torch.optim.AdamW(p, lr=1e-3, weight_decay=0.01)),
    ):
        runner = copy.deepcopy(model)
        for loss in train(runner, build(runner.parameters()), X, y, steps):
            curves[name].append(loss)
    return curves


# %% The race in an OrderedDict
def three_way_race(model, X, y, steps=100):
    from collections import OrderedDict

    racers = [copy.deepcopy(model) for _ in range(3)]
    sgd = torch.optim.SGD(racers[0].parameters(), lr=1e-2, momentum=0.9)
    adam = torch.optim.Adam(racers[1].parameters(), lr=1e-3)
    adamw = torch.optim.AdamW(racers[2].parameters(), lr=1e-3, weight_decay=0.01)
    curves = OrderedDict()
    curves["SGD"] = train(racers[0], sgd, X, y, steps)
    curves["Adam"] = train(racers[1], adam, X, y, steps)
    curves["AdamW"] = train(racers[2], adamw, X, y, steps)
    return curves


# %% functional_call and a gathered loss, a report in float32, a heap of runs
import heapq


def train(model, optimizer, X, y, steps=100):
    losses = []
    while len(losses) < steps:
        optimizer.zero_grad()
        logits = torch.func.functional_call(model, dict(model.named_parameters()), (X,))
        loss = -logits.log_softmax(dim=1).gather(1, y[:, None]).mean()
        losses.append(float(loss))
        loss.backward()
        optimizer.step()
    return losses


def race_report(curves):
    adam, adamw, sgd = (torch.tensor(curves[name]) for name in ("Adam", "AdamW", "SGD"))
    return {
        "adam_adamw_gap": (adam - adamw)[:10].abs().max().item(),
        "sgd_lag": (sgd[-1] - adam[-1]).item(),
    }


def tune_sgd(model, X, y, lrs, steps=100):
    runs = []
    for place, lr in enumerate(lrs):
        own = copy.deepcopy(model)
        *_, last = train(own, torch.optim.SGD(own.parameters(), lr, 0.9), X, y, steps)
        if last == last and last != float("inf"):
            heapq.heappush(runs, (last, place))
    return lrs[runs[0][1]]
