"""A second run of the same episodes, set beside the first."""

import json
from collections import Counter
from collections.abc import Sequence

from molmospaces_gym.benchmarks.records import EpisodeRecord
from molmospaces_gym.benchmarks.report.data import Rate, outcome, success_curve
from molmospaces_gym.benchmarks.report.episodes import outcome_mark
from molmospaces_gym.benchmarks.report.markup import Html, tag
from molmospaces_gym.benchmarks.report.plots import Line, interval_bar, line_chart, percent, span
from molmospaces_gym.benchmarks.report.settings import title_of
from molmospaces_gym.benchmarks.runs import LoadedRun
from molmospaces_gym.errors import InvalidConfig

Pair = tuple[EpisodeRecord, EpisodeRecord]
SETTINGS = ("policy", "seed", "horizon", "control_dt", "env_kwargs", "versions", "git_commit")
"""What may differ between two runs of one benchmark and is shown where it does."""
CHANGED_SHOWN = 200


def paired_records(run: LoadedRun, other: LoadedRun) -> list[Pair]:
    """Records of the episodes that both runs played, in the order of ``run``.

    Raises:
        InvalidConfig: The runs are of different benchmarks or share no episode.
    """
    digests = [loaded.config.get("benchmark_sha256") for loaded in (run, other)]
    if digests[0] != digests[1]:
        raise InvalidConfig(
            f"{run.path} and {other.path} are runs of different benchmarks; compare two runs of "
            "the same one"
        )
    theirs = {record.episode_id: record for record in other.records}
    pairs = [(r, theirs[r.episode_id]) for r in run.records if r.episode_id in theirs]
    if not pairs:
        raise InvalidConfig(f"{run.path} and {other.path} have no episode in common")
    return pairs


def compare_section(run: LoadedRun, other: LoadedRun) -> Html:
    """Rates of both on their common episodes, who solved which, curves and differences."""
    pairs = paired_records(run, other)
    names = _names(run, other)
    notes = [
        tag("p", tag("strong", f"{name} is incomplete: "), _played(loaded), class_="banner bad")
        for name, loaded in zip(names, (run, other), strict=True)
        if not loaded.complete
    ]
    return tag(
        "section",
        tag("h2", f"Comparison with {title_of(other)}"),
        *notes,
        tag("p", f"A: {_where(run)}", tag("br"), f"B: {_where(other)}"),
        tag("div", _rates(pairs, names), _cells(pairs), class_="columns"),
        _curves(run, other, names),
        _changed(pairs),
        _settings(run, other),
        id="compare",
    )


def _names(run: LoadedRun, other: LoadedRun) -> tuple[str, str]:
    return f"A, {run.config['policy']}", f"B, {other.config['policy']}"


def _played(run: LoadedRun) -> str:
    return f"{len(run.records)} of {run.planned} episodes."


def _where(run: LoadedRun) -> str:
    return f"{title_of(run)}, {run.path}"


def _rates(pairs: Sequence[Pair], names: Sequence[str]) -> Html:
    rows = []
    for name, side in zip(names, (0, 1), strict=True):
        rate = Rate(name, sum(pair[side].success_at_end for pair in pairs), len(pairs))
        rows.append(
            tag(
                "tr",
                tag("th", name, scope="row"),
                tag("td", interval_bar(rate)),
                tag("td", f"{percent(rate.value)} ({span(*rate.interval)})"),
            )
        )
    caption = f"Success at the end on the {len(pairs)} episodes that both played"
    return tag("table", tag("caption", caption), tag("tbody", *rows), class_="bars")


def _cells(pairs: Sequence[Pair]) -> Html:
    counts = Counter((a.success_at_end, b.success_at_end) for a, b in pairs)
    both = [
        ("both succeed", counts[True, True]),
        ("only A succeeds", counts[True, False]),
        ("only B succeeds", counts[False, True]),
        ("both fail", counts[False, False]),
    ]
    rows = [
        tag("tr", tag("th", name, scope="row"), tag("td", str(count), class_="number"))
        for name, count in both
    ]
    return tag("table", tag("caption", "The same episodes"), tag("tbody", *rows), class_="facts")


def _curves(run: LoadedRun, other: LoadedRun, names: Sequence[str]) -> Html:
    curves = [success_curve(run), success_curve(other)]
    traced = all(curve.now is not None for curve in curves)
    lines = [
        Line(name, kind, curve.now if traced and curve.now is not None else curve.ever, curve.total)
        for name, kind, curve in zip(names, ("now", "ever"), curves, strict=True)
    ]
    what = "successful now" if traced else "successful at some step so far"
    label = f"Share of episodes {what}, over steps, of both runs"
    return tag(
        "div",
        tag("h3", f"Share of all episodes of each run that is {what}"),
        line_chart(lines, float(run.config.get("control_dt", 0.0)), label),
    )


def _changed(pairs: Sequence[Pair]) -> Html:
    changed = [(a, b) for a, b in pairs if a.success_at_end != b.success_at_end]
    if not changed:
        return tag("p", "No episode ends differently.")
    head = [tag("th", name, scope="col") for name in ("Episode", "Instruction", "A", "B")]
    rows = [
        tag(
            "tr",
            tag("th", a.episode_id, scope="row"),
            tag("td", a.instruction),
            tag("td", outcome_mark(outcome(a))),
            tag("td", outcome_mark(outcome(b))),
        )
        for a, b in changed[:CHANGED_SHOWN]
    ]
    left = len(changed) - len(rows)
    return tag(
        "details",
        tag("summary", f"{len(changed)} episodes end differently"),
        tag("table", tag("thead", tag("tr", *head)), tag("tbody", *rows)),
        tag("p", f"{left} more are left out.", class_="note") if left else None,
    )


def _settings(run: LoadedRun, other: LoadedRun) -> Html:
    rows = [
        tag(
            "tr",
            tag("th", key, scope="row"),
            tag("td", _json(run, key)),
            tag("td", _json(other, key)),
        )
        for key in SETTINGS
        if run.config.get(key) != other.config.get(key)
    ]
    if not rows:
        return tag("p", "Both runs have the same settings and versions.")
    head = [tag("th", name, scope="col") for name in ("Setting", "A", "B")]
    return tag(
        "details",
        tag("summary", f"{len(rows)} settings differ"),
        tag("table", tag("thead", tag("tr", *head)), tag("tbody", *rows)),
    )


def _json(run: LoadedRun, key: str) -> str:
    return json.dumps(run.config.get(key), default=str)
