# Wrong answers to 1-build-optimizers. Each names its misconception and the check that must catch it.

# %% SGD is Adam: any optimizer will do caught_by="test_sgd_class"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    return torch.optim.Adam(params, lr=lr, weight_decay=weight_decay)


# %% RMSprop takes a momentum as well, so it is the same caught_by="test_sgd_class"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    return torch.optim.RMSprop(params, lr=lr, momentum=momentum, weight_decay=weight_decay)


# %% A wrapper class of my own behaves like SGD caught_by="test_sgd_class"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    class SGD(torch.optim.SGD):
        pass

    return SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)


# %% The class is returned, and not an optimizer caught_by="test_sgd_class"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    return torch.optim.SGD


# %% Nothing is returned caught_by="test_sgd_class"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    optimizer = torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)


# %% The optimizer comes in a list caught_by="test_sgd_class"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    return [torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)]


# %% The generator is used up by counting its parameters caught_by="test_sgd_params"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    print("parameters:", len(list(params)))
    return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)


# %% Only weights are optimized, because biases are small caught_by="test_sgd_params"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    params = list(params)
    if isinstance(params[0], torch.Tensor):
        params = [p for p in params if p.ndim > 1]
    return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)


# %% The model is handed over instead of its parameters caught_by="test_sgd_params"
def build_sgd(model, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    return torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum, weight_decay=weight_decay)


# %% Copies of the parameters are optimized caught_by="test_sgd_params"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    import copy

    return torch.optim.SGD(copy.deepcopy(list(params)), lr=lr, momentum=momentum, weight_decay=weight_decay)


# %% Only plain tensors are understood caught_by="test_sgd_params"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    params = [p.requires_grad_() for p in params]
    return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)


# %% One optimizer is kept and returned at every call caught_by="test_sgd_params"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4, kept=[]):
    if not kept:
        kept.append(torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay))
    return kept[0]


# %% The learning rate of the torch documentation caught_by="test_sgd_defaults"
def build_sgd(params, lr=1e-3, momentum=0.9, weight_decay=1e-4):
    return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)


# %% Momentum is off by default caught_by="test_sgd_defaults"
def build_sgd(params, lr=1e-1, momentum=0.0, weight_decay=1e-4):
    return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)


# %% Weight decay ten times too large caught_by="test_sgd_defaults"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-3):
    return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)


# %% The momentum argument never reaches the optimizer caught_by="test_sgd_settings"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    return torch.optim.SGD(params, lr=lr, momentum=0.9, weight_decay=weight_decay)


# %% Everything is written down as a number, and no argument is used caught_by="test_sgd_settings"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    return torch.optim.SGD(params, lr=1e-1, momentum=0.9, weight_decay=1e-4)


# %% A zero momentum counts as not given caught_by="test_sgd_settings"
def build_sgd(params, lr=None, momentum=None, weight_decay=None):
    return torch.optim.SGD(params, lr=lr or 1e-1, momentum=momentum or 0.9, weight_decay=weight_decay or 1e-4)


# %% Positional arguments in the order of another library caught_by="test_sgd_settings"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    return torch.optim.SGD(params, lr, weight_decay, 0, momentum)


# %% Nesterov momentum is better, so it is on caught_by="test_sgd_rest"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=momentum > 0)


# %% Dampening mistaken for momentum of the other kind caught_by="test_sgd_rest"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    return torch.optim.SGD(params, lr=lr, momentum=momentum, dampening=1 - momentum, weight_decay=weight_decay)


# %% The loss is climbed caught_by="test_sgd_rest"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay, maximize=True)


# %% Every group gets the arguments, whatever it came with caught_by="test_sgd_groups"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    optimizer = torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)
    for group in optimizer.param_groups:
        group.update(lr=lr, momentum=momentum, weight_decay=weight_decay)
    return optimizer


# %% Groups are poured into one list caught_by="test_sgd_groups"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    params = list(params)
    if isinstance(params[0], dict):
        params = [p for group in params for p in group["params"]]
    return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)


