"""A layered layout of nested groups: each group is laid out by itself, and is one node in the group around it.

The flow is along x, to the right; `flow.py` reverses the backward pass. An edge enters or leaves a group by a door in
its outline, one door for each source.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from viz.graph.geometry import Point, Rect
from viz.graph.layered import Arrangement, arrange
from viz.graph.loops import Loop, edges_of, loops_around, room_for, turns_of
from viz.graph.modules import Group
from viz.graph.ranking import Pair, ranks_of

BETWEEN_RANKS = 34.0
BEFORE_DOORS, BEHIND_DOORS = 14.0, 6.0
INSET, LABEL = 12.0, 16.0
"""The room inside a group's outline, and the room for its name."""


@dataclass(frozen=True)
class Given:
    """What holds for all groups: sizes of boxes, boxes that give way to others (`light`), the distance between ranks.

    `delays` holds the edges from one turn of a loop to the next, by the repeated group that they are in.
    """

    sizes: Mapping[str, tuple[float, float]]
    light: Container[str] = ()
    delays: Mapping[str, Sequence[Pair]] = field(default_factory=dict)
    between_ranks: float = BETWEEN_RANKS


@dataclass
class Block:
    """A group laid out from (0, 0): its boxes, outlines, and the way of each edge that touches it.

    `line` is the height at which most edges enter and leave. The way of an edge that enters begins at the left border;
    that of one that leaves ends at the right border. `loops` are those around it and in it; `below` is the room that
    its own loops need under the outline.
    """

    width: float = 0
    height: float = 0
    line: float = 0
    rects: dict[str, Rect] = field(default_factory=dict)
    outlines: list[tuple[Rect, Group]] = field(default_factory=list)
    ways: dict[Pair, list[Point]] = field(default_factory=dict)
    loops: list[Loop] = field(default_factory=list)
    below: float = 0


@dataclass
class Level:
    """A group while it is laid out. Its items are boxes, inner groups and doors.

    `ends` gives the two items of each edge.
    """

    blocks: dict[str, Block]
    sizes: dict[str, tuple[float, float]]
    ends: dict[Pair, Pair]
    corners: dict[str, Point] = field(default_factory=dict)

    def way_out(self, item: str, edge: Pair) -> list[Point]:
        """The way by which an edge leaves an item, beginning inside it if it is a group."""
        x, y = self.corners[item]
        if item in self.blocks:
            return [(x + dx, y + dy) for dx, dy in self.blocks[item].ways[edge]]
        width, height = self.sizes[item]
        return [(x + width, y + height / 2)]

    def way_in(self, item: str, edge: Pair) -> list[Point]:
        """The way by which an edge enters an item, ending inside it if it is a group."""
        x, y = self.corners[item]
        if item in self.blocks:
            return [(x + dx, y + dy) for dx, dy in self.blocks[item].ways[edge]]
        return [(x, y + self.sizes[item][1] / 2)]

    def line(self, item: str) -> float:
        """The distance from an item's top to the height at which its edges are."""
        return self.blocks[item].line if item in self.blocks else self.sizes[item][1] / 2

    def extents(self) -> dict[str, tuple[float, float]]:
        """How far each item reaches above and below that height."""
        return {item: (self.line(item), height - self.line(item)) for item, (_, height) in self.sizes.items()}


def lay_out_group(group: Group, edges: Sequence[Pair], given: Given) -> Block:
    """The block of a group, given the edges that touch it."""
    turns = turns_of(given.delays[group.id], edges, set(group.members())) if group.id in given.delays else []
    level = level_of(group, [*edges, *edges_of(turns)], given)
    ranks = ranks_with_doors(level, given.light)
    block = assembled(group, level, arrange(level.extents(), level.ends.values(), ranks, given.light), given)
    if turns:
        block.loops += loops_around(Rect(0, 0, block.width, block.height), turns, block.ways)
        block.below = room_for(turns)
        block.height += block.below
    return block


def level_of(group: Group, edges: Sequence[Pair], given: Given) -> Level:
    """The items of a group with their sizes, and what each edge connects within it."""
    home = {key: key for key in group.boxes} | {key: child.id for child in group.groups for key in child.members()}
    ends = {(a, b): (home.get(a, f"<{a}"), home.get(b, f">{a}")) for a, b in edges if a in home or b in home}
    touching: dict[str, list[Pair]] = defaultdict(list)
    for edge, pair in ends.items():
        for item in set(pair):
            touching[item].append(edge)
    blocks = {child.id: lay_out_group(child, touching[child.id], given) for child in group.groups}
    here = {edge: pair for edge, pair in ends.items() if pair[0] != pair[1]}
    own = {key: given.sizes[key] for key in group.boxes} | {key: (b.width, b.height) for key, b in blocks.items()}
    own |= {end: (0.0, 0.0) for pair in here.values() for end in pair if is_door(end)}
    return Level(blocks, own, here)


