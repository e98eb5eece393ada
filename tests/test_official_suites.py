"""The official suites: what their records say, where they are looked up, what pins they set."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from typer.testing import CliRunner

import molmospaces_gym  # noqa: F401
from molmospaces_gym.benchmark_io import load_benchmark, save_benchmark, suite_names
from molmospaces_gym.benchmarks import evaluate
from molmospaces_gym.cli.main import app
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidEpisode, RendererUnavailable, SuiteNotFound, UnknownName
from molmospaces_gym.official_suites import MANIFEST, OfficialSuite, official_suites
from molmospaces_gym.registration import TASKS
from molmospaces_gym.robots import robot_names
from molmospaces_gym.scenes.fetch import VERSIONS, missing_houses

PINNED = (
    "path",
    "data_versions",
    "episodes",
    "horizon_s",
    "control_dt",
    "cameras",
    "action_mode",
    "renderer",
)
EXPECTED = {
    "ms-close-v1": ("Close-v1", 915, 455),
    "ms-open-v1": ("Open-v1", 1000, 455),
    "ms-pick-v1.1": ("Pick-v1.1", 1000, 455),
    "ms-pnp-v1": ("PnP-v1", 1000, 682),
    "mb-pick-v1.5": ("Pick-v1.5", 1000, 303),
    "mb-pick-v2-classic": ("Pick-v2-classic", 1000, 303),
    "mb-pick-v2-filament": ("Pick-v2-filament", 1000, 303),
    "mb-pick-v2-rand-cam": ("Pick-v2-rand-cam", 1000, 303),
    "mb-pnp-v2": ("PnP-v2", 1000, 606),
    "mb-pnp-next-to-v2": ("PnP-next-to-v2", 1000, 606),
    "mb-pnp-color-v2": ("PnP-color-v2", 1000, 606),
    "rby1-door-opening": (None, 2000, 400),
    "rby1-opening": (None, 2000, 300),
    "rby1-pick": (None, 2000, 400),
    "rby1-pnp": (None, 1000, 400),
}
"""Name -> (column of the board, episodes, steps): published numbers."""


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLSPACES_ASSETS_DIR", str(tmp_path / "assets"))
    return tmp_path / "assets"


@pytest.fixture(scope="module")
def specs() -> Iterator[list[EpisodeSpec]]:
    """Two pick episodes with the cameras of the DROID rig."""
    env: Any = gym.make("molmospaces_gym/Pick-v1", scene="generated/train/0")
    found = []
    for number in range(2):
        env.reset(seed=number)
        spec = env.unwrapped.episode
        task = {key: value for key, value in spec.task.items() if key != "task_horizon_sec"}
        found.append(spec.replace(task=task, img_resolution=(64, 48)))
    env.close()
    yield found


def with_horizon(spec: EpisodeSpec, seconds: float) -> EpisodeSpec:
    return spec.replace(task={**spec.task, "task_horizon_sec": seconds})


def suite(name: str) -> OfficialSuite:
    return official_suites()[name]


def test_the_table_is_the_published_one() -> None:
    found = {s.name: (s.board, s.episodes, s.horizon) for s in official_suites().values()}
    assert found == EXPECTED
    groups = [s.group for s in official_suites().values()]
    assert [groups.count(g) for g in ("MS-Bench", "MB-Bench", "RB-Y1")] == [4, 7, 4]
    assert not set(found) & set(suite_names())


def test_the_documentation_lists_them() -> None:
    text = (Path(__file__).parents[1] / "docs" / "leaderboard.md").read_text(encoding="utf-8")
    for record in official_suites().values():
        assert record.cameras is not None
        cells = (
            f"`{record.name}`",
            record.board or "-",
            str(record.episodes),
            f"{record.horizon} x {record.control_dt:g} s",
            ", ".join(record.cameras),
            record.renderer or "-",
        )
        assert f"| {' | '.join(cells)} |" in text


@pytest.mark.parametrize("name", EXPECTED)
def test_each_record_is_whole(name: str) -> None:
    record = suite(name)
    assert set(record.sources) == set(PINNED)
    assert all(record.sources.values())
    assert record.task in TASKS
    assert record.robot in robot_names()
    assert VERSIONS["benchmarks"][record.package] in record.data_versions
    pins = record.pins(())
    assert pins["horizon"] == record.horizon
    assert (record.renderer is None) == ("renderer" not in pins)
    assert pins["control_dt"] == (0.1 if record.group == "RB-Y1" else 0.066)


def test_suites_of_one_file_differ_in_their_pins() -> None:
    one, two, three = (
        suite(f"mb-pick-v2-{which}") for which in ("classic", "filament", "rand-cam")
    )
    assert one.path == two.path == three.path
    assert [s.renderer for s in (one, two, three)] == ["classic", "filament", "filament"]
    assert one.cameras == two.cameras
    assert three.cameras == ("randomized_zed2_analogue_1", "wrist_camera_zed_mini")
    assert suite("ms-pick-v1.1").path == suite("mb-pick-v1.5").path
    assert suite("ms-pick-v1.1").package != suite("mb-pick-v1.5").package


@pytest.mark.parametrize("name", EXPECTED)
def test_a_missing_suite_says_how_to_fetch_it(name: str, assets: Path) -> None:
    with pytest.raises(SuiteNotFound) as caught:
        load_benchmark(name)
    message = str(caught.value)
    assert str(assets / "benchmarks" / suite(name).package) in message
    assert f"molmospaces-gym scenes fetch {name} " in message
    with pytest.raises(UnknownName, match=f"ms-pick.*known: .*{name}"):
        load_benchmark("ms-pick")


def test_list_shows_them(assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    save_place = suite("ms-open-v1").directory
    save_place.mkdir(parents=True)
    (save_place / "benchmark.json").write_text("[]")
    shown = CliRunner().invoke(app, ["list"]).output
    for name in EXPECTED:
        assert name in shown
    assert [line for line in shown.splitlines() if "ms-open-v1" in line][0].split()[-2] == "yes"


def test_a_fetched_suite_loads_with_its_pins(assets: Path, specs: list[EpisodeSpec]) -> None:
    record = suite("ms-pick-v1.1")
    save_benchmark([with_horizon(spec, 30) for spec in specs], record.directory, {"a": 1})
    loaded = load_benchmark("ms-pick-v1.1")
    assert loaded.name == "ms-pick-v1.1"
    assert loaded.path == record.directory / "benchmark.json"
    assert loaded.metadata["a"] == 1
    assert loaded.metadata["official_suite"] == {
        "name": "ms-pick-v1.1",
        "board": "Pick-v1.1",
        "data_version": None,
    }
    assert loaded.pins == {
        "robot": "franka_droid",
        "obs_mode": "rgb",
        "control_dt": 0.066,
        "horizon": 455,
        "cameras": ["exo_camera_1", "wrist_camera"],
        "image_size": [64, 48],
        "action_mode": "joint_position",
        "renderer": "gl-official",
    }
    by_path = load_benchmark(record.directory)
    assert by_path.digest == loaded.digest
    assert by_path.pins == {}
    assert "official_suite" not in by_path.metadata


def test_metadata_cannot_claim_to_be_official(tmp_path: Path, specs: list[EpisodeSpec]) -> None:
    claim = {"official_suite": {"name": "ms-pick-v1.1", "board": "Pick-v1.1"}}
    folder = save_benchmark(specs, tmp_path / "mine", claim)
    assert "official_suite" in (folder / "benchmark_metadata.json").read_text()
    assert load_benchmark(folder).metadata == {}


def test_files_that_contradict_the_record(assets: Path, specs: list[EpisodeSpec]) -> None:
    record = suite("ms-pick-v1.1")
    save_benchmark([specs[0], with_horizon(specs[1], 20)], record.directory)
    with pytest.raises(InvalidEpisode, match=r"episode 1 has a horizon of 20 s, the suite 30 s"):
        load_benchmark("ms-pick-v1.1")
    hard = suite("mb-pick-v2-classic")
    save_benchmark(specs, hard.directory)
    with pytest.raises(InvalidEpisode, match="seen through droid_shoulder_light_randomization"):
        load_benchmark("mb-pick-v2-classic")


def test_the_installed_version_is_read_from_manifest_or_link(
    assets: Path, tmp_path: Path, specs: list[EpisodeSpec]
) -> None:
    record = suite("ms-pick-v1.1")
    cache = tmp_path / "cache" / "benchmarks" / record.package / "20260408"
    save_benchmark(specs, cache / record.path)
    (assets / "benchmarks").mkdir(parents=True)
    (assets / "benchmarks" / record.package).symlink_to(cache)
    assert record.installed_version() == "20260408"
    assert load_benchmark(record.name).metadata["official_suite"]["data_version"] == "20260408"

    noted = {"benchmarks": {record.package: "20260210"}}
    (assets / MANIFEST).write_text(json.dumps(noted))
    with pytest.raises(SuiteNotFound, match=r"pinned to version 20260408 .* holds 20260210"):
        load_benchmark(record.name)


def test_the_evaluator_plays_with_the_pins(
    assets: Path, tmp_path: Path, specs: list[EpisodeSpec]
) -> None:
    save_benchmark(specs, suite("mb-pick-v1.5").directory)
    out = tmp_path / "run"
    evaluate("random", "mb-pick-v1.5", episodes=1, out=out, horizon=3, renderer="raster")
    config = json.loads((out / "config.json").read_text())
    assert config["benchmark_metadata"]["official_suite"]["name"] == "mb-pick-v1.5"
    env = config["env_kwargs"]
    assert env["cameras"] == ["exo_camera_1", "wrist_camera"]
    assert (env["obs_mode"], env["image_size"]) == ("rgb", [64, 48])
    assert (env["renderer"], env["horizon"]) == ("raster", 3), "what is given wins"
    assert config["control_dt"] == 0.066


def test_filament_is_not_played_as_something_else(
    assets: Path, tmp_path: Path, specs: list[EpisodeSpec]
) -> None:
    rig = {"exo_camera_1": "droid_shoulder_light_randomization"}
    rig["wrist_camera"] = "wrist_camera_zed_mini"
    renamed = [
        spec.replace(cameras=[c.model_copy(update={"name": rig[c.name]}) for c in spec.cameras])
        for spec in specs
    ]
    save_benchmark(renamed, suite("mb-pick-v2-filament").directory)
    with pytest.raises(RendererUnavailable, match="Filament .* pass renderer='gl-official'"):
        evaluate("random", "mb-pick-v2-filament", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_official_fixture_as_a_suite(assets: Path) -> None:
    source = Path(__file__).parents[2] / "shared" / "data" / "official_benchmark"
    if not (source / "benchmark.json").is_file():
        pytest.skip("the official benchmark file is not here")
    record = suite("ms-pick-v1.1")
    record.directory.mkdir(parents=True)
    for name in ("benchmark.json", "benchmark_metadata.json"):
        (record.directory / name).write_bytes((source / name).read_bytes())
    loaded = load_benchmark("ms-pick-v1.1")
    assert len(loaded) == 10
    assert loaded.metadata["num_episodes"] == 10
    assert loaded.pins["image_size"] == [624, 352]
    assert missing_houses(loaded.episodes)[0] == "holodeck-objaverse/val/1194"
    assert len(missing_houses(loaded.episodes)) == 10
