"""Hidden checks of 1-build-optimizers."""

import contextlib
import functools

import torch

from autograder.checking.check import check
from autograder.checking.descriptions import ModuleDescription
from autograder.checking.expect import (
    expect_class,
    expect_number,
    expect_optimizer,
    expect_options,
    expect_params,
    expect_torch_defaults,
    names,
    tell,
)
from autograder.checking.student import StudentRaised, look_at
from autograder.sandbox.loaded import StudentFault

SGD, Adam, AdamW = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW


@functools.cache
def make_model(number=0):
    """A small model, with weights and biases, one of them frozen; each number gives another one."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2), torch.nn.LayerNorm(2))
    model[2].bias.requires_grad_(False)
    return model


def make_partly_frozen():
    """A new model, with a frozen parameter."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    model[0].weight.requires_grad_(False)
    return model


@functools.cache
def make_layer():
    """The least that an optimizer can be built for."""
    return torch.nn.Linear(2, 1)


# Each function is called in the same ways; only names and numbers differ.
CASES = {
    "build_sgd": {
        "class": SGD,
        "defaults": {"lr": 1e-1, "momentum": 0.9, "weight_decay": 1e-4},
        "given": [
            {"lr": 0.037, "momentum": 0.63, "weight_decay": 0.0021},
            {"lr": 0.4, "momentum": 0.0, "weight_decay": 0.0},
        ],
        "own": [{"lr": 0.5, "momentum": 0.2, "weight_decay": 0.0}, {"weight_decay": 0.03, "nesterov": True}, {}, {}],
    },
    "build_adam": {
        "class": Adam,
        "defaults": {"lr": 1e-3, "betas": (0.9, 0.999), "weight_decay": 0.0},
        "given": [{"lr": 0.0042, "betas": (0.8, 0.95)}, {"lr": 0.02, "betas": (0.0, 0.9)}],
        "own": [{"lr": 0.03, "eps": 1e-5}, {"betas": (0.5, 0.6), "weight_decay": 0.07}, {}, {}],
    },
    "build_adamw": {
        "class": AdamW,
        "defaults": {"lr": 1e-3, "betas": (0.9, 0.999), "weight_decay": 1e-2},
        "given": [
            {"lr": 0.0042, "betas": (0.8, 0.95), "weight_decay": 0.13},
            {"lr": 0.02, "betas": (0.0, 0.9), "weight_decay": 0.0},
        ],
        "own": [{"lr": 0.03, "weight_decay": 0.0}, {"betas": (0.5, 0.6), "eps": 1e-5}, {}, {}],
    },
}


def returns_its_class(student, function):
    expect_class(getattr(student, function)(make_layer().parameters()), CASES[function]["class"], function)


def takes_params_in_every_form(student, function):
    build = getattr(student, function)
    forms = {
        "a generator": lambda model: model.parameters(),
        "a list of tensors": lambda model: list(model.parameters()),
        "model.named_parameters()": lambda model: model.named_parameters(),
        "a list of group dicts": lambda model: [
            {"params": list(model[0].parameters())},
            {"params": [*model[1].parameters(), *model[2].parameters()]},
        ],
    }
    for number, (form, make) in enumerate(forms.items()):
        model = make_model(number)
        where = f"when params is {form}"
        try:
            found = build(make(model))
        except StudentFault as fault:
            if form == "a generator":  # as in every other check
                raise
            raise StudentFault(f"{where}, {fault}") from fault
        optimizer = expect_optimizer(found, function)
        expect_params(optimizer, dict(model.named_parameters()), where)
        count = len(optimizer.groups)
        one = form == "a list of group dicts" or count == 1  # groups are counted where their settings are judged
        assert one, f"expected one parameter group, found {count} {where}"
    changes_no_parameter(student, function)


