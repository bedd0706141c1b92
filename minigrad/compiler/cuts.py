"""How the work of an Op can be cut: which windows of its operands a window of its result needs. For schedule.py."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

from minigrad.blas import few_rows, turned
from minigrad.op import Array, Op, Shape
from minigrad.ops.conv import Conv2d, ConvTranspose2d, ConvWeight2d
from minigrad.ops.elementwise import Elementwise
from minigrad.ops.index import Gather, ScatterAdd
from minigrad.ops.linalg import Einsum, MatMul
from minigrad.ops.logic import Cast, Detach, Logical
from minigrad.ops.loss import AlongAxis, CrossEntropy, CrossEntropyGrad
from minigrad.ops.pool import Pooling
from minigrad.ops.reduce import Reduction
from minigrad.ops.shape import Copy, SumTo
from minigrad.ops.window import Windowed


class Part(NamedTuple):
    """One worker's part of a piece of work: an Op, the arrays it reads, and the array it writes."""

    op: Op
    xs: tuple[Array, ...]
    y: Array


Axes: TypeAlias = tuple[int | None, ...]
"""The axis along which each operand is cut; None where every part needs the whole operand."""
Rule: TypeAlias = Callable[[Any, int, Shape, Sequence[Shape]], Axes | None]
"""`rule(op, axis, y, xs)`: how operands of shapes xs are cut when y is cut along `axis`; None where it cannot be."""

CHANNELS, ROWS = 1, 2
"""Axes of pictures (N, C, H, W). Cut by channels, each part would gather the same neighbouring pixels again."""
LONGEST = 1.15
"""How long a part of pictures may be, in mean parts; so five pictures on two workers are cut by rows instead."""
MANY = 1 << 18
"""With more weights than this a convolution's weights do not fit a second-level cache."""
WORTH_CUTTING = 4096
"""The fewest elements worth dividing; with fewer, waiting for other workers takes longer than the work."""
GRAIN = 8
"""Parts of products have a multiple of this many rows: BLAS takes as long for 13 rows as for 16."""
FEW = 32
"""The fewest rows or columns of a part of a product; with fewer, BLAS mostly copies the other operand."""


def aligned(axis: int, y: Shape, x: Shape) -> int | None:
    """The axis of an operand from which y's axis is broadcast; None where it has size 1 or no such axis."""
    own = axis - len(y) + len(x)
    return None if own < 0 or x[own] != y[axis] else own


def elementwise(op: Op, axis: int, y: Shape, xs: Sequence[Shape]) -> Axes:
    """Every operand is cut at the same place as y."""
    return tuple(aligned(axis, y, x) for x in xs)


def product(op: MatMul, axis: int, y: Shape, xs: Sequence[Shape]) -> Axes:
    """Rows of y need rows of a, columns of y need columns of b."""
    a, b = xs
    if axis == len(y) - 1:
        return None, len(b) - 1
    return aligned(axis, y, a), None if axis == len(y) - 2 else aligned(axis, y, b)


def einsum(op: Einsum, axis: int, y: Shape, xs: Sequence[Shape]) -> Axes:
    """The operands whose subscripts contain y's letter are cut there."""
    letter = op.out[axis]
    return tuple(term.index(letter) if letter in term else None for term in op.terms)


def reduction(op: Reduction, axis: int, y: Shape, xs: Sequence[Shape]) -> Axes | None:
    """Only along an axis that is not reduced."""
    (x,) = xs
    kept = range(len(x)) if op.keepdims else [a for a in range(len(x)) if a not in op.axes]
    return None if kept[axis] in op.axes else (kept[axis],)


def sum_to(op: SumTo, axis: int, y: Shape, xs: Sequence[Shape]) -> Axes | None:
    """Only along an axis that is not summed."""
    own = len(xs[0]) - len(y) + axis
    return (own,) if xs[0][own] == y[axis] else None


def gather(op: Gather, axis: int, y: Shape, xs: Sequence[Shape]) -> Axes:
    """Some ids, or some columns of the table."""
    ids = len(xs[1])
    return (None, axis) if axis < ids else (axis - ids + 1, None)


def scatter_add(op: ScatterAdd, axis: int, y: Shape, xs: Sequence[Shape]) -> Axes | None:
    """Only by columns: which ids belong to which rows of y is not known in advance."""
    return (len(xs[1]) + axis - 1, None) if axis else None


def other_axes(op: AlongAxis, axis: int, y: Shape, xs: Sequence[Shape]) -> Axes | None:
    """Along any axis but the one the Op works along."""
    return None if axis == op.axis else (axis,) * len(xs)


def rows(op: Op, axis: int, y: Shape, xs: Sequence[Shape]) -> Axes | None:
    """Rows of scores are independent of each other."""
    return None if axis == len(xs[0]) - 1 else (axis,) * len(xs)


def convolution(op: Conv2d, axis: int, y: Shape, xs: Sequence[Shape]) -> Axes | None:
    """Some pictures, or some channels of the result."""
    return {0: (0, None, None), 1: (None, 0, 0)}[axis][: len(xs)] if axis < 2 else None


