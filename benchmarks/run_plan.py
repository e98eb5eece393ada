"""From a benchmark and the arguments of ``evaluate`` to jobs, a plan and ``config.json``."""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from molmospaces_gym.benchmark_io import Benchmark
from molmospaces_gym.benchmarks.folder import machine_info
from molmospaces_gym.benchmarks.records import Job, one_line
from molmospaces_gym.benchmarks.rollout import VIDEO_CHOICES, Plan
from molmospaces_gym.benchmarks.summary import RunHead, object_category
from molmospaces_gym.episode import EpisodeSpec, house_name
from molmospaces_gym.errors import InvalidConfig, InvalidEpisode
from molmospaces_gym.registration import env_id
from molmospaces_gym.robots.base import RobotConfig
from molmospaces_gym.tasks import task_of
from molmospaces_gym.tasks.base import Task

EXECUTORS = ("local", "ray")


@dataclass(frozen=True, kw_only=True)
class Crew:
    """Who plays: nothing of it changes a figure, apart from what the clock decides.

    ``worker_gpus`` counts for Ray alone; ``timeout_s`` are seconds of wall time per episode.
    """

    executor: str = "local"
    workers: int = 1
    batch: int = 1
    timeout_s: float | None = None
    worker_gpus: float = 0.0

    def __post_init__(self) -> None:
        if self.executor not in EXECUTORS:
            raise InvalidConfig(
                f"executor must be one of {', '.join(EXECUTORS)}, got {self.executor!r}"
            )
        for name in ("workers", "batch"):
            if getattr(self, name) < 1:
                raise InvalidConfig(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.timeout_s is not None and not self.timeout_s > 0:
            raise InvalidConfig(f"timeout must be more than 0 seconds, got {self.timeout_s}")
        if self.worker_gpus < 0 or (self.worker_gpus and self.executor != "ray"):
            raise InvalidConfig(
                f"worker_gpus must be 0 or more and is for executor='ray', got {self.worker_gpus}"
            )

    @property
    def at_home(self) -> bool:
        """Whether this process plays itself. Only another one can be killed when it hangs."""
        return self.executor == "local" and self.workers == 1 and self.timeout_s is None


def check_arguments(episodes: int | None, video: str) -> None:
    """Raises ``InvalidConfig`` for arguments that no run can have."""
    if episodes is not None and episodes < 1:
        raise InvalidConfig(f"episodes must be at least 1, got {episodes}")
    if video not in VIDEO_CHOICES:
        raise InvalidConfig(f"video must be one of {', '.join(VIDEO_CHOICES)}, got {video!r}")


def check_portable(plan: Plan) -> None:
    """Raises ``InvalidConfig`` for a plan that cannot travel to another process."""
    try:
        pickle.dumps(plan)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InvalidConfig(
            "this policy object cannot travel to worker processes; use workers=1 and no timeout, "
            f"or name it by its spec ({error})"
        ) from error


def make_jobs(suite: Benchmark, seed: int) -> list[Job]:
    """One job per episode. The seed is the episode's own, else its index, plus ``seed``."""
    return [
        Job(
            index=index,
            episode_id=one_line(suite.ids[index]),
            house=house_name(spec),
            object=(target := _target(spec)),
            category=object_category(target),
            instruction=one_line(spec.instruction),
            seed=seed + (index if spec.seed is None else spec.seed),
        )
        for index, spec in enumerate(suite.episodes)
    ]


def env_id_of(suite: Benchmark) -> str:
    """Id of the env that plays all episodes of ``suite``.

    Raises:
        InvalidEpisode: They belong to several tasks, or to one that no env plays.
    """
    names = sorted({task_of(spec.task) for spec in suite.episodes})
    if len(names) > 1:
        raise InvalidEpisode(f"benchmark {suite.name!r} mixes tasks: {', '.join(names)}")
    return env_id(names[0])


def pins(
    specs: Sequence[EpisodeSpec], env_kwargs: Mapping[str, Any], task: Task, robot: RobotConfig
) -> tuple[float, int]:
    """Seconds between two actions and the longest horizon in actions of a run.

    Raises:
        InvalidConfig: The episodes ask for different control steps and the run decides nothing.
    """
    given = env_kwargs.get("control_dt")
    default = task.control_dt or robot.control_dt
    steps = {given or spec.control_dt or default for spec in specs}
    if len(steps) > 1:
        found = ", ".join(f"{dt:g}" for dt in sorted(steps))
        raise InvalidConfig(f"the benchmark mixes control steps of {found} s; pass control_dt=...")
    dt = float(steps.pop())
    seconds = max(spec.horizon_sec or task.horizon_s for spec in specs)
    return dt, int(env_kwargs.get("horizon") or max(1, round(seconds / dt)))


def run_config(
    plan: Plan, suite: Benchmark, head: RunHead, seed: int, crew: Crew
) -> dict[str, Any]:
    """Content of ``config.json`` at the start of a run."""
    return {
        "policy": head.policy,
        "benchmark": plan.env_kwargs["benchmark"],
        "benchmark_sha256": suite.digest,
        "benchmark_metadata": dict(suite.metadata),
        "episodes": head.planned,
        "env_id": plan.env_id,
        "env_kwargs": dict(plan.env_kwargs),
        "control_dt": head.dt,
        "horizon": head.max_steps,
        "seed": seed,
        "deterministic": plan.deterministic,
        "executor": crew.executor,
        "workers": crew.workers,
        "batch": crew.batch,
        "timeout_s": crew.timeout_s,
        "video": plan.video,
        "complete": False,
        **machine_info(),
    }


def default_out(benchmark: str, policy: str) -> Path:
    """A new run folder under ``runs``, named after what is evaluated and the time."""
    name = policy.partition(":")[0]
    return Path("runs") / f"{benchmark}-{name}-{datetime.now():%Y%m%d-%H%M%S}"


def _target(spec: EpisodeSpec) -> str:
    return str(spec.task.get("pickup_obj_name") or spec.task.get("door_body_name") or "")
