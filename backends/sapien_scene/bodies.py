"""Builds the bodies of a layout in a SAPIEN scene."""

from dataclasses import dataclass

import mujoco
import numpy as np
import sapien
from numpy.typing import NDArray
from sapien import Pose, physx

from molmospaces_gym.backends.layout import Array, Layout, Tree
from molmospaces_gym.backends.sapien_scene.links import attach, close_loops, gear, hang
from molmospaces_gym.backends.sapien_scene.masses import (
    Body,
    set_mass,
    weigh_nothing,
)
from molmospaces_gym.backends.sapien_scene.shapes import EXCLUDES, ShapeMaker
from molmospaces_gym.backends.servos import linear_equalities
from molmospaces_gym.backends.weights import weightless
from molmospaces_gym.errors import UnsupportedScene


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

    def poses(self) -> tuple[NDArray[np.intp], Array, Array]:
        """First bodies of the parts (n,), their positions (n, 3) and quaternions (n, 4)."""
        found = [body.entity.pose for body in self.parts.values()]
        ids = np.fromiter(self.parts, np.intp, len(found))
        pos = np.array([pose.p for pose in found], np.float64).reshape(-1, 3)
        return ids, pos, np.array([pose.q for pose in found], np.float64).reshape(-1, 4)


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
    close_loops(layout, parts)
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


def _add(
    scene: sapien.Scene, component: sapien.Component, name: str, pose: Pose | None = None
) -> None:
    entity = sapien.Entity()
    entity.name = component.name = name
    entity.add_component(component)
    if pose is not None:
        entity.pose = pose
    scene.add_entity(entity)


def _build_still(scene: sapien.Scene, layout: Layout, shapes: ShapeMaker) -> None:
    component = physx.PhysxRigidStaticComponent()
    attach(layout, shapes, layout.still, component)
    _add(scene, component, "world")


def _build_single(
    scene: sapien.Scene, layout: Layout, shapes: ShapeMaker, tree: Tree
) -> physx.PhysxRigidDynamicComponent:
    part, component = tree.parts[0], physx.PhysxRigidDynamicComponent()
    attach(layout, shapes, part, component)
    if tree.mocap >= 0:
        component.kinematic = True
    else:
        set_mass(layout, part, component, layout.model)
    _add(scene, component, layout.name(part.body), Pose(*layout.relative(part.body, 0)))
    return component


def _build_arm(
    scene: sapien.Scene, layout: Layout, shapes: ShapeMaker, tree: Tree, parts: dict[int, Body]
) -> Arm:
    """An articulation: a root that carries shapes when the tree moves as a whole, else empty."""
    model, first = layout.model, tree.parts[0]
    moves = tree.free_joint >= 0 or tree.mocap >= 0
    root = physx.PhysxArticulationLinkComponent(None)
    links = [(root, layout.name(first.body) if moves else f"{layout.name(first.body)}_base")]
    if moves:
        attach(layout, shapes, first, root)
        set_mass(layout, first, root, model)
        parts[first.body] = root
        pose = Pose(*layout.relative(first.body, 0))
    else:
        weigh_nothing(root)
        pose = Pose(*layout.relative(int(model.body_parentid[first.body]), 0))
    ids: dict[str, int] = {}
    for part in tree.parts[1:] if moves else tree.parts:
        above = parts.get(part.parent, root)
        origin = part.parent if part.parent else int(model.body_parentid[first.body])
        links += hang(layout, shapes, part, above, origin, ids)
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
            gear(model, parts, layout, follower, leader, ratio, zero)
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
