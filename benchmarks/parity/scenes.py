"""The test scenes of the checks without a task, and states to start them in."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.base import State
from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.house import House
from molmospaces_gym.scenes.model import SceneModel

Array = NDArray[np.float64]
SUBSTEPS = 33
"""Steps of 2 ms in an env step of 66 ms."""
FAR = (30.0, 0.0, 0.0)
"""Where (m) the robot stands when it is not about it."""

_FLOOR = """<mujoco>
<option timestep="0.002" integrator="implicitfast" cone="elliptic" impratio="10"/>
<default><geom friction="0.9 0.01 0.001"/></default>
<worldbody><geom name="floor" type="plane" size="5 5 .1"/>{}</worldbody></mujoco>"""

BOXES = """<body name="table" pos=".7 0 .2"><geom type="box" size=".4 .6 .2"/></body>
<body name="flat" pos=".6 0 .4302"><freejoint/>
  <geom type="box" size=".03 .04 .03" mass=".2"/></body>
<body name="tall" pos=".6 .2 .4502" euler="0 0 30"><freejoint/>
  <geom type="box" size=".02 .02 .05" mass=".3"/></body>
<body name="on_tall" pos=".6 .2 .5204"><freejoint/>
  <geom type="box" size=".02 .02 .02" mass=".1"/></body>
<body name="dropped" pos=".6 -.4 .45"><freejoint/>
  <geom type="box" size=".05 .03 .02" mass=".2"/></body>"""
"""Four boxes on a table: standing, standing on an edge's width, stacked, dropped from 3 cm."""
BOX_NAMES = ("flat", "tall", "on_tall", "dropped")

PENDULUM = """<body name="upper" pos="2 0 1.5" xyaxes="1 .2 0 0 1 .1">
<joint name="upper" axis="0 1 .3" damping=".01" pos="0 0 .02" ref=".3"/>
<geom type="capsule" size=".02" fromto="0 0 0 0 0 -.3" mass=".5" contype="0" conaffinity="0"/>
<body name="lower" pos="0 0 -.3"><joint name="lower" axis="0 1 0" damping=".01" armature=".001"/>
<geom type="box" size=".02 .03 .15" pos="0 0 -.15" mass=".4" contype="0" conaffinity="0"/>
</body></body>"""
"""Two links with an oblique axis, an anchor off the origin, a reference angle and armature."""
PENDULUM_START = (1.0, -0.6)
"""Joint angles, rad."""


def floor(bodies: str = "", robot: str = "franka_droid") -> SceneModel:
    """A floor with some bodies and a robot."""
    mjcf = _FLOOR.format(bodies)
    return get_scene(House(f"parity-floor-{len(bodies)}", mjcf=mjcf), get_robot(robot))


def finer(scene: SceneModel, times: int) -> SceneModel:
    """The same scene with a time step that many times shorter."""
    model = copy.copy(scene.model)
    model.opt.timestep /= times
    return replace(scene, key=f"{scene.key}/{times}", model=model)


def start(
    scene: SceneModel,
    qpos: Array | None = None,
    qvel: Array | None = None,
    at: Any = FAR,
) -> State:
    """A state with the robot held at home at ``at`` (m), all else where the file has it."""
    model = scene.model
    if qpos is None:
        qpos = model.qpos0.copy()
        scene.robot.home_qpos(qpos)
    ctrl = np.zeros(model.nu)
    ctrl[scene.robot.actuators] = scene.robot.hold_command(qpos)
    place = np.zeros((model.nmocap, 3)) + at
    turn = np.tile([1.0, 0.0, 0.0, 0.0], (model.nmocap, 1))
    return State(qpos, np.zeros(model.nv) if qvel is None else qvel, ctrl, place, turn)
