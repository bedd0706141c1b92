"""A grid for graphs with time steps: every box in a row and a column, the backward pass mirrored below the forward one.

A leaf that is read in several steps of a row is a rail above that row; one that is read in one place is drawn there.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from viz.graph.model import Box, Diagram, Edge, is_gradient
from viz.graph.steps import Timeline, timeline

Key = TypeVar("Key", bound=Hashable)
Cell = tuple[int, int]


@dataclass
class Grid:
    """Boxes and their cells (row, column) by key: a box's id, with a number appended for copies of leaves."""

    steps: tuple[int, ...]
    boxes: dict[str, Box] = field(default_factory=dict)
    cells: dict[str, Cell] = field(default_factory=dict)
    rails: dict[str, int] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    first_backward_row: int = 0
    rows: int = 0

    def column(self, key: str) -> int:
        """The column of a box; −1 for a rail."""
        return self.cells[key][1] if key in self.cells else -1

    @property
    def columns(self) -> int:
        """The number of columns, those before and after the time steps included."""
        return len(self.steps) + 2


def grid_of(diagram: Diagram) -> Grid:
    """Every box of a diagram with time steps in its cell."""
    times = timeline(diagram)
    grid, roles = split_leaves(diagram, times)
    forward = rows_of([k for k in grid.boxes if not grid.boxes[k].backward], grid, roles, bottom=times.last)
    height = max(forward.values(), default=-1) + 1
    backward = [k for k in grid.boxes if grid.boxes[k].backward]
    if any(is_gradient(grid.boxes[k]) for k in backward):
        below = mirrored(backward, grid, roles, forward, height)
    else:
        below = rows_of(backward, grid, roles, bottom=0)
    grid.first_backward_row = height
    for key, row in (forward | {key: height + row for key, row in below.items()}).items():
        grid.cells[key] = (row, grid.cells[key][1])
    grid.rows = max((row for row, _ in grid.cells.values()), default=-1) + 1
    return grid


def split_leaves(diagram: Diagram, times: Timeline) -> tuple[Grid, dict[str, Hashable]]:
    """The grid with columns assigned, with leaves copied to where they are read or made rails.

    And what shares a row.
    """
    grid = Grid(times.steps)
    roles: dict[str, Hashable] = dict(times.role)
    uses: dict[tuple[str, Hashable], list[Edge]] = defaultdict(list)
    for box in diagram.boxes:
        if box.id in times.column:
            grid.boxes[box.id] = box
            grid.cells[box.id] = (0, times.column[box.id])
    for edge in diagram.edges:
        if edge.source in times.column:
            grid.edges.append(edge)
        else:
            uses[edge.source, place_of_use(edge, diagram, times)].append(edge)
    columns = {use: {times.column[e.target] for e in edges} for use, edges in uses.items()}
    feeding = Counter(place for (_, place), found in columns.items() if len(found) == 1)
    crowd: Counter[Hashable] = Counter()
    railed = {source for (source, _), found in columns.items() if len(found) > 1}
    for number, ((source, place), edges) in enumerate(uses.items()):
        spot = place, *columns[source, place]
        role = (place, crowd[spot]) if feeding[place] > 1 else None
        crowd[spot] += 1
        key = f"{source}.{number}"
        add_leaf(grid, roles, diagram.by_id[source], key, role, edges)
        if source in railed and edges[0].target in roles and role is None:
            grid.rails.setdefault(key, 0)
            grid.cells.pop(key, None)
    return grid, roles


def place_of_use(edge: Edge, diagram: Diagram, times: Timeline) -> Hashable:
    """Uses of a leaf with the same place share a copy of it: a row of the steps, or the column before or after them."""
    backward = diagram.by_id[edge.target].backward
    role = times.role.get(edge.target)
    if role is None:
        return backward, times.column[edge.target]
    return "row", role, edge.slot if diagram.by_id[edge.target].op else -1  # what is drawn as one has no order


