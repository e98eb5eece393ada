"""Receptacles: pots, trays, baskets, boxes and bins. Real sizes (m) and masses (kg)."""

from collections.abc import Sequence
from dataclasses import replace

from molmospaces_gym.scenes.generator.meshes import prism, turned
from molmospaces_gym.scenes.generator.objects import (
    BLACK,
    BRIGHT,
    GLAZES,
    HANDLES,
    STEEL,
    WHITE,
    Category,
    Hold,
    Opening,
    Shape,
    lerp,
    mix,
    round_opening,
)
from molmospaces_gym.scenes.generator.shapes import GREY, Part, Rgba, box, moved
from molmospaces_gym.scenes.generator.vessels import vessel

SOFT = ("beige", "brown", "gray", "white", "blue")
PLASTIC = ("blue", "white", "gray", "green", "red", "black", "yellow", "teal")


def _walls(hx: float, hy: float, low: float, high: float, wall: float, rgba: Rgba) -> list[Part]:
    """Four upright boards around a rectangle."""
    middle, tall = (low + high) / 2, (high - low) / 2
    along = (hx, wall / 2, tall)
    across = (wall / 2, hy - wall, tall)
    return [
        box(along, (0, -hy + wall / 2, middle), rgba),
        box(along, (0, hy - wall / 2, middle), rgba),
        box(across, (-hx + wall / 2, 0, middle), rgba),
        box(across, (hx - wall / 2, 0, middle), rgba),
    ]


def _open_box(
    hx: float, hy: float, height: float, wall: float, rgba: Rgba, hold: bool = True
) -> Shape:
    """Floor and four walls, held at the middle of a wall."""
    inner = mix(rgba, BLACK, 0.12)
    floor = box((hx - wall, hy - wall, wall / 2), (0, 0, wall / 2), inner)
    walls = _walls(hx, hy, 0.0, height, wall, rgba)
    opening = _inside(hx - wall, hy - wall, wall, height)
    holds = []
    if hold:
        # high enough that the fingers, tilted too, keep off the floor inside
        low = wall + 0.009
        half = (hx * 0.5, wall / 2, (height - low) / 2)
        z = (height + low) / 2
        holds = [Hold("block", (0, s * (hy - wall / 2), z), half, (1,)) for s in (-1, 1)]
    return Shape((floor, *walls), tuple(holds), opening=opening)


def _inside(hx: float, hy: float, floor: float, rim: float) -> Opening:
    return Opening((0.0, 0.0, floor), rim - floor, (hx, hy), (hx, hy))


def _add(shape: Shape, parts: Sequence[Part]) -> Shape:
    return Shape((*shape.parts, *parts), shape.holds, shape.rolls, shape.opening)


def pot(size: float, rgba: Rgba) -> Shape:
    """Cooking pot with two handles, held at its rim."""
    radius, height, wall = lerp(0.085, 0.105, size), lerp(0.085, 0.11, size), 0.004
    seen, touched = vessel(rgba, radius * 0.97, radius, height, wall, 8)
    ears = []
    for s in (-1, 1):
        x, z = s * (radius + 0.012), height * 0.8
        ears.append(box((0.014, 0.028, 0.005), (x, 0, z), mix(BLACK, STEEL, 0.2)))
    hold = Hold("rim", (0, 0, height), (radius, wall))
    inside = round_opening(radius - 0.006, radius * 0.95 - 0.006, wall, height)
    return Shape((seen, *touched, *ears), (hold,), opening=inside)


def tray(size: float, rgba: Rgba) -> Shape:
    """Serving tray; too flat for a gripper from above."""
    hx, hy = lerp(0.15, 0.19, size), lerp(0.10, 0.13, size)
    return _open_box(hx, hy, 0.026, 0.007, rgba, hold=False)


def casserole(size: float, rgba: Rgba) -> Shape:
    """Baking dish with a grip at either end."""
    hx, hy, height = lerp(0.11, 0.14, size), lerp(0.08, 0.10, size), lerp(0.055, 0.07, size)
    shape = _open_box(hx, hy, height, 0.007, rgba, hold=False)
    grips = [
        box((0.012, hy * 0.45, 0.006), (s * (hx + 0.011), 0, height - 0.008), rgba) for s in (-1, 1)
    ]
    return _add(shape, grips)


