"""The layout of graphs without time steps: from left to right, with the backward pass below, from right to left."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from viz.graph.breaking import broken, unbroken
from viz.graph.compound import BETWEEN_RANKS, Block, Given, lay_out_group
from viz.graph.geometry import Layout, Placed, Point, Rect, Region, Text, Wire, without_repeats
from viz.graph.look import MARGIN, PADDING, SMALL, TOP, shortened, width_of
from viz.graph.loops import OUT, Loop, around, homes_of_loops
from viz.graph.model import Box, Diagram, Edge
from viz.graph.modules import module_tree, small_modules
from viz.graph.paper import BETWEEN_PASSES, Paper
from viz.graph.ranking import Pair, ranks_of
from viz.graph.reflection import is_reflection, mirrored_id, reflection
from viz.graph.saved import saved_wires
from viz.graph.starring import times_of

NEAR = 2
"""Readers at most so many ranks apart share a leaf; readers farther away get copies."""
HEIGHT, NARROWEST = 34.0, 54.0
"""The height and the least width of boxes; a number such as 9.6e−12 fits into the narrowest."""
LETTERS = 24


def lay_out_as_flow(diagram: Diagram, labels: bool = False) -> Layout:
    """The layout of a diagram along its edges, with modules in outlines, and labels at the edges if asked for."""
    reflects = is_reflection(diagram)
    diagram = with_leaves_at_use(diagram, not reflects)
    small = small_modules(module_tree(diagram), diagram)
    lines = {box.id: texts(box, small.get(box.pair or box.id, "")) for box in diagram.boxes}
    sizes = {key: (width_of_lines(text), HEIGHT) for key, text in lines.items()}
    if reflects:
        sizes |= {box.pair: max(sizes[box.pair], sizes[box.id]) for box in diagram.boxes if box.backward}
    gap = max([BETWEEN_RANKS, *(width_of(e.label, SMALL) + 16 for e in diagram.edges if labels)])
    passes = sorted({box.backward for box in diagram.boxes})
    blocks = [pass_block(diagram, backward, sizes, gap) for backward in passes if not (backward and reflects)]
    papers = papers_of(blocks, diagram, reflects)
    layout = Layout(engine="layered", width=max((paper.width for paper in papers), default=0))
    rects: dict[str, Rect] = {}
    for paper in papers:
        for back, block in enumerate(paper.blocks):
            rects |= {key: paper.rect(rect, bool(back)) for key, rect in block.rects.items()}
            layout.regions += regions_of(paper, bool(back))
            layout.wires += [*wires_of(diagram, paper, bool(back)), *loop_wires(paper, bool(back))]
        layout.wires += wires_round(diagram, paper)
    layout.height = (papers[-1].bottom if papers else TOP) + MARGIN
    layout.placed = [Placed(box, rects[box.id], lines[box.id]) for box in diagram.boxes if box.id in rects]
    if labels:
        layout.texts += labels_of(diagram, layout.wires)
    layout.wires = [*saved_wires(diagram, rects, bands_of(papers)), *layout.wires]
    return layout


def papers_of(blocks: Sequence[Block], diagram: Diagram, reflects: bool) -> list[Paper]:
    """The passes on paper: one under the other in broken lines, or each by itself if they do not mirror each other."""
    if reflects:
        return [Paper([*blocks, reflection(blocks[0], diagram)], broken(blocks[0], 2))]
    papers: list[Paper] = []
    for block in blocks:
        top = papers[-1].bottom + BETWEEN_PASSES if papers else TOP + 4
        papers.append(Paper([block], broken(block, 1) if len(blocks) == 1 else unbroken(block), top))
    return papers


def bands_of(papers: Sequence[Paper]) -> list[tuple[float, float]]:
    """For each line, the heights between which its passes leave room for the lines of saved values."""
    if len(papers) == 1:
        return [papers[0].band(line) for line in range(len(papers[0].tops))]
    return [(above.bottom, below.top) for above, below in pairwise(papers)]


def regions_of(paper: Paper, back: bool) -> Iterable[Region]:
    """The outlines of modules in a pass, line by line."""
    own = {group.id for _, group in paper.blocks[back].outlines}
    for line, pieces in enumerate(paper.broken.outlines):
        for rect, group, begins in pieces:
            key = mirrored_id(group.id) if back else group.id
            if key in own:
                style = f"module{' under' * back}{' stacked' * (times_of(group.label) > 1)}"
                label = group.label if begins else f"{group.label} …"
                yield Region(paper.piece(rect, back, line), style, label, key)


def pass_block(diagram: Diagram, backward: bool, sizes: Mapping[str, tuple[float, float]], gap: float) -> Block:
    """One pass laid out by itself, the backward one from right to left; `gap` is the distance between ranks."""
    tree = module_tree(diagram, backward)
    delays = pass_edges(diagram, backward, ("delay",))
    homes = homes_of_loops(tree, delays)
    others = [edge for edge in delays if not any(edge in own for own in homes.values())]
    edges = [*pass_edges(diagram, backward, ("data", "saved")), *(edge for edge in others if edge[0] != edge[1])]
    block = lay_out_group(tree, edges, Given(sizes, light_boxes(diagram), homes, gap))
    block.loops += loops_of_boxes(others, block)
    if backward:
        block.ways = {(b, a): way[::-1] for (a, b), way in block.ways.items()}
        block.loops = [loop.turned() for loop in block.loops]
    return block


def texts(box: Box, module: str = "") -> tuple[str, str]:
    """The two texts in a box: what it is (a parameter with its module), and its shape and dtype, or its value."""
    title = box.title
    if module:
        title = f"∂{module}.{title[1:]}" if box.pair else f"{module}.{title}"
    return shortened(title, LETTERS), shortened(box.detail, int(LETTERS / SMALL))


def width_of_lines(text: tuple[str, str]) -> float:
    """The width of a box with these texts."""
    return max(NARROWEST, width_of(text[0]) + 2 * PADDING, width_of(text[1], SMALL) + 2 * PADDING)


def light_boxes(diagram: Diagram) -> set[str]:
    """Boxes that give way to the main flow: leaves, and gradients at which the backward pass ends."""
    return {box.id for box in diagram.boxes if box.is_source or (box.backward and not diagram.outgoing[box.id])}


def loops_of_boxes(delays: Iterable[Pair], block: Block) -> Iterable[Loop]:
    """The loops of single boxes that stand for several."""
    for key in (a for a, b in delays if a == b):
        rect = block.rects[key]
        yield Loop(around(rect, (rect.right, rect.cy), (rect.x, rect.cy), OUT), (key,), (key,))


def pass_edges(diagram: Diagram, backward: bool, kinds: Collection[str]) -> list[Pair]:
    """The edges of these kinds within a pass, as if it ran from left to right."""
    own = {box.id for box in diagram.boxes if box.backward == backward}
    edges = [(e.source, e.target) for e in diagram.edges if e.kind in kinds and e.source in own and e.target in own]
    return list(dict.fromkeys(edge[::-1] if backward else edge for edge in edges))


def with_leaves_at_use(diagram: Diagram, backward: bool) -> Diagram:
    """The diagram with a copy of a leaf for each place where it is read, if those are far apart.

    With `backward`, leaves that backward boxes read have copies in the backward pass.
    """
    edges = ((e.source, e.target) for e in diagram.edges if e.kind != "delay")
    depth = ranks_of([box.id for box in diagram.boxes], edges)
    boxes: list[Box] = []
    source: dict[Edge, str] = {}
    for box in diagram.boxes:
        copies: dict[tuple[bool, str, int], Box] = {}
        for edge in diagram.outgoing[box.id] if box.is_source else ():
            reader = diagram.by_id[edge.target]
            if reader.backward == box.backward or backward:
                place = (reader.backward, *place_of_use(box, reader, depth[reader.id]))
                key = f"{box.id}.{len(copies)}" if copies else box.id
                source[edge] = copies.setdefault(place, replace(box, id=key, backward=reader.backward)).id
        boxes += list(copies.values()) or [box]
    moved = tuple(replace(e, source=source.get(e, e.source)) for e in diagram.edges)
    return replace(diagram, boxes=tuple(boxes), edges=moved)


def wires_of(diagram: Diagram, paper: Paper, back: bool) -> Iterable[Wire]:
    """Curves along the ways of a pass; ways over several lines in parts."""
    for edge in diagram.edges:
        way = paper.blocks[back].ways.get((edge.source, edge.target), [])
        if way and edge.kind != "saved":
            *parts, last = (tuple(without_repeats(part)) for part in paper.stretches(way, back))
            wire = Wire(last, edge.kind, (edge.source,), (edge.target,), shape="level")
            yield from (replace(wire, points=part, arrow=False) for part in parts)
            yield wire


def wires_round(diagram: Diagram, paper: Paper) -> Iterable[Wire]:
    """Wires of values that continue on the next line, led round the end of the line."""
    for source, way in paper.rounds():
        targets = tuple(edge.target for edge in diagram.outgoing[source] if edge.kind != "saved")
        yield Wire(way, "data", (source,), targets, arrow=False)


def place_of_use(leaf: Box, reader: Box, depth: int) -> tuple[str, int]:
    """What readers of one copy of a leaf share: a module and a range of ranks, or the repeated group around them."""
    if reader.count <= leaf.count:
        return reader.path, depth // (NEAR + 1)
    parts = reader.path.split(".")
    number = next((i for i, part in enumerate(parts, 1) if times_of(part) > 1), 0)
    return ".".join(parts[:number]), 0


def labels_of(diagram: Diagram, wires: Iterable[Wire]) -> list[Text]:
    """The labels of edges, in the gap behind their source; of labels that would overlap only one."""
    label = {(edge.source, edge.target): edge.label for edge in diagram.edges}
    found: dict[tuple[float, float], Text] = {}
    first = {(wire.sources[0], wire.targets[0]): wire for wire in reversed(list(wires)) if wire.targets}
    for ends, wire in first.items():
        text = label.get(ends, "")
        if text:
            x, y = middle_of_gap(wire.points)
            found.setdefault((round(x), round(y)), Text(x, y + 3, text, "label", "middle"))
    return list(found.values())


def middle_of_gap(points: Sequence[Point]) -> Point:
    """The middle of a line's first bend, or of its first stretch if it is straight."""
    (x0, y0), (x1, y1) = next((s for s in pairwise(points) if s[0][1] != s[1][1]), points[:2])
    return (x0 + x1) / 2, (y0 + y1) / 2


def loop_wires(paper: Paper, back: bool) -> Iterable[Wire]:
    """The wires from one turn of a loop to the next, for what is drawn once."""
    for loop in (paper.loop(loop, back) for loop in paper.blocks[back].loops):
        for points, targets in loop.inner:
            ends = loop.sources, targets or loop.targets
            yield Wire(tuple(without_repeats(points)), "delay", *ends, arrow=bool(targets), shape="level")
        yield Wire(loop.points, "delay", loop.sources, loop.targets, arrow=loop.ends_outside)
