"""Pooling: the largest element or the mean of each window. Imports op.py and window.py.

The largest of a window is the largest of its rows' largest, so the work is done along one axis, then along the other.
Of equal largest elements the first of the window counts, row by row, as in PyTorch. What lies outside a picture is
never the largest, and counts as 0 in a mean.
"""

from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from minigrad.op import Array, FloatingDtype, Gradient, Op, SameDtype, Shape, Value, apply
from minigrad.ops.window import LAST, Pair, first, last, padded, strips, windows

DOWN, ACROSS = 1, 2  # the axes of (N, H, W, C) that a window covers


@dataclass(frozen=True)
class Pooling(Op):
    """An Op on windows of pictures x (N, C, H, W), each with one element of y (N, C, H', W')."""

    kernel: Pair
    stride: Pair
    padding: Pair

    def order(self, shape: Shape) -> Shape:
        """The axes of a result of this shape in the order in which they lie in memory."""
        return LAST

    def pooled(self, x: Shape, ceil_mode: bool = False) -> Shape:
        """The shape of y; ValueError when no window fits, or one could miss the picture."""
        if len(x) != 4 or any(2 * p > k for p, k in zip(self.padding, self.kernel, strict=True)):
            raise ValueError(f"pooling takes pictures (N, C, H, W), padded by at most half the kernel, not {x}")
        return *x[:2], *windows(x[2:], self.kernel, self.stride, self.padding, ceil_mode)

    def covered(self, y: Shape) -> Pair:
        """Height and width of what the windows of y (N, C, H', W') cover together."""
        down, across = ((n - 1) * s + k for n, s, k in zip(y[2:], self.stride, self.kernel, strict=True))
        return down, across

    def seen(self, x: Array, y: Shape, value: Any = 0) -> Array:
        """What the windows see of x (N, C, H, W): cut to size, `value` outside the picture, as (N, H, W, C)."""
        return padded(last(x), self.padding, self.covered(y), value)

    def strips(self, x: Array, axis: int) -> list[Array]:
        """x (N, H, W, C) at each place of the window along one axis."""
        return strips(x, axis, self.kernel[axis - 1], self.stride[axis - 1])

    def cropped(self, x: Array, size: Pair) -> Array:
        """What `seen` made of pictures of `size`, undone: (N, C, H, W), zeros where no window looked."""
        return first(padded(x[:, self.padding[0] :, self.padding[1] :], (0, 0), size))


@dataclass(frozen=True)
class MaxPooling(Pooling):
    """Pooling by the largest element; in `ceil_mode` the last window may reach over the edge.

    Derivatives of first order are linear in the cotangent, for x only says which element was the largest.
    """

    ceil_mode: bool
    reads = "x"

    def seen(self, x: Array, y: Shape, value: Any = None) -> Array:
        """The lowest number of all outside the picture."""
        return super().seen(x, y, np.iinfo(x.dtype).min if x.dtype.kind in "iu" else -np.inf)

    def fields(self) -> tuple[Pair, Pair, Pair, bool]:
        """For a sibling."""
        return self.kernel, self.stride, self.padding, self.ceil_mode

    def highest(self, x: Array, axis: int) -> list[Array]:
        """For each place in the window along one axis: the largest up to there."""
        found: list[Array] = []
        for here in self.strips(x, axis):
            found.append(np.maximum(found[-1], here) if found else here)
        return found


class MaxPool2d(MaxPooling):
    """y = the largest element of each window of x."""

    def forward(self, x: Array) -> Array:
        """Across, then down."""
        rows = self.highest(self.seen(x, self.shape(x.shape)), ACROSS)[-1]
        return first(np.ascontiguousarray(self.highest(rows, DOWN)[-1]))

    def shape(self, x: Shape) -> Shape:
        """(N, C, H', W')."""
        return self.pooled(x, self.ceil_mode)

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g at the largest elements."""
        return (apply(MaxPoolGrad(*self.fields()), x, g),)


class MaxPoolGrad(MaxPooling):
    """gx = each window's element of g added at its largest element of x. Adjoint of MaxPoolTake."""

    def forward(self, x: Array, g: Array) -> Array:
        """Down, then across: to the largest of each row of the window, then within the row."""
        seen = self.seen(x, self.shape(x.shape, g.shape) and g.shape)
        rows = self.given(self.highest(seen, ACROSS)[-1], last(g), DOWN)
        size: Any = x.shape[2:]
        return self.cropped(self.given(seen, rows, ACROSS), size)

    def given(self, x: Array, g: Array, axis: int) -> Array:
        """g added at the largest elements of windows along one axis: each takes g from those before it."""
        gx = np.zeros_like(x, dtype=g.dtype, order="C")
        highest, left = self.highest(x, axis), g
        places = [*zip(self.strips(x, axis), self.strips(gx, axis), strict=True)]
        for (here, there), before in zip(places[:0:-1], highest[-2::-1], strict=True):
            part = left * (here > before)
            there += part
            left = left - part
        places[0][1][...] += left
        return gx

    def shape(self, x: Shape, g: Shape) -> Shape:
        """That of x, if pooling gives g."""
        if self.pooled(x, self.ceil_mode) != g:
            raise ValueError(f"pooling {x} gives {self.pooled(x, self.ceil_mode)}, not {g}")
        return x

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """That of g."""
        return dtypes[1]

    def vjp(self, g: Value, y: Value, x: Value, _: Value) -> tuple[Gradient, ...]:
        """The cotangent of g, at the largest elements."""
        return None, apply(MaxPoolTake(*self.fields()), x, g)


