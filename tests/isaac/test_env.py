"""Envs on Isaac Lab: conformance, vectorisation, determinism, and what works at the edges."""

import subprocess
import sys
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env

pytest.importorskip("isaaclab", reason="needs the extra isaac: Python 3.12, make isaac")

import molmospaces_gym  # noqa: F401
from molmospaces_gym.errors import UnsupportedScene
from molmospaces_gym.integrations.sb3 import make_sb3_vec_env
from molmospaces_gym.registration import TASKS

ID = "molmospaces_gym/Pick-v1"
SMALL = {"backend": "isaac", "houses": 1, "image_size": [48, 36]}


def make(task="Pick", **kwargs):
    return gym.make(f"molmospaces_gym/{task}-v1", **(SMALL | kwargs))


def rollout(env, seed, steps, actions_seed=3):
    env.action_space.seed(actions_seed)
    trace = [env.reset(seed=seed)]
    for _ in range(steps):
        trace.append(env.step(env.action_space.sample()))
    return trace


def assert_equal(first, second):
    assert type(first) is type(second)
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_equal(first[key], second[key])
    elif isinstance(first, tuple | list):
        for a, b in zip(first, second, strict=True):
            assert_equal(a, b)
    elif isinstance(first, np.ndarray) and first.dtype == object:
        assert_equal(list(first), list(second))
    else:
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("task", sorted(TASKS))
def test_both_checkers_pass_without_a_warning(task):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = make(task)
        check_env(env.unwrapped, skip_render_check=True)
        sb3_check_env(env, warn=True, skip_render_check=True)
        env.close()


def test_pictures_come_from_the_mirror():
    env = make(obs_mode="rgb", image_size=[64, 48], render_mode="rgb_array")
    observation, _ = env.reset(seed=0)
    assert env.render().std() > 5
    assert observation["wrist_camera"].std() > 1
    env.close()


@pytest.mark.parametrize("physics", ["mujoco", "physx"])
def test_a_vector_env_restarts_in_the_same_step(physics):
    envs = gym.make_vec(
        ID, num_envs=3, **(SMALL | {"physics": physics, "horizon": 3}), autoreset_mode="SameStep"
    )
    traces = [rollout(envs, 5, 5), rollout(envs, 5, 5)]
    assert_equal(*traces)
    assert traces[0][3][3].all() and "final_obs" in traces[0][3][4]
    envs.close()


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_the_vector_env_equals_gymnasiums_sync_vector_env(mode):
    """MuJoCo C, which has a simulation per world; what is batched rounds by the world's place."""
    settings = SMALL | {"physics": "mujoco", "horizon": 3}
    ours = gym.make_vec(ID, num_envs=2, **settings, autoreset_mode=mode)
    theirs = gym.make_vec(
        ID,
        num_envs=2,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": gym.vector.AutoresetMode(mode)},
        **settings,
    )
    assert_equal(rollout(ours, 11, 7), rollout(theirs, 11, 7))
    ours.close()
    theirs.close()


def test_worlds_in_several_houses_step_together_without_being_asked_for():
    """The default: houses are drawn, and PhysX would hold one of them at a time."""
    envs = gym.make_vec(ID, num_envs=2, backend="isaac", autoreset_mode="SameStep", horizon=2)
    for seed in range(3):
        envs.reset(seed=seed)
        houses = {session.scene.house.name for session in envs.unwrapped.sessions}
        if len(houses) > 1:
            break
    assert len(houses) > 1
    for _ in range(3):
        _, rewards, *_ = envs.step(envs.action_space.sample())
    assert np.isfinite(rewards).all()
    envs.close()


@pytest.mark.parametrize("physics", ["mujoco", "physx"])
def test_tensors_hold_what_arrays_do(physics):
    kinds = []
    for output in ("numpy", "torch"):
        envs = gym.make_vec(ID, num_envs=2, **(SMALL | {"physics": physics}), output=output)
        kinds.append([envs.reset(seed=1)[0], *envs.step(envs.action_space.sample() * 0)[:3]])
        envs.close()
    arrays, tensors = kinds
    assert all(value.device.type == "cpu" for value in tensors[0].values())
    assert_equal(arrays[0], {name: value.numpy() for name, value in tensors[0].items()})
    np.testing.assert_allclose(tensors[2].numpy(), arrays[2], rtol=1e-6)


