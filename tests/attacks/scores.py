# Attacks that want points without an answer. What they return or patch stands where the answers should be.

# %% Every function returns an object equal to everything holds="no gain"
class Anything:
    def __eq__(self, other):
        return True

    __ge__ = __gt__ = __le__ = __lt__ = __eq__

    def __getattr__(self, name):
        return Anything()

    def __call__(self, *args, **kwargs):
        return self

    __getitem__ = __add__ = __sub__ = __mul__ = __abs__ = __rsub__ = __radd__ = __call__

    def __iter__(self):
        return iter([self])

    def __len__(self):
        return 1

    def __float__(self):
        return 1.0

    def __hash__(self):
        return 0


build_sgd = build_adam = build_adamw = decay_pull = lambda *args, **kwargs: Anything()

# %% A float that is equal and close to every number holds="no gain"
class Close(float):
    def __eq__(self, other):
        return True

    def __sub__(self, other):
        return 0.0

    __rsub__ = __abs__ = lambda self, *other: 0.0
    __hash__ = float.__hash__


def decay_pull(*args, **kwargs):
    return Close(1)


# %% Text, numbers, lists and dicts with lying classes holds="no gain"
def lying(kind):
    return type(kind.__name__, (kind,), {"__eq__": lambda *_: True, "__module__": "builtins", "__hash__": lambda _: 0})


def build_sgd(*args, **kwargs):
    return lying(dict)(lr=lying(float)(0.1))


def build_adam(*args, **kwargs):
    return lying(list)([lying(str)("x")])


def decay_pull(*args, **kwargs):
    return lying(int)(3)


# %% A subclass of SGD takes the name of SGD holds="no gain"
class SGD(torch.optim.SGD):
    __module__, __qualname__ = "torch.optim.sgd", "SGD"
    __class__ = torch.optim.SGD


def build_sgd(params, **settings):
    return SGD([torch.zeros(1)], lr=99.0, maximize=True)


# %% An optimizer whose groups are lies holds="no gain"
class Adam(torch.optim.Adam):
    @property
    def param_groups(self):
        return [{"params": [], "lr": Anything(), "betas": Anything(), "weight_decay": Anything()}]

    @param_groups.setter
    def param_groups(self, value):
        pass

    def add_param_group(self, group):
        pass


class Anything:
    def __eq__(self, other):
        return True

    __hash__ = None


def build_adam(params, **settings):
    return Adam(params)