def basket(size: float, rgba: Rgba) -> Shape:
    """Woven basket with bands."""
    hx, hy, height = lerp(0.11, 0.14, size), lerp(0.085, 0.11, size), lerp(0.09, 0.12, size)
    straw = mix(rgba, (0.80, 0.64, 0.40, 1.0), 0.4)
    shape = _open_box(hx, hy, height, 0.008, straw)
    dark = mix(straw, BLACK, 0.25)
    low = height * 0.35
    bands = _frame(hx + 0.001, hy + 0.001, low, low + 0.01, dark)
    return _add(shape, bands)


def _frame(hx: float, hy: float, low: float, high: float, rgba: Rgba) -> list[Part]:
    """A band around a box, only seen."""
    return [
        Part(p.kind, p.size, p.pos, p.quat, rgba, "visual")
        for p in _walls(hx, hy, low, high, 0.002, rgba)
    ]


def carton(size: float, rgba: Rgba) -> Shape:
    """Open cardboard box with a coloured stripe."""
    hx, hy, height = lerp(0.10, 0.14, size), lerp(0.08, 0.11, size), lerp(0.08, 0.12, size)
    card: Rgba = (0.74, 0.58, 0.40, 1.0)
    shape = _open_box(hx, hy, height, 0.005, card)
    return _add(shape, _frame(hx + 0.0006, hy + 0.0006, height * 0.55, height * 0.8, rgba))


def storage_bin(size: float, rgba: Rgba) -> Shape:
    """Plastic bin with a lip."""
    hx, hy, height = lerp(0.10, 0.13, size), lerp(0.085, 0.10, size), lerp(0.10, 0.14, size)
    shape = _open_box(hx, hy, height, 0.005, rgba)
    return _add(
        shape, _frame(hx + 0.002, hy + 0.002, height - 0.012, height, mix(rgba, WHITE, 0.3))
    )


def tupperware(size: float, rgba: Rgba) -> Shape:
    """Food container without its lid."""
    hx, hy, height = lerp(0.075, 0.10, size), lerp(0.06, 0.075, size), lerp(0.05, 0.065, size)
    clear = mix(rgba, WHITE, 0.7)
    shape = _open_box(hx, hy, height, 0.004, clear)
    return _add(shape, _frame(hx + 0.002, hy + 0.002, height - 0.009, height, rgba))


def organizer(size: float, rgba: Rgba) -> Shape:
    """Flat drawer organizer with a divider."""
    hx, hy, height = lerp(0.10, 0.14, size), lerp(0.075, 0.10, size), lerp(0.045, 0.055, size)
    shape = _open_box(hx, hy, height, 0.006, rgba)
    x = hx * 0.45
    divider = box((0.003, hy - 0.006, height * 0.4), (x, 0, 0.006 + height * 0.4), rgba)
    # what is free for things is the wider part, left of the divider
    left, right = -hx + 0.006, x - 0.003
    half = ((right - left) / 2, hy - 0.006)
    inside = Opening(((left + right) / 2, 0.0, 0.006), height - 0.006, half, half)
    holds = (replace(hold, center=moved(hold.center, (-hx * 0.2, 0, 0))) for hold in shape.holds)
    return Shape((*shape.parts, divider), tuple(holds), opening=inside)


def colander(size: float, rgba: Rgba) -> Shape:
    """Sieve with a foot and two loops, held at its rim."""
    top, height, wall = lerp(0.085, 0.105, size), lerp(0.075, 0.09, size), 0.004
    foot = top * 0.6
    seen, touched = vessel(rgba, foot, top, height, wall, 8)
    rings = []
    for share in (0.36, 0.6):
        out = foot + (top - foot) * share + 0.001
        low, high = height * share, height * share + 0.004
        outline = [(out - 0.002, low), (out, low), (out, high), (out - 0.002, high)]
        rings.append(turned([*outline, outline[0]], mix(rgba, BLACK, 0.5), segments=14))
    hold = Hold("rim", (0, 0, height), (top, wall))
    inside = round_opening(top - wall, foot - wall, wall, height)
    return Shape((seen, *rings, *touched), (hold,), opening=inside)


