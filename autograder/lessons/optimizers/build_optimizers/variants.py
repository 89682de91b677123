# Right answers to 1-build-optimizers in other styles. Each must earn full marks.

# %% Positional where torch allows it
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    return torch.optim.SGD(params, lr, momentum, weight_decay=weight_decay)


# %% Settings gathered in a dict
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    settings = dict(lr=lr, momentum=momentum, weight_decay=weight_decay)
    optimizer = torch.optim.SGD(params, **settings)
    return optimizer


# %% A list made of the generator first
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    params = list(params)
    print(f"optimizing {len(params)} things")
    return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)


# %% functools.partial instead of a def
import functools

build_sgd = functools.partial(torch.optim.SGD, lr=1e-1, momentum=0.9, weight_decay=1e-4)

# %% torch's own class is the function, because its defaults are the same
build_adam = torch.optim.Adam
build_adamw = torch.optim.AdamW

# %% A lambda
build_adam = lambda params, lr=1e-3, betas=(0.9, 0.999): torch.optim.Adam(params, lr=lr, betas=betas)

# %% A class with a call method
class Builder:
    def __call__(self, params, lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2):
        return torch.optim.AdamW(params, lr=lr, betas=betas, weight_decay=weight_decay)


build_adamw = Builder()

# %% Keyword-only settings, numbers written in full, betas as a list
def build_adam(params, *, lr=0.001, betas=(0.9, 0.999)):
    return torch.optim.Adam(params, lr, list(betas), weight_decay=0)


# %% One shared helper for all three builders
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    return build("SGD", params, lr=lr, momentum=momentum, weight_decay=weight_decay)


def build(name, params, **settings):
    return getattr(torch.optim, name)(params, **settings)


def build_adam(params, lr=1e-3, betas=(0.9, 0.999)):
    return build("Adam", params, lr=lr, betas=betas)


def build_adamw(params, lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2):
    return build("AdamW", params, lr=lr, betas=betas, weight_decay=weight_decay)


# %% A chosen implementation, and settings through a closure
def build_adamw(params, lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2):
    def make(**more):
        return torch.optim.AdamW(params, lr=lr, betas=betas, weight_decay=weight_decay, **more)

    return make(foreach=False)


# %% Groups filled in by hand, their own settings first
def build_adamw(params, lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2):
    own = {"lr": lr, "betas": betas, "weight_decay": weight_decay}
    params = list(params)
    groups = [own | group for group in params] if isinstance(params[0], dict) else [own | {"params": params}]
    return torch.optim.AdamW(groups)


# %% Warnings, prints and a type check on the way
def build_adam(params, lr=1e-3, betas=(0.9, 0.999)):
    import sys
    import warnings

    warnings.warn("building")
    print("to stderr", file=sys.stderr)
    assert lr > 0
    return torch.optim.Adam(params, lr=lr, betas=tuple(betas))


# %% Type hints and a long docstring
def build_sgd(
    params: "Iterable[torch.Tensor]", lr: float = 1e-1, momentum: float = 0.9, weight_decay: float = 1e-4
) -> torch.optim.SGD:
    """Build SGD.

    Args:
        params: what to optimize
    """
    from torch.optim import SGD

    return SGD(params=params, lr=lr, momentum=momentum, weight_decay=weight_decay)


# %% The gradient of zero times the weight
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    w = torch.tensor([weight], requires_grad=True)
    optimizer = optimizer_class([w], lr=lr, weight_decay=weight_decay)
    (0 * w).sum().backward()
    optimizer.step()
    return (torch.tensor([weight]) - w).item()


# %% In float64, in a small layer
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    layer = torch.nn.Linear(1, 1, bias=False).double()
    torch.nn.init.constant_(layer.weight, weight)
    optimizer = optimizer_class(layer.parameters(), lr=lr, weight_decay=weight_decay)
    layer(torch.zeros(5, 1, dtype=torch.float64)).sum().backward()
    before = layer.weight.detach().clone()
    optimizer.step()
    return float((before - layer.weight).squeeze())


# %% With a closure, and a vector of equal weights
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    w = torch.nn.Parameter(torch.full((3,), float(weight)))
    optimizer = optimizer_class([w], lr=lr, weight_decay=weight_decay)

    def closure():
        optimizer.zero_grad()
        loss = (w * 0.0).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return weight - w[0].item()


