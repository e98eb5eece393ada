"""Parquet files of a LeRobotDataset, by pyarrow."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from molmospaces_gym.benchmarks.datagen.lerobot_rows import Feature
from molmospaces_gym.benchmarks.datagen.lerobot_videos import Place, file_name, following
from molmospaces_gym.errors import MissingPackage


def import_pyarrow() -> Any:
    """The module pyarrow with its part for Parquet; raises ``MissingPackage``."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingPackage(
            'LeRobot datasets need pyarrow; install it with: pip install "molmospaces-gym[lerobot]"'
        ) from error
    return pyarrow


class FileShelf:
    """Parquet files ``chunk-<c>/file-<f>.parquet`` that grow by one row group per some tables.

    Args:
        folder: where they go.
        chunk_size: files in a chunk.
        megabytes: limit of a file, of what the tables need in memory, MiB.
        tables: how many make a row group; small ones need more room alone.
    """

    def __init__(self, folder: Path, chunk_size: int, megabytes: float, tables: int = 1) -> None:
        self._folder, self._chunk_size = folder, chunk_size
        self._limit, self._tables = megabytes * 2**20, tables
        self._place = Place(0, 0, 0, 0)
        self._waiting: list[Any] = []
        self._writer: Any = None
        self._size = 0

    @property
    def place(self) -> tuple[int, int]:
        """Chunk and file that the next table goes to."""
        if self._size >= self._limit:
            self.close()
            self._place, self._size = following(self._place, self._chunk_size), 0
        return self._place.chunk, self._place.file

    def add(self, table: Any) -> tuple[int, int]:
        """Add a table; chunk and file that it goes to."""
        found = self.place
        self._waiting.append(table)
        self._size += table.nbytes
        if len(self._waiting) == self._tables:
            self._flush()
        return found

    def close(self) -> None:
        """Finish the file that is open."""
        if self._waiting:
            self._flush()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _flush(self) -> None:
        pa = import_pyarrow()
        group, self._waiting = pa.concat_tables(self._waiting), []
        if self._writer is None:
            path = self._folder / file_name(self._place, "parquet")
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pa.parquet.ParquetWriter(path, group.schema, compression="snappy")
        self._writer.write_table(group)


def frame_schema(features: Mapping[str, Feature]) -> Any:
    """The columns of the data files: numbers, and lists of a fixed length."""
    pa = import_pyarrow()
    kinds = {
        "float32": pa.float32(),
        "float64": pa.float64(),
        "int64": pa.int64(),
        "bool": pa.bool_(),
    }
    return pa.schema(
        [
            (name, pa.list_(kinds[f.dtype], len(f.names)) if len(f.names) > 1 else kinds[f.dtype])
            for name, f in features.items()
        ]
    )


def frame_table(rows: Mapping[str, NDArray[Any]], schema: Any) -> Any:
    """The rows of an episode as a table."""
    pa = import_pyarrow()
    columns = []
    for field in schema:
        flat = pa.array(rows[field.name].reshape(-1))
        vector = pa.types.is_fixed_size_list(field.type)
        columns.append(
            pa.FixedSizeListArray.from_arrays(flat, field.type.list_size) if vector else flat
        )
    return pa.Table.from_arrays(
        [c.cast(f.type) for c, f in zip(columns, schema, strict=True)], schema=schema
    )


def write_tasks(path: Path, tasks: list[str]) -> None:
    """``tasks.parquet``: the instructions as the index of a pandas table, with their numbers."""
    pa = import_pyarrow()
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()), "task": tasks})
    about = json.dumps({"index_columns": ["task"], "column_indexes": [], "columns": _COLUMNS})
    pa.parquet.write_table(table.replace_schema_metadata({"pandas": about}), path)


def _column(name: str, kind: str, numpy_type: str) -> dict[str, Any]:
    return {
        "name": name,
        "field_name": name,
        "pandas_type": kind,
        "numpy_type": numpy_type,
        "metadata": None,
    }


_COLUMNS = [_column("task_index", "int64", "int64"), _column("task", "unicode", "object")]
"""What pandas writes of its columns; LeRobot reads the file with pandas."""
