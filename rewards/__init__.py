"""Reward models that watch an episode, and measures of their quality."""

from molmospaces_gym.rewards.metrics import voc
from molmospaces_gym.rewards.registry import load_reward_model

__all__ = ["load_reward_model", "voc"]
