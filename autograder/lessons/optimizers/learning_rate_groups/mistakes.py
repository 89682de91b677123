# Wrong answers to 3-learning-rate-groups. Each names its misconception and the check that must catch it.

# %% The model is changed but not returned caught_by="test_head_same_model"
def replace_head(model, num_classes):
    model.fc = nn.Linear(model.fc.in_features, num_classes)


# %% The new layer is returned, and not the model caught_by="test_head_same_model"
def replace_head(model, num_classes):
    model.fc = nn.Linear(model.fc.in_features, num_classes)
    return model.fc


# %% A copy is made, so that the old model stays intact caught_by="test_head_same_model"
def replace_head(model, num_classes):
    import copy

    model = copy.deepcopy(model)
    model.fc = nn.Linear(model.fc.in_features, num_classes)
    return model


# %% The model is wrapped in a Sequential with the head behind it caught_by=["test_head_same_model", "test_head_is_linear"]
def replace_head(model, num_classes):
    return nn.Sequential(model, nn.Linear(model.fc.out_features, num_classes))


# %% The state dict is returned caught_by="test_head_same_model"
def replace_head(model, num_classes):
    model.fc = nn.Linear(model.fc.in_features, num_classes)
    return model.state_dict()


# %% Another resnet18 is built and returned caught_by="test_head_same_model"
def replace_head(model, num_classes):
    return torchvision.models.resnet18(num_classes=num_classes)


# %% Every resnet18 has 512 features caught_by="test_head_is_linear"
def replace_head(model, num_classes):
    model.fc = nn.Linear(512, num_classes)
    return model


# %% Ten classes, as in the lesson caught_by="test_head_is_linear"
def replace_head(model, num_classes):
    model.fc = nn.Linear(model.fc.in_features, 10)
    return model


# %% Inputs and outputs change places caught_by="test_head_is_linear"
def replace_head(model, num_classes):
    model.fc = nn.Linear(num_classes, model.fc.in_features)
    return model


# %% The old outputs are taken for the inputs caught_by="test_head_is_linear"
def replace_head(model, num_classes):
    model.fc = nn.Linear(model.fc.out_features, num_classes)
    return model


# %% A head with dropout caught_by="test_head_is_linear"
def replace_head(model, num_classes):
    model.fc = nn.Sequential(nn.Dropout(0.5), nn.Linear(model.fc.in_features, num_classes))
    return model


# %% A convolution of size one is a linear layer as well caught_by="test_head_is_linear"
def replace_head(model, num_classes):
    model.fc = nn.Conv2d(model.fc.in_features, num_classes, 1)
    return model


# %% The new head has another name caught_by=["test_head_is_linear", "test_head_is_new", "test_head_rest_stays"]
def replace_head(model, num_classes):
    model.head = nn.Linear(model.fc.in_features, num_classes)
    return model


# %% The bias is left out, because batch norm has one caught_by="test_head_can_learn"
def replace_head(model, num_classes):
    model.fc = nn.Linear(model.fc.in_features, num_classes, bias=False)
    return model


# %% The bias is as it was in the old head caught_by="test_head_can_learn"
def replace_head(model, num_classes):
    model.fc = nn.Linear(model.fc.in_features, num_classes, bias=model.fc.bias is not None)
    return model


# %% Everything is frozen after the head was replaced caught_by=["test_head_can_learn", "test_head_frozen_stays"]
def replace_head(model, num_classes):
    model.fc = nn.Linear(model.fc.in_features, num_classes)
    for parameter in model.parameters():
        parameter.requires_grad = False
    return model


# %% The new head copies whether the old head was frozen caught_by="test_head_can_learn"
def replace_head(model, num_classes):
    head = nn.Linear(model.fc.in_features, num_classes)
    head.requires_grad_(model.fc.weight.requires_grad)
    model.fc = head
    return model


# %% A lazy layer, which makes its parameters when data come caught_by=["test_head_is_linear", "test_head_can_learn"]
def replace_head(model, num_classes):
    model.fc = nn.LazyLinear(num_classes)
    return model


# %% Only the numbers in the old layer are changed caught_by="test_head_is_new"
def replace_head(model, num_classes):
    model.fc.out_features = num_classes
    model.fc.weight = nn.Parameter(torch.randn(num_classes, model.fc.in_features))
    model.fc.bias = nn.Parameter(torch.zeros(num_classes))
    return model


# %% A head of the right size is kept caught_by="test_head_is_new"
def replace_head(model, num_classes):
    if model.fc.out_features != num_classes or model.fc.bias is None:
        model.fc = nn.Linear(model.fc.in_features, num_classes)
    return model


# %% A head of the right size is only initialised again caught_by="test_head_is_new"
def replace_head(model, num_classes):
    if model.fc.out_features == num_classes and model.fc.bias is not None:
        model.fc.reset_parameters()
    else:
        model.fc = nn.Linear(model.fc.in_features, num_classes)
    return model


