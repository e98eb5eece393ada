"""Compiled kernels of what contacts support; see ``kernels`` for why these are compiled."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.jit import kernel
from molmospaces_gym.place_kernels import OBJECT, RECEPTACLE

Array = NDArray[np.float64]


@kernel
def carrying(
    geoms: Any,
    push: Array,
    normal: Array,
    position: Array,
    owner: Any,
    middle: float,
    cosine: float,
    force: Array,
) -> bool:
    """What the receptacle exerts on the object, and whether a contact carries it.

    Args:
        geoms: (n, 2) geoms of the contacts; owner: (ngeom,) uint8 what they belong to.
        push, normal, position: (n, 3) force and normal from the first to the second geom (N), m.
        middle: height of the middle of the object's box, m.
        cosine: of the largest angle between the vertical and the normal of a carrying contact.
        force: (3,) out, net force on the object, N.

    Returns:
        Whether a contact with the receptacle lies below ``middle`` and faces up.
    """
    force[:] = 0.0
    faces_up = False
    for row in range(len(geoms)):
        first, second = owner[geoms[row, 0]], owner[geoms[row, 1]]
        if not ((first | second) & OBJECT and (first | second) & RECEPTACLE):
            continue
        sign = 1.0 if second & OBJECT else -1.0
        for i in range(3):
            force[i] += sign * push[row, i]
        faces_up |= position[row, 2] < middle and sign * normal[row, 2] >= cosine
    return faces_up


@kernel
def supporters(
    geoms: Any,
    normal: Any,
    position: Any,
    roots: Any,
    root: int,
    middle: float,
    cosine: float,
    found: Any,
) -> int:
    """Write the top-level bodies that support a body by contact; returns how many.

    A contact supports when it lies below ``middle`` (m) with its normal within the angle of
    ``cosine`` from the vertical. ``roots`` (ngeom,) are the top-level bodies of the geoms;
    ``found`` (k,) out.
    """
    count = 0
    for row in range(len(geoms)):
        first, second = roots[geoms[row, 0]], roots[geoms[row, 1]]
        if first == second or (first != root and second != root):
            continue
        sign = 1.0 if second == root else -1.0
        if position[row, 2] < middle and sign * normal[row, 2] > cosine:
            other = first if second == root else second
            known = False
            for i in range(count):
                known |= found[i] == other
            if not known and count < len(found):
                found[count] = other
                count += 1
    return count
