"""Which parts never touch: MuJoCo's collision bits as pairs, which is how USD says it."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pxr import Usd, UsdPhysics

from molmospaces_gym.backends.isaac_scene.links import Plan

Masks = NDArray[np.bool_]


def may_touch(plan: Plan) -> Masks:
    """(ngeom, ngeom) whether the collision bits let two geoms touch."""
    types, accepts = plan.model.geom_contype, plan.model.geom_conaffinity
    either = (types[:, None] & accepts[None]) | (accepts[:, None] & types[None])
    allowed: Masks = either != 0
    return allowed


def filter_pairs(bodies: dict[str, Usd.Prim], geoms: dict[int, Usd.Prim], plan: Plan) -> None:
    """Author what does not touch: two links where nothing of them does, else geom by geom.

    Args:
        bodies: link name -> prim.
        geoms: geom id -> prim.
    """
    for first, second in _apart(plan, geoms):
        source = geoms[-first - 1] if first < 0 else bodies[plan.links[first].name]
        target = geoms[-second - 1] if second < 0 else bodies[plan.links[second].name]
        relation = UsdPhysics.FilteredPairsAPI.Apply(source).CreateFilteredPairsRel()
        relation.AddTarget(target.GetPath())


def _apart(plan: Plan, geoms: dict[int, Usd.Prim]) -> Iterator[tuple[int, int]]:
    """Pairs of link indices, or of geoms as ``-geom - 1``."""
    touch, ids = may_touch(plan), np.array(sorted(geoms), dtype=np.intp)
    owner = plan.link_of()[plan.model.geom_bodyid]
    mine = {link: ids[owner[ids] == link] for link in np.unique(owner[ids]).tolist()}
    still = mine.pop(-1, np.zeros(0, dtype=np.intp))
    for number, (link, own) in enumerate(mine.items()):
        for geom, other in np.argwhere(~touch[np.ix_(own, still)]).tolist():
            yield -int(own[geom]) - 1, -int(still[other]) - 1
        for other, theirs in list(mine.items())[number + 1 :]:
            if other == plan.links[link].parent or link == plan.links[other].parent:
                continue  # joined links never collide
            allowed = touch[np.ix_(own, theirs)]
            if not allowed.any():
                yield link, other
                continue
            for geom, rival in np.argwhere(~allowed).tolist():
                yield -int(own[geom]) - 1, -int(theirs[rival]) - 1
