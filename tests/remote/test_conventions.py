"""Messages and actions of every convention, by hand-made observations and real robots."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from molmospaces_gym.errors import HandshakeMismatch, InvalidConfig, InvalidReply, UnknownName
from molmospaces_gym.policies.remote.commands import Commander, limited
from molmospaces_gym.policies.remote.convention import ENV, Convention
from molmospaces_gym.policies.remote.observer import Observer
from molmospaces_gym.policies.remote.options import parse_options
from molmospaces_gym.policies.remote.pictures import fill_and_crop, resize_with_pad
from molmospaces_gym.policies.remote.presets import preset
from molmospaces_gym.policies.remote.replies import parse_reply
from molmospaces_gym.robots import get_robot

ROBOT = get_robot("franka_droid")
DRIVER_MAX = 0.824033
"""rad, of the closed 2F-85."""


def seen(step: int = 0, **changes: Any) -> dict[str, Any]:
    """An observation of the official size; pictures are of one value, 10 * step + 1 or 2."""
    arm = np.linspace(-1, 1, 7, dtype=np.float32)
    picture = np.full((368, 640, 3), 10 * step, np.uint8)
    made = {
        "arm_qpos": arm,
        "arm_qvel": np.zeros(7, np.float32),
        "gripper": np.array([0.25], np.float32),
        "exo_camera_1": picture + np.uint8(1),
        "wrist_camera": picture + np.uint8(2),
    }
    return {**made, **changes}


def message_of(convention: Convention, obs: dict[str, Any], text: str = "Pick up the Mug.") -> Any:
    observer = Observer(convention, ROBOT)
    observer.reset(text, 7)
    observer.see(obs)
    return observer.message(obs)


class TestMessages:
    def test_plain_observations_go_as_they_are(self) -> None:
        obs = seen()
        message = message_of(ENV, obs)
        extras = {"prompt": "Pick up the Mug.", "seed": 7, "deterministic": True}
        assert {key: message[key] for key in extras} == extras
        assert message.keys() == obs.keys() | extras.keys()
        for key, value in obs.items():
            np.testing.assert_array_equal(message[key], value)
            assert message[key].dtype == value.dtype

    def test_plain_observations_under_other_names_and_sizes(self) -> None:
        convention = parse_options(
            "ws://h?obs_map=wrist_camera:hand,arm_qpos:joints&crop=640x360&pad=224"
        ).convention
        message = message_of(convention, seen())
        assert message["hand"].shape == (224, 224, 3)
        assert message["joints"].shape == (7,)
        assert "wrist_camera" not in message

    def test_molmobot_server(self) -> None:
        message = message_of(preset("molmobot"), seen())
        assert message.keys() == {"task", "qpos", "exo_camera_1", "wrist_camera"}
        assert message["task"] == "Pick up the Mug."
        np.testing.assert_array_equal(message["qpos"]["arm"], seen()["arm_qpos"])
        # Both finger joints in rad, as the simulator and the real robot report them.
        np.testing.assert_allclose(message["qpos"]["gripper"], [0.25 * DRIVER_MAX] * 2, rtol=1e-6)
        assert message["exo_camera_1"].shape == message["wrist_camera"].shape == (360, 640, 3)
        assert message["exo_camera_1"].dtype == np.uint8

    def test_molmobot_model_gets_old_pictures_per_camera(self) -> None:
        observer = Observer(preset("molmobot", "model"), ROBOT)
        observer.reset("pick up the mug.", None)
        counts, last = [], {}
        for step in range(21):
            obs = seen(step)
            observer.see(obs)
            last = observer.message(obs)
            counts.append(len(last["images"]))
        # One frame per camera while eight steps ago there was no episode.
        assert counts == [2] * 8 + [4] * 13
        assert [int(image[0, 0, 0]) for image in last["images"]] == [121, 201, 122, 202]
        assert last.keys() == {"images", "state", "task_description"}
        assert last["state"].shape == (8,)
        assert last["state"][7] == pytest.approx(0.25 * DRIVER_MAX)
        observer.reset("pick up the mug.", None)
        observer.see(seen(3))
        assert len(observer.message(seen(3))["images"]) == 2

    def test_pi0_model_divides_the_gripper_itself(self) -> None:
        message = message_of(preset("molmobot-pi0", "model"), seen())
        assert message.keys() == {
            "observation/exterior_image_1_left",
            "observation/wrist_image_left",
            "observation/joint_position",
            "observation/gripper_position",
            "prompt",
        }
        assert message["prompt"] == "Pick up the Mug."
        np.testing.assert_allclose(
            message["observation/gripper_position"], [0.25 * DRIVER_MAX], rtol=1e-6
        )
        picture = message["observation/exterior_image_1_left"]
        assert picture.shape == (224, 224, 3)
        # 640x360 into 224 columns makes 126 rows, 49 black ones above and below.
        assert not picture[:49].any()
        assert (picture[49:175] == 1).all()
        assert not picture[175:].any()

    def test_openpi_droid_takes_a_closure_and_small_letters(self) -> None:
        message = message_of(preset("openpi-droid"), seen())
        assert message["prompt"] == "pick up the mug."
        np.testing.assert_array_equal(message["observation/gripper_position"], [0.25])
        np.testing.assert_array_equal(message["observation/joint_position"], seen()["arm_qpos"])

    @pytest.mark.parametrize("name", ["molmobot", "molmobot-pi0", "openpi-droid", "molmobot-spoc"])
    def test_cameras_of_the_hard_benchmarks_are_found(self, name: str) -> None:
        obs = seen()
        names = {"exo_camera_1": "droid_shoulder_light_randomization"}
        names["wrist_camera"] = "wrist_camera_zed_mini"
        other = {names.get(key, key): value for key, value in obs.items()}
        convention = preset(name)
        ours, theirs = message_of(convention, obs), message_of(convention, other)
        for camera in convention.cameras:
            np.testing.assert_array_equal(ours[camera.key], theirs[camera.key])

    def test_a_camera_that_is_not_there_is_named(self) -> None:
        obs = seen()
        del obs["exo_camera_1"]
        with pytest.raises(HandshakeMismatch, match=r"'exo_camera_1' of camera exo_camera_1 or"):
            message_of(preset("molmobot"), obs)

    def test_pictures_must_be_pictures(self) -> None:
        with pytest.raises(InvalidConfig, match=r"camera 'wrist_camera' must give pictures"):
            message_of(preset("molmobot"), seen(wrist_camera=np.zeros((8, 8, 3), np.float32)))

    def test_cameras_can_be_exchanged_and_renamed(self) -> None:
        swapped = preset("molmobot").renamed({"over_camera": "exo_camera_1"})
        obs = seen(over_camera=np.full((368, 640, 3), 9, np.uint8))
        assert message_of(swapped, obs)["exo_camera_1"][0, 0, 0] == 9
        renamed = preset("molmobot").renamed({"exo_camera_1": "exo_front"})
        assert "exo_front" in message_of(renamed, seen())
        with pytest.raises(InvalidConfig, match="has no picture 'b'"):
            preset("molmobot").renamed({"a": "b"})


class TestPictures:
    @settings(max_examples=30)
    @given(width=st.integers(8, 90), height=st.integers(8, 90), side=st.integers(8, 64))
    def test_padding_keeps_the_shape_of_things(self, width: int, height: int, side: int) -> None:
        bright = np.full((height, width, 3), 255, np.uint8)
        padded = resize_with_pad(bright, side)
        assert padded.shape == (side, side, 3)
        rows = np.flatnonzero(padded.any(axis=(1, 2)))
        columns = np.flatnonzero(padded.any(axis=(0, 2)))
        scale = side / max(width, height)
        assert max(len(rows), len(columns)) == side
        assert abs(len(rows) - height * scale) < 1
        assert abs(len(columns) - width * scale) < 1
        assert abs(rows[0] - (side - 1 - rows[-1])) <= 1
        assert abs(columns[0] - (side - 1 - columns[-1])) <= 1

    def test_padding_is_bilinear(self) -> None:
        picture = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
        expected = np.asarray(Image.fromarray(picture).resize((32, 24), Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(resize_with_pad(picture, 32)[4:28], expected)

    @settings(max_examples=30)
    @given(width=st.integers(8, 90), height=st.integers(8, 90))
    def test_filling_leaves_no_bars(self, width: int, height: int) -> None:
        bright = np.full((height, width, 3), 255, np.uint8)
        assert (fill_and_crop(bright, (40, 30)) == 255).all()

    def test_cropping_takes_the_middle(self) -> None:
        picture = np.arange(368, dtype=np.uint16)[:, None, None] // 2 * np.ones((1, 640, 3))
        cropped = fill_and_crop(picture.astype(np.uint8), (640, 360))
        np.testing.assert_array_equal(cropped, picture.astype(np.uint8)[4:364])


class TestReplies:
    arrays = np.arange(32, dtype=np.float32).reshape(4, 8)

    def test_three_shapes_mean_the_same(self) -> None:
        chunk = [{"arm": row[:7], "gripper": row[7:]} for row in self.arrays]
        timing = {"server_timing": {"infer_ms": 3.0}}
        rows = parse_reply({"actions": self.arrays, **timing}, "auto")
        dicts = parse_reply({"actions": chunk, **timing}, "auto")
        (single,) = parse_reply({**chunk[0], **timing}, "auto")
        assert len(rows) == len(dicts) == 4
        for row, parts in zip(rows, dicts, strict=True):
            assert isinstance(parts, dict)
            np.testing.assert_array_equal(row, np.concatenate([parts["arm"], parts["gripper"]]))
        assert isinstance(single, dict)
        np.testing.assert_array_equal(single["arm"], self.arrays[0, :7])

    @pytest.mark.parametrize(
        ("reply", "shape", "message"),
        [
            ([1, 2], "auto", "must be a map, not list"),
            ({}, "auto", "must be a map of move groups"),
            ({"actions": np.zeros(8)}, "auto", r"shape \(steps, size\), not \(8,\)"),
            ({"actions": np.zeros((1, 2, 3))}, "auto", r"not \(1, 2, 3\)"),
            ({"actions": np.zeros((0, 8))}, "auto", "holds no step"),
            ({"actions": []}, "auto", r"shape \(steps, size\)"),
            ({"actions": [[0.0, 1.0], [1.0]]}, "auto", "must be an array of numbers"),
            ({"actions": {"nd": 1}}, "auto", "must be an array of numbers"),
            ({"actions": np.array([[np.nan] * 8])}, "auto", "not finite"),
            ({"arm": np.array([np.inf])}, "auto", "'arm' holds numbers that are not finite"),
            ({"arm": "text"}, "auto", "'arm' must be an array of numbers"),
            ({"arm": np.zeros((1, 7))}, "auto", r"'arm' must have shape \(size,\)"),
            ({"actions": [{"arm": [0.0]}, 3]}, "auto", "must be a map of move groups, not int"),
            ({"actions": np.zeros((1, 8))}, "step", "has the shape 'actions' but 'step'"),
            ({"arm": np.zeros(7)}, "chunk", "Set reply=step if that is right"),
        ],
    )
    def test_lies_are_named(self, reply: Any, shape: str, message: str) -> None:
        with pytest.raises(InvalidReply, match=message):
            parse_reply(reply, shape)


def command_of(env: Any, convention: Convention, step: Any, obs: Any = None) -> Any:
    """The actuator commands that a step leads to, through the env's own decoder."""
    session = env.session
    commander = Commander(convention, session, env.action_space.shape[0])
    action = commander.action(step, session.observe() if obs is None else obs)
    assert action.dtype == np.float32
    return session.action_mapper.decode(action.astype(np.float64), session.ctrl)


