"""The sections of a report about one run: summary, plots, gallery, timing."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from molmospaces_gym.benchmarks.clusters import FEW_HOUSES
from molmospaces_gym.benchmarks.records import EpisodeRecord
from molmospaces_gym.benchmarks.report.data import (
    OUTCOMES,
    GroupRate,
    category_rates,
    house_interval,
    house_rates,
    outcome,
    slowest_houses,
    success_curve,
)
from molmospaces_gym.benchmarks.report.episodes import outcome_mark
from molmospaces_gym.benchmarks.report.markup import Html, join, tag
from molmospaces_gym.benchmarks.report.plots import (
    Line,
    interval_bar,
    line_chart,
    percent,
    share_bar,
    span,
)
from molmospaces_gym.benchmarks.runs import LoadedRun

ROWS_SHOWN = 20
"""Rows of a plot that are seen at once; the others unfold."""
SLOWEST_HOUSES = 10


def banner(run: LoadedRun) -> Html | None:
    """What a reader must know before any figure: the run is not complete, or episodes crashed."""
    played, planned = len(run.records), run.planned
    notes = []
    if not run.complete:
        text = f"{played} of {planned} episodes were played, so no figure here is the benchmark's."
        if played == planned:
            text = "All episodes were played, but the run was ended before it could close."
        go_on = " Go on with the same command and --resume."
        notes.append(tag("p", tag("strong", "Incomplete run. "), text, go_on, class_="banner bad"))
    broken = sum(bool(record.failure) for record in run.records)
    if broken:
        text = f"{broken} of {played} could not be played to their end; each counts as a failure."
        notes.append(tag("p", tag("strong", "Errors. "), text, class_="banner warn"))
    return tag("div", *notes, role="note") if notes else None


def summary_section(summary: dict[str, Any], records: Sequence[EpisodeRecord]) -> Html:
    """The headline rate with its interval, and the other totals of ``summary.json``."""
    tally = Counter(map(outcome, records))
    outcomes = [tag("li", outcome_mark(kind), f" {tally[kind]}") for kind in OUTCOMES]
    main = _rate(summary, "success_at_end", "Success at the end")
    hero = tag(
        "div",
        tag("p", "Success at the end", class_="label"),
        tag("p", percent(main.value) if main.total else "no episodes", class_="headline"),
        interval_bar(main.name, main.value, main.interval),
        _scale(),
        tag("p", f"{_counted(main)} (95 % interval)", class_="note"),
        tag("ul", *outcomes, class_="tally"),
        class_="card hero",
    )
    others = [
        _rate_card(_rate(summary, "success_once", "Success once"), "at any step"),
        _rate_card(_rate(summary, "five_consecutive", "Five in a row"), "success held for 5 steps"),
        _mean_card("Mean return", summary["mean_return"], "sum of rewards per episode"),
        _mean_card("Mean steps", summary["mean_steps"], "actions per episode"),
        _mean_card("Mean jerk", summary["mean_jerk"], "rad/s\N{SUPERSCRIPT THREE}, all joints"),
        _card("Errors", str(len(summary["failures"])), "episodes not played to their end"),
    ]
    note = tag("p", _interval_note(records), class_="note")
    grid = tag("div", hero, *others, class_="cards")
    return tag("section", tag("h2", "Summary"), grid, note, id="summary")


def curve_section(run: LoadedRun) -> Html:
    """Share of successful episodes over the steps."""
    curve = success_curve(run)
    if not curve.total:
        return tag("section", tag("h2", "Success over time"), tag("p", "No episode was played."))
    ever = Line("successful at some step so far", "ever", curve.ever, curve.total)
    lines, note = [ever], "Shaded: 95 % Wilson interval of the share that is successful now."
    if curve.now is not None:
        # Dashes lie over the solid line, so that both are seen where they agree.
        lines.insert(0, Line("successful now", "now", curve.now, curve.total))
    else:
        note = (
            "This run has no success traces (traces.csv), so the share that is successful at each "
            "moment is not known. Shaded: 95 % Wilson interval."
        )
    last = percent(curve.ever[-1] / curve.total)
    label = f"Share of {curve.total} episodes that were successful, over steps; {last} at the end"
    return tag(
        "section",
        tag("h2", "Success over time"),
        line_chart(lines, float(run.config.get("control_dt", 0.0)), label, band=lines[0]),
        tag("p", note, class_="note"),
        id="curve",
    )


def groups_section(records: Sequence[EpisodeRecord]) -> Html:
    """Success at the end per category and per house."""
    return tag(
        "section",
        tag("h2", "Where it succeeds"),
        tag(
            "div",
            rate_table("By category", "Category", category_rates(records)),
            rate_table("By house", "House", house_rates(records)),
            class_="columns",
        ),
        tag("p", "Success at the end, lowest first, with 95 % Wilson intervals.", class_="note"),
        id="groups",
    )


def rate_table(title: str, column: str, rates: Sequence[GroupRate]) -> Html:
    """Rates with interval bars, one row each; what exceeds ``ROWS_SHOWN`` unfolds."""
    head = tag("h3", f"{title} ({len(rates)})")
    parts = [_rate_rows(title, column, rates[:ROWS_SHOWN])]
    if len(rates) > ROWS_SHOWN:
        rest = _rate_rows(f"{title}, continued", column, rates[ROWS_SHOWN:])
        parts.append(tag("details", tag("summary", f"{len(rates) - ROWS_SHOWN} more"), rest))
    return tag("div", head, *parts)


def timing_section(run: LoadedRun) -> Html:
    """How long the run took, and the slowest houses."""
    timings = [run.timings[r.episode_id] for r in run.records if r.episode_id in run.timings]
    cpu, steps = sum(t.cpu_s for t in timings), sum(t.steps for t in timings)
    sessions = run.config.get("sessions", [])
    wall = sum(float(session["wall_s"]) for session in sessions)
    cards = [
        _card("Wall time", _duration(wall), f"sessions: {len(sessions)}") if sessions else None,
        _card("CPU time", _duration(cpu), "of the episodes, loading included"),
        _card("Speed", f"{steps / cpu:.0f}" if cpu else "-", "steps per CPU second"),
    ]
    slowest = slowest_houses(run)
    rows = [
        tag(
            "tr",
            tag("th", time.house, scope="row"),
            tag("td", share_bar(time.mean_s / max(slowest[0].mean_s, 1e-9), f"{time.mean_s:.1f}")),
            tag("td", f"{time.mean_s:.1f} s \N{MULTIPLICATION SIGN} {time.episodes}"),
        )
        for time in slowest[:SLOWEST_HOUSES]
    ]
    caption = f"Slowest houses of {len(slowest)}, wall seconds per episode"
    table = tag("table", tag("caption", caption), tag("tbody", *rows), class_="bars")
    return tag(
        "section",
        tag("h2", "Timing"),
        tag("div", *cards, class_="cards"),
        table if rows else None,
        id="timing",
    )


def _interval_note(records: Sequence[EpisodeRecord]) -> str:
    text = "Intervals are 95 % Wilson score intervals, which take episodes as independent."
    interval = house_interval(records) if records else None
    if interval is None:
        return f"{text} An interval that counts houses needs {FEW_HOUSES} of them."
    return (
        f"{text} Counting houses, whose episodes succeed and fail together, success at the end is "
        f"within {span(*interval)} (bootstrap of houses)."
    )


def _rate_rows(caption: str, column: str, rates: Sequence[GroupRate]) -> Html:
    head = tag(
        "tr",
        tag("th", column, scope="col"),
        tag("th", _scale()),
        tag("th", "Rate", scope="col", class_="number"),
        tag("th", "n", scope="col", class_="number"),
    )
    rows = [
        tag(
            "tr",
            tag("th", rate.name, scope="row"),
            tag("td", interval_bar(rate.name, rate.value, rate.interval)),
            tag("td", percent(rate.value), class_="number"),
            tag("td", f"{rate.successes}/{rate.total}", class_="number"),
        )
        for rate in rates
    ]
    return tag(
        "table",
        tag("caption", caption, class_="unseen"),
        tag("thead", head),
        tag("tbody", *rows),
        class_="bars",
    )


def _scale() -> Html:
    marks = [tag("span", mark) for mark in ("0", "50", "100 %")]
    return tag("div", *marks, class_="scale", aria_hidden="true")


def _rate(summary: dict[str, Any], key: str, name: str) -> GroupRate:
    return GroupRate(name, summary[key]["successes"], summary[key]["total"])


def _rate_card(rate: GroupRate, note: str) -> Html:
    return tag(
        "div",
        tag("p", rate.name, class_="label"),
        tag("p", percent(rate.value) if rate.total else "-", class_="value"),
        interval_bar(rate.name, rate.value, rate.interval),
        tag("p", join(_counted(rate), tag("br"), note), class_="note"),
        class_="card",
    )


def _mean_card(name: str, value: float | None, note: str) -> Html:
    return _card(name, "-" if value is None else f"{value:.4g}", note)


def _card(name: str, value: str, note: str) -> Html:
    return tag(
        "div",
        tag("p", name, class_="label"),
        tag("p", value, class_="value"),
        tag("p", note, class_="note"),
        class_="card",
    )


def _counted(rate: GroupRate) -> str:
    return f"{rate.successes} of {rate.total} episodes, {span(*rate.interval)}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{seconds:.1f} s"
