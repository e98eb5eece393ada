"""Driving a robot by keyboard: which key is which part of an action.

Keys are GLFW key codes, as MuJoCo's viewer reports them. Letters and digits switch what the viewer
shows, so arrows, page keys and the number pad drive.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.action_layout import BASE_MODES, action_parts
from molmospaces_gym.errors import InvalidConfig, NotReset
from molmospaces_gym.robots.base import RobotConfig

RIGHT, LEFT, DOWN, UP = 262, 263, 264, 265
PAGE_UP, PAGE_DOWN, ENTER = 266, 267, 257
PAD_1, PAD_2, PAD_3, PAD_4, PAD_6, PAD_7, PAD_8, PAD_9 = 321, 322, 323, 324, 326, 327, 328, 329
PAD_ENTER = 335

STEPS_PER_PRESS = 3
"""Control steps that one press lasts: 6 cm, 0.18 rad, or a fifth of a second of driving."""


@dataclass(frozen=True)
class Motion:
    """Element ``axis`` of a group's part of an action, moved by ``value``; ``help`` for people."""

    axis: int
    value: float
    help: str


TOOL_KEYS: Mapping[int, Motion] = {
    UP: Motion(0, 1.0, "forward"),
    DOWN: Motion(0, -1.0, "back"),
    LEFT: Motion(1, 1.0, "left"),
    RIGHT: Motion(1, -1.0, "right"),
    PAGE_UP: Motion(2, 1.0, "up"),
    PAGE_DOWN: Motion(2, -1.0, "down"),
    PAD_4: Motion(3, -1.0, "roll left"),
    PAD_6: Motion(3, 1.0, "roll right"),
    PAD_8: Motion(4, 1.0, "pitch down"),
    PAD_2: Motion(4, -1.0, "pitch up"),
    PAD_7: Motion(5, 1.0, "turn left"),
    PAD_9: Motion(5, -1.0, "turn right"),
}
"""Of the primary arm in ``ee_delta``: the axes of the robot's base."""
BASE_KEYS: Mapping[int, Motion] = {
    UP: Motion(0, 1.0, "forward"),
    DOWN: Motion(0, -1.0, "back"),
    PAD_4: Motion(1, 1.0, "left"),
    PAD_6: Motion(1, -1.0, "right"),
    LEFT: Motion(2, 1.0, "turn left"),
    RIGHT: Motion(2, -1.0, "turn right"),
}
GRIP_KEYS = (ENTER, PAD_ENTER)
TOOL_MODE = "ee_delta"

KEY_NAMES: Mapping[int, str] = {
    UP: "up",
    DOWN: "down",
    LEFT: "left",
    RIGHT: "right",
    PAGE_UP: "page up",
    PAGE_DOWN: "page down",
    ENTER: "enter",
    PAD_ENTER: "pad enter",
    **{320 + number: f"pad {number}" for number in range(10)},
}


def keys_of(mode: str) -> Mapping[int, Motion]:
    """Key -> motion in an action mode; raises ``InvalidConfig`` where keys make no sense."""
    if mode == TOOL_MODE:
        return TOOL_KEYS
    if mode in BASE_MODES:
        return BASE_KEYS
    raise InvalidConfig(
        f"a keyboard drives action_mode={TOOL_MODE!r} or {' or '.join(BASE_MODES)}, not {mode!r}"
    )


def key_action(
    robot: RobotConfig, mode: str, pressed: "set[int] | frozenset[int]", closed: bool
) -> NDArray[np.float32]:
    """The action for the keys that are down; opposite keys cancel each other.

    Args:
        robot: whose action it is; keys move its primary arm or its base.
        mode: its action mode.
        pressed: GLFW key codes; those without a motion are ignored.
        closed: whether the gripper is closed. Other grippers stay open.
    """
    parts = action_parts(robot, mode)
    action = np.zeros(max(part.stop for part in parts.values()), np.float32)
    for arm in robot.arms if mode == TOOL_MODE else ():
        action[parts[arm.gripper.group]] = 1.0 if closed and arm is robot.arms[0] else -1.0
    group = robot.arms[0].group if mode == TOOL_MODE else next(iter(parts))
    start = parts[group].start
    for key, motion in keys_of(mode).items():
        if key in pressed:
            action[start + motion.axis] += motion.value
    return action


def help_text(mode: str) -> str:
    """One line that lists the keys."""
    rows = [f"{KEY_NAMES[key]}: {motion.help}" for key, motion in keys_of(mode).items()]
    return ", ".join([*rows, *(["enter: gripper"] if mode == TOOL_MODE else [])])


class TeleopPolicy:
    """Acts as the keys say that ``press`` is told of; each press lasts a few steps."""

    env_kwargs: ClassVar[dict[str, Any]] = {"action_mode": TOOL_MODE}
    needs_scene: ClassVar[bool] = True

    @staticmethod
    def env_kwargs_for(env_id: str) -> dict[str, Any]:
        """Tool motions, or the task's own mode where only the base moves."""
        return {} if "/NavigateTo-" in env_id else dict(TeleopPolicy.env_kwargs)

    def __init__(self) -> None:
        self._left: dict[int, int] = {}
        self._closed = False
        self._robot: RobotConfig | None = None
        self._mode = TOOL_MODE

    def bind(self, env: Any) -> None:
        """Learn robot and action mode; raises ``InvalidConfig`` for a mode without keys."""
        self._robot, self._mode = env.robot, env.config.action_mode
        keys_of(self._mode)

    def reset(self, instruction: str, seed: int | None) -> None:
        """Forget all keys and open the gripper."""
        self._left.clear()
        self._closed = False

    def press(self, key: int) -> None:
        """A key went down (GLFW key code); fit for the viewer's ``key_callback``."""
        if key in GRIP_KEYS:
            self._closed = not self._closed
        elif key in keys_of(self._mode):
            self._left[key] = STEPS_PER_PRESS

    def predict(
        self,
        obs: Any,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Any]:
        """The action for the keys pressed lately; raises ``NotReset`` before ``bind``."""
        if self._robot is None:
            raise NotReset("TeleopPolicy knows no robot yet; call bind(env.unwrapped) first")
        # The viewer calls ``press`` from its own thread, also while this reads.
        left = dict(self._left)
        action = key_action(self._robot, self._mode, set(left), self._closed)
        for key, steps in left.items():
            if steps > 1:
                self._left[key] = steps - 1
            else:
                self._left.pop(key, None)
        return action, state
