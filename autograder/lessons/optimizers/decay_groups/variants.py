# Right answers to 2-decay-groups in other styles. Each must earn full marks.

# %% Layer by layer, with a set of what was seen
def split_decay_groups(model):
    layers = list(model.modules())
    exempt = {
        p for layer in layers if isinstance(layer, NORM_LAYERS + EMBEDDING_LAYERS) for p in layer.parameters(recurse=False)
    }
    decay, no_decay, seen = [], [], set()
    for layer in layers:
        for name, p in layer.named_parameters(recurse=False):
            if not p.requires_grad or p in seen:
                continue
            seen.add(p)
            if p.dim() <= 1 or p in exempt or any(word in name for word in ("bias", "embedding")):
                no_decay.append(p)
            else:
                decay.append(p)
    return decay, no_decay


# %% Identity numbers and list comprehensions
def split_decay_groups(model):
    special = [m for m in model.modules() if isinstance(m, (*NORM_LAYERS, *EMBEDDING_LAYERS))]
    special_ids = {id(p) for m in special for p in m._parameters.values() if p is not None}

    def decays(name, p):
        last = name.rsplit(".", 1)[-1]
        return p.ndim >= 2 and id(p) not in special_ids and "bias" not in last and "embedding" not in last

    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    return [p for n, p in named if decays(n, p)], [p for n, p in named if not decays(n, p)]


# %% Two dicts keyed by the parameter, a tuple of tuples at the end
def split_decay_groups(model):
    verdict = {}
    for module in model.modules():
        is_special = isinstance(module, NORM_LAYERS) or isinstance(module, EMBEDDING_LAYERS)
        for name, p in module.named_parameters(recurse=False):
            if p.requires_grad:
                exempt = is_special or len(p.shape) < 2 or "bias" in name or "embedding" in name
                verdict[p] = verdict.get(p, False) or exempt
    return tuple(p for p, v in verdict.items() if not v), tuple(p for p, v in verdict.items() if v)


# %% A list of two lists, in the reverse order
def split_decay_groups(model):
    exempt = set()
    for m in model.modules():
        if isinstance(m, EMBEDDING_LAYERS + NORM_LAYERS):
            exempt |= set(m.parameters(recurse=False))
    result = [[], []]
    for name, p in reversed(list(model.named_parameters())):
        if p.requires_grad:
            last = name.rpartition(".")[2]
            result[p.ndim < 2 or p in exempt or "bias" in last or "embedding" in last].append(p)
    return result


# %% Every name of a shared parameter is looked at
def split_decay_groups(model):
    import torch.nn as nn

    no, yes = {}, {}
    for name, p in model.named_parameters(remove_duplicate=False):
        if not p.requires_grad:
            continue
        path, _, last = name.rpartition(".")
        owner = model.get_submodule(path)
        norm = isinstance(
            owner,
            (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm),
        )
        table = isinstance(owner, (nn.Embedding, nn.EmbeddingBag))
        if p.ndim < 2 or norm or table or "bias" in last or "embedding" in last:
            no[id(p)] = p
        else:
            yes[id(p)] = p
    return [p for key, p in yes.items() if key not in no], list(no.values())


# %% Recursion over the children, by hand
def split_decay_groups(model):
    found = {}

    def visit(module):
        for name, p in module._parameters.items():
            if p is not None and p.requires_grad:
                keep = (
                    p.ndim > 1
                    and not isinstance(module, NORM_LAYERS + EMBEDDING_LAYERS)
                    and "bias" not in name
                    and "embedding" not in name
                )
                found[p] = found.get(p, True) and keep
        for child in module.children():
            visit(child)

    visit(model)
    decay = [p for p in found if found[p]]
    no_decay = [p for p in found if not found[p]]
    return decay, no_decay


# %% What does not decay first, and the rest by difference
def split_decay_groups(model):
    no_decay = {}
    for layer in model.modules():
        for name, p in layer.named_parameters(recurse=False):
            if isinstance(layer, NORM_LAYERS + EMBEDDING_LAYERS) or p.ndim < 2 or "bias" in name or "embedding" in name:
                no_decay[p] = None
    trainable = dict.fromkeys(p for p in model.parameters() if p.requires_grad)
    return [p for p in trainable if p not in no_decay], [p for p in no_decay if p in trainable]


