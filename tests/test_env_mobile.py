"""Environments with mobile robots: spaces, observations, starts, driving, determinism."""

import warnings
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from numpy.typing import NDArray

import molmospaces_gym  # noqa: F401 - registers the environments
from molmospaces_gym.benchmark_io import save_benchmark
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidConfig, InvalidEpisode, UnknownName
from molmospaces_gym.policies.expert import ExpertPolicy
from molmospaces_gym.robots import get_robot
from molmospaces_gym.robots.binding import heading
from molmospaces_gym.robots.drive import DynamicBase, KinematicBase
from molmospaces_gym.scenes.placement import placements

ID = "molmospaces_gym/Pick-v1"
ROBOTS = ("rby1", "franka_mobile")


def make(robot: str, **kwargs: Any) -> Any:
    return gym.make(ID, robot=robot, houses=4, disable_env_checker=True, **kwargs).unwrapped


@pytest.mark.parametrize("robot", ROBOTS)
@pytest.mark.parametrize("mode", ["joint_delta", "ee_delta", "base_velocity"])
def test_check_env(robot: str, mode: str) -> None:
    env = gym.make(ID, robot=robot, houses=2, action_mode=mode)
    with warnings.catch_warnings():
        # Gymnasium asks for symmetric, small boxes; ours are bounds of what is observed.
        warnings.filterwarnings("ignore", message=".*minimum value is -infinity.*")
        check_env(env.unwrapped, skip_render_check=True)
    env.close()


def test_observation_keys_name_every_part() -> None:
    env = make("rby1")
    assert set(env.observation_space) >= {
        "base_pose",
        "base_velocity",
        "base_target",
        "torso_qpos",
        "left_arm_qpos",
        "right_arm_qvel",
        "head_qpos",
        "left_gripper",
        "right_gripper",
        "left_tcp_pose",
        "right_tcp_pose",
        "target",
        "object_pose",
    }
    assert env.observation_space["target"].shape == (24,)
    mobile = make("franka_mobile").observation_space
    assert {"base_pose", "arm_qpos", "gripper", "tcp_pose", "target"} <= set(mobile)
    assert mobile["target"].shape == (8,)
    droid = gym.make(ID, houses=1).observation_space
    assert not any(key.startswith("base") for key in droid)


@pytest.mark.parametrize("robot", ROBOTS)
def test_observation_says_where_everything_is(robot: str) -> None:
    """Each key against MuJoCo's own data after some motion."""
    env = make(robot)
    env.reset(seed=3)
    rng = np.random.default_rng(0)
    data, binding = env.world.data(0), env.scene.robot
    start = data.qpos[binding.base.qpos].copy()
    for _ in range(4):
        action = rng.uniform(-0.5, 0.5, env.action_space.shape).astype(np.float32)
        obs = env.step(action)[0]
        assert env.observation_space.contains(obs)
    at = data.qpos[binding.base.qpos]
    turn = start[2]
    moved = at[:2] - start[:2]
    x = np.cos(turn) * moved[0] + np.sin(turn) * moved[1]
    y = np.cos(turn) * moved[1] - np.sin(turn) * moved[0]
    angle = at[2] - turn
    np.testing.assert_allclose(obs["base_pose"], [x, y, np.cos(angle), np.sin(angle)], atol=1e-5)
    assert np.abs(obs["base_pose"][:2]).max() > 0.005
    speed = data.qvel[binding.base.dof]
    forward = np.cos(at[2]) * speed[0] + np.sin(at[2]) * speed[1]
    assert obs["base_velocity"][0] == pytest.approx(forward, abs=1e-5)
    assert obs["base_velocity"][2] == pytest.approx(speed[2], abs=1e-5)
    lag = data.ctrl[binding.base.actuators] - at
    assert obs["base_target"][2] == pytest.approx(lag[2], abs=1e-5)
    link = data.xmat[binding.link_id].reshape(3, 3)
    for arm in binding.arms:
        name = arm.config.group
        np.testing.assert_allclose(obs[f"{name}_qpos"], data.qpos[arm.qpos], atol=1e-6)
        np.testing.assert_allclose(obs[f"{name}_qvel"], data.qvel[arm.dof], atol=1e-5)
        tool = link.T @ (data.site_xpos[arm.tcp_site] - data.xpos[binding.link_id])
        pose = obs[f"{name.removesuffix('arm')}tcp_pose"]
        np.testing.assert_allclose(pose[:3], tool, atol=1e-5)
        closure = min(max(arm.closure(data.qpos), 0.0), 1.0)
        assert obs[arm.config.gripper.group][0] == pytest.approx(closure, abs=1e-5)
    if robot == "rby1":
        torso = binding.groups["torso"]
        np.testing.assert_allclose(obs["torso_qpos"], data.qpos[torso.qpos], atol=1e-6)
        np.testing.assert_allclose(
            obs["head_qpos"], data.qpos[binding.groups["head"].qpos], atol=1e-6
        )


