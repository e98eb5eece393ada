"""Cloning from stored episodes: read or simulated again, weighted, and resumed only unchanged."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from molmospaces_gym.benchmarks.datagen import store
from molmospaces_gym.benchmarks.datagen.engine import datagen
from molmospaces_gym.benchmarks.datagen.replay import env_of
from molmospaces_gym.benchmarks.datagen.trajectory import Trajectory
from molmospaces_gym.cli.main import app
from molmospaces_gym.errors import InvalidConfig, InvalidTrajectory, MixedActions, RunChanged
from molmospaces_gym.policies.spoc import SpocConfig
from molmospaces_gym.policies.spoc import stored as stored_module
from molmospaces_gym.policies.spoc.bc import BcSettings, BehaviourCloning, prepare
from molmospaces_gym.policies.spoc.demos import Demos
from molmospaces_gym.policies.spoc.stored import _encoded, format_of, mode_of, read_demos
from molmospaces_gym.policies.spoc.weights import read_weights

SMALL = {"dim": 16, "heads": 2, "hidden": 24, "layers": 1}
VECTORS = (("object_to_tcp", 3), ("gripper", 1))
STATE = SpocConfig.preset("nano", vectors=VECTORS, **SMALL)
DELTA = {"obs_mode": "state", "action_mode": "ee_delta"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two episodes of the expert in absolute joint targets, with noise, in every format."""
    out = tmp_path_factory.mktemp("datagen")
    formats = ("hdf5", "lerobot", "minari")
    datagen("Pick", 2, out, formats=formats, cameras=("wrist_camera",), image_size=(32, 32),
            houses=1)  # fmt: skip
    return out


@pytest.fixture(scope="module")
def trajectories(run: Path) -> list[Trajectory]:
    return list(store.load_all(run / "episodes"))


@pytest.fixture(scope="module")
def demos(run: Path) -> Demos:
    return read_demos(run, STATE, DELTA, task="Pick").demos


def given(monkeypatch: pytest.MonkeyPatch, trajectories: list[Trajectory]) -> Path:
    """A path at which ``read_demos`` finds these trajectories."""

    class Format:
        def read(self, path: Path) -> Any:
            return iter(trajectories)

    monkeypatch.setattr(stored_module, "format_of", lambda path: ("given", path))
    monkeypatch.setattr(stored_module, "get_format", lambda name: Format())
    return Path("given")


def test_a_dataset_is_found_wherever_it_is_named(run: Path, tmp_path: Path) -> None:
    assert format_of(run) == ("hdf5", run / "hdf5")
    for name in ("hdf5", "lerobot", "minari"):
        assert format_of(run / name) == (name, run / name)
    file = next((run / "hdf5").glob("house_*/*.h5"))
    assert format_of(file) == ("hdf5", file)
    with pytest.raises(InvalidTrajectory, match="no dataset"):
        format_of(tmp_path)