class MaxPoolTake(MaxPooling):
    """y = u where x has the largest element of each window. Adjoint of MaxPoolGrad."""

    def forward(self, x: Array, u: Array) -> Array:
        """Across, then down."""
        y = self.shape(x.shape, u.shape)
        seen, taken = self.seen(x, y), Pooling.seen(self, u, y)
        rows = self.highest(seen, ACROSS)[-1]
        return first(self.taken(rows, self.taken(seen, taken, ACROSS), DOWN))

    def taken(self, x: Array, u: Array, axis: int) -> Array:
        """u at the largest elements of windows along one axis."""
        places = [*zip(self.strips(x, axis), self.strips(u, axis), strict=True)]
        y = np.array(places[0][1], order="C")
        for (here, there), before in zip(places[1:], self.highest(x, axis), strict=False):
            np.copyto(y, there, where=here > before)
        return y

    def shape(self, x: Shape, u: Shape) -> Shape:
        """(N, C, H', W')."""
        if x != u:
            raise ValueError(f"elements of {u} are taken where {x} is largest: the shapes differ")
        return self.pooled(x, self.ceil_mode)

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """That of u."""
        return dtypes[1]

    def vjp(self, g: Value, y: Value, x: Value, u: Value) -> tuple[Gradient, ...]:
        """gu = g at the largest elements."""
        return None, apply(MaxPoolGrad(*self.fields()), x, g)


class AvgPool2d(FloatingDtype, Pooling):
    """y = the mean of each window of x."""

    def forward(self, x: Array) -> Array:
        """Sums across, then down."""
        rows = reduce(np.add, self.strips(self.seen(x, self.shape(x.shape)), ACROSS))
        total = reduce(np.add, self.strips(rows, DOWN))
        return first(np.ascontiguousarray(total / (self.kernel[0] * self.kernel[1])))

    def shape(self, x: Shape) -> Shape:
        """(N, C, H', W')."""
        return self.pooled(x)

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g spread over the windows."""
        return (apply(AvgPoolGrad(self.kernel, self.stride, self.padding, x.shape[2:]), g),)


@dataclass(frozen=True)
class AvgPoolGrad(Pooling, SameDtype):
    """gx = each element of g spread evenly over its window of a picture of `size`. Adjoint of AvgPool2d."""

    size: Pair

    def forward(self, g: Array) -> Array:
        """Down, then across."""
        self.shape(g.shape)
        rows = self.spread(last(g) / (self.kernel[0] * self.kernel[1]), DOWN)
        return self.cropped(self.spread(rows, ACROSS), self.size)

    def spread(self, g: Array, axis: int) -> Array:
        """g added at every element of its window along one axis."""
        shape = [*g.shape]
        shape[axis] = (shape[axis] - 1) * self.stride[axis - 1] + self.kernel[axis - 1]
        gx = np.zeros_like(g, shape=shape, order="C")
        for place in self.strips(gx, axis):
            place += g
        return gx

    def shape(self, g: Shape) -> Shape:
        """Pictures of `size`, if pooling them gives g."""
        x = (*g[:2], *self.size)
        if self.pooled(x) != g:
            raise ValueError(f"pooling {x} gives {self.pooled(x)}, not {g}")
        return x

    def vjp(self, g: Value, y: Value, _: Value) -> tuple[Gradient, ...]:
        """The mean of each window."""
        return (apply(AvgPool2d(self.kernel, self.stride, self.padding), g),)
