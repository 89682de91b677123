"""The models whose parameters are sorted: some are torchvision's, in others names and layers tell little or lie."""

import torch
from torch import nn
from torchvision import models

from autograder.checking.pickling import made_once
from autograder.lessons.optimizers.decay_groups import models as layers


def tree(**parts: nn.Module | tuple[int, ...]) -> nn.Module:
    """A module that holds these modules, and a new parameter for each shape."""
    module = nn.Module()
    for name, part in parts.items():
        if isinstance(part, nn.Module):
            module.add_module(name, part)
        else:
            module.register_parameter(name, part if isinstance(part, nn.Parameter) else nn.Parameter(torch.ones(part)))
    return module


@made_once
def make_dense() -> nn.Module:
    """The least that has something for each list."""
    return nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 2))


@made_once
def make_sample() -> nn.Module:
    """A little of each kind, in an order in which no cut and no turn by turn sorts it."""
    layers = {"first": nn.Linear(3, 4, bias=False), "embed": nn.Embedding(5, 3), "second": nn.Linear(4, 4, bias=False)}
    return tree(shift=(4,), **layers, norm=nn.LayerNorm(4), third=nn.Linear(4, 4), out=nn.Linear(4, 2))


@made_once
def make_biasless() -> nn.Module:
    """A model in which everything decays."""
    return nn.Sequential(nn.Linear(3, 4, bias=False), nn.Linear(4, 2, bias=False))


@made_once
def make_vector() -> nn.Module:
    """A model in which nothing decays."""
    return tree(shift=tree(bias=(3,)))


@made_once
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


@made_once
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


@made_once
def make_transformer() -> nn.Module:
    """A Transformer whose names tell the truth."""
    with torch.device("meta"):
        layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
        return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


@made_once
def make_raw() -> nn.Module:
    """Parameters that a model holds directly, beside its layers."""
    part = tree(relative_position_bias_table=(5, 2), class_token=(1, 1, 3), query=nn.Linear(3, 3), norm_mix=(3, 3))
    tables = tree(pos_embedding=(1, 4, 3), embedding=(4, 2), embeddings_of_rows=(4, 3), Bias=(4, 3), pos_mix=(3, 3))
    return tree(mask_token=(1, 3), embed_in=(3, 3), tables=tables, pos_embedding=(1, 5, 3), attn=part)


@made_once
def make_vectors() -> nn.Module:
    """Parameters of fewer than two dimensions, with names that tell nothing."""
    block = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.PReLU(4), nn.GroupNorm(2, 4), nn.RMSNorm(4))
    return tree(temperature=(), gate=(4,), block=block, out=nn.Linear(4, 2))


def new_frozen() -> nn.Module:
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    model[:2].requires_grad_(False)
    model[2].bias.requires_grad_(False)
    return model


make_frozen = made_once(new_frozen)


@made_once
def make_all_frozen() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3)).requires_grad_(False)


@made_once
def make_shared() -> nn.Module:
    """One weight in two layers, one layer in two places, one vector in two norms."""
    up, down, twice = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3)
    down.weight = up.weight
    norm1, norm2 = nn.LayerNorm(3), nn.LayerNorm(3)
    norm2.weight = norm1.weight
    return tree(up=up, first=twice, norm1=norm1, deep=tree(down=down, second=twice, norm2=norm2), out=nn.Linear(3, 2))


@made_once
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


@made_once
def make_embeddings() -> tuple[nn.Module, ...]:
    """Tables of vectors, with names that do not tell."""
    text = tree(wte=nn.Embedding(5, 3), wpe=nn.Embedding(4, 3), bag=nn.EmbeddingBag(5, 3))
    return tree(text=text, users=layers.Lookup(4, 3), out=nn.Linear(3, 2)), nn.Embedding(4, 3)


@made_once
def make_tied() -> tuple[nn.Module, ...]:
    """Tables of vectors that are used in a second place, which comes later or earlier."""
    wte, head = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
    head.weight = wte.weight
    bag, reader = nn.EmbeddingBag(4, 3), nn.Linear(3, 4)
    reader.weight = bag.weight
    return tree(wte=wte, lm_head=head), tree(reader=reader, body=tree(bag=bag, out=nn.Linear(3, 2)))


@made_once
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


@made_once
def make_hard() -> nn.Module:
    """Everything that names do not tell."""
    return tree(
        first=make_misleading(),
        second=make_norms()[0],
        third=make_embeddings()[0],
        fourth=make_tied()[1],
        fifth=make_vectors(),
    )
