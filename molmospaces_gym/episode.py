"""``EpisodeSpec``: the complete, JSON-plain description of how one episode starts.

The schema is the official one (``benchmark_schema.py`` of allenai/molmospaces), so an official
``benchmark.json`` loads as it is. Five optional keys are ours: ``scene``, ``state``,
``control_dt``, ``episode_id`` and ``randomization``. Keys that nobody knows are kept.
"""

from collections.abc import Container, Mapping
from typing import Any, Self, TypeVar

from pydantic import ValidationError, model_validator

from molmospaces_gym.cameras import CameraMount, forward_up, mounts_from_spec
from molmospaces_gym.episode_parts import (
    CameraSpec,
    ExocentricCameraSpec,
    Language,
    RobotMountedCameraSpec,
    RobotSpec,
    SceneModifications,
    SourceSpec,
    StateArrays,
    StateSpec,
)
from molmospaces_gym.errors import InvalidEpisode
from molmospaces_gym.randomization.spec import RandomizationSpec
from molmospaces_gym.schema import Integer, Positive, SpecModel, invalid_episode
from molmospaces_gym.task_specs import TASK_SPECS, TaskSpec, parse_task, task_name

__all__ = [
    "CameraSpec",
    "EpisodeSpec",
    "ExocentricCameraSpec",
    "Language",
    "RandomizationSpec",
    "RobotMountedCameraSpec",
    "RobotSpec",
    "SceneModifications",
    "SourceSpec",
    "StateArrays",
    "StateSpec",
    "camera_mounts",
    "camera_spec",
    "house_name",
]

T = TypeVar("T", bound=TaskSpec)


class EpisodeSpec(SpecModel):
    """One episode, complete.

    The house is ``scene`` (a name or an MJCF file) where given, otherwise
    ``scene_dataset/data_split/house_index``. ``control_dt`` is the seconds between two actions,
    ``task["task_horizon_sec"]`` the time limit; without them the env decides.
    """

    source: SourceSpec | None = None
    house_index: Integer = 0
    scene_dataset: str = "user"
    data_split: str = "val"
    seed: Integer | None = None
    robot: RobotSpec
    cameras: list[CameraSpec] = []
    scene_modifications: SceneModifications = SceneModifications()
    task: dict[str, Any]
    task_relevant_objects: list[str] = []
    language: Language
    img_resolution: tuple[Integer, Integer]
    """(width, height) in pixels, shared by all cameras."""
    scene: str | None = None
    state: StateSpec | None = None
    control_dt: Positive | None = None
    episode_id: str | None = None
    randomization: RandomizationSpec | None = None
    """Light, colours and dynamics where they are not those of the scene."""

    @model_validator(mode="after")
    def _names_a_house(self) -> Self:
        if self.scene is None and not {"house_index", "scene_dataset"} <= self.model_fields_set:
            raise ValueError("an episode names its house: scene_dataset and house_index, or scene")
        return self

    @model_validator(mode="after")
    def _has_a_size(self) -> Self:
        if min(self.img_resolution) < 1:
            raise ValueError("img_resolution is [width, height], both at least 1")
        return self

    @classmethod
    def parse(cls, data: object, where: str = "episode") -> Self:
        """Reads a complete episode, checking every field and the task's own fields.

        Args:
            data: a parsed JSON object.
            where: file and index, for the message.

        Raises:
            InvalidEpisode: with the path of the field, what was found and what was expected.
        """
        try:
            spec = cls.model_validate(data)
        except ValidationError as error:
            raise invalid_episode(error, where) from error
        name = task_name(spec.task)
        if name is None:
            raise InvalidEpisode(
                f"{where}: task.task_cls: found {spec.task.get('task_cls')!r}, expected the "
                "dotted name of a task class, e.g. molmo_spaces.tasks.pick_task.PickTask"
            )
        if name in TASK_SPECS:
            parse_task(spec.task, TASK_SPECS[name], where)
        return spec

    @classmethod
    def from_partial(
        cls,
        data: "Mapping[str, Any] | EpisodeSpec",
        defaults: "Mapping[str, Any] | EpisodeSpec",
        where: str = "episode",
    ) -> Self:
        """Completes a partial episode with the defaults of its scene.

        What ``data`` gives wins. ``task``, ``robot``, ``language`` and ``scene_modifications``
        are merged key by key, ``init_qpos`` by move group and ``object_poses`` by body; anything
        else is taken whole. The task's own fields are not checked here (``task_as`` does).

        Raises:
            InvalidEpisode: a field is still missing or has the wrong type.
        """
        try:
            return cls.model_validate(_merge(_plain(defaults, where), _plain(data, where)))
        except ValidationError as error:
            raise invalid_episode(error, where) from error

    def to_dict(self) -> dict[str, Any]:
        """The episode as JSON-plain data: exactly the keys that were given."""
        return self.model_dump(mode="json", exclude_unset=True)

    def task_as(self, spec_type: type[T]) -> T:
        """The task dict as a typed spec, official defaults filled in.

        Raises:
            InvalidEpisode: a field of the task is missing or has the wrong type.
        """
        return parse_task(self.task, spec_type)

    @property
    def instruction(self) -> str:
        """What the robot is told."""
        return self.language.task_description

    @property
    def horizon_sec(self) -> float | None:
        """Time limit in seconds, or None where the episode has none."""
        value = self.task.get("task_horizon_sec")
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise InvalidEpisode(
                f"task.task_horizon_sec: found {value!r}, expected seconds above zero"
            )
        return float(value)


