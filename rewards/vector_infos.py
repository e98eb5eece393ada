"""Rows of Gymnasium's vector infos: arrays with ``_key`` masks, one entry per sub-environment."""

from collections.abc import Mapping
from typing import Any

import numpy as np

FINAL = ("final_obs", "final_info")


def read_row(infos: Mapping[str, Any], slot: int) -> dict[str, Any]:
    """The info of one sub-environment, without that of an episode which has just ended."""
    row: dict[str, Any] = {}
    for key, value in infos.items():
        if key.startswith("_") or key in FINAL:
            continue
        mask = infos.get(f"_{key}")
        if mask is None or mask[slot]:
            row[key] = read_row(value, slot) if isinstance(value, dict) else value[slot]
    return row


def steps_taken(infos: Mapping[str, Any], slot: int) -> int:
    """Env steps of a sub-environment's last decision: 1, or those of its chunk."""
    ended = infos.get("_final_info")
    last = infos["final_info"] if ended is not None and ended[slot] else infos
    steps = last.get("chunk_steps")
    return 1 if steps is None else int(steps[slot])


def forget_row(infos: dict[str, Any], slot: int) -> None:
    """Take the info of one sub-environment out, in place; that of an ended episode stays."""
    for key in [key for key in infos if not key.startswith("_") and key not in FINAL]:
        mask = infos.get(f"_{key}")
        mask = np.ones(len(infos[key]), np.bool_) if mask is None else mask.copy()
        mask[slot] = False
        infos[f"_{key}"] = mask


def observation_row(observation: Any, slot: int) -> Any:
    """The observation of one sub-environment, as views."""
    if isinstance(observation, Mapping):
        return {key: observation_row(value, slot) for key, value in observation.items()}
    return observation[slot]
