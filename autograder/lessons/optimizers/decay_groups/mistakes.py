# Wrong answers to 2-decay-groups. Each names its misconception and the check that must catch it.

# %% The popular one-liner, words anywhere in full names caught_by=["test_split_vectors", "test_split_norm_layers", "test_split_embedding_layers", "test_split_tied", "test_split_names_lie", "test_grouped_names_lie"]
def split_decay_groups(model):
    words = ["bias", "LayerNorm.weight", "norm", "embedding"]
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    decay = [p for name, p in named if not any(nd in name for nd in words)]
    no_decay = [p for name, p in named if any(nd in name for nd in words)]
    return decay, no_decay


# %% The popular one-liner, and frozen parameters as well caught_by=["test_split_frozen", "test_grouped_each_once"]
def split_decay_groups(model):
    words = ["bias", "LayerNorm.weight", "norm", "embedding"]
    decay = [p for name, p in model.named_parameters() if not any(nd in name for nd in words)]
    no_decay = [p for name, p in model.named_parameters() if any(nd in name for nd in words)]
    return decay, no_decay


# %% Two dimensions are all that counts caught_by=["test_split_norm_layers", "test_split_embedding_layers", "test_split_tied", "test_split_own_names"]
def split_decay_groups(model):
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [p for p in trainable if p.ndim >= 2], [p for p in trainable if p.ndim < 2]


# %% Only biases are spared caught_by="test_split_vectors"
def split_decay_groups(model):
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    return [p for n, p in named if "bias" not in n], [p for n, p in named if "bias" in n]


# %% The two lists change places caught_by=["test_split_weights", "test_split_biases"]
def split_decay_groups(model):
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [p for p in trainable if p.ndim < 2], [p for p in trainable if p.ndim >= 2]


# %% Names come back, and not parameters caught_by="test_split_returns_lists"
def split_decay_groups(model):
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        if p.requires_grad:
            (decay if p.ndim > 1 else no_decay).append(name)
    return decay, no_decay


# %% Pairs of name and parameter come back caught_by="test_split_returns_lists"
def split_decay_groups(model):
    exempt = set()
    for layer in model.modules():
        if isinstance(layer, NORM_LAYERS + EMBEDDING_LAYERS):
            exempt.update(layer.parameters(recurse=False))
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        if p.requires_grad:
            last = name.split(".")[-1]
            spared = p.ndim < 2 or p in exempt or "bias" in last or "embedding" in last
            (no_decay if spared else decay).append((name, p))
    return decay, no_decay


def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    return torch.optim.AdamW([{"params": decay}, {"params": no_decay, "weight_decay": 0.0}], lr, weight_decay=weight_decay)


# %% Sets, because each parameter is wanted once caught_by="test_split_returns_lists"
def split_decay_groups(model):
    trainable = {p for p in model.parameters() if p.requires_grad}
    no_decay = {p for p in trainable if p.ndim < 2}
    return trainable - no_decay, no_decay


# %% Generators, which can be read only once caught_by="test_split_returns_lists"
def split_decay_groups(model):
    return (p for p in model.parameters() if p.ndim > 1), (p for p in model.parameters() if p.ndim < 2)


# %% filter objects are taken for lists caught_by="test_split_returns_lists"
def split_decay_groups(model):
    return filter(lambda p: p.ndim > 1, model.parameters()), filter(lambda p: p.ndim < 2, model.parameters())


# %% A dict with the two lists caught_by="test_split_returns_lists"
def split_decay_groups(model):
    trainable = [p for p in model.parameters() if p.requires_grad]
    return {"decay": [p for p in trainable if p.ndim >= 2], "no_decay": [p for p in trainable if p.ndim < 2]}


# %% Group dicts for the optimizer come back caught_by="test_split_returns_lists"
def split_decay_groups(model):
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if p.ndim >= 2], "weight_decay": 1e-2},
        {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
    ]


# %% Only the decayed list is returned caught_by="test_split_returns_lists"
def split_decay_groups(model):
    return [p for p in model.parameters() if p.requires_grad and p.ndim >= 2]


# %% Nothing is returned caught_by="test_split_returns_lists"
def split_decay_groups(model):
    decay = [p for p in model.parameters() if p.ndim >= 2]
    no_decay = [p for p in model.parameters() if p.ndim < 2]


# %% The return stands inside the loop caught_by="test_split_each_once"
def split_decay_groups(model):
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        if p.requires_grad:
            (decay if p.ndim > 1 else no_decay).append(p)
        return decay, no_decay


# %% One list under two names, as in a chained assignment caught_by=["test_split_weights", "test_split_each_once"]
def split_decay_groups(model):
    decay = no_decay = []
    for p in model.parameters():
        if p.requires_grad:
            (decay if p.ndim > 1 else no_decay).append(p)
    return decay, no_decay


# %% The lists live on from call to call, as default arguments do caught_by="test_split_each_once"
def split_decay_groups(model, decay=[], no_decay=[]):
    for p in model.parameters():
        if p.requires_grad:
            (decay if p.ndim > 1 else no_decay).append(p)
    return decay, no_decay