# %% The number of features is found with a forward pass in training mode caught_by="test_head_rest_stays"
def replace_head(model, num_classes):
    model.fc = nn.Identity()
    model.train()
    features = model(torch.zeros(2, 3, 8, 8)).shape[1]
    model.fc = nn.Linear(features, num_classes)
    return model


# %% The model is put into training mode for the fine-tuning caught_by="test_head_rest_stays"
def replace_head(model, num_classes):
    model.fc = nn.Linear(model.fc.in_features, num_classes)
    return model.train()


# %% The model is put into evaluation mode caught_by="test_head_rest_stays"
def replace_head(model, num_classes):
    model.eval()
    model.fc = nn.Linear(model.fc.in_features, num_classes)
    return model


# %% Every linear layer is replaced, wherever it is caught_by="test_head_rest_stays"
def replace_head(model, num_classes):
    for module in list(model.modules()):
        if hasattr(module, "fc"):
            outputs = num_classes if module is model else module.fc.out_features
            module.fc = nn.Linear(module.fc.in_features, outputs)
    return model


# %% All weights start anew, not only those of the head caught_by="test_head_rest_stays"
def replace_head(model, num_classes):
    model.fc = nn.Linear(model.fc.in_features, num_classes)
    for module in model.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    return model


# %% The pooling before the head is replaced, too caught_by="test_head_rest_stays"
def replace_head(model, num_classes):
    model.avgpool = nn.AdaptiveMaxPool2d(1)
    model.fc = nn.Linear(model.fc.in_features, num_classes)
    return model


# %% The batch norms are put into evaluation mode, because their statistics are good caught_by="test_head_rest_stays"
def replace_head(model, num_classes):
    model.fc = nn.Linear(model.fc.in_features, num_classes)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    return model


# %% The batch norms are frozen by a momentum of zero caught_by="test_head_rest_stays"
def replace_head(model, num_classes):
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0
    model.fc = nn.Linear(model.fc.in_features, num_classes)
    return model


# %% A dropout is added to the model, beside the new head caught_by="test_head_rest_stays"
def replace_head(model, num_classes):
    model.dropout = nn.Dropout(0.2)
    model.fc = nn.Linear(model.fc.in_features, num_classes)
    return model


# %% The backbone is frozen, because that is transfer learning caught_by="test_head_frozen_stays"
def replace_head(model, num_classes):
    for parameter in model.parameters():
        parameter.requires_grad = False
    model.fc = nn.Linear(model.fc.in_features, num_classes)
    return model


# %% Everything becomes trainable, because it is fine-tuned caught_by="test_head_frozen_stays"
def replace_head(model, num_classes):
    model.fc = nn.Linear(model.fc.in_features, num_classes)
    return model.requires_grad_(True)


# %% Generators in the dicts caught_by="test_groups_form"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    head = model.get_submodule(head_name)
    inside = {id(p) for p in head.parameters()}
    return [
        {"params": (p for p in model.parameters() if id(p) not in inside), "lr": backbone_lr},
        {"params": head.parameters(), "lr": head_lr},
    ]


# %% Two lists of parameters without dicts caught_by="test_groups_form"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    head = [p for n, p in model.named_parameters() if n.startswith(head_name + ".")]
    backbone = [p for n, p in model.named_parameters() if not n.startswith(head_name + ".")]
    return backbone, head


# %% One dict with two entries caught_by="test_groups_form"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    head = [p for n, p in model.named_parameters() if n.startswith(head_name + ".")]
    backbone = [p for n, p in model.named_parameters() if not n.startswith(head_name + ".")]
    return {"backbone": {"params": backbone, "lr": backbone_lr}, "head": {"params": head, "lr": head_lr}}


# %% Only the backbone has a dict with a rate, and the head waits for the default of the optimizer caught_by=["test_groups_form", "test_groups_rates"]
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    head = [p for n, p in model.named_parameters() if n.startswith(head_name + ".")]
    backbone = [p for n, p in model.named_parameters() if not n.startswith(head_name + ".")]
    return [{"params": backbone, "lr": backbone_lr}, {"params": head}]


# %% The key is called learning_rate caught_by=["test_groups_form", "test_groups_rates"]
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    head = [p for n, p in model.named_parameters() if n.startswith(head_name + ".")]
    backbone = [p for n, p in model.named_parameters() if not n.startswith(head_name + ".")]
    return [{"params": backbone, "learning_rate": backbone_lr}, {"params": head, "learning_rate": head_lr}]


# %% Names and parameters in pairs caught_by="test_groups_form"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    head = [(n, p) for n, p in model.named_parameters() if n.startswith(head_name + ".")]
    backbone = [(n, p) for n, p in model.named_parameters() if not n.startswith(head_name + ".")]
    return [{"params": backbone, "lr": backbone_lr}, {"params": head, "lr": head_lr}]


