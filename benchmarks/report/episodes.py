"""The table of all episodes: complete without a script, sorted and filtered with one."""

import math
from collections.abc import Sequence

from molmospaces_gym.benchmarks.records import EpisodeRecord
from molmospaces_gym.benchmarks.report.data import OUTCOMES, outcome, reason
from molmospaces_gym.benchmarks.report.markup import Html, join, tag
from molmospaces_gym.benchmarks.report.plots import trace_strip
from molmospaces_gym.benchmarks.runs import LoadedRun
from molmospaces_gym.benchmarks.summary import board_category

SIGNS = {"success": "\N{CHECK MARK}", "lost": "\N{ANTICLOCKWISE OPEN CIRCLE ARROW}"}
"""Before the word, so that outcomes differ by more than colour; others have a cross."""
CROSS = "\N{MULTIPLICATION X}"
COLUMNS = (
    ("Episode", "text"),
    ("Outcome", "text"),
    ("Instruction", "text"),
    ("Category", "text"),
    ("House", "text"),
    ("Over time", ""),
    ("First success", "number"),
    ("Steps", "number"),
    ("Return", "number"),
    ("Jerk", "number"),
    ("Wall s", "number"),
)
"""Title and kind of order; without one a column is not sorted by."""


def episodes_section(run: LoadedRun) -> Html:
    """Every episode with what is known about it."""
    head = [tag("th", name, scope="col", data_sort=kind or None) for name, kind in COLUMNS]
    body = [_row(run, record) for record in run.records]
    table = tag("table", tag("thead", tag("tr", *head)), tag("tbody", *body), class_="episodes")
    return tag(
        "section",
        tag("h2", f"Episodes ({len(run.records)})"),
        _controls(run.records),
        tag("div", table, class_="scroll", role="region", aria_label="Episodes", tabindex=0),
        id="episodes",
    )


def outcome_mark(kind: str) -> Html:
    """An outcome as a coloured word with a sign."""
    return tag("span", f"{SIGNS.get(kind, CROSS)} {OUTCOMES[kind]}", class_=f"outcome {kind}")


def _controls(records: Sequence[EpisodeRecord]) -> Html:
    """Hidden until the script shows them: without it they would do nothing."""
    outcomes = [tag("option", text, value=kind) for kind, text in OUTCOMES.items()]
    categories = sorted({board_category(record.category) for record in records})
    return tag(
        "form",
        tag("label", "Search ", tag("input", type="search", id="search")),
        tag(
            "label",
            "Outcome ",
            tag("select", tag("option", "all", value=""), *outcomes, id="outcome"),
        ),
        tag(
            "label",
            "Category ",
            tag(
                "select",
                tag("option", "all", value=""),
                *[tag("option", name, value=name) for name in categories],
                id="category",
            ),
        ),
        tag("output", "", id="count", aria_live="polite"),
        id="filter",
        hidden=True,
    )


def _row(run: LoadedRun, record: EpisodeRecord) -> Html:
    kind = outcome(record)
    timing = run.timings.get(record.episode_id)
    trace = run.traces.get(record.episode_id, "")
    why = record.failure or (reason(record) if kind == "lost" else "")
    first = record.first_success_step
    cells: list[tuple[str, str | None]] = [
        ("Outcome", join(outcome_mark(kind), tag("small", why) if why else None)),
        ("Instruction", record.instruction),
        ("Category", record.category),
        ("House", record.house),
        ("Over time", trace_strip(trace, record.steps) if trace else None),
        ("First success", None if first is None else str(first)),
        ("Steps", str(record.steps)),
        ("Return", f"{record.episode_return:.3f}"),
        ("Jerk", None if math.isnan(record.jerk) else f"{record.jerk:.2f}"),
        ("Wall s", f"{timing.wall_s:.1f}" if timing else None),
    ]
    return tag(
        "tr",
        tag("th", record.episode_id, scope="row"),
        # The label names the value where the table becomes a list of cards, on a phone.
        *[tag("td", value or "-", data_label=name) for name, value in cells],
        data_outcome=kind,
        data_category=board_category(record.category),
    )
