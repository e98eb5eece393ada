"""Fixtures shared by the tests."""

import importlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

REFERENCE_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

HALF = 0.015
TARGET_HALF = 0.02
PLATE = 0.002

ROW_WISE = '''
import os, time
import numpy as np

class RowWise:
    """Acts by sums and products of a row alone, so that a batch gives the same bits."""

    def __init__(self, trouble="", seed=2, notes=None, pause=0.0):
        self.trouble, self.seed, self.rows, self.calls = trouble, seed, {}, []
        self.notes, self.pause = notes, pause

    def bind(self, env):
        if self.notes is not None:
            (self.notes / str(os.getpid())).touch()

    def reset(self, instruction, seed):
        self.reset_row(0, instruction, seed)

    def reset_row(self, row, instruction, seed):
        noise = np.random.default_rng(seed + len(instruction))
        self.rows[row] = (seed, noise.uniform(-0.5, 0.5, 8).astype(np.float32))

    def predict(self, obs, state=None, episode_start=None, deterministic=True):
        q = np.atleast_2d(obs["arm_qpos"])
        self.calls.append(len(q))
        time.sleep(self.pause)
        age = np.where(episode_start, 0, 0 if state is None else state + 1)
        bias = np.stack([self.rows.get(i, (0, np.zeros(8)))[1] for i in range(len(q))])
        actions = bias + np.float32(0.01) * age[:, None]
        actions[:, :7] -= np.float32(0.1) * q
        for row, (seed, bias) in list(self.rows.items()):
            if seed == self.seed and age[row] == 2:
                self.rows[row] = (-1, bias)
                self.misbehave(actions, row)
        return (actions if obs["arm_qpos"].ndim == 2 else actions[0]).astype(np.float32), age

    def misbehave(self, actions, row):
        if self.trouble == "raise":
            raise RuntimeError("no idea")
        if self.trouble == "nan":
            actions[row, 3] = np.nan
        if self.trouble == "hang":
            time.sleep(600)
        if self.trouble == "exit":
            os._exit(7)
'''

StandinHouse = Callable[[dict[str, Any], Path], Path]


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Directory of the official material, which is not part of the project."""
    if not REFERENCE_DATA.is_dir():
        pytest.skip("the reference data is not here")
    return REFERENCE_DATA


@pytest.fixture(scope="session")
def official_benchmark(reference_data: Path) -> Path:
    """Directory of the 10 official pick episodes."""
    return reference_data / "official_benchmark"


@pytest.fixture(scope="session")
def official_episodes(official_benchmark: Path) -> list[dict[str, Any]]:
    """The 10 official pick episodes as parsed JSON."""
    episodes: list[dict[str, Any]] = json.loads(
        (official_benchmark / "benchmark.json").read_text(encoding="utf-8")
    )
    return episodes


@pytest.fixture(scope="session")
def standin_house() -> StandinHouse:
    """``standin_house(episode, assets_dir) -> path`` writes a house that fits an episode.

    The real houses are not here. The stand-in lies where the official one would, under the given
    assets directory, and holds a box of the right name at every object pose, each on a plate.
    """
    return write_standin_house


@pytest.fixture(scope="session")
def mixed_suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six Pick episodes of 4 to 9 steps in two generated houses, in turn; ids ``mixed/0..5``."""
    import gymnasium as gym

    import molmospaces_gym  # noqa: F401
    from molmospaces_gym.benchmark_io import save_benchmark

    envs: list[Any] = [
        gym.make("molmospaces_gym/Pick-v1", scene=f"generated/train/{house}") for house in (0, 1)
    ]
    specs = []
    for number in range(6):
        env = envs[number % 2]
        env.reset(seed=number)
        spec = env.unwrapped.episode
        task = {**spec.task, "task_horizon_sec": 0.066 * (4 + number)}
        specs.append(spec.replace(episode_id=f"mixed/{number}", task=task, seed=number))
    for env in envs:
        env.close()
    return save_benchmark(specs, tmp_path_factory.mktemp("mixed") / "mixed")


