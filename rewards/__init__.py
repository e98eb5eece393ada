"""Reward models that watch an episode, and measures of their quality."""

from molmospaces_gym.rewards.metrics import voc

__all__ = ["voc"]
