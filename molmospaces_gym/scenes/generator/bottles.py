"""Bottles, dispensers and vases. Real sizes (m) and masses (kg)."""

from molmospaces_gym.scenes.generator.meshes import band, turned
from molmospaces_gym.scenes.generator.objects import (
    BLACK,
    COLORS,
    LABELS,
    WHITE,
    Category,
    Hold,
    Shape,
    lerp,
    mix,
)
from molmospaces_gym.scenes.generator.shapes import GREY, Rgba, box, disc, rod


def _bottle(
    radius: float, height: float, neck: float, shoulder: tuple[float, float], rgba: Rgba, cap: Rgba
) -> Shape:
    """Bottle whose shoulder lies between two fractions of its height; the cap is on top."""
    low, high = shoulder[0] * height, shoulder[1] * height
    seen = turned(
        [
            (0, 0),
            (radius * 0.94, 0),
            (radius, 0.006),
            (radius, low),
            (neck, high),
            (neck, height * 0.92),
            (0, height * 0.92),
        ],
        rgba,
    )
    label = band(radius, max(0.008, low * 0.3), low * 0.8, mix(rgba, WHITE, 0.75))
    lid = disc(neck + 0.002, height * 0.9, height, cap)
    body = disc(radius, 0, low, GREY, "hull")
    slope = disc((radius + neck) / 2, low, (low + high) / 2, GREY, "hull")
    throat = disc(neck, low, height * 0.9, GREY, "hull")
    holds = (
        Hold("round", (0, 0, (high + height) / 2), (neck + 0.002, (height - high) / 2)),
        Hold("round", (0, 0, low / 2), (radius, low / 2)),
    )
    return Shape((seen, label, lid, body, slope, throat), holds)


def bottle(size: float, rgba: Rgba) -> Shape:
    """Water bottle."""
    radius, height = lerp(0.029, 0.035, size), lerp(0.18, 0.23, size)
    return _bottle(radius, height, 0.013, (0.62, 0.82), rgba, mix(rgba, BLACK, 0.35))


def wine_bottle(size: float, rgba: Rgba) -> Shape:
    """Wine bottle."""
    radius, height = lerp(0.034, 0.0365, size), lerp(0.27, 0.3, size)
    return _bottle(radius, height, 0.013, (0.58, 0.72), rgba, COLORS["red"])


def ketchup(size: float, rgba: Rgba) -> Shape:
    """Squeeze bottle with a pointed cap."""
    radius, height = lerp(0.027, 0.033, size), lerp(0.15, 0.19, size)
    return _bottle(radius, height, 0.01, (0.7, 0.86), rgba, WHITE)


def spray_bottle(size: float, rgba: Rgba) -> Shape:
    """Cleaner with a trigger head."""
    radius, height = lerp(0.028, 0.034, size), lerp(0.13, 0.16, size)
    seen = turned(
        [(0, 0), (radius, 0), (radius, height * 0.72), (0.012, height), (0, height)], rgba
    )
    body = disc(radius, 0, height * 0.72, GREY, "hull")
    neck = disc(0.0125, height * 0.72, height + 0.016, WHITE)
    head = box((0.032, 0.012, 0.012), (0.012, 0, height + 0.028), WHITE)
    trigger = rod("capsule", (0.028, 0, height + 0.02), (0.036, 0, height - 0.012), 0.004, BLACK)
    holds = (
        Hold("block", head.pos, head.size),
        Hold("round", (0, 0, height * 0.36), (radius, height * 0.36)),
    )
    return Shape((seen, body, neck, head, trigger), holds)


def soap_bottle(size: float, rgba: Rgba) -> Shape:
    """Dispenser with a pump."""
    radius, height = lerp(0.027, 0.034, size), lerp(0.11, 0.14, size)
    body = disc(radius, 0, height, rgba)
    collar = disc(0.013, height, height + 0.014, WHITE)
    stem = disc(0.005, height + 0.014, height + 0.034, WHITE)
    spout = box((0.024, 0.008, 0.005), (0.014, 0, height + 0.039), WHITE)
    hold = Hold("round", (0, 0, height / 2), (radius, height / 2))
    return Shape(
        (body, collar, stem, spout), (hold, Hold("round", (0, 0, height + 0.007), (0.013, 0.007)))
    )


def vase(size: float, rgba: Rgba) -> Shape:
    """Vase with a narrow neck."""
    belly, neck, height = lerp(0.04, 0.052, size), lerp(0.019, 0.025, size), lerp(0.14, 0.2, size)
    seen = turned(
        [
            (0, 0),
            (belly * 0.66, 0),
            (belly, height * 0.36),
            (neck, height * 0.74),
            (neck * 1.3, height),
            (neck * 1.1, height),
            (neck * 0.8, height * 0.74),
            (0, height * 0.5),
        ],
        rgba,
        segments=14,
    )
    base = disc(belly * 0.72, 0, height * 0.14, GREY, "hull")
    body = disc(belly * 0.93, height * 0.14, height * 0.52, GREY, "hull")
    throat = disc(neck * 1.15, height * 0.52, height, GREY, "hull")
    hold = Hold("round", (0, 0, height * 0.84), (neck * 1.3, height * 0.15))
    return Shape((seen, base, body, throat), (hold,))


BOTTLES: tuple[Category, ...] = (
    Category("bottle", "bottle", bottle, (0.3, 0.55), LABELS, "plastic", "Bottle"),
    Category(
        "wine_bottle",
        "wine",
        wine_bottle,
        (0.7, 1.1),
        ("green", "brown", "black"),
        "bottled",
        "WineBottle",
    ),
    Category(
        "ketchup",
        "ketchup",
        ketchup,
        (0.25, 0.45),
        ("red", "yellow", "brown"),
        "bottled",
        "Ketchup",
    ),
    Category("spray_bottle", "spray", spray_bottle, (0.25, 0.5), LABELS, "plastic", "SprayBottle"),
    Category("soap_bottle", "dispenser", soap_bottle, (0.2, 0.4), LABELS, "plastic", "SoapBottle"),
    Category("vase", "vase", vase, (0.35, 0.65), LABELS, "ceramic", "Vase"),
)
"""Categories of this file."""
