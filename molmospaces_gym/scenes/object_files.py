"""Reads the MJCF of one object and rewrites it so that it can stand in the text of a house."""

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import mujoco

from molmospaces_gym.errors import InvalidScene, SceneNotFound

Element = ElementTree.Element

SLOT = "object-name"
"""Stands for the body's name in an ``ObjectText``."""
_SECTIONS = ("actuators", "equalities", "excludes", "keys", "pairs", "sensors", "tendons")
"""What an object's file may not hold, because it acts on a whole scene."""
_REFERENCES = ("mesh", "material", "texture", "hfield", "class", "childclass")


@dataclass(frozen=True)
class ObjectText:
    """An object as parts of a house's MJCF: angles in rad, no name in common with other assets.

    ``body`` is the body element without pose and joint, with ``SLOT`` where its name goes;
    ``assets`` are elements by name and ``defaults`` the classes that it uses.
    """

    body: str
    assets: dict[str, str]
    defaults: str

    def placed(self, name: str, joint: str, pos: str, quat: str) -> str:
        """The body under a name, at a pose and with a joint (texts)."""
        head, tail = self.body.split(">", 1)
        head = head.replace("<body", f'<body pos="{pos}" quat="{quat}"', 1)
        return f"{head}>{joint}{tail}".replace(SLOT, name)


def read_object(source: Path | str, what: str) -> tuple[mujoco.MjSpec, mujoco.MjsBody]:
    """The spec of an object and its one top-level body.

    Args:
        source: its file, or its MJCF as text.
        what: how messages call it.

    Raises:
        SceneNotFound: there is no such file.
        InvalidScene: it is not a readable MJCF with exactly one top-level body.
    """
    where = f"object file {source} of {what}" if isinstance(source, Path) else f"the MJCF of {what}"
    if isinstance(source, Path) and not source.is_file():
        raise SceneNotFound(f"{where} does not exist")
    try:
        if isinstance(source, Path):
            spec = mujoco.MjSpec.from_file(str(source))
        else:
            spec = mujoco.MjSpec.from_string(source)
    except ValueError as error:
        raise InvalidScene(f"{where} is not a readable MJCF: {error}") from error
    bodies = spec.worldbody.bodies
    if len(bodies) != 1:
        raise InvalidScene(f"{where} must hold one top-level body, not {len(bodies)}")
    return spec, bodies[0]


def object_text(path: Path, uid: str) -> tuple[ObjectText, mujoco.MjModel]:
    """An object's file as parts of a house, and its model with the body at the origin.

    Raises:
        SceneNotFound: there is no such file.
        InvalidScene: it cannot be read or compiled, has more than one top-level body, a joint that
            holds it in place, or sections that act on a whole scene (actuators, equalities ...).
    """
    spec, body = read_object(path, f"object {uid!r}")
    strange = [name for name in _SECTIONS if getattr(spec, name)]
    if strange:
        raise InvalidScene(
            f"object file {path} holds {', '.join(strange)}; an object has only bodies and assets"
        )
    for joint in list(body.joints):
        if joint.type != mujoco.mjtJoint.mjJNT_FREE:
            raise InvalidScene(f"object file {path}: its body is held by a {joint.type.name} joint")
        spec.delete(joint)
    body.pos, body.quat = (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0)
    body.alt.type = mujoco.mjtOrientation.mjORIENTATION_QUAT
    try:
        model = spec.compile()
    except ValueError as error:
        raise InvalidScene(f"object file {path} does not compile: {error}") from error
    _rename(spec, body, model)
    spec.compile()
    root = ElementTree.fromstring(spec.to_xml())
    return _rewritten(root, path, uid), model


def _rename(spec: mujoco.MjSpec, top: mujoco.MjsBody, model: mujoco.MjModel) -> None:
    """Official names for bodies, joints and geoms, with ``SLOT`` for the object's own."""
    for number, body in enumerate(b for b in spec.bodies if b.id != 0):
        body.name = SLOT if number == 0 else f"{SLOT}_{number}"
    seen = touched = 0
    for geom in spec.geoms:
        if model.geom_contype[geom.id] or model.geom_conaffinity[geom.id]:
            geom.name, touched = f"{SLOT}_collision_{touched}", touched + 1
        else:
            geom.name, seen = f"{SLOT}_visual_{seen}", seen + 1
    for number, joint in enumerate(spec.joints):
        joint.name = f"{SLOT}_jnt_{number + 1}"
    for number, site in enumerate(spec.sites):
        site.name = f"{SLOT}_site_{number}"


def _rewritten(root: Element, path: Path, uid: str) -> ObjectText:
    main = _classes(root, uid)
    body = root.find("worldbody/body")
    assert body is not None
    for element in root.iter():
        for key in _REFERENCES:
            if key in element.attrib and element.tag != "default":
                element.set(key, f"{uid}/{element.get(key)}")
    if "childclass" not in body.attrib:
        body.set("childclass", main)
    for key in ("pos", "quat"):
        body.attrib.pop(key, None)
    assets = {}
    for element in _absolute(root, path):
        own = f"{uid}/{element.get('name')}"
        element.set("name", own)
        assets[f"{element.tag} {own}"] = _text(element)
    defaults = "".join(_text(element) for element in root.findall("default"))
    return ObjectText(_text(body), assets, defaults)


def _classes(root: Element, uid: str) -> str:
    """Give the default classes names of their own; returns that of the outermost one."""
    main = f"{uid}/main"
    outer = root.findall("default")
    for element in outer:
        for inner in element.iter("default"):
            inner.set("class", f"{uid}/{inner.get('class', 'main')}")
        # the settings of the outermost class would be those of the whole house
        wrapped = ElementTree.Element("default", dict(element.attrib))
        wrapped.extend(list(element))
        for child in list(element):
            element.remove(child)
        element.attrib.clear()
        element.append(wrapped)
    if not outer:
        default = ElementTree.SubElement(root, "default")
        ElementTree.SubElement(default, "default", {"class": main})
    return main


def _absolute(root: Element, path: Path) -> list[Element]:
    """The assets, with files where they are whatever folder the house is written to."""
    compiler = root.find("compiler")
    folders = {} if compiler is None else compiler.attrib
    found = list(root.find("asset") or ())
    for element in found:
        folder = folders.get("texturedir" if element.tag == "texture" else "meshdir", "")
        for key in [key for key in element.attrib if key.startswith("file")]:
            element.set(key, str((path.parent / folder / element.attrib[key]).resolve()))
    return found


def _text(element: Element) -> str:
    return ElementTree.tostring(element, encoding="unicode").strip()
