"""The scripted expert: picks, repeats exactly, recovers, and its planning parts."""

from pathlib import Path
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import molmospaces_gym  # noqa: F401
from molmospaces_gym.actions import JOINT_STEP
from molmospaces_gym.errors import InvalidEpisode, NotReset, UnknownName
from molmospaces_gym.policies.base import load_policy, policy_env_kwargs
from molmospaces_gym.policies.expert import ExpertPolicy
from molmospaces_gym.policies.grasping import (
    box_grasps,
    grasp_costs,
    object_grasps,
)
from molmospaces_gym.policies.motion import even_path, straight_line, timed_path
from molmospaces_gym.policies.surface import ObjectSurface
from molmospaces_gym.robots import get_robot
from molmospaces_gym.robots.chain import ArmChain, rotation_vectors
from molmospaces_gym.robots.kinematics import Kinematics
from molmospaces_gym.scenes.collision import CollisionProbe
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.house import House
from molmospaces_gym.session import Session
from molmospaces_gym.transforms import inverse, pose_matrix

ID = "molmospaces_gym/Pick-v1"
STATIC = {"terminate_on_success": False, "disable_env_checker": True}

ROOM = """
<mujoco model="room">
  <option timestep="0.002"/>
  <worldbody>
    <geom name="floor" type="plane" size="3 3 0.1"/>
    <body name="table" pos="0.6 0 0.35"><geom type="box" size="0.3 0.5 0.35"/></body>
    {objects}
  </worldbody>
</mujoco>
"""
BOX = """<body name="{name}" pos="{pos}" euler="{euler}"><freejoint/>
  <geom type="box" size="{size}" density="400"/></body>"""
# Two boards in a V, open at the top, each leaning 30 degrees outwards.
TROUGH = """<body name="trough" pos="0.7 -0.3 0.75"><freejoint/>
  <geom type="box" size="0.04 0.1 0.004" pos="0 0 -0.02"/>
  <geom type="box" size="0.04 0.004 0.04" pos="0 0.1 0.01" euler="-30 0 0"/>
  <geom type="box" size="0.04 0.004 0.04" pos="0 -0.1 0.01" euler="30 0 0"/></body>"""


def box(name="box", pos="0.5 0 0.73", size="0.02 0.02 0.03", euler="0 0 0"):
    return BOX.format(name=name, pos=pos, size=size, euler=euler)


def room(*objects):
    return ROOM.format(objects="\n".join(objects))


def make(**kwargs):
    return gym.make(ID, **(policy_env_kwargs(ExpertPolicy()) | STATIC | kwargs))


def play(env, policy, seed=0, options=None, disturb=None, steps=None):
    """Actions (T, 8) and success (T,) of one episode; ``disturb(step, env)`` may interfere."""
    obs, info = env.reset(seed=seed, options=options)
    policy.reset(info["instruction"], seed)
    actions, success, over = [], [], False
    while not over and (steps is None or len(actions) < steps):
        action, _ = policy.predict(obs)
        if disturb is not None:
            disturb(len(actions), env.unwrapped)
        obs, _, terminated, truncated, info = env.step(action)
        actions.append(action)
        success.append(info["is_success"])
        over = terminated or truncated
    return np.array(actions), np.array(success)


def bound(env):
    policy = load_policy("expert")
    policy.bind(env.unwrapped)
    return policy


def target_of(env):
    return env.scene.free_joint(env.episode.task["pickup_obj_name"])


@pytest.fixture(scope="module")
def val_env():
    env = make(split="val", houses=2)
    yield env
    env.close()


def test_picks_sampled_episodes_and_holds_to_the_end(val_env):
    policy = bound(val_env)
    for seed in range(3):
        actions, success = play(val_env, policy, seed)
        first = int(np.argmax(success))
        assert success[-1], val_env.unwrapped.episode.instruction
        assert len(success) == 303 and first < 120
        assert success[first:].mean() > 0.97
        assert np.isfinite(actions).all() and np.abs(actions).max() <= 1.0


def test_equal_episodes_give_equal_actions(val_env):
    runs = [play(val_env, bound(val_env), seed=11, steps=90)[0] for _ in range(2)]
    np.testing.assert_array_equal(*runs)


