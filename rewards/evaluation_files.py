"""The files of an evaluation: ``summary.json``, ``clips.csv``, ``curves.json``, what is fitted."""

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from molmospaces_gym.json_files import write_atomic
from molmospaces_gym.rewards.base import RewardModel
from molmospaces_gym.rewards.calibration import Calibration
from molmospaces_gym.rewards.detector import Detector, final_score, peak_score
from molmospaces_gym.rewards.evaluation import Curve, Verdict, summary
from molmospaces_gym.rewards.metrics import voc

SUMMARY, CLIPS, CURVES = "summary.json", "clips.csv", "curves.json"
DETECTOR, CALIBRATION = "detector.json", "calibration.json"
BASELINE_CALIBRATION = "calibration_baseline.json"
COLUMNS = (
    "clip",
    "instruction",
    "success",
    "frames",
    "voc",
    "static_voc",
    "final",
    "wrong_instruction",
    "wrong_final",
    "tokens",
    "seconds",
)
"""Of ``clips.csv``; ``final`` is the mean log P(" True") of the last three scores, nat."""


def save_evaluation(
    out: Path, model: RewardModel, verdicts: Sequence[Verdict], settings: dict[str, Any]
) -> dict[str, Any]:
    """Write the files; the summary with the model and the settings."""
    found = {"model": model.name, "fps": model.fps, **settings, **summary(verdicts)}
    write_atomic(out / SUMMARY, json.dumps(found, indent=2) + "\n")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_row(verdict) for verdict in verdicts)
    write_atomic(out / CLIPS, text.getvalue())
    names = told_apart([v.clip.name for v in verdicts])
    curves = {name: _curves(v) for name, v in zip(names, verdicts, strict=True)}
    write_atomic(out / CURVES, json.dumps(curves) + "\n")
    return found


def save_fit(
    out: Path, verdicts: Sequence[Verdict], false_positive_rate: float
) -> tuple[Detector, Calibration]:
    """Fit and write the success detector and the calibration of log P(" True").

    The detector watches all episode long, so its threshold is one that the failures do not pass at
    any time; it holds for scores as close together as these, so score every frame
    (``prefixes=0``). The calibration's 0 is the median of first scores and of the last ones of
    failures, its 1 that of the last ones of successes: for ``baseline=False``. Where still videos
    were judged, ``BASELINE_CALIBRATION`` is the same of the differences from them, for
    ``baseline=True``.

    Raises:
        InvalidConfig: successes or failures are missing, or the model ranks them the wrong way.
    """
    good = [v for v in verdicts if v.clip.success]
    bad = [v for v in verdicts if v.clip.success is False]
    high, false = ([peak_score(v.real.values()) for v in kind] for kind in (good, bad))
    detector = Detector.fit(high, false, false_positive_rate)
    detector.save(out / DETECTOR)
    won, lost = ([final_score(v.real.values()) for v in kind] for kind in (good, bad))
    starts = [v.real.values()[0] for v in (*good, *bad)]
    calibration = Calibration.fit([*starts, *lost], won)
    calibration.save(out / CALIBRATION)
    if all(v.still is not None for v in (*good, *bad)):
        undone = [*(0.0 for _ in starts), *(_above_still(v) for v in bad)]
        done = [_above_still(v) for v in good]
        Calibration.fit(undone, done).save(out / BASELINE_CALIBRATION)
    return detector, calibration


def told_apart(names: Sequence[str]) -> list[str]:
    """The names, with #2, #3 and so on behind those that were there before."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return found


def _above_still(verdict: Verdict) -> float:
    assert verdict.still is not None
    return final_score(verdict.real.values()) - final_score(verdict.still.values())


def _row(verdict: Verdict) -> list[str]:
    clip, wrong, still = verdict.clip, verdict.wrong, verdict.still
    return [
        clip.name,
        clip.instruction,
        "" if clip.success is None else str(int(clip.success)),
        str(verdict.real.scores[-1].frames or len(verdict.real.frames)),
        _number(voc(verdict.real.values())),
        "" if still is None else _number(voc(still.values())),
        _number(final_score(verdict.real.values())),
        verdict.wrong_instruction,
        "" if wrong is None else _number(final_score(wrong.values())),
        str(verdict.tokens),
        f"{verdict.seconds:.3f}",
    ]


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6f}"


def _curves(verdict: Verdict) -> dict[str, Any]:
    kinds = {"real": verdict.real, "static": verdict.still, "wrong": verdict.wrong}
    return {kind: _plain(curve) for kind, curve in kinds.items() if curve is not None}


def _plain(curve: Curve) -> dict[str, Any]:
    return {
        "frames": curve.frames,
        "logp_true": [float(score.logp_true) for score in curve.scores],
        "logp_false": [float(score.logp_false) for score in curve.scores],
    }
