"""More belongings: bath, desk, tool box and shelf. Real sizes (m) and masses (kg)."""

from molmospaces_gym.scenes.generator.meshes import prism, turned
from molmospaces_gym.scenes.generator.objects import (
    BLACK,
    BRIGHT,
    BROWN,
    COLORS,
    LABELS,
    SOBER,
    STEEL,
    WHITE,
    Category,
    Hold,
    Shape,
    lerp,
    mix,
)
from molmospaces_gym.scenes.generator.shapes import GREY, Rgba, ball, box, disc, rod


def toothbrush(size: float, rgba: Rgba) -> Shape:
    """Toothbrush lying on its back."""
    half = lerp(0.075, 0.09, size)
    handle = box((half, 0.006, 0.0055), (0, 0, 0.0055), rgba)
    bristles = box((half * 0.16, 0.005, 0.005), (half * 0.8, 0, 0.016), WHITE)
    hold = Hold("block", (-half * 0.3, 0, 0.0055), (half * 0.6, 0.006, 0.0055), (1,))
    return Shape((handle, bristles), (hold,))


def toothpaste(size: float, rgba: Rgba) -> Shape:
    """Tube of toothpaste lying flat."""
    half = lerp(0.055, 0.07, size)
    wide, tall = lerp(0.02, 0.025, size), lerp(0.013, 0.016, size)
    body = box((half, wide, tall), (0, 0, tall), WHITE)
    stripe = box((half * 0.7, wide + 0.0004, tall * 0.35), (0, 0, tall), rgba, "visual")
    cap = rod("cylinder", (half, 0, tall), (half + 0.018, 0, tall), tall * 0.75, rgba)
    return Shape((body, stripe, cap), (Hold("block", body.pos, (half, wide, tall)),))


def toilet_roll(size: float, rgba: Rgba) -> Shape:
    """Upright roll of toilet paper with a print of one colour."""
    radius, height = lerp(0.033, 0.0365, size), lerp(0.085, 0.1, size)
    paper = mix(rgba, WHITE, 0.75)
    body = disc(radius, 0, height, paper)
    core = disc(radius * 0.4, height - 0.002, height + 0.0008, BROWN, "visual")
    return Shape((body, core), (Hold("round", (0, 0, height / 2), (radius, height / 2)),))


def hairbrush(size: float, rgba: Rgba) -> Shape:
    """Hairbrush lying on its bristles."""
    half = lerp(0.05, 0.06, size)
    head = box((half, 0.026, 0.006), (0, 0, 0.020), rgba)
    bristles = box((half * 0.85, 0.020, 0.007), (0, 0, 0.007), BLACK)
    grip = box((half * 0.8, 0.011, 0.006), (-half * 1.75, 0, 0.020), mix(rgba, BLACK, 0.2))
    hold = Hold("block", (0, 0, 0.014), (half * 0.8, 0.026, 0.013), (1,))
    return Shape((head, bristles, grip), (hold,))


def mouse(size: float, rgba: Rgba) -> Shape:
    """Computer mouse."""
    half = (lerp(0.046, 0.056, size), lerp(0.028, 0.033, size), lerp(0.016, 0.019, size))
    seen = prism(half, 0.010, (0, 0, half[2]), rgba)
    hull = box((half[0] * 0.94, half[1], half[2]), (0, 0, half[2]), GREY, "hull")
    wheel = box((0.008, 0.003, 0.002), (half[0] * 0.45, 0, 2 * half[2]), BLACK, "visual")
    return Shape((seen, hull, wheel), (Hold("block", (0, 0, half[2]), half, (1,)),))


def calculator(size: float, rgba: Rgba) -> Shape:
    """Pocket calculator."""
    half = (lerp(0.055, 0.07, size), lerp(0.03, 0.0365, size), 0.007)
    body = box(half, (0, 0, half[2]), rgba)
    top = 2 * half[2]
    screen = box(
        (half[0] * 0.2, half[1] * 0.8, 0.0006),
        (half[0] * 0.65, 0, top),
        (0.6, 0.7, 0.6, 1.0),
        "visual",
    )
    keys = [
        box(
            (half[0] * 0.1, half[1] * 0.7, 0.0012),
            (x * half[0], 0, top),
            mix(rgba, WHITE, 0.6),
            "visual",
        )
        for x in (0.2, -0.1, -0.4, -0.7)
    ]
    return Shape((body, screen, *keys), (Hold("block", body.pos, half),))


def notebook(size: float, rgba: Rgba) -> Shape:
    """Spiral notebook lying flat; too wide for a gripper from above."""
    half = (lerp(0.075, 0.1, size), lerp(0.055, 0.07, size), lerp(0.006, 0.009, size))
    body = box(half, (0, 0, half[2]), rgba)
    wire = rod(
        "capsule",
        (-half[0] * 0.9, -half[1], half[2]),
        (half[0] * 0.9, -half[1], half[2]),
        half[2] * 0.95,
        STEEL,
        "visual",
    )
    label = box((half[0] * 0.4, half[1] * 0.3, 0.0004), (0, 0.01, 2 * half[2]), WHITE, "visual")
    return Shape((body, wire, label))


def wallet(size: float, rgba: Rgba) -> Shape:
    """Folded wallet."""
    half = (lerp(0.048, 0.056, size), lerp(0.03, 0.0365, size), lerp(0.009, 0.013, size))
    seen = prism(half, 0.004, (0, 0, half[2]), mix(rgba, BROWN, 0.25))
    hull = box((half[0] * 0.97, half[1], half[2]), (0, 0, half[2]), GREY, "hull")
    fold = box((half[0], half[1] + 0.0003, 0.0006), (0, 0, half[2]), BLACK, "visual")
    return Shape((seen, hull, fold), (Hold("block", (0, 0, half[2]), half),))