def house_name(spec: EpisodeSpec) -> str:
    """Name or file of the episode's house, e.g. ``holodeck-objaverse/val/1194``."""
    return spec.scene or f"{spec.scene_dataset}/{spec.data_split}/{spec.house_index}"


def camera_mounts(
    spec: EpisodeSpec, bodies: Container[str] | None = None
) -> tuple[CameraMount, ...]:
    """The cameras of an episode as mounts; see ``cameras.mounts_from_spec``."""
    return mounts_from_spec(spec.cameras, bodies)


def camera_spec(mount: CameraMount, record_depth: bool = False) -> CameraSpec:
    """The official description of a mount: exocentric where it hangs in the world."""
    if mount.body is None:
        forward, up = forward_up(mount.quat)
        return ExocentricCameraSpec(
            name=mount.name,
            type="exocentric",
            pos=list(mount.pos),
            up=up.tolist(),
            forward=forward.tolist(),
            fov=mount.fov,
            record_depth=record_depth,
        )
    return RobotMountedCameraSpec(
        name=mount.name,
        type="robot_mounted",
        reference_body_names=[mount.body],
        camera_offset=list(mount.pos),
        lookat_offset=[0.0, 0.0, 0.0],
        camera_quaternion=list(mount.quat),
        fov=mount.fov,
        record_depth=record_depth,
    )


_MERGED = frozenset({"task", "robot", "language", "scene_modifications"})
_MERGED_INSIDE = frozenset({"init_qpos", "object_poses", "added_objects"})


def _plain(data: "Mapping[str, Any] | EpisodeSpec", where: str) -> Mapping[str, Any]:
    if isinstance(data, EpisodeSpec):
        return data.to_dict()
    if isinstance(data, Mapping):
        return data
    raise InvalidEpisode(f"{where}: found {type(data).__name__}, expected an object of fields")


def _merge(
    defaults: Mapping[str, Any], given: Mapping[str, Any], merged: frozenset[str] = _MERGED
) -> dict[str, Any]:
    result = {**defaults, **given}
    for key in merged & defaults.keys() & given.keys():
        below, above = defaults[key], given[key]
        if isinstance(below, Mapping) and isinstance(above, Mapping):
            result[key] = _merge(below, above, _MERGED_INSIDE)
    return result
