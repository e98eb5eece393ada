"""The parts of an ``EpisodeSpec``: source, robot, cameras, scene changes, language, state."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from molmospaces_gym.errors import InvalidEpisode
from molmospaces_gym.schema import (
    Flag,
    Integer,
    Numbers,
    NumbersByName,
    Poses,
    Positive,
    Quaternion,
    Rows,
    SpecModel,
    Vector,
)


class SourceSpec(SpecModel):
    """Where an episode was taken from."""

    h5_file: str
    traj_key: str
    episode_length: Integer | None = None
    camera_system_class: str | None = None
    source_data_date: str | None = None
    benchmark_created_date: str | None = None


class RobotSpec(SpecModel):
    """Which robot, and its joint positions (rad or m) per move group.

    Its place in the world is ``task.robot_base_pose``.
    """

    robot_name: str
    init_qpos: NumbersByName


class RobotMountedCameraSpec(SpecModel):
    """A camera fixed to a body; the first name of ``reference_body_names`` that exists counts.

    ``camera_offset`` (m) and ``camera_quaternion`` (wxyz) are in the frame of that body;
    ``lookat_offset`` is informative, the quaternion decides. ``fov`` is vertical, degrees.
    """

    name: str
    type: Literal["robot_mounted"]
    reference_body_names: Annotated[list[str], Field(min_length=1)]
    camera_offset: Vector
    lookat_offset: Vector
    camera_quaternion: Quaternion
    fov: Positive
    record_depth: Flag = False


class ExocentricCameraSpec(SpecModel):
    """A camera that stands still in the world at ``pos`` (m), looking along ``forward``."""

    name: str
    type: Literal["exocentric"]
    pos: Vector
    up: Vector
    forward: Vector
    fov: Positive
    record_depth: Flag = False


CameraSpec = Annotated[RobotMountedCameraSpec | ExocentricCameraSpec, Field(discriminator="type")]


class SceneModifications(SpecModel):
    """How the scene differs from the house file.

    ``added_objects`` maps a body name to an object file relative to the assets directory;
    ``object_poses`` holds the world pose of every object that matters, added or not.
    """

    added_objects: dict[str, str] = {}
    object_poses: Poses = {}
    removed_objects: list[str] = []


class Language(SpecModel):
    """The instruction and the names under which it speaks of the objects."""

    task_description: str
    referral_expressions: dict[str, str] = {}
    referral_expressions_priority: dict[str, list[list[Any]]] = {}
    """Role -> [[CLIP margin, CLIP similarity, text], ...], best first."""


@dataclass(frozen=True)
class StateArrays:
    """A simulator state; None where the episode leaves a part of it to the scene.

    Shapes: ``qpos`` (nq,), ``qvel`` (nv,), ``mocap_pos`` (nmocap, 3) in metres, ``mocap_quat``
    (nmocap, 4) wxyz.
    """

    qpos: NDArray[np.float64]
    qvel: NDArray[np.float64] | None
    mocap_pos: NDArray[np.float64] | None
    mocap_quat: NDArray[np.float64] | None


class StateSpec(SpecModel):
    """The exact simulator state at the start; it overrides all poses of the episode."""

    qpos: Numbers
    qvel: Numbers | None = None
    mocap_pos: Rows | None = None
    mocap_quat: Rows | None = None

    def arrays(self) -> StateArrays:
        """The state as float64 arrays.

        Raises:
            InvalidEpisode: the mocap rows do not have 3 and 4 columns.
        """
        return StateArrays(
            qpos=np.asarray(self.qpos, dtype=np.float64),
            qvel=None if self.qvel is None else np.asarray(self.qvel, dtype=np.float64),
            mocap_pos=_rows("mocap_pos", self.mocap_pos, 3),
            mocap_quat=_rows("mocap_quat", self.mocap_quat, 4),
        )


def _rows(field: str, values: list[Any] | None, columns: int) -> NDArray[np.float64] | None:
    if values is None:
        return None
    try:
        return np.asarray(values, dtype=np.float64).reshape(-1, columns)
    except ValueError as error:
        raise InvalidEpisode(f"state.{field}: expected rows of {columns} numbers") from error
