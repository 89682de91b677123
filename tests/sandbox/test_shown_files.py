"""What a real Guest can open of this project, name by name: nothing but what runs inside and what is sent."""

import hashlib

import pytest

from autograder.sandbox import confinement, shown, wire
from autograder.sandbox.loaded import Limits, load
from autograder.sandbox.process import Sandbox
from tests.conftest import ROOT

SHOWN = [
    "autograder/__init__.py",
    "autograder/lessons/optimizers/decay_groups/models.py",
    "autograder/lessons/optimizers/learning_rate_groups/models.py",
    "autograder/lessons/optimizers/three_way_race/models.py",
    "autograder/sandbox/__init__.py",
    "autograder/sandbox/guest/__init__.py",
    "autograder/sandbox/guest/debuggers.py",
    "autograder/sandbox/guest/describe.py",
    "autograder/sandbox/guest/descriptors.py",
    "autograder/sandbox/guest/figures.py",
    "autograder/sandbox/guest/isolation.py",
    "autograder/sandbox/guest/kernel.py",
    "autograder/sandbox/guest/session.py",
    "autograder/sandbox/guest/shell.py",
    "autograder/sandbox/guest/syscalls.py",
    "autograder/sandbox/guest/workers.py",
    "autograder/sandbox/guest/zygote.py",
    "autograder/sandbox/sent.py",
    "autograder/sandbox/wire.py",
]
"""A file that is added here is one that every student can read: it holds no answer, no expected value, no secret."""

WALK = """
import hashlib, os, sys
digests, found = set({digests!r}), set()
sizes = set({sizes!r})
roots = {{os.getcwd(), *sys.path, *{roots!r}}}
try:
    roots = {{"/"}} if os.listdir("/") else roots
except OSError:  # not every sandbox lets it be listed
    roots = {{root for root in roots if not any(root.startswith(other + "/") for other in roots)}}
for root in roots:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if os.path.join(folder, name) not in ("/proc", "/sys")]
        for name in files:
            path = os.path.join(folder, name)
            try:
                if os.path.getsize(path) in sizes:
                    found.add(hashlib.sha256(open(path, "rb").read()).hexdigest())
            except OSError:
                pass
found &= digests
print("|".join(sorted(found)))
"""


def ours():
    """Every file of this project that says something, by the digest of its content."""
    files = {}
    for top in ("autograder", "source", "assignments", "solutions", "tests", "docs"):
        files |= {path: path.read_bytes() for path in (ROOT / top).rglob("*") if path.is_file()}
    files |= {path: path.read_bytes() for path in ROOT.iterdir() if path.is_file() and path.name != "LICENSE"}  # pip's
    return {
        hashlib.sha256(content).hexdigest(): (str(path.relative_to(ROOT)), len(content))
        for path, content in files.items()
        if content.strip() and path.suffix != ".pyc"
    }


@pytest.mark.slow
@pytest.mark.parametrize("backend", [confinement.BUBBLEWRAP, confinement.SANDLOCK], ids=lambda backend: backend.name)
def test_a_guest_can_open_these_files_of_ours_and_no_other(backend):
    problem = confinement.why_not(backend)
    assert problem is None, f"{problem}; CI must have both backends. {backend.remedy}"
    files = ours()
    sizes = sorted({size for _, size in files.values()})
    walk = WALK.format(digests=sorted(files), sizes=sizes, roots=[*shown.readable_paths(), str(ROOT)])
    with Sandbox(backend) as sandbox, load(sandbox, [wire.Cell(walk, "walk")], {}, Limits(cell=120)) as guest:
        (output,) = guest.outputs[0]
    assert isinstance(output, wire.Stream), output
    assert sorted(files[digest][0] for digest in output.text.strip().split("|")) == SHOWN


def test_the_list_is_what_the_sandbox_gets():
    assert sorted(f"autograder/{path}" for path in shown.shown_files()) == SHOWN