# %% Parameters of a copied model caught_by="test_split_returns_lists"
def split_decay_groups(model):
    import copy

    trainable = [p for p in copy.deepcopy(model).parameters() if p.requires_grad]
    return [p for p in trainable if p.ndim >= 2], [p for p in trainable if p.ndim < 2]


# %% The tensors of state_dict, which are not the parameters caught_by="test_split_returns_lists"
def split_decay_groups(model):
    state = model.state_dict()
    return [t for t in state.values() if t.ndim >= 2], [t for t in state.values() if t.ndim < 2]


# %% state_dict with keep_vars, where a shared parameter stands under each of its names caught_by="test_split_shared"
def split_decay_groups(model):
    trainable = [t for t in model.state_dict(keep_vars=True).values() if t.requires_grad]
    return [t for t in trainable if t.ndim >= 2], [t for t in trainable if t.ndim < 2]


# %% Modules are sorted, and not their parameters caught_by="test_split_returns_lists"
def split_decay_groups(model):
    layers = [m for m in model.modules() if list(m.parameters(recurse=False))]
    norms = [m for m in layers if isinstance(m, NORM_LAYERS + EMBEDDING_LAYERS)]
    return [m for m in layers if m not in norms], norms


# %% The generator of named_parameters is read twice caught_by=["test_split_biases", "test_split_each_once"]
def split_decay_groups(model):
    named = model.named_parameters()
    decay = [p for name, p in named if p.requires_grad and p.ndim > 1]
    no_decay = [p for name, p in named if p.requires_grad and p.ndim < 2]
    return decay, no_decay


# %% Frozen parameters are kept, because the optimizer skips them anyway caught_by=["test_split_frozen", "test_grouped_each_once"]
def split_decay_groups(model):
    exempt = {p for m in model.modules() if isinstance(m, NORM_LAYERS + EMBEDDING_LAYERS) for p in m.parameters(recurse=False)}
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        last = name.split(".")[-1]
        (no_decay if p.ndim < 2 or p in exempt or "bias" in last or "embedding" in last else decay).append(p)
    return decay, no_decay


# %% Frozen parameters go to no_decay, where nothing happens to them caught_by="test_split_frozen"
def split_decay_groups(model):
    exempt = {p for m in model.modules() if isinstance(m, NORM_LAYERS + EMBEDDING_LAYERS) for p in m.parameters(recurse=False)}
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        last = name.split(".")[-1]
        spared = p.ndim < 2 or p in exempt or "bias" in last or "embedding" in last or not p.requires_grad
        (no_decay if spared else decay).append(p)
    return decay, no_decay


# %% A layer with one frozen parameter is left out as a whole caught_by=["test_split_frozen", "test_grouped_each_once"]
def split_decay_groups(model):
    exempt = {p for m in model.modules() if isinstance(m, NORM_LAYERS + EMBEDDING_LAYERS) for p in m.parameters(recurse=False)}
    frozen = {p for m in model.modules() for p in m.parameters(False) if not all(q.requires_grad for q in m.parameters(False))}
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        if p not in frozen:
            last = name.split(".")[-1]
            (no_decay if p.ndim < 2 or p in exempt or "bias" in last or "embedding" in last else decay).append(p)
    return decay, no_decay


# %% Every layer is thought to have a weight and a bias caught_by=["test_split_weights", "test_split_each_once"]
def split_decay_groups(model):
    decay, no_decay = [], []
    for m in model.modules():
        if hasattr(m, "weight") and m.weight is not None and m.weight.requires_grad:
            (no_decay if isinstance(m, NORM_LAYERS + EMBEDDING_LAYERS) else decay).append(m.weight)
        if hasattr(m, "bias") and m.bias is not None and m.bias.requires_grad:
            no_decay.append(m.bias)
    return decay, no_decay


# %% Layer by layer, and a shared parameter is met twice caught_by=["test_split_shared", "test_grouped_each_once"]
def split_decay_groups(model):
    exempt = {p for m in model.modules() if isinstance(m, NORM_LAYERS + EMBEDDING_LAYERS) for p in m.parameters(recurse=False)}
    decay, no_decay = [], []
    for m in model.modules():
        for name, p in m.named_parameters(recurse=False):
            if p.requires_grad:
                (no_decay if p.ndim < 2 or p in exempt or "bias" in name or "embedding" in name else decay).append(p)
    return decay, no_decay


# %% named_parameters is asked for duplicates caught_by="test_split_shared"
def split_decay_groups(model):
    exempt = {p for m in model.modules() if isinstance(m, NORM_LAYERS + EMBEDDING_LAYERS) for p in m.parameters(recurse=False)}
    decay, no_decay = [], []
    for name, p in model.named_parameters(remove_duplicate=False):
        if p.requires_grad:
            last = name.split(".")[-1]
            (no_decay if p.ndim < 2 or p in exempt or "bias" in last or "embedding" in last else decay).append(p)
    return decay, no_decay