# %% A group for each parameter caught_by="test_groups_form"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    return [
        {"params": [p], "lr": head_lr if n.startswith(head_name + ".") else backbone_lr}
        for n, p in model.named_parameters()
        if p.requires_grad
    ]


# %% Nothing is returned from finetune_groups caught_by="test_groups_form"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    head = [p for n, p in model.named_parameters() if n.startswith(head_name + ".")]
    backbone = [p for n, p in model.named_parameters() if not n.startswith(head_name + ".")]
    groups = [{"params": backbone, "lr": backbone_lr}, {"params": head, "lr": head_lr}]


# %% The two rates change places caught_by="test_groups_rates"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    inside = {id(p) for p in model.get_submodule(head_name).parameters()}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if id(p) not in inside], "lr": head_lr},
        {"params": [p for p in trainable if id(p) in inside], "lr": backbone_lr},
    ]


# %% The smaller rate is always the one of the backbone caught_by="test_groups_rates"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    inside = {id(p) for p in model.get_submodule(head_name).parameters()}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if id(p) not in inside], "lr": min(backbone_lr, head_lr)},
        {"params": [p for p in trainable if id(p) in inside], "lr": max(backbone_lr, head_lr)},
    ]


# %% A rate of zero counts as not given caught_by="test_groups_rates"
def finetune_groups(model, head_name, backbone_lr=None, head_lr=None):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    inside = {id(p) for p in model.get_submodule(head_name).parameters()}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if id(p) not in inside], "lr": backbone_lr or 1e-5},
        {"params": [p for p in trainable if id(p) in inside], "lr": head_lr or 1e-3},
    ]


# %% The head rate is a hundred times the backbone rate, whatever was given caught_by="test_groups_rates"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    inside = {id(p) for p in model.get_submodule(head_name).parameters()}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if id(p) not in inside], "lr": backbone_lr},
        {"params": [p for p in trainable if id(p) in inside], "lr": 100 * backbone_lr},
    ]


# %% The head comes first, with its own rate caught_by=["test_groups_plain", "test_groups_rates"]
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    inside = {id(p) for p in model.get_submodule(head_name).parameters()}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if id(p) in inside], "lr": head_lr},
        {"params": [p for p in trainable if id(p) not in inside], "lr": backbone_lr},
    ]


# %% The lesson one-liner, with fc written into it caught_by=["test_groups_plain", "test_groups_lookalikes", "test_groups_unknown"]
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    backbone = [p for name, p in model.named_parameters() if "fc" not in name]
    head = list(model.get_submodule(head_name).parameters())
    return [{"params": backbone, "lr": backbone_lr}, {"params": head, "lr": head_lr}]


# %% The backbone group holds the head, too caught_by="test_groups_plain"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    inside = {id(p) for p in model.get_submodule(head_name).parameters()}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": trainable, "lr": backbone_lr},
        {"params": [p for p in trainable if id(p) in inside], "lr": head_lr},
    ]


# %% Only the weight and the bias of the head itself are its parameters caught_by="test_groups_plain"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    inside = {id(p) for p in model.get_submodule(head_name).parameters(recurse=False)}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if id(p) not in inside], "lr": backbone_lr},
        {"params": [p for p in trainable if id(p) in inside], "lr": head_lr},
    ]


# %% Biases are not worth training caught_by="test_groups_plain"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    inside = {id(p) for p in model.get_submodule(head_name).parameters()}
    trainable = [p for n, p in model.named_parameters() if p.requires_grad and not n.endswith("bias")]
    return [
        {"params": [p for p in trainable if id(p) not in inside], "lr": backbone_lr},
        {"params": [p for p in trainable if id(p) in inside], "lr": head_lr},
    ]


# %% The parameters of a copy caught_by="test_groups_plain"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    import copy

    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    model = copy.deepcopy(model)
    inside = {id(p) for p in model.get_submodule(head_name).parameters()}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if id(p) not in inside], "lr": backbone_lr},
        {"params": [p for p in trainable if id(p) in inside], "lr": head_lr},
    ]


# %% The state dict is sorted, whose tensors are not parameters caught_by="test_groups_plain"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    state = model.state_dict()
    head = [t for n, t in state.items() if n.startswith(head_name + ".")]
    backbone = [t for n, t in state.items() if not n.startswith(head_name + ".")]
    return [{"params": backbone, "lr": backbone_lr}, {"params": head, "lr": head_lr}]


# %% The generator is used up by a first look caught_by="test_groups_plain"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    named = model.named_parameters()
    head = [p for n, p in named if n.startswith(head_name + ".") and p.requires_grad]
    backbone = [p for n, p in named if not n.startswith(head_name + ".") and p.requires_grad]
    return [{"params": backbone, "lr": backbone_lr}, {"params": head, "lr": head_lr}]


