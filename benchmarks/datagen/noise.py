"""Action noise of the official data generation, for demonstrations that show how to recover.

What the robot carries out is off by a little; what is recorded as the expert's action is not. The
expert plans on from where the noise took the robot.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.robots.binding import RobotBinding
from molmospaces_gym.robots.kinematics import Kinematics
from molmospaces_gym.session import Session

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class NoiseConfig:
    """How strong the noise is; the defaults are the official ``ActionNoiseConfig``.

    Attributes:
        arm_scale: standard deviation of the tool's position noise over the commanded way.
        rotation_scale: standard deviation of its rotation noise (rad) over that of position (m).
        max_position, max_rotation: bounds per axis of the tool's noise, m and rad.
        base_scale: standard deviation of the base's noise over its commanded way and turn.
        max_base_position, max_base_rotation: its bounds, m and rad.
    """

    arm_scale: float = 0.1
    rotation_scale: float = 0.1
    max_position: float = 0.02
    max_rotation: float = 0.1
    base_scale: float = 0.1
    max_base_position: float = 0.02
    max_base_rotation: float = 0.05

    def __post_init__(self) -> None:
        wrong = [name for name, value in vars(self).items() if not value >= 0]
        if wrong:
            raise InvalidConfig(f"action noise: {', '.join(wrong)} must not be negative")

    def scaled(self, factor: float) -> "NoiseConfig":
        """Noise ``factor`` times as strong within the same bounds."""
        return NoiseConfig(
            arm_scale=self.arm_scale * factor,
            rotation_scale=self.rotation_scale,
            max_position=self.max_position,
            max_rotation=self.max_rotation,
            base_scale=self.base_scale * factor,
            max_base_position=self.max_base_position,
            max_base_rotation=self.max_base_rotation,
        )


class ActionNoise:
    """Disturbs the commands of one episode; arms in tool space, a base in the plane.

    Grippers, torso and head are left alone. Where nothing is commanded there is no noise.
    """

    def __init__(self, config: NoiseConfig, robot: RobotBinding, rng: np.random.Generator) -> None:
        self._config, self._robot, self._rng = config, robot, rng
        self._tools = [Kinematics(robot, number) for number in range(len(robot.arms))]

    def disturb(self, command: Array, session: Session) -> Array:
        """``command`` (n_actuators,) with noise, given where the robot is."""
        qpos = session.world.joint_pos(session.slot)
        noisy = command.copy()
        for arm, tool in zip(self._robot.arms, self._tools, strict=True):
            tool.set_posture(qpos)
            noisy[arm.control] = self._arm(tool, qpos[arm.qpos], command[arm.control])
        base = self._robot.base
        if base is not None:
            noisy[base.control] += self._base(command[base.control] - qpos[base.qpos])
        low, high = self._robot.ctrl_low, self._robot.ctrl_high
        return np.minimum(np.maximum(noisy, low), high)

    def _arm(self, tool: Kinematics, at: Array, command: Array) -> Array:
        config = self._config
        way, _ = tool.displacement(at, command)
        deviation = config.arm_scale * float(np.linalg.norm(way))
        shift = truncated_normal(self._rng, deviation, config.max_position, 3)
        turning = deviation * config.rotation_scale
        turn = truncated_normal(self._rng, turning, config.max_rotation, 3)
        return tool.step(command, shift, turn) if deviation > 0 else command

    def _base(self, way: Array) -> Array:
        config = self._config
        along = config.base_scale * float(np.linalg.norm(way[:2]))
        around = config.base_scale * abs(float(way[2]))
        shift = truncated_normal(self._rng, along, config.max_base_position, 2)
        turn = truncated_normal(self._rng, around, config.max_base_rotation, 1)
        return np.concatenate([shift, turn])


def truncated_normal(rng: np.random.Generator, deviation: float, bound: float, size: int) -> Array:
    """``size`` numbers of a normal distribution cut off at +-``bound``; zeros where that is 0.

    It always draws ``size`` numbers, so that later ones do not depend on ``deviation``.
    """
    uniform = rng.random(size)
    if deviation <= 0 or bound <= 0:
        return np.zeros(size)
    low = ndtr(-bound / deviation)
    drawn: Array = deviation * ndtri(low + uniform * (1 - 2 * low))
    return np.minimum(np.maximum(drawn, -bound), bound)
