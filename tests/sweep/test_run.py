"""Whole sweeps: folders, figures, pictures, resume, and a policy that reacts."""

import csv
import json
import re
from dataclasses import fields, replace

import numpy as np
import pytest
from PIL import Image

from molmospaces_gym.benchmark_io import load_benchmark
from molmospaces_gym.benchmarks import evaluate
from molmospaces_gym.benchmarks.records import EpisodeRecord
from molmospaces_gym.benchmarks.runs import load_run
from molmospaces_gym.benchmarks.sweep import AXES, sweep
from molmospaces_gym.benchmarks.sweep.cases import make_cases
from molmospaces_gym.benchmarks.sweep.page import page_html
from molmospaces_gym.benchmarks.sweep.plots import plot_axis
from molmospaces_gym.benchmarks.sweep.results import COLUMNS, LevelResult, level_result
from molmospaces_gym.benchmarks.sweep.setup import make_setup
from molmospaces_gym.cli.main import main
from molmospaces_gym.errors import AxisUnavailable, InvalidConfig
from molmospaces_gym.policies import expert

SHORT = {"horizon": 8}


class Watcher(expert.ExpertPolicy):
    """The expert as long as it is told to pick something up and sees it from the wrist."""

    def env_kwargs_for(self, env_id):
        seen = {
            "obs_mode": "rgb",
            "image_size": [32, 20],
            "cameras": ["wrist_camera", "exo_camera_1"],
        }
        return {**super().env_kwargs_for(env_id), **seen}

    def reset(self, instruction, seed):
        self.understands = instruction.startswith("pick up")
        super().reset(instruction, seed)

    def predict(self, obs, state=None, episode_start=None, deterministic=True):
        action, state = super().predict(obs, state, episode_start, deterministic)
        if self.understands and obs["wrist_camera"].any():
            return action, state
        return np.zeros_like(action), state


def read_csv(out):
    with (out / "sweep.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def is_drawn(path):
    """Whether a picture holds more than a plain ground."""
    pixels = np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3)
    return len(np.unique(pixels, axis=0)) > 20 and pixels.std() > 5


def test_a_policy_that_looks_fails_where_it_cannot_see(tmp_path):
    told = []
    result = sweep(
        Watcher(),
        "pick-mini",
        out=tmp_path,
        axes=["occlusion", "verbs"],
        levels={"occlusion": ["wrist", "exterior"], "verbs": ["grab"]},
        episodes=2,
        horizon=100,
        progress=told.append,
    )
    solved = {(row.axis, row.level): row.successes for row in result.rows}
    assert solved == {
        ("verbs", "pick up"): 2, ("verbs", "grab"): 0,
        ("occlusion", "none"): 2, ("occlusion", "wrist"): 0, ("occlusion", "exterior"): 2,
    }  # fmt: skip
    wrist = next(row for row in result.rows if row.level == "wrist")
    assert (wrist.difference, wrist.lost, wrist.won, wrist.total) == (-1.0, 2, 0, 2)
    assert wrist.mcnemar == 0.5 and wrist.changed == 2
    assert {(one.number, one.runs) for one in told} == {(k, 4) for k in range(1, 5)}
    for axis in ("occlusion", "verbs"):
        assert is_drawn(tmp_path / f"{axis}.png")
    content = json.loads((tmp_path / "sweep.json").read_text())
    assert content["complete"] and content["axes"].keys() == {"occlusion", "verbs"}
    assert [LevelResult(**row) for row in content["levels"]] == list(result.rows)
    rows = read_csv(tmp_path)
    assert [row["level"] for row in rows] == [row.level for row in result.rows]
    assert rows[1]["difference"] == "-1" and rows[1]["reference"] == "0"
    page = (tmp_path / "index.html").read_text()
    assert "not finished" not in page and "http" not in page
    for link in re.findall(r'(?:href|src)="([^"]+)"', page):
        assert (tmp_path / link).is_file()


