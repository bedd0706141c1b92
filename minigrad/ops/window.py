"""How a window moves over pictures (N, C, H, W): what convolution and pooling share. Imports op.py alone.

Memory is channels-last by strides: a result is an (N, H, W, C) array seen as (N, C, H, W). Elementwise Ops keep that
order, and the next convolution or pooling reads the picture as it lies.
"""

from collections.abc import Iterator
from itertools import product
from typing import TypeAlias

import numpy as np

from minigrad.op import Array, Shape

Pair: TypeAlias = tuple[int, int]
Place: TypeAlias = tuple[slice, slice, slice]
BLOCK = 1 << 18  # elements worked on at a time: 1 MiB of float32, a part of a second-level cache


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
        about = f"a kernel of {kernel} with stride {stride} and padding {padding}"
        raise ValueError(f"{about} needs pictures of at least {least}, not {tuple(size)}")
    return down, across


def steps(size: int, kernel: int, stride: int, padding: int, ceil_mode: bool) -> int:
    """The windows along one side."""
    room = size + 2 * padding - kernel
    if not ceil_mode or room < 0:
        return room // stride + 1
    return min(-(-room // stride), (size + padding - 1) // stride) + 1


def blocks(number: int, count: int, each: int) -> Iterator[tuple[slice, range]]:
    """Parts of N pictures with `count` rows of windows, `each` row needing so many elements: whole pictures or rows."""
    pictures = max(1, BLOCK // max(1, count * each))
    rows = count if pictures > 1 else max(1, BLOCK // max(1, each))
    for n in range(0, number, pictures):
        for row in range(0, count, rows):
            yield slice(n, n + pictures), range(row, min(row + rows, count))


def taps(
    size: Shape, rows: range, across: int, kernel: Shape, stride: Pair, padding: Pair
) -> Iterator[tuple[Pair, Place, Place]]:
    """For each place (i, j) in the window, row by row: the windows in which it is inside the picture, and where it is.

    Of windows in `rows`, counted from the first of them; both places index (N, H, W, C).
    """
    for i, j in product(*map(range, kernel)):
        down, height = reach(i - padding[0], rows, size[0], stride[0])
        right, width = reach(j - padding[1], range(across), size[1], stride[1])
        yield (i, j), (slice(None), down, right), (slice(None), height, width)


def reach(shift: int, steps: range, size: int, stride: int) -> tuple[slice, slice]:
    """Along one axis: the steps whose position `step · stride + shift` is inside, and those positions."""
    start = max(steps.start, -(shift // stride))
    stop = max(start, min(steps.stop, (size - 1 - shift) // stride + 1))
    return (
        slice(start - steps.start, stop - steps.start),
        slice(start * stride + shift, stop * stride + shift, stride),
    )
