"""Episodes to learn progress from: the expert's, and what becomes of them after a fault.

An episode is played by the scripted expert until shortly after its success. Its state at some
step before is then restored and something goes wrong from there on (``FAULTS``). Progress of the
expert is its share of the way to success in time; that of a faulty continuation is the expert's
share at the last moment when its task terms were no better than what is left now.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.rewards.qwen.pixels import resized
from molmospaces_gym.rewards.tiny.faults import OFF, Act, act_of

TASKS = ("Pick", "Open", "PickAndPlace")
CAMERAS = ("exo_camera_1", "wrist_camera")
SIDE = 64
"""Pixels of a stored view, per side; rendered at twice that and reduced, against flicker."""
STRIDE = 4
"""Control steps (0.066 s) between two frames."""
BEFORE_SUCCESS = 0.6
"""Progress just before the task is done; 1 is kept for the success itself, far enough above for a
model in doubt of what it sees to tell the two apart."""
PATIENCE = 260
"""Steps after which the expert is given up."""
TAIL = 12
"""Steps that are played on after success."""
EVERYWHERE = (*OFF, "explore")
"""Kinds that may come as far as the expert, and not only to where they leave it."""
FAULTS = ("hold", "drop", "wander")
"""What goes wrong: the robot stops; it opens its gripper and stops; it moves at random."""
ALSO = {
    0: ("random", "stray", "explore"),
    1: ("idle", "miss", "explore"),
    2: ("miss", "stray", "explore"),
}
"""What is played as well, by the remainder of the episode's seed."""
FROM = {**dict.fromkeys(FAULTS, (0.05, 0.85)), "explore": (-0.4, 0.7)}
"""Least and most share of the expert's way at which a kind begins; others: at the start."""

Array = NDArray[np.float64]
Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class Clip:
    """One video with its labels.

    Attributes:
        frames: (T, cameras, side, side, 3).
        progress: (T,) in 0..1, 1 only while the task is done.
        success: whether it is done at the end.
        kind: ``expert``, one of ``FAULTS``, or from the start: ``random`` motion, ``idle``, the
            first command kept while the arm settles, ``miss``, an expert whose hand is off,
            ``stray``, one whose hand wanders about the expert's way, ``explore``, a tool that
            moves at random, or ``attempt``, another policy (``attempts``).
        shared: so many first frames are those of the episode's expert.
    """

    frames: Frames
    progress: NDArray[np.float32]
    success: bool
    kind: str
    task: str
    instruction: str
    house: int
    seed: int
    shared: int = 0


@dataclass
class Take:
    """What is noted of a run, one entry per step, the start included; frames every ``stride``."""

    frames: list[Frames]
    merit: list[float]
    success: list[bool]
    actions: list[NDArray[np.float32]]
    stride: int = STRIDE


def play_house(
    task: str, split: str, house: int, seeds: list[int], branches: int
) -> Iterator[list[Clip]]:
    """The clips of some episodes in one house; an episode the expert fails gives none."""
    import gymnasium as gym

    import molmospaces_gym  # noqa: F401 - registers the environments
    from molmospaces_gym.policies.base import bind_policy, load_policy

    env_id = f"molmospaces_gym/{task}-v1"
    env = gym.make(
        env_id,
        split=split,
        houses=[house],
        action_mode="joint_position",
        terminate_on_success=False,
        disable_env_checker=True,
    )
    try:
        expert = load_policy("expert")
        bind_policy(expert, env)
        for seed in seeds:
            yield _play_episode(env.unwrapped, expert, (task, house, seed), branches)
    finally:
        env.close()