# %% A shared parameter is dropped altogether caught_by="test_split_shared"
def split_decay_groups(model):
    from collections import Counter

    count = Counter(p for _, p in model.named_parameters(remove_duplicate=False))
    exempt = {p for m in model.modules() if isinstance(m, NORM_LAYERS + EMBEDDING_LAYERS) for p in m.parameters(recurse=False)}
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        if p.requires_grad and count[p] == 1:
            last = name.split(".")[-1]
            (no_decay if p.ndim < 2 or p in exempt or "bias" in last or "embedding" in last else decay).append(p)
    return decay, no_decay


# %% Only the direct children are visited caught_by=["test_split_each_once", "test_split_weights"]
def split_decay_groups(model):
    decay, no_decay = [], []
    for name, layer in model.named_children():
        for name, p in layer.named_parameters(recurse=False):
            if p.requires_grad:
                spared = isinstance(layer, NORM_LAYERS + EMBEDDING_LAYERS) or p.ndim < 2 or "bias" in name or "embedding" in name
                (no_decay if spared else decay).append(p)
    return decay, no_decay


# %% A list of known layers, and parameters outside them are lost caught_by=["test_split_each_once", "test_split_own_names"]
def split_decay_groups(model):
    matrices = (torch.nn.Linear, torch.nn.modules.conv._ConvNd, torch.nn.MultiheadAttention, torch.nn.RNNBase, torch.nn.Bilinear)
    decay, no_decay, seen = [], [], set()
    for layer in model.modules():
        for name, p in layer.named_parameters(recurse=False):
            if not p.requires_grad or p in seen:
                continue
            seen.add(p)
            if isinstance(layer, NORM_LAYERS + EMBEDDING_LAYERS) or p.ndim < 2:
                no_decay.append(p)
            elif isinstance(layer, matrices):
                decay.append(p)
    return decay, no_decay


# %% Only what is called weight decays caught_by=["test_split_weights", "test_split_own_names"]
def split_decay_groups(model):
    exempt = {p for m in model.modules() if isinstance(m, NORM_LAYERS + EMBEDDING_LAYERS) for p in m.parameters(recurse=False)}
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        if p.requires_grad:
            (decay if name.split(".")[-1] == "weight" and p not in exempt and p.ndim > 1 else no_decay).append(p)
    return decay, no_decay


# %% The weights of linear layers decay, and nothing else does caught_by="test_split_weights"
def split_decay_groups(model):
    matrices = {m.weight for m in model.modules() if type(m) is torch.nn.Linear}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [p for p in trainable if p in matrices], [p for p in trainable if p not in matrices]


# %% A weight decays only when it has exactly two dimensions caught_by="test_split_weights"
def split_decay_groups(model):
    exempt = {p for m in model.modules() if isinstance(m, NORM_LAYERS + EMBEDDING_LAYERS) for p in m.parameters(recurse=False)}
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        if p.requires_grad:
            last = name.split(".")[-1]
            (decay if p.ndim == 2 and p not in exempt and "bias" not in last and "embedding" not in last else no_decay).append(p)
    return decay, no_decay


# %% A bias is only what is called exactly bias, and counts instead of dimensions caught_by=["test_split_biases", "test_split_vectors"]
def split_decay_groups(model):
    exempt = {p for m in model.modules() if isinstance(m, NORM_LAYERS + EMBEDDING_LAYERS) for p in m.parameters(recurse=False)}
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        if p.requires_grad:
            (no_decay if name.split(".")[-1] == "bias" or p in exempt else decay).append(p)
    return decay, no_decay


# %% The name must end in bias or embedding caught_by="test_split_own_names"
def split_decay_groups(model):
    exempt = {p for m in model.modules() if isinstance(m, NORM_LAYERS + EMBEDDING_LAYERS) for p in m.parameters(recurse=False)}
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        if p.requires_grad:
            (no_decay if p.ndim < 2 or p in exempt or name.endswith(("bias", "embedding")) else decay).append(p)
    return decay, no_decay


# %% The last part of a name is looked for behind a dot, which a name at the top lacks caught_by="test_split_own_names"
def split_decay_groups(model):
    exempt = {p for m in model.modules() if isinstance(m, NORM_LAYERS + EMBEDDING_LAYERS) for p in m.parameters(recurse=False)}
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        if p.requires_grad:
            last = name[name.find(".") + 1 :].split(".")[-1] if "." in name else ""
            (no_decay if p.ndim < 2 or p in exempt or "bias" in last or "embedding" in last else decay).append(p)
    return decay, no_decay


# %% Every parameter is thought to have a layer and a name, split at the dot caught_by="test_split_own_names"
def split_decay_groups(model):
    modules = dict(model.named_children())
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        layer, last = name.split(".")
        if p.requires_grad:
            spared = isinstance(modules[layer], NORM_LAYERS + EMBEDDING_LAYERS) or p.ndim < 2
            (no_decay if spared else decay).append(p)
    return decay, no_decay


