"""Weights of reward-aligned cloning, and the Parquet file that LeRobot shares."""

import logging

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.rewards.progress_table import ProgressTable
from molmospaces_gym.rewards.weights import (
    effective_size,
    ends_of,
    increments_of,
    outcome_weights,
    paper_weights,
    spread,
    temperature_weights,
    weights_of,
)

EPISODES = st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=12), min_size=1, max_size=6).map(
    lambda episodes: (np.concatenate(episodes), ends_of([len(e) for e in episodes]))
)


def noisy(count=40, length=15, seed=0):
    """Demonstrations that come on unevenly: (progress, ends)."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(1 / length, 0.06, (count, length)).cumsum(1)
    low, high = steps.min(1, keepdims=True), steps.max(1, keepdims=True)
    return ((steps - low) / (high - low)).ravel(), ends_of([length] * count)


@given(EPISODES, st.integers(1, 20))
def test_increments_stay_within_an_episode(episodes, horizon):
    progress, ends = episodes
    found = increments_of(progress, ends, horizon)
    for row, end in enumerate(ends):
        assert found[row] == progress[min(row + horizon, end - 1)] - progress[row]


@given(EPISODES, st.sampled_from(["paper", "temperature"]))
def test_weights_have_mean_one_and_more_progress_never_counts_less(episodes, name):
    progress, ends = episodes
    found = weights_of(name, progress, ends, horizon=3)
    assert found.values.mean() == pytest.approx(1.0)
    assert (found.values >= 0).all()
    assert 1 - 1e-9 <= found.effective <= len(progress) + 1e-9
    order = np.argsort(increments_of(progress, ends, 3), kind="stable")
    assert (np.diff(found.values[order]) >= -1e-12).all()


def test_the_papers_constants_are_plain_cloning():
    progress, ends = noisy()
    uncentred = paper_weights(progress, ends, centred=False)
    largest = uncentred.values == uncentred.values.max()
    rising = increments_of(progress, ends, 1) >= 0
    np.testing.assert_array_equal(largest, rising)  # every step that is no step back, the same
    assert uncentred.share > 0.98 and paper_weights(progress, ends).share > 0.98


def test_a_temperature_makes_a_difference():
    progress, ends = noisy()
    shares = [
        temperature_weights(progress, ends, 1, temperature, most=1e9).share
        for temperature in (1.0, 0.1, 0.05, 0.02)
    ]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.9 and shares[-1] < 0.5


def test_weights_by_hand():
    progress, ends = np.array([0.0, 0.5, 0.25, 1.0]), ends_of([2, 2])
    raw = np.minimum(2 * np.exp([0.5, 0.0, 0.75, 0.0]), 2)
    found = paper_weights(progress, ends, centred=False)
    np.testing.assert_allclose(found.values, raw / raw.mean())
    d = np.array([0.5, 0.0, 0.75, 0.0])
    raw = np.minimum(2 * np.exp(d - d.mean()), 2)
    np.testing.assert_allclose(paper_weights(progress, ends).values, raw / raw.mean())
    raw = np.minimum(np.exp((d - d.mean()) / 0.5), 1.2)
    found = temperature_weights(progress, ends, 1, 0.5, most=1.2)
    np.testing.assert_allclose(found.values, raw / raw.mean())
    assert found.effective == pytest.approx(raw.sum() ** 2 / (raw**2).sum())


@given(EPISODES, st.integers(1, 20))
def test_outcomes_are_the_same_within_an_episode_and_better_ones_never_count_less(episodes, last):
    progress, ends = episodes
    found = outcome_weights(progress, ends, last).values
    assert found.mean() == pytest.approx(1.0)
    stops = np.unique(ends)
    starts = np.concatenate([[0], stops[:-1]])
    outcomes = []
    for start, stop in zip(starts, stops, strict=True):
        assert np.ptp(found[start:stop]) == 0.0
        outcomes.append(progress[max(start, stop - last) : stop].mean())
    order = np.argsort(outcomes, kind="stable")
    assert (np.diff(found[starts][order]) >= -1e-12).all()


def test_outcome_weights_by_hand():
    """How an episode ends counts, not where it has been."""
    progress = np.array([0.0, 0.9, 0.1, 0.1, 0.1, 0.2, 0.8, 1.0])
    outcomes = np.array([0.5] * 3 + [0.1] + [0.9] * 4)
    raw = np.exp((outcomes - outcomes.mean()) / 0.4)
    found = outcome_weights(progress, ends_of([3, 1, 4]), last=2, temperature=0.4, most=100.0)
    np.testing.assert_allclose(found.values, raw / raw.mean())
    cut = outcome_weights(progress, ends_of([3, 1, 4]), last=2, temperature=0.4, most=1.1)
    np.testing.assert_allclose(cut.values, np.minimum(raw, 1.1) / np.minimum(raw, 1.1).mean())


def test_effective_size():
    assert effective_size(np.ones(7)) == pytest.approx(7)
    assert effective_size(np.array([1.0, 0, 0])) == pytest.approx(1)


def test_the_effective_size_is_logged(caplog):
    progress, ends = noisy(2, 5)
    with caplog.at_level(logging.INFO):
        found = temperature_weights(progress, ends)
    assert f"effective sample size {found.effective:.1f} of 10" in caplog.text


@pytest.mark.parametrize(
    "arguments",
    [
        ("paper", np.zeros(0), np.zeros(0, int), {}),
        ("paper", np.zeros(3), ends_of([2]), {}),
        ("paper", np.array([0.0, np.nan]), ends_of([2]), {}),
        ("paper", np.zeros(2), ends_of([2]), {"horizon": 0}),
        ("temperature", np.zeros(2), ends_of([2]), {"temperature": 0.0}),
        ("temperature", np.zeros(2), ends_of([2]), {"tau": 0.0}),
        ("outcome", np.zeros(2), ends_of([2]), {"temperature": 0.0}),
        ("outcome", np.zeros(2), ends_of([2]), {"last": 0}),
        ("outcome", np.array([0.0, np.inf]), ends_of([2]), {}),
        ("best", np.zeros(2), ends_of([2]), {}),
    ],
)
def test_wrong_arguments_are_refused(arguments):
    *given, settings = arguments
    with pytest.raises(InvalidConfig):
        weights_of(*given, **settings)


def test_values_between_judged_frames_lie_on_lines():
    np.testing.assert_allclose(spread([0, 2, 4], [0.0, 1.0, 0.0], 6), [0, 0.5, 1, 0.5, 0, 0])


def test_weights_reach_cloning(tmp_path):
    """Two demonstrators disagree; the one whose steps bring progress is followed."""
    import torch

    from molmospaces_gym.policies.spoc import SpocConfig
    from molmospaces_gym.policies.spoc.bc import BcSettings, BehaviourCloning, prepare
    from molmospaces_gym.policies.spoc.demos import Demos

    lengths, rows = [8] * 12, 96
    good = np.repeat(np.arange(12) % 2 == 0, 8)
    demos = Demos(
        inputs={"x": np.zeros((rows, 1), np.float32), "text": np.zeros((rows, 3), np.int32)},
        actions=np.where(good, 0.5, -0.5).astype(np.float32)[:, None],
        ends=ends_of(lengths),
        episodes=12,
        tried=12,
    )
    config = SpocConfig.preset(
        "nano", vectors=(("x", 1),), cameras=(), action_dim=1, chunk=1, execute=1, dim=16, heads=2,
        hidden=24, layers=1, bins=5, text_length=3, vocabulary=32, dropout=0.0,
    )  # fmt: skip
    progress = np.where(good, np.tile(np.arange(8) / 7, 12), 0.0)
    weights = temperature_weights(progress, demos.ends, horizon=1)
    torch.set_num_threads(1)
    settings = BcSettings(steps=40, batch=32, rate=1e-2, every=40, warmup=0)
    model = prepare(config, demos, 0)
    BehaviourCloning(model, demos, tmp_path, settings, weights.values).run()
    model.eval()
    inputs = {"x": torch.zeros(1, 1), "text": torch.zeros(1, 3, dtype=torch.int32)}
    with torch.no_grad():
        token = model(inputs)[0, 0].argmax(-1)
    assert float(model.tokens.values[0, int(token)]) > 0.3


def test_progress_table_has_lerobots_columns(tmp_path):
    episodes = [np.array([0.0, 0.5, 1.0]), np.array([0.25, np.nan])]
    table = ProgressTable.of(episodes, "Qwen/Qwen3-VL-8B-Instruct", "some/path")
    table.save(tmp_path / "progress.parquet")
    stored = pq.read_table(tmp_path / "progress.parquet")
    assert stored.column_names == ["index", "episode_index", "frame_index", "progress_sparse"]
    assert stored.schema.metadata == {
        b"vlm_name": b"Qwen/Qwen3-VL-8B-Instruct",
        b"reward_model_path": b"some/path",
    }
    assert stored["episode_index"].to_pylist() == [0, 0, 0, 1, 1]
    assert stored["frame_index"].to_pylist() == [0, 1, 2, 0, 1]
    found = ProgressTable.load(tmp_path / "progress.parquet")
    np.testing.assert_allclose(found.progress, np.concatenate(episodes))
    assert found.ends.tolist() == [3, 3, 3, 5, 5]
    assert (found.vlm_name, found.reward_model_path) == (table.vlm_name, "some/path")


def test_a_foreign_table_is_sorted_and_needs_no_metadata(tmp_path):
    columns = {
        "index": [2, 0, 1], "episode_index": [1, 0, 0], "frame_index": [0, 0, 1],
        "progress_sparse": pa.array([0.5, 0.0, 1.0], pa.float32()), "progress_dense": [1, 2, 3],
    }  # fmt: skip
    pq.write_table(pa.table(columns), tmp_path / "theirs.parquet")
    found = ProgressTable.load(tmp_path / "theirs.parquet")
    assert found.progress.tolist() == [0.0, 1.0, 0.5] and found.ends.tolist() == [2, 2, 3]
    assert found.vlm_name == ""
    pq.write_table(pa.table({"index": [0]}), tmp_path / "other.parquet")
    with pytest.raises(InvalidConfig, match="progress_sparse"):
        ProgressTable.load(tmp_path / "other.parquet")
    with pytest.raises(InvalidConfig, match="Parquet"):
        ProgressTable.load(tmp_path / "nowhere.parquet")


@pytest.mark.slow
def test_from_recorded_episodes_to_a_weighted_clone(tmp_path):
    """The four commands of docs/topreward.md."""
    from typer.testing import CliRunner

    from molmospaces_gym.cli.main import app

    def run(command):
        result = CliRunner().invoke(app, command.split())
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    data, out = tmp_path / "data", tmp_path / "out"
    run(
        f"datagen --task Pick --episodes 2 --cameras exo_camera_1,wrist_camera --env houses=1"
        f" --env action_mode=ee_delta --image-size 64x64 --out {data}"
    )
    run(f"reward progress {data} --scale prob --out {tmp_path}/progress.parquet")
    shown = run(
        f"reward weights {tmp_path}/progress.parquet --kind outcome --setting temperature=0.2"
        f" --out {tmp_path}/weights.parquet"
    )
    assert "effective sample size" in shown
    bc = f"train bc --task Pick --data {data} --preset nano --steps 1 --trials 0 --out {out}"
    run(f"{bc} --failures --weights {tmp_path}/weights.parquet")
    assert (out / "last/model.safetensors").is_file()
