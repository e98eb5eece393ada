"""Folders, the hub without a network, and older releases of transformers."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from molmospaces_gym.errors import InvalidConfig, RewardModelUnavailable
from molmospaces_gym.rewards.qwen.compat import video_features
from molmospaces_gym.rewards.qwen.model import QwenModel, QwenSettings
from molmospaces_gym.rewards.qwen.pixels import patches

torch = pytest.importorskip("torch")
TASK = "pick up the mug."


@pytest.fixture(scope="module")
def folder(net, tokenizer, tmp_path_factory):
    path = tmp_path_factory.mktemp("qwen")
    net.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def test_a_folder_gives_the_same_scores(folder, model, video):
    again = QwenModel.load(str(folder), fps=4.0)
    assert again.score_video(video, TASK) == model.score_video(video, TASK)
    assert again.name == str(folder)


def test_half_precision_is_read_out_in_float32(folder, model, video):
    half = QwenModel.load(str(folder), dtype="bfloat16", fps=4.0)
    found, exact = half.score_video(video, TASK), model.score_video(video, TASK)
    assert found.logp_true == pytest.approx(exact.logp_true, abs=0.5)
    assert found.logp_true * 8 % 1 != 0  # not on the grid of bfloat16 at this size


def test_settings_come_from_the_configuration_and_can_be_replaced(net, tokenizer, tmp_path):
    net.config.topreward = {"fps": 5.0, "frame_size": [64, 64], "layout": "5.10"}
    try:
        net.save_pretrained(tmp_path)
    finally:
        del net.config.topreward
    tokenizer.save_pretrained(tmp_path)
    said = QwenModel.load(str(tmp_path))
    assert said.settings == QwenSettings(fps=5.0, frame_size=(64, 64), layout="5.10")
    assert said.size_for((480, 640, 3)) == (64, 64)
    assert QwenModel.load(str(tmp_path), layout="4.57", fps=3.0).fps == 3.0


@pytest.mark.parametrize("damage", ["config.json", "model.safetensors", "tokenizer.json"])
def test_missing_and_broken_files_are_one_clear_error(folder, tmp_path, damage):
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / damage).unlink()
    with pytest.raises(RewardModelUnavailable, match="folder must hold"):
        QwenModel.load(str(broken))
    (broken / damage).write_bytes(b"nothing")
    with pytest.raises(RewardModelUnavailable, match="folder must hold"):
        QwenModel.load(str(broken))


def test_absent_weights_are_not_made_up(folder, tmp_path):
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    weights = load_file(broken / "model.safetensors")
    del weights["lm_head.weight"]
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(RewardModelUnavailable, match="lm_head.weight"):
        QwenModel.load(str(broken))


def test_the_hub_without_a_network_says_what_to_do(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(RewardModelUnavailable, match="hf download nobody/no-such-model"):
        QwenModel.load("nobody/no-such-model")


def test_other_models_and_settings_are_refused(folder, tmp_path, net, tokenizer):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(InvalidConfig, match="is a bert model"):
        QwenModel.load(str(tmp_path))
    with pytest.raises(InvalidConfig, match="float64"):
        QwenModel.load(str(folder), dtype="float64")
    with pytest.raises(InvalidConfig, match="cannot be put on device 'nowhere'"):
        QwenModel.load(str(folder), device="nowhere")
    with pytest.raises(InvalidConfig, match="speed"):
        QwenModel.load(str(folder), speed=3)
    with pytest.raises(InvalidConfig, match="fps must be positive"):
        QwenModel(net, tokenizer, QwenSettings(fps=0))
    with pytest.raises(InvalidConfig, match="multiples of 32"):
        QwenModel(net, tokenizer, QwenSettings(frame_size=(64, 65)))


def test_the_pair_of_older_releases_is_read_alike(net, video):
    rows, grids = patches(video[:4], 16, 2), torch.tensor([[2, 4, 6]])
    found, deep = video_features(net, rows, grids)

    def as_before_5(pixels, grid):
        output = net.model.get_video_features(pixels, grid)
        return output.pooler_output, [torch.cat(part) for part in output.deepstack_features]

    old = SimpleNamespace(model=SimpleNamespace(get_video_features=as_before_5))
    again, deep_again = video_features(old, rows, grids)
    assert torch.equal(found, again)
    assert all(torch.equal(a, b) for a, b in zip(deep, deep_again, strict=True))
    assert np.isfinite(found.numpy()).all()