# %% A single number has no dimension of which one could be missing caught_by="test_split_vectors"
def split_decay_groups(model):
    exempt = {p for m in model.modules() if isinstance(m, NORM_LAYERS + EMBEDDING_LAYERS) for p in m.parameters(recurse=False)}
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        if p.requires_grad:
            last = name.split(".")[-1]
            (no_decay if p.ndim == 1 or p in exempt or "bias" in last or "embedding" in last else decay).append(p)
    return decay, no_decay


# %% Types are asked for norms, and vectors in no layer are forgotten caught_by="test_split_vectors"
def split_decay_groups(model):
    exempt = {p for m in model.modules() if isinstance(m, NORM_LAYERS + EMBEDDING_LAYERS) for p in m.parameters(recurse=False)}
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        if p.requires_grad:
            last = name.split(".")[-1]
            (no_decay if p in exempt or "bias" in last or "embedding" in last else decay).append(p)
    return decay, no_decay


# %% The exact type of a layer is asked for, and subclasses are forgotten caught_by=["test_split_norm_layers", "test_split_embedding_layers"]
def split_decay_groups(model):
    exempt = {p for m in model.modules() if type(m) in NORM_LAYERS + EMBEDDING_LAYERS for p in m.parameters(recurse=False)}
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        if p.requires_grad:
            last = name.split(".")[-1]
            (no_decay if p.ndim < 2 or p in exempt or "bias" in last or "embedding" in last else decay).append(p)
    return decay, no_decay


# %% LayerNorm is thought to be the only norm with several dimensions caught_by="test_split_norm_layers"
def split_decay_groups(model):
    exempt = {p for m in model.modules() if isinstance(m, (torch.nn.LayerNorm, *EMBEDDING_LAYERS)) for p in m.parameters(recurse=False)}
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        if p.requires_grad:
            last = name.split(".")[-1]
            (no_decay if p.ndim < 2 or p in exempt or "bias" in last or "embedding" in last else decay).append(p)
    return decay, no_decay


# %% Norms are vectors, so only embeddings need a type caught_by="test_split_norm_layers"
def split_decay_groups(model):
    exempt = {p for m in model.modules() if isinstance(m, EMBEDDING_LAYERS) for p in m.parameters(recurse=False)}
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        if p.requires_grad:
            last = name.split(".")[-1]
            (no_decay if p.ndim < 2 or p in exempt or "bias" in last or "embedding" in last else decay).append(p)
    return decay, no_decay


# %% The layers below the model are asked, and not the model itself caught_by=["test_split_norm_layers", "test_split_embedding_layers"]
def split_decay_groups(model):
    below = [m for path, m in model.named_modules() if path]
    exempt = {p for m in below if isinstance(m, NORM_LAYERS + EMBEDDING_LAYERS) for p in m.parameters(recurse=False)}
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        if p.requires_grad:
            last = name.split(".")[-1]
            (no_decay if p.ndim < 2 or p in exempt or "bias" in last or "embedding" in last else decay).append(p)
    return decay, no_decay


# %% EmbeddingBag is forgotten, which is no nn.Embedding caught_by=["test_split_embedding_layers", "test_split_tied"]
def split_decay_groups(model):
    exempt = {p for m in model.modules() if isinstance(m, (*NORM_LAYERS, torch.nn.Embedding)) for p in m.parameters(recurse=False)}
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        if p.requires_grad:
            last = name.split(".")[-1]
            (no_decay if p.ndim < 2 or p in exempt or "bias" in last or "embedding" in last else decay).append(p)
    return decay, no_decay


# %% Embeddings are matrices, so they decay caught_by=["test_split_embedding_layers", "test_split_tied"]
def split_decay_groups(model):
    exempt = {p for m in model.modules() if isinstance(m, NORM_LAYERS) for p in m.parameters(recurse=False)}
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        if p.requires_grad:
            last = name.split(".")[-1]
            (no_decay if p.ndim < 2 or p in exempt or "bias" in last or "embedding" in last else decay).append(p)
    return decay, no_decay


# %% The first layer that holds a shared parameter decides caught_by="test_split_tied"
def split_decay_groups(model):
    decay, no_decay, seen = [], [], set()
    for layer in model.modules():
        for name, p in layer.named_parameters(recurse=False):
            if p in seen or not p.requires_grad:
                continue
            seen.add(p)
            spared = isinstance(layer, NORM_LAYERS + EMBEDDING_LAYERS) or p.ndim < 2 or "bias" in name or "embedding" in name
            (no_decay if spared else decay).append(p)
    return decay, no_decay


# %% The layer is found by the first name of a shared parameter caught_by="test_split_tied"
def split_decay_groups(model):
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        path, _, last = name.rpartition(".")
        layer = model.get_submodule(path)
        if p.requires_grad:
            spared = isinstance(layer, NORM_LAYERS + EMBEDDING_LAYERS) or p.ndim < 2 or "bias" in last or "embedding" in last
            (no_decay if spared else decay).append(p)
    return decay, no_decay


