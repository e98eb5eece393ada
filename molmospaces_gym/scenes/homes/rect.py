"""Axis-aligned rectangles on the floor; everything about plans is made of them. Lengths in m."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rect:
    """The rectangle from (x0, y0) to (x1, y1)."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def size(self) -> tuple[float, float]:
        """Extent along x and y."""
        return (self.x1 - self.x0, self.y1 - self.y0)

    @property
    def middle(self) -> tuple[float, float]:
        """Its centre."""
        return ((self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2)

    @property
    def area(self) -> float:
        """Its area in m^2."""
        return (self.x1 - self.x0) * (self.y1 - self.y0)

    def grown(self, by: float) -> "Rect":
        """With every side moved outwards by ``by``."""
        return Rect(self.x0 - by, self.y0 - by, self.x1 + by, self.y1 + by)

    def overlaps(self, other: "Rect", slack: float = 1e-6) -> bool:
        """Whether the two share more than ``slack`` along both axes."""
        return (
            self.x0 < other.x1 - slack
            and other.x0 < self.x1 - slack
            and self.y0 < other.y1 - slack
            and other.y0 < self.y1 - slack
        )

    def inside(self, other: "Rect", slack: float = 1e-6) -> bool:
        """Whether it lies within ``other``."""
        return (
            self.x0 >= other.x0 - slack
            and self.y0 >= other.y0 - slack
            and self.x1 <= other.x1 + slack
            and self.y1 <= other.y1 + slack
        )

    def contains(self, x: float, y: float) -> bool:
        """Whether the point lies in it."""
        return self.x0 <= x <= self.x1 and self.y0 <= y <= self.y1

    def corners(self) -> list[tuple[float, float]]:
        """The four corners, counter-clockwise."""
        return [(self.x0, self.y0), (self.x1, self.y0), (self.x1, self.y1), (self.x0, self.y1)]


def centred(x: float, y: float, hx: float, hy: float) -> Rect:
    """The rectangle with this middle and these half sizes."""
    return Rect(x - hx, y - hy, x + hx, y + hy)
