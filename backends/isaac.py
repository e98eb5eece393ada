"""The Isaac backend: houses in Isaac Lab 3.0 without Kit, on Newton (MJWarp), MuJoCo C or PhysX.

Needs ``pip install "molmospaces-gym[isaac]"`` (Python 3.12, Linux). Everything that imports Isaac
Lab is in ``isaac_scene``; see ``isaac_scene.world`` for what it cannot represent.
"""

import warnings

from molmospaces_gym.backends.base import World
from molmospaces_gym.errors import BackendUnavailable


def isaac_world(num_worlds: int = 1, physics: str = "auto", mixed: bool = False) -> World:
    """``num_worlds`` worlds of Isaac Lab, see ``choose_engine``.

    Raises:
        BackendUnavailable: Isaac Lab, or the engine asked for, is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Isaac Lab's own imports
            from molmospaces_gym.backends.isaac_scene.world import IsaacWorld
    except ImportError as error:
        raise BackendUnavailable(
            f"backend 'isaac' needs {error.name or error}; install it with Python 3.12:"
            ' pip install "molmospaces-gym[isaac]"'
        ) from error
    return IsaacWorld(num_worlds, physics, mixed)
