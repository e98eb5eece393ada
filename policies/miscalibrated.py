"""The scripted expert on a robot whose tool is not where it believes, as a base to be repaired."""

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.policies.expert import ExpertPolicy
from molmospaces_gym.robots.binding import RobotBinding
from molmospaces_gym.robots.kinematics import Kinematics
from molmospaces_gym.session import Session


class MiscalibratedExpert(ExpertPolicy):
    """``miscalibrated:X,Y,Z``: the expert, with each tool moved by a fixed offset in m.

    The offset is in the frame of the robot's base and is added to every command, as a wrong
    calibration of hand or base would. The expert does not know of it.
    """

    def __init__(self, offset: str) -> None:
        super().__init__()
        self._robot: RobotBinding | None = None
        self._tools: list[Kinematics] = []
        try:
            self.offset = np.array([float(part) for part in offset.split(",")])
        except ValueError as error:
            raise InvalidConfig(f"miscalibrated expects X,Y,Z in m, got {offset!r}") from error
        if self.offset.shape != (3,) or not np.isfinite(self.offset).all():
            raise InvalidConfig(f"miscalibrated expects X,Y,Z in m, got {offset!r}")

    def _action(self, command: NDArray[np.float64], session: Session) -> NDArray[np.float64]:
        robot, qpos = session.scene.robot, session.world.joint_pos(session.slot)
        if robot is not self._robot:
            self._robot = robot
            self._tools = [Kinematics(robot, number) for number in range(len(robot.arms))]
        moved = command.copy()
        for tool, arm in zip(self._tools, robot.arms, strict=True):
            tool.set_posture(qpos)
            moved[arm.control] = tool.step(command[arm.control], self.offset, np.zeros(3))
        return super()._action(moved, session)