class TestCommands:
    def now(self, env: Any) -> Any:
        return np.asarray(env.session.observe()["arm_qpos"], np.float64)

    def vector(self, env: Any, gripper: float, move: float = 0.0) -> Any:
        return np.append(self.now(env) + move, gripper)

    def test_absolute_joints_arrive(self, franka: Any) -> None:
        free = replace(preset("molmobot"), max_joint_delta=None)
        step = self.vector(franka, 255.0, 0.3)
        np.testing.assert_allclose(command_of(franka, free, step)[:7], step[:7], atol=1e-6)

    def test_far_targets_are_scaled_as_a_whole(self, franka: Any) -> None:
        step = self.vector(franka, 0.0)
        step[2] += 0.4
        step[3] -= 0.1
        moved = command_of(franka, preset("molmobot"), step)[:7] - self.now(franka)
        np.testing.assert_allclose(moved, [0, 0, 0.2, -0.05, 0, 0, 0], atol=1e-6)

    @settings(max_examples=60)
    @given(
        delta=st.lists(st.floats(-3, 3), min_size=1, max_size=7),
        most=st.floats(0.01, 1.0),
    )
    def test_the_clamp_keeps_the_direction(self, delta: list[float], most: float) -> None:
        start = np.ones(len(delta))
        end = limited(start, start + np.array(delta), most) - start
        assert np.abs(end).max() <= most + 1e-12
        if np.abs(delta).max() <= most:
            np.testing.assert_allclose(end, delta, atol=1e-12)
        else:
            scale = most / np.abs(delta).max()
            np.testing.assert_allclose(end, np.array(delta) * scale, atol=1e-12)

    @pytest.mark.parametrize(
        ("name", "wire", "value", "command"),
        [
            ("molmobot", "server", 128.0, 0.0),
            ("molmobot", "server", 128.5, 255.0),
            ("molmobot", "model", 3.0, 0.0),
            ("molmobot-pi0", "server", 100.0, 100.0),
            ("molmobot-pi0", "model", 0.4, 102.0),
            ("molmobot-pi0", "model", 1.7, 255.0),
            ("openpi-droid", "model", 0.5, 0.0),
            ("openpi-droid", "model", 0.51, 255.0),
            ("molmobot-spoc", "server", 200.0, 200.0),
        ],
    )
    def test_grippers(
        self, franka: Any, name: str, wire: str, value: float, command: float
    ) -> None:
        made = command_of(franka, preset(name, wire), self.vector(franka, value))
        assert made[7] == pytest.approx(command, abs=1e-4)

    def test_groups_by_name(self, franka: Any) -> None:
        convention = replace(preset("molmobot"), action_map={"joints": "arm", "grip": "gripper"})
        step = {"joints": self.now(franka) + 0.1, "grip": np.array([255.0])}
        made = command_of(franka, convention, step)
        np.testing.assert_allclose(made[:7], self.now(franka) + 0.1, atol=1e-6)
        assert made[7] == pytest.approx(255.0)

    @pytest.mark.parametrize(
        ("step", "message"),
        [
            (np.zeros(7), r"must have 8 elements \(arm 7, gripper 1\), but the server sends 7"),
            ({"arm": np.zeros(7)}, "commands arm; expected arm, gripper"),
            ({"arm": np.zeros(6), "gripper": np.zeros(1)}, "'arm' must have 7 values, but 6"),
            ({"arm": np.zeros(7), "gripper": np.zeros(1), "base": np.zeros(3)}, "action_map="),
        ],
    )
    def test_wrong_sizes_and_names(self, franka: Any, step: Any, message: str) -> None:
        with pytest.raises(InvalidReply, match=message):
            command_of(franka, preset("molmobot"), step)

    def test_actions_of_the_env_pass_through(self, franka: Any) -> None:
        commander = Commander(ENV, franka.session, 8)
        step = np.linspace(-1, 1, 8, dtype=np.float32).astype(np.float64)
        np.testing.assert_array_equal(commander.action(step, {}), step.astype(np.float32))
        with pytest.raises(InvalidReply, match="must have 8 elements, but the server sends 9"):
            commander.action(np.zeros(9), {})

    def test_other_action_modes_cannot_follow(self) -> None:
        env: Any = gym.make("molmospaces_gym/Pick-v1", scene="generated/train/0").unwrapped
        env.reset(seed=0)
        with pytest.raises(HandshakeMismatch, match="action_mode='joint_delta' cannot follow"):
            command_of(env, preset("molmobot"), self.vector(env, 0.0))
        env.close()


