"""A compiled model as an MJCF text that ``mujoco-usd-converter`` takes without loss.

The text holds what moves and collides, one joint per body and names that USD accepts (see
``links``). Joints count from the model's ``qpos0``, since USD joints have no ``ref``. Actuators,
sites, cameras and lights stay behind: targets are set through Isaac Lab's own actuators, and the
rest comes from the mirror. It is written here and not by ``MjSpec.to_xml``, which keeps six digits:
5 micrometres at 3 m, where kinematics is to agree within one.
"""

from collections.abc import Iterable
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.hulls import ball, ball_faces, hull
from molmospaces_gym.backends.isaac_scene.links import Link, Plan, usd_name
from molmospaces_gym.backends.layout import Array, compose

SCENE = "scene.xml"
LIGHT, LIGHT_INERTIA = 1e-3, 1e-6
"""Mass (kg) and inertia (kg m^2) of a link that only holds joints."""
IDENTITY = np.array([1.0, 0.0, 0.0, 0.0])
_GEOM = mujoco.mjtGeom
_SHAPES = {
    int(_GEOM.mjGEOM_PLANE): "plane",
    int(_GEOM.mjGEOM_SPHERE): "sphere",
    int(_GEOM.mjGEOM_CAPSULE): "capsule",
    int(_GEOM.mjGEOM_CYLINDER): "cylinder",
    int(_GEOM.mjGEOM_BOX): "box",
}
_ELLIPSOID, _MESH = int(_GEOM.mjGEOM_ELLIPSOID), int(_GEOM.mjGEOM_MESH)
_GEOM_FIELDS = ("condim", "priority", "solmix", "solref", "solimp", "margin", "gap", "friction")
_CONNECT, _JOINT = int(mujoco.mjtEq.mjEQ_CONNECT), int(mujoco.mjtEq.mjEQ_JOINT)
_TYPES = {int(mujoco.mjtJoint.mjJNT_HINGE): "hinge", int(mujoco.mjtJoint.mjJNT_SLIDE): "slide"}


BALL, COARSE_BALL = ball(), ball(rings=5, around=12)
"""Corners (n, 3) of what stands for an ellipsoid of radius 1, with 146 and 62 of them. PhysX leaves
64 of a hull's corners; where it chose them, things that lay on one rocked onto a side."""


def scene_files(plan: Plan, physx: bool) -> dict[str, str]:
    """File name -> text: ``scene.xml`` and the meshes that it names, which the converter reads."""
    writer = _Writer(plan, COARSE_BALL if physx else BALL)
    return {SCENE: ElementTree.tostring(writer.root, encoding="unicode"), **writer.meshes}


def joint_name(model: mujoco.MjModel, number: int) -> str:
    """Name of a joint in the USD scene."""
    return usd_name("j", number, model.joint(number).name)