def test_joint_targets_stay_slow(val_env):
    actions, _ = play(val_env, bound(val_env), seed=2, steps=120)
    robot = val_env.unwrapped.scene.robot
    targets = actions[:, :-1] * (robot.ctrl_high - robot.ctrl_low)[:-1] / 2
    assert np.abs(np.diff(targets, axis=0)).max() < JOINT_STEP
    assert set(np.unique(actions[:, -1])) == {-1.0, 1.0}


@pytest.mark.parametrize("mode", ["joint_delta", "ee_delta"])
def test_other_modes_that_place_the_tool_freely_work(mode):
    env = make(split="val", houses=1, action_mode=mode)
    _, success = play(env, bound(env), seed=3, steps=130)
    assert success[-1]
    env.close()


def test_a_pushed_object_is_planned_for_again(val_env):
    def push(step, env):
        if step in (20, 40):
            address, _ = target_of(env)
            env.world.joint_pos(0)[address : address + 2] += 0.02

    assert play(val_env, bound(val_env), seed=1, disturb=push, steps=130)[1][-1]


def test_a_lost_object_is_picked_again(val_env):
    lost_at = 90

    def drop(step, env):
        if step == lost_at:
            address, dof = target_of(env)
            pose = env.episode.task["pickup_obj_start_pose"]
            env.world.joint_pos(0)[address : address + 7] = pose
            env.world.joint_vel(0)[dof : dof + 6] = 0.0

    _, success = play(val_env, bound(val_env), seed=1, disturb=drop, steps=220)
    assert success[lost_at - 1] and not success[lost_at + 1] and success[-1]


def test_the_next_grasp_differs_from_a_failed_one(val_env):
    """An object out of the closing fingers counts as missed; the same grasp is not repeated."""
    start = {}

    def dodge(step, env):
        address, dof = target_of(env)
        qpos = env.world.joint_pos(0)
        closing = env.world.ctrl(0)[env.scene.robot.gripper_actuator] > 0
        if closing and "away" not in start:
            start["away"] = step
            start["pose"] = qpos[address : address + 7].copy()
        if "away" in start and step < start["away"] + 14:
            qpos[address : address + 7] = start["pose"] + [0, 0, 2.0, 0, 0, 0, 0]
            env.world.joint_vel(0)[dof : dof + 6] = 0.0
        elif step == start.get("away", 999) + 14:
            qpos[address : address + 7] = start["pose"]

    _, success = play(val_env, bound(val_env), seed=4, disturb=dodge, steps=220)
    assert "away" in start and success[-1]


def test_an_episode_without_a_plan_is_sat_out(tmp_path):
    scene = tmp_path / "room.xml"
    scene.write_text(room(box(size="0.06 0.06 0.06", pos="0.5 0 0.77")))
    env = make(scene=str(scene))
    episode = {"episode": {"task": {"pickup_obj_name": "box"}}}
    actions, success = play(env, bound(env), options=episode, steps=40)
    assert not success.any()
    np.testing.assert_allclose(actions[-1], actions[-5])
    env.close()


@pytest.mark.parametrize("euler", ["0 0 25", "90 0 0", "0 90 40"])
def test_objects_without_metadata_are_held_by_their_box(tmp_path, euler):
    scene = tmp_path / "room.xml"
    scene.write_text(room(box(size="0.02 0.03 0.045", pos="0.55 0.1 0.75", euler=euler)))
    env = make(scene=str(scene))
    episode = {"episode": {"task": {"pickup_obj_name": "box"}}}
    assert play(env, bound(env), options=episode, steps=140)[1][-1]
    env.close()


def test_an_object_that_sags_is_lifted_higher(tmp_path):
    """A bar held at one end turns down slowly; its low end must not come back to the table."""
    bar = """<body name="bar" pos="0.5 0 0.72"><freejoint/>
      <geom type="box" size="0.05 0.011 0.01" mass="0.05"/>
      <geom type="box" size="0.06 0.05 0.01" pos="0.11 0 0" mass="0.6"/></body>"""
    scene = tmp_path / "room.xml"
    scene.write_text(room(bar))
    env = make(scene=str(scene))
    assert play(env, bound(env), options={"episode": {"task": {"pickup_obj_name": "bar"}}})[1][-1]
    env.close()


@pytest.mark.filterwarnings("ignore:Attaching a spec")
def test_official_custom_scene_with_its_grasp_file(reference_data: Path):
    path = reference_data / "official_custom_assets" / "scene.xml"
    env = make(scene=str(path))
    episode = {"episode": {"task": {"pickup_obj_name": "red_block"}}}
    assert play(env, bound(env), options=episode, steps=120)[1][-1]
    grasps = object_grasps(env.unwrapped.scene, "red_block")
    np.testing.assert_array_equal(grasps, np.diag([1.0, -1.0, -1.0, 1.0])[None])
    env.close()


