"""A ``RobotConfig`` for an FR3 + Robotiq 2F-85 that comes as a path to its own MJCF."""

from dataclasses import replace
from pathlib import Path

import mujoco
import numpy as np

from molmospaces_gym.cameras import CameraMount
from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.robots.base import RobotConfig
from molmospaces_gym.robots.franka_droid import FRANKA_DROID

_TCP_SITES = ("gripper/grasp_site", "gripper/pinch")
"""The official tool site and the one Menagerie's 2F-85 has at the same place."""


def robot_from_mjcf(path: Path) -> RobotConfig:
    """Read the robot in ``path`` (an MJCF file or its directory) by ``franka_droid``'s names.

    Home, initial noise, pedestal and the shoulder camera are those of ``franka_droid``; the
    command range of the gripper and the wrist camera are the file's own where it has them.

    Raises:
        InvalidConfig: There is no such file, it is not MJCF, or names that are needed are missing.
    """
    file = _find_file(path)
    try:
        spec = mujoco.MjSpec.from_file(str(file))
    except ValueError as error:
        raise InvalidConfig(f"robot file {str(file)!r} cannot be read as MJCF: {error}") from error
    _check_names(spec, file)
    base = FRANKA_DROID
    actuator = spec.actuator(base.groups["gripper"].actuators[0])
    low, high = (float(value) for value in actuator.ctrlrange)
    gripper = replace(base.gripper, open_ctrl=low, closed_ctrl=high) if high > low else base.gripper
    site = next(site for site in _TCP_SITES if spec.site(site) is not None)
    return replace(
        base,
        name=file.parent.name if file.name == "model.xml" else file.stem,
        mjcf=file.resolve(),
        arms=(replace(base.arms[0], tcp_site=site, gripper=gripper),),
        cameras=tuple(_mounted_in(spec, mount) for mount in base.cameras),
    )


def _find_file(path: Path) -> Path:
    if path.is_file():
        return path
    if (path / "model.xml").is_file():
        return path / "model.xml"
    found = sorted(path.glob("*.xml"))
    if len(found) == 1:
        return found[0]
    names = ", ".join(file.name for file in found) or "no *.xml"
    raise InvalidConfig(
        f"robot directory {str(path)!r} holds {names}; expected model.xml or exactly one *.xml, "
        "or give the file itself"
    )


def _check_names(spec: mujoco.MjSpec, file: Path) -> None:
    """Raise with every missing name at once, so one look repairs the file."""
    base = FRANKA_DROID
    fingers = [body for side in base.gripper.fingers for body in side]
    bodies = [base.root_body, *fingers, *(str(mount.body) for mount in base.cameras)]
    groups = base.groups.values()
    missing = [f"body {name}" for name in dict.fromkeys(bodies) if spec.body(name) is None]
    missing += [
        f"joint {name}" for group in groups for name in group.joints if spec.joint(name) is None
    ]
    missing += [
        f"actuator {name}"
        for group in groups
        for name in group.actuators
        if spec.actuator(name) is None
    ]
    if all(spec.site(site) is None for site in _TCP_SITES):
        missing.append(f"site {_TCP_SITES[0]}")
    if missing:
        raise InvalidConfig(
            f"robot file {str(file)!r} lacks {', '.join(missing)}; a robot given as a path must be "
            "an FR3 with a Robotiq 2F-85 under the names of franka_droid (fr3_joint1..7, gripper/*)"
        )


def _mounted_in(spec: mujoco.MjSpec, mount: CameraMount) -> CameraMount:
    """``mount``, or the file's own camera where it has one of that name on the gripper."""
    camera = spec.camera(f"gripper/{mount.name}")
    if camera is None:
        return mount
    quat = camera.quat
    if camera.alt.type != mujoco.mjtOrientation.mjORIENTATION_QUAT:
        # Angles other than a quaternion stay unresolved in a spec that was not compiled.
        compiler = spec.compiler
        quat = np.array(
            spec.resolve_orientation(
                degree=compiler.degree, sequence=compiler.eulerseq, orientation=camera.alt
            )
        )
    quat = quat / np.linalg.norm(quat)
    return CameraMount(
        name=mount.name,
        body=camera.parent.name,
        pos=(float(camera.pos[0]), float(camera.pos[1]), float(camera.pos[2])),
        quat=(float(quat[0]), float(quat[1]), float(quat[2]), float(quat[3])),
        fov=float(camera.fovy),
    )
