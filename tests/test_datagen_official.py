"""Official recordings through the reader, and the encodings that the layout is made of."""

import json

import gymnasium as gym
import h5py
import mujoco
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import molmospaces_gym  # noqa: F401
from molmospaces_gym.benchmarks.datagen.formats import get_format
from molmospaces_gym.benchmarks.datagen.json_rows import (
    arrays_as_rows,
    decode_name,
    decode_rows,
    encode_name,
    encode_rows,
    rows_as_arrays,
)
from molmospaces_gym.benchmarks.datagen.noise import ActionNoise, NoiseConfig, truncated_normal
from molmospaces_gym.benchmarks.datagen.replay import replay
from molmospaces_gym.benchmarks.datagen.video import (
    DEPTH_LEVELS,
    DEPTH_MAX,
    DEPTH_MIN,
    decode_depth,
    depth_file,
    encode_depth,
    read_depth,
    read_video,
    rgb_file,
)
from molmospaces_gym.errors import InvalidConfig, InvalidTrajectory
from molmospaces_gym.robots.kinematics import Kinematics

ID = "molmospaces_gym/Pick-v1"
JOINTS = {
    "arm": [f"robot_0/fr3_joint{i}" for i in range(1, 8)],
    "gripper": ["robot_0/gripper/left_driver_joint", "robot_0/gripper/right_driver_joint"],
}


@pytest.fixture(scope="module")
def recording(reference_data):
    return reference_data / "official_pick_episode"


@pytest.fixture(scope="module")
def official_file(recording, tmp_path_factory):
    """The recorded official episode as the official writer would have stored it.

    Written apart from our writer, with what is peculiar to the official one: rows of float32 in
    JSON cut to 2000 bytes, a dummy first action, the done step as the last row, ``terminated`` that
    is never filled in, empty ``sensor_data``, no actors and a pickle in ``obs_scene``.
    """
    log = np.load(recording / "oracle.npz")
    model = mujoco.MjModel.from_xml_path(str(recording / "scene.xml"))
    address = {g: [model.joint(n).qposadr[0] for n in names] for g, names in JOINTS.items()}
    states = np.concatenate([log["qpos_logged"], log["qpos_logged"][-1:]])
    rows, ctrl = len(states), log["ctrl"]

    def pack(dictionaries):
        found = np.zeros((rows, 2000), np.uint8)
        for line, entry in zip(found, dictionaries, strict=True):
            text = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()[:2000]
            line[: len(text)] = list(text)
        return found

    commands = [{"arm": c[:7].tolist(), "gripper": c[7:].tolist()} for c in ctrl]
    hold = {"arm": states[0][address["arm"]].tolist(), "gripper": [0.0]}
    success = np.concatenate([[False], log["success"], log["success"][-1:]])
    file = tmp_path_factory.mktemp("official") / "house_5" / "trajectories_batch_1_of_1.h5"
    file.parent.mkdir()
    with h5py.File(file, "w") as h5:
        group = h5.create_group("traj_0")
        qpos = [
            {g: row[a].astype(np.float32).tolist() for g, a in address.items()} for row in states
        ]
        group["obs/agent/qpos"] = pack(qpos)
        group["obs/agent/qvel"] = pack([{g: [0.0] * len(a) for g, a in address.items()}] * rows)
        group["obs/extra/tcp_pose"] = np.zeros((rows, 7), np.float32)
        group["obs/extra/robot_base_pose"] = np.zeros((rows, 7), np.float32)
        group["obs/extra/grasp_state_pickup_obj"] = pack(
            [{"gripper": {"held": bool(s), "touching": bool(s)}} for s in success]
        )
        group.create_group("obs/sensor_data")
        group["obs/sensor_param/wrist_camera/intrinsic_cv"] = np.tile(
            np.array([[300, 0, 320], [0, 300, 184], [0, 0, 1]], np.float32), (rows, 1, 1)
        )
        group["obs/sensor_param/wrist_camera/extrinsic_cv"] = np.zeros((rows, 3, 4), np.float32)
        group["obs/sensor_param/wrist_camera/cam2world_gl"] = np.zeros((rows, 4, 4), np.float32)
        group["actions/commanded_action"] = pack([{}, *commands, commands[-1]])
        group["actions/joint_pos"] = pack([hold, *commands, {}])
        group.create_group("env_states/actors")
        group["env_states/articulations/panda"] = np.zeros((rows, 31), np.float32)
        group["rewards"] = np.concatenate([[0], log["reward"], [0]]).astype(np.float32)
        group["success"], group["fail"] = success, ~success
        group["terminated"] = np.arange(rows) == rows - 1
        group["truncated"] = np.zeros(rows, np.bool_)
        group["obs_scene"] = json.dumps(
            {
                "task_type": "pick",
                "task_description": "pick up the red block.",
                "policy_dt_ms": 66.0,
                "object_name": "red_block",
                "frozen_config": "gASVBQAAAAAAAAAu",
            }
        )
    return file


