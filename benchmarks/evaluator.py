"""``evaluate``: play every episode of a benchmark exactly once and write a run folder."""

import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from molmospaces_gym.benchmark_io import Benchmark, load_benchmark
from molmospaces_gym.benchmarks.folder import RunFolder, machine_info
from molmospaces_gym.benchmarks.pictures import MAX_FAILURE_STILLS, contact_sheet, still_indices
from molmospaces_gym.benchmarks.records import EpisodeRecord, EpisodeTiming, Job, one_line
from molmospaces_gym.benchmarks.report import write_report
from molmospaces_gym.benchmarks.rollout import VIDEO_CHOICES, Plan, Player, build_policy
from molmospaces_gym.benchmarks.stats import format_rate
from molmospaces_gym.benchmarks.summary import RunHead, object_category
from molmospaces_gym.benchmarks.workers import play_here, play_in_processes
from molmospaces_gym.episode import EpisodeSpec, house_name
from molmospaces_gym.errors import InvalidConfig, InvalidEpisode
from molmospaces_gym.policies.base import PolicyLike, policy_env_kwargs
from molmospaces_gym.registration import env_id
from molmospaces_gym.robots.base import RobotConfig
from molmospaces_gym.tasks import task_of
from molmospaces_gym.tasks.base import Task


@dataclass(frozen=True)
class Progress:
    """The standing of a run after an episode; ``record`` is None at the start."""

    played: int
    planned: int
    successes: int
    record: EpisodeRecord | None
    timing: EpisodeTiming | None


@dataclass(frozen=True)
class RunResult:
    """A finished run: its folder, its records in benchmark order and its ``summary.json``."""

    out: Path
    records: tuple[EpisodeRecord, ...]
    summary: dict[str, Any]

    @property
    def complete(self) -> bool:
        """Whether every episode asked for was played."""
        return bool(self.summary["complete"])

    @property
    def successes(self) -> int:
        """Episodes that were successful at their end."""
        return sum(record.success_at_end for record in self.records)

    def __str__(self) -> str:
        return f"success at end {format_rate(self.successes, len(self.records))}, {self.out}"


def evaluate(
    policy: str | PolicyLike,
    benchmark: str | Path,
    *,
    episodes: int | None = None,
    workers: int = 1,
    backend: str = "mujoco",
    out: str | Path | None = None,
    seed: int = 0,
    video: str = "none",
    resume: bool = False,
    progress: Callable[[Progress], None] | None = None,
    **env_kwargs: Any,
) -> RunResult:
    """Evaluate ``policy`` on ``benchmark`` and write the run folder ``out``.

    Episodes are played house by house, in ``workers`` processes; every figure except durations
    is independent of that. Success is judged at the horizon, as the official evaluator does: no
    episode ends early. An episode that raises counts as a failure, with its reason.

    Args:
        policy: ``name`` or ``name:argument``, or a policy object (pickled if ``workers`` > 1).
        benchmark: Name of a shipped suite, or a ``benchmark.json`` or its directory.
        episodes: Play only the first so many.
        workers: Processes; with more than one, a script needs ``if __name__ == "__main__":``.
        backend: Simulator.
        out: Run folder; default ``runs/<benchmark>-<policy>-<time>``.
        seed: Added to the seed of each episode (its own, else its index).
        video: ``none``, ``failures`` or ``all``.
        resume: Keep the episodes that ``out`` already holds and play the others.
        progress: Called at the start and after each episode.
        env_kwargs: Further arguments for ``gym.make``; they win over those of the policy, which
            win over the pins of an official suite. ``submit`` refuses a run that differs from them.

    Raises:
        InvalidConfig: An argument is out of range, or ``out`` holds another run.
        UnknownName: Policy, benchmark or backend do not exist.
        InvalidEpisode: The benchmark is malformed.
    """
    _check_arguments(episodes, workers, video)
    suite = load_benchmark(benchmark)
    jobs = make_jobs(suite, seed)[:episodes]
    name = policy if isinstance(policy, str) else type(policy).__name__
    player_policy = build_policy(policy)
    plan = Plan(
        env_id=env_id_of(suite),
        env_kwargs={
            "benchmark": suite.name if suite.path is None else str(suite.path.resolve()),
            "backend": backend,
            "terminate_on_success": False,
            "render_mode": "rgb_array",
            **suite.pins,
            **policy_env_kwargs(player_policy, env_id_of(suite)),
            **env_kwargs,
        },
        policy=policy,
        out=Path(out) if out is not None else _default_out(suite.name, name),
        video=video,
        stills=still_indices(len(jobs)),
        failure_stills=still_indices(len(jobs), MAX_FAILURE_STILLS),
    )
    if workers > 1:
        _check_portable(plan)
    folder = RunFolder(plan.out, [job.episode_id for job in jobs])
    with closing(Player(plan, player_policy)) as player:
        # Making the env now reports a wrong argument at once, not once per episode.
        inner: Any = player.env.unwrapped.session  # type: ignore[attr-defined]
        dt, max_steps = pins(suite.episodes[: len(jobs)], plan.env_kwargs, inner.task, inner.robot)
        head = RunHead(
            policy=name,
            run_path=str(plan.out),
            dt=dt,
            max_steps=max_steps,
            planned=len(jobs),
        )
        folder.open(_config(plan, suite, head, seed, workers), resume)
        _play(folder, head, plan, player, jobs, workers, progress)
    return RunResult(plan.out, tuple(folder.ordered()), folder.summary)


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


