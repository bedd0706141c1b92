"""Rules for convolution and pooling in JAX. Imports jax and the Ops."""

from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

PICTURES = ("NCHW", "OIHW", "NCHW")


def conv2d(op: Any, x: Any, w: Any, *bias: Any) -> Any:
    """A correlation, plus the bias."""
    padding = [(p, p) for p in op.padding]
    y = lax.conv_general_dilated(x, w, op.stride, padding, dimension_numbers=PICTURES)
    return y + bias[0][:, None, None] if bias else y


def conv_transpose2d(op: Any, y: Any, w: Any) -> Any:
    """y with zeros between its elements, correlated with the flipped kernel."""
    sizes = zip(op.size, y.shape[2:], w.shape[2:], op.stride, op.padding, strict=True)
    padding = [(k - 1 - p, size + p - 1 - (n - 1) * s) for size, n, k, s, p in sizes]
    turned = jnp.flip(w, (2, 3)).swapaxes(0, 1)
    return lax.conv_general_dilated(y, turned, (1, 1), padding, lhs_dilation=op.stride, dimension_numbers=PICTURES)


def conv_weight2d(op: Any, x: Any, y: Any) -> Any:
    """Channels as pictures and pictures as channels, y as a dilated kernel.

    What exceeds the kernel's size is cut off.
    """
    padding, (height, width) = [(p, p) for p in op.padding], op.kernel
    x, y = x.swapaxes(0, 1), y.swapaxes(0, 1)
    w = lax.conv_general_dilated(x, y, (1, 1), padding, rhs_dilation=op.stride, dimension_numbers=PICTURES)
    return w[:, :, :height, :width].swapaxes(0, 1)


def windows(op: Any, x: Any, outside: float, ceil_mode: bool = False) -> Any:
    """x (N, C, H, W) as what each window sees (N, C, H', W', kh · kw)."""
    n, c, down, across = op.pooled(x.shape, ceil_mode)
    places = []
    for count, kernel, stride, size, padding in zip(
        (down, across), op.kernel, op.stride, x.shape[2:], op.padding, strict=True
    ):
        place = np.arange(count)[:, None] * stride + np.arange(kernel)
        places.append((place, padding, max(0, int(place.max()) + 1 - size - padding)))
    (rows, *above_below), (columns, *left_right) = places
    widths = ((0, 0), (0, 0), above_below, left_right)
    padded = jnp.pad(x, widths, constant_values=jnp.asarray(outside, x.dtype))
    seen = padded[:, :, rows[:, None, :, None], columns[None, :, None, :]]
    return seen.reshape(n, c, down, across, prod(op.kernel))


def max_pool2d(op: Any, x: Any) -> Any:
    """The largest element of each window."""
    return windows(op, x, -np.inf, op.ceil_mode).max(axis=-1)


def max_pool_take(op: Any, x: Any, u: Any) -> Any:
    """u where x is largest in its window (the first of several)."""
    place = windows(op, x, -np.inf, op.ceil_mode).argmax(axis=-1)
    return jnp.take_along_axis(windows(op, u, 0, op.ceil_mode), place[..., None], axis=-1)[..., 0]


def max_pool_grad(op: Any, x: Any, g: Any) -> Any:
    """The adjoint of `max_pool_take` in u."""
    return jax.vjp(lambda u: max_pool_take(op, x, u), jnp.zeros(x.shape, g.dtype))[1](g)[0]


def avg_pool2d(op: Any, x: Any) -> Any:
    """The mean of each window."""
    return windows(op, x, 0).mean(axis=-1)


def avg_pool_grad(op: Any, g: Any) -> Any:
    """The adjoint of `avg_pool2d`."""
    return jax.vjp(lambda x: avg_pool2d(op, x), jnp.zeros((*g.shape[:2], *op.size), g.dtype))[1](g)[0]
