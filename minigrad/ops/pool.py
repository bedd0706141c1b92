"""Pooling: the largest element or the mean of each window. Imports op.py and window.py.

The largest of a window is the largest of its rows' largest, so the work is done along one axis, then along the other.
Of equal largest elements the first of the window counts, row by row, as in PyTorch. What lies outside a picture is
never the largest, and counts as 0 in a mean.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from math import prod
from typing import Any

import numpy as np

from minigrad.device import beside, elsewhere, module_of
from minigrad.op import Array, FloatingDtype, Gradient, SameDtype, Shape, Value, apply
from minigrad.ops.window import Call, Calls, Making, Needs, Pair, Place, Scratch, Windowed, blocks, flat, last, windows

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
        return blocks(scratch, y, prod(y.shape[2:]) * prod(self.stride) // 2, True)

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

    def added(self, gx: Array, part: Array, rows: slice, top: int) -> Calls:
        """What those rows of windows give to all that they see, `part`, to the elements from row `top` of gx on.

        The windows before have given to the rows that both see; other rows are new.
        """
        left, first, end = self.padding[1], max(0, -top), min(part.shape[1], gx.shape[1] - top)
        shared = min(end, max(first, self.kernel[0] - self.stride[0])) if rows.start else first
        part = part[:, :, left : left + gx.shape[2]]
        for start, stop, ufunc in ((first, shared, np.add), (shared, end, None)):
            given, place = part[:, start:stop], gx[:, top + start : top + stop, : part.shape[2]]
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

    def places(self, scratch: Scratch, x: Array, rows: int, across: int) -> Making:
        """Where the largest element of each of so many windows (n, rows, across, C) of x lies, counted through x.

        It is the largest of its row, in the row whose largest is the largest; first counted in pixels from the window's
        beginning, in a small type.
        """
        width = x.shape[2]
        far = np.arange(self.kernel[0] * width).astype(np.min_scalar_type(self.kernel[0] * width))
        strips = self.strips(self.phases(x, ACROSS), ACROSS, across)
        found = yield from first_of_largest(scratch, strips, far)
        highest, inner = (self.strips(self.phases(a, DOWN), DOWN, rows) for a in found)
        outer = [scratch(a.shape, a.dtype) for a in inner]
        yield from (partial(np.add, *given) for given in zip(inner, far[::width], outer, strict=True))
        _, pixels = yield from first_of_largest(scratch, highest, outer)
        places = scratch(pixels.shape, np.intp)
        yield partial(np.multiply, pixels, np.intp(x.shape[3]), places)
        yield partial(np.add, places, beside(beginnings(x.shape, self.stride, rows, across), x), places)
        return places


def first_of_largest(
    scratch: Scratch, strips: list[Array], codes: Array | list[Array]
) -> Generator[Call, None, tuple[Array, Array]]:
    """The largest of the strips, and the code of the first that has it, element by element. Later codes are larger."""
    shape, highest = strips[0].shape, strips[0]
    high, larger = scratch(shape, highest.dtype), scratch(shape, bool)
    code, found = scratch(shape, codes[0].dtype), scratch(shape, codes[0].dtype)
    yield partial(np.copyto, code, codes[0])
    for here, its_code in zip(strips[1:], codes[1:]):  # noqa: B905 (codes may be more)
        yield partial(np.greater, here, highest, larger)
        yield partial(np.maximum, highest, here, out=high)
        yield partial(np.multiply, larger.view(np.uint8), its_code, found)
        yield partial(np.maximum, code, found, out=code)
        highest = high
    return highest, code


@lru_cache(32)
def beginnings(x: Shape, stride: Pair, rows: int, across: int) -> Array:
    """Of so many windows (n, rows, across, C) of x (N, H, W, C): where they begin, counted through x."""
    begins: Array = np.arange(prod(x)).reshape(x)[:, :: stride[0], :: stride[1]][:, :rows, :across].copy()
    begins.flags.writeable = False
    return begins


class MaxPool2d(MaxPooling):
    """y = the largest element of each window of x."""

    def calls(self, scratch: Scratch, y: Array, x: Array) -> Calls:
        """Down, then across."""
        y, x = last(y), last(x)
        for pictures, rows in self.blocks(scratch, y):
            values = yield from self.values(scratch, x[pictures], rows, y.shape[2])
            for axis, count in ((DOWN, rows.stop - rows.start), (ACROSS, y.shape[2])):
                first, *others = self.strips(self.phases(values, axis), axis, count)
                highest = scratch(first.shape, x.dtype) if axis == DOWN else y[pictures, rows]
                yield partial(np.maximum, first, others[0] if others else first, out=highest)
                yield from (partial(np.maximum, highest, other, out=highest) for other in others[1:])
                values = highest

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
        """Added block by block to what the windows see."""
        gx, x, g = last(gx), last(x), last(g)
        yield partial(np.copyto, gx, 0)
        for pictures, rows in self.blocks(scratch, g):
            values = yield from self.values(scratch, x[pictures], rows, g.shape[2])
            places = yield from self.places(scratch, values, rows.stop - rows.start, g.shape[2])
            part = yield from flat(scratch, g[pictures, rows], 4)
            given = scratch(values.shape, g.dtype)
            yield partial(given.fill, 0)
            yield partial(module_of(g).add.at, given.reshape(-1), places.reshape(-1), part.reshape(-1))
            yield from self.added(gx[pictures], given, rows, self.top(rows) - self.skipped)

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
        """Looked up block by block in what the windows see."""
        y, x, u = last(y), last(x), last(u)
        for pictures, rows in self.blocks(scratch, y):
            values = yield from self.values(scratch, x[pictures], rows, y.shape[2])
            places = yield from self.places(scratch, values, rows.stop - rows.start, y.shape[2])
            seen = yield from self.near(scratch, u[pictures], rows, y.shape[2], self.kernel)
            taken, seen = scratch(places.shape, u.dtype), (yield from flat(scratch, seen, 4))
            options: dict[str, Any] = {} if elsewhere(seen) else {"mode": "clip"}  # for NumPy would copy the result
            yield partial(np.take, seen.reshape(-1), places, out=taken, **options)
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
            yield from self.added(gx[pictures], share, rows, self.top(rows))

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