@pytest.fixture(scope="module")
def rby1() -> Iterator[Any]:
    """An RB-Y1 played by joint targets, at its start."""
    env = gym.make("molmospaces_gym/OpenDoor-v1", action_mode="joint_position", houses=1)
    env.reset(seed=0)
    yield env.unwrapped
    env.close()


@pytest.mark.slow
class TestTwoArms:
    @pytest.mark.parametrize("frame", ["base", "world"])
    def test_spoc_moves_base_and_arms_relatively(self, rby1: Any, frame: str) -> None:
        robot = rby1.session.scene.robot
        convention = preset("molmobot-spoc", robot="rby1", base_frame=frame)
        obs = rby1.session.observe()
        pose = np.array(rby1.session.world.joint_pos(0)[robot.base.qpos])
        step = {
            "base": np.array([0.01, 0.0, 0.02]),
            "left_arm": np.full(7, 0.03),
            "right_arm": np.full(7, -0.03),
            "left_gripper": np.array([-0.05]),
            "right_gripper": np.array([0.0]),
        }
        made = command_of(rby1, convention, step, obs)
        ahead = (np.cos(pose[2]), np.sin(pose[2])) if frame == "base" else (1.0, 0.0)
        expected = pose + [0.01 * ahead[0], 0.01 * ahead[1], 0.02]
        np.testing.assert_allclose(made[robot.groups["base"].control], expected, atol=1e-4)
        for name, move in (("left_arm", 0.03), ("right_arm", -0.03)):
            part = made[robot.groups[name].control]
            np.testing.assert_allclose(part, obs[f"{name}_qpos"] + move, atol=1e-5)
        grips = [made[robot.groups[name].control][0] for name in ("left_gripper", "right_gripper")]
        np.testing.assert_allclose(grips, [-0.05, 0.0], atol=1e-6)

    def test_its_message_holds_every_group(self, rby1: Any) -> None:
        obs = {**rby1.session.observe()}
        for name in ("head_camera", "wrist_camera_r", "wrist_camera_l"):
            obs[name] = np.zeros((576, 1024, 3), np.uint8)
        observer = Observer(preset("molmobot-spoc", robot="rby1", base_frame="base"), rby1.robot)
        observer.reset("open the door.", 0)
        message = observer.message(obs)
        sizes = {name: len(values) for name, values in message["qpos"].items()}
        grips = {"left_gripper": 2, "right_gripper": 2}
        assert sizes == {"base": 3, "torso": 6, "left_arm": 7, "right_arm": 7, "head": 2} | grips
        assert message["head_camera"].shape == (576, 1024, 3)


