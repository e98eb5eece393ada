"""Floor plans of homes: no gaps, everything connected, doors out of each other's way."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmospaces_gym.errors import InvalidConfig
from molmospaces_gym.scenes.homes.config import HomeConfig
from molmospaces_gym.scenes.homes.openings import count_conflicts
from molmospaces_gym.scenes.homes.plan import DOORWAY, WALL, FloorPlan
from molmospaces_gym.scenes.homes.planning import plan_home
from molmospaces_gym.scenes.homes.rooms import RULES
from molmospaces_gym.scenes.homes.walls import barriers

plans = st.builds(
    lambda seed, count: plan_home(np.random.default_rng(seed), HomeConfig(rooms=(count, count))),
    st.integers(0, 2**32),
    st.integers(1, 6),
)


def connected(plan: FloorPlan) -> bool:
    reached, frontier = {0}, [0]
    while frontier:
        room = frontier.pop()
        for opening in plan.doorways:
            if room in opening.wall.rooms:
                new = {r for r in opening.wall.rooms if r is not None} - reached
                reached |= new
                frontier += sorted(new)
    return reached == {room.index for room in plan.rooms}


@settings(max_examples=60, deadline=None)
@given(plan=plans)
def test_rooms_fill_a_connected_house(plan: FloorPlan) -> None:
    for first, second in combinations(plan.rooms, 2):
        assert not first.area.overlaps(second.area)
    assert connected(plan)
    outer = [wall for wall in plan.walls if wall.outer]
    # every corner of the outline belongs to as many outer walls along x as along y
    for axis in (True, False):
        ends = sorted(
            (round(w.at, 6), round(end, 6)) if axis else (round(end, 6), round(w.at, 6))
            for w in outer
            if w.vertical == axis
            for end in (w.low, w.high)
        )
        if axis:
            vertical = {e for e in ends if ends.count(e) == 1}
        else:
            horizontal = {e for e in ends if ends.count(e) == 1}
    assert vertical == horizontal
    assert min(room.area.x0 for room in plan.rooms) == 0.0
    assert min(room.area.y0 for room in plan.rooms) == 0.0


@settings(max_examples=60, deadline=None)
@given(plan=plans)
def test_sizes_and_openings_are_sane(plan: FloorPlan) -> None:
    for room in plan.rooms:
        rule, (w, d) = RULES[room.type], room.area.size
        assert min(w, d) >= rule.least - 1e-9
        assert max(w, d) <= rule.aspect * min(w, d) + 1e-9
    for opening in (*plan.doorways, *plan.windows):
        assert opening.wall.low < opening.low < opening.high < opening.wall.high
        assert 0.0 <= opening.bottom < opening.top < 2.6
        assert (opening.kind == "window") == opening.wall.outer
    for first, second in combinations((*plan.doorways, *plan.windows), 2):
        if first.wall == second.wall:
            assert first.high < second.low or second.high < first.low
    assert all(o.high - o.low >= DOORWAY - 1e-9 for o in plan.doorways)
    assert count_conflicts(plan.doorways) == 0


@settings(max_examples=40, deadline=None)
@given(plan=plans)
def test_walls_close_everything_but_doorways(plan: FloorPlan) -> None:
    solid = []
    for barrier in barriers(plan):
        (x, y, _), (hx, hy, _) = barrier.part.pos, barrier.part.size
        solid.append((x - hx, x + hx, y - hy, y + hy))
    rng = np.random.default_rng(0)
    for wall in plan.walls:
        for along in rng.uniform(wall.low, wall.high, 20):
            x, y = (wall.at, along) if wall.vertical else (along, wall.at)
            hit = any(a <= x <= b and c <= y <= d for a, b, c, d in solid)
            doorway = any(o.wall == wall and o.low < along < o.high for o in plan.doorways)
            assert hit != doorway


def test_a_plan_follows_from_its_generator() -> None:
    config = HomeConfig(rooms=(5, 5))
    first, second = (plan_home(np.random.default_rng(7), config) for _ in range(2))
    assert first == second
    assert first != plan_home(np.random.default_rng(8), config)
    assert WALL < 0.2


def test_every_number_of_rooms_can_be_had() -> None:
    for count in range(1, 9):
        plan = plan_home(np.random.default_rng(count), HomeConfig(rooms=(count, count)))
        assert len(plan.rooms) == count


@pytest.mark.parametrize(
    "kwargs",
    [
        {"rooms": (0, 3)},
        {"rooms": (4, 3)},
        {"rooms": (3, 9)},
        {"rooms": (3, True)},
        {"num_objects": 201},
        {"num_objects": -1},
        {"num_articulated": -1},
        {"hinged_doors": 1.5},
        {"open_doors": -0.1},
        {"reachable_objects": 13},
        {"finger_clearance": 0.3},
    ],
)
def test_bad_configs_are_named(kwargs: dict) -> None:
    with pytest.raises(InvalidConfig, match=next(iter(kwargs))):
        HomeConfig(**kwargs)
