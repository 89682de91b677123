"""What the notebooks of this unit import: public checks for your functions, data, small models and figures.

In a notebook, ``lab.check(build_sgd)`` tells you what is right and what is not yet, and ``lab.progress()`` what you
have practised so far. Each lesson keeps its checks and figures in a module of its own, ``lab_build_optimizers`` for
example.
"""

from lab_build_optimizers import plot_decay_pull, plot_valley
from lab_checks import ChecksFailed, check
from lab_decay_groups import plot_fading, plot_split
from lab_learning_rate_groups import load_resnet18, plot_finetuning, plot_first_step, show_groups
from lab_progress import progress
from lab_three_way_race import (
    blobs,
    deep_classifier,
    plot_early_gap,
    plot_problems,
    plot_races,
    plot_tuning,
    shallow_classifier,
    spirals,
)

__all__ = [
    "ChecksFailed",
    "blobs",
    "check",
    "deep_classifier",
    "load_resnet18",
    "plot_decay_pull",
    "plot_early_gap",
    "plot_fading",
    "plot_finetuning",
    "plot_first_step",
    "plot_problems",
    "plot_races",
    "plot_split",
    "plot_tuning",
    "plot_valley",
    "progress",
    "shallow_classifier",
    "show_groups",
    "spirals",
]