def changes_no_parameter(student, function):
    model = make_partly_frozen()
    # torch keeps what it does not know of a group, so the model travels with its parameters and can be looked at
    groups = [{"params": list(model.parameters()), "model": model}]
    optimizer = expect_optimizer(getattr(student, function)(groups), function)
    expect_params(optimizer, dict(model.named_parameters()), "when one of them is frozen")
    now = look_at(student, model)
    assert isinstance(now, ModuleDescription), f"expected the model to stay as it was, found {tell(now)}"
    changed = [name for name, param in model.named_parameters() if not unchanged(now.parameters.get(name), param)]
    assert not changed, (
        f"expected the parameters to stay as they were (values and requires_grad), found changed: {names(changed)}"
    )


def unchanged(found, param):
    if not isinstance(found, torch.Tensor) or found.dtype != param.dtype:
        return False
    return found.requires_grad == param.requires_grad and torch.equal(found, param)


def has_the_default_settings(student, function):
    optimizer = expect_optimizer(getattr(student, function)(make_layer().parameters()), function)
    expect_in_every_group(optimizer, CASES[function]["defaults"], f"after {function}(params)")


def uses_the_given_settings(student, function):
    for settings in CASES[function]["given"]:
        optimizer = expect_optimizer(getattr(student, function)(make_layer().parameters(), **settings), function)
        call = ", ".join(f"{name}={tell(value)}" for name, value in settings.items())
        expect_in_every_group(optimizer, settings, f"after {function}(params, {call})")
    # With names, and by position; a function that cannot be called so is not blamed for that here.
    settings = CASES[function]["given"][0]
    with contextlib.suppress(StudentFault):
        found = getattr(student, function)(make_layer().named_parameters(), **settings)
        expect_in_every_group(expect_optimizer(found, function), settings, "when params is model.named_parameters()")
    first_two = dict(list(settings.items())[:2])
    call = f"{function}(params, {', '.join(map(tell, first_two.values()))})"
    try:
        found = getattr(student, function)(make_layer().parameters(), *first_two.values())
    except StudentRaised as fault:
        raise StudentFault(f"when called as {call}, {fault}") from fault
    except StudentFault:
        return
    expect_in_every_group(expect_optimizer(found, function), first_two, f"after {call}")


def leaves_the_rest_at_torch_defaults(student, function):
    optimizer = expect_optimizer(getattr(student, function)(make_layer().parameters()), function)
    expect_torch_defaults(optimizer, CASES[function]["class"], *CASES[function]["defaults"])


def lets_group_settings_win(student, function):
    case = CASES[function]
    model = make_model()
    params = [*(list(layer.parameters()) for layer in model[:2]), *([param] for param in model[2].parameters())]
    groups = [{"params": p, **own} for p, own in zip(params, case["own"], strict=True)]
    given = case["given"][0]
    optimizer = expect_optimizer(getattr(student, function)(groups, **given), function)
    assert len(optimizer.groups) == len(groups), (
        f"expected {len(groups)} groups, as they were given, found {len(optimizer.groups)}"
    )
    for number, (group, own) in enumerate(zip(optimizer.groups, case["own"], strict=True)):
        inherited = {name: value for name, value in given.items() if name not in own}
        if own:
            expect_options(group, own, f"in group {number}, which came with this setting of its own")
        expect_options(group, inherited, f"in group {number}, which came without this setting")


def expect_in_every_group(optimizer, settings, where):
    """How many groups there may be, another check says."""
    for group in groups_of(optimizer):
        expect_options(group, settings, where)


def groups_of(optimizer):
    assert optimizer.groups, "expected one parameter group, found none"
    return optimizer.groups


HINTS = {
    "class": "torch.optim has a class for each algorithm; return an object of exactly that class.",
    "forms": "Hand params on as they came, frozen ones too. torch knows all four forms; a generator is read only once.",
    "defaults": "Compare the default values in your def line with those in the task.",
    "given": "Does every argument of your function arrive in the optimizer, under the right name?",
    "rest": "Name only the settings that the signature names.",
    "groups": "torch fills in only the settings that a group lacks. Does your code change groups before or after that?",
}


@check("test_build_sgd", 0.5, HINTS["class"])
def test_sgd_class(student):
    """build_sgd returns a torch.optim.SGD."""
    returns_its_class(student, "build_sgd")