def _play(
    folder: RunFolder,
    head: RunHead,
    plan: Plan,
    player: Player,
    jobs: list[Job],
    workers: int,
    progress: Callable[[Progress], None] | None,
) -> None:
    started, clock = datetime.now(UTC), time.perf_counter()
    tell = progress or _ignore
    left = [job for job in jobs if job.episode_id not in folder.records]
    successes = sum(record.success_at_end for record in folder.records.values())
    # Written before the first episode too: a killed run must not look like a complete one.
    folder.write_summary(head)
    write_report(folder.path, budget=0)
    tell(Progress(len(folder.records), len(jobs), successes, None, None))
    played = (
        play_here(player, left)
        if workers == 1 or len(left) < 2
        else play_in_processes(plan, left, workers)
    )
    try:
        with closing(played):
            for result in played:
                folder.add(result)
                successes += result.record.success_at_end
                done = len(folder.records)
                tell(Progress(done, len(jobs), successes, result.record, result.timing))
    finally:
        folder.write_summary(head)
        folder.close(started, time.perf_counter() - clock)
        by_id = folder.records
        shown = [(j.index, by_id[j.episode_id]) for j in jobs if j.episode_id in by_id]
        successes = sum(record.success_at_end for _, record in shown)
        title = f"{head.policy}: success at end {format_rate(successes, len(shown))}"
        contact_sheet(folder.path, [pair for pair in shown if pair[0] in plan.stills], title)
        write_report(folder.path)


def _config(plan: Plan, suite: Benchmark, head: RunHead, seed: int, workers: int) -> dict[str, Any]:
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
        "workers": workers,
        "video": plan.video,
        "complete": False,
        **machine_info(),
    }


def _target(spec: EpisodeSpec) -> str:
    return str(spec.task.get("pickup_obj_name") or spec.task.get("door_body_name") or "")


def _default_out(benchmark: str, policy: str) -> Path:
    name = policy.partition(":")[0]
    return Path("runs") / f"{benchmark}-{name}-{datetime.now():%Y%m%d-%H%M%S}"


def _check_arguments(episodes: int | None, workers: int, video: str) -> None:
    if episodes is not None and episodes < 1:
        raise InvalidConfig(f"episodes must be at least 1, got {episodes}")
    if workers < 1:
        raise InvalidConfig(f"workers must be at least 1, got {workers}")
    if video not in VIDEO_CHOICES:
        raise InvalidConfig(f"video must be one of {', '.join(VIDEO_CHOICES)}, got {video!r}")


def _check_portable(plan: Plan) -> None:
    try:
        pickle.dumps(plan)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InvalidConfig(
            "this policy object cannot travel to worker processes; use workers=1 or name it by "
            f"its spec ({error})"
        ) from error


def _ignore(progress: Progress) -> None:
    return None
