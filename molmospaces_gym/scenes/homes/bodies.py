"""MJCF bodies of furniture, doors and objects, with the official names.

A piece is one static top-level body; what moves hangs below it. What is only seen of it is in a
child body of its own: MuJoCo computes a box around every geom of every body that can collide, on
every step, also for geoms that cannot.
"""

import functools
import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from molmospaces_gym.scenes.custom import CustomAsset
from molmospaces_gym.scenes.generator import mjcf
from molmospaces_gym.scenes.generator.catalog import Asset
from molmospaces_gym.scenes.generator.draft import HEADER
from molmospaces_gym.scenes.generator.names import joint_name
from molmospaces_gym.scenes.generator.shapes import (
    IDENTITY,
    Part,
    Quat,
    Vec3,
    moved,
    volume,
    yaw_quat,
)
from molmospaces_gym.scenes.homes.finish import room_material
from molmospaces_gym.scenes.homes.fixture import Fixture, Moving

BUILT, MOVING, WALLS = "built_", "moving_", "wall_"
"""Families of geom classes: fixed furniture, what moves in it, and walls."""

_DEFAULTS = """<default>
<geom friction="0.9 0.01 0.001"/>
<default class="__VISUAL_MJT__"><geom contype="0" conaffinity="0" group="0" mass="0"/>
<default class="seen"/></default>
<default class="__DYNAMIC_MJT__"><geom conaffinity="15" group="4"/>
<default class="solid"><geom condim="4" group="0"/></default>
<default class="solid_round"><geom condim="6" friction="0.9 0.01 0.005" group="0"/></default>
<default class="touched"><geom condim="4"/></default>
<default class="touched_round"><geom condim="6" friction="0.9 0.01 0.005"/></default></default>
<default class="__STRUCTURAL_MJT__"><geom contype="8" conaffinity="15" group="4"/>
<default class="built_solid"><geom group="0"/></default><default class="built_touched"/></default>
<default class="__STRUCTURAL_WALL_MJT__"><geom contype="8" conaffinity="15" group="3"/>
<default class="wall_touched"/></default>
<default class="__ARTICULABLE_DYNAMIC_MJT__"><geom contype="0" conaffinity="7" group="4"/>
<default class="moving_solid"><geom group="0"/></default>
<default class="moving_touched"/></default>
<default class="loose"><joint type="free" damping="0.001"/></default>
</default>
"""
"""The official classes with the official bits, and below them those that parts name. Walls and
furniture touch objects and robots, but neither each other nor what moves in them: a closed drawer
needs no contacts with its cabinet. Contact parameters are those of the one-room houses."""


def home_header() -> str:
    """Header of a home: the physics of the one-room houses with the classes of a home."""
    head, _, _ = HEADER.partition("<default>")
    return head + _DEFAULTS


@dataclass(frozen=True)
class Naming:
    """Makes the names of one asset's bodies: ``<lemma>_<md5>_<count>_<bodyindex>_<room>``."""

    lemma: str
    asset_id: str
    count: int
    room: int

    def body(self, index: int, infix: str = "") -> str:
        """Name of a body; doors carry ``infix`` in theirs."""
        digest = hashlib.md5(self.asset_id.encode(), usedforsecurity=False).hexdigest()
        return f"{self.lemma}{infix}_{digest}_{self.count}_{index}_{self.room}"


@dataclass(frozen=True)
class Joint:
    """A moving part of a piece, as metadata describes it. ``handle`` is a geom or empty."""

    body: str
    joint: str
    label: str
    kind: str
    slides: bool
    travel: float
    rest: float
    mass: float
    handle: str
    children: tuple["Joint", ...] = ()


@dataclass
class Built:
    """A finished piece: its text and its moving parts; ``labels`` are the plain names of bodies."""

    name: str
    text: str
    joints: list[Joint] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)


def asset_id(key: str, fixture: Fixture) -> str:
    """Name of a piece's design: pieces that share it are equal, moving parts included."""
    hx, hy = fixture.half
    size = f"{key}_{hx:.3f}_{hy:.3f}_{fixture.height:.3f}"
    if not fixture.moving:
        return size
    digest = hashlib.md5(repr(fixture.moving).encode(), usedforsecurity=False).hexdigest()
    return f"{size}_{digest[:8]}"


def fixture_body(
    fixture: Fixture,
    naming: Naming,
    pos: Vec3,
    yaw: float,
    movable: bool,
    rest: float = 0.0,
) -> Built:
    """The body of a piece.

    Args:
        fixture: what it is made of.
        naming: names of its bodies; the room also says which finish it has.
        pos: world position of its origin.
        yaw: its rotation about the vertical, rad.
        movable: whether its moving parts move; else they are part of the fixed body.
        rest: joint position in which the outer moving parts rest.
    """
    name = naming.body(0)
    built = Built(name, "")
    built.labels[name] = fixture.lemma
    fixed = list(fixture.parts)
    children: list[str] = []
    if movable:
        door = fixture.lemma == "doorway"
        numbers = iter(range(1, 1000))
        for moving in fixture.moving:
            text, joint = _moving(moving, naming, numbers, built, rest, door)
            children.append(text)
            built.joints.append(joint)
    else:
        fixed += [part for moving in fixture.moving for part in _closed(moving, (0.0, 0.0, 0.0))]
    seen = [part for part in fixed if part.role == "visual"]
    solid = [part for part in fixed if part.role != "visual"]
    geoms = _geoms(name, solid, naming.room)
    if seen and geoms:
        index = len(built.labels)
        look = naming.body(index)
        built.labels[look] = f"{fixture.lemma}_look"
        children.append(mjcf.element("body", _geoms(name, seen, naming.room), name=look))
    elif seen:
        geoms = _geoms(name, seen, naming.room)
    built.text = mjcf.element(
        "body", [*geoms, *children], name=name, pos=pos, quat=yaw_quat(yaw) if yaw else None
    )
    return built


