"""What SPOC is cloned from, and cloning itself."""

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.policies.base import load_policy
from molmospaces_gym.policies.spoc import SpocConfig, SpocModel
from molmospaces_gym.policies.spoc.bc import BcSettings, BehaviourCloning, augmented, prepare
from molmospaces_gym.policies.spoc.demos import Demos, collect

REAL = SpocConfig.preset(
    "nano", vectors=(("object_to_tcp", 3), ("gripper", 1)), dim=16, heads=2, hidden=24, layers=1
)
PICK = "molmospaces_gym/Pick-v1"


@pytest.fixture(scope="module")
def demos() -> Demos:
    env = gym.make(PICK, houses=2, action_mode="ee_delta", horizon=80, disable_env_checker=True)
    found = collect(env, REAL, load_policy("expert"), 3, seed=0)
    env.close()
    return found


def test_demonstrations_hold_whole_episodes(demos: Demos) -> None:
    assert demos.episodes == 3 <= demos.tried
    assert demos.inputs["object_to_tcp"].shape == (len(demos), 3)
    assert demos.inputs["text"].shape == (len(demos), REAL.text_length)
    assert sorted(set(demos.ends.tolist()))[-1] == len(demos)
    first = int(demos.ends[0])
    rows = np.array([0, first - 2, first])
    chunk, padding = demos.chunks(rows, 4)
    assert np.array_equal(chunk[0], demos.actions[:4])
    assert padding.tolist() == [[False] * 4, [False, False, True, True], [False] * 4]
    assert np.array_equal(chunk[1, 2], demos.actions[first - 1])
    assert np.array_equal(chunk[2], demos.actions[first : first + 4])
    # Nothing in it is waiting: an open-loop policy would never stop doing so.
    offsets, gripper = demos.inputs["object_to_tcp"][:first], demos.inputs["gripper"][:first]
    changes = np.abs(np.diff(np.hstack([offsets, gripper]), axis=0)).max(axis=1)
    assert (changes > 0).mean() > 0.95


def test_demonstrations_survive_a_file(demos: Demos, tmp_path: Path) -> None:
    demos.save(tmp_path / "demos.npz")
    again = Demos.load(tmp_path / "demos.npz")
    assert (again.episodes, again.tried) == (demos.episodes, demos.tried)
    assert np.array_equal(again.actions, demos.actions)
    assert all(np.array_equal(again.inputs[k], v) for k, v in demos.inputs.items())
    (tmp_path / "other.npz").write_bytes(b"no zip")
    with pytest.raises(InvalidConfig, match="no demonstrations"):
        Demos.load(tmp_path / "other.npz")


def test_cloning_resumes_as_if_never_stopped(demos: Demos, tmp_path: Path) -> None:
    chosen = BcSettings(steps=24, batch=32, every=8, seed=4)

    def cloning(folder: str) -> BehaviourCloning:
        return BehaviourCloning(prepare(REAL, demos, seed=4), demos, tmp_path / folder, chosen)

    stop_at(cloning("parts"), 8)
    again, unbroken = cloning("parts"), cloning("whole")
    again.run()
    unbroken.run()
    whole, parts = unbroken.model, again.model
    for name, value in whole.state_dict().items():
        assert torch.equal(value, parts.state_dict()[name]), name
    with pytest.raises(InvalidConfig, match="other settings"):
        BehaviourCloning(
            prepare(REAL, demos, 4), demos, tmp_path / "whole", BcSettings(steps=25, every=8)
        ).run()


class _Stop(Exception):
    pass


def stop_at(cloning: BehaviourCloning, step: int) -> None:
    """Run until the checkpoint of ``step`` was written."""
    save = cloning._save

    def save_and_stop() -> None:
        save()
        if cloning._progress.step == step:
            raise _Stop

    cloning._save = save_and_stop  # type: ignore[method-assign]
    with pytest.raises(_Stop):
        cloning.run()


def test_the_best_trial_is_kept_not_the_last(demos: Demos, tmp_path: Path) -> None:
    rates = iter([0.2, 0.6, 0.4])
    kept: list[dict[str, torch.Tensor]] = []

    def trial(model: SpocModel) -> float:
        kept.append({k: v.clone() for k, v in model.state_dict().items()})
        return next(rates)

    model = prepare(REAL, demos, seed=0)
    chosen = BcSettings(steps=9, batch=16, every=3)
    progress = BehaviourCloning(model, demos, tmp_path, chosen, trial=trial).run()
    assert progress.successes == [(3, 0.2), (6, 0.6), (9, 0.4)]
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in kept[1].items())
    assert not torch.equal(kept[2]["trunk.queries"], kept[1]["trunk.queries"])


def test_weights_are_of_the_right_length(demos: Demos, tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="weights must have shape"):
        BehaviourCloning(prepare(REAL, demos, 0), demos, tmp_path, BcSettings(), weights=np.ones(3))


def test_pictures_are_shifted_and_tinted_a_little() -> None:
    torch.manual_seed(0)
    images = (torch.arange(2 * 16 * 16 * 3) % 200).reshape(2, 16, 16, 3).to(torch.uint8)
    assert torch.equal(augmented(images, 0, 0.0), images)
    moved = augmented(images, 2, 0.0)
    assert not torch.equal(moved, images)
    assert set(moved.unique().tolist()) <= set(images.unique().tolist())
    assert augmented(images, 2, 0.3).shape == images.shape
