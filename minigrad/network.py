"""Functions for networks on pictures: convolution, pooling, normalisation, dropout. Imports the Ops and Tensor.

Names, orders of arguments and defaults are PyTorch's. Pictures are (N, C, H, W); `kernel_size`, `stride` and `padding`
are numbers or pairs (down, across). All functions work on Tensors and on plain arrays.
"""

from collections.abc import Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np

from minigrad import functional as F
from minigrad.context import current
from minigrad.device import beside
from minigrad.errors import ShapeError, TraceError, UsageError
from minigrad.op import Array, Value, apply, as_value
from minigrad.ops.conv import Conv2d, ConvTranspose2d
from minigrad.ops.pool import AvgPool2d, MaxPool2d
from minigrad.ops.window import Pair
from minigrad.tensor import Tensor, raw

__all__ = [
    "adaptive_avg_pool2d", "avg_pool2d", "batch_norm", "conv2d", "conv_transpose2d", "dropout", "gram_matrix",
    "layer_norm", "linear", "max_pool2d",
]  # fmt: skip

Size: TypeAlias = int | Sequence[int]


def pair(name: str, size: Any, least: int = 0) -> Pair:
    """A whole number as a pair, or the pair itself; UsageError for anything else, or below `least`."""
    values = tuple(size) if isinstance(size, tuple | list) else (size, size)
    if len(values) != 2 or any(not isinstance(v, int | np.integer) or v < least for v in values):
        raise UsageError(f"{name} is {size!r}; it must be a whole number of at least {least}, or two of them")
    return int(values[0]), int(values[1])


def linear(x: Value, weight: Value, bias: Value | None = None) -> Value:
    """x weightᵀ + bias: x (..., I), weight (O, I), bias (O,) give (..., O)."""
    y = as_value(x) @ as_value(weight).swapaxes(-1, -2)
    return y if bias is None else y + bias


def conv2d(x: Value, weight: Value, bias: Value | None = None, stride: Size = 1, padding: Size = 0) -> Value:
    """Correlation: x (N, C, H, W), weight (K, C, kh, kw), bias (K,) give (N, K, H', W')."""
    op = Conv2d(pair("stride", stride, 1), pair("padding", padding))
    return apply(op, as_value(x), as_value(weight), *(() if bias is None else (as_value(bias),)))


def conv_transpose2d(
    x: Value, weight: Value, bias: Value | None = None, stride: Size = 1, padding: Size = 0, output_padding: Size = 0
) -> Value:
    """The adjoint of `conv2d`, as a layer: x (N, K, H, W), weight (K, C, kh, kw), bias (C,) give (N, C, H', W').

    H' = (H − 1) stride − 2 padding + kh + output_padding, with an output_padding below the stride.
    """
    x, weight = as_value(x), as_value(weight)
    strides, paddings = pair("stride", stride, 1), pair("padding", padding)
    extra = pair("output_padding", output_padding)
    if any(e >= s for e, s in zip(extra, strides, strict=True)):
        raise UsageError(f"output_padding {extra} must be below the stride {strides}")
    sides = zip(x.shape[2:], strides, paddings, weight.shape[2:], extra, strict=False)
    size = tuple((n - 1) * s - 2 * p + k + e for n, s, p, k, e in sides)
    if len(size) != 2 or min(size) < 1:
        raise ShapeError(f"conv_transpose2d of x {x.shape} and weight {weight.shape} would give pictures of {size}")
    y = apply(ConvTranspose2d(strides, paddings, (size[0], size[1])), x, weight)
    return y if bias is None else y + as_value(bias).reshape((1, -1, 1, 1))


def max_pool2d(
    x: Value, kernel_size: Size, stride: Size | None = None, padding: Size = 0, ceil_mode: bool = False
) -> Value:
    """The largest element of each window; the gradient goes to the first of several. `stride` is the kernel's size.

    With `ceil_mode` windows that begin inside the picture but reach over its edge count too.
    """
    kernel = pair("kernel_size", kernel_size, 1)
    strides = kernel if stride is None else pair("stride", stride, 1)
    return apply(MaxPool2d(kernel, strides, pair("padding", padding), bool(ceil_mode)), as_value(x))


