"""Builds the bodies of a layout in a SAPIEN scene."""

from dataclasses import dataclass

import mujoco
import numpy as np
import sapien
from numpy.typing import NDArray
from sapien import Pose, physx

from molmospaces_gym.backends.sapien_scene.drives import linear_equalities
from molmospaces_gym.backends.sapien_scene.layout import (
    FREE,
    HINGE,
    Array,
    Layout,
    Part,
    Tree,
    compose,
    quaternion,
)
from molmospaces_gym.backends.sapien_scene.shapes import EXCLUDES, ShapeMaker
from molmospaces_gym.errors import UnsupportedScene

Body = physx.PhysxRigidDynamicComponent | physx.PhysxArticulationLinkComponent
SMALL_MASS, SMALL_INERTIA = 1e-3, 1e-6
"""What a link without mass gets (kg, kg m^2): one between two joints of the same body."""
TENDON_STIFFNESS, TENDON_DAMPING = 1e5, 1e2
"""Of the fixed tendon that gears two joints (N m/rad and N m s/rad, or N/m and N s/m)."""
COMPENSATED = 0.01
"""Share of its weight by which what carries a body may differ from it."""


@dataclass(frozen=True, eq=False)
class Arm:
    """An articulation with the joints of the model in its own order."""

    tree: Tree
    articulation: physx.PhysxArticulation
    root: physx.PhysxArticulationLinkComponent
    joints: NDArray[np.intp]
    drives: tuple[physx.PhysxArticulationJoint, ...]


@dataclass(frozen=True, eq=False)
class Bodies:
    """Everything that was built: by first body of its part, and by tree."""

    parts: dict[int, Body]
    singles: tuple[tuple[Tree, physx.PhysxRigidDynamicComponent], ...]
    arms: tuple[Arm, ...]


def build_bodies(scene: sapien.Scene, layout: Layout, shapes: ShapeMaker) -> Bodies:
    """Build every part of a layout, masses as the model has them, and add it to a scene."""
    parts: dict[int, Body] = {}
    singles, arms = [], []
    _build_still(scene, layout, shapes)
    for tree in layout.trees:
        if tree.is_single:
            singles.append((tree, _build_single(scene, layout, shapes, tree)))
            parts[tree.parts[0].body] = singles[-1][1]
        else:
            arms.append(_build_arm(scene, layout, shapes, tree, parts))
    _close_loops(layout, parts)
    floating = weightless(layout)
    for body, component in parts.items():
        component.disable_gravity = body in floating
    return Bodies(parts, tuple(singles), tuple(arms))


def excluded_pairs(model: mujoco.MjModel) -> NDArray[np.uint32]:
    """(nbody,) bits that bodies which may not touch have in common; raises beyond ``EXCLUDES``."""
    if model.nexclude > EXCLUDES:
        raise UnsupportedScene(
            f"the maniskill backend can keep {EXCLUDES} pairs of bodies apart, not {model.nexclude}"
        )
    bits = np.zeros(model.nbody, dtype=np.uint32)
    for number, signature in enumerate(model.exclude_signature.tolist()):
        bits[signature >> 16] |= np.uint32(1 << number)
        bits[signature & 0xFFFF] |= np.uint32(1 << number)
    return bits


def weightless(layout: Layout) -> frozenset[int]:
    """First bodies of the parts whose weight the model compensates, their own or all they carry.

    Raises:
        UnsupportedScene: a part is compensated in part.
    """
    model, found = layout.model, set[int]()
    for tree in layout.trees:
        for part in tree.parts:
            if part.body in found:
                continue
            below = _below(tree, part)
            if _lift(model, part.bodies) == 0.0:
                continue
            for group in (below, [part]):
                bodies = [body for member in group for body in member.bodies]
                weight = float(model.body_mass[bodies].sum())
                if abs(_lift(model, bodies) - weight) <= COMPENSATED * weight:
                    found.update(member.body for member in group)
                    break
            else:
                raise UnsupportedScene(
                    "the maniskill backend can compensate the weight of a body or of all that it"
                    f" carries, not a share of it: {model.body(part.body).name!r}"
                )
    return frozenset(found)


def set_mass(layout: Layout, part: Part, body: Body, model: mujoco.MjModel) -> None:
    """Give a body the mass, the middle and the inertia of a part."""
    mass, pos, quat, moments = layout.inertia(part, model)
    body.mass = max(mass, SMALL_MASS)
    body.cmass_local_pose = Pose(pos, quat)
    body.inertia = np.maximum(moments, SMALL_INERTIA if mass == 0.0 else 1e-9).astype(np.float32)


def _lift(model: mujoco.MjModel, bodies: "tuple[int, ...] | list[int]") -> float:
    chosen = list(bodies)
    return float((model.body_gravcomp[chosen] * model.body_mass[chosen]).sum())


