"""Grade PyTorch exercise notebooks in a sandbox, with hidden pytest graders.

This package is importable inside the sandbox, so nothing of it is imported here: a Guest sees only
``autograder.sandbox.wire``, ``sent`` and ``guest``, and each lesson's ``models``.
"""

import sys

# nbformat imports jsonschema, which imports this where it is installed, for a check of addresses that no notebook
# needs. It builds a grammar, for longer than all else that a command imports. None means: as if not installed, for
# this whole process, unless it was imported before.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

__version__ = "0.1.0"
