"""How far a simulator is from MuJoCo, from the same states and episodes.

``measure(backend)`` runs the checks of ``suite.CHECKS`` and gives a ``ParityReport``. The reference
is always MuJoCo in the same process; the other simulator is known by its backend name alone, and
the checks see only the ``World`` contract (``backends.base``) and ``gym.make(..., backend=...)``.
Every bound is in ``tolerances``.
"""

from molmospaces_gym.benchmarks.parity.report import write_report
from molmospaces_gym.benchmarks.parity.results import Measured, ParityReport, Pictured, Skipped
from molmospaces_gym.benchmarks.parity.suite import CHECKS, measure

__all__ = [
    "CHECKS",
    "Measured",
    "ParityReport",
    "Pictured",
    "Skipped",
    "measure",
    "write_report",
]
