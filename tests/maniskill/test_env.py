"""Envs on SAPIEN: conformance, vectorisation, determinism, and what works at the edges."""

import subprocess
import sys
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_checker import check_env as sb3_check_env

pytest.importorskip("sapien", reason="needs the extra maniskill")

import molmospaces_gym  # noqa: F401
from molmospaces_gym.integrations.sb3 import make_sb3_vec_env
from molmospaces_gym.registration import TASKS

ID = "molmospaces_gym/Pick-v1"
SMALL = {"backend": "maniskill", "houses": 2, "image_size": [48, 36]}


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
        env.close()
        env = make(task)
        sb3_check_env(env, warn=True, skip_render_check=True)
        env.close()


@pytest.mark.parametrize("obs_mode", ["rgb", "rgbd"])
def test_both_checkers_pass_with_pictures(obs_mode):
    env = make(obs_mode=obs_mode, image_size=[64, 48], render_mode="rgb_array")
    check_env(env.unwrapped)
    env.reset(seed=0)
    assert env.render().std() > 5
    env.close()
    env = make(obs_mode=obs_mode, image_size=[64, 48])
    sb3_check_env(env, warn=True, skip_render_check=True)
    env.close()


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_the_vector_env_equals_gymnasiums_sync_vector_env(mode):
    kwargs = SMALL | {"horizon": 4}
    ours = gym.make_vec(ID, num_envs=3, autoreset_mode=mode, **kwargs)
    theirs = gym.make_vec(
        ID,
        num_envs=3,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": AutoresetMode(mode)},
        **kwargs,
    )
    assert_equal(rollout(theirs, 5, 10), rollout(ours, 5, 10))
    theirs.close()
    ours.close()


def test_the_bridge_to_sb3_steps():
    envs = make_sb3_vec_env(ID, 2, **SMALL, horizon=3)
    envs.seed(0)
    envs.reset()
    for _ in range(3):
        *_, dones, infos = envs.step(np.zeros((2, 8), np.float32))
    assert dones.all() and "terminal_observation" in infos[0]
    envs.close()


def test_same_seed_same_numbers_after_any_past_and_beside_other_envs():
    first, second, other = make(), make(), make()
    rollout(second, 4, 9)
    other.reset(seed=1)
    traces = []
    for env in (first, second):
        env.action_space.seed(3)
        trace = [env.reset(seed=7)]
        for _ in range(25):
            trace.append(env.step(env.action_space.sample()))
            other.step(other.action_space.sample())
        traces.append(trace)
    assert_equal(*traces)
    for env in (first, second, other):
        env.close()


@pytest.mark.slow
def test_another_process_gets_the_same_numbers():
    code = (
        "import gymnasium as gym, molmospaces_gym, numpy as np\n"
        f"env = gym.make({ID!r}, backend='maniskill', houses=2)\n"
        "env.reset(seed=5); env.action_space.seed(0)\n"
        "for _ in range(20): env.step(env.action_space.sample())\n"
        "print(env.unwrapped.world.joint_pos(0).tobytes().hex())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(runs) == 1


def test_the_expert_picks_and_its_states_restore_bit_for_bit():
    from molmospaces_gym.benchmarks.rollout import build_policy

    env = gym.make(ID, backend="maniskill", benchmark="pick-mini")
    observation, info = env.reset(seed=0, options={"episode": 0})
    policy = build_policy("expert")
    policy.bind(env.unwrapped)
    policy.reset(info["instruction"], 0)
    world, actions, saved, lifted = env.unwrapped.world, [], None, False
    for _ in range(env.unwrapped.session.horizon):
        action, _ = policy.predict(observation)
        if env.unwrapped.session.state.potentials["grasp"] == 1.0 and saved is None:
            saved = world.get_state(0)
        if saved is not None:
            actions.append(action)
        observation, _, _, _, info = env.step(action)
        lifted |= info["is_success"]
        if len(actions) == 15:
            break
    assert saved is not None and lifted
    ends = [world.joint_pos(0).copy()]
    for _ in range(2):
        world.set_state(0, saved)
        for action in actions:
            env.unwrapped.session.act(action)
            world.step(env.unwrapped.n_substeps)
        ends.append(world.joint_pos(0).copy())
    np.testing.assert_array_equal(ends[1], ends[2])
    np.testing.assert_array_equal(ends[0], ends[1])
    env.close()


def test_randomised_dynamics_reach_the_simulation():
    env = make(randomize_dynamics=True)
    env.reset(seed=3)
    world, scene = env.unwrapped.world, env.unwrapped.scene
    masses = {}
    for name in scene.free_joints:
        body = scene.body_id(name)
        masses[name] = world.physics(0).bodies.parts[body].mass, scene.model.body_mass[body]
        assert masses[name][0] == pytest.approx(world.subtree_mass(0)[body], rel=1e-5)
    assert any(abs(now - plain) > 1e-3 * plain for now, plain in masses.values())
    env.close()
    env = make()
    env.reset(seed=3)
    part = env.unwrapped.world.physics(0).bodies.parts
    for name in env.unwrapped.scene.free_joints:
        body = env.unwrapped.scene.body_id(name)
        assert part[body].mass == pytest.approx(env.unwrapped.scene.model.body_mass[body])
    env.close()


def test_without_sapien_the_command_that_installs_it_is_named():
    code = (
        "import sys; sys.modules['sapien'] = None\n"
        "import gymnasium as gym, molmospaces_gym\n"
        "from molmospaces_gym.errors import BackendUnavailable\n"
        f"env = gym.make({ID!r}, backend='maniskill', houses=1)\n"
        "try: env.reset(seed=0)\n"
        "except BackendUnavailable as error: print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert 'pip install "molmospaces-gym[maniskill]"' in run.stdout


def test_doctor_plays_a_step():
    from molmospaces_gym.cli.doctor import check_simulators

    found = {finding.name: finding for finding in check_simulators()}
    assert found["maniskill"].works and "step" in found["maniskill"].found
