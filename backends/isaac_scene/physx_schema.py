"""What of a model only PhysX has to be told in USD."""

import mujoco
from pxr import Sdf, Usd, UsdPhysics, UsdShade

from molmospaces_gym.backends.friction import patch_radius, scene_friction, shape_friction
from molmospaces_gym.backends.isaac_scene.links import Plan
from molmospaces_gym.backends.isaac_scene.spec import is_free, joint_name
from molmospaces_gym.backends.weights import free_joint_damping, weightless

CONTACT_OFFSET = 0.005
"""Distance (m) below which PhysX prepares contacts; no contact acts beyond the surfaces."""
POSITION_ITERATIONS, VELOCITY_ITERATIONS = 15, 1
"""Of the solver, as in the maniskill backend."""
SLEEP_THRESHOLD = 0.005
"""Energy per mass (m^2/s^2) below which a body may fall asleep."""
_FLOAT, _INT, _BOOL = Sdf.ValueTypeNames.Float, Sdf.ValueTypeNames.Int, Sdf.ValueTypeNames.Bool


def describe_for_physx(
    stage: Usd.Stage, bodies: dict[str, Usd.Prim], geoms: dict[int, Usd.Prim], plan: Plan
) -> None:
    """Author friction, weights, armature and the effort of the solver.

    Args:
        bodies: link name -> prim.
        geoms: geom id -> prim.
    """
    _materials(stage, geoms, plan.model)
    floating = weightless(plan.layout)
    for link in plan.links:
        body = bodies[link.name]
        body.AddAppliedSchema("PhysxRigidBodyAPI")
        light = link.body >= 0 and int(plan.layout.part_of[link.body]) in floating
        _set(body, "physxRigidBody:disableGravity", _BOOL, light)
        linear, angular = 0.0, 0.0
        if is_free(plan.model, link):
            joint = int(plan.model.body_jntadr[link.body])
            linear, angular = free_joint_damping(plan.model, joint, link.body)
        _set(body, "physxRigidBody:linearDamping", _FLOAT, linear)
        _set(body, "physxRigidBody:angularDamping", _FLOAT, angular)
        _effort(body, "physxRigidBody")
    for prim in Usd.PrimRange(stage.GetDefaultPrim()):
        if prim.HasAPI(UsdPhysics.ArticulationRootAPI):
            prim.AddAppliedSchema("PhysxArticulationAPI")
            _set(prim, "physxArticulation:enabledSelfCollisions", _BOOL, True)
            _effort(prim, "physxArticulation")
    _joints(stage, plan.model)


def _effort(prim: Usd.Prim, kind: str) -> None:
    _set(prim, f"{kind}:solverPositionIterationCount", _INT, POSITION_ITERATIONS)
    _set(prim, f"{kind}:solverVelocityIterationCount", _INT, VELOCITY_ITERATIONS)
    _set(prim, f"{kind}:sleepThreshold", _FLOAT, SLEEP_THRESHOLD)


def _materials(stage: Usd.Stage, geoms: dict[int, Usd.Prim], model: mujoco.MjModel) -> None:
    """A material per friction, and each collider's offsets and patch."""
    friction = shape_friction(model, scene_friction(model))
    made: dict[float, UsdShade.Material] = {}
    scope = stage.GetDefaultPrim().GetPath().AppendChild("Physics")
    for geom, prim in geoms.items():
        value = round(float(friction[geom]), 6)
        if value not in made:
            path = scope.AppendChild(f"friction{len(made)}")
            made[value] = UsdShade.Material.Define(stage, path)
            material = UsdPhysics.MaterialAPI.Apply(made[value].GetPrim())
            material.CreateStaticFrictionAttr(value)
            material.CreateDynamicFrictionAttr(value)
            material.CreateRestitutionAttr(0.0)
        binding = UsdShade.MaterialBindingAPI.Apply(prim)
        binding.Bind(made[value], UsdShade.Tokens.weakerThanDescendants, "physics")
        prim.AddAppliedSchema("PhysxCollisionAPI")
        _set(prim, "physxCollision:contactOffset", _FLOAT, CONTACT_OFFSET)
        _set(prim, "physxCollision:restOffset", _FLOAT, 0.0)
        radius = patch_radius(model, geom)
        _set(prim, "physxCollision:torsionalPatchRadius", _FLOAT, radius)
        _set(prim, "physxCollision:minTorsionalPatchRadius", _FLOAT, radius)


def _joints(stage: Usd.Stage, model: mujoco.MjModel) -> None:
    """Armature; springs are actuators (``assets``)."""
    ids = {joint_name(model, joint): joint for joint in range(model.njnt)}
    for prim in Usd.PrimRange(stage.GetDefaultPrim()):
        joint = ids.get(prim.GetName(), -1)
        if joint < 0 or not prim.IsA(UsdPhysics.Joint):
            continue
        prim.AddAppliedSchema("PhysxJointAPI")
        armature = model.dof_armature[model.jnt_dofadr[joint]]
        _set(prim, "physxJoint:armature", _FLOAT, float(armature))


def _set(prim: Usd.Prim, name: str, kind: Sdf.ValueTypeName, value: object) -> None:
    prim.CreateAttribute(name, kind).Set(value)
