"""Gymnasium environments for the MolmoSpaces world of household robot tasks.

Importing this package registers the environment ids ``molmospaces_gym/<Task>-v1`` by string entry
points. It loads no simulator, no torch and no Stable-Baselines3.
"""

from molmospaces_gym.registration import register_envs

__version__ = "0.1.0"

register_envs()
