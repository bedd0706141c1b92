"""Diagram: what a picture shows, as pure data without tensors or positions. Imported by all of viz.graph."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

SOURCES = ("input", "parameter", "constant")
"""The kinds of boxes that nothing computes."""


@dataclass(frozen=True)
class Box:
    """One node, or several that are drawn as one.

    `id` is its number in the graph's listing (`n12`), `symbol` the text for a small box, `title` and `detail` the two
    lines of a large one. `pair` is the id of the forward box whose gradient this is, `facts` are shown to a reader who
    points at it, `members` are the ids of the nodes it stands for, and `mark` is the result of a comparison: added,
    removed, changed or same.
    """

    id: str
    kind: str
    symbol: str
    title: str
    detail: str = ""
    op: str = ""
    name: str = ""
    shape: tuple[int, ...] = ()
    dtype: str = ""
    path: str = ""
    step: int | None = None
    backward: bool = False
    pair: str = ""
    mark: str = ""
    count: int = 1
    facts: tuple[tuple[str, str], ...] = ()
    members: tuple[str, ...] = ()

    @property
    def is_source(self) -> bool:
        """Whether it is a leaf, which nothing computes."""
        return self.kind in SOURCES and not self.pair

    @property
    def tree_name(self) -> str:
        """The name below the root of the module tree: `cell.Wx`; for its gradient `∂cell.Wx`."""
        path = self.name.removeprefix("∂")
        _, _, below = path.partition(".")
        return self.name.replace(path, below) if below else self.name


def is_gradient(box: Box) -> bool:
    """Whether a box stands for a gradient's whole computation."""
    return bool(box.backward and box.pair and not box.op)


@dataclass(frozen=True, order=True)
class Edge:
    """The value of `source` is operand number `slot` of `target`.

    Kinds: `data`; `saved`, a forward value that the backward pass reads; `delay`, into the next turn of a loop.
    """

    source: str
    target: str
    slot: int = 0
    kind: str = "data"
    label: str = ""


@dataclass(frozen=True)
class Diagram:
    """Boxes in topological order, the edges between them, and notes to be shown below the picture."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    title: str = "graph"
    notes: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    rolled: tuple[int, ...] = ()
    """The time steps that are drawn as one, if any."""

    @cached_property
    def by_id(self) -> dict[str, Box]:
        """Boxes by id."""
        return {box.id: box for box in self.boxes}

    @cached_property
    def incoming(self) -> dict[str, list[Edge]]:
        """The edges into each box, in the order of its operands."""
        return _grouped(sorted(self.edges, key=lambda e: e.slot), "target", self.boxes)

    @cached_property
    def outgoing(self) -> dict[str, list[Edge]]:
        """The edges out of each box."""
        return _grouped(self.edges, "source", self.boxes)

    def with_note(self, note: str) -> "Diagram":
        """The diagram with one more note."""
        return replace(self, notes=(*self.notes, note))


def _grouped(edges: Iterable[Edge], end: str, boxes: Iterable[Box]) -> dict[str, list[Edge]]:
    groups: dict[str, list[Edge]] = {box.id: [] for box in boxes}
    for edge in edges:
        groups[getattr(edge, end)].append(edge)
    return groups
