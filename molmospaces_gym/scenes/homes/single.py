"""One fixture alone, as an MJCF text: to check it, to look at it, to try grasps on it."""

from dataclasses import replace

from molmospaces_gym.scenes.generator.draft import HEADER
from molmospaces_gym.scenes.generator.furniture import FINISH
from molmospaces_gym.scenes.generator.mjcf import element, geom
from molmospaces_gym.scenes.generator.shapes import Part, Rgba, volume
from molmospaces_gym.scenes.homes.fixture import Fixture, Moving

BODY = "fixture"
MATERIALS: dict[str, Rgba] = {
    FINISH.wood: (0.72, 0.53, 0.34, 1.0),
    FINISH.dark: (0.42, 0.29, 0.18, 1.0),
    FINISH.front: (0.86, 0.86, 0.82, 1.0),
    FINISH.stone: (0.36, 0.37, 0.39, 1.0),
    FINISH.metal: (0.72, 0.73, 0.75, 1.0),
    "trim": (0.94, 0.93, 0.90, 1.0),
}
"""Colours of the materials that fixtures name; a home draws its own."""


def fixture_mjcf(fixture: Fixture, extra: str = "", floor: bool = True) -> str:
    """The fixture standing at the origin with its front at -y.

    The fixed body is ``fixture``; moving part ``i`` is body ``moving_i`` with joint ``joint_i``,
    geoms ``moving_i_part_k`` and children ``moving_i_0``, ``moving_i_1`` ... built the same way.
    ``extra`` is MJCF that is added to the world body.
    """
    materials = [
        element("material", name=name, rgba=rgba, specular=0.1, shininess=0.2)
        for name, rgba in MATERIALS.items()
    ]
    sky = element(
        "texture", type="skybox", builtin="flat", rgb1=(0.8, 0.84, 0.88), width=32, height=32
    )
    light = element(
        "light", pos=(-1.0, -2.0, 4.0), dir=(0.25, 0.5, -1.0), directional=True,
        diffuse=(0.4, 0.4, 0.38), castshadow=False,
    )  # fmt: skip
    ground = element("geom", name="floor", type="plane", size=(4, 4, 0.1), rgba=(0.6, 0.6, 0.6, 1))
    body = element("body", _geoms(BODY, fixture.parts), name=BODY)
    moving = [
        moving_body(part, f"moving_{k}", f"joint_{k}") for k, part in enumerate(fixture.moving)
    ]
    world = element("worldbody", [light, *([ground] if floor else []), body, *moving, extra])
    library = element("asset", [sky, *materials])
    return f'<mujoco model="fixture">\n{HEADER}{library}\n{world}\n</mujoco>\n'


def moving_body(moving: Moving, name: str, joint: str) -> str:
    """Body of a moving part with its joint and its children, in its parent's frame."""
    text = element(
        "joint", name=joint, type="slide" if moving.slides else "hinge", axis=moving.axis,
        range=(0.0, moving.travel), damping=moving.damping, frictionloss=moving.frictionloss,
        stiffness=moving.spring or None, springref=moving.spring_rest or None,
        armature=moving.armature,
    )  # fmt: skip
    children = [
        moving_body(child, f"{name}_{k}", f"{joint}_{k}") for k, child in enumerate(moving.children)
    ]
    geoms = _geoms(f"{name}_part", moving.parts, moving.mass)
    return element("body", [text, *geoms, *children], name=name, pos=moving.pos)


def _geoms(name: str, parts: tuple[Part, ...], mass: float | None = None) -> list[str]:
    total = sum(volume(part) for part in parts if part.role != "visual")
    texts = []
    for k, part in enumerate(parts):
        share = None
        if mass is not None and part.role != "visual":
            share = mass * volume(part) / total
        plain = replace(part, material="") if part.material not in MATERIALS else part
        texts.append(geom(f"{name}_{k}", plain, share))
    return texts
