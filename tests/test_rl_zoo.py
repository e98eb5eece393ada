"""The hyper-parameters for RL Baselines3 Zoo, by its own training script.

``.ci/run`` installs rl_zoo3 apart, see ``rl_zoo_requirements.txt``.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import gymnasium as gym
import pytest
import yaml

import molmospaces_gym  # noqa: F401 - registers the environments

ROOT = Path(__file__).parents[1]
FILE = ROOT / "examples" / "rl_zoo" / "ppo.yml"
ID = "molmospaces_gym/Pick-v1"
SMALLER = ("n_envs:2", "n_steps:64", "batch_size:64", "n_epochs:2")
KWARGS = ("scene:'generated/train/0'", "action_mode:'ee_delta'", "horizon:30")


def test_ids_are_registered():
    settings = yaml.safe_load(FILE.read_text())
    assert ID in settings
    assert all(name in gym.registry for name in settings)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("rl_zoo3") is None, reason="rl_zoo3 is not installed, see .ci/run")
def test_rl_zoo_trains(tmp_path):
    from stable_baselines3 import PPO

    command = [
        *(sys.executable, "-P", "-m", "rl_zoo3.train", "--algo", "ppo", "--env", ID),
        *("--gym-packages", "molmospaces_gym", "--conf-file", str(FILE), "--seed", "0"),
        *("--env-kwargs", *KWARGS, "-params", *SMALLER, "-n", "256", "--eval-freq", "-1"),
        *("--log-folder", str(tmp_path)),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "success_rate" in done.stdout
    (model,) = tmp_path.rglob("*.zip")
    trained = PPO.load(model)
    assert trained.num_timesteps == 256
    assert (trained.gamma, trained.target_kl) == (0.95, 0.05)
    assert list(tmp_path.rglob("vecnormalize.pkl"))
    monitor = next(tmp_path.rglob("0.monitor.csv")).read_text().splitlines()
    assert len(monitor) > 2
