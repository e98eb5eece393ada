"""Tensors instead of arrays: the same numbers, no shared memory, named mistakes."""

import gymnasium as gym
import numpy as np
import pytest
import torch

import molmospaces_gym  # noqa: F401
from molmospaces_gym.errors import InvalidAction, InvalidConfig, UnknownName
from molmospaces_gym.integrations.sb3 import make_sb3_vec_env
from molmospaces_gym.vector_env import MolmoSpacesVectorEnv

ID = "molmospaces_gym/Pick-v1"
KWARGS = {"houses": 1, "horizon": 3, "obs_mode": "rgbd", "image_size": [16, 12]}


def as_arrays(value):
    """Tensors as arrays, in whatever they are wrapped in."""
    if isinstance(value, dict):
        return {key: as_arrays(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return tuple(as_arrays(each) for each in value)
    if isinstance(value, np.ndarray) and value.dtype == object:
        return [as_arrays(each) for each in value]
    return value.numpy() if isinstance(value, torch.Tensor) else value


def assert_equal(first, second):
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_equal(first[key], second[key])
    elif isinstance(first, tuple | list):
        for a, b in zip(first, second, strict=True):
            assert_equal(a, b)
    else:
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
def test_tensors_hold_the_numbers_of_the_arrays(mode):
    arrays = gym.make_vec(ID, num_envs=2, autoreset_mode=mode, **KWARGS)
    tensors = gym.make_vec(ID, num_envs=2, autoreset_mode=mode, output="torch", **KWARGS)
    assert (arrays.output, tensors.output) == ("numpy", "torch")
    assert tensors.single_observation_space == arrays.single_observation_space
    first, second = arrays.reset(seed=3), tensors.reset(seed=3)
    assert_equal(as_arrays(first), as_arrays(second))
    rng, ended = np.random.default_rng(0), 0
    for _ in range(7):
        actions = rng.uniform(-1, 1, (2, 8)).astype(np.float32)
        first, second = arrays.step(actions), tensors.step(torch.tensor(actions))
        assert all(isinstance(value, torch.Tensor) for value in second[0].values())
        assert [each.dtype for each in second[1:4]] == [torch.float32, torch.bool, torch.bool]
        np.testing.assert_array_equal(first[1].astype(np.float32), second[1].numpy())
        for row in (0, 2, 3, 4):
            assert_equal(as_arrays(first[row]), as_arrays(second[row]))
        done = second[2] | second[3]
        ended += int(done.sum())
        if mode == "SameStep" and done.any():
            final = second[4]["final_obs"][0]
            assert all(isinstance(value, torch.Tensor) for value in final.values())
        if mode == "Disabled" and done.any():
            options = {"reset_mask": done}
            second = tensors.reset(options=options)
            first = arrays.reset(options={"reset_mask": done.numpy()})
            assert_equal(as_arrays(first[0]), as_arrays(second[0]))
    assert ended >= 2
    arrays.close()
    tensors.close()


def test_nothing_returned_shares_memory_with_the_env_or_a_later_return():
    env = gym.make_vec(ID, num_envs=2, output="torch", autoreset_mode="SameStep", **KWARGS)
    observation, _ = env.reset(seed=0)
    kept = {key: value.clone() for key, value in observation.items()}
    step = env.step(torch.zeros(2, 8))
    for key, value in observation.items():
        assert torch.equal(value, kept[key]), key
    before = {key: value.clone() for key, value in step[0].items()}
    for value in (*step[0].values(), *step[1:4]):
        value.zero_()  # what a learner does to its tensors is no business of the env
    after = env.step(torch.zeros(2, 8))[0]
    assert torch.allclose(after["arm_qpos"], before["arm_qpos"], atol=0.1)
    assert after["arm_qpos"].abs().max() > 0.5
    env.close()


def test_keys_share_a_block_without_overlap():
    env = gym.make_vec(ID, num_envs=2, output="torch", **KWARGS)
    observation, _ = env.reset(seed=0)
    target = observation["target"].clone()
    observation["arm_qpos"].fill_(7.0)
    assert torch.equal(observation["target"], target)
    env.close()


def test_actions_may_have_a_gradient_and_are_checked():
    env = gym.make_vec(ID, num_envs=2, output="torch", **KWARGS)
    env.reset(seed=0)
    env.step(torch.zeros(2, 8, requires_grad=True))
    env.step(np.zeros((2, 8), np.float32))
    with pytest.raises(InvalidAction, match="shape"):
        env.step(torch.zeros(8))
    with pytest.raises(InvalidAction, match=r"rows \[1\]"):
        env.step(torch.tensor([[0.0] * 8, [float("nan")] * 8]))
    env.close()


def test_mistakes_are_named():
    with pytest.raises(UnknownName, match="numpy, torch"):
        MolmoSpacesVectorEnv(output="jax")
    with pytest.raises(InvalidConfig, match="output"):
        MolmoSpacesVectorEnv(device="cpu")
    with pytest.raises(InvalidConfig, match="nowhere"):
        MolmoSpacesVectorEnv(output="torch", device="nowhere")
    with pytest.raises(InvalidConfig, match="cuda"):
        MolmoSpacesVectorEnv(output="torch", device="cuda:99")
    with pytest.raises(InvalidConfig, match="Stable-Baselines3"):
        make_sb3_vec_env(ID, 1, output="torch", **KWARGS)


def test_numpy_output_imports_no_torch():
    import subprocess
    import sys

    code = (
        "import sys, gymnasium as gym, molmospaces_gym\n"
        f"env = gym.make_vec({ID!r}, num_envs=1, houses=1)\n"
        "env.reset(seed=0); env.step(env.action_space.sample()); env.close()\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True)
