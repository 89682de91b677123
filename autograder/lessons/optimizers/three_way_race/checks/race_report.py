"""Hidden checks of race_report."""

from autograder.checking.check import check
from autograder.checking.expect import expect_number
from autograder.checking.words import tell, tell_keys, tell_kind
from autograder.messages import Code, say


def make_curves(adam: list[float], gaps: list[float], sgd: list[float]) -> dict[str, list[float]]:
    """AdamW is Adam plus the gaps. The order of the keys says nothing."""
    adamw = [loss + gap for loss, gap in zip(adam, gaps, strict=True)]
    return {"AdamW": adamw, "SGD": sgd, "Adam": adam}


def falling(start: float, end: float, steps: int) -> list[float]:
    return [end + (start - end) * (1 - step / (steps - 1)) ** 2 for step in range(steps)]


REPORTS = {
    "below": make_curves(
        falling(2.0, 0.25, 16),
        [0, -0.01, -0.02, 0.015, -0.0704321, 0.03, 0, 0, 0.01, 0.02] + [0.0] * 6,
        falling(2, 0.9004321, 16),
    ),
    "above": make_curves(
        falling(1.5, 0.5, 14), [0, 0.01, 0.02, -0.01, 0, 0.04, 0.01, 0, 0, -0.02] + [0.0] * 4, falling(1.5, 2.5, 14)
    ),
    "tenth": make_curves(
        [*falling(1.0, 0.3, 19), 0.45], [0.0] * 8 + [2e-5, -5.4321e-5] + [0.0] * 10, falling(1.0, 0.35, 20)
    ),
    "eleventh": make_curves(
        falling(1.0, 0.4, 15), [0, 0.01, 0.03, 0.02] + [0.0] * 6 + [0.2, -0.3, 0.1, 0.2, 0.5], falling(1.0, 0.1, 15)
    ),
    "short 1": make_curves([1.2], [0], [1.2]),
    "short 4": make_curves(falling(1.2, 0.8, 4), [0, 0.01, -0.06, 0.05], falling(1.2, 0.5, 4)),
}


CASES = {
    "below": say("AdamW below Adam"),
    "above": say("AdamW above Adam"),
    "tenth": say("the largest gap at the tenth step"),
    "eleventh": say("larger gaps from the eleventh step on"),
    "short 1": say("a race of 1 step"),
    "short 4": say("a race of {steps} steps", steps=4),
}


def true_report(curves: dict[str, list[float]]) -> dict[str, float]:
    pairs = zip(curves["Adam"][:10], curves["AdamW"][:10], strict=True)
    return {
        "adam_adamw_gap": max(abs(one - other) for one, other in pairs),
        "sgd_lag": curves["SGD"][-1] - curves["Adam"][-1],
    }


def report(student, case: str) -> dict:
    found = student.race_report(REPORTS[case])
    assert isinstance(found, dict), say("expected race_report to return a dict, found {found}", found=tell(found))
    return found


def expect_entry(student, case: str, key: str) -> None:
    found = report(student, case)
    assert key in found, say("expected the key {key}, found {found}", key=repr(key), found=tell_keys(found))
    number = expect_number(found[key], Code(key))
    wanted = true_report(REPORTS[case])[key]
    assert abs(number - wanted) <= 1e-6, say(
        "with {case}, expected {key} to be {wanted:.4g}, found {found:.4g}",
        case=CASES[case],
        key=key,
        wanted=wanted,
        found=number,
    )


@check("test_race_report", 0.5, "Two keys, spelled as in the task, with a plain number under each.")
def test_report_form(student):
    """race_report returns a dict of two floats, adam_adamw_gap and sgd_lag."""
    found = student.race_report(REPORTS["below"])
    assert type(found) is dict, say("expected race_report to return a dict, found {found}", found=tell(found))
    wanted = {"adam_adamw_gap", "sgd_lag"}
    assert set(found) == wanted, say(
        "expected the keys 'adam_adamw_gap' and 'sgd_lag', found {found}", found=tell_keys(found)
    )
    for key in sorted(wanted):
        assert type(found[key]) is float, say(
            "expected {key} to be a float, found {found}", key=key, found=tell_kind(found[key])
        )
    truth = true_report(REPORTS["below"])
    told = any(abs(abs(found[key]) - abs(truth[key])) <= 1e-6 for key in wanted)  # any number is a float
    assert told, say("expected a number of this race under one of the keys, found none")


@check("test_race_report", 0.5, "A gap has no sign, and either curve may be the upper one. Which step is the tenth?")
def test_report_gap(student):
    """adam_adamw_gap is the largest distance of the two curves in the first ten steps."""
    for case in list(REPORTS)[:4]:
        expect_entry(student, case, "adam_adamw_gap")


@check("test_race_report", 0.5, "It is positive where SGD ends above Adam, and negative where it ends below.")
def test_report_lag(student):
    """sgd_lag is the final loss of SGD minus that of Adam."""
    for case in list(REPORTS)[:4]:
        expect_entry(student, case, "sgd_lag")


@check("test_race_report", 0.5, "How many of the first ten steps are there when a race has only four, or one?")
def test_report_of_a_short_race(student):
    """race_report works for a race of fewer than ten steps."""
    for case in list(REPORTS)[4:]:
        expect_entry(student, case, "adam_adamw_gap")
        expect_entry(student, case, "sgd_lag")
