"""How a window moves over pictures (N, C, H, W): what convolution and pooling share. Imports op.py alone.

Memory is channels-last by strides: a result is an (N, H, W, C) array seen as (N, C, H, W). Elementwise Ops keep that
order, so the next convolution or pooling reads the picture as it lies. Work is done block by block, a few rows of
windows at a time, so that intermediate values stay in the cache. It is given as a list of NumPy calls bound to their
arrays, which a compiled program makes once and then only calls.
"""

from collections.abc import Callable, Generator, Iterator
from functools import partial
from itertools import pairwise
from math import prod
from typing import Any, TypeAlias

import numpy as np

from minigrad.op import Array, Op, Shape

Pair: TypeAlias = tuple[int, int]
Place: TypeAlias = tuple[slice, slice]  # pictures and rows
Needs: TypeAlias = tuple[slice | None, ...]  # rows of each operand; None for all there is
Call: TypeAlias = Callable[[], object]
Calls: TypeAlias = Iterator[Call]
Making: TypeAlias = Generator[Call, None, Array]  # calls, and the array that they fill
LAST: Shape = (0, 2, 3, 1)  # channels-last memory
ALIGNMENT = 64  # bytes
BLOCK = 1 << 18  # elements worked on at a time: a megabyte of float32, a second-level cache; larger means fewer calls