def _below(tree: Tree, part: Part) -> list[Part]:
    inside = {part.body}
    found = [part]
    for member in tree.parts:
        if member.parent in inside and member.body not in inside:
            inside.add(member.body)
            found.append(member)
    return found


def _attach(layout: Layout, shapes: ShapeMaker, part: Part, component: object) -> None:
    for geom in layout.geoms(part):
        place = layout.relative(int(layout.model.geom_bodyid[geom]), part.body)
        component.attach(shapes.make(int(geom), *place))  # type: ignore[attr-defined]


def _add(
    scene: sapien.Scene, component: sapien.Component, name: str, pose: Pose | None = None
) -> None:
    entity = sapien.Entity()
    entity.name = component.name = name
    entity.add_component(component)
    if pose is not None:
        entity.pose = pose
    scene.add_entity(entity)


def _name(layout: Layout, body: int) -> str:
    return layout.model.body(body).name or f"body{body}"


def _build_still(scene: sapien.Scene, layout: Layout, shapes: ShapeMaker) -> None:
    component = physx.PhysxRigidStaticComponent()
    _attach(layout, shapes, layout.still, component)
    _add(scene, component, "world")


def _build_single(
    scene: sapien.Scene, layout: Layout, shapes: ShapeMaker, tree: Tree
) -> physx.PhysxRigidDynamicComponent:
    part, component = tree.parts[0], physx.PhysxRigidDynamicComponent()
    _attach(layout, shapes, part, component)
    if tree.mocap >= 0:
        component.kinematic = True
    else:
        set_mass(layout, part, component, layout.model)
    _add(scene, component, _name(layout, part.body), Pose(*layout.relative(part.body, 0)))
    return component


def _build_arm(
    scene: sapien.Scene, layout: Layout, shapes: ShapeMaker, tree: Tree, parts: dict[int, Body]
) -> Arm:
    """An articulation: a root that carries shapes when the tree moves as a whole, else empty."""
    model, first = layout.model, tree.parts[0]
    moves = tree.free_joint >= 0 or tree.mocap >= 0
    root = physx.PhysxArticulationLinkComponent(None)
    links = [(root, _name(layout, first.body) if moves else f"{_name(layout, first.body)}_base")]
    if moves:
        _attach(layout, shapes, first, root)
        set_mass(layout, first, root, model)
        parts[first.body] = root
        pose = Pose(*layout.relative(first.body, 0))
    else:
        _weigh_nothing(root)
        pose = Pose(*layout.relative(int(model.body_parentid[first.body]), 0))
    ids: dict[str, int] = {}
    for part in tree.parts[1:] if moves else tree.parts:
        above = parts.get(part.parent, root)
        origin = part.parent if part.parent else int(model.body_parentid[first.body])
        links += _hang(layout, shapes, part, above, origin, ids)
        parts[part.body] = links[-1][0]
    entities = []  # a component does not keep its entity alive
    for component, name in links:
        component.linear_damping = component.angular_damping = 0.0
        entity = sapien.Entity()
        entity.name = component.name = name
        entity.add_component(component)
        entities.append(entity)
    root.joint.type = "undefined" if tree.free_joint >= 0 else "fixed"
    for follower, leader, ratio, zero in linear_equalities(model):
        if follower in ids.values():
            _gear(model, parts, layout, follower, leader, ratio, zero)
    entities[0].pose = pose
    articulation = root.articulation
    articulation.name = links[0][1]
    for entity in entities:
        scene.add_entity(entity)
    active = articulation.get_active_joints()
    joints = np.array([ids[joint.name] for joint in active], dtype=np.intp)
    for joint, number in zip(active, joints, strict=True):
        joint.friction = 0.0
        joint.armature = np.array([model.dof_armature[model.jnt_dofadr[number]]], np.float32)
    return Arm(tree, articulation, root, joints, tuple(active))


def _hang(
    layout: Layout,
    shapes: ShapeMaker,
    part: Part,
    above: Body,
    origin: int,
    ids: dict[str, int],
) -> list[tuple[physx.PhysxArticulationLinkComponent, str]]:
    """Hang a part under a link, with an empty link between every two of its joints."""
    model, links = layout.model, []
    place = layout.relative(part.body, origin)
    for number, joint in enumerate(part.joints):
        link = physx.PhysxArticulationLinkComponent(above)
        is_last = number == len(part.joints) - 1
        if is_last:
            _attach(layout, shapes, part, link)
            set_mass(layout, part, link, model)
        else:
            _weigh_nothing(link)
        name = model.joint(joint).name or f"joint{joint}"
        ids[name] = joint
        link.joint.name = name
        _set_joint(model, link.joint, joint, place)
        suffix = "" if is_last else f"_between{number}"
        links.append((link, _name(layout, part.body) + suffix))
        above, place = link, (np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]))
    return links


