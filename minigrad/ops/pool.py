"""Pooling: the largest element or the mean of each window. Imports op.py and window.py.

Of equal largest elements the first of the window counts, row by row, as in PyTorch. What lies outside a picture is
never the largest, and counts as 0 in a mean.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.op import Array, Gradient, Op, Shape, Value, apply, floating
from minigrad.ops.window import Pair, Place, blocks, first, last, taps, windows


@dataclass(frozen=True)
class Pooling(Op):
    """An Op on windows of pictures x (N, C, H, W), each with one element of y (N, C, H', W')."""

    kernel: Pair
    stride: Pair
    padding: Pair

    def pooled(self, x: Shape, ceil_mode: bool = False) -> Shape:
        """The shape of y; ValueError when no window fits, or one could miss the picture."""
        if len(x) != 4 or any(2 * p > k for p, k in zip(self.padding, self.kernel, strict=True)):
            raise ValueError(f"pooling takes pictures (N, C, H, W), padded by at most half the kernel, not {x}")
        return *x[:2], *windows(x[2:], self.kernel, self.stride, self.padding, ceil_mode)

    def seen(self, xs: tuple[Array, ...], ys: tuple[Array, ...]) -> Iterator[tuple[tuple[Array, ...], ...]]:
        """Like-shaped pictures and like-shaped results side by side: the parts of the one that the windows of the
        other see at each place of the kernel, row by row, a block of windows after the other."""
        xs, ys = tuple(map(last, xs)), tuple(map(last, ys))
        number, count, across, channels = ys[0].shape
        for pictures, rows in blocks(number, count, across * channels * self.stride[0] * self.stride[1]):
            near = [y[pictures, rows.start : rows.stop] for y in ys]
            for _, window, place in taps(xs[0].shape[1:3], rows, across, self.kernel, self.stride, self.padding):
                yield tuple(x[pictures][place] for x in xs), tuple(y[window] for y in near)


@dataclass(frozen=True)
class MaxPooling(Pooling):
    """Pooling by the largest element; in `ceil_mode` the last window may reach over the edge."""

    ceil_mode: bool

    def winners(self, xs: tuple[Array, ...], ys: tuple[Array, ...]) -> Iterator[tuple[Array, Array, Array]]:
        """Parts of xs[1] and of ys[1] that face each other, and where xs[0] has the largest element, ys[0]."""
        free = first(np.ones_like(last(ys[0]), dtype=bool, order="C"))  # windows whose largest is still to be met
        for (x, other), (y, result, open_) in self.seen(xs, (*ys, free)):
            hit = x == y
            hit &= open_
            open_ ^= hit
            yield other, result, hit


class MaxPool2d(MaxPooling):
    """y = the largest element of each window of x."""

    reads = "xy"

    def forward(self, x: Array) -> Array:
        """One maximum for each place in the kernel."""
        n, c, h, w = self.shape(x.shape)
        lowest = np.iinfo(x.dtype).min if x.dtype.kind in "iu" else -np.inf
        y = np.full_like(x, lowest, shape=(n, h, w, c), order="C")
        for (here,), (largest,) in self.seen((x,), (first(y),)):
            np.maximum(largest, here, out=largest)
        return first(y)

    def shape(self, x: Shape) -> Shape:
        """(N, C, H', W')."""
        return self.pooled(x, self.ceil_mode)

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g at the largest elements."""
        return (apply(MaxPoolPut(*self.fields()), x, y, g),)
