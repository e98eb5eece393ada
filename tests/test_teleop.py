"""Driving by keyboard, without a keyboard and without a screen."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import molmospaces_gym  # noqa: F401
from molmospaces_gym.action_layout import action_parts
from molmospaces_gym.cli import view as view_module
from molmospaces_gym.cli.main import app, main
from molmospaces_gym.errors import InvalidConfig, NotReset
from molmospaces_gym.policies import teleop
from molmospaces_gym.policies.base import policy_env_kwargs
from molmospaces_gym.policies.teleop import TeleopPolicy, help_text, key_action
from molmospaces_gym.robots import get_robot

FRANKA, RBY1 = get_robot("franka_droid"), get_robot("rby1")
KEYS = sorted(teleop.TOOL_KEYS)


@pytest.fixture
def env() -> Iterator[Any]:
    made = gym.make("molmospaces_gym/Pick-v1", scene="generated/train/0", action_mode="ee_delta")
    made.reset(seed=0)
    yield made.unwrapped
    made.close()


@pytest.mark.parametrize("key", KEYS)
def test_each_key_moves_one_axis(key: int) -> None:
    action = key_action(FRANKA, "ee_delta", {key}, closed=False)
    motion = teleop.TOOL_KEYS[key]
    expected = np.zeros(7, np.float32)
    expected[motion.axis], expected[6] = motion.value, -1.0
    np.testing.assert_array_equal(action, expected)


def test_every_axis_has_two_keys() -> None:
    for keys, axes in ((teleop.TOOL_KEYS, 6), (teleop.BASE_KEYS, 3)):
        ways = sorted((motion.axis, motion.value) for motion in keys.values())
        assert ways == [(axis, sign) for axis in range(axes) for sign in (-1.0, 1.0)]


@given(st.sets(st.sampled_from([*KEYS, 65, 300]), max_size=8), st.booleans())
def test_keys_add_up_within_the_action_space(pressed: set[int], closed: bool) -> None:
    action = key_action(FRANKA, "ee_delta", pressed, closed)
    single = [key_action(FRANKA, "ee_delta", {key}, closed)[:6] for key in pressed]
    np.testing.assert_array_equal(action[:6], np.sum([np.zeros(6), *single], axis=0))
    assert np.abs(action).max() <= 1.0
    assert action[6] == (1.0 if closed else -1.0)


def test_two_arms_move_the_primary_one() -> None:
    parts = action_parts(RBY1, "ee_delta")
    action = key_action(RBY1, "ee_delta", {teleop.UP}, closed=True)
    assert action[parts["right_arm"]].tolist() == [1, 0, 0, 0, 0, 0]
    assert (action[parts["right_gripper"]], action[parts["left_gripper"]]) == (1.0, -1.0)
    for name in ("base", "torso", "left_arm", "head"):
        assert not action[parts[name]].any()


def test_a_base_drives_and_turns() -> None:
    action = key_action(RBY1, "base_velocity", {teleop.UP, teleop.LEFT}, closed=False)
    np.testing.assert_array_equal(action, [1.0, 0.0, 1.0])


def test_other_modes_have_no_keys() -> None:
    with pytest.raises(InvalidConfig, match="not 'joint_delta'"):
        key_action(FRANKA, "joint_delta", set(), closed=False)
    with pytest.raises(InvalidConfig, match="not 'joint_position'"):
        TeleopPolicy().bind(
            SimpleNamespace(robot=FRANKA, config=SimpleNamespace(action_mode="joint_position"))
        )
    with pytest.raises(NotReset, match="bind"):
        TeleopPolicy().predict({})


def test_the_help_names_every_key() -> None:
    text = help_text("ee_delta")
    assert "up: forward, down: back" in text
    assert text.count(":") == 13
    assert "gripper" not in help_text("base_velocity")


def test_each_task_gets_a_mode_with_keys() -> None:
    policy = TeleopPolicy()
    assert policy_env_kwargs(policy, "molmospaces_gym/Pick-v1") == {"action_mode": "ee_delta"}
    assert policy_env_kwargs(policy, "molmospaces_gym/NavigateTo-v1") == {}


def test_a_press_lasts_a_while_and_moves_the_tool(env: Any) -> None:
    policy = TeleopPolicy()
    policy.bind(env)
    policy.reset("", 0)
    start = env.session.observe()["tcp_pose"][:3]
    policy.press(teleop.UP)
    policy.press(teleop.ENTER)
    moved = []
    for _ in range(12):
        action, _ = policy.predict({})
        env.step(action)
        moved.append(action[0])
    assert moved == [1.0] * teleop.STEPS_PER_PRESS + [0.0] * (12 - teleop.STEPS_PER_PRESS)
    obs = env.session.observe()
    forward, sideways, up = obs["tcp_pose"][:3] - start
    assert forward == pytest.approx(0.02 * teleop.STEPS_PER_PRESS, abs=0.015)
    assert abs(sideways) < 0.01
    assert abs(up) < 0.015
    assert obs["gripper"][0] > 0.5
    policy.press(teleop.PAD_ENTER)
    assert policy.predict({})[0][6] == -1.0
    policy.press(teleop.DOWN)
    policy.reset("", 0)
    assert not policy.predict({})[0][:6].any()


def test_without_a_display_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(SystemExit) as ended:
        main(["view", "--teleop"])
    assert ended.value.code == 2
    assert "--teleop needs a window, and this machine has no display" in capsys.readouterr().err


def test_the_viewer_hands_its_keys_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("COLUMNS", "200")
    poses: list[Any] = []

    class Window:
        """Stands in for MuJoCo's viewer: presses a key in every frame and closes after some."""

        def __init__(self, model: Any, data: Any, key_callback: Any) -> None:
            self.data, self.press = data, key_callback

        def __enter__(self) -> "Window":
            return self

        def __exit__(self, *error: Any) -> None:
            return None

        def sync(self) -> None:
            poses.append(np.array(self.data.ctrl))
            self.press(teleop.ENTER if len(poses) == 2 else teleop.UP)

        def is_running(self) -> bool:
            return len(poses) < 6

    monkeypatch.setattr("mujoco.viewer.launch_passive", Window, raising=False)
    monkeypatch.setattr(view_module.time, "sleep", lambda seconds: None)
    result = CliRunner().invoke(app, ["view", "--teleop", "--scene", "generated/train/0"])
    assert result.exit_code == 0, result.output
    assert "enter: gripper" in result.output
    moved = np.abs(np.diff(poses, axis=0)).sum(axis=1)
    assert (moved > 0).all()
    assert poses[-1].max() == 255.0
