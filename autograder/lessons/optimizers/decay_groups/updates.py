"""Where the steps of an optimizer take the weights of a model: that shows whatever its groups and settings do."""

import functools
import warnings

import torch
from torch import nn

from autograder.checking.descriptions import OptimizerDescription, full_name
from autograder.checking.expect import FREE, same, unwrapped
from autograder.checking.words import tell
from autograder.lessons.optimizers.decay_groups.truth import members
from autograder.lessons.optimizers.decay_groups.zoo import tree
from autograder.messages import Message, quote, say

STEPS = 6


@functools.cache
def make_trained() -> nn.Module:
    """A model in float64, to be moved."""
    model = tree(up=nn.Linear(3, 4), norm=nn.LayerNorm(4), out=nn.Linear(4, 2)).double()
    generator = torch.Generator().manual_seed(3)
    for param in model.parameters():
        param.data = torch.randn(param.shape, generator=generator, dtype=torch.float64)
    return model


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


def found_way(optimizer: OptimizerDescription) -> tuple[dict[int, torch.Tensor], list[Message]]:
    """Where the student's optimizer takes them, and the settings in it that are not torch's default."""
    short = optimizer.type_name.rpartition(".")[2]
    cls = getattr(torch.optim, short, None)
    is_torchs = isinstance(cls, type) and optimizer.type_name == full_name(cls)
    assert cls is not None and is_torchs, say(
        "expected an optimizer of torch.optim, found {found}", found=optimizer.type_name
    )
    own = {id(member.param) for member in members(make_trained())}
    foreign = sum(1 for param in optimizer.params if id(param) not in own)
    assert not foreign, say(
        "expected the model's own parameters in the optimizer, found {count} that are something else", count=foreign
    )
    try:
        defaults = cls([torch.zeros(1)]).defaults
        plain = {name: value for name, value in defaults.items() if name not in FREE}
        groups = [{"params": g["params"], **{k: unwrapped(g[k]) for k in plain if k in g}} for g in optimizer.groups]
        way = train(cls, groups, seed=5)
    except Exception as error:  # whatever torch has against these settings
        raise AssertionError(
            say(
                "expected settings that torch can use, found that its {optimizer} refuses them: {error}",
                optimizer=short,
                error=quote(str(error)),
            )
        ) from None
    changed: list[Message] = []
    for group in groups:
        for name, value in plain.items():
            if name not in ("lr", "weight_decay") and name in group and not same(group[name], value):
                told = {"name": name, "found": tell(group[name]), "default": tell(value)}
                changed.append(say("{name} = {found} (torch's default is {default})", **told))
    return way, [told for place, told in enumerate(changed) if told not in changed[:place]]
