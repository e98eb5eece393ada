"""Frames for a reward model: images of the observation, or rendered whatever is observed."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.rewards.core import RewardConfig, steps_between
from molmospaces_gym.vector_output import as_array

RENDERER = "raster"
"""The quick renderer without OpenGL: 0.2 ms for 128 x 128 pixels."""
SIZE = (128, 128)
"""Width and height for models that do not say what they want."""


def frame_size(wanted: Sequence[int] | None, model: Any) -> tuple[int, int]:
    """(width, height): what is asked for, or the model's attribute ``image_size``."""
    found = wanted or getattr(model, "image_size", None) or SIZE
    width, height = (found, found) if isinstance(found, int) else found
    return int(width), int(height)


class Camera:
    """Takes frames of the slots of an env, single (slot 0) or vector.

    Args:
        env: the env as wrapped so far.
        space: of one slot's observations.
        config: ``camera``, ``image_size`` and ``score_every``.
        model: whose frames they are.

    Raises:
        InvalidConfig: a camera is no image of the observation, and the env cannot render it.
    """

    def __init__(
        self, env: Any, space: spaces.Space[Any], config: RewardConfig, model: Any
    ) -> None:
        self._env, self._every, self._fps = env, config.score_every, float(model.fps)
        self._size = frame_size(config.image_size, model)
        given = (config.camera,) if isinstance(config.camera, str) else tuple(config.camera or ())
        self._names = given or tuple(getattr(model, "cameras", ()))
        entries = space.spaces if isinstance(space, spaces.Dict) else {}
        self.observed = bool(given) and all(_is_image(entries.get(name)) for name in given)
        own = hasattr(type(env.unwrapped), "session") or hasattr(env.unwrapped, "sessions")
        if not self.observed and not own and (self._names or env.render_mode != "rgb_array"):
            raise InvalidConfig(
                f"this env observes no images {self._names} and cannot be rendered from outside;"
                " name an image of its observation as camera, or make it with"
                " render_mode='rgb_array'"
            )

    def session(self, slot: int) -> Any:
        """What plays the slot's episode; None in an env of somebody else's."""
        base = self._env.unwrapped
        if hasattr(base, "sessions"):
            return base.sessions[slot]
        return getattr(base, "session", None)

    def take(self, slot: int, observation: Any) -> NDArray[np.uint8]:
        """The slot's frame (H, W, 3) now; ``observation`` is that slot's own."""
        if self.observed:
            return _beside([as_array(observation[name]) for name in self._names])
        session = self.session(slot)
        if session is None:
            return np.array(self._env.render(), np.uint8)
        names = self._names or (None,)
        return _beside([session.picture(name, self._size, RENDERER) for name in names])

    def every(self, slot: int) -> int:
        """Env steps between frames in the slot's episode."""
        if self._every is not None:
            return self._every
        session = self.session(slot)
        if session is not None:
            return steps_between(session.control_dt, self._fps)
        rate = self._env.metadata.get("render_fps")
        if not rate:
            raise InvalidConfig("this env does not say its render_fps; give score_every in steps")
        return steps_between(1.0 / rate, self._fps)


def _is_image(space: spaces.Space[Any] | None) -> bool:
    return space is not None and len(space.shape or ()) == 3


def _beside(views: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Views side by side as one picture of its own memory."""
    return np.concatenate(views, axis=1)
