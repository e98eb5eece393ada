"""Progress of every frame of a data set, as the Parquet file that LeRobot weights cloning by.

Columns ``index`` (of the frame in the data set), ``episode_index``, ``frame_index`` (in its
episode) and ``progress_sparse``; the schema's metadata has ``vlm_name`` and ``reward_model_path``.
This is what ``lerobot.rewards`` 0.6.1 writes for TOPReward and reads for reward-aligned cloning.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig, MissingPackage
from molmospaces_gym.rewards.weights import ends_of

INDICES = ("index", "episode_index", "frame_index")
PROGRESS, WEIGHT = "progress_sparse", "weight"
NAMES = ("vlm_name", "reward_model_path")


@dataclass(frozen=True, kw_only=True, eq=False)
class ProgressTable:
    """One row per frame, in the data set's order.

    Attributes:
        index, episode_index, frame_index: (m,) whole numbers.
        progress: (m,) in [0, 1]; NaN where a frame was not judged.
        vlm_name, reward_model_path: of the model that judged.
    """

    index: NDArray[np.int64]
    episode_index: NDArray[np.int64]
    frame_index: NDArray[np.int64]
    progress: NDArray[np.float64]
    vlm_name: str = ""
    reward_model_path: str = ""

    def __post_init__(self) -> None:
        shapes = {getattr(self, name).shape for name in (*INDICES, "progress")}
        if len(shapes) != 1 or len(next(iter(shapes))) != 1:
            raise InvalidConfig(f"the columns of a progress table differ: {sorted(shapes)}")

    def __len__(self) -> int:
        return len(self.index)

    @property
    def ends(self) -> NDArray[np.int64]:
        """(m,) the row behind the last one of the row's episode; see ``weights``."""
        changes = np.flatnonzero(np.diff(self.episode_index)) + 1
        return ends_of(np.diff([0, *changes, len(self)]).tolist())

    @classmethod
    def of(cls, episodes: list[NDArray[np.float64]], name: str, path: str = "") -> "ProgressTable":
        """From the progress of each frame of each episode."""
        lengths = [len(episode) for episode in episodes]
        return cls(
            index=np.arange(sum(lengths)),
            episode_index=np.repeat(np.arange(len(episodes)), lengths),
            frame_index=np.concatenate([np.arange(length) for length in lengths]),
            progress=np.concatenate(episodes),
            vlm_name=name,
            reward_model_path=path,
        )

    def save(self, path: Path, weights: NDArray[np.float64] | None = None) -> None:
        """Write a Parquet file, with a column ``weight`` (m,) where given; ``MissingPackage``."""
        pa = _import_pyarrow()
        columns = {name: pa.array(getattr(self, name), pa.int64()) for name in INDICES}
        columns[PROGRESS] = pa.array(self.progress.astype(np.float32), pa.float32())
        if weights is not None:
            columns[WEIGHT] = pa.array(weights, pa.float64())
        table = pa.table(columns).replace_schema_metadata(
            {name: getattr(self, name) for name in NAMES}
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        pa.parquet.write_table(table, path)

    @classmethod
    def load(cls, path: Path) -> "ProgressTable":
        """Read such a file, of LeRobot or ours, sorted by ``index``.

        Raises:
            InvalidConfig: it is missing or has other columns.
            MissingPackage: pyarrow is not installed.
        """
        pa = _import_pyarrow()
        try:
            table = pa.parquet.read_table(path)
        except (OSError, pa.ArrowInvalid) as error:
            raise InvalidConfig(f"{path} is no readable Parquet file: {error}") from error
        lacking = [name for name in (*INDICES, PROGRESS) if name not in table.column_names]
        if lacking:
            raise InvalidConfig(
                f"{path} lacks the columns {', '.join(lacking)}; it has"
                f" {', '.join(table.column_names)}"
            )
        table = table.sort_by("index")
        metadata = {k.decode(): v.decode() for k, v in (table.schema.metadata or {}).items()}
        return cls(
            **{name: table[name].to_numpy().astype(np.int64) for name in INDICES},
            progress=table[PROGRESS].to_numpy().astype(np.float64),
            **{name: metadata.get(name, "") for name in NAMES},
        )


def _import_pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingPackage(
            'progress tables need pyarrow; install it with: pip install "molmospaces-gym[lerobot]"'
        ) from error
    return pyarrow
