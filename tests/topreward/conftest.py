"""Small Qwen3-VL models with random weights that attend to what they see."""

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from molmospaces_gym.rewards.qwen.model import QwenModel, QwenSettings  # noqa: E402
from molmospaces_gym.rewards.tiny.network import Size, make_network, make_tokenizer  # noqa: E402

SMALL = Size(hidden=48, inner=96, vision_hidden=32, vision_inner=64, vision_heads=2, deep=2)


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return make_tokenizer(["pick up the mug.", "open the left drawer."])


@pytest.fixture(scope="session")
def net(tokenizer: Any) -> Any:
    """Weights half again as large as for training, so that an error of position shows."""
    torch.set_num_threads(1)
    network = make_network(tokenizer, SMALL, seed=3)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if weight.ndim >= 2:
                weight.mul_(1.5)
            elif "norm" in name and "weight" in name:
                weight.add_(0.2 * torch.randn(weight.shape, generator=generator))
    return network.requires_grad_(False)


@pytest.fixture(scope="session")
def model(net: Any, tokenizer: Any) -> QwenModel:
    return QwenModel(net, tokenizer, QwenSettings(fps=4.0))


@pytest.fixture(scope="session")
def video() -> np.ndarray:
    """(9, 64, 96, 3): coarse noise that changes from frame to frame."""
    coarse = np.random.default_rng(0).integers(0, 256, (9, 8, 12, 3), dtype=np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)
