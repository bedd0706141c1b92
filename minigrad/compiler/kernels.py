"""How an Op is run into memory that already exists: each Op becomes a list of calls that are bound to arrays once."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from math import prod
from typing import Any, TypeAlias

import numpy as np

from minigrad.blas import multiplied
from minigrad.op import Array, Op
from minigrad.ops import loss
from minigrad.ops.activation import LeakyRelu, Relu, Sigmoid
from minigrad.ops.elementwise import Elementwise, Negative
from minigrad.ops.index import Gather, ScatterAdd, check_ids
from minigrad.ops.linalg import MatMul
from minigrad.ops.logic import Cast, IsFinite, IsNan, Logical
from minigrad.ops.loss import CrossEntropy, CrossEntropyGrad
from minigrad.ops.reduce import Mean, Sum
from minigrad.ops.shape import Copy, SumTo
from minigrad.ops.window import Scratch, Windowed, joins

Call: TypeAlias = Callable[[], object]
STRIP = 8
"""How many columns of a transposed matrix are copied at a time: half a cache line."""
BLOCK = 1 << 16
"""How many bytes of rows are looked up at a time if the rows are not contiguous."""
ROWS, LEAST_IDS, MOST_IDS = 32, 8, 64
"""Rows that are about to be summed by id at a time; of so many ids."""
Kernel: TypeAlias = Callable[[Any, Sequence[Array], Array], list[Call]]


def calls(op: Op, xs: Sequence[Array], y: Array, scratch: Scratch) -> list[Call]:
    """Calls without arguments that together write op(xs) into y; a few of them use the worker's scratch memory."""
    if isinstance(op, Windowed):
        scratch.used = 0
        return [*op.calls(scratch, y, *xs)]
    return next(KERNELS[kind] for kind in type(op).__mro__ if kind in KERNELS)(op, xs, y)


def plain(op: Op, xs: Sequence[Array], y: Array) -> list[Call]:
    """The Op's own forward, copied into y: for Ops without a kernel of their own."""
    return [lambda: np.copyto(y, op.forward(*xs))]


def elementwise(op: Any, xs: Sequence[Array], y: Array) -> list[Call]:
    """One call of the ufunc, writing into y."""
    return [partial(op.ufunc, *xs, out=y)] if op.ufunc is not None else plain(op, xs, y)


def negative(op: Negative, xs: Sequence[Array], y: Array) -> list[Call]:
    """−1 · x: numpy.negative (2.4) into strided memory takes every fourth float32, eighth float64, for neighbours."""
    return [partial(np.multiply, xs[0], y.dtype.type(-1), y)] if y.dtype.kind in "fi" else elementwise(op, xs, y)


def sigmoid(op: Sigmoid, xs: Sequence[Array], y: Array) -> list[Call]:
    """½ tanh(½ x) + ½, computed in place in y."""
    half = y.dtype.type(0.5)
    doubled: list[Call] = [partial(np.multiply, xs[0], half, y), partial(np.tanh, y, y)]
    return [*doubled, partial(np.multiply, y, half, y), partial(np.add, y, half, y)]


def relu(op: Relu, xs: Sequence[Array], y: Array) -> list[Call]:
    """max(x, 0), beside an array of zeros: NumPy is three times slower beside a number."""
    if y.ndim < 2:
        return [partial(np.maximum, xs[0], y.dtype.type(0), out=y)]
    zeros = np.zeros_like(y[:1, :, :1] if y.ndim == 4 else y[:1])
    return [partial(np.maximum, xs[0], zeros, out=y)]


def product(op: MatMul, xs: Sequence[Array], y: Array) -> list[Call]:
    """BLAS, writing straight into y."""
    a, b = xs
    return [*multiplied(a, b, y)] if not (b.ndim == 2 and a.ndim > 2) else plain(op, xs, y)


