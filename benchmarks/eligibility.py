"""Whether a run may be submitted, and if not, what is wrong with it and what to run instead."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from molmospaces_gym.benchmark_io import Benchmark, load_benchmark, load_official, suite_names
from molmospaces_gym.benchmarks.official_rollouts import Rollouts
from molmospaces_gym.benchmarks.run_plan import env_id_of, pins
from molmospaces_gym.benchmarks.runs import LoadedRun
from molmospaces_gym.errors import InvalidEpisode, SuiteNotFound, UnknownName
from molmospaces_gym.official_suites import OfficialSuite, official_suite_of
from molmospaces_gym.registration import env_id
from molmospaces_gym.robots import get_robot
from molmospaces_gym.tasks import get_task, task_of

SEEN = ("rgb", "rgbd")
"""Observation modes without privileged poses."""

EXTRA_ROWS = 2
"""Rows that an official trajectory has beside its actions: the first view and the end mark."""


@dataclass(frozen=True)
class Fault:
    """What is wrong and which command or step repairs it."""

    what: str
    repair: str

    def __str__(self) -> str:
        return f"{self.what} ({self.repair})"


def run_faults(run: LoadedRun) -> list[Fault]:
    """Everything that keeps a run from being submitted; empty where nothing does."""
    official = official_suite_of(run.config.get("benchmark_metadata", {}))
    faults = [*_unfinished(run), *_bent_rules(run)]
    played = _played_benchmark(run, official)
    if official is not None:
        faults += [*_episode_count(run, official), *_broken_pins(run, official, played)]
    elif played is not None:
        faults += [*_cut_short(run, len(played)), *_own_timing(run, played)]
    else:
        faults.append(Fault("its benchmark is not here any more", again(run)))
    if played is not None and played.digest != run.config.get("benchmark_sha256"):
        faults.append(
            Fault(
                f"it was played on another version of {run.suite}: its episodes differ from"
                " those that are here now",
                again(run),
            )
        )
    return faults


def rollout_faults(rollouts: Rollouts, suite: OfficialSuite) -> list[Fault]:
    """What keeps a directory of official rollouts from being submitted as ``suite``.

    Only what the files tell can be checked: number and length of the trajectories, control step.
    """
    faults = []
    if rollouts.skipped:
        faults.append(
            Fault(
                f"{len(rollouts.skipped)} trajectories have no success array, such as "
                f"{rollouts.skipped[0]}",
                "play their episodes again",
            )
        )
    if len(rollouts.outcomes) != suite.episodes:
        faults.append(
            Fault(
                f"it holds {len(rollouts.outcomes)} trajectories, {suite.name} has {suite.episodes}"
                " episodes",
                "play each episode exactly once",
            )
        )
    longest = max(rollouts.steps, default=0)
    if longest > suite.horizon + EXTRA_ROWS:
        faults.append(
            Fault(
                f"a trajectory has {longest} rows, the horizon of {suite.name} is {suite.horizon}",
                f"evaluate with --task_horizon_sec {suite.horizon_s:g}",
            )
        )
    wrong = sorted(dt for dt in rollouts.policy_dt_s if dt != suite.control_dt)
    if wrong:
        faults.append(
            Fault(
                f"its control step is {wrong[0]:g} s, that of {suite.name} {suite.control_dt:g} s",
                f"evaluate with policy_dt_ms = {1000 * suite.control_dt:g}",
            )
        )
    return faults


def again(run: LoadedRun, resume: bool = False) -> str:
    """The command that plays the run's suite with its policy as it should be."""
    policy, suite = run.config["policy"], run.suite
    official = official_suite_of(run.config.get("benchmark_metadata", {}))
    known = official is not None or suite in suite_names()
    benchmark = suite if known else run.config["benchmark"]
    words = ["molmospaces-gym", "eval", "--policy", str(policy), "--benchmark", str(benchmark)]
    words += ["--out", str(run.path), "--resume"] if resume else ["--out", f"{run.path}-again"]
    return f"run: {shlex.join(words)}"


def _unfinished(run: LoadedRun) -> Iterator[Fault]:
    played, planned = len(run.records), run.planned
    if not run.complete:
        yield Fault(
            f"it is incomplete: {played} of {planned} episodes, or ended before its end",
            f"{again(run, resume=True)} with the settings of {run.path / 'config.json'}",
        )
    if len({record.episode_id for record in run.records}) < played:
        yield Fault("it holds an episode twice", again(run))


