"""A plan as a USD file that Isaac Lab's engines load alike, cached by content.

``mujoco-usd-converter`` writes what MuJoCo and Newton know; ``post_process`` mends what keeps the
engines from agreeing. Each step was found by something going wrong without it.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mujoco_usd_converter
import usdex.core
from pxr import Sdf, Usd, UsdPhysics

from molmospaces_gym.backends.isaac_scene.filters import filter_pairs
from molmospaces_gym.backends.isaac_scene.links import Plan
from molmospaces_gym.backends.isaac_scene.physx_schema import describe_for_physx
from molmospaces_gym.backends.isaac_scene.spec import SCENE, scene_files
from molmospaces_gym.scenes.store import cache_dir

GEOMETRY = "Geometry"
"""Scope of the bodies under the scene's root."""
LAYOUT_VERSION = 2
"""Raised when the post-process changes, so that older files are made anew."""


def scene_usd(plan: Plan, physx: bool) -> Path:
    """The USD file of a plan, made on first use; ``physx`` adds what only PhysX reads."""
    files = scene_files(plan, physx)
    path = _folder() / f"{_key(files, physx)}.usdc"
    if not path.is_file():
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            folder = Path(scratch)
            for name, text in files.items():
                (folder / name).write_text(text)
            stage = _convert(folder)
            post_process(stage, plan)
            if physx:
                bodies, geoms = bodies_of(stage, plan), geoms_of(stage)
                describe_for_physx(stage, bodies, geoms, plan)
            stage.GetRootLayer().Export(str(folder / "done.usdc"))
            os.replace(folder / "done.usdc", path)
    return path


def _convert(folder: Path) -> Usd.Stage:
    converter = mujoco_usd_converter.Converter(layer_structure=False, scene=False)
    with _warnings_only():
        made = converter.convert(str(folder / SCENE), str(folder / "usd"))
    return Usd.Stage.Open(Usd.Stage.Open(made.path).Flatten())


@contextlib.contextmanager
def _warnings_only() -> Iterator[None]:
    """Each house would print the paths of scratch files."""
    was_active, level = usdex.core.isDiagnosticsDelegateActive(), usdex.core.getDiagnosticsLevel()
    usdex.core.activateDiagnosticsDelegate()
    usdex.core.setDiagnosticsLevel(usdex.core.DiagnosticsLevel.eWarning)
    try:
        yield
    finally:
        usdex.core.setDiagnosticsLevel(level)
        if not was_active:
            usdex.core.deactivateDiagnosticsDelegate()


def _key(files: dict[str, str], physx: bool) -> str:
    packages = [version(name) for name in ("mujoco-usd-converter", "mujoco")]
    parts = [LAYOUT_VERSION, packages, physx, files]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


@lru_cache
def _scratch() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="molmospaces-gym-usd-")


def _folder() -> Path:
    """Under the project's cache where there is one, else until the process ends."""
    kept = cache_dir()
    folder = Path(_scratch().name) if kept is None else kept.with_name("usd")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def post_process(stage: Usd.Stage, plan: Plan) -> None:
    """Everything that both engines need."""
    prims = list(Usd.PrimRange(stage.GetDefaultPrim()))
    for prim in prims:
        if prim.IsA(UsdPhysics.FixedJoint):
            _move_root(stage, prim)
        elif prim.IsA(UsdPhysics.RevoluteJoint):
            _add_drive(prim, "angular")
        elif prim.IsA(UsdPhysics.PrismaticJoint):
            _add_drive(prim, "linear")
    geoms = geoms_of(stage)
    _set_lift(prims, plan)
    _set_masks(geoms, plan)
    filter_pairs(bodies_of(stage, plan), geoms, plan)


def _move_root(stage: Usd.Stage, joint: Usd.Prim) -> None:
    """Make the joint that holds a base to the world the root of its articulation.

    PhysX takes a root on the base itself for a floating one.
    """
    body = stage.GetPrimAtPath(UsdPhysics.FixedJoint(joint).GetBody1Rel().GetTargets()[0])
    if not body.HasAPI(UsdPhysics.ArticulationRootAPI):
        return
    body.RemoveAPI(UsdPhysics.ArticulationRootAPI)
    body.RemoveAppliedSchema("NewtonArticulationRootAPI")
    UsdPhysics.ArticulationRootAPI.Apply(joint)
    joint.AddAppliedSchema("NewtonArticulationRootAPI")
    # Collision bits say which parts of a robot meet.
    attribute(joint, "newton:selfCollisionEnabled", Sdf.ValueTypeNames.Bool, True)


def _add_drive(joint: Usd.Prim, kind: str) -> None:
    """PhysX ignores targets of joints without a drive; Isaac Lab sets the gains."""
    drive = UsdPhysics.DriveAPI.Apply(joint, kind)
    drive.CreateTypeAttr("force")
    drive.CreateStiffnessAttr(0.0)
    drive.CreateDampingAttr(0.0)


def _set_masks(geoms: dict[int, Usd.Prim], plan: Plan) -> None:
    """The collision bits, which the converter leaves out; Newton's MuJoCo takes them as they are.

    It does where all shapes name one domain, which is one file here; PhysX needs ``filter_pairs``.
    """
    model, whole = plan.model, Sdf.ValueTypeNames.Int64
    for geom, prim in geoms.items():
        attribute(prim, "newton:mujoco:collision_mask_domain", whole, 0)
        attribute(prim, "mjc:contype", whole, int(model.geom_contype[geom]))
        attribute(prim, "mjc:conaffinity", whole, int(model.geom_conaffinity[geom]))


def _set_lift(prims: list[Usd.Prim], plan: Plan) -> None:
    """Compensated weights under the name that Newton reads; the converter has another."""
    lifts = {
        link.name: float(plan.model.body_gravcomp[link.body])
        for link in plan.links
        if link.body >= 0 and plan.model.body_gravcomp[link.body]
    }
    for prim in prims:
        if prim.GetName() in lifts and prim.HasAPI(UsdPhysics.RigidBodyAPI):
            attribute(prim, "mjc:gravcomp", Sdf.ValueTypeNames.Float, lifts[prim.GetName()])


def bodies_of(stage: Usd.Stage, plan: Plan) -> dict[str, Usd.Prim]:
    """Link name -> prim."""
    names = {link.name for link in plan.links}
    return {
        prim.GetName(): prim
        for prim in Usd.PrimRange(stage.GetDefaultPrim())
        if prim.GetName() in names and prim.HasAPI(UsdPhysics.RigidBodyAPI)
    }


def geoms_of(stage: Usd.Stage) -> dict[int, Usd.Prim]:
    """Id of each geom that collides -> prim."""
    return {
        int(prim.GetName()[1:]): prim
        for prim in Usd.PrimRange(stage.GetDefaultPrim())
        if prim.HasAPI(UsdPhysics.CollisionAPI) and prim.GetName()[1:].isdigit()
    }


def attribute(prim: Usd.Prim, name: str, kind: Any, value: object) -> None:
    """Set an attribute, made where it does not exist."""
    prim.CreateAttribute(name, kind).Set(value)
