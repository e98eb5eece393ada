"""Measure SPOC on this machine: a decision, and where the time of RL fine-tuning goes.

    python examples/spoc_speed.py                # one thread of torch, CPU time, about a minute

A decision is ``SpocModel.act`` for 16 worlds at once. The breakdown is of PPO as ``train rl`` runs
it, with all worlds stepped by this process.
"""

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from molmospaces_gym.policies.spoc import SpocConfig, SpocModel
from molmospaces_gym.policies.spoc.recipes import TRAIN, Setup, configure, token_envs
from molmospaces_gym.policies.spoc.rl import RlSettings, make_ppo
from molmospaces_gym.policies.spoc.tokens import ActionTokens

WORLDS, ROUNDS = 16, 50
MILLISECOND = 1e-3


def random_model(config: SpocConfig) -> SpocModel:
    """Weights as before any training: they take as long as trained ones."""
    torch.manual_seed(0)
    model = SpocModel(config).eval()
    actions = np.random.default_rng(0).uniform(-1, 1, (500, config.action_dim))
    model.set_tokens(ActionTokens.fit(actions.astype(np.float32), config.bins, middle=True))
    return model


def observations(config: SpocConfig, count: int) -> dict[str, torch.Tensor]:
    """Inputs of a model, without an env."""
    rng = np.random.default_rng(0)
    inputs = {"text": rng.integers(0, config.vocabulary, (count, config.text_length))}
    for camera in config.cameras:
        shape = (count, config.image_size, config.image_size, 3)
        inputs[camera] = rng.integers(0, 256, shape, dtype=np.uint8)
    for name, size in config.vectors:
        inputs[name] = rng.normal(size=(count, size)).astype(np.float32)
    return {key: torch.from_numpy(value) for key, value in inputs.items()}


def decision(preset: str, obs: str) -> None:
    """Print the milliseconds per world of a decision."""
    config = configure(Setup(task="Pick", obs=obs), preset)
    model, inputs = random_model(config), observations(config, WORLDS)
    noise = torch.Generator().manual_seed(0)
    spent = []
    for _ in range(ROUNDS):
        started = time.process_time()
        model.act(inputs, True, noise)
        spent.append(time.process_time() - started)
    per_world = statistics.median(spent[5:]) / WORLDS / MILLISECOND
    name = f"decision of `{preset}`, {obs}, {WORLDS} worlds at once"
    print(f"| {name} | {per_world:.3f} ms/world | < 1 |")


class Stopwatch:
    """CPU seconds of named parts; what a part calls counts for the inner one only."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner = [0.0]

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._inner.append(0.0)
            started = time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                whole = time.process_time() - started
                self.seconds[name] += whole - self._inner.pop()
                self._inner[-1] += whole

        return call


def breakdown(preset: str, updates: int) -> None:
    """Print the shares of simulation, policy and update in PPO, and its env steps per CPU-s."""
    setup = Setup(task="Pick")
    model = random_model(configure(setup, preset))
    settings = RlSettings(warmup=0)
    envs = token_envs(setup, model, WORLDS, 0, TRAIN, (), settings.deadline)
    ppo, watch = make_ppo(model, envs, settings), Stopwatch()
    simulator = envs.venv.env  # under the tokens and the bridge
    simulator.step_chunk = watch.timed("env (physics, observations, rewards)", simulator.step_chunk)
    envs.step_wait = watch.timed("tokens and bridge to SB3", envs.step_wait)
    policy: Any = ppo.policy
    # ``Module.__call__`` looks ``forward`` up on the object.
    policy.forward = watch.timed("policy, deciding", policy.forward)
    policy.evaluate_actions = watch.timed("update, forward", policy.evaluate_actions)
    ppo.train = watch.timed("update, rest", ppo.train)
    decisions = settings.n_steps * WORLDS * updates
    with tempfile.TemporaryDirectory() as folder:
        from stable_baselines3.common.logger import configure as to

        ppo.set_logger(to(str(Path(folder)), ["csv"]))
        watch.timed("collecting, rest", ppo.learn)(decisions)
    envs.close()
    total = sum(watch.seconds.values())
    for name, seconds in sorted(watch.seconds.items(), key=lambda item: -item[1]):
        print(f"| PPO, `{preset}`: {name} | {100 * seconds / total:.1f} % | - |")
    rate = decisions * model.config.execute / total
    print(f"| PPO, `{preset}`: env steps, all in all | {rate:.0f} /CPU-s | - |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--updates", type=int, default=4)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| what | measured | budget |\n|---|---|---|")
    for obs in ("state", "rgb"):
        decision("tiny", obs)
    for preset in ("nano", "tiny"):
        breakdown(preset, arguments.updates)


if __name__ == "__main__":
    main()
