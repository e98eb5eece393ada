"""Results of the quality checks of houses; ``scenes.quality`` makes them."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CHECKS = ("stability", "lift", "intersection", "articulation")


@dataclass
class Report:
    """What was checked in one house: per check how many passed and how many there were."""

    house: str
    passed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CHECKS, 0))
    total: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CHECKS, 0))
    failures: list[str] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)

    def add(self, check: str, name: str, problem: str | None) -> None:
        """Note one result; ``problem`` says what is wrong."""
        self.total[check] += 1
        if problem is None:
            self.passed[check] += 1
        else:
            self.failed.add(check)
            self.failures.append(f"{check}: {name}: {problem}")


def pass_rates(reports: Sequence[Report]) -> Mapping[str, tuple[int, int, int]]:
    """Per check: how many objects or joints passed, how many there were, and how many houses."""
    return {
        check: (
            sum(report.passed[check] for report in reports),
            sum(report.total[check] for report in reports),
            sum(check not in report.failed for report in reports),
        )
        for check in CHECKS
    }


def start_table(path: Path) -> None:
    """Begin a CSV file: one row per house with passed and total of each check, and failures."""
    columns = [f"{check}_{what}" for check in CHECKS for what in ("passed", "total")]
    _append(path, ["house", *columns, "failures"], "w")


def append_row(path: Path, report: Report) -> None:
    """Add a house to the file, at once, so that an interrupted run keeps what it has done."""
    counts = [n for c in CHECKS for n in (report.passed[c], report.total[c])]
    _append(path, [report.house, *counts, "; ".join(report.failures)], "a")


def _append(path: Path, row: Iterable[object], mode: str) -> None:
    with path.open(mode, newline="", encoding="utf-8") as file:
        csv.writer(file).writerow(row)
