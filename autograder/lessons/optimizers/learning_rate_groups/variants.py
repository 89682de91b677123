# Right answers to 3-learning-rate-groups in other styles. Each must earn full marks.

# %% The number of inputs from the shape of the weight, and setattr
def replace_head(model, num_classes):
    outputs, inputs = model.fc.weight.shape
    setattr(model, "fc", torch.nn.Linear(in_features=inputs, out_features=num_classes))
    return model


# %% add_module, with weights of my own and an explicit requires_grad
def replace_head(model, num_classes):
    head = nn.Linear(model.fc.in_features, num_classes, bias=True)
    nn.init.xavier_uniform_(head.weight)
    nn.init.zeros_(head.bias)
    for parameter in head.parameters():
        parameter.requires_grad = True
    model.add_module("fc", head)
    return model


# %% The features are measured in evaluation mode, and the modes are put back
def replace_head(model, num_classes):
    modes = {module: module.training for module in model.modules()}
    model.fc = nn.Identity()
    model.eval()
    with torch.no_grad():
        features = model(torch.zeros(1, 3, 32, 32)).shape[1]
    for module, training in modes.items():
        module.training = training
    model.fc = nn.Linear(features, num_classes)
    return model


# %% set_submodule, with the device and dtype of the old head
def replace_head(model, num_classes):
    old = model.get_submodule("fc")
    new = nn.Linear(old.in_features, num_classes, device=old.weight.device, dtype=old.weight.dtype)
    model.set_submodule("fc", new)
    return model


# %% Through _modules, and rows of the old head as a start
def replace_head(model, num_classes):
    old = model._modules["fc"]
    new = nn.Linear(old.in_features, num_classes)
    with torch.no_grad():
        rows = min(num_classes, old.out_features)
        new.weight[:rows] = old.weight[:rows]
    model._modules["fc"] = new
    return model


# %% get_submodule, and its AttributeError turned into a ValueError
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if head_name == "":
        raise ValueError("The head name is empty.")
    try:
        head = model.get_submodule(head_name)
    except AttributeError as error:
        raise ValueError(f"No module called {head_name} in this model.") from error
    head_ids = set(map(id, head.parameters()))
    groups = ({"params": [], "lr": backbone_lr}, {"params": [], "lr": head_lr})
    for parameter in model.parameters():
        if parameter.requires_grad:
            groups[id(parameter) in head_ids]["params"].append(parameter)
    return list(groups)


# %% Parameters in a set, because they are hashed by identity
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    known = [name for name, _ in model.named_modules() if name]
    if head_name not in known:
        raise ValueError(f"{head_name!r} is none of {known}")
    head = set(model.get_submodule(head_name).parameters())
    backbone = set(model.parameters()) - head
    return [
        dict(params=[p for p in backbone if p.requires_grad], lr=backbone_lr),
        dict(params=[p for p in head if p.requires_grad], lr=head_lr),
    ]


# %% Prefix with a dot, all names of a shared parameter, and the error without quotes
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    named = list(model.named_parameters(remove_duplicate=False))
    prefix = head_name + "."
    in_head = {p: False for _, p in named}
    for name, p in named:
        if name.startswith(prefix):
            in_head[p] = True
    if not head_name or not any(in_head.values()):
        raise ValueError("unknown head: " + head_name)
    head = [p for p, inside in in_head.items() if inside and p.requires_grad]
    backbone = [p for p, inside in in_head.items() if not inside and p.requires_grad]
    return [{"params": backbone, "lr": backbone_lr}, {"params": head, "lr": head_lr}]


# %% The path is walked by hand, step by step
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    module = model
    for part in head_name.split("."):
        module = dict(module.named_children()).get(part)
        if module is None:
            raise ValueError(f"There is no {part!r} on the way to {head_name!r}")
    head = [p for p in module.parameters() if p.requires_grad]
    backbone = [p for p in model.parameters() if p.requires_grad and all(p is not h for h in head)]
    return [{"lr": backbone_lr, "params": backbone}, {"lr": head_lr, "params": head}]


# %% functools.reduce with getattr
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    import functools

    try:
        module = functools.reduce(getattr, head_name.split("."), model)
        assert head_name and isinstance(module, nn.Module)
    except (AttributeError, AssertionError):
        raise ValueError(f"head_name={head_name!r} is not a module")
    head = {id(p): p for p in module.parameters() if p.requires_grad}
    backbone = {id(p): p for p in model.parameters() if p.requires_grad and id(p) not in head}
    return [{"params": list(backbone.values()), "lr": backbone_lr}, {"params": list(head.values()), "lr": head_lr}]


# %% A tuple of dicts, with tuples of parameters and names for the groups
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(head_name)
    inside = {id(p) for p in model.get_submodule(head_name).parameters()}
    trainable = [p for p in model.parameters() if p.requires_grad]
    backbone = {"params": tuple(p for p in trainable if id(p) not in inside), "lr": backbone_lr, "name": "backbone"}
    head = {"params": tuple(p for p in trainable if id(p) in inside), "lr": head_lr, "name": "head"}
    return backbone, head


# %% Head first while sorting, backbone first in the result, lists in reverse
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    matches = [module for name, module in model.named_modules() if name == head_name and module is not model]
    if len(matches) != 1:
        raise ValueError(f"unknown or empty head: <{head_name}>")
    head = [p for p in matches[0].parameters() if p.requires_grad][::-1]
    backbone = [p for p in model.parameters() if p.requires_grad and not any(p is q for q in head)][::-1]
    return [{"params": g, "lr": lr} for g, lr in ((backbone, backbone_lr), (head, head_lr))]