def copy(op: Cast | Copy, xs: Sequence[Array], y: Array) -> list[Call]:
    """A copy, which converts between dtypes; a transposed matrix is copied in strips that stay in the cache."""
    (x,) = xs
    if x.ndim != 2 or x.strides[0] >= x.strides[1]:
        return [partial(np.copyto, y, x, casting="unsafe")]
    strips = [slice(i, i + STRIP) for i in range(0, x.shape[1], STRIP)]
    return [partial(np.copyto, y[:, s], x[:, s], casting="unsafe") for s in strips]


def sum_to(op: SumTo, xs: Sequence[Array], y: Array) -> list[Call]:
    """The sum over leading axes and over those of size 1 in the result."""
    (x,) = xs
    lead = x.ndim - y.ndim
    axes = (*range(lead), *(lead + a for a, n in enumerate(y.shape) if n != x.shape[lead + a]))
    return summed(x, axes, y) if x.dtype == y.dtype else plain(op, xs, y)


def sum_(op: Sum, xs: Sequence[Array], y: Array) -> list[Call]:
    """The sum over the Op's axes."""
    return summed(xs[0], op.axes, y)


def mean(op: Mean, xs: Sequence[Array], y: Array) -> list[Call]:
    """The sum, divided in place. Not for float16, which numpy.mean adds up in float32."""
    (x,) = xs
    divided: list[Call] = [*summed(x, op.axes, y), partial(np.divide, y, x.size // max(1, y.size), y)]
    return divided if x.dtype == y.dtype != np.float16 else plain(op, xs, y)


def summed(x: Array, axes: tuple[int, ...], y: Array) -> list[Call]:
    """The sum over axes; where they are rows in memory, by BLAS, which is several times faster."""
    kept = [a for a in range(x.ndim) if a not in axes]
    moved = x.transpose(*axes, *kept)
    if not (axes and kept and joins(moved, 0, len(axes)) and joins(moved, len(axes), x.ndim) and y.flags.c_contiguous):
        return [partial(np.add.reduce, moved, axis=tuple(range(len(axes))), out=y.reshape(moved.shape[len(axes) :]))]
    return rows_sum(moved.reshape(prod(moved.shape[: len(axes)]), y.size), y.reshape(-1))


def rows_sum(x: Array, y: Array) -> list[Call]:
    """The sum of the rows of x, as a product with a vector of ones."""
    by_blas = x.dtype.kind == "f" and x.dtype == y.dtype
    return [partial(np.matmul, np.ones(len(x), x.dtype), x, y) if by_blas else partial(np.add.reduce, x, axis=0, out=y)]


def leaky_relu(op: LeakyRelu, xs: Sequence[Array], y: Array) -> list[Call]:
    """max(x, slope · x), where that is right."""
    larger: list[Call] = [partial(np.multiply, xs[0], op.slope, y), partial(np.maximum, xs[0], y, out=y)]
    return larger if 0 < op.slope <= 1 else plain(op, xs, y)


def gather(op: Gather, xs: Sequence[Array], y: Array) -> list[Call]:
    """Rows looked up by id.

    All ids are checked first, so that NumPy need not buffer the rows until it has checked them.
    """
    table, ids = xs
    return [partial(check_ids, ids, len(table)), partial(rows_at, *in_one_piece(table), ids, y)]


def in_one_piece(table: Array) -> tuple[Array, int]:
    """A table whose rows are windows of longer ones as all pieces of that length, and how many lie from row to row.

    numpy.take copies what does not lie in one piece. The table itself where the lengths do not fit.
    """
    step, rest = divmod(table.strides[0], max(1, table[:1].nbytes))
    if rest or step < 1 or not table.size or not table[:1].flags.c_contiguous:
        return table, 1
    shape = (len(table) - 1) * step + 1, *table.shape[1:]
    return np.lib.stride_tricks.as_strided(table, shape, (table.strides[0] // step, *table.strides[1:])), step


def rows_at(table: Array, step: int, ids: Array, y: Array) -> None:
    """The row of each id, written into y; the ids are known to be valid.

    A few rows are copied at a time where numpy.take would copy the whole table.
    """
    if ids.ndim != 1 or table.flags.c_contiguous:
        np.take(table, ids if step == 1 else np.multiply(ids, step, dtype=np.intp), axis=0, out=y, mode="clip")
        return
    few = max(1, BLOCK // max(1, y[:1].nbytes))
    for start in range(0, len(ids), few):
        y[start : start + few] = table[ids[start : start + few]]


def scatter_add(op: ScatterAdd, xs: Sequence[Array], y: Array) -> list[Call]:
    """The sum of rows by id: rows are sorted by id, and BLAS sums those of several ids at a time."""
    x, ids = xs
    if x.ndim != 2 or ids.ndim != 1 or x.dtype.kind != "f" or not x.size:
        return plain(op, xs, y)
    together = min(MOST_IDS, max(LEAST_IDS, ROWS * op.rows // len(x)))
    shapes = (len(x), together), (2 * ROWS, x.shape[1]), (together, x.shape[1])
    memory = (np.empty(shape, x.dtype) for shape in shapes)
    return [partial(check_ids, ids, op.rows), partial(sum_by_id, *in_one_piece(x), ids, y, *memory)]


@np.errstate(invalid="ignore")
def sum_by_id(x: Array, step: int, ids: Array, y: Array, hot: Array, rows: Array, sums: Array) -> None:
    """y[v] = Σ of the rows of x whose id is v: a product with ones where the id is v, in memory given for the parts.

    A row that is not finite makes NaN of the sums of all ids beside it, of 0 · ∞: those are added up one by one.
    """
    order, together = np.argsort(ids, kind="stable"), hot.shape[1]
    ids = ids[order]
    hot.fill(0)
    hot[np.arange(len(ids)), ids % together] = 1
    ends = np.searchsorted(ids, np.arange(0, len(y) + together, together)).tolist()
    np.copyto(y, 0)
    for block, (start, end) in enumerate(pairwise(ends)):
        found = y[block * together : (block + 1) * together]
        for i in range(start, end, len(rows)):
            places = order[i : min(i + len(rows), end)]
            rows_at(x, step, places, rows[: len(places)])
            part = hot[i : i + len(places), : len(found)].T
            np.matmul(part, rows[: len(places)], found if i == start else sums[: len(found)])
            if i > start:
                found += sums[: len(found)]
    for block in np.flatnonzero(~np.isfinite(y[::together]).all(axis=1)).tolist():
        y[block * together : (block + 1) * together] = 0
        some = slice(*ends[block : block + 2])
        np.add.at(y, ids[some], x[order[some] * step])


def cross_entropy(op: CrossEntropy, xs: Sequence[Array], y: Array) -> list[Call]:
    """The cross-entropy, in blocks of rows that stay in the cache."""
    x, target = xs
    if x.ndim != 2:
        return plain(op, xs, y)
    work = partial(loss.cross_entropy, loss.block_of(x))
    return [partial(check_ids, target, x.shape[1]), partial(loss.in_blocks, work, x, target, y)]


def cross_entropy_grad(op: CrossEntropyGrad, xs: Sequence[Array], y: Array) -> list[Call]:
    """Its gradient, in blocks of rows and without any array besides the result."""
    return [partial(loss.in_blocks, loss.softmax_less_hot, *xs, y)] if y.ndim == 2 else plain(op, xs, y)


KERNELS: dict[type[Op], Kernel] = {
    Op: plain,
    Elementwise: elementwise,
    Logical: elementwise,
    Negative: negative,
    IsFinite: plain,  # numpy.isfinite and isnan (2.4) write the wrong elements of strided memory
    IsNan: plain,
    Sigmoid: sigmoid,
    Relu: relu,
    LeakyRelu: leaky_relu,
    MatMul: product,
    Cast: copy,
    Copy: copy,
    SumTo: sum_to,
    Sum: sum_,
    Mean: mean,
    Gather: gather,
    ScatterAdd: scatter_add,
    CrossEntropy: cross_entropy,
    CrossEntropyGrad: cross_entropy_grad,
}
