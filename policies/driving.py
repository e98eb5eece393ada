"""Driving to an object: the shortest way over the floor's map, then turning until it is seen."""

import math
from collections.abc import Iterator

import numpy as np

from molmospaces_gym.robots.binding import GroupBinding
from molmospaces_gym.scenes.model import Array
from molmospaces_gym.scenes.navigation import FloorGrid, floor_grid, resting_data, viewpoints
from molmospaces_gym.session import Session

STEP = 0.9
"""Share of the base's fastest step that is used."""
ARRIVED, FACED = 0.03, 0.03
"""Distance (m) and angle (rad) at which a corner is reached and a heading taken."""
STUCK = 6
"""Steps without progress after which another way is looked for."""
LOOK_STEPS = 3
"""Steps that the object must stay unseen, while faced, before another place is tried."""
WIDER = (0.0, 0.05, 0.1)
"""What is added (m) to the robot's radius, try by try, after it got stuck."""
PLACES = 6
"""Places tried one after the other."""


class NavigationSolver:
    """Plays NavigateTo with a mobile base."""

    def play(self, session: Session) -> Iterator[Array]:
        """See ``expert.Solver``; the robot stands still at the end, which says that it is done."""
        return NavigationAttempts(session).commands()


class NavigationAttempts:
    """One episode of NavigateTo as a stream of commands."""

    def __init__(self, session: Session) -> None:
        base = session.scene.robot.base
        if base is None:
            raise NotImplementedError
        self._session, self._base = session, base
        self._dt = session.n_substeps * float(session.scene.model.opt.timestep)
