"""Policies of other packages by their interfaces: official classes, LeRobot's, plain functions."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import molmospaces_gym  # noqa: F401
from molmospaces_gym.errors import (
    InvalidConfig,
    InvalidReply,
    MissingPackage,
    NotReset,
    PolicyUnavailable,
    UnknownName,
)
from molmospaces_gym.policies.base import load_policy, policy_env_kwargs
from molmospaces_gym.policies.function import FunctionPolicy
from molmospaces_gym.policies.lerobot_policy import LeRobotAdapter
from molmospaces_gym.policies.official import MolmoSpacesPolicy

SIZE = (48, 32)


@pytest.fixture(scope="module")
def env() -> Iterator[Any]:
    """A Pick env with small pictures, played by joint targets, at its start."""
    made = gym.make(
        "molmospaces_gym/Pick-v1",
        scene="generated/train/0",
        action_mode="joint_position",
        obs_mode="rgb",
        image_size=SIZE,
    )
    made.reset(seed=0)
    yield made.unwrapped
    made.close()


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An importable module ``their_policies`` for a test to fill."""
    made: Any = ModuleType("their_policies")
    monkeypatch.setitem(sys.modules, "their_policies", made)
    return made


def commands_of(env: Any, policy: Any, count: int = 1) -> Any:
    """Actuator commands (count, 8) of a policy that has been bound and reset."""
    session = env.session
    found = []
    for _ in range(count):
        action, _ = policy.predict(session.observe())
        assert action.dtype == np.float32
        found.append(session.action_mapper.decode(action.astype(np.float64), session.ctrl))
    return np.stack(found)


class Official:
    """As the official package has them: a list with one dict goes in, a dict comes out."""

    def __init__(self, config: Any = None) -> None:
        self.config, self.task = config, None
        self.seen: list[Any] = []
        self.resets = 0

    def reset(self) -> None:
        self.resets += 1

    def get_action(self, observation: Any) -> Any:
        (obs,) = observation
        self.seen.append(obs)
        return {"arm": np.asarray(obs["qpos"]["arm"]) + 0.1, "gripper": np.array([255.0])}


class Chunked(Official):
    def get_action_chunk(self, observation: Any) -> Any:
        first = self.get_action(observation)
        return [{**first, "gripper": [float(number)]} for number in range(3)]


class PerStep(Official):
    """Has the method, but says None: one step at a time."""

    def get_action_chunk(self, observation: Any) -> None:
        return None


