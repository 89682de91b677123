# What the prepared class of `make demo` hands in. Who is not here hands in the reference.

# %% ben: the popular one-liner
def split_decay_groups(model):
    words = ["bias", "LayerNorm.weight", "norm", "embedding"]
    decay = [p for n, p in model.named_parameters() if not any(word in n for word in words)]
    no_decay = [p for n, p in model.named_parameters() if any(word in n for word in words)]
    return decay, no_decay


# %% chloe: group 1 inherits the decay
def build_grouped_adamw(model, lr=1e-4, weight_decay=1e-2):
    decay, no_decay = split_decay_groups(model)
    return torch.optim.AdamW([{"params": decay}, {"params": no_decay}], lr=lr, weight_decay=weight_decay)


# %% dmitri: an untouched stub
def split_decay_groups(model):
    raise NotImplementedError
