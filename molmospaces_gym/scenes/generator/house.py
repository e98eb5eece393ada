"""Puts a generated house together: plan, furniture, objects, settling, text and metadata."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from molmospaces_gym.errors import InvalidScene
from molmospaces_gym.scenes.generator import mjcf, room
from molmospaces_gym.scenes.generator.draft import (
    HEADER,
    Draft,
    add_piece,
    add_shell,
    entry_of,
    world_pose,
)
from molmospaces_gym.scenes.generator.layout import HouseConfig, RoomPlan, plan_room
from molmospaces_gym.scenes.generator.names import (
    GENERATOR_VERSION,
    body_name,
    house_name,
    house_streams,
    joint_name,
)
from molmospaces_gym.scenes.generator.placing import Placed, place_objects
from molmospaces_gym.scenes.generator.settle import Rest, settle
from molmospaces_gym.scenes.generator.shapes import Quat, Vec3
from molmospaces_gym.scenes.house import House, Surface


def generate_house(split: str, index: int, config: HouseConfig | None = None) -> House:
    """The furnished room number ``index`` of a split, a pure function of its arguments.

    (And of the simulator that settles it: between MuJoCo 3.12 and 4.0 poses differ by about
    0.1 mm.) Everything in it is at rest: the poses in the text are those after settling. The
    metadata has the official layout plus ``surfaces``, ``settled``, ``room`` and ``generator``;
    an object's entry also has the keys of ``catalog.Asset.metadata``, ``parent`` and ``surface``
    (the body of the furniture on which it stands).

    Args:
        split: ``train``, ``val`` or ``test``; no house belongs to two of them.
        index: which house, from 0.
        config: what a house holds.

    Raises:
        UnknownName: no such split.
        InvalidConfig: the index is not a whole number >= 0.
    """
    config = config or HouseConfig()
    plan_rng, shell_rng, object_rng = house_streams(split, index, 3)
    plan = plan_room(plan_rng, config)
    scene = Draft()
    shell = add_shell(scene, plan, shell_rng)
    for piece in plan.pieces:
        add_piece(scene, plan, piece, config, shell_rng)
    placed = place_objects(plan.pieces, config, object_rng)
    names = _object_names(scene, placed)
    start = [_start(plan, item) for item in placed]
    poses = [Rest(pos, quat, True) for pos, quat in start]
    draft = _text(scene, shell, placed, names, poses)
    rests = settle(draft, names)
    kept = [k for k, rest in enumerate(rests) if rest.stayed]
    items, labels = [placed[k] for k in kept], [names[k] for k in kept]
    text = _text(scene, shell, items, labels, [rests[k] for k in kept])
    for item, label in zip(items, labels, strict=True):
        _record_object(scene, item, label)
    metadata = {
        "objects": scene.objects,
        "surfaces": [_surface(surface) for surface in scene.surfaces],
        "settled": True,
        "room": {"size": [*plan.world_size, room.WALL_HEIGHT]},
        "generator": {
            "version": GENERATOR_VERSION,
            "split": split,
            "index": int(index),
            "config": asdict(config),
        },
    }
    return House(house_name(split, index), mjcf=text, metadata=_plain(metadata))


def write_house(house: House, directory: str | os.PathLike[str]) -> Path:
    """Write ``<split>_<index>.xml`` and ``<split>_<index>_metadata.json``; returns the XML's path.

    Each file appears at once or not at all.

    Raises:
        InvalidScene: the house has no text or is not a generated one.
    """
    maker = house.metadata.get("generator")
    if house.mjcf is None or not isinstance(maker, Mapping):
        raise InvalidScene(f"house {house.name!r} is not a generated house")
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{maker['split']}_{maker['index']}"
    write_text(folder / f"{stem}_metadata.json", json.dumps(house.metadata, indent=1))
    write_text(folder / f"{stem}.xml", house.mjcf)
    return folder / f"{stem}.xml"


def _surface(surface: Surface) -> dict[str, Any]:
    """A surface as metadata, without what only homes of several rooms say."""
    plain = asdict(surface)
    return {key: plain[key] for key in ("name", "kind", "center", "half_size", "yaw", "front")}


def write_text(path: Path, text: str) -> None:
    """Write a file that appears at once or not at all."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def _plain(value: Any) -> Any:
    """The value as JSON gives it back: lists for tuples."""
    return json.loads(json.dumps(value))


def _text(
    scene: Draft, shell: list[str], placed: list[Placed], names: list[str], poses: list[Rest]
) -> str:
    assets = dict(scene.assets)
    bodies = list(scene.bodies)
    for item, name, pose in zip(placed, names, poses, strict=True):
        body, meshes = mjcf.object_body(name, item.asset, pose.pos, pose.quat)
        bodies.append(body)
        assets.update(meshes)
    world = mjcf.element("worldbody", [*shell, *bodies])
    library = mjcf.element("asset", list(assets.values()))
    return f'<mujoco model="house">\n{HEADER}{library}\n{world}\n</mujoco>\n'


def _object_names(scene: Draft, placed: list[Placed]) -> list[str]:
    names = []
    for item in placed:
        asset = item.asset
        count = scene.counter.next(asset.asset_id)
        names.append(body_name(asset.category.name, asset.asset_id, count))
    return names


def _start(plan: RoomPlan, item: Placed) -> tuple[Vec3, Quat]:
    """World pose in which an object is put down."""
    piece = plan.pieces[item.piece]
    height = piece.height + item.asset.rest_height
    return world_pose(plan, piece, item.x, item.y, height, item.yaw)


def _record_object(scene: Draft, item: Placed, name: str) -> None:
    """Metadata of a free object."""
    surface = scene.tops[item.piece]
    joint = joint_name(name, "free")
    scene.objects[name] = {
        **entry_of(name, "", ""),
        **item.asset.metadata(),
        "name_map": {"bodies": {name: name}, "joints": {joint: joint}, "sites": {}},
        "parent": surface,
        "surface": surface,
    }
    scene.objects[surface]["children"].append(name)