# %% A helper class, regular expressions, prints and a warning
import re
import warnings


class Rule:
    pattern = re.compile(r"(bias|embedding)[^.]*$")

    def __init__(self, model):
        self.tables = [m for m in model.modules() if isinstance(m, NORM_LAYERS + EMBEDDING_LAYERS)]

    def spares(self, name, parameter):
        by_type = any(parameter is p for m in self.tables for p in m.parameters(recurse=False))
        return by_type or parameter.ndim < 2 or bool(self.pattern.search(name))


def split_decay_groups(model):
    rule, groups = Rule(model), {True: [], False: []}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups[rule.spares(name, parameter)].append(parameter)
    print("decayed", len(groups[False]))
    warnings.warn("split done")
    return groups[False], groups[True]


# %% functools.singledispatch decides by type
import functools


@functools.singledispatch
def exempts_all(layer):
    return False


for _cls in NORM_LAYERS + EMBEDDING_LAYERS:
    exempts_all.register(_cls)(lambda layer: True)


def split_decay_groups(model):
    owned = {p for m in model.modules() if exempts_all(m) for _, p in m.named_parameters(recurse=False)}
    pools = ([], [])
    for name, p in model.named_parameters():
        if p.requires_grad:
            *_, last = name.split(".")
            pools[bool(p in owned or p.ndim < 2 or "bias" in last or "embedding" in last)].append(p)
    return pools


# %% Types and positional hand-over, in one cell with the builder
def split_decay_groups(model: torch.nn.Module) -> tuple[list, list]:
    """Split.

    Args:
        model: any module
    """
    exempt = {id(p) for m in model.modules() if isinstance(m, NORM_LAYERS + EMBEDDING_LAYERS) for p in m.parameters(False)}
    decay: list = []
    no_decay: list = []
    for name, p in model.named_parameters():
        last = name.split(".")[-1]
        spared = p.ndim < 2 or id(p) in exempt or "bias" in last or "embedding" in last
        if p.requires_grad:
            (no_decay if spared else decay).append(p)
    return decay, no_decay


def build_grouped_adamw(model, lr: float = 0.0001, weight_decay: float = 0.01) -> torch.optim.AdamW:
    decay, rest = split_decay_groups(model)
    return torch.optim.AdamW([dict(params=decay), dict(params=rest, weight_decay=0)], lr, weight_decay=weight_decay)


# %% The optimizer's own weight decay is zero, and group 0 sets its own
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    groups = [{"params": decay, "weight_decay": weight_decay}, {"params": no_decay}]
    return torch.optim.AdamW(groups, lr=lr, weight_decay=0)


# %% add_param_group for the second group
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    optimizer = torch.optim.AdamW([{"params": decay}], lr=lr, weight_decay=weight_decay)
    optimizer.add_param_group({"params": no_decay, "weight_decay": 0.0})
    return optimizer


# %% Everything written into the groups, with names for them and a chosen implementation
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    pools = split_decay_groups(model)
    groups = [
        {"name": name, "params": list(pool), "lr": lr, "weight_decay": decay}
        for name, pool, decay in zip(("decay", "no_decay"), pools, (weight_decay, 0.0))
    ]
    return torch.optim.AdamW(groups, foreach=False)