def test_one_session_of_a_vector_env_is_enough():
    envs = gym.make_vec(ID, num_envs=2, split="val", houses=1, **ExpertPolicy.env_kwargs)
    _, infos = envs.reset(seed=5)
    policies = [load_policy("expert") for _ in range(2)]
    for policy, session in zip(policies, envs.unwrapped.sessions, strict=True):
        assert isinstance(session, Session)
        policy.bind(SimpleNamespace(session=session))
        policy.reset("", None)
    once = np.zeros(2, dtype=bool)
    for _ in range(90):
        actions = np.stack([policy.predict(None)[0] for policy in policies])
        _, _, terminated, _, infos = envs.step(actions)
        once |= terminated
        if once.all():
            break
    assert once.all()
    envs.close()


def test_unbound_and_unsuited_episodes_are_named(val_env):
    policy = load_policy("expert")
    with pytest.raises(NotReset, match="bind"):
        policy.predict(None)
    val_env.reset(seed=0)
    session = val_env.unwrapped.session
    other = SimpleNamespace(
        scene=session.scene,
        steps=0,
        task=session.task,
        task_name="Pick",
        episode=SimpleNamespace(task={}),
    )
    policy.bind(SimpleNamespace(session=other))
    with pytest.raises(InvalidEpisode, match="pickup_obj_name"):
        policy.predict(None)
    other.task_name = "Juggle"
    with pytest.raises(UnknownName, match="Juggle.*Pick"):
        policy.predict(None)


@pytest.mark.slow
def test_success_over_forty_episodes():
    env = make(split="val", houses=10)
    policy = bound(env)
    wins = sum(play(env, policy, seed)[1][-1] for seed in range(1000, 1040))
    assert wins >= 36
    env.close()


@pytest.fixture(scope="module")
def scene():
    return get_scene(House(name="room", mjcf=room(box(), TROUGH)), get_robot("franka_droid"))


@pytest.fixture(scope="module")
def chain(scene):
    return ArmChain(scene.robot)


unit = st.floats(0.05, 0.95)


@settings(deadline=None, max_examples=40)
@given(shares=st.lists(unit, min_size=7, max_size=7))
def test_chain_agrees_with_the_model_and_inverts(scene, chain, shares):
    qpos = chain.low + np.array(shares) * (chain.high - chain.low)
    pose = chain.poses(qpos)
    position, rotation = Kinematics(scene.robot).tool_pose(qpos)
    np.testing.assert_allclose(pose[:3, 3], position, atol=1e-12)
    np.testing.assert_allclose(pose[:3, :3], rotation, atol=1e-12)
    near = np.clip(qpos + 0.05, chain.low, chain.high)
    found, solved = chain.solve(pose[None], near)
    if solved[0]:
        np.testing.assert_allclose(chain.poses(found[0])[:3, 3], position, atol=6e-4)
        assert (found >= chain.low).all() and (found <= chain.high).all()


def test_chain_solves_the_working_area(chain):
    home = np.array([0.0, -0.7853, 0.0, -2.35619, 0.0, 1.57079, 0.0])
    poses = np.tile(np.diag([1.0, -1.0, -1.0, 1.0]), (12, 1, 1))
    poses[:, 0, 3], poses[:, 1, 3], poses[:, 2, 3] = 0.5, np.linspace(-0.3, 0.3, 12), 0.1
    assert chain.solve(poses, home)[1].all()
    poses[:, 0, 3] = 3.0
    assert not chain.solve(poses, home)[1].any()
    line = straight_line(chain, home, np.array([0.05, 0.0, -0.1]))
    assert line is not None
    moved = chain.poses(line)
    np.testing.assert_allclose(moved[-1, :3, 3] - moved[0, :3, 3], [0.05, 0, -0.1], atol=1e-3)
    assert straight_line(chain, home, np.array([2.0, 0.0, 0.0])) is None


