"""Planned paths in pixels: the positions of ports on their boxes, and the points between them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from viz.graph.frame import Frame
from viz.graph.geometry import Point, Rect, Wire, without_repeats
from viz.graph.wiring import STRAIGHT, Path, Plan, Port

SPACING = 5.0
"""The distance between ports on one side of a box, if there is room."""


def wires_of(plan: Plan, rects: Mapping[str, Rect], frame: Frame) -> list[Wire]:
    """All paths as wires, those of saved values first, so that they are behind the others."""
    ports = port_points(plan, rects)
    wires = [saved_wire(p, rects, frame) if p.kind == "saved" else wire_of(p, ports, frame) for p in plan.paths]
    return sorted(wires, key=lambda wire: wire.kind != "saved")


def saved_wire(path: Path, rects: Mapping[str, Rect], frame: Frame) -> Wire:
    """A line behind the boxes, from the lower edge of one box to the upper edge of another."""
    assert path.start is not None and path.end is not None
    down, *rest = (frame.track[track] for track in path.tracks)
    points = [(down, rects[path.start.key].bottom)]
    x = down
    if rest:
        across, x = rest
        points += [(down, across), (x, across)]
    points.append((x, rects[path.end.key].y))
    return Wire(tuple(points), path.kind, path.sources, path.targets)


def wire_of(path: Path, ports: Mapping[Port, Point], frame: Frame) -> Wire:
    """A path as a wire, with a dot where it joins an existing line."""
    first = ports[path.start] if path.start is not None else None
    last = ports[path.end] if path.end is not None else None
    line = frame.track[path.tracks[0]] if path.tracks else 0.0
    if first is None:
        assert last is not None
        points = [(last[0], line), last]
    elif last is None:
        points = [first, (first[0], line)]
    else:
        points = through(first, [(track.across, frame.track[track]) for track in path.tracks], last)
    dots = [points[0]] if first is None else [points[-1]] if last is None else []
    return Wire(
        tuple(without_repeats(points)), path.kind, path.sources, path.targets, last is not None, dots=tuple(dots)
    )


def through(first: Point, tracks: Iterable[tuple[bool, float]], last: Point) -> list[Point]:
    """The corners of the line from the first to the last point along the tracks."""
    points = [first]
    across = None
    for across, place in tracks:
        x, y = points[-1]
        points.append((x, place) if across else (place, y))
    if across is None:
        middle = (first[1] + last[1]) / 2
        return [first, (first[0], middle), (last[0], middle), last]
    x, y = points[-1]
    return [*points, (last[0], y) if across else (x, last[1]), last]


def port_points(plan: Plan, rects: Mapping[str, Rect]) -> dict[Port, Point]:
    """The position of each port: ports of one net share a position, others on the same side are beside it."""
    sides: dict[tuple[str, str], dict[str, list[Port]]] = defaultdict(lambda: defaultdict(list))
    for path in (path for path in plan.paths if path.kind != "saved"):
        for port in (path.start, path.end):
            if port is not None:
                sides[port.key, port.side][port.net].append(port)
    return {
        port: place
        for (key, side), nets in sides.items()
        for net, place in zip(nets, places(rects[key], side, nets), strict=True)
        for port in nets[net]
    }


def places(rect: Rect, side: str, nets: Mapping[str, list[Port]]) -> list[Point]:
    """A point for each net, in the order of the nets."""
    if side in ("left", "right"):
        x = rect.x if side == "left" else rect.right
        order = sorted(nets, key=lambda net: (sum(p.toward for p in nets[net]) / len(nets[net]), net))
        step = min(SPACING, (rect.height - 8) / max(1, len(order) - 1))
        at = {net: rect.cy + step * (i - (len(order) - 1) / 2) for i, net in enumerate(order)}
        return [(x, at[net]) for net in nets]
    y = rect.y if side == "top" else rect.bottom
    order = sorted(nets, key=lambda net: (net != STRAIGHT and side == "top", net))
    furthest = rect.width / 2 - 5
    at = {net: rect.cx + min(furthest, (4 + 6 * i) if i else 0) for i, net in enumerate(order)}
    return [(at[net], y) for net in nets]