# %% The last layer that holds a shared parameter decides caught_by="test_split_tied"
def split_decay_groups(model):
    side = {}
    for layer in model.modules():
        for name, p in layer.named_parameters(recurse=False):
            if p.requires_grad:
                spared = isinstance(layer, NORM_LAYERS + EMBEDDING_LAYERS) or p.ndim < 2
                side[p] = spared or "bias" in name or "embedding" in name
    return [p for p in side if not side[p]], [p for p in side if side[p]]


# %% The whole name is searched, besides asking for types caught_by=["test_split_names_lie", "test_grouped_names_lie"]
def split_decay_groups(model):
    exempt = {p for m in model.modules() if isinstance(m, NORM_LAYERS + EMBEDDING_LAYERS) for p in m.parameters(recurse=False)}
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        if p.requires_grad:
            (no_decay if p.ndim < 2 or p in exempt or "bias" in name or "embedding" in name else decay).append(p)
    return decay, no_decay


# %% Everything inside an embedding or norm layer belongs to it caught_by="test_split_names_lie"
def split_decay_groups(model):
    exempt = {p for m in model.modules() if isinstance(m, NORM_LAYERS + EMBEDDING_LAYERS) for p in m.parameters()}
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        if p.requires_grad:
            last = name.split(".")[-1]
            (no_decay if p.ndim < 2 or p in exempt or "bias" in last or "embedding" in last else decay).append(p)
    return decay, no_decay


# %% The class of a layer is searched for words, and class names lie too caught_by=["test_split_names_lie", "test_split_embedding_layers"]
def split_decay_groups(model):
    exempt = {p for m in model.modules() if "Norm" in type(m).__name__ or "Embedding" in type(m).__name__ for p in m.parameters(recurse=False)}
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        if p.requires_grad:
            last = name.split(".")[-1]
            (no_decay if p.ndim < 2 or p in exempt or "bias" in last or "embedding" in last else decay).append(p)
    return decay, no_decay


# %% The word norm anywhere in a name counts as well, besides the types caught_by="test_split_names_lie"
def split_decay_groups(model):
    exempt = {p for m in model.modules() if isinstance(m, NORM_LAYERS + EMBEDDING_LAYERS) for p in m.parameters(recurse=False)}
    decay, no_decay = [], []
    for name, p in model.named_parameters():
        if p.requires_grad:
            last = name.split(".")[-1]
            spared = p.ndim < 2 or p in exempt or "bias" in last or "embedding" in last or "norm" in name.lower()
            (no_decay if spared else decay).append(p)
    return decay, no_decay


# %% Parameters are compared with in, which compares numbers caught_by="test_split_returns_lists"
def split_decay_groups(model):
    no_decay = []
    for layer in model.modules():
        for name, p in layer.named_parameters(recurse=False):
            if p not in no_decay and (p.ndim < 2 or isinstance(layer, NORM_LAYERS + EMBEDDING_LAYERS)):
                no_decay.append(p)
    return [p for p in model.parameters() if p not in no_decay], no_decay


# %% Adam with groups is taken for AdamW caught_by=["test_grouped_class", "test_grouped_updates"]
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    return torch.optim.Adam([{"params": decay}, {"params": no_decay, "weight_decay": 0.0}], lr=lr, weight_decay=weight_decay)


# %% A class of my own that is called AdamW caught_by="test_grouped_class"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    class AdamW(torch.optim.AdamW):
        pass

    decay, no_decay = split_decay_groups(model)
    return AdamW([{"params": decay}, {"params": no_decay, "weight_decay": 0.0}], lr=lr, weight_decay=weight_decay)


# %% The groups are returned, and no optimizer caught_by="test_grouped_class"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    return [{"params": decay, "weight_decay": weight_decay}, {"params": no_decay, "weight_decay": 0.0}]


# %% The model is returned next to its optimizer caught_by="test_grouped_class"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    return model, torch.optim.AdamW([{"params": decay}, {"params": no_decay, "weight_decay": 0.0}], lr)


# %% One group for all, as if the split were not there caught_by=["test_grouped_groups", "test_grouped_no_decay", "test_grouped_updates"]
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    trainable = [p for p in model.parameters() if p.requires_grad]
    return torch.optim.AdamW(trainable, lr=lr, weight_decay=weight_decay)


# %% The group without decay comes first caught_by="test_grouped_groups"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    groups = [{"params": no_decay, "weight_decay": 0.0}, {"params": decay, "weight_decay": weight_decay}]
    return torch.optim.AdamW(groups, lr=lr)


