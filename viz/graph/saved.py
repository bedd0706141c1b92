"""Dotted lines from what the forward pass keeps to what reads it below, between the boxes instead of behind."""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from viz.graph.geometry import Rect, Wire, without_repeats
from viz.graph.model import Diagram

ASIDE = 6.0
"""The distance that lines keep from boxes they pass."""
BEND = 12.0
"""The height in which a line moves aside."""
BESIDE, MOST = 3.5, 5
"""Distance of lines that run down at one side of a box, and how many there are before they share places."""
REACH = 400.0
"""Boxes farther away on either side are not considered: a line that finds no way until there runs behind them."""


Band = tuple[float, float]
"""Between which heights the passes of a line of the flow leave room."""


def saved_wires(diagram: Diagram, rects: Mapping[str, Rect], bands: Sequence[Band]) -> list[Wire]:
    """A wire for each value that is kept, and for each leaf that the other pass reads."""
    ways = Ways({box.id: box.backward for box in diagram.boxes if box.id in rects}, rects, bands)
    edges = [e for e in diagram.edges if e.source in rects and e.target in rects]
    return [ways.wire(e.source, e.target) for e in edges if ways.is_between(e.source, e.target)]


class Ways:
    """Finds ways from a box of the forward pass, down between the others, to a box of the backward pass."""

    def __init__(self, backward: Mapping[str, bool], rects: Mapping[str, Rect], bands: Sequence[Band]) -> None:
        self._backward, self._rects = backward, rects
        middles = [(floor + ceiling) / 2 for floor, ceiling in bands]
        self._line = {key: bisect_left(middles, rects[key].cy) - back for key, back in backward.items()}
        self._bands = bands
        obstacles: dict[tuple[int, bool], list[Rect]] = defaultdict(list)
        for key, back in backward.items():
            obstacles[self._line[key], back].append(rects[key])
        self._obstacles = {place: Obstacles(found) for place, found in obstacles.items()}
        self._lanes: dict[str, float] = {}
        self._margins: dict[tuple[str, int], int] = {}

    def is_between(self, source: str, target: str) -> bool:
        """Whether an edge leads from one pass to the other."""
        return self._backward[source] != self._backward[target]

    def wire(self, source: str, target: str) -> Wire:
        """The dotted line; to another line of the flow it is led by the left margin."""
        a, b, x, to = self._rects[source], self._rects[target], self._lane(source), self._lane(target)
        line, other = self._line[source], self._line[target]
        floor, ceiling = self._bands[line][0] + BEND, self._bands[other][1] - BEND
        if line == other:
            points = [(a.cx, a.bottom), (x, a.bottom + BEND), (x, floor), (to, ceiling), (to, b.y - BEND), (b.cx, b.y)]
            return Wire(tuple(without_repeats(points)), "saved", (source,), (target,), shape="upright")
        number = self._margins.setdefault((source, other), len(self._margins)) % MOST
        shift, out = BESIDE * (number - MOST // 2), BESIDE * (number + 1)
        y, below = a.bottom + BEND / 2, b.y - BEND / 2
        down = [(a.cx, a.bottom), (a.cx, y), (x, y), (x, floor + BEND + shift), (out, floor + BEND + shift)]
        up = [(out, ceiling - BEND + shift), (to, ceiling - BEND + shift), (to, below), (b.cx, below), (b.cx, b.y)]
        return Wire(tuple(without_repeats([*down, *up])), "saved", (source,), (target,))

    def _lane(self, key: str) -> float:
        """The x position at which the line of a box passes the other boxes of its pass."""
        if key not in self._lanes:
            rect, back, line = self._rects[key], self._backward[key], self._line[key]
            floor, ceiling = self._bands[line]
            top, bottom = (ceiling, rect.y) if back else (rect.bottom, floor)
            self._lanes[key] = self._obstacles[line, back].lane(rect.cx, top, bottom)
        return self._lanes[key]


class Obstacles:
    """The boxes of one pass, indexed for finding ways between them."""

    def __init__(self, rects: Sequence[Rect]) -> None:
        self._rects = sorted(rects, key=lambda rect: rect.x)
        self._lefts = [rect.x for rect in self._rects]
        self._lanes: Counter[float] = Counter()

    def lane(self, x: float, top: float, bottom: float) -> float:
        """An x near the one given at which a line from top to bottom touches no box; x itself if there is none.

        Lines at the same place are put beside each other.
        """
        low, high = bisect_left(self._lefts, x - REACH), bisect_right(self._lefts, x + REACH)
        near = [r for r in self._rects[low:high] if r.y < bottom and r.bottom > top]
        sides = [(r.x - ASIDE, -BESIDE) for r in near] + [(r.right + ASIDE, BESIDE) for r in near]
        sides.sort(key=lambda side: abs(side[0] - x))
        place, step = next((side for side in [(x, 0.0), *sides] if is_free(side[0], near)), (x, 0.0))
        self._lanes[place] += 1
        return place + step * ((self._lanes[place] - 1) % MOST)


def is_free(x: float, rects: Sequence[Rect]) -> bool:
    """Whether a line at x keeps its distance from all rectangles."""
    return all(x <= rect.x - ASIDE or x >= rect.right + ASIDE for rect in rects)
