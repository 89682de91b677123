# The prepared class that `make demo` grades. Each cell is one student.

# %% ada: everything right
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)


# %% ben: Adam for AdamW, and a wrong default
def build_sgd(params, lr=1e-2, momentum=0.9, weight_decay=1e-4):
    return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)


def build_adamw(params, lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2):
    return torch.optim.Adam(params, lr=lr, betas=betas, weight_decay=weight_decay)


# %% chloe: forgets that no gradient is not a zero gradient
def decay_pull(optimizer_class, lr, weight_decay, weight=1.0):
    parameter = torch.nn.Parameter(torch.tensor(weight))
    optimizer_class([parameter], lr=lr, weight_decay=weight_decay).step()
    return weight - parameter


# %% dmitri: an untouched stub
def build_sgd(params):
    raise NotImplementedError

# %% emma: a function that crashes
def build_adam(params, lr=1e-3, betas=(0.9, 0.999)):
    return torch.optim.Adam(parameters, lr=lr, betas=betas)


# %% farid: a function that never ends
def build_adamw(params, lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2):
    optimizer = torch.optim.AdamW(params, lr=lr, betas=betas, weight_decay=weight_decay)
    while optimizer:
        lr = lr / 2
    return optimizer


# %% grace: right, with a warning on stderr
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    import sys
    import warnings

    warnings.warn("momentum is on")
    print("building SGD", file=sys.stderr)
    return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)


# %% hana: a loop outside of the functions, and an exit
def build_sgd(params, lr=1e-1, momentum=0.9, weight_decay=1e-4):
    return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)


import os

os._exit(0)
