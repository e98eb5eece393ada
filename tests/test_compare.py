"""Comparison of two run folders: figures by hand, refusals, the command."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from typer.testing import CliRunner

import molmospaces_gym  # noqa: F401 - registers the environments
from molmospaces_gym.benchmark_io import save_benchmark
from molmospaces_gym.benchmarks import evaluate
from molmospaces_gym.benchmarks.compare import MEASURES, compare
from molmospaces_gym.benchmarks.records import EPISODE_COLUMNS, EpisodeRecord, RunTable
from molmospaces_gym.cli.main import app, main
from molmospaces_gym.errors import InvalidConfig, NotComparable

MakeRun = Callable[..., Path]
# Ten houses of two episodes; A and B by house: + success, . failure.
A = ["++", "++", "+.", "++", "++", "+.", "..", "++", ".+", "++"]
B = ["++", "..", "+.", "+.", "++", "..", "..", "+.", "+.", "++"]


TEMPLATE = EpisodeRecord(
    episode_id="",
    house="",
    object="mug_1",
    category="mug",
    instruction="pick up the mug.",
    seed=0,
    success_at_end=False,
    success_once=True,
    first_success_step=None,
    five_consecutive=False,
    steps=2,
    episode_return=0.5,
    jerk=1.0,
    failure="",
)
CONFIG = {
    "benchmark": "pick-mini",
    "benchmark_sha256": "f" * 64,
    "env_id": "molmospaces_gym/Pick-v1",
    "env_kwargs": {"benchmark": "pick-mini", "backend": "mujoco", "obs_mode": "state"},
    "control_dt": 0.066,
    "horizon": 2,
    "seed": 0,
    "versions": {"mujoco": "4.0.0", "molmospaces-gym": "0.1.0"},
}


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Write a run folder of given outcomes by house, with settings changed by name."""

    def make(name: str, outcomes: Sequence[str], *, left_out: int = 0, **changes: Any) -> Path:
        marks = [(house, mark) for house, text in enumerate(outcomes) for mark in text]
        records = [
            dataclasses.replace(
                TEMPLATE,
                episode_id=f"e{index:02d}",
                house=f"generated/val/{house}",
                category=("mug", "tomato", "apple")[index % 3],
                success_at_end=mark == "+",
            )
            for index, (house, mark) in enumerate(marks)
        ]
        folder = tmp_path / name
        folder.mkdir()
        kept = records[: len(records) - left_out]
        RunTable(folder / "episodes.csv", EPISODE_COLUMNS, EpisodeRecord.parse).replace(kept)
        config: dict[str, Any] = {**CONFIG, "policy": name, "episodes": len(records)}
        arguments = {**config["env_kwargs"], **changes.pop("env_kwargs", {})}
        config |= {"complete": left_out == 0, "env_kwargs": arguments, **changes}
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    return make


def test_figures_by_hand(make_run: MakeRun) -> None:
    found = compare(make_run("a", A), make_run("b", B))
    assert (found.episodes, found.houses) == (20, 10)
    assert (found.first.successes, found.second.successes) == (15, 10)
    gap = found.difference
    assert (gap.both, gap.first_only, gap.second_only, gap.neither) == (9, 6, 1, 4)
    assert gap.value == 0.25
    assert gap.mcnemar == pytest.approx(2 * 8 / 2**7)
    # House sums +2, +1, +1, +1 and 0 (one each way): |s| = 5 has both signs of all of 2^4.
    assert gap.sign_flip == pytest.approx(2 / 16)
    assert gap.cluster.low < 0.25 < gap.cluster.high
    assert found.first.wilson == pytest.approx((0.5313, 0.8881), abs=1e-4)
    assert found.first.cluster.low <= found.first.wilson.low
    assert found.anytime.e_value == pytest.approx(2**7 / (8 * 7))
    assert found.anytime.e_value_houses == pytest.approx(2**4 / 5)
    assert found.anytime.first.low < found.first.wilson.low


def test_tables_and_flips(make_run: MakeRun) -> None:
    found = compare(make_run("a", A), make_run("b", B))
    assert [group.name for group in found.categories] == ["Fruit", "Mug"]
    for groups in (found.categories, found.by_house):
        assert sum(group.total for group in groups) == 20
        assert sum(group.first for group in groups) == 15
        assert sum(group.first_only for group in groups) == 6
        assert sum(group.second_only for group in groups) == 1
    house = next(group for group in found.by_house if group.name == "generated/val/1")
    assert (house.total, house.first, house.second, house.difference) == (2, 2, 0, 1.0)
    by_a = [flip.episode_id for flip in found.flips if flip.solved_by == "A"]
    assert by_a == ["e02", "e03", "e07", "e10", "e15", "e17"]
    assert [flip.episode_id for flip in found.flips if flip.solved_by == "B"] == ["e16"]