# %% numpy computes the difference
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    import numpy as np

    w = torch.nn.Parameter(torch.tensor(np.float64(weight)))
    w.grad = torch.tensor(0.0, dtype=torch.float64)
    optimizer_class([{"params": [w], "lr": lr, "weight_decay": weight_decay}]).step()
    return np.float64(weight) - w.detach().numpy()[()]


# %% On a grouped optimizer with a gradient made by autograd
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    p = torch.nn.Parameter(torch.tensor(float(weight)))
    opt = optimizer_class(params=[p], lr=lr, weight_decay=weight_decay)
    p.grad, = torch.autograd.grad(p - p, p)
    old = p.item()
    opt.step()
    new = p.item()
    return old - new


# %% Arguments in a tuple and a dict
def build_adamw(params, *args, **kwargs):
    settings = {"lr": 1e-3, "betas": (0.9, 0.999), "weight_decay": 1e-2}
    return torch.optim.AdamW(params, **(settings | dict(zip(settings, args)) | kwargs))


# %% Group after group, and without names
def build_sgd(params, lr=None, momentum=None, weight_decay=None):
    settings = {
        "lr": 1e-1 if lr is None else lr,
        "momentum": 0.9 if momentum is None else momentum,
        "weight_decay": 1e-4 if weight_decay is None else weight_decay,
    }
    first, *others = (item[1] if isinstance(item, tuple) else item for item in params)
    if not isinstance(first, dict):
        return torch.optim.SGD([first, *others], **settings)
    optimizer = torch.optim.SGD([first], **settings)
    for group in others:
        optimizer.add_param_group(group)
    return optimizer


# %% Groups with exactly the settings that Adam knows
def build_adam(params, lr=1e-3, betas=(0.9, 0.999)):
    params = list(params)
    if isinstance(params[0], dict):
        known = ("params", "lr", "betas", "eps", "weight_decay", "amsgrad")
        params = [{key: group[key] for key in known if key in group} for group in params]
    return torch.optim.Adam(params, lr=lr, betas=betas)


# %% A loss that is flat here, and float64 for a while
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        w = torch.nn.Parameter(torch.as_tensor(weight))
        optimizer = optimizer_class([("w", w)], lr=lr, weight_decay=weight_decay)
        ((w - w.detach()) ** 2).backward()
        optimizer.step()
        return weight - float(w)
    finally:
        torch.set_default_dtype(usual)


# %% The arguments handed on by locals
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    return torch.optim.SGD(**locals())


def build_adamw(params, lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2):
    settings = vars().copy()
    return torch.optim.AdamW(settings.pop("params"), **settings)


# %% A class that makes something else than itself, and a static method
class build_sgd:
    def __new__(cls, params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
        return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)


class Factory:
    @staticmethod
    def adam(params, lr=1e-3, betas=(0.9, 0.999)):
        return torch.optim.Adam(params, lr=lr, betas=betas)


build_adam = Factory.adam


# %% One step of the functions that torch.optim is made of
from torch.optim.adam import adam
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd


def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    w = torch.tensor([float(weight)], dtype=torch.float64)
    zeros = [[torch.zeros_like(w)] for _ in range(3)]
    if optimizer_class is torch.optim.SGD:
        options = {"momentum": 0.0, "dampening": 0.0, "nesterov": False, "maximize": False}
        sgd([w], zeros[0], [None], lr=lr, weight_decay=weight_decay, has_sparse_grad=False, **options)
    else:
        step = adam if optimizer_class is torch.optim.Adam else adamw
        options = {"amsgrad": False, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "maximize": False}
        step([w], *zeros, [], [torch.tensor(0.0)], lr=lr, weight_decay=weight_decay, **options)
    return weight - w.item()


# %% The formulas, chosen by the name of the class
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    gradient = weight_decay * weight
    match optimizer_class.__name__:
        case "SGD" | "AdamW":
            return float(lr * gradient)
        case "Adam":
            return float(lr * gradient / (abs(gradient) + 1e-8))
    raise ValueError(optimizer_class)


# %% In float32, from the weight before to the weight after
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    layer = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(layer.weight, weight)
    optimizer = optimizer_class(layer.parameters(), lr=lr, weight_decay=weight_decay)
    before = layer.weight.item()
    layer(torch.zeros(1, 1)).sum().backward()
    optimizer.step()
    return before - layer.weight.item()