def add_leaf(grid: Grid, roles: dict[str, Hashable], leaf: Box, key: str, place: Hashable, edges: list[Edge]) -> None:
    """Adds a leaf: as a rail along a row of readers, or above its only reader if other steps have one there too.

    A leaf that one step alone reads, such as an initial state, is drawn outside the steps.
    """
    columns = {grid.cells[e.target][1] for e in edges}
    reader = grid.boxes[edges[0].target]
    grid.boxes[key] = replace(leaf, backward=reader.backward)
    grid.edges += [replace(e, source=key) for e in edges]
    if len(columns) > 1:
        grid.rails[key] = 0
        return
    column = columns.pop()
    grid.cells[key] = (0, column)
    if edges[0].target in roles and place:
        roles[key] = ("leaf", place)
        grid.boxes[key] = replace(grid.boxes[key], step=reader.step)
    elif edges[0].target in roles:
        grid.cells[key] = (0, 0 if column <= grid.columns // 2 else grid.columns - 1)


def rows_of(keys: Iterable[str], grid: Grid, roles: Mapping[str, Hashable], bottom: int) -> dict[str, int]:
    """Rows in which each box is close to what it reads; the column `bottom` is aligned with the last row."""
    cells = [key for key in keys if key in grid.cells]
    order = {key: i for i, key in enumerate(reading_order(cells, grid, roles))}
    steps = {role: i for i, role in enumerate(sorted({roles[k] for k in cells if k in roles}, key=order.__getitem__))}
    rows = {key: steps[roles[key]] for key in cells if key in roles}
    outside = {c: sorted((k for k in cells if k not in roles and grid.cells[k][1] == c), key=order.__getitem__)
               for c in (0, grid.columns - 1)}  # fmt: skip
    height = max([len(steps), *map(len, outside.values())])
    for column, own in outside.items():
        first = height - len(own) if column == bottom else 0
        rows |= {key: first + i for i, key in enumerate(own)}
    return rows


def reading_order(cells: list[str], grid: Grid, roles: Mapping[str, Hashable]) -> list[Hashable]:
    """Roles (and keys of boxes without one) so that operands are near their readers, heavier branches first."""
    same = {key: roles.get(key, key) for key in cells}
    operands: dict[Hashable, dict[Hashable, None]] = {same[key]: {} for key in leaves_first(cells, grid)}
    place = {role: i for i, role in enumerate(operands)}
    for edge in grid.edges:
        source, target = same.get(edge.source), same.get(edge.target)
        in_column = (
            edge.kind != "delay"
            and edge.source in same
            and edge.target in same
            and grid.column(edge.source) == grid.column(edge.target)
        )
        if in_column and place[source] < place[target]:
            operands[target][source] = None
    return depth_first(operands)


def leaves_first(keys: Iterable[str], grid: Grid) -> list[str]:
    """A topological order: boxes are in one already, but copies of leaves come after them."""
    return sorted(keys, key=lambda key: not grid.boxes[key].is_source)


def depth_first(operands: Mapping[Key, Mapping[Key, None]]) -> list[Key]:
    """Keys in topological order, rearranged so that what each reads comes shortly before it, the heaviest first."""
    weight: dict[Key, int] = {}
    for key, xs in operands.items():
        weight[key] = min(1_000_000_000, 1 + sum(weight[x] for x in xs))
    place = {key: i for i, key in enumerate(operands)}
    read = {x for xs in operands.values() for x in xs}
    stack = [key for key in list(operands)[::-1] if key not in read]
    found: dict[Key, None] = {}
    while stack:
        waiting = [x for x in operands[stack[-1]] if x not in found]
        if waiting:
            stack.append(max(waiting, key=lambda x: (weight[x], -place[x])))
        else:
            found.setdefault(stack.pop())
    return list(found)


def mirrored(
    backward: list[str], grid: Grid, roles: Mapping[str, Hashable], forward: Mapping[str, int], height: int
) -> dict[str, int]:
    """Each gradient in the row that mirrors its node's; other backward boxes near what they read."""
    nodes = {grid.boxes[key].id: key for key in list(forward)[::-1]}
    rows: dict[str, float] = {}
    taken: set[tuple[float, int]] = set()
    for key in backward:
        pair = nodes.get(grid.boxes[key].pair, "")
        if key in grid.cells and pair in forward:
            row = height - 1 - forward[pair]
            if grid.column(key) == grid.column(pair) and (row, grid.column(key)) not in taken:
                rows[key] = row
                taken.add((row, grid.column(key)))
    rows |= rows_between([key for key in backward if key in grid.cells and key not in rows], rows, grid, roles)
    within = sorted({row for key, row in rows.items() if 0 < grid.column(key) < grid.columns - 1})
    compressed = {row: i for i, row in enumerate(within)}
    placed = {key: compressed[row] for key, row in rows.items() if row in compressed and key in roles}
    return placed | beside(rows, grid, roles, len(within))


def beside(rows: Mapping[str, float], grid: Grid, roles: Mapping[str, Hashable], height: int) -> dict[str, int]:
    """Rows without gaps for the columns outside the steps: from the top after them, up to the bottom before them."""
    found: dict[str, int] = {}
    for column in (0, grid.columns - 1):
        own = sorted((key for key in rows if key not in roles and grid.column(key) == column), key=rows.__getitem__)
        first = 0 if column else max(0, height - len(own))
        found |= {key: first + i for i, key in enumerate(own)}
    return found


def rows_between(
    extras: list[str], rows: dict[str, float], grid: Grid, roles: Mapping[str, Hashable]
) -> dict[str, float]:
    """Extra rows below the last operand in their column; leaves are placed above their reader."""
    anchors: dict[Hashable, list[float]] = defaultdict(list)
    for edge in grid.edges:
        for key, other, side in ((edge.target, edge.source, 0.5), (edge.source, edge.target, -0.5)):
            if key in extras and other in rows and grid.column(key) == grid.column(other):
                anchors[roles.get(key, key)].append(rows[other] + side)
    lowest = max(rows.values(), default=0) + 1
    order = {role: i for i, role in enumerate(reading_order(extras, grid, roles))}
    step = 0.4 / (len(order) + 1)
    return {
        key: max(anchors.get(role, [lowest])) + step * order[role] for key in extras for role in [roles.get(key, key)]
    }
