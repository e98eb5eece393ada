"""Colours that an episode gives to objects (``task.object_colors``).

The official package deletes the material and sets the rgba of the compiled geoms. Here the model
is shared by all episodes of a scene, so the colours are handed to the renderer instead
(``World.paint``): ``scene.model`` keeps the object's own.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from molmospaces_gym.cameras import Paint
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidEpisode
from molmospaces_gym.scenes.model import VISIBLE_GROUPS, SceneModel

NAMED_COLORS: Mapping[str, tuple[float, float, float, float]] = MappingProxyType(
    {
        "red": (0.85, 0.10, 0.10, 1.0),
        "blue": (0.10, 0.20, 0.80, 1.0),
        "green": (0.10, 0.55, 0.15, 1.0),
        "yellow": (0.95, 0.85, 0.10, 1.0),
        "purple": (0.45, 0.15, 0.60, 1.0),
        "orange": (0.95, 0.50, 0.05, 1.0),
        "black": (0.08, 0.08, 0.08, 1.0),
        "white": (0.95, 0.95, 0.95, 1.0),
        "brown": (0.40, 0.22, 0.10, 1.0),
        "tan": (0.82, 0.70, 0.55, 1.0),
        "light_blue": (0.55, 0.75, 0.95, 1.0),
        "light_green": (0.60, 0.90, 0.55, 1.0),
        "light_yellow": (0.98, 0.95, 0.65, 1.0),
    }
)
"""The names are the official ones, the values ours: those are not published."""


def paint_of(scene: SceneModel, episode: EpisodeSpec) -> Paint:
    """The visible geoms of every object in ``task.object_colors`` with its colour.

    Raises:
        UnknownBody: the scene holds no such object.
        InvalidEpisode: a colour is not three or four numbers from 0 to 1.
    """
    colours = episode.task.get("object_colors")
    found: list[tuple[int, tuple[float, float, float]]] = []
    for name, rgba in (colours or {}).items():
        values = np.asarray(rgba, dtype=float)
        if values.shape not in ((3,), (4,)) or not ((values >= 0) & (values <= 1)).all():
            raise InvalidEpisode(
                f"task.object_colors.{name}: found {rgba!r}, expected red, green and blue in 0..1"
            )
        red, green, blue = values[:3].tolist()
        geoms = scene.subtree_geoms(scene.body_id(name))
        seen = geoms[scene.model.geom_group[geoms] < VISIBLE_GROUPS]
        found += [(int(geom), (red, green, blue)) for geom in seen]
    return tuple(found)