# %% AdamW for Adam, because it is the better Adam caught_by="test_adam_class"
def build_adam(params, lr=1e-3, betas=(0.9, 0.999)):
    return torch.optim.AdamW(params, lr=lr, betas=betas, weight_decay=0.0)


# %% Adam takes the parameters as a list only caught_by="test_adam_params"
def build_adam(params, lr=1e-3, betas=(0.9, 0.999)):
    return torch.optim.Adam(params[:], lr=lr, betas=betas)


# %% The last parameter is left out by a slice caught_by="test_adam_params"
def build_adam(params, lr=1e-3, betas=(0.9, 0.999)):
    params = list(params)
    return torch.optim.Adam(params[:-1] if len(params) > 2 else params, lr=lr, betas=betas)


# %% Adam decays a little, as AdamW does caught_by="test_adam_defaults"
def build_adam(params, lr=1e-3, betas=(0.9, 0.999)):
    return torch.optim.Adam(params, lr=lr, betas=betas, weight_decay=1e-2)


# %% The betas of another paper caught_by="test_adam_defaults"
def build_adam(params, lr=1e-3, betas=(0.9, 0.99)):
    return torch.optim.Adam(params, lr=lr, betas=betas)


# %% The learning rate of SGD caught_by="test_adam_defaults"
def build_adam(params, lr=1e-1, betas=(0.9, 0.999)):
    return torch.optim.Adam(params, lr=lr, betas=betas)


# %% The betas argument is forgotten caught_by="test_adam_settings"
def build_adam(params, lr=1e-3, betas=(0.9, 0.999)):
    return torch.optim.Adam(params, lr=lr)


# %% The betas change places caught_by="test_adam_settings"
def build_adam(params, lr=1e-3, betas=(0.9, 0.999)):
    return torch.optim.Adam(params, lr=lr, betas=(betas[1], betas[0]))


# %% The signature lacks betas caught_by="test_adam_settings"
def build_adam(params, lr=1e-3):
    return torch.optim.Adam(params, lr=lr)


# %% Momentum is passed to Adam by another name caught_by="test_adam_class"
def build_adam(params, lr=1e-3, betas=(0.9, 0.999)):
    return torch.optim.Adam(params, lr=lr, momentum=betas[0])


# %% AMSGrad is on caught_by="test_adam_rest"
def build_adam(params, lr=1e-3, betas=(0.9, 0.999)):
    return torch.optim.Adam(params, lr=lr, betas=betas, amsgrad=True)


# %% The eps of TensorFlow caught_by="test_adam_rest"
def build_adam(params, lr=1e-3, betas=(0.9, 0.999)):
    return torch.optim.Adam(params, lr=lr, betas=betas, eps=1e-7)


# %% Adam with decoupled decay, which is AdamW caught_by="test_adam_rest"
def build_adam(params, lr=1e-3, betas=(0.9, 0.999)):
    return torch.optim.Adam(params, lr=lr, betas=betas, decoupled_weight_decay=True)


# %% The learning rate of every group is set again caught_by="test_adam_groups"
def build_adam(params, lr=1e-3, betas=(0.9, 0.999)):
    optimizer = torch.optim.Adam(params, lr=lr, betas=betas)
    for group in optimizer.param_groups:
        group["lr"] = lr
    return optimizer


# %% Adam with a weight decay is taken for AdamW caught_by="test_adamw_class"
def build_adamw(params, lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2):
    return torch.optim.Adam(params, lr=lr, betas=betas, weight_decay=weight_decay)


# %% Adam that decays like AdamW, but is not of its class caught_by="test_adamw_class"
def build_adamw(params, lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2):
    return torch.optim.Adam(params, lr=lr, betas=betas, weight_decay=weight_decay, decoupled_weight_decay=True)


# %% Parameters are sorted into groups by hand, and groups with names are not foreseen caught_by="test_adamw_params"
def build_adamw(params, lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2):
    params = list(params)
    if isinstance(params[0], tuple):
        params = [tensor for name, tensor in params if "bias" not in name]
    return torch.optim.AdamW(params, lr=lr, betas=betas, weight_decay=weight_decay)