# %% The last layer is the head, whatever its name caught_by="test_groups_plain"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    params = [p for p in model.parameters() if p.requires_grad]
    return [{"params": params[:-2], "lr": backbone_lr}, {"params": params[-2:], "lr": head_lr}]


# %% A name that contains the head name is in the head caught_by="test_groups_lookalikes"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    head = [p for n, p in named if head_name in n]
    backbone = [p for n, p in named if head_name not in n]
    return [{"params": backbone, "lr": backbone_lr}, {"params": head, "lr": head_lr}]


# %% A name that begins like the head name is in the head caught_by="test_groups_lookalikes"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    head = [p for n, p in named if n.startswith(head_name)]
    backbone = [p for n, p in named if not n.startswith(head_name)]
    return [{"params": backbone, "lr": backbone_lr}, {"params": head, "lr": head_lr}]


# %% The head name with a dot behind it is looked for anywhere in the name caught_by="test_groups_lookalikes"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    inside = {id(p) for n, p in model.named_parameters(remove_duplicate=False) if head_name + "." in n}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if id(p) not in inside], "lr": backbone_lr},
        {"params": [p for p in trainable if id(p) in inside], "lr": head_lr},
    ]


# %% The backbone is sorted by text and the head by module, so that fc1 is lost caught_by="test_groups_lookalikes"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    backbone = [p for n, p in model.named_parameters() if head_name not in n and p.requires_grad]
    head = [p for p in model.get_submodule(head_name).parameters() if p.requires_grad]
    return [{"params": backbone, "lr": backbone_lr}, {"params": head, "lr": head_lr}]


# %% A regular expression in which the dot means any character caught_by="test_groups_lookalikes"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    import re

    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    head = [p for n, p in named if re.match(head_name + ".", n)]
    backbone = [p for n, p in named if not re.match(head_name + ".", n)]
    return [{"params": backbone, "lr": backbone_lr}, {"params": head, "lr": head_lr}]


# %% getattr with a dotted name caught_by="test_groups_dotted"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or not isinstance(getattr(model, head_name, None), nn.Module):
        raise ValueError(f"unknown head {head_name!r}")
    inside = {id(p) for p in getattr(model, head_name).parameters()}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if id(p) not in inside], "lr": backbone_lr},
        {"params": [p for p in trainable if id(p) in inside], "lr": head_lr},
    ]


# %% Only the first part of the path counts caught_by="test_groups_dotted"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    head = model.get_submodule(head_name.split(".")[0])
    inside = {id(p) for p in head.parameters()}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if id(p) not in inside], "lr": backbone_lr},
        {"params": [p for p in trainable if id(p) in inside], "lr": head_lr},
    ]


# %% Children instead of modules, which end at the first level caught_by="test_groups_dotted"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    children = dict(model.named_children())
    if head_name not in children:
        raise ValueError(f"unknown head {head_name!r}")
    inside = {id(p) for p in children[head_name].parameters()}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if id(p) not in inside], "lr": backbone_lr},
        {"params": [p for p in trainable if id(p) in inside], "lr": head_lr},
    ]


# %% Frozen parameters are in the groups, because they have no gradient anyway caught_by="test_groups_frozen"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    inside = {id(p) for p in model.get_submodule(head_name).parameters()}
    return [
        {"params": [p for p in model.parameters() if id(p) not in inside], "lr": backbone_lr},
        {"params": [p for p in model.parameters() if id(p) in inside], "lr": head_lr},
    ]


# %% Frozen parameters are left out of the backbone only caught_by="test_groups_frozen"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    head = list(model.get_submodule(head_name).parameters())
    inside = {id(p) for p in head}
    backbone = [p for p in model.parameters() if p.requires_grad and id(p) not in inside]
    return [{"params": backbone, "lr": backbone_lr}, {"params": head, "lr": head_lr}]


# %% Everything is made trainable first caught_by="test_groups_frozen"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    inside = {id(p) for p in model.get_submodule(head_name).parameters()}
    model.requires_grad_(True)
    return [
        {"params": [p for p in model.parameters() if id(p) not in inside], "lr": backbone_lr},
        {"params": [p for p in model.parameters() if id(p) in inside], "lr": head_lr},
    ]


# %% The backbone is frozen after it was put into its group caught_by="test_groups_frozen"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    inside = {id(p) for p in model.get_submodule(head_name).parameters()}
    trainable = [p for p in model.parameters() if p.requires_grad]
    backbone = [p for p in trainable if id(p) not in inside]
    for parameter in backbone:
        parameter.requires_grad = False
    return [
        {"params": backbone, "lr": backbone_lr},
        {"params": [p for p in trainable if id(p) in inside], "lr": head_lr},
    ]


