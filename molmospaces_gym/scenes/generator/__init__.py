"""Generated houses: furnished rooms with household objects, a pure function of their name."""

from molmospaces_gym.scenes.generator.catalog import CATEGORIES
from molmospaces_gym.scenes.generator.grasps import grasp_candidates
from molmospaces_gym.scenes.generator.house import generate_house, write_house
from molmospaces_gym.scenes.generator.layout import HouseConfig
from molmospaces_gym.scenes.generator.names import SPLITS

__all__ = [
    "CATEGORIES",
    "SPLITS",
    "HouseConfig",
    "generate_house",
    "grasp_candidates",
    "write_house",
]
