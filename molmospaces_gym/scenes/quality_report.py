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


def write_reports(path: Path, reports: Iterable[Report]) -> None:
    """One CSV row per house: for each check passed and total, and the failures."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        columns = [f"{check}_{what}" for check in CHECKS for what in ("passed", "total")]
        writer.writerow(["house", *columns, "failures"])
        for report in reports:
            counts = [n for c in CHECKS for n in (report.passed[c], report.total[c])]
            writer.writerow([report.house, *counts, "; ".join(report.failures)])
