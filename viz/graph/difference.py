"""What distinguishes two diagrams: boxes added, removed and changed. Before and after a pass of the compiler, say.

Boxes correspond when their Op and all that they depend on are equal, or else when they follow one another in the same
order. Those that correspond are the same if their Ops are and their operands correspond, else one that changed.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from viz.graph.model import Box, Diagram, Edge
from viz.graph.ranking import acyclic, neighbours, topological


@dataclass(frozen=True)
class Correspondence:
    """Ids of the first diagram by ids of the second: of boxes that are the same, and of those that changed."""

    same: Mapping[str, str]
    changed: Mapping[str, str]

    def of(self, key: str) -> str:
        """The id in the first diagram, or nothing."""
        return self.same.get(key) or self.changed.get(key, "")


def correspondence(before: Diagram, after: Diagram) -> Correspondence:
    """Which box of the second diagram is which of the first."""
    numbers: dict[object, int] = {}
    waiting: dict[int, list[str]] = defaultdict(list)
    for key, number in structures(before, numbers).items():
        waiting[number].append(key)
    same = {key: waiting[n].pop(0) for key, n in structures(after, numbers).items() if waiting[n]}
    pairs = dict(same)
    for feature in (place, role):
        pairs |= in_order(before, after, pairs, feature)
    same |= {
        new: old for new, old in pairs.items() if is_same(before.by_id[old], after.by_id[new], before, after, pairs)
    }
    return Correspondence(same, {new: old for new, old in pairs.items() if new not in same})


def structures(diagram: Diagram, numbers: dict[object, int]) -> dict[str, int]:
    """A number for each box that others share whose Op, operands and leaves are equal; leaves go by name and order."""
    found: dict[str, int] = {}
    leaves: dict[object, int] = defaultdict(int)
    for box in diagram.boxes:
        if box.is_source:
            kind = (box.kind, box.name, box.symbol, box.shape, box.dtype)
            content: object = (kind, leaves[kind])
            leaves[kind] += 1
        else:
            operands = tuple(found.get(e.source, -1) for e in diagram.incoming[box.id])
            content = (box.op or box.title, box.shape, box.dtype, operands)
        found[box.id] = numbers.setdefault(content, len(numbers))
    return found


def in_order(
    before: Diagram, after: Diagram, pairs: Mapping[str, str], feature: Callable[[Box], tuple[object, ...]]
) -> dict[str, str]:
    """Boxes without a partner that agree in a feature and stand in the same order."""
    taken = set(pairs.values())
    old = [box for box in before.boxes if box.id not in taken]
    new = [box for box in after.boxes if box.id not in pairs]
    blocks = SequenceMatcher(None, [*map(feature, old)], [*map(feature, new)], autojunk=False).get_matching_blocks()
    return {new[b + i].id: old[a + i].id for a, b, size in blocks for i in range(size)}


def place(box: Box) -> tuple[object, ...]:
    """What a box keeps when its operands change."""
    return *role(box), box.path, box.step


def role(box: Box) -> tuple[object, ...]:
    """What a box keeps when it moves to another module."""
    return box.op.partition("(")[0] or box.title, box.backward


def is_same(old: Box, new: Box, before: Diagram, after: Diagram, pairs: Mapping[str, str]) -> bool:
    """Whether two boxes that correspond do the same with operands that correspond."""
    operands = [pairs.get(e.source) for e in after.incoming[new.id]]
    same = (old.op, old.shape, old.dtype, old.kind) == (new.op, new.shape, new.dtype, new.kind)
    return same and operands == [e.source for e in before.incoming[old.id]]


def union(before: Diagram, after: Diagram, match: Correspondence) -> Diagram:
    """Both diagrams as one: the second, and what is only in the first; every box marked."""
    gone = [box for box in before.boxes if box.id not in {*match.same.values(), *match.changed.values()}]
    here = {old: new for new, old in [*match.same.items(), *match.changed.items()]} | {b.id: old_id(b.id) for b in gone}
    removed = [replace(box, id=old_id(box.id), pair=here.get(box.pair, ""), mark="removed") for box in gone]
    kept = [replace(box, mark=mark_of(box.id, match)) for box in after.boxes]
    ids = {box.id for box in removed}
    old_edges = (replace(e, source=here[e.source], target=here[e.target]) for e in before.edges)
    edges = [*after.edges, *(e for e in old_edges if e.source in ids or e.target in ids)]
    boxes = sorted_by_edges([*kept, *removed], edges)
    return replace(after, boxes=tuple(boxes), edges=tuple(dict.fromkeys(edges)))


def mark_of(key: str, match: Correspondence) -> str:
    """How a box of the second diagram is marked."""
    return "same" if key in match.same else "changed" if key in match.changed else "added"


def old_id(key: str) -> str:
    """The id of a box of the first diagram among those of the second."""
    return f"old{key}"


def sorted_by_edges(boxes: Iterable[Box], edges: Iterable[Edge]) -> list[Box]:
    """Boxes in an order along their edges."""
    by_id = {box.id: box for box in boxes}
    after, before = neighbours(acyclic(list(by_id), ((e.source, e.target) for e in edges)))
    return [by_id[key] for key in topological(list(by_id), before, after)]
