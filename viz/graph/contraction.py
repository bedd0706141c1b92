"""Draws several boxes as one: the basis of all folding."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace

from viz.graph.model import Box, Diagram, Edge


def contracted(diagram: Diagram, wholes: Iterable[tuple[Sequence[Box], Box]]) -> Diagram:
    """The diagram in which each of these groups of boxes is replaced by one box, with the id of one of them."""
    stands_for = {box.id: box.id for box in diagram.boxes}
    whole_of: dict[str, Box] = {}
    for members, whole in wholes:
        stands_for |= {member.id: whole.id for member in members}
        whole_of[whole.id] = whole
    if not whole_of:
        return diagram
    boxes = [with_pair(whole_of.get(box.id, box), stands_for) for box in diagram.boxes if stands_for[box.id] == box.id]
    return replace(
        diagram,
        boxes=tuple(boxes),
        edges=tuple(redirected(diagram.edges, stands_for)),
        outputs=tuple(dict.fromkeys(stands_for[key] for key in diagram.outputs)),
    )


def with_pair(box: Box, stands_for: Mapping[str, str]) -> Box:
    """The box, paired with the box that its forward box is now drawn as."""
    pair = stands_for.get(box.pair, "")
    return box if pair == box.pair else replace(box, pair=pair)


def redirected(edges: Iterable[Edge], stands_for: Mapping[str, str]) -> list[Edge]:
    """The edges between the boxes that now stand for their ends, each once, without edges inside a box."""
    moved = [replace(e, source=stands_for[e.source], target=stands_for[e.target]) for e in edges]
    operands: Counter[str] = Counter()
    found: dict[tuple[str, str, str], Edge] = {}
    for edge in moved:
        key = edge.source, edge.target, edge.kind
        if edge.source != edge.target and key not in found:
            found[key] = replace(edge, slot=operands[edge.target])
            operands[edge.target] += 1
    return list(found.values())


def folded_box(members: Sequence[Box], name: str, path: str = "") -> Box:
    """One box for members in topological order; it says how many they are, and of which kinds."""
    last = next((box for box in reversed(members) if not box.is_source), members[-1])
    count = sum(box.count for box in members)
    pairs = Counter(box.pair for box in members if box.pair)
    kinds = Counter(op_or_kind(box) for box in members)
    content = ", ".join(
        f"{number} {kind}" for kind, number in sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    )
    return replace(
        last,
        kind="group",
        symbol=f"∂{name}" if last.backward else name,
        title=f"∂{name}" if last.backward else name,
        detail=f"{count} nodes",
        op="",
        name="",
        path=path,
        pair=pairs.most_common(1)[0][0] if pairs and last.backward else "",
        count=count,
        facts=(("folded", name), ("nodes", str(count)), ("holds", content)),
        members=tuple(key for box in members for key in box.members),
    )


def op_or_kind(box: Box) -> str:
    """The name of a box's Op, or its kind; for a folded box, what it holds."""
    return box.op.partition("(")[0] or (dict(box.facts).get("holds", "") if box.kind == "group" else box.kind)


def with_own_leaves(groups: Mapping[Hashable, list[Box]], diagram: Diagram) -> list[list[Box]]:
    """The groups together with the parameters that no other box reads, in topological order."""
    home = {box.id: key for key, members in groups.items() for box in members}
    whole: dict[Hashable, list[Box]] = {key: [] for key in groups}
    for box in diagram.boxes:
        own = box.is_source and box.kind == "parameter"
        readers = {home.get(e.target) for e in diagram.outgoing[box.id]} if own else {home.get(box.id)}
        key = next(iter(readers)) if len(readers) == 1 else None
        if key is not None:
            whole[key].append(box)
    return list(whole.values())