# %% The weight decay of SGD caught_by="test_adamw_defaults"
def build_adamw(params, lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-4):
    return torch.optim.AdamW(params, lr=lr, betas=betas, weight_decay=weight_decay)


# %% Without weight decay by default caught_by="test_adamw_defaults"
def build_adamw(params, lr=1e-3, betas=(0.9, 0.999), weight_decay=0.0):
    return torch.optim.AdamW(params, lr=lr, betas=betas, weight_decay=weight_decay)


# %% The weight decay argument is forgotten caught_by="test_adamw_settings"
def build_adamw(params, lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2):
    return torch.optim.AdamW(params, lr=lr, betas=betas)


# %% The decay is multiplied by the learning rate, which AdamW already does caught_by="test_adamw_settings"
def build_adamw(params, lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2):
    return torch.optim.AdamW(params, lr=lr, betas=betas, weight_decay=lr * weight_decay)


# %% A larger eps for stability caught_by="test_adamw_rest"
def build_adamw(params, lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2):
    return torch.optim.AdamW(params, lr=lr, betas=betas, weight_decay=weight_decay, eps=1e-6)


# %% Each group gets the weight decay, also one that asks for none caught_by="test_adamw_groups"
def build_adamw(params, lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2):
    params = list(params)
    if isinstance(params[0], dict):
        params = [{**group, "weight_decay": weight_decay} for group in params]
    return torch.optim.AdamW(params, lr=lr, betas=betas, weight_decay=weight_decay)


# %% A tensor is returned for a float caught_by="test_pull_is_a_float"
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    parameter = torch.nn.Parameter(torch.tensor(weight, dtype=torch.float64))
    optimizer = optimizer_class([parameter], lr=lr, weight_decay=weight_decay)
    parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    return (weight - parameter).detach()


# %% The pull comes as text caught_by="test_pull_is_a_float"
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    parameter = torch.nn.Parameter(torch.tensor(weight, dtype=torch.float64))
    optimizer = optimizer_class([parameter], lr=lr, weight_decay=weight_decay)
    parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    return f"{weight - parameter.item():.6f}"


# %% The gradient stays None, so step skips the weight caught_by=["test_pull_of_sgd", "test_pull_of_adamw", "test_pull_of_adam"]
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    parameter = torch.nn.Parameter(torch.tensor(weight))
    optimizer_class([parameter], lr=lr, weight_decay=weight_decay).step()
    return weight - parameter.item()


# %% zero_grad before step sets the gradient to None caught_by="test_pull_of_sgd"
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    parameter = torch.nn.Parameter(torch.tensor(weight))
    optimizer = optimizer_class([parameter], lr=lr, weight_decay=weight_decay)
    (parameter * 0).backward()
    optimizer.zero_grad()
    optimizer.step()
    return weight - parameter.item()


# %% The gradient is one and not zero caught_by="test_pull_of_sgd"
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    parameter = torch.nn.Parameter(torch.tensor(weight))
    optimizer = optimizer_class([parameter], lr=lr, weight_decay=weight_decay)
    parameter.backward()
    optimizer.step()
    return weight - parameter.item()


# %% The formula of decoupled decay is used for every class caught_by="test_pull_of_adam"
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    return float(lr * weight_decay * weight)


# %% Every optimizer is thought to move by lr caught_by="test_pull_of_adamw"
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    if optimizer_class is torch.optim.SGD:
        return float(lr * weight_decay * weight)
    return float(lr * weight_decay**0 * weight / abs(weight)) if weight_decay else 0.0


# %% The class that was given is not used caught_by="test_pull_of_adam"
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    parameter = torch.nn.Parameter(torch.tensor(weight))
    optimizer = torch.optim.AdamW([parameter], lr=lr, weight_decay=weight_decay)
    parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    return weight - parameter.item()


# %% AdamW is confused with Adam by isinstance caught_by="test_pull_of_adamw"
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    if issubclass(optimizer_class, torch.optim.Adam):
        return float(lr) * (weight > 0) - float(lr) * (weight < 0) if weight_decay else 0.0
    return float(lr * weight_decay * weight)