# %% The model is put into training mode, because it is trained next caught_by="test_groups_frozen"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    model.train()
    modules = dict(model.named_modules())
    if not head_name or head_name not in modules:
        raise ValueError(f"no module {head_name!r}")
    inside = set(modules[head_name].parameters())
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if p not in inside], "lr": backbone_lr},
        {"params": [p for p in trainable if p in inside], "lr": head_lr},
    ]


# %% The head is started anew on the way caught_by="test_groups_frozen"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    modules = dict(model.named_modules())
    if not head_name or head_name not in modules:
        raise ValueError(f"no module {head_name!r}")
    for module in modules[head_name].modules():
        if isinstance(module, nn.Linear) and not module.weight.is_meta:
            module.reset_parameters()
    inside = set(modules[head_name].parameters())
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if p not in inside], "lr": backbone_lr},
        {"params": [p for p in trainable if p in inside], "lr": head_lr},
    ]


# %% An empty group is left out caught_by="test_groups_frozen"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    inside = {id(p) for p in model.get_submodule(head_name).parameters()}
    trainable = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trainable if id(p) not in inside], "lr": backbone_lr},
        {"params": [p for p in trainable if id(p) in inside], "lr": head_lr},
    ]
    return [group for group in groups if group["params"]]


# %% A frozen head counts as an unknown one caught_by="test_groups_frozen"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    inside = {id(p) for p in model.get_submodule(head_name).parameters()}
    trainable = [p for p in model.parameters() if p.requires_grad]
    head = [p for p in trainable if id(p) in inside]
    if not head:
        raise ValueError(f"nothing to train in {head_name!r}")
    return [
        {"params": [p for p in trainable if id(p) not in inside], "lr": backbone_lr},
        {"params": head, "lr": head_lr},
    ]


# %% A shared parameter goes where its first name says caught_by="test_groups_shared"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    head = [p for n, p in named if n.startswith(head_name + ".")]
    backbone = [p for n, p in named if not n.startswith(head_name + ".")]
    return [{"params": backbone, "lr": backbone_lr}, {"params": head, "lr": head_lr}]


# %% A shared parameter is in both groups caught_by="test_groups_shared"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    named = [(n, p) for n, p in model.named_parameters(remove_duplicate=False) if p.requires_grad]
    head = [p for n, p in named if n.startswith(head_name + ".")]
    backbone = [p for n, p in named if not n.startswith(head_name + ".")]
    return [{"params": backbone, "lr": backbone_lr}, {"params": head, "lr": head_lr}]


# %% Modules are walked through, and a parameter of two modules is taken twice caught_by="test_groups_shared"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"unknown head {head_name!r}")
    inside = {id(p) for p in model.get_submodule(head_name).parameters()}
    backbone, head = [], []
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            if parameter.requires_grad:
                (head if id(parameter) in inside else backbone).append(parameter)
    return [{"params": backbone, "lr": backbone_lr}, {"params": head, "lr": head_lr}]


# %% What two layers of the head share is taken twice, under both its names caught_by="test_groups_shared"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"no module {head_name!r}")
    named = model.named_parameters(remove_duplicate=False)
    head = [p for name, p in named if name.startswith(head_name + ".") and p.requires_grad]
    backbone = [p for p in model.parameters() if p.requires_grad and all(p is not other for other in head)]
    return [{"params": backbone, "lr": backbone_lr}, {"params": head, "lr": head_lr}]


# %% A head without a parameter name of its own counts as unknown caught_by="test_groups_shared"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    names = [name for name, _ in model.named_parameters()]
    if not head_name or not any(name.startswith(head_name + ".") for name in names):
        raise ValueError(f"no module {head_name!r}")
    inside = {id(p) for p in model.get_submodule(head_name).parameters()}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if id(p) not in inside], "lr": backbone_lr},
        {"params": [p for p in trainable if id(p) in inside], "lr": head_lr},
    ]


# %% Stray dots are taken off the head name before it is looked up caught_by="test_groups_unknown"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    path = head_name.strip(". ")
    modules = dict(model.named_modules())
    if not path or path not in modules:
        raise ValueError(f"no module {head_name!r}")
    inside = set(modules[path].parameters())
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if p not in inside], "lr": backbone_lr},
        {"params": [p for p in trainable if p in inside], "lr": head_lr},
    ]


# %% Any head name will do, and an unknown one gives an empty head caught_by="test_groups_unknown"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    inside = {id(p) for n, p in model.named_parameters(remove_duplicate=False) if n.startswith(head_name + ".")}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if id(p) not in inside], "lr": backbone_lr},
        {"params": [p for p in trainable if id(p) in inside], "lr": head_lr},
    ]


# %% The AttributeError of get_submodule is good enough caught_by="test_groups_unknown"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name:
        raise ValueError("head_name is empty")
    inside = {id(p) for p in model.get_submodule(head_name).parameters()}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if id(p) not in inside], "lr": backbone_lr},
        {"params": [p for p in trainable if id(p) in inside], "lr": head_lr},
    ]


