"""The check before the first action: do server and env mean the same?

A wrong control step, a relative instead of an absolute action, a gripper in other units or a
camera under another name do not stop a robot, they only make it fail. So every point is compared,
and a point that the server's metadata does not mention is an error until the user takes the
responsibility for it with ``unchecked=``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from molmospaces_gym.errors import HandshakeMismatch, InvalidConfig
from molmospaces_gym.policies.remote.commands import check_mode
from molmospaces_gym.policies.remote.convention import Convention
from molmospaces_gym.policies.remote.observer import observed

POINTS = ("control_dt", "action_type", "gripper_unit", "cameras")
"""What is compared, and what ``unchecked=`` may list."""
DT_TOLERANCE = 1e-3
"""Relative difference of control steps that is one of rounding: 66 ms is not 1/15 s."""

_ACTION_TYPES = {
    "joint_pos": "joint_position",
    "joint_positions": "joint_position",
    "jointpos": "joint_position",
}
"""Spellings met in the metadata of published servers."""
_GRIPPER_UNITS = {"0..255": "command", "0..1": "closure", "-1..1": "env"}


@dataclass(frozen=True, kw_only=True)
class EnvFacts:
    """What an env says of itself. ``control_dt`` in seconds, ``cameras`` are those it observes."""

    control_dt: float
    action_mode: str
    cameras: tuple[str, ...]


def check_handshake(
    metadata: Mapping[str, Any],
    facts: EnvFacts,
    convention: Convention,
    unchecked: frozenset[str],
) -> None:
    """Compare a server's metadata and a convention with an env.

    Raises:
        HandshakeMismatch: they differ in a point, or the metadata does not mention it; the message
            holds the option that says so on purpose.
    """
    wrong = []
    for point in POINTS:
        if point in unchecked:
            continue
        finding = _CHECKS[point](metadata, facts, convention)
        if finding:
            wrong.append(f"{point}: {finding}")
    if wrong:
        raise HandshakeMismatch(
            f"server and env do not fit ({'; '.join(wrong)}). Change the env or the server; or "
            "add unchecked=" + ",".join(point.partition(":")[0] for point in wrong) + " to the "
            "policy's options if you know that they fit"
        )
    if convention.action_type != "env":
        check_mode(facts.action_mode)


def check_points(points: frozenset[str]) -> frozenset[str]:
    """The points of an ``unchecked=`` option, ``all`` spelled out; raises ``InvalidConfig``."""
    if points == {"all"}:
        return frozenset(POINTS)
    unknown = points - set(POINTS)
    if unknown:
        raise InvalidConfig(
            f"unchecked must be 'all' or some of {', '.join(POINTS)}, not {', '.join(unknown)}"
        )
    return points


def _control_dt(metadata: Mapping[str, Any], facts: EnvFacts, convention: Convention) -> str:
    ours = facts.control_dt
    made_for = convention.control_dt
    if made_for is not None and not _same(made_for, ours):
        return f"{convention.name} acts every {made_for:g} s, the env every {ours:g} s"
    theirs = _seconds(metadata)
    if theirs is None:
        return _missing("control_dt", "seconds between two actions")
    if not _same(theirs, ours):
        return f"the server acts every {theirs:g} s, the env every {ours:g} s"
    return ""


def _action_type(metadata: Mapping[str, Any], facts: EnvFacts, convention: Convention) -> str:
    theirs = metadata.get("action_type")
    if theirs is None:
        return _missing("action_type", f"such as {convention.action_type!r}")
    theirs = _ACTION_TYPES.get(str(theirs), str(theirs))
    # Our own servers may send joint targets by move group instead of actions of the env.
    takes = ("env", "joint_position") if convention.action_type == "env" else ("joint_position",)
    if theirs not in takes:
        return f"the server sends {theirs!r}, {convention.name} takes {' or '.join(takes)}"
    mode = metadata.get("action_mode")
    if theirs == "env" and mode != facts.action_mode:
        return f"the server acts in action_mode={mode!r}, the env in {facts.action_mode!r}"
    return ""


def _gripper_unit(metadata: Mapping[str, Any], facts: EnvFacts, convention: Convention) -> str:
    theirs = metadata.get("gripper_unit")
    if theirs is None:
        return _missing("gripper_unit", f"such as {convention.gripper_unit!r}")
    theirs = _GRIPPER_UNITS.get(str(theirs), str(theirs))
    takes = ("env", "command") if convention.gripper_unit == "env" else (convention.gripper_unit,)
    if theirs not in takes:
        return f"the server counts in {theirs!r}, {convention.name} in {' or '.join(takes)}"
    return ""


def _cameras(metadata: Mapping[str, Any], facts: EnvFacts, convention: Convention) -> str:
    sent = [convention.obs_map.get(name, name) for name in facts.cameras]
    if convention.cameras:
        for camera in convention.cameras:
            observed(camera, facts.cameras)
        sent = [camera.key for camera in convention.cameras]
    theirs = metadata.get("cameras")
    if not isinstance(theirs, list | tuple | Mapping):
        return _missing("cameras", "the names of the pictures that it looks at")
    lacking = [str(name) for name in theirs if name not in sent]
    if lacking:
        return f"the server looks at {', '.join(lacking)}, but is sent {', '.join(sent) or 'none'}"
    return ""


_CHECKS = {
    "control_dt": _control_dt,
    "action_type": _action_type,
    "gripper_unit": _gripper_unit,
    "cameras": _cameras,
}


def _seconds(metadata: Mapping[str, Any]) -> float | None:
    for key, unit in (("control_dt", 1.0), ("policy_dt_ms", 1e-3)):
        value = metadata.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value) * unit
    return None


def _same(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=DT_TOLERANCE)


def _missing(key: str, what: str) -> str:
    return f"the server's metadata does not say {key} ({what})"
