"""Draws masses, inertias, frictions and the resistance of furniture's joints.

Official: mass, inertia and friction of every body with joints, the robot's links included, change
by up to 20 %. The same range for damping and dry friction of what opens is ours: the official
ranges for doors are absolute numbers made for the doors of other houses.
"""

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.randomization.lighting import DIGITS
from molmospaces_gym.randomization.spec import DynamicsSpec
from molmospaces_gym.scenes.model import SceneModel

SHARE = 0.2
"""Each property is multiplied by 1 minus to 1 plus this."""


def draw_dynamics(scene: SceneModel, rng: np.random.Generator) -> DynamicsSpec:
    """Factors for every named body that has joints and every joint of furniture."""
    model = scene.model
    movers = np.flatnonzero(model.body_jntnum > 0)
    hinges = furniture_joints(scene)
    bodies, joints = (
        np.round(rng.uniform(1 - SHARE, 1 + SHARE, (len(ids), columns)), DIGITS).tolist()
        for ids, columns in ((movers, 3), (hinges, 2))
    )
    named = {scene.body_names[body]: row for body, row in zip(movers.tolist(), bodies, strict=True)}
    opening = {
        scene.joint_names[joint]: row for joint, row in zip(hinges.tolist(), joints, strict=True)
    }
    named.pop("", None)
    opening.pop("", None)
    return DynamicsSpec.trusted(bodies=named, joints=opening)


def furniture_joints(scene: SceneModel) -> NDArray[np.intp]:
    """Ids of the hinges and slides that are not the robot's."""
    model, types = scene.model, mujoco.mjtJoint
    opens = np.isin(model.jnt_type, [int(types.mjJNT_HINGE), int(types.mjJNT_SLIDE)])
    own = model.body_rootid[model.jnt_bodyid] == scene.robot.root_id
    return np.flatnonzero(opens & ~own)
