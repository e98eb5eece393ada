"""Colours that an episode gives to objects (``task.object_colors``).

The official package deletes the material and sets the rgba of the compiled geoms. Here the model
is shared by all episodes of a scene, so the colours are handed to the renderer instead
(``World.paint``): ``scene.model`` keeps the object's own.
"""

import numpy as np

from molmospaces_gym.cameras import Paint
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidEpisode
from molmospaces_gym.scenes.model import VISIBLE_GROUPS, SceneModel


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
