"""Tries the grasps of generated objects with the Franka's gripper in simulation."""

import functools

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes.generator import mjcf
from molmospaces_gym.scenes.generator.catalog import CATEGORIES, make_asset
from molmospaces_gym.scenes.generator.draft import HEADER
from molmospaces_gym.scenes.generator.grasps import grasp_candidates
from molmospaces_gym.scenes.generator.shapes import IDENTITY
from molmospaces_gym.scenes.hand import FloatingHand

Array = NDArray[np.float64]

TRIED = 48
"""Candidates of an object that are tried, the best ones and then evenly from the rest."""
CLOSING = 200
"""Physics steps (0.4 s) for the fingers to close."""
LIFT, LIFT_STEPS = 0.12, 240
"""Height (m) to which an object is lifted, and in how many steps."""
RISEN = 0.6
"""Share of that height by which the object must have risen when the hand has stopped."""
_OBJECT = "object"


@functools.lru_cache(maxsize=4096)
def checked_grasps(category: str, step: int) -> Array:
    """Grasps (N, 4, 4) with which an asset (of any colour) is lifted from a table, best first.

    The open gripper touches nothing where it arrives, and the object hangs in it 0.1 s after it
    has been lifted by ``LIFT``. In the object's body frame, as the official files have them.

    Raises:
        UnknownName: no such category.
    """
    asset = make_asset(category, CATEGORIES[category].colors[0], step)
    candidates = _spread(grasp_candidates(asset.metadata()))
    if not len(candidates):
        return candidates
    body, meshes = mjcf.object_body(_OBJECT, asset, (0.0, 0.0, asset.rest_height), IDENTITY)
    library = mjcf.element("asset", list(meshes.values())) if meshes else ""
    table = '<geom name="table" type="box" size="1 1 0.1" pos="0 0 -0.1"/>'
    text = f"<mujoco>\n{HEADER}{library}\n<worldbody>{table}\n{body}</worldbody>\n</mujoco>"
    hand = FloatingHand(text, get_robot("franka_droid"))
    return candidates[[_lifts(hand, grasp) for grasp in candidates]]


def _spread(candidates: Array) -> Array:
    """The better half of ``TRIED`` from the front, the others evenly from what follows."""
    if len(candidates) <= TRIED:
        return candidates
    front = TRIED // 2
    rest = np.linspace(front, len(candidates) - 1, TRIED - front).round().astype(int)
    return candidates[[*range(front), *rest]]


def _lifts(hand: FloatingHand, grasp: Array) -> bool:
    mujoco.mj_resetData(hand.model, hand.data)
    mujoco.mj_kinematics(hand.model, hand.data)
    start = float(hand.data.body(_OBJECT).xpos[2])
    pose = np.array(grasp)
    pose[:3, 3] += hand.data.body(_OBJECT).xpos
    hand.place(pose)
    if hand.touches():
        return False
    hand.close(CLOSING)
    for _ in range(LIFT_STEPS // 4):
        pose[2, 3] += 4 * LIFT / LIFT_STEPS
        hand.go(pose, 4)
    hand.go(pose, 50)
    rise = float(hand.data.body(_OBJECT).xpos[2]) - start
    return bool(np.isfinite(rise) and rise > RISEN * LIFT)
