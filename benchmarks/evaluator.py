"""``evaluate``: play every episode of a benchmark exactly once and write a run folder."""

import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from molmospaces_gym.benchmark_io import load_benchmark
from molmospaces_gym.benchmarks.contact_sheet import contact_sheet
from molmospaces_gym.benchmarks.folder import RunFolder
from molmospaces_gym.benchmarks.jobs import Results, play_here
from molmospaces_gym.benchmarks.pictures import MAX_FAILURE_STILLS, still_indices
from molmospaces_gym.benchmarks.players import make_player
from molmospaces_gym.benchmarks.processes import play_in_processes
from molmospaces_gym.benchmarks.progress import Meter, Progress
from molmospaces_gym.benchmarks.records import EpisodeRecord, Job
from molmospaces_gym.benchmarks.report import write_report
from molmospaces_gym.benchmarks.rollout import Plan, Played, build_policy
from molmospaces_gym.benchmarks.run_plan import (
    Crew,
    check_arguments,
    check_portable,
    default_out,
    env_id_of,
    make_jobs,
    pins,
    run_config,
)
from molmospaces_gym.benchmarks.stats import format_rate
from molmospaces_gym.benchmarks.summary import RunHead
from molmospaces_gym.benchmarks.workers import Dispatcher
from molmospaces_gym.policies.base import PolicyLike, policy_env_kwargs


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
    executor: str = "local",
    batch: int = 1,
    timeout: float | None = None,
    worker_gpus: float = 0.0,
    backend: str = "mujoco",
    out: str | Path | None = None,
    seed: int = 0,
    video: str = "none",
    resume: bool = False,
    deterministic: bool = True,
    progress: Callable[[Progress], None] | None = None,
    **env_kwargs: Any,
) -> RunResult:
    """Evaluate ``policy`` on ``benchmark`` and write the run folder ``out``.

    Episodes are played house by house by ``workers``; every figure except durations is independent
    of who plays. Success is judged at the horizon, as the official evaluator does: no episode ends
    early. An episode that raises, takes too long or ends its process twice counts as a failure,
    with its reason.

    Args:
        policy: ``name`` or ``name:argument``, or a policy object (pickled for other processes).
        benchmark: Name of a shipped suite, or a ``benchmark.json`` or its directory.
        episodes: Play only the first so many.
        workers: Processes; where others than this one play, a script needs
            ``if __name__ == "__main__":``.
        executor: ``local``, or ``ray`` for actors of a Ray cluster (``benchmarks.ray_workers``).
        batch: Worlds per worker that share one policy call, for a ``BatchedPolicy``. As exact as
            the policy is: rows of a matrix product may differ in the last bit from a single one.
        timeout: Seconds of wall time that an episode may take, from the moment a ready worker gets
            it; then its process is killed. With it, even a single worker is a process of its own.
        worker_gpus: GPUs, or a share of one, that Ray sets aside for each worker.
        backend: Simulator.
        out: Run folder; default ``runs/<benchmark>-<policy>-<time>``.
        seed: Added to the seed of each episode (its own, else its index).
        video: ``none``, ``failures`` or ``all``.
        resume: Keep the episodes that ``out`` already holds and play the others.
        deterministic: Whether the policy plays its likeliest action; else it draws, from the
            episode's seed.
        progress: Called at the start and after each episode.
        env_kwargs: Further arguments for ``gym.make``; they win over those of the policy, which
            win over the pins of an official suite. ``submit`` refuses a run that differs from them.

    Raises:
        InvalidConfig: An argument is out of range, the policy cannot be batched, or ``out`` holds
            another run or is being written.
        UnknownName: Policy, benchmark or backend do not exist.
        InvalidEpisode: The benchmark is malformed.
        MissingPackage: Ray is wanted and not installed.
        WorkersUnavailable: Workers end before they are ready.
    """
    check_arguments(episodes, video)
    crew = Crew(
        executor=executor,
        workers=workers,
        batch=batch,
        timeout_s=timeout,
        worker_gpus=worker_gpus,
    )
    suite = load_benchmark(benchmark)
    jobs = make_jobs(suite, seed)[:episodes]
    name = policy if isinstance(policy, str) else type(policy).__name__
    built = build_policy(policy)
    plan = Plan(
        env_id=env_id_of(suite),
        env_kwargs={
            "benchmark": suite.name if suite.path is None else str(suite.path.resolve()),
            "backend": backend,
            "terminate_on_success": False,
            "render_mode": "rgb_array",
            **suite.pins,
            **policy_env_kwargs(built, env_id_of(suite)),
            **env_kwargs,
        },
        policy=policy,
        out=Path(out) if out is not None else default_out(suite.name, name),
        video=video,
        stills=still_indices(len(jobs)),
        failure_stills=still_indices(len(jobs), MAX_FAILURE_STILLS),
        batch=batch,
        warm_up=timeout is not None,
        deterministic=deterministic,
    )
    if not crew.at_home:
        check_portable(plan)
    folder = RunFolder(plan.out, [job.episode_id for job in jobs])
    with closing(make_player(plan, built)) as player:
        # Making the env now reports a wrong argument at once, not once per episode.
        env: Any = player.env.unwrapped
        dt, max_steps = pins(suite.episodes[: len(jobs)], plan.env_kwargs, env.task, env.robot)
        head = RunHead(
            policy=name,
            run_path=str(plan.out),
            dt=dt,
            max_steps=max_steps,
            planned=len(jobs),
        )
        folder.open(run_config(plan, suite, head, seed, crew), resume)
        if crew.at_home:
            _play(folder, head, plan, jobs, lambda left: play_here(player, left), progress)
    if not crew.at_home:
        # The workers have their own; a large policy is not kept in memory here as well.
        del player, built
        _play(folder, head, plan, jobs, lambda left: _dispatch(plan, left, crew), progress)
    return RunResult(plan.out, tuple(folder.ordered()), folder.summary)


