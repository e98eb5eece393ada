"""Our datasets and envs in the hands of the real ``lerobot`` package, which needs Python 3.12.

``make lerobot`` makes the environment and runs this. Otherwise the interpreter is looked for in the
variable MOLMOSPACES_GYM_LEROBOT_PYTHON and in ``.venv-lerobot`` of the repository.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from molmospaces_gym.benchmarks.datagen import store
from molmospaces_gym.benchmarks.datagen.engine import datagen

ROOT = Path(__file__).parents[1]
VARIABLE = "MOLMOSPACES_GYM_LEROBOT_PYTHON"
CAMERAS = ("exo_camera_1", "wrist_camera")


def find_python():
    """The interpreter with lerobot, or None."""
    named = os.environ.get(VARIABLE)
    python = Path(named) if named else ROOT / ".venv-lerobot" / "bin" / "python"
    return python if python.is_file() else None


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_python() is None,
        reason=f"no Python 3.12 with lerobot: run make lerobot, or name one in {VARIABLE}",
    ),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("lerobot") / "pick"
    return datagen(
        "Pick", 3, out, formats=("lerobot",), cameras=CAMERAS, image_size=(64, 48), houses=2
    )


@pytest.fixture(scope="module")
def collected(made):
    return list(store.load_all(made.out / "episodes"))


@pytest.fixture(scope="module")
def checked(made, tmp_path_factory):
    """(what lerobot says of it, the columns it gives)."""
    folder = tmp_path_factory.mktemp("checked")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder)}
    environment |= {"OMP_NUM_THREADS": "1"}
    script, arrays = ROOT / "tests" / "lerobot_check.py", folder / "columns.npz"
    command = [str(find_python()), str(script), str(made.datasets["lerobot"]), str(arrays)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    return json.loads(line.removeprefix("RESULT ")), dict(np.load(arrays))


def test_it_loads_whole(checked, collected):
    facts, columns = checked
    assert facts["versions"]["lerobot"] >= "0.6"
    assert facts["lengths"] == [len(t) for t in collected]
    assert facts["frames"] == len(columns["index"]) == sum(facts["lengths"])
    assert (facts["episodes"], facts["fps"], facts["robot"]) == (3, 15, "franka_droid")
    assert facts["tasks"] == list(dict.fromkeys(t.instruction for t in collected))
    assert facts["cameras"] == [f"observation.images.{camera}" for camera in CAMERAS]


def test_every_number_is_as_it_was_recorded(checked, collected):
    _, columns = checked
    keys = ("arm_qpos", "arm_qvel", "gripper", "tcp_pose", "target")
    states = [np.concatenate([t.observations[key][:-1] for key in keys], axis=1) for t in collected]
    np.testing.assert_array_equal(columns["observation.state"], np.concatenate(states))
    for name, found in {
        "action": [t.expert_actions for t in collected],
        "executed_action": [t.actions for t in collected],
        "next.reward": [t.rewards for t in collected],
        "next.success": [t.success[1:] for t in collected],
        "next.done": [t.terminated | t.truncated for t in collected],
        "timestamp": [np.arange(len(t), dtype=np.float32) / 15 for t in collected],
        "episode_index": [np.full(len(t), i) for i, t in enumerate(collected)],
        "task": [np.full(len(t), t.instruction) for t in collected],
    }.items():
        wanted = np.concatenate(found)
        if wanted.dtype == np.float64:
            np.testing.assert_allclose(columns[name], wanted, rtol=1e-6)
        else:
            np.testing.assert_array_equal(columns[name], wanted, name)


@pytest.mark.parametrize("camera", CAMERAS)
def test_every_decoded_picture_is_that_of_its_row(checked, collected, camera):
    """Two decoders convert colours differently, by a level or two; a shift would be more."""
    _, columns = checked
    found = columns[f"observation.images.{camera}"].astype(int)
    wanted = np.concatenate([t.cameras[camera].frames()[:-1] for t in collected]).astype(int)
    error = np.abs(found - wanted).mean(axis=(1, 2, 3))
    assert error.max() < 1.5
    assert np.abs(found[1:] - wanted[:-1]).mean() > 1.5 * error.mean()


def test_statistics_agree_with_its_own(checked):
    errors = checked[0]["stats"]
    assert errors["count"] == 0
    assert max(errors[name] for name in ("min", "max", "mean", "std")) < 5e-3
    assert max(errors[name] for name in ("q01", "q10", "q50", "q90", "q99")) < 1e-2


def test_it_trains_on_it_and_plays_in_our_env(checked):
    act = checked[0]["act"]
    inputs = [*(f"observation.images.{camera}" for camera in CAMERAS), "observation.state"]
    assert act["inputs"] == inputs
    assert act["outputs"] == ["action"]
    assert act["env_features"] == ["action", *inputs]
    assert np.isfinite(act["losses"]).all()
    assert act["losses"][-1] < act["losses"][0]
    assert [episode["seed"] for episode in act["episodes"]] == [0, 1]
    assert not any(episode["success"] for episode in act["episodes"])
    assert act["videos"] == 1


def test_env_hub_takes_our_make_env(checked):
    hub = checked[0]["hub"]
    assert hub["shapes"]["observation.state"] == [2, 30]
    for camera in CAMERAS:
        assert hub["shapes"][f"observation.images.{camera}"][:2] == [2, 3]
