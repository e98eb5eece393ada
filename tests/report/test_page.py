"""The page says what the run folder says, is well-formed, self-contained and safe."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molmospaces_gym.benchmarks.pictures import (
    save_failure_still,
)
from molmospaces_gym.benchmarks.report import report_html
from molmospaces_gym.benchmarks.report.markup import tag
from molmospaces_gym.benchmarks.runs import load_run

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)>&amp;'$title"


class TestMarkup:
    texts = st.text("<>&\"'/= aé\n;#x", max_size=12)

    @given(text=texts, value=texts)
    def test_text_and_attributes_come_back_as_they_were(
        self, text: str, value: str, read_page: Callable[[str], Any]
    ) -> None:
        page = read_page(tag("p", text, title=value))
        assert page.text == text
        assert page.elements == [("p", {"title": value})]

    def test_attributes(self) -> None:
        made = tag("input", type="text", aria_label="a", hidden=True, id=None, disabled=False)
        assert made == '<input type="text" aria-label="a" hidden>'
        assert tag("p", tag("b", "<"), None, class_="x") == '<p class="x"><b>&lt;</b></p>'


class TestPage:
    def test_every_episode_stands_in_the_table(
        self, run: Path, page_of: Callable[..., Any]
    ) -> None:
        page, records = page_of(run), load_run(run).records
        rows = {row[0]: row for row in page.rows if row and row[0].startswith("suite/")}
        assert list(rows) == [record.episode_id for record in records]
        for record in records:
            row = rows[record.episode_id]
            assert row[2:5] == [record.instruction, record.category, record.house]
            first = record.first_success_step
            assert row[6:8] == ["-" if first is None else str(first), str(record.steps)]
            assert row[8] == f"{record.episode_return:.3f}"
            assert ("success" in row[1]) == record.success_at_end or "successful" in row[1]
            assert record.failure in row[1]

    def test_numbers_are_those_of_the_summary(self, run: Path, page_of: Callable[..., Any]) -> None:
        summary, text = load_run(run).summary, page_of(run).text
        for key in ("success_at_end", "success_once", "five_consecutive"):
            rate = summary[key]
            low, high = rate["wilson_95"]
            counted = f"{rate['successes']} of {rate['total']} episodes, "
            assert f"{counted}{100 * low:.1f} to {100 * high:.1f} %" in text
            assert f"{100 * rate['rate']:.1f} %" in text
        for key in ("mean_return", "mean_steps", "mean_jerk"):
            assert f"{summary[key]:.4g}" in text
        rows = page_of(run).rows
        for category, rate in summary["categories"].items():
            assert [category, "", f"{100 * rate['rate']:.1f} %", _share(rate)] in rows

    def test_it_is_one_file_that_asks_for_nothing(
        self, run: Path, frame: Callable[..., np.ndarray], page_of: Callable[..., Any]
    ) -> None:
        save_failure_still(run, "suite/0001", frame(1))
        page = page_of(run)
        linked = page.attribute("src") + page.attribute("href") + page.attribute("poster")
        assert linked and all(link.startswith(("data:", "#")) for link in linked)
        text = (run / "report.html").read_text()
        assert not re.search(r"https?:|//[a-z]+\.|@import|url\(", text)
        targets = {link[1:] for link in linked if link.startswith("#")}
        assert targets <= set(page.attribute("id"))
        (policy,) = [a["content"] for _, a in page.elements if "http-equiv" in a]
        assert "default-src 'none'" in policy and "script-src 'sha256-" in policy

    def test_it_can_be_read_without_seeing_it(
        self, run: Path, frame: Callable[..., np.ndarray], page_of: Callable[..., Any]
    ) -> None:
        save_failure_still(run, "suite/0001", frame(1))
        page = page_of(run)
        assert all(a.get("alt") for name, a in page.elements if name == "img")
        drawings = [a for name, a in page.elements if name == "svg"]
        assert drawings and all(a.get("role") == "img" and a["aria-label"] for a in drawings)
        assert page.count("h1") == page.count("main") == 1
        assert ("html", {"lang": "en"}) in page.elements
        ids = page.attribute("id")
        assert len(ids) == len(set(ids))

    def test_text_of_others_is_only_text(
        self,
        tmp_path: Path,
        write_run: Callable[..., Path],
        read_page: Callable[[str], Any],
        page_of: Callable[..., Any],
    ) -> None:
        out = write_run(tmp_path / "run", ["0" * 9, "1" * 9, f"!{HOSTILE}"], policy=HOSTILE)
        plain = page_of(out)
        loaded = load_run(out)
        records = tuple(
            replace(
                record,
                episode_id=f"{HOSTILE}{number}",
                house=HOSTILE,
                category=HOSTILE,
                instruction=HOSTILE,
            )
            for number, record in enumerate(loaded.records)
        )
        config = {**loaded.config, "benchmark": HOSTILE, "versions": {HOSTILE: HOSTILE}}
        text = report_html(replace(loaded, records=records, config=config))
        page = read_page(text)
        assert page.count("script") == plain.count("script") == 1
        assert not page.attribute("onerror") and page.count("img") == 0
        assert page.text.count(HOSTILE) > 10
        assert "alert(1)</script>" not in text

    @pytest.mark.parametrize("kept", [0, 5])
    def test_an_interrupted_run_says_so(
        self, run: Path, kept: int, page_of: Callable[..., Any]
    ) -> None:
        lines = (run / "episodes.csv").read_text().splitlines(keepends=True)
        (run / "episodes.csv").write_text("".join(lines[: 1 + kept]))
        page = page_of(run)
        assert "Incomplete run." in page.text and f"{kept} of 24 episodes" in page.text
        assert "banner bad" in page.attribute("class")
        assert "(incomplete)" in page.text

    def test_a_run_that_was_not_closed_says_so(
        self, tmp_path: Path, write_run: Callable[..., Path], page_of: Callable[..., Any]
    ) -> None:
        page = page_of(write_run(tmp_path / "run", ["1" * 9], complete=False))
        assert "Incomplete run." in page.text

    def test_a_complete_run_has_no_banner(
        self, tmp_path: Path, write_run: Callable[..., Path], page_of: Callable[..., Any]
    ) -> None:
        page = page_of(write_run(tmp_path / "run", ["1" * 9]))
        assert "banner bad" not in page.attribute("class")
        assert "No episode failed." in page.text

    def test_errors_are_named(self, run: Path, page_of: Callable[..., Any]) -> None:
        failed = load_run(run).summary["failures"]
        text = page_of(run).text
        assert f"{len(failed)} of 24 could not be played to their end" in text
        assert "ValueError: broken #" in text and "ValueError: broken 3" in text


def _share(rate: dict[str, Any]) -> str:
    return f"{rate['successes']}/{rate['total']}"