class TestOfficial:
    def bound(self, env: Any, theirs: Any) -> Any:
        policy = MolmoSpacesPolicy(theirs)
        policy.bind(env)
        policy.reset("pick up the mug.", 0)
        return policy

    @pytest.mark.parametrize("kind", [Official, PerStep])
    def test_a_step_at_a_time(self, env: Any, kind: type[Official]) -> None:
        theirs = kind()
        commands = commands_of(env, self.bound(env, theirs), 2)
        qpos = env.session.observe()["arm_qpos"]
        np.testing.assert_allclose(commands, np.tile(np.append(qpos + 0.1, 255), (2, 1)), atol=1e-4)
        assert (theirs.resets, len(theirs.seen)) == (1, 2)
        seen = theirs.seen[0]
        assert seen["task"] == "pick up the mug."
        assert seen["wrist_camera"].shape == seen["exo_camera_1"].shape == (32, 48, 3)
        assert {name: len(values) for name, values in seen["qpos"].items()} == {
            "arm": 7,
            "gripper": 2,
        }
        assert theirs.task.get_task_description() == "pick up the mug."  # type: ignore[attr-defined]

    def test_chunks_are_played_to_their_end(self, env: Any) -> None:
        theirs = Chunked()
        policy = self.bound(env, theirs)
        commands = commands_of(env, policy, 5)
        np.testing.assert_allclose(commands[:, 7], [0, 1, 2, 0, 1], atol=1e-4)
        assert len(theirs.seen) == 2
        policy.reset("again.", 1)
        assert commands_of(env, policy)[0, 7] == pytest.approx(0, abs=1e-4)

    def test_groups_left_out_hold(self, env: Any) -> None:
        theirs = Official()
        theirs.get_action = lambda obs: {"arm": None, "gripper": [200.0], "done": True}  # type: ignore[method-assign]
        command = commands_of(env, self.bound(env, theirs))[0]
        np.testing.assert_allclose(command[:7], env.session.ctrl[:7], atol=1e-6)
        assert command[7] == pytest.approx(200.0, abs=1e-4)

    def test_relative_groups(self, env: Any, module: Any) -> None:
        class Relative(Official):
            def get_action(self, observation: Any) -> Any:
                return [{"arm": np.full(7, 0.05)}]

        module.Relative = Relative
        policy: Any = load_policy("molmospaces:their_policies:Relative?relative=arm")
        policy.bind(env)
        policy.reset("", 0)
        expected = env.session.observe()["arm_qpos"] + 0.05
        np.testing.assert_allclose(commands_of(env, policy)[0, :7], expected, atol=1e-6)

    def test_by_name_with_a_configuration(self, module: Any) -> None:
        @dataclass
        class Settings:
            horizon: int = 8

        module.Official, module.Settings, module.settings = Official, Settings, Settings(3)
        module.make = Official
        for place, horizon in (("Official:Settings", 8), ("make:settings", 3)):
            policy: Any = load_policy(f"molmospaces:their_policies:{place}")
            assert policy._policy.config.horizon == horizon
        assert policy_env_kwargs(policy) == {"action_mode": "joint_position", "obs_mode": "rgb"}

    @pytest.mark.parametrize(
        ("place", "error", "message"),
        [
            ("their_policies", InvalidConfig, "expected MODULE:NAME"),
            ("their_policies:Nobody", InvalidConfig, "has no 'Nobody'"),
            ("no_such_module:Official", PolicyUnavailable, "needs the module 'no_such_module'"),
            ("their_policies:number", InvalidConfig, "names no class or function but int"),
            ("their_policies:Needy", InvalidConfig, "cannot be called with 0 argument"),
            ("their_policies:object", InvalidConfig, "object lacks reset"),
            ("their_policies:Official?speed=3", UnknownName, "option of molmospaces: 'speed'"),
        ],
    )
    def test_mistakes(self, module: Any, place: str, error: type[Exception], message: str) -> None:
        class Needy(Official):
            def __init__(self, config: Any, task: Any) -> None:
                super().__init__(config)

        module.Official, module.Needy, module.number, module.object = Official, Needy, 3, object
        with pytest.raises(error, match=message):
            load_policy(f"molmospaces:{place}")

    def test_wrong_actions(self, env: Any) -> None:
        theirs = Official()
        policy = self.bound(env, theirs)
        for action, message in (
            ({"arm": np.zeros(6)}, "'arm' must have 7 values, but 6 came"),
            ({"hand": np.zeros(1)}, "commands hand; expected arm, gripper"),
            (np.zeros(8), "an official action is a dict, not ndarray"),
            ({"arm": np.full(7, np.nan)}, "not finite"),
        ):
            theirs.get_action = lambda obs, action=action: action  # type: ignore[method-assign]
            with pytest.raises(InvalidReply, match=message):
                policy.predict(env.session.observe())
        with pytest.raises(NotReset, match="bind"):
            MolmoSpacesPolicy(Official()).predict({})