# %% The result of the split is unpacked in the wrong order caught_by=["test_grouped_groups", "test_grouped_updates"]
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    no_decay, decay = split_decay_groups(model)
    groups = [{"params": decay, "weight_decay": weight_decay}, {"params": no_decay, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr)


# %% An empty group is left out caught_by="test_grouped_groups"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    groups = [{"params": decay, "weight_decay": weight_decay}, {"params": no_decay, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=lr)


# %% A group for each parameter caught_by="test_grouped_groups"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    groups = [{"params": [p], "weight_decay": weight_decay} for p in decay]
    groups += [{"params": [p], "weight_decay": 0.0} for p in no_decay]
    return torch.optim.AdamW(groups, lr=lr)


# %% The decayed group is all of the model caught_by=["test_grouped_groups", "test_grouped_class"]
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    groups = [{"params": model.parameters()}, {"params": no_decay, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, weight_decay=weight_decay)


# %% Only what decays is optimized caught_by=["test_grouped_groups", "test_grouped_each_once"]
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    return torch.optim.AdamW([{"params": decay}, {"params": [], "weight_decay": 0.0}], lr=lr, weight_decay=weight_decay)


# %% Whatever is not decayed, frozen or not, goes to group 1 caught_by="test_grouped_each_once"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, _ = split_decay_groups(model)
    rest = [p for p in model.parameters() if all(p is not q for q in decay)]
    return torch.optim.AdamW([{"params": decay}, {"params": rest, "weight_decay": 0.0}], lr=lr, weight_decay=weight_decay)


# %% A copy of the model is optimized caught_by=["test_grouped_groups", "test_grouped_each_once", "test_grouped_updates"]
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    import copy

    decay, no_decay = split_decay_groups(copy.deepcopy(model))
    groups = [{"params": decay, "weight_decay": weight_decay}, {"params": no_decay, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr)


# %% The learning rate is left to torch caught_by=["test_grouped_defaults", "test_grouped_settings"]
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    return torch.optim.AdamW([{"params": decay}, {"params": no_decay, "weight_decay": 0.0}], weight_decay=weight_decay)


# %% The default learning rate of torch caught_by="test_grouped_defaults"
def build_grouped_adamw(model, lr=1e-3, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    groups = [{"params": decay, "weight_decay": weight_decay}, {"params": no_decay, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr)


# %% A weight decay as for Transformers of the literature caught_by="test_grouped_defaults"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-1):
    decay, no_decay = split_decay_groups(model)
    groups = [{"params": decay, "weight_decay": weight_decay}, {"params": no_decay, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr)


# %% The learning rate is set in one group only caught_by="test_grouped_settings"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    groups = [{"params": decay, "weight_decay": weight_decay, "lr": lr}, {"params": no_decay, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=1e-4)


# %% The weight decay argument is forgotten, the default of torch is the same caught_by="test_grouped_settings"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    return torch.optim.AdamW([{"params": decay}, {"params": no_decay, "weight_decay": 0.0}], lr=lr)


# %% A weight decay of zero counts as not given caught_by="test_grouped_settings"
def build_grouped_adamw(model, lr=1e-4, weight_decay=None):
    decay, no_decay = split_decay_groups(model)
    groups = [{"params": decay, "weight_decay": weight_decay or 1e-2}, {"params": no_decay, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr)


# %% Group 1 has no setting of its own, and inherits the decay caught_by=["test_grouped_no_decay", "test_grouped_updates"]
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    return torch.optim.AdamW([{"params": decay}, {"params": no_decay}], lr=lr, weight_decay=weight_decay)


# %% Only group 0 names a decay, and the rest takes the default of AdamW caught_by="test_grouped_no_decay"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    return torch.optim.AdamW([{"params": decay, "weight_decay": weight_decay}, {"params": no_decay}], lr=lr)


# %% A little decay for group 1, a tenth of the other caught_by="test_grouped_no_decay"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    groups = [{"params": decay, "weight_decay": weight_decay}, {"params": no_decay, "weight_decay": weight_decay / 10}]
    return torch.optim.AdamW(groups, lr=lr)


# %% A misspelt key, which torch keeps and never reads caught_by="test_grouped_no_decay"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    groups = [{"params": decay, "weight_decay": weight_decay}, {"params": no_decay, "weigth_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, weight_decay=weight_decay)


# %% The betas of a large language model caught_by="test_grouped_updates"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    groups = [{"params": decay, "weight_decay": weight_decay}, {"params": no_decay, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.95))


# %% AMSGrad is on caught_by="test_grouped_updates"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    groups = [{"params": decay, "weight_decay": weight_decay}, {"params": no_decay, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, amsgrad=True)


# %% The eps of BERT, in the second group only caught_by="test_grouped_updates"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    groups = [{"params": decay, "weight_decay": weight_decay}, {"params": no_decay, "weight_decay": 0.0, "eps": 1e-6}]
    return torch.optim.AdamW(groups, lr=lr)


# %% The eps of TensorFlow caught_by="test_grouped_updates"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    groups = [{"params": decay, "weight_decay": weight_decay}, {"params": no_decay, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, eps=1e-7)


# %% The decay goes through the gradient again caught_by="test_grouped_updates"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    groups = [{"params": decay, "weight_decay": weight_decay}, {"params": no_decay, "weight_decay": 0.0}]
    for group in groups:
        group["decoupled_weight_decay"] = False
    return torch.optim.AdamW(groups, lr=lr)


# %% The optimizer of the first model is kept for all caught_by=["test_grouped_groups", "test_grouped_settings"]
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2, kept=[]):
    if not kept:
        decay, no_decay = split_decay_groups(model)
        groups = [{"params": decay, "weight_decay": weight_decay}, {"params": no_decay, "weight_decay": 0.0}]
        kept.append(torch.optim.AdamW(groups, lr=lr))
    return kept[0]


# %% The builder splits by the popular one-liner, beside a right split caught_by="test_grouped_names_lie"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    words = ["bias", "LayerNorm.weight", "norm", "embedding"]
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    groups = [
        {"params": [p for n, p in named if not any(nd in n for nd in words)], "weight_decay": weight_decay},
        {"params": [p for n, p in named if any(nd in n for nd in words)], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr)


# %% embed is short for embedding caught_by="test_split_own_names"
def split_decay_groups(model):
    exempt = set()
    for layer in model.modules():
        if isinstance(layer, NORM_LAYERS + EMBEDDING_LAYERS):
            exempt.update(layer.parameters(recurse=False))
    decay, no_decay = [], []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        last = name.split(".")[-1]
        if parameter.ndim < 2 or parameter in exempt or "bias" in last or "embed" in last:
            no_decay.append(parameter)
        else:
            decay.append(parameter)
    return decay, no_decay


# %% A table of vectors has a name that ends in embedding caught_by="test_split_own_names"
def split_decay_groups(model):
    exempt = set()
    for layer in model.modules():
        if isinstance(layer, NORM_LAYERS + EMBEDDING_LAYERS):
            exempt.update(layer.parameters(recurse=False))
    decay, no_decay = [], []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        last = name.split(".")[-1]
        if parameter.ndim < 2 or parameter in exempt or "bias" in last or last.endswith("embedding"):
            no_decay.append(parameter)
        else:
            decay.append(parameter)
    return decay, no_decay


# %% The word norm in the last name part counts, too caught_by="test_split_own_names"
def split_decay_groups(model):
    exempt = set()
    for layer in model.modules():
        if isinstance(layer, NORM_LAYERS + EMBEDDING_LAYERS):
            exempt.update(layer.parameters(recurse=False))
    decay, no_decay = [], []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        last = name.split(".")[-1]
        if parameter.ndim < 2 or parameter in exempt or "bias" in last or "embedding" in last or "norm" in last:
            no_decay.append(parameter)
        else:
            decay.append(parameter)
    return decay, no_decay


# %% Layers are known by their attributes caught_by="test_split_names_lie"
def split_decay_groups(model):
    exempt = set()
    for layer in model.modules():
        if hasattr(layer, "eps") or hasattr(layer, "embedding_dim"):
            exempt.update(layer.parameters(recurse=False))
    decay, no_decay = [], []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        last = name.split(".")[-1]
        if parameter.ndim < 2 or parameter in exempt or "bias" in last or "embedding" in last:
            no_decay.append(parameter)
        else:
            decay.append(parameter)
    return decay, no_decay


# %% Parameters are recognised by their shapes caught_by="test_split_names_lie"
def split_decay_groups(model):
    exempt = set()
    for layer in model.modules():
        if isinstance(layer, NORM_LAYERS + EMBEDDING_LAYERS):
            exempt.update(parameter.shape for parameter in layer.parameters(recurse=False))
    decay, no_decay = [], []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        last = name.split(".")[-1]
        if parameter.ndim < 2 or parameter.shape in exempt or "bias" in last or "embedding" in last:
            no_decay.append(parameter)
        else:
            decay.append(parameter)
    return decay, no_decay


# %% What does not decay is frozen caught_by="test_split_frozen"
def split_decay_groups(model):
    exempt = set()
    for layer in model.modules():
        if isinstance(layer, NORM_LAYERS + EMBEDDING_LAYERS):
            exempt.update(layer.parameters(recurse=False))
    decay, no_decay = [], []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        last = name.split(".")[-1]
        if parameter.ndim < 2 or parameter in exempt or "bias" in last or "embedding" in last:
            no_decay.append(parameter)
        else:
            decay.append(parameter)
    for parameter in no_decay:
        parameter.requires_grad_(False)
    return decay, no_decay


# %% The settings stand in another order caught_by="test_grouped_settings"
def build_grouped_adamw(model, weight_decay=1e-2, lr=1e-4):
    decay, no_decay = split_decay_groups(model)
    groups = [{"params": decay, "weight_decay": weight_decay}, {"params": no_decay, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr)


# %% The weights are drawn anew before training caught_by="test_grouped_each_once"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    for parameter in decay:
        torch.nn.init.xavier_uniform_(parameter)
    groups = [{"params": decay, "weight_decay": weight_decay}, {"params": no_decay, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr)


# %% Capturable, which no ordinary step allows caught_by="test_grouped_updates"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    groups = [{"params": decay, "weight_decay": weight_decay}, {"params": no_decay, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, capturable=True)


# %% Batch, group and instance norms have only vectors, so their types are not asked for caught_by=["test_split_norm_layers", "test_grouped_names_lie"]
def split_decay_groups(model):
    exempt = set()
    for layer in model.modules():
        if isinstance(layer, (torch.nn.LayerNorm, torch.nn.RMSNorm, torch.nn.BatchNorm2d, *EMBEDDING_LAYERS)):
            exempt.update(layer.parameters(recurse=False))
    decay, no_decay = [], []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        last = name.split(".")[-1]
        if parameter.ndim < 2 or parameter in exempt or "bias" in last or "embedding" in last:
            no_decay.append(parameter)
        else:
            decay.append(parameter)
    return decay, no_decay


# %% What counts embeddings is an embedding layer caught_by="test_split_names_lie"
def split_decay_groups(model):
    exempt = set()
    for layer in model.modules():
        if isinstance(layer, NORM_LAYERS) or hasattr(layer, "num_embeddings"):
            exempt.update(layer.parameters(recurse=False))
    decay, no_decay = [], []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        last = name.split(".")[-1]
        if parameter.ndim < 2 or parameter in exempt or "bias" in last or "embedding" in last:
            no_decay.append(parameter)
        else:
            decay.append(parameter)
    return decay, no_decay


# %% What may be affine is a norm caught_by="test_split_names_lie"
def split_decay_groups(model):
    exempt = set()
    for layer in model.modules():
        if isinstance(layer, EMBEDDING_LAYERS) or any(hasattr(layer, a) for a in ("elementwise_affine", "num_features", "num_groups")):
            exempt.update(layer.parameters(recurse=False))
    decay, no_decay = [], []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        last = name.split(".")[-1]
        if parameter.ndim < 2 or parameter in exempt or "bias" in last or "embedding" in last:
            no_decay.append(parameter)
        else:
            decay.append(parameter)
    return decay, no_decay


# %% Capital letters are made small before the words are looked for caught_by="test_split_own_names"
def split_decay_groups(model):
    exempt = set()
    for layer in model.modules():
        if isinstance(layer, NORM_LAYERS + EMBEDDING_LAYERS):
            exempt.update(layer.parameters(recurse=False))
    decay, no_decay = [], []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        last = name.split(".")[-1].lower()
        if parameter.ndim < 2 or parameter in exempt or "bias" in last or "embedding" in last:
            no_decay.append(parameter)
        else:
            decay.append(parameter)
    return decay, no_decay


# %% Whatever names a position counts as an embedding caught_by="test_split_own_names"
def split_decay_groups(model):
    exempt = set()
    for layer in model.modules():
        if isinstance(layer, NORM_LAYERS + EMBEDDING_LAYERS):
            exempt.update(layer.parameters(recurse=False))
    decay, no_decay = [], []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        last = name.split(".")[-1]
        if parameter.ndim < 2 or parameter in exempt or any(word in last for word in ("bias", "embedding", "pos")):
            no_decay.append(parameter)
        else:
            decay.append(parameter)
    return decay, no_decay


# %% What holds one number is a scalar, however many dimensions it has caught_by="test_split_weights"
def split_decay_groups(model):
    exempt = set()
    for layer in model.modules():
        if isinstance(layer, NORM_LAYERS + EMBEDDING_LAYERS):
            exempt.update(layer.parameters(recurse=False))
    decay, no_decay = [], []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        last = name.split(".")[-1]
        if parameter.ndim == 1 or parameter.numel() == 1 or parameter in exempt or "bias" in last or "embedding" in last:
            no_decay.append(parameter)
        else:
            decay.append(parameter)
    return decay, no_decay


# %% A group is added only for what is there to decay caught_by="test_grouped_groups"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    groups = [{"params": decay, "weight_decay": weight_decay}] if decay else []
    groups.append({"params": no_decay, "weight_decay": 0.0})
    return torch.optim.AdamW(groups, lr=lr)


# %% The optimizer is built over the first list, which may be empty caught_by="test_grouped_groups"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    optimizer = torch.optim.AdamW(decay, lr=lr, weight_decay=weight_decay)
    optimizer.add_param_group({"params": no_decay, "weight_decay": 0.0})
    return optimizer


# %% A tiny decay that is nearly zero caught_by="test_grouped_no_decay"
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    groups = [{"params": decay, "weight_decay": weight_decay}, {"params": no_decay, "weight_decay": 1e-12}]
    return torch.optim.AdamW(groups, lr=lr)


# %% Parameters are known by their place in memory, which those on the meta device do not have caught_by=["test_split_weights", "test_grouped_groups"]
def split_decay_groups(model):
    layers = [layer for layer in model.modules() if isinstance(layer, NORM_LAYERS + EMBEDDING_LAYERS)]
    exempt = {parameter.data_ptr() for layer in layers for parameter in layer.parameters(recurse=False)}
    decay, no_decay = [], []
    for name, parameter in model.named_parameters():
        last = name.split(".")[-1]
        if not parameter.requires_grad:
            continue
        if parameter.ndim < 2 or parameter.data_ptr() in exempt or "bias" in last or "embedding" in last:
            no_decay.append(parameter)
        else:
            decay.append(parameter)
    return decay, no_decay
