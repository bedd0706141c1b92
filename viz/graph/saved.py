"""Dotted lines from what the forward pass keeps to what reads it below: down between the boxes, not behind them."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache

from viz.graph.geometry import Rect, Wire, without_repeats
from viz.graph.model import Diagram

ASIDE = 6.0
"""How far lines stay from boxes that they pass."""
BEND = 12.0
"""Height in which a line moves aside."""
BESIDE, MOST = 3.5, 5
"""Distance of lines that run down at one side of a box, and how many there are before they share places."""
REACH = 400.0
"""Farther boxes on either side are not looked at: a line that finds no way there runs behind them."""


def saved_wires(diagram: Diagram, rects: Mapping[str, Rect]) -> list[Wire]:
    """A line for each value that is kept, and for each leaf that the other pass reads."""
    edges = [
        e for e in diagram.edges if e.source in rects and e.target in rects and is_kept(e.source, e.target, diagram)
    ]
    if not edges:
        return []
    upper, lower = (
        [rects[b.id] for b in diagram.boxes if b.id in rects and b.backward == back] for back in (False, True)
    )
    above, below = Obstacles(upper), Obstacles(lower)
    floor, ceiling = max(r.bottom for r in upper) + BEND, min(r.y for r in lower) - BEND

    @cache
    def lane_down(key: str) -> float:
        return above.lane(rects[key].cx, rects[key].bottom, floor)

    @cache
    def lane_in(key: str) -> float:
        return below.lane(rects[key].cx, ceiling, rects[key].y)

    wires = []
    for edge in edges:
        a, b, x, to = rects[edge.source], rects[edge.target], lane_down(edge.source), lane_in(edge.target)
        points = [(a.cx, a.bottom), (x, a.bottom + BEND), (x, floor), (to, ceiling), (to, b.y - BEND), (b.cx, b.y)]
        way = without_repeats(points)
        wires.append(Wire(tuple(way), "saved", (edge.source,), (edge.target,), shape="upright"))
    return wires


def is_kept(source: str, target: str, diagram: Diagram) -> bool:
    """Whether an edge leads from one pass to the other."""
    return diagram.by_id[source].backward != diagram.by_id[target].backward


class Obstacles:
    """The boxes of a pass, to find ways between them."""

    def __init__(self, rects: Sequence[Rect]) -> None:
        self._rects = sorted(rects, key=lambda rect: rect.x)
        self._lefts = [rect.x for rect in self._rects]
        self._lanes: Counter[float] = Counter()

    def lane(self, x: float, top: float, bottom: float) -> float:
        """A place near x where a line from top to bottom touches no box, beside earlier ones; x where there is none."""
        low, high = bisect_left(self._lefts, x - REACH), bisect_right(self._lefts, x + REACH)
        near = [r for r in self._rects[low:high] if r.y < bottom and r.bottom > top]
        sides = [(r.x - ASIDE, -BESIDE) for r in near] + [(r.right + ASIDE, BESIDE) for r in near]
        sides.sort(key=lambda side: abs(side[0] - x))
        place, step = next((side for side in [(x, 0.0), *sides] if is_free(side[0], near)), (x, 0.0))
        self._lanes[place] += 1
        return place + step * ((self._lanes[place] - 1) % MOST)


def is_free(x: float, rects: Sequence[Rect]) -> bool:
    """Whether a line at x keeps its distance."""
    return all(x <= rect.x - ASIDE or x >= rect.right + ASIDE for rect in rects)
