"""Rules for reductions, Ops that move elements, and products. Imports the emitter."""

from typing import Any

import numpy as np

from minigrad.export.onnx.emit import Emit, Rule, numbered
from minigrad.op import Op


def reduction(kind: str) -> Rule:
    """The axes are an operand; a reduction over no axes is x itself."""

    def rule(emit: Emit, op: Any, x: str) -> str:
        work = numbered(emit.y.dtype)
        (x,) = emit.operands((x,), work)
        y = emit(kind, x, emit.constant(op.axes), keepdims=int(op.keepdims)) if op.axes else x
        return emit.cast(y, work, emit.y.dtype)

    return rule


def log_sum_exp(emit: Emit, op: Any, x: str) -> str:
    """The largest element is subtracted first, unless it is infinite."""
    dtype = emit.y.dtype
    (x,) = emit.operands((x,), dtype)
    axes, zero = emit.constant(op.axes), emit.constant(0, dtype)
    if not op.axes:
        return x
    top = emit("ReduceMax", x, axes)
    finite = emit("Less", emit("Abs", top), emit.constant(np.inf, dtype))
    top = emit("Where", finite, top, zero)
    total = emit("ReduceSum", emit("Exp", emit("Sub", x, top)), axes)
    return emit.reshaped(emit("Add", emit("Log", total), top), emit.y.shape)


def cumsum(emit: Emit, op: Any, x: str) -> str:
    """The axis is an operand."""
    (x,) = emit.operands((x,), emit.y.dtype)
    return emit("CumSum", x, emit.constant(op.axis), reverse=int(op.reverse))


def arg_max(emit: Emit, op: Any, x: str) -> str:
    """The first of equal elements."""
    of = emit.dtypes[0]
    x = emit.cast(x, of, numbered(of))
    return emit("ArgMax", x, axis=op.axis, keepdims=int(op.keepdims))


def reshape(emit: Emit, op: Any, x: str) -> str:
    """The shape of the result."""
    return emit.reshaped(x, emit.y.shape)


def broadcast_to(emit: Emit, op: Any, x: str) -> str:
    """ONNX's Expand."""
    return emit("Expand", x, emit.constant(op.to))


def sum_to(emit: Emit, op: Any, x: str) -> str:
    """A sum over the axes that `to` would be broadcast along."""
    (x,) = emit.operands((x,), emit.y.dtype)
    axes = op.axes_summed(*emit.shapes)
    return emit.reshaped(emit("ReduceSum", x, emit.constant(axes)) if axes else x, op.to)


def concat(emit: Emit, op: Any, *xs: str) -> str:
    """All parts in one dtype."""
    return emit("Concat", *emit.operands(xs, emit.y.dtype), axis=op.axis)


def stack(emit: Emit, op: Any, *xs: str) -> str:
    """A new axis for each part, then a concatenation."""
    axis = emit.constant([op.axis])
    rows = [emit("Unsqueeze", x, axis) for x in emit.operands(xs, emit.y.dtype)]
    return emit("Concat", *rows, axis=op.axis)


def pad(emit: Emit, op: Any, x: str) -> str:
    """ONNX takes all widths before, then all widths after."""
    if not op.widths:
        return x
    widths = [before for before, _ in op.widths] + [after for _, after in op.widths]
    return emit("Pad", x, emit.constant(widths), emit.constant(op.value, emit.y.dtype))


def transpose(emit: Emit, op: Any, x: str) -> str:
    """The same convention as ours."""
    return emit("Transpose", x, perm=op.axes) if op.axes else x


def matmul(emit: Emit, op: Op, a: str, b: str) -> str:
    """The same broadcasting as ours."""
    return emit("MatMul", *emit.operands((a, b), emit.y.dtype))


def einsum(emit: Emit, op: Any, *xs: str) -> str:
    """The same subscripts."""
    return emit("Einsum", *emit.operands(xs, emit.y.dtype), equation=f"{','.join(op.terms)}->{op.out}")
