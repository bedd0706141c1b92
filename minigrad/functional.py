"""The functions of arrays that a user calls as `mg.exp`, `mg.concat`, … Imports the Ops; does not know Tensor.

Each works on Tensors and on plain arrays: given arrays, it computes and returns an array.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from minigrad.array_methods import Axis
from minigrad.device import beside
from minigrad.errors import ShapeError, UsageError
from minigrad.op import Value, apply, as_value
from minigrad.ops import activation, elementwise, index, linalg, logic, loss, reduce
from minigrad.ops import shape as shape_ops
from minigrad.ops.shape import axes_of, sizes_of

__all__ = [
    "abs", "broadcast_to", "clip", "concat", "cos", "cumsum", "einsum", "embedding", "exp", "expand_dims", "flip",
    "gather", "leaky_relu", "log", "log1p", "log_softmax", "logsumexp", "matmul", "max", "maximum", "mean", "min",
    "minimum", "norm", "one_hot", "pad", "prod", "relu", "roll", "sigmoid", "sign", "sin", "softmax", "softplus",
    "split", "sqrt", "square", "stack", "std", "sum", "take_along_axis", "tanh", "var", "where",
]  # fmt: skip


def exp(x: Value) -> Value:
    """eˣ."""
    return apply(elementwise.Exp(), x)


def log(x: Value) -> Value:
    """Natural logarithm."""
    return apply(elementwise.Log(), x)


def log1p(x: Value) -> Value:
    """log(1 + x), accurate near 0."""
    return apply(elementwise.Log1p(), x)


def sqrt(x: Value) -> Value:
    """√x; gradient 0 at 0."""
    return apply(elementwise.Sqrt(), x)


def square(x: Value) -> Value:
    """x²."""
    return apply(elementwise.Square(), x)


def sin(x: Value) -> Value:
    """Sine of radians."""
    return apply(elementwise.Sin(), x)


def cos(x: Value) -> Value:
    """Cosine of radians."""
    return apply(elementwise.Cos(), x)


def abs(x: Value) -> Value:
    """|x|; gradient 0 at 0."""
    return apply(elementwise.Abs(), x)


def sign(x: Value) -> Value:
    """−1, 0 or 1 for each element; without a gradient."""
    return apply(logic.Sign(), x)


def tanh(x: Value) -> Value:
    """Hyperbolic tangent."""
    return apply(activation.Tanh(), x)


def sigmoid(x: Value) -> Value:
    """1 / (1 + e⁻ˣ), stable at ±1000."""
    return apply(activation.Sigmoid(), x)


def relu(x: Value) -> Value:
    """max(x, 0); gradient 0 at 0."""
    return apply(activation.Relu(), x)


def leaky_relu(x: Value, negative_slope: float = 0.01) -> Value:
    """x where it is positive, elsewhere negative_slope · x."""
    return apply(activation.LeakyRelu(float(negative_slope)), x)


def softplus(x: Value) -> Value:
    """log(1 + eˣ), a smooth relu; stable at ±1000."""
    return apply(activation.Softplus(), x)


def maximum(a: Value, b: Value) -> Value:
    """The larger of a and b, element by element; where they are equal each gets half of the gradient."""
    return apply(elementwise.Maximum(), a, b)


def minimum(a: Value, b: Value) -> Value:
    """The smaller of a and b, element by element; where they are equal each gets half of the gradient."""
    return apply(elementwise.Minimum(), a, b)


def clip(x: Value, min: float | None = None, max: float | None = None) -> Value:
    """x limited to the range from min to max; the gradient is 1 inside and at the edges, 0 outside."""
    return apply(activation.clip_between(min, max), x)


def where(condition: Value, a: Value, b: Value) -> Value:
    """Elements of a where the condition holds, elsewhere those of b."""
    return apply(elementwise.Where(), condition, a, b)


def matmul(a: Value, b: Value) -> Value:
    """The matrix product a @ b, with the rules of numpy.matmul; two vectors of integers give the dtype of their sum."""
    return as_value(a) @ as_value(b)


def einsum(subscripts: str, *operands: Value) -> Value:
    """Einstein summation as in numpy.einsum, without ellipsis and without a letter twice in one term."""
    terms, out = linalg.parse_subscripts(subscripts, tuple(np.shape(x) for x in operands))
    return apply(linalg.Einsum(terms, out), *operands)


def sum(x: Value, axis: Axis = None, keepdims: bool = False) -> Value:
    """The sum over `axis`, by default over all axes."""
    return apply(reduce.Sum(axes_of(axis, x.ndim), keepdims), x)


def mean(x: Value, axis: Axis = None, keepdims: bool = False) -> Value:
    """The mean over `axis`; ShapeError for the mean of no elements."""
    return apply(reduce.Mean(axes_of(axis, x.ndim), keepdims), x)


def max(x: Value, axis: Axis = None, keepdims: bool = False) -> Value:
    """The largest element over `axis`; if there are several, they share the gradient equally."""
    return x.max(axis, keepdims=keepdims)


def min(x: Value, axis: Axis = None, keepdims: bool = False) -> Value:
    """The smallest element over `axis`; if there are several, they share the gradient equally."""
    return x.min(axis, keepdims=keepdims)


def prod(x: Value, axis: Axis = None, keepdims: bool = False) -> Value:
    """The product over `axis`."""
    return x.prod(axis, keepdims=keepdims)


def var(x: Value, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Value:
    """The variance over `axis`; the divisor is the number of elements less `ddof`, as in NumPy."""
    return x.var(axis, keepdims=keepdims, ddof=ddof)


def std(x: Value, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Value:
    """The standard deviation over `axis`; its gradient is 0 where it is 0."""
    return x.std(axis, keepdims=keepdims, ddof=ddof)


def cumsum(x: Value, axis: int | None = None) -> Value:
    """The running sum along one axis, or of the flattened array when `axis` is None."""
    return x.cumsum(axis)


def logsumexp(x: Value, axis: Axis = None, keepdims: bool = False) -> Value:
    """log Σ eˣ over `axis`, stable at any size."""
    return apply(reduce.LogSumExp(axes_of(axis, x.ndim), keepdims), x)


def norm(x: Value, axis: Axis = None, keepdims: bool = False) -> Value:
    """The Euclidean norm √Σ x² over `axis`; its gradient is 0 where it is 0."""
    return sqrt(sum(x * x, axis, keepdims))


def softmax(x: Value, axis: int = -1) -> Value:
    """eˣ / Σ eˣ along one axis."""
    return apply(loss.Softmax(axes_of(axis, x.ndim)[0]), x)


def log_softmax(x: Value, axis: int = -1) -> Value:
    """log softmax(x) along one axis."""
    return apply(loss.LogSoftmax(axes_of(axis, x.ndim)[0]), x)


def concat(tensors: Sequence[Value], axis: int = 0) -> Value:
    """The tensors one after another along an existing axis."""
    return joined(shape_ops.Concat, tensors, axis, 0)


def stack(tensors: Sequence[Value], axis: int = 0) -> Value:
    """Tensors of equal shapes side by side along a new axis."""
    return joined(shape_ops.Stack, tensors, axis, 1)


def joined(op: Any, tensors: Sequence[Value], axis: int, new_axes: int) -> Value:
    """A Concat (new_axes=0) or Stack (new_axes=1) of the tensors; `axis` counts in the result and may be negative."""
    if not len(tensors):
        raise UsageError("nothing to join: the sequence of tensors is empty")
    (positive,) = axes_of(axis, len(np.shape(tensors[0])) + new_axes)
    return apply(op(positive), *tensors)


def split(x: Value, sections: int | Sequence[int], axis: int = 0) -> list[Value]:
    """A list of slices of x, as numpy.split: `sections` equal parts, or parts that begin at the positions given."""
    (axis,) = axes_of(axis, x.ndim)
    size = x.shape[axis]
    if not np.iterable(sections):
        if sections < 1 or size % sections:
            raise ShapeError(f"cannot split axis {axis} of shape {x.shape} into {sections} equal parts")
        sections = range(size // sections, size, size // sections)
    before = (slice(None),) * axis
    return [x[(*before, slice(a, b))] for a, b in pairwise([0, *sections, size])]


def pad(x: Value, widths: Any, value: float = 0.0) -> Value:
    """x with a constant around it; `widths` as in numpy.pad: a number, (before, after), or one such pair an axis."""
    try:
        pairs = np.broadcast_to(np.asarray(widths, dtype=int), (x.ndim, 2))
    except ValueError:
        raise ShapeError(f"pad widths {widths} are no number, pair, or pair for each axis of shape {x.shape}") from None
    return apply(shape_ops.Pad(tuple((int(a), int(b)) for a, b in pairs), value), x)


def flip(x: Value, axis: Axis = None) -> Value:
    """The elements in reverse order along the axes, by default along all of them."""
    axes = axes_of(axis, x.ndim)
    return x[tuple(slice(None, None, -1 if i in axes else 1) for i in range(x.ndim))]


def roll(x: Value, shift: int | Sequence[int], axis: Axis = None) -> Value:
    """Elements shifted along an axis, those pushed out at one end coming in at the other, as in numpy.roll.

    Without an axis the flattened array is rolled. Several shifts and axes are applied one after another.
    """
    if axis is None:
        return roll(x.reshape(-1), shift, 0).reshape(x.shape)
    for steps, one_axis in np.broadcast(shift, axis):
        (along,) = axes_of(one_axis, x.ndim)
        head, tail = split(x, [-steps % (x.shape[along] or 1)], along)
        x = concat([tail, head], along)
    return x


def broadcast_to(x: Value, shape: int | Sequence[int]) -> Value:
    """x repeated along axes of size 1 and along new leading axes, to the shape given."""
    return apply(shape_ops.BroadcastTo(sizes_of(shape)), x)


def expand_dims(x: Value, axis: int | tuple[int, ...]) -> Value:
    """x with new axes of size 1, which stand at `axis` in the result."""
    ndim = x.ndim + np.size(axis)
    new, sizes = axes_of(axis, ndim), iter(x.shape)
    return x.reshape(tuple(1 if i in new else next(sizes) for i in range(ndim)))


def gather(table: Value, ids: Value) -> Value:
    """The rows table[ids]; ids may have any shape. An id outside [0, rows), negative ones included, is an error."""
    return apply(index.Gather(), table, as_value(ids))


def embedding(ids: Value, weight: Value) -> Value:
    """Word vectors: ids (...) and weight (V, W) give (..., W). The order of arguments is PyTorch's."""
    return gather(weight, ids)


def take_along_axis(x: Value, indices: Value, axis: int) -> Value:
    """Elements of x at the given indices along one axis, as numpy.take_along_axis; other axes are broadcast."""
    (axis,), indices = axes_of(axis, x.ndim), as_value(indices)
    if indices.ndim != x.ndim:
        raise ShapeError(f"take_along_axis needs as many dimensions in indices {indices.shape} as in {x.shape}")
    places: list[Value] = [beside(places, x) for places in np.ix_(*map(range, x.shape))]
    places[axis] = indices
    return x[tuple(places)]


def one_hot(ids: Value, depth: int, dtype: Any = float) -> Value:
    """ids (...) give (..., depth): 1 where the last index equals the id, else 0."""
    return apply(index.OneHot(depth, np.dtype(dtype).name), as_value(ids))
