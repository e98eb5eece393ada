"""SPOC: sizes, action tokens, the network."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from molmospaces_gym.errors import InvalidConfig, UnknownName
from molmospaces_gym.policies.spoc import ActionTokens, SpocConfig, SpocModel
from molmospaces_gym.policies.spoc.model import NEVER, count_parameters, drawn
from molmospaces_gym.policies.spoc.trunk import sinusoids

SMALL: dict[str, Any] = {
    "cameras": ("wrist", "exo"),
    "vectors": (("arm_qpos", 7), ("object_to_tcp", 3)),
    "image_size": 32,
    "text_length": 6,
    "dim": 32,
    "heads": 2,
    "hidden": 48,
    "layers": 2,
    "bins": 9,
}


def small(**changes: Any) -> SpocConfig:
    return SpocConfig.preset("nano", **{**SMALL, **changes})


def inputs(config: SpocConfig, batch: int = 3, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    side = config.image_size
    images = {
        name: torch.randint(0, 256, (batch, side, side, 3), generator=generator, dtype=torch.uint8)
        for name in config.cameras
    }
    vectors = {n: torch.randn(batch, s, generator=generator) for n, s in config.vectors}
    shape = (batch, config.text_length)
    text = torch.randint(0, config.vocabulary, shape, generator=generator)
    return {"text": text, **images, **vectors}


@pytest.mark.parametrize(
    ("preset", "published"),
    [
        ("xxl_franka", 108.785),
        ("xxl_franka_points", 108.805),
        ("xxl_rby1_rigid", 108.882),
        ("xxl_rby1_articulated", 108.911),
    ],
)
def test_published_sizes(preset: str, published: float) -> None:
    with torch.device("meta"):  # shapes without memory
        model = SpocModel(SpocConfig.preset(preset))
    assert round(count_parameters(model) / 1e6, 3) == published


def test_small_presets_are_small() -> None:
    for name, limit in (("nano", 300_000), ("tiny", 700_000)):
        config = SpocConfig.preset(name, cameras=("a", "b"), vectors=(("arm_qpos", 7),))
        assert count_parameters(SpocModel(config)) < limit


@pytest.mark.parametrize(
    "changes",
    [{"execute": 5}, {"dim": 30}, {"head": "words"}, {"dropout": 1.0}, {"bins": 1}, {"points": 3}],
)
def test_impossible_configurations_are_named(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfig, match=next(iter(changes))):
        small(**changes)
    with pytest.raises(UnknownName, match="SPOC preset"):
        SpocConfig.preset("huge")


def centers(tokens: ActionTokens) -> np.ndarray[Any, Any]:
    middle = 0.5 * (tokens.edges[0, 1:] + tokens.edges[0, :-1])
    return tokens.low[0] + 0.5 * (middle + 1.0) * (tokens.high[0] - tokens.low[0])


@given(
    st.integers(2, 40),
    st.lists(st.floats(-3, 3), min_size=2, max_size=60),
    st.floats(0, 0.2),
)
def test_tokens_stay_within_half_a_bin(bins: int, values: list[float], outliers: float) -> None:
    data = np.array(values)[:, None]
    tokens = ActionTokens.fit(data, bins, outliers=outliers)
    encoded = tokens.encode(data)
    assert encoded.min() >= 0
    assert encoded.max() < bins
    # Nothing is ever encoded as a ghost, so decoding never needs one.
    assert tokens.valid[0, encoded[:, 0]].all()
    clipped = np.clip(data, tokens.low, tokens.high)
    unit = 0.5 * (tokens.high - tokens.low)
    width = (unit * np.diff(tokens.edges, axis=1))[0, encoded[:, 0]]
    error = np.abs(tokens.decode(encoded) - clipped)[:, 0]
    is_middle = np.isclose(tokens.decode(encoded)[:, 0], centers(tokens)[encoded[:, 0]])
    assert (error <= np.where(is_middle, 0.5 * width, width) + 1e-6).all()
    right = ActionTokens(tokens.edges, tokens.low, tokens.high, middle=False)
    assert (right.decode(encoded) >= clipped - 1e-6).all()


def test_coinciding_quantiles_leave_ghosts() -> None:
    data = np.array([-1.0] * 40 + [1.0] * 40 + np.linspace(-1, 1, 20).tolist())[:, None]
    tokens = ActionTokens.fit(data, 16, outliers=0.0)
    ghosts = ~tokens.valid[0, :-1]
    assert ghosts.sum() > 6
    assert not tokens.valid[0, -1]  # padding
    used = np.unique(tokens.encode(data))
    assert not ghosts[used].any()
    # What the data holds again and again is decoded as it is.
    assert tokens.decode(tokens.encode(np.array([[-1.0], [1.0]]))).ravel().tolist() == [-1.0, 1.0]


def test_bins_need_data() -> None:
    with pytest.raises(InvalidConfig, match="finite"):
        ActionTokens.fit(np.array([[np.nan]]), 4)
    with pytest.raises(InvalidConfig, match="finite"):
        ActionTokens.fit(np.zeros((0, 2)), 4)
    with pytest.raises(InvalidConfig, match="decrease"):
        ActionTokens(np.array([[0.0, -1.0]]), np.zeros(1), np.ones(1))
    with pytest.raises(InvalidConfig, match="edges"):
        ActionTokens(np.zeros((2, 3)), np.zeros(1), np.ones(1))


def test_every_input_reaches_every_token() -> None:
    config = small(points=2)
    torch.manual_seed(0)
    model = SpocModel(config).eval()
    seen = {**inputs(config, batch=1), "points": torch.tensor([[0.3, 0.6]])}
    assert model.memory.names == ("text", "exo", "wrist", "points", "arm_qpos", "object_to_tcp")
    base = model(seen)
    assert base.shape == (1, config.queries, config.bins + 1)
    for name, value in seen.items():
        other = value + 1 if value.dtype != torch.uint8 else 255 - value
        if name == "text":
            other = (value + 1) % config.vocabulary
        moved = (model({**seen, name: other}) - base)[..., : config.bins].abs().amax((0, 2))
        assert (moved > 1e-7).all(), name
    with pytest.raises(InvalidConfig, match="missing: arm_qpos"):
        model({key: value for key, value in seen.items() if key != "arm_qpos"})
    with pytest.raises(InvalidConfig, match="32 x 32 pixels"):
        model({**seen, "exo": torch.zeros(1, 48, 48, 3, dtype=torch.uint8)})


def test_keypoints_say_where_a_dot_is_finer_than_the_grid() -> None:
    """A place is learned from 300 pictures, to a fraction of the 16 pixels of a grid's place."""
    config = small(image_size=64, keypoints=4)
    torch.manual_seed(0)
    memory = SpocModel(config).memory
    pictures, places = dots(400, 64, np.random.default_rng(0))
    head = torch.nn.Linear(config.dim, 2)
    trained = [*memory.keypoints.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(trained, 1e-2)
    for step in range(200):
        rows = slice(100 + 30 * (step % 10), 130 + 30 * (step % 10))
        loss = (head(memory.keypoints(pictures[rows])[:, 0]) - places[rows]).square().mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    off = (head(memory.keypoints(pictures[:100])[:, 0]) - places[:100]).abs().median()
    assert 32 * off < 2.0  # pixels; places are -1..1
    without = small(image_size=64, keypoints=0)
    assert (
        SpocModel(without).memory(inputs(without, 2)).shape[1] + 2
        == (SpocModel(config).memory(inputs(config, 2)).shape[1])
    )


def dots(count: int, side: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures (count, 3, side, side) of a dot, and where it is, (count, 2) in -1..1."""
    corners = rng.integers(2, side - 6, (count, 2))
    pictures = torch.full((count, 3, side, side), -1.0)
    for picture, (x, y) in zip(pictures, corners, strict=True):
        picture[:, y : y + 4, x : x + 4] = 1.0
    return pictures, torch.from_numpy((corners + 1.5) / (side - 1) * 2 - 1).float()


def test_ghosts_and_padding_are_never_chosen() -> None:
    config = small()
    model = SpocModel(config).eval()
    edges = np.tile(np.linspace(-1, 1, config.bins + 1), (config.action_dim, 1))
    edges[:, 3:7] = edges[:, 2:3]  # bins 3..5 have no width and do not come first
    model.set_tokens(ActionTokens(edges, -np.ones(7), np.ones(7)))
    with torch.no_grad():
        model.actor.bias.copy_(torch.zeros(config.bins + 1))
        model.actor.bias[[3, 4, 5, -1]] = 50.0
        logits = model(inputs(config))
    assert (logits[..., [3, 4, 5, -1]] == NEVER).all()
    generator = torch.Generator().manual_seed(0)
    assert not np.isin(logits.argmax(-1), [3, 4, 5, config.bins]).any()
    assert not np.isin(drawn(logits, generator), [3, 4, 5, config.bins]).any()


def test_padding_and_weights_count_in_the_loss() -> None:
    config = small(dropout=0.0)
    torch.manual_seed(1)
    model = SpocModel(config)
    seen = inputs(config, batch=2)
    actions = torch.rand(2, config.chunk, config.action_dim) * 2 - 1
    padding = torch.zeros(2, config.chunk, dtype=torch.bool)
    padding[1, 2:] = True
    other = actions.clone()
    other[1, 2:] = 0.123
    assert torch.equal(model.loss(seen, actions, padding), model.loss(seen, other, padding))
    first = {key: value[:1] for key, value in seen.items()}
    only = model.loss(seen, actions, padding, torch.tensor([1.0, 0.0]))
    assert only.item() == pytest.approx(model.loss(first, actions[:1], padding[:1]).item())


@pytest.mark.parametrize("head", ["tokens", "flow"])
def test_a_chunk_can_be_learned(head: str) -> None:
    config = small(head=head, dropout=0.0, cameras=(), bins=33)
    torch.manual_seed(2)
    model = SpocModel(config)
    seen = inputs(config, batch=16)
    wanted = torch.tanh(seen["arm_qpos"]).unsqueeze(1).repeat(1, config.chunk, 1)
    padding = torch.zeros(16, config.chunk, dtype=torch.bool)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    error_before = np.abs(model.act(seen) - wanted.numpy()).mean()
    for _ in range(250):
        optimizer.zero_grad()
        model.loss(seen, wanted, padding).backward()
        optimizer.step()
    error = np.abs(model.eval().act(seen) - wanted.numpy()).mean()
    assert error < 0.25 * error_before


@pytest.mark.parametrize("head", ["tokens", "flow"])
def test_saved_and_loaded_acts_the_same(head: str, tmp_path: Path) -> None:
    config = small(head=head)
    model = SpocModel(config).eval()
    data = np.random.default_rng(0).normal(size=(200, config.action_dim))
    model.set_tokens(ActionTokens.fit(data, config.bins))
    model.memory.set_scales("arm_qpos", torch.ones(7), torch.full((7,), 2.0))
    model.save_pretrained(tmp_path)
    again = SpocModel.from_pretrained(tmp_path).eval()
    assert again.config == config
    assert np.array_equal(again.act(inputs(config)), model.act(inputs(config)))


def test_flow_learns_two_ways_and_takes_one_of_them() -> None:
    """Half of the demonstrations go left, half right; between them is an obstacle."""
    config = small(head="flow", dropout=0.0, cameras=(), action_dim=1, chunk=2, execute=2)
    torch.manual_seed(3)
    model = SpocModel(config)
    seen = {key: value[:1].repeat(64, 1) for key, value in inputs(config, batch=1).items()}
    sides = torch.tensor([-0.8, 0.8]).repeat(32)
    wanted = sides[:, None, None].repeat(1, 2, 1)
    padding = torch.zeros(64, 2, dtype=torch.bool)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(300):
        optimizer.zero_grad()
        model.loss(seen, wanted, padding).backward()
        optimizer.step()
    chunks = model.eval().act(seen, generator=torch.Generator().manual_seed(0))[..., 0]
    assert (np.abs(np.abs(chunks) - 0.8) < 0.25).mean() > 0.9
    left = (chunks < 0).all(axis=1)
    right = (chunks > 0).all(axis=1)
    assert 15 < left.sum() < 49
    assert left.sum() + right.sum() > 60  # both steps of a chunk go the same way


def test_the_noise_of_flow_is_of_the_seed() -> None:
    model = SpocModel(small(head="flow")).eval()
    seen = inputs(model.config, batch=2)
    drawn_twice = [model.act(seen, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    assert np.array_equal(drawn_twice[0], drawn_twice[1])
    assert not np.array_equal(drawn_twice[0], drawn_twice[2])
    noise = torch.randn(2, model.config.queries, generator=torch.Generator().manual_seed(1))
    assert np.array_equal(model.act(seen, noise=noise), drawn_twice[0])
    assert np.array_equal(model.act(seen), model.act(seen))


def test_the_other_heads_methods_are_refused() -> None:
    model = SpocModel(small(head="flow"))
    with pytest.raises(InvalidConfig, match="'flow'"):
        model(inputs(model.config))


def test_positions_alternate_sine_and_cosine() -> None:
    found = sinusoids(torch.tensor([0.0, 1.0]), 4)
    expected = [[0, 1, 0, 1], [np.sin(1), np.cos(1), np.sin(0.01), np.cos(0.01)]]
    assert found.numpy() == pytest.approx(np.array(expected), abs=1e-6)
