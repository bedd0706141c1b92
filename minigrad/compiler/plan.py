"""Decides where every value lies in memory and in which order the work is done.

A slice, transpose or reshape is a view of its input. A part of a concatenation is computed in its place there. Every
other value has memory of its own for as long as it is needed: an offset into one arena, chosen so that two values that
are needed at the same time never overlap.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from minigrad.compiler.rewrite import Scalar, is_op
from minigrad.graph import Graph
from minigrad.measure import VIEWS
from minigrad.op import Array, Shape
from minigrad.ops.activation import Relu, Sigmoid, Tanh
from minigrad.ops.elementwise import Add, Divide, Elementwise, Multiply, Negative, Subtract
from minigrad.ops.index import Slice, SlicePut
from minigrad.ops.logic import Cast, Logical
from minigrad.ops.shape import Concat, Copy, Reshape
from minigrad.ops.window import ALIGNMENT, Windowed
from minigrad.tensor import Tensor

IN_PLACE = (Add, Subtract, Multiply, Divide, Negative, Relu, Sigmoid, Tanh)
"""Elementwise Ops whose result may overwrite an operand, since no call reads an operand after writing."""
Span: TypeAlias = tuple[int, int]
NEVER: Span = (sys.maxsize, -1)


@dataclass
class Root:
    """A piece of memory that several nodes may share: of an input or leaf, of a result, or in the arena."""

    node: Tensor
    kind: str  # "given", "result" or "arena"
    order: Shape | None = None  # the node's axes as they lie in memory, where that is not their own order
    moments: Span = (0, 0)  # the first and the last at which it is in use
    stages: Span = (0, 0)
    offset: int = 0

    @property
    def laid_out(self) -> Shape:
        """The sizes of the node's axes in the order in which they lie in memory."""
        return self.node.shape if self.order is None else tuple(self.node.shape[a] for a in self.order)

    def seen(self, memory: Array) -> Array:
        """Memory with those sizes as an array with the node's shape."""
        return memory if self.order is None else memory.transpose(*np.argsort(self.order))

    @property
    def nbytes(self) -> int:
        """The size in the arena, a multiple of ALIGNMENT."""
        size = self.node.size * self.node.dtype.itemsize
        return -(-size // ALIGNMENT) * ALIGNMENT


@dataclass
class Plan:
    """Where everything lies: `roots` by id of their node, and in `order` the nodes to compute.

    `inside` holds, by id, the nodes that lie in a window of another node's memory, `views` the ids of nodes that are
    views.
    """

    graph: Graph
    roots: dict[int, Root] = field(default_factory=dict)
    inside: dict[int, tuple[Tensor, tuple[slice, ...]]] = field(default_factory=dict)
    views: set[int] = field(default_factory=set)
    order: list[Tensor] = field(default_factory=list)
    orders: dict[int, Shape] = field(default_factory=dict)
    arena: int = 0

    def root(self, node: Tensor) -> Root:
        """The memory that a node lies in."""
        while id(node) not in self.roots:
            node = self.inside[id(node)][0] if id(node) in self.inside else node.inputs[0]
        return self.roots[id(node)]

    def copied_parts(self, concat: Tensor) -> Iterator[tuple[tuple[slice, ...], Tensor]]:
        """The parts of a concatenation, with their places, that have to be copied since they lie elsewhere."""
        for window, part in windows(concat):
            if self.inside.get(id(part)) != (concat, window):
                yield window, part


def windows(concat: Tensor) -> list[tuple[tuple[slice, ...], Tensor]]:
    """Each part of a concatenation, with its place."""
    assert isinstance(concat.op, Concat)
    axis, start, found = concat.op.axis, 0, []
    for part in concat.inputs:
        stop = start + part.shape[axis]
        found.append(((*(slice(None),) * axis, slice(start, stop)), part))
        start = stop
    return found


def planned(graph: Graph) -> Plan:
    """The plan of a graph. Its values have no places in the arena yet: `allocate` assigns them."""
    plan = Plan(graph, orders=orders(graph))
    results = {id(y) for y in graph.outputs}
    given = {id(x) for x in graph.inputs}
    for node in reversed(graph.nodes):
        if is_given(node, given):
            plan.roots[id(node)] = Root(node, "given")
        elif not is_op(node, *VIEWS):
            place(plan, node)
    for node in early(graph):
        if is_op(node, *VIEWS):
            see(plan, node)
        if id(node) not in plan.views and not is_given(node, given):
            plan.order.append(node)
    for node in graph.nodes:
        if id(node) in results and plan.root(node).kind == "arena":
            plan.root(node).kind = "result"
    return plan


def early(graph: Graph) -> Iterator[Tensor]:
    """The nodes in order, but comparisons as soon as possible: they are small, and may free what they compare."""
    compared: dict[int, list[Tensor]] = {}
    for node in graph.nodes:
        for x in node.inputs if is_op(node, Logical) else ():
            compared.setdefault(id(x), []).append(node)
    done = set[int]()

    def ready(node: Tensor) -> bool:
        return id(node) not in done and all(id(x) in done or not x.inputs for x in node.inputs)

    for node in graph.nodes:
        for new in (node, *compared.get(id(node), ())):
            if ready(new):
                done.add(id(new))
                yield new


def orders(graph: Graph) -> dict[int, Shape]:
    """By id of picture-shaped nodes, their axes in the order in which they lie in memory; elementwise Ops keep it."""
    found: dict[int, Shape] = {}
    for node in graph.nodes:
        if isinstance(node.op, Windowed):
            found[id(node)] = node.op.order(node.shape)
        elif is_op(node, Elementwise, Logical, Cast, Copy, Concat, Slice, SlicePut):
            known = [found[id(x)] for x in node.inputs if id(x) in found and x.ndim == node.ndim]
            if known:
                found[id(node)] = known[0]
    return found


def is_given(node: Tensor, given: set[int]) -> bool:
    """Whether a node need not be computed: an input, a leaf, or a number of the program."""
    return node.op is None or id(node) in given or is_op(node, Scalar)


def place(plan: Plan, node: Tensor) -> None:
    """Gives a computed node memory, unless it lies inside a concatenation.

    If it is one, gives its parts places in it.
    """
    inputs = {id(x) for x in plan.graph.inputs}
    if id(node) not in plan.inside:
        plan.roots[id(node)] = Root(node, "arena", plan.orders.get(id(node)))
    if not is_op(node, Concat):
        return
    for window, part in windows(node):
        free = id(part) not in plan.inside and id(part) not in plan.roots
        if free and part.op is not None and not is_op(part, *VIEWS, Scalar) and id(part) not in inputs:
            plan.inside[id(part)] = (node, window)


def see(plan: Plan, node: Tensor) -> None:
    """Makes a node a view, or gives it memory of its own where its elements would have to be moved."""
    if is_op(node, Reshape) and not reshapes_in_place(plan, node):
        plan.roots[id(node)] = Root(node, "arena")
    else:
        plan.views.add(id(node))


def reshapes_in_place(plan: Plan, node: Tensor) -> bool:
    """Whether a reshape is a view; asked of NumPy, on memory of the same layout."""
    (source,) = node.inputs
    root = plan.root(source)
    array = seen(plan, source, {id(root.node): root.seen(np.empty(root.laid_out, root.node.dtype))})
    return np.may_share_memory(array.reshape(node.shape), array)


def seen(plan: Plan, node: Tensor, memory: Mapping[int, Array]) -> Array:
    """The array of a node within the memory of its root (given by id of the root's node)."""
    if id(node) in memory:
        return memory[id(node)]
    if id(node) in plan.inside:
        whole, window = plan.inside[id(node)]
        return seen(plan, whole, memory)[window]
    assert node.op is not None
    return node.op.forward(seen(plan, node.inputs[0], memory))  # type: ignore[no-any-return]


def carved(plan: Plan, arena: Array) -> Iterator[tuple[int, Array]]:
    """The arrays of all roots in the arena, by id of their node."""
    for root in plan.roots.values():
        if root.kind == "arena":
            node, end = root.node, root.offset + root.node.size * root.node.dtype.itemsize
            yield id(node), root.seen(arena[root.offset : end].view(node.dtype).reshape(root.laid_out))


def lifetimes(plan: Plan, stages: Sequence[int]) -> None:
    """Sets the first and last moment, and stage, at which each piece of memory is used.

    `stages` has each moment's stage.
    """
    for root in plan.roots.values():
        root.moments = root.stages = NEVER
    for moment, (node, stage) in enumerate(zip(plan.order, stages, strict=True)):
        for used in (node, *node.inputs):
            root = plan.root(used)
            root.moments, root.stages = widened(root.moments, moment), widened(root.stages, stage)


def widened(span: Span, to: int) -> Span:
    """The span extended to hold one more moment."""
    return min(span[0], to), max(span[1], to)


def allocate(plan: Plan, stages: Sequence[int] | None = None) -> None:
    """Gives every root in the arena an offset: the largest first, each at the lowest place that is free during its
    life.

    With several workers, two values of the same stage share memory only if they have the same shape and place: each
    worker's part of one then lies where its own part of the other was, so that nobody has to wait before writing there.
    The same holds for a value computed element by element in the place of an operand that is no longer needed.
    """
    lifetimes(plan, range(len(plan.order)) if stages is None else stages)
    roots = sorted((r for r in plan.roots.values() if r.kind == "arena"), key=lambda r: (-r.nbytes, r.moments[0]))
    table = np.empty((len(roots), 7), int)  # begin, end, first and last moment, first and last stage, form
    rows = {id(root.node): i for i, root in enumerate(roots)}
    forms: dict[object, int] = {}
    for i, root in enumerate(roots):
        form = forms.setdefault((root.node.shape, root.node.dtype, root.order), len(forms))
        ending = np.array([rows[id(x)] for x in replaced(plan, root) if rows[id(x)] < i], int)
        root.offset = place_for(root, form, table[:i], ending)
        table[i] = root.offset, root.offset + root.nbytes, *root.moments, *root.stages, form
    plan.arena = max((root.offset + root.nbytes for root in roots), default=0)


def replaced(plan: Plan, root: Root) -> Iterator[Tensor]:
    """The operands in whose memory a root may be computed: read by it for the last time, and element by element."""
    moment, _ = root.moments
    if plan.order[moment] is not root.node or not is_op(root.node, *IN_PLACE):
        return
    used = [id(plan.root(x).node) for x in root.node.inputs]
    for x in root.node.inputs:
        own = plan.root(x)
        if own.node is x and own.kind == "arena" and own.moments[1] == moment and used.count(id(x)) == 1:
            yield x


def place_for(root: Root, form: int, placed: Array, ending: Array) -> int:
    """The offset for a root among the roots `placed` so far; those in `ending` may end where it begins."""
    begin, end, first, last, first_stage, last_stage, forms = placed.T
    together = (first <= root.moments[1]) & (last >= root.moments[0])
    together[ending] &= forms[ending] != form
    beside = together | (first_stage <= root.stages[1]) & (last_stage >= root.stages[0])
    twins = beside & ~together & (forms == form)
    for offset in np.unique(begin[twins]):
        in_the_way = beside & (begin < offset + root.nbytes) & (end > offset) & ~(twins & (begin == offset))
        if not in_the_way.any():
            return int(offset)
    order = np.argsort(begin[beside], kind="stable")
    starts, ends = begin[beside][order], np.maximum.accumulate(np.append(0, end[beside][order]))
    wide = np.flatnonzero(starts - ends[:-1] >= root.nbytes)
    return int(ends[wide[0]] if wide.size else ends[-1])
