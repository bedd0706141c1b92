"""Breaks a long flow into lines, like a text: where few edges cross, and never inside a repeated module.

Knows blocks alone; `paper.py` places the lines.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import inf

from viz.graph.compound import INSET, LABEL, Block
from viz.graph.geometry import Rect
from viz.graph.modules import Group
from viz.graph.starring import times_of

SHAPE = 1.6
"""The desired ratio of a picture's width to its height."""
NARROWEST, WIDEST = 1300.0, 1700.0
"""The width of lines, in pixels, is between these."""
LONGEST, UNBROKEN = 1.15, 1.3
"""How much longer than wanted a line may be, and how much longer a flow that is not broken at all."""
MOST = 6
"""The most values that may cross a break."""
PER_VALUE, PER_OUTLINE = 0.02, 0.4
"""The cost of a break, besides the squared relative deviations of the lines from the wanted width."""


@dataclass(frozen=True)
class Line:
    """A stretch of a flow, from `start` to `stop` along it, and the top and bottom of what is on it."""

    start: float
    stop: float
    top: float
    bottom: float

    @property
    def width(self) -> float:
        """Its length along the flow."""
        return self.stop - self.start

    @property
    def height(self) -> float:
        """The height of what is on it."""
        return self.bottom - self.top


Piece = tuple[Rect, Group, bool]
"""A part of an outline on a line, and whether it begins there."""


@dataclass(frozen=True)
class Broken:
    """A block broken into lines; `outlines` holds those of each line, outer ones first."""

    lines: tuple[Line, ...]
    outlines: tuple[tuple[Piece, ...], ...]

    def line_at(self, x: float) -> int:
        """The number of the line that this position along the flow is on."""
        return max(0, bisect_right([line.start for line in self.lines], x) - 1)


def unbroken(block: Block) -> Broken:
    """A block as a single line."""
    whole = tuple((rect, group, True) for rect, group in block.outlines)
    return Broken((Line(0, block.width, 0, block.height),), (whole,))


def broken(block: Block, passes: int) -> Broken:
    """A block broken into lines; `passes` is 2 if its mirror image, the backward pass, is drawn below each line."""
    ends = [0.0, *breaks(block, passes), block.width]
    if len(ends) == 2:
        return unbroken(block)
    outlines = [pieces_of(block, *span) for span in pairwise(ends)]
    lines = [line_of(block, *span, pieces) for span, pieces in zip(pairwise(ends), outlines, strict=True)]
    return Broken(tuple(lines), tuple(map(tuple, outlines)))


def breaks(block: Block, passes: int) -> list[float]:
    """Positions at which to break into lines of about equal length; none if the block is short or cannot be broken."""
    wanted = min(WIDEST, max(NARROWEST, (SHAPE * block.width * block.height * passes) ** 0.5))
    if block.width <= UNBROKEN * wanted:
        return []
    places = [0.0, *candidates(block), block.width]
    costs = [0.0, *costs_of(block, places[1:-1], wanted), 0.0]
    best: list[tuple[float, int]] = [(0.0, -1)]
    for i, x in enumerate(places[1:], 1):
        before = (j for j in range(i) if x - places[j] <= LONGEST * wanted)
        found = ((best[j][0] + costs[i] + ((x - places[j]) / wanted - 1) ** 2, j) for j in before)
        best.append(min(found, default=(inf, 0)))
    if best[-1][0] == inf:
        return []
    chosen, i = [], best[-1][1]
    while i > 0:
        chosen.append(places[i])
        i = best[i][1]
    return chosen[::-1]


def candidates(block: Block) -> Iterable[float]:
    """The middles of the gaps along the flow in which there is no box."""
    reach = 0.0
    for rect in sorted(block.rects.values(), key=lambda rect: rect.x):
        if reach and rect.x - reach > 2 * INSET / 3:
            yield (reach + rect.x) / 2
        reach = max(reach, rect.right)


def costs_of(block: Block, places: Sequence[float], wanted: float) -> Iterable[float]:
    """The cost of each break: values and outlines that cross it.

    Infinite inside repeated modules and for many values.
    """
    reach: dict[str, tuple[float, float]] = {}
    for (source, _), way in block.ways.items():
        ends = (way[0][0], way[-1][0], *reach.get(source, ()))
        reach[source] = min(ends), max(ends)
    values = number_across(reach.values(), places)
    outlines = number_across(((r.x, r.right) for r, _ in block.outlines if r.width <= wanted), places)
    repeats = number_across(((r.x, r.right) for r, group in block.outlines if times_of(group.label) > 1), places)
    for across, broken_outlines, repeated in zip(values, outlines, repeats, strict=True):
        may = across <= MOST and not repeated
        yield PER_VALUE * across + PER_OUTLINE * broken_outlines if may else inf


def number_across(spans: Iterable[tuple[float, float]], places: Sequence[float]) -> list[int]:
    """How many of the spans cross each of the places, which are in ascending order."""
    change = [0] * (len(places) + 1)
    for low, high in spans:
        change[bisect_right(places, low)] += 1
        change[bisect_left(places, high)] -= 1
    return list(accumulate(change))[: len(places)]


def pieces_of(block: Block, start: float, stop: float) -> list[Piece]:
    """The outlines on a line; a broken outline encloses those of its boxes that are on this line."""
    found: list[Piece] = []
    for rect, group in reversed(block.outlines):
        if start <= rect.x and rect.right <= stop:
            found.append((rect, group, True))
        elif rect.x < stop and start < rect.right:
            members = set(group.members())
            inner = {child.id for child in group.all()}
            held = [r for key, r in block.rects.items() if key in members and start <= r.x < stop]
            held += [r for r, child, _ in found if child.id in inner]
            if held:
                top, bottom = min(r.y for r in held) - INSET - LABEL, max(r.bottom for r in held) + INSET
                x, right = max(rect.x, start), min(rect.right, stop)
                found.append((Rect(x, top, right - x, bottom - top), group, start <= rect.x))
    return found[::-1]


def line_of(block: Block, start: float, stop: float, pieces: Sequence[Piece]) -> Line:
    """A line that is as high as its contents."""
    heights = [y for rect, _, _ in pieces for y in (rect.y, rect.bottom)]
    heights += [y for r in block.rects.values() if start <= r.x < stop for y in (r.y, r.bottom)]
    heights += [y for way in block.ways.values() for x, y in way if start <= x <= stop]
    heights += [y for loop in block.loops for x, y in loop.points if start <= x <= stop]
    return Line(start, stop, min(heights), max(heights))
