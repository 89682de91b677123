"""Grade PyTorch exercise notebooks in a sandbox, with hidden pytest graders.

This package is importable inside the sandbox, so nothing is imported here: a Guest sees only
``autograder.wire`` and ``autograder.guest``.
"""

__version__ = "0.1.0"