class TestLeRobot:
    """A stand-in with the interface and the key conventions of LeRobot's ``PreTrainedPolicy``."""

    class Standin:
        def __init__(self, features: Any = None, size: int = 8) -> None:
            self.config = SimpleNamespace(input_features=features or {})
            self.batches: list[Any] = []
            self.resets, self._size = 0, size

        def reset(self) -> None:
            self.resets += 1

        def select_action(self, batch: Any) -> Any:
            import torch

            self.batches.append(batch)
            return torch.full((1, self._size), 0.25) + 0.01 * torch.randn(1, self._size)

        def predict_action_chunk(self, batch: Any) -> Any:
            import torch

            self.batches.append(batch)
            return torch.arange(5.0)[None, :, None] * torch.full((1, 1, self._size), 0.1)

    @staticmethod
    def features(**shapes: tuple[int, ...]) -> Any:
        names = {
            "state": "observation.state",
            "wrist": "observation.images.wrist_camera",
            "exo": "observation.images.exo_camera_1",
        }
        return {names[key]: SimpleNamespace(shape=shape) for key, shape in shapes.items()}

    def bound(self, env: Any, *arguments: Any, **settings: Any) -> Any:
        policy = LeRobotAdapter(*arguments, **settings)
        policy.bind(env)
        policy.reset("pick up the mug.", 3)
        return policy

    def test_a_batch_of_one_with_its_keys(self, env: Any) -> None:
        import torch

        theirs = self.Standin(self.features(state=(30,), wrist=(3, 32, 48)))
        policy = self.bound(env, theirs)
        obs = env.session.observe()
        policy.predict(obs)
        (batch,) = theirs.batches
        assert batch.keys() == {"observation.state", "observation.images.wrist_camera", "task"}
        assert batch["task"] == ["pick up the mug."]
        keys = ("arm_qpos", "arm_qvel", "gripper", "tcp_pose", "target")
        expected = np.concatenate([obs[key] for key in keys])
        np.testing.assert_array_equal(batch["observation.state"], expected[None])
        picture = batch["observation.images.wrist_camera"]
        assert (picture.shape, picture.dtype) == ((1, 3, 32, 48), torch.float32)
        np.testing.assert_allclose(
            picture[0].permute(1, 2, 0).numpy() * 255, obs["wrist_camera"], atol=1e-4
        )
        assert policy_env_kwargs(policy) == {
            "obs_mode": "rgb",
            "cameras": ["wrist_camera"],
            "image_size": [48, 32],
        }

    def test_processors_come_before_and_after(self, env: Any) -> None:
        theirs = self.Standin()
        policy = self.bound(
            env,
            theirs,
            lambda batch: {**batch, "observation.state": batch["observation.state"] * 0},
            lambda action: action * 0 + 0.5,
        )
        action, _ = policy.predict(env.session.observe())
        np.testing.assert_array_equal(action, np.full(8, 0.5, np.float32))
        assert not theirs.batches[0]["observation.state"].any()

    def test_chunks_are_cut_at_the_horizon(self, env: Any) -> None:
        theirs = self.Standin()
        policy = self.bound(env, theirs, state=("arm_qpos", "gripper"), execute_horizon=3)
        actions = [policy.predict(env.session.observe())[0][0] for _ in range(4)]
        np.testing.assert_allclose(actions, [0, 0.1, 0.2, 0], atol=1e-6)
        assert [batch["observation.state"].shape for batch in theirs.batches] == [(1, 8)] * 2

    def test_noise_follows_the_seed_and_leaves_torch_alone(self, env: Any) -> None:
        import torch

        before = torch.random.get_rng_state().clone()
        policy = self.bound(env, self.Standin())
        first = [policy.predict(env.session.observe())[0] for _ in range(2)]
        policy.reset("", 3)
        again = [policy.predict(env.session.observe())[0] for _ in range(2)]
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first[0], first[1])
        assert torch.equal(before, torch.random.get_rng_state())

    @pytest.mark.parametrize(
        ("features", "message"),
        [
            (
                {"state": (8,)},
                r"of shape \(8,\), the env gives \(30,\); choose the keys",
            ),
            ({"wrist": (3, 64, 64)}, r"image_size=\[WIDTH,HEIGHT\]"),
        ],
    )
    def test_other_shapes_are_named(self, env: Any, features: Any, message: str) -> None:
        policy = self.bound(env, self.Standin(self.features(**features)))
        with pytest.raises(InvalidConfig, match=message):
            policy.predict(env.session.observe())

    def test_what_is_not_observed_is_named(self, env: Any) -> None:
        features = {"observation.images.ceiling": SimpleNamespace(shape=(3, 32, 48))}
        policy = self.bound(env, self.Standin(features))
        with pytest.raises(InvalidConfig, match=r"takes 'observation.images.ceiling', which the"):
            policy.predict(env.session.observe())

    def test_mistakes(self, env: Any, tmp_path: Path) -> None:
        with pytest.raises(InvalidReply, match=r"not \(1, 7\)"):
            self.bound(env, self.Standin(size=7)).predict(env.session.observe())
        with pytest.raises(InvalidConfig, match="object has no reset"):
            LeRobotAdapter(object())
        with pytest.raises(InvalidConfig, match="pictures of several sizes"):
            LeRobotAdapter(self.Standin(self.features(wrist=(3, 8, 8), exo=(3, 9, 9))))
        with pytest.raises(PolicyUnavailable, match="no LeRobot policy"):
            load_policy(f"lerobot:{tmp_path}")
        with pytest.raises(UnknownName, match="option of lerobot: 'speed'"):
            load_policy(f"lerobot:{tmp_path}?speed=3")

    def test_a_saved_policy_needs_the_package(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "config.json").write_text("{}")
        monkeypatch.setitem(sys.modules, "lerobot", None)
        with pytest.raises(MissingPackage, match="pip install lerobot"):
            load_policy(f"lerobot:{tmp_path}")

    def test_a_saved_policy_is_loaded_with_its_processors(
        self, env: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Against modules with the names and signatures that LeRobot 0.4 to 0.6 has."""
        theirs = self.Standin()
        asked: list[Any] = []

        class Config:
            type, device = "act", "cuda"

            @classmethod
            def from_pretrained(cls, path: str) -> Any:
                asked.append(path)
                return cls()

        class Policy:
            @classmethod
            def from_pretrained(cls, path: str, config: Any) -> Any:
                asked.append((path, config.device))
                return theirs

        def processors(config: Any, pretrained_path: str, preprocessor_overrides: Any) -> Any:
            asked.append((pretrained_path, preprocessor_overrides))
            return (lambda batch: batch), (lambda action: action * 0 + 0.75)

        parts: dict[str, Any] = {
            "lerobot": {},
            "lerobot.configs": {},
            "lerobot.configs.policies": {"PreTrainedConfig": Config},
            "lerobot.policies": {},
            "lerobot.policies.factory": {
                "get_policy_class": lambda kind: {"act": Policy}[kind],
                "make_pre_post_processors": processors,
            },
        }
        for name, members in parts.items():
            made = ModuleType(name)
            made.__dict__.update(members)
            monkeypatch.setitem(sys.modules, name, made)
        (tmp_path / "config.json").write_text("{}")
        (tmp_path / "env.json").write_text('{"action_mode": "ee_delta"}')
        policy: Any = load_policy(f"lerobot:{tmp_path}?state=arm_qpos&device=cpu")
        assert policy_env_kwargs(policy) == {"action_mode": "ee_delta"}
        policy.bind(env)
        policy.reset("", 0)
        action, _ = policy.predict(env.session.observe())
        np.testing.assert_array_equal(action, np.full(8, 0.75, np.float32))
        path = str(tmp_path)
        device = {"device_processor": {"device": "cpu"}}
        assert asked == [path, (path, "cpu"), (path, device)]


class TestFunctions:
    def test_a_function_plays(self, module: Any) -> None:
        def follow(obs: Any, instruction: str) -> Any:
            return [len(instruction), float(obs["x"])]

        follow.env_kwargs = {"action_mode": "ee_delta"}  # type: ignore[attr-defined]
        module.follow = follow
        policy: Any = load_policy("callable:their_policies:follow")
        assert policy_env_kwargs(policy) == {"action_mode": "ee_delta"}
        policy.reset("mug", 0)
        action, state = policy.predict({"x": 0.5}, "kept")
        np.testing.assert_array_equal(action, np.array([3, 0.5], np.float32))
        assert (action.dtype, state) == (np.float32, "kept")

    def test_an_object_may_be_reset(self) -> None:
        class Counter:
            def reset(self, instruction: str, seed: int | None) -> None:
                self.count = seed or 0

            def __call__(self, obs: Any, instruction: str) -> Any:
                self.count += 1
                return [self.count]

        policy = FunctionPolicy(Counter())
        policy.reset("", 5)
        assert [policy.predict({})[0][0] for _ in range(2)] == [6, 7]

    def test_mistakes(self, module: Any) -> None:
        module.number = 3
        for name, message in (("number", "is no function but int"), ("x.y", "has no 'x.y'")):
            with pytest.raises(InvalidConfig, match=message):
                load_policy(f"callable:their_policies:{name}")
