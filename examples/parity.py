"""Print how far a backend is from MuJoCo, from the same states.

    python examples/parity.py                      # maniskill, some seconds
    python examples/parity.py --backend maniskill --json

Each row is the largest difference found. ``tests/maniskill/test_parity.py`` asserts the bounds.
"""

import argparse
import json
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np

import molmospaces_gym  # noqa: F401 - registers the environments
from molmospaces_gym.backends.base import State, World, make_world
from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.house import House
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.scenes.resolve import resolve_house

ROBOTS = ("franka_droid", "franka_mobile", "rby1")
SUBSTEPS = 33
"""Of an env step of 66 ms."""
FAR = (30.0, 0.0, 0.0)
"""Where the robot stands when it is not about it."""
FLOOR = """<mujoco>
<option timestep="0.002" integrator="implicitfast" cone="elliptic" impratio="10"/>
<default><geom friction="0.9 0.01 0.001"/></default>
<worldbody><geom type="plane" size="5 5 .1"/>{}</worldbody></mujoco>"""
BOXES = """<body name="table" pos=".7 0 .2"><geom type="box" size=".4 .6 .2"/></body>
<body name="flat" pos=".6 0 .4302"><freejoint/>
  <geom type="box" size=".03 .04 .03" mass=".2"/></body>
<body name="tall" pos=".6 .2 .4502" euler="0 0 30"><freejoint/>
  <geom type="box" size=".02 .02 .05" mass=".3"/></body>
<body name="on_tall" pos=".6 .2 .5204"><freejoint/>
  <geom type="box" size=".02 .02 .02" mass=".1"/></body>
<body name="dropped" pos=".6 -.4 .45"><freejoint/>
  <geom type="box" size=".05 .03 .02" mass=".2"/></body>"""
PENDULUM = """<body name="upper" pos="2 0 1.5" xyaxes="1 .2 0 0 1 .1">
<joint name="upper" axis="0 1 .3" damping=".01" pos="0 0 .02" ref=".3"/>
<geom type="capsule" size=".02" fromto="0 0 0 0 0 -.3" mass=".5" contype="0" conaffinity="0"/>
<body name="lower" pos="0 0 -.3"><joint name="lower" axis="0 1 0" damping=".01" armature=".001"/>
<geom type="box" size=".02 .03 .15" pos="0 0 -.15" mass=".4" contype="0" conaffinity="0"/>
</body></body>"""
Row = tuple[str, float, str]


def floor(bodies: str = "", robot: str = "franka_droid") -> SceneModel:
    mjcf = FLOOR.format(bodies)
    return get_scene(House(f"floor-{len(bodies)}", mjcf=mjcf), get_robot(robot))


def start(scene: SceneModel, qpos: Any = None, qvel: Any = None, at: Any = FAR) -> State:
    model = scene.model
    if qpos is None:
        qpos = model.qpos0.copy()
        scene.robot.home_qpos(qpos)
    ctrl = np.zeros(model.nu)
    ctrl[scene.robot.actuators] = scene.robot.hold_command(qpos)
    turn = np.tile([1.0, 0.0, 0.0, 0.0], (model.nmocap, 1))
    velocity = np.zeros(model.nv) if qvel is None else qvel
    return State(qpos, velocity, ctrl, np.zeros((model.nmocap, 3)) + at, turn)


def pair(backend: str, scene: SceneModel, state: State) -> list[World]:
    worlds = [make_world("mujoco"), make_world(backend)]
    for world in worlds:
        world.load(0, scene)
        world.set_state(0, state)
    return worlds


def apart(worlds: list[World], values: Any) -> float:
    first, second = (values(world) for world in worlds)
    return float(np.abs(first - second).max())


def kinematics(backend: str) -> Iterator[Row]:
    """Poses that the simulator has itself, against MuJoCo's kinematics; 100 configurations."""
    for robot in ROBOTS:
        scene = floor(robot=robot)
        model, world, rng = scene.model, make_world(backend), np.random.default_rng(0)
        world.load(0, scene)
        low, high = np.where(model.jnt_limited[:, None], model.jnt_range, [-1.0, 1.0]).T
        off, turn, difference = [], [], np.zeros(3)
        for _ in range(100):
            qpos = scene.rest_qpos.copy()
            qpos[model.jnt_qposadr] = rng.uniform(low, high)
            world.set_state(0, start(scene, qpos, at=0.0))
            physics: Any = world
            for body, component in physics.physics(0).bodies.parts.items():
                pose = component.entity.pose
                off.append(np.linalg.norm(pose.p - world.body_pos(0)[body]))
                mujoco.mju_subQuat(difference, pose.q.astype(float), world.body_quat(0)[body])
                turn.append(np.degrees(np.linalg.norm(difference)))
        yield f"kinematics of {robot}, worst body", 1e3 * max(off), "mm"
        yield f"kinematics of {robot}, worst body", max(turn), "deg"


