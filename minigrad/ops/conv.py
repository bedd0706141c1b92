"""Convolution and its two adjoints. Imports op.py and window.py.

The three are the derivatives of one trilinear form, Σ y · conv(x, w): each one's gradients are the other two, to every
order. Each is one product with the unfolded input, or of which the folded output is made, block by block so that it
stays in the cache.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.op import Array, Gradient, Op, Shape, Value, apply
from minigrad.ops.window import LAST, Pair, Place, blocks, empty, last, padded, reach, whole, windows

FEW = 8  # channels: with fewer, products are of whole columns of pixels


@dataclass(frozen=True)
class Convolution(Op):
    """An Op on two of pictures x (N, C, H, W), weights w (K, C, kh, kw) and results y (N, K, H', W')."""

    stride: Pair
    padding: Pair
    reads = "x"

    def result(self, x: Shape, w: Shape) -> Shape:
        """The shape of y; ValueError when x and w do not fit."""
        if len(x) != 4 or len(w) != 4 or x[1] != w[1]:
            raise ValueError(f"pictures (N, C, H, W) {x} need weights (K, C, kh, kw) of as many channels, not {w}")
        return x[0], w[0], *windows(x[2:], w[2:], self.stride, self.padding)

    def fitting(self, x: Shape, w: Shape, y: Shape) -> None:
        """ValueError unless y is the result."""
        if self.result(x, w) != y:
            raise ValueError(f"weights {w} over pictures {x} give {self.result(x, w)}, not {y}")

    def order(self, shape: Shape) -> Shape:
        """The axes of a result of this shape in the order in which they lie in memory."""
        return LAST

    def unfolded(self, x: Array, y: Array, kernel: Shape, at: Place) -> Iterator[tuple[Array, Array]]:
        """Blocks (n, h, W', K) of y, and what their windows see of x (N, H, W, C): rows (n · h · W', kh · kw · C)."""
        size = kernel[0] * kernel[1] * x.shape[3]
        for pictures, rows in blocks(at, y.shape[2] * size):
            part = y[pictures, rows]
            seen = self.seen(x[pictures], rows, (*part.shape[:3], *kernel, x.shape[3]))
            yield part, flattened(seen, size)

    def seen(self, x: Array, rows: slice, shape: Shape) -> Array:
        """The windows (n, h, W', kh, kw, C) of those rows, as a view of x (N, H, W, C) or of a padded part of it."""
        (down, across), (above, left) = self.stride, self.padding
        top, bottom = rows.start * down - above, (rows.stop - 1) * down - above + shape[3]
        near = x[:, max(top, 0) : max(bottom, 0)]
        near = padded(near, (max(-top, 0), left), (bottom - top, (shape[2] - 1) * across + shape[4]))
        n, h, w, c = near.strides
        return as_strided(near, shape, (n, h * down, w * across, h, w, c), writeable=False)


def flattened(seen: Array, size: int) -> Array:
    """Windows (n, h, w, kh, kw, C) as rows (n · h · w, size): copied, save for kernels of 1 × 1."""
    number = seen[..., 0, 0, 0].size
    if seen.shape[5] < FEW and size > seen.shape[5]:
        return np.ascontiguousarray(seen.transpose(3, 4, 5, 0, 1, 2)).reshape(size, number).T
    return seen.reshape(number, size)


def matrix(w: Array) -> Array:
    """Weights (K, C, kh, kw) as (K, kh · kw · C): a view if their memory is channels-last."""
    return last(w).reshape(len(w), w[0].size if len(w) else 0)


class Conv2d(Convolution):
    """y = x correlated with w, plus a bias (K,) where one is given."""

    def forward(self, x: Array, w: Array, *bias: Array) -> Array:
        """Rows of the unfolded x times w."""
        shape = self.shape(x.shape, w.shape, *(b.shape for b in bias))
        y = empty(x, shape, np.result_type(x, w, *bias), self.order(shape))
        self.into(y, whole(y.shape), x, w, *bias)
        return y

    def into(self, y: Array, at: Place, x: Array, w: Array, *bias: Array) -> None:
        """Writes some rows of the result."""
        columns = matrix(w).T
        for part, seen in self.unfolded(last(x), last(y), w.shape[2:], at):
            rows = part.reshape(-1, len(w))
            np.matmul(seen, columns, out=rows)
            for b in bias:
                rows += b
            if not np.may_share_memory(rows, part):
                part[...] = rows.reshape(part.shape)

    def shape(self, x: Shape, w: Shape, *bias: Shape) -> Shape:
        """(N, K, H', W')."""
        if any(b != w[:1] for b in bias):
            raise ValueError(f"weights {w} need a bias of {w[:1]}, not {bias[0]}")
        return self.result(x, w)

    def vjp(self, g: Value, y: Value, x: Value, w: Value, *bias: Value) -> tuple[Gradient, ...]:
        """gx = g spread by w, gw = x correlated with g, gb = Σ g."""
        gx = lambda: apply(ConvTranspose2d(self.stride, self.padding, x.shape[2:]), g, w)  # noqa: E731
        gw = lambda: apply(ConvWeight2d(self.stride, self.padding, w.shape[2:]), x, g)  # noqa: E731
        return gx, gw, *(lambda: g.sum(axis=(0, 2, 3)) for _ in bias)


@dataclass(frozen=True)
class ConvTranspose2d(Convolution):
    """x = y spread by w over pictures of `size`: each of y's elements adds its multiple of w. Adjoint of Conv2d in x.

    PyTorch's conv_transpose2d: w is (K, C, kh, kw), of y's K channels and the result's C.
    """

    size: Pair

    def forward(self, y: Array, w: Array) -> Array:
        """Rows of y times w, folded: the reverse of unfolding."""
        shape = self.shape(y.shape, w.shape)
        x = empty(y, shape, np.result_type(y, w), self.order(shape))
        self.into(x, whole(shape), y, w)
        return x

    def order(self, shape: Shape) -> Shape:
        """Few channels lie one after the other."""
        return LAST if shape[1] >= FEW else (0, 1, 2, 3)

    def into(self, x: Array, at: Place, y: Array, w: Array) -> None:
        """Writes some rows of the result."""
        if w.shape[2:] == self.stride == (1, 1) and self.padding == (0, 0):
            return Conv2d(self.stride, self.padding).into(x, at, y, w.swapaxes(0, 1))
        pictures, rows = at
        x, y = last(x), last(y)
        x[pictures, rows] = 0
        near = reach(rows, w.shape[2], self.stride[0], self.padding[0], slice(0, y.shape[1]))
        for n, part in blocks((pictures, near), y.shape[2] * w[0].size):
            spread = self.spread(y[n, part], w)
            for i, j in product(*map(range, w.shape[2:])):
                down, height = self.place(part, rows, i, 0)
                right, width = self.place(slice(0, y.shape[2]), slice(0, x.shape[2]), j, 1)
                x[n, height, width] += spread[i][j][:, down, right]
        return None

    def place(self, steps: slice, inside: slice, shift: int, axis: int) -> tuple[slice, slice]:
        """Along one axis, for a place in the kernel: which of those steps put it inside, from the first, and where."""
        stride, padding = self.stride[axis], self.padding[axis] - shift
        found = reach(inside, 1, stride, padding, steps)
        start, count = found.start * stride - padding, found.stop - found.start
        where = slice(start, start + count * stride, stride) if count else slice(0, 0)
        return slice(found.start - steps.start, found.stop - steps.start), where

    def spread(self, y: Array, w: Array) -> Array:
        """For each place of the kernel (kh, kw): y (n, h, W', K) times w there, (n, h, W', C)."""
        rows, (k, c, *kernel) = y.reshape(-1, y.shape[3]), w.shape
        if c < FEW:
            planes: Array = (matrix(w).T @ rows.T).reshape(*kernel, c, *y.shape[:3])
            return planes.transpose(0, 1, 3, 4, 5, 2)
        by_place: Array = np.matmul(rows, matrix(w).reshape(k, -1, c).transpose(1, 0, 2))
        return by_place.reshape(*kernel, *y.shape[:3], c)

    def shape(self, y: Shape, w: Shape) -> Shape:
        """(N, C, *size), if the convolution of that gives y."""
        x = (*y[:1], *w[1:2], *self.size)
        self.fitting(x, w, y)
        return x

    def vjp(self, g: Value, x: Value, y: Value, w: Value) -> tuple[Gradient, ...]:
        """gy = g correlated with w, gw = g correlated with y."""
        return (
            lambda: apply(Conv2d(self.stride, self.padding), g, w),
            lambda: apply(ConvWeight2d(self.stride, self.padding, w.shape[2:]), g, y),
        )


@dataclass(frozen=True)
class ConvWeight2d(Convolution):
    """w = x correlated with y, for a kernel of that size. Adjoint of Conv2d in w."""

    kernel: Pair

    def forward(self, x: Array, y: Array) -> Array:
        """Columns of y times rows of the unfolded x."""
        w = empty(x, self.shape(x.shape, y.shape), np.result_type(x, y), LAST)
        self.into(w, x, y)
        return w

    def into(self, w: Array, x: Array, y: Array) -> None:
        """Writes the result into memory that is channels-last."""
        total = matrix(w)
        total[...] = 0
        for part, seen in self.unfolded(last(x), last(y), self.kernel, whole(y.shape)):
            total += part.reshape(-1, len(w)).T @ seen

    def shape(self, x: Shape, y: Shape) -> Shape:
        """(K, C, kh, kw), if the convolution with that gives y."""
        w = (*y[1:2], *x[1:2], *self.kernel)
        self.fitting(x, w, y)
        return w

    def vjp(self, g: Value, w: Value, x: Value, y: Value) -> tuple[Gradient, ...]:
        """gx = y spread by g, gy = x correlated with g."""
        return (
            lambda: apply(ConvTranspose2d(self.stride, self.padding, x.shape[2:]), y, g),
            lambda: apply(Conv2d(self.stride, self.padding), x, g),
        )
