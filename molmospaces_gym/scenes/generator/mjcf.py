"""Writes parts and bodies as MJCF text."""

import re
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import quoteattr

from molmospaces_gym.scenes.generator.catalog import Asset
from molmospaces_gym.scenes.generator.names import joint_name
from molmospaces_gym.scenes.generator.shapes import IDENTITY, Mesh, Part, Quat, Vec3, volume

SPECIAL = re.compile('[&<>"\\n\\r\\t]')
"""What a quoted attribute may have to hold otherwise; looking for it is quicker than replacing."""


def number(value: float) -> str:
    """Shortest text with micrometre precision."""
    text = f"{value:.7f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def numbers(values: Iterable[float]) -> str:
    """Numbers separated by blanks."""
    return " ".join(number(value) for value in values)


def element(tag: str, children: Sequence[str] = (), **attributes: object) -> str:
    """One XML element. Tuples become number lists; empty and None attributes are left out."""
    words = [tag]
    for key, value in attributes.items():
        if value is None or value == "":
            continue
        text = numbers(value) if isinstance(value, tuple | list) else _plain(value)
        quoted = quoteattr(text) if SPECIAL.search(text) else f'"{text}"'
        words.append(f"{key.rstrip('_')}={quoted}")
    head = " ".join(words)
    if not children:
        return f"<{head}/>"
    inner = "\n".join(children)
    return f"<{head}>\n{inner}\n</{tag}>"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return number(value) if isinstance(value, float) else str(value)


def geom(
    name: str,
    part: Part,
    mass: float | None = None,
    mesh: str = "",
    rolls: bool = False,
    family: str = "",
) -> str:
    """One geom. Its class follows from the part's role; ``mass`` in kg, ``mesh`` an asset.

    ``family`` is put before the class of what can be touched.
    """
    classes = {"visual": "seen", "hull": "touched"}
    kind = classes.get(part.role, "solid")
    if kind != "seen":
        kind = f"{family}{kind}_round" if rolls else f"{family}{kind}"
    shown = None if part.role == "hull" or part.material else part.rgba
    return element(
        "geom",
        name=name,
        class_=kind,
        type=part.kind,
        size=part.size,
        pos=None if part.pos == (0.0, 0.0, 0.0) else part.pos,
        quat=None if part.quat == IDENTITY else part.quat,
        mesh=mesh,
        material=part.material,
        rgba=shown,
        mass=mass,
    )


def mesh_asset(name: str, mesh: Mesh) -> str:
    """An inline mesh."""
    vertices = numbers(value for vertex in mesh.vertices for value in vertex)
    faces = " ".join(str(corner) for face in mesh.faces for corner in face)
    return element("mesh", name=name, vertex=vertices, face=faces)


def object_body(name: str, asset: Asset, pos: Vec3, quat: Quat) -> tuple[str, dict[str, str]]:
    """A free object: its body element and its mesh assets by name (shared by equal assets)."""
    parts = asset.shape.parts
    total = sum(volume(part) for part in parts if part.role != "visual")
    meshes: dict[str, str] = {}
    geoms: list[str] = []
    seen = touched = 0
    for part in parts:
        mesh, mass = "", None
        if part.mesh is not None:
            mesh = f"{asset.asset_id}_{seen}"
            meshes[mesh] = mesh_asset(mesh, part.mesh)
        if part.role == "visual":
            label, seen = f"{name}_visual_{seen}", seen + 1
        else:
            label, touched = f"{name}_collision_{touched}", touched + 1
            mass = asset.mass * volume(part) / total
        geoms.append(geom(label, part, mass, mesh, asset.shape.rolls))
    joint = element("joint", name=joint_name(name, "free"), class_="loose")
    return element("body", [joint, *geoms], name=name, pos=pos, quat=quat), meshes
