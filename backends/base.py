"""The ``World`` interface: what a simulator must offer to everything above it.

A world steps N slots, each bound to a compiled ``SceneModel``. It speaks MuJoCo's names, units and
order: metres, radians, wxyz quaternions, ids of the ``SceneModel``. A backend translates at its
border; nothing above asks which simulator runs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from inspect import signature
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.cameras import CameraPose, Images
from molmospaces_gym.errors import BackendUnavailable, InvalidConfig, UnknownName
from molmospaces_gym.scenes.model import SceneModel
from molmospaces_gym.variations import Dynamics, Look

Array = NDArray[np.float64]
GROUP = "molmospaces_gym.backends"
"""Entry-point group under which a backend registers its ``World`` class."""


@dataclass(frozen=True)
class State:
    """The state of one slot.

    ``qpos`` (nq,), ``qvel`` (nv,), ``ctrl`` (nu,), ``mocap_pos`` (nmocap, 3), ``mocap_quat``
    (nmocap, 4). ``snapshot`` is the backend's own complete copy: a state that came from
    ``get_state`` restores bit for bit; one without it starts the solver afresh.
    """

    qpos: Array
    qvel: Array
    ctrl: Array
    mocap_pos: Array
    mocap_quat: Array
    snapshot: Any = None


@dataclass(frozen=True)
class Contacts:
    """Active contacts of a slot, n rows.

    ``geoms`` and ``bodies`` (n, 2) ids, ``position`` (n, 3), ``normal`` (n, 3) pointing from the
    first to the second geom, ``distance`` (n,) negative when penetrating, ``force`` (n,) normal
    force and ``push`` (n, 3) whole force of the first on the second geom, world frame, newtons.
    """

    geoms: NDArray[np.int32]
    bodies: NDArray[np.int32]
    position: Array
    normal: Array
    distance: Array
    force: Array
    push: Array


class World(Protocol):
    """N simulated slots. Arrays returned by the accessors are live views: copy what you keep."""

    num_worlds: int

    def load(self, slot: int, scene: SceneModel) -> None:
        """Bind a slot to a compiled scene; cheap when the slot has seen it before."""

    def set_state(self, slot: int, state: State) -> None:
        """Overwrite the state of a slot and compute everything that depends on it."""

    def get_state(self, slot: int) -> State:
        """A complete copy of the state of a slot."""

    def step(
        self,
        n_substeps: int,
        slots: Sequence[int] | None = None,
        before: Callable[[int], None] | None = None,
        after: Callable[[int], None] | None = None,
    ) -> None:
        """Advance slots by ``n_substeps`` under their ``ctrl``, each between its two callbacks.

        With 0 substeps no time passes: poses only follow what ``before`` wrote into
        ``joint_pos``, and contacts stay those of before. It is how something moves without physics
        while all else rests.

        ``before(slot)`` and ``after(slot)`` may run in a worker thread while other slots simulate;
        they must touch only their own slot.
        """

    def diverged(self, slot: int) -> bool:
        """Whether the simulation of a slot became unstable since its state was last set."""

    def ctrl(self, slot: int) -> Array:
        """Actuator commands (nu,), writable."""

    def joint_pos(self, slot: int) -> Array:
        """Generalised positions ``qpos`` (nq,), writable: poses follow in the next ``step``."""

    def joint_vel(self, slot: int) -> Array:
        """Generalised velocities ``qvel`` (nv,), writable."""

    def body_pos(self, slot: int) -> Array:
        """Positions of the body origins (nbody, 3), world frame."""

    def body_quat(self, slot: int) -> Array:
        """Orientations of the bodies (nbody, 4), world frame, wxyz."""

    def body_mat(self, slot: int) -> Array:
        """Rotation matrices of the bodies (nbody, 9), row-major."""

    def site_pos(self, slot: int) -> Array:
        """Positions of the sites (nsite, 3), world frame."""

    def site_mat(self, slot: int) -> Array:
        """Rotation matrices of the sites (nsite, 9), row-major."""

    def contact_geoms(self, slot: int) -> NDArray[np.int32]:
        """Geom ids (n, 2) of the active contacts; the quick form of ``contacts``."""

    def contacts(self, slot: int) -> Contacts:
        """Active contacts with positions, normals and forces; not those of sleeping bodies."""

    def resting_contacts(self, slot: int) -> Contacts:
        """All contacts and forces as they are at rest, those of sleeping bodies included.

        Slow: the contacts are searched and solved anew, at zero velocity, beside the simulation.
        """

    def awake(self, slot: int) -> NDArray[np.int32]:
        """(nbody,) 0 where a body sleeps: then it does not move, and its contacts are not listed.

        A backend that puts nothing to sleep gives ones.
        """

    def show(self, slot: int, look: Look) -> None:
        """Show a slot in other colours and light until its next ``load``.

        The model, which slots share, and the physics stay as they are.
        """

    def vary(self, slot: int, dynamics: Dynamics) -> None:
        """Give a slot other dynamics until its next ``load``.

        The model, which slots share, and the state of the slot stay as they are. A state of
        ``get_state`` continues bit for bit only under the same dynamics.
        """

    def subtree_mass(self, slot: int) -> Array:
        """Mass (nbody,) in kg of each body with all that hangs under it, as the slot has it."""

    def render(
        self,
        slot: int,
        camera: CameraPose,
        size: tuple[int, int],
        modes: Sequence[str] = ("rgb",),
        renderer: str = "raster",
    ) -> Images:
        """Images of a slot from one camera, ``size`` = (width, height) pixels."""

    def close(self) -> None:
        """Release everything; safe to call twice."""


def make_world(
    backend: str, num_worlds: int = 1, physics: str | None = None, mixed: bool = False
) -> World:
    """Create a world of the backend registered under this name.

    ``physics`` names one of its engines, for a backend that has several; None: its own choice, for
    worlds that are in different houses at a time where they are ``mixed``.

    Raises:
        UnknownName: no such backend.
        InvalidConfig: the backend has no engines to choose from, or none of that name.
        BackendUnavailable: its simulator is not installed.
    """
    found = {point.name: point for point in entry_points(group=GROUP)}
    if backend not in found:
        raise UnknownName("backend", backend, list(found))
    try:
        make = found[backend].load()
        known = signature(make).parameters
        chosen: dict[str, Any] = {} if physics is None else {"physics": physics}
        if mixed and "mixed" in known:
            chosen["mixed"] = True
        if physics is not None and "physics" not in known:
            raise InvalidConfig(
                f"backend {backend!r} has one engine only; leave out physics={physics!r}"
            )
        world: World = make(num_worlds=num_worlds, **chosen)
    except ImportError as error:
        raise BackendUnavailable(
            f"backend {backend!r} needs {error.name or error}; install it with:"
            f' pip install "molmospaces-gym[{backend}]"'
        ) from error
    return world