def transposed_convolution(op: ConvTranspose2d, axis: int, y: Shape, xs: Sequence[Shape]) -> Axes | None:
    """Some pictures, or some channels of the result."""
    return {0: (0, None), 1: (None, 1)}[axis] if axis < 2 else None


def convolution_weights(op: ConvWeight2d, axis: int, y: Shape, xs: Sequence[Shape]) -> Axes | None:
    """Some channels of either of the pictures."""
    return {0: (None, 1), 1: (1, None)}[axis] if axis < 2 else None


def pooling(op: Pooling, axis: int, y: Shape, xs: Sequence[Shape]) -> Axes | None:
    """Some pictures, or some of their channels."""
    return (axis,) * len(xs) if axis < 2 else None


RULES: Mapping[type[Op], Rule] = {
    **dict.fromkeys((Elementwise, Logical, Cast, Copy, Detach), elementwise),
    **dict.fromkeys((CrossEntropy, CrossEntropyGrad), rows),
    MatMul: product,
    Conv2d: convolution,
    ConvTranspose2d: transposed_convolution,
    ConvWeight2d: convolution_weights,
    Pooling: pooling,
    Einsum: einsum,
    Reduction: reduction,
    SumTo: sum_to,
    Gather: gather,
    ScatterAdd: scatter_add,
    AlongAxis: other_axes,
}


def parts_along(op: Op, axis: int, xs: Sequence[Array], y: Array, count: int) -> list[Part] | None:
    """The parts of a piece of work when its result is cut along this axis; None where the Op cannot be cut so."""
    if isinstance(op, Windowed) and axis == ROWS:
        return parts_of_rows(op, xs, y, count)
    axes = operand_axes(op, axis, y, xs)
    if axes is None:
        return None
    operands = zip(*(cut(x, a, count) for x, a in zip(xs, axes, strict=True)), strict=True)
    return [Part(op, given, window) for given, window in zip(operands, cut(y, axis, count), strict=True)]


def parts_of_rows(op: Windowed, xs: Sequence[Array], y: Array, count: int) -> list[Part] | None:
    """The parts when pictures are cut by rows, from the rows of the operands nearby.

    None where the Op cannot say which.
    """
    parts = []
    for rows in ranges(y.shape[ROWS], count, 1):
        found = op.of_rows(rows, *(x.shape for x in xs))
        if found is None:
            return None
        part, needs = found
        operands = (x if near is None else x[:, :, near] for x, near in zip(xs, needs, strict=True))
        parts.append(Part(part, tuple(operands), y[:, :, rows]))
    return parts


def operand_axes(op: Op, axis: int, y: Array, xs: Sequence[Array]) -> Axes | None:
    """The axes along which the operands are cut when y is cut along `axis`; None where the Op cannot be cut so."""
    rule = next((RULES[kind] for kind in type(op).__mro__ if kind in RULES), None)
    return rule(op, axis, y.shape, [x.shape for x in xs]) if rule else None


def axes_worth_cutting(op: Op, y: Array, xs: Sequence[Array], parts: int) -> list[int]:
    """Axes of y along which cutting pays, the best first.

    Of a product it is the longer one, otherwise the outermost in memory.
    """
    if max([y.size, *(x.size for x in xs)]) < WORTH_CUTTING:
        return []
    wide = [a for a in range(y.ndim) if y.shape[a] >= parts]
    if isinstance(op, MatMul):
        wide.sort(key=lambda a: (-y.shape[a], a))
        few = y.ndim - 2 if turned(xs[1]) and few_rows(y.shape[-2], parts) else None
        return [a for a in wide if a in (*wide[:1], few) or y.shape[a] >= FEW * parts or a < y.ndim - 2]
    if isinstance(op, Conv2d | ConvTranspose2d) and xs[1].size >= max(MANY, xs[0].size // 2):
        return [CHANNELS]  # each part reads its own of the weights
    if y.ndim == 4:
        even = [a for a in wide if a != CHANNELS and -(-y.shape[a] // parts) * parts <= LONGEST * y.shape[a]]
        wide = even or wide
    return sorted(wide, key=lambda a: -abs(y.strides[a]))


def cut(array: Array, axis: int | None, parts: int) -> Iterator[Array]:
    """Windows of an array along an axis; for axis None the whole array for each part."""
    if axis is None:
        yield from (array for _ in range(parts))
        return
    size, pictures = array.shape[axis], array.ndim == 4 and axis == ROWS
    for window in ranges(size, parts, GRAIN if size >= 2 * GRAIN * parts and not pictures else 1):
        yield array[(*(slice(None),) * axis, window)]


def ranges(size: int, parts: int, grain: int) -> Iterator[slice]:
    """An axis of this size in parts, which begin at multiples of the grain."""
    bounds = [min(size, round(size * i / parts / grain) * grain) for i in range(parts)] + [size]
    yield from (slice(start, stop) for start, stop in pairwise(bounds))