def test_the_bridge_to_sb3_steps():
    envs = make_sb3_vec_env(ID, 2, **SMALL, horizon=3)
    envs.seed(0)
    envs.reset()
    for _ in range(3):
        *_, dones, infos = envs.step(np.zeros((2, 8), np.float32))
    assert dones.all() and "terminal_observation" in infos[0]
    envs.close()


@pytest.mark.parametrize("physics", ["mujoco", "physx"])
def test_same_seed_same_numbers_after_any_past(physics):
    first, second = make(physics=physics), make(physics=physics)
    rollout(second, 4, 5)
    assert_equal(rollout(first, 7, 10), rollout(second, 7, 10))
    first.close()
    second.close()


@pytest.mark.slow
def test_another_process_gets_the_same_numbers():
    code = (
        "import warp; warp.config.optimization_level = 0\n"
        "import gymnasium as gym, molmospaces_gym, numpy as np, sys\n"
        f"env = gym.make({ID!r}, backend='isaac', houses=1)\n"
        "env.reset(seed=5); env.action_space.seed(0)\n"
        "for _ in range(20): env.step(env.action_space.sample())\n"
        "print(env.unwrapped.world.joint_pos(0).tobytes().hex(), file=sys.stderr)"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-P", "-W", "ignore", "-c", code],
            capture_output=True,
            text=True,
            check=True,
        ).stderr.splitlines()[-1]
        for _ in range(2)
    }
    assert len(runs) == 1


@pytest.mark.parametrize("physics", ["mujoco", "physx"])
def test_the_expert_picks(physics):
    from molmospaces_gym.benchmarks.rollout import build_policy

    env = gym.make(ID, backend="isaac", physics=physics, benchmark="pick-mini")
    lifted = []
    for episode in (1, 3):
        observation, info = env.reset(seed=0, options={"episode": episode})
        policy = build_policy("expert")
        policy.bind(env.unwrapped)
        policy.reset(info["instruction"], 0)
        for _ in range(env.unwrapped.session.horizon):
            action, _ = policy.predict(observation)
            observation, *_, info = env.step(action)
            if info["is_success"]:
                break
        lifted.append(info["is_success"])
    env.close()
    assert lifted == [True, True]


@pytest.mark.parametrize("physics", ["mujoco", "physx"])
def test_the_expert_opens_a_drawer(physics):
    from molmospaces_gym.benchmarks.rollout import build_policy

    name = "molmospaces_gym/Open-v1"
    env = gym.make(name, backend="isaac", physics=physics, benchmark="open-mini")
    observation, info = env.reset(seed=0, options={"episode": 0})
    policy = build_policy("expert")
    policy.bind(env.unwrapped)
    policy.reset(info["instruction"], 0)
    for _ in range(200):
        action, _ = policy.predict(observation)
        observation, *_, info = env.step(action)
        if info["is_success"]:
            break
    env.close()
    assert info["is_success"]


def test_dynamics_are_drawn_with_mujoco_c_and_refused_where_worlds_share_them():
    env = make(randomize_dynamics=True)
    first, _ = env.reset(seed=3)
    world, scene = env.unwrapped.world, env.unwrapped.scene
    assert not np.array_equal(world.subtree_mass(0), scene.model.body_subtreemass)
    assert_equal(rollout(env, 3, 5), rollout(make(randomize_dynamics=True), 3, 5))
    env.close()
    env = make(randomize_dynamics=True, physics="physx")
    with pytest.raises(UnsupportedScene, match="physics='mujoco'"):
        env.reset(seed=3)
    env.close()


def test_doctor_plays_a_step():
    from molmospaces_gym.cli.doctor import check_simulators

    found = {finding.name: finding for finding in check_simulators()}
    assert found["isaac"].works and "step" in found["isaac"].found
