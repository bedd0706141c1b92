"""Where the axis of examples goes in each Op, and what the Op is on a part of them. Used by `parallel`."""

from collections.abc import Sequence
from math import prod
from typing import Any

from minigrad.compiler.batch import PARTIAL, SHARED, Carried, Part, Split, Splitter, State, place_of
from minigrad.compiler.rewrite import is_op
from minigrad.compiler.slices import full_parts
from minigrad.graph import Graph
from minigrad.op import Op, Shape
from minigrad.ops import elementwise
from minigrad.ops.index import Gather, OneHot, ScatterAdd, Slice, SlicePut
from minigrad.ops.linalg import MatMul
from minigrad.ops.logic import Cast, Detach, Logical
from minigrad.ops.loss import AlongAxis, CrossEntropy, CrossEntropyGrad
from minigrad.ops.reduce import Mean, Reduction, Sum
from minigrad.ops.shape import BroadcastTo, Concat, Copy, Reshape, Stack, SumTo, Transpose
from minigrad.tensor import Tensor


def part_of(graph: Graph, whole: int, rows: int, batched: Sequence[bool]) -> Part:
    """The graph for `rows` of `whole` examples; `batched`: which inputs have them along axis 0. Raises Mixed."""
    return Splitter(graph, whole, rows, batched, RULES).part()


def carried_operands(splitter: Splitter, node: Tensor, states: list[State]) -> tuple[Carried, list[Tensor]]:
    """The common place of the examples in operands that broadcast, and the operands for the part."""
    places = {s._replace(axis=s.axis - x.ndim) for s, x in zip(states, node.inputs, strict=True) if type(s) is Carried}
    if len(places) != 1 or PARTIAL in states:
        raise splitter.mixed(node)
    (place,) = places
    operands = []
    for x, state in zip(node.inputs, states, strict=True):
        beside = state == SHARED and x.ndim >= -place.axis and x.shape[place.axis] != 1
        local = place._replace(axis=place.axis + x.ndim)
        operands.append(splitter.fitted(node, x, local) if beside else splitter.new[id(x)])
    return place._replace(axis=place.axis + node.ndim), operands


def pointwise(splitter: Splitter, node: Any, states: list[State]) -> tuple[State, Tensor]:
    """Example by example; sums stay sums under what is linear."""
    if PARTIAL in states:
        if not linear(node, states):
            raise splitter.mixed(node)
        return splitter.made(node, node.op, PARTIAL)
    state, operands = carried_operands(splitter, node, states)
    return splitter.made(node, node.op, state, operands)


def linear(node: Tensor, states: list[State]) -> bool:
    """Whether the sum of the parts' values is the value of the sums."""
    if is_op(node, elementwise.Add, elementwise.Subtract, elementwise.Negative, Cast, Copy):
        return all(s == PARTIAL for s in states)
    if is_op(node, elementwise.Multiply):
        return sorted(map(str, states)) == [PARTIAL, SHARED]
    return is_op(node, elementwise.Divide) and states == [PARTIAL, SHARED]


def product(splitter: Splitter, node: Any, states: list[State]) -> tuple[State, Tensor]:
    """Rows of the left, columns of the right, or a sum over examples where both have them inside."""
    (a, b), (x, y) = states, node.inputs
    if PARTIAL in states:
        if sorted(map(str, states)) != [PARTIAL, SHARED]:
            raise splitter.mixed(node)
        return splitter.made(node, node.op, PARTIAL)
    left = a._replace(axis=a.axis - x.ndim) if isinstance(a, Carried) else None
    right = b._replace(axis=b.axis - y.ndim) if isinstance(b, Carried) else None
    if left and left.axis == -1 and right in (None, left._replace(axis=-2)):
        operand = splitter.new[id(y)] if right else splitter.fitted(node, y, left._replace(axis=y.ndim - 2))
        return splitter.made(node, node.op, PARTIAL, [splitter.new[id(x)], operand])
    if right and right.axis == -2 and left is None:
        operand = splitter.fitted(node, x, right._replace(axis=x.ndim - 1))
        return splitter.made(node, node.op, PARTIAL, [operand, splitter.new[id(y)]])
    if left and right is None and left.axis != -1 and (left.axis == -2 or y.ndim < -left.axis):
        return splitter.made(node, node.op, left._replace(axis=left.axis + node.ndim))
    if right and left is None and right.axis != -2 and (right.axis == -1 or x.ndim < -right.axis):
        return splitter.made(node, node.op, right._replace(axis=right.axis + node.ndim))
    if left and left == right and left.axis < -2:
        return splitter.made(node, node.op, left._replace(axis=left.axis + node.ndim))
    raise splitter.mixed(node)


