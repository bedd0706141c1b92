"""How two diagrams differ: boxes added, removed and changed, as before and after a pass of the compiler.

Boxes correspond if their Op and everything they depend on are equal, or else if they follow one another in the same
order. Corresponding boxes are the same if their Ops are equal and their operands correspond; else they have changed.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from viz.graph.model import Box, Diagram


@dataclass(frozen=True)
class Correspondence:
    """Ids of the first diagram by ids of the second: for boxes that are the same, and for boxes that have changed."""

    same: Mapping[str, str]
    changed: Mapping[str, str]

    def of(self, key: str) -> str:
        """The corresponding id in the first diagram, or ""."""
        return self.same.get(key) or self.changed.get(key, "")


def correspondence(before: Diagram, after: Diagram) -> Correspondence:
    """Which boxes of the two diagrams correspond."""
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
    """A number for each box, shared by boxes with equal Op, operands and leaves.

    Leaves are told apart by name and order.
    """
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
    """Further pairs: boxes without a partner that have the same feature and are in the same order."""
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
    """Whether two corresponding boxes have the same Op, and operands that correspond."""
    operands = [pairs.get(e.source) for e in after.incoming[new.id]]
    same = (old.op, old.shape, old.dtype, old.kind) == (new.op, new.shape, new.dtype, new.kind)
    return same and operands == [e.source for e in before.incoming[old.id]]


def marked(before: Diagram, after: Diagram, match: Correspondence) -> tuple[Diagram, Diagram]:
    """Both diagrams with every box marked as removed, added, changed or same."""
    same, changed = set(match.same.values()), set(match.changed.values())
    old = {box.id: mark(box.id, same, changed, "removed") for box in before.boxes}
    new = {box.id: mark(box.id, match.same, match.changed, "added") for box in after.boxes}
    return with_marks(before, old), with_marks(after, new)


def mark(key: str, same: Collection[str], changed: Collection[str], other: str) -> str:
    """The mark of one box."""
    return "same" if key in same else "changed" if key in changed else other


def with_marks(diagram: Diagram, marks: Mapping[str, str]) -> Diagram:
    """The diagram with these marks, given by id."""
    return replace(diagram, boxes=tuple(replace(box, mark=marks[box.id]) for box in diagram.boxes))
