"""Checks of a house as in the MolmoSpaces paper: stability, lift, intersection, articulation.

The paper names the four checks and their pass rates but not their thresholds. Ours, per object or
joint:

* stability: in ``STABLE_SECONDS`` of physics without sleeping, a free object shifts by less than
  ``MAX_SHIFT`` and turns by less than ``MAX_TURN``, and a joint moves by less than these.
* lift: a graspable object rises by ``LIFT``, or to ``LIFT_GAP`` below what is over it, without
  anything in its way being entered by more than ``DEPTH``. What is in a drawer is lifted with the
  drawer open. At least ``LEAST_LIFT`` must be possible.
* intersection: at rest no object and no moving part is entered by more than ``DEPTH``. Here also
  what never touches in the simulation is tested: moving parts against fixed ones.
* articulation: a joint goes through its whole range without its parts entering anything by more
  than ``DEPTH``; let go in the middle of its range it stays within ``STAY`` of the range for
  ``STAY_SECONDS``, or, a sprung lever, it returns to within ``STAY`` of 0.

A house passes where nothing in it fails.
"""

import copy
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.scenes.house import House
from molmospaces_gym.scenes.quality_report import Report

STABLE_SECONDS = 2.0
MAX_SHIFT = 0.001
MAX_TURN = np.deg2rad(1.0)
LIFT = 0.1
LIFT_GAP = 0.01
LEAST_LIFT = 0.01
LIFT_STEPS = 4
DEPTH = 0.001
TURNS = 9
"""Positions of a joint that are tested, both ends included."""
STAY = 0.05
STAY_SECONDS = 0.6

_SLEEP = int(mujoco.mjtEnableBit.mjENBL_SLEEP)
_FREE = int(mujoco.mjtJoint.mjJNT_FREE)
_SLIDE = int(mujoco.mjtJoint.mjJNT_SLIDE)


