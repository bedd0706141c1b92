"""Layout: where everything is. Made by layouts and read by writers; plain data."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from viz.graph.model import Box

Point = tuple[float, float]


@dataclass(frozen=True)
class Rect:
    """A rectangle, given by its upper left corner and its size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.y + self.height

    @property
    def cx(self) -> float:
        """The x coordinate of the middle."""
        return self.x + self.width / 2

    @property
    def cy(self) -> float:
        """The y coordinate of the middle."""
        return self.y + self.height / 2

    def moved(self, dx: float, dy: float) -> "Rect":
        """The rectangle, moved."""
        return replace(self, x=self.x + dx, y=self.y + dy)

    def overlaps(self, other: "Rect") -> bool:
        """Whether the two have an area in common."""
        return self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom


@dataclass(frozen=True)
class Placed:
    """A box in its place; `lines` are its texts, the first one large.

    A `chip` is a small box for a leaf where it is used.
    """

    box: Box
    rect: Rect
    lines: tuple[str, ...]
    chip: bool = False


@dataclass(frozen=True)
class Wire:
    """An edge drawn as a line through points.

    `shape`: "square" turns at corners; "level" and "upright" bend smoothly and are horizontal or vertical at each
    point; "bezier" has two control points between every two of its own. `sources` and `targets` are ids of boxes; a
    rail has many.
    """

    points: tuple[Point, ...]
    kind: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    arrow: bool = True
    shape: Literal["square", "level", "upright", "bezier"] = "square"
    dots: tuple[Point, ...] = ()


@dataclass(frozen=True)
class Text:
    """A text beside the boxes; `style` is a class of the style sheet, `anchor` says which part of the text is at x."""

    x: float
    y: float
    content: str
    style: str = "note"
    anchor: str = "start"


@dataclass(frozen=True)
class Region:
    """A rectangle behind the boxes: a time step, a module, a sample of a colour."""

    rect: Rect
    style: str
    label: str = ""
    key: str = ""
    fill: str = ""


@dataclass
class Layout:
    """Everything in its place, in the order of drawing."""

    width: float = 0
    height: float = 0
    placed: list[Placed] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    engine: str = ""


def without_repeats(points: Iterable[Point]) -> list[Point]:
    """The points without those in the middle of a straight line and without repeated ones."""
    kept: list[Point] = []
    for point in points:
        if kept and point == kept[-1]:
            continue
        if len(kept) > 1 and any(kept[-2][i] == kept[-1][i] == point[i] for i in (0, 1)):
            kept.pop()
        kept.append(point)
    return kept