def flashlight(size: float, rgba: Rgba) -> Shape:
    """Flashlight standing on its lens."""
    radius, height = lerp(0.024, 0.03, size), lerp(0.12, 0.16, size)
    head = disc(radius, 0, height * 0.28, rgba)
    shaft = disc(radius * 0.66, height * 0.28, height, mix(rgba, BLACK, 0.35))
    button = box((0.003, 0.006, 0.010), (radius * 0.66, 0, height * 0.6), COLORS["red"], "visual")
    hold = Hold("round", (0, 0, height * 0.65), (radius * 0.66, height * 0.33))
    return Shape((head, shaft, button), (hold,))


def hammer(size: float, rgba: Rgba) -> Shape:
    """Hammer lying on its side."""
    half, r = lerp(0.09, 0.11, size), 0.012
    handle = box((half, 0.011, r), (0, 0, r), rgba)
    head = rod("cylinder", (half, -0.045, r), (half, 0.045, r), r, STEEL)
    return Shape((handle, head), (Hold("block", handle.pos, (half * 0.7, 0.011, r), (1,)),))


def picture_frame(size: float, rgba: Rgba) -> Shape:
    """Small framed picture on a wide foot, held at its upper edge."""
    half, tall = lerp(0.05, 0.065, size), lerp(0.13, 0.17, size)
    frame = box((half, 0.008, tall / 2), (0, 0, tall / 2), rgba)
    picture = box(
        (half * 0.75, 0.0004, tall * 0.38), (0, -0.008, tall / 2), (0.55, 0.70, 0.82, 1.0), "visual"
    )
    hill = box(
        (half * 0.75, 0.0004, tall * 0.13),
        (0, -0.0084, tall * 0.25),
        (0.40, 0.58, 0.36, 1.0),
        "visual",
    )
    foot = box((half * 0.6, 0.038, 0.004), (0, 0.012, 0.004), mix(rgba, BLACK, 0.3))
    hold = Hold("block", frame.pos, (half, 0.008, tall / 2), (1,))
    return Shape((frame, picture, hill, foot), (hold,))


def light_bulb(size: float, rgba: Rgba) -> Shape:
    """Light bulb standing on its cap."""
    r = lerp(0.027, 0.033, size)
    cap = disc(0.0145, 0, 0.024, STEEL)
    neck = turned(
        [(0, 0.02), (0.0145, 0.02), (r * 0.8, 0.024 + r * 0.5), (0, 0.024 + r * 0.5)],
        mix(rgba, WHITE, 0.5),
    )
    bulb = ball(r, (0, 0, 0.026 + r), mix(rgba, WHITE, 0.5))
    return Shape((cap, neck, bulb), (Hold("round", (0, 0, 0.026 + r), (r, 0.6 * r)),))


def glue(size: float, rgba: Rgba) -> Shape:
    """Glue stick standing upright."""
    radius, height = lerp(0.012, 0.016, size), lerp(0.085, 0.105, size)
    body = disc(radius, 0, height * 0.66, WHITE)
    label = disc(radius + 0.0005, height * 0.12, height * 0.55, rgba, "visual")
    cap = disc(radius * 1.05, height * 0.66, height, mix(rgba, BLACK, 0.2))
    return Shape((body, label, cap), (Hold("round", (0, 0, height / 2), (radius, height / 2)),))


SUNDRIES: tuple[Category, ...] = (
    Category(
        "toothbrush", "toothbrush", toothbrush, (0.015, 0.025), BRIGHT, "dental", "Toothbrush"
    ),
    Category("toothpaste", "toothpaste", toothpaste, (0.08, 0.14), BRIGHT, "dental", "Toothpaste"),
    Category(
        "toilet_roll",
        "roll",
        toilet_roll,
        (0.08, 0.14),
        ("white", "blue", "pink"),
        "paper",
        "ToiletPaper",
    ),
    Category("hairbrush", "hairbrush", hairbrush, (0.06, 0.1), BRIGHT, "plastic", "HairBrush"),
    Category("mouse", "mouse", mouse, (0.07, 0.11), SOBER, "computer", "Mouse"),
    Category("calculator", "calculator", calculator, (0.07, 0.12), SOBER, "pocket", "Calculator"),
    Category("notebook", "notebook", notebook, (0.12, 0.25), LABELS, "spiral", "Notebook"),
    Category(
        "wallet",
        "wallet",
        wallet,
        (0.07, 0.12),
        ("brown", "black", "red", "blue"),
        "leather",
        "Wallet",
    ),
    Category(
        "flashlight", "flashlight", flashlight, (0.12, 0.22), BRIGHT, "electric", "Flashlight"
    ),
    Category(
        "hammer",
        "hammer",
        hammer,
        (0.3, 0.45),
        ("red", "yellow", "brown", "black"),
        "steel",
        "Hammer",
    ),
    Category(
        "picture_frame",
        "frame",
        picture_frame,
        (0.15, 0.28),
        ("brown", "black", "white", "beige"),
        "wooden",
        "PictureFrame",
    ),
    Category(
        "light_bulb",
        "bulb",
        light_bulb,
        (0.03, 0.06),
        ("white", "yellow", "blue"),
        "glass",
        "LightBulb",
    ),
    Category("glue", "glue", glue, (0.02, 0.04), BRIGHT, "sticky", "GlueStick"),
)
"""Categories of this file."""
