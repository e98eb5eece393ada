"""How success depends on one thing at a time: ``sweep`` and its axes."""

from molmospaces_gym.benchmarks.sweep.axes import AXES, axis_names
from molmospaces_gym.benchmarks.sweep.run import SweepProgress, SweepResult, sweep

__all__ = ["AXES", "SweepProgress", "SweepResult", "axis_names", "sweep"]
