"""Rules for Ops that pick elements or put them back, and for losses that pick targets. Imports the emitter.

Where ONNX has no operator, elements are picked from or added to the flattened array, at computed flat indices.
"""

from math import prod
from typing import Any

import numpy as np

from minigrad.export.onnx.emit import Emit, Rule
from minigrad.op import Op, Shape
from minigrad.ops import index

BEGINNING = -(1 << 62)  # a stop before the first element; −1 would mean the last


def sliced(emit: Emit, op: Any, x: str) -> str:
    """A slice of the axes that are not taken whole; an integer index is a slice of one whose axis is dropped."""
    (of,) = emit.shapes
    parts = [(p, p + 1, 1) if isinstance(p, int) else p for p in op.parts]
    cut = [(i, *p) for i, (p, n) in enumerate(zip(parts, of, strict=False)) if p != (0, n, 1)]
    if cut:
        axes, starts, stops, steps = zip(*cut, strict=True)
        ends = [BEGINNING if step < 0 and stop < 0 else stop for stop, step in zip(stops, steps, strict=True)]
        x = emit("Slice", x, *map(emit.constant, (starts, ends, axes, steps)))
    return emit.reshaped(x, emit.y.shape) if any(isinstance(p, int) for p in op.parts) else x


def slice_put(emit: Emit, op: Any, x: str) -> str:
    """x padded with zeros, or scattered if the slice has gaps."""
    parts = [(p, p + 1, 1) if isinstance(p, int) else p for p in op.parts]
    if any(step != 1 for _, _, step in parts) or len(parts) < len(op.to):
        return scattered(emit, op.to, emit.constant(static_places(op.parts, op.to, ())), x)
    sizes = tuple(stop - start for start, stop, _ in parts)
    x = x if sizes == emit.shapes[0] else emit.reshaped(x, sizes)
    if not parts:
        return x
    widths = [p[0] for p in parts] + [n - p[1] for p, n in zip(parts, op.to, strict=True)]
    return emit("Pad", x, emit.constant(widths), emit.constant(0, emit.y.dtype))


def static_places(parts: index.Parts, of: Shape, arrays: tuple[Shape, ...]) -> Any:
    """The flat indices, in an array of this shape, of the elements of x[parts], if all index arrays were 0."""
    key = index.as_index(parts, tuple(np.zeros(s, np.intp) for s in arrays))
    return np.arange(prod(of)).reshape(of)[key]


def places(emit: Emit, parts: index.Parts, of: Shape, ids: tuple[str, ...]) -> str:
    """Those flat indices for index arrays known only when the model runs.

    As in NumPy, axes of index arrays stay together if they were, or else come first.
    """
    shapes, dtypes = emit.shapes[1:], emit.dtypes[1:]
    slices = [i for i, part in enumerate(parts) if isinstance(part, tuple)]
    others = [i for i in range(len(parts)) if i not in slices]
    together = others == list(range(others[0], others[-1] + 1))
    after = sum(i > others[0] for i in slices) if together else len(slices)
    total = emit.constant(static_places(parts, of, tuple(shapes)))
    axes = [i for i, part in enumerate(parts) if part is None]
    for axis, x, size, dtype in zip(axes, ids, shapes, dtypes, strict=True):
        x = counted_from_start(emit, emit.cast(x, dtype, np.int64), of[axis])
        x = emit("Mul", x, emit.constant(prod(of[axis + 1 :])))
        total = emit("Add", total, emit.reshaped(x, (*size, *[1] * after)) if after else x)
    return total


def counted_from_start(emit: Emit, ids: str, size: int) -> str:
    """Ids with negative ones, which count from the end, made positive."""
    negative = emit("Less", ids, emit.constant(0))
    return emit("Where", negative, emit("Add", ids, emit.constant(size)), ids)


def scattered(emit: Emit, to: Shape, where_to: str, x: str) -> str:
    """Zeros with x's elements added at flat indices."""
    zeros, flat = emit.zeros((prod(to),), emit.y.dtype), emit.constant([-1])
    given = (emit("Reshape", where_to, flat), emit("Reshape", x, flat))
    return emit.reshaped(emit("ScatterElements", zeros, *given, axis=0, reduction="add"), to)


def indexed(emit: Emit, op: Any, x: str, *ids: str) -> str:
    """Gathered from the flattened array."""
    (of, *_) = emit.shapes
    return emit("Gather", emit("Reshape", x, emit.constant([-1])), places(emit, op.parts, of, ids))


def index_add(emit: Emit, op: Any, x: str, *ids: str) -> str:
    """Added into the flattened array."""
    return scattered(emit, op.to, places(emit, op.parts, op.to, ids), x)


def gather(emit: Emit, op: Op, x: str, ids: str) -> str:
    """Rows of a table."""
    return emit("Gather", x, emit.cast(ids, emit.dtypes[1], np.int64))


def scatter_add(emit: Emit, op: Any, x: str, ids: str) -> str:
    """Each element of a row added at its flat index."""
    row = prod(emit.y.shape[1:])
    first = emit("Mul", emit.cast(ids, emit.dtypes[1], np.int64), emit.constant(row))
    column = emit.reshaped(first, (prod(emit.shapes[1]), 1))
    return scattered(emit, emit.y.shape, emit("Add", column, emit.constant(np.arange(row))), x)


def one_hot(emit: Emit, op: Any, ids: str) -> str:
    """The ids compared with all possible ids."""
    of, dtype = emit.shapes[0], emit.dtypes[0]
    column = emit.reshaped(ids, (*of, 1))
    return emit.cast(emit("Equal", column, emit.constant(np.arange(op.depth), dtype)), bool, emit.y.dtype)


def along_axis(kind: str) -> Rule:
    """The rule for softmax and its logarithm."""
    return lambda emit, op, x: emit(kind, *emit.operands((x,), emit.y.dtype), axis=op.axis)


def cross_entropy(emit: Emit, op: Op, x: str, target: str) -> str:
    """−log softmax at the targets."""
    (_, ids), (of, _) = emit.dtypes, emit.shapes
    column = emit.reshaped(emit.cast(target, ids, np.int64), (*of[:-1], 1))
    picked = emit("GatherElements", emit("LogSoftmax", x, axis=-1), column, axis=-1)
    return emit.reshaped(emit("Neg", picked), of[:-1])


def cross_entropy_grad(emit: Emit, op: Op, x: str, target: str, g: str) -> str:
    """g (softmax(x) − one-hot)."""
    dtype, ids, other = emit.dtypes
    rows = (*emit.shapes[0][:-1], 1)
    hot = emit("Equal", emit.reshaped(target, rows), emit.constant(np.arange(emit.y.shape[-1]), ids))
    less = emit("Sub", emit("Softmax", x, axis=-1), emit.cast(hot, bool, dtype))
    return emit("Mul", emit.reshaped(emit.cast(g, other, dtype), rows), less)