# %% An empty name is the model itself, and everything is its head caught_by="test_groups_unknown"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    modules = dict(model.named_modules())
    if head_name not in modules:
        raise ValueError(f"unknown head {head_name!r}")
    inside = {id(p) for p in modules[head_name].parameters()}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if id(p) not in inside], "lr": backbone_lr},
        {"params": [p for p in trainable if id(p) in inside], "lr": head_lr},
    ]


# %% A ValueError that does not say which name caught_by="test_groups_unknown"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError("There is no such module in the model.")
    inside = {id(p) for p in model.get_submodule(head_name).parameters()}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if id(p) not in inside], "lr": backbone_lr},
        {"params": [p for p in trainable if id(p) in inside], "lr": head_lr},
    ]


# %% The missing key of a dict gives a KeyError caught_by="test_groups_unknown"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    assert head_name
    inside = {id(p) for p in dict(model.named_modules())[head_name].parameters()}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if id(p) not in inside], "lr": backbone_lr},
        {"params": [p for p in trainable if id(p) in inside], "lr": head_lr},
    ]


# %% The name is known if any parameter begins with it caught_by="test_groups_unknown"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    named = list(model.named_parameters(remove_duplicate=False))
    if not head_name or not any(n.startswith(head_name) for n, _ in named):
        raise ValueError(f"unknown head {head_name!r}")
    inside = {id(p) for n, p in named if n.startswith(head_name + ".")}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if id(p) not in inside], "lr": backbone_lr},
        {"params": [p for p in trainable if id(p) in inside], "lr": head_lr},
    ]


# %% The name of a parameter is taken for a head caught_by="test_groups_unknown"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    named = list(model.named_parameters(remove_duplicate=False))
    inside = {id(p) for n, p in named if n == head_name or n.startswith(head_name + ".")}
    if not inside:
        raise ValueError(f"unknown head {head_name!r}")
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if id(p) not in inside], "lr": backbone_lr},
        {"params": [p for p in trainable if id(p) in inside], "lr": head_lr},
    ]


# %% A warning is printed, and None is returned caught_by="test_groups_unknown"
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        print("unknown head", head_name)
        return None
    inside = {id(p) for p in model.get_submodule(head_name).parameters()}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if id(p) not in inside], "lr": backbone_lr},
        {"params": [p for p in trainable if id(p) in inside], "lr": head_lr},
    ]


# %% Adam with a weight decay for fine-tuning caught_by="test_build_class"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    groups = finetune_groups(model, head_name, backbone_lr, head_lr)
    return torch.optim.Adam(groups, weight_decay=weight_decay)


# %% SGD over the right groups caught_by="test_build_class"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    groups = finetune_groups(model, head_name, backbone_lr, head_lr)
    return torch.optim.SGD(groups, weight_decay=weight_decay)


# %% The optimizer is built and not returned caught_by="test_build_class"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    groups = finetune_groups(model, head_name, backbone_lr, head_lr)
    optimizer = torch.optim.AdamW(groups, weight_decay=weight_decay)


# %% An optimizer for each part caught_by="test_build_class"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    groups = finetune_groups(model, head_name, backbone_lr, head_lr)
    return [torch.optim.AdamW([group], weight_decay=weight_decay) for group in groups]


# %% Only the head is optimized caught_by="test_build_groups"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    groups = finetune_groups(model, head_name, backbone_lr, head_lr)
    return torch.optim.AdamW(groups[1:], weight_decay=weight_decay)


# %% The one-liner again, although finetune_groups is right caught_by="test_build_groups"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    finetune_groups(model, head_name)
    backbone = [p for name, p in model.named_parameters() if "fc" not in name]
    head = list(model.get_submodule(head_name).parameters())
    groups = [{"params": backbone, "lr": backbone_lr}, {"params": head, "lr": head_lr}]
    return torch.optim.AdamW(groups, weight_decay=weight_decay)


# %% The head is added with its frozen parameters by add_param_group caught_by="test_build_groups"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    _, head = finetune_groups(model, head_name, backbone_lr, head_lr)
    inside = {id(p) for p in head["params"]}
    backbone = [p for p in model.parameters() if id(p) not in inside]
    optimizer = torch.optim.AdamW(backbone, lr=backbone_lr, weight_decay=weight_decay)
    optimizer.add_param_group(head)
    return optimizer


# %% All parameters are poured into one group caught_by="test_build_groups"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    groups = finetune_groups(model, head_name, backbone_lr, head_lr)
    params = [p for group in groups for p in group["params"]]
    return torch.optim.AdamW(params, lr=backbone_lr, weight_decay=weight_decay)