@pytest.fixture(scope="session")
def row_wise(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The class ``RowWise``, in a module that worker processes can import."""
    folder = tmp_path_factory.mktemp("policies")
    (folder / "row_wise.py").write_text(ROW_WISE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield importlib.import_module("row_wise").RowWise


@pytest.fixture(scope="session")
def siglip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random SigLIP model of the right geometry but few channels, with its tokenizer."""
    spm = pytest.importorskip("sentencepiece")
    transformers = pytest.importorskip("transformers")
    import torch

    folder = tmp_path_factory.mktemp("siglip")
    letters = "abcdefghijklmnopqrstuvwxyz"
    sentences = [*letters, "pick up the red mug", "pick up the bowl", "open the drawer", letters]
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences * 20), model_prefix=str(folder / "spiece"),
        vocab_size=60, hard_vocab_limit=False, pad_id=-1, bos_id=-1, eos_id=1, unk_id=2,
        control_symbols=["<pad>"], minloglevel=2,
    )  # fmt: skip
    tower = {
        "hidden_size": 48,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.SiglipModel(
            transformers.SiglipConfig(
                vision_config={**tower, "image_size": 256, "patch_size": 16},
                text_config={**tower, "vocab_size": 80, "projection_size": 48},
            )
        )
        for parameter in model.parameters():  # the usual scale would hide what matters
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    transformers.SiglipTokenizer(str(folder / "spiece.model")).save_pretrained(folder)
    return folder


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty assets directory that ``MLSPACES_ASSETS_DIR`` names."""
    directory = tmp_path / "assets"
    directory.mkdir()
    monkeypatch.setenv("MLSPACES_ASSETS_DIR", str(directory))
    yield directory


def write_standin_house(episode: dict[str, Any], assets_dir: Path) -> Path:
    split, index = episode["data_split"], episode["house_index"]
    folder = assets_dir / "scenes" / f"{episode['scene_dataset']}-{split}"
    folder.mkdir(parents=True, exist_ok=True)
    poses = episode["scene_modifications"]["object_poses"]
    target = episode["task"]["pickup_obj_name"]
    path = folder / f"{split}_{index}_ceiling.xml"
    path.write_text(_standin_mjcf(poses, target), encoding="utf-8")
    objects = {
        name: {
            "asset_id": name.split("_")[1],
            "object_id": name,
            "category": name.split("_")[0],
            "is_static": False,
        }
        for name in poses
    }
    metadata = folder / f"{split}_{index}_metadata.json"
    metadata.write_text(json.dumps({"objects": objects}), encoding="utf-8")
    return path


def _standin_mjcf(poses: dict[str, list[float]], target: str) -> str:
    root = ElementTree.Element("mujoco", model="standin")
    ElementTree.SubElement(
        root,
        "option",
        timestep="0.002",
        integrator="implicitfast",
        cone="elliptic",
        impratio="10",
        gravity="0 0 -9.8",
    )
    world = ElementTree.SubElement(root, "worldbody")
    ElementTree.SubElement(world, "light", pos="0 0 4", dir="0 0 -1", type="directional")
    floor = min(0.0, *(pose[2] - 0.05 for pose in poses.values()))
    ElementTree.SubElement(
        world, "geom", name="floor", type="plane", size="20 20 0.1", pos=f"0 0 {floor}"
    )
    for number, (name, pose) in enumerate(poses.items()):
        half = TARGET_HALF if name == target else HALF
        _add_plate(world, number, pose, half)
        _add_box(world, name, pose, half)
    return ElementTree.tostring(root, encoding="unicode")


def _add_plate(world: ElementTree.Element, number: int, pose: list[float], half: float) -> None:
    x, y, z = pose[:3]
    ElementTree.SubElement(
        world,
        "geom",
        name=f"plate_{number}",
        type="box",
        size=f"{half} {half} {PLATE}",
        pos=f"{x} {y} {z - half - PLATE}",
        rgba="0.6 0.5 0.4 1",
    )


def _add_box(world: ElementTree.Element, name: str, pose: list[float], half: float) -> None:
    """A cube that stands upright in the world, however the body's own frame is turned."""
    w, x, y, z = pose[3:]
    body = ElementTree.SubElement(
        world, "body", name=name, pos=_text(pose[:3]), quat=_text(pose[3:])
    )
    ElementTree.SubElement(body, "freejoint", name=f"{name}_jntfree")
    ElementTree.SubElement(
        body,
        "geom",
        name=f"{name}_collision_0",
        type="box",
        size=f"{half} {half} {half}",
        quat=_text([w, -x, -y, -z]),
        density="500",
        rgba="0.7 0.2 0.2 1",
    )


def _text(values: list[float]) -> str:
    return " ".join(map(repr, values))
