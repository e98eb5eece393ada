"""``Session``: one slot of a world playing one episode after another.

The single env owns one session and the vector env N of them, so that both step, reward and
observe by the same code.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.actions import ActionMapper, check_action, make_mapper
from molmospaces_gym.backends.base import World
from molmospaces_gym.cameras import CameraMount, CameraPose, world_pose
from molmospaces_gym.config import TaskConfig
from molmospaces_gym.episode import EpisodeSpec, camera_mounts, house_name
from molmospaces_gym.errors import InvalidConfig, MolmoSpacesError, NotReset
from molmospaces_gym.image_points import image_points, placed, pointed_things, seen_places
from molmospaces_gym.initial_state import initial_state
from molmospaces_gym.observations import (
    Observation,
    ObservationLayout,
    RobotObserver,
    observe_images,
)
from molmospaces_gym.randomization.apply import dynamics_of, look_of
from molmospaces_gym.robots.base import RobotConfig
from molmospaces_gym.robots.binding import compact
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.tasks.base import EpisodeTask, Task, TaskState, dense_terms
from molmospaces_gym.variations import Dynamics, Look

if TYPE_CHECKING:
    from molmospaces_gym.robots.drive import Drive

Array = NDArray[np.float64]

MAPPERS = 4
"""Action mappers that a session keeps for scenes it may come back to."""


class Session:
    """Plays episodes in one slot: start, act, and after the physics evaluate and observe."""

    def __init__(
        self,
        config: TaskConfig,
        task: Task,
        robot: RobotConfig,
        layout: ObservationLayout,
        world: World,
        slot: int,
    ) -> None:
        self.config, self.task, self.robot = config, task, robot
        self.layout, self.world, self.slot = layout, world, slot
        from molmospaces_gym.kernels import store

        self._store = store
        self._scene: SceneModel | None = None
        self._episode: EpisodeSpec | None = None
        self._entered: tuple[SceneModel, Look, Dynamics | None] | None = None
        self._values = np.zeros(layout.size)
        self._stops_on_success = config.stops_on_success
        self._mappers: OrderedDict[tuple[str, float], ActionMapper] = OrderedDict()
        self.steps = 0
        self.reward, self.terminated, self.truncated = 0.0, False, False
        self.info: dict[str, Any] = {}

    @property
    def scene(self) -> SceneModel:
        """The compiled scene; raises ``NotReset`` before the first episode."""
        if self._scene is None:
            raise NotReset("no episode has been started; call reset() first")
        return self._scene

    @property
    def episode(self) -> EpisodeSpec:
        """The episode being played; raises ``NotReset`` before the first one."""
        if self._episode is None:
            raise NotReset("no episode has been started; call reset() first")
        return self._episode

    @property
    def bound(self) -> EpisodeTask:
        """The task bound to the episode; raises ``NotReset`` before the first one."""
        self.scene  # noqa: B018 - raises before the first episode
        return self._task

    @property
    def ctrl(self) -> Array:
        """The robot's last commands (n_actuators,), a copy."""
        command: Array = self.world.ctrl(self.slot)[self.scene.robot.actuators]
        return command

    def begin(self, episode: EpisodeSpec, scene: SceneModel) -> None:
        """Put the slot into an episode's start; on an error the last episode stays loaded."""
        n_substeps = substeps(self.config, episode, self.task, scene)
        mounts = camera_mounts(episode, scene.body_ids)
        state = initial_state(scene, episode)
        entered = (scene, look_of(scene, episode), dynamics_of(scene, episode))
        self._enter(*entered)
        rule = self.config.success_rule
        try:
            task = self.task.bind(self.world, self.slot, scene, episode, rule)
        except MolmoSpacesError:
            if self._entered is not None:
                self._enter(*self._entered)
            raise
        self.world.set_state(self.slot, state)
        self._scene, self._episode, self._entered = scene, episode, entered
        self._task: EpisodeTask = task
        self._extra_info: Callable[[], Mapping[str, Any]] = getattr(task, "extra_info", dict)
        self.task_name: str = getattr(task, "task_name", self.task.name)
        self.n_substeps = n_substeps
        self.horizon = horizon_steps(self.config, episode, self.task, n_substeps, scene)
        self.control_dt = n_substeps * float(scene.model.opt.timestep)
        self.action_mapper = self._mapper(scene, self.control_dt)
        self.drive = make_drive(self.config, self.world, self.slot, scene, self.control_dt)
        still = self.drive is not None and not self.drive.simulated
        self.physics_steps = 0 if still else n_substeps
        self._actuators = compact(scene.robot.actuators)
        self._ctrl = self.world.ctrl(self.slot)
        self._observer = RobotObserver(self.world, self.slot, scene)
        self._mounts = {mount.name: mount for mount in mounts}
        self._mount_bodies = {
            m.name: -1 if m.body is None else scene.body_id(m.body) for m in self._mounts.values()
        }
        self.steps = 0
        self.reward, self.terminated, self.truncated = 0.0, False, False
        self.state: TaskState = task.evaluate()
        self._held = self._points() if self.layout.pointed else None
        self._labels = {
            "task": self.task_name,
            "instruction": episode.instruction,
            "episode_id": str(episode.episode_id or ""),
            "house": house_name(episode),
        }
        self.info = {"is_success": self.state.success, **self._labels, **self._extra_info()}

    def _enter(self, scene: SceneModel, look: Look, dynamics: Dynamics | None) -> None:
        """Bind the slot to a scene with the looks and the dynamics of an episode."""
        self.world.load(self.slot, scene)
        self.world.show(self.slot, look)
        if dynamics is not None:
            self.world.vary(self.slot, dynamics)

    def _mapper(self, scene: SceneModel, control_dt: float) -> ActionMapper:
        """The action mapper for a scene, ready for an episode; the last few are kept."""
        key, mappers = (scene.key, control_dt), self._mappers
        if key not in mappers:
            mappers[key] = make_mapper(self.config.action_mode, scene.robot, control_dt)
            while len(mappers) > MAPPERS:
                mappers.popitem(last=False)
        mappers.move_to_end(key)
        mappers[key].reset()
        return mappers[key]

    def act(self, action: object) -> None:
        """Turn a checked action into commands; raises ``InvalidAction`` and changes nothing."""
        mapper, ctrl, actuators = self.action_mapper, self._ctrl, self._actuators
        command = mapper.decode(check_action(action, mapper.size), ctrl[actuators])
        if self.drive is not None:
            self.drive.follow(command)
        ctrl[actuators] = command

    def finish(self) -> None:
        """Evaluate the step that the physics has just made."""
        self.steps += 1
        previous = self.state
        diverged = self.world.diverged(self.slot)
        if diverged:
            self.state = TaskState(False, previous.potentials, previous.quantities)
        else:
            self.state = self._task.evaluate()
        state = self.state
        self.terminated = state.success and self._stops_on_success
        self.truncated = not self.terminated and (diverged or self.steps >= self.horizon)
        self.info = {"is_success": state.success, **self._labels, **self._extra_info()}
        self.reward = self._score(state, previous, diverged)
        if diverged:
            self.info["diverged"] = True

    def _score(self, state: TaskState, previous: TaskState, diverged: bool) -> float:
        mode, info = self.config.reward_mode, self.info
        if mode == "dense":
            terms = dense_terms(self.task.reward_scales, state, previous)
        elif mode == "sparse":
            terms = {"sparse": float(state.success)}
        else:
            terms = {"official": 0.0 if diverged else self._task.official_reward(state)}
        for name, value in terms.items():
            info[f"reward/{name}"] = value
        return sum(terms.values())

    def write_values(self, out: NDArray[np.float32]) -> None:
        """Write the numeric observation into ``out`` (layout.size,), clipped to its space."""
        values, layout = self._values, self.layout
        self._observer.write(values[: layout.robot_size])
        if layout.mode == "state":
            self._task.privileged(values[layout.robot_size :])
        elif self._held is not None:
            is_placed, tool = layout.mode == "rgbd", values[layout.tool]
            values[layout.robot_size :] = placed(self._held, tool) if is_placed else self._held
        self._store(values, layout.low, layout.high, "diverged" in self.info, out)

    def _points(self) -> Array:
        """The image points of the observed cameras now, with depth the places seen there."""
        task, scene = self.episode.task, self.scene
        world, slot, size = self.world, self.slot, self.layout.image_size
        things = pointed_things(self._task, task, scene, world, slot)
        poses = [self.camera_pose(name) for name in self.layout.pointed]
        points = image_points(things, poses, size)
        if self.layout.mode != "rgbd":
            return points
        renderer, base = self.config.renderer, scene.robot.link_id
        depths = [world.render(slot, pose, size, ("depth",), renderer)["depth"] for pose in poses]
        frame = world.body_pos(slot)[base], world.body_mat(slot)[base].reshape(3, 3)
        return seen_places(points, poses, depths, frame)

    def observe(self) -> Observation:
        """A fresh observation of the current state."""
        row = np.empty(self.layout.size, np.float32)
        self.write_values(row)
        observation = self.layout.split(row)
        if self.layout.cameras:
            observation.update(self.images())
        return observation

    def images(self) -> Observation:
        """Freshly rendered images of the observed cameras."""
        poses = {name: self.camera_pose(name) for name in self.layout.cameras}
        renderer = self.config.renderer
        return observe_images(self.layout, self.world, self.slot, poses, renderer)

    def render(self) -> NDArray[np.uint8]:
        """An (H, W, 3) image from the episode's first camera that looks at the robot, else any."""
        return self.picture(None, self.layout.image_size, self.config.renderer)

    def picture(self, camera: str | None, size: tuple[int, int], renderer: str) -> NDArray[Any]:
        """An (H, W, 3) image of ``size`` = (width, height); without a camera that of ``render``."""
        if camera is None:
            names = list(self.cameras)
            camera = next((n for n in names if "wrist" not in n and "head" not in n), names[0])
        pose = self.camera_pose(camera)
        return self.world.render(self.slot, pose, size, ("rgb",), renderer)["rgb"]

    @property
    def cameras(self) -> Mapping[str, CameraMount]:
        """The episode's cameras by name."""
        self.scene  # noqa: B018 - raises before the first episode
        return self._mounts

    def camera_pose(self, name: str) -> CameraPose:
        """World pose of one of the episode's cameras now; raises ``InvalidConfig``."""
        if name not in self.cameras:
            raise InvalidConfig(
                f"the episode has no camera {name!r}; it has {', '.join(self._mounts)}"
            )
        body = self._mount_bodies[name]
        if body < 0:
            return world_pose(self._mounts[name], np.zeros(3), np.eye(3))
        position = self.world.body_pos(self.slot)[body]
        mat = self.world.body_mat(self.slot)[body].reshape(3, 3)
        return world_pose(self._mounts[name], position, mat)


