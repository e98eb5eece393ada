"""The fixed part of a generated house: its MJCF header, shell and furniture, with metadata."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from molmospaces_gym.scenes.generator import mjcf, room
from molmospaces_gym.scenes.generator.furniture import furniture_parts
from molmospaces_gym.scenes.generator.kitchen import Unit, counter_frame, counter_units
from molmospaces_gym.scenes.generator.layout import HouseConfig, Piece, RoomPlan
from molmospaces_gym.scenes.generator.names import Counter, body_name, joint_name
from molmospaces_gym.scenes.generator.shapes import Part, Quat, Vec3, volume, yaw_quat
from molmospaces_gym.scenes.house import Surface

COMPILER = """<compiler angle="radian" autolimits="true"/>
"""
DEFAULTS = """<default>
<geom friction="0.9 0.01 0.001"/>
<default class="fixed"><geom group="0"/></default>
<default class="solid"><geom condim="4" group="0"/></default>
<default class="solid_round"><geom condim="6" friction="0.9 0.01 0.005" group="0"/></default>
<default class="touched"><geom condim="4" group="4"/></default>
<default class="touched_round"><geom condim="6" friction="0.9 0.01 0.005" group="4"/></default>
<default class="seen"><geom contype="0" conaffinity="0" group="0" mass="0"/></default>
<default class="loose"><joint type="free" damping="0.001"/></default>
<default class="drawer"><joint type="slide" damping="8" frictionloss="3" armature="0.1"/></default>
<default class="door"><joint type="hinge" damping="0.6" frictionloss="0.25"
 armature="0.01"/></default>
</default>
"""
"""Classes of geoms and joints."""
_OPTIONS = """<option timestep="0.002" gravity="0 0 -9.8" integrator="implicitfast" cone="elliptic"
 impratio="10" solver="Newton"><flag sleep="enable" multiccd="enable"/></option>
<visual>
<headlight ambient="0.42 0.42 0.42" diffuse="0.30 0.30 0.30" specular="0 0 0"/>
<map znear="0.002" zfar="8"/>
<quality shadowsize="2048"/>
<global offwidth="1280" offheight="960"/>
</visual>
"""
HEADER = COMPILER + _OPTIONS + DEFAULTS
"""Physics as in the official scenes (gravity 9.8 included, so that lift thresholds and recorded
episodes mean the same), without their no-slip pass, plus sleeping. Frictionless joints would keep
cabinets awake, hence ``frictionloss``; it also holds a drawer that was left half open."""

HANDLE = "handle"
"""Mesh of every cabinet handle; the only mesh that furniture uses."""


@dataclass
class Draft:
    """Texts and metadata entries that a house collects while it is put together."""

    bodies: list[str] = field(default_factory=list)
    assets: dict[str, str] = field(default_factory=dict)
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    surfaces: list[Surface] = field(default_factory=list)
    tops: list[str] = field(default_factory=list)
    """Body name of each piece of furniture, in the plan's order."""
    counter: Counter = field(default_factory=Counter)


def add_shell(scene: Draft, plan: RoomPlan, rng: np.random.Generator) -> list[str]:
    """Materials, lights, floor, walls and decoration."""
    scene.assets.update({f"material {k}": text for k, text in enumerate(room.assets(rng, plan))})
    width, depth = plan.world_size
    pos, quat = (width / 2, depth / 2, 0.0), yaw_quat(plan.yaw)
    floor = mjcf.element(
        "geom", name="floor", class_="fixed", type="plane", size=(width / 2, depth / 2, 0.1),
        pos=pos, material="floor",
    )  # fmt: skip
    # decoration has a body of its own: one without collisions costs the broad phase nothing
    bodies = []
    for name, parts in (
        ("room_0", room.walls(plan)),
        ("decoration_0", room.decoration(plan, rng)),
    ):
        geoms = _geoms(name, parts)
        bodies.append(mjcf.element("body", geoms, name=name, pos=pos, quat=quat))
    scene.objects["room_0"] = entry_of("room_0", "Room", "room")
    return [*room.lights(plan), floor, *bodies]


def _geoms(body: str, parts: list[Part] | tuple[Part, ...], mass: float | None = None) -> list[str]:
    """Geoms of a piece of furniture; ``mass`` (kg) is shared out by volume."""
    touched = [part for part in parts if part.role != "visual"]
    total = sum(volume(part) for part in touched)
    texts, seen, solid = [], 0, 0
    for part in parts:
        if part.role == "visual":
            mesh = HANDLE if part.mesh is not None else ""
            texts.append(mjcf.geom(f"{body}_visual_{seen}", part, mesh=mesh))
            seen += 1
            continue
        share = None if mass is None else mass * volume(part) / total
        texts.append(mjcf.geom(f"{body}_collision_{solid}", part, share))
        solid += 1
    return texts