def _bent_rules(run: LoadedRun) -> Iterator[Fault]:
    """Settings that no benchmark allows."""
    env: Mapping[str, Any] = run.config.get("env_kwargs", {})
    rule = env.get("success_rule", "official")
    if rule != "official":
        yield Fault(f"success was judged by the rule {rule!r}, not 'official'", again(run))
    drawn = sorted(key for key, value in env.items() if key.startswith("randomize_") and value)
    if drawn:
        yield Fault(f"its episodes were randomised ({', '.join(drawn)})", again(run))
    if env.get("terminate_on_success"):
        yield Fault("episodes ended at the first success instead of their horizon", again(run))


def _played_benchmark(run: LoadedRun, official: OfficialSuite | None) -> Benchmark | None:
    """The benchmark as it is here now, or None where it is gone."""
    try:
        if official is not None:
            return load_official(official)
        return load_benchmark(str(run.config["benchmark"]))
    except (SuiteNotFound, InvalidEpisode, UnknownName):
        return None


def _episode_count(run: LoadedRun, suite: OfficialSuite) -> Iterator[Fault]:
    if run.planned != suite.episodes:
        yield Fault(
            f"it asked for {run.planned} episodes, {suite.name} has {suite.episodes}", again(run)
        )


def _cut_short(run: LoadedRun, episodes: int) -> Iterator[Fault]:
    if run.planned != episodes:
        yield Fault(f"it asked for {run.planned} episodes, {run.suite} has {episodes}", again(run))


def _own_timing(run: LoadedRun, played: Benchmark) -> Iterator[Fault]:
    """Horizon and control step other than those of a suite of ours."""
    task = get_task(task_of(played.episodes[0].task))
    dt, horizon = pins(played.episodes, {}, task, get_robot(_robot_of(run, task.robot)))
    yield from _timing(run, run.suite, dt, horizon)
    if run.config.get("env_id") != env_id_of(played):
        yield Fault(f"it was played in {run.config.get('env_id')}", again(run))


def _robot_of(run: LoadedRun, default: str) -> str:
    return str(run.config.get("env_kwargs", {}).get("robot") or default)


def _timing(run: LoadedRun, suite: str, dt: float, horizon: int) -> Iterator[Fault]:
    if run.config.get("control_dt") != dt:
        yield Fault(
            f"its control step is {run.config.get('control_dt')} s, that of {suite} is {dt:g} s",
            again(run),
        )
    if run.config.get("horizon") != horizon:
        yield Fault(
            f"its horizon is {run.config.get('horizon')} steps, that of {suite} is {horizon}",
            again(run),
        )


def _broken_pins(run: LoadedRun, suite: OfficialSuite, played: Benchmark | None) -> Iterator[Fault]:
    env: Mapping[str, Any] = run.config.get("env_kwargs", {})
    yield from _timing(run, suite.name, suite.control_dt, suite.horizon)
    version = run.config["benchmark_metadata"]["official_suite"].get("data_version")
    if version not in suite.data_versions:
        yield Fault(
            f"the version of {suite.package} is {version or 'not known'}, scores of {suite.name} "
            f"are comparable on {' or '.join(suite.data_versions)}",
            f"run: {suite.fetch_command}, then {again(run)[5:]}",
        )
    if run.config.get("env_id") != env_id(suite.task):
        yield Fault(f"it was played in {run.config.get('env_id')}", again(run))
    if env.get("backend", "mujoco") != "mujoco":
        yield Fault(f"its simulator is {env['backend']}, the board's is mujoco", again(run))
    wanted = dict(suite.pins(()) if played is None else played.pins)
    for key in ("control_dt", "horizon", "obs_mode"):
        wanted.pop(key)
    for key, value in wanted.items():
        if not _same(key, env.get(key), value):
            yield Fault(f"{key} is {env.get(key)!r}, {suite.name} pins {value!r}", again(run))
    if env.get("obs_mode", "state") not in SEEN:
        yield Fault(
            f"the policy saw obs_mode={env.get('obs_mode', 'state')!r}, which tells the poses of"
            " objects",
            again(run),
        )


def _same(key: str, given: Any, wanted: Any) -> bool:
    """Whether two settings are one; the order of cameras does not matter."""
    return set(given or ()) == set(wanted) if key == "cameras" else given == wanted
