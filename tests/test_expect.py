"""What graders say to students: any value that can come back is told in a few words."""

import pytest
import torch

from autograder.checking import expect
from autograder.checking.student import AxesDescription, ModuleDescription, Opaque, OptimizerDescription

VALUES = [
    (None, "None"),
    (0.1, "0.1"),
    (float("nan"), "nan"),
    (True, "True"),
    ("x" * 100, f"the text {'x' * 40!r}"),
    ((0.9, 0.999), "(0.9, 0.999)"),
    ([1], "a list of 1 item"),
    ({}, "a dict of 0 items"),
    (torch.ones(1), "a tensor holding 1"),
    (torch.nn.Parameter(torch.ones(2, 3)), "a Parameter of shape (2, 3)"),
    (torch.nn.Parameter(torch.ones(1, device="meta")), "a Parameter of shape (1,)"),
    (torch.nn.Linear(1, 1), "a model of class Linear"),
    (ModuleDescription("Net", None, True, {}, {}, {}, {}, {}), "a model of class Net"),
    (AxesDescription(None, [], "", "", "", "linear", "linear", None), "matplotlib Axes"),
    (OptimizerDescription("torch.optim.sgd.SGD", []), "an optimizer, torch.optim.sgd.SGD"),
    (Opaque("generator"), "a value of type generator"),
]


@pytest.mark.parametrize(("value", "told"), VALUES)
def test_every_value_is_told_in_a_few_words(value, told):
    assert expect.tell(value) == told
    assert not expect.same(value, 17.5)
    with pytest.raises(AssertionError, match="expected f to return an optimizer"):
        expect.expect_optimizer(value if not isinstance(value, OptimizerDescription) else None, "f")


@pytest.mark.parametrize(
    ("found", "wanted", "answer"),
    [
        (1, 1.0, True),
        (torch.tensor(0.5), 0.5, True),
        ([0.9, 0.99], (0.9, 0.99), True),
        ((0.9,), (0.9, 0.99), False),
        (True, 1.0, False),
        (False, False, True),
        (0, False, False),
        (None, 0.0, False),
        (float("nan"), 0.0, False),
        (0.1 + 1e-9, 0.1, True),
        (-0.0, 0.0, True),
        (1e-15, 0.0, False),
    ],
)
def test_options_are_compared_as_numbers(found, wanted, answer):
    assert expect.same(found, wanted) is answer
