"""``parity.json``, ``parity.csv`` and ``parity.html`` of a comparison."""

import base64
import csv
import io
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.parity.results import Measured, ParityReport, Pictured
from molmospaces_gym.benchmarks.report.markup import Html, join, tag
from molmospaces_gym.json_files import write_atomic

COLUMNS = ("check", "subject", "quantity", "value", "unit", "bound", "passed", "reason")
STYLE = """
:root { color-scheme: light dark; }
body { margin: 0 auto; max-width: 74rem; padding: 1.5rem 1rem 3rem;
  font: 1rem/1.5 system-ui, sans-serif; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: left; border-bottom: 1px solid #8886; }
td.number { text-align: right; white-space: nowrap; }
tr.failed td { background: #c1440e33; }
figure { margin: 1rem 0; } figure img { width: 32%; image-rendering: pixelated; }
figcaption, .note { opacity: .8; font-size: .9rem; }
.warn { border-left: 4px solid #c1440e; padding-left: .7rem; }
"""


def write_report(report: ParityReport, out: Path) -> tuple[Path, ...]:
    """Write the three files into ``out`` and return their paths."""
    paths = tuple(out / f"parity.{kind}" for kind in ("json", "csv", "html"))
    write_atomic(paths[0], json.dumps(report.to_dict(), indent=2) + "\n")
    write_atomic(paths[1], _csv(report))
    write_atomic(paths[2], page_html(report))
    return paths


def page_html(report: ParityReport) -> str:
    """One page that needs no network: the table, what is missing, the pictures side by side."""
    title = f"Parity of {report.backend} with MuJoCo"
    total, failed = len(report.rows), len(report.failures)
    verdict = tag("p", f"All {total} differences are within their bounds.")
    if failed:
        verdict = tag("p", f"{failed} of {total} differences are beyond.", class_="warn")
    body = join(
        tag("h1", title),
        verdict,
        tag("p", _about(report), class_="note"),
        *(_section(report, check) for check in report.checks),
        _listed("What the backend says that it only approximates", list(report.losses)),
        _listed(
            "What could not be compared",
            [f"{entry.check}, {entry.subject}: {entry.reason}" for entry in report.skipped],
        ),
    )
    head = join(
        Html('<meta charset="utf-8">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", title),
        Html(f"<style>{STYLE}</style>"),
    )
    return f"<!doctype html>\n{tag('html', tag('head', head), tag('body', body), lang='en')}\n"


def _about(report: ParityReport) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in report.versions.items())
    return f"{versions}; {report.cpu_s:.0f} s of CPU time"


def _csv(report: ParityReport) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.to_dict() for row in report.rows)
    return text.getvalue()


def _section(report: ParityReport, check: str) -> Html | None:
    rows = [row for row in report.rows if row.check == check]
    pictures = report.pictures if check == "camera" else ()
    if not rows and not pictures:
        return None
    heads = ("subject", "difference", "measured", "bound", "unit", "why this bound")
    table = tag(
        "table",
        tag("thead", tag("tr", *(tag("th", head) for head in heads))),
        tag("tbody", *(_row(row) for row in rows)),
    )
    return tag(
        "section",
        tag("h2", check.replace("_", " ")),
        tag("div", table, class_="wide"),
        *(_figure(report.backend, picture) for picture in pictures),
    )


def _row(row: Measured) -> Html:
    bound = "-" if row.bound is None else f"{row.bound:g}"
    return tag(
        "tr",
        tag("td", row.subject),
        tag("td", row.quantity),
        tag("td", f"{row.value:.3g}", class_="number"),
        tag("td", bound, class_="number"),
        tag("td", row.unit),
        tag("td", row.reason),
        class_=None if row.passed else "failed",
    )


def _figure(backend: str, picture: Pictured) -> Html:
    images = (picture.reference, picture.other, picture.difference)
    names = ("MuJoCo", backend, "difference")
    shown = [
        tag("img", src=_uri(image), alt=f"{name}: {picture.title}")
        for image, name in zip(images, names, strict=True)
    ]
    caption = tag("figcaption", f"{picture.subject}, {picture.title}: {' | '.join(names)}")
    return tag("figure", *shown, caption)


def _listed(title: str, lines: list[str]) -> Html | None:
    if not lines:
        return None
    return tag("section", tag("h2", title), tag("ul", *(tag("li", line) for line in lines)))


def _uri(image: NDArray[np.uint8]) -> str:
    """A picture as a PNG data URI."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
