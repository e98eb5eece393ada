"""Clips of what policies do, labelled like those of ``rollouts``, to tune a reward model on.

python -m molmospaces_gym.rewards.tiny.attempts --task Pick --scene generated/train/0 --seeds 40
    --policies sb3:runs/a/model.zip sb3:runs/b/model.zip --out DIR/train-Pick-attempts.npz

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

from molmospaces_gym.rewards.tiny.dataset import joined
from molmospaces_gym.rewards.tiny.rollouts import (
    STRIDE,
    Clip,
    Take,
    branch_progress,
    note,
    play_expert,
    views,
)

logger = logging.getLogger(__name__)


def attempt_clips(
    task: str, policies: Sequence[str], seeds: Sequence[int], length: int, **env_kwargs: Any
) -> list[list[Clip]]:
    """For every seed the expert's clip and one of each policy from the same start.

    Args:
        task: name of the task.
        policies: names for ``load_policy``; actions are drawn, not the most likely ones.
        seeds: of episodes; one that the expert fails gives none.
        length: steps of an attempt, success or not.
        env_kwargs: of the envs, such as ``scene`` or ``benchmark``.
    """
    import gymnasium as gym

    import molmospaces_gym  # noqa: F401 - registers the environments
    from molmospaces_gym.policies.base import bind_policy, load_policy, policy_env_kwargs

    env_id, plain = f"molmospaces_gym/{task}-v1", {"disable_env_checker": True, **env_kwargs}

    with ExitStack() as stack:

        def pair(name: str, settings: dict[str, Any] | None = None) -> tuple[Any, Any]:
            policy = load_policy(name)
            settings = settings or policy_env_kwargs(policy, env_id)
            env = gym.make(env_id, **{**plain, **settings, "terminate_on_success": False})
            stack.callback(env.close)
            bind_policy(policy, env)
            return policy, env

        own = pair("expert", {"action_mode": "joint_position"})
        players = [pair(name) for name in policies]
        episodes = [_episode(task, own, players, seed, length) for seed in seeds]
    return [clips for clips in episodes if clips]


def _episode(
    task: str, own: tuple[Any, Any], players: list[tuple[Any, Any]], seed: int, length: int
) -> list[Clip]:
    expert, env = own[0], own[1].unwrapped
    # One room, or episodes of a suite: what house it is decides nothing here.
    expert_played = play_expert(env, expert, (task, 0, seed))
    if expert_played is None:
        return []
    first, take, _ = expert_played
    clips, done = [first], take.success.index(True)
    for policy, other in players:
        played = _played(policy, other, env.episode, seed, length)
        progress = branch_progress(take, done, 0, played, done)
        frames, success = np.stack(played.frames), played.success[-1]
        clips.append(Clip(frames, progress, success, "attempt", task, first.instruction, 0, seed))
    logger.info("seed %d: %d clips", seed, len(clips))
    return clips


def _played(policy: Any, env: Any, episode: Any, seed: int, length: int) -> Take:
    observation, info = env.reset(seed=seed, options={"episode": episode})
    policy.reset(str(info["instruction"]), seed)
    played, state, start = Take([views(env.unwrapped.session)], [], [], []), None, np.ones(1, bool)
    for step in range(1, length + -length % STRIDE + 1):
        action, state = policy.predict(observation, state, start, False)
        observation, *_ = env.step(action)
        start = np.zeros(1, bool)
        note(env.unwrapped, played, step)
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
    parser.add_argument("--categories", nargs="+", help="of what is handled; all without it")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    named = {name: getattr(args, name) for name in ("scene", "benchmark", "categories")}
    given = {name: value for name, value in named.items() if value}
    seeds = range(args.first, args.first + args.seeds)
    episodes = attempt_clips(args.task, args.policies, seeds, args.length, **given)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    joined(episodes).save(args.out)


if __name__ == "__main__":
    main()
