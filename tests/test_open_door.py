"""OpenDoor: openness at its threshold, sides and signs, grasping, sampling and the expert."""

import gymnasium as gym
import numpy as np
import pytest

import molmospaces_gym  # noqa: F401
from molmospaces_gym.errors import InvalidEpisode, InvalidScene, UnknownBody
from molmospaces_gym.policies.base import bind_policy, load_policy, policy_env_kwargs
from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.doorways import find_doorway, pull_path, push_path
from molmospaces_gym.scenes.resolve import resolve_house
from molmospaces_gym.tasks import task_of
from molmospaces_gym.tasks.open_door import OpenDoorTask
from molmospaces_gym.tasks.open_door_sampler import has_room

ID = "molmospaces_gym/OpenDoor-v1"
# A wall along x with a doorway from x = -0.5 to 0.5; the leaf hangs at x = -0.5.
ROOM = """
<mujoco>
  <compiler angle="radian" autolimits="true"/>
  <option timestep="0.004" integrator="implicitfast" cone="elliptic" impratio="10"/>
  <worldbody>
    <geom name="floor" type="plane" size="5 5 0.1"/>
    <body name="wall"><geom type="box" size="1.5 0.05 1.1" pos="2.0 0 1.1"/>
      <geom type="box" size="1.5 0.05 1.1" pos="-2.0 0 1.1"/></body>
    <body name="doorway_1" pos="0 {side} 0">
      <body name="doorway_door_1" pos="-0.46 0 1">
        <joint name="door_hinge" axis="0 0 {axis}" range="{range}" damping="2" frictionloss="3"/>
        <geom type="box" size="0.47 0.02 0.98" pos="0.47 0 0" mass="15"/>
        <body name="lever_in" pos="0.9 -0.02 0">
          <joint name="handle_in" axis="0 1 0" range="0 0.8" stiffness="1" damping="0.1"/>
          <geom name="bar_in" type="capsule" size="0.009" fromto="0 -0.055 0 -0.12 -0.055 0"/>
        </body>
        <body name="lever_out" pos="0.9 0.02 0">
          <joint name="handle_out" axis="0 1 0" range="0 0.8" stiffness="1" damping="0.1"/>
          <geom name="bar_out" type="capsule" size="0.009" fromto="0 0.055 0 -0.12 0.055 0"/>
        </body>
      </body>
    </body>
  </worldbody>
</mujoco>
"""


def pose(x, y, yaw):
    return [x, y, 0.0, float(np.cos(yaw / 2)), 0.0, 0.0, float(np.sin(yaw / 2))]


BELOW, ABOVE = pose(0, -1.2, np.pi / 2), pose(0, 1.2, -np.pi / 2)


def write_room(folder, axis=1, limits="0 1.6"):
    path = folder / "room.xml"
    # flush with the face of the wall on the side to which it opens
    path.write_text(ROOM.format(axis=axis, range=limits, side=0.03 * axis))
    return str(path)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    return write_room(tmp_path_factory.mktemp("room"))


def started(scene, base=BELOW, **fields):
    env = gym.make(ID, scene=scene, terminate_on_success=False, disable_env_checker=True)
    task = {"door_body_name": "doorway_door_1", "robot_base_pose": base, **fields}
    env.reset(options={"episode": {"task": task}})
    return env.unwrapped


def judged(env, position):
    env.world.joint_pos(0)[env.scene.articulations["door_hinge"].qpos] = position
    env.session.finish()
    return env.session.state


@pytest.mark.parametrize(
    ("fields", "position", "success"),
    [
        ({}, 1.071, False),  # 66.9 % of 1.6 rad
        ({}, 1.073, True),
        ({"door_openness_threshold": 0.5}, 0.79, False),
        ({"door_openness_threshold": 0.5}, 0.81, True),
        ({"articulated_joint_range": [0.0, 1.0]}, 0.66, False),
        ({"articulated_joint_range": [0.0, 1.0]}, 0.68, True),
        ({"articulated_joint_range": [0.2, 1.2]}, 0.86, False),
        ({"articulated_joint_range": [0.2, 1.2]}, 0.88, True),
        ({"door_body_name": "doorway_1"}, 1.073, True),
        ({}, 1.7, True),
        ({}, -0.1, False),
    ],
)
def test_openness_on_both_sides_of_the_threshold(room, fields, position, success):
    assert judged(started(room, **fields), position).success is success


@pytest.mark.parametrize(("position", "success"), [(-1.071, False), (-1.073, True), (0.0, False)])
def test_doors_that_open_backwards(tmp_path, position, success):
    """The official formula would call a closed one open."""
    env = started(write_room(tmp_path, limits="-1.6 0"))
    assert judged(env, position).success is success


def test_a_door_that_swings_back_is_not_open(room):
    env = started(room)
    assert judged(env, 1.2).success and env.session.reward > 10
    assert not judged(env, 0.9).success and env.session.reward < -10


@pytest.mark.parametrize(
    ("axis", "base", "verb"),
    [(1, BELOW, "push"), (1, ABOVE, "pull"), (-1, BELOW, "pull"), (-1, ABOVE, "push")],
)
def test_the_side_decides_between_pushing_and_pulling(tmp_path, axis, base, verb):
    env = started(write_room(tmp_path, axis=axis), base)
    assert env.episode.instruction == f"{verb} the door open."
    obs = env.session.observe()
    assert obs["door_is_pulled"] == (verb == "pull")
    # the handle on the robot's side faces the robot
    assert obs["handle_outward"][0] < -0.99
    np.testing.assert_allclose(obs["handle_position"][2], 1.0, atol=0.01)


