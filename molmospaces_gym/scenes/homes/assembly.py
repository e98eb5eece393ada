"""Collects the bodies, assets and metadata of a home."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from molmospaces_gym.scenes.custom import CustomAsset
from molmospaces_gym.scenes.generator import mjcf
from molmospaces_gym.scenes.generator.names import Counter, joint_name
from molmospaces_gym.scenes.generator.shapes import Part, quat_mul, yaw_quat
from molmospaces_gym.scenes.homes.bodies import (
    Built,
    Joint,
    Naming,
    asset_id,
    fixture_body,
    object_body,
    static_body,
)
from molmospaces_gym.scenes.homes.config import HomeConfig
from molmospaces_gym.scenes.homes.doors import door
from molmospaces_gym.scenes.homes.placed import Placed
from molmospaces_gym.scenes.homes.plan import WALL, WALL_HEIGHT, FloorPlan, Opening
from molmospaces_gym.scenes.homes.populate import Item
from molmospaces_gym.scenes.homes.rest import rest_pose
from molmospaces_gym.scenes.homes.space import Spot
from molmospaces_gym.scenes.homes.tops import Board
from molmospaces_gym.scenes.homes.walls import (
    WINDOW_DEPTH,
    barriers,
    ceiling_panel,
    decoration,
    floor_panel,
    wall_panels,
    window_parts,
)
from molmospaces_gym.scenes.house import Surface


@dataclass
class Assembly:
    """A home in the making."""

    plan: FloorPlan
    bodies: list[str] = field(default_factory=list)
    assets: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)
    """Classes that objects of libraries bring with them, by uid."""
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    surfaces: list[Surface] = field(default_factory=list)
    articulated: list[dict[str, Any]] = field(default_factory=list)
    doors: list[dict[str, Any]] = field(default_factory=list)
    counter: Counter = field(default_factory=Counter)
    _pieces: list[tuple[Placed, Built]] = field(default_factory=list)

    def add_structure(
        self, placed: Sequence[Placed], rng: np.random.Generator, ceiling: bool
    ) -> None:
        """Floor, walls and what is only seen of each room."""
        (x, y), (w, d) = self.plan.outline.middle, self.plan.outline.size
        ground = mjcf.element(
            "geom", name="floor", type="plane", size=(w / 2 + 1, d / 2 + 1, 0.1),
            pos=(x, y, 0.0), class_="built_touched",
        )  # fmt: skip
        self.bodies.append(ground)
        numbers = Counter()
        for barrier in barriers(self.plan):
            name = f"wall_{barrier.room}_{numbers.next(str(barrier.room)) - 1}"
            self.bodies.append(static_body(name, [barrier.part]))
            self.objects[name] = entry(name, "Wall", "wall", barrier.room)
        for room in self.plan.rooms:
            panels: list[Part] = [floor_panel(room)]
            self.bodies.append(static_body(room.name, panels))
            self.objects[room.name] = entry(room.name, "Room", "room", room.index)
            taken = [piece.zone for piece in placed if piece.room == room.index]
            look = [*wall_panels(self.plan, room), *decoration(self.plan, room, taken, rng)]
            self.bodies.append(static_body(f"decoration_{room.index}", look))
            if ceiling:
                name = f"ceiling_{room.index}"
                self.bodies.append(static_body(name, [ceiling_panel(room.floor)]))

    def add_windows(self) -> None:
        """Every window as a body of its own, which nothing touches."""
        for window in self.plan.windows:
            room = next(r for r in window.wall.rooms if r is not None)
            width, height = window.high - window.low, window.top - window.bottom
            asset = f"window_{width:.2f}_{height:.2f}"
            name = Naming("window", asset, self.counter.next(asset), room).body(0)
            self.bodies.append(static_body(name, window_parts(window)))
            own = entry(name, "Window", "window", room, asset)
            depth = 2 * WINDOW_DEPTH
            size = (depth, width, height) if window.wall.vertical else (width, depth, height)
            self.objects[name] = {**own, "boundingBox": _box(size)}

    def add_doorway(self, opening: Opening, rng: np.random.Generator, config: HomeConfig) -> None:
        """A hinged door; an open passage needs nothing."""
        if opening.kind != "door":
            return
        spot, side = doorway_spot(opening)
        fixture = door(opening.high - opening.low, opening.top, WALL, rng, side)
        travel = fixture.moving[0].travel
        rest = travel if rng.random() < config.open_doors else 0.0
        name = asset_id("doorway", fixture)
        naming = Naming("doorway", name, self.counter.next(name), opening.opens_into)
        built = fixture_body(fixture, naming, (spot.x, spot.y, 0.0), spot.yaw, True, rest)
        self.bodies.append(built.text)
        self._record_piece(built, fixture.category, name, opening.opens_into, [])
        size = (opening.high - opening.low, 2 * fixture.half[1], fixture.height)
        self.objects[built.name]["boundingBox"] = _box(size)
        self.objects[built.name]["object_enum"] = "door"
        leaf = built.joints[0]
        low, high = (f"room_{r}" for r in opening.wall.rooms)
        out = math.remainder(spot.yaw - math.pi / 2, 2 * math.pi)
        self.doors.append(
            {
                "name": built.name,
                "body": leaf.body,
                "joint": leaf.joint,
                "range": [0.0, leaf.travel],
                "rest": leaf.rest,
                "handles": [child.handle for child in leaf.children],
                "handle_joints": [child.joint for child in leaf.children],
                "handle_bodies": [child.body for child in leaf.children],
                "rooms": [low, high],
                "opens_into": f"room_{opening.opens_into}",
                "swing": out,
                "center": [*opening.middle, 0.0],
                "width": opening.high - opening.low,
                "height": opening.top,
            }
        )

    def add_piece(self, piece: Placed, movable: bool) -> None:
        """A piece of furniture."""
        fixture, spot = piece.fixture, piece.spot
        name = asset_id(piece.key, fixture)
        lemma = fixture.lemma.replace("_", "")
        naming = Naming(lemma, name, self.counter.next(name), piece.room)
        built = fixture_body(fixture, naming, (spot.x, spot.y, spot.z), spot.yaw, movable)
        self.bodies.append(built.text)
        parent = "" if piece.on is None else self._pieces[piece.on][1].name
        self._record_piece(built, fixture.category, name, piece.room, [])
        own = self.objects[built.name]
        own["boundingBox"] = _box((2 * fixture.half[0], 2 * fixture.half[1], fixture.height))
        own["noun"] = fixture.noun
        own["descriptions"] = {"1": fixture.noun}
        if parent:
            own["parent"] = parent
            self.objects[parent]["children"].append(built.name)
        self._pieces.append((piece, built))
        self.articulated += [
            {
                "object": built.name,
                "body": joint.body,
                "joint": joint.joint,
                "handle": joint.handle,
                "range": [0.0, joint.travel],
                "rest": joint.rest,
                "kind": joint.kind,
                "slides": joint.slides,
                "room": f"room_{piece.room}",
                "category": fixture.category,
                "noun": fixture.noun,
            }
            for joint in built.joints
        ]

    def _record_piece(
        self, built: Built, category: str, asset: str, room: int, children: list[str]
    ) -> None:
        own = entry(built.name, category, "thor_obj", room, asset)
        own["name_map"] = {
            "bodies": dict(built.labels),
            "joints": {j.joint: f"{j.label}_joint" for j in _all_joints(built.joints)},
            "sites": {},
        }
        own["children"] = children
        self.objects[built.name] = own

    def add_boards(self, boards: Sequence[Board]) -> None:
        """The surfaces, in the order of ``boards``."""
        names: dict[str, int] = {}
        for board in boards:
            piece, built = self._pieces[board.placed]
            number = names.get(built.name, 0)
            names[built.name] = number + 1
            x, y = piece.spot.at(board.center[0], board.center[1])
            inside = "" if board.inside is None else built.joints[board.inside].joint
            self.surfaces.append(
                Surface(
                    name=built.name if number == 0 else f"{built.name}/{number}",
                    kind=board.kind,
                    center=(x, y, piece.spot.z + board.center[2]),
                    half_size=board.half,
                    yaw=piece.spot.yaw,
                    front=board.access.fronts,
                    overhang=board.access.overhangs,
                    room=f"room_{piece.room}",
                    headroom=board.headroom if math.isfinite(board.headroom) else None,
                    inside=inside,
                )
            )
        self._board_names = {id(board): s for board, s in zip(boards, self.surfaces, strict=True)}

    def add_object(self, item: Item, board: Board) -> None:
        """A free object at rest."""
        asset = item.asset
        piece, built = self._pieces[board.placed]
        count = self.counter.next(asset.asset_id)
        lemma = asset.category.name.replace("_", "")
        name = Naming(lemma, asset.asset_id, count, piece.room).body(0)
        pose = rest_pose(asset)
        x, y = piece.spot.at(item.x, item.y)
        z = piece.spot.z + board.center[2] + pose.height
        quat = quat_mul(yaw_quat(item.yaw + piece.spot.yaw), pose.quat)
        text, meshes = object_body(name, asset, (x, y, z), quat)
        self.bodies.append(text)
        self.assets.update(meshes)
        if isinstance(asset, CustomAsset):
            self.defaults[asset.asset_id] = asset.text.defaults
        joint = joint_name(name, "free")
        self.objects[name] = {
            **entry(name, "", "", piece.room),
            **asset.metadata(),
            "name_map": {"bodies": {name: name}, "joints": {joint: joint}, "sites": {}},
            "parent": built.name,
            "surface": self._board_names[id(board)].name,
            "rest_height": pose.height,
            "rest_quat": list(pose.quat),
        }
        self.objects[built.name]["children"].append(name)

    def metadata(self) -> dict[str, Any]:
        """Everything but what the generator itself says."""
        return {
            "objects": self.objects,
            "surfaces": [asdict(surface) for surface in self.surfaces],
            "rooms": [
                {
                    "name": room.name,
                    "type": room.type,
                    "polygon": [list(corner) for corner in room.floor.corners()],
                    "size": [*room.floor.size, WALL_HEIGHT],
                }
                for room in self.plan.rooms
            ],
            "doors": self.doors,
            "passages": [
                {
                    "rooms": [f"room_{r}" for r in opening.wall.rooms],
                    "center": [*opening.middle, 0.0],
                    "width": opening.high - opening.low,
                }
                for opening in self.plan.doorways
                if opening.kind == "passage"
            ],
            "articulated": self.articulated,
        }


def _all_joints(joints: Sequence[Joint]) -> list[Joint]:
    return [one for joint in joints for one in (joint, *_all_joints(joint.children))]


def _box(size: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip("xyz", size, strict=True))


def entry(name: str, category: str, enum: str, room: int, asset: str = "") -> dict[str, Any]:
    """Official metadata of something that stays where it is."""
    return {
        "hash_name": name,
        "asset_id": asset or name,
        "object_id": f"{category}|{room}|{name}" if category else name,
        "category": category,
        "object_enum": enum,
        "is_static": True,
        "name_map": {"bodies": {name: name}, "joints": {}, "sites": {}},
        "parent": "",
        "room_id": room,
        "children": [],
    }


def doorway_spot(opening: Opening) -> tuple[Spot, Any]:
    """Where a door's fixture (which swings out at -y) stands, and its hinge's side seen from -y."""
    x, y = opening.middle
    upwards = opening.wall.rooms[1] == opening.opens_into
    if opening.wall.vertical:
        return (
            Spot(x, y, math.pi / 2 if upwards else -math.pi / 2),
            opening.hinge if upwards else -opening.hinge,
        )
    return (
        Spot(x, y, math.pi if upwards else 0.0),
        -opening.hinge if upwards else opening.hinge,
    )