def test_official_file_becomes_a_trajectory(official_file, recording):
    (trajectory,) = get_format("hdf5").read(official_file)
    log = np.load(recording / "oracle.npz")
    assert len(trajectory) == len(log["ctrl"]) == 66
    assert (trajectory.task, trajectory.robot) == ("Pick", "franka_droid")
    assert trajectory.house == "house_5"
    assert trajectory.instruction == "pick up the red block."
    assert trajectory.episode is None
    assert trajectory.control_dt == pytest.approx(0.066)
    np.testing.assert_array_equal(trajectory.commands["arm"], log["ctrl"][:, :7])
    np.testing.assert_array_equal(trajectory.commands["gripper"], log["ctrl"][:, 7:])
    np.testing.assert_array_equal(trajectory.success[1:], log["success"])
    np.testing.assert_allclose(trajectory.rewards, log["reward"], atol=1e-6)
    assert trajectory.actions.shape == (66, 0)
    assert trajectory.cameras["wrist_camera"].size == (640, 368)
    assert trajectory.cameras["wrist_camera"].frames() is None
    assert trajectory.grasps["gripper"].shape == (67, 2)
    with pytest.raises(InvalidTrajectory, match="how it started"):
        replay(trajectory)


def test_official_episode_replays_to_its_recorded_success(official_file, recording):
    """With its start given: joints within the contact dynamics of MuJoCo 4, the same success."""
    (trajectory,) = get_format("hdf5").read(official_file)
    log = np.load(recording / "oracle.npz")
    names = {"qpos": "qpos0", "qvel": "qvel0", "mocap_pos": "mocap_pos", "mocap_quat": "mocap_quat"}
    episode = {
        "task": {
            "pickup_obj_name": "red_block",
            "pickup_obj_start_pose": [0.4, 0, 0.025, 1, 0, 0, 0],
        },
        "state": {key: log[name].tolist() for key, name in names.items()},
    }
    found = replay(trajectory, episode=episode, scene=str(recording / "scene.xml"))
    assert found.steps == 66
    assert found.success_recorded
    assert found.success_replayed
    assert found.success_agreement == 1.0
    assert 0 < found.qpos_max < 1e-2
    assert np.isnan(found.position_max)


def test_a_row_that_was_cut_off_is_named(official_file, tmp_path):
    broken = tmp_path / "broken.h5"
    broken.write_bytes(official_file.read_bytes())
    with h5py.File(broken, "a") as h5:
        h5["traj_0/obs/agent/qpos"][3, 40:] = 0
    with pytest.raises(InvalidTrajectory, match="row 3.*not JSON"):
        list(get_format("hdf5").read(broken))
    broken.write_text("no HDF5")
    with pytest.raises(InvalidTrajectory, match="no trajectory file"):
        list(get_format("hdf5").read(broken))


numbers = st.floats(allow_nan=False, allow_infinity=False, width=64)


@given(
    st.lists(
        st.dictionaries(st.text(max_size=8), st.lists(numbers, max_size=9), max_size=4), max_size=5
    )
)
def test_json_rows_give_back_every_bit(rows):
    encoded = encode_rows(rows, width=64)
    assert encoded.dtype == np.uint8
    assert encoded.shape[1] >= 64
    assert decode_rows(encoded, "x") == rows


def test_a_long_row_is_not_cut_off():
    rows = [{"base": [0.1] * 1000}, {}]
    assert encode_rows(rows).shape == (2, 4010)
    assert encode_rows([{}]).shape == (1, 2000)
    assert decode_rows(encode_rows(rows), "x") == rows


def test_arrays_become_rows_and_back():
    arrays = {"arm": np.arange(6.0).reshape(3, 2), "gripper": np.ones((3, 1))}
    back = rows_as_arrays(arrays_as_rows(arrays), "x")
    assert list(back) == ["arm", "gripper"]
    np.testing.assert_array_equal(back["arm"], arrays["arm"])
    with pytest.raises(InvalidTrajectory, match="different shapes"):
        rows_as_arrays([{"arm": [1.0]}, {"arm": [1.0, 2.0]}], "x")


@given(st.text(min_size=1, max_size=150).filter(lambda text: "\x00" not in text))
def test_names_come_back(name):
    encoded = encode_name(name)
    assert len(encoded) >= 100
    assert decode_name(encoded) == name


