"""RainbowRobotics RB-Y1 (mecanum base, v1.2): two arms on a torso on a mobile base, and a head.

Frames, for whoever plans with it (checked in ``tests/test_robot_rby1.py``):

- base ``base``: on the floor, +x forward, +y left, +z up. Its virtual joints ``base_x``,
  ``base_y``, ``base_theta`` are the pose of the base in the world;
- tool sites ``ee_site_r`` and ``ee_site_l``, 56 mm in front of the origins of the fingers and 10 mm
  behind their tips: +z is the approach direction, the fingers open along y (finger 1 on +y of the
  right and on -y of the left tool) and the wrist camera sits on the +x side;
- the torso stands upright at home and folds by one angle h as torso_1 = torso_3 = h,
  torso_2 = -2h, which lowers the chest by 0.7 m * (1 - cos h).

The right arm is the primary one. Joints are named from 0 and actuators from 1, as published.
"""

import math
from pathlib import Path

from molmospaces_gym.cameras import CameraMount
from molmospaces_gym.robots.base import (
    Arm,
    Gripper,
    MoveGroup,
    PlanarBase,
    Reach,
    RobotConfig,
    Torso,
)

_ARM_HOME = (0.5, 0.0, 0.0, -2.3, 0.0, -0.5, 0.0)
_ARM_NOISE = (0.05, 0.05, 0.075, 0.1, 0.125, 0.15, 0.175)


def _arm_group(side: str) -> MoveGroup:
    return MoveGroup(
        joints=tuple(f"{side}_arm_{i}" for i in range(7)),
        actuators=tuple(f"{side}_arm_{i}_act" for i in range(1, 8)),
    )


def _gripper_group(side: str) -> MoveGroup:
    fingers = tuple(f"gripper_finger_{side[0]}{i}" for i in (1, 2))
    return MoveGroup(joints=fingers, actuators=(f"{side}_finger_act",))


def _arm(side: str) -> Arm:
    fingers = [(f"ee_finger_{side[0]}{i}",) for i in (1, 2)]
    return Arm(
        group=f"{side}_arm",
        tcp_site=f"ee_site_{side[0]}",
        gripper=Gripper(
            group=f"{side}_gripper",
            open_ctrl=-0.05,
            closed_ctrl=0.0,
            open_qpos=-0.05,
            closed_qpos=0.0,
            coupling=(1.0, -1.0),
            max_opening=0.1,
            fingers=(fingers[0], fingers[1]),
        ),
    )


# The MJCF cameras of the same names.
HEAD_CAMERA = CameraMount(
    name="head_camera",
    body="link_head_2",
    pos=(0.05, 0.0, 0.05),
    quat=(0.5, 0.5, -0.5, -0.5),
    fov=139.0,
)
LEFT_WRIST_CAMERA = CameraMount(
    name="wrist_camera_l",
    body="link_left_arm_6",
    pos=(0.0, -0.1, -0.15),
    quat=(0.0, 0.0, -0.258819, 0.965926),
    fov=58.0,
)
RIGHT_WRIST_CAMERA = CameraMount(
    name="wrist_camera_r",
    body="link_right_arm_6",
    pos=(0.0, 0.1, -0.15),
    quat=(0.965926, -0.258819, 0.0, 0.0),
    fov=58.0,
)
FOLLOWER_CAMERA = CameraMount(
    name="camera_follower",
    body="base",
    pos=(-1.3, 0.0, 2.7),
    quat=(0.653288, 0.270582, -0.270582, -0.653288),
    fov=58.0,
)

RBY1 = RobotConfig(
    name="rby1",
    mjcf=Path(__file__).with_name("model.xml"),
    root_body="base",
    groups={
        "base": MoveGroup(
            joints=("base_x", "base_y", "base_theta"),
            actuators=("base_x_act", "base_y_act", "base_theta_act"),
        ),
        "torso": MoveGroup(
            joints=tuple(f"torso_{i}" for i in range(6)),
            actuators=tuple(f"link{i}_act" for i in range(1, 7)),
        ),
        "left_arm": _arm_group("left"),
        "right_arm": _arm_group("right"),
        "left_gripper": _gripper_group("left"),
        "right_gripper": _gripper_group("right"),
        "head": MoveGroup(joints=("head_0", "head_1"), actuators=("head_0_act", "head_1_act")),
    },
    home={
        "base": (0.0, 0.0, 0.0),
        "torso": (0.0,) * 6,
        "left_arm": _ARM_HOME,
        "right_arm": _ARM_HOME,
        "left_gripper": (-0.05, 0.05),
        "right_gripper": (-0.05, 0.05),
        "head": (0.0, 0.6),
    },
    init_noise={
        "base": (0.0, 0.0, 0.0),
        "torso": (0.0,) * 6,
        "left_arm": _ARM_NOISE,
        "right_arm": _ARM_NOISE,
        "left_gripper": (0.01, 0.01),
        "right_gripper": (0.01, 0.01),
        "head": (0.2, 0.2),
    },
    arms=(_arm("right"), _arm("left")),
    base=PlanarBase(group="base", body="base", max_speed=(1.0, 1.0, 1.5)),
    torso=Torso(group="torso", height=(0.0, 1.0, -2.0, 1.0, 0.0, 0.0), max_height=0.738),
    head="head",
    reach=Reach(
        # The base turned by the heading noise of an episode (0.38 m at 15 degrees) and some air.
        edge_gap=0.45,
        # The right shoulder; where inverse kinematics finds most poses of a tool pointing down.
        origin=(0.0, -0.22),
        distance=(0.5, 0.7),
        angle=math.radians(16.0),
        height=(0.58, 1.0),
        tool_yaw=math.pi,
        # Leaning forward: upright, the base under the chest keeps the hands from what is in front.
        posture={"torso": (0.0, 0.4, 0.0, 0.0, 0.0, 0.0)},
    ),
    command_modes={
        "arm": ("joint_position", "joint_rel_position"),
        "gripper": ("joint_position",),
        "base": ("holo_joint_planar_position", "holo_joint_rel_planar_position"),
        "torso": ("joint_position", "height"),
        "head": (),
    },
    pedestal=None,
    cameras=(HEAD_CAMERA, LEFT_WRIST_CAMERA, RIGHT_WRIST_CAMERA, FOLLOWER_CAMERA),
    image_size=(640, 480),
    control_dt=0.1,
    timestep=0.004,
)
