"""The rule of this lesson: which of a model's parameters decay. Everything else asks here."""

import functools
from dataclasses import dataclass

from torch import nn

from autograder.messages import Code, Message, Value, say

NORM_LAYERS = (
    *(nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.SyncBatchNorm),
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d),
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
)
EMBEDDING_LAYERS = (nn.Embedding, nn.EmbeddingBag)


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

    @property
    def told(self) -> Message:
        """The parameter as a student is told of it: its names, its layer and its shape."""
        name, sizes = " = ".join(self.names), "×".join(map(str, self.param.shape))
        shape = sizes if sizes else say("a single number")
        if not self.holders:
            return say("{name} ({shape})", name=name, shape=shape)
        return say("{name} ({layer}, {shape})", name=name, layer=kind_of(self.holders[0]), shape=shape)


def kind_of(layer: nn.Module) -> Value:
    """The class of a layer, in words that a reader of torch's documentation knows."""
    own = type(layer)
    known = next(cls for cls in own.__mro__ if getattr(nn, cls.__name__, None) is cls)
    if known in (own, nn.Module):
        return Code(own.__name__)
    if own.__module__.startswith("torch.nn."):
        return Code(known.__name__)
    return say("{own}, a kind of {known}", own=own.__name__, known=known.__name__)


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
    """Every parameter that is not frozen."""
    return [member for member in members(model) if member.param.requires_grad]