# %% Ten steps and not one caught_by="test_pull_of_sgd"
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    parameter = torch.nn.Parameter(torch.tensor(weight))
    optimizer = optimizer_class([parameter], lr=lr, weight_decay=weight_decay)
    for _ in range(10):
        parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    return weight - parameter.item()


# %% After minus before caught_by="test_pull_of_sgd"
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    parameter = torch.nn.Parameter(torch.tensor(weight))
    optimizer = optimizer_class([parameter], lr=lr, weight_decay=weight_decay)
    parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    return parameter.item() - weight


# %% The weight after the step is returned caught_by="test_pull_of_sgd"
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    parameter = torch.nn.Parameter(torch.tensor(weight))
    optimizer = optimizer_class([parameter], lr=lr, weight_decay=weight_decay)
    parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    return parameter.item()


# %% Before and after are the same tensor caught_by="test_pull_of_sgd"
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    parameter = torch.nn.Parameter(torch.tensor(weight))
    before = parameter.data
    optimizer = optimizer_class([parameter], lr=lr, weight_decay=weight_decay)
    parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    return (before - parameter).item()


# %% The size of the pull, without its sign caught_by="test_pull_of_weights"
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    parameter = torch.nn.Parameter(torch.tensor(weight))
    optimizer = optimizer_class([parameter], lr=lr, weight_decay=weight_decay)
    parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    return abs(weight - parameter.item())


# %% The weight is always one caught_by="test_pull_of_weights"
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    parameter = torch.nn.Parameter(torch.ones(()))
    optimizer = optimizer_class([parameter], lr=lr, weight_decay=weight_decay)
    parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    return 1.0 - parameter.item()


# %% The pull relative to the weight caught_by="test_pull_of_weights"
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    parameter = torch.nn.Parameter(torch.tensor(weight))
    optimizer = optimizer_class([parameter], lr=lr, weight_decay=weight_decay)
    parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    return (weight - parameter.item()) / weight


# %% A decay of zero falls back to the default of the class caught_by="test_pull_without_decay"
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    parameter = torch.nn.Parameter(torch.tensor(weight))
    settings = {"weight_decay": weight_decay} if weight_decay else {}
    optimizer = optimizer_class([parameter], lr=lr, **settings)
    parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    return weight - parameter.item()


# %% Adam moves by lr even when nothing pulls caught_by="test_pull_without_decay"
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    if optimizer_class is torch.optim.Adam:
        return float(lr if weight > 0 else -lr)
    return float(lr * weight_decay * weight)


# %% Momentum is the first setting, so arguments by position go astray caught_by="test_sgd_settings"
def build_sgd(params, momentum=0.9, lr=1e-1, weight_decay=1e-4):
    return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)


# %% The weight decay stands before the betas caught_by="test_adamw_settings"
def build_adamw(params, lr=1e-3, weight_decay=1e-2, betas=(0.9, 0.999)):
    return torch.optim.AdamW(params, lr=lr, betas=betas, weight_decay=weight_decay)


# %% Frozen parameters are left out, wherever they are caught_by="test_sgd_params"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    def trained(items):
        return [item for item in items if (item[1] if isinstance(item, tuple) else item).requires_grad]

    params = list(params)
    if isinstance(params[0], dict):
        params = [{**group, "params": trained(group["params"])} for group in params]
    else:
        params = trained(params)
    return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)


# %% What is to be optimized is made trainable first caught_by="test_adam_params"
def build_adam(params, lr=1e-3, betas=(0.9, 0.999)):
    optimizer = torch.optim.Adam(params, lr=lr, betas=betas)
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.requires_grad_(True)
    return optimizer


# %% Training starts from small weights, so they are drawn anew caught_by="test_adamw_params"
def build_adamw(params, lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2):
    optimizer = torch.optim.AdamW(params, lr=lr, betas=betas, weight_decay=weight_decay)
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            torch.nn.init.normal_(parameter, std=0.02)
    return optimizer