class _Checker:
    """One house being checked."""

    def __init__(self, house: House) -> None:
        if house.mjcf is None:
            raise InvalidScene(f"house {house.name!r} has no text to check")
        self.house, self.report = house, Report(house.name)
        self.model = mujoco.MjModel.from_xml_string(house.mjcf)
        self.model.opt.enableflags &= ~_SLEEP
        self.tight = _touching_everything(self.model)
        self.data = mujoco.MjData(self.model)
        self.rest = np.array(self.data.qpos)
        objects = house.metadata["objects"]
        self.free = {
            name: self.model.jnt_qposadr[self.model.body(name).jntadr[0]]
            for name, entry in objects.items()
            if "rest_height" in entry
        }
        self.joints = [k for k in range(self.model.njnt) if self.model.jnt_type[k] != _FREE]
        self.carried = _carried(house, self.model)

    def run(self) -> Report:
        self.stability()
        self.intersection()
        self.lift()
        self.articulation()
        return self.report

    def stability(self) -> None:
        model, data = self.model, self.data
        mujoco.mj_resetData(model, data)
        mujoco.mj_step(model, data, round(STABLE_SECONDS / model.opt.timestep))
        for name, a in self.free.items():
            shift = float(np.linalg.norm(data.qpos[a : a + 3] - self.rest[a : a + 3]))
            dot = abs(float(data.qpos[a + 3 : a + 7] @ self.rest[a + 3 : a + 7]))
            turn = 2 * float(np.arccos(min(1.0, dot)))
            bad = shift >= MAX_SHIFT or turn >= MAX_TURN or not np.isfinite(shift)
            problem = f"shifts by {1000 * shift:.2f} mm, turns by {turn:.4f} rad" if bad else None
            self.report.add("stability", name, problem)
        for joint in self.joints:
            a = model.jnt_qposadr[joint]
            moved = abs(float(data.qpos[a] - self.rest[a]))
            limit = MAX_SHIFT if model.jnt_type[joint] == _SLIDE else MAX_TURN
            problem = f"moves by {moved:.5f}" if not moved < limit else None
            self.report.add("stability", model.joint(joint).name, problem)

    def intersection(self) -> None:
        worst = self._depths(self.rest)
        names = [*self.free, *(self._body_of(joint) for joint in self.joints)]
        for name in names:
            depth, other = worst.get(self.tight.body(name).id, (0.0, -1))
            self.report.add("intersection", name, self._entered(depth, other))

    def lift(self) -> None:
        objects = self.house.metadata["objects"]
        for name, a in self.free.items():
            if not objects[name].get("graspable", False):
                continue
            qpos = self._opened(name)
            body = self.tight.body(name).id
            reach, problem = self._room_above(name), None
            if reach < LEAST_LIFT:
                problem = f"only {1000 * reach:.0f} mm of space above it"
            for step in range(1, LIFT_STEPS + 1):
                raised = qpos.copy()
                raised[a + 2] += reach * step / LIFT_STEPS
                depth, other = self._depths(raised).get(body, (0.0, -1))
                problem = problem or self._entered(depth, other)
            self.report.add("lift", name, problem)

    def articulation(self) -> None:
        stays = self._let_go()
        for joint in self.joints:
            name = self.model.joint(joint).name
            self.report.add("articulation", name, self._sweep(joint) or stays.get(joint))

    def _sweep(self, joint: int) -> str | None:
        """What is in the way of a joint somewhere in its range."""
        model = self.tight
        parts = _subtree(model, int(model.jnt_bodyid[joint]))
        riding = {model.body(name).id for name in self.carried.get(joint, ())}
        low, high = model.jnt_range[joint]
        for value in np.linspace(low, high, TURNS):
            qpos = self._with_joint(self.rest, joint, float(value))
            for first, second, depth in self._contacts(qpos):
                mine = (first in parts) != (second in parts)
                if mine and depth > DEPTH and not {first, second} & riding:
                    other = second if first in parts else first
                    return f"at {value:.3f} {self._entered(depth, other)}"
        return None

    def _let_go(self) -> dict[int, str]:
        """Joints that do not stay where they are let go, or levers that do not return."""
        model, data = self.model, self.data
        mujoco.mj_resetData(model, data)
        qpos, aims = self.rest, {}
        for joint in self.joints:
            low, high = model.jnt_range[joint]
            aims[joint] = 0.0 if _returns(model, joint) else (low + high) / 2
            qpos = self._with_joint(qpos, joint, float((low + high) / 2))
        data.qpos[:] = qpos
        mujoco.mj_step(model, data, round(STAY_SECONDS / model.opt.timestep))
        found = {}
        for joint, aim in aims.items():
            low, high = model.jnt_range[joint]
            off = abs(float(data.qpos[model.jnt_qposadr[joint]]) - aim) / (high - low)
            if not off < STAY:
                found[joint] = f"let go in the middle it ends {100 * off:.0f} % off"
        return found

    def _with_joint(self, qpos: NDArray[Any], joint: int, value: float) -> NDArray[Any]:
        """A configuration with a joint moved, together with what lies in its drawer."""
        model, moved = self.model, qpos.copy()
        address = model.jnt_qposadr[joint]
        shift = value - float(qpos[address])
        moved[address] = value
        if model.jnt_type[joint] == _SLIDE and shift:
            mujoco.mj_resetData(model, self.data)
            mujoco.mj_kinematics(model, self.data)
            axis = self.data.xaxis[joint]
            for name in self.carried.get(joint, ()):
                a = self.free[name]
                moved[a : a + 3] += shift * axis
        return moved

    def _opened(self, name: str) -> NDArray[Any]:
        """The rest configuration with the furniture open in which an object lies."""
        for joint, names in self.carried.items():
            if name in names:
                return self._with_joint(self.rest, joint, float(self.model.jnt_range[joint][1]))
        return self.rest

    def _room_above(self, name: str) -> float:
        """How far an object can rise: ``LIFT``, or less under a board."""
        objects, surfaces = self.house.metadata["objects"], self.house.metadata["surfaces"]
        entry = objects[name]
        surface = next(s for s in surfaces if s["name"] == entry["surface"])
        headroom = surface.get("headroom")
        inside = self.model.joint(surface["inside"]) if surface.get("inside") else None
        if headroom is None or (inside is not None and inside.type[0] == _SLIDE):
            return LIFT
        top = entry["rest_height"] + entry["half_size"][2]
        return min(LIFT, float(headroom - top) - LIFT_GAP)

    def _depths(self, qpos: NDArray[Any]) -> dict[int, tuple[float, int]]:
        """Deepest contact of each body and the other body, moving parts and objects only."""
        worst: dict[int, tuple[float, int]] = {}
        for first, second, depth in self._contacts(qpos):
            for body, other in ((first, second), (second, first)):
                if depth > worst.get(body, (0.0, -1))[0]:
                    worst[body] = (depth, other)
        return worst

    def _contacts(self, qpos: NDArray[Any]) -> list[tuple[int, int, float]]:
        """Pairs of bodies that enter each other, with the depth (m)."""
        model, data = self.tight, self.data
        data.qpos[:] = qpos
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_collision(model, data)
        bodies = model.geom_bodyid[data.contact.geom]
        return [
            (int(a), int(b), -float(dist))
            for (a, b), dist in zip(bodies, data.contact.dist, strict=True)
            if dist < 0
        ]

    def _entered(self, depth: float, other: int) -> str | None:
        if depth <= DEPTH:
            return None
        return f"{1000 * depth:.1f} mm into {self.model.body(other).name}"

    def _body_of(self, joint: int) -> str:
        return str(self.model.body(self.model.jnt_bodyid[joint]).name)


def check_house(house: House) -> Report:
    """Run all four checks on a generated house.

    Raises:
        InvalidScene: the house has no text (it is a file).
    """
    return _Checker(house).run()


def _touching_everything(model: mujoco.MjModel) -> mujoco.MjModel:
    """A copy in which moving furniture also touches walls and other furniture."""
    tight = copy.copy(model)
    touched = (model.geom_contype | model.geom_conaffinity) != 0
    tight.geom_contype[:] = touched
    tight.geom_conaffinity[:] = touched
    for body in range(model.nbody):
        first, count = model.body_geomadr[body], model.body_geomnum[body]
        any_touched = bool(count) and bool(touched[first : first + count].any())
        tight.body_contype[body] = tight.body_conaffinity[body] = int(any_touched)
    return tight


def _carried(house: House, model: mujoco.MjModel) -> dict[int, list[str]]:
    """Joint -> objects that lie in or behind what it moves."""
    inside = {s["name"]: s["inside"] for s in house.metadata["surfaces"] if s.get("inside")}
    found: dict[int, list[str]] = {}
    for name, entry in house.metadata["objects"].items():
        joint = inside.get(entry.get("surface"))
        if joint:
            found.setdefault(model.joint(joint).id, []).append(name)
    return found


def _subtree(model: mujoco.MjModel, root: int) -> set[int]:
    found = {root}
    for body in range(root + 1, model.nbody):
        if int(model.body_parentid[body]) in found:
            found.add(body)
    return found


def _returns(model: mujoco.MjModel, joint: int) -> bool:
    """Whether it is a lever that its spring turns back: one that hangs on a moving part."""
    parent = model.body_parentid[model.jnt_bodyid[joint]]
    return bool(model.jnt_stiffness[joint] > 0) and bool(model.body_weldid[parent] != 0)
