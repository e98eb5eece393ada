"""Clips of what policies do, labelled like those of ``rollouts``, to tune a reward model on.

python -m molmospaces_gym.rewards.tiny.attempts --task Pick --scene generated/train/0 --seeds 40
    --policies sb3:runs/a/model.zip sb3:runs/b/model.zip --out DIR/train-Pick-attempts.npz

A policy that learns from a reward model finds what the model takes for progress and is none. Its
attempts, with the progress that they truly made, teach the model better.
"""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from molmospaces_gym.rewards.tiny.dataset import joined
from molmospaces_gym.rewards.tiny.rollouts import (
    STRIDE,
    Clip,
    Take,
    branch_progress,
    expert_progress,
    expert_take,
    note,
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

    def make(settings: dict[str, Any]) -> Any:
        return gym.make(env_id, **{**plain, **settings, "terminate_on_success": False})

    expert, env = load_policy("expert"), make({"action_mode": "joint_position"})
    bind_policy(expert, env)
    players: list[tuple[Any, Any]] = []
    for name in policies:
        policy = load_policy(name)
        players.append((policy, make(policy_env_kwargs(policy, env_id))))
        bind_policy(*players[-1])
    episodes = []
    try:
        for seed in seeds:
            episodes.append(_episode(task, (expert, env), players, seed, length))
            logger.info("seed %d: %d clips", seed, len(episodes[-1]))
    finally:
        for each in (env, *(env for _, env in players)):
            each.close()
    return [clips for clips in episodes if clips]


def _episode(
    task: str, own: tuple[Any, Any], players: list[tuple[Any, Any]], seed: int, length: int
) -> list[Clip]:
    expert, env = own
    observation, info = env.reset(seed=seed)
    instruction = str(info["instruction"])
    expert.reset(instruction, seed)
    inner = env.unwrapped
    take, _ = expert_take(inner, expert, observation)
    if not any(take.success):
        return []
    done = take.success.index(True)
    labels = (task, instruction, int(inner.episode.house_index), seed)
    progress = expert_progress(take, done)
    clips = [Clip(np.stack(take.frames), progress, take.success[-1], "expert", *labels)]
    for policy, other in players:
        played = _played(policy, other, inner.episode, seed, length)
        progress = branch_progress(take, done, 0, played, done)
        frames = np.stack(played.frames)
        clips.append(Clip(frames, progress, played.success[-1], "attempt", *labels))
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
