"""The layout of graphs without time: left to right, the backward pass from right to left under it."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from viz.graph.geometry import Layout, Placed, Point, Rect, Wire
from viz.graph.layered import arrange
from viz.graph.look import MARGIN, PADDING, SMALL, shortened, width_of
from viz.graph.model import Box, Diagram, Edge
from viz.graph.notation import shape_text
from viz.graph.ranking import ranks_of

NEAR = 2
"""A leaf is drawn once for readers that are so many ranks apart, else beside each."""
HEIGHT = 34.0
LETTERS = 22
BETWEEN_RANKS = 38
BETWEEN_PASSES = 60
TOP = 34


def lay_out_as_flow(diagram: Diagram) -> Layout:
    """Places a diagram along its edges."""
    diagram, ranks = split_far_leaves(diagram)
    lines = {box.id: texts(box) for box in diagram.boxes}
    widths = {
        key: max(width_of(line, SMALL if i else 1) for i, line in enumerate(text)) + 2 * PADDING
        for key, text in lines.items()
    }
    left, rank_width = rank_places(ranks, widths)
    layout = Layout(engine="layered", width=left[-1] + rank_width[-1] + MARGIN if left else 2 * MARGIN)
    y = float(TOP)
    rects: dict[str, Rect] = {}
    bends: dict[tuple[str, str], list[Point]] = {}
    for backward in (False, True):
        boxes = [box.id for box in diagram.boxes if box.backward == backward]
        if boxes:
            found = arrange(dict.fromkeys(boxes, HEIGHT), inner_edges(diagram, boxes), {k: ranks[k] for k in boxes})
            for key in boxes:
                x = left[ranks[key]] + (rank_width[ranks[key]] - widths[key]) / 2
                rects[key] = Rect(x, y + found.across[key] - HEIGHT / 2, widths[key], HEIGHT)
            for edge, places in found.bends.items():
                bends[edge] = [(x, y + at) for rank, at in places for x in (left[rank], left[rank] + rank_width[rank])]
            y = max(rects[key].bottom for key in boxes) + BETWEEN_PASSES
    layout.height = y - BETWEEN_PASSES + MARGIN
    layout.placed = [Placed(box, rects[box.id], lines[box.id]) for box in diagram.boxes]
    wires = [wire_of(edge, rects, bends.get((edge.source, edge.target), [])) for edge in diagram.edges]
    layout.wires = sorted(wires, key=lambda wire: wire.kind != "saved")
    return layout


def texts(box: Box) -> tuple[str, str]:
    """What stands in a box: its symbol or name, its shape."""
    return shortened(box.symbol, LETTERS), shortened(shape_text(box.shape), int(LETTERS / SMALL))


def inner_edges(diagram: Diagram, keys: list[str]) -> list[tuple[str, str]]:
    """The edges between some boxes."""
    inside = set(keys)
    return [(e.source, e.target) for e in diagram.edges if e.source in inside and e.target in inside]


def split_far_leaves(diagram: Diagram) -> tuple[Diagram, dict[str, int]]:
    """Leaves that are read far apart, or by both passes, as one copy for each place; and the ranks of all boxes."""
    ranks = joint_ranks(diagram)
    boxes: list[Box] = []
    source: dict[Edge, str] = {}
    for box in diagram.boxes:
        places: dict[tuple[bool, int], str] = {}
        for edge in diagram.outgoing[box.id] if box.is_source else ():
            reader = diagram.by_id[edge.target]
            place = reader.backward, ranks[reader.id] // (NEAR + 1)
            key = places.setdefault(place, f"{box.id}.{len(places)}" if places else box.id)
            source[edge] = key
            if len(places) and not any(b.id == key for b in boxes[-len(places) :]):
                boxes.append(replace(box, id=key, backward=reader.backward))
        if not places:
            boxes.append(box)
    edges = tuple(replace(e, source=source.get(e, e.source)) for e in diagram.edges)
    split = replace(diagram, boxes=tuple(boxes), edges=edges)
    return split, joint_ranks(split)


def joint_ranks(diagram: Diagram) -> dict[str, int]:
    """Ranks in which every gradient stands under its node where that is possible, and the backward pass runs back."""
    pair = {box.id: box.pair for box in diagram.boxes if box.pair in diagram.by_id}
    same = {box.id: pair.get(box.id, box.id) for box in diagram.boxes}
    edges = []
    for edge in diagram.edges:
        source, target = diagram.by_id[edge.source], diagram.by_id[edge.target]
        if edge.kind != "saved" and not (target.backward and source.is_source and not source.backward):
            ends = same[source.id], same[target.id]
            edges.append(ends[::-1] if target.backward else ends)
    ranks = ranks_of(list(dict.fromkeys(same.values())), edges)
    return {key: ranks[other] for key, other in same.items()}


def rank_places(ranks: Mapping[str, int], widths: Mapping[str, float]) -> tuple[list[float], list[float]]:
    """The left edge and the width of each rank."""
    width: dict[int, float] = defaultdict(float)
    for key, rank in ranks.items():
        width[rank] = max(width[rank], widths[key])
    left, x = [], float(MARGIN)
    for rank in range(max(width, default=-1) + 1):
        left.append(x)
        x += width[rank] + BETWEEN_RANKS
    return left, [width[rank] for rank in range(len(left))]


def wire_of(edge: Edge, rects: Mapping[str, Rect], bends: list[Point]) -> Wire:
    """A curve from side to side; a saved value straight down."""
    source, target = rects[edge.source], rects[edge.target]
    points: list[Point]
    if edge.kind == "saved" or abs(source.cx - target.cx) < 1:
        points = [(source.cx, source.bottom), (target.cx, target.y)]
    elif source.cx < target.cx:
        points = [(source.right, source.cy), *sorted(bends), (target.x, target.cy)]
    else:
        points = [(source.x, source.cy), *sorted(bends, reverse=True), (target.right, target.cy)]
    return Wire(tuple(points), edge.kind, (edge.source,), (edge.target,), curved=True, label=edge.label)