@check("test_build_sgd", 0.5, HINTS["forms"])
def test_sgd_params(student):
    """build_sgd takes params in every form, holds each parameter once and changes none."""
    takes_params_in_every_form(student, "build_sgd")


@check("test_build_sgd", 0.5, HINTS["defaults"])
def test_sgd_defaults(student):
    """build_sgd has lr 0.1, momentum 0.9 and weight decay 0.0001 by default."""
    has_the_default_settings(student, "build_sgd")


@check("test_build_sgd", 0.5, HINTS["given"])
def test_sgd_settings(student):
    """build_sgd uses the lr, momentum and weight decay that it is given."""
    uses_the_given_settings(student, "build_sgd")


@check("test_build_sgd", 0.5, HINTS["rest"])
def test_sgd_rest(student):
    """build_sgd leaves every other setting at torch's default."""
    leaves_the_rest_at_torch_defaults(student, "build_sgd")


@check("test_build_sgd", 0.5, HINTS["groups"])
def test_sgd_groups(student):
    """build_sgd lets a group's own settings win."""
    lets_group_settings_win(student, "build_sgd")


@check("test_build_adam", 0.5, HINTS["class"])
def test_adam_class(student):
    """build_adam returns a torch.optim.Adam, and not its subclass AdamW."""
    returns_its_class(student, "build_adam")


@check("test_build_adam", 0.5, HINTS["forms"])
def test_adam_params(student):
    """build_adam takes params in every form, holds each parameter once and changes none."""
    takes_params_in_every_form(student, "build_adam")


@check("test_build_adam", 0.5, HINTS["defaults"] + " Adam has no weight decay here.")
def test_adam_defaults(student):
    """build_adam has lr 0.001, betas (0.9, 0.999) and no weight decay by default."""
    has_the_default_settings(student, "build_adam")


@check("test_build_adam", 0.5, HINTS["given"])
def test_adam_settings(student):
    """build_adam uses the lr and betas that it is given."""
    uses_the_given_settings(student, "build_adam")


@check("test_build_adam", 0.5, HINTS["rest"])
def test_adam_rest(student):
    """build_adam leaves every other setting at torch's default."""
    leaves_the_rest_at_torch_defaults(student, "build_adam")


@check("test_build_adam", 0.5, HINTS["groups"])
def test_adam_groups(student):
    """build_adam lets a group's own settings win."""
    lets_group_settings_win(student, "build_adam")


@check("test_build_adamw", 0.5, HINTS["class"] + " Adam with a weight_decay is not AdamW.")
def test_adamw_class(student):
    """build_adamw returns a torch.optim.AdamW."""
    returns_its_class(student, "build_adamw")


@check("test_build_adamw", 0.5, HINTS["forms"])
def test_adamw_params(student):
    """build_adamw takes params in every form, holds each parameter once and changes none."""
    takes_params_in_every_form(student, "build_adamw")


@check("test_build_adamw", 0.5, HINTS["defaults"])
def test_adamw_defaults(student):
    """build_adamw has lr 0.001, betas (0.9, 0.999) and weight decay 0.01 by default."""
    has_the_default_settings(student, "build_adamw")


@check("test_build_adamw", 0.5, HINTS["given"])
def test_adamw_settings(student):
    """build_adamw uses the lr, betas and weight decay that it is given."""
    uses_the_given_settings(student, "build_adamw")


@check("test_build_adamw", 0.5, HINTS["rest"])
def test_adamw_rest(student):
    """build_adamw leaves every other setting at torch's default."""
    leaves_the_rest_at_torch_defaults(student, "build_adamw")


@check("test_build_adamw", 0.5, HINTS["groups"])
def test_adamw_groups(student):
    """build_adamw lets a group's own settings win."""
    lets_group_settings_win(student, "build_adamw")


# --- decay_pull ---------------------------------------------------------------------------------------------------