class _Writer:
    def __init__(self, plan: Plan, ball: Array) -> None:
        self.plan, self.model, self.ball = plan, plan.model, ball
        self.root = Element("mujoco", model="scene")
        SubElement(self.root, "compiler", angle="radian", autolimits="true")
        self.assets = SubElement(self.root, "asset")
        self.meshes: dict[str, str] = {}
        self.world = SubElement(self.root, "worldbody")
        self.bodies: list[Element] = []
        for body in plan.still:
            self._geoms(self.world, body, *plan.layout.relative(body, 0))
        for link in plan.links:
            self._link(link)
        self._excludes()
        self._equalities()

    def _link(self, link: Link) -> None:
        above = self.world if link.parent < 0 else self.bodies[link.parent]
        body = SubElement(above, "body", name=link.name, pos=_text(link.pos), quat=_text(link.quat))
        self.bodies.append(body)
        model = self.model
        if link.joint >= 0:
            self._joint(body, link.joint)
        elif is_free(model, link):
            free = int(model.body_jntadr[link.body])
            SubElement(body, "freejoint", name=joint_name(model, free))
        mass, middle, axes, moments = link_inertia(self.plan, link, model)
        SubElement(
            body,
            "inertial",
            mass=_text([mass]),
            pos=_text(middle),
            quat=_text(axes),
            diaginertia=_text(moments),
        )
        if link.body >= 0 and model.body_gravcomp[link.body]:
            body.set("gravcomp", _text([model.body_gravcomp[link.body]]))
        for number in link.bodies:
            self._geoms(body, number, *self.plan.layout.relative(number, link.body))

    def _joint(self, body: Element, number: int) -> None:
        model = self.model
        address, dof = int(model.jnt_qposadr[number]), int(model.jnt_dofadr[number])
        zero = float(model.qpos0[address])
        joint = SubElement(
            body,
            "joint",
            name=joint_name(model, number),
            type=_TYPES[int(model.jnt_type[number])],
            pos=_text(model.jnt_pos[number]),
            axis=_text(model.jnt_axis[number]),
            armature=_text([model.dof_armature[dof]]),
            damping=_text(np.ravel(model.dof_damping[dof])[:1]),
            frictionloss=_text([model.dof_frictionloss[dof]]),
            stiffness=_text(np.ravel(model.jnt_stiffness[number])[:1]),
            springref=_text([model.qpos_spring[address] - zero]),
            solreflimit=_text(model.jnt_solref[number]),
            solimplimit=_text(model.jnt_solimp[number]),
            solreffriction=_text(model.dof_solref[dof]),
            solimpfriction=_text(model.dof_solimp[dof]),
            margin=_text([model.jnt_margin[number]]),
            limited="true" if model.jnt_limited[number] else "false",
        )
        if model.jnt_limited[number]:
            joint.set("range", _text(model.jnt_range[number] - zero))

    def _geoms(self, body: Element, number: int, pos: Array, quat: Array) -> None:
        model = self.model
        for geom in np.flatnonzero(model.geom_bodyid == number).tolist():
            if not model.geom_contype[geom] and not model.geom_conaffinity[geom]:
                continue
            place = compose(pos, quat, model.geom_pos[geom], model.geom_quat[geom])
            fields = {name: _text(getattr(model, f"geom_{name}")[geom]) for name in _GEOM_FIELDS}
            made = SubElement(
                body,
                "geom",
                fields,
                name=geom_name(geom),
                pos=_text(place[0]),
                quat=_text(place[1]),
                contype=str(int(model.geom_contype[geom])),
                conaffinity=str(int(model.geom_conaffinity[geom])),
                rgba=_text(model.geom_rgba[geom]),
            )
            self._shape(made, geom)

    def _shape(self, made: Element, geom: int) -> None:
        model, kind = self.model, int(self.model.geom_type[geom])
        if kind in _SHAPES:
            made.set("type", _SHAPES[kind])
            made.set("size", _text(model.geom_size[geom]))
            return
        made.set("type", "mesh")
        if kind == _ELLIPSOID:  # the converter has none
            name = usd_name("m", geom, "ball")
            vertices, faces = self.ball * model.geom_size[geom], ball_faces(self.ball)
        else:
            mesh = int(model.geom_dataid[geom])
            name = usd_name("m", mesh, "")
            vertices, faces = hull(model, mesh)
        made.set("mesh", name)
        file = f"{name}.obj"
        if file not in self.meshes:
            self.meshes[file] = _obj(vertices, faces)
            SubElement(self.assets, "mesh", name=name, file=file)

    def _excludes(self) -> None:
        model, owner = self.model, self.plan.link_of()
        contact = SubElement(self.root, "contact")
        for number, signature in enumerate(model.exclude_signature.tolist()):
            ends = [int(owner[signature >> 16]), int(owner[signature & 0xFFFF])]
            if min(ends) >= 0 and ends[0] != ends[1]:
                first, second = (self.plan.links[end].name for end in ends)
                name = usd_name("x", number, "")
                SubElement(contact, "exclude", name=name, body1=first, body2=second)

    def _equalities(self) -> None:
        model, group = self.model, SubElement(self.root, "equality")
        for number in np.flatnonzero(model.eq_active0).tolist():
            common = {
                "name": usd_name("e", number, model.equality(number).name),
                "solref": _text(model.eq_solref[number]),
                "solimp": _text(model.eq_solimp[number]),
            }
            ends = int(model.eq_obj1id[number]), int(model.eq_obj2id[number])
            if model.eq_type[number] == _JOINT:
                first, second = (joint_name(model, joint) for joint in ends)
                polynomial = _text(model.eq_data[number, :5])
                SubElement(group, "joint", common, joint1=first, joint2=second, polycoef=polynomial)
            elif model.eq_type[number] == _CONNECT:
                self._connect(group, common, ends, model.eq_data[number, :3])

    def _connect(
        self, group: Element, common: dict[str, str], ends: tuple[int, int], anchor: Array
    ) -> None:
        plan, owner = self.plan, self.plan.link_of()
        first, second = (plan.links[int(owner[body])] for body in ends)
        place = plan.layout.relative(ends[0], first.body)
        point = compose(*place, anchor, IDENTITY)[0]
        SubElement(
            group, "connect", common, body1=first.name, body2=second.name, anchor=_text(point)
        )


def geom_name(geom: int) -> str:
    """Name of a geom in the USD scene."""
    return f"g{geom}"


def is_free(model: mujoco.MjModel, link: Link) -> bool:
    """Whether a link moves freely."""
    if link.body < 0 or link.parent >= 0 or model.body_jntnum[link.body] != 1:
        return False
    kind = model.jnt_type[model.body_jntadr[link.body]]
    return bool(kind == mujoco.mjtJoint.mjJNT_FREE)


def link_inertia(
    plan: Plan, link: Link, model: mujoco.MjModel
) -> tuple[float, Array, Array, Array]:
    """Mass (kg), middle (3,), axes (4,) and moments (3,) of a link with the masses of ``model``."""
    if link.body < 0:
        return LIGHT, np.zeros(3), IDENTITY, np.full(3, LIGHT_INERTIA)
    mass, middle, axes, moments = plan.layout.combined(link.bodies, link.body, model)
    if mass <= 0.0:
        return LIGHT, middle, axes, np.full(3, LIGHT_INERTIA)
    return mass, middle, axes, moments


def _obj(vertices: Array, faces: NDArray[np.intp]) -> str:
    lines = [f"v {_text(corner)}" for corner in vertices]
    lines += [f"f {a} {b} {c}" for a, b, c in (faces + 1).tolist()]
    return "\n".join(lines) + "\n"


def _text(values: object) -> str:
    numbers: Iterable[float] = np.ravel(np.asarray(values)).tolist()
    return " ".join(map(repr, numbers))
