"""Links of articulations: their joints, what gears them and what closes loops."""

import mujoco
import numpy as np
from sapien import Pose, physx

from molmospaces_gym.backends.layout import (
    HINGE,
    Array,
    Layout,
    Part,
    compose,
    quaternion,
)
from molmospaces_gym.backends.sapien_scene.masses import Body, set_mass, weigh_nothing
from molmospaces_gym.backends.sapien_scene.shapes import ShapeMaker
from molmospaces_gym.errors import UnsupportedScene

TENDON_STIFFNESS, TENDON_DAMPING = 1e5, 1e2
"""Of the fixed tendon that gears two joints (N m/rad and N m s/rad, or N/m and N s/m)."""


def attach(layout: Layout, shapes: ShapeMaker, part: Part, component: Body) -> None:
    """Give a body the shapes of a part."""
    for geom in layout.geoms(part):
        place = layout.relative(int(layout.model.geom_bodyid[geom]), part.body)
        component.attach(shapes.make(int(geom), *place))


def hang(
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
            attach(layout, shapes, part, link)
            set_mass(layout, part, link, model)
        else:
            weigh_nothing(link)
        name = model.joint(joint).name or f"joint{joint}"
        ids[name] = joint
        link.joint.name = name
        _set_joint(model, link.joint, joint, place)
        suffix = "" if is_last else f"_between{number}"
        links.append((link, layout.name(part.body) + suffix))
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


def gear(
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


def close_loops(layout: Layout, parts: dict[int, Body]) -> None:
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