# %% Groups that know the names of their parameters
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay = {id(p) for p in split_decay_groups(model)[0]}
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    pools = [(n, p) for n, p in named if id(p) in decay], [(n, p) for n, p in named if id(p) not in decay]
    if not all(pools):  # torch takes an empty group only among groups without names
        pools = [[p for n, p in pool] for pool in pools]
    groups = [{"params": pools[0]}, {"params": pools[1], "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, weight_decay=weight_decay)


# %% The groups are changed after the optimizer is built
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    optimizer = torch.optim.AdamW([{"params": decay}, {"params": no_decay}], lr=lr, weight_decay=weight_decay)
    optimizer.param_groups[1]["weight_decay"] = 0.0
    return optimizer


# %% Settings as tensors and a lambda
build_grouped_adamw = lambda model, lr=1e-4, weight_decay=1e-2: torch.optim.AdamW(
    [{"params": pool, "weight_decay": wd} for pool, wd in zip(split_decay_groups(model), [weight_decay, 0.0])],
    lr=torch.tensor(lr, dtype=torch.float64),
    foreach=False,
)


# %% functools.partial over one that takes the class
import functools


def grouped(cls, model, lr=1e-4, weight_decay=1e-2, **more):
    decay, no_decay = split_decay_groups(model)
    return cls(
        [{"params": decay, "weight_decay": weight_decay}, {"params": no_decay, "weight_decay": 0.0}], lr=lr, **more
    )


build_grouped_adamw = functools.partial(grouped, torch.optim.AdamW, fused=None, betas=(0.9, 0.999), eps=1e-8)


# %% A stack instead of recursion, in the tables that modules keep
def split_decay_groups(model):
    stack, found, exempt = [model], {}, set()
    while stack:
        module = stack.pop()
        stack.extend(child for child in module._modules.values() if child is not None)
        special = isinstance(module, NORM_LAYERS + EMBEDDING_LAYERS)
        for name, parameter in module._parameters.items():
            if parameter is None or not parameter.requires_grad:
                continue
            found[id(parameter)] = parameter
            if special or parameter.dim() <= 1 or any(word in name for word in ("bias", "embedding")):
                exempt.add(id(parameter))
    return [p for k, p in found.items() if k not in exempt], [found[k] for k in exempt]


# %% Arguments in a tuple and a dict, and a group that is changed before it is handed over
def build_grouped_adamw(model, *args, **kwargs):
    settings = {"lr": 1e-4, "weight_decay": 1e-2} | dict(zip(("lr", "weight_decay"), args)) | kwargs
    groups = [{"params": iter(side)} for side in split_decay_groups(model)]
    groups[1]["weight_decay"] = 0
    return torch.optim.AdamW(groups, **settings)


# %% Settings by name only
def build_grouped_adamw(model, *, lr=0.0001, weight_decay=0.01):
    decay, no_decay = split_decay_groups(model)
    return torch.optim.AdamW(params=[dict(params=decay), dict(params=no_decay, weight_decay=0.0)], lr=lr, weight_decay=weight_decay)


# %% A named tuple of two lists
from typing import NamedTuple


class Split(NamedTuple):
    decay: list
    no_decay: list


def split_decay_groups(model):
    split = Split([], [])
    special = {p for m in model.modules() if isinstance(m, NORM_LAYERS + EMBEDDING_LAYERS) for p in m.parameters(recurse=False)}
    for name, p in model.named_parameters():
        if p.requires_grad:
            last = name.split(".")[-1]
            exempt = p.ndim < 2 or p in special or "bias" in last or "embedding" in last
            (split.no_decay if exempt else split.decay).append(p)
    return split


# %% A defaultdict of all holders and names, and a decision for each parameter
from collections import defaultdict


def split_decay_groups(model):
    holders = defaultdict(list)
    for layer in model.modules():
        for name, p in layer.named_parameters(recurse=False):
            holders[p].append((layer, name))

    def decisions():
        for p, places in holders.items():
            spared = any(isinstance(layer, NORM_LAYERS + EMBEDDING_LAYERS) or "bias" in n or "embedding" in n for layer, n in places)
            if p.requires_grad:
                yield p, p.ndim > 1 and not spared

    pairs = list(decisions())
    return tuple(p for p, decays in pairs if decays), tuple(p for p, decays in pairs if not decays)


# %% A decay that is multiplied by one or nothing
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    sides = zip(split_decay_groups(model), (1, 0), strict=True)
    groups = [{"params": list(side), "weight_decay": weight_decay * keep} for side, keep in sides]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.999), eps=1e-8)


# %% Groups and settings added one after the other
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": weight_decay}], lr=lr, weight_decay=0)
    optimizer.add_param_group({"params": no_decay})
    return optimizer