@pytest.mark.parametrize("robot", ROBOTS)
def test_sampled_starts_reach_the_object_and_touch_nothing(robot: str) -> None:
    env = make(robot)
    for seed in range(6):
        env.reset(seed=seed)
        scene, data = env.scene, env.world.data(0)
        binding, task = scene.robot, env.episode.task
        roots = scene.geom_root[data.contact.geom]
        assert not ((roots == binding.root_id).sum(axis=1) == 1).any()
        name = task["pickup_obj_name"]
        assert any(name in placement.objects for placement in placements(scene))
        base = task["robot_base_pose"]
        np.testing.assert_allclose(data.qpos[binding.base.qpos[:2]], base[:2])
        angle = data.qpos[binding.base.qpos[2]] - heading(base[3:])
        assert np.cos(angle) == pytest.approx(1.0)
        offset = data.xpos[scene.body_id(name)][:2] - base[:2]
        assert np.linalg.norm(offset) < 1.0


@pytest.mark.parametrize("robot", ROBOTS)
def test_an_idle_robot_stays(robot: str) -> None:
    env = make(robot)
    env.reset(seed=1)
    data, binding = env.world.data(0), env.scene.robot
    start = data.qpos[binding.base.qpos].copy()
    arm = data.qpos[binding.qpos].copy()
    action = np.zeros(env.action_space.shape, np.float32)
    for _ in range(20):
        env.step(action)
    np.testing.assert_allclose(data.qpos[binding.base.qpos], start, atol=2e-3)
    np.testing.assert_allclose(data.qpos[binding.qpos], arm, atol=5e-3)


def test_control_period_and_timestep_are_those_of_the_robot() -> None:
    env = make("rby1")
    env.reset(seed=0)
    assert env.scene.model.opt.timestep == 0.004
    assert env.n_substeps == 25
    assert env.metadata["render_fps"] == 10
    with pytest.raises(InvalidConfig, match="timestep"):
        make("rby1", control_dt=0.066).reset(seed=0)


def test_base_modes_drive_without_physics_unless_told() -> None:
    env = make("rby1", action_mode="base_velocity")
    env.reset(seed=0)
    assert isinstance(env.session.drive, KinematicBase)
    data = env.world.data(0)
    others = np.delete(np.arange(env.scene.model.nq), env.scene.robot.base.qpos)
    before, time = data.qpos.copy(), data.time
    obs = env.step(np.array([-1, 0, 0.5], np.float32))[0]
    assert data.time == time
    np.testing.assert_array_equal(data.qpos[others], before[others])
    assert obs["base_pose"][0] < -0.05
    assert obs["base_velocity"][0] == pytest.approx(-1.0, abs=0.01)
    np.testing.assert_allclose(obs["base_target"], 0, atol=1e-6)
    dynamic = make("rby1", action_mode="base_velocity", base_drive="dynamic")
    dynamic.reset(seed=0)
    assert isinstance(dynamic.session.drive, DynamicBase)
    for _ in range(10):
        obs = dynamic.step(np.array([-0.5, 0, 0], np.float32))[0]
    assert dynamic.world.data(0).time > 0.9
    assert obs["base_pose"][0] < -0.2
    assert obs["base_velocity"][0] == pytest.approx(-0.5, abs=0.1)