# %% A split of its own by names, so that the backbone keeps a shared parameter caught_by="test_build_groups"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    finetune_groups(model, head_name)
    trainable = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    backbone = [p for name, p in trainable if not name.startswith(head_name + ".")]
    head = [p for name, p in trainable if name.startswith(head_name + ".")]
    groups = [{"params": backbone, "lr": backbone_lr}, {"params": head, "lr": head_lr}]
    return torch.optim.AdamW(groups, weight_decay=weight_decay)


# %% A group without parameters is left out of the optimizer caught_by="test_build_groups"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    groups = finetune_groups(model, head_name, backbone_lr, head_lr)
    return torch.optim.AdamW([group for group in groups if group["params"]], weight_decay=weight_decay)


# %% The backbone is frozen once the optimizer holds it caught_by="test_build_groups"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    groups = finetune_groups(model, head_name, backbone_lr, head_lr)
    optimizer = torch.optim.AdamW(groups, weight_decay=weight_decay)
    for parameter in optimizer.param_groups[0]["params"]:
        parameter.requires_grad = False
    return optimizer


# %% A step is taken to warm the optimizer up caught_by="test_build_groups"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    groups = finetune_groups(model, head_name, backbone_lr, head_lr)
    optimizer = torch.optim.AdamW(groups, weight_decay=weight_decay)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    return optimizer


# %% The model is put into training mode along with its optimizer caught_by="test_build_groups"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    model.train()
    return torch.optim.AdamW(finetune_groups(model, head_name, backbone_lr, head_lr), weight_decay=weight_decay)


# %% A frozen head is made trainable after it was sorted caught_by="test_build_groups"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    groups = finetune_groups(model, head_name, backbone_lr, head_lr)
    model.get_submodule(head_name).requires_grad_(True)
    return torch.optim.AdamW(groups, weight_decay=weight_decay)


# %% The rates are not handed on to finetune_groups caught_by="test_build_rates"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    return torch.optim.AdamW(finetune_groups(model, head_name), lr=head_lr, weight_decay=weight_decay)


# %% The rates are handed on in the wrong order caught_by="test_build_rates"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    groups = finetune_groups(model, head_name, head_lr, backbone_lr)
    return torch.optim.AdamW(groups, weight_decay=weight_decay)


# %% One rate for all, set after the optimizer was built caught_by="test_build_rates"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    optimizer = torch.optim.AdamW(finetune_groups(model, head_name), weight_decay=weight_decay)
    for group in optimizer.param_groups:
        group["lr"] = head_lr
    return optimizer


# %% The weight decay is left to the default of torch caught_by="test_build_decay"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    return torch.optim.AdamW(finetune_groups(model, head_name, backbone_lr, head_lr))


# %% Only the head decays caught_by="test_build_decay"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    backbone, head = finetune_groups(model, head_name, backbone_lr, head_lr)
    return torch.optim.AdamW([{**backbone, "weight_decay": 0.0}, head], weight_decay=weight_decay)


# %% The decay is multiplied by the rate, which AdamW does already caught_by="test_build_decay"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    groups = finetune_groups(model, head_name, backbone_lr, head_lr)
    return torch.optim.AdamW([{**g, "weight_decay": weight_decay * g["lr"]} for g in groups])


# %% A decay of zero counts as not given caught_by="test_build_decay"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=None):
    groups = finetune_groups(model, head_name, backbone_lr, head_lr)
    return torch.optim.AdamW(groups, weight_decay=weight_decay or 1e-2)


# %% The betas of a language model caught_by="test_build_rest"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    groups = finetune_groups(model, head_name, backbone_lr, head_lr)
    return torch.optim.AdamW(groups, weight_decay=weight_decay, betas=(0.9, 0.95))


# %% AMSGrad for the backbone only caught_by="test_build_rest"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    backbone, head = finetune_groups(model, head_name, backbone_lr, head_lr)
    return torch.optim.AdamW([{**backbone, "amsgrad": True}, head], weight_decay=weight_decay)


# %% An unknown head is caught, and everything is trained as backbone caught_by="test_build_unknown"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    try:
        groups = finetune_groups(model, head_name, backbone_lr, head_lr)
    except ValueError:
        groups = [{"params": model.parameters(), "lr": backbone_lr}, {"params": [], "lr": head_lr}]
    return torch.optim.AdamW(groups, weight_decay=weight_decay)


# %% The ValueError becomes a RuntimeError caught_by="test_build_unknown"
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    try:
        groups = finetune_groups(model, head_name, backbone_lr, head_lr)
    except ValueError as error:
        raise RuntimeError(f"cannot build: {error}")
    return torch.optim.AdamW(groups, weight_decay=weight_decay)


# %% The summary is printed and not returned caught_by="test_summary_form"
def group_summary(optimizer):
    for group in optimizer.param_groups:
        print(group["lr"], sum(p.numel() for p in group["params"]))