@settings(deadline=None)
@given(
    axis=st.tuples(unit, unit, unit),
    angle=st.floats(-np.pi + 1e-6, np.pi - 1e-6),
)
def test_rotation_vectors_undo_quaternions(axis, angle):
    axis = np.array(axis) / np.linalg.norm(axis)
    quat = np.append(np.cos(angle / 2), np.sin(angle / 2) * axis)
    pose = pose_matrix(np.zeros(3), quat)
    np.testing.assert_allclose(rotation_vectors(pose[None, :3, :3])[0], angle * axis, atol=1e-5)
    np.testing.assert_allclose(inverse(pose) @ pose, np.eye(4), atol=1e-12)


def test_probe_sees_table_object_and_own_base(scene, chain):
    probe = CollisionProbe(scene)
    probe.place_world(scene.rest_qpos, {0: (np.array([0, 0, 0.12]), np.array([1.0, 0, 0, 0]))})
    home = scene.rest_qpos[scene.robot.qpos]
    target = scene.body_id("box")
    assert not probe.collides(home, 0.01)
    down = np.diag([1.0, -1.0, -1.0, 1.0])
    down[:3, 3] = [0.5, 0.0, 0.03]
    around = chain.solve(down[None], home)[0][0]
    assert not probe.collides(around, 0.003, target, 0.001)
    assert probe.collides(around, 0.03, target, 0.001)
    down[:3, 3] = [0.5, 0.035, 0.03]
    beside = chain.solve(down[None], home)[0][0]
    assert probe.collides(beside, 0.0, target, 0.001)
    assert not probe.collides(beside, 0.003, target, -1.0)
    down[:3, 3] = [0.5, 0.3, -0.05]
    assert probe.collides(chain.solve(down[None], home)[0][0], 0.0)
    folded = np.array([0.0, -0.3, 0.0, -3.0, 0.0, 0.5, 0.0])
    assert probe.collides(folded, 0.0)
    assert not probe.body_collides(target, np.array([0.0, 0.0, 0.1]), 0.003)
    assert probe.body_collides(target, np.array([0.0, 0.0, -0.02]), 0.003)


def test_box_grasps_close_on_narrow_sides_only():
    assert len(box_grasps(np.full(3, 0.05), np.zeros(3))) == 0
    half, center = np.array([0.02, 0.06, 0.03]), np.array([0.0, 0.01, 0.0])
    grasps = box_grasps(half, center)
    assert len(grasps) > 20
    np.testing.assert_allclose(np.linalg.det(grasps[:, :3, :3]), 1.0)
    assert set(np.abs(grasps[:, :3, 1]).argmax(axis=1)) == {0, 2}
    inside = np.abs(grasps[:, :3, 3] - center) <= half + 0.04
    assert inside.all()


def test_costs_prefer_vertical_near_and_central():
    tool = np.diag([1.0, -1.0, -1.0, 1.0])
    tilted = tool.copy()
    tilted[:3, :3] = tool[:3, :3] @ np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    far = tool.copy()
    far[:3, 3] = [0.1, 0.0, 0.0]
    costs = grasp_costs(np.stack([tool, tilted, far]), tool, np.zeros(3))
    np.testing.assert_allclose(costs, [0.0, 2.9, 0.9], atol=1e-9)


def test_a_leaning_wall_is_followed(scene):
    surface = ObjectSurface(scene, "trough")
    grasp = np.diag([1.0, -1.0, -1.0, 1.0])
    grasp[:3, 3] = [0.0, 0.11, 0.03]
    squeeze = surface.squeeze(grasp)
    assert np.rad2deg(abs(squeeze.lean)) == pytest.approx(30, abs=0.1)
    follower = surface.aligned(grasp, squeeze)
    after = surface.squeeze(follower)
    assert abs(after.lean) < 1e-6 and after.error < 1e-6 < squeeze.error
    assert surface.aligned(follower, after) is None
    grasp[:3, 3] = [0.0, 0.0, 0.2]
    assert surface.squeeze(grasp) is None


@settings(deadline=None)
@given(seconds=st.floats(0.0, 5.0), ends=st.lists(st.floats(-2, 2), min_size=2, max_size=4))
def test_timed_paths_arrive_without_haste(seconds, ends):
    path = np.stack([np.zeros(len(ends)), np.array(ends)])
    commands = timed_path(path, seconds, 0.066)
    np.testing.assert_allclose(commands[-1], ends, atol=1e-9)
    steps = np.abs(np.diff(np.concatenate([path[:1], commands]), axis=0)).max()
    fastest = np.abs(ends).max() / max(seconds, 0.066)
    assert steps <= fastest * 0.066 + 1e-9
    assert len(even_path(path, 0.1)) >= np.abs(ends).max() / 0.1
