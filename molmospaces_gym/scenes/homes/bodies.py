"""MJCF bodies of furniture and doors, with the names and the metadata that describe them.

A piece is one static top-level body; what moves hangs below it. What is only seen of it is in a
child body of its own: MuJoCo computes a box around every geom of every body that can collide, on
every step, also for geoms that cannot.
"""

import functools
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from molmospaces_gym.scenes.generator import mjcf
from molmospaces_gym.scenes.generator.catalog import Asset
from molmospaces_gym.scenes.generator.draft import HEADER
from molmospaces_gym.scenes.generator.names import Counter, joint_name
from molmospaces_gym.scenes.generator.shapes import (
    IDENTITY,
    Part,
    Quat,
    Vec3,
    moved,
    volume,
    yaw_quat,
)
from molmospaces_gym.scenes.homes.finish import room_material
from molmospaces_gym.scenes.homes.fixture import Fixture, Moving
from molmospaces_gym.scenes.homes.space import Spot

BUILT = "built_"
"""Family of the geom classes of walls and furniture. They touch objects and robots, but neither
each other nor what moves in them: a closed drawer needs no contacts with its cabinet."""
HOME_HEADER = HEADER.replace(
    "</default>\n",
    '<default class="built_solid"><geom contype="0" group="0"/></default>\n'
    '<default class="built_touched"><geom contype="0" group="4"/></default>\n',
    1,
) if False else ""
