"""The single env: conformance, seeding, episodes, errors and what it returns."""

import json
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import molmospaces_gym  # noqa: F401
from molmospaces_gym.actions import ACTION_MODES
from molmospaces_gym.errors import (
    InvalidAction,
    InvalidConfig,
    InvalidEpisode,
    NotReset,
    SceneNotFound,
    UnknownBody,
    UnknownName,
)
from molmospaces_gym.scenes.house import House

ID = "molmospaces_gym/Pick-v1"
SMALL = {"houses": 2, "image_size": [48, 36]}


def make(**kwargs):
    return gym.make(ID, **(SMALL | kwargs))


def same(first, second):
    return first.keys() == second.keys() and all(
        np.array_equal(first[key], second[key]) for key in first
    )


@pytest.mark.parametrize("mode", ACTION_MODES)
@pytest.mark.parametrize("obs_mode", ["state", "rgb", "rgbd"])
def test_both_checkers_pass_without_a_warning(obs_mode, mode):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = make(obs_mode=obs_mode, action_mode=mode, image_size=[64, 48])
        check_env(env.unwrapped, skip_render_check=True)
        env.close()
        env = make(obs_mode=obs_mode, action_mode=mode, image_size=[64, 48])
        sb3_check_env(env, warn=True, skip_render_check=True)
        env.close()


def test_render_modes_work():
    env = make(render_mode="rgb_array")
    env.reset(seed=0)
    image = env.render()
    assert image.shape == (36, 48, 3) and image.dtype == np.uint8 and image.std() > 5
    env.close()


def test_spec_survives_json():
    env = make(action_mode="ee_delta", horizon=9)
    spec = EnvSpec.from_json(env.spec.to_json())
    again = gym.make(spec)
    assert again.unwrapped.config == env.unwrapped.config
    first, _ = env.reset(seed=4)
    second, _ = again.reset(seed=4)
    assert same(first, second)


def test_same_seed_same_rollout_and_other_envs_do_not_interfere():
    first, second, noise = make(), make(), make()
    observations = [first.reset(seed=7)[0], second.reset(seed=7)[0]]
    assert same(*observations)
    noise.reset(seed=1)
    first.action_space.seed(0)
    for _ in range(5):
        action = first.action_space.sample()
        results = [first.step(action)]
        noise.step(-action)
        np.random.seed(3)
        results.append(second.step(action))
        assert same(results[0][0], results[1][0])
        assert results[0][1:] == results[1][1:]
    assert same(first.reset()[0], second.reset()[0])


def test_global_generator_is_never_touched():
    before = np.random.get_state()[1].copy()
    env = make()
    env.reset(seed=5)
    env.step(env.action_space.sample())
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_returns_are_plain_and_informative():
    env = make()
    _, info = env.reset(seed=2)
    assert info["is_success"] is False
    assert info["instruction"].startswith("pick up the ")
    assert info["house"].startswith("generated/train/")
    _, reward, terminated, truncated, info = env.step(np.zeros(8, np.float32))
    assert type(reward) is float and type(terminated) is bool and type(truncated) is bool
    terms = {k: v for k, v in info.items() if k.startswith("reward/")}
    assert set(terms) == {f"reward/{t}" for t in ("reach", "grasp", "lift", "success")}
    assert reward == pytest.approx(sum(terms.values()))


def test_horizon_truncates_and_official_default_is_303_steps():
    env = make(horizon=3)
    env.reset(seed=0)
    flags = [env.step(np.zeros(8, np.float32))[3] for _ in range(3)]
    assert flags == [False, False, True]
    env = make()
    env.reset(seed=0)
    assert env.unwrapped.session.horizon == 303
    assert env.unwrapped.n_substeps == 33


def test_a_sampled_episode_replays_bit_for_bit_through_json():
    env = make()
    first, _ = env.reset(seed=11)
    spec = json.loads(json.dumps(env.unwrapped.episode.to_dict()))
    actions = [env.action_space.sample() for _ in range(4)]
    expected = [first] + [env.step(a)[0] for a in actions]
    other = make()
    observed, _ = other.reset(seed=99, options={"episode": spec})
    observed = [observed] + [other.step(a)[0] for a in actions]
    assert all(same(a, b) for a, b in zip(expected, observed, strict=True))


def test_state_can_be_saved_and_restored_exactly():
    env = make()
    env.reset(seed=3)
    for _ in range(12):
        env.step(0.3 * env.action_space.sample())
    world = env.unwrapped.world
    saved, action = world.get_state(0), env.action_space.sample()
    expected = env.step(action)[0]
    world.set_state(0, saved)
    assert same(env.step(action)[0], expected)


def test_bad_actions_leave_the_env_usable():
    env = make()
    env.reset(seed=0)
    before = env.unwrapped.world.data(0).qpos.copy()
    for action in (np.full(8, np.nan), np.zeros(3), "close"):
        with pytest.raises(InvalidAction):
            env.unwrapped.step(action)
    np.testing.assert_array_equal(env.unwrapped.world.data(0).qpos, before)
    observation, *_ = env.step(np.zeros(8, np.float32))
    assert env.observation_space.contains(observation)


