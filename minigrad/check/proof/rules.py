"""What each Op does to arrays of polynomials. Ops that only move, add and multiply run their own forward pass.

An Op without a rule is an unknown function of all its inputs' elements; equal Ops of equal inputs are equal.
"""

import operator
from collections.abc import Callable
from math import prod
from typing import Any, TypeAlias

import numpy as np

from minigrad.check.proof import functions as f
from minigrad.check.proof.algebra import Algebra
from minigrad.check.proof.polynomial import Polynomial
from minigrad.ops import activation, conv, elementwise, index, linalg, logic, loss, pool, reduce, shape
from minigrad.tensor import Tensor

Form: TypeAlias = np.ndarray[Any, np.dtype[Any]]
"""An array of polynomials."""

ADDING: Any = (linalg.MatMul, linalg.Einsum, index.ScatterAdd, reduce.Sum, reduce.CumSum, shape.SumTo)
SCALING = (elementwise.Multiply, elementwise.Negative, elementwise.Square, elementwise.PowerOf, elementwise.Abs)
ARITHMETIC = (*ADDING, *SCALING, elementwise.Add, elementwise.Subtract)
PICTURES = (conv.Conv2d, conv.ConvTranspose2d, conv.ConvWeight2d, pool.AvgPool2d, pool.AvgPoolGrad)
PLAIN = (*ARITHMETIC, *PICTURES, reduce.Mean, index.Slice, index.SlicePut, logic.Detach)
"""Ops without a rule of their own below (and all in `shape`): their forward is sums, products and movements of
elements, and so runs on polynomials."""


def form_of(algebra: Algebra, node: Tensor, xs: list[Form]) -> Form:
    """The array of polynomials of a node, from those of its inputs."""
    kind, op = type(node.op), node.op
    if wraps(kind, node.dtype):
        return unknown(algebra, node, *xs)
    booleans = node.dtype.kind == "b" and kind in ON_BOOLEANS
    if booleans or kind in ELEMENTWISE:
        return each((ON_BOOLEANS if booleans else ELEMENTWISE)[kind], *xs)
    if kind in SHAPED and all(x.size for x in xs):
        return lifted(algebra, SHAPED[kind](node, *xs))
    if kind in PLAIN or kind.__module__ == shape.__name__:
        return lifted(algebra, op.forward(*xs))  # type: ignore[union-attr]
    return unknown(algebra, node, *xs)


def wraps(kind: type[Any], dtype: np.dtype[Any]) -> bool:
    """Whether an Op's result is no real number: a sum of booleans (which is "or"), or arithmetic of short integers."""
    return kind in ADDING if dtype.kind == "b" else dtype.kind in "iu" and dtype != np.int64 and kind in ARITHMETIC


def lifted(algebra: Algebra, form: Any) -> Form:
    """The array with plain numbers, such as sums of nothing, turned into polynomials."""
    return each(lambda p: p if isinstance(p, Polynomial) else algebra.number(p), np.asarray(form, object))


def each(function: Callable[..., Any], *forms: Form) -> Form:
    """The function applied to each element, with broadcasting."""
    result = np.empty(np.broadcast_shapes(*(x.shape for x in forms)), object)
    result[...] = np.frompyfunc(function, len(forms), 1)(*forms)
    return result


def along(function: Callable[[list[Polynomial]], Polynomial], x: Form, axes: tuple[int, ...], keepdims: bool) -> Form:
    """The function applied to each group of elements that a reduction turns into one."""
    rest = [a for a in range(x.ndim) if a not in axes]
    groups = x.transpose((*rest, *axes)).reshape((prod(x.shape[a] for a in rest), -1))
    return np.array([function(list(g)) for g in groups], object).reshape(reduce.reduced(x.shape, axes, keepdims))


def hot(ids: Form, depth: int) -> Form:
    """One-hot rows: ids (…) give (…, depth)."""
    return np.array([h for p in ids.flat for h in f.one_hot(p, depth)], object).reshape((*ids.shape, depth))


def unknown(algebra: Algebra, node: Tensor, *xs: Form) -> Form:
    """Atoms of a function of which nothing is known but its arguments."""
    signature = (node.op, tuple((x.shape, x.dtype) for x in node.inputs))
    arguments = [p for x in xs for p in x.flat]
    binary = node.dtype.kind == "b"
    atoms = [algebra.atom((*signature, p), *arguments, binary=binary) for p in np.ndindex(node.shape)]
    return np.array(atoms, object).reshape(node.shape)


def exp_sum(values: list[Polynomial]) -> Polynomial:
    """Σ eˣ."""
    return values[0].algebra.total(map(f.exp, values))


def softmax(x: Form, axis: int) -> Form:
    """eˣ / Σ eˣ along an axis."""
    return each(operator.mul, each(f.exp, x), each(f.inverse, along(exp_sum, x, (axis,), True)))


def log_sum(x: Form, axes: tuple[int, ...], keepdims: bool) -> Form:
    """log Σ eˣ over axes."""
    return each(f.log, along(exp_sum, x, axes, keepdims))


def gather(node: Tensor, x: Form, ids: Form) -> Any:
    """x[id] as Σᵥ [id = v] x[v]."""
    return (hot(ids, len(x)).reshape(ids.shape + (-1,) + (1,) * (x.ndim - 1)) * x).sum(axis=ids.ndim)


