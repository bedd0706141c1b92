"""Pooling: the largest element or the mean of each window. Imports op.py and window.py.

The largest of a window is the largest of its rows' largest, so the work is done along one axis, then along the other.
Of equal largest elements the first of the window counts, row by row, as in PyTorch. What lies outside a picture is
never the largest, and counts as 0 in a mean.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from math import prod
from typing import Any

import numpy as np

from minigrad.op import Array, FloatingDtype, Gradient, SameDtype, Shape, Value, apply
from minigrad.ops.window import Call, Calls, Making, Needs, Pair, Place, Scratch, Windowed, blocks, last, windows

DOWN, ACROSS = 1, 2  # the axes of (N, H, W, C) that a window covers


@dataclass(frozen=True)
class Pooling(Windowed):
    """An Op on windows of pictures x (N, C, H, W), each with one element of y (N, C, H', W')."""

    kernel: Pair
    stride: Pair
    padding: Pair

    def pooled(self, x: Shape, ceil_mode: bool = False) -> Shape:
        """The shape of y; ValueError when no window fits, or one could miss the picture."""
        if len(x) != 4 or any(2 * p > k for p, k in zip(self.padding, self.kernel, strict=True)):
            raise ValueError(f"pooling takes pictures (N, C, H, W), padded by at most half the kernel, not {x}")
        return *x[:2], *windows(x[2:], self.kernel, self.stride, self.padding, ceil_mode)

    def blocks(self, scratch: Scratch, y: Array) -> Iterator[Place]:
        """Parts of y (N, H', W', C) of which the windows see a moderate number of elements."""
        return blocks(scratch, y, prod(y.shape[2:]) * prod(self.stride), True)

    def phases(self, x: Array, axis: int) -> list[Array]:
        """x (N, H, W, C) by the distance from a window's beginning along one axis, up to its stride: views."""
        kernel, stride, before = self.kernel[axis - 1], self.stride[axis - 1], (slice(None),) * axis
        return [x[(*before, slice(i, None, stride))] for i in range(min(kernel, stride))]

    def strips(self, phases: list[Array], axis: int, count: int) -> list[Array]:
        """What `count` windows along one axis see at each of their places."""
        stride, before = self.stride[axis - 1], (slice(None),) * axis
        places = (divmod(i, stride) for i in range(self.kernel[axis - 1]))
        return [phases[phase][(*before, slice(start, start + count))] for start, phase in places]

    def spanned(self, g: Array, axis: int) -> Shape:
        """The shape that the windows of g (N, H', W', C) cover along one axis."""
        size = (g.shape[axis] - 1) * self.stride[axis - 1] + self.kernel[axis - 1]
        return *g.shape[:axis], size, *g.shape[axis + 1 :]

    def added(self, gx: Array, phases: list[Array], rows: slice, top: int) -> Calls:
        """What those rows of windows give to the elements that they cover, from row `top` of gx (N, H, W, C) on.

        The windows before have given to the rows that both cover; other rows are new.
        """
        for i, part in enumerate(phases):
            columns, width = self.place(slice(0, part.shape[2]), gx.shape[2], i, 1)
            first, end = max(0, -top), min(part.shape[1], gx.shape[1] - top)
            shared = min(end, max(first, self.kernel[0] - self.stride[0])) if rows.start else first
            for start, stop, ufunc in ((first, shared, np.add), (shared, end, None)):
                given, place = part[:, start:stop, columns], gx[:, top + start : top + stop, width]
                yield partial(np.add, place, given, place) if ufunc else partial(np.copyto, place, given)

    def of_rows(self, rows: slice, *shapes: Shape) -> tuple[Windowed, Needs] | None:
        """From the rows that their windows see."""
        near, padding = self.seen(rows, self.kernel[0], shapes[0][2])
        return replace(self, padding=padding), (near,) * len(shapes)