def test_a_diverged_simulation_truncates_and_the_next_reset_is_clean():
    env = make()
    reference, _ = make().reset(seed=6)
    env.reset(seed=0)
    data = env.unwrapped.world.data(0)
    data.qvel[:] = 1e12
    observation, _, terminated, truncated, info = env.step(np.zeros(8, np.float32))
    assert truncated and not terminated
    assert info["diverged"] is True and info["is_success"] is False
    assert env.observation_space.contains(observation)
    observation, info = env.reset(seed=6)
    assert "diverged" not in info and same(observation, reference)
    assert "diverged" not in env.step(np.zeros(8, np.float32))[4]


@pytest.mark.parametrize(
    ("kwargs", "error", "text"),
    [
        ({"obs_mode": "pixels"}, UnknownName, "rgbd"),
        ({"action_mode": "torque"}, UnknownName, "joint_delta"),
        ({"reward_mode": "shaped"}, UnknownName, "sparse"),
        ({"robot": "pr2"}, UnknownName, "franka_droid"),
        ({"horizon": 0}, InvalidConfig, "horizon"),
        ({"control_dt": -1.0}, InvalidConfig, "control_dt"),
        ({"image_size": [64]}, InvalidConfig, "width"),
        ({"houses": 0}, InvalidConfig, "houses"),
        ({"wheels": 4}, InvalidConfig, "wheels"),
        ({"benchmark": "pick-mini", "scene": "x.xml"}, InvalidConfig, "either"),
        ({"benchmark": "no-such-suite"}, UnknownName, "no-such-suite"),
        ({"sleeping": "no"}, InvalidConfig, "sleeping"),
    ],
)
def test_a_bad_argument_is_named(kwargs, error, text):
    with pytest.raises(error, match=text):
        make(**kwargs)


@pytest.mark.parametrize(
    ("kwargs", "error", "text"),
    [
        ({"backend": "bullet"}, UnknownName, "mujoco"),
        ({"scene": "no/such/house.xml"}, SceneNotFound, "house.xml"),
        ({"control_dt": 0.0333}, InvalidConfig, "timestep"),
    ],
)
def test_a_bad_source_is_named_at_reset(kwargs, error, text):
    env = make(**kwargs)
    with pytest.raises(error, match=text):
        env.reset(seed=0)


def test_bad_episodes_are_named_and_the_env_stays_usable():
    env = make()
    env.reset(seed=0)
    good = env.unwrapped.episode.to_dict()
    wrong_body = {**good, "task": {**good["task"], "pickup_obj_name": "teapot_1"}}
    with pytest.raises(UnknownBody, match="teapot_1"):
        env.reset(options={"episode": wrong_body})
    poses = {"unknown_2": [0, 0, 0, 1, 0, 0, 0]}
    wrong_pose = {**good, "scene_modifications": {"object_poses": poses}}
    with pytest.raises(UnknownBody, match="unknown_2"):
        env.reset(options={"episode": wrong_pose})
    wrong_arm = {**good, "robot": {**good["robot"], "init_qpos": {"arm": [0.0]}}}
    with pytest.raises(InvalidEpisode, match="expected 7"):
        env.reset(options={"episode": wrong_arm})
    for wanted in (3, "id", True, 1.5):
        with pytest.raises(InvalidEpisode):
            env.reset(options={"episode": wanted})
    assert env.unwrapped.episode.to_dict() == good
    env.step(np.zeros(8, np.float32))
    env.reset(seed=0, options={"unknown option": 1})


def test_stepping_before_reset_is_named():
    env = make().unwrapped
    with pytest.raises(NotReset, match="reset"):
        env.step(np.zeros(8, np.float32))


def test_closing_twice_is_fine_and_reset_reopens():
    env = make()
    first, _ = env.reset(seed=0)
    env.close()
    env.close()
    again, _ = env.reset(seed=0)
    assert same(first, again)


def test_observations_do_not_depend_on_where_the_robot_stands():
    env = make()
    observation, _ = env.reset(seed=8)
    world, scene = env.unwrapped.world, env.unwrapped.scene
    base = world.body_pos(0)[scene.robot.link_id]
    rotation = world.body_mat(0)[scene.robot.link_id].reshape(3, 3)
    body = scene.body_id(env.unwrapped.episode.task["pickup_obj_name"])
    expected = rotation.T @ (world.body_pos(0)[body] - base)
    np.testing.assert_allclose(observation["object_pose"][:3], expected, atol=1e-6)
    tcp = rotation.T @ (world.site_pos(0)[scene.robot.tcp_site] - base)
    np.testing.assert_allclose(observation["tcp_pose"][:3], tcp, atol=1e-6)


def test_a_house_is_one_source():
    with pytest.raises(Exception, match="exactly one"):
        House("both")
