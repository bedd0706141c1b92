"""Convolution and its two adjoints. Imports op.py and window.py.

The three are the derivatives of one trilinear form, Σ y · conv(x, w), so the gradients of each are the other two, to
every order. Each is a matrix product: with the unfolded input (im2col: a row for each window), or giving rows that are
folded (added up) into the result. Work is done block by block, so that what is unfolded stays in the cache.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from math import prod

import numpy as np

from minigrad.blas import RUN, multiplied, run_of_rows
from minigrad.device import module_of
from minigrad.op import Array, Gradient, Shape, Value, apply
from minigrad.ops.window import (
    Call,
    Calls,
    Making,
    Needs,
    Pair,
    Place,
    Scratch,
    Windowed,
    blocks,
    flat,
    joins,
    last,
    windows,
)

FEW = 8  # channels; with fewer, unfolded pictures lie column by column, for longer runs of memory


@dataclass(frozen=True)
class Convolution(Windowed):
    """An Op on two of these: pictures x (N, C, H, W), weights w (K, C, kh, kw) and results y (N, K, H', W')."""

    stride: Pair
    padding: Pair
    reads = "x"

    def result(self, x: Shape, w: Shape) -> Shape:
        """The shape of y; ValueError when x and w do not fit together."""
        if len(x) != 4 or len(w) != 4 or x[1] != w[1]:
            raise ValueError(f"pictures (N, C, H, W) {x} need weights (K, C, kh, kw) of as many channels, not {w}")
        return x[0], w[0], *windows(x[2:], w[2:], self.stride, self.padding)

    def fitting(self, x: Shape, w: Shape, y: Shape) -> None:
        """ValueError unless y is the shape of the result for x and w."""
        if self.result(x, w) != y:
            raise ValueError(f"weights {w} over pictures {x} give {self.result(x, w)}, not {y}")

    def unfolded(self, scratch: Scratch, x: Array, rows: slice, shape: Shape, kernel: Shape) -> Making:
        """What windows (n, h, W') of these rows see of x (N, H, W, C), one row each: (n · h · W', kh · kw · C)."""
        near = yield from self.near(scratch, x, rows, shape[2], kernel)
        n, h, w, c = near.strides
        strides = (n, h * self.stride[0], w * self.stride[1], h, w, c)
        seen = module_of(near).lib.stride_tricks.as_strided(near, (*shape, *kernel, x.shape[3]), strides)
        if x.shape[3] >= FEW:
            return (yield from flat(scratch, seen, 3))
        return (yield from flat(scratch, seen.transpose(3, 4, 5, 0, 1, 2), 3)).T


def products(scratch: Scratch, a: Array, b: Array, y: Array) -> Calls:
    """Calls for y = a @ b, cut into pieces where BLAS has one thread; elsewhere BLAS shares the whole among its own."""
    yield from multiplied(a, b, y) if scratch.one_thread else [partial(np.matmul, a, b, y)]


def added(pixels: Array, biases: Array) -> Call:
    """A call that adds biases (W', K), each channel's bias repeated for a row of pixels, to pixels (…, K) in place."""
    lines = pixels.reshape(*pixels.shape[:-2], pixels.shape[-2] // len(biases), biases.size)
    return partial(np.add, lines, biases.reshape(-1), lines)


class Conv2d(Convolution):
    """y = the cross-correlation of x with w, plus a bias (K,) if one is given."""

    def calls(self, scratch: Scratch, y: Array, x: Array, w: Array, *bias: Array) -> Calls:
        """Multiplies rows of the unfolded x with w; for a kernel of one pixel, rows of x itself.

        A bias is added where the result lies in one piece of memory; where y does not (it may be part of a
        concatenation), the result is computed elsewhere and copied.
        """
        columns = yield from self.columns(scratch, w)
        x, y = last(x), last(y)
        biases = [scratch((y.shape[2], len(w)), b.dtype) for b in bias]
        yield from (partial(np.copyto, row, b) for row, b in zip(biases, bias, strict=True))
        unpadded = x.shape[:3] == y.shape[:3]  # rows that all lie in the padding are of no padding themselves
        bare = w.shape[2:] == self.stride == (1, 1) and unpadded and joins(x, 1, 3) and joins(y, 1, 3)
        start, stop = int(bare), 4 if bias else 3
        for pictures, rows in self.parts(scratch, x, w, y, bare, joins(y, start, stop)):
            part = y[pictures, rows]
            if bare:
                joined = joins(x[pictures, rows], 0, 3) and joins(part, 0, 3)
                lead = (prod(part.shape[:3]),) if joined else (len(part), prod(part.shape[1:3]))
                seen = x[pictures, rows].reshape(*lead, x.shape[3])
            else:
                seen = yield from self.unfolded(scratch, x[pictures], rows, part.shape[:3], w.shape[2:])
            shape, straight = (*seen.shape[:-1], len(w)), joins(part, start, stop)
            out = part.reshape(shape) if straight else scratch(shape, y.dtype)
            yield from products(scratch, seen, columns, out)
            yield from (added(out, row) for row in biases)
            if not straight:
                yield partial(np.copyto, part, out.reshape(part.shape))

    def parts(self, scratch: Scratch, x: Array, w: Array, y: Array, bare: bool, straight: bool) -> Iterator[Place]:
        """Blocks of the result; all of it in one block where nothing has to be unfolded or copied."""
        if bare:
            return blocks(scratch, y, 0 if straight else prod(y.shape[2:]), True)
        copied = len(w) + x.shape[3] * (w.shape[2:] == (1, 1))
        return blocks(scratch, y, y.shape[2] * prod(w.shape[1:]), prod(y.shape[1:]) * copied < w.size * len(w))

    def columns(self, scratch: Scratch, w: Array) -> Making:
        """The weights as a matrix (kh · kw · C, K), copied to lie row by row where small products read it."""
        columns = (yield from flat(scratch, last(w), 1)).T
        if columns.flags.c_contiguous or not scratch.one_thread or run_of_rows(columns) < RUN:
            return columns
        copy = scratch(columns.shape, w.dtype)
        yield partial(np.copyto, copy, columns)
        return copy

    def of_rows(self, rows: slice, x: Shape, w: Shape, *bias: Shape) -> tuple[Windowed, Needs]:
        """Some rows of the result, from the rows of x that their windows see."""
        near, padding = self.seen(rows, w[2], x[2])
        return replace(self, padding=padding), (near, None, *(None for _ in bias))

    def shape(self, x: Shape, w: Shape, *bias: Shape) -> Shape:
        """(N, K, H', W')."""
        if any(b != w[:1] for b in bias):
            raise ValueError(f"weights {w} need a bias of {w[:1]}, not {bias[0]}")
        return self.result(x, w)

    def vjp(self, g: Value, y: Value, x: Value, w: Value, *bias: Value) -> tuple[Gradient, ...]:
        """gx = g spread by w (transposed convolution), gw = x correlated with g, gb = the sum of g."""
        gx = lambda: apply(ConvTranspose2d(self.stride, self.padding, x.shape[2:]), g, w)  # noqa: E731
        gw = lambda: apply(ConvWeight2d(self.stride, self.padding, w.shape[2:]), x, g)  # noqa: E731
        return gx, gw, *(lambda: g.sum(axis=(0, 2, 3)) for _ in bias)


@dataclass(frozen=True)
class ConvTranspose2d(Convolution):
    """x = y spread by w over pictures of `size`: each element of y adds its multiple of w. Adjoint of Conv2d in x.

    As PyTorch's conv_transpose2d: w is (K, C, kh, kw) with the K channels of y and the C of the result.
    """

    size: Pair

    def order(self, shape: Shape) -> Shape:
        """With few channels, each channel lies in one piece; otherwise channels-last."""
        return super().order(shape) if shape[1] >= FEW else (0, 1, 2, 3)

    def calls(self, scratch: Scratch, x: Array, y: Array, w: Array) -> Calls:
        """Multiplies rows of y with w and folds the products: the reverse of unfolding."""
        if w.shape[2:] == self.stride == (1, 1) and self.padding == (0, 0):
            yield from Conv2d(self.stride, self.padding).calls(scratch, x, y, w.swapaxes(0, 1))
            return
        x, y = last(x), last(y)
        yield partial(np.copyto, x, 0)
        rows_of = yield from flat(scratch, last(w), 1)
        across = slice(0, y.shape[2])
        for n, part in blocks(scratch, y, y.shape[2] * rows_of.shape[1], True):
            spread = yield from self.spread(scratch, y[n, part], rows_of, w.shape)
            for i, j in product(*map(range, w.shape[2:])):
                rows, height = self.place(part, x.shape[1], i, 0)
                columns, width = self.place(across, x.shape[2], j, 1)
                place = x[n, height, width]
                yield partial(np.add, place, spread[i, j][:, rows, columns], place)

    def spread(self, scratch: Scratch, y: Array, rows_of: Array, w: Shape) -> Making:
        """For each place (i, j) of the kernel, y (n, h, W', K) times w there: (kh, kw, n, h, W', C)."""
        k, c, *kernel = w
        number, places = prod(y.shape[:3]), prod(kernel)
        rows = yield from flat(scratch, y, 3)
        dtype = np.result_type(y, rows_of)
        if c < FEW:
            planes = scratch((places * c, number), dtype)
            yield from products(scratch, rows, rows_of, planes.T)
            return planes.reshape(*kernel, c, *y.shape[:3]).transpose(0, 1, 3, 4, 5, 2)
        by_place = scratch((places, number, c), dtype)
        yield from products(scratch, rows, rows_of.reshape(k, places, c).transpose(1, 0, 2), by_place)
        return by_place.reshape(*kernel, *y.shape[:3], c)

    def of_rows(self, rows: slice, y: Shape, w: Shape) -> tuple[Windowed, Needs]:
        """Some rows of the result, from the rows of y that reach them."""
        near, padding = self.seeing(rows, w[2], y[2])
        return replace(self, padding=padding), (near, None)

    def shape(self, y: Shape, w: Shape) -> Shape:
        """(N, C, *size); ValueError unless the convolution of such pictures has y's shape."""
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
    """w = x correlated with y, for kernels of this size. Adjoint of Conv2d in w."""

    kernel: Pair

    def calls(self, scratch: Scratch, w: Array, x: Array, y: Array) -> Calls:
        """Multiplies columns of y with rows of the unfolded x, and adds up the blocks."""
        x, y, shape = last(x), last(y), (len(w), prod(w.shape[1:]))
        total, term = scratch(shape, w.dtype), scratch(shape, w.dtype)
        yield partial(total.fill, 0)
        for pictures, rows in blocks(scratch, y, y.shape[2] * sum(shape), True):
            part = y[pictures, rows]
            seen = yield from self.unfolded(scratch, x[pictures], rows, part.shape[:3], self.kernel)
            known = yield from flat(scratch, part, 3)
            yield partial(np.matmul, known.T, seen, term)
            yield partial(np.add, total, term, total)
        yield partial(np.copyto, last(w), total.reshape(last(w).shape))

    def shape(self, x: Shape, y: Shape) -> Shape:
        """(K, C, kh, kw); ValueError unless the convolution with such weights has y's shape."""
        w = (*y[1:2], *x[1:2], *self.kernel)
        self.fitting(x, w, y)
        return w

    def vjp(self, g: Value, w: Value, x: Value, y: Value) -> tuple[Gradient, ...]:
        """gx = y spread by g, gy = x correlated with g."""
        return (
            lambda: apply(ConvTranspose2d(self.stride, self.padding, x.shape[2:]), y, g),
            lambda: apply(Conv2d(self.stride, self.padding), x, g),
        )