def test_swapping_the_runs_mirrors_everything(make_run: MakeRun) -> None:
    a, b = make_run("a", A), make_run("b", B)
    one, other = compare(a, b), compare(b, a)
    assert one.difference.cluster.low == pytest.approx(-other.difference.cluster.high)
    assert one.difference.mcnemar == other.difference.mcnemar
    assert one.first == other.second
    late, mirrored = one.anytime.difference_houses, other.anytime.difference_houses
    assert (late.low, late.high) == pytest.approx((-mirrored.high, -mirrored.low))


def test_a_run_equals_itself(make_run: MakeRun) -> None:
    run = make_run("a", A)
    found = compare(run, run)
    assert found.difference.value == 0.0 and found.difference.mcnemar == 1.0
    assert found.difference.cluster.low < 0.0 < found.difference.cluster.high
    assert not found.flips and found.anytime.e_value == 1.0


def test_the_measure_is_chosen(make_run: MakeRun) -> None:
    a, b = make_run("a", A), make_run("b", B)
    totals = {name: compare(a, b, measure=name).first.successes for name in MEASURES}
    assert totals == {"success_at_end": 15, "success_once": 20, "five_consecutive": 0}
    with pytest.raises(InvalidConfig, match="success_at_end, success_once, five_consecutive"):
        compare(a, b, measure="success")


def test_few_houses_are_named(make_run: MakeRun) -> None:
    assert any(
        "only 10 houses" in note for note in compare(make_run("a", A), make_run("b", B)).notes
    )


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "named"),
        [
            ({"benchmark_sha256": "0" * 64}, "benchmark_sha256: .*000000000000.*--common"),
            ({"horizon": 7}, "horizon: 2 and 7; .*--across horizon"),
            ({"control_dt": 0.1}, "control_dt: 0.066 and 0.1"),
            ({"env_id": "molmospaces_gym/Open-v1"}, "env_id"),
            (
                {"env_kwargs": {"success_rule": "paper"}},
                "success_rule: None and 'paper'",
            ),
            ({"env_kwargs": {"backend": "isaac"}}, "env_kwargs.backend: 'mujoco' and 'isaac'"),
            ({"env_kwargs": {"new_argument": 1}}, "env_kwargs.new_argument"),
        ],
    )
    def test_other_settings(self, make_run: MakeRun, changes: dict[str, Any], named: str) -> None:
        a, b = make_run("a", A), make_run("b", B, **changes)
        with pytest.raises(NotComparable, match=named):
            compare(a, b)

    def test_what_a_policy_sees_may_differ(self, make_run: MakeRun) -> None:
        changes = {"env_kwargs": {"obs_mode": "rgb", "action_mode": "ee_delta", "benchmark": "x"}}
        assert compare(make_run("a", A), make_run("b", B, **changes)).episodes == 20

    def test_what_is_compared_may_differ_when_named(self, make_run: MakeRun) -> None:
        a, b = make_run("a", A), make_run("b", B, env_kwargs={"backend": "isaac"})
        found = compare(a, b, across=["env_kwargs.backend"])
        assert "A and B differ in env_kwargs.backend: 'mujoco' and 'isaac'" in found.notes

    def test_seeds_and_versions_are_told(self, make_run: MakeRun) -> None:
        versions = {"mujoco": "3.12.0", "molmospaces-gym": "0.1.0"}
        found = compare(make_run("a", A), make_run("b", B, seed=5, versions=versions))
        notes = "\n".join(found.notes)
        assert "policy seeds: 0 and 5" in notes and "mujoco 4.0.0 and 3.12.0" in notes
        assert "molmospaces-gym " not in notes

    def test_incomplete_runs(self, make_run: MakeRun) -> None:
        a, b = make_run("a", A), make_run("b", B, left_out=3)
        with pytest.raises(NotComparable, match=r"B lacks 3 .*'e17'.*B is incomplete: 17 of 20"):
            compare(a, b)
        found = compare(a, b, common=True)
        assert found.episodes == 17 and found.complete == (True, False)
        notes = "\n".join(found.notes)
        assert "B is incomplete: 17 of 20 episodes" in notes
        assert "only shared episodes: 3 of A and 0 of B are left out" in notes
        assert "anytime" in notes

    def test_common_does_not_lift_other_settings(self, make_run: MakeRun) -> None:
        a, b = make_run("a", A), make_run("b", B, horizon=9)
        with pytest.raises(NotComparable, match="horizon"):
            compare(a, b, common=True)

    def test_equal_ids_of_other_episodes(self, make_run: MakeRun) -> None:
        moved = ["+", "++", *B[1:]]  # every later episode is in another house
        a, b = make_run("a", A), make_run("b", moved)
        with pytest.raises(NotComparable, match="episode 'e01' is .*val/0.* in A and .*val/1"):
            compare(a, b)
        c = make_run("c", ["+" + "+"], benchmark_sha256="1" * 64)
        d = make_run("d", ["+", "+"], benchmark_sha256="2" * 64)
        found = compare(c, d, common=True)
        assert found.episodes == 1
        assert any("1 ids name other episodes" in note for note in found.notes)

    def test_nothing_shared(self, make_run: MakeRun) -> None:
        a, b = make_run("a", A), make_run("b", ["+"], left_out=1)
        with pytest.raises(NotComparable, match="share no episode"):
            compare(a, b, common=True)

    def test_an_episode_twice(self, make_run: MakeRun) -> None:
        a, b = make_run("a", A), make_run("b", B)
        lines = (b / "episodes.csv").read_text().splitlines(keepends=True)
        (b / "episodes.csv").write_text("".join([*lines, lines[-1]]))
        with pytest.raises(InvalidConfig, match="'e19' more than once"):
            compare(a, b)


