"""Products in pieces that the BLAS behind NumPy multiplies quickly. Imports NumPy alone.

A BLAS copies the operands of a product into an order of its own before it multiplies (Goto and van de Geijn, Anatomy of
high-performance matrix multiplication, 2008); for few rows or few columns that takes longer than multiplying. For
processors with AVX-512, OpenBLAS has kernels that read the operands of a small product where they lie. There a product
is a stack of small ones, of windows of the same memory: one call.
"""

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import numpy as np

ARCHITECTURES = {"SkylakeX", "Cooperlake", "SapphireRapids"}
"""OpenBLAS's names of the kernels that have small ones."""
SMALL = 10**6
"""Multiplications in a product that these take."""
TURNED = 1200
"""Elements of the result that they take where the second matrix lies transposed."""
RUN, MOST, EVEN, COLUMNS = 32, 4096, 4, (8, 64)
"""The rows from which on a run of them pays; those up to which pieces do; what a piece's are a multiple of; columns."""


@cache
def small_kernels() -> bool:
    """Whether NumPy's BLAS is known to have them; threadpoolctl tells."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return False
    return any(found.get("architecture") in ARCHITECTURES for found in threadpool_info())


def turned(b: Any) -> bool:
    """Whether the columns of a matrix are what lies in one piece."""
    return bool(b.strides[-2] == b.itemsize < b.strides[-1])


def run_of_rows(b: Any) -> int:
    """How many rows at a time are best multiplied with b (…, K, N); less than RUN: none."""
    return SMALL // max(1, b.shape[-2] * b.shape[-1]) if small_kernels() else 0


def multiplied(a: Any, b: Any, y: Any) -> Iterator[Callable[[], object]]:
    """Calls for y = a (…, M, K) @ b (…, K, N), either of them a single matrix."""
    rows, piece = run_of_rows(b), window(a, b, y)
    if piece is not None:
        yield from by_windows(a, b, y, *piece)
    elif RUN <= rows < a.shape[-2] and a.size and y.size:
        yield from by_rows(a, b, y, rows)
    else:
        yield partial(np.matmul, a, b, y)


def by_rows(a: Any, b: Any, y: Any, most: int) -> Iterator[Callable[[], object]]:
    """So many rows at a time, or a few less."""
    number = a.shape[-2]
    run = next((n for n in range(most, most // 2, -1) if number % n == 0), most)
    whole = number - number % run
    stacked, found = (x[..., :whole, :].reshape(*x.shape[:-2], -1, run, x.shape[-1]) for x in (a, y))
    yield partial(np.matmul, stacked, b[..., None, :, :], found)
    if whole < number:
        yield partial(np.matmul, a[..., whole:, :], b, y[..., whole:, :])


def few_rows(number: int, parts: int = 1) -> bool:
    """Whether parts of so many rows are few, and yet quickly multiplied with a matrix that lies transposed."""
    return small_kernels() and 2 * parts <= number <= MOST * parts


def window(a: Any, b: Any, y: Any) -> tuple[int, int] | None:
    """Rows and columns of y in a piece, for few rows times a large matrix; None where the whole is as quick."""
    kinds = {a.dtype.char, b.dtype.char, y.dtype.char}
    if not (a.ndim == b.ndim == 2 and few_rows(len(a)) and kinds in ({"f"}, {"d"}) and len(a) * b.size > SMALL):
        return None
    by_row = [x.strides[1] == x.itemsize for x in (a, b, y)]
    if by_row == [True, False, True] and turned(b):
        return of_turned(len(a), len(b), b.shape[1])
    return of_straight(len(a), len(b), b.shape[1]) if all(by_row[1:]) and (by_row[0] or turned(a)) else None


def of_turned(number: int, inner: int, width: int) -> tuple[int, int] | None:
    """As many rows as leave a piece some columns."""
    least, most = COLUMNS
    for rows in (number, *(even(-(-number // n)) for n in (2, 4, 8, 16))):
        columns = min(most, TURNED // rows, SMALL // (rows * inner)) // least * least
        if columns:
            return rows, next((c for c in range(columns, columns // 2, -least) if width % c == 0), columns)
    return None


def of_straight(number: int, inner: int, width: int) -> tuple[int, int] | None:
    """As many columns as can be, and a number of rows that is even enough."""
    columns = min(COLUMNS[1], width)
    most = SMALL // (columns * inner)
    if number <= most:
        return number, columns
    count = -(-number // (most // EVEN * EVEN)) if most >= 4 * EVEN else 0
    return (even(-(-number // count)), columns) if count else None


def even(rows: int) -> int:
    """As many rows or a few more: kernels are quicker with a multiple."""
    return -(-rows // EVEN) * EVEN


def by_windows(a: Any, b: Any, y: Any, rows: int, columns: int) -> Iterator[Callable[[], object]]:
    """Pieces of so many rows and columns; what is left over below and beside them by itself."""
    number, width = y.shape
    down, across = number - number % rows, width - width % columns
    above, below = a[:down].reshape(-1, rows, a.shape[1]), a[down:]
    left = b[:, :across].reshape(len(b), -1, columns).swapaxes(0, 1)
    place = y[:down, :across].reshape(*above.shape[:2], -1, columns).transpose(2, 0, 1, 3)
    yield partial(np.matmul, above, left[:, None], place)
    if down < number:
        yield partial(np.matmul, below, left, y[down:, :across].reshape(len(below), -1, columns).swapaxes(0, 1))
    if across < width:
        yield partial(np.matmul, a, b[:, across:], y[:, across:])
