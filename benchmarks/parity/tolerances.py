"""Every bound of the parity checks, in one table: what holds for all backends, and exceptions.

A backend that is not named here has to meet the first table. An exception says why it is one.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerance:
    """Largest difference that passes, its unit, and why it is that large; None: only told."""

    bound: float | None
    unit: str
    reason: str


SERVOS = "servos with the same gains and limits"
SINGLE = "simulators compute poses in single precision, half a micron at the end of an arm"
CONTACT = "contacts of MuJoCo are soft, those of other simulators stiff: tenths of a millimetre"

TOLERANCES: Mapping[str, Tolerance] = {
    "initial_poses: body position": Tolerance(1e-3, "mm", SINGLE),
    "initial_poses: body orientation": Tolerance(1e-2, "deg", SINGLE),
    "initial_poses: own position": Tolerance(
        1e-2, "mm", "single precision, metres from the origin"
    ),
    "initial_poses: own orientation": Tolerance(1e-2, "deg", SINGLE),
    "initial_poses: observation": Tolerance(1e-5, "of an element", "float32 of the same state"),
    "kinematics: body position": Tolerance(1e-3, "mm", SINGLE),
    "kinematics: body orientation": Tolerance(1e-2, "deg", SINGLE),
    "kinematics: own position": Tolerance(1e-3, "mm", SINGLE),
    "kinematics: own orientation": Tolerance(1e-2, "deg", SINGLE),
    "settled: box position": Tolerance(0.5, "mm", CONTACT),
    "settled: box orientation": Tolerance(0.1, "deg", CONTACT),
    "settled: flat objects, worst": Tolerance(0.5, "mm", CONTACT),
    "settled: flat objects, median": Tolerance(0.25, "mm", CONTACT),
    "settled: round objects, worst": Tolerance(0.5, "mm", CONTACT),
    "settled: round objects, median": Tolerance(0.5, "mm", CONTACT),
    "settled: tumbling objects": Tolerance(
        None, "of all", "what falls over falls differently; not counted above"
    ),
    "pendulum: steps of 2 ms": Tolerance(1e-3, "rad", "smooth motion, both with the same step"),
    "pendulum: steps of 66 ms": Tolerance(
        None, "rad", "each simulator with the inner step it takes for an env step"
    ),
    "coasting: empty drawers, worst": Tolerance(1.0, "mm", "of 60 to 130 mm that they coast"),
    "coasting: empty drawers, median": Tolerance(0.5, "mm", "of 60 to 130 mm that they coast"),
    "coasting: drawers with things in them, worst": Tolerance(1.0, "mm", "of 60 to 130 mm"),
    "coasting: drawers with things in them, median": Tolerance(1.0, "mm", "of 60 to 130 mm"),
    "coasting: doors, worst": Tolerance(0.1, "deg", "of 6 to 25 degrees that they coast"),
    "coasting: doors, median": Tolerance(0.05, "deg", "of 6 to 25 degrees that they coast"),
    "tracking: joints, worst": Tolerance(5e-3, "rad or m", SERVOS),
    "tracking: joints, median": Tolerance(
        1e-3, "rad or m", "servos with the same gains and limits"
    ),
    "tracking: joints, worst, MuJoCo in steps of 0.2 ms": Tolerance(
        None, "rad or m", "MuJoCo in its own steps of 2 ms is 0.005 from it (FR3, joint 7)"
    ),
    "tracking: gripper closure": Tolerance(0.01, "of its way", "geared fingers without an object"),
    "replay: targets": Tolerance(
        1e-6, "rad or m", "the recorded targets themselves; rounded to float32 by actions"
    ),
    "replay: robot joints, median": Tolerance(
        5e-3, "rad or m", "open loop with contacts; as for tracking"
    ),
    "replay: success changed": Tolerance(
        0.25, "of episodes", "open loop: nothing corrects a grasp that is a millimetre off"
    ),
    "lift: object height": Tolerance(5.0, "mm", "held by friction; grasps settle differently"),
    "lift: lost": Tolerance(0.25, "of episodes", "lifted in MuJoCo and not here"),
    "camera: depth at the start, median": Tolerance(5.0, "mm", "the same state and geometry"),
    "camera: colour at the start, median": Tolerance(2.0, "of 255", "the same renderer"),
    "camera: colour of another renderer at the start, median": Tolerance(
        None, "of 255", "lights and textures are shown differently; look at the pictures"
    ),
    "camera: depth after 10 steps, median": Tolerance(5.0, "mm", "the same actions"),
    "camera: depth after 10 steps, 99 %": Tolerance(
        None, "mm", "edges of things that moved by a pixel"
    ),
}
"""``<check>: <quantity>`` -> what every backend has to meet."""

WRIST = Tolerance(
    6e-3,
    "rad or m",
    "MuJoCo's own: joint 7 of the FR3, driven into its limit of 12 N m, differs as much from MuJoCo"
    " in steps of 0.2 ms, where SAPIEN is within 0.001",
)

LONG_CHAIN = Tolerance(2e-3, "mm", "PhysX's own poses, single precision over 24 joints in a row")

EXCEPTIONS: Mapping[str, Mapping[str, Tolerance]] = {
    "isaac": {
        "kinematics: own position @ rby1": LONG_CHAIN,
        "settled: round objects, worst @ Household/franka_mobile": Tolerance(
            3.0, "mm", "no rolling friction in PhysX: a rolling pin goes on at 2 mm/s for a second"
        ),
    },
    "maniskill": {
        "kinematics: own position @ rby1": LONG_CHAIN,
        "tracking: joints, worst, MuJoCo in steps of 0.2 ms": Tolerance(
            1e-3, "rad or m", "without the error of MuJoCo's own step of 2 ms"
        ),
        "tracking: joints, worst @ franka_droid": WRIST,
        "tracking: joints, worst @ franka_mobile": WRIST,
        "settled: round objects, worst": Tolerance(
            1.0, "mm", "no rolling friction in PhysX, and ellipsoids are polyhedra"
        ),
        "replay: success changed @ Household": Tolerance(
            0.5, "of episodes", "several grasps and drives one after another, all open loop"
        ),
        "coasting: drawers with things in them, worst": Tolerance(
            1.5, "mm", "what lies in a drawer slips and meets its walls within a step of 10 ms"
        ),
    },
}
"""Backend -> ``<check>: <quantity>`` or ``<check>: <quantity> @ <subject>`` -> what it has to meet
instead."""


def tolerance(backend: str, check: str, quantity: str, subject: str) -> Tolerance:
    """The bound of a row; an exception for the subject wins over one for the quantity.

    Raises:
        KeyError: the quantity is in no table.
    """
    key = f"{check}: {quantity}"
    own = EXCEPTIONS.get(backend, {})
    return own.get(f"{key} @ {subject}") or own.get(key) or TOLERANCES[key]
