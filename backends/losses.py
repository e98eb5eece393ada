"""What engines only approximate of a model, where several do so in the same way."""

import logging
from collections.abc import Iterator, Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.backends.friction import of_robots, scene_friction

NAMED = 5
"""Names that a message lists."""


def common_losses(model: mujoco.MjModel) -> Iterator[str]:
    """What no backend but MuJoCo has."""
    if np.any(model.tendon_stiffness) or np.any(model.tendon_damping):
        yield "stiffness and damping of tendons"
    if np.any(model.tendon_limited) or np.any(model.tendon_frictionloss):
        yield "limits and dry friction of tendons"
    if model.opt.density or model.opt.viscosity:
        yield "resistance of the medium"


def physx_losses(model: mujoco.MjModel) -> Iterator[str]:
    """What PhysX does otherwise, whoever drives it."""
    solid = (model.geom_contype | model.geom_conaffinity) != 0
    common = scene_friction(model)
    own = model.geom_friction[:, 0]
    # Against the common friction every pair is exact unless the mean would need a negative one;
    # two geoms that both differ from it meet with a mean that is MuJoCo's only by chance. Between
    # the parts of one robot that does not matter.
    odd = np.flatnonzero(solid & (own != common) & (model.geom_priority <= 0))
    low = np.flatnonzero(solid & (model.geom_priority > 0) & (2.0 * own < common))
    if len(low):
        yield f"friction below half the scene's {common:g} of {_named(model, low)}"
    if not of_robots(model)[odd].all():
        yield f"friction between geoms other than the scene's {common:g}: {_named(model, odd)}"
    rolling = np.flatnonzero(solid & (model.geom_condim == 6))
    if len(rolling):
        yield f"rolling friction of {_named(model, rolling)}"
    wide = np.flatnonzero(solid & (model.geom_margin > 0))
    if len(wide):
        yield f"contact margins of {_named(model, wide)}"


def log_losses(log: logging.Logger, where: str, losses: Sequence[str]) -> None:
    """Which geoms slide differently is worth a warning; the rest is so in every house."""
    for loss in losses:
        level = logging.WARNING if loss.startswith("friction") else logging.INFO
        log.log(level, "%s: approximated %s", where, loss)


def geom_name(model: mujoco.MjModel, geom: int) -> str:
    """Name of a geom, or its id and body."""
    name = model.geom(geom).name
    return name or f"{geom} of body {model.body(int(model.geom_bodyid[geom])).name!r}"


def _named(model: mujoco.MjModel, geoms: NDArray[np.intp]) -> str:
    names = ", ".join(geom_name(model, int(geom)) for geom in geoms[:NAMED])
    more = f" and {len(geoms) - NAMED} more" if len(geoms) > NAMED else ""
    return f"{len(geoms)} geoms: {names}{more}"
