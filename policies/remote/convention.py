"""What a policy server expects to see and what its actions mean.

A ``Convention`` turns observations of an env into messages (``observer``) and replies into actions
of the env (``commands``). ``presets`` holds those of published servers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from molmospaces_gym.errors import InvalidConfig

REPLIES = ("auto", "actions", "chunk", "step")
"""Shapes of a reply. ``actions``: ``{"actions": array (H, D)}``; ``chunk``: ``{"actions": [{move
group: array}, ...]}``; ``step``: ``{move group: array}``, a single one; ``auto``: what comes."""
MESSAGES = ("env", "qpos", "openpi", "frames")
"""Layouts of a message, see ``observer``."""
GRIPPER_STATES = ("joints", "driver", "closure")
"""``joints``: position of every finger joint (rad or m); ``driver``: of the first alone;
``closure``: 0 open .. 1 closed."""
GRIPPER_UNITS = ("env", "command", "closure")
"""``env``: -1 open .. 1 closed; ``command``: the actuator's own, 0 open .. 255 closed for the 2F-85
and -0.05 open .. 0 closed (m) for the RB-Y1; ``closure``: 0 open .. 1 closed."""
BASE_FRAMES = ("base", "world")


@dataclass(frozen=True)
class CameraInput:
    """A picture of a message: its key, and the cameras of which the first observed one is sent."""

    key: str
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Convention:
    """How messages and replies are to be read.

    Attributes:
        name: for messages to people.
        message: one of ``MESSAGES``.
        prompt_key: key of the instruction.
        lower_prompt: whether the instruction is sent in lower case.
        cameras: pictures of a message; none: all that the env observes, under their names.
        crop: (width, height) that pictures are filled and cropped to, or None.
        pad: side of the square that they are then resized into with black bars, or None.
        frames: how many pictures per camera, and how many control steps lie between two.
        gripper_state: one of ``GRIPPER_STATES``.
        action_type: ``env`` (an action of the env as it is) or ``joint_position`` (rad, absolute).
        groups: move groups with their sizes, in the order of a vector reply; none: the robot's.
        holds_rest: whether groups that a step leaves out hold still, instead of being an error.
        relative: groups whose values are added to the current joint positions.
        base_frame: axes of a relative base, ``base`` or ``world``.
        gripper_unit: one of ``GRIPPER_UNITS``.
        gripper_threshold: above it (in that unit) the gripper closes, else it opens; or None.
        max_joint_delta: largest distance (rad) of an arm's joint target from its position; beyond
            it all joints of the arm are scaled alike. Or None.
        reply: one of ``REPLIES``.
        execute_horizon: steps of a chunk that are played before the next query; None: all.
        dialect: the one to begin with where the server does not give itself away.
        control_dt: seconds between two actions that the model was made for, or None.
        env_kwargs: arguments of ``gym.make`` that it needs.
        obs_map: observation key -> key in an ``env`` message, where it is another.
        action_map: key of a reply -> move group, where it is another.
    """

    name: str
    message: str
    prompt_key: str = "prompt"
    lower_prompt: bool = False
    cameras: tuple[CameraInput, ...] = ()
    crop: tuple[int, int] | None = None
    pad: int | None = None
    frames: tuple[int, int] = (1, 1)
    gripper_state: str = "joints"
    action_type: str = "joint_position"
    groups: tuple[tuple[str, int], ...] = ()
    holds_rest: bool = False
    relative: frozenset[str] = frozenset()
    base_frame: str | None = None
    gripper_unit: str = "command"
    gripper_threshold: float | None = None
    max_joint_delta: float | None = None
    reply: str = "auto"
    execute_horizon: int | None = None
    dialect: str = "openpi"
    control_dt: float | None = None
    env_kwargs: Mapping[str, Any] = field(default_factory=lambda: {})
    obs_map: Mapping[str, str] = field(default_factory=lambda: {})
    action_map: Mapping[str, str] = field(default_factory=lambda: {})

    def __post_init__(self) -> None:
        _one_of("message", self.message, MESSAGES)
        _one_of("reply", self.reply, REPLIES)
        _one_of("gripper_state", self.gripper_state, GRIPPER_STATES)
        _one_of("gripper_unit", self.gripper_unit, GRIPPER_UNITS)
        if self.execute_horizon is not None and self.execute_horizon < 1:
            raise InvalidConfig(f"execute_horizon must be at least 1, not {self.execute_horizon}")
        if self.max_joint_delta is not None and not self.max_joint_delta > 0:
            raise InvalidConfig(f"max_joint_delta must be positive rad, not {self.max_joint_delta}")
        if "base" in self.relative and self.base_frame not in BASE_FRAMES:
            raise InvalidConfig(
                f"{self.name}: say in which axes the base moves: base_frame=base or "
                "base_frame=world (the published model does not say)"
            )

    def renamed(self, obs_map: Mapping[str, str]) -> "Convention":
        """With observation keys sent under other names; cameras may also be exchanged.

        Raises:
            InvalidConfig: the convention has neither that key nor that camera.
        """
        if self.message == "env":
            return replace(self, obs_map={**self.obs_map, **obs_map})
        cameras = list(self.cameras)
        for name, key in obs_map.items():
            place = self._camera_of(name, key)
            known = cameras[place]
            cameras[place] = CameraInput(key, (name,) if known.key == key else known.names)
        return replace(self, cameras=tuple(cameras))

    def _camera_of(self, name: str, key: str) -> int:
        for place, camera in enumerate(self.cameras):
            if camera.key == key:
                return place
        for place, camera in enumerate(self.cameras):
            if name in camera.names:
                return place
        known = ", ".join(camera.key for camera in self.cameras)
        raise InvalidConfig(f"obs_map: {self.name} has no picture {key!r}; it has {known}")


def _one_of(kind: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidConfig(f"{kind} must be one of {', '.join(known)}, not {value!r}")


ENV = Convention(
    name="env",
    message="env",
    action_type="env",
    gripper_unit="env",
)
"""Observations and actions of the env as they are: what ``molmospaces-gym serve`` speaks."""
