"""``Recorder``: reads an env step by step and makes a ``Trajectory`` of it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.datagen.camera_math import cam2world_gl, extrinsic_cv, intrinsic_cv
from molmospaces_gym.benchmarks.datagen.scene_math import (
    fixed_pose,
    movable_bodies,
    object_velocities,
    pose_row,
    standing_body,
)
from molmospaces_gym.benchmarks.datagen.trajectory import SENTINEL_FRAMES, CameraTrack, Trajectory
from molmospaces_gym.benchmarks.datagen.video import depth_file, encode_depth, rgb_file
from molmospaces_gym.episode import house_name
from molmospaces_gym.robots.kinematics import Kinematics
from molmospaces_gym.session import Session
from molmospaces_gym.transforms import inverse, pose_matrix

Array = NDArray[np.float64]


class Recorder:
    """Collects the states and actions of one episode.

    ``start`` after the reset, ``act`` before every step with what is about to be done, ``step``
    after it, and in the end ``finish``. Pictures go to mp4 files in ``folder`` at once.
    """

    def __init__(
        self,
        session: Session,
        folder: Path,
        cameras: Sequence[str],
        depth: Sequence[str],
        size: tuple[int, int],
    ) -> None:
        self._session, self._folder = session, folder
        self._reader = StateReader(session)
        self._start = session.ctrl
        self._rows: list[dict[str, Any]] = []
        self._steps: list[dict[str, Any]] = []
        self._acts: list[dict[str, Any]] = []
        self._films = [_Film(session, name, folder, size, name in depth) for name in cameras]

    def start(self, observation: Mapping[str, Any]) -> None:
        """Keep the state after the reset."""
        self._state(observation)

    def act(
        self, action: NDArray[np.float32], expert_action: NDArray[np.float32], command: Array
    ) -> None:
        """Keep the action about to be made, and what the expert wanted."""
        self._acts.append(
            {"actions": action.copy(), "expert_actions": expert_action.copy(), "commands": command}
        )

    def step(
        self, observation: Mapping[str, Any], reward: float, terminated: bool, truncated: bool
    ) -> None:
        """Keep the state that the action led to."""
        self._steps.append(
            {
                "rewards": np.float32(reward),
                "terminated": terminated,
                "truncated": truncated,
                "executed": self._session.ctrl,
            }
        )
        self._state(observation)

    def _state(self, observation: Mapping[str, Any]) -> None:
        names = self._session.layout.slices
        row: dict[str, Any] = {f"obs/{name}": np.array(observation[name]) for name in names}
        row["success"] = self._session.state.success
        self._rows.append(row | self._reader.read())
        for film in self._films:
            film.append()

    def close(self) -> None:
        """End the video files; safe to call again."""
        for film in self._films:
            film.close()

    def finish(self, **about: Any) -> Trajectory:
        """The recorded trajectory; ``about`` are the attributes that the env does not tell."""
        for film in self._films:
            film.repeat_last()
        self.close()
        session, robot = self._session, self._session.scene.robot
        states, steps, acts = (stacked(rows) for rows in (self._rows, self._steps, self._acts))
        groups = {name: group.control for name, group in robot.groups.items()}
        return Trajectory(
            task=session.task_name,
            robot=robot.config.name,
            house=house_name(session.episode),
            instruction=session.episode.instruction,
            control_dt=session.n_substeps * float(session.scene.model.opt.timestep),
            success=states["success"],
            rewards=steps["rewards"],
            terminated=steps["terminated"],
            truncated=steps["truncated"],
            actions=acts["actions"],
            expert_actions=acts["expert_actions"],
            commands={name: acts["commands"][:, part] for name, part in groups.items()},
            start_command={name: self._start[part] for name, part in groups.items()},
            command_poses=self._reader.command_poses(states["sim_qpos"], acts["commands"]),
            executed={name: steps["executed"][:, part] for name, part in groups.items()},
            observations=_part(states, "obs/"),
            qpos=_part(states, "qpos/"),
            qvel=_part(states, "qvel/"),
            tcp_poses=_part(states, "tcp/"),
            base_pose=states["base_pose"],
            object_names=self._reader.object_names,
            object_poses=states["object_poses"],
            object_velocities=self._reader.velocities(states["sim_qpos"], states["sim_qvel"]),
            sim_qpos=states["sim_qpos"],
            sim_qvel=states["sim_qvel"],
            cameras={film.name: film.track() for film in self._films},
            quantities=_part(states, "quantity/"),
            grasps=_part(states, "grasp/"),
            **about,
        )


class StateReader:
    """Reads what a ``Trajectory`` keeps of a state."""

    def __init__(self, session: Session) -> None:
        self._session, scene = session, session.scene
        self._objects = movable_bodies(scene)
        self.object_names = tuple(scene.body_names[body] for body in self._objects)
        self._stand = standing_body(scene)
        picked = session.episode.task.get("pickup_obj_name")
        body = scene.body_ids.get(picked) if isinstance(picked, str) else None
        self._picked = -1 if body is None else int(scene.model.body_rootid[body])

    def read(self) -> dict[str, Any]:
        """One row of everything, copied."""
        world, slot = self._session.world, self._session.slot
        robot = self._session.scene.robot
        qpos, qvel = np.array(world.joint_pos(slot)), np.array(world.joint_vel(slot))
        row: dict[str, Any] = {"sim_qpos": qpos, "sim_qvel": qvel}
        for name, group in robot.groups.items():
            row[f"qpos/{name}"], row[f"qvel/{name}"] = qpos[group.qpos], qvel[group.dof]
        position, quat = world.body_pos(slot), world.body_quat(slot)
        row["base_pose"] = np.concatenate([position[self._stand], quat[self._stand]])
        row["object_poses"] = np.column_stack([position[self._objects], quat[self._objects]])
        base = pose_matrix(position[self._stand], quat[self._stand])
        for arm in robot.arms:
            tool = np.eye(4)
            tool[:3, 3] = world.site_pos(slot)[arm.tcp_site]
            tool[:3, :3] = world.site_mat(slot)[arm.tcp_site].reshape(3, 3)
            row[f"tcp/{arm.config.group}"] = pose_row(inverse(base) @ tool)
        for name, value in self._session.state.quantities.items():
            row[f"quantity/{name}"] = value
        return row | self._grasps()

    def _grasps(self) -> dict[str, Any]:
        """Whether each gripper touches the picked object, and with both fingers."""
        if self._picked < 0:
            return {}
        session, scene = self._session, self._session.scene
        geoms = session.world.contact_geoms(session.slot)
        ours = (scene.geom_root[geoms] == self._picked).any(axis=1)
        touching = set(scene.model.geom_bodyid[geoms[ours]].ravel().tolist())
        row = {}
        for arm in scene.robot.arms:
            sides = [bool(touching & finger) for finger in arm.fingers]
            row[f"grasp/{arm.config.gripper.group}"] = np.array([any(sides), all(sides)])
        return row

    def velocities(self, qpos: Array, qvel: Array) -> Array:
        """Velocities (T + 1, objects, 6) of the objects in states (T + 1, nq) and (T + 1, nv)."""
        return object_velocities(self._session.scene, self._objects, qpos, qvel)

    def command_poses(self, qpos: Array, commands: Array) -> dict[str, Array]:
        """Where commands (T, n_actuators) would bring the tools, from states ``qpos`` (T + 1, nq).

        Arm group -> (T, 7) in the frame the robot stands in.
        """
        scene, found = self._session.scene, {}
        link_in_base = fixed_pose(scene, self._stand, scene.robot.link_id)
        for number, arm in enumerate(scene.robot.arms):
            tool, rows = Kinematics(scene.robot, number), []
            for state, command in zip(qpos[:-1], commands, strict=True):
                tool.set_posture(state)
                pose = np.eye(4)
                pose[:3, 3], pose[:3, :3] = tool.tool_pose(command[arm.control])
                rows.append(pose_row(link_in_base @ pose))
            found[arm.config.group] = np.array(rows)
        return found


class _Film:
    """The pictures of one camera as they come, and where it was."""

    def __init__(
        self, session: Session, name: str, folder: Path, size: tuple[int, int], depth: bool
    ) -> None:
        self.name, self._session, self._size = name, session, size
        fps = 1.0 / (session.n_substeps * float(session.scene.model.opt.timestep))
        self._rgb = rgb_file(folder / f"{name}.mp4", fps)
        self._depth = depth_file(folder / f"{name}_depth.mp4", fps) if depth else None
        self._modes = ("rgb", "depth") if depth else ("rgb",)
        self._poses: list[dict[str, Any]] = []
        self._last: list[tuple[Callable[[Any], None], Any]] = []

    def append(self) -> None:
        session = self._session
        pose = session.camera_pose(self.name)
        renderer = session.config.renderer
        images = session.world.render(session.slot, pose, self._size, self._modes, renderer)
        self._last = [(self._rgb.append, images["rgb"])]
        if self._depth is not None:
            self._last.append((self._depth.append, encode_depth(images["depth"])))
        self._write()
        self._poses.append(
            {
                "intrinsic_cv": intrinsic_cv(pose.fov, self._size),
                "extrinsic_cv": extrinsic_cv(pose),
                "cam2world_gl": cam2world_gl(pose),
            }
        )

    def _write(self) -> None:
        for append, picture in self._last:
            append(picture)

    def repeat_last(self) -> None:
        for _ in range(SENTINEL_FRAMES):
            self._write()

    def close(self) -> None:
        self._rgb.close()
        if self._depth is not None:
            self._depth.close()

    def track(self) -> CameraTrack:
        depth = None if self._depth is None else self._depth.path
        poses = stacked(self._poses)
        return CameraTrack(size=self._size, video=self._rgb.path, depth_video=depth, **poses)


def stacked(rows: Sequence[Mapping[str, Any]]) -> dict[str, NDArray[Any]]:
    """Rows of named values as named arrays."""
    return {name: np.array([row[name] for row in rows]) for name in rows[0]} if rows else {}


def _part(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {k.removeprefix(prefix): array for k, array in arrays.items() if k.startswith(prefix)}
