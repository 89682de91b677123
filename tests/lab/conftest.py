"""The lab as a notebook in the course folder imports it."""

import importlib
import sys

import pytest

from tests.conftest import ROOT

LAB = ROOT / "source" / "optimizers"


@pytest.fixture(scope="module")
def modules():
    """The lab's modules, by name, as a notebook in the course folder imports them."""
    before = set(sys.modules)
    sys.path.insert(0, str(LAB))
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        importlib.import_module("lab")
        yield {name: sys.modules[name] for name in set(sys.modules) - before if name.partition("_")[0] == "lab"}
    finally:
        sys.dont_write_bytecode = writes
        sys.path.remove(str(LAB))
        for name in [name for name in set(sys.modules) - before if name.partition("_")[0] == "lab"]:
            del sys.modules[name]
