"""The report in headless Chromium: it fits phone and desktop, sorts, filters and logs no error."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from molmospaces_gym.benchmarks.pictures import VideoFile, save_failure_still, video_path
from molmospaces_gym.benchmarks.report import write_report

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("chromium") is None, reason="no chromium on PATH: apt-get install chromium"
    ),
]
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=3000",
    "--enable-logging=stderr",
)
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
SECONDS = 180
HOSTILE = "<script>console.error('escaped')</script>"
LONG = "pick_up_the_" * 20
PROBE = """
const rows = () => Array.from(document.querySelectorAll(".episodes tbody tr"));
const shown = () => rows().filter((row) => !row.hidden).map((row) => row.cells[0].textContent);
const type = (id, value) => {
  const control = document.getElementById(id);
  control.value = value;
  control.dispatchEvent(new Event("input"));
};
const press = (title) => Array.from(document.querySelectorAll(".episodes thead button"))
  .find((button) => button.textContent === title).click();
const found = {};
for (const part of document.querySelectorAll("details")) part.open = true;
found.inner = innerWidth;
found.scroll = document.documentElement.scrollWidth;
found.video = document.querySelector("video").clientWidth;
type("outcome", "error");
found.errors = shown();
type("outcome", "");
type("search", "MUG 0004");
found.searched = shown();
type("search", "");
type("category", "Fork");
found.forks = shown();
type("category", "");
press("First success");
found.ascending = rows().map((row) => row.cells[6].textContent);
press("First success");
found.descending = rows().map((row) => row.cells[6].textContent);
press("Episode");
found.episodes = shown();
parent.postMessage(JSON.stringify(found), "*");
"""
# A window is at least 500 pixels wide, a frame in it as narrow as one likes.
STAND = """<!doctype html><body><pre id="probe"></pre><script>
addEventListener("message", (event) => {
  document.getElementById("probe").textContent = event.data;
});
</script><iframe src="copy.html" width="%d" height="%d" style="border:0"></iframe></body>"""


@pytest.fixture(scope="module")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[str, list[str]]]:
    """``browse(page, size, *flags)`` gives standard output and what the page logged."""

    def call(page: Path, size: tuple[int, int], *flags: str) -> tuple[str, list[str]]:
        profile = tmp_path_factory.mktemp("profile")
        where = [f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}"]
        command = ["chromium", *FLAGS, *where, *flags, page.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
        return done.stdout, re.findall(r"CONSOLE.*", done.stderr)

    return call


@pytest.fixture(scope="module")
def report(
    tmp_path_factory: pytest.TempPathFactory,
    write_run: Callable[..., Path],
    mixed_traces: Callable[[int], list[str]],
    frame: Callable[..., np.ndarray],
) -> Path:
    """A report with stills, a video, hostile text and words that do not break."""
    out = write_run(
        tmp_path_factory.mktemp("run"),
        [*mixed_traces(24), f"!ValueError: {HOSTILE}", f"!{LONG}"],
        policy=f"{HOSTILE}{LONG}",
        complete=False,
    )
    video = VideoFile(video_path(out, "suite/0001"), 15.0)
    for step in range(10):
        video.append(frame(step))
    video.close()
    for number in (1, 2):
        save_failure_still(out, f"suite/{number:04d}", frame(number))
    second = write_run(tmp_path_factory.mktemp("second"), ["0" * 9] * 26)
    return write_report(out, compare=second)


@pytest.mark.parametrize("name", SIZES)
def test_it_is_drawn_and_logs_nothing(
    name: str, report: Path, browse: Callable[..., Any], tmp_path: Path
) -> None:
    width, height = SIZES[name]
    picture = tmp_path / "page.png"
    _, logged = browse(report, (width, height), f"--screenshot={picture}")
    assert logged == []
    image = imread(picture)[..., :3]
    assert image.shape[:2] == (height, width)
    # Text, plots and cards leave many colours in each part of the page, an empty one has one.
    for part in np.array_split(image, 4):
        assert len(np.unique((part * 255).astype(int).reshape(-1, 3), axis=0)) > 20


@pytest.mark.parametrize("name", SIZES)
def test_it_fits_sorts_and_filters(
    name: str, report: Path, browse: Callable[..., Any], tmp_path: Path
) -> None:
    found = _probe(report, SIZES[name], browse, tmp_path)
    assert found["inner"] == SIZES[name][0]
    assert found["scroll"] <= found["inner"]
    assert 0 < found["video"] < found["inner"]
    assert found["errors"][-2:] == ["suite/0024", "suite/0025"]
    assert found["searched"] == ["suite/0004"]
    assert found["forks"] == [f"suite/{number:04d}" for number in range(1, 26, 4)]
    assert found["episodes"] == [f"suite/{number:04d}" for number in range(26)]
    for key, reverse in (("ascending", False), ("descending", True)):
        steps = [int(text) for text in found[key] if text != "-"]
        assert steps == sorted(steps, reverse=reverse) and len(set(steps)) == 2
        assert found[key][len(steps) :] == ["-"] * (26 - len(steps))


def _probe(
    report: Path, size: tuple[int, int], browse: Callable[..., Any], folder: Path
) -> dict[str, Any]:
    """What ``PROBE`` finds in a copy of the page that lets it in."""
    text = report.read_text(encoding="utf-8")
    opened, times = re.subn(r"script-src 'sha256-[^']+'", "script-src 'unsafe-inline'", text)
    assert times == 1
    copy = folder / "copy.html"
    copy.write_text(opened.replace("</body>", f"<script>{PROBE}</script></body>"))
    stand = folder / "stand.html"
    stand.write_text(STAND % size)
    dom, logged = browse(stand, SIZES["desktop"], "--dump-dom")
    assert logged == []
    (note,) = re.findall(r'<pre id="probe">(.*?)</pre>', dom)
    return dict(json.loads(unescape(note)))


def test_only_its_own_script_runs(report: Path, browse: Callable[..., Any], tmp_path: Path) -> None:
    dom, _ = browse(report, SIZES["desktop"], "--dump-dom")
    assert "26 of 26 shown" in dom
    copy = tmp_path / "copy.html"
    text = report.read_text(encoding="utf-8")
    copy.write_text(text.replace("</body>", "<script>document.title = 'in'</script></body>"))
    dom, logged = browse(copy, SIZES["desktop"], "--dump-dom")
    assert "<title>in</title>" not in dom
    assert len(logged) == 1 and "Content Security Policy" in logged[0]
