"""``submit``: from run folders to the files of a leaderboard entry.

A submission holds one official CSV per run, a combined table, the filled form and a zip of all of
them with the runs' logs and chosen videos. A run that is not comparable is refused with what is
wrong with it. Runs of other suites than the board's need ``allow_unofficial``, and every file
made of them says so in its name and its first lines.
"""

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from molmospaces_gym.benchmarks.entries import Entries, Entry, collect_entries
from molmospaces_gym.benchmarks.issue_text import UNOFFICIAL, complete_fields, issue_text
from molmospaces_gym.benchmarks.summary import (
    OVERALL,
    SUMMARY_COLUMNS,
    BoardHead,
    board_csv,
    board_figures,
)
from molmospaces_gym.errors import InvalidSubmission
from molmospaces_gym.json_files import write_atomic

ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""One time for all members, the earliest that a zip can hold: equal contents, equal bytes."""


@dataclass(frozen=True)
class Submission:
    """What ``submit`` wrote."""

    out: Path
    issue: Path
    archive: Path
    tables: tuple[Path, ...]
    official: bool


def submit(
    runs: Sequence[str | Path],
    fields: Mapping[str, str],
    out: str | Path,
    *,
    videos: str = "none",
    suite: str | None = None,
    allow_unofficial: bool = False,
) -> Submission:
    """Write the files of a leaderboard entry to the new folder ``out``.

    Args:
        runs: run folders, or directories of official HDF5 rollouts.
        fields: the form by key, see ``issue_text.FORM``.
        out: folder that is missing or empty.
        videos: ``none``, ``failures``, ``all``, or episode ids with commas between them.
        suite: official suite that the HDF5 rollouts are of.
        allow_unofficial: take runs of suites that the leaderboard has no column for.

    Raises:
        InvalidSubmission: a run cannot be submitted or a field is missing; the message says why.
        InvalidConfig: a run folder is damaged.
    """
    complete_fields(fields)
    check_new(out)
    entries = collect_entries(runs, videos=videos, suite=suite, allow_unofficial=allow_unofficial)
    return write_submission(entries, fields, out)


def check_new(out: str | Path) -> None:
    """Raise ``InvalidSubmission`` where ``out`` holds files that might be taken for new ones."""
    folder = Path(out)
    if folder.is_dir() and any(folder.iterdir()):
        raise InvalidSubmission(f"{folder} holds files already; give a new folder with --out")


def write_submission(entries: Entries, fields: Mapping[str, str], out: str | Path) -> Submission:
    """Write the files of checked runs; ``out`` is a new folder, ``fields`` the form by key.

    Raises:
        InvalidSubmission: a field is missing.
    """
    folder, official, filled = Path(out), entries.official, complete_fields(fields)
    prefix, policy = "" if official else "unofficial_", filled["policy"]
    texts = {
        f"{prefix}{entry.suite}.csv": _table(entry, policy, official) for entry in entries.runs
    }
    tables = tuple(folder / name for name in texts)
    texts[f"{prefix}combined.csv"] = _combined(entries.runs, policy, official)
    archive, issue = f"{prefix}submission.zip", f"{prefix}issue.md"
    attached = [f"{archive} ({', '.join(texts)})"]
    notes = [entry.note for entry in entries.runs]
    texts[issue] = issue_text(filled, attached, _results(entries.runs), notes, official)
    for name, text in texts.items():
        write_atomic(folder / name, text)
    members = {name: text.encode() for name, text in texts.items()}
    for entry in entries.runs:
        for name, file in entry.files.items():
            members[f"{prefix}{entry.suite}/{name}"] = file.read_bytes()
    (folder / archive).write_bytes(zip_bytes(members))
    return Submission(folder, folder / issue, folder / archive, tables, official)


def _table(entry: Entry, policy: str, official: bool) -> str:
    head = BoardHead(
        policy=policy,
        run_path=entry.run_path,
        dt=entry.dt,
        max_steps=entry.max_steps,
        remarks=() if official else (UNOFFICIAL,),
    )
    return board_csv(head, entry.outcomes)


def _combined(entries: Sequence[Entry], policy: str, official: bool) -> str:
    """The OVERALL rows of all runs, with the name of their suite."""
    buffer = io.StringIO()
    if not official:
        buffer.write(f"# {UNOFFICIAL}\n")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("suite", "leaderboard_name", *SUMMARY_COLUMNS))
    for entry in entries:
        figures = board_figures(entry.outcomes)
        writer.writerow((entry.suite, entry.board or "", policy, OVERALL, *figures))
    return buffer.getvalue()


def _results(entries: Sequence[Entry]) -> list[list[str]]:
    rows = [["benchmark", "episodes", "success at the end, %", "at any step, %"]]
    for entry in entries:
        figures = board_figures(entry.outcomes)
        _, total, rate, low, high, _, once, once_low, once_high, *_ = figures
        rows.append(
            [
                entry.board or f"{entry.suite} (unofficial)",
                str(total),
                f"{rate} ({low} to {high})",
                f"{once} ({once_low} to {once_high})",
            ]
        )
    return rows


def zip_bytes(members: Mapping[str, bytes]) -> bytes:
    """A zip of ``members`` by name whose bytes depend on nothing else."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, ZIP_TIME)
            info.create_system, info.external_attr = 3, 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, members[name])
    return buffer.getvalue()
