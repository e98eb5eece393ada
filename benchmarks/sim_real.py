"""Tables of success rates in simulation and on real robots, and their pairs.

A table is a CSV file with a header and one row per policy and task:

===================  ==========================================================================
``policy``           name, the same in both files
``task``             task or setting; may be absent if there is only one
``successes,total``  counts, for error bars
``rate``             instead of counts: a fraction in [0, 1]
===================  ==========================================================================

Lines that start with ``#`` are comments; further columns are ignored.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from molmospaces_gym.errors import InvalidConfig, NotComparable

Key = tuple[str, str]
"""Policy and task."""
_SHOWN = 4


@dataclass(frozen=True)
class Score:
    """A success rate in [0, 1] and, where the file gives counts, what it was counted from."""

    rate: float
    successes: int | None = None
    total: int | None = None


@dataclass(frozen=True, kw_only=True)
class ScorePair:
    """What one policy reached on one task in simulation and for real."""

    policy: str
    task: str
    sim: Score
    real: Score


def example_tables() -> tuple[Path, Path]:
    """The shipped files: seven policies on pick of MolmoB0T, arXiv 2603.16861 (2026)."""
    folder = Path(str(files("molmospaces_gym.benchmarks"))) / "data" / "sim_to_real"
    return folder / "sim.csv", folder / "real.csv"


def read_scores(path: str | Path) -> dict[Key, Score]:
    """Read one table.

    Raises:
        InvalidConfig: The file is missing, or a column or value is not as described above.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfig(f"{file} cannot be read as a CSV table: {error}") from error
    # A comment keeps its place as an empty line, so that messages name the line of the file.
    lines = ["" if line.lstrip().startswith("#") else line for line in text.splitlines()]
    rows = csv.reader(io.StringIO("\n".join(lines)))
    header: list[str] = []
    scores: dict[Key, Score] = {}
    for row in rows:
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if not header:
            header = _header(file, cells)
            continue
        place = f"{file}, line {rows.line_num}"
        if len(cells) != len(header):
            raise InvalidConfig(f"{place}: {len(cells)} fields instead of {len(header)}")
        fields = dict(zip(header, cells, strict=True))
        key = (fields["policy"], fields.get("task", ""))
        if not key[0]:
            raise InvalidConfig(f"{place}: the policy has no name")
        if key in scores:
            raise InvalidConfig(f"{place}: {_named(key)} stands in the file twice")
        scores[key] = _score(place, fields)
    if not scores:
        raise InvalidConfig(f"{file} holds no rows; expected policy,task,successes,total")
    return scores


def pair_scores(
    sim: Mapping[Key, Score], real: Mapping[Key, Score], common: bool = False
) -> tuple[ScorePair, ...]:
    """Pairs of rows of the same policy and task, in the order of ``sim``.

    Raises:
        NotComparable: A row has no partner and ``common`` is off, or no row has one.
    """
    alone = [
        f"{name} alone has {_listed([key for key in own if key not in other])}"
        for name, own, other in (("sim", sim, real), ("real", real, sim))
        if any(key not in other for key in own)
    ]
    if alone and not common:
        raise NotComparable(
            f"rows without a partner: {'; '.join(alone)}; name policies and tasks alike in both "
            "files, or pass --common to leave these out"
        )
    shared = [key for key in sim if key in real]
    if not shared:
        raise NotComparable(f"no row of one file has a partner in the other: {'; '.join(alone)}")
    return tuple(
        ScorePair(policy=key[0], task=key[1], sim=sim[key], real=real[key]) for key in shared
    )


def _header(file: Path, cells: Sequence[str]) -> list[str]:
    header = [cell.lower() for cell in cells]
    counts = {"successes", "total"} <= set(header)
    if "policy" not in header or counts == ("rate" in header):
        raise InvalidConfig(
            f"{file} has the columns {', '.join(cells)}; expected policy, task and either "
            "successes,total or rate"
        )
    if len(set(header)) != len(header):
        raise InvalidConfig(f"{file} has a column twice: {', '.join(cells)}")
    return header


def _score(place: str, fields: Mapping[str, str]) -> Score:
    try:
        if "rate" in fields:
            rate = float(fields["rate"])
            if not 0.0 <= rate <= 1.0:
                raise ValueError(f"rate {rate:g} is not within [0, 1]; divide percentages by 100")
            return Score(rate)
        successes, total = int(fields["successes"]), int(fields["total"])
    except ValueError as error:
        raise InvalidConfig(f"{place}: {error}") from error
    if not 0 <= successes <= total or total == 0:
        raise InvalidConfig(f"{place}: {successes} successes of {total} is impossible")
    return Score(successes / total, successes, total)


def _listed(keys: Sequence[Key]) -> str:
    shown = ", ".join(_named(key) for key in keys[:_SHOWN])
    return shown + (f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else "")


def _named(key: Key) -> str:
    return f"{key[0]!r} on {key[1]!r}" if key[1] else repr(key[0])