def _closed(moving: Moving, offset: Vec3) -> list[Part]:
    """Parts of something shut for good, in the frame of the fixture."""
    pos = moved(moving.pos, offset)
    parts = [part.moved(pos) for part in moving.parts]
    return parts + [part for child in moving.children for part in _closed(child, pos)]


def _moving(
    moving: Moving,
    naming: Naming,
    numbers: Iterator[int],
    built: Built,
    rest: float,
    door: bool,
) -> tuple[str, Joint]:
    index = next(numbers)
    name = naming.body(index, f"_{moving.lemma}" if door else "")
    label = f"{moving.lemma}_{index}"
    if door:
        label = f"{naming.lemma}_{moving.lemma}_{index}"
    built.labels[name] = label
    joint = joint_name(name, "slide" if moving.slides else "hinge")
    children: list[tuple[str, Joint | None]] = [
        _moving(child, naming, numbers, built, 0.0, door) for child in moving.children
    ]
    attributes = mjcf.element(
        "joint", name=joint, type="slide" if moving.slides else "hinge", axis=moving.axis,
        range=(0.0, moving.travel), damping=moving.damping, frictionloss=moving.frictionloss,
        stiffness=moving.spring or None, armature=moving.armature, ref=rest or None,
        springref=moving.spring_rest or None,
    )  # fmt: skip
    parts = list(moving.parts)
    if not door:
        seen = [part for part in parts if part.role == "visual"]
        parts = [part for part in parts if part.role != "visual"]
        if seen:
            look = naming.body(next(numbers))
            built.labels[look] = f"{label}_look"
            own = _geoms(name, seen, naming.room)
            children.append((mjcf.element("body", own, name=look), None))
    geoms = _geoms(name, parts, naming.room, moving.mass)
    pos, quat = _opened(moving, rest)
    text = mjcf.element(
        "body", [attributes, *geoms, *(text for text, _ in children)], name=name, pos=pos, quat=quat
    )
    found = Joint(
        body=name,
        joint=joint,
        label=label,
        kind=moving.lemma,
        slides=moving.slides,
        travel=moving.travel,
        rest=rest,
        mass=moving.mass,
        handle=_handle(name, moving),
        children=tuple(child for _, child in children if child is not None),
    )
    return text, found


def _handle(name: str, moving: Moving) -> str:
    """Geom of the part that a gripper holds."""
    if moving.handle < 0:
        return ""
    touched = [k for k, part in enumerate(moving.parts) if part.role != "visual"]
    return f"{name}_collision_{touched.index(moving.handle)}"


def _opened(moving: Moving, rest: float) -> tuple[Vec3, Quat | None]:
    """Position and rotation of a moving part at a joint position."""
    if not rest:
        return moving.pos, None
    x, y, z = moving.axis
    if moving.slides:
        return moved(moving.pos, (x * rest, y * rest, z * rest)), None
    s = math.sin(rest / 2)
    return moving.pos, (math.cos(rest / 2), x * s, y * s, z * s)


def _geoms(name: str, parts: Iterable[Part], room: int, mass: float | None = None) -> list[str]:
    """Geoms of furniture; ``mass`` (kg) is shared out by volume."""
    parts = list(parts)
    total = sum(volume(part) for part in parts if part.role != "visual")
    family = BUILT if mass is None else MOVING
    texts, seen, solid = [], 0, 0
    for part in parts:
        shown = replace(part, material=room_material(part.material, room))
        if part.role == "visual":
            texts.append(mjcf.geom(f"{name}_visual_{seen}", shown))
            seen += 1
            continue
        share = None if mass is None else mass * volume(part) / total
        texts.append(mjcf.geom(f"{name}_collision_{solid}", shown, share, family=family))
        solid += 1
    return texts


_NAME = "asset-name"
_HEAD = f'<body name="{_NAME}" pos="0 0 0" quat="1 0 0 0">'


@functools.lru_cache(maxsize=4096)
def _object_template(asset: Asset) -> tuple[str, dict[str, str]]:
    body, meshes = mjcf.object_body(_NAME, asset, (0.0, 0.0, 0.0), IDENTITY)
    assert body.startswith(_HEAD)
    return body[len(_HEAD) :], meshes


Placeable = Asset | CustomAsset
"""What can stand in a home: a generated object or one of a user's library."""


def object_body(name: str, asset: Placeable, pos: Vec3, quat: Quat) -> tuple[str, dict[str, str]]:
    """A free object and the assets that it needs, the text of equal ones remembered."""
    if isinstance(asset, CustomAsset):
        return asset.body(name, pos, quat)
    rest, meshes = _object_template(asset)
    head = f'<body name="{name}" pos="{mjcf.numbers(pos)}" quat="{mjcf.numbers(quat)}">'
    return head + rest.replace(_NAME, name), meshes


def static_body(name: str, parts: Iterable[Part]) -> str:
    """A body of walls or decoration; materials are named as they are."""
    texts, seen, solid = [], 0, 0
    for part in parts:
        if part.role == "visual":
            texts.append(mjcf.geom(f"{name}_visual_{seen}", part))
            seen += 1
        else:
            texts.append(mjcf.geom(f"{name}_collision_{solid}", part, family=WALLS))
            solid += 1
    return mjcf.element("body", texts, name=name)
