"""Grasps that are called checked lift their object, those that cannot are left out."""

import numpy as np
import pytest

from molmospaces_gym.scenes.generator.catalog import CATEGORIES, make_asset
from molmospaces_gym.scenes.generator.grasps import grasp_candidates
from molmospaces_gym.scenes.grasp_check import TRIED, checked_grasps


@pytest.mark.parametrize("category", ["mug", "apple", "bowl", "box", "pan", "teddy"])
def test_most_candidates_hold(category: str) -> None:
    asset = make_asset(category, CATEGORIES[category].colors[0], 12)
    candidates = grasp_candidates(asset.metadata())
    found = checked_grasps(category, 12)
    assert 0.5 * min(len(candidates), TRIED) <= len(found) <= TRIED
    for grasp in found:
        assert np.any(np.all(np.isclose(candidates, grasp), axis=(1, 2)))


def test_what_cannot_be_held_has_none() -> None:
    assert checked_grasps("plate", 12).shape == (0, 4, 4)


def test_grasps_beside_the_object_do_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    from molmospaces_gym.scenes import grasp_check

    def shifted(metadata: object) -> np.ndarray:
        grasps = grasp_candidates(metadata)[:6]  # type: ignore[arg-type]
        grasps[::2, 2, 3] += 0.2
        return grasps

    monkeypatch.setattr(grasp_check, "grasp_candidates", shifted)
    assert len(grasp_check.checked_grasps.__wrapped__("soda_can", 4)) == 3
