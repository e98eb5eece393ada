"""Franka FR3 with a Robotiq 2F-85 in the DROID set-up, the robot of most MolmoSpaces tasks.

Frames, for whoever plans with it (checked in ``tests/test_robot_franka.py``):

- base ``fr3_link0``: +x forward, +y left, +z up;
- tool site ``gripper/grasp_site``, 145 mm in front of the gripper's base and between the pads:
  +z is the approach direction (from the palm towards the object), the fingers open along its y
  (the left finger is on -y, the right one on +y) and the wrist camera sits on its +x side. Half a
  turn about z swaps the fingers and is the same grasp;
- at home the tool points straight down (site z = -z of the base, site x = +x of the base) at
  0.307 m in front of the base and 0.434 m above it.

The pads' inner faces are 85.2 mm apart when open and stay parallel within 2 degrees. Fingers swing
on an arc: the tips reach 4.5 mm beyond the tool site when open, 14 mm at an opening of 5 cm and
18 mm when closed.
"""

import math
from pathlib import Path

from molmospaces_gym.cameras import CameraMount
from molmospaces_gym.robots.base import Arm, Gripper, MoveGroup, Reach, RobotConfig

_ARM = tuple(f"fr3_joint{i}" for i in range(1, 8))

SHOULDER_CAMERA = CameraMount(
    # MuJoCo's own convention: with -z as its optical axis the published quaternion looks forward,
    # right and down, through (0.66, -0.09) on the plane of the robot's base, image upright.
    name="exo_camera_1",
    body="fr3_link0",
    pos=(0.1, 0.57, 0.66),
    quat=(-0.3633, -0.1241, 0.4263, 0.8191),
    fov=71.0,
)
WRIST_CAMERA = CameraMount(
    # The MJCF camera of the same name: 12 degrees above the tool site, fingers at the bottom.
    name="wrist_camera",
    body="gripper/base",
    pos=(0.076, 0.0, 0.025),
    quat=(0.122788, 0.696364, 0.696364, 0.122788),
    fov=56.74,
)

FRANKA_DROID = RobotConfig(
    name="franka_droid",
    mjcf=Path(__file__).with_name("model.xml"),
    root_body="fr3_link0",
    groups={
        "arm": MoveGroup(joints=_ARM, actuators=_ARM),
        "gripper": MoveGroup(
            joints=("gripper/left_driver_joint", "gripper/right_driver_joint"),
            actuators=("gripper/fingers_actuator",),
        ),
    },
    home={
        "arm": (0.0, -0.7853, 0.0, -2.35619, 0.0, 1.57079, 0.0),
        "gripper": (0.00296, 0.00296),
    },
    # Chosen by MolmoSpaces so that the tool starts within 10 cm of its home position.
    init_noise={
        "arm": (0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.175),
        "gripper": (0.0, 0.0),
    },
    arms=(
        Arm(
            group="arm",
            tcp_site="gripper/grasp_site",
            gripper=Gripper(
                group="gripper",
                open_ctrl=0.0,
                closed_ctrl=255.0,
                # MolmoSpaces' normaliser; the pads of this model meet at 0.782 rad.
                closed_qpos=0.824033,
                max_opening=0.087,
                fingers=(("gripper/left_pad",), ("gripper/right_pad",)),
            ),
        ),
    ),
    reach=Reach(
        # The pedestal turned by the heading noise of an episode (0.31 m at 15 degrees) and some
        # air.
        edge_gap=0.33,
        distance=(0.34, 0.64),
        angle=math.radians(50.0),
        # Official: the object is 0.17 -0.25/+0.3 m above the base; a narrower range around level
        # keeps every object of a surface in reach.
        below=(-0.05, 0.2),
    ),
    pedestal=(0.5, 0.5, 0.58),
    cameras=(SHOULDER_CAMERA, WRIST_CAMERA),
    image_size=(640, 368),
)
