"""From a step of a policy server to an action of the env."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import HandshakeMismatch, InvalidReply
from molmospaces_gym.policies.remote.convention import Convention
from molmospaces_gym.policies.remote.replies import Step, Vector
from molmospaces_gym.robots.base import Arm, RobotConfig
from molmospaces_gym.robots.binding import RobotBinding
from molmospaces_gym.session import Session

Observation = Mapping[str, NDArray[Any]]
FAITHFUL_MODE = "joint_position"
"""The only action mode that reaches any joint target in one step."""


class Commander:
    """Turns steps into actions for the session of an env."""

    def __init__(self, convention: Convention, session: Session, size: int) -> None:
        self._convention, self._session, self._size = convention, session, size

    def action(self, step: Step, obs: Observation) -> NDArray[np.float32]:
        """The action (size,) for one step; ``obs`` says where the joints are now.

        Raises:
            InvalidReply: the step has the wrong size or names what the robot has not.
            HandshakeMismatch: joint targets came, but the env's action mode cannot follow them.
        """
        if isinstance(step, dict) or self._convention.action_type != "env":
            return self._encoded(self._by_group(step), obs)
        if step.shape != (self._size,):
            raise InvalidReply(
                f"an action must have {self._size} elements, but the server sends {step.shape[0]}"
            )
        return step.astype(np.float32)

    def _by_group(self, step: Step) -> dict[str, Vector]:
        robot, partial = self._session.robot, self._convention.holds_rest
        expected = dict(self._convention.groups) or commanded(robot, base=partial)
        if isinstance(step, dict):
            names = self._convention.action_map
            found = {names.get(name, name): values for name, values in step.items()}
        else:
            found = _split(step, expected)
        if not found.keys() <= expected.keys() or not (partial or found.keys() >= expected.keys()):
            raise InvalidReply(
                f"the server commands {', '.join(found)}; expected {', '.join(expected)}. Rename "
                "with action_map=THEIR_NAME:GROUP"
            )
        folding = "" if robot.torso is None else robot.torso.group
        for name, values in found.items():
            # One value for a torso is how far it is folded.
            if len(values) != expected[name] and not (name == folding and len(values) == 1):
                raise InvalidReply(
                    f"{name!r} must have {expected[name]} values, but {len(values)} came"
                )
        return found

    def _encoded(self, step: Mapping[str, Vector], obs: Observation) -> NDArray[np.float32]:
        session = self._session
        check_mode(session.config.action_mode)
        command, robot = session.ctrl, session.scene.robot
        grippers = {arm.gripper.group: arm for arm in robot.config.arms}
        for name, values in step.items():
            if name in grippers:
                value = self._grip(grippers[name], float(values[0]))
                command[robot.groups[name].control] = value
            else:
                command[robot.groups[name].control] = self._joints(robot, name, values, obs)
        action = session.action_mapper.encode(command, session.ctrl)
        return action.astype(np.float32)

    def _grip(self, arm: Arm, value: float) -> float:
        """The actuator command for a value in the convention's unit."""
        convention, gripper = self._convention, arm.gripper
        if convention.gripper_threshold is not None:
            closes = value > convention.gripper_threshold
            return gripper.closed_ctrl if closes else gripper.open_ctrl
        if convention.gripper_unit == "closure":
            closure = min(max(value, 0.0), 1.0)
            return gripper.open_ctrl + closure * (gripper.closed_ctrl - gripper.open_ctrl)
        return value

    def _joints(
        self, robot: RobotBinding, name: str, values: Vector, obs: Observation
    ) -> NDArray[np.float64]:
        """Absolute targets of a group without gripper, rad and m."""
        config, convention = robot.config, self._convention
        if config.base is not None and name == config.base.group:
            return self._base(robot, values)
        if config.torso is not None and name == config.torso.group and len(values) == 1:
            return float(values[0]) * np.asarray(config.torso.height)
        now = np.asarray(obs[f"{name}_qpos"], np.float64)
        target = now + values if name in convention.relative else values
        if convention.max_joint_delta is None or name not in {arm.group for arm in config.arms}:
            return target
        return limited(now, target, convention.max_joint_delta)

    def _base(self, robot: RobotBinding, values: Vector) -> NDArray[np.float64]:
        base = robot.base
        assert base is not None
        if robot.config.base is None or robot.config.base.group not in self._convention.relative:
            return values
        pose = np.array(self._session.world.joint_pos(self._session.slot)[base.qpos])
        moved = values.copy()
        if self._convention.base_frame == "base":
            cos, sin = np.cos(pose[2]), np.sin(pose[2])
            moved[0] = cos * values[0] - sin * values[1]
            moved[1] = sin * values[0] + cos * values[1]
        target: NDArray[np.float64] = pose + moved
        return target


def limited(now: Vector, target: Vector, most: float) -> Vector:
    """``target``, or the point on the way to it where the largest joint motion is ``most`` rad."""
    delta = target - now
    excess = float(np.abs(delta).max()) / most
    return target if excess <= 1.0 else now + delta / excess


def commanded(robot: RobotConfig, base: bool = False) -> dict[str, int]:
    """Move groups with the size of their commands, without a mobile base unless it is asked for."""
    left_out = None if base or robot.base is None else robot.base.group
    return {n: len(g.actuators) for n, g in robot.groups.items() if n != left_out}


def check_mode(action_mode: str) -> None:
    """Raise ``HandshakeMismatch`` unless the action mode can follow absolute joint targets."""
    if action_mode != FAITHFUL_MODE:
        raise HandshakeMismatch(
            f"the server sends absolute joint targets, which action_mode={action_mode!r} cannot "
            f"follow; make the env with action_mode={FAITHFUL_MODE!r}"
        )


def _split(step: Vector, expected: Mapping[str, int]) -> dict[str, Vector]:
    if len(step) != sum(expected.values()):
        sizes = ", ".join(f"{name} {size}" for name, size in expected.items())
        raise InvalidReply(
            f"an action must have {sum(expected.values())} elements ({sizes}), but the server "
            f"sends {len(step)}"
        )
    found, start = {}, 0
    for name, size in expected.items():
        found[name] = step[start : start + size]
        start += size
    return found