# %% A dict from rate to number, in which equal rates fall together caught_by=["test_summary_form", "test_summary_rates"]
def group_summary(optimizer):
    return {group["lr"]: sum(p.numel() for p in group["params"]) for group in optimizer.param_groups}


# %% A generator of tuples caught_by="test_summary_form"
def group_summary(optimizer):
    return ((group["lr"], sum(p.numel() for p in group["params"])) for group in optimizer.param_groups)


# %% Lists in a list caught_by="test_summary_form"
def group_summary(optimizer):
    return [[group["lr"], sum(p.numel() for p in group["params"])] for group in optimizer.param_groups]


# %% The number stays a tensor caught_by="test_summary_form"
def group_summary(optimizer):
    return [
        (group["lr"], torch.tensor([p.numel() for p in group["params"]], dtype=torch.int64).sum())
        for group in optimizer.param_groups
    ]


# %% Number and rate change places caught_by=["test_summary_form", "test_summary_counts", "test_summary_rates"]
def group_summary(optimizer):
    return [(sum(p.numel() for p in group["params"]), group["lr"]) for group in optimizer.param_groups]


# %% Two numbers in two lists caught_by="test_summary_form"
def group_summary(optimizer):
    rates = [group["lr"] for group in optimizer.param_groups]
    return rates, [sum(p.numel() for p in group["params"]) for group in optimizer.param_groups]


# %% The tensors are counted, and not their scalars caught_by="test_summary_counts"
def group_summary(optimizer):
    return [(group["lr"], len(group["params"])) for group in optimizer.param_groups]


# %% Only the first dimension is counted, as len does caught_by="test_summary_counts"
def group_summary(optimizer):
    return [(group["lr"], sum(len(p) if p.ndim else 1 for p in group["params"])) for group in optimizer.param_groups]


# %% A parameter without dimensions holds nothing caught_by="test_summary_counts"
def group_summary(optimizer):
    summary = []
    for group in optimizer.param_groups:
        count = 0
        for p in group["params"]:
            if len(p.shape) > 0:
                count += p.numel()
        summary.append((group["lr"], count))
    return summary


# %% The counter is not set back between groups caught_by="test_summary_counts"
def group_summary(optimizer):
    summary, count = [], 0
    for group in optimizer.param_groups:
        for p in group["params"]:
            count += p.numel()
        summary.append((group["lr"], count))
    return summary


# %% Only matrices are counted, rows times columns caught_by="test_summary_counts"
def group_summary(optimizer):
    return [
        (group["lr"], sum(p.shape[0] * p.shape[1] for p in group["params"] if p.ndim == 2))
        for group in optimizer.param_groups
    ]


# %% The default rate of the optimizer stands for every group caught_by="test_summary_rates"
def group_summary(optimizer):
    lr = optimizer.defaults["lr"]
    return [(lr, sum(p.numel() for p in group["params"])) for group in optimizer.param_groups]


# %% The rate before the scheduler changed it caught_by="test_summary_rates"
def group_summary(optimizer):
    groups = optimizer.param_groups
    return [(g.get("initial_lr", g["lr"]), sum(p.numel() for p in g["params"])) for g in groups]


# %% The rate is rounded for display caught_by="test_summary_rates"
def group_summary(optimizer):
    return [(round(g["lr"], 6), sum(p.numel() for p in g["params"])) for g in optimizer.param_groups]


# %% Sorted by rate caught_by="test_summary_rates"
def group_summary(optimizer):
    return sorted((group["lr"], sum(p.numel() for p in group["params"])) for group in optimizer.param_groups)


# %% Groups with the same rate are added up caught_by="test_summary_rates"
def group_summary(optimizer):
    counts = {}
    for group in optimizer.param_groups:
        counts[group["lr"]] = counts.get(group["lr"], 0) + sum(p.numel() for p in group["params"])
    return list(counts.items())


# %% Only what is trainable is counted caught_by="test_summary_every_parameter"
def group_summary(optimizer):
    return [
        (group["lr"], sum(p.numel() for p in group["params"] if p.requires_grad)) for group in optimizer.param_groups
    ]


# %% Only what has a gradient is counted caught_by="test_summary_every_parameter"
def group_summary(optimizer):
    return [
        (group["lr"], sum(p.numel() for p in group["params"] if p.grad is not None)) for group in optimizer.param_groups
    ]


# %% An empty group is left out of the summary caught_by="test_summary_every_parameter"
def group_summary(optimizer):
    return [
        (group["lr"], sum(p.numel() for p in group["params"])) for group in optimizer.param_groups if group["params"]
    ]


# %% Parameters of the same shape are counted once caught_by="test_summary_every_parameter"
def group_summary(optimizer):
    return [
        (group["lr"], sum({p.shape: p.numel() for p in group["params"]}.values())) for group in optimizer.param_groups
    ]
