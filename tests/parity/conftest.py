"""Backends that are MuJoCo itself, and MuJoCo with a fault: what the checks must say of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

import numpy as np
import pytest

from molmospaces_gym.backends import base
from molmospaces_gym.backends.mjc import MujocoWorld
from molmospaces_gym.benchmarks.parity import suite
from molmospaces_gym.errors import UnsupportedScene


class Crooked(MujocoWorld):
    """Everything stands 2 mm too far in x, and says so itself."""

    def body_pos(self, slot: int) -> Any:
        return super().body_pos(slot) + [0.002, 0.0, 0.0]

    def losses(self, slot: int) -> tuple[str, ...]:
        return ("2 mm in x",)


class Picky(MujocoWorld):
    """Refuses what has a mobile base."""

    def load(self, slot: int, scene: Any) -> None:
        if scene.robot.base is not None:
            raise UnsupportedScene("this backend cannot represent a mobile base")
        super().load(slot, scene)


class Bare(MujocoWorld):
    """A mirror like any, whose simulator has poses of its own, one of them off by a micron."""

    def own_poses(self, slot: int) -> Any:
        pos = np.array(self.body_pos(slot))
        pos[1, 2] += 1e-6
        return np.arange(len(pos)), pos, np.array(self.body_quat(slot))


@dataclass
class Point:
    """What ``entry_points`` gives, as far as it is asked."""

    name: str
    world: type

    def load(self) -> type:
        return self.world


@pytest.fixture
def backends(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Registers ``twin``, ``crooked``, ``picky`` and ``bare`` beside the real ones."""
    worlds = {"twin": MujocoWorld, "crooked": Crooked, "picky": Picky, "bare": Bare}
    ours = [Point(name, world) for name, world in worlds.items()]

    def found(group: str) -> list[Any]:
        return [*entry_points(group=group), *ours]

    monkeypatch.setattr(base, "entry_points", found)
    monkeypatch.setattr(suite, "entry_points", found)
    yield


@pytest.fixture
def rows() -> Callable[..., dict[tuple[str, str], Any]]:
    """``rows(report)``: measured rows by subject and quantity."""
    return lambda report: {(row.subject, row.quantity): row for row in report.rows}
