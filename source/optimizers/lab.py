"""What the notebooks of this unit import: public checks for your functions, and figures.

In a notebook, ``lab.check(build_sgd)`` tells you what is right and what is not yet. Each lesson keeps its checks and
figures in a module of its own, such as ``lab_build_optimizers``.
"""

from lab_build_optimizers import plot_decay_pull, plot_valley
from lab_checks import ChecksFailed, check
from lab_learning_rate_groups import load_resnet18, plot_finetuning, plot_first_step, show_groups

__all__ = [
    "ChecksFailed",
    "check",
    "load_resnet18",
    "plot_decay_pull",
    "plot_finetuning",
    "plot_first_step",
    "plot_valley",
    "show_groups",
]