def _set_joint(
    model: mujoco.MjModel,
    joint: physx.PhysxArticulationJoint,
    number: int,
    place: tuple[Array, Array],
) -> None:
    """Axis, anchor and limits; the position counts as in the model, from its ``qpos0`` on."""
    frame = model.jnt_pos[number], quaternion(_axes(model.jnt_axis[number]))
    zero = float(model.qpos0[model.jnt_qposadr[number]])
    hinge = model.jnt_type[number] == HINGE
    if hinge:
        back = np.zeros(3), np.array([np.cos(-zero / 2), np.sin(-zero / 2), 0.0, 0.0])
    else:
        back = np.array([-zero, 0.0, 0.0]), np.array([1.0, 0.0, 0.0, 0.0])
    limited = bool(model.jnt_limited[number])
    joint.type = "revolute_unwrapped" if hinge else "prismatic"
    joint.pose_in_child = Pose(*frame)
    joint.pose_in_parent = Pose(*compose(*compose(*place, *frame), *back))
    ends = model.jnt_range[number] if limited else (-np.inf, np.inf)
    joint.limit = np.asarray(ends, dtype=np.float32)


def _axes(axis: Array) -> Array:
    """A rotation matrix (3, 3) whose x axis is ``axis``."""
    helper = np.array([0.0, 0.0, 1.0]) if abs(axis[0]) > 0.9 else np.array([1.0, 0.0, 0.0])
    side = np.cross(helper, axis)
    side /= np.linalg.norm(side)
    return np.column_stack([axis, side, np.cross(axis, side)])


def _weigh_nothing(link: physx.PhysxArticulationLinkComponent) -> None:
    link.mass = SMALL_MASS
    link.cmass_local_pose = Pose()
    link.inertia = np.full(3, SMALL_INERTIA, np.float32)


def _gear(
    model: mujoco.MjModel,
    parts: dict[int, Body],
    layout: Layout,
    follower: int,
    leader: int,
    ratio: float,
    zero: float,
) -> None:
    """Make a joint follow a sibling, as a fixed tendon; raises ``UnsupportedScene`` otherwise."""
    links = [parts[int(layout.part_of[model.jnt_bodyid[j]])] for j in (follower, leader)]
    if links[0].parent is None or links[0].parent != links[1].parent:
        raise UnsupportedScene(
            f"the maniskill backend can gear joints of one parent only, not"
            f" {model.joint(follower).name!r} and {model.joint(leader).name!r}"
        )
    links[0].articulation.create_fixed_tendon(
        [links[0].parent, links[1], links[0]],
        [0.0, -ratio, 1.0],
        [0.0, -1.0 / ratio, 1.0],
        rest_length=zero,
        stiffness=TENDON_STIFFNESS,
        damping=TENDON_DAMPING,
    )


def _close_loops(layout: Layout, parts: dict[int, Body]) -> None:
    """Hold together what ``connect`` equalities hold together, by locked joints."""
    model = layout.model
    for number in np.flatnonzero(model.eq_active0):
        if model.eq_type[number] != int(mujoco.mjtEq.mjEQ_CONNECT):
            continue
        ends = []
        for body, anchor in (
            (int(model.eq_obj1id[number]), model.eq_data[number, 0:3]),
            (int(model.eq_obj2id[number]), model.eq_data[number, 3:6]),
        ):
            part = int(layout.part_of[body])
            place = compose(*layout.relative(body, part), anchor, np.array([1.0, 0.0, 0.0, 0.0]))
            ends.append((parts.get(part), Pose(place[0])))
        if ends[1][0] is not None and ends[0][0] is None:
            ends.reverse()
        (child, in_child), (parent, in_parent) = ends
        if child is None:
            continue
        lock = physx.PhysxDriveComponent(child)
        lock.parent = parent
        lock.pose_in_child, lock.pose_in_parent = in_child, in_parent
        child.entity.add_component(lock)
        lock.set_limit_x(0.0, 0.0)
        lock.set_limit_y(0.0, 0.0)
        lock.set_limit_z(0.0, 0.0)


def free_joint_damping(model: mujoco.MjModel, joint: int, body: int) -> tuple[float, float]:
    """Damping rates (1/s) that act on a free body like its joint's damping (linear, angular)."""
    assert model.jnt_type[joint] == FREE
    dof = int(model.jnt_dofadr[joint])
    mass = max(float(model.body_mass[body]), 1e-9)
    inertia = max(float(np.mean(model.body_inertia[body])), 1e-12)
    rates = model.dof_damping[dof] / mass, model.dof_damping[dof + 3] / inertia
    return float(rates[0]), float(rates[1])