@given(st.lists(st.floats(0.0, 1.0, width=32), min_size=1, max_size=50))
def test_depth_comes_back_to_within_a_level(values):
    depth = np.array([values], np.float32)
    back = decode_depth(encode_depth(depth))
    inside = (depth >= DEPTH_MIN) & (depth <= DEPTH_MAX)
    assert (back[~inside] == 0).all()
    level = (DEPTH_MAX - DEPTH_MIN) / DEPTH_LEVELS
    np.testing.assert_allclose(back[inside], depth[inside], atol=1.01 * level)


def test_videos_come_back(tmp_path):
    rng = np.random.default_rng(0)
    depth = rng.uniform(0.0, 0.7, (5, 32, 48)).astype(np.float32)
    color, deep = rgb_file(tmp_path / "a.mp4", 15), depth_file(tmp_path / "b.mp4", 15)
    for number, picture in enumerate(depth):
        color.append(np.full((32, 48, 3), 40 * number, np.uint8))
        deep.append(encode_depth(picture))
    color.close()
    deep.close()
    np.testing.assert_array_equal(
        read_depth(tmp_path / "b.mp4"), decode_depth(np.stack([encode_depth(d) for d in depth]))
    )
    frames = read_video(tmp_path / "a.mp4")
    np.testing.assert_allclose(frames.mean(axis=(1, 2, 3)), 40 * np.arange(5), atol=4)
    (tmp_path / "c.mp4").write_text("nothing")
    with pytest.raises(InvalidTrajectory, match="no readable video"):
        read_video(tmp_path / "c.mp4")


@given(st.floats(1e-6, 10.0), st.floats(1e-3, 1.0), st.integers(0, 2**32))
def test_noise_stays_within_its_bound(deviation, bound, seed):
    drawn = truncated_normal(np.random.default_rng(seed), deviation, bound, 100)
    assert np.abs(drawn).max() <= bound
    assert np.isfinite(drawn).all()


def test_truncated_normal_has_the_wanted_spread():
    drawn = truncated_normal(np.random.default_rng(0), 0.002, 0.02, 100_000)
    assert drawn.std() == pytest.approx(0.002, rel=0.02)
    assert abs(drawn.mean()) < 5e-5
    # Cut off at one deviation, the spread is that of a truncated normal distribution: 0.54.
    cut = truncated_normal(np.random.default_rng(0), 0.02, 0.02, 100_000)
    assert cut.std() == pytest.approx(0.5396 * 0.02, rel=0.02)
    assert (truncated_normal(np.random.default_rng(0), 0.0, 0.02, 3) == 0).all()


@pytest.mark.parametrize("robot", ["franka_droid", "rby1"])
def test_noise_is_a_share_of_the_way_in_tool_space(robot):
    env = gym.make(ID, houses=1, robot=robot)
    env.reset(seed=0)
    session = env.unwrapped.session
    noise = ActionNoise(NoiseConfig(), session.scene.robot, np.random.default_rng(0))
    # Nothing is commanded: where the joints are is where they shall be.
    hold = session.scene.robot.hold_command(session.world.joint_pos(0))
    np.testing.assert_allclose(noise.disturb(hold, session), hold, atol=1e-9)
    arm = session.scene.robot.arms[0]
    command = hold.copy()
    command[arm.control] += 0.05
    tool = Kinematics(session.scene.robot)
    tool.set_posture(session.world.joint_pos(0))
    way, _ = tool.displacement(hold[arm.control], command[arm.control])
    drawn = [noise.disturb(command, session)[arm.control] for _ in range(300)]
    off = np.array([tool.displacement(command[arm.control], row)[0] for row in drawn])
    assert off.std() == pytest.approx(0.1 * np.linalg.norm(way), rel=0.15)
    assert np.abs(off).max() < 0.021
    again = ActionNoise(NoiseConfig(), session.scene.robot, np.random.default_rng(0))
    again.disturb(hold, session)
    np.testing.assert_array_equal(again.disturb(command, session)[arm.control], drawn[0])
    env.close()


def test_base_noise_is_planar_and_bounded():
    env = gym.make(ID, houses=1, robot="rby1")
    env.reset(seed=0)
    session = env.unwrapped.session
    base = session.scene.robot.base.control
    noise = ActionNoise(NoiseConfig(), session.scene.robot, np.random.default_rng(0))
    command = session.scene.robot.hold_command(session.world.joint_pos(0))
    command[base] += [0.1, 0.0, 0.2]
    off = np.array([noise.disturb(command, session)[base] - command[base] for _ in range(300)])
    assert off[:, :2].std() == pytest.approx(0.01, rel=0.15)
    assert off[:, 2].std() == pytest.approx(0.02, rel=0.15)
    assert np.abs(off).max(axis=0).tolist() <= [0.02, 0.02, 0.05]
    env.close()


def test_noise_must_not_be_negative():
    with pytest.raises(InvalidConfig, match="max_position"):
        NoiseConfig(max_position=-1.0)