# %% No weight decay means none in any group, whatever it asks for caught_by="test_adam_groups"
def build_adam(params, lr=1e-3, betas=(0.9, 0.999)):
    optimizer = torch.optim.Adam(params, lr=lr, betas=betas)
    for group in optimizer.param_groups:
        group["weight_decay"] = 0.0
    return optimizer


# %% Differentiable, which sounds like what training needs caught_by="test_adam_rest"
def build_adam(params, lr=1e-3, betas=(0.9, 0.999)):
    return torch.optim.Adam(params, lr=lr, betas=betas, differentiable=True)


# %% The base class is an optimizer as well caught_by="test_sgd_class"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    return torch.optim.Optimizer(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})


# %% The weight decay comes before the learning rate caught_by="test_pull_of_weights"
def decay_pull(optimizer_class, weight_decay, lr, weight=1.0):
    parameter = torch.nn.Parameter(torch.tensor(weight))
    parameter.grad = torch.zeros_like(parameter)
    optimizer_class([parameter], lr=lr, weight_decay=weight_decay).step()
    return weight - parameter.item()


# %% Rounded to four places, which look nicer caught_by=["test_pull_of_sgd", "test_pull_of_adamw"]
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    parameter = torch.nn.Parameter(torch.tensor(weight))
    parameter.grad = torch.zeros_like(parameter)
    optimizer_class([parameter], lr=lr, weight_decay=weight_decay).step()
    return round(weight - parameter.item(), 4)


# %% A group that asks for no decay counts as one that asks for nothing caught_by="test_sgd_groups"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    params = list(params)
    if isinstance(params[0], dict):
        params = [{**group, "weight_decay": group.get("weight_decay") or weight_decay} for group in params]
    return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)


# %% The first parameter is looked at, and lost to the generator caught_by="test_sgd_params"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    first = next(iter(params))
    print("building an optimizer for", type(first))
    return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)


# %% Each named parameter becomes a group caught_by="test_sgd_params"
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    params = list(params)
    if isinstance(params[0], tuple):
        params = [{"params": [parameter], "name": name} for name, parameter in params]
    return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)


# %% Each tensor becomes a group caught_by="test_adam_params"
def build_adam(params, lr=1e-3, betas=(0.9, 0.999)):
    groups = [item if isinstance(item, dict) else {"params": [item]} for item in params]
    return torch.optim.Adam(groups, lr=lr, betas=betas)


# %% Biases are known by their names, and get a group without decay caught_by="test_adamw_params"
def build_adamw(params, lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2):
    params = list(params)
    if isinstance(params[0], tuple):
        biases = [parameter for name, parameter in params if name.endswith("bias")]
        weights = [parameter for name, parameter in params if not name.endswith("bias")]
        params = [{"params": weights}, {"params": biases, "weight_decay": 0.0}]
    return torch.optim.AdamW(params, lr=lr, betas=betas, weight_decay=weight_decay)


# %% With names, the weight decay is forgotten caught_by="test_adamw_settings"
def build_adamw(params, lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2):
    params = list(params)
    if isinstance(params[0], tuple):
        return torch.optim.AdamW([parameter for _, parameter in params], lr=lr, betas=betas)
    return torch.optim.AdamW(params, lr=lr, betas=betas, weight_decay=weight_decay)


# %% Groups with the same settings are poured into one caught_by="test_adamw_groups"
def build_adamw(params, lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2):
    params = list(params)
    if isinstance(params[0], dict):
        merged = {}
        for group in params:
            settings = {"lr": lr, "betas": betas, "weight_decay": weight_decay, **group}
            members = settings.pop("params")
            merged.setdefault(str(settings), {**settings, "params": []})["params"].extend(members)
        params = list(merged.values())
    return torch.optim.AdamW(params, lr=lr, betas=betas, weight_decay=weight_decay)


# %% Rounded to eight places, which is thought to be more than enough caught_by="test_pull_of_weights"
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    parameter = torch.nn.Parameter(torch.tensor(float(weight), dtype=torch.float64))
    parameter.grad = torch.zeros_like(parameter)
    optimizer_class([parameter], lr=lr, weight_decay=weight_decay).step()
    return round(weight - parameter.item(), 8)
