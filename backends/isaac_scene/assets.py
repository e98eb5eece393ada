"""Isaac Lab's configuration of a house: one spawned USD file and the views on it."""

from collections.abc import Iterable
from dataclasses import dataclass

import mujoco
import numpy as np
from isaaclab.actuators import ImplicitActuatorCfg
from isaaclab.assets import (
    ArticulationCfg,
    AssetBaseCfg,
    RigidObjectCfg,
    RigidObjectCollectionCfg,
)
from isaaclab.scene import InteractiveSceneCfg
from isaaclab.sim import UsdFileCfg

from molmospaces_gym.backends.isaac_scene.links import XYZW, Group, Plan
from molmospaces_gym.backends.isaac_scene.spec import joint_name
from molmospaces_gym.backends.isaac_scene.usd import GEOMETRY
from molmospaces_gym.backends.layout import Array
from molmospaces_gym.backends.servos import Servos

SCENE = "{ENV_REGEX_NS}/Scene"
OBJECTS = "objects"
"""Name of the collection of all loose bodies."""
LIMIT_EDGE = 1e-5
"""Share of a joint's range by which its default stays off the ends."""


def scene_cfg(
    plan: Plan,
    servos: Servos,
    start: Array,
    usd: str,
    num_worlds: int,
    spacing: float,
    is_physx: bool,
) -> InteractiveSceneCfg:
    """The scene of a plan: its file, robots and what opens, and everything loose.

    ``start`` (nq,) has the joints' default positions; worlds are ``spacing`` metres apart. For
    PhysX springs are actuators too: of other joints Isaac Lab sets the drives' targets to their
    defaults, whatever the file says.
    """
    return _Maker(plan, servos, start, is_physx).scene(usd, num_worlds, spacing)


@dataclass(frozen=True)
class _Maker:
    plan: Plan
    servos: Servos
    start: Array
    is_physx: bool

    def scene(self, usd: str, num_worlds: int, spacing: float) -> InteractiveSceneCfg:
        cfg = InteractiveSceneCfg(num_envs=num_worlds, env_spacing=spacing, replicate_physics=True)
        house = AssetBaseCfg(prim_path=SCENE, spawn=UsdFileCfg(usd_path=usd))
        setattr(cfg, "house", house)  # noqa: B010 - fields of a scene are free in name
        for group in self.plan.articulations:
            setattr(cfg, group.name, self._articulation(group))
        if self.plan.singles:
            objects = {group.name: self._object(group) for group in self.plan.singles}
            collection = RigidObjectCollectionCfg(rigid_objects=objects)
            # Isaac Lab makes entities in the order of their paths' depths, and this one has no
            # path: it would come before the house that holds its bodies.
            last = f"/World/envs/env_0/Scene/{GEOMETRY}/{OBJECTS}/all"
            setattr(collection, "prim_path", last)  # noqa: B010
            setattr(cfg, OBJECTS, collection)
        return cfg

    def _path(self, group: Group) -> str:
        return f"{SCENE}/{GEOMETRY}/{self.plan.links[group.links[0]].name}"

    def _object(self, group: Group) -> RigidObjectCfg:
        link = self.plan.links[group.links[0]]
        state = RigidObjectCfg.InitialStateCfg(
            pos=tuple(link.pos.tolist()), rot=tuple(link.quat[XYZW].tolist())
        )
        return RigidObjectCfg(prim_path=self._path(group), spawn=None, init_state=state)

    def _articulation(self, group: Group) -> ArticulationCfg:
        link = self.plan.links[group.links[0]]
        state = ArticulationCfg.InitialStateCfg(
            pos=tuple(link.pos.tolist()),
            rot=tuple(link.quat[XYZW].tolist()),
            joint_pos=self._start_of(group),
        )
        return ArticulationCfg(
            prim_path=self._path(group),
            spawn=None,
            init_state=state,
            actuators=self._actuators(group),
            soft_joint_pos_limit_factor=1.0,
        )

    def _start_of(self, group: Group) -> dict[str, float]:
        """Joint positions by name, strictly within the limits: Isaac Lab refuses others."""
        model, found = self.plan.model, {}
        for joint in (self.plan.links[index].joint for index in group.links):
            if joint >= 0:
                at = int(model.jnt_qposadr[joint])
                value = self.start[at]
                if model.jnt_limited[joint]:
                    low, high = model.jnt_range[joint]
                    edge = LIMIT_EDGE * (high - low)
                    value = np.clip(value, low + edge, high - edge)
                found[joint_name(model, joint)] = float(value - model.qpos0[at])
        return found

    def _actuators(self, group: Group) -> dict[str, ImplicitActuatorCfg]:
        servos, members = self.servos, [self.plan.links[i].joint for i in group.links]
        driven = [joint for joint in members if joint >= 0 and servos.actuator[joint] >= 0]
        found = {}
        if driven:
            found["servos"] = ImplicitActuatorCfg(
                joint_names_expr=list(self._names(driven)),
                stiffness=self._table(driven, servos.stiffness),
                damping=self._table(driven, servos.damping),
                joint_effort_limit=self._table(driven, servos.limit),
            )
        model = self.plan.model
        springs = [] if not self.is_physx else sprung_joints(model, servos, members)
        if springs:
            found["springs"] = ImplicitActuatorCfg(
                joint_names_expr=list(self._names(springs)),
                stiffness=self._table(springs, np.ravel(model.jnt_stiffness)[: model.njnt]),
                damping=0.0,  # ``resistance`` sets it, of all joints that nothing drives
            )
        return found

    def _names(self, joints: list[int]) -> list[str]:
        return [joint_name(self.plan.model, joint) for joint in joints]

    def _table(self, joints: list[int], values: Array) -> dict[str, float]:
        return dict(zip(self._names(joints), values[joints].tolist(), strict=True))


def sprung_joints(model: mujoco.MjModel, servos: Servos, joints: Iterable[int]) -> list[int]:
    """Those of some joints that a spring pulls and nothing drives."""
    return [
        joint
        for joint in joints
        if joint >= 0 and servos.actuator[joint] < 0 and np.ravel(model.jnt_stiffness)[joint]
    ]