@functools.cache
def true_pull(optimizer_class, lr, weight_decay, weight):
    """The answer, measured with torch itself in float64."""
    parameter = torch.nn.Parameter(torch.tensor(weight, dtype=torch.float64))
    parameter.grad = torch.zeros_like(parameter)
    optimizer_class([parameter], lr=lr, weight_decay=weight_decay).step()
    return weight - parameter.item()


def expect_pull(student, optimizer_class, lr, weight_decay, weight=None, by_position=False):
    """Compare one call with the truth. A student may compute in float32, so a weight is known to about 1e-7 of it.

    That bounds the error however small the weight is; a rounded result does not keep to it.
    """
    settings = {"lr": lr, "weight_decay": weight_decay} | ({} if weight is None else {"weight": weight})
    told = [f"{value:g}" if by_position else f"{name}={value:g}" for name, value in settings.items()]
    call = f"decay_pull({', '.join([optimizer_class.__name__, *told])})"
    if by_position:
        found = student.decay_pull(optimizer_class, *settings.values())
    else:
        found = student.decay_pull(optimizer_class, **settings)
    weight = 1.0 if weight is None else weight
    found = expect_number(found, "decay_pull")
    wanted = true_pull(optimizer_class, lr, weight_decay, weight)
    close = abs(found - wanted) <= 1e-3 * abs(wanted) + 1e-6 * abs(weight)
    assert close, f"expected {call} to be about {wanted:.4g}, found {found:.4g}"


PULL_HINT = "Set the gradient to zero, which is not the same as leaving it None. Then take one step, and compare."


@check("test_decay_pull", 0.5, "A tensor has a method that gives its one value as a Python number.")
def test_pull_is_a_float(student):
    """decay_pull returns a Python float."""
    for optimizer_class in (SGD, Adam, AdamW):
        found = student.decay_pull(optimizer_class, lr=0.1, weight_decay=0.1)
        assert type(found) is float, f"expected a float, found {tell(found)} (from {optimizer_class.__name__})"


@check("test_decay_pull", 0.5, PULL_HINT)
def test_pull_of_sgd(student):
    """SGD pulls a weight by lr * weight_decay * weight."""
    expect_pull(student, SGD, 0.1, 0.1)
    expect_pull(student, SGD, 0.05, 0.4)
    expect_pull(student, SGD, 0.013, 0.0027)


@check("test_decay_pull", 0.5, PULL_HINT)
def test_pull_of_adamw(student):
    """AdamW pulls a weight by lr * weight_decay * weight."""
    expect_pull(student, AdamW, 0.1, 0.1)
    expect_pull(student, AdamW, 0.02, 0.6)
    expect_pull(student, AdamW, 0.017, 0.0019)


@check(
    "test_decay_pull",
    0.5,
    "Adam's decay enters through the gradient, which Adam then divides by its own size. " + PULL_HINT,
)
def test_pull_of_adam(student):
    """Adam pulls a weight by about lr, whatever the decay."""
    expect_pull(student, Adam, 0.1, 0.3)
    expect_pull(student, Adam, 0.1, 0.03)
    expect_pull(student, Adam, 0.02, 0.3)


@check(
    "test_decay_pull",
    0.5,
    "Start from the weight that was given, subtract after from before (a negative weight moves up), and do not round.",
)
def test_pull_of_weights(student):
    """decay_pull starts from the given weight, of either sign, however small."""
    for optimizer_class in (SGD, AdamW, Adam):
        expect_pull(student, optimizer_class, 0.1, 0.2, 4.0)
        expect_pull(student, optimizer_class, 0.1, 0.2, -2.5, by_position=True)
    for optimizer_class in (SGD, AdamW):  # in Adam, eps counts for such a weight
        expect_pull(student, optimizer_class, 0.1, 0.2, 3.1e-7)


@check("test_decay_pull", 0.5, "With a zero gradient and no decay, what is left that could move the weight?")
def test_pull_without_decay(student):
    """Without decay, nothing pulls."""
    for optimizer_class in (SGD, AdamW, Adam):
        expect_pull(student, optimizer_class, 0.1, 0.0)