def _play(
    folder: RunFolder,
    head: RunHead,
    plan: Plan,
    jobs: list[Job],
    play: Callable[[list[Job]], Results[Played]],
    progress: Callable[[Progress], None] | None,
) -> None:
    started, clock = datetime.now(UTC), time.perf_counter()
    tell = progress or _ignore
    left = [job for job in jobs if job.episode_id not in folder.records]
    meter = Meter(len(jobs), folder.records.values())
    try:
        with closing(play(left)) as results:
            # Before the first episode too: a killed run must not look like a complete one.
            folder.write_summary(head)
            write_report(folder.path, budget=0)
            tell(meter.start())
            for result in results:
                folder.add(result)
                tell(meter.add(result))
    finally:
        folder.write_summary(head)
        folder.close(started, time.perf_counter() - clock)
        _draw(folder, head, plan, jobs)


def _dispatch(plan: Plan, jobs: list[Job], crew: Crew) -> Results[Played]:
    if not jobs:
        return _no_results()
    plan = replace(plan, out=plan.out.resolve())
    size = min(crew.workers, len(jobs))
    if crew.executor == "local":
        return play_in_processes(plan, jobs, size, crew.batch, crew.timeout_s)
    from molmospaces_gym.benchmarks.ray_workers import RayExecutor

    landmark = plan.out / "config.json"
    executor = RayExecutor[Job, Played](plan, landmark, size, crew.batch, crew.worker_gpus)
    return Dispatcher(plan, executor, jobs, size, crew.batch, crew.timeout_s).start()


def _no_results() -> Generator[Played, None, None]:
    """What nobody plays, so that nobody is hired."""
    yield from ()


def _draw(folder: RunFolder, head: RunHead, plan: Plan, jobs: list[Job]) -> None:
    """The contact sheet and the report of what was played."""
    by_id = folder.records
    shown = [(j.index, by_id[j.episode_id]) for j in jobs if j.episode_id in by_id]
    successes = sum(record.success_at_end for _, record in shown)
    title = f"{head.policy}: success at end {format_rate(successes, len(shown))}"
    if len(shown) < len(jobs):
        title += f", incomplete: {len(shown)} of {len(jobs)} episodes"
    contact_sheet(folder.path, [pair for pair in shown if pair[0] in plan.stills], title)
    write_report(folder.path)


def _ignore(progress: Progress) -> None:
    return None
