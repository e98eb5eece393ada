"""A weight for each sample of behaviour cloning, from a file.

An array (``.npy``) has one weight per step of the demonstrations, in their order. A Parquet table
has the columns ``episode_index``, ``frame_index`` and ``weight``, as the progress files of LeRobot
have beside their ``progress_sparse``: ``episode_index`` is the number of the episode in the order
in which the dataset is read (in LeRobot's format its own), ``frame_index`` that of the step.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig, MissingPackage
from molmospaces_gym.policies.spoc.demos import Demos

EPISODE, FRAME, WEIGHT = "episode_index", "frame_index", "weight"
PROGRESS = "progress_sparse"

Array = NDArray[np.float64]


def read_weights(path: Path, demos: Demos) -> Array:
    """The weights (m,) of the steps of ``demos``.

    Raises:
        InvalidConfig: the file is not readable, lacks a step, or holds what is no weight.
        MissingPackage: a Parquet file is read and pyarrow is not installed.
    """
    if path.suffix == ".npy":
        found = _array(path, demos)
    elif path.suffix == ".parquet":
        found = _table(path, demos)
    else:
        raise InvalidConfig(f"weights are read from .npy and .parquet files, not {path.name!r}")
    if not np.isfinite(found).all() or (found < 0).any() or not found.any():
        raise InvalidConfig(f"{path}: weights must be finite, not negative and not all 0")
    return found


def _array(path: Path, demos: Demos) -> Array:
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InvalidConfig(f"{path} holds no array: {error}") from error
    if found.shape != (len(demos),) or found.dtype.kind not in "fiu":
        raise InvalidConfig(
            f"{path} must hold one number per step of the demonstrations, ({len(demos)},), not"
            f" {found.dtype} {found.shape}; a Parquet file names its steps"
        )
    weights: Array = found.astype(np.float64)
    return weights


def _table(path: Path, demos: Demos) -> Array:
    columns = _columns(path)
    lacking = [name for name in (EPISODE, FRAME, WEIGHT) if name not in columns]
    if lacking:
        hint = "; turn its progress into weights first" if PROGRESS in columns else ""
        raise InvalidConfig(f"{path} has no column {', '.join(lacking)}{hint}")
    if demos.source is None:
        raise InvalidConfig(
            "these demonstrations do not say which episodes they are of (demos.npz of an older"
            " version); collect them anew"
        )
    known = dict(
        zip(
            zip(columns[EPISODE].tolist(), columns[FRAME].tolist(), strict=True),
            columns[WEIGHT].tolist(),
            strict=True,
        )
    )
    wanted = [(int(episode), int(frame)) for episode, frame in demos.source]
    missing = [place for place in wanted if place not in known]
    if missing:
        raise InvalidConfig(
            f"{path} has no weight for {len(missing)} of {len(wanted)} steps, the first of them"
            f" frame {missing[0][1]} of episode {missing[0][0]}"
        )
    return np.array([known[place] for place in wanted], np.float64)


def _columns(path: Path) -> dict[str, NDArray[Any]]:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingPackage(
            'Parquet files need pyarrow; install it with: pip install "molmospaces-gym[lerobot]"'
        ) from error
    try:
        table = pyarrow.parquet.read_table(path)
    except (OSError, ValueError) as error:
        raise InvalidConfig(f"{path} is no Parquet file: {error}") from error
    return {name: table.column(name).to_numpy() for name in table.column_names}
