"""Minari datasets: writer and reader, both with the ``minari`` package.

The dataset folder is a local Minari root: point ``MINARI_DATASETS_PATH`` at it and load
``<Task>-<policy>-v0``. Spaces are those of the env that ``recover_environment`` makes: the observed
numbers, or with filmed cameras the robot's numbers and the pictures (``obs_mode="rgb"``).
``actions`` are those that were carried out, noise included, so that the transitions are true ones;
``infos`` holds what the expert wanted, what else was observed, and how the episode was made.
Minari keeps pictures as JPEG.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.datagen.about import dump_about, parse_about
from molmospaces_gym.benchmarks.datagen.formats import DatasetMeta
from molmospaces_gym.benchmarks.datagen.trajectory import CameraTrack, Trajectory
from molmospaces_gym.errors import InvalidTrajectory, MissingPackage

ALGORITHM = "molmospaces_gym datagen"
OBSERVED, COMMANDS, EXECUTED = "observations", "commands", "executed"
EXPERT, SUCCESS, ABOUT = "expert_actions", "is_success", "about"
WHOLE = ("base_pose", "object_poses", "object_velocities", "sim_qpos", "sim_qvel")
NAMED = ("qpos", "qvel", "tcp_poses", "command_poses", "quantities", "grasps")
"""Attributes that are kept as they are: arrays, and mappings of arrays."""


def import_minari() -> Any:
    """The module minari with what its files need; raises ``MissingPackage``."""
    try:
        import h5py  # noqa: F401 - minari imports it late
        import minari
        import minari.data_collector
        import minari.dataset.minari_storage
    except ImportError as error:
        raise MissingPackage(
            'Minari datasets need minari; install it with: pip install "molmospaces-gym[minari]"'
        ) from error
    return minari


class MinariFormat:
    """The format ``minari``."""

    def writer(self) -> "MinariWriter":
        """A writer for one dataset; raises ``MissingPackage``."""
        import_minari()
        return MinariWriter()

    def read(self, path: Path) -> Iterator[Trajectory]:
        """The trajectories of a Minari root with one dataset, or of a folder in one.

        The matrices of the cameras and depth are not in it.

        Raises:
            InvalidTrajectory: nothing is there, or it is not of molmospaces-gym.
            MissingPackage: minari is not installed.
        """
        minari = import_minari()
        folders = sorted(file.parent for file in path.rglob("metadata.json"))
        if len(folders) != 1:
            raise InvalidTrajectory(f"{path} holds {len(folders)} Minari datasets, expected one")
        for episode in minari.MinariDataset(folders[0]):
            yield _trajectory(episode, f"{folders[0]}, episode {episode.id}")


class MinariWriter:
    """Appends an episode at a time to the HDF5 file of Minari."""

    def open(self, directory: Path, meta: DatasetMeta) -> None:
        """Start a dataset in the empty folder ``directory``."""
        minari = import_minari()
        spec = recorded_spec(meta)
        env = gym.make(spec)
        self._keys = [name for name in env.observation_space.spaces]  # type: ignore[attr-defined]
        self._meta, self._written = meta, 0
        dataset = dataset_id(meta)
        folder = directory / dataset / "data"
        folder.mkdir(parents=True)
        self._storage = minari.dataset.minari_storage.MinariStorage.new(
            folder, env.observation_space, env.action_space, env_spec=spec, data_format="hdf5"
        )
        env.close()
        self._storage.update_metadata(
            {
                "dataset_id": dataset,
                "minari_version": minari.__version__,
                "algorithm_name": ALGORITHM,
                "description": f"{meta.settings.get('task')} by {meta.settings.get('policy')}",
                "requirements": ["molmospaces-gym"],
            }
        )

    def write(self, trajectory: Trajectory) -> None:
        """Add a trajectory as the next episode."""
        buffer = import_minari().data_collector.EpisodeBuffer(
            id=self._written,
            seed=trajectory.seed,
            observations=self._observations(trajectory),
            actions=trajectory.actions,
            rewards=trajectory.rewards,
            terminations=trajectory.terminated,
            truncations=trajectory.truncated,
            infos=_infos(trajectory, self._keys),
        )
        self._storage.update_episodes([buffer])
        self._written += 1

    def close(self) -> None:
        """Finish the dataset; every episode is already complete."""

    def _observations(self, trajectory: Trajectory) -> dict[str, NDArray[Any]]:
        found = {}
        for key in self._keys:
            track = trajectory.cameras.get(key)
            values = trajectory.observations.get(key) if track is None else track.frames()
            if values is None:
                raise InvalidTrajectory(
                    f"trajectory {trajectory.index} has no {key!r}, which"
                    f" {self._meta.env_id} observes"
                )
            found[key] = values
        return found


def dataset_id(meta: DatasetMeta) -> str:
    """``<Task>-<policy>-v0`` with only the characters that Minari allows."""
    parts = (str(meta.settings.get("task")), str(meta.settings.get("policy")))
    return re.sub(r"[^-\w]+", "_", "-".join(parts)) + "-v0"


def recorded_spec(meta: DatasetMeta) -> Any:
    """The spec of the env whose spaces the dataset has."""
    spec = copy.deepcopy(gym.spec(meta.env_id))
    spec.kwargs |= {**meta.env_kwargs, "cameras": list(meta.cameras)}
    if meta.cameras:
        spec.kwargs |= {"obs_mode": "rgb", "image_size": list(next(iter(meta.cameras.values())))}
    return spec


def _infos(trajectory: Trajectory, observed: list[str]) -> dict[str, Any]:
    """What the transitions do not say. States have T + 1 rows, actions T, words one."""
    other = {k: rows for k, rows in trajectory.observations.items() if k not in observed}
    return {
        SUCCESS: trajectory.success,
        EXPERT: trajectory.expert_actions,
        COMMANDS: dict(trajectory.commands),
        EXECUTED: dict(trajectory.executed),
        **({OBSERVED: other} if other else {}),
        **{name: array for name in WHOLE if (array := getattr(trajectory, name)) is not None},
        **{name: dict(arrays) for name in NAMED if (arrays := getattr(trajectory, name))},
        ABOUT: [dump_about(trajectory)],
    }


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureTrack(CameraTrack):
    """A camera whose pictures are at hand: (T + 1, H, W, 3)."""

    pictures: NDArray[np.uint8]

    def frames(self) -> NDArray[np.uint8]:
        """The pictures."""
        return self.pictures


def _trajectory(episode: Any, where: str) -> Trajectory:
    infos: Mapping[str, Any] = episode.infos or {}
    about = parse_about(infos.get(ABOUT, [None])[0], where)
    groups, names, joints = (about.pop(key) for key in ("groups", "observations", "qpos"))
    observed = {**episode.observations, **infos.get(OBSERVED, {})}
    cameras = {
        name: _camera(observed[name], (size[0], size[1]))
        for name, size in about.pop("cameras").items()
    }
    kept = {name: infos[name] for name in (*WHOLE, *NAMED) if name in infos}
    for name in ("qpos", "qvel"):
        kept[name] = {key: infos[name][key] for key in joints}
    return Trajectory(
        **about,
        **kept,
        success=infos[SUCCESS],
        rewards=episode.rewards,
        terminated=episode.terminations,
        truncated=episode.truncations,
        actions=episode.actions,
        expert_actions=infos[EXPERT],
        commands={name: infos[COMMANDS][name] for name in groups},
        executed={name: infos[EXECUTED][name] for name in groups},
        observations={name: observed[name] for name in names},
        cameras=cameras,
    )


def _camera(pictures: NDArray[np.uint8], size: tuple[int, int]) -> PictureTrack:
    states = len(pictures)
    return PictureTrack(
        size=size,
        video=None,
        intrinsic_cv=np.zeros((states, 0, 3), np.float32),
        extrinsic_cv=np.zeros((states, 0, 4), np.float32),
        cam2world_gl=np.zeros((states, 0, 4), np.float32),
        pictures=pictures,
    )
