"""The FR3 with a 2F-85 of ``franka_droid`` on a holonomic base (MolmoSpaces' ``MobileFranka``).

Arm, gripper, tool, cameras and frames are those of ``franka_droid``: its base frame ``fr3_link0``
is on top of the pedestal and turns with the base. The pedestal stands on the floor.
"""

from dataclasses import replace
from pathlib import Path

from molmospaces_gym.robots.base import MoveGroup, PlanarBase
from molmospaces_gym.robots.franka_droid import FRANKA_DROID

FRANKA_MOBILE = replace(
    FRANKA_DROID,
    name="franka_mobile",
    groups={
        "base": MoveGroup(
            joints=("base_x", "base_y", "base_theta"),
            actuators=("base_x_act", "base_y_act", "base_theta_act"),
        ),
        **FRANKA_DROID.groups,
    },
    home={"base": (0.0, 0.0, 0.0), **FRANKA_DROID.home},
    init_noise={"base": (0.0, 0.0, 0.0), **FRANKA_DROID.init_noise},
    base=PlanarBase(
        group="base",
        body="base",
        mjcf=Path(__file__).with_name("model.xml"),
        max_speed=(1.0, 1.0, 1.5),
    ),
    command_modes={
        "base": ("holo_joint_planar_position", "holo_joint_rel_planar_position"),
        **FRANKA_DROID.command_modes,
    },
)