def entry_of(name: str, category: str, enum: str, asset_id: str = "") -> dict[str, Any]:
    """Official metadata entry of something that stays where it is."""
    return {
        "hash_name": name,
        "asset_id": asset_id or name,
        "object_id": name,
        "category": category,
        "object_enum": enum,
        "is_static": True,
        "name_map": {"bodies": {name: name}, "joints": {}, "sites": {}},
        "parent": None,
        "room_id": 0,
        "children": [],
    }


CATEGORY = {
    "dining_table": "DiningTable",
    "side_table": "SideTable",
    "desk": "Desk",
    "shelf": "ShelvingUnit",
    "counter": "CounterTop",
    "drawer": "drawer",
    "cabinet": "cabinet",
}


def add_piece(
    scene: Draft, plan: RoomPlan, piece: Piece, config: HouseConfig, rng: np.random.Generator
) -> None:
    """A piece of furniture, its surface and, for the counter, its cabinets."""
    asset_id = f"{piece.lemma}_{piece.half[0]:.3f}_{piece.half[1]:.3f}_{piece.height:.3f}"
    name = body_name(piece.lemma, asset_id, scene.counter.next(asset_id))
    x, y = plan.to_world(piece.x, piece.y)
    yaw = piece.yaw + plan.yaw
    units: list[Unit] = []
    if piece.lemma == "counter":
        units = counter_units(piece, config.num_cabinets, rng)
        parts = counter_frame(piece, config.num_cabinets)
        parts += [part for unit in units for part in unit.fixed]
    else:
        parts = furniture_parts(piece, rng)
    body = mjcf.element("body", _geoms(name, parts), name=name, pos=(x, y, 0.0), quat=yaw_quat(yaw))
    scene.bodies.append(body)
    scene.tops.append(name)
    entry = entry_of(name, CATEGORY[piece.lemma], "thor_obj", asset_id)
    hx, hy = piece.half
    entry["boundingBox"] = {"x": 2 * hx, "y": 2 * hy, "z": piece.height}
    scene.objects[name] = entry
    center = (x, y, piece.height)
    surface = Surface(name, piece.kind, center, piece.half, yaw, plan.fronts(piece))
    scene.surfaces.append(surface)
    for unit in units:
        entry["children"].append(_add_unit(scene, plan, piece, unit, name))


def _add_unit(scene: Draft, plan: RoomPlan, piece: Piece, unit: Unit, counter: str) -> str:
    """The drawer or door of a cabinet, as a top-level body."""
    asset_id = f"{unit.kind}_{piece.half[0]:.3f}_{piece.height:.3f}_{unit.axis[2]:+.0f}"
    name = body_name(unit.kind, asset_id, scene.counter.next(asset_id))
    slide = unit.kind == "drawer"
    joint = joint_name(name, "slide" if slide else "hinge")
    joint_text = mjcf.element(
        "joint", name=joint, class_="drawer" if slide else "door", axis=unit.axis,
        range=(0.0, unit.travel),
    )  # fmt: skip
    for part in unit.moving:
        if part.mesh is not None:
            scene.assets[HANDLE] = mjcf.mesh_asset(HANDLE, part.mesh)
    pos, quat = world_pose(plan, piece, unit.pos[0], unit.pos[1], unit.pos[2], 0.0)
    geoms = _geoms(name, unit.moving, unit.mass)
    body = mjcf.element("body", [joint_text, *geoms], name=name, pos=pos, quat=quat)
    scene.bodies.append(body)
    entry = entry_of(name, CATEGORY[unit.kind], "thor_obj", asset_id)
    label = f"{unit.kind}_{unit.index}"
    entry["name_map"] = {"bodies": {name: label}, "joints": {joint: f"{label}_joint"}, "sites": {}}
    handle = sum(part.role != "visual" for part in unit.moving) - 1
    entry |= {"is_static": False, "parent": counter, "mass": unit.mass, "joint": joint}
    entry |= {"range": [0.0, unit.travel], "handle": f"{name}_collision_{handle}"}
    scene.objects[name] = entry
    return name


def world_pose(
    plan: RoomPlan, piece: Piece, x: float, y: float, z: float, yaw: float
) -> tuple[Vec3, Quat]:
    """World pose of a point and yaw given in the frame of a piece."""
    c, s = math.cos(piece.yaw), math.sin(piece.yaw)
    wx, wy = plan.to_world(piece.x + c * x - s * y, piece.y + s * x + c * y)
    return (wx, wy, z), yaw_quat(yaw + piece.yaw + plan.yaw)
