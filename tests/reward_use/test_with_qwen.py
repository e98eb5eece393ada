"""The wrappers and the evaluation with a real Qwen3-VL architecture of random weights."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import molmospaces_gym  # noqa: F401
from molmospaces_gym.rewards.clips import Clip
from molmospaces_gym.rewards.evaluation import evaluate_clips, summary
from molmospaces_gym.rewards.vector_wrapper import VectorTOPReward
from molmospaces_gym.rewards.wrapper import TOPReward

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
qwen: Any = pytest.importorskip("molmospaces_gym.rewards.qwen.model")
network: Any = pytest.importorskip("molmospaces_gym.rewards.tiny.network")

ID = "molmospaces_gym/Pick-v1"
SHORT = {"houses": 1, "horizon": 11, "action_mode": "ee_delta"}
SETTINGS = {"mode": "logp", "combine": "replace"}


@pytest.fixture(scope="module")
def model() -> Any:
    """Weights half again as large as for training, so that it attends to what it sees."""
    torch.set_num_threads(1)
    tokenizer = network.make_tokenizer(["pick up the mug.", "open the left drawer."])
    size = network.Size(
        hidden=48, inner=96, vision_hidden=32, vision_inner=64, vision_heads=2, deep=2
    )
    net = network.make_network(tokenizer, size, seed=3)
    with torch.no_grad():
        for weight in net.parameters():
            if weight.ndim >= 2:
                weight.mul_(1.5)
    cameras = ("exo_camera_1", "wrist_camera")
    settings = qwen.QwenSettings(fps=4.0, frame_size=(64, 128), cameras=cameras)
    return qwen.QwenModel(net.requires_grad_(False), tokenizer, settings)


@pytest.mark.parametrize("late", [False, True])
def test_vector_pays_what_single_ones_pay(model, late):
    settings = {**SETTINGS, "asynchronous": late}
    envs = gym.make_vec(ID, num_envs=2, autoreset_mode="SameStep", **SHORT)
    envs = VectorTOPReward(envs, model, **settings)
    singles = [TOPReward(gym.make(ID, **SHORT), model, **settings) for _ in range(2)]
    envs.reset(seed=0)
    for slot, env in enumerate(singles):
        env.reset(seed=slot)
    rng, paid, tokens = np.random.default_rng(0), [], 0.0
    for _ in range(25):
        actions = rng.uniform(-1, 1, (2, 7)).astype(np.float32)
        _, rewards, *_ = envs.step(actions)
        for slot, env in enumerate(singles):
            _, reward, terminated, truncated, info = env.step(actions[slot])
            assert rewards[slot] == pytest.approx(reward, abs=1e-5)
            paid.append(reward)
            tokens += info["topreward/tokens"]
            if terminated or truncated:
                env.reset()
    assert np.ptp(paid) > 1e-3 and tokens > 0 and envs.seconds > 0
    envs.close()
    for env in singles:
        env.close()


def test_a_still_camera_has_nothing_to_subtract_from(model):
    """Every frame the same: the value is 0 whatever the model makes of the length."""
    frame = np.random.default_rng(0).integers(0, 256, (64, 128, 3), np.uint8)
    clip = Clip(
        name="still", instruction="pick up the mug.", fps=4.0, success=None,
        read=lambda: np.stack([frame] * 6),
    )  # fmt: skip
    verdict = evaluate_clips(model, [clip], prefixes=0)[0]
    assert verdict.still is not None
    real, still = verdict.real.values(), verdict.still.values()
    np.testing.assert_allclose(real, still, atol=1e-6)
    assert np.ptp(real) > 1e-4
    assert summary([verdict])["tokens"] > 0
