"""The stages of a household episode: going somewhere, and what other tasks ask for.

A stage that opens, closes, picks up or places is an episode of that task: its fields, its
evaluator, its potentials. Only going to a room has a rule of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from molmospaces_gym.backends.base import World
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidEpisode
from molmospaces_gym.scenes.episode_joints import named_articulation
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.scenes.navigation import NARROW
from molmospaces_gym.scenes.rooms import Room, rooms_of
from molmospaces_gym.tasks import get_task
from molmospaces_gym.tasks.base import Array, EpisodeTask, Task, TaskState
from molmospaces_gym.tasks.navigate_kernels import survey
from molmospaces_gym.tasks.placing import required_name
from molmospaces_gym.tasks.ways import NO_WAYS, Ways, ways_into, ways_near

GO = "go_to_room"
PLAYS: Mapping[str, Task] = {
    "open": get_task("Open"),
    "close": get_task("Close"),
    "pick": get_task("Pick"),
    "place": get_task("PickAndPlace"),
}
"""Kind of stage -> the task that it is an episode of."""
KINDS = (GO, *PLAYS)
"""All kinds of stages, in the order of the observation ``stage_kind``."""

NEAR = 0.8
"""Way (m) from where something is handled that counts as being there: an arm's reach."""
WAY_SHARE = 0.3
"""Share of a stage's progress that is getting there."""
LEAST_WAY = 1.0
"""Ways shorter than this (m) earn as much per metre as one of this length."""
AHEAD = np.array([1.0, 0.0, 0.0])


@dataclass(slots=True)
class StageState:
    """What a stage knows after one step.

    ``done`` by its rule now, ``progress`` 0 (or less, when it has become worse) to 1, ``way`` the
    way that is left (m) and ``state`` that of the task which the stage is an episode of.
    """

    done: bool
    progress: float
    way: float
    state: TaskState | None = None


class Stage(Protocol):
    """One stage, bound to a slot; its first evaluation is when it begins."""

    kind: str

    def evaluate(self) -> StageState:
        """Whether it is done now, and how far it has come."""

    def describe(self, out: Array) -> None:
        """Write (6,): target position, direction and length of the way, in the base frame."""


def completed(stage: Mapping[str, Any], scene: SceneModel) -> dict[str, Any]:
    """A stage with the fields that its task fills in.

    Raises:
        InvalidEpisode: no such kind, or a field that it needs is missing or names no room.
        UnknownBody: it names a body that the scene does not have.
    """
    kind = stage.get("kind")
    if kind == GO:
        _room(stage, scene)
        if "pickup_obj_name" in stage:
            scene.free_joint(required_name(stage, "pickup_obj_name", "what is brought along"))
        return dict(stage)
    if kind not in PLAYS:
        raise InvalidEpisode(f"a stage's kind is one of {', '.join(KINDS)}, not {kind!r}")
    unplaced = {"robot_base_pose": [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]}
    fields = PLAYS[str(kind)].defaults({**stage, **unplaced}, scene)
    return {key: value for key, value in fields.items() if key not in unplaced}


def make_stage(
    stage: Mapping[str, Any],
    world: World,
    slot: int,
    scene: SceneModel,
    episode: EpisodeSpec,
    rule: str,
) -> Stage:
    """The stage of a complete description; raises as ``completed``."""
    if stage.get("kind") == GO:
        return GoStage(stage, world, slot, scene)
    return PlayedStage(completed(stage, scene), world, slot, scene, episode, rule)


class GoStage:
    """Go to a room, with an object where ``pickup_obj_name`` is given.

    Done while the middle of the robot's base is over the room's floor and that of the object too.
    """

    kind = GO

    def __init__(
        self, stage: Mapping[str, Any], world: World, slot: int, scene: SceneModel
    ) -> None:
        self.room = room = _room(stage, scene)
        self._xpos, link = world.body_pos(slot), scene.robot.link_id
        self.brings = name = stage.get("pickup_obj_name")
        mover = link if name is None else scene.body_id(str(name))
        self._moved = [link] if name is None else [link, mover]
        body = scene.body_id(room.name)
        center = np.array([*room.middle, 0.0]) - scene.model.body_pos[body]
        self._way = _Way(world, slot, link, mover, (body, center))
        self._way.ways = ways_into(scene, room, NARROW)

    def evaluate(self) -> StageState:
        way, share = self._way.left()
        inside = self.room.inside(self._xpos[self._moved, :2])
        done = bool((inside >= 0.0).all())
        return StageState(done, 1.0 if done else min(share, 1.0), way)

    def describe(self, out: Array) -> None:
        self._way.describe(out)