class Scratch:
    """Memory for intermediate values within one block of work; what does not fit is allocated, on the device of `like`.

    `one_thread` says whether BLAS has a single thread here, as in the workers of a compiled program.
    """

    def __init__(self, nbytes: int, like: Array | None = None) -> None:
        self._bytes = np.empty(nbytes, np.uint8)
        self._like, self.one_thread = self._bytes if like is None else like, like is None
        self.used = 0

    def __call__(self, shape: Shape, dtype: Any) -> Array:
        """An uninitialised array. Its memory is used again once `used` is set back."""
        start, size = -(-self.used // ALIGNMENT) * ALIGNMENT, prod(shape) * np.dtype(dtype).itemsize
        if start + size > len(self._bytes) or np.dtype(dtype).hasobject:
            return np.empty_like(self._like, shape=shape, dtype=dtype, order="C")
        self.used = start + size
        array: Array = self._bytes[start : self.used].view(dtype).reshape(shape)
        return array


class Windowed(Op):
    """An Op whose window moves by `stride` over pictures with `padding` around them."""

    stride: Pair
    padding: Pair

    def forward(self, *xs: Array) -> Array:
        """A new array, written block by block."""
        shape = self.shape(*(x.shape for x in xs))
        y = empty(xs[0], shape, self.dtype(*(x.dtype for x in xs)), self.order(shape))
        for call in self.calls(Scratch(0, xs[0]), y, *xs):
            call()
        return y

    def calls(self, scratch: Scratch, *arrays: Any) -> Calls:
        """`calls(scratch, y, *xs)`: the calls that write the result into y, whatever its strides."""
        raise NotImplementedError(f"{type(self).__name__}.calls")

    def order(self, shape: Shape) -> Shape:
        """The order in which the axes of a result of this shape lie in memory."""
        return LAST

    def of_rows(self, rows: slice, *shapes: Any) -> tuple["Windowed", Needs] | None:
        """An Op whose `calls` write only some rows of the result, and the rows of each operand that it reads.

        That Op's padding is what lies above and left of the rows it is given. None if rows cannot be computed
        separately.
        """
        return None

    def near(self, scratch: Scratch, x: Array, rows: slice, across: int, kernel: Shape, value: Any = 0) -> Making:
        """The part of x (N, H, W, C) that `across` windows in each of these rows see; `value` outside the picture."""
        top, size = self.top(rows), ((rows.stop - rows.start - 1) * self.stride[0] + kernel[0])
        width = (across - 1) * self.stride[1] + kernel[1]
        inside, (above, left) = x[:, max(top, 0) : max(top + size, 0)], (max(-top, 0), self.padding[1])
        if not (above or left) and size <= inside.shape[1] and width <= inside.shape[2]:
            return inside[:, :size, :width]
        near = scratch((len(x), size, width, x.shape[3]), x.dtype)
        place = near[:, above : above + inside.shape[1], left : left + inside.shape[2]]
        yield partial(near.fill, value)
        yield partial(np.copyto, place, inside[:, : place.shape[1], : place.shape[2]])
        return near

    def top(self, rows: slice) -> int:
        """The first row of a picture that is seen by the first of these rows of windows; negative in the padding."""
        return int(rows.start) * self.stride[0] - self.padding[0]

    def seen(self, rows: slice, kernel: int, height: int) -> tuple[slice, Pair]:
        """The rows of a picture that these rows of windows see, and the padding that is left around them."""
        top = self.top(rows)
        stop = min(height, top + (rows.stop - rows.start - 1) * self.stride[0] + kernel)
        start = max(0, top)
        return slice(start, max(start, stop)), (start - top, self.padding[1])

    def seeing(self, rows: slice, kernel: int, count: int) -> tuple[slice, Pair]:
        """The rows of windows that see any of these rows of a picture, and the padding that is left around them."""
        steps = reach(rows, kernel, self.stride[0], self.padding[0], slice(0, count))
        return steps, (rows.start - self.top(steps), self.padding[1])

    def place(self, steps: slice, size: int, shift: int, axis: int) -> tuple[slice, slice]:
        """Along one axis, for one place of the kernel: which steps of the window put it inside the picture, and where.

        Steps are counted from the first of `steps`.
        """
        stride, padding = self.stride[axis], self.padding[axis] - shift
        found = reach(slice(0, size), 1, stride, padding, steps)
        start, count = found.start * stride - padding, found.stop - found.start
        where = slice(start, start + count * stride, stride) if count else slice(0, 0)
        return slice(found.start - steps.start, found.stop - steps.start), where


def last(x: Array) -> Array:
    """A view of (N, C, H, W) as (N, H, W, C), channels last."""
    return x.transpose(0, 2, 3, 1)


def first(x: Array) -> Array:
    """A view of (N, H, W, C) as (N, C, H, W), channels first."""
    return x.transpose(0, 3, 1, 2)


def kept(g: Array, mask: Array, out: Array) -> Call:
    """out = g where the mask is set, else 0. By bits, for an infinite number times 0 would not be 0."""
    if g.dtype.kind in "cO" or g.itemsize > 8:  # there are no whole numbers of as many bits
        return lambda: np.copyto(out, np.where(mask, g, 0))
    bits = f"i{g.itemsize}"
    return partial(np.bitwise_and, g.view(bits), mask, out.view(bits))


def windows(size: Shape, kernel: Shape, stride: Pair, padding: Pair, ceil_mode: bool = False) -> Pair:
    """The number of windows, down and across, that fit into pictures of `size`; ValueError when none does.

    With `ceil_mode` the last window may reach beyond the padding, if it begins before.
    """
    sides = zip(size, kernel, stride, padding, strict=True)
    down, across = (steps(*side, ceil_mode) for side in sides)
    if down < 1 or across < 1:
        least = tuple(k - 2 * p for k, p in zip(kernel, padding, strict=True))
        about = f"a kernel of {tuple(kernel)} with stride {stride} and padding {padding}"
        raise ValueError(f"{about} needs pictures of at least {least}, not {tuple(size)}")
    return down, across


def steps(size: int, kernel: int, stride: int, padding: int, ceil_mode: bool) -> int:
    """The number of windows along one side."""
    room = size + 2 * padding - kernel
    if not ceil_mode or room < 0:
        return room // stride + 1
    return min(-(-room // stride), (size + padding - 1) // stride) + 1


def empty(like: Array, shape: Shape, dtype: Any, order: Shape) -> Array:
    """A new array (N, C, H, W) whose axes lie in memory in this order, of the array module of `like`."""
    y = np.empty_like(like, shape=tuple(shape[a] for a in order), dtype=dtype, order="C")
    return y.transpose(tuple(order.index(a) for a in range(4)))


def joins(x: Array, start: int, stop: int) -> bool:
    """Whether the axes from start to stop could be merged into one without a copy."""
    found = [(n, s) for n, s in zip(x.shape[start:stop], x.strides[start:stop], strict=True) if n != 1]
    return all(s == m * t for (_, s), (m, t) in pairwise(found))


def flat(scratch: Scratch, x: Array, lead: int) -> Making:
    """x as a matrix: its first `lead` axes merged, and the others; a copy only where a view is impossible."""
    shape = prod(x.shape[:lead]), prod(x.shape[lead:])
    if joins(x, 0, lead) and joins(x, lead, x.ndim):
        return x.reshape(shape)
    copy = scratch(shape, x.dtype)
    yield partial(np.copyto, copy.reshape(x.shape), x)
    return copy


def blocks(scratch: Scratch, y: Array, each: int, several: bool) -> Iterator[Place]:
    """Parts of y (N, H, W, C) to work on at a time: several pictures, or rows of one. A row needs `each` elements.

    If y is only some rows of each picture, pictures are taken one by one unless `several` at once are worth a copy. All
    scratch memory taken since the first block is free again in each block.
    """
    (number, count), mark = y.shape[:2], scratch.used
    pictures = max(1, BLOCK // max(1, count * each)) if several or joins(y, 0, 2) else 1
    height = count if pictures > 1 else max(1, BLOCK // max(1, each))
    for n in range(0, number, pictures):
        for row in range(0, count, max(1, height)):
            scratch.used = mark
            yield slice(n, min(n + pictures, number)), slice(row, min(row + height, count))


def reach(inside: slice, kernel: int, stride: int, padding: int, steps: slice) -> slice:
    """Along one axis: which of these steps of a window touch the positions `inside`."""
    start = max(steps.start, -((kernel - 1 - padding - inside.start) // stride))
    return slice(start, max(start, min(steps.stop, (inside.stop - 1 + padding) // stride + 1)))
