"""Put a report together: one file that shows itself without a network."""

import base64
import hashlib
from collections.abc import Collection
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template

from molmospaces_gym.benchmarks.report.compare import compare_section
from molmospaces_gym.benchmarks.report.data import summary_of
from molmospaces_gym.benchmarks.report.episodes import episodes_section
from molmospaces_gym.benchmarks.report.failures import failures_section
from molmospaces_gym.benchmarks.report.markup import Html, join, tag
from molmospaces_gym.benchmarks.report.media import MEDIA_BUDGET
from molmospaces_gym.benchmarks.report.sections import (
    banner,
    curve_section,
    groups_section,
    summary_section,
    timing_section,
)
from molmospaces_gym.benchmarks.report.settings import settings_section
from molmospaces_gym.benchmarks.runs import LoadedRun, load_run
from molmospaces_gym.json_files import write_atomic

REPORT_FILE = "report.html"
LINKS = {
    "summary": "Summary",
    "compare": "Comparison",
    "curve": "Success over time",
    "groups": "Categories and houses",
    "failures": "Failures",
    "timing": "Timing",
    "settings": "Settings",
    "episodes": "Episodes",
}


def write_report(
    run: str | Path,
    compare: str | Path | None = None,
    out: str | Path | None = None,
    *,
    budget: int = MEDIA_BUDGET,
    common: bool = False,
    across: Collection[str] = (),
) -> Path:
    """Write the report of the run folder ``run``, by default into it, and return its path.

    Args:
        run: Run folder, finished or not.
        compare: Another run of the same episodes to set beside it.
        out: File to write; default ``run/report.html``.
        budget: Characters that pictures and clips of failures may take.
        common: Compare the episodes that both runs hold, see ``pairing.pair_runs``.
        across: Settings that may differ between the runs, see ``pairing.pair_runs``.

    Raises:
        InvalidConfig: One of the two is no run folder.
        NotComparable: They are not of the same episodes.
    """
    loaded = load_run(run)
    comparison = None
    if compare is not None:
        comparison = compare_section(loaded, load_run(compare), common, across)
    target = Path(run) / REPORT_FILE if out is None else Path(out)
    write_atomic(target, report_html(loaded, comparison, budget))
    return target


def report_html(run: LoadedRun, comparison: Html | None = None, budget: int = MEDIA_BUDGET) -> str:
    """The report as text, with the section of a comparison if there is one."""
    title = run.name if run.complete else f"{run.name} (incomplete)"
    sections = {
        "summary": summary_section(summary_of(run), run.records),
        "compare": comparison,
        "curve": curve_section(run),
        "groups": groups_section(run.records),
        "failures": failures_section(run, budget),
        "timing": timing_section(run),
        "settings": settings_section(run),
        "episodes": episodes_section(run),
    }
    present = {name: section for name, section in sections.items() if section is not None}
    body = join(
        _header(run, list(present)),
        tag("main", *present.values()),
        tag("footer", tag("p", "Made by molmospaces-gym from the files of the run folder.")),
    )
    style, script = _asset("page.css"), _asset("page.js")
    return Template(_asset("page.html")).substitute(
        title=join(title), style=style, script=script, body=body, policy=_policy(script)
    )


def _header(run: LoadedRun, present: list[str]) -> Html:
    config = run.config
    sessions = config.get("sessions", [])
    facts = [str(config.get("env_id", "")), f"{len(run.records)} of {run.planned} episodes"]
    facts += [str(sessions[-1]["finished"])[:10]] if sessions else []
    links = [tag("li", tag("a", LINKS[name], href=f"#{name}")) for name in present]
    return tag(
        "header",
        tag("p", "Evaluation report", class_="eyebrow"),
        tag("h1", run.name),
        tag("p", " \N{MIDDLE DOT} ".join(filter(None, facts)), class_="note"),
        banner(run),
        tag("nav", tag("ul", *links), aria_label="Sections"),
    )


def _policy(script: str) -> str:
    """Content security policy: nothing from elsewhere, and no script but ``script``."""
    # A browser hashes the element's text, which starts with the template's line break.
    digest = base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode()
    return (
        "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


@cache
def _asset(name: str) -> str:
    return files("molmospaces_gym.benchmarks.report").joinpath(name).read_text(encoding="utf-8")