# %% A helper finds the head, and both functions use it
def find_head(model, head_name):
    modules = dict(model.named_modules())
    del modules[""]
    if head_name not in modules:
        raise ValueError(f"{head_name!r} is not one of {list(modules)}")
    return modules[head_name]


def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    head = {p for p in find_head(model, head_name).parameters() if p.requires_grad}
    return [
        {"params": [p for p in model.parameters() if p.requires_grad and p not in head], "lr": backbone_lr},
        {"params": list(head), "lr": head_lr},
    ]


def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    return torch.optim.AdamW(finetune_groups(model, head_name, backbone_lr, head_lr), weight_decay=weight_decay)


# %% Settings written into the groups, and an implementation chosen
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    groups = finetune_groups(model, head_name, backbone_lr=backbone_lr, head_lr=head_lr)
    for group in groups:
        group["weight_decay"] = weight_decay
    return torch.optim.AdamW(groups, lr=0.5, foreach=False)


# %% The head joins later by add_param_group
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    backbone, head = finetune_groups(model, head_name, backbone_lr, head_lr)
    optimizer = torch.optim.AdamW([backbone], lr=backbone_lr, weight_decay=weight_decay)
    optimizer.add_param_group(head)
    return optimizer


# %% Without finetune_groups, with names for torch to keep
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    if not head_name or head_name not in dict(model.named_modules()):
        raise ValueError(f"no module {head_name!r}")
    inside = {id(p) for p in model.get_submodule(head_name).parameters()}
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    groups = [
        {"params": [(n, p) for n, p in named if id(p) not in inside], "lr": backbone_lr},
        {"params": [(n, p) for n, p in named if id(p) in inside], "lr": head_lr},
    ]
    if not all(group["params"] for group in groups):  # torch takes an empty group for one without names
        for group in groups:
            group["params"] = [p for _, p in group["params"]]
    return torch.optim.AdamW(groups, weight_decay=weight_decay)


# %% The rates are set in the finished optimizer
def build_finetune_adamw(model, head_name, backbone_lr=1e-5, head_lr=1e-3, weight_decay=1e-2):
    optimizer = torch.optim.AdamW(finetune_groups(model, head_name), weight_decay=weight_decay, betas=[0.9, 0.999])
    for group, lr in zip(optimizer.param_groups, (backbone_lr, head_lr)):
        group["lr"] = lr
    return optimizer


# %% A loop, math.prod, and explicit kinds
def group_summary(optimizer):
    import math

    summary = []
    for group in optimizer.param_groups:
        count = 0
        for parameter in group["params"]:
            count += math.prod(parameter.shape)
        summary.append((float(group["lr"]), int(count)))
    return summary


# %% zip and map
def group_summary(optimizer):
    groups = optimizer.param_groups
    rates = (group["lr"] for group in groups)
    counts = (sum(map(torch.numel, group["params"])) for group in groups)
    return list(zip(rates, counts))


# %% numpy counts, and becomes plain numbers
def group_summary(optimizer):
    import numpy as np

    return [
        (float(np.float64(g["lr"])), int(np.sum([np.prod(p.shape) for p in g["params"]])))
        for g in optimizer.param_groups
    ]


# %% From the state dict for the rates, and from flattened tensors for the numbers
def group_summary(optimizer):
    rates = [group["lr"] for group in optimizer.state_dict()["param_groups"]]
    counts = [sum(p.nelement() for p in group["params"]) for group in optimizer.param_groups]
    return [(lr, count) for lr, count in zip(rates, counts)]


# %% attrgetter follows the path, and every parameter is taken out of one table
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    import operator

    try:
        head = operator.attrgetter(head_name)(model)
        assert isinstance(head, nn.Module)
    except (AttributeError, AssertionError):
        raise ValueError(f"There is no module '{head_name}' in this {type(model).__name__}") from None
    rest = {id(p): p for p in model.parameters() if p.requires_grad}
    own = [rest.pop(id(p)) for p in head.parameters() if p.requires_grad]
    return [{"lr": backbone_lr, "params": list(rest.values())}, {"lr": head_lr, "params": own}]


# %% The path is followed through _modules by recursion, and modules own their parameters
def finetune_groups(model, head_name, backbone_lr=1e-5, head_lr=1e-3):
    def find(module, parts):
        inner = module._modules.get(parts[0])
        return inner if inner is None or not parts[1:] else find(inner, parts[1:])

    head = find(model, head_name.split("."))
    if head is None:
        raise ValueError("no module called " + repr(head_name))
    inside = {p for module in head.modules() for p in module.parameters(recurse=False)}
    groups = [{"params": [], "lr": backbone_lr}, {"params": [], "lr": head_lr}]
    for p in model.parameters():
        if p.requires_grad:
            groups[p in inside]["params"].append(p)
    return groups


# %% The old head is deleted before the new one comes, which follows the mode of the model
def replace_head(model, num_classes):
    features = model.fc.in_features
    del model.fc
    model.register_module("fc", nn.Linear(features, num_classes).train(model.training))
    return model


# %% Named tuples, and an object that is called like a function
from collections import namedtuple

Row = namedtuple("Row", ["lr", "count"])


def group_summary(optimizer):
    return [Row(group["lr"], sum(p.numel() for p in group["params"])) for group in optimizer.param_groups]


class HeadReplacer:
    def __call__(self, model, num_classes):
        model.fc = nn.Linear(model.fc.in_features, num_classes)
        return model


replace_head = HeadReplacer()

# %% group_summary adds up with NumPy
import numpy as np

def group_summary(optimizer):
    sizes = [np.array([p.numel() for p in group["params"]], dtype=int) for group in optimizer.param_groups]
    return [(group["lr"], size.sum()) for group, size in zip(optimizer.param_groups, sizes)]