def boxes(backend: str) -> Iterator[Row]:
    scene = floor(BOXES)
    worlds = pair(backend, scene, start(scene))
    for world in worlds:
        for _ in range(30):
            world.step(SUBSTEPS)
    for name in ("flat", "tall", "on_tall", "dropped"):
        body = scene.body_id(name)
        off = [world.body_pos(0)[body] for world in worlds]
        yield f"box {name!r} after 2 s", 1e3 * float(np.linalg.norm(off[0] - off[1])), "mm"


def pendulum(backend: str) -> Iterator[Row]:
    """Six seconds in steps of 2, 10 and 66 ms: what a step of at most 10 ms costs."""
    scene = floor(PENDULUM)
    at = [scene.model.jnt_qposadr[scene.joint_ids[name]] for name in ("upper", "lower")]
    for count in (1, 5, SUBSTEPS):
        qpos = scene.rest_qpos.copy()
        qpos[at] = 1.0, -0.6
        worlds = pair(backend, scene, start(scene, qpos))
        for world in worlds:
            for _ in range(3000 // count):
                world.step(count)
        value = apart(worlds, lambda world: world.joint_pos(0)[at])
        yield f"double pendulum after 6 s, world steps of {2 * count} ms", value, "rad"


def coasting(backend: str) -> Iterator[Row]:
    """A second of everything that opens, pushed at 1.2 m/s or 2 rad/s."""
    for house in ("generated/val/0", "homes/val/0"):
        scene = get_scene(resolve_house(house), get_robot("franka_droid"))
        model, qvel = scene.model, np.zeros(scene.model.nv)
        parts = [part for part in scene.articulations.values() if "doorway" not in part.name]
        for part in parts:
            qvel[model.jnt_dofadr[scene.joint_ids[part.name]]] = 1.2 if part.slides else 2.0
        worlds = pair(backend, scene, start(scene, scene.rest_qpos.copy(), qvel))
        for _ in range(16):
            for world in worlds:
                world.step(SUBSTEPS)
        for slides, unit, scale in ((True, "mm", 1e3), (False, "deg", np.degrees(1.0))):
            at = [part.qpos for part in parts if part.slides == slides]
            ends = np.array([world.joint_pos(0)[at] for world in worlds])
            off = np.abs(ends[0] - ends[1]) * scale
            what = f"{'drawers' if slides else 'doors'} of {house}, {len(at)}"
            yield f"{what}, median", float(np.median(off)), unit
            yield f"{what}, worst", float(off.max()), unit


def tracking(backend: str) -> Iterator[Row]:
    """Four seconds of random targets (0.03 rad or m a step) for all joints but the grippers'."""
    for robot in ROBOTS:
        scene = floor(robot=robot)
        bound, rng = scene.robot, np.random.default_rng(0)
        worlds = pair(backend, scene, start(scene, at=0.0))
        groups = [name for name in bound.groups if "gripper" not in name]
        joints = np.concatenate([bound.groups[name].qpos for name in groups])
        control = np.concatenate([np.arange(99)[bound.groups[name].control] for name in groups])
        worst = 0.0
        for _ in range(60):
            step = np.zeros(len(bound.actuators))
            step[control] = rng.uniform(-0.03, 0.03, len(control))
            for world in worlds:
                wanted = world.ctrl(0)[bound.actuators] + step
                world.ctrl(0)[bound.actuators] = np.clip(wanted, bound.ctrl_low, bound.ctrl_high)
                world.step(SUBSTEPS)
            ends = [world.joint_pos(0)[joints] for world in worlds]
            worst = max(worst, float(np.abs(ends[0] - ends[1]).max()))
        yield f"joint targets of {robot}", worst, "rad, m"


def depth(backend: str) -> Iterator[Row]:
    """Depth pictures after ten equal steps of one episode."""
    episode, seen = None, []
    for name in ("mujoco", backend):
        env: Any = gym.make(
            "molmospaces_gym/Pick-v1",
            backend=name,
            scene="generated/val/0",
            obs_mode="rgbd",
            image_size=[128, 96],
        )
        env.reset(seed=0, options=None if episode is None else {"episode": episode})
        episode = env.unwrapped.episode
        for _ in range(10):
            observation, *_ = env.step(np.full(env.action_space.shape, 0.2, np.float32))
        seen.append(observation)
        env.close()
    for camera in ("exo_camera_1", "wrist_camera"):
        off = np.abs(seen[0][f"{camera}_depth"] - seen[1][f"{camera}_depth"])
        yield f"depth of {camera}, median", 1e3 * float(np.median(off)), "mm"
        yield f"depth of {camera}, 99 %", 1e3 * float(np.percentile(off, 99)), "mm"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="maniskill")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows: list[Row] = []
    for part in (kinematics, boxes, pendulum, coasting, tracking, depth):
        rows += part(given.backend)
    if given.json:
        names = ("what", "difference", "unit")
        print(json.dumps([dict(zip(names, row, strict=True)) for row in rows]))
        return
    for what, value, unit in rows:
        print(f"{what:56s} {value:12.6f} {unit}")


if __name__ == "__main__":
    main()