def reduction(splitter: Splitter, node: Any, states: list[State]) -> tuple[State, Tensor]:
    """A sum over examples is partial; over anything else, example by example. A mean over examples is a sum divided."""
    op, (state,), (x,) = node.op, states, node.inputs
    if state == PARTIAL and isinstance(op, Sum | Mean):
        return splitter.made(node, op, PARTIAL)
    if not isinstance(state, Carried):
        raise splitter.mixed(node)
    if state.axis not in op.axes:
        shift = 0 if op.keepdims else sum(a < state.axis for a in op.axes)
        return splitter.made(node, op, state._replace(axis=state.axis - shift))
    total = splitter.build(Sum(op.axes, op.keepdims), *splitter.inputs(node), scope=node.scope)
    if isinstance(op, Sum):
        return PARTIAL, total
    if not isinstance(op, Mean):
        raise splitter.mixed(node)
    count = splitter.build.scalar(prod(x.shape[a] for a in op.axes), node.dtype)
    return PARTIAL, splitter.build(elementwise.Divide(), total, count, scope=node.scope)


def summed_to(splitter: Splitter, node: Any, states: list[State]) -> tuple[State, Tensor]:
    """As a sum over the axes that `to` lacks or has as 1."""
    (state,), (x,) = states, node.inputs
    if state == PARTIAL:
        return splitter.made(node, node.op, PARTIAL)
    axis = state.axis - (x.ndim - node.ndim)  # type: ignore[union-attr]
    if axis < 0 or node.shape[axis] != x.shape[state.axis]:  # type: ignore[union-attr]
        return splitter.made(node, node.op, PARTIAL)
    moved = state._replace(axis=axis)  # type: ignore[union-attr]
    return splitter.made(node, SumTo(splitter.resized(node.shape, moved)), moved)


def along_axis(splitter: Splitter, node: Any, states: list[State]) -> tuple[State, Tensor]:
    """A softmax along any axis but the examples'."""
    (state,) = states
    if not isinstance(state, Carried) or state.axis == node.op.axis:
        raise splitter.mixed(node)
    return splitter.made(node, node.op, state)


def by_rows(splitter: Splitter, node: Any, states: list[State]) -> tuple[State, Tensor]:
    """Cross entropy and its gradient: scores, targets and weights all have the examples at the same leading axis."""
    first = states[0]
    if not isinstance(first, Carried) or first.axis == node.inputs[0].ndim - 1:
        raise splitter.mixed(node)
    operands = [
        splitter.new[id(x)] if s == first else splitter.fitted(node, x, first)
        for x, s in zip(node.inputs, states, strict=True)
    ]
    return splitter.made(node, node.op, first, operands)


def reshaped(splitter: Splitter, node: Any, states: list[State]) -> tuple[State, Tensor]:
    """The examples keep their place in the order of elements."""
    (state,), (x,) = states, node.inputs
    if state == PARTIAL:
        return splitter.made(node, node.op, PARTIAL)
    before = prod(x.shape[: state.axis]) * state.before  # type: ignore[union-attr]
    found = place_of(node.shape, before, splitter.whole)
    if found is None:
        raise splitter.mixed(node)
    return splitter.made(node, Reshape(splitter.resized(node.shape, found)), found)


def transposed(splitter: Splitter, node: Any, states: list[State]) -> tuple[State, Tensor]:
    """The axis moves."""
    (state,) = states
    moved = state._replace(axis=node.op.axes.index(state.axis)) if isinstance(state, Carried) else state
    return splitter.made(node, node.op, moved)


