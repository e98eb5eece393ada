"""``index.html``: the plots and figures of a sweep on one page without scripts or network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from molmospaces_gym.benchmarks.report.markup import Html, join, tag
from molmospaces_gym.benchmarks.sweep.axis import Axis
from molmospaces_gym.benchmarks.sweep.results import LevelResult
from molmospaces_gym.json_files import write_atomic

PAGE_FILE = "index.html"
HEADS = (
    "level", "solved", "%", "Wilson, %", "houses, %", "change, points", "interval over houses",
    "lost / won", "changed", "kept", "errors",
)  # fmt: skip
STYLE = """
:root { color-scheme: light dark; }
body { margin: 0 auto; max-width: 74rem; padding: 1.5rem 1rem 3rem;
  font: 1rem/1.5 system-ui, sans-serif; }
img { max-width: 100%; height: auto; background: #fff; border-radius: 6px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #8886;
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
.note { opacity: .8; font-size: .9rem; }
.warn { border-left: 4px solid #c1440e; padding-left: .7rem; }
"""


def write_page(
    out: Path, content: Mapping[str, Any], axes: Sequence[Axis], rows: Sequence[LevelResult]
) -> Path:
    """Write ``index.html`` beside the plots; ``content`` is that of ``sweep.json``."""
    path = out / PAGE_FILE
    write_atomic(path, page_html(content, axes, rows))
    return path


def page_html(content: Mapping[str, Any], axes: Sequence[Axis], rows: Sequence[LevelResult]) -> str:
    """The page as text."""
    title = f"Sensitivity of {content['policy']} on {Path(content['benchmark']).name}"
    unfinished = None
    if not content["complete"]:
        unfinished = tag("p", "This sweep is not finished: levels are missing.", class_="warn")
    body = join(
        tag("h1", title),
        unfinished,
        tag("p", _settings(content), class_="note"),
        *(_section(axis, [row for row in rows if row.axis == axis.name]) for axis in axes),
        _missing(content["unavailable"]),
        tag("p", NOTES, class_="note"),
    )
    head = join(
        Html('<meta charset="utf-8">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", title),
        Html(f"<style>{STYLE}</style>"),
    )
    page = tag("html", tag("head", head), tag("body", body), lang="en")
    return f"<!doctype html>\n{page}\n"


NOTES = (
    "Change is success at the level less success at the reference level, on the same episodes. "
    "Wilson takes episodes as independent, the intervals over houses only houses. Each interval "
    "holds for one comparison: among many levels some miss by chance. Changed are episodes that "
    "differ from the benchmark's, kept are those that could not be brought to the level and were "
    "played as they are."
)


def _settings(content: Mapping[str, Any]) -> str:
    arguments = ", ".join(f"{key}={value!r}" for key, value in content["env_kwargs"].items())
    return (
        f"{content['episodes']} episodes of {content['benchmark']}, seed {content['seed']}, "
        f"{content['backend']}{', ' + arguments if arguments else ''}; "
        f"{100 * content['confidence']:g} % intervals"
    )


def _section(axis: Axis, rows: Sequence[LevelResult]) -> Html:
    return tag(
        "section",
        tag("h2", f"{axis.name}: {axis.title}"),
        tag("img", src=f"{axis.name}.png", alt=_spoken(axis, rows), loading="lazy"),
        tag("p", axis.source, class_="note"),
        tag("div", _table(rows), class_="wide"),
    )


def _spoken(axis: Axis, rows: Sequence[LevelResult]) -> str:
    told = ", ".join(f"{row.level} {100 * row.rate:.1f} %" for row in rows)
    return f"Success by {axis.title}: {told}"


def _table(rows: Sequence[LevelResult]) -> Html:
    head = tag("tr", *(tag("th", text) for text in HEADS))
    return tag("table", tag("thead", head), tag("tbody", *(_row(row) for row in rows)))


def _row(row: LevelResult) -> Html:
    change, span, flips = "reference", "", ""
    if not row.reference:
        change, span = f"{100 * row.difference:+.1f}", _span(row.difference_span, "+")
        flips = f"{row.lost} / {row.won}"
    cells = (
        f"{row.successes}/{row.total}", f"{100 * row.rate:.1f}", _span(row.wilson),
        _span(row.cluster), change, span, flips, str(row.changed), str(row.kept), str(row.errors),
    )  # fmt: skip
    link = tag("a", row.level, href=f"{row.run}/report.html")
    return tag("tr", tag("td", link), *(tag("td", cell) for cell in cells))


def _span(limits: tuple[float, float], sign: str = "") -> str:
    low, high = (f"{100 * limit:{sign}.1f}" for limit in limits)
    return f"{low} to {high}"


def _missing(unavailable: Mapping[str, str]) -> Html | None:
    if not unavailable:
        return None
    items = [tag("li", reason) for reason in unavailable.values()]
    return tag("section", tag("h2", "What does not exist here"), tag("ul", *items))
