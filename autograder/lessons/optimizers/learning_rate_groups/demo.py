# What the prepared class of `make demo` hands in. Who is not here hands in the reference.

# %% ben: the one-liner of many lessons
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    backbone = [p for n, p in model.named_parameters() if "fc" not in n]
    head = model.fc.parameters()
    return [{"params": backbone, "lr": backbone_lr}, {"params": list(head), "lr": head_lr}]


# %% chloe: a head for 512 features, whatever the model
def replace_head(model, num_classes):
    model.fc = torch.nn.Linear(512, num_classes)
    return model


# %% dmitri: an untouched stub
def replace_head(model, num_classes):
    raise NotImplementedError