class TestOptions:
    def test_everything_can_be_said(self) -> None:
        options = parse_options(
            "ws://gpu:9/path?dialect=openpi&timeout=3&connect_timeout=2&unchecked=all&reply=chunk"
            "&execute_horizon=4&max_joint_delta=0.1&gripper_threshold=0.3&action_map=a:arm"
        )
        assert (options.url, options.dialect) == ("ws://gpu:9/path", "openpi")
        assert (options.timeout, options.connect_timeout) == (3.0, 2.0)
        assert options.unchecked == {"control_dt", "action_type", "gripper_unit", "cameras"}
        convention = options.convention
        assert (convention.reply, convention.execute_horizon) == ("chunk", 4)
        assert (convention.max_joint_delta, convention.gripper_threshold) == (0.1, 0.3)
        assert convention.action_map == {"a": "arm"}

    def test_presets_can_be_changed(self) -> None:
        options = parse_options("ws://h?max_joint_delta=none&crop=none&wire=model", "molmobot")
        assert options.url == "ws://h:8000"
        assert options.convention.max_joint_delta is None
        assert options.convention.crop is None
        assert options.convention.execute_horizon == 8

    @pytest.mark.parametrize(
        ("spec", "preset_name", "error", "message"),
        [
            ("h:8000", None, InvalidConfig, "named ws://host:port"),
            ("ws:/h", None, InvalidConfig, "named ws://host:port"),
            ("http://h", None, InvalidConfig, "named ws://host:port"),
            ("ws://h:port", None, InvalidConfig, "no address"),
            ("ws://h?timeout", None, InvalidConfig, "no address with options"),
            ("ws://h?timeout=1&timeout=2", None, InvalidConfig, "names an option twice"),
            ("ws://h?speed=3", None, UnknownName, "unknown policy option 'speed'; known: .*crop"),
            ("ws://h?wire=model", None, UnknownName, "policy option 'wire'"),
            ("ws://h?timeout=0", None, InvalidConfig, "timeout must be positive seconds"),
            ("ws://h?timeout=inf", None, InvalidConfig, "timeout must be positive seconds"),
            ("ws://h?timeout=x", None, InvalidConfig, "option timeout='x'"),
            ("ws://h?execute_horizon=0", None, InvalidConfig, "execute_horizon must be at least 1"),
            ("ws://h?max_joint_delta=-1", None, InvalidConfig, "max_joint_delta must be positive"),
            ("ws://h?obs_map=a", None, InvalidConfig, "expected NAME:NAME"),
            ("ws://h?reply=tensor", None, InvalidConfig, "reply must be one of"),
            ("ws://h?dialect=json", None, UnknownName, "unknown dialect 'json'"),
            ("ws://h?unchecked=speed", None, InvalidConfig, "unchecked must be 'all' or some of"),
            ("ws://h?wire=model", "molmobot-spoc", UnknownName, "wire of molmobot-spoc"),
            ("ws://h?robot=rby1", "molmobot", UnknownName, "robot of molmobot"),
            ("ws://h?robot=rby1", "molmobot-spoc", InvalidConfig, "base_frame=base"),
        ],
    )
    def test_mistakes(
        self, spec: str, preset_name: str | None, error: type[Exception], message: str
    ) -> None:
        with pytest.raises(error, match=message):
            parse_options(spec, preset_name)
