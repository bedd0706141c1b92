"""Paths of edges over a grid: through gaps between rows and gutters between columns, each net on a track of its own.

Planning uses numbers of rows and columns; `lanes` turns them into pixels. A gap has the number of the row below it, a
gutter that of the column to its right.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from viz.graph.grid import Grid
from viz.graph.model import Edge

LEFT, MIDDLE, RIGHT = 0, 1, 2
"""The groups of tracks of a gutter: what goes around in the column to its left, what crosses, what is to its right.

In a gap LEFT is what belongs to the row above.
"""
RAIL = 2
"""The group of tracks of rails: the last of a gap, nearest to the row that reads them."""
BEHIND = 3
"""The group of tracks that run down a column itself, behind its boxes."""

STRAIGHT = ""
"""The net of ports in the middle of an upper edge, under what comes straight down."""

Side = Literal["left", "right", "top", "bottom"]
OPPOSITE: dict[Side, Side] = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}


@dataclass(frozen=True)
class Port:
    """Where a path meets a box; paths of one net share it. `toward` is the row or column at the path's other end."""

    key: str
    side: Side
    net: str
    toward: float


@dataclass(frozen=True)
class Track:
    """A stretch of a gap (across) or gutter (along), claimed by a net; `group` orders the tracks of a gutter."""

    place: int
    across: bool
    net: str
    group: int = MIDDLE


@dataclass(frozen=True)
class Path:
    """A path from port to port over tracks.

    One end may be None: it then ends or begins on a track's line, with a dot.
    """

    start: Port | None
    tracks: tuple[Track, ...]
    end: Port | None
    kind: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]


@dataclass
class Plan:
    """All paths, and the stretches of tracks that nets claim, as intervals of rows or columns."""

    paths: list[Path] = field(default_factory=list)
    claims: dict[Track, tuple[float, float]] = field(default_factory=dict)

    def claim(self, track: Track, *places: float) -> Track:
        """Notes that a net runs on a track between these places; returns the track."""
        low, high = self.claims.get(track, (min(places), max(places)))
        self.claims[track] = (min(low, *places), max(high, *places))
        return track


def plan(grid: Grid) -> Plan:
    """Paths for all edges of a grid."""
    router = _Router(grid)
    collected = router.collect()
    for edges in _by_source_and_row(grid, collected):
        router.route(edges)
    return router.plan


def _by_source_and_row(grid: Grid, collected: set[Edge]) -> Iterable[list[Edge]]:
    groups: dict[tuple[str, int, str], list[Edge]] = defaultdict(list)
    for edge in grid.edges:
        if edge not in collected:
            groups[edge.source, grid.cells[edge.target][0], edge.kind].append(edge)
    return groups.values()


