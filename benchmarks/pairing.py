"""Bring two runs together episode by episode, or say why they cannot be compared."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from molmospaces_gym.benchmarks.records import EpisodeRecord
from molmospaces_gym.benchmarks.runs import LoadedRun
from molmospaces_gym.errors import InvalidConfig, NotComparable

POLICY_ARGUMENTS = frozenset(
    "action_mode cameras image_size obs_mode render_mode renderer reward_mode".split()
)
"""Env arguments that say how a policy sees and acts. All others change what is asked of it."""
BENCHMARK = "benchmark_sha256"
_PINS = ("env_id", "control_dt", "horizon")
_IDENTITY = ("house", "object", "instruction")
_SHOWN = 3
"""Names listed in a message before it says how many more there are."""


@dataclass(frozen=True, kw_only=True)
class RunPair:
    """Two runs and the episodes they share, in the order of the first; ``notes`` for the reader."""

    first: LoadedRun
    second: LoadedRun
    episodes: tuple[tuple[EpisodeRecord, EpisodeRecord], ...]
    notes: tuple[str, ...]


def pair_runs(
    first: LoadedRun, second: LoadedRun, *, common: bool = False, across: Collection[str] = ()
) -> RunPair:
    """Pair the episodes of two runs.

    Args:
        first: One run, called A in messages.
        second: The other, B.
        common: Compare the episodes that both hold instead of refusing runs that hold others.
        across: Settings that may differ because they are what is compared, named as in the
            error that refuses them, such as ``env_kwargs.backend``.

    Raises:
        NotComparable: The runs differ in episodes or in what is asked of the policy.
        InvalidConfig: A run holds an episode twice.
    """
    settings = [_settings(run) for run in (first, second)]
    named = sorted(settings[0] | settings[1])
    differing = [key for key in named if settings[0].get(key) != settings[1].get(key)]
    refused = [key for key in differing if key not in across and not (common and key == BENCHMARK)]
    if refused:
        raise NotComparable(_settings_message(settings, refused))
    records = [_by_id(run) for run in (first, second)]
    shared = [key for key in records[0] if key in records[1]]
    changed = [key for key in shared if _identity(records[0][key]) != _identity(records[1][key])]
    if not common:
        _check_same_episodes(first, second, records, changed)
    kept = [key for key in shared if key not in set(changed)]
    if not kept:
        raise NotComparable("the runs share no episode; evaluate both on the same benchmark")
    notes = [f"A and B differ in {_difference(settings, key)}" for key in differing]
    if changed:
        notes.append(f"{len(changed)} ids name other episodes in A than in B and are left out")
    left = [len(found) - len(kept) for found in records]
    if any(left):
        notes.append(f"only shared episodes: {left[0]} of A and {left[1]} of B are left out")
    return RunPair(
        first=first,
        second=second,
        episodes=tuple((records[0][key], records[1][key]) for key in kept),
        notes=(*_standing(first, second), *notes, *_conditions(first, second)),
    )


def _settings(run: LoadedRun) -> dict[str, Any]:
    """What must agree; durations and the like of the resolved run stand at the top."""
    found = {key: run.config.get(key) for key in (BENCHMARK, *_PINS)}
    arguments: Mapping[str, Any] = run.config.get("env_kwargs", {})
    for key, value in arguments.items():
        if key != "benchmark" and key not in POLICY_ARGUMENTS:
            found[f"env_kwargs.{key}"] = value
    return found


def _difference(settings: Sequence[Mapping[str, Any]], key: str) -> str:
    values = [settings[run].get(key) for run in (0, 1)]
    shown = [str(v)[:12] + "..." if key == BENCHMARK and v else repr(v) for v in values]
    return f"{key}: {shown[0]} and {shown[1]}"


def _settings_message(settings: Sequence[Mapping[str, Any]], refused: Sequence[str]) -> str:
    named = "; ".join(_difference(settings, key) for key in refused)
    repair = "evaluate both with the same settings"
    if BENCHMARK in refused:
        repair += ", pass --common to keep the episodes that both benchmarks hold"
    others = [key for key in refused if key != BENCHMARK]
    if others:
        flags = " ".join(f"--across {key}" for key in others)
        repair += f", or pass {flags} if that is what you compare"
    return f"A and B were not asked for the same: {named}; {repair}"


def _by_id(run: LoadedRun) -> dict[str, EpisodeRecord]:
    counts = Counter(record.episode_id for record in run.records)
    twice = [key for key, count in counts.items() if count > 1]
    if twice:
        raise InvalidConfig(
            f"{run.path / 'episodes.csv'} holds episode {_some(twice)} more than once; go on with "
            "the run by --resume, which repairs the table"
        )
    return {record.episode_id: record for record in run.records}


def _check_same_episodes(
    first: LoadedRun,
    second: LoadedRun,
    records: Sequence[Mapping[str, EpisodeRecord]],
    changed: Sequence[str],
) -> None:
    if changed:
        key = changed[0]
        fields = [_identity(found[key]) for found in records]
        raise NotComparable(
            f"episode {key!r} is {fields[0]} in A and {fields[1]} in B "
            f"({len(changed)} such ids); evaluate both on the same benchmark"
        )
    lacking = [
        f"{name} lacks {len(missing)} episodes of {other} ({_some(missing)})"
        for name, other, missing in (
            ("A", "B", [key for key in records[1] if key not in records[0]]),
            ("B", "A", [key for key in records[0] if key not in records[1]]),
        )
        if missing
    ]
    if lacking:
        standing = "".join(f"; {text}" for text in _standing(first, second))
        raise NotComparable(
            f"A and B hold other episodes: {'; '.join(lacking)}{standing}; play the rest with "
            "eval --resume, or pass --common to compare the shared ones only"
        )


def _standing(first: LoadedRun, second: LoadedRun) -> list[str]:
    return [
        f"{name} is incomplete: {len(run.records)} of {run.planned} episodes"
        for name, run in (("A", first), ("B", second))
        if not run.complete
    ]


def _conditions(first: LoadedRun, second: LoadedRun) -> list[str]:
    """Differences that forbid nothing but that a reader should know."""
    found = []
    if first.config.get("seed") != second.config.get("seed"):
        found.append(f"policy seeds: {first.config.get('seed')} and {second.config.get('seed')}")
    for package in ("molmospaces-gym", "mujoco"):
        versions = [run.config.get("versions", {}).get(package) for run in (first, second)]
        if versions[0] != versions[1]:
            found.append(f"{package} {versions[0]} and {versions[1]}")
    return [f"A and B differ in {text}" for text in found]


def _identity(record: EpisodeRecord) -> tuple[str, ...]:
    return tuple(str(getattr(record, name)) for name in _IDENTITY)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
