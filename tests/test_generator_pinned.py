"""The one-room generator's houses stay what they are: suites and trained policies rely on them."""

import hashlib

import mujoco
import pytest

from molmospaces_gym.scenes.generator import HouseConfig, generate_house

BARE = (
    "dc277a4e26940c330811342c923d0bb367874d035ae7fefc725ae2b2c7d02fd9",
    "18259c5c57e33e49e47c984ce2de4b28cfaad99bc483e0a310d88c5678867265",
    "4c6c014d3eadf74b3e36837440353e3f148218cfbbc2b92cdd12a89ffabae79f",
)
FURNISHED = (
    "81c4d496454275fdf5be22bdc711b28724cce48c4328469b6ccc21b14fb36686",
    "d29189d9bae79fb31cc8da519b1810cd9ef160a001232d81378b152bf942a711",
    "3c893b3a8e57bb7955ae67aedb2b866c0f3e3839774c60f375812e4328021cf5",
)


def digest(index: int, config: HouseConfig | None = None) -> str:
    text = generate_house("val", index, config).mjcf
    assert text is not None
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("index", range(3))
def test_rooms_are_unchanged(index: int) -> None:
    assert digest(index, HouseConfig(num_objects=0)) == BARE[index]


@pytest.mark.skipif(mujoco.__version__ != "4.0.0", reason="objects settle with MuJoCo 4.0.0's mm")
@pytest.mark.parametrize("index", range(3))
def test_objects_are_unchanged(index: int) -> None:
    assert digest(index) == FURNISHED[index]
