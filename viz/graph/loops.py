"""Loops around what is drawn once for several turns: from where a turn ends back to where the next one begins.

A loop leaves and enters a group through doors that other edges use; if there are none, it has doors of its own.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from viz.graph.geometry import Point, Rect
from viz.graph.modules import Group
from viz.graph.ranking import Pair
from viz.graph.starring import times_of

OUT, STEP = 8.0, 5.0
"""How far the first loop runs from the outline, and each further one from the one before."""


Way = tuple[Point, ...]
Piece = tuple[Way, tuple[str, ...]]
"""A way inside a group, and the boxes that it ends at; none when it ends at the outline."""


@dataclass(frozen=True)
class Loop:
    """The way back from what one turn computes to what reads it in the next turn.

    `points` lead around the outline; `inner` ways lead from the source to the outline, and from it to the targets,
    where no other edge does so.
    """

    points: tuple[Point, ...]
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    inner: tuple[Piece, ...] = ()
    entrance: Way = ()
    """The way from the outline to the first of the targets, whether or not an edge shares it."""

    @property
    def ends_outside(self) -> bool:
        """Whether other edges lead from the outline to the targets."""
        return not any(targets for _, targets in self.inner)

    def moved(self, dx: float, dy: float) -> "Loop":
        """The loop, moved."""
        return self._changed(lambda way: tuple((x + dx, y + dy) for x, y in way))

    def turned(self) -> "Loop":
        """The loop in the reverse direction."""
        inner = tuple((way[::-1], () if ends else self.sources) for way, ends in self.inner)
        return Loop(self.points[::-1], self.targets, self.sources, inner)

    def mirrored(self, height: float, gradient: Mapping[str, str]) -> "Loop | None":
        """The loop of the gradients: upside down and reversed; None if one of its nodes has no gradient."""
        sources, targets = (tuple(gradient[x] for x in ends if x in gradient) for ends in (self.sources, self.targets))
        if not sources or not targets:
            return None
        inner = tuple(
            (way, tuple(gradient[key] for key in ends))
            for way, ends in self.inner
            if all(key in gradient for key in ends)
        )
        loop = Loop(self.points, sources, targets, inner)
        return loop._changed(lambda way: tuple((x, height - y) for x, y in way)).turned()

    def _changed(self, change: Callable[[Way], Way]) -> "Loop":
        inner = tuple((change(way), to) for way, to in self.inner)
        return replace(self, points=change(self.points), inner=inner, entrance=change(self.entrance))


def homes_of_loops(root: Group, delays: Iterable[Pair]) -> dict[str, list[Pair]]:
    """The edges between turns, by the id of the innermost repeated group around both ends."""
    home: dict[Pair, str] = {}
    for group in root.all():
        if times_of(group.label) > 1:
            members = set(group.members())
            home |= {edge: group.id for edge in delays if members.issuperset(edge)}
    found: dict[str, list[Pair]] = defaultdict(list)
    for edge, key in home.items():
        found[key].append(edge)
    return found


@dataclass(frozen=True)
class Turn:
    """The edges by whose doors a loop leaves and enters its group."""

    leaves: Pair
    enters: Pair
    targets: tuple[str, ...]


def turns_of(delays: Sequence[Pair], edges: Iterable[Pair], members: set[str]) -> list[Turn]:
    """For each source of delays, the edges by which they leave and enter: those of others, or made for them."""
    leaving: dict[str, Pair] = {}
    entering: dict[str, list[Pair]] = defaultdict(list)
    for a, b in edges:
        if a in members and b not in members:
            leaving.setdefault(a, (a, b))
        if b in members and a not in members:
            entering[a].append((a, b))
    doors = {frozenset(b for _, b in pairs): pairs[0] for pairs in list(entering.values())[::-1]}
    targets: dict[str, list[str]] = defaultdict(list)
    for a, b in delays:
        targets[a].append(b)
    return [
        Turn(leaving.get(a, (a, f"loop {a}")), doors.get(frozenset(bs), (f"loop {a}", bs[0])), tuple(bs))
        for a, bs in targets.items()
    ]


def edges_of(turns: Iterable[Turn]) -> Iterable[Pair]:
    """The edges that turns need in addition to existing ones."""
    for turn in turns:
        if turn.leaves[1].startswith("loop "):
            yield turn.leaves
        if turn.enters[0].startswith("loop "):
            yield from ((turn.enters[0], target) for target in turn.targets)


def loops_around(rect: Rect, turns: Sequence[Turn], ways: Mapping[Pair, Sequence[Point]]) -> Iterable[Loop]:
    """The loops of a group with this outline, each below the previous one."""
    for i, turn in enumerate(turns):
        out = OUT + STEP * i
        start, end = (rect.right, ways[turn.leaves][-1][1]), (rect.x, ways[turn.enters][0][1])
        made = [edge for edge in edges_of([turn]) if edge in ways]
        inner = tuple((tuple(ways[a, b]), (b,) if b in turn.targets else ()) for a, b in made)
        points = around(rect, start, end, out)
        yield Loop(points, (turn.leaves[0],), turn.targets, inner, tuple(ways[turn.enters]))


def room_for(turns: Sequence[Turn]) -> float:
    """How far the loops reach below an outline."""
    return OUT + STEP * (len(turns) - 1)


def around(rect: Rect, start: Point, end: Point, out: float) -> Way:
    """The way from the right side of a rectangle, below it, to its left side."""
    right, left, below = rect.right + out, rect.x - out, rect.bottom + out
    return start, (right, start[1]), (right, below), (left, below), (left, end[1]), end