def repeated(splitter: Splitter, node: Any, states: list[State]) -> tuple[State, Tensor]:
    """The other axes are repeated."""
    (state,), (x,) = states, node.inputs
    if not isinstance(state, Carried):
        return splitter.made(node, node.op, PARTIAL)
    moved = state._replace(axis=state.axis + node.ndim - x.ndim)
    return splitter.made(node, BroadcastTo(splitter.resized(node.shape, moved)), moved)


def sliced(splitter: Splitter, node: Any, states: list[State]) -> tuple[State, Tensor]:
    """Slices of other axes, as they are; all examples or none."""
    (state,), (x,) = states, node.inputs
    if not isinstance(state, Carried):
        return splitter.made(node, node.op, PARTIAL)
    return splitter.made(node, *narrowed(splitter, node, x.shape, state))


def narrowed(splitter: Splitter, node: Any, shape: Shape, state: Carried) -> tuple[Op, Carried]:
    """A slice of something of this shape, for the part, and where the examples are after it."""
    parts = list(full_parts(node.op, shape))
    if parts[state.axis] != (0, shape[state.axis], 1):
        raise splitter.mixed(node)
    parts[state.axis] = (0, splitter.resized(shape, state)[state.axis], 1)
    dropped = sum(isinstance(p, int) for p in parts[: state.axis])
    return Slice(tuple(parts)), state._replace(axis=state.axis - dropped)


def put(splitter: Splitter, node: Any, states: list[State]) -> tuple[State, Tensor]:
    """The adjoint of a slice of other axes."""
    (state,) = states
    if not isinstance(state, Carried):
        return splitter.made(node, node.op, PARTIAL)
    kept = [a for a, p in enumerate(full_parts(node.op, node.shape)) if not isinstance(p, int)]
    whole = state._replace(axis=kept[state.axis])
    op, _ = narrowed(splitter, node, node.shape, whole)
    return splitter.made(node, SlicePut(op.parts, splitter.resized(node.shape, whole)), whole)  # type: ignore[attr-defined]


def joined(splitter: Splitter, node: Any, states: list[State]) -> tuple[State, Tensor]:
    """Side by side along another axis."""
    if all(s == PARTIAL for s in states):
        return splitter.made(node, node.op, PARTIAL)
    first = next((s for s in states if isinstance(s, Carried)), None)
    if first is None or (isinstance(node.op, Concat) and first.axis == node.op.axis):
        raise splitter.mixed(node)
    operands = [
        splitter.new[id(x)] if s == first else splitter.fitted(node, x, first)
        for x, s in zip(node.inputs, states, strict=True)
    ]
    after = first.axis + (isinstance(node.op, Stack) and node.op.axis <= first.axis)
    return splitter.made(node, node.op, first._replace(axis=after), operands)


def gathered(splitter: Splitter, node: Any, states: list[State]) -> tuple[State, Tensor]:
    """Rows of a shared table for the examples' ids."""
    table, ids = states
    if table != SHARED or not isinstance(ids, Carried):
        raise splitter.mixed(node)
    return splitter.made(node, node.op, ids)


def scattered(splitter: Splitter, node: Any, states: list[State]) -> tuple[State, Tensor]:
    """Rows of the examples, added up: a sum over examples."""
    x, ids = states
    if not isinstance(ids, Carried) or x != ids:
        raise splitter.mixed(node)
    return splitter.made(node, node.op, PARTIAL)


def one_hot(splitter: Splitter, node: Any, states: list[State]) -> tuple[State, Tensor]:
    """Example by example."""
    return splitter.made(node, node.op, states[0])


RULES: dict[type[Op], Split] = {
    **dict.fromkeys((elementwise.Elementwise, Logical, Cast, Detach, Copy), pointwise),
    MatMul: product,
    Reduction: reduction,
    SumTo: summed_to,
    AlongAxis: along_axis,
    **dict.fromkeys((CrossEntropy, CrossEntropyGrad), by_rows),
    Reshape: reshaped,
    Transpose: transposed,
    BroadcastTo: repeated,
    Slice: sliced,
    SlicePut: put,
    **dict.fromkeys((Concat, Stack), joined),
    Gather: gathered,
    ScatterAdd: scattered,
    OneHot: one_hot,
}
