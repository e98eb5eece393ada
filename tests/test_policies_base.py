"""Policies by name, and the policies that need no simulator."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from molmospaces_gym.errors import InvalidConfig, NotReset, PolicyUnavailable, UnknownName
from molmospaces_gym.policies import base
from molmospaces_gym.policies.base import PolicyLike, bind_policy, load_policy, policy_env_kwargs
from molmospaces_gym.policies.random import RandomPolicy

ACTIONS = gym.spaces.Box(-1, 1, (8,), np.float32)


class ToyEnv(gym.Env[dict[str, Any], Any]):
    """The smallest Dict env that SB3 trains on."""

    observation_space = gym.spaces.Dict({"a": gym.spaces.Box(-1, 1, (3,), np.float32)})
    action_space = ACTIONS

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        return {"a": np.zeros(3, np.float32)}, {}

    def step(self, action: Any) -> Any:
        return {"a": np.zeros(3, np.float32)}, 0.0, False, True, {}


class NeedsArgument(RandomPolicy):
    def __init__(self, argument: str) -> None:
        super().__init__()
        self.argument = argument


class FakeEntry:
    """An installed entry point without an installation."""

    def __init__(self, name: str, load: Callable[[], Any]) -> None:
        self.name = name
        self.load = load


def _missing_module() -> Any:
    raise ModuleNotFoundError("No module named 'nothere'", name="nothere")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [
        FakeEntry("random", lambda: RandomPolicy),
        FakeEntry("pick", lambda: NeedsArgument),
        FakeEntry("broken", _missing_module),
        FakeEntry("number", lambda: 3),
        FakeEntry("empty", lambda: type("Empty", (), {})),
    ]
    monkeypatch.setattr(base, "entry_points", lambda group: entries)


def test_the_random_policy_is_installed() -> None:
    assert "random" in base.known_policies()
    assert isinstance(load_policy("random"), PolicyLike)


@pytest.mark.usefixtures("installed")
def test_argument_reaches_the_policy_whole() -> None:
    policy = load_policy("pick:ws://host:8000")
    assert isinstance(policy, NeedsArgument)
    assert policy.argument == "ws://host:8000"


@pytest.mark.usefixtures("installed")
def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=r"unknown policy 'rondom'; known: .*pick, random"):
        load_policy("rondom")


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("pick", InvalidConfig, "takes an argument: pick:ARGUMENT"),
        ("random:3", InvalidConfig, "takes no argument"),
        ("broken", PolicyUnavailable, "needs the module 'nothere'"),
        ("number", InvalidConfig, "must name a class"),
        ("empty", InvalidConfig, "lacks reset or predict"),
    ],
)
def test_bad_specs(spec: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        load_policy(spec)


def test_optional_members_are_optional() -> None:
    assert policy_env_kwargs(RandomPolicy()) == {}
    bind_policy(object(), SimpleNamespace(unwrapped=None))


def test_random_policy_repeats_per_seed() -> None:
    policy = RandomPolicy()
    with pytest.raises(NotReset, match="bind"):
        policy.predict({})
    bind_policy(policy, SimpleNamespace(unwrapped=SimpleNamespace(action_space=ACTIONS)))

    def play(seed: int) -> np.ndarray[Any, Any]:
        policy.reset("pick up the mug.", seed)
        return np.stack([policy.predict({})[0] for _ in range(5)])

    first, again, other = play(1), play(1), play(2)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert all(ACTIONS.contains(action) for action in first)


@pytest.mark.parametrize("algorithm", ["PPO", "A2C", "SAC", "TD3", "DDPG"])
def test_sb3_model_is_detected_and_plays_as_saved(tmp_path: Path, algorithm: str) -> None:
    sb3 = pytest.importorskip("stable_baselines3")
    from molmospaces_gym.policies.sb3 import SB3Policy

    small: dict[str, Any] = {"policy_kwargs": {"net_arch": [8]}, "device": "cpu", "seed": 0}
    model = getattr(sb3, algorithm)("MultiInputPolicy", ToyEnv(), **small)
    model.save(tmp_path / "model.zip")
    trained = {"action_mode": "ee_delta", "scene": "generated/train/0"}
    (tmp_path / "model.json").write_text(json.dumps({"env_kwargs": trained}))
    policy = SB3Policy(str(tmp_path / "model"))
    assert policy.env_kwargs == {"action_mode": "ee_delta"}
    obs = {"a": np.full(3, 0.3, np.float32)}
    action, state = policy.predict({**obs, "unused": np.zeros(2)})
    np.testing.assert_array_equal(action, model.predict(obs, deterministic=True)[0])
    assert action.dtype == np.float32
    assert state is None


def test_sb3_samples_repeat_without_touching_global_generators(tmp_path: Path) -> None:
    sb3 = pytest.importorskip("stable_baselines3")
    import torch

    from molmospaces_gym.policies.sb3 import SB3Policy

    sb3.PPO("MultiInputPolicy", ToyEnv(), device="cpu").save(tmp_path / "m.zip")
    policy = SB3Policy(str(tmp_path / "m.zip"))
    obs = {"a": np.zeros(3, np.float32)}

    def play() -> list[Any]:
        policy.reset("", 5)
        return [policy.predict(obs, deterministic=False)[0] for _ in range(3)]

    before = torch.random.get_rng_state().clone()
    first, again = play(), play()
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[0], first[1])
    assert torch.equal(before, torch.random.get_rng_state())


def test_sb3_names_bad_files(tmp_path: Path) -> None:
    from molmospaces_gym.policies.sb3 import SB3Policy

    with pytest.raises(PolicyUnavailable, match="no Stable-Baselines3 model at"):
        SB3Policy(str(tmp_path / "none.zip"))
    (tmp_path / "text.zip").write_text("hello")
    with pytest.raises(PolicyUnavailable, match="is no Stable-Baselines3 model"):
        SB3Policy(str(tmp_path / "text.zip"))
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
        archive.writestr("data", "{}")
    with pytest.raises(PolicyUnavailable, match="does not know"):
        SB3Policy(str(tmp_path / "odd.zip"))
    (tmp_path / "odd.json").write_text("{")
    with pytest.raises(InvalidConfig, match="not valid JSON"):
        SB3Policy(str(tmp_path / "odd.zip"))


def test_sb3_refuses_code_of_another_python(tmp_path: Path) -> None:
    """It would end the process: byte code of one version is none of another."""
    sb3 = pytest.importorskip("stable_baselines3")
    from stable_baselines3.common.torch_layers import CombinedExtractor

    from molmospaces_gym.policies.sb3 import SB3Policy

    class Local(CombinedExtractor):  # type: ignore[misc]
        pass

    for name, extractor in (("module", CombinedExtractor), ("local", Local)):
        kwargs = {"features_extractor_class": extractor}
        model = sb3.PPO("MultiInputPolicy", ToyEnv(), policy_kwargs=kwargs, device="cpu")
        model.save(tmp_path / f"{name}.zip")
        SB3Policy(str(tmp_path / name))  # the same version of Python
        _pretend_python(tmp_path / f"{name}.zip", "3.7")
    SB3Policy(str(tmp_path / "module"))
    with pytest.raises(PolicyUnavailable, match=r"Python 3\.7 .* its policy_kwargs hold code"):
        SB3Policy(str(tmp_path / "local"))


def _pretend_python(file: Path, version: str) -> None:
    with zipfile.ZipFile(file) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    entries["system_info.txt"] = f"- Python: {version}.1\n".encode()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def test_grasp_features_see_an_offset_at_two_scales_and_half_turns_alike() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("stable_baselines3")
    from molmospaces_gym.integrations.sb3_features import GraspFeatures

    env = gym.make("molmospaces_gym/Pick-v1", disable_env_checker=True)
    observation, _ = env.reset(seed=0)
    features = GraspFeatures(env.observation_space)  # type: ignore[arg-type]
    rows = {key: torch.from_numpy(value[None].copy()) for key, value in observation.items()}
    seen = features(rows)
    assert seen.shape == (1, features.features_dim)
    offset = observation["object_to_tcp"]
    np.testing.assert_allclose(seen[0, :3], np.clip(25.0 * offset, -1.0, 1.0), rtol=1e-6)
    w, x, y, z = rows["object_pose"][0, 3:7].tolist()
    # Half a turn about the vertical, from the left: (0, 0, 0, 1) times (w, x, y, z).
    rows["object_pose"][0, 3:7] = torch.tensor([-z, -y, x, w])
    np.testing.assert_allclose(features(rows).numpy(), seen.numpy(), atol=1e-5)
    env.close()
