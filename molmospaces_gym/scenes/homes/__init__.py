"""Homes: generated houses of several rooms with doors, furniture that opens and many objects."""

from molmospaces_gym.scenes.homes.config import HomeConfig
from molmospaces_gym.scenes.homes.home import generate_home

__all__ = ["HomeConfig", "generate_home"]
