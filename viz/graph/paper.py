"""The broken lines of a flow on paper, one below the other, each with its part of the backward pass below it.

Values that continue on the next line are led round the end of their line and down to the beginning of the next;
gradients return the same way.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from viz.graph.breaking import Broken
from viz.graph.compound import Block
from viz.graph.geometry import Point, Rect
from viz.graph.look import MARGIN, TOP
from viz.graph.loops import Loop

BETWEEN_PASSES = 48.0
BETWEEN_LINES = 34.0
PITCH = 5.0
"""The distance between lines that run round the ends."""
AROUND = 8.0
"""How far away the first of them runs."""

Net = tuple[bool, str, float, float]
"""A value that crosses a break: its pass, its source, its heights at the end of one line and at the beginning of the
next."""


@dataclass
class Paper:
    """Converts points of blocks to points on paper.

    `blocks` are the forward pass and its mirror image, if there is one.
    """

    blocks: Sequence[Block]
    broken: Broken
    top: float = TOP + 4
    nets: dict[int, list[Net]] = field(init=False)
    tops: list[float] = field(init=False)
    left: float = field(init=False)

    def __post_init__(self) -> None:
        self.nets = crossing(self.blocks, self.broken)
        most = max((len(nets) for nets in self.nets.values()), default=0)
        self.left = MARGIN + AROUND + PITCH * most if len(self.broken.lines) > 1 else 0.0
        heights = (
            self._height(i) + BETWEEN_LINES + PITCH * len(self.nets.get(i, ())) for i in range(len(self.broken.lines))
        )
        self.tops = list(accumulate(heights, initial=self.top))[:-1]

    @property
    def bottom(self) -> float:
        """The lower end of the last line."""
        return self.tops[-1] + self._height(len(self.tops) - 1)

    @property
    def width(self) -> float:
        """The right end of the longest line, with what is led round it."""
        ends = (self._end(i) + AROUND + PITCH * len(self.nets.get(i, ())) for i in range(len(self.tops)))
        return max(ends) if len(self.tops) > 1 else self._end(0)

    def band(self, line: int) -> tuple[float, float]:
        """The heights between which the two passes of a line leave room."""
        floor = self.tops[line] + self.broken.lines[line].height
        return floor, floor + BETWEEN_PASSES

    def point(self, point: Point, back: bool, line: int) -> Point:
        """A point of a pass that is on this line."""
        dx, dy = self._shift(back, line)
        return point[0] + dx, point[1] + dy

    def rect(self, rect: Rect, back: bool) -> Rect:
        """A box of a pass."""
        return rect.moved(*self._shift(back, self.broken.line_at(rect.cx)))

    def piece(self, rect: Rect, back: bool, line: int) -> Rect:
        """A part of an outline on a line; upside down for the mirror image."""
        mirrored = Rect(rect.x, self.blocks[1].height - rect.bottom, rect.width, rect.height) if back else rect
        return mirrored.moved(*self._shift(back, line))

    def loop(self, loop: Loop, back: bool) -> Loop:
        """A loop of a pass."""
        return loop.moved(*self._shift(back, self.broken.line_at(sum(x for x, _ in loop.points) / len(loop.points))))

    def stretches(self, way: Sequence[Point], back: bool) -> list[list[Point]]:
        """A way in parts, one for each line."""
        return [[self.point(p, back, line) for p in points] for line, points in parts(way, self.broken)]

    def rounds(self) -> Iterable[tuple[str, tuple[Point, ...]]]:
        """The ways round the ends of lines, each with the source of its value."""
        for i, nets in self.nets.items():
            for k, (back, source, leaving, entering) in enumerate(sorted(nets, key=lambda net: net[0::2])):
                out = AROUND + PITCH * (len(nets) - 1 - k)
                start = self.point((self.broken.lines[i].stop, leaving), back, i)
                end = self.point((self.broken.lines[i + 1].start, entering), back, i + 1)
                right, left, y = start[0] + out, end[0] - AROUND - PITCH * k, self.tops[i] + self._height(i) + out
                way = start, (right, start[1]), (right, y), (left, y), (left, end[1]), end
                yield source, way[::-1] if back else way

    def _shift(self, back: bool, line: int) -> Point:
        where = self.broken.lines[line]
        if not back:
            return self.left - where.start, self.tops[line] - where.top
        above = self.tops[line] + where.height + BETWEEN_PASSES
        return self.left - where.start, above - (self.blocks[1].height - where.bottom)

    def _height(self, line: int) -> float:
        height = self.broken.lines[line].height
        return 2 * height + BETWEEN_PASSES if len(self.blocks) > 1 else height

    def _end(self, line: int) -> float:
        return self.left + self.broken.lines[line].width


def parts(way: Sequence[Point], broken: Broken) -> list[tuple[int, list[Point]]]:
    """A way in parts, each with the number of its line; at a break, a part ends horizontally."""
    line = broken.line_at(way[0][0])
    found = [(line, [way[0]])]
    for x, y in way[1:]:
        there = broken.line_at(x)
        step = 1 if there > line else -1
        while line != there:
            edge = broken.lines[line].stop if step > 0 else broken.lines[line].start
            last = found[-1][1]
            last.append((edge, last[-1][1]))
            line += step
            found.append((line, [(edge, y if line == there else last[-1][1])]))
        found[-1][1].append((x, y))
    return found


def crossing(blocks: Sequence[Block], broken: Broken) -> dict[int, list[Net]]:
    """By the number of the line before each break: the values that cross it, each once."""
    nets: dict[int, dict[Net, None]] = defaultdict(dict)
    for back, block in enumerate(blocks):
        for (source, _), way in block.ways.items():
            for (line, points), (following, more) in pairwise(parts(way, broken)):
                ends = points[-1][1], more[0][1]
                leaving, entering = ends if line < following else ends[::-1]
                nets[min(line, following)][bool(back), source, round(leaving, 3), round(entering, 3)] = None
    return {line: list(found) for line, found in sorted(nets.items())}