@dataclass(frozen=True)
class MaxPooling(Pooling):
    """Pooling by the largest element; in `ceil_mode` the last window may reach over the edge.

    Derivatives of first order are linear in the cotangent, for x only says which element was the largest.
    """

    ceil_mode: bool
    reads = "x"

    def values(self, scratch: Scratch, x: Array, rows: slice, across: int) -> Making:
        """What windows see of x (N, H, W, C); the lowest number of all outside."""
        lowest = np.iinfo(x.dtype).min if x.dtype.kind in "iu" else -np.inf
        return self.near(scratch, x, rows, across, self.kernel, lowest)

    def fields(self) -> tuple[Pair, Pair, Pair, bool]:
        """For a sibling."""
        return self.kernel, self.stride, self.padding, self.ceil_mode

    def highest(self, scratch: Scratch, strips: list[Array]) -> Generator[Call, None, list[Array]]:
        """For each place in the window along one axis: the largest up to there."""
        found = strips[:1]
        for here in strips[1:]:
            found.append(scratch(here.shape, here.dtype))
            yield partial(np.maximum, found[-2], here, out=found[-1])
        return found


class MaxPool2d(MaxPooling):
    """y = the largest element of each window of x."""

    def calls(self, scratch: Scratch, y: Array, x: Array) -> Calls:
        """Across, then down."""
        y, x = last(y), last(x)
        for pictures, rows in self.blocks(scratch, y):
            values = yield from self.values(scratch, x[pictures], rows, y.shape[2])
            for axis, count in ((ACROSS, y.shape[2]), (DOWN, rows.stop - rows.start)):
                *_, values = yield from self.highest(scratch, self.strips(self.phases(values, axis), axis, count))
            yield partial(np.copyto, y[pictures, rows], values)

    def shape(self, x: Shape) -> Shape:
        """(N, C, H', W')."""
        return self.pooled(x, self.ceil_mode)

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g at the largest elements."""
        return (apply(MaxPoolGrad(*self.fields()), x, g),)


@dataclass(frozen=True)
class MaxPoolGrad(MaxPooling):
    """gx = each window's element of g added at its largest element of x. Adjoint of MaxPoolTake.

    In a part of the work the first `skipped` rows of x are read, but are none of the result's.
    """

    skipped: int = field(default=0, repr=False)

    def calls(self, scratch: Scratch, gx: Array, x: Array, g: Array) -> Calls:
        """Down, then across: to the largest of each row of the window, then within the row."""
        gx, x, g = last(gx), last(x), last(g)
        yield partial(np.copyto, gx, 0)
        for pictures, rows in self.blocks(scratch, g):
            values = yield from self.values(scratch, x[pictures], rows, g.shape[2])
            phases = yield from self.apart(scratch, values)
            across = self.strips(phases, ACROSS, g.shape[2])
            by_column = yield from self.highest(scratch, across)
            down = self.strips(self.phases(by_column[-1], DOWN), DOWN, rows.stop - rows.start)
            by_row = yield from self.highest(scratch, down)
            given = scratch(by_column[-1].shape, g.dtype)
            if self.stride[0] > self.kernel[0]:
                yield partial(given.fill, 0)
            yield from self.given(scratch, down, by_row, g[pictures, rows], self.phases(given, DOWN), DOWN)
            to = [scratch(phase.shape, g.dtype) for phase in phases]
            yield from self.given(scratch, across, by_column, given, to, ACROSS)
            yield from self.added(gx[pictures], to, rows, self.top(rows) - self.skipped)

    def apart(self, scratch: Scratch, x: Array) -> Generator[Call, None, list[Array]]:
        """The phases of x across, copied so that each lies in one piece."""
        phases = self.phases(x, ACROSS)
        copies = [scratch(phase.shape, x.dtype) for phase in phases]
        yield from (partial(np.copyto, copy, phase) for copy, phase in zip(copies, phases, strict=True))
        return copies

    def given(
        self, scratch: Scratch, x: list[Array], highest: list[Array], g: Array, to: list[Array], axis: int
    ) -> Calls:
        """g put `to` phases at the largest elements of windows along one axis: each takes g from those before it."""
        larger, part, left = scratch(g.shape, bool), scratch(g.shape, g.dtype), scratch(g.shape, g.dtype)
        before, stride, touched = (slice(None),) * axis, self.stride[axis - 1], set[int]()
        for i, place in reversed([*enumerate(self.strips(to, axis, g.shape[axis]))]):
            start, phase = divmod(i, stride)
            new = phase not in touched
            if new:
                touched.add(phase)
                yield partial(np.copyto, to[phase][(*before, slice(0, start))], 0)
            if i:
                yield partial(np.greater, x[i], highest[i - 1], larger)
                yield partial(np.multiply, g, larger, place if new else part)
                yield partial(np.subtract, g, place if new else part, left)
            if not (new and i):
                source = part if i else g
                yield partial(np.copyto, place, source) if new else partial(np.add, place, source, place)
            g = left

    def of_rows(self, rows: slice, *shapes: Shape) -> tuple[Windowed, Needs] | None:
        """From windows that see them, and all that these windows see."""
        (_, _, height, _), g = shapes
        steps, _ = self.seeing(rows, self.kernel[0], g[2])
        if steps.start == steps.stop or self.top(steps) > rows.start:
            return None
        near, padding = self.seen(steps, self.kernel[0], height)
        near = slice(near.start, max(near.stop, rows.stop))
        return replace(self, padding=padding, skipped=rows.start - near.start), (near, steps)

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

    def calls(self, scratch: Scratch, y: Array, x: Array, u: Array) -> Calls:
        """Across, then down."""
        y, x, u = last(y), last(x), last(u)
        for pictures, rows in self.blocks(scratch, y):
            values = yield from self.values(scratch, x[pictures], rows, y.shape[2])
            taken = yield from self.near(scratch, u[pictures], rows, y.shape[2], self.kernel)
            for axis, count in ((ACROSS, y.shape[2]), (DOWN, rows.stop - rows.start)):
                strips = self.strips(self.phases(values, axis), axis, count)
                highest = yield from self.highest(scratch, strips)
                values, (first, *others) = highest[-1], self.strips(self.phases(taken, axis), axis, count)
                taken, larger = scratch(first.shape, u.dtype), scratch(first.shape, bool)
                yield partial(np.copyto, taken, first)
                for here, there, before in zip(strips[1:], others, highest[:-1], strict=True):
                    yield partial(np.greater, here, before, larger)
                    yield partial(np.copyto, taken, there, where=larger)
            yield partial(np.copyto, y[pictures, rows], taken)

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

    def calls(self, scratch: Scratch, y: Array, x: Array) -> Calls:
        """Sums across, then down."""
        y, x = last(y), last(x)
        for pictures, rows in self.blocks(scratch, y):
            values = yield from self.near(scratch, x[pictures], rows, y.shape[2], self.kernel)
            for axis, count in ((ACROSS, y.shape[2]), (DOWN, rows.stop - rows.start)):
                first, *others = self.strips(self.phases(values, axis), axis, count)
                values = scratch(first.shape, y.dtype)
                yield partial(np.copyto, values, first)
                yield from (partial(np.add, values, other, values) for other in others)
            yield partial(np.divide, values, prod(self.kernel), y[pictures, rows])

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

    def calls(self, scratch: Scratch, gx: Array, g: Array) -> Calls:
        """Down, then across."""
        gx, g = last(gx), last(g)
        yield partial(np.copyto, gx, 0)
        for pictures, rows in self.blocks(scratch, g):
            share = scratch(g[pictures, rows].shape, g.dtype)
            yield partial(np.divide, g[pictures, rows], prod(self.kernel), share)
            for axis in (DOWN, ACROSS):
                spread = scratch(self.spanned(share, axis), g.dtype)
                yield partial(spread.fill, 0)
                places = self.strips(self.phases(spread, axis), axis, share.shape[axis])
                yield from (partial(np.add, place, share, place) for place in places)
                share = spread
            yield from self.added(gx[pictures], self.phases(share, ACROSS), rows, self.top(rows))

    def of_rows(self, rows: slice, *shapes: Shape) -> tuple[Windowed, Needs] | None:
        """From windows that see them."""
        steps, padding = self.seeing(rows, self.kernel[0], shapes[0][2])
        return replace(self, padding=padding), (steps,)

    def shape(self, g: Shape) -> Shape:
        """Pictures of `size`, if pooling them gives g."""
        x = (*g[:2], *self.size)
        if self.pooled(x) != g:
            raise ValueError(f"pooling {x} gives {self.pooled(x)}, not {g}")
        return x

    def vjp(self, g: Value, y: Value, _: Value) -> tuple[Gradient, ...]:
        """The mean of each window."""
        return (apply(AvgPool2d(self.kernel, self.stride, self.padding), g),)
