"""Where every value lives and in which order the work is done.

A slice, transpose or reshape is a view of what it looks at. What goes into a concatenation is computed in its place
there. Every other value has memory of its own for as long as somebody needs it: offsets into one arena, chosen so that
two values that live at the same time never overlap.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from minigrad.compiler.rewrite import Scalar, is_op
from minigrad.graph import Graph
from minigrad.op import Array
from minigrad.ops.index import Slice
from minigrad.ops.shape import BroadcastTo, Concat, Reshape, Transpose
from minigrad.tensor import Tensor

VIEWS = (Slice, Transpose, Reshape, BroadcastTo)
ALIGNMENT = 64  # bytes


@dataclass
class Root:
    """Memory that several nodes may share: of an input or leaf, of a result, or a place in the arena."""

    node: Tensor
    kind: str  # "given", "result" or "arena"
    first: int = 0
    last: int = 0
    offset: int = 0

    @property
    def nbytes(self) -> int:
        """Size in the arena."""
        size = self.node.size * self.node.dtype.itemsize
        return -(-size // ALIGNMENT) * ALIGNMENT


@dataclass
class Plan:
    """`roots` by id of their node; `inside` says which part of which node's memory a node is; `order` what to run."""

    graph: Graph
    roots: dict[int, Root] = field(default_factory=dict)
    inside: dict[int, tuple[Tensor, tuple[slice, ...]]] = field(default_factory=dict)
    views: set[int] = field(default_factory=set)
    order: list[Tensor] = field(default_factory=list)
    arena: int = 0

    def root(self, node: Tensor) -> Root:
        """The memory a node lies in."""
        while id(node) not in self.roots:
            node = self.inside[id(node)][0] if id(node) in self.inside else node.inputs[0]
        return self.roots[id(node)]

    def copied_parts(self, concat: Tensor) -> Iterator[tuple[tuple[slice, ...], Tensor]]:
        """What has to be copied into a concatenation: the parts that were not computed there."""
        for window, part in windows(concat):
            if self.inside.get(id(part)) != (concat, window):
                yield window, part


def windows(concat: Tensor) -> list[tuple[tuple[slice, ...], Tensor]]:
    """Each part of a concatenation and its place."""
    assert isinstance(concat.op, Concat)
    axis, start, found = concat.op.axis, 0, []
    for part in concat.inputs:
        stop = start + part.shape[axis]
        found.append(((*(slice(None),) * axis, slice(start, stop)), part))
        start = stop
    return found


def planned(graph: Graph) -> Plan:
    """The plan of a graph."""
    plan = Plan(graph)
    results = {id(y) for y in graph.outputs}
    given = {id(x) for x in graph.inputs}
    for node in reversed(graph.nodes):
        if is_given(node, given):
            plan.roots[id(node)] = Root(node, "given")
        elif not is_op(node, *VIEWS):
            place(plan, node)
    for node in graph.nodes:
        if is_op(node, *VIEWS):
            see(plan, node)
        if id(node) not in plan.views and not is_given(node, given):
            plan.order.append(node)
    for node in graph.nodes:
        if id(node) in results and plan.root(node).kind == "arena":
            plan.root(node).kind = "result"
    lifetimes(plan)
    plan.arena = allocate([r for r in plan.roots.values() if r.kind == "arena"])
    return plan


def is_given(node: Tensor, given: set[int]) -> bool:
    """Inputs, leaves, and the program's own numbers."""
    return node.op is None or id(node) in given or is_op(node, Scalar)


def place(plan: Plan, node: Tensor) -> None:
    """Memory for a node that is computed, unless it has a place inside a concatenation; and places for its parts."""
    inputs = {id(x) for x in plan.graph.inputs}
    if id(node) not in plan.inside:
        plan.roots[id(node)] = Root(node, "arena")
    if not is_op(node, Concat):
        return
    for window, part in windows(node):
        free = id(part) not in plan.inside and id(part) not in plan.roots
        if free and part.op is not None and not is_op(part, *VIEWS, Scalar) and id(part) not in inputs:
            plan.inside[id(part)] = (node, window)


def see(plan: Plan, node: Tensor) -> None:
    """A view, or memory of its own where the elements would have to be moved."""
    if is_op(node, Reshape) and not reshapes_in_place(plan, node):
        plan.roots[id(node)] = Root(node, "arena")
    else:
        plan.views.add(id(node))


def reshapes_in_place(plan: Plan, node: Tensor) -> bool:
    """Asked of NumPy, on memory of the same layout that nobody writes to."""
    (source,) = node.inputs
    root = plan.root(source).node
    array = seen(plan, source, {id(root): np.empty(root.shape, root.dtype)})
    return np.may_share_memory(array.reshape(node.shape), array)


def seen(plan: Plan, node: Tensor, memory: Mapping[int, Array]) -> Array:
    """The array of a node, within the memory of its root (by id of the root's node)."""
    if id(node) in memory:
        return memory[id(node)]
    if id(node) in plan.inside:
        whole, window = plan.inside[id(node)]
        return seen(plan, whole, memory)[window]
    assert node.op is not None
    return node.op.forward(seen(plan, node.inputs[0], memory))  # type: ignore[no-any-return]


def lifetimes(plan: Plan) -> None:
    """Sets the first and last moment at which each piece of memory is in use."""
    for root in plan.roots.values():
        root.first, root.last = len(plan.order), -1
    for moment, node in enumerate(plan.order):
        for used in (node, *node.inputs):
            root = plan.root(used)
            root.first, root.last = min(root.first, moment), max(root.last, moment)


def allocate(roots: list[Root]) -> int:
    """Gives every root an offset, the largest first, each at the lowest place that is free while it lives."""
    placed: list[Root] = []
    for root in sorted(roots, key=lambda r: (-r.nbytes, r.first)):
        root.offset = 0
        for other in sorted((o for o in placed if o.first <= root.last and root.first <= o.last), key=by_offset):
            if root.offset + root.nbytes <= other.offset:
                break
            root.offset = max(root.offset, other.offset + other.nbytes)
        placed.append(root)
    return max((root.offset + root.nbytes for root in roots), default=0)


def by_offset(root: Root) -> int:
    """Where it begins."""
    return root.offset
