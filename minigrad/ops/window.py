"""How a window moves over pictures (N, C, H, W): what convolution and pooling share. Imports op.py alone.

Memory is channels-last by strides: a result is an (N, H, W, C) array seen as (N, C, H, W). Elementwise Ops keep that
order, and the next convolution or pooling reads the picture as it lies.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from minigrad.op import Array, Shape

Pair: TypeAlias = tuple[int, int]
Place: TypeAlias = tuple[slice, slice]  # pictures and rows
LAST: Shape = (0, 2, 3, 1)  # channels-last memory
BLOCK = 1 << 16  # elements worked on at a time: 256 KiB of float32, a part of a second-level cache


def last(x: Array) -> Array:
    """(N, C, H, W) seen as (N, H, W, C)."""
    return x.transpose(0, 2, 3, 1)


def first(x: Array) -> Array:
    """(N, H, W, C) seen as (N, C, H, W)."""
    return x.transpose(0, 3, 1, 2)


def windows(size: Shape, kernel: Shape, stride: Pair, padding: Pair, ceil_mode: bool = False) -> Pair:
    """How many windows fit into pictures of `size`, down and across; ValueError when none does.

    With `ceil_mode` the last may reach beyond the padding, if it begins before.
    """
    sides = zip(size, kernel, stride, padding, strict=True)
    down, across = (steps(*side, ceil_mode) for side in sides)
    if down < 1 or across < 1:
        least = tuple(k - 2 * p for k, p in zip(kernel, padding, strict=True))
        about = f"a kernel of {tuple(kernel)} with stride {stride} and padding {padding}"
        raise ValueError(f"{about} needs pictures of at least {least}, not {tuple(size)}")
    return down, across


def steps(size: int, kernel: int, stride: int, padding: int, ceil_mode: bool) -> int:
    """The windows along one side."""
    room = size + 2 * padding - kernel
    if not ceil_mode or room < 0:
        return room // stride + 1
    return min(-(-room // stride), (size + padding - 1) // stride) + 1


def padded(x: Array, before: Pair, size: Pair, value: Any = 0) -> Array:
    """x (N, H, W, C) in a picture of `size` filled with `value`, so many rows and columns from its corner.

    What does not fit is cut off; x itself where nothing is to be added.
    """
    (top, left), (height, width) = before, size
    if not (top or left) and height <= x.shape[1] and width <= x.shape[2]:
        return x[:, :height, :width]
    y = np.full_like(x, value, shape=(len(x), height, width, x.shape[3]), order="C")
    middle = y[:, top : top + x.shape[1], left : left + x.shape[2]]
    middle[...] = x[:, : middle.shape[1], : middle.shape[2]]
    return y


def strips(x: Array, axis: int, kernel: int, stride: int) -> list[Array]:
    """For each place in a window that moves along one axis of x: what the windows see there, as views."""
    before = (slice(None),) * axis
    end = x.shape[axis] - kernel + 1
    return [x[(*before, slice(i, i + end, stride))] for i in range(kernel)]


def empty(like: Array, shape: Shape, dtype: Any, order: Shape) -> Array:
    """A new array (N, C, H, W) whose axes lie in memory in that order, of the same module as `like`."""
    y = np.empty_like(like, shape=tuple(shape[a] for a in order), dtype=dtype, order="C")
    return y.transpose(tuple(order.index(a) for a in range(4)))


def whole(shape: Shape) -> Place:
    """All rows of all pictures (N, C, H, W)."""
    return slice(0, shape[0]), slice(0, shape[2])


def blocks(at: Place, each: int) -> Iterator[Place]:
    """Parts of some rows of some pictures, when a row needs so many elements: whole pictures, or rows of one."""
    pictures, rows = at
    count = rows.stop - rows.start
    number = max(1, BLOCK // max(1, count * each))
    height = count if number > 1 else max(1, BLOCK // max(1, each))
    for n in range(pictures.start, pictures.stop, number):
        for row in range(rows.start, rows.stop, max(1, height)):
            yield slice(n, min(n + number, pictures.stop)), slice(row, min(row + height, rows.stop))


def reach(inside: slice, kernel: int, stride: int, padding: int, steps: slice) -> slice:
    """Along one axis: which of those steps of a window touch positions `inside`."""
    start = max(steps.start, -((kernel - 1 - padding - inside.start) // stride))
    return slice(start, max(start, min(steps.stop, (inside.stop - 1 + padding) // stride + 1)))
