"""Rules that simplify a node by looking at its inputs alone: neutral elements, views of views, sums of nothing."""

from math import prod

from minigrad.compiler.rewrite import Builder, Inputs, Rules, Scalar, is_op
from minigrad.ops.elementwise import Add, Divide, Multiply, Subtract
from minigrad.ops.logic import Cast
from minigrad.ops.reduce import Sum
from minigrad.ops.shape import BroadcastTo, Concat, Reshape, Stack, SumTo, Transpose
from minigrad.tensor import Tensor


def number(node: Tensor) -> complex | None:
    """The number that the program itself contains at this node, or None."""
    return node.op.number if isinstance(node.op, Scalar) else None


def neutral_right(op: Add | Subtract | Multiply | Divide) -> int:
    """The right operand that leaves the left one unchanged."""
    return 0 if isinstance(op, Add | Subtract) else 1


def without_neutral(build: Builder, op: Add | Subtract | Multiply | Divide, inputs: Inputs) -> Tensor | None:
    """x + 0, x − 0, 1 · x and x / 1 are x, where that changes neither shape nor dtype; −0.0 + 0 remains −0.0."""
    a, b = inputs
    wanted = (op.shape(a.shape, b.shape), op.dtype(a.dtype, b.dtype))
    if number(b) == neutral_right(op) and (a.shape, a.dtype) == wanted:
        return a
    if isinstance(op, Add | Multiply) and number(a) == neutral_right(op) and (b.shape, b.dtype) == wanted:
        return b
    return None


def without_broadcast(build: Builder, op: Add | Subtract | Multiply | Divide, inputs: Inputs) -> Tensor | None:
    """An operand need not be broadcast first where the Op broadcasts it anyway."""
    shape = op.shape(*(x.shape for x in inputs))
    for i, x in enumerate(inputs):
        if is_op(x, BroadcastTo):
            shorter = (*inputs[:i], x.inputs[0], *inputs[i + 1 :])
            if op.shape(*(s.shape for s in shorter)) == shape:
                return build(op, *shorter)
    return None


def scalar_reshaped(build: Builder, op: BroadcastTo, inputs: Inputs) -> Tensor | None:
    """A single number, reshaped and then broadcast, need not be reshaped."""
    (x,) = inputs
    return build(op, x.inputs[0]) if is_op(x, Reshape) and x.inputs[0].shape == () else unchanged(build, op, inputs)


def unchanged(build: Builder, op: Reshape | BroadcastTo | SumTo, inputs: Inputs) -> Tensor | None:
    """A reshape, broadcast or sum to the shape that x already has is x."""
    return inputs[0] if op.to == inputs[0].shape else None


def cast_to_itself(build: Builder, op: Cast, inputs: Inputs) -> Tensor | None:
    """A cast to the dtype that x already has is x."""
    return inputs[0] if op.to == inputs[0].dtype.name else None


def reshaped_twice(build: Builder, op: Reshape, inputs: Inputs) -> Tensor | None:
    """Of two reshapes only the last one counts."""
    (x,) = inputs
    return build(op, x.inputs[0]) if is_op(x, Reshape) else None


def transposed_twice(build: Builder, op: Transpose, inputs: Inputs) -> Tensor | None:
    """Two permutations are one, and the identity is none."""
    (x,) = inputs
    if op.axes == tuple(range(len(op.axes))):
        return x
    if isinstance(x.op, Transpose):
        return build(Transpose(tuple(x.op.axes[a] for a in op.axes)), x.inputs[0])
    return None


def transposed_column(build: Builder, op: Transpose, inputs: Inputs) -> Tensor | None:
    """A transposition that moves only axes of size 1 is a reshape."""
    (x,) = inputs
    kept = [a for a in op.axes if x.shape[a] != 1]
    return build(Reshape(tuple(x.shape[a] for a in op.axes)), x) if kept == sorted(kept) else None


def joined_alike(build: Builder, op: Concat, inputs: Inputs) -> Tensor | None:
    """Parts of a concatenation are cast to its dtype, so that each can be computed in its place there."""
    dtypes = [x.dtype for x in inputs]
    cast = Cast(op.dtype(*dtypes).name)
    return build(op, *(build(cast, x) for x in inputs)) if len(set(dtypes)) > 1 else None


def joined_alone(build: Builder, op: Concat, inputs: Inputs) -> Tensor | None:
    """A concatenation of one part is that part; empty parts are left out."""
    full = tuple(x for x in inputs if x.shape[op.axis])
    if len(full) == 1:
        return full[0]
    return build(op, *full) if full and len(full) < len(inputs) else None


def stack_as_concat(build: Builder, op: Stack, inputs: Inputs) -> Tensor | None:
    """A stack is a concatenation along the first axis, reshaped, with the new axis transposed into its place."""
    shape = inputs[0].shape
    parts = inputs if shape else tuple(build(Reshape((1,)), x) for x in inputs)
    rows = (len(inputs), *shape)
    first = build(Reshape(rows), build(Concat(0), *parts))
    return build(Transpose((*range(1, op.axis + 1), 0, *range(op.axis + 1, len(rows)))), first)


def sum_of_nothing(build: Builder, op: Sum, inputs: Inputs) -> Tensor | None:
    """A sum over no axes, or over axes of size 1, is a reshape."""
    (x,) = inputs
    alone = prod(x.shape[a] for a in op.axes) == 1 and op.dtype(x.dtype) == x.dtype
    return build(Reshape(op.shape(x.shape)), x) if alone else None


IDENTITIES: Rules = {
    **dict.fromkeys((Add, Subtract, Multiply, Divide), (without_neutral, without_broadcast)),
    BroadcastTo: (scalar_reshaped,),
    SumTo: (unchanged,),
    Reshape: (unchanged, reshaped_twice),
    Transpose: (transposed_twice, transposed_column),
    Cast: (cast_to_itself,),
    Concat: (joined_alike, joined_alone),
    Stack: (stack_as_concat,),
    Sum: (sum_of_nothing,),
}
