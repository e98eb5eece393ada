"""The model that comes with the package."""

import json

import numpy as np
import pytest

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.rewards import load_reward_model
from molmospaces_gym.rewards.registry import TINY
from molmospaces_gym.rewards.speed import measure_speed

torch = pytest.importorskip("torch")

TASK = "pick up the mug."


@pytest.fixture(scope="module")
def tiny():
    torch.set_num_threads(1)
    return load_reward_model("topreward:tiny")


def test_it_is_small_and_a_real_qwen3_vl(tiny):
    assert sum(file.stat().st_size for file in TINY.iterdir()) <= 6_000_000
    assert sum(weight.numel() for weight in tiny.net.parameters()) <= 1_500_000
    assert json.loads((TINY / "config.json").read_text())["architectures"] == [
        "Qwen3VLForConditionalGeneration"
    ]
    assert type(tiny.net).__name__ == "Qwen3VLForConditionalGeneration"
    assert tiny.name == "topreward:tiny"
    assert tiny.fps == 2.0 and tiny.cameras == ("exo_camera_1", "wrist_camera")


def test_short_name_and_arguments():
    again = load_reward_model("tiny", fps=3.0, layout="5.10")
    assert again.fps == 3.0 and again.prompt.layout == "5.10"
    with pytest.raises(InvalidConfig, match="colour"):
        load_reward_model("tiny", colour="red")


def test_options_stand_behind_the_name():
    """So that a command line, or an env's spec, can say where a network runs."""
    again = load_reward_model("topreward:tiny?device=cpu&dtype=bfloat16&fps=3&layout=5.10")
    assert (again.fps, again.prompt.layout, again.device) == (3.0, "5.10", "cpu")
    assert again.net.dtype == torch.bfloat16
    for wrong, error in (
        ("colour=red", "colour"),
        ("fps=fast", "fps='fast'"),
        ("dtype=int", "int"),
    ):
        with pytest.raises(InvalidConfig, match=error):
            load_reward_model(f"tiny?{wrong}")


def test_the_network_is_not_fetched(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert load_reward_model("tiny").start(TASK)


def test_its_stream_equals_recomputation(tiny):
    frames = np.random.default_rng(0).integers(0, 256, (7, 64, 128, 3), dtype=np.uint8)
    session = tiny.start(TASK)
    for count, frame in enumerate(frames, start=1):
        session.push(frame)
        expected = tiny.score_video(frames[:count], TASK)
        assert session.score().logp_true == pytest.approx(expected.logp_true, abs=1e-5)
        assert session.score().logp_false == pytest.approx(expected.logp_false, abs=1e-5)


def test_frames_of_any_size_are_taken(tiny):
    session = tiny.start(TASK)
    session.push(np.zeros((224, 448, 3), np.uint8))
    assert session.score().logp_true < 0


def test_costs_are_measured(tiny):
    speed = measure_speed(tiny, frames=8, envs=2, batch_frames=2)
    assert speed.difference <= 1e-5
    assert speed.memory_bytes > 0
    assert speed.gain > 0 and speed.batch_gain > 0 and speed.ms_per_score > 0
