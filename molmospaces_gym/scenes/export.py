"""Writes homes as an official assets directory: ``MLSPACES_ASSETS_DIR`` may then name it.

The layout is that of the official houses. Per house ``scenes/<dataset>-<split>/`` holds

    <split>_<i>.xml            the house
    <split>_<i>_ceiling.xml    the same with a ceiling (what the official loaders take by default)
    <split>_<i>_metadata.json  its objects
    <split>_<i>_map.png        its occupancy map, 200 pixels per metre

and ``grasps/droid/`` the grasps of its objects and, per joint, of its handles.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import mujoco

from molmospaces_gym.errors import InvalidScene, UnknownName
from molmospaces_gym.scenes.generator.house import write_text
from molmospaces_gym.scenes.homes.bodies import static_body
from molmospaces_gym.scenes.homes.handles import save_home_grasps
from molmospaces_gym.scenes.homes.rect import Rect
from molmospaces_gym.scenes.homes.walls import ceiling_panel
from molmospaces_gym.scenes.house import House
from molmospaces_gym.scenes.occupancy import PX_PER_M, occupancy_map, save_map
from molmospaces_gym.scenes.official import DATASETS, ITHOR, HouseId
from molmospaces_gym.scenes.scene_files import CEILING

DATASET = "procthor-10k"
"""Official dataset whose place exported homes take: it has three splits and the same frame."""


def export_home(
    house: House,
    directory: str | os.PathLike[str],
    dataset: str = DATASET,
    check_grasps: bool = True,
) -> Path:
    """Write one home below an assets directory; returns the path of its base XML.

    Args:
        house: a home, e.g. ``resolve_house("homes/val/3")``.
        directory: the assets directory.
        dataset: id of the official dataset under which the house is found afterwards.
        check_grasps: whether grasps are tried in simulation before they are written, which takes
            half a second per kind and size of object, once per process.

    Raises:
        InvalidScene: the house is not a home.
        UnknownName: no such dataset, or it lacks the split.
    """
    maker = house.metadata.get("generator")
    if house.mjcf is None or not isinstance(maker, Mapping) or maker.get("kind") != "homes":
        raise InvalidScene(f"house {house.name!r} is not a home; expected homes/<split>/<index>")
    known = tuple(name for name in DATASETS if name != ITHOR)
    if dataset not in known:
        raise UnknownName("dataset to export as", dataset, known)
    if maker["split"] not in DATASETS[dataset]:
        raise UnknownName(f"split of {dataset}", maker["split"], DATASETS[dataset])
    name = HouseId(dataset, maker["split"], maker["index"])
    folder = Path(directory) / "scenes" / name.source
    folder.mkdir(parents=True, exist_ok=True)
    model = mujoco.MjModel.from_xml_string(house.mjcf)
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    save_map(folder / f"{name.stem}_map.png", occupancy_map(model, data, PX_PER_M))
    metadata = json.dumps(house.metadata, indent=1)
    save_home_grasps(house, model, Path(directory), check_grasps)
    write_text(folder / f"{name.stem}_metadata.json", metadata)
    write_text(folder / f"{name.stem}{CEILING}.xml", with_ceiling(house))
    write_text(folder / f"{name.stem}.xml", house.mjcf)
    return folder / f"{name.stem}.xml"


def with_ceiling(house: House) -> str:
    """The text of a home with a visible ceiling over every room."""
    assert house.mjcf is not None
    bodies = []
    for number, room in enumerate(house.metadata["rooms"]):
        name = f"ceiling_{number}"
        if f'<body name="{name}"' in house.mjcf:
            return house.mjcf
        xs, ys = zip(*room["polygon"], strict=True)
        floor = Rect(min(xs), min(ys), max(xs), max(ys))
        bodies.append(static_body(name, [ceiling_panel(floor)]))
    head, end, tail = house.mjcf.rpartition("</worldbody>")
    return head + "\n".join(bodies) + "\n" + end + tail
