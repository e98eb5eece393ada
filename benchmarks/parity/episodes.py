"""Checks that start both simulators from the same ``EpisodeSpec``, task by task."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from molmospaces_gym.benchmarks.parity.bench import Bench, degrees, own_poses, worst_poses
from molmospaces_gym.benchmarks.parity.results import Measured
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.scenes.model import SceneModel

REST_S = 2.0
"""Seconds that an episode is left alone."""
TUMBLED_M, TUMBLED_DEG = 0.01, 10.0
"""How far an object moves or turns in MuJoCo in that time to count as falling over."""


def subject_parts(subject: str) -> tuple[str, str]:
    """Task and robot of ``<task>/<robot>``."""
    task, _, robot = subject.partition("/")
    return task, robot


def same_start(bench: Bench, envs: tuple[Any, Any]) -> tuple[Any, Any]:
    """Reset both envs to an episode that the reference samples, through its own JSON."""
    reference, other = envs
    reference.reset(seed=bench.seed)
    spec = EpisodeSpec.parse(json.loads(json.dumps(reference.episode.to_dict())))
    observations = tuple(
        env.reset(seed=bench.seed, options={"episode": spec})[0] for env in (reference, other)
    )
    bench.hear(other.world)
    return observations[0], observations[1]


def initial_poses(bench: Bench, subject: str) -> Iterator[Measured]:
    """Where all bodies are after the reset, and what is observed."""
    with bench.envs(*subject_parts(subject)) as (reference, other):
        seen = same_start(bench, (reference, other))
        pos, quat = reference.world.body_pos(0), reference.world.body_quat(0)
        off, turn = worst_poses((pos, other.world.body_pos(0)), (quat, other.world.body_quat(0)))
        yield bench.row("initial_poses", subject, "body position", off)
        yield bench.row("initial_poses", subject, "body orientation", turn)
        if (found := own_poses(other.world)) is not None:
            bodies, own_pos, own_quat = found
            off, turn = worst_poses((pos[bodies], own_pos), (quat[bodies], own_quat))
            yield bench.row("initial_poses", subject, "own position", off)
            yield bench.row("initial_poses", subject, "own orientation", turn)
        worst = max(float(np.abs(seen[0][key] - seen[1][key]).max()) for key in seen[0])
        yield bench.row("initial_poses", subject, "observation", worst)


def settled(bench: Bench, subject: str) -> Iterator[Measured]:
    """Objects of an episode after 2 s in which the robot holds still."""
    with bench.envs(*subject_parts(subject)) as (reference, other):
        same_start(bench, (reference, other))
        scene = reference.scene
        bodies = [scene.body_id(name) for name in scene.free_joints]
        start = reference.world.body_pos(0)[bodies].copy()
        turned = reference.world.body_quat(0)[bodies].copy()
        for env in (reference, other):
            for _ in range(round(REST_S / env.session.control_dt)):
                env.world.step(env.n_substeps)
        pos = [env.world.body_pos(0)[bodies] for env in (reference, other)]
        quat = [env.world.body_quat(0)[bodies] for env in (reference, other)]
        moved = np.linalg.norm(pos[0] - start, axis=1)
        rests = (moved < TUMBLED_M) & (degrees(quat[0], turned) < TUMBLED_DEG)
        off = 1e3 * np.linalg.norm(pos[0] - pos[1], axis=1)
        rolls = np.array([rolling(scene, body) for body in bodies], np.bool_)
        for name, chosen in (("flat", off[rests & ~rolls]), ("round", off[rests & rolls])):
            if len(chosen):
                yield bench.row("settled", subject, f"{name} objects, worst", chosen.max())
                middle = float(np.median(chosen))
                yield bench.row("settled", subject, f"{name} objects, median", middle)
        if len(rests):
            yield bench.row("settled", subject, "tumbling objects", float((~rests).mean()))


def rolling(scene: SceneModel, body: int) -> bool:
    """Whether a body needs the rolling friction that its model gives it (contacts of 6 dims)."""
    geoms = scene.model.geom_bodyid == body
    return bool((scene.model.geom_condim[geoms & scene.solid] == 6).any())
