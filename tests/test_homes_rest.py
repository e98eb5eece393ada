"""The shipped rest poses of objects are those that simulation finds."""

import mujoco
import numpy as np
import pytest

from molmospaces_gym.scenes.generator.catalog import CATEGORIES, make_asset
from molmospaces_gym.scenes.homes.rest import SIZES, TABLE, rest_pose, settled

REPAIR = "run: python -m molmospaces_gym.scenes.homes.rest_table"


@pytest.mark.parametrize("size", SIZES)
def test_shipped_poses_are_true(size: int) -> None:
    for name, category in CATEGORIES.items():
        asset = make_asset(name, category.colors[-1], size)
        shipped, found = rest_pose(asset), settled(name, size)
        assert found.stable and shipped.stable, name
        assert shipped.height == pytest.approx(found.height, abs=1e-4), (name, REPAIR)
        turn = np.zeros(3)
        mujoco.mju_subQuat(turn, np.array(shipped.quat), np.array(found.quat))
        assert np.linalg.norm(turn) < 5e-3, (name, REPAIR)


def test_every_kind_is_in_the_table() -> None:
    names = TABLE.read_text().splitlines()[1:-1]
    assert len(names) == len(CATEGORIES), REPAIR


def test_other_sizes_are_simulated() -> None:
    asset = make_asset("mug", "red", 7)
    assert rest_pose(asset) == settled("mug", 7)
