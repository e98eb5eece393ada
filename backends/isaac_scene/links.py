"""Which links a model becomes in Isaac Lab, and how they group into assets; no simulator needed.

Isaac Lab holds articulations and rigid objects as views, each with a cost per step of its own. So
everything that opens in a house hangs under one fixed base (``furniture``), every robot is an
articulation, and all loose bodies are one collection. USD knows one joint between two links: a body
with several joints gets empty links in between, and every link its own name that USD accepts.
"""

import re
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.layout import FREE, Array, Layout
from molmospaces_gym.backends.servos import driven_joints

FURNITURE, LOOSE = "furniture", "loose"
_UNSAFE = re.compile(r"[^A-Za-z0-9_]")

WXYZ, XYZW = [3, 0, 1, 2], [1, 2, 3, 0]
"""Orders of a quaternion's elements: Isaac Lab's as MuJoCo has them, and the other way."""


def usd_name(kind: str, number: int, name: str) -> str:
    """A name that is a USD identifier and unique by its number, e.g. ``b12_robot_0_base``."""
    return f"{kind}{number}_{_UNSAFE.sub('_', name)}".rstrip("_")


@dataclass(frozen=True)
class Link:
    """A rigid body of the USD scene.

    ``body`` is the first of the ``bodies`` that it carries, whose frame is its own (-1: it carries
    nothing and only holds joints); ``parent`` the index of the link it hangs under (-1: the
    world); ``joint`` its joint (-1: fixed). ``pos`` and ``quat`` are its pose in its parent.
    """

    name: str
    body: int
    bodies: tuple[int, ...]
    parent: int
    joint: int
    pos: Array
    quat: Array


@dataclass(frozen=True)
class Group:
    """Links that are one asset: an articulation, or a loose body (``is_single``).

    ``links`` are indices, the root first; ``free_joint`` and ``mocap`` are ids of what moves the
    root, -1 where nothing does.
    """

    name: str
    links: tuple[int, ...]
    free_joint: int
    mocap: int

    @property
    def is_single(self) -> bool:
        """Whether it is one loose body."""
        return len(self.links) == 1 and self.free_joint >= 0


@dataclass(frozen=True)
class Plan:
    """All links and groups of a model; ``still`` are the bodies that never move."""

    model: mujoco.MjModel
    layout: Layout
    still: tuple[int, ...]
    links: tuple[Link, ...]
    groups: tuple[Group, ...]

    @property
    def articulations(self) -> tuple[Group, ...]:
        """The groups that are articulations."""
        return tuple(group for group in self.groups if not group.is_single)

    @property
    def singles(self) -> tuple[Group, ...]:
        """The groups that are one loose body each."""
        return tuple(group for group in self.groups if group.is_single)

    def link_of(self) -> NDArray[np.intp]:
        """Body id -> index of the link that carries it, -1 for what stands still."""
        owner = np.full(self.model.nbody, -1, dtype=np.intp)
        for index, link in enumerate(self.links):
            owner[list(link.bodies)] = index
        return owner


def make_plan(model: mujoco.MjModel) -> Plan:
    """The links and groups of a compiled model."""
    layout = Layout(model)
    maker = _Maker(model, layout)
    for tree in layout.trees:
        maker.add(tree.parts[0].body)
    return Plan(model, layout, layout.still.bodies, tuple(maker.links), maker.groups())


class _Maker:
    def __init__(self, model: mujoco.MjModel, layout: Layout) -> None:
        self.model, self.layout = model, layout
        self.links: list[Link] = []
        self._members: dict[str, list[int]] = {}
        self._roots: dict[str, tuple[int, int]] = {}
        self._driven = frozenset(model.body_rootid[model.jnt_bodyid[driven_joints(model)]].tolist())
        self._first = _link_bodies(model, layout)

    def groups(self) -> tuple[Group, ...]:
        return tuple(
            Group(name, tuple(members), *self._roots[name])
            for name, members in self._members.items()
        )

    def add(self, root: int) -> None:
        """Add the tree of a top-level moving body."""
        model, mocap = self.model, int(self.model.body_mocapid[root])
        joints = _joints(model, root)
        free = joints[0] if joints and model.jnt_type[joints[0]] == FREE else -1
        fixed = free < 0 and mocap < 0
        top = int(model.body_rootid[root])
        name = self._name(root)
        if fixed and top not in self._driven:
            name = FURNITURE
        elif free >= 0 and not self._holds(root):
            # Isaac Lab finds a collection by what the names of its bodies begin with.
            name = f"{LOOSE}_{name}"
        if name not in self._members:
            self._members[name], self._roots[name] = [], (free, mocap)
            if fixed:
                where = np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0])
                self._append(name, Link(f"{name}_base", -1, (), -1, -1, *where))
        if fixed:
            self._hang(name, root, self._members[name][0], 0)
        else:
            place = self.layout.relative(root, 0)
            self._append(name, Link(name, root, self._carried(root), -1, -1, *place))
        self._descend(name, root)

    def _append(self, group: str, link: Link) -> int:
        self.links.append(link)
        self._members[group].append(len(self.links) - 1)
        return len(self.links) - 1

    def _name(self, body: int) -> str:
        return usd_name("b", body, self.model.body(body).name)

    def _holds(self, body: int) -> bool:
        """Whether another link hangs under a body."""
        same = self.model.body_rootid == self.model.body_rootid[body]
        return bool(np.any(same & (self._first != body) & (self._first != 0)))

    def _carried(self, body: int) -> tuple[int, ...]:
        return tuple(np.flatnonzero(self._first == body).tolist())

    def _hang(self, group: str, body: int, above: int, origin: int) -> None:
        """Hang a link under another; ``origin`` is the body whose frame that one has."""
        place = self.layout.relative(body, origin)
        joints = _joints(self.model, body) or [-1]
        for number, joint in enumerate(joints):
            last = number == len(joints) - 1
            name = self._name(body) + ("" if last else f"_between{number}")
            bodies = self._carried(body) if last else ()
            link = Link(name, body if last else -1, bodies, above, joint, *place)
            above = self._append(group, link)
            place = np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0])

    def _descend(self, group: str, root: int) -> None:
        owner = {link.body: index for index, link in enumerate(self.links) if link.body >= 0}
        top = self.model.body_rootid[root]
        for body in range(root + 1, self.model.nbody):
            if self._first[body] != body or self.model.body_rootid[body] != top or body in owner:
                continue
            parent = int(self._first[self.model.body_parentid[body]])
            if parent not in owner:  # it hangs under what stands still: a tree of its own
                continue
            self._hang(group, body, owner[parent], parent)
            owner[body] = len(self.links) - 1


def _joints(model: mujoco.MjModel, body: int) -> list[int]:
    first = int(model.body_jntadr[body])
    return list(range(first, first + int(model.body_jntnum[body])))


def _link_bodies(model: mujoco.MjModel, layout: Layout) -> NDArray[np.intp]:
    """Body id -> first body of its link, 0 for what stands still.

    Welded bodies are one link unless their weights are compensated differently: MuJoCo lifts each
    at its own middle.
    """
    first = np.zeros(model.nbody, dtype=np.intp)
    for body in range(1, model.nbody):
        parent = int(model.body_parentid[body])
        if layout.part_of[body] == 0:
            continue
        same = model.body_gravcomp[body] == model.body_gravcomp[parent]
        welded = layout.part_of[body] == layout.part_of[parent]
        first[body] = first[parent] if welded and same else body
    return first
