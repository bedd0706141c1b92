"""The backward pass as the mirror image of the forward pass: each gradient exactly below its node."""

from collections.abc import Mapping
from dataclasses import replace

from viz.graph.compound import Block
from viz.graph.geometry import Point, Rect
from viz.graph.loops import Loop
from viz.graph.model import Diagram
from viz.graph.ranking import Pair


def is_reflection(diagram: Diagram) -> bool:
    """Whether every backward box is the gradient of a different forward box."""
    backward = [box for box in diagram.boxes if box.backward]
    pairs = {box.pair for box in backward}
    return bool(backward) and len(pairs) == len(backward) and all(key in diagram.by_id for key in pairs)


def reflection(forward: Block, diagram: Diagram) -> Block:
    """The forward block upside down, with gradients in place of their nodes and edges reversed."""
    gradient = {box.pair: box.id for box in diagram.boxes if box.backward}
    block = Block(forward.width, forward.height)
    block.rects = {gradient[key]: flipped(r, forward) for key, r in forward.rects.items() if key in gradient}
    inhabited = {key for key in forward.rects if key in gradient}
    for rect, group in forward.outlines:
        if inhabited.intersection(group.members()):
            block.outlines.append((flipped(rect, forward), replace(group, id=mirrored_id(group.id))))
    for edge in diagram.edges:
        source, target = diagram.by_id[edge.source], diagram.by_id[edge.target]
        if source.backward and target.backward and edge.kind == "data":
            way = way_between(target.pair, source.pair, forward, diagram, gradient)
            block.ways[source.id, target.id] = [(x, forward.height - y) for x, y in reversed(way)]
    owner = owners(diagram, gradient)
    for loop in forward.loops:
        mirrored = loop.mirrored(forward.height, owner)
        if mirrored is not None:
            begins = any(mirrored.points[0] in way for way in block.ways.values())
            block.loops.append(mirrored if begins else with_way_out(mirrored, loop, forward, diagram, gradient))
    return block


def with_way_out(mirrored: Loop, loop: Loop, forward: Block, diagram: Diagram, gradient: dict[str, str]) -> Loop:
    """The loop of gradients with a way of its own to the outline, where no gradient leaves the group."""
    start, end = loop.targets[0], diagram.by_id[mirrored.sources[0]].pair
    way = [*loop.entrance, *(way_between(start, end, forward, diagram, gradient) if start != end else ())]
    out = tuple((x, forward.height - y) for x, y in reversed(way))
    return replace(mirrored, inner=(*mirrored.inner, (out, ())))


def mirrored_id(key: str) -> str:
    """The id of a group's mirror image."""
    return f"gradient {key}"


def owners(diagram: Diagram, gradient: Mapping[str, str]) -> dict[str, str]:
    """For each node the box of its gradient: its own, or that of a node that passes its gradient on."""
    found: dict[str, str] = {}
    for box in reversed(diagram.boxes):
        after = (e.target for e in diagram.outgoing[box.id] if e.kind == "data")
        key = gradient.get(box.id) or next((found[x] for x in after if x in found), "")
        if key and not box.backward:
            found[box.id] = key
    return found


def flipped(rect: Rect, block: Block) -> Rect:
    """A rectangle upside down within its block."""
    return replace(rect, y=block.height - rect.bottom)


def way_between(start: str, end: str, forward: Block, diagram: Diagram, gradient: dict[str, str]) -> list[Point]:
    """The way between two nodes, through nodes that pass on their gradient and have none of their own."""
    came: dict[str, Pair] = {}
    waiting = [start]
    while waiting and end not in came:
        key = waiting.pop(0)
        for edge in diagram.outgoing[key] if key == start or key not in gradient else ():
            if edge.target not in came and (edge.source, edge.target) in forward.ways:
                came[edge.target] = (edge.source, edge.target)
                waiting.append(edge.target)
    if end not in came:
        a, b = forward.rects[start], forward.rects[end]
        return [(a.right, a.cy), (b.x, b.cy)]
    way: list[Point] = []
    key = end
    while key != start:
        way = forward.ways[came[key]] + way
        key = came[key][0]
    return way