@pytest.mark.slow
def test_true_runs(tmp_path: Path) -> None:
    """Two seeds of the random policy on two short episodes, evaluated and compared."""
    env = gym.make("molmospaces_gym/Pick-v1", scene="generated/train/0")
    specs = []
    for number in range(2):
        env.reset(seed=number)
        spec = env.unwrapped.episode  # type: ignore[attr-defined]
        task = {**spec.task, "task_horizon_sec": 2 * 0.066}
        specs.append(spec.replace(episode_id=str(number), task=task))
    env.close()
    suite = save_benchmark(specs, tmp_path / "tiny")
    runs = [evaluate("random", suite, out=tmp_path / str(s), seed=s).out for s in (0, 5)]
    found = compare(*runs)
    assert (found.episodes, found.houses) == (2, 1) and found.complete == (True, True)
    assert "A and B differ in policy seeds: 0 and 5" in found.notes
    third = evaluate("random", suite, out=tmp_path / "third", success_rule="paper").out
    with pytest.raises(NotComparable, match="success_rule"):
        compare(runs[0], third)


class TestCommand:
    @pytest.fixture(autouse=True)
    def wide(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setenv("NO_COLOR", "1")

    def test_tables_and_json(self, make_run: MakeRun, tmp_path: Path) -> None:
        a, b, out = make_run("a", A), make_run("b", B), tmp_path / "x" / "c.json"
        result = CliRunner().invoke(app, ["compare", str(a), str(b), "--json", str(out)])
        assert result.exit_code == 0, result.output
        for text in (
            "15/20",
            "A - B = +25.0 points",
            "only A 6, only B 1",
            "p = 0.125",
            "by category",
            "solved by B only:\n  e16",
        ):
            assert text in result.output
        assert "anytime-valid" not in result.output and "significan" not in result.output
        content = json.loads(out.read_text())
        assert content == json.loads(json.dumps(compare(a, b).to_dict()))
        assert content["difference"]["first_only"] == 6
        assert content["first"]["clustering"].keys() == {
            "correlation",
            "design_effect",
            "effective",
        }

    def test_anytime_figures_on_demand_and_for_incomplete_runs(self, make_run: MakeRun) -> None:
        a, b = make_run("a", A), make_run("b", B)
        short = make_run("short", B, left_out=2)
        for arguments in ([b, "--anytime"], [short, "--common"]):
            command = ["compare", str(a), *map(str, arguments)]
            assert "anytime-valid at 95 %" in CliRunner().invoke(app, command).output

    def test_a_refusal_is_one_line(
        self, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
    ) -> None:
        a, b = make_run("a", A), make_run("b", B, horizon=9)
        with pytest.raises(SystemExit) as ended:
            main(["compare", str(a), str(b)])
        assert ended.value.code == 2
        shown = capsys.readouterr().err.strip().splitlines()
        assert len(shown) == 1 and "horizon: 2 and 9" in shown[0]

    def test_many_flips_and_houses_are_cut(self, make_run: MakeRun) -> None:
        a, b = make_run("a", ["+"] * 40), make_run("b", ["."] * 40)
        shown = CliRunner().invoke(app, ["compare", str(a), str(b)]).output
        assert "... and 25 more; --json FILE lists all houses" in shown
        assert "... and 20 more; --json FILE lists all\n" in shown