def test_simulated_and_placed_base_agree_in_the_open() -> None:
    """The same actions lead both to the same place, once the simulated one has caught up."""
    poses = []
    for drive in ("kinematic", "dynamic"):
        env = make("rby1", action_mode="base_velocity", base_drive=drive)
        env.reset(seed=2)
        for _ in range(8):
            env.step(np.array([-0.5, 0.1, 0.2], np.float32))
        for _ in range(10):
            obs = env.step(np.zeros(3, np.float32))[0]
        poses.append(obs["base_pose"])
    np.testing.assert_allclose(poses[0], poses[1], atol=5e-3)


def test_wrong_drives_are_named() -> None:
    with pytest.raises(InvalidConfig, match="base_drive"):
        make("rby1", base_drive="magic")
    with pytest.raises(InvalidConfig, match="base alone"):
        make("rby1", base_drive="kinematic", action_mode="joint_delta")
    with pytest.raises(InvalidConfig, match="mobile base"):
        make("franka_droid", action_mode="base_velocity")
    with pytest.raises(UnknownName, match="base_delta"):
        make("rby1", action_mode="fly")


def test_official_init_qpos_with_one_number_per_gripper() -> None:
    env = make("rby1")
    env.reset(seed=0)
    spec = env.episode
    names = {"left_gripper": [-0.02], "right_gripper": [-0.05], "base": [0.0, 0.0, 0.0]}
    given = {**spec.robot.init_qpos, **names}
    robot = spec.robot.model_copy(update={"init_qpos": given})
    env.reset(options={"episode": spec.model_copy(update={"robot": robot})})
    data, arms = env.world.data(0), env.scene.robot.arms
    np.testing.assert_allclose(data.qpos[arms[1].gripper_qpos], [-0.02, 0.02])
    assert data.ctrl[arms[1].gripper_actuator] == pytest.approx(-0.02)
    wrong = spec.robot.model_copy(update={"init_qpos": {**given, "torso": [0.0]}})
    with pytest.raises(InvalidEpisode, match="torso"):
        env.reset(options={"episode": spec.model_copy(update={"robot": wrong})})


@pytest.mark.parametrize("mode", ["joint_delta", "base_velocity"])
def test_vector_env_equals_single_envs(mode: str) -> None:
    kwargs = {"robot": "rby1", "houses": 2, "action_mode": mode}
    envs = gym.make_vec(ID, num_envs=2, **kwargs)
    obs, _ = envs.reset(seed=5)
    singles = [gym.make(ID, disable_env_checker=True, **kwargs).unwrapped for _ in range(2)]
    rng = np.random.default_rng(1)
    for slot, env in enumerate(singles):
        single = env.reset(seed=5 + slot)[0]
        for key, value in single.items():
            np.testing.assert_array_equal(obs[key][slot], value)
    for _ in range(5):
        actions = rng.uniform(-1, 1, envs.action_space.shape).astype(np.float32)
        obs = envs.step(actions)[0]
        for slot, env in enumerate(singles):
            for key, value in env.step(actions[slot])[0].items():
                np.testing.assert_array_equal(obs[key][slot], value)
    envs.close()


def rollout(env: Any, episode: Any, actions: NDArray[np.float32]) -> NDArray[np.float64]:
    env.reset(options={"episode": episode})
    for action in actions:
        env.step(action)
    return np.array(env.world.data(0).qpos)


