"""Reward models that watch an episode, wrappers that pay by them, and measures of their quality."""

from molmospaces_gym.rewards.metrics import voc
from molmospaces_gym.rewards.registry import load_reward_model
from molmospaces_gym.rewards.vector_wrapper import VectorTOPReward
from molmospaces_gym.rewards.wrapper import TOPReward

__all__ = ["TOPReward", "VectorTOPReward", "load_reward_model", "voc"]