def test_levels_are_plain_evaluations_that_go_on(tmp_path):
    asked = {"axes": ["joints"], "levels": {"joints": ["0.2"]}, "episodes": 2, **SHORT}
    first = sweep("random", "pick-mini", out=tmp_path, **asked)
    assert [row.run for row in first.rows] == ["unperturbed", "joints/0.2"]
    assert all(row.errors == 0 for row in first.rows)
    files = {path: path.read_bytes() for path in tmp_path.rglob("episodes.csv")}
    with pytest.raises(InvalidConfig, match="already holds a sweep"):
        sweep("random", "pick-mini", out=tmp_path, **asked)
    with pytest.raises(InvalidConfig, match=r"other settings \(policy: 'random', now 'expert'\)"):
        sweep("expert", "pick-mini", out=tmp_path, resume=True, **asked)

    benchmark, run = tmp_path / "benchmarks/joints/0.2", tmp_path / "joints/0.2"
    assert len(load_benchmark(benchmark)) == 2
    plain = evaluate("random", benchmark, out=run, resume=True, **SHORT)
    assert plain.complete and (run / "episodes.csv").read_bytes() == files[run / "episodes.csv"]

    lines = (run / "episodes.csv").read_text().splitlines(keepends=True)
    (run / "episodes.csv").write_text("".join(lines[:-1]) + lines[-1][:9])  # as a kill leaves it
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "complete": False}))
    (tmp_path / "sweep.csv").unlink()
    again = sweep("random", "pick-mini", out=tmp_path, resume=True, **asked)
    assert again.rows == first.rows and load_run(run).complete
    assert {path: path.read_bytes() for path in tmp_path.rglob("episodes.csv")} == files

    more = {**asked, "axes": ["lighting"], "levels": {"lighting": ["2"]}}
    grown = sweep("random", "pick-mini", out=tmp_path, resume=True, **more)
    assert [(row.axis, row.level) for row in grown.rows] == [
        ("joints", "0"), ("joints", "0.2"), ("lighting", "1"), ("lighting", "2"),
    ]  # fmt: skip
    assert grown.of("joints") == first.rows


def test_an_interrupted_sweep_says_so(tmp_path):
    def stop(standing):
        if standing.number == 2:
            raise KeyboardInterrupt

    asked = {"axes": ["lighting"], "levels": {"lighting": ["2"]}, "episodes": 1, **SHORT}
    with pytest.raises(KeyboardInterrupt):
        sweep("random", "pick-mini", out=tmp_path, progress=stop, **asked)
    content = json.loads((tmp_path / "sweep.json").read_text())
    assert not content["complete"] and [row["level"] for row in content["levels"]] == ["1"]
    assert "not finished" in (tmp_path / "index.html").read_text()
    assert sweep("random", "pick-mini", out=tmp_path, resume=True, **asked).rows[1].level == "2"


def test_axes_that_do_not_exist_are_told_unless_asked_for(tmp_path):
    asked = {"episodes": 1, "horizon": 2}
    with pytest.raises(AxisUnavailable, match="rby1"):
        sweep("random", "open-door-mini", out=tmp_path / "a", axes=["cameras"], **asked)
    assert not (tmp_path / "a").exists()


@pytest.mark.slow
def test_the_command_plays_every_axis(tmp_path, capsys):
    out = tmp_path / "sweep"
    command = [
        "sweep", "--policy", "random", "--benchmark", "pick-mini", "--episodes", "2",
        "--out", str(out), "--env", "horizon=4", "--env", "obs_mode=rgb",
        "--env", "image_size=[32,20]", "--levels", "verbs=grab", "--levels", "joints=0.1",
        "--levels", "cameras=40", "--levels", "lighting=2", "--levels", "words=2",
        "--levels", "distance=0.1", "--levels", "occlusion=wrist,exterior:0.5",
    ]  # fmt: skip
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 0
    assert "exterior:0.5" in capsys.readouterr().out
    rows = read_csv(out)
    assert {row["axis"] for row in rows} == set(AXES)
    assert all(row["total"] == "2" and row["errors"] == "0" for row in rows)
    assert all(is_drawn(out / f"{axis}.png") for axis in AXES)
    covered = json.loads((out / "occlusion/exterior-0.5/config.json").read_text())["env_kwargs"]
    assert covered["occlude_cameras"] == {"exo_camera_1": 0.5}


