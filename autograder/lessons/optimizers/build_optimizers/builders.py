"""What build_sgd, build_adam and build_adamw are all asked for: the same calls, with other numbers."""

import contextlib
import functools
from dataclasses import dataclass

import torch

from autograder.checking.expect import (
    differing,
    expect_class,
    expect_optimizer,
    expect_options,
    expect_params,
    expect_torch_defaults,
    unlike_any,
)
from autograder.checking.student import StudentFault, StudentRaised
from autograder.checking.unchanged import expect_unchanged
from autograder.checking.words import names, tell_call
from autograder.messages import message_of, say

HINTS = {
    "class": "torch.optim has a class for each algorithm; return an object of exactly that class.",
    "forms": "Hand params on as they came, frozen ones too. torch knows all four forms; a generator is read only once.",
    "defaults": "Compare the default values in your def line with those in the task.",
    "given": "Does every argument of your function arrive in the optimizer, under the right name?",
    "rest": "Name only the settings that the signature names.",
    "groups": "torch fills in only the settings that a group lacks. Does your code change groups before or after that?",
}


@dataclass(frozen=True)
class Builder:
    """One of the three functions, and the numbers that it is tried with."""

    function: str
    optimizer_class: type[torch.optim.Optimizer]
    defaults: dict
    given: list[dict]
    """The settings of some calls."""
    own: list[dict]
    """The settings that groups come with."""

    def build(self, student, params, *values, **settings):
        """What one call returns, which must be an optimizer."""
        return expect_optimizer(getattr(student, self.function)(params, *values, **settings), self.function)

    def build_for(self, student, layer, *values, **settings):
        """The optimizer of a layer's parameters, or of copies of them, which is another check's business."""
        optimizer = self.build(student, layer.parameters(), *values, **settings)
        missing = unlike_any(optimizer, layer)
        assert not missing, say(
            "expected the optimizer to hold every parameter, found missing: {names} after {call}",
            names=names(missing),
            call=tell_call(self.function, "params", *values, **settings),
        )
        return optimizer


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


def returns_its_class(student, builder):
    expect_class(builder.build_for(student, make_layer()), builder.optimizer_class, builder.function)


GROUPS = "[{'params': …}, {'params': …}]"


def takes_params_in_every_form(student, builder):
    forms = {
        "model.parameters()": lambda model: model.parameters(),
        "list(model.parameters())": lambda model: list(model.parameters()),
        "model.named_parameters()": lambda model: model.named_parameters(),
        GROUPS: lambda model: [
            {"params": list(model[0].parameters())},
            {"params": [*model[1].parameters(), *model[2].parameters()]},
        ],
    }
    for number, (form, make) in enumerate(forms.items()):
        model = make_model(number)
        call = tell_call(builder.function, form)
        try:
            optimizer = builder.build(student, make(model))
        except StudentFault as fault:
            if form == "model.parameters()":  # as in every other check
                raise
            raise StudentFault(say("in {call}, {problem}", call=call, problem=message_of(fault))) from fault
        expect_params(optimizer, dict(model.named_parameters()), call)
        count = len(optimizer.groups)
        one = form == GROUPS or count == 1  # groups are counted where their settings are judged
        assert one, say("expected one parameter group, found {count} after {call}", count=count, call=call)
    changes_no_parameter(student, builder)


def changes_no_parameter(student, builder):
    model = make_partly_frozen()
    # torch keeps what it does not know of a group, so the model travels with its parameters and can be looked at
    optimizer = builder.build(student, [{"params": list(model.parameters()), "model": model}])
    held = [id(param) for param in optimizer.params]
    dropped = [name for name, param in model.named_parameters() if not param.requires_grad and id(param) not in held]
    assert not dropped, say(
        "expected the optimizer to hold frozen parameters too, found missing: {names}", names=names(dropped)
    )
    expect_params(optimizer, dict(model.named_parameters()), tell_call(builder.function, "[{'params': …}]"))
    expect_unchanged(student, model)


def has_the_default_settings(student, builder):
    optimizer = builder.build_for(student, make_layer())
    expect_in_every_group(optimizer, builder.defaults, tell_call(builder.function, "params"))


def uses_the_given_settings(student, builder):
    for settings in builder.given:
        optimizer = builder.build_for(student, make_layer(), **settings)
        expect_in_every_group(optimizer, settings, tell_call(builder.function, "params", **settings))
    # With names, and by position; a function that cannot be called so is not blamed for that here.
    settings = builder.given[0]
    with contextlib.suppress(StudentFault):
        optimizer = builder.build(student, make_layer().named_parameters(), **settings)
        call = tell_call(builder.function, "model.named_parameters()", **settings)
        expect_in_every_group(optimizer, settings, call)
    first_two = dict(list(settings.items())[:2])
    call = tell_call(builder.function, "params", *first_two.values())
    try:
        optimizer = builder.build_for(student, make_layer(), *first_two.values())
    except StudentRaised as fault:
        raise StudentFault(say("in {call}, {problem}", call=call, problem=message_of(fault))) from fault
    except StudentFault:
        return
    expect_in_every_group(optimizer, first_two, call)


def leaves_the_rest_at_torch_defaults(student, builder):
    optimizer = builder.build_for(student, make_layer())
    expect_torch_defaults(optimizer, builder.optimizer_class, *builder.defaults)


def lets_group_settings_win(student, builder):
    model = make_model()
    params = [*(list(layer.parameters()) for layer in model[:2]), *([param] for param in model[2].parameters())]
    groups = [{"params": p, **own} for p, own in zip(params, builder.own, strict=True)]
    given = builder.given[0]
    optimizer = builder.build(student, groups, **given)
    assert len(optimizer.groups) == len(groups), say(
        "expected {wanted} groups, as they were given, found {found}", wanted=len(groups), found=len(optimizer.groups)
    )
    for number, (group, own) in enumerate(zip(optimizer.groups, builder.own, strict=True)):
        inherited = {name: value for name, value in given.items() if name not in own}
        wrong = differing(group, own)
        assert not wrong, say(
            "expected {wanted}, found {found} in group {number}, which came with this setting of its own",
            number=number,
            **wrong,
        )
        wrong = differing(group, inherited)
        assert not wrong, say(
            "expected {wanted}, found {found} in group {number}, which came without this setting",
            number=number,
            **wrong,
        )


def expect_in_every_group(optimizer, settings, call):
    """How many groups there may be, another check says."""
    assert optimizer.groups, say("expected one parameter group, found none after {call}", call=call)
    for group in optimizer.groups:
        expect_options(group, settings, call)
