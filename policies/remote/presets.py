"""The conventions of published policy servers; ``docs/policies.md`` has them as a table.

Read in the public code of MolmoBot (revision 96fcc2b: ``MolmoBot/olmo/eval``,
``MolmoBot-Pi0/molmobot_pi0``, ``MolmoBot-SPOC/eval``) and of MolmoSpaces
(``policy/learned_policy/pi_policy.py``).

Two kinds of server are met. A ``server`` wraps the whole evaluation policy: it takes what the robot
sees, keeps chunk and history by itself, and answers with one step. A ``model`` wraps the network
alone: it takes prepared inputs and answers with a chunk.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from molmospaces_gym.errors import UnknownName
from molmospaces_gym.policies.remote.convention import CameraInput, Convention

FRANKA_GROUPS = (("arm", 7), ("gripper", 1))
RBY1_GROUPS = (
    ("base", 3),
    ("left_arm", 7),
    ("right_arm", 7),
    ("left_gripper", 1),
    ("right_gripper", 1),
)
FRANKA_DT, RBY1_DT = 0.066, 0.1
"""Seconds between two actions of the released models."""
MAX_JOINT_DELTA = 0.2
"""rad; ``relative_max_joint_delta`` of MolmoBot's evaluation policy, which took it from DROID."""
BINARY_COMMAND, BINARY_CLOSURE = 128.0, 0.5
"""Where a gripper command (0..255) and a closure (0..1) are cut into open and closed."""
FRAMES = (2, 8)
"""MolmoBot-DROID: this picture and the one 8 control steps before it."""

EXO = ("exo_camera_1", "droid_shoulder_light_randomization")
WRIST = ("wrist_camera", "wrist_camera_zed_mini")
"""Names of the same two cameras in the two official camera systems."""
_FRANKA_ENV: Mapping[str, Any] = {"action_mode": "joint_position", "obs_mode": "rgb"}
_USER_CAMERAS = (CameraInput("exo_camera_1", EXO), CameraInput("wrist_camera", WRIST))
_PI_CAMERAS = (
    CameraInput("observation/exterior_image_1_left", EXO),
    CameraInput("observation/wrist_image_left", WRIST),
)
DATA_SIZE = (640, 360)
"""(width, height) of the pictures in MolmoBot's data."""

MOLMOBOT = Convention(
    name="molmobot",
    message="qpos",
    prompt_key="task",
    cameras=_USER_CAMERAS,
    crop=DATA_SIZE,
    groups=FRANKA_GROUPS,
    gripper_threshold=BINARY_COMMAND,
    max_joint_delta=MAX_JOINT_DELTA,
    reply="step",
    dialect="msgpack_numpy",
    control_dt=FRANKA_DT,
    env_kwargs=_FRANKA_ENV,
)
MOLMOBOT_MODEL = replace(
    MOLMOBOT,
    name="molmobot, wire=model",
    message="frames",
    prompt_key="task_description",
    frames=FRAMES,
    gripper_state="driver",
    reply="actions",
    execute_horizon=8,
)
PI0 = replace(MOLMOBOT, name="molmobot-pi0", gripper_threshold=None)
PI0_MODEL = replace(
    PI0,
    name="molmobot-pi0, wire=model",
    message="openpi",
    prompt_key="prompt",
    cameras=_PI_CAMERAS,
    pad=224,
    # The trained pipeline divides by 0.824033 itself.
    gripper_state="driver",
    gripper_unit="closure",
    reply="actions",
    dialect="openpi",
)
OPENPI_DROID = replace(
    PI0_MODEL,
    name="openpi-droid",
    lower_prompt=True,
    crop=None,
    gripper_state="closure",
    gripper_threshold=BINARY_CLOSURE,
    max_joint_delta=None,
    execute_horizon=8,
)
SPOC = replace(
    MOLMOBOT,
    name="molmobot-spoc",
    crop=None,
    gripper_threshold=None,
    max_joint_delta=None,
    reply="chunk",
)


def spoc_rby1(base_frame: str | None) -> Convention:
    """MolmoBot-SPOC's rigid-object model of the RB-Y1; its chunk moves base and arms relatively."""
    return replace(
        SPOC,
        name="molmobot-spoc, robot=rby1",
        cameras=tuple(
            CameraInput(name, (name,))
            for name in ("head_camera", "wrist_camera_r", "wrist_camera_l")
        ),
        groups=RBY1_GROUPS,
        relative=frozenset({"base", "left_arm", "right_arm"}),
        base_frame=base_frame,
        control_dt=RBY1_DT,
        env_kwargs={**_FRANKA_ENV, "robot": "rby1"},
    )


_WIRES: Mapping[tuple[str, str], Convention] = {
    ("molmobot", "server"): MOLMOBOT,
    ("molmobot", "model"): MOLMOBOT_MODEL,
    ("molmobot-pi0", "server"): PI0,
    ("molmobot-pi0", "model"): PI0_MODEL,
    ("openpi-droid", "model"): OPENPI_DROID,
    ("molmobot-spoc", "server"): SPOC,
}
PRESETS = tuple(dict.fromkeys(name for name, _ in _WIRES))


def preset(
    name: str, wire: str | None = None, robot: str | None = None, base_frame: str | None = None
) -> Convention:
    """The convention of a published server.

    Args:
        name: one of ``PRESETS``.
        wire: ``server`` or ``model``; None: the one that is published with the weights.
        robot: ``rby1`` for MolmoBot-SPOC's model of it.
        base_frame: axes that the RB-Y1's base moves in, ``base`` or ``world``.

    Raises:
        UnknownName: there is no such preset, wire or robot.
        InvalidConfig: ``base_frame`` is missing.
    """
    wires = [kind for known, kind in _WIRES if known == name]
    if not wires:
        raise UnknownName("policy preset", name, PRESETS)
    if wire is not None and wire not in wires:
        raise UnknownName(f"wire of {name}", wire, wires)
    robots = ("franka_droid", "rby1") if name == "molmobot-spoc" else ("franka_droid",)
    if robot is not None and robot not in robots:
        raise UnknownName(f"robot of {name}", robot, robots)
    if robot == "rby1":
        return spoc_rby1(base_frame)
    return _WIRES[name, wire or wires[0]]
