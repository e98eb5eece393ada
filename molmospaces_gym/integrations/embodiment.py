"""inspect-robots: an ``Embodiment`` over our env, and a ``Task`` over a benchmark.

    from inspect_robots.eval import eval
    from molmospaces_gym.integrations.embodiment import MolmoSpacesEmbodiment, benchmark_task

    eval(benchmark_task("pick-mini"), policy, MolmoSpacesEmbodiment(benchmark="pick-mini"))

Installed, it is also the entry point ``molmospaces`` of ``inspect_robots.embodiments``. Actions are
in units of the real world: changes of the joint targets in rad, and the gripper from 0 (closed) to
1 (open), as inspect-robots has it. Importing this module needs ``inspect-robots``.
"""

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from inspect_robots.embodiment import (
    PRIVILEGED_SUCCESS,
    RENDERABLE,
    RESETTABLE,
    SEEDABLE,
    EmbodimentBase,
    EmbodimentInfo,
)
from inspect_robots.scene import Scene
from inspect_robots.spaces import (
    ActionSemantics,
    Box,
    CameraSpec,
    ObservationSpace,
    StateField,
    StateSpec,
)
from inspect_robots.task import Task
from inspect_robots.types import Action, Observation, StepResult
from numpy.typing import NDArray

from molmospaces_gym.action_layout import JOINT_STEP, action_parts
from molmospaces_gym.benchmark_io import load_benchmark
from molmospaces_gym.env import MolmoSpacesEnv
from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.registration import env_id
from molmospaces_gym.robots.base import RobotConfig

EPISODE = "episode"
"""Key of a scene's metadata: index, id or record of the episode that it is."""
STATE = {"arm_qpos": "joint_pos", "arm_qvel": "joint_vel", "tcp_pose": "eef_pose"}
"""Observation key -> the name that inspect-robots has for it. The gripper comes reversed."""
UNITS = {"joint_pos": "rad", "joint_vel": "rad/s", "eef_pose": "m+quat", "gripper": "normalized"}
DOCS = (
    "One arm with a parallel gripper on a fixed base. Actions change the targets of joints 1 to 7 "
    "by up to 0.1 rad each and set the gripper, 1 open, 0 closed. eef_pose is the tool in the "
    "robot's base frame: x forward, y left, z up in m, then the quaternion w, x, y, z."
)


class MolmoSpacesEmbodiment(EmbodimentBase):
    """A robot in a house; an arm with a gripper only.

    Args:
        task: name of the task.
        kwargs: arguments of the env, such as ``benchmark``, ``cameras`` or ``image_size``.

    A scene is played as its metadata's ``episode`` says, otherwise as its seed samples it; then the
    instruction is the sampled episode's, not the scene's. It ends at the first success, which is
    what inspect-robots scores, unless ``terminate_on_success=False`` is given.

    Raises:
        InvalidConfig: the robot is more than one arm and a gripper, or an action mode was given.
    """

    info: EmbodimentInfo

    def __init__(self, task: str = "Pick", **kwargs: Any) -> None:
        if "action_mode" in kwargs:
            raise InvalidConfig("the embodiment plays in joint_delta; it takes no action_mode")
        arguments = {
            "obs_mode": "rgb",
            "terminate_on_success": True,
            **kwargs,
            "action_mode": "joint_delta",
        }
        self._env = gym.make(env_id(task), **arguments)
        inner: Any = self._env.unwrapped
        robot: RobotConfig = inner.robot
        if list(action_parts(robot, "joint_delta")) != ["arm", "gripper"]:
            raise InvalidConfig(
                f"robot {robot.name!r} is more than an arm and a gripper, which is all that"
                " inspect-robots' spaces describe; use franka_droid"
            )
        self.info = _info(inner, len(robot.groups["arm"].actuators))

    def reset(self, scene: Scene, *, seed: int | None = None) -> Observation:
        """Start the scene's episode."""
        options = {EPISODE: scene.metadata[EPISODE]} if EPISODE in scene.metadata else {}
        chosen = scene.init_seed if seed is None else seed
        observation, _ = self._env.reset(seed=chosen, options=options)
        return self._observe(observation)

    def step(self, action: Action) -> StepResult:
        """Apply one action in units of the real world; beyond the bounds it is cut off."""
        space = self.info.action_space
        wanted = np.clip(np.asarray(action.data, np.float64), space.low, space.high)
        observation, reward, terminated, truncated, info = self._env.step(to_env(wanted))
        success = bool(info["is_success"])
        return StepResult(
            observation=self._observe(observation),
            reward=float(reward),
            terminated=bool(terminated),
            termination_reason="success" if terminated and success else None,
            truncated=bool(truncated),
            info={"success": success, **info},
        )

    def close(self) -> None:
        """Release the simulator."""
        self._env.close()

    def _observe(self, observation: Mapping[str, NDArray[Any]]) -> Observation:
        inner: Any = self._env.unwrapped
        state = {ours: observation[name].astype(np.float64) for name, ours in STATE.items()}
        state["gripper"] = 1.0 - observation["gripper"].astype(np.float64)
        images = {name: observation[name] for name in inner.layout.cameras}
        return Observation(images=images, state=state, instruction=inner.task_description)


def to_env(action: NDArray[np.float64]) -> NDArray[np.float32]:
    """The env's action of changes in rad (7) and an opening of the gripper, 0 to 1."""
    found = np.append(action[:-1] / JOINT_STEP, 1.0 - 2.0 * action[-1])
    return found.astype(np.float32)


def _info(env: MolmoSpacesEnv, joints: int) -> EmbodimentInfo:
    width, height = env.layout.image_size
    sizes = {ours: env.layout.robot_keys[name].size for name, ours in STATE.items()} | {
        "gripper": 1
    }
    fields = tuple(StateField(key, (size,), UNITS[key]) for key, size in sizes.items())
    limit = np.append(np.full(joints, JOINT_STEP), 1.0)
    labels = (*(f"joint_{i + 1}" for i in range(joints)), "gripper")
    return EmbodimentInfo(
        name=f"molmospaces_gym/{env.robot.name}",
        action_space=Box(
            shape=(joints + 1,),
            low=np.append(-limit[:-1], 0.0),
            high=limit,
            semantics=ActionSemantics("joint_delta", gripper="continuous", dim_labels=labels),
        ),
        observation_space=ObservationSpace(
            cameras=tuple(CameraSpec(name, height, width) for name in env.layout.cameras),
            state=StateSpec(fields),
        ),
        control_hz=float(env.metadata["render_fps"]),
        is_simulated=True,
        capabilities=frozenset({SEEDABLE, RESETTABLE, PRIVILEGED_SUCCESS, RENDERABLE}),
        docs=DOCS,
    )


def benchmark_task(benchmark: str, episodes: int | None = None, max_seconds: float = 20.0) -> Task:
    """The episodes of a suite or benchmark folder as a ``Task``, scored by success at the end.

    Args:
        benchmark: name of a suite, or path.
        episodes: only the first ones.
        max_seconds: when an episode is stopped (Pick: 20 s).
    """
    chosen = list(load_benchmark(benchmark))[:episodes]
    scenes = [
        Scene(
            id=str(spec.episode_id or index),
            instruction=spec.instruction,
            metadata={EPISODE: index},
        )
        for index, spec in enumerate(chosen)
    ]
    return Task(benchmark, scenes, "success_at_end", max_seconds=max_seconds)
