"""A second run of the same episodes, set beside the first."""

from collections.abc import Collection, Sequence

from molmospaces_gym.benchmarks.compare import compare_pair
from molmospaces_gym.benchmarks.comparison import Comparison, Rate
from molmospaces_gym.benchmarks.pairing import RunPair, pair_runs
from molmospaces_gym.benchmarks.report.data import outcome, success_curve
from molmospaces_gym.benchmarks.report.episodes import outcome_mark
from molmospaces_gym.benchmarks.report.markup import Html, tag
from molmospaces_gym.benchmarks.report.plots import (
    Line,
    interval_bar,
    line_chart,
    percent,
    span,
)
from molmospaces_gym.benchmarks.runs import LoadedRun

CHANGED_SHOWN = 200
CONFIDENCE = 0.95


def compare_section(
    run: LoadedRun, other: LoadedRun, common: bool = False, across: Collection[str] = ()
) -> Html:
    """Rates of A (``run``) and B, their difference, curves and what flipped.

    Raises:
        NotComparable: The runs are not of the same episodes, see ``pairing.pair_runs``, which
            also says what ``common`` and ``across`` allow.
    """
    pair = pair_runs(run, other, common=common, across=across)
    found = compare_pair(pair, confidence=CONFIDENCE, seed=0, measure="success_at_end")
    names = (f"A, {run.config['policy']}", f"B, {other.config['policy']}")
    notes = [tag("li", note) for note in found.notes]
    return tag(
        "section",
        tag("h2", f"Comparison with {other.name}"),
        tag("p", f"A: {run.name}, {run.path}", tag("br"), f"B: {other.name}, {other.path}"),
        tag("ul", *notes, class_="banner warn") if notes else None,
        tag("div", _rates(found, names), _cells(found), class_="columns"),
        *_difference(found),
        _curves(run, other, names),
        _flips(pair),
        id="compare",
    )


def _rates(found: Comparison, names: Sequence[str]) -> Html:
    rows = [
        _rate(name, rate) for name, rate in zip(names, (found.first, found.second), strict=True)
    ]
    caption = f"Success at the end, {found.episodes} episodes that both played"
    return tag("table", tag("caption", caption), tag("tbody", *rows), class_="bars")


def _rate(name: str, rate: Rate) -> Html:
    value = rate.successes / rate.total
    return tag(
        "tr",
        tag("th", name, scope="row"),
        tag("td", interval_bar(name, value, rate.wilson)),
        tag("td", percent(value), tag("small", f" ({span(*rate.wilson)})")),
    )


def _cells(found: Comparison) -> Html:
    gap = found.difference
    counts = [
        ("both succeed", gap.both),
        ("only A succeeds", gap.first_only),
        ("only B succeeds", gap.second_only),
        ("both fail", gap.neither),
    ]
    rows = [
        tag("tr", tag("th", name, scope="row"), tag("td", str(count), class_="number"))
        for name, count in counts
    ]
    return tag("table", tag("caption", "The same episodes"), tag("tbody", *rows), class_="facts")


def _difference(found: Comparison) -> list[Html]:
    gap = found.difference
    low, high = (f"{100 * limit:+.1f}" for limit in gap.cluster)
    lines = [
        tag(
            "p",
            tag("strong", f"A - B = {100 * gap.value:+.1f} points"),
            f", 95 % interval over {found.houses} houses {low} to {high} (bootstrap of houses).",
        ),
        tag(
            "p",
            f"If A and B were alike: exact McNemar p = {gap.mcnemar:.3g} (episodes independent), "
            f"sign flips of houses p = {gap.sign_flip:.3g}.",
        ),
        tag(
            "p",
            "These hold for one comparison of a number of episodes that was fixed before looking.",
            class_="note",
        ),
    ]
    if not all(found.complete):
        anytime = found.anytime
        low, high = (f"{100 * limit:+.1f}" for limit in anytime.difference_houses)
        lines[-1] = tag(
            "p",
            f"A run was stopped early. Figures that hold however one decided to stop: A - B over "
            f"houses {low} to {high} points, e-value {anytime.e_value:.3g} (episodes independent), "
            f"{anytime.e_value_houses:.3g} (houses).",
        )
    return lines


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


def _flips(pair: RunPair) -> Html:
    changed = [(a, b) for a, b in pair.episodes if a.success_at_end != b.success_at_end]
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
