"""What distinguishes two diagrams: boxes added, removed and changed. Before and after a pass of the compiler, say.

Boxes correspond when their Op and all that they depend on are equal, or else when they follow one another in the same
order. Those that correspond are the same if their Ops are and their operands correspond, else one that changed.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from viz.graph.model import Box, Diagram


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


def marked(before: Diagram, after: Diagram, match: Correspondence) -> tuple[Diagram, Diagram]:
    """Both diagrams with every box marked: what the second lacks, what it adds, what changed and what is the same."""
    same, changed = set(match.same.values()), set(match.changed.values())
    old = {box.id: mark(box.id, same, changed, "removed") for box in before.boxes}
    new = {box.id: mark(box.id, match.same, match.changed, "added") for box in after.boxes}
    return with_marks(before, old), with_marks(after, new)


def mark(key: str, same: Collection[str], changed: Collection[str], other: str) -> str:
    """How a box is marked."""
    return "same" if key in same else "changed" if key in changed else other


def with_marks(diagram: Diagram, marks: Mapping[str, str]) -> Diagram:
    """The diagram, whose boxes have these marks by their ids."""
    return replace(diagram, boxes=tuple(replace(box, mark=marks[box.id]) for box in diagram.boxes))
