"""Comforts of a living room and a bedroom. Real sizes (m) and masses (kg)."""

from molmospaces_gym.scenes.generator.meshes import prism
from molmospaces_gym.scenes.generator.objects import (
    BLACK,
    BRIGHT,
    BROWN,
    STEEL,
    WHITE,
    Category,
    Hold,
    Shape,
    lerp,
    mix,
)
from molmospaces_gym.scenes.generator.shapes import GREY, Rgba, ball, box, disc, egg, rod


def pillow(size: float, rgba: Rgba) -> Shape:
    """Cushion; too wide for a gripper from above."""
    half = (lerp(0.14, 0.18, size), lerp(0.12, 0.16, size), lerp(0.035, 0.045, size))
    cloth = mix(rgba, WHITE, 0.2)
    seen = prism(half, half[2] * 0.8, (0, 0, half[2]), cloth)
    hull = box((half[0] * 0.96, half[1] * 0.96, half[2] * 0.9), (0, 0, half[2] * 0.9), GREY, "hull")
    button = disc(0.012, 2 * half[2] - 0.001, 2 * half[2] + 0.0008, mix(rgba, BLACK, 0.3), "visual")
    return Shape((seen, hull, button))


def perfume(size: float, rgba: Rgba) -> Shape:
    """Square flacon with a round cap."""
    half = (lerp(0.024, 0.032, size), lerp(0.014, 0.018, size), lerp(0.03, 0.038, size))
    body = box(half, (0, 0, half[2]), mix(rgba, WHITE, 0.45))
    collar = disc(half[1] * 0.5, 2 * half[2], 2 * half[2] + 0.006, STEEL)
    cap = disc(half[1] * 0.8, 2 * half[2] + 0.006, 2 * half[2] + 0.03, mix(rgba, BLACK, 0.2))
    top = Hold("round", cap.pos, (half[1] * 0.8, 0.012))
    return Shape((body, collar, cap), (top, Hold("block", body.pos, half)))


def teddy(size: float, rgba: Rgba) -> Shape:
    """Sitting teddy bear, held at its belly."""
    r = lerp(0.030, 0.0365, size)
    fur, face = mix(rgba, BROWN, 0.3), mix(rgba, WHITE, 0.5)
    belly = egg((r, r, r * 1.15), (0, 0, r * 1.15), fur)
    foot = box((r * 0.9, r * 0.8, 0.006), (0, -0.004, 0.006), fur)
    head = ball(r * 0.78, (0, 0, r * 2.7), fur)
    ears = [ball(r * 0.28, (s * r * 0.6, 0, r * 3.35), fur, "visual") for s in (-1, 1)]
    nose = egg((r * 0.32, r * 0.2, r * 0.26), (0, -r * 0.68, r * 2.55), face, "visual")
    legs = [
        rod(
            "capsule",
            (s * r * 0.55, -r * 0.5, r * 0.33),
            (s * r * 0.7, -r * 1.2, r * 0.33),
            r * 0.33,
            fur,
        )
        for s in (-1, 1)
    ]
    arms = [
        egg((r * 0.24, r * 0.5, r * 0.24), (s * r * 0.95, -r * 0.4, r * 1.5), fur, "visual")
        for s in (-1, 1)
    ]
    hold = Hold("round", (0, 0, r * 2.7), (r * 0.78, r * 0.5))
    return Shape((belly, foot, head, *ears, nose, *legs, *arms), (hold,))


def dumbbell(size: float, rgba: Rgba) -> Shape:
    """Small dumbbell with square weights, held at its bar."""
    half, side = lerp(0.05, 0.06, size), lerp(0.022, 0.026, size)
    bar = rod("cylinder", (-half, 0, side), (half, 0, side), 0.013, STEEL)
    ends = [box((0.022, side, side), (s * (half + 0.018), 0, side), rgba) for s in (-1, 1)]
    hold = Hold("block", (0, 0, side), (half * 0.7, 0.013, 0.013), (1,))
    return Shape((bar, *ends), (hold,))


COMFORTS: tuple[Category, ...] = (
    Category("pillow", "pillow", pillow, (0.25, 0.45), BRIGHT, "soft", "Pillow"),
    Category(
        "perfume",
        "perfume",
        perfume,
        (0.12, 0.2),
        ("pink", "blue", "purple", "yellow"),
        "scented",
        "Perfume",
    ),
    Category(
        "teddy",
        "teddy",
        teddy,
        (0.06, 0.12),
        ("brown", "beige", "white", "pink"),
        "plush",
        "TeddyBear",
    ),
    Category(
        "dumbbell", "dumbbell", dumbbell, (0.5, 0.7), ("black", "blue", "pink"), "steel", "Dumbbell"
    ),
)
"""Categories of this file."""