def test_what_is_stored_is_read_as_it_is(
    trajectories: list[Trajectory], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the recorded action mode nothing is simulated."""

    def refuse(*arguments: Any, **more: Any) -> Any:
        raise AssertionError("an env was made")

    monkeypatch.setattr(stored_module, "env_of", refuse)
    config = SpocConfig.preset("nano", vectors=VECTORS, action_dim=8, cameras=("wrist_camera",),
                               image_size=32, **SMALL)  # fmt: skip
    kwargs = {"obs_mode": "rgb", "action_mode": "joint_position"}
    found = read_demos(run, config, kwargs, idle=-1.0)
    assert (found.failed, found.diverged, found.limited) == (0, 0, 0.0)
    demos, first = found.demos, trajectories[0]
    assert (demos.episodes, demos.tried) == (2, 2)
    assert len(demos) == sum(map(len, trajectories))
    steps = len(first)
    np.testing.assert_array_equal(demos.actions[:steps], first.expert_actions)
    np.testing.assert_array_equal(
        demos.inputs["object_to_tcp"][:steps], first.observations["object_to_tcp"][:-1]
    )
    frames = first.cameras["wrist_camera"].frames()
    assert frames is not None
    np.testing.assert_array_equal(demos.inputs["wrist_camera"][:steps], frames[:-1])
    assert demos.source is not None
    assert demos.source[: steps + 1].tolist() == [[0, t] for t in range(steps)] + [[1, 0]]


@pytest.mark.parametrize("name", ["lerobot", "minari"])
def test_other_formats_give_the_same(name: str, run: Path, demos: Demos) -> None:
    other = read_demos(run / name, STATE, DELTA).demos
    np.testing.assert_array_equal(other.source, demos.source)
    np.testing.assert_allclose(other.actions, demos.actions, atol=1e-4)  # LeRobot: float32
    for key, rows in demos.inputs.items():
        np.testing.assert_array_equal(other.inputs[key], rows, key)


def test_simulated_again_it_is_what_was_seen_and_wanted(
    trajectories: list[Trajectory], demos: Demos
) -> None:
    """Observations as recorded; actions lead from the last commands to what the expert wanted."""
    assert demos.source is not None
    first = trajectories[0]
    rows = np.flatnonzero(demos.source[:, 0] == 0)
    steps = demos.source[rows, 1]
    np.testing.assert_array_equal(
        demos.inputs["object_to_tcp"][rows], first.observations["object_to_tcp"][steps]
    )
    # Steps without any movement are left out, as they are when the expert plays.
    assert len(rows) < len(first)
    assert demos.actions.shape == (len(demos), 7)
    env = env_of(first, action_mode="ee_delta")
    env.reset(seed=first.seed, options={"episode": first.episode})
    session = env.unwrapped.session
    wanted = _encoded(first, 0, session, session.action_mapper)
    assert np.abs(wanted[:6]).max() < 1.0  # one step says it all
    # The arm has a joint to spare, so that the same tool pose leaves it some room.
    start, group = session.ctrl, session.scene.robot.groups["arm"]
    moved = session.action_mapper.decode(wanted.astype(np.float64), start)
    np.testing.assert_allclose(moved[group.control], first.commands["arm"][0], atol=5e-3)
    env.close()


def test_pictures_come_from_the_simulation_where_their_size_is_another(run: Path) -> None:
    config = SpocConfig.preset("nano", vectors=VECTORS[1:], cameras=("exo_camera_1",),
                               image_size=16, **SMALL)  # fmt: skip
    kwargs = {"obs_mode": "rgb", "image_size": [16, 16], "action_mode": "ee_delta"}
    found = read_demos(run, config, kwargs).demos
    assert found.inputs["exo_camera_1"].shape == (len(found), 16, 16, 3)
    assert found.inputs["exo_camera_1"].std() > 10


def test_failures_are_learned_from_only_when_asked(
    trajectories: list[Trajectory], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = replace(trajectories[0], success=np.zeros_like(trajectories[0].success))
    path = given(monkeypatch, [failed, trajectories[1]])
    kwargs = {"action_mode": "joint_position"}
    config = SpocConfig.preset("nano", vectors=VECTORS, action_dim=8, **SMALL)
    found = read_demos(path, config, kwargs)
    assert (found.failed, found.demos.episodes, found.demos.tried) == (1, 1, 2)
    assert found.demos.source is not None
    assert set(found.demos.source[:, 0].tolist()) == {1}
    assert read_demos(path, config, kwargs, failures=True).demos.episodes == 2
    # Simulated again it succeeds, so what is stored about it cannot be true.
    again = read_demos(path, STATE, DELTA, failures=True)
    assert (again.diverged, again.demos.episodes) == (1, 1)
    path = given(monkeypatch, [failed])
    with pytest.raises(InvalidTrajectory, match="1 failed"):
        read_demos(path, config, kwargs)


def test_mixed_data_is_refused(
    trajectories: list[Trajectory], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = trajectories[0]
    other = replace(trajectories[1], env_kwargs={"action_mode": "joint_delta"})
    assert [mode_of(first), mode_of(other)] == ["joint_position", "joint_delta"]
    config = SpocConfig.preset("nano", vectors=VECTORS, action_dim=8, **SMALL)
    kwargs = {"action_mode": "joint_position"}
    path = given(monkeypatch, [first, other])
    with pytest.raises(MixedActions, match=r"joint_position and, in episode 1, joint_delta"):
        read_demos(path, config, kwargs)
    path = given(monkeypatch, [first])
    with pytest.raises(InvalidTrajectory, match="of task Pick, not Open"):
        read_demos(path, config, kwargs, task="Open")
    unknown = replace(first, episode=None)
    path = given(monkeypatch, [unknown])
    with pytest.raises(InvalidTrajectory, match="does not say how it started"):
        read_demos(path, STATE, DELTA)
    path = given(monkeypatch, [first])
    with pytest.raises(InvalidConfig, match="'nowhere'"):
        read_demos(path, replace(STATE, vectors=(("nowhere", 2),)), DELTA)


def table(path: Path, demos: Demos, column: str = "weight", drop: int = 0) -> Path:
    """Weights, one of a thousandth of frame plus episode, of all steps but the last ``drop``."""
    assert demos.source is not None
    places = np.array([(e, f) for e in range(2) for f in range(200)])[::-1]
    if drop:
        places = np.array([p for p in places.tolist() if p != demos.source[-1].tolist()])
    values = places[:, 1] / 1000 + places[:, 0]
    columns = {"index": np.arange(len(places)), "episode_index": places[:, 0]}
    columns |= {"frame_index": places[:, 1], column: values.astype(np.float32)}
    pq.write_table(pa.table(columns), path)
    return path


def test_weights_find_their_steps(demos: Demos, tmp_path: Path) -> None:
    found = read_weights(table(tmp_path / "w.parquet", demos), demos)
    assert demos.source is not None
    wanted = demos.source[:, 1] / 1000 + demos.source[:, 0]
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    np.save(tmp_path / "w.npy", found.astype(np.float32))
    np.testing.assert_allclose(read_weights(tmp_path / "w.npy", demos), wanted, atol=1e-6)


def test_wrong_weights_are_named(demos: Demos, tmp_path: Path) -> None:
    assert demos.source is not None
    episode, frame = demos.source[-1].tolist()
    with pytest.raises(InvalidConfig, match=f"frame {frame} of episode {episode}"):
        read_weights(table(tmp_path / "a.parquet", demos, drop=1), demos)
    with pytest.raises(InvalidConfig, match="no column weight; turn its progress"):
        read_weights(table(tmp_path / "b.parquet", demos, "progress_sparse"), demos)
    with pytest.raises(InvalidConfig, match="older version"):
        read_weights(table(tmp_path / "c.parquet", demos), replace(demos, source=None))
    (tmp_path / "d.parquet").write_bytes(b"nothing")
    with pytest.raises(InvalidConfig, match="no Parquet file"):
        read_weights(tmp_path / "d.parquet", demos)
    with pytest.raises(InvalidConfig, match="not 'w.csv'"):
        read_weights(tmp_path / "w.csv", demos)
    ones = np.ones(len(demos))
    for name, values in {"short": ones[1:], "words": ones.astype(str)}.items():
        np.save(tmp_path / f"{name}.npy", values)
        with pytest.raises(InvalidConfig, match="one number per step"):
            read_weights(tmp_path / f"{name}.npy", demos)
    for name, values in {"nan": np.nan * ones, "minus": -ones, "none": 0 * ones}.items():
        np.save(tmp_path / f"{name}.npy", values)
        with pytest.raises(InvalidConfig, match="finite, not negative"):
            read_weights(tmp_path / f"{name}.npy", demos)


def test_a_resumed_run_refuses_other_data_or_weights(demos: Demos, tmp_path: Path) -> None:
    chosen = BcSettings(steps=2, batch=8, every=2)
    weights = np.ones(len(demos))

    def learn(data: Demos, counted: Any, config: SpocConfig = STATE) -> None:
        model = prepare(config, data, seed=0)
        BehaviourCloning(model, data, tmp_path, chosen, counted).run()

    learn(demos, weights)
    learn(demos, weights.copy())  # the same again is done already
    with pytest.raises(RunChanged, match="other weights"):
        learn(demos, weights * 2)
    with pytest.raises(RunChanged, match="other weights"):
        learn(demos, None)
    changed = replace(demos, actions=demos.actions + np.float32(1e-3))
    with pytest.raises(RunChanged, match="other demonstrations"):
        learn(changed, weights)
    seen = {**demos.inputs, "gripper": demos.inputs["gripper"] + np.float32(1e-3)}
    with pytest.raises(RunChanged, match="other demonstrations"):
        learn(replace(demos, inputs=seen), weights)
    with pytest.raises(RunChanged, match="other config"):
        learn(demos, weights, replace(STATE, head="flow"))


def test_the_command_learns_from_a_dataset(run: Path, tmp_path: Path) -> None:
    """Weights of a Parquet file and the flow head included."""
    state = read_demos(run, STATE, DELTA, task="Pick").demos
    weights = table(tmp_path / "w.parquet", state)
    command = f"train bc --task Pick --data {run} --weights {weights} --out {tmp_path / 'bc'}"
    command += " --preset nano --head flow --steps 2 --batch 8 --trials 8 --horizon 3"
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 0, result.output
    assert "2 episodes of 2" in result.output
    assert "left out: 0 failures" in result.output
    lost = CliRunner().invoke(app, command.replace(str(run), "lost.npz").split())
    assert isinstance(lost.exception, InvalidConfig)
    again = CliRunner().invoke(app, command.replace(f"--weights {weights}", "").split())
    assert isinstance(again.exception, RunChanged)
