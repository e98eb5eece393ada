"""Released SPOC folders: reading them, their encoders' place in the memory, playing them."""

import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import molmospaces_gym  # noqa: F401
from molmospaces_gym.errors import (
    HandshakeMismatch,
    InvalidConfig,
    NotReset,
    PolicyUnavailable,
    UnknownName,
)
from molmospaces_gym.policies.base import load_policy, policy_env_kwargs
from molmospaces_gym.policies.spoc import SpocConfig, SpocModel
from molmospaces_gym.policies.spoc.released import load_released, renamed
from molmospaces_gym.policies.spoc.released_policy import ReleasedSpoc, ReleasedSpocPolicy, clipped

TINY = SpocConfig.preset(
    "xxl_franka", layers=2, dim=32, heads=2, hidden=48, bins=16, feature_dim=48, text_dim=48
)
PICK = "molmospaces_gym/Pick-v1"
INSTRUCTION = "Pick up the red mug."


def released_names(config: SpocConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a released checkpoint, as the public code builds it."""
    dim, hidden, wide = config.dim, config.hidden, config.feature_dim
    found: dict[str, tuple[int, ...]] = {
        "visual_encoder.visual_compressor.0.weight": (dim, wide, 1, 1),
        "visual_encoder.visual_compressor.0.bias": (dim,),
        "visual_encoder.visual_compressor.2.weight": (dim, dim, 1, 1),
        "visual_encoder.visual_compressor.2.bias": (dim,),
        "action_decoder.action_queries": (config.queries, dim),
        "action_decoder.position_encoder.div_term": (dim // 2,),
        "action_decoder.proprioception_proj.weight": (dim, config.vectors[0][1]),
        "action_decoder.proprioception_proj.bias": (dim,),
        "action_decoder.decoder.norm.weight": (dim,),
        "action_decoder.decoder.output.weight": (dim, dim),
        "actor.linear.weight": (config.bins + 1, dim),
        "actor.linear.bias": (config.bins + 1,),
    }
    adapters = {"text_adapter.{}": config.text_dim, "visual_adapter.{}": dim}
    if config.points:
        found["visual_encoder.goal_as_point_pos_encoder.0.div_term"] = (16,)
        found["visual_encoder.coord_pos_enc.weight"] = (config.points, dim)
    for pattern, size in adapters.items():
        found |= linear_and_norm(f"visual_encoder.{pattern}", 0, size, dim)
    if config.points:
        pattern = "visual_encoder.goal_as_point_pos_encoder.{}"
        found |= linear_and_norm(pattern, 1, 32, dim)
    for camera in config.cameras:
        found[f"visual_encoder.visual_feature_token_{camera}_features"] = (dim,)
    for layer in range(config.layers):
        block = f"action_decoder.decoder.layers.{layer}"
        for attention in ("attention", "cross_attention"):
            for part in ("wq", "wk", "wv", "wo"):
                found[f"{block}.{attention}.{part}.weight"] = (dim, dim)
        for norm in ("attention_norm", "ffn_norm", "ffn_norm_kv", "cross_ffn_norm"):
            found[f"{block}.{norm}.weight"] = (dim,)
        found[f"{block}.feed_forward.w1.weight"] = (hidden, dim)
        found[f"{block}.feed_forward.w2.weight"] = (dim, hidden)
        found[f"{block}.feed_forward.w3.weight"] = (hidden, dim)
    return found


def linear_and_norm(pattern: str, first: int, size: int, dim: int) -> dict[str, tuple[int, ...]]:
    return {
        pattern.format(first) + ".weight": (dim, size),
        pattern.format(first) + ".bias": (dim,),
        pattern.format(first + 1) + ".weight": (dim,),
        pattern.format(first + 1) + ".bias": (dim,),
    }


@pytest.mark.parametrize(
    "preset", ["xxl_franka", "xxl_franka_points", "xxl_rby1_articulated", "xxl_rby1_rigid"]
)
def test_every_released_name_has_its_place(preset: str) -> None:
    config = SpocConfig.preset(preset)
    with torch.device("meta"):
        ours = dict(SpocModel(config).named_parameters())
    theirs = {new: s for name, s in released_names(config).items() if (new := renamed(name))}
    assert {name: tuple(value.shape) for name, value in ours.items()} == theirs


def write_released(folder: Path, config: SpocConfig) -> Path:
    """A released folder of random weights."""
    generator = torch.Generator().manual_seed(0)
    weights = {n: torch.randn(*s, generator=generator) for n, s in released_names(config).items()}
    save_file(weights, folder / "model.safetensors")
    edges = np.tile(np.linspace(-1, 1, config.bins + 1), (config.action_dim, 1))
    settings = {
        "action_space_kwargs": {
            "num_bins": config.bins,
            "action_dim": config.action_dim,
            "chunk_size": config.chunk,
            "bin_edges_per_dim": edges.tolist(),
            "normalization_mins": [-2.0] * 7 + [0.0],
            "normalization_maxs": [2.0] * 7 + [255.0],
        },
        "proprio_normalization_mins": [0.0] * 9,
        "proprio_normalization_maxs": [2.0] * 8 + [0.0],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_released(tmp_path_factory.mktemp("released"), TINY)


def test_a_released_folder_is_read(folder: Path) -> None:
    model = load_released(folder, TINY)
    weights = dict(model.named_parameters())
    stored = load_file(folder / "model.safetensors")
    name = "action_decoder.decoder.layers.1.cross_attention.wk.weight"
    assert torch.equal(weights["trunk.blocks.1.cross_attention.key.weight"], stored[name])
    assert torch.equal(
        weights["trunk.blocks.0.ffn_norm.weight"],
        stored["action_decoder.decoder.layers.0.cross_ffn_norm.weight"],
    )
    seen = {
        "text": torch.randn(1, 65, 48),
        **{camera: torch.randn(1, 48, 16, 16) for camera in model.config.cameras},
        "proprio": torch.tensor([[2.0] * 8 + [0.0]]),
    }
    assert model.memory(seen).shape == (1, 65 + 2 * 256 + 1, 32)  # 578 tokens, as published
    assert (
        model.memory.scaled("proprio", seen["proprio"]).eq(torch.tensor([1.0] * 8 + [-1.0])).all()
    )
    chunk = model.act(seen)
    assert chunk.shape == (1, 16, 8)
    # Right edges of 16 equal bins over [-2, 2].
    joints = chunk[..., :7]
    assert np.abs(joints * 4 - np.round(joints * 4)).max() < 1e-6
    assert joints.min() >= -1.75


def test_damaged_released_folders_are_named(tmp_path: Path) -> None:
    released = write_released(tmp_path, TINY)
    with pytest.raises(InvalidConfig, match="hf download"):
        load_released(tmp_path / "none", "xxl_franka")
    with pytest.raises(InvalidConfig, match="another model than this preset"):
        load_released(released, "xxl_franka_points")
    with pytest.raises(InvalidConfig, match="no parameter of a released"):
        renamed("decoder.weight")
    settings = released / "preprocessor_config.json"
    settings.write_text("{}")
    with pytest.raises(InvalidConfig, match="action_space_kwargs"):
        load_released(released, TINY)
    (released / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(InvalidConfig, match="no safetensors"):
        load_released(released, TINY)


@pytest.fixture(scope="module")
def policy(folder: Path, siglip: Path) -> ReleasedSpocPolicy:
    encoder = str(siglip)
    parts = ReleasedSpoc(folder=str(folder), preset=TINY, vision=encoder, text=encoder)
    return ReleasedSpocPolicy(parts)


class Decider:
    """The decisions of a policy about one observation of a real env, changed piece by piece."""

    def __init__(self, policy: ReleasedSpocPolicy) -> None:
        kwargs = policy_env_kwargs(policy, PICK)
        self.policy = policy
        self.env = gym.make(
            PICK, houses=1, disable_env_checker=True, image_size=(160, 96), **kwargs
        )
        self.obs, _ = self.env.reset(seed=0)
        policy.bind(self.env.unwrapped)

    def logits(self, instruction: str = INSTRUCTION, **changes: Any) -> torch.Tensor:
        """What the model says (queries, bins + 1)."""
        self.policy.reset(instruction, 0)
        with torch.no_grad():
            return self.policy.model(self.policy._inputs({**self.obs, **changes}))[0]

    def chunk(self, deterministic: bool = True, seed: int = 0) -> list[np.ndarray[Any, Any]]:
        """The actions of one decision."""
        self.policy.reset(INSTRUCTION, seed)
        execute = self.policy.model.config.execute
        return [self.policy.predict(self.obs, None, None, deterministic)[0] for _ in range(execute)]


@pytest.fixture(scope="module")
def decider(policy: ReleasedSpocPolicy) -> Any:
    made = Decider(policy)
    yield made
    made.env.close()


def play(decider: Decider, steps: int) -> list[np.ndarray[Any, Any]]:
    obs, info = decider.env.reset(seed=0)
    decider.policy.reset(info["instruction"], 0)
    actions = []
    for _ in range(steps):
        action, _ = decider.policy.predict(obs)
        assert decider.env.action_space.contains(action)
        actions.append(action)
        obs, _, _, _, _ = decider.env.step(action)
    return actions


def test_a_released_policy_plays_pick(decider: Decider, monkeypatch: pytest.MonkeyPatch) -> None:
    decisions: list[dict[str, tuple[int, ...]]] = []
    act = decider.policy.model.act

    def counted(inputs: Any, *rest: Any) -> Any:
        decisions.append({name: tuple(value.shape) for name, value in inputs.items()})
        return act(inputs, *rest)

    monkeypatch.setattr(decider.policy.model, "act", counted)
    actions = play(decider, 10)
    shapes = {
        "text": (1, 65, 48),
        "droid_shoulder_light_randomization": (1, 48, 16, 16),
        "wrist_camera_zed_mini": (1, 48, 16, 16),
        "proprio": (1, 9),
    }
    assert decisions == [shapes] * 2  # before the first step and before the ninth
    assert np.array_equal(actions, play(decider, 10))
    assert not np.array_equal(actions[0], actions[1])


def test_everything_seen_matters(decider: Decider) -> None:
    base = decider.logits()
    assert torch.equal(base, decider.logits())
    assert torch.equal(base, decider.logits("pick up the  red_mug"))
    assert not torch.equal(base, decider.logits("Pick up the bowl."))
    for name in ("exo_camera_1", "wrist_camera"):
        assert not torch.equal(base, decider.logits(**{name: 255 - decider.obs[name]})), name
    for name in ("arm_qpos", "gripper"):
        assert not torch.equal(base, decider.logits(**{name: decider.obs[name] + 0.3})), name


def test_cameras_go_by_either_name(decider: Decider) -> None:
    base = decider.logits()
    exo, wrist = decider.obs["exo_camera_1"], decider.obs["wrist_camera"]
    rest = {k: v for k, v in decider.obs.items() if k not in ("exo_camera_1", "wrist_camera")}
    names = {"droid_shoulder_light_randomization": exo, "wrist_camera_zed_mini": wrist}
    decider.policy.reset(INSTRUCTION, 0)
    with torch.no_grad():
        renamed_cameras = decider.policy.model(decider.policy._inputs({**rest, **names}))[0]
    assert torch.equal(base, renamed_cameras)
    with pytest.raises(HandshakeMismatch, match="wrist_camera_zed_mini"):
        decider.policy._inputs({**rest, "exo_camera_1": exo})


def test_steps_are_joint_targets_and_a_gripper_command(decider: Decider) -> None:
    chunk = decider.policy.model.act(decider.policy._inputs(decider.obs))[0]
    session = decider.env.unwrapped.session  # type: ignore[attr-defined]
    for action, step in zip(decider.chunk(), chunk, strict=False):
        command = session.action_mapper.decode(action.astype(np.float64), session.ctrl)
        robot = session.scene.robot
        wanted = session.ctrl.copy()
        wanted[robot.groups["arm"].control] = step[:7]
        wanted[robot.groups["gripper"].control] = step[7:]
        within = np.clip(wanted, robot.ctrl_low, robot.ctrl_high)
        assert command == pytest.approx(within, abs=1e-4)


def test_drawn_chunks_follow_the_seed(decider: Decider) -> None:
    first = decider.chunk(deterministic=False, seed=3)
    assert np.array_equal(first, decider.chunk(deterministic=False, seed=3))
    assert not np.array_equal(first, decider.chunk(deterministic=False, seed=4))
    assert not np.array_equal(first, decider.chunk())


def test_joints_beyond_the_data_are_clipped(policy: ReleasedSpocPolicy) -> None:
    far = torch.tensor([[-1.0, 3.0, *[1.0] * 6, 0.0]])
    scaled = policy.model.memory.scaled("proprio", clipped(policy.model, far))
    assert scaled.tolist() == [[-1.0, 1.0, *[0.0] * 6, -1.0]]


@pytest.mark.parametrize(
    ("preset", "says"),
    [("xxl_franka_points", "image points"), ("xxl_rby1_articulated", "image points"),
     ("xxl_rby1_rigid", "fisheye")],
)  # fmt: skip
def test_models_that_no_env_can_feed_are_named(folder: Path, preset: str, says: str) -> None:
    with pytest.raises(InvalidConfig, match=says):
        load_policy(f"spoc-released:{folder}?preset={preset}")


def test_wrong_parts_are_named(folder: Path, siglip: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="preset, text, vision"):
        load_policy(f"spoc-released:{folder}?camera=left")
    with pytest.raises(UnknownName, match="SPOC preset"):
        load_policy(f"spoc-released:{folder}?preset=huge")
    with pytest.raises(InvalidConfig, match="malformed"):
        load_policy(f"spoc-released:{folder}?preset")
    with pytest.raises(InvalidConfig, match="hf download allenai"):
        load_policy(f"spoc-released:{tmp_path}")
    parts = ReleasedSpoc(folder=str(folder), preset=TINY, vision=str(tmp_path))
    with pytest.raises(PolicyUnavailable, match="hf download google/siglip2-base-patch16-256"):
        ReleasedSpocPolicy(parts)
    wide = SpocConfig.preset(
        "xxl_franka", layers=1, dim=32, heads=2, hidden=48, bins=16, text_dim=32, feature_dim=48
    )
    other = write_released(tmp_path, wide)
    with pytest.raises(InvalidConfig, match="48 channels; this SPOC model needs 32"):
        ReleasedSpocPolicy(
            ReleasedSpoc(folder=str(other), preset=wide, vision=str(siglip), text=str(siglip))
        )


def test_an_unbound_policy_is_named(folder: Path, siglip: Path) -> None:
    encoder = str(siglip)
    parts = ReleasedSpoc(folder=str(folder), preset=TINY, vision=encoder, text=encoder)
    with pytest.raises(NotReset, match="bind"):
        ReleasedSpocPolicy(parts).predict({})
