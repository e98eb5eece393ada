"""What a check gives: measured differences, pairs of pictures, and what could not be compared."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Measured:
    """One difference to MuJoCo.

    Attributes:
        check: name of the check.
        subject: what was compared: a robot, a house, ``<task>/<robot>``.
        quantity: which difference; check and quantity name the row of ``tolerances``.
        value: the difference in ``unit``, never negative.
        unit: of value and bound.
        bound: largest value that passes, or None for one that is only told.
        reason: why the bound is what it is.
    """

    check: str
    subject: str
    quantity: str
    value: float
    unit: str
    bound: float | None
    reason: str

    @property
    def passed(self) -> bool:
        """Whether the value is within its bound; one that is no number is not."""
        return self.bound is None or bool(self.value <= self.bound)

    def to_dict(self) -> dict[str, Any]:
        """The row of ``parity.json`` and ``parity.csv``."""
        return {
            "check": self.check,
            "subject": self.subject,
            "quantity": self.quantity,
            "value": self.value,
            "unit": self.unit,
            "bound": self.bound,
            "passed": self.passed,
            "reason": self.reason,
        }


@dataclass(frozen=True, eq=False)
class Pictured:
    """The same view in both simulators: two (H, W, 3) uint8 images and what differs (H, W, 3)."""

    subject: str
    title: str
    reference: NDArray[np.uint8]
    other: NDArray[np.uint8]
    difference: NDArray[np.uint8]


@dataclass(frozen=True)
class Skipped:
    """What a backend cannot represent, or an episode that does not exist; ``reason`` names it."""

    check: str
    subject: str
    reason: str


Result = Measured | Pictured | Skipped


@dataclass(frozen=True)
class ParityReport:
    """All that was found about one backend.

    Attributes:
        backend: its name.
        versions: package -> version of what took part.
        checks: names of the checks that ran.
        rows: the differences.
        pictures: pairs of pictures.
        skipped: what could not be compared.
        losses: what the backend itself says that it only approximates.
        cpu_s: CPU time of everything, s.
    """

    backend: str
    versions: dict[str, str]
    checks: tuple[str, ...]
    rows: tuple[Measured, ...]
    pictures: tuple[Pictured, ...]
    skipped: tuple[Skipped, ...]
    losses: tuple[str, ...]
    cpu_s: float

    @property
    def failures(self) -> tuple[Measured, ...]:
        """The differences beyond their bounds."""
        return tuple(row for row in self.rows if not row.passed)

    def to_dict(self) -> dict[str, Any]:
        """JSON-plain; pictures are only in the page."""
        return {
            "backend": self.backend,
            "reference": "mujoco",
            "passed": not self.failures,
            "versions": self.versions,
            "checks": list(self.checks),
            "rows": [row.to_dict() for row in self.rows],
            "skipped": [vars(entry) for entry in self.skipped],
            "losses": list(self.losses),
            "cpu_s": round(self.cpu_s, 2),
        }