class PlayedStage:
    """A stage that is an episode of one of ``PLAYS``."""

    def __init__(
        self,
        stage: Mapping[str, Any],
        world: World,
        slot: int,
        scene: SceneModel,
        episode: EpisodeSpec,
        rule: str,
    ) -> None:
        self.kind = str(stage["kind"])
        self.task = PLAYS[self.kind]
        self.played = episode.replace(task={**stage, **_start_of(episode)})
        self.episode: EpisodeTask = self.task.bind(world, slot, scene, self.played, rule)
        self._scales = {k: v for k, v in self.task.reward_scales.items() if k != "success"}
        self._total = sum(self._scales.values())
        link = scene.robot.link_id
        mover, target = link, _target(stage, scene)
        if self.kind == "place":
            mover = scene.body_id(stage["pickup_obj_name"])
        self._way = _Way(world, slot, link, mover, target)
        self._scene, self._body = scene, target[0]
        self._xpos = world.body_pos(slot)

    def evaluate(self) -> StageState:
        if self._way.ways is NO_WAYS:
            self._way.ways = self._ways()
        state = self.episode.evaluate()
        way, share = self._way.left()
        potentials = state.potentials
        done = sum(scale * potentials[name] for name, scale in self._scales.items()) / self._total
        progress = WAY_SHARE * share + (1.0 - WAY_SHARE) * done
        return StageState(state.success, 1.0 if state.success else progress, way, state)

    def _ways(self) -> Ways:
        """The ways to where the target is when the stage begins, in the room where it is."""
        point = self._xpos[self._body, :2]
        rooms = rooms_of(self._scene).values()
        room = next((room for room in rooms if room.contains(*point.tolist())), None)
        return ways_near(self._scene, point[None], NEAR, NARROW, room)

    def describe(self, out: Array) -> None:
        self._way.describe(out)


class _Way:
    """The way that is left of something that moves to a target: a body and a point of it."""

    def __init__(
        self, world: World, slot: int, link: int, mover: int, target: tuple[int, Array]
    ) -> None:
        self.ways = NO_WAYS
        self._link, self._mover = link, mover
        self._xpos, self._xmat = world.body_pos(slot), world.body_mat(slot)
        self._bodies = np.array([target[0]], dtype=np.intp)
        self._centers = np.array([target[1]], dtype=np.float64)
        self._found, self._start = np.zeros(6), -1.0

    def _survey(self, body: int) -> float:
        ways = self.ways
        return survey(
            self._xpos, self._xmat, body, self._bodies, self._centers, NEAR,
            ways.filled, ways.field, ways.to_map, body, AHEAD, 1.0, self._found,
        )[2]  # fmt: skip

    def left(self) -> tuple[float, float]:
        """Its length (m) and the share that is done, at least -1."""
        way = float(self._survey(self._mover))
        if self._start < 0.0:
            self._start = max(way, LEAST_WAY)
        return way, max(1.0 - way / self._start, -1.0)

    def describe(self, out: Array) -> None:
        self._survey(self._link)
        out[:] = self._found


def _target(stage: Mapping[str, Any], scene: SceneModel) -> tuple[int, Array]:
    """Body that a stage is about, and the point of it that one goes to."""
    if stage["kind"] in ("open", "close"):
        part = named_articulation(scene, stage)
        return part.body, part.handles[0].middle
    name = stage["place_receptacle_name" if stage["kind"] == "place" else "pickup_obj_name"]
    return scene.body_id(name), scene.body_center(name)


def _start_of(episode: EpisodeSpec) -> dict[str, Any]:
    base = episode.task.get("robot_base_pose")
    return {} if base is None else {"robot_base_pose": base}


def _room(stage: Mapping[str, Any], scene: SceneModel) -> Room:
    rooms, name = rooms_of(scene), required_name(stage, "room", "the body of the room's floor")
    if name not in rooms:
        raise InvalidEpisode(
            f"stage.room: house {scene.house.name!r} has no room {name!r}; it has"
            f" {', '.join(rooms) or 'none'}"
        )
    return rooms[name]


def parse_stages(task: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The stages of an episode's ``task`` part; raises ``InvalidEpisode`` where there are none."""
    stages = task.get("stages")
    if (
        not isinstance(stages, list | tuple)
        or not stages
        or not all(isinstance(stage, Mapping) for stage in stages)
    ):
        raise InvalidEpisode(
            "a Household episode needs task.stages, a list of stages such as"
            " {'kind': 'go_to_room', 'room': 'room_1'}"
        )
    return stages
