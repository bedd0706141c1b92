"""The layout of graphs without time: left to right, the backward pass from right to left under it."""

from collections.abc import Mapping
from dataclasses import replace

from viz.graph.compound import Block, lay_out_group
from viz.graph.geometry import Layout, Placed, Rect, Region, Wire
from viz.graph.look import MARGIN, PADDING, SMALL, TOP, shortened, width_of
from viz.graph.model import Box, Diagram, Edge
from viz.graph.modules import module_tree
from viz.graph.ranking import Pair, ranks_of
from viz.graph.reflection import is_reflection, reflection

NEAR = 2
"""Readers so many ranks apart share a leaf; farther ones have copies."""
HEIGHT = 34.0
LETTERS = 24
BETWEEN_PASSES = 48.0


def lay_out_as_flow(diagram: Diagram) -> Layout:
    """Places a diagram along its edges, modules in outlines."""
    reflects = is_reflection(diagram)
    diagram = with_leaves_at_use(diagram, not reflects)
    lines = {box.id: texts(box) for box in diagram.boxes}
    sizes = {key: (width_of_lines(text), HEIGHT) for key, text in lines.items()}
    if reflects:
        sizes |= {box.pair: max(sizes[box.pair], sizes[box.id]) for box in diagram.boxes if box.backward}
    passes = sorted({box.backward for box in diagram.boxes})
    blocks = [pass_block(diagram, backward, sizes) for backward in passes if not (backward and reflects)]
    if reflects:
        blocks.append(reflection(blocks[0], diagram))
    layout = Layout(engine="layered", width=max((block.width for block in blocks), default=0))
    y = TOP + 4
    rects: dict[str, Rect] = {}
    for block, style in zip(blocks, ("module", "module under" if reflects else "module"), strict=False):
        rects |= {key: rect.moved(0, y) for key, rect in block.rects.items()}
        layout.regions += [Region(r.moved(0, y), style, group.label, group.id) for r, group in block.outlines]
        layout.wires += wires_of(diagram, block, y)
        y += block.height + BETWEEN_PASSES
    layout.height = y - BETWEEN_PASSES + MARGIN
    layout.placed = [Placed(box, rects[box.id], lines[box.id]) for box in diagram.boxes if box.id in rects]
    layout.wires = [*saved_wires(diagram, rects), *layout.wires]
    return layout


def pass_block(diagram: Diagram, backward: bool, sizes: Mapping[str, tuple[float, float]]) -> Block:
    """One pass laid out by itself, the backward one from right to left."""
    block = lay_out_group(module_tree(diagram, backward), sizes, pass_edges(diagram, backward), light_boxes(diagram))
    if backward:
        block.ways = {(b, a): way[::-1] for (a, b), way in block.ways.items()}
    return block


def texts(box: Box) -> tuple[str, str]:
    """What stands in a box: what it is; its shape and dtype, or its value."""
    return shortened(box.title, LETTERS), shortened(box.detail, int(LETTERS / SMALL))


def width_of_lines(text: tuple[str, str]) -> float:
    """The width of a box around its texts."""
    return max(34.0, width_of(text[0]) + 2 * PADDING, width_of(text[1], SMALL) + 2 * PADDING)


def light_boxes(diagram: Diagram) -> set[str]:
    """What gives way to the main flow: leaves, and gradients where the pass ends."""
    return {box.id for box in diagram.boxes if box.is_source or (box.backward and not diagram.outgoing[box.id])}


def pass_edges(diagram: Diagram, backward: bool) -> list[Pair]:
    """The edges within a pass from left to right."""
    own = {box.id for box in diagram.boxes if box.backward == backward}
    edges = [(e.source, e.target) for e in diagram.edges if e.source in own and e.target in own]
    return list(dict.fromkeys(edge[::-1] if backward else edge for edge in edges))


def with_leaves_at_use(diagram: Diagram, backward: bool) -> Diagram:
    """Leaves that are read far apart as one copy for each place; those that `backward` boxes read as copies too."""
    depth = ranks_of([box.id for box in diagram.boxes], ((e.source, e.target) for e in diagram.edges))
    boxes: list[Box] = []
    source: dict[Edge, str] = {}
    for box in diagram.boxes:
        copies: dict[tuple[bool, str, int], Box] = {}
        for edge in diagram.outgoing[box.id] if box.is_source else ():
            reader = diagram.by_id[edge.target]
            if reader.backward == box.backward or backward:
                place = (reader.backward, reader.path, depth[reader.id] // (NEAR + 1))
                key = f"{box.id}.{len(copies)}" if copies else box.id
                source[edge] = copies.setdefault(place, replace(box, id=key, backward=reader.backward)).id
        boxes += list(copies.values()) or [box]
    edges = tuple(replace(e, source=source.get(e, e.source)) for e in diagram.edges)
    return replace(diagram, boxes=tuple(boxes), edges=edges)


def wires_of(diagram: Diagram, block: Block, y: float) -> list[Wire]:
    """Curves along the ways of a pass."""
    wires = []
    for edge in diagram.edges:
        way = block.ways.get((edge.source, edge.target), [])
        if way and edge.kind != "saved":
            points = tuple((px, py + y) for px, py in way)
            wires.append(Wire(points, edge.kind, (edge.source,), (edge.target,), shape="level", label=edge.label))
    return wires


def saved_wires(diagram: Diagram, rects: Mapping[str, Rect]) -> list[Wire]:
    """Dotted lines from what is kept to what reads it."""
    wires = []
    for edge in diagram.edges:
        apart = diagram.by_id[edge.source].backward != diagram.by_id[edge.target].backward
        if (edge.kind == "saved" or apart) and edge.source in rects and edge.target in rects:
            a, b = rects[edge.source], rects[edge.target]
            wires.append(
                Wire(((a.cx, a.bottom), (b.cx, b.y)), "saved", (edge.source,), (edge.target,), shape="upright")
            )
    return wires
