"""How an Op is run into memory that is there already: a list of calls for each Op, bound to arrays once."""

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any, TypeAlias

import numpy as np

from minigrad.op import Array, Op
from minigrad.ops import loss
from minigrad.ops.activation import LeakyRelu, Relu, Sigmoid
from minigrad.ops.elementwise import Elementwise
from minigrad.ops.index import Gather, ScatterAdd, check_ids
from minigrad.ops.linalg import MatMul
from minigrad.ops.logic import Cast, Logical
from minigrad.ops.loss import CrossEntropy, CrossEntropyGrad
from minigrad.ops.reduce import Mean, Sum
from minigrad.ops.shape import Copy, SumTo
from minigrad.ops.window import Scratch, Windowed, joins

Call: TypeAlias = Callable[[], object]
STRIP = 16
"""Columns of a transposed matrix that are copied at a time: a line of the cache."""
BLOCK, MOST_ROWS = 1 << 16, 64
"""Bytes and rows that are looked up, or summed by id, at a time."""
Kernel: TypeAlias = Callable[[Any, Sequence[Array], Array], list[Call]]


def calls(op: Op, xs: Sequence[Array], y: Array, scratch: Scratch) -> list[Call]:
    """Calls without arguments that together write op(xs) into y; a few use the worker's scratch memory."""
    if isinstance(op, Windowed):
        scratch.used = 0
        return [*op.calls(scratch, y, *xs)]
    return next(KERNELS[kind] for kind in type(op).__mro__ if kind in KERNELS)(op, xs, y)


def plain(op: Op, xs: Sequence[Array], y: Array) -> list[Call]:
    """The Op's own forward, copied: for what has no kernel of its own."""
    return [lambda: np.copyto(y, op.forward(*xs))]


def elementwise(op: Any, xs: Sequence[Array], y: Array) -> list[Call]:
    """One call of the ufunc."""
    return [partial(op.ufunc, *xs, out=y)] if op.ufunc is not None else plain(op, xs, y)


def sigmoid(op: Sigmoid, xs: Sequence[Array], y: Array) -> list[Call]:
    """½ tanh(½ x) + ½, in place."""
    half = y.dtype.type(0.5)
    return [
        partial(np.multiply, xs[0], half, y),
        partial(np.tanh, y, y),
        partial(np.multiply, y, half, y),
        partial(np.add, y, half, y),
    ]


def relu(op: Relu, xs: Sequence[Array], y: Array) -> list[Call]:
    """max(x, 0), beside an array of zeros: NumPy is three times slower beside a number."""
    if y.ndim < 2:
        return [partial(np.maximum, xs[0], y.dtype.type(0), out=y)]
    zeros = np.zeros_like(y[:1, :, :1] if y.ndim == 4 else y[:1])
    return [partial(np.maximum, xs[0], zeros, out=y)]


def product(op: MatMul, xs: Sequence[Array], y: Array) -> list[Call]:
    """BLAS, straight into y."""
    a, b = xs
    return [partial(np.matmul, a, b, y)] if not (b.ndim == 2 and a.ndim > 2) else plain(op, xs, y)


def copy(op: Cast | Copy, xs: Sequence[Array], y: Array) -> list[Call]:
    """A copy, that converts where dtypes differ; of a transposed matrix in strips, each of which stays in the cache."""
    (x,) = xs
    if x.ndim != 2 or x.strides[0] >= x.strides[1]:
        return [partial(np.copyto, y, x, casting="unsafe")]
    strips = [slice(i, i + STRIP) for i in range(0, x.shape[1], STRIP)]
    return [partial(np.copyto, y[:, s], x[:, s], casting="unsafe") for s in strips]


def sum_to(op: SumTo, xs: Sequence[Array], y: Array) -> list[Call]:
    """Over leading axes, and those that have size 1 in the result."""
    (x,) = xs
    lead = x.ndim - y.ndim
    axes = (*range(lead), *(lead + a for a, n in enumerate(y.shape) if n < x.shape[lead + a]))
    return summed(x, axes, y) if x.dtype == y.dtype else plain(op, xs, y)


def sum_(op: Sum, xs: Sequence[Array], y: Array) -> list[Call]:
    """Over its axes."""
    return summed(xs[0], op.axes, y)


