"""``compare``: how two runs on the same episodes differ, and how sure one can be."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from molmospaces_gym.benchmarks.clusters import (
    FEW_HOUSES,
    Houses,
    by_house,
    cluster_interval,
    clustering,
)
from molmospaces_gym.benchmarks.comparison import (
    Anytime,
    Comparison,
    Difference,
    Flip,
    Group,
    Rate,
)
from molmospaces_gym.benchmarks.paired import difference_interval, mcnemar, sign_flip
from molmospaces_gym.benchmarks.pairing import RunPair, pair_runs
from molmospaces_gym.benchmarks.records import EpisodeRecord
from molmospaces_gym.benchmarks.runs import load_run
from molmospaces_gym.benchmarks.sequential import (
    difference_sequence,
    discordance_e_value,
    mean_sequence,
    rate_sequence,
)
from molmospaces_gym.benchmarks.stats import check_confidence, wilson_interval
from molmospaces_gym.benchmarks.summary import board_category
from molmospaces_gym.errors import InvalidConfig

MEASURES = ("success_at_end", "success_once", "five_consecutive")
"""Fields of a record that ``compare`` can count."""

EpisodePair = tuple[EpisodeRecord, EpisodeRecord]


def compare(
    first: str | Path,
    second: str | Path,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    measure: str = "success_at_end",
    common: bool = False,
    across: Collection[str] = (),
) -> Comparison:
    """Compare the run folders ``first`` (A) and ``second`` (B), episode by episode.

    Args:
        first: Run folder of one policy.
        second: Run folder of the other.
        confidence: Of all intervals.
        seed: Of the bootstrap; equal seeds give equal figures.
        measure: Which success counts, one of ``MEASURES``.
        common: Only the episodes that both hold, see ``pairing.pair_runs``.
        across: Settings that may differ, see ``pairing.pair_runs``.

    Raises:
        NotComparable: The runs are not of the same episodes; the message says what differs.
        InvalidConfig: A folder is no run, or an argument is out of range.
    """
    check_confidence(confidence)
    if measure not in MEASURES:
        raise InvalidConfig(f"measure must be one of {', '.join(MEASURES)}, got {measure!r}")
    pair = pair_runs(load_run(first), load_run(second), common=common, across=across)
    return compare_pair(pair, confidence=confidence, seed=seed, measure=measure)


def compare_pair(pair: RunPair, *, confidence: float, seed: int, measure: str) -> Comparison:
    """The figures of two runs that were paired."""

    def won(record: EpisodeRecord) -> bool:
        return bool(getattr(record, measure))

    names = [a.house for a, _ in pair.episodes]
    houses = [by_house(names, [won(episode[run]) for episode in pair.episodes]) for run in (0, 1)]
    between = by_house(names, [won(a) - won(b) for a, b in pair.episodes])
    rates = [_rate(found, confidence, seed) for found in houses]
    runs = (pair.first, pair.second)
    return Comparison(
        names=(pair.first.name, pair.second.name),
        paths=(str(pair.first.path), str(pair.second.path)),
        complete=(pair.first.complete, pair.second.complete),
        measure=measure,
        confidence=confidence,
        seed=seed,
        episodes=len(pair.episodes),
        houses=len(between.names),
        first=rates[0],
        second=rates[1],
        difference=_difference(pair.episodes, won, between, confidence, seed),
        anytime=_anytime(rates, houses, between, confidence),
        categories=_groups(pair.episodes, lambda r: board_category(r.category), won, confidence),
        by_house=_groups(pair.episodes, lambda record: record.house, won, confidence),
        flips=tuple(_flip(a, won(a)) for a, b in pair.episodes if won(a) != won(b)),
        notes=(*pair.notes, *_caution(len(between.names), all(run.complete for run in runs))),
    )


def _rate(houses: Houses, confidence: float, seed: int) -> Rate:
    successes, total = round(float(houses.sums.sum())), round(float(houses.sizes.sum()))
    return Rate(
        successes=successes,
        total=total,
        wilson=wilson_interval(successes, total, confidence),
        cluster=cluster_interval(houses, confidence, seed),
        clustering=clustering(houses),
    )


def _difference(
    episodes: Sequence[EpisodePair],
    won: Callable[[EpisodeRecord], bool],
    between: Houses,
    confidence: float,
    seed: int,
) -> Difference:
    first_only = sum(won(a) and not won(b) for a, b in episodes)
    second_only = sum(won(b) and not won(a) for a, b in episodes)
    both = sum(won(a) and won(b) for a, b in episodes)
    return Difference(
        both=both,
        first_only=first_only,
        second_only=second_only,
        neither=len(episodes) - both - first_only - second_only,
        value=(first_only - second_only) / len(episodes),
        cluster=difference_interval(between, confidence, seed),
        clustering=clustering(between),
        mcnemar=mcnemar(first_only, second_only),
        mcnemar_mid=mcnemar(first_only, second_only, mid_p=True),
        sign_flip=sign_flip([round(float(value)) for value in between.sums]),
    )


def _anytime(
    rates: Sequence[Rate], houses: Sequence[Houses], between: Houses, confidence: float
) -> Anytime:
    discordant, balance = float(between.squares.sum()), float(between.sums.sum())
    first_only, second_only = round((discordant + balance) / 2), round((discordant - balance) / 2)
    means = [(found.sums / found.sizes).tolist() for found in (*houses, between)]
    ahead = [int((sign * between.sums > 0).sum()) for sign in (1, -1)]
    return Anytime(
        first=rate_sequence(rates[0].successes, rates[0].total, confidence),
        second=rate_sequence(rates[1].successes, rates[1].total, confidence),
        first_houses=mean_sequence(means[0], confidence),
        second_houses=mean_sequence(means[1], confidence),
        difference_houses=difference_sequence(means[2], confidence),
        e_value=discordance_e_value(first_only, second_only),
        e_value_houses=discordance_e_value(*ahead),
    )


def _groups(
    episodes: Sequence[EpisodePair],
    key: Callable[[EpisodeRecord], str],
    won: Callable[[EpisodeRecord], bool],
    confidence: float,
) -> tuple[Group, ...]:
    gathered: defaultdict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for a, b in episodes:
        gathered[key(a)].append((won(a), won(b)))
    return tuple(_group(name, gathered[name], confidence) for name in sorted(gathered))


def _group(name: str, outcomes: Sequence[tuple[bool, bool]], confidence: float) -> Group:
    total = len(outcomes)
    first, second = sum(a for a, _ in outcomes), sum(b for _, b in outcomes)
    return Group(
        name=name,
        total=total,
        first=first,
        second=second,
        first_only=sum(a and not b for a, b in outcomes),
        second_only=sum(b and not a for a, b in outcomes),
        first_wilson=wilson_interval(first, total, confidence),
        second_wilson=wilson_interval(second, total, confidence),
    )


def _flip(record: EpisodeRecord, first_won: bool) -> Flip:
    return Flip(
        episode_id=record.episode_id,
        house=record.house,
        category=board_category(record.category),
        solved_by="A" if first_won else "B",
    )


def _caution(houses: int, complete: bool) -> list[str]:
    found = []
    if houses < FEW_HOUSES:
        found.append(
            f"only {houses} houses: intervals over houses need {FEW_HOUSES} or more to be trusted"
        )
    if not complete:
        found.append(
            "an incomplete run was stopped early: unless its results had no part in that, quote "
            "the anytime figures only"
        )
    return found
