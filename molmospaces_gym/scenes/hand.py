"""A gripper without an arm, to try grasps in simulation."""

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.robots.base import RobotConfig

Pose = NDArray[np.float64]

PREFIX = "hand/"
FAR = (0.0, -3.0, 2.0)
"""Where the hand waits (m)."""
CARRIER_MASS = 1.0
STIFFNESS = (0.01, 1.0)
"""``solref`` of the weld between the hand and the pose that it is asked for: it gives way."""


class FloatingHand:
    """The gripper of a robot on a body that follows a goal pose; it collides with everything.

    ``model`` and ``data`` hold the given scene and the hand. Goals are poses (4, 4) of the
    gripper's tool site, as grasps are.

    Args:
        mjcf: text of the scene.
        robot: whose gripper it is.
        mount: body of the robot that the gripper begins with; a joint that it has is left out.
    """

    def __init__(self, mjcf: str, robot: RobotConfig, mount: str = "gripper/base_mount") -> None:
        spec = mujoco.MjSpec.from_string(mjcf)
        source = mujoco.MjSpec.from_file(str(robot.mjcf))
        _unhinge(source, source.body(mount))
        carrier = spec.worldbody.add_body(name="carrier", pos=FAR)
        carrier.add_freejoint()
        carrier.mass, carrier.inertia = CARRIER_MASS, (0.01, 0.01, 0.01)
        carrier.explicitinertial = True
        carrier.gravcomp = 1.0
        carrier.add_frame().attach_body(source.body(mount), PREFIX, "")
        spec.worldbody.add_body(name="goal", mocap=True, pos=FAR)
        weld = spec.add_equality(name="weld", type=mujoco.mjtEq.mjEQ_WELD)
        weld.name1, weld.name2 = "goal", "carrier"
        weld.objtype = mujoco.mjtObj.mjOBJ_BODY
        weld.data[:11] = [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]
        weld.solref = STIFFNESS
        # what sleeps is not woken by a hand that is put beside it
        spec.option.enableflags &= ~int(mujoco.mjtEnableBit.mjENBL_SLEEP)
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self._open, self._closed = robot.gripper.open_ctrl, robot.gripper.closed_ctrl
        joints = robot.groups[robot.gripper.group].joints
        self._fingers = [int(self.model.joint(PREFIX + j).qposadr[0]) for j in joints]
        self._opened = [sign * robot.gripper.open_qpos for sign in robot.gripper.coupling]
        joint = self.model.joint(int(self.model.body("carrier").jntadr[0]))
        self._at = int(joint.qposadr[0])
        mujoco.mj_kinematics(self.model, self.data)
        site = _pose(self.data.site(PREFIX + robot.tcp_site))
        self._offset = np.linalg.inv(site) @ _pose(self.data.body("carrier"))

    def place(self, grasp: Pose) -> None:
        """Put the open hand at a grasp at once, the rest of the scene being as it is."""
        self.data.ctrl[:] = self._open
        pos, quat = self._goal(grasp)
        self.data.qpos[self._at : self._at + 3] = pos
        self.data.qpos[self._at + 3 : self._at + 7] = quat
        self.data.qpos[self._fingers] = self._opened
        self.go(grasp, 0)
        mujoco.mj_forward(self.model, self.data)

    def close(self, steps: int) -> None:
        """Close the fingers and wait."""
        self.data.ctrl[:] = self._closed
        mujoco.mj_step(self.model, self.data, steps)

    def go(self, grasp: Pose, steps: int) -> None:
        """Set the goal and take that many physics steps."""
        self.data.mocap_pos[0], self.data.mocap_quat[0] = self._goal(grasp)
        if steps:
            mujoco.mj_step(self.model, self.data, steps)

    def touches(self) -> list[tuple[str, str]]:
        """Names of the geoms of each contact of the hand with something else."""
        found = []
        for contact in self.data.contact:
            first, second = (self.model.geom(int(geom)).name for geom in contact.geom)
            if contact.dist < 0 and first.startswith(PREFIX) != second.startswith(PREFIX):
                found.append((first, second))
        return found

    def _goal(self, grasp: Pose) -> tuple[Pose, Pose]:
        pose, quat = grasp @ self._offset, np.zeros(4)
        mujoco.mju_mat2Quat(quat, pose[:3, :3].ravel())
        return pose[:3, 3], quat


def _unhinge(spec: mujoco.MjSpec, body: mujoco.MjsBody) -> None:
    """Remove the joints of a body and what drives them."""
    for joint in list(body.joints):
        for actuator in [a for a in spec.actuators if a.target == joint.name]:
            spec.delete(actuator)
        spec.delete(joint)


def _pose(thing: object) -> Pose:
    pose = np.eye(4)
    pose[:3, :3] = thing.xmat.reshape(3, 3)  # type: ignore[attr-defined]
    pose[:3, 3] = thing.xpos  # type: ignore[attr-defined]
    return pose
