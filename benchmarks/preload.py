"""What worker processes need, imported once by the process that they are forked from."""
# ruff: noqa: F401

import gc

from numba.core.registry import cpu_target  # noqa: TID253 - nothing but a worker imports this

import molmospaces_gym.backends.mjc
import molmospaces_gym.backends.rendering.raster
import molmospaces_gym.benchmarks.players
import molmospaces_gym.cli.main
import molmospaces_gym.env
import molmospaces_gym.policies.expert
import molmospaces_gym.policies.handling
import molmospaces_gym.scenes.generator
import molmospaces_gym.touch_kernels

# numba puts this off until the first compiled function is called; it takes as long as an episode.
cpu_target.typing_context.refresh()
cpu_target.target_context.refresh()
# What is here stays: collecting it would copy its pages into every worker.
gc.freeze()