def _play_episode(env: Any, expert: Any, key: tuple[str, int, int], branches: int) -> list[Clip]:
    task, house, seed = key
    rng = np.random.default_rng((seed, house, TASKS.index(task)))
    played = play_expert(env, expert, key)
    if played is None:
        return []
    first, take, states = played
    labels, done, clips = (task, first.instruction, house, seed), take.success.index(True), [first]
    kinds = [FAULTS[(seed + i) % len(FAULTS)] for i in range(branches)]
    for kind in [*kinds, *(ALSO.get(seed % 3, ()) if branches else ())]:
        share = rng.uniform(*FROM.get(kind, (0.0, 0.0)))
        fault = round(max(share, 0.0) * done / STRIDE) * STRIDE
        env.world.set_state(env.session.slot, states[fault // STRIDE])
        length = max(3 * STRIDE, round(done * rng.uniform(0.6, 1.3)) - fault)
        length += -length % STRIDE  # so that the last frame shows how it ended
        act = act_of(kind, env, take.actions[max(fault - 1, 0)], seed, rng)
        branch = _branch(env, length, act)
        frames = np.stack(take.frames[: fault // STRIDE + 1] + branch.frames)
        # Who is off goes the expert's whole way, and not only what lies before a fault.
        progress = branch_progress(take, done, fault, branch, done if kind in EVERYWHERE else fault)
        shared = fault // STRIDE + 1
        clips.append(Clip(frames, progress, branch.success[-1], kind, *labels, shared))
    return clips


def play_expert(
    env: Any, expert: Any, key: tuple[str, int, int]
) -> tuple[Clip, Take, list[Any]] | None:
    """The expert's clip, what was noted of it and the states at its frames; None where it fails.

    Args:
        env: unwrapped, with joint positions as actions.
        expert: bound to it.
        key: task, house and seed of the episode.
    """
    task, house, seed = key
    observation, info = env.reset(seed=seed)
    instruction = str(info["instruction"])
    expert.reset(instruction, seed)
    take, states = _expert_take(env, expert, observation)
    if not any(take.success):
        return None
    progress = _expert_progress(take, take.success.index(True))
    labels = (task, instruction, house, seed)
    return Clip(np.stack(take.frames), progress, take.success[-1], "expert", *labels), take, states


def _expert_take(env: Any, expert: Any, observation: Any) -> tuple[Take, list[Any]]:
    """The expert until ``TAIL`` steps after success, and the simulator's state at each frame."""
    take = Take([], [], [], [])
    states: list[Any] = []
    state, left = None, PATIENCE
    note(env, take)
    states.append(env.world.get_state(env.session.slot))
    while left > 0:
        action, state = expert.predict(observation, state, np.zeros(1, np.bool_), True)
        observation, *_ = env.step(action)
        take.actions.append(np.asarray(action, np.float32))
        left -= 1
        if len(take.actions) % STRIDE == 0:
            states.append(env.world.get_state(env.session.slot))
        if note(env, take) and left > TAIL:
            left = TAIL
    return take, states


def _branch(env: Any, length: int, act: Act) -> Take:
    branch = Take([], [], [], [])
    for step in range(1, length + 1):
        env.step(act())
        note(env, branch, step)
    return branch


def note(env: Any, take: Take, step: int | None = None) -> bool:
    """Notes the state after a step, and a frame where one is due; whether the task is done."""
    session = env.session
    step = len(take.merit) if step is None else step
    scales = {k: v for k, v in env.task.reward_scales.items() if k not in ("success", "intact")}
    terms = session.state.potentials
    take.merit.append(sum(v * terms[k] for k, v in scales.items()) / sum(scales.values()))
    take.success.append(bool(session.state.success))
    if step % take.stride == 0:
        take.frames.append(views(session))
    return take.success[-1]


def views(session: Any) -> Frames:
    """What the cameras see now, (cameras, side, side, 3)."""
    size = (2 * SIDE, 2 * SIDE)
    pictures = [
        session.world.render(
            session.slot, session.camera_pose(name), size, ("rgb",), session.config.renderer
        )["rgb"]
        for name in CAMERAS
    ]
    return resized(np.stack(pictures), (SIDE, SIDE))


def _expert_progress(take: Take, done: int) -> NDArray[np.float32]:
    """Share of the way to step ``done`` at each frame, and 1 where the task is done."""
    steps = np.arange(0, len(take.merit), STRIDE)
    ramp = BEFORE_SUCCESS * np.minimum(steps / done, 1.0)
    return np.where(np.array(take.success)[steps], 1.0, ramp).astype(np.float32)


def branch_progress(
    take: Take, done: int, fault: int, branch: Take, reach: int
) -> NDArray[np.float32]:
    """Of the expert until the fault, then what is left; at most what it was at step ``reach``."""
    merit = np.array(take.merit[: reach + 1])
    found = list(BEFORE_SUCCESS * np.arange(0, fault + 1, STRIDE) / done)
    for step in range(STRIDE, len(branch.merit) + 1, STRIDE):
        no_better = np.flatnonzero(merit <= branch.merit[step - 1] + 0.01)
        share = no_better[-1] / done if len(no_better) else 0.0
        found.append(1.0 if branch.success[step - 1] else BEFORE_SUCCESS * share)
    return np.array(found, np.float32)
