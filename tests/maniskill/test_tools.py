"""What is built on envs, on SAPIEN: datasets, replay, evaluation, videos, training, tensors."""

import csv

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

pytest.importorskip("sapien", reason="needs the extra maniskill")

import molmospaces_gym  # noqa: F401
from molmospaces_gym.benchmarks import evaluate
from molmospaces_gym.benchmarks.datagen.engine import datagen
from molmospaces_gym.benchmarks.datagen.formats import get_format
from molmospaces_gym.benchmarks.datagen.replay import replay
from molmospaces_gym.benchmarks.datagen.video import read_video
from molmospaces_gym.cli.main import main
from molmospaces_gym.integrations.sb3 import make_sb3_vec_env

ID = "molmospaces_gym/Pick-v1"
BACKEND = {"backend": "maniskill"}
FILMED = {"cameras": ("exo_camera_1",), "image_size": (64, 48), "houses": 2, **BACKEND}
SHORT = {"horizon": 12, "image_size": [64, 48], **BACKEND}


def table(run):
    """Bytes of the tables that say what happened in a run."""
    return [(run / name).read_bytes() for name in ("episodes.csv", "traces.csv")]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Two episodes of the expert, collected by two workers."""
    return datagen("Pick", 2, tmp_path_factory.mktemp("datagen") / "two", workers=2, **FILMED)


@pytest.mark.slow
def test_datagen_keeps_successes_that_replay_bit_for_bit(dataset, tmp_path):
    assert (dataset.kept, dataset.failed) == (2, 0)
    film = tmp_path / "replay.mp4"
    for trajectory in get_format("hdf5").read(dataset.datasets["hdf5"]):
        assert trajectory.env_kwargs["backend"] == "maniskill" and trajectory.succeeded
        found = replay(trajectory, video=film)
        assert found.exact and found.success_replayed
        assert len(read_video(film)) == len(trajectory) + 1


@pytest.mark.slow
def test_one_worker_collects_the_same(dataset, tmp_path):
    one = datagen("Pick", 2, tmp_path / "one", **FILMED)
    assert (one.out / "episodes.csv").read_bytes() == (dataset.out / "episodes.csv").read_bytes()
    pairs = zip(
        get_format("hdf5").read(one.datasets["hdf5"]),
        get_format("hdf5").read(dataset.datasets["hdf5"]),
        strict=True,
    )
    for first, second in pairs:
        np.testing.assert_array_equal(first.sim_qpos, second.sim_qpos)
        frames = [each.cameras["exo_camera_1"].frames() for each in (first, second)]
        np.testing.assert_array_equal(*frames)


@pytest.mark.slow
def test_a_dataset_of_one_backend_replays_on_the_other(dataset, capsys):
    file = str(dataset.datasets["hdf5"])
    with pytest.raises(SystemExit) as ended:
        main(["replay", file, "--episode", "0", "--env", "backend=mujoco"])
    shown = capsys.readouterr().out
    assert ended.value.code in (0, 1) and "differs from state" in shown
    assert ("replayed yes" in shown) == (ended.value.code == 0)


def test_evaluation_is_the_same_with_workers_and_after_a_resume(tmp_path):
    whole = evaluate("random", "pick-mini", episodes=3, out=tmp_path / "one", **SHORT)
    assert whole.complete and all(record.steps == 12 for record in whole.records)
    assert not any(record.failure for record in whole.records)
    two = evaluate("random", "pick-mini", episodes=3, workers=2, out=tmp_path / "two", **SHORT)
    assert table(two.out) == table(whole.out)
    cut = tmp_path / "cut"
    evaluate("random", "pick-mini", episodes=1, out=cut, **SHORT)
    played = []
    again = evaluate(
        "random",
        "pick-mini",
        episodes=3,
        out=cut,
        resume=True,
        progress=lambda standing: played.append(standing.record),
        **SHORT,
    )
    assert again.complete and len([record for record in played if record]) == 2
    with (cut / "episodes.csv").open() as file, (whole.out / "episodes.csv").open() as other:
        assert list(csv.DictReader(file)) == list(csv.DictReader(other))


def test_evaluation_films_what_it_plays(tmp_path):
    run = evaluate("random", "pick-mini", episodes=1, video="all", out=tmp_path / "o", **SHORT)
    (film,) = run.out.glob("videos/**/*.mp4")
    frames = read_video(film)
    assert len(frames) >= 12 and frames.std() > 5


def test_sb3_trains_on_it():
    envs = make_sb3_vec_env(ID, 2, seed=0, houses=1, **SHORT)
    model = PPO("MultiInputPolicy", envs, n_steps=8, batch_size=8, n_epochs=1, seed=0)
    before = [parameter.clone() for parameter in model.policy.parameters()]
    model.learn(32)
    after = list(model.policy.parameters())
    assert any(not p.equal(b) for p, b in zip(after, before, strict=True))
    assert all(torch.isfinite(p).all() for p in after)
    envs.close()


def test_tensors_hold_the_numbers_of_the_arrays():
    kwargs = {"houses": 1, "autoreset_mode": "SameStep", **SHORT, "horizon": 3}
    arrays = gym.make_vec(ID, num_envs=2, **kwargs)
    tensors = gym.make_vec(ID, num_envs=2, output="torch", **kwargs)
    first, _ = arrays.reset(seed=1)
    second, _ = tensors.reset(seed=1)
    rng = np.random.default_rng(0)
    for _ in range(4):
        assert first.keys() == second.keys()
        for key in first:
            np.testing.assert_array_equal(first[key], second[key].numpy())
        actions = rng.uniform(-1, 1, (2, 8)).astype(np.float32)
        first, rewards, *_ = arrays.step(actions)
        second, same, *_ = tensors.step(torch.tensor(actions))
        np.testing.assert_array_equal(rewards.astype(np.float32), same.numpy())
    arrays.close()
    tensors.close()