def bucket(size: float, rgba: Rgba) -> Shape:
    """Small bucket without its bail, held at its rim."""
    top, height, wall = lerp(0.085, 0.10, size), lerp(0.11, 0.14, size), 0.004
    seen, touched = vessel(rgba, top * 0.78, top, height, wall, 8)
    ears = [
        box((0.005, 0.010, 0.008), (s * (top + 0.001), 0, height - 0.012), GREY, "visual")
        for s in (-1, 1)
    ]
    hold = Hold("rim", (0, 0, height), (top, wall))
    inside = round_opening(top - wall, top * 0.78 - wall, wall, height)
    return Shape((seen, *ears, *touched), (hold,), opening=inside)


def platter(size: float, rgba: Rgba) -> Shape:
    """Large flat serving dish; too flat for a gripper from above."""
    hx, hy, height = lerp(0.14, 0.18, size), lerp(0.095, 0.12, size), 0.02
    flat = (hx - 0.018, hy - 0.018, 0.005)
    base = prism(flat, 0.002, (0, 0, 0.005), mix(rgba, WHITE, 0.3))
    hull = box(flat, (0, 0, 0.005), GREY, "hull")
    rim = _walls(hx, hy, 0.004, height, 0.02, rgba)
    inside = _inside(hx - 0.02, hy - 0.02, 0.01, height)
    return Shape((base, hull, *rim), opening=inside)


def crate(size: float, rgba: Rgba) -> Shape:
    """Wooden crate of slats."""
    hx, hy, height = lerp(0.11, 0.15, size), lerp(0.085, 0.115, size), lerp(0.09, 0.12, size)
    wood = mix(rgba, (0.76, 0.60, 0.40, 1.0), 0.5)
    shape = _open_box(hx, hy, height, 0.008, wood)
    gaps = _frame(hx + 0.0005, hy + 0.0005, height * 0.48, height * 0.54, mix(wood, BLACK, 0.6))
    return _add(shape, gaps)


def saucepan(size: float, rgba: Rgba) -> Shape:
    """Small pot with a long handle, held at the handle."""
    radius, height, wall = lerp(0.07, 0.085, size), lerp(0.075, 0.095, size), 0.004
    seen, touched = vessel(mix(STEEL, WHITE, 0.1), radius * 0.97, radius, height, wall, 8)
    length = lerp(0.12, 0.15, size)
    handle = box((length / 2, 0.010, 0.008), (radius + length / 2 - 0.005, 0, height - 0.014), rgba)
    hold = Hold("block", handle.pos, handle.size)
    inside = round_opening(radius - 0.006, radius * 0.95 - 0.006, wall, height)
    return Shape((seen, *touched, handle), (hold,), opening=inside)


CONTAINERS: tuple[Category, ...] = (
    Category("pot", "pot", pot, (0.5, 0.8), GLAZES, "metal", "Pot"),
    Category("saucepan", "saucepan", saucepan, (0.4, 0.6), HANDLES, "steel", "SaucePan"),
    Category("tray", "tray", tray, (0.35, 0.6), GLAZES, "serving", "Tray"),
    Category("casserole", "casserole", casserole, (0.6, 0.9), GLAZES, "baking", "BakingDish"),
    Category("basket", "basket", basket, (0.2, 0.3), SOFT, "woven", "Basket"),
    Category("box", "box", carton, (0.12, 0.22), BRIGHT, "cardboard", "Box"),
    Category("storage_bin", "bin", storage_bin, (0.2, 0.3), PLASTIC, "plastic", "Bin"),
    Category("tupperware", "tupperware", tupperware, (0.08, 0.14), BRIGHT, "plastic", "Tupperware"),
    Category("organizer", "organizer", organizer, (0.14, 0.24), SOFT, "drawer", "DrawerOrganizer"),
    Category("colander", "colander", colander, (0.25, 0.4), GLAZES, "metal", "Colander"),
    Category("bucket", "bucket", bucket, (0.2, 0.3), PLASTIC, "plastic", "Bucket"),
    Category("platter", "platter", platter, (0.5, 0.8), GLAZES, "ceramic", "Platter"),
    Category("crate", "crate", crate, (0.25, 0.35), SOFT, "wooden", "Crate"),
)
"""Categories of this file, all of which hold other things."""
