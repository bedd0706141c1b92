"""Convolution and its two adjoints. Imports op.py and window.py.

The three are the derivatives of one trilinear form, Σ y · conv(x, w): each one's gradients are the other two, to every
order. Each is one product with the unfolded input, which is made block by block so that it stays in the cache.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.op import Array, Gradient, Op, Shape, Value, apply
from minigrad.ops.window import Pair, blocks, first, last, padded, windows

FEW = 8  # channels; for fewer, the unfolded input is better copied one of its columns at a time


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

    def grown(self, size: Shape) -> Pair:
        """Height and width with the padding on both sides."""
        return size[0] + 2 * self.padding[0], size[1] + 2 * self.padding[1]

    def unfolded(self, x: Array, y: Array, kernel: Shape) -> Iterator[tuple[Array, Array]]:
        """Blocks of y (N, H', W', K) as rows (n, K), and what each row sees of x (N, C, H, W): (n, kh · kw · C)."""
        seen = self.seen(padded(last(x), self.padding, self.grown(x.shape[2:])), y.shape, kernel)
        size = kernel[0] * kernel[1] * x.shape[1]
        for at in blocks(len(y), y.shape[1], y.shape[2] * size):
            yield y[at].reshape(-1, y.shape[3]), flattened(seen[at], size)

    def seen(self, x: Array, y: Shape, kernel: Shape) -> Array:
        """The windows (N, H', W', kh, kw, C), as a view of a padded x (N, H, W, C)."""
        n, h, w, c = x.strides
        strides = (n, h * self.stride[0], w * self.stride[1], h, w, c)
        return as_strided(x, (*y[:3], *kernel, x.shape[3]), strides, writeable=False)


def flattened(seen: Array, size: int) -> Array:
    """Windows (n, h, w, kh, kw, C) as rows (n · h · w, size): copied, save for kernels of 1 × 1."""
    if seen.shape[5] < FEW and size > seen.shape[5]:
        return np.ascontiguousarray(seen.transpose(3, 4, 5, 0, 1, 2)).reshape(size, seen[..., 0, 0, 0].size).T
    return seen.reshape(seen[..., 0, 0, 0].size, size)


def matrix(w: Array) -> Array:
    """Weights (K, C, kh, kw) as (K, kh · kw · C): a view if their memory is channels-last."""
    return last(w).reshape(len(w), w[0].size if len(w) else 0)


class Conv2d(Convolution):
    """y = x correlated with w, plus a bias (K,) where one is given."""

    def forward(self, x: Array, w: Array, *bias: Array) -> Array:
        """Rows of the unfolded x times w."""
        n, k, height, width = self.shape(x.shape, w.shape, *(b.shape for b in bias))
        dtype = self.dtype(*(a.dtype for a in (x, w, *bias)))
        y = np.empty_like(x, shape=(n, height, width, k), dtype=dtype, order="C")
        columns = matrix(w).T
        for rows, seen in self.unfolded(x, y, w.shape[2:]):
            np.matmul(seen, columns, out=rows)
            for b in bias:
                rows += b
        return first(y)

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
        n, c, *_ = self.shape(y.shape, w.shape)
        height, width = self.grown(self.size)
        x = np.zeros_like(y, shape=(n, height, width, c), dtype=self.dtype(y.dtype, w.dtype), order="C")
        rows_of, (down, across) = matrix(w), self.stride
        for pictures, rows in blocks(n, y.shape[2], y.shape[3] * rows_of.shape[1]):
            part = last(y)[pictures, rows]
            spread = (part.reshape(-1, len(w)) @ rows_of).reshape(*part.shape[:3], *w.shape[2:], c)
            for i, j in product(*map(range, w.shape[2:])):
                top = rows.start * down + i
                place = x[pictures, top : top + part.shape[1] * down : down, j : j + part.shape[2] * across : across]
                place += spread[:, :, :, i, j]
        return first(x[:, self.padding[0] :, self.padding[1] :][:, : self.size[0], : self.size[1]])

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
        k, c, *_ = self.shape(x.shape, y.shape)
        w = np.zeros_like(x, shape=(k, *self.kernel, c), dtype=self.dtype(x.dtype, y.dtype), order="C")
        for rows, seen in self.unfolded(x, last(y), self.kernel):
            w += (rows.T @ seen).reshape(w.shape)
        return first(w)

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