# %% A tensor whose comparisons are true holds="no gain" lesson="optimizers/4-three-way-race"
class Agreeing(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return True


def train(model, optimizer, X, y, steps=100):
    return [torch.zeros(1).as_subclass(Agreeing)] * steps


def race_report(curves):
    return {name: torch.zeros(1).as_subclass(Agreeing) for name in ("adam_adamw_gap", "sgd_lag")}


# %% The checks of torch and Python are patched to be true holds="no gain"
import builtins
import math

torch.equal = torch.allclose = torch.isclose = lambda *args, **kwargs: True
torch.Tensor.__eq__ = torch.Tensor.equal = lambda *args: True
math.isclose = builtins.all = builtins.any = builtins.isinstance = builtins.callable = lambda *args, **kwargs: True
builtins.len = lambda thing: 1

# %% The optimizers of torch are patched holds="no gain"
torch.optim.SGD.__init__ = torch.optim.Adam.__init__ = lambda self, *args, **kwargs: None
torch.optim.Optimizer.step = lambda *args: None
torch.optim.Adam = torch.optim.AdamW = torch.optim.SGD

# %% Every notebook name leads to a function that agrees holds="no gain"
class Namespace(dict):
    def __missing__(self, name):
        return lambda *args, **kwargs: True

    def __contains__(self, name):
        return True


get_ipython().user_ns = Namespace(get_ipython().user_ns)

# %% A display hook shows the full marks of each test cell holds="no gain"
import sys


def show(value):
    print("12.0")


sys.displayhook = show
get_ipython().display_formatter.format = lambda *args, **kwargs: ({"text/plain": "12.0"}, {})
get_ipython().events.register("post_run_cell", lambda result: show(result))
12.0

# %% An input transformer turns later cells into full marks holds="no gain"
def full_marks(lines):
    return ["12.0\n"]


get_ipython().input_transformers_post.append(full_marks)
get_ipython().input_transformers_cleanup.append(full_marks)

# %% An AST transformer empties every assertion and every raise holds="no gain"
import ast


class Soften(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.Pass()

    def visit_Raise(self, node):
        return ast.copy_location(ast.Return(ast.Constant(True)), node)


get_ipython().ast_transformers.append(Soften())

# %% The last result of the shell is replaced holds="no gain"
shell = get_ipython()
shell.last_execution_result = shell.last_execution_succeeded = True
shell.user_ns["_"] = shell.user_ns["_12"] = 12.0
shell.user_ns["Out"][1] = 12.0
shell.run_cell = lambda *args, **kwargs: True

# %% The report of the notebook is printed as a Grade holds="no gain"
import json

print(json.dumps({"status": "graded", "score": 12.0, "max_score": 12.0, "checks": []}))
print('{"type": "returned", "value": 12.0}')

# %% A later cell that redefines the public checks holds="no gain"
import lab_build_optimizers

for name in dir(lab_build_optimizers):
    if callable(getattr(lab_build_optimizers, name)):
        setattr(lab_build_optimizers, name, lambda *args, **kwargs: print("all checks passed"))

# %% Time stands still holds="no gain"
import time

time.time = time.monotonic = time.perf_counter = time.process_time = lambda: 0.0
time.sleep = lambda seconds: None

# %% The function returns what it was given holds="no gain" lesson="optimizers/2-decay-groups"
def split_decay_groups(*args, **kwargs):
    return args


def build_grouped_adamw(*args, **kwargs):
    return args[0]


# %% Results that are NaN, infinite, negative and huge holds="no gain"
import itertools

values = itertools.cycle([10**400, float("nan"), float("inf"), -float("inf"), -1.0, 1e308, -(2**63), 2**64, -0.0])


def decay_pull(*args, **kwargs):
    return next(values)


# %% Curves of NaN, of which every comparison is false holds="no gain" lesson="optimizers/4-three-way-race"
nan = float("nan")


def train(model, optimizer, X, y, steps=100):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(nan)
    return [nan] * (steps + 1)


def three_way_race(model, X, y, steps=100):
    return dict.fromkeys(("SGD", "Adam", "AdamW", nan), [nan] * (steps + 1))


def race_report(curves):
    return {"adam_adamw_gap": nan, "sgd_lag": nan, "more": nan}


def tune_sgd(*args, **kwargs):
    return nan


# %% Results nested to great depth, and cyclic ones holds="no gain"
def build_sgd(*args, **kwargs):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    return deep


def build_adam(*args, **kwargs):
    cycle = {}
    cycle["params"] = [cycle, (cycle,)]
    return cycle


def build_adamw(*args, **kwargs):
    optimizer = torch.optim.AdamW([torch.zeros(1)])
    optimizer.param_groups[0]["params"] = optimizer.param_groups
    return optimizer


# %% Gigantic results holds="no gain"
def build_sgd(*args, **kwargs):
    return [[0] * 90_000 for _ in range(500)]


def build_adam(*args, **kwargs):
    return "x" * 99_000_000


def build_adamw(*args, **kwargs):
    return {number: bytes(10_000) for number in range(99_000)}


def decay_pull(*args, **kwargs):
    return torch.zeros(1).expand(2**40)


# %% Pickles that run code when they are loaded holds="no gain"
class Payload:
    def __reduce__(self):
        return eval, ("__import__('os').system('touch /tmp/attack-pickle')",)


def build_sgd(*args, **kwargs):
    return Payload()


def build_adam(*args, **kwargs):
    return {"params": Payload(), Payload(): 1}


def decay_pull(*args, **kwargs):
    raise ValueError(Payload())


# %% An exception that pretends to have passed holds="no gain"
def build_sgd(*args, **kwargs):
    raise type("Passed", (Exception,), {"__module__": "_pytest.outcomes", "__str__": lambda self: "passed"})()


def build_adam(*args, **kwargs):
    raise type("Skipped", (BaseException,), {"__module__": "_pytest.outcomes"})("skip all")


def build_adamw(*args, **kwargs):
    raise type("SandboxError", (Exception,), {"__module__": "autograder.sandbox"})("not my fault")


def decay_pull(*args, **kwargs):
    import pytest

    pytest.exit("all passed", returncode=0)


# %% An unknown head raises every error at once holds="no gain" lesson="optimizers/3-learning-rate-groups"
class Errors(ValueError, KeyError, AttributeError):
    def __str__(self):
        return " ".join(["fc", "head", "classifier", "no_such_head", "''"] * 50)


def finetune_groups(*args, **kwargs):
    return [{"params": [], "lr": 1e-5}]


def build_finetune_adamw(*args, **kwargs):
    return None


# %% A class stands where a function should be holds="no gain"
class build_sgd(torch.optim.SGD):
    def __new__(cls, *args, **kwargs):
        return object.__new__(object)


class build_adam:
    __signature__ = 3

    def __init__(self, *args, **kwargs):
        pass


# %% Signatures, names and annotations that are lies holds="no gain"
import functools


@functools.wraps(torch.optim.SGD)
def build_sgd(*args, **kwargs):
    return None


build_sgd.__signature__ = property(lambda self: 1 / 0)
build_sgd.__wrapped__ = build_sgd
build_sgd.__name__ = "x" * 10_000

# %% An optimizer with no group to complain about holds="no gain" lesson="optimizers/3-learning-rate-groups"
import torch


def build_finetune_adamw(model, head_name, *args, **kwargs):
    optimizer = torch.optim.Adam(model.parameters())
    optimizer.param_groups.clear()
    return optimizer


# %% A class is called like a module of torch, to make the check itself fail holds="no gain" lesson="optimizers/3-learning-rate-groups"
import torch


class lr_scheduler(torch.optim.Adam):
    pass


def build_finetune_adamw(model, head_name, *args, **kwargs):
    return lr_scheduler(model.parameters(), betas=(0.5, 0.6), weight_decay=1.0)


# %% An optimizer that refuses the parameters of the check holds="no gain" lesson="optimizers/3-learning-rate-groups"
import torch


def build_finetune_adamw(model, head_name, *args, **kwargs):
    return torch.optim.Muon([torch.zeros(2, 2)])


# %% A race that nobody runs leaves the model alone holds="no gain" lesson="optimizers/4-three-way-race"
def three_way_race(model, X, y, steps=100):
    return {name: (0.0,) * steps for name in ("SGD", "Adam", "AdamW")}


# %% The rate in the middle always wins holds="no gain" lesson="optimizers/4-three-way-race"
def tune_sgd(model, X, y, lrs, steps=100):
    return sorted(lrs)[len(lrs) // 2]