class _Router:
    def __init__(self, grid: Grid) -> None:
        self.grid, self.plan = grid, Plan()
        self.taken = {cell: key for key, cell in grid.cells.items()}

    def collect(self) -> set[Edge]:
        """Routes what a box outside the steps reads from one row of them: all join one line to it."""
        groups: dict[tuple[str, int], list[Edge]] = defaultdict(list)
        for edge in self.grid.edges:
            outside = self.grid.column(edge.target) in (0, self.grid.columns - 1)
            if outside and edge.source in self.grid.cells and edge.kind != "saved":
                groups[edge.target, self.grid.cells[edge.source][0]].append(edge)
        many = [edges for edges in groups.values() if len({self.grid.column(e.source) for e in edges}) > 1]
        for edges in many:
            self._collector(edges)
        return {edge for edges in many for edge in edges}

    def _collector(self, edges: list[Edge]) -> None:
        target = edges[0].target
        row, column = self.grid.cells[target]
        source_row = self.grid.cells[edges[0].source][0]
        columns = [self.grid.column(e.source) for e in edges]
        net, rightwards = f"to {target} {source_row}", sum(columns) / len(columns) <= column
        gutter = column if rightwards else column + 1
        line = self.plan.claim(Track(source_row + 1, True, net, LEFT), *columns, gutter - 0.5)
        turn = self.plan.claim(Track(gutter, False, net), source_row + 0.5, row)
        far = min(edges, key=lambda e: self.grid.column(e.source) * (1 if rightwards else -1))
        end = Port(target, "left" if rightwards else "right", net, source_row)
        for edge in edges:
            start = Port(edge.source, "bottom", net, row)
            whole = edge is far
            targets = (target,)
            sources = tuple(e.source for e in edges) if whole else (edge.source,)
            self._add(start, (line, turn) if whole else (line,), end if whole else None, edge.kind, sources, targets)

    def route(self, edges: list[Edge]) -> None:
        """Routes the edges from a box to one row: straight down, around, or as a line with taps along the row."""
        if edges[0].source in self.grid.rails:
            self._rail(edges)
        elif edges[0].kind == "saved":
            for edge in edges:
                self._saved(edge)
        else:
            own = self.grid.column(edges[0].source)
            near = [e for e in edges if self.grid.column(e.target) == own]
            far = [e for e in edges if self.grid.column(e.target) != own]
            for edge in near:
                self._within_column(edge)
            if len(far) > 1:
                self._bus(far)
            elif far:
                self._across(far[0])

    def _rail(self, edges: list[Edge]) -> None:
        """A leaf's line above the row that reads it, with a tap at each reader."""
        source, row = edges[0].source, self.grid.cells[edges[0].target][0]
        self.grid.rails[source] = row
        line = self.plan.claim(Track(row, True, source, RAIL), 0.5, *(self.grid.column(e.target) for e in edges))
        self._taps(edges, (Port(source, "right", source, row), line), "rail")

    def _bus(self, edges: list[Edge]) -> None:
        """A box's line above a row that reads it in several columns."""
        source = edges[0].source
        start_row, column = self.grid.cells[source]
        row = self.grid.cells[edges[0].target][0]
        columns = [self.grid.column(e.target) for e in edges]
        rightwards = sum(columns) / len(columns) >= column
        gutter = column + 1 if rightwards else column
        start = Port(source, "right" if rightwards else "left", source, row)
        turn = self.plan.claim(Track(gutter, False, source), start_row, row - 0.5)
        line = self.plan.claim(Track(row, True, source), gutter - 0.5, *columns)
        self._taps(edges, (start, turn, line), edges[0].kind)

    def _taps(self, edges: list[Edge], line: tuple[Port, *tuple[Track, ...]], kind: str) -> None:
        """The line to its last reader, and a short path from it to each other reader."""
        source = edges[0].source
        start, *tracks = line
        assert isinstance(start, Port)
        far = max(edges, key=lambda e: abs(self.grid.column(e.target) - self.grid.column(source)))
        for edge in edges:
            end = Port(edge.target, "top", source, start.toward)
            if edge is far:
                self._add(start, tuple(tracks), end, kind, (source,), tuple(e.target for e in edges))
            else:
                self._add(None, (tracks[-1],), end, kind, (source,), (edge.target,))

    def _within_column(self, edge: Edge) -> None:
        """Straight down if nothing is in between; else around, on the right side forward, on the left backward."""
        (start, column), (stop, _) = self.grid.cells[edge.source], self.grid.cells[edge.target]
        if start == stop:
            self._loop(edge)
            return
        between = range(min(start, stop) + 1, max(start, stop))
        if start < stop and not any((row, column) in self.taken for row in between):
            ends = Port(edge.source, "bottom", edge.source, column), Port(edge.target, "top", STRAIGHT, column)
            self._add(ends[0], (), ends[1], edge.kind, (edge.source,), (edge.target,))
            return
        backward = self.grid.boxes[edge.target].backward
        side: Side = "left" if backward else "right"
        gutter = column if backward else column + 1
        track = self.plan.claim(Track(gutter, False, edge.source, RIGHT if backward else LEFT), start, stop)
        ends = Port(edge.source, side, edge.source, stop), Port(edge.target, side, edge.source, start)
        self._add(ends[0], (track,), ends[1], edge.kind, (edge.source,), (edge.target,))

    def _loop(self, edge: Edge) -> None:
        """Out on the right, over the box, and back into it from above."""
        row, column = self.grid.cells[edge.source]
        net = f"loop {edge.source}"
        turn = self.plan.claim(Track(column + 1, False, net, LEFT), row - 0.5, row)
        line = self.plan.claim(Track(row, True, net), column, column + 0.5)
        ends = Port(edge.source, "right", net, row - 1), Port(edge.target, "top", net, column)
        self._add(ends[0], (turn, line), ends[1], edge.kind, (edge.source,), (edge.target,))

    def _across(self, edge: Edge) -> None:
        """To another column: out at the side, along the gutter and in.

        To a distant one also along the gap above its row. The labels of rows are between the first column and the
        second: paths pass them in the gaps.
        """
        (start, column), (stop, other) = self.grid.cells[edge.source], self.grid.cells[edge.target]
        side: Side = "right" if other > column else "left"
        near, far = (column + 1, other) if other > column else (column, other + 1)
        net, first, last = (
            edge.source,
            Port(edge.source, side, edge.source, stop),
            Port(edge.target, OPPOSITE[side], edge.source, start),
        )
        if column == 0:
            tracks = [(near, False, start, stop - 0.5), (stop, True, near - 0.5, other)]
            last = Port(edge.target, "top", net, start)
        elif other == 0:
            tracks = [(start + 1, True, column, far - 0.5), (far, False, start + 0.5, stop)]
            first = Port(edge.source, "bottom", net, stop)
        elif near == far:
            tracks = [(near, False, start, stop)]
        else:
            tracks = [
                (near, False, start, stop - 0.5),
                (stop, True, near - 0.5, far - 0.5),
                (far, False, stop - 0.5, stop),
            ]
        group = LEFT if other == 0 else MIDDLE
        claimed = tuple(
            self.plan.claim(Track(place, across, net, group if across else MIDDLE), low, high)
            for place, across, low, high in tracks
        )
        self._add(first, claimed, last, edge.kind, (edge.source,), (edge.target,))

    def _saved(self, edge: Edge) -> None:
        """Straight down behind the boxes; to another column through the gap between the passes."""
        (start, column), (stop, other) = self.grid.cells[edge.source], self.grid.cells[edge.target]
        net, between = f"saved {edge.source}", self.grid.first_backward_row
        down = self.plan.claim(Track(column, False, net, BEHIND), start, stop if column == other else between)
        tracks: tuple[Track, ...] = (down,)
        if column != other:
            line = self.plan.claim(Track(between, True, net, LEFT), column, other)
            tracks = (down, line, self.plan.claim(Track(other, False, net, BEHIND), between, stop))
        ends = Port(edge.source, "bottom", net, other), Port(edge.target, "top", net, column)
        self._add(ends[0], tracks, ends[1], "saved", (edge.source,), (edge.target,))

    def _add(
        self, start: Port | None, tracks: tuple[Track, ...], end: Port | None, kind: str,
        sources: tuple[str, ...], targets: tuple[str, ...],
    ) -> None:  # fmt: skip
        self.plan.paths.append(Path(start, tracks, end, kind, sources, targets))