def mean(op: Mean, xs: Sequence[Array], y: Array) -> list[Call]:
    """The sum, divided in place."""
    (x,) = xs
    number = prod(x.shape[a] for a in op.axes)
    return [*summed(x, op.axes, y), partial(np.divide, y, number, y)] if x.dtype == y.dtype else plain(op, xs, y)


def summed(x: Array, axes: tuple[int, ...], y: Array) -> list[Call]:
    """The sum over axes; of what lies in memory as rows by BLAS, which is several times quicker."""
    kept = [a for a in range(x.ndim) if a not in axes]
    moved = x.transpose(*axes, *kept)
    if not (axes and kept and joins(moved, 0, len(axes)) and joins(moved, len(axes), x.ndim) and y.flags.c_contiguous):
        return [partial(np.add.reduce, moved, axis=tuple(range(len(axes))), out=y.reshape(moved.shape[len(axes) :]))]
    return rows_sum(moved.reshape(prod(moved.shape[: len(axes)]), -1), y.reshape(-1))


def rows_sum(x: Array, y: Array) -> list[Call]:
    """Σ of the rows of x as a product with ones."""
    if x.dtype.kind != "f" or x.dtype != y.dtype:
        return [partial(np.add.reduce, x, axis=0, out=y)]
    return [partial(np.matmul, np.ones(len(x), x.dtype), x, y)]


def leaky_relu(op: LeakyRelu, xs: Sequence[Array], y: Array) -> list[Call]:
    """max(x, slope · x), where that is right."""
    if not 0 < op.slope <= 1:
        return plain(op, xs, y)
    return [partial(np.multiply, xs[0], op.slope, y), partial(np.maximum, xs[0], y, out=y)]


def gather(op: Gather, xs: Sequence[Array], y: Array) -> list[Call]:
    """Checked first, so that NumPy need not hold the rows back until all are known to be there."""
    table, ids = xs
    if ids.ndim == 1 and not table.flags.c_contiguous:
        return [partial(check_ids, ids, len(table)), partial(rows_at, table, ids, y)]
    return [partial(check_ids, ids, len(table)), partial(np.take, table, ids, axis=0, out=y, mode="clip")]


def rows_at(table: Array, ids: Array, y: Array) -> None:
    """A few rows at a time: numpy.take copies the whole of a table that is a window of another."""
    block = max(1, BLOCK // max(1, y[:1].nbytes))
    for start in range(0, len(ids), block):
        y[start : start + block] = table[ids[start : start + block]]


def scatter_add(op: ScatterAdd, xs: Sequence[Array], y: Array) -> list[Call]:
    """Rows sorted by id, a block at a time; BLAS sums those of equal id. What is not finite may spread in its block."""
    x, ids = xs
    if x.ndim != 2 or x.dtype.kind != "f" or not x.size:
        return plain(op, xs, y)
    block = min(MOST_ROWS, max(1, BLOCK // (x.itemsize * x.shape[1])))
    return [partial(check_ids, ids, op.rows), partial(sum_by_id, x, ids, y, np.empty((block, x.shape[1]), x.dtype))]


def sum_by_id(x: Array, ids: Array, y: Array, sums: Array) -> None:
    """y[v] = Σ of the rows of x whose id is v. A run of equal ids that goes on in the next block is added to."""
    y.fill(0)
    order = np.argsort(ids, kind="stable")
    for start in range(0, len(x), len(sums)):
        places = order[start : start + len(sums)]
        rows = np.unique(ids[places])
        found = np.matmul((rows[:, None] == ids[places]).astype(x.dtype), x[places], out=sums[: len(rows)])
        found[0] += y[rows[0]]
        y[rows] = found


def cross_entropy(op: CrossEntropy, xs: Sequence[Array], y: Array) -> list[Call]:
    """In blocks of rows that stay in the cache."""
    x, target = xs
    if x.ndim != 2:
        return plain(op, xs, y)
    work = partial(loss.cross_entropy, loss.block_of(x))
    return [partial(check_ids, target, x.shape[1]), partial(loss.in_blocks, work, x, target, y)]


def cross_entropy_grad(op: CrossEntropyGrad, xs: Sequence[Array], y: Array) -> list[Call]:
    """In blocks of rows, without any array beside the result."""
    return [partial(loss.in_blocks, loss.softmax_less_hot, *xs, y)] if y.ndim == 2 else plain(op, xs, y)


KERNELS: dict[type[Op], Kernel] = {
    Op: plain,
    Elementwise: elementwise,
    Logical: elementwise,
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
