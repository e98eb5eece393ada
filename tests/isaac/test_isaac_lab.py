"""Isaac Lab's own way in: the registered tasks, their configuration and one iteration of PPO."""

import subprocess
import sys
import warnings
from importlib.metadata import entry_points

import gymnasium as gym
import pytest

pytest.importorskip("isaaclab", reason="needs the extra isaac: Python 3.12, make isaac")

import torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of Isaac Lab's own imports
    from isaaclab_rl.sb3 import Sb3VecEnvWrapper, process_sb3_cfg
    from isaaclab_tasks.utils import load_cfg_from_registry, parse_env_cfg

from molmospaces_gym.integrations.isaac_lab import MolmoSpacesEnvCfg, task_id
from molmospaces_gym.registration import TASKS


def make(task="Pick", num_envs=2, **arguments):
    cfg = parse_env_cfg(task_id(task), device="cpu", num_envs=num_envs)
    cfg.make = {"houses": 1, **arguments}
    cfg.seed = 3
    return gym.make(task_id(task), cfg=cfg)


def test_isaac_lab_finds_every_task_with_its_configuration():
    (point,) = entry_points(group="isaaclab.tasks", name="molmospaces")
    point.load()
    for task in TASKS:
        cfg = load_cfg_from_registry(task_id(task), "env_cfg_entry_point")
        assert isinstance(cfg, MolmoSpacesEnvCfg) and cfg.task == task


def test_the_env_speaks_isaac_labs_language_and_restarts_in_the_same_step():
    env = make(horizon=3)
    # Trainers ask before the first reset, and what they ask draws nothing.
    assert env.unwrapped.max_episode_length == 3
    assert env.unwrapped.step_dt == pytest.approx(0.066)
    other = make(horizon=3)
    observation, _ = env.reset()
    assert torch.equal(observation["policy"], other.reset()[0]["policy"])
    other.close()
    size = env.unwrapped.single_observation_space["policy"].shape[0]
    assert observation["policy"].shape == (2, size)
    for _ in range(3):
        observation, reward, terminated, truncated, extras = env.step(torch.zeros(2, 8))
    assert truncated.all() and not terminated.any()
    assert reward.dtype == torch.float32 and observation["policy"].shape == (2, size)
    assert extras["log"]["success"] == 0.0
    assert (env.unwrapped.episode_length_buf == 0).all()
    env.close()


@pytest.mark.filterwarnings("ignore:constant_fn")  # of Isaac Lab's wrapper
def test_ppo_learns_one_iteration_through_isaac_labs_wrapper():
    from stable_baselines3 import PPO

    agent = load_cfg_from_registry(task_id("Pick"), "sb3_cfg_entry_point")
    for key in ("seed", "n_timesteps"):
        agent.pop(key)
    agent |= {"n_steps": 8, "batch_size": 16}
    env = Sb3VecEnvWrapper(make())
    settings = process_sb3_cfg(agent, env.num_envs)
    model = PPO(settings.pop("policy"), env, seed=0, **settings)
    before = [weight.clone() for weight in model.policy.parameters()]
    model.learn(16)
    after = list(model.policy.parameters())
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
    env.close()


@pytest.mark.slow
@pytest.mark.parametrize("library", ["rsl_rl", "sb3"])
def test_isaaclab_train_trains(library, tmp_path):
    """The command itself, in its own process, as a user of Isaac Lab calls it."""
    command = ["-P", "-m", "isaaclab", "train", "--rl_library", library, "--device", "cpu"]
    command += ["--task", task_id("Pick"), "--num_envs", "2", "--max_iterations", "1"]
    run = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, timeout=600
    )
    assert run.returncode == 0, run.stderr[-2000:]
    (saved,) = tmp_path.glob("logs/**/model*")
    assert saved.stat().st_size > 100_000
