"""The ``randomization`` part of an ``EpisodeSpec``: what an episode draws beside its start.

Robot start and cameras have places of their own in the spec (``robot.init_qpos``, ``cameras``).
"""

from molmospaces_gym.schema import Flag, Numbers, Positive, SpecModel, Vector


class LightSpec(SpecModel):
    """One light: pose in the frame of its body (m, direction of any length), colours in 0..1."""

    on: Flag
    pos: Vector
    dir: Vector
    diffuse: Vector
    ambient: Vector
    specular: Vector


class MaterialSpec(SpecModel):
    """Colour (rgb in 0..1) that a material shows; with a texture the two are multiplied.

    ``texture`` names the material whose texture is shown instead of the own one.
    """

    rgb: Vector
    texture: str | None = None


class ColorsSpec(SpecModel):
    """New colours of what stands still; the robot and movable objects never change.

    ``materials`` by material name; ``bodies``: body name -> [red, green, blue] that is added to
    the colours of its geoms without material. ``kept``: bodies that stay as they are, with all
    that hangs under them.
    """

    materials: dict[str, MaterialSpec] = {}
    bodies: dict[str, Vector] = {}
    kept: list[str] = []


class DynamicsSpec(SpecModel):
    """Factors on the physical properties of the scene's own model.

    ``bodies``: body name -> [mass, inertia, friction] (friction of its geoms, all kinds).
    ``joints``: joint name -> [damping, frictionloss].
    """

    bodies: dict[str, Vector] = {}
    joints: dict[str, Numbers] = {}


class RandomizationSpec(SpecModel):
    """What was drawn; a part that is None is that of the scene. ``lights`` is in model order.

    ``brightness`` is a factor on all light but emission: of the lights and of the headlight.
    """

    lights: list[LightSpec | None] | None = None
    colors: ColorsSpec | None = None
    dynamics: DynamicsSpec | None = None
    brightness: Positive | None = None