def scatter_add(node: Any, x: Form, ids: Form) -> Any:
    """For each row v, the sum of [id = v] x over all ids."""
    picked = np.moveaxis(hot(ids, node.op.rows), -1, 0)  # (rows, places)
    picked = picked.reshape(picked.shape + (1,) * (x.ndim - ids.ndim))
    return (picked * x).sum(axis=tuple(range(1, 1 + ids.ndim)))


def rows_picked(node: Any, x: Form, *ids: Form) -> Any:
    """An index array that picks whole rows, as gather; a constant negative id counts from the end."""
    if node.op.parts != (None, *((0, n, 1) for n in x.shape[1:])):
        return unknown(x.flat[0].algebra, node, x, *ids)
    return gather(node, x, each(lambda p: p + len(x) if (p.constant or 0) < 0 else p, *ids))


def cast(node: Any, x: Form) -> Form:
    """x itself if its value fits the dtype; [x ≠ 0] for booleans; unknown if it may not fit."""
    if node.dtype.kind == "b":
        return truth(node, x)
    fits = node.dtype.kind == "f" or np.can_cast(node.inputs[0].dtype, node.dtype)
    return x if fits else unknown(x.flat[0].algebra, node, x)


def truth(node: Any, x: Form) -> Form:
    """[x ≠ 0]."""
    return x if node.inputs[0].dtype.kind == "b" else each(lambda p: 1 - f.is_zero(p), x)


def power_of(node: Any, x: Form) -> Form:
    """Whole powers are products, half-integer powers are powers of the square root."""
    twice = 2 * node.op.exponent
    if twice != int(twice):
        return unknown(x.flat[0].algebra, node, x)
    return each(lambda p: f.power(f.sqrt(p), int(twice)) if twice % 2 else f.power(p, int(twice) // 2), x)


def clip(node: Any, x: Form) -> Form:
    """min(max(x, low), high)."""
    low, high = node.op.low, node.op.high
    x = x if low == -np.inf else each(f.maximum, x, 0 * x + low)
    return x if high == np.inf else each(f.minimum, x, 0 * x + high)


ELEMENTWISE: dict[Any, Callable[..., Polynomial]] = {
    elementwise.Divide: lambda a, b: a * f.inverse(b),
    elementwise.Sqrt: f.sqrt,
    elementwise.Exp: f.exp,
    elementwise.Log: f.log,
    elementwise.Log1p: lambda p: f.log(1 + p),
    elementwise.Abs: lambda p: p * (2 * f.is_positive(p) - 1),
    elementwise.Maximum: f.maximum,
    elementwise.Minimum: f.minimum,
    activation.Tanh: f.tanh,
    activation.Sigmoid: f.sigmoid,
    activation.Relu: lambda p: f.maximum(p, p * 0),
    activation.Softplus: lambda p: f.log(1 + f.exp(p)),
    loss.BinaryCrossEntropy: lambda p, t: f.log(1 + f.exp(p)) - p * t,
    logic.Equal: lambda a, b: f.is_zero(a - b),
    logic.NotEqual: lambda a, b: 1 - f.is_zero(a - b),
    logic.Greater: lambda a, b: f.is_positive(a - b),
    logic.GreaterEqual: lambda a, b: 1 - f.is_positive(b - a),
    logic.Less: lambda a, b: f.is_positive(b - a),
    logic.LessEqual: lambda a, b: 1 - f.is_positive(a - b),
    logic.Sign: lambda p: 2 * f.is_positive(p) + f.is_zero(p) - 1,
}

ON_BOOLEANS: dict[Any, Callable[..., Polynomial]] = {
    elementwise.Add: lambda a, b: a + b - a * b,
    elementwise.Multiply: operator.mul,
    logic.And: operator.mul,
    logic.Or: lambda a, b: a + b - a * b,
    logic.Xor: lambda a, b: a + b - 2 * a * b,
    logic.Invert: lambda a: 1 - a,
}

SHAPED: dict[Any, Callable[..., Any]] = {
    loss.Softmax: lambda node, x: softmax(x, node.op.axis),
    loss.LogSoftmax: lambda node, x: x - log_sum(x, (node.op.axis,), True),
    loss.CrossEntropy: lambda node, x, t: log_sum(x, (x.ndim - 1,), False) - (hot(t, x.shape[-1]) * x).sum(axis=-1),
    loss.CrossEntropyGrad: lambda node, x, t, g: (softmax(x, x.ndim - 1) - hot(t, x.shape[-1])) * g[..., None],
    reduce.LogSumExp: lambda node, x: log_sum(x, node.op.axes, node.op.keepdims),
    reduce.Max: lambda node, x: along(f.largest, x, node.op.axes, node.op.keepdims),
    reduce.Min: lambda node, x: -along(f.largest, -x, node.op.axes, node.op.keepdims),
    index.Gather: gather,
    index.ScatterAdd: scatter_add,
    index.OneHot: lambda node, ids: hot(ids, node.op.depth),
    index.Index: rows_picked,
    elementwise.PowerOf: power_of,
    elementwise.Where: lambda node, c, a, b: b + truth(node, c) * (a - b),
    activation.LeakyRelu: lambda node, x: node.op.slope * x + (1 - node.op.slope) * each(f.maximum, x, 0 * x),
    activation.Clip: clip,
    logic.Cast: cast,
}
