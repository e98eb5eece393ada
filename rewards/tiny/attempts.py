"""Clips of what policies do, labelled by what they reach, to tune a reward model on.

python -m molmospaces_gym.rewards.tiny.attempts --task Pick --scene generated/train/0 --seeds 40
    --policies expert sb3:runs/a/model.zip sb3:runs/b/model.zip --out DIR/train-Pick-attempts.npz

A policy that learns from a reward model finds what the model takes for progress and is none. Its
attempts, with the progress that they truly made, teach the model better.
"""

import argparse
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.rewards.tiny.dataset import joined
from molmospaces_gym.rewards.tiny.rollouts import BEFORE_SUCCESS, STRIDE, Clip, Take, note

logger = logging.getLogger(__name__)


def attempt_clips(
    task: str,
    policies: Sequence[str],
    seeds: Sequence[int],
    length: int,
    stride: int = STRIDE,
    **env_kwargs: Any,
) -> list[list[Clip]]:
    """For every seed one clip of each policy, all from the same start.

    Args:
        task: name of the task.
        policies: names for ``load_policy``; actions are drawn, not the most likely ones.
        seeds: of episodes.
        length: steps of an attempt, success or not.
        stride: steps from frame to frame.
        env_kwargs: of the envs, such as ``scene`` or ``benchmark``.
    """
    import gymnasium as gym

    import molmospaces_gym  # noqa: F401 - registers the environments
    from molmospaces_gym.policies.base import bind_policy, load_policy, policy_env_kwargs

    env_id = f"molmospaces_gym/{task}-v1"
    plain = {"disable_env_checker": True, "terminate_on_success": False, **env_kwargs}
    with ExitStack() as stack:
        players = []
        for name in policies:
            policy = load_policy(name)
            env = gym.make(env_id, **{**plain, **policy_env_kwargs(policy, env_id)})
            stack.callback(env.close)
            bind_policy(policy, env)
            players.append((policy, env))
        return [_episode(task, players, seed, length, stride) for seed in seeds]


def merit_progress(take: Take) -> NDArray[np.float32]:
    """How far the terms of the task are fulfilled at each frame, and 1 where it is done.

    Other clips tell the time to success. From a start near the thing that says little of how near
    a hand is: the expert first moves away.
    """
    frames = slice(None, None, take.stride)
    merit = np.minimum(take.merit[frames], BEFORE_SUCCESS)
    return np.where(take.success[frames], 1.0, merit).astype(np.float32)


def _episode(
    task: str, players: list[tuple[Any, Any]], seed: int, length: int, stride: int
) -> list[Clip]:
    clips: list[Clip] = []
    for policy, env in players:
        played = _played(policy, env, seed, length, stride)
        told, frames = env.unwrapped.session.episode.instruction, np.stack(played.frames)
        # One room, or episodes of a suite: what house it is decides nothing here.
        labels = ("attempt", task, told, 0, seed)
        clips.append(Clip(frames, merit_progress(played), played.success[-1], *labels))
    logger.info("seed %d: %d of %d in success", seed, sum(c.success for c in clips), len(clips))
    return clips


def _played(policy: Any, env: Any, seed: int, length: int, stride: int) -> Take:
    observation, info = env.reset(seed=seed)
    policy.reset(str(info["instruction"]), seed)
    played, state, start = Take([], [], [], [], stride), None, np.ones(1, bool)
    note(env.unwrapped, played)
    for _ in range(length + -length % stride):
        action, state = policy.predict(observation, state, start, False)
        observation, *_ = env.step(action)
        start = np.zeros(1, bool)
        note(env.unwrapped, played)
    return played


def main() -> None:
    """Play and store; see the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument("--task", default="Pick")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--scene", help="house in which episodes are drawn")
    where.add_argument("--benchmark", help="folder of the episodes to draw from")
    parser.add_argument("--policies", nargs="+", required=True)
    parser.add_argument("--seeds", type=int, default=40, help="episodes")
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--length", type=int, default=60, help="steps of an attempt")
    parser.add_argument("--stride", type=int, default=STRIDE, help="steps from frame to frame")
    parser.add_argument("--categories", nargs="+", help="of what is handled; all without it")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    named = {name: getattr(args, name) for name in ("scene", "benchmark", "categories")}
    given = {name: value for name, value in named.items() if value}
    seeds = range(args.first, args.first + args.seeds)
    episodes = attempt_clips(args.task, args.policies, seeds, args.length, args.stride, **given)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    joined(episodes).save(args.out)


if __name__ == "__main__":
    main()