def ranks_with_doors(level: Level, light: Container[str]) -> dict[str, int]:
    """The ranks of items: entrances in the first rank, exits in the last."""
    items = list(level.sizes)
    inner = [edge for edge in level.ends.values() if not is_door(edge[0]) and not is_door(edge[1])]
    ranks = ranks_of([item for item in items if not is_door(item)], inner)
    ranks = beside_groups(ranks, inner, level, light)
    entrances = any(item[0] == "<" for item in items)
    ranks = {item: rank + entrances for item, rank in ranks.items()}
    last = max(ranks.values(), default=0) + 1
    return ranks | {item: 0 if item[0] == "<" else last for item in items if is_door(item)}


def beside_groups(
    ranks: Mapping[str, int], edges: Iterable[Pair], level: Level, light: Container[str]
) -> dict[str, int]:
    """The ranks, with extra ranks for leaves that would otherwise be above or below a group, far from their readers."""
    groups = {ranks[item] for item in level.blocks}
    fed = {b for _, b in edges}
    leaves = {a for a, b in edges if a in light and a not in fed and ranks[b] == ranks[a] + 1 and ranks[a] in groups}
    halves = {item: 2 * rank + (item in leaves) for item, rank in ranks.items()}
    numbers = {half: i for i, half in enumerate(sorted({*halves.values()}))}
    return {item: numbers[half] for item, half in halves.items()}


def is_door(item: str) -> bool:
    """Whether an item is a place where an edge enters or leaves the group."""
    return item[0] in "<>"


def assembled(group: Group, level: Level, found: Arrangement, given: Given) -> Block:
    """The block that results from the arrangement of the items."""
    left, widths = columns(found.ranks, level.sizes, given.between_ranks)
    top = INSET + (LABEL if group.label else 0.0)
    block = Block(2 * INSET + left[-1] + widths[-1])
    readers, read = {a for a, _ in level.ends.values()}, {b for _, b in level.ends.values()}
    for item, (width, _) in level.sizes.items():
        rank = found.ranks[item]
        pull = 0.5 if item not in given.light else 1.0 if item not in read else 0.0 if item not in readers else 0.5
        x = INSET + left[rank] + (widths[rank] - width) * pull
        if is_door(item):
            x = 0.0 if item[0] == "<" else block.width
        level.corners[item] = (x, top + found.across[item] - level.line(item))
    block.height = INSET + max(y + level.sizes[item][1] for item, (_, y) in level.corners.items())
    doors = [y for item, (_, y) in level.corners.items() if is_door(item)]
    block.line = sum(doors) / len(doors) if doors else block.height / 2
    block.rects = {key: Rect(*level.corners[key], *level.sizes[key]) for key in group.boxes}
    for child in group.groups:
        take_over(block, child, level)
    for edge, (a, b) in level.ends.items():
        bends = [(INSET + x, top + y) for rank, y in found.bends[a, b] for x in sides(rank, a, b, found, left, widths)]
        out, into = level.way_out(a, edge), level.way_in(b, edge)
        first = (INSET + sides(found.ranks[a], a, b, found, left, widths)[1], out[-1][1])
        last = (INSET + sides(found.ranks[b], a, b, found, left, widths)[0], into[0][1])
        block.ways[edge] = [*out, *([] if is_door(a) else [first]), *bends, *([] if is_door(b) else [last]), *into]
    return block


def sides(rank: int, a: str, b: str, found: Arrangement, left: list[float], widths: list[float]) -> list[float]:
    """Both edges of a rank, in the order in which an edge from a to b passes them."""
    across = [left[rank], left[rank] + widths[rank]]
    return across if found.ranks[a] < found.ranks[b] else across[::-1]


def take_over(block: Block, child: Group, level: Level) -> None:
    """Moves an inner block and its contents to its place."""
    inner, (x, y) = level.blocks[child.id], level.corners[child.id]
    block.rects |= {key: rect.moved(x, y) for key, rect in inner.rects.items()}
    block.loops += [loop.moved(x, y) for loop in inner.loops]
    block.outlines.append((Rect(x, y, inner.width, inner.height - inner.below), child))
    block.outlines += [(rect.moved(x, y), group) for rect, group in inner.outlines]
    block.ways |= {
        edge: [(x + dx, y + dy) for dx, dy in way] for edge, way in inner.ways.items() if edge not in level.ends
    }


def columns(
    ranks: Mapping[str, int], sizes: Mapping[str, tuple[float, float]], between: float
) -> tuple[list[float], list[float]]:
    """The left edge and the width of each rank; ranks of doors have no width and are close to their neighbours."""
    widths = [0.0] * (max(ranks.values(), default=0) + 1)
    for item, rank in ranks.items():
        widths[rank] = max(widths[rank], sizes[item][0])
    left = [0.0]
    for width, following in pairwise(widths):
        left.append(left[-1] + width + (BEHIND_DOORS if not width else between if following else BEFORE_DOORS))
    return left, widths
