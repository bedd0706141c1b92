"""Pooling: the largest element or the mean of each window. Imports op.py and window.py.

The maximum of a window is the maximum of its rows' maxima, so the work is done along one axis and then along the other.
Among equal elements the first of the window counts, row by row, as in PyTorch. Padding never is the maximum, not even
of the lowest numbers, and counts as 0 in a mean. If a window holds NaN, any element may count.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from math import prod
from typing import Any, TypeAlias

import numpy as np

from minigrad.op import Array, FloatingDtype, Gradient, SameDtype, Shape, Value, apply
from minigrad.ops.window import Call, Calls, Making, Needs, Pair, Place, Scratch, Windowed, blocks, kept, last, windows

Masks: TypeAlias = list[Array]  # for each place in a window, int8: all bits or none
Largest: TypeAlias = Generator[Call, None, tuple[Array, Masks]]
DOWN, ACROSS = 1, 2  # the axes of (N, H, W, C) that a window covers


@dataclass(frozen=True)
class Pooling(Windowed):
    """An Op on windows of pictures x (N, C, H, W), each giving one element of y (N, C, H', W')."""

    kernel: Pair
    stride: Pair
    padding: Pair

    def pooled(self, x: Shape, ceil_mode: bool = False) -> Shape:
        """The shape of y. Raises ValueError if no window fits, or if one could miss the picture."""
        if len(x) != 4 or any(2 * p > k for p, k in zip(self.padding, self.kernel, strict=True)):
            raise ValueError(f"pooling takes pictures (N, C, H, W), padded by at most half the kernel, not {x}")
        return *x[:2], *windows(x[2:], self.kernel, self.stride, self.padding, ceil_mode)

    def blocks(self, scratch: Scratch, y: Array) -> Iterator[Place]:
        """Parts of y (N, H', W', C), whose windows see a moderate number of elements each."""
        return blocks(scratch, y, prod(y.shape[2:]) * prod(self.stride) // 2, True)

    def phases(self, x: Array, axis: int) -> list[Array]:
        """Views of x (N, H, W, C), one for each offset from a window's beginning along an axis, up to the stride."""
        kernel, stride, before = self.kernel[axis - 1], self.stride[axis - 1], (slice(None),) * axis
        return [x[(*before, slice(i, None, stride))] for i in range(min(kernel, stride))]

    def strips(self, phases: list[Array], axis: int, count: int) -> list[Array]:
        """For each place in a window, the elements that `count` windows along an axis have there."""
        kernel, stride, before = self.kernel[axis - 1], self.stride[axis - 1], (slice(None),) * axis
        return [phases[i % stride][(*before, slice(i // stride, i // stride + count))] for i in range(kernel)]

    def spread(self, scratch: Scratch, g: Array, axis: int, out: Array, masks: Masks | None = None) -> Calls:
        """Writes each element of g to the places of its window along one axis of `out` that masks allow, else 0."""
        kernel, stride, count = self.kernel[axis - 1], self.stride[axis - 1], g.shape[axis]
        bare = slice(count * stride if kernel >= stride else 0, None)
        yield partial(np.copyto, out[(*(slice(None),) * axis, bare)], 0)
        share = scratch(g.shape, g.dtype) if masks and kernel > stride else g
        for i, place in enumerate(self.strips(self.phases(out, axis), axis, count)):
            if masks:
                yield kept(g, masks[i], place if i < stride else share)
            elif i < stride:
                yield partial(np.copyto, place, g)
            if i >= stride:
                yield partial(np.add, place, share, place)

    def spread_across(
        self, scratch: Scratch, g: Array, gx: Array, rows: slice, top: int, masks: Masks | None = None
    ) -> Calls:
        """Spreads rows of g (n, h, W', C), all that windows of these rows see, over gx from row `top` on.

        Rows that earlier windows also saw are added to; the other rows are new.
        """
        left, first, end = self.padding[1], max(0, -top), min(g.shape[1], gx.shape[1] - top)
        new = min(end, max(first, self.kernel[0] - self.stride[0])) if rows.start else first
        width = max(self.spanned(g, ACROSS), left + gx.shape[2])
        for start, stop in (span for span in ((first, new), (new, end)) if span[0] < span[1]):
            place, some = gx[:, top + start : top + stop], masks and [mask[:, start:stop] for mask in masks]
            straight = start == new and width == gx.shape[2]
            out = place if straight else scratch((*place.shape[:2], width, g.shape[3]), g.dtype)
            yield from self.spread(scratch, g[:, start:stop], ACROSS, out, some)
            if not straight:
                given = out[:, :, left : left + gx.shape[2]]
                yield partial(np.copyto, place, given) if start == new else partial(np.add, place, given, place)

    def spanned(self, g: Array, axis: int) -> int:
        """The extent along one axis that the windows of g (N, H', W', C) cover."""
        return max(0, (int(g.shape[axis]) - 1) * self.stride[axis - 1] + self.kernel[axis - 1])

    def unseen(self, gx: Array, g: Array, top: int) -> Calls:
        """Writes zeros into the rows of gx, from row `top` on, that no window of g sees (all, if there are gaps)."""
        gaps = self.kernel[0] < self.stride[0] or not g.shape[1]
        yield partial(np.copyto, gx[:, 0 if gaps else max(0, top + self.spanned(g, DOWN)) :], 0)

    def of_rows(self, rows: slice, *shapes: Shape) -> tuple[Windowed, Needs] | None:
        """The part of the work that reads only the rows its windows see."""
        near, padding = self.seen(rows, self.kernel[0], shapes[0][2])
        return replace(self, padding=padding), (near,) * len(shapes)


@dataclass(frozen=True)
class MaxPooling(Pooling):
    """Pooling by maximum. Its derivative is linear in the cotangent: x only tells which element is the maximum."""

    ceil_mode: bool  # whether the last window may reach over the edge
    reads = "x"

    def values(self, scratch: Scratch, x: Array, rows: slice, across: int) -> Making:
        """What windows see of x (N, H, W, C), with the lowest number in place of padding."""
        lowest = -np.inf if x.dtype.kind in "fc" else np.iinfo(x.dtype).min if x.dtype.kind == "i" else 0
        return self.near(scratch, x, rows, across, self.kernel, lowest)

    def fields(self) -> tuple[Pair, Pair, Pair, bool]:
        """The arguments that make another Op on the same windows."""
        return self.kernel, self.stride, self.padding, self.ceil_mode

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """The dtype of the array whose elements are taken or given at the maxima."""
        return dtypes[-1]

    def largest(self, scratch: Scratch, x: Array, axis: int, steps: slice) -> Largest:
        """The maxima of some windows along an axis of x, and for each place a mask of the maxima first found there."""
        highest, *others = self.strips(self.phases(x, axis), axis, steps.stop - steps.start)
        high, first = scratch(highest.shape, x.dtype), scratch(highest.shape, bool)
        masks = [scratch(highest.shape, bool) for _ in others]
        for place, (here, larger) in enumerate(zip(others, masks, strict=True), 1):
            yield partial(np.greater, here, highest, larger)
            yield from self.entered(larger, axis, place, steps)
            if axis == ACROSS or here is not others[-1]:  # the largest of all is not asked for
                yield partial(np.maximum, highest, here, out=high)
                highest = high
        yield partial(np.logical_not, masks[-1], first) if masks else partial(np.copyto, first, True)
        for larger in masks[-2::-1]:
            yield partial(np.logical_and, larger, first, larger)
            yield partial(np.greater, first, larger, first)
        masks = [mask.view(np.int8) for mask in (first, *masks)]
        yield from (partial(np.negative, mask, mask) for mask in masks)
        return highest, masks

    def entered(self, larger: Array, axis: int, place: int, steps: slice) -> Calls:
        """Marks the first element inside the picture as larger than the padding before it, for the window it is in."""
        step, rest = divmod(self.padding[axis - 1] - place, self.stride[axis - 1])
        if not rest and steps.start <= step < steps.stop:
            yield partial(larger[(*(slice(None),) * axis, step - steps.start)].fill, True)

    def where(self, scratch: Scratch, x: Array, rows: slice, across: int) -> Generator[Call, None, tuple[Masks, Masks]]:
        """For a block of windows of x, masks of the column of each row's maximum and of the row of the overall one."""
        values = yield from self.values(scratch, x, rows, across)
        highest, columns = yield from self.largest(scratch, values, ACROSS, slice(0, across))
        return columns, (yield from self.largest(scratch, highest, DOWN, rows))[1]


class MaxPool2d(MaxPooling):
    """y = the largest element of each window of x."""

    def calls(self, scratch: Scratch, y: Array, x: Array) -> Calls:
        """Maxima down the columns, then across."""
        y, x = last(y), last(x)
        for pictures, rows in self.blocks(scratch, y):
            values = yield from self.values(scratch, x[pictures], rows, y.shape[2])
            for axis, count in ((DOWN, rows.stop - rows.start), (ACROSS, y.shape[2])):
                values, *others = self.strips(self.phases(values, axis), axis, count)
                highest = scratch(values.shape, x.dtype) if axis == DOWN else y[pictures, rows]
                for other in others or [values]:
                    yield partial(np.maximum, values, other, out=highest)
                    values = highest

    def shape(self, x: Shape) -> Shape:
        """(N, C, H', W')."""
        return self.pooled(x, self.ceil_mode)

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g at the maxima."""
        return (apply(MaxPoolGrad(*self.fields()), x, g),)


@dataclass(frozen=True)
class MaxPoolGrad(MaxPooling):
    """gx = each window's element of g, added at the maximum of the window in x. The adjoint of MaxPoolTake.

    When the work is divided, the first `skipped` rows of x are read but do not belong to the part's result.
    """

    skipped: int = field(default=0, repr=False)

    def calls(self, scratch: Scratch, gx: Array, x: Array, g: Array) -> Calls:
        """Down, then across, block by block."""
        gx, x, g = last(gx), last(x), last(g)
        yield from self.unseen(gx, g, -self.padding[0] - self.skipped)
        for pictures, rows in self.blocks(scratch, g):
            columns, down = yield from self.where(scratch, x[pictures], rows, g.shape[2])
            spread = scratch(columns[0].shape, g.dtype)
            yield from self.spread(scratch, g[pictures, rows], DOWN, spread, down)
            yield from self.spread_across(scratch, spread, gx[pictures], rows, self.top(rows) - self.skipped, columns)

    def of_rows(self, rows: slice, *shapes: Shape) -> tuple[Windowed, Needs] | None:
        """The part of the work for some rows: the windows that see them, and all that these windows see."""
        steps, _ = self.seeing(rows, self.kernel[0], shapes[1][2])
        if steps.start == steps.stop or self.top(steps) > rows.start:
            return None
        near, padding = self.seen(steps, self.kernel[0], shapes[0][2])
        near = slice(near.start, max(near.stop, rows.stop))
        return replace(self, padding=padding, skipped=rows.start - near.start), (near, steps)

    def shape(self, x: Shape, g: Shape) -> Shape:
        """The shape of x, provided that pooling it gives the shape of g."""
        if self.pooled(x, self.ceil_mode) != g:
            raise ValueError(f"pooling {x} gives {self.pooled(x, self.ceil_mode)}, not {g}")
        return x

    def vjp(self, g: Value, y: Value, x: Value, _: Value) -> tuple[Gradient, ...]:
        """The cotangent of g, taken at the maxima."""
        return None, apply(MaxPoolTake(*self.fields()), x, g)


class MaxPoolTake(MaxPooling):
    """y = u at the maximum of each window of x. The adjoint of MaxPoolGrad."""

    def calls(self, scratch: Scratch, y: Array, x: Array, u: Array) -> Calls:
        """What the masks leave of what the windows see: across, then down, block by block."""
        y, x, u = last(y), last(x), last(u)
        for pictures, rows in self.blocks(scratch, y):
            masks = yield from self.where(scratch, x[pictures], rows, y.shape[2])
            taken = yield from self.near(scratch, u[pictures], rows, y.shape[2], self.kernel)
            for axis, allowed in zip((ACROSS, DOWN), masks, strict=True):
                strips = self.strips(self.phases(taken, axis), axis, allowed[0].shape[axis])
                taken, share = (scratch(strips[0].shape, u.dtype) for _ in range(2))
                yield partial(taken.fill, 0)
                for strip, mask in zip(strips, allowed, strict=True):
                    yield from (kept(strip, mask, share), partial(np.add, taken, share, taken))
            yield partial(np.copyto, y[pictures, rows], taken)

    def shape(self, x: Shape, u: Shape) -> Shape:
        """(N, C, H', W')."""
        if x != u:
            raise ValueError(f"elements of {u} are taken where {x} is largest: the shapes differ")
        return self.pooled(x, self.ceil_mode)

    def vjp(self, g: Value, y: Value, x: Value, u: Value) -> tuple[Gradient, ...]:
        """gu = g at the maxima."""
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
    """gx = each element of g spread evenly over its window of a picture of `size`. The adjoint of AvgPool2d."""

    size: Pair

    def calls(self, scratch: Scratch, gx: Array, g: Array) -> Calls:
        """Down, then across."""
        gx, g = last(gx), last(g)
        yield from self.unseen(gx, g, -self.padding[0])
        for pictures, rows in self.blocks(scratch, g):
            share = scratch(g[pictures, rows].shape, g.dtype)
            yield partial(np.divide, g[pictures, rows], prod(self.kernel), share)
            spread = scratch((len(share), self.spanned(share, DOWN), *share.shape[2:]), g.dtype)
            yield from self.spread(scratch, share, DOWN, spread)
            yield from self.spread_across(scratch, spread, gx[pictures], rows, self.top(rows))

    def of_rows(self, rows: slice, *shapes: Shape) -> tuple[Windowed, Needs] | None:
        """The part of the work for some rows, from the windows that see them."""
        steps, padding = self.seeing(rows, self.kernel[0], shapes[0][2])
        return replace(self, padding=padding), (steps,)

    def shape(self, g: Shape) -> Shape:
        """The shape of pictures of `size`, provided that pooling them gives the shape of g."""
        x = (*g[:2], *self.size)
        if self.pooled(x) != g:
            raise ValueError(f"pooling {x} gives {self.pooled(x)}, not {g}")
        return x

    def vjp(self, g: Value, y: Value, _: Value) -> tuple[Gradient, ...]:
        """The mean of each window of the cotangent."""
        return (apply(AvgPool2d(self.kernel, self.stride, self.padding), g),)