def avg_pool2d(x: Value, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> Value:
    """The mean of each window, with padding counted as 0. `stride` is the kernel's size by default."""
    kernel = pair("kernel_size", kernel_size, 1)
    strides = kernel if stride is None else pair("stride", stride, 1)
    return apply(AvgPool2d(kernel, strides, pair("padding", padding)), as_value(x))


def adaptive_avg_pool2d(x: Value, output_size: Size) -> Value:
    """Means over `output_size` windows of nearly equal sizes that cover the picture; (1, 1) averages all of it."""
    x, size = as_value(x), pair("output_size", output_size, 1)
    if size == (1, 1):
        return F.mean(x, axis=(2, 3), keepdims=True)
    if x.shape[2:] == size:
        return x
    down, across = (beside(averaging_matrix(n, count, x.dtype), x) for n, count in zip(x.shape[2:], size, strict=True))
    return down @ x @ across.T


def averaging_matrix(size: int, count: int, dtype: Any) -> Array:
    """The matrix (count, size) whose row i averages from ⌊i · size / count⌋ to ⌈(i + 1) size / count⌉."""
    matrix = np.zeros((count, size), dtype)
    for i in range(count):
        start, stop = i * size // count, -(-(i + 1) * size // count)
        matrix[i, start:stop] = 1 / (stop - start)
    return matrix


def batch_norm(
    x: Value,
    running_mean: Value | None,
    running_var: Value | None,
    weight: Value | None = None,
    bias: Value | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Value:
    """(x − mean) / √(var + eps) · weight + bias for each channel of x (N, C) or (N, C, H, W).

    In training, mean and variance are those of the batch, and the running ones (C,) are moved towards them by
    `momentum`, in place (with the unbiased variance, as in PyTorch). Otherwise the running ones are used. A compiled
    function moves them at each call; a plain trace does not change them.
    """
    x = as_value(x)
    axes, number = (0, *range(2, x.ndim)), x.size // max(x.shape[1], 1) if x.ndim > 1 else 0
    if x.ndim not in (2, 4) or (training and number < 2):
        raise ShapeError(
            f"batch_norm takes (N, C) or (N, C, H, W), in training at least two values a channel, not {x.shape}"
        )
    each = (1, -1) if x.ndim == 2 else (1, -1, 1, 1)
    if not training and running_mean is not None and running_var is not None:
        scale = scaling(latest(running_var), eps, weight)
        shift = latest(running_mean) * scale if bias is None else latest(running_mean) * scale - bias
        return x * scale.reshape(each) - shift.reshape(each)
    mean = F.mean(x, axes)
    centred = x - mean.reshape(each)
    var = F.mean(centred * centred, axes)
    if training and running_mean is not None and running_var is not None:
        move_towards(running_mean, mean, momentum)
        move_towards(running_var, var * (number / (number - 1)), momentum)
    y = centred * scaling(var, eps, weight).reshape(each)
    return y if bias is None else y + as_value(bias).reshape(each)


def scaling(var: Value, eps: float, weight: Value | None) -> Value:
    """weight / √(var + eps)."""
    return (1 if weight is None else as_value(weight)) / F.sqrt(var + eps)


def move_towards(running: Value, value: Value, momentum: float) -> None:
    """Moves a running mean towards a new value."""
    before = latest(running)
    assign(running, before + momentum * (value - before))


def assign(target: Value, value: Value) -> None:
    """Changes a Tensor or array in place: a compiled function does so at each call, a plain trace not at all."""
    context = current.get()
    if not context.tracing:
        (target.changing() if isinstance(target, Tensor) else target)[...] = raw(value)
    elif context.noted is not None:
        context.noted.assigned[id(target)] = target, value


def latest(target: Value) -> Value:
    """The value of `target` at this point of the program: what was last assigned to it, even inside a trace."""
    noted = current.get().noted
    assigned = noted.assigned if noted is not None else {}
    return assigned[id(target)][1] if id(target) in assigned else as_value(target)


def layer_norm(
    x: Value,
    normalized_shape: Size,
    weight: Value | None = None,
    bias: Value | None = None,
    eps: float = 1e-5,
) -> Value:
    """(x − mean) / √(var + eps) · weight + bias over the last axes of x, which have `normalized_shape`."""
    x = as_value(x)
    sizes = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not prod(sizes) or x.shape[x.ndim - len(sizes) :] != sizes:
        raise ShapeError(f"layer_norm over {sizes} needs these as the last axes, not {x.shape}")
    axes = tuple(range(x.ndim - len(sizes), x.ndim))
    centred = x - F.mean(x, axes, keepdims=True)
    y = centred / F.sqrt(F.mean(centred * centred, axes, keepdims=True) + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def dropout(
    x: Value, p: float = 0.5, training: bool = True, rng: "np.random.Generator | None" = None, mask: Value | None = None
) -> Value:
    """x with each element set to 0 with probability p and the others divided by 1 − p; x itself outside training.

    `mask` (of x's shape) says which elements stay, or else `rng` draws it. A compiled function must get the mask as an
    argument, such as `rng.random(shape) >= p`: a mask drawn while tracing would stay the same for all calls.
    """
    if not 0 <= p < 1:
        raise UsageError(f"dropout with p = {p}: it must be at least 0 and below 1")
    if not training or p == 0:
        return x
    x = as_value(x)
    if mask is None:
        if current.get().tracing:
            raise TraceError("dropout inside a trace needs its mask as an argument: dropout(x, p, mask=mask)")
        if rng is None:
            raise UsageError("dropout needs a random generator or a mask: dropout(x, p, rng=np.random.default_rng(0))")
        mask = beside(rng.random(x.shape) >= p, x)
    return x * (as_value(mask).astype(x.dtype) * (1 / (1 - p)))


def gram_matrix(x: Value, normalize: bool = True) -> Value:
    """Products of all pairs of channels, summed over the picture: x (N, C, H, W) gives (N, C, C).

    With `normalize` divided by C · H · W.
    """
    x = as_value(x)
    n, c, h, w = x.shape
    rows = x.reshape((n, c, h * w))
    gram = rows @ rows.swapaxes(-1, -2)
    return gram / (c * h * w) if normalize else gram
