"""Worlds of MuJoCo and of Isaac Lab's engines in the same state."""

import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import mujoco
import numpy as np
import pytest

from molmospaces_gym.backends.base import State
from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.house import House
from molmospaces_gym.scenes.model import SceneModel

if find_spec("isaaclab") is not None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Isaac Lab sets what Warp calls deprecated
        import warp

        import molmospaces_gym.backends.isaac_scene.world  # noqa: F401

    # Kernels compile in half the time; on the CPU they run as fast.
    warp.config.optimization_level = 0

MJCF = """
<mujoco>
  <option timestep="0.002" integrator="implicitfast" cone="elliptic" impratio="10"/>
  <default><geom friction="0.9 0.01 0.001"/></default>
  <worldbody><geom name="floor" type="plane" size="5 5 .1"/>{}</worldbody>
  {}
</mujoco>
"""


@pytest.fixture(scope="session")
def compose() -> Callable[..., SceneModel]:
    """``compose(bodies, rest="", robot=...)``: the scene of a floor with some bodies."""

    def composed(bodies: str = "", rest: str = "", robot: str = "franka_droid") -> SceneModel:
        mjcf = MJCF.format(bodies, rest)
        return get_scene(House(f"floor-{hash(mjcf)}", mjcf=mjcf), get_robot(robot))

    return composed


@pytest.fixture(scope="session")
def start() -> Callable[..., State]:
    """``start(scene, qpos=None, qvel=None, at=(0, 0, 0))``: a state with the robot held."""

    def started(scene: SceneModel, qpos: Any = None, qvel: Any = None, at: Any = 0.0) -> State:
        model = scene.model
        if qpos is None:  # everything where the file has it
            qpos = model.qpos0.copy()
            scene.robot.home_qpos(qpos)
        ctrl = np.zeros(model.nu)
        ctrl[scene.robot.actuators] = scene.robot.hold_command(qpos)
        place = np.zeros((model.nmocap, 3)) + at
        turn = np.tile([1.0, 0.0, 0.0, 0.0], (model.nmocap, 1))
        return State(qpos, np.zeros(model.nv) if qvel is None else qvel, ctrl, place, turn)

    return started


@pytest.fixture
def worlds() -> Iterator[Callable[..., Any]]:
    """``worlds(physics, num_worlds=1)``: a world of Isaac Lab, or of MuJoCo for ``None``."""
    from molmospaces_gym.backends.isaac import isaac_world
    from molmospaces_gym.backends.mjc import MujocoWorld

    made: list[Any] = []

    def make(physics: str | None, num_worlds: int = 1) -> Any:
        world: Any = (
            MujocoWorld(num_worlds) if physics is None else isaac_world(num_worlds, physics)
        )
        made.append(world)
        return world

    yield make
    for world in made:
        world.close()


@pytest.fixture
def twins(worlds: Callable[..., Any]) -> Callable[..., tuple[Any, Any]]:
    """``twins(scene, state, physics)``: a MuJoCo world and an Isaac world in that state."""

    def both(scene: SceneModel, state: State, physics: str) -> tuple[Any, Any]:
        pair = worlds(None), worlds(physics)
        for world in pair:
            world.load(0, scene)
            world.set_state(0, state)
        return pair

    return both


@pytest.fixture(scope="session")
def degrees() -> Callable[[Any, Any], float]:
    """``degrees(quat, quat)``: the angle between two orientations."""

    def between(first: Any, second: Any) -> float:
        turn = np.zeros(3)
        mujoco.mju_subQuat(turn, np.asarray(first, float), np.asarray(second, float))
        return float(np.degrees(np.linalg.norm(turn)))

    return between