@pytest.mark.parametrize("robot", ROBOTS)
def test_rollouts_repeat_bit_for_bit(robot: str) -> None:
    env = make(robot)
    env.reset(seed=4)
    episode = env.episode
    actions = np.random.default_rng(2).uniform(-1, 1, (10, *env.action_space.shape))
    first = rollout(env, episode, actions.astype(np.float32))
    second = rollout(make(robot), episode, actions.astype(np.float32))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("robot", ROBOTS)
def test_the_expert_picks_with_it(robot: str) -> None:
    env, policy = make(robot), ExpertPolicy()
    policy.bind(env)
    picked = 0
    for seed in range(4):
        obs, info = env.reset(seed=seed)
        policy.reset(info["instruction"], seed)
        state, over = None, False
        while not over:
            action, state = policy.predict(obs, state, None, True)
            obs, _, terminated, truncated, info = env.step(action)
            over = terminated or truncated
        picked += info["is_success"]
    assert picked >= 3


def test_head_camera_sees_the_room_and_wrists_see_fingers() -> None:
    env = make("rby1", obs_mode="rgb", image_size=[96, 72])
    obs, _ = env.reset(seed=3)
    assert list(env.layout.cameras) == [mount.name for mount in env.robot.cameras]
    model = env.scene.model
    for side in "lr":
        pose = env.session.camera_pose(f"wrist_camera_{side}")
        seen = env.world.render(0, pose, (96, 72), ("segmentation",))["segmentation"]
        fingers = {model.body(f"robot_0/ee_finger_{side}{k}").id for k in (1, 2)}
        assert fingers <= set(np.unique(seen).tolist())
    target = env.scene.body_id(env.episode.task["pickup_obj_name"])
    pose = env.session.camera_pose("head_camera")
    seen = env.world.render(0, pose, (320, 240), ("segmentation",))["segmentation"]
    assert (seen == target).any()
    assert obs["head_camera"].std() > 10


def test_a_benchmark_is_played_with_the_robot_it_names(tmp_path: Path) -> None:
    """Official suites of the RB-Y1 name it ``rby1m``."""
    env = make("rby1")
    env.reset(seed=0)
    drawn = env.episode.replace(episode_id="first")
    assert drawn.robot.robot_name == "rby1"
    plain = drawn.to_dict()
    plain["robot"]["robot_name"] = "rby1m"
    official = EpisodeSpec.parse(plain)
    played = gym.make(ID, benchmark=str(save_benchmark([official], tmp_path / "one"))).unwrapped
    vector = gym.make_vec(ID, num_envs=1, benchmark=str(tmp_path / "one"))
    assert played.robot is vector.robot is env.robot is get_robot("rby1m")
    first, _ = env.reset(options={"episode": drawn})
    second, _ = played.reset(seed=0)
    for key, value in first.items():
        np.testing.assert_array_equal(value, second[key], key)
    vector.close()

    other = make("franka_mobile", benchmark=str(tmp_path / "one"))
    assert other.robot.name == "franka_mobile", "what is asked for wins"
    plain["robot"]["robot_name"] = "franka_droid"
    mixed = [official, EpisodeSpec.parse(plain | {"episode_id": "second"})]
    save_benchmark(mixed, tmp_path / "mixed")
    with pytest.raises(InvalidEpisode, match="franka_droid, rby1m"):
        gym.make(ID, benchmark=str(tmp_path / "mixed"))


@pytest.mark.parametrize("task", ["Open", "Close"])
def test_the_expert_opens_and_closes_with_rby1(task: str) -> None:
    kwargs = {"robot": "rby1", "split": "val", "houses": [8], "action_mode": "joint_position"}
    env = gym.make(f"molmospaces_gym/{task}-v1", disable_env_checker=True, **kwargs).unwrapped
    policy = ExpertPolicy()
    policy.bind(env)
    obs, info = env.reset(seed=8)
    assert env.n_substeps * env.scene.model.opt.timestep == pytest.approx(0.1)
    while not info["is_success"] and env.session.steps < 100:
        obs, *_, info = env.step(policy.predict(obs)[0])
    assert info["is_success"]
