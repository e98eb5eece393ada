"""What a generated home holds."""

from dataclasses import dataclass

from molmospaces_gym.errors import InvalidConfig

MAX_ROOMS = 8
MAX_OBJECTS = 200


@dataclass(frozen=True)
class HomeConfig:
    """Contents of a home. Lengths in m.

    Args:
        rooms: least and greatest number of rooms, 1..8.
        num_objects: free objects, 0..200; a small home that has no more space holds fewer.
        num_articulated: at most so many drawers and doors of furniture can be moved; those of
            further furniture stay shut. Doors between rooms do not count.
        hinged_doors: share of the doorways between living areas that get a hinged door; bedrooms,
            bathrooms and offices always have one.
        open_doors: share of the hinged doors that stand open in the home's rest state.
        reachable_objects: graspable objects that stand together within the reach of one robot
            position, with receptacles beside them.
        finger_clearance: free space between the bounding circles of neighbouring objects.
        ceiling: whether the rooms have a visible ceiling.
        custom_objects: objects of asset libraries in the official index format, each as (directory
            of the library, uid). They are placed first, within a robot's reach where they can be
            held, and count as ``num_objects``; one that fits nowhere is left out.

    Raises:
        InvalidConfig: a value is out of its range.
    """

    rooms: tuple[int, int] = (3, 5)
    num_objects: int = 60
    num_articulated: int = 40
    hinged_doors: float = 0.4
    open_doors: float = 1.0
    reachable_objects: int = 7
    finger_clearance: float = 0.045
    ceiling: bool = False
    custom_objects: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if len(self.rooms) != 2 or not all(_whole(count, 1, MAX_ROOMS) for count in self.rooms):
            raise InvalidConfig(f"rooms is a range within 1..{MAX_ROOMS}, not {self.rooms}")
        if self.rooms[0] > self.rooms[1]:
            raise InvalidConfig(f"rooms is (least, greatest), not {self.rooms}")
        if not _whole(self.num_objects, 0, MAX_OBJECTS):
            raise InvalidConfig(f"num_objects is 0..{MAX_OBJECTS}, not {self.num_objects}")
        if not _whole(self.num_articulated, 0, 200):
            raise InvalidConfig(f"num_articulated is 0..200, not {self.num_articulated}")
        if not _whole(self.reachable_objects, 0, 12):
            raise InvalidConfig(f"reachable_objects is 0..12, not {self.reachable_objects}")
        if len(self.custom_objects) > self.num_objects:
            count = len(self.custom_objects)
            raise InvalidConfig(f"{count} custom_objects are more than num_objects")
        for name in ("hinged_doors", "open_doors"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InvalidConfig(f"{name} is a share, 0..1, not {getattr(self, name)}")
        if not 0.0 <= self.finger_clearance <= 0.2:
            raise InvalidConfig(f"finger_clearance is 0..0.2 m, not {self.finger_clearance}")


def _whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
