"""Cups, bowls, plates and pots. Real sizes (m) and masses (kg)."""

from molmospaces_gym.scenes.generator.meshes import joined, tube, turned
from molmospaces_gym.scenes.generator.objects import (
    BLACK,
    GLAZES,
    HANDLES,
    STEEL,
    WHITE,
    Category,
    Hold,
    Shape,
    lerp,
    mix,
    round_opening,
)
from molmospaces_gym.scenes.generator.shapes import GREY, Part, Rgba, box, disc, ring_wall, rod


def vessel(
    rgba: Rgba, bottom: float, top: float, height: float, wall: float, boards: int
) -> tuple[Part, list[Part]]:
    """Open vessel: what is seen, and a floor plus ``boards`` wall boards to touch."""
    seen = turned(
        [
            (0, 0),
            (bottom, 0),
            (top, height),
            (top - wall, height),
            (bottom - wall, wall),
            (0, wall),
        ],
        rgba,
        segments=14,
    )
    slope = (top - bottom) / height
    floor = disc(bottom * 0.97, 0, wall, GREY, "hull")
    low = (bottom + slope * wall, wall)
    return seen, [floor, *ring_wall(boards, low, (top, height), wall)]


def mug(size: float, rgba: Rgba) -> Shape:
    """Mug with a handle on its +x side."""
    radius, height, wall = lerp(0.031, 0.0355, size), lerp(0.08, 0.1, size), 0.004
    seen, touched = vessel(rgba, radius * 0.94, radius, height, wall, 6)
    z, reach, rise = height * 0.5, radius + 0.024, height * 0.27
    path = [(radius - 0.004, 0.0, z - rise), (reach - 0.005, 0.0, z - rise * 0.8)]
    path += [(reach, 0.0, z), (reach - 0.005, 0.0, z + rise * 0.8), (radius - 0.004, 0.0, z + rise)]
    grip = rod("capsule", (reach, 0, z - rise * 0.7), (reach, 0, z + rise * 0.7), 0.005, rgba)
    grip = Part("capsule", grip.size, grip.pos, grip.quat, rgba, "hull")
    hold = Hold("round", (0, 0, height / 2), (radius, height / 2), avoid=(0.0,))
    return Shape((joined(seen, tube(path, 0.005, rgba)), *touched, grip), (hold,))


def cup(size: float, rgba: Rgba) -> Shape:
    """Tumbler, wider at the top."""
    top, height, wall = lerp(0.031, 0.036, size), lerp(0.085, 0.12, size), 0.003
    seen, touched = vessel(rgba, top * 0.76, top, height, wall, 6)
    hold = Hold("round", (0, 0, height / 2), (top, height / 2))
    return Shape((seen, *touched), (hold,))


def bowl(size: float, rgba: Rgba) -> Shape:
    """Bowl, held at its rim."""
    top, height, wall = lerp(0.062, 0.09, size), lerp(0.05, 0.065, size), 0.005
    foot, waist = top * 0.5, top * 0.82
    inner = mix(rgba, WHITE, 0.55)
    outside = turned(
        [
            (0, 0),
            (foot, 0),
            (waist, height * 0.42),
            (top, height),
            (top - wall, height),
            (waist - wall, height * 0.42),
            (foot, wall + 0.002),
            (0, wall + 0.002),
        ],
        mix(rgba, inner, 0.25),
        segments=14,
    )
    floor = disc(foot, 0, wall, GREY, "hull")
    walls = ring_wall(8, (foot * 1.02, wall), (top, height), wall)
    hold = Hold("rim", (0, 0, height), (top, wall))
    inside = round_opening(top - wall, foot * 0.85, wall, height)
    return Shape((outside, floor, *walls), (hold,), opening=inside)


def plate(size: float, rgba: Rgba) -> Shape:
    """Dinner plate; too flat for a gripper from above."""
    radius, height = lerp(0.092, 0.125, size), 0.02
    seen = turned(
        [
            (0, 0),
            (radius * 0.6, 0),
            (radius, height - 0.004),
            (radius, height),
            (radius * 0.66, 0.011),
            (0, 0.009),
        ],
        rgba,
        segments=18,
    )
    base = disc(radius * 0.6, 0, 0.009, GREY, "hull")
    edge = ring_wall(8, (radius * 0.68, 0.004), (radius, height), 0.005)
    middle = disc(radius * 0.62, 0.008, 0.0105, mix(rgba, WHITE, 0.45), "visual")
    inside = round_opening(radius * 0.94, radius * 0.6, 0.009, height)
    return Shape((seen, middle, base, *edge), opening=inside)