def make_drive(
    config: TaskConfig, world: World, slot: int, scene: SceneModel, control_dt: float
) -> "Drive | None":
    """How the robot's base moves in a slot whose state is set; None where it cannot."""
    if scene.robot.base is None:
        return None
    from molmospaces_gym.robots.drive import DynamicBase, KinematicBase

    if config.drives_kinematically:
        return KinematicBase(world, slot, scene, control_dt)
    return DynamicBase(world, slot, scene)


def substeps(config: TaskConfig, episode: EpisodeSpec, task: Task, scene: SceneModel) -> int:
    """Physics steps per action; raises ``InvalidConfig`` when they do not divide evenly."""
    control_dt = (
        config.control_dt or episode.control_dt or task.control_dt or scene.robot.config.control_dt
    )
    timestep = float(scene.model.opt.timestep)
    count = round(control_dt / timestep)
    if count < 1 or abs(count * timestep - control_dt) > 1e-6:
        raise InvalidConfig(
            f"control_dt {control_dt} s is no multiple of the scene's timestep {timestep} s"
        )
    return count


def horizon_steps(
    config: TaskConfig, episode: EpisodeSpec, task: Task, n_substeps: int, scene: SceneModel
) -> int:
    """Steps until truncation: the env's, the episode's or the task's."""
    if config.horizon is not None:
        return config.horizon
    seconds = episode.horizon_sec or task.horizon_s
    return max(1, round(seconds / (n_substeps * float(scene.model.opt.timestep))))
