"""Pictures and clips of failures, within a budget."""

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from molmospaces_gym.benchmarks.pictures import (
    VideoFile,
    failure_still_path,
    save_failure_still,
    video_path,
)
from molmospaces_gym.benchmarks.records import EpisodeRecord
from molmospaces_gym.benchmarks.report import write_report
from molmospaces_gym.benchmarks.report.media import MAX_CLIPS, choose_cards, take_turns
from molmospaces_gym.benchmarks.runs import load_run


class TestGallery:
    def test_kinds_of_failure_take_turns(
        self, make_record: Callable[[int, str], EpisodeRecord]
    ) -> None:
        many = [replace(make_record(n, "0" * 9), category="mug") for n in range(20)]
        rare = [
            make_record(20, "!ValueError: a"),
            replace(make_record(21, "0" * 9), category="fork"),
        ]
        order = [record.episode_id for record in take_turns([*many, *rare])]
        assert {"suite/0020", "suite/0021"} <= set(order[:3])
        assert sorted(order) == sorted(record.episode_id for record in [*many, *rare])

    def test_the_budget_holds_and_what_is_left_out_is_said(
        self,
        tmp_path: Path,
        write_run: Callable[..., Path],
        frame: Callable[..., np.ndarray],
        page_of: Callable[..., Any],
    ) -> None:
        out = write_run(tmp_path / "run", ["0" * 9] * 40)
        records = load_run(out).records
        for number, record in enumerate(records):
            save_failure_still(out, record.episode_id, frame(number))
        size = failure_still_path(out, records[0].episode_id).stat().st_size
        budget = 10 * size
        cards = choose_cards(out, records, budget)
        assert 5 < len(cards) < 10
        assert sum(len(card.still or "") for card in cards) <= budget
        text = page_of(out, budget=budget).text
        assert f"{len(cards)} of 40 are shown" in text
        assert f"{40 - len(cards)} were left out" in text

    def test_pictures_arrive_unchanged(
        self, run: Path, frame: Callable[..., np.ndarray], page_of: Callable[..., Any]
    ) -> None:
        save_failure_still(run, "suite/0001", frame(1))
        (source,) = page_of(run).attribute("src")
        kept = failure_still_path(run, "suite/0001").read_bytes()
        assert base64.b64decode(source.removeprefix("data:image/jpeg;base64,")) == kept

    def test_clips_are_shrunk_and_broken_ones_left_out(
        self, tmp_path: Path, write_run: Callable[..., Path], page_of: Callable[..., Any]
    ) -> None:
        out = write_run(tmp_path / "run", ["0" * 9] * 3)
        first, second, third = load_run(out).records
        video = VideoFile(video_path(out, first.episode_id), 15.0)
        for step in range(20):
            noise = np.random.default_rng(step).integers(0, 255, (360, 640, 3), np.uint8)
            video.append(noise)
        video.close()
        whole = video.path.stat().st_size
        assert whole > 150_000
        video_path(out, second.episode_id).write_bytes(video.path.read_bytes()[: whole // 2])
        video_path(out, third.episode_id).write_bytes(b"\0\0\0\x1cftypisom")
        cards = choose_cards(out, (first, second, third), 10_000_000)
        assert [card.clip is not None for card in cards] == [True, False, False]
        clip = base64.b64decode((cards[0].clip or "").removeprefix("data:video/mp4;base64,"))
        assert clip[4:8] == b"ftyp" and len(clip) < whole
        page = page_of(out)
        assert page.count("video") == 1 and "2 without a picture" in page.text


def test_a_thousand_episodes_stay_small(
    tmp_path: Path,
    write_run: Callable[..., Path],
    mixed_traces: Callable[[int], list[str]],
    frame: Callable[..., np.ndarray],
    read_page: Callable[[str], Any],
) -> None:
    out = write_run(tmp_path / "run", mixed_traces(1000))
    save_failure_still(out, "still", frame(0))
    still = failure_still_path(out, "still")
    assert still.stat().st_size > 8_000
    clip = video_path(out, "clip")
    video = VideoFile(clip, 15.0)
    for _ in range(30):
        video.append(frame(0))
    video.close()
    assert clip.stat().st_size < 149_000
    # Videos are taken as they are up to 150 kB: the largest that come in.
    with clip.open("ab") as file:
        file.truncate(149_000)
    for record in load_run(out).records:
        if not record.success_at_end:
            failure_still_path(out, record.episode_id).hardlink_to(still)
            video_path(out, record.episode_id).hardlink_to(clip)
    path = write_report(out)
    assert 2_000_000 < path.stat().st_size < 15_000_000
    page = read_page(path.read_text(encoding="utf-8"))
    ids = {row[0] for row in page.rows if row and row[0].startswith("suite/")}
    assert len(ids) == 1000
    assert page.count("video") == MAX_CLIPS
    assert "were left out" in page.text