@pytest.mark.slow
def test_a_covered_camera_travels_to_workers(tmp_path):
    asked = {"axes": ["occlusion"], "levels": {"occlusion": ["wrist"]}, "episodes": 2, "horizon": 3}
    seen = {"obs_mode": "rgb", "image_size": [32, 20]}
    alone, crew = (
        sweep("random", "pick-mini", out=tmp_path / str(workers), workers=workers, **asked, **seen)
        for workers in (1, 2)
    )
    assert alone.rows == crew.rows and not any(row.errors for row in crew.rows)
    config = json.loads((tmp_path / "2/occlusion/wrist/config.json").read_text())
    assert config["env_kwargs"]["occlude_cameras"] == ["wrist_camera"] and config["workers"] == 2


@pytest.mark.parametrize(
    "arguments", [["--levels", "0.1"], ["--axis", "joints", "--levels", ","], ["--axis", "wind"]]
)
def test_the_command_names_what_is_wrong(tmp_path, capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(["sweep", "--policy", "random", "--benchmark", "pick-mini", "--episodes", "1",
              "--out", str(tmp_path / "x"), *arguments])  # fmt: skip
    assert ended.value.code == 2 and "error:" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def records(won):
    blank = {field.name: "" for field in fields(EpisodeRecord)}
    return [
        EpisodeRecord(
            **{**blank, "episode_id": f"e{k}", "house": f"h{k % 5}", "success_at_end": bool(w)}
        )
        for k, w in enumerate(won)
    ]


@pytest.fixture(scope="module")
def case():
    setup = make_setup("random", "pick-mini", 1, {})
    return make_cases(setup, AXES["lighting"], ("2",))[0][1]


def test_figures_of_a_level(case):
    rng = np.random.default_rng(0)
    own, new = rng.random(40) < 0.8, rng.random(40) < 0.5
    row = level_result(case, records(new), records(own), False, 0.9)
    assert (row.successes, row.total, row.houses) == (int(new.sum()), 40, 5)
    assert row.difference == pytest.approx(float(new.mean() - own.mean()))
    assert (row.lost, row.won) == (int((own & ~new).sum()), int((new & ~own).sum()))
    assert row.wilson_low < row.rate < row.wilson_high
    assert row.difference_low < row.difference < row.difference_high
    same = level_result(case, records(own), records(own), True, 0.9)
    assert same.difference == same.difference_low == same.difference_high == 0.0
    with pytest.raises(InvalidConfig, match="not those of the reference"):
        level_result(case, records(new), records(own)[1:], False, 0.9)
    assert COLUMNS == tuple(row.to_dict())


def test_hostile_names_do_no_harm_to_plot_and_page(case, tmp_path):
    row = level_result(case, records([True, False]), records([True, True]), False, 0.95)
    verbs = [replace(row, axis="verbs", value=None, level=name) for name in ("$x$ {y", '<b>&"')]
    head = {"policy": "sb3:$a$<i>", "benchmark": "b$_$", "confidence": 0.95}
    assert is_drawn(plot_axis(AXES["verbs"], verbs, head, tmp_path / "plot.png"))
    content = {
        **head, "complete": True, "episodes": 2, "seed": 0, "backend": "mujoco",
        "env_kwargs": {"a": "<script>"}, "unavailable": {"x": "<em>"},
    }  # fmt: skip
    page = page_html(content, [AXES["verbs"]], verbs)
    assert not {"<b>", "<i>", "<script>", "<em>"} & set(re.findall(r"<\w+>", page))