def test_grasped_means_both_fingers_of_one_hand(room):
    env = started(room)
    task, scene = env.session._task, env.scene
    bar = scene.model.geom("bar_in").id
    fingers = {
        (arm, side): next(
            g for g in range(scene.model.ngeom)
            if scene.model.geom_bodyid[g] in scene.robot.arms[arm].fingers[side]
        )
        for arm in (0, 1) for side in (0, 1)
    }  # fmt: skip

    def grasped(*touching):
        pairs = np.array([[bar, fingers[key]] for key in touching], np.int32).reshape(-1, 2)
        world = task._world
        task._world = type("Touching", (), {"contact_geoms": lambda self, slot: pairs})()
        try:
            return bool(task.evaluate().quantities["handle_grasped"])
        finally:
            task._world = world

    assert grasped((0, 0), (0, 1)) and grasped((1, 0), (1, 1))
    assert not grasped((0, 0)) and not grasped((0, 0), (1, 1)) and not grasped()


def test_official_reward_is_sparse(room):
    env = started(room)
    for position, expected in ((0.5, 0.0), (1.2, 1.0)):
        state = judged(env, position)
        assert env.session._task.official_reward(state) == expected


def test_the_episode_says_where_the_door_stands(room):
    env = started(room, articulated_joint_reset_state=[0.4])
    assert env.session.state.quantities["joint_position"] == pytest.approx(0.25)


def test_episodes_without_a_door_are_refused(room):
    env = gym.make(ID, scene=room, disable_env_checker=True)
    for task, error in (
        ({}, InvalidEpisode),
        ({"door_body_name": "gate"}, UnknownBody),
        ({"door_body_name": "wall"}, InvalidEpisode),
        ({"door_body_name": "doorway_1", "door_openness_threshold": 0.0}, InvalidEpisode),
        ({"door_body_name": "doorway_1", "articulated_joint_range": [1, 1]}, InvalidEpisode),
    ):
        with pytest.raises(error):
            env.reset(options={"episode": {"task": task}})
    with pytest.raises(InvalidScene, match="doors"):
        env.reset(seed=0)


def test_official_fields(room):
    task = started(room).episode.to_dict()["task"]
    assert task["task_cls"] == "molmo_spaces.tasks.opening_tasks.DoorOpeningTask"
    assert task_of(task) == "OpenDoor"


def test_the_hand_stays_at_the_handle_along_a_pull(room):
    scene = get_scene(resolve_house(room), get_robot("rby1"))
    door = find_doorway(scene, scene.articulations["door_hinge"])
    hand, turns = np.array([0.6, -0.3]), np.linspace(0, 1.2, 9)
    for follow in (0.3, 1.0):
        path = pull_path(door, hand, follow, turns)
        cos, sin = np.cos(path[:, 2]), np.sin(path[:, 2])
        x = path[:, 0] + cos * hand[0] - sin * hand[1]
        y = path[:, 1] + sin * hand[0] + cos * hand[1]
        points = door.handle_point(door.handle(True), turns)
        np.testing.assert_allclose(np.column_stack([x, y]), points[:, :2], atol=1e-9)
        assert (path[:, 1] > 0).all()
    assert push_path(door)[0, 1] < 0 < push_path(door)[-1, 1]
    assert has_room(scene, door, True) and has_room(scene, door, False)


@pytest.fixture(scope="module")
def home():
    return get_scene(resolve_house("homes/val/3"), get_robot("rby1"))


def test_sampled_doors_are_closed_and_near(home):
    rng, texts = np.random.default_rng(0), set()
    for _ in range(10):
        spec = OpenDoorTask().sample(home, rng, None)
        task = spec.task
        door = find_doorway(home, home.articulations[_joint(home, task)])
        middle = door.hinge + 0.5 * door.width * door.along
        gap = np.hypot(*(np.array(task["robot_base_pose"][:2]) - middle))
        assert 1.0 - 1e-9 <= gap <= 1.5 + 1e-9
        assert task["articulated_joint_reset_state"] == [door.closed]
        texts.add(spec.instruction)
    assert texts <= {"push the door open.", "pull the door open."}


def _joint(scene, task):
    return next(
        name for name, part in scene.articulations.items()
        if scene.model.body(part.body).name == task["door_body_name"]
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("base", [BELOW, ABOVE])
def test_the_expert_pushes_and_pulls(room, base):
    returns = {}
    env = gym.make(
        ID, scene=room, terminate_on_success=False, disable_env_checker=True,
        **policy_env_kwargs(load_policy("expert"), ID),
    )  # fmt: skip
    episode = {"episode": {"task": {"door_body_name": "doorway_1", "robot_base_pose": base}}}
    policy = load_policy("expert")
    bind_policy(policy, env)
    for name in ("expert", "half", "idle", "harm"):
        obs, info = env.reset(options=episode)
        policy.reset(info["instruction"], None)
        inner, total = env.unwrapped, 0.0
        mapper, session = inner.session.action_mapper, inner.session
        for step in range(300 if name == "expert" else 40):
            command = session.ctrl
            if name == "harm":
                command[:2] += [0.0, 0.05 * np.sign(base[1])]
            action = mapper.encode(command, session.ctrl).astype(np.float32)
            if name == "expert":
                action = policy.predict(obs)[0]
            if name == "half" and step == 5:
                judged(inner, 0.5)
                total += session.reward
            obs, reward, *_, info = env.step(action)
            total += reward
        returns[name] = total
        if name == "expert":
            assert info["is_success"]
    assert returns["expert"] > 15 > returns["half"] > 1.0 > abs(returns["idle"]), returns
    assert returns["harm"] < -0.01, returns