def pan(size: float, rgba: Rgba) -> Shape:
    """Frying pan, held at its handle."""
    radius, height = lerp(0.085, 0.105, size), 0.042
    seen = turned(
        [
            (0, 0),
            (radius * 0.82, 0),
            (radius, height),
            (radius - 0.004, height),
            (radius * 0.82 - 0.003, 0.005),
            (0, 0.005),
        ],
        mix(BLACK, STEEL, 0.25),
        segments=16,
    )
    base = disc(radius * 0.82, 0, 0.005, GREY, "hull")
    edge = ring_wall(8, (radius * 0.83, 0.005), (radius, height), 0.004)
    length = lerp(0.13, 0.16, size)
    handle = box((length / 2, 0.011, 0.008), (radius + length / 2 - 0.006, 0, height - 0.008), rgba)
    hold = Hold("block", handle.pos, handle.size)
    inside = round_opening(radius - 0.005, radius * 0.8, 0.005, height)
    return Shape((seen, base, *edge, handle), (hold,), opening=inside)


def wine_glass(size: float, rgba: Rgba) -> Shape:
    """Goblet: foot, stem and bowl."""
    radius, height = lerp(0.031, 0.036, size), lerp(0.15, 0.18, size)
    stem = height * 0.45
    seen = turned(
        [
            (0, 0),
            (radius * 0.95, 0),
            (radius * 0.9, 0.004),
            (0.006, 0.012),
            (0.005, stem),
            (radius, stem + (height - stem) * 0.5),
            (radius * 0.88, height),
            (radius * 0.8, height),
            (radius * 0.9, stem + (height - stem) * 0.5),
            (0, stem + 0.012),
        ],
        mix(rgba, WHITE, 0.4),
    )
    foot = disc(radius * 0.95, 0, 0.006, GREY, "hull")
    neck = disc(0.006, 0.006, stem, GREY, "hull")
    body = disc(radius * 0.94, stem, height, GREY, "hull")
    hold = Hold("round", (0, 0, (stem + height) / 2), (radius, (height - stem) / 2))
    return Shape((seen, foot, neck, body), (hold,))


def teapot(size: float, rgba: Rgba) -> Shape:
    """Small round pot, held at the knob of its lid."""
    radius, height = lerp(0.05, 0.06, size), lerp(0.085, 0.1, size)
    seen = turned(
        [
            (0, 0),
            (radius * 0.7, 0),
            (radius, height * 0.42),
            (radius * 0.6, height * 0.82),
            (radius * 0.56, height * 0.88),
            (0, height * 0.95),
        ],
        rgba,
        segments=14,
    )
    z, reach = height * 0.5, radius + 0.028
    path = [(-radius * 0.8, 0.0, z - 0.024), (-reach, 0.0, z - 0.014), (-reach, 0.0, z + 0.016)]
    path += [(-radius * 0.72, 0.0, z + 0.024)]
    spout = [(radius * 0.8, 0.0, z - 0.012), (radius + 0.02, 0.0, z + 0.012)]
    spout += [(radius + 0.036, 0.0, z + 0.036)]
    seen = joined(seen, tube(path, 0.006, rgba), tube(spout, 0.008, rgba))
    knob = disc(0.012, height * 0.93, height + 0.018, mix(rgba, WHITE, 0.4))
    base = disc(radius * 0.7, 0, 0.012, GREY, "hull")
    body = disc(radius * 0.92, 0.012, height * 0.66, GREY, "hull")
    lid = disc(radius * 0.62, height * 0.66, height * 0.93, GREY, "hull")
    nose = rod("capsule", spout[0], spout[2], 0.008, GREY, "hull")
    grip = rod("capsule", path[1], path[2], 0.006, GREY, "hull")
    hold = Hold("round", (0, 0, height + 0.006), (0.012, 0.012))
    return Shape((seen, knob, base, body, lid, nose, grip), (hold,))


VESSELS: tuple[Category, ...] = (
    Category("mug", "mug", mug, (0.24, 0.36), GLAZES, "ceramic", "Mug"),
    Category("cup", "cup", cup, (0.05, 0.12), GLAZES, "plastic", "Cup"),
    Category("bowl", "bowl", bowl, (0.2, 0.42), GLAZES, "ceramic", "Bowl"),
    Category("plate", "plate", plate, (0.3, 0.6), GLAZES, "ceramic", "Plate"),
    Category("pan", "pan", pan, (0.45, 0.7), HANDLES, "metal", "Pan"),
    Category(
        "wine_glass",
        "goblet",
        wine_glass,
        (0.12, 0.2),
        ("blue", "green", "purple"),
        "glass",
        "Goblet",
    ),
    Category("teapot", "teapot", teapot, (0.4, 0.6), GLAZES, "ceramic", "Teapot"),
)
"""Categories of this file."""
