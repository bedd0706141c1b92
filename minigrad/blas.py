"""Matrix products cut into pieces that the BLAS behind NumPy multiplies quickly. Imports NumPy alone.

A BLAS copies the operands of a product into an order of its own before it multiplies (Goto and van de Geijn, Anatomy of
high-performance matrix multiplication, 2008); for few rows or few columns the copying takes longer than the
multiplication. On processors with AVX-512, OpenBLAS has kernels that read small operands where they lie. There a larger
product is given to NumPy as a stack of small ones, whose operands are windows of the same memory: still one call.
"""

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import numpy as np

ARCHITECTURES = {"SkylakeX", "Cooperlake", "SapphireRapids"}
"""OpenBLAS's names of the architectures with kernels for small products."""
SMALL = 10**6
"""The most multiplications in a product that these kernels compute."""
TURNED = 1200
"""The most elements of the result where the second matrix lies transposed."""
RUN = 32
"""The fewest rows of a piece with which cutting a product by rows pays."""
MOST = 4096
"""The most rows of a product that is worth cutting into windows."""
EVEN = 4
"""Rows of a piece are a multiple of this."""
COLUMNS = (8, 64)
"""The fewest and the most columns of a piece."""


@cache
def small_kernels() -> bool:
    """Whether NumPy's BLAS is known to have such kernels (threadpoolctl tells, if it is installed)."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return False
    return any(found.get("architecture") in ARCHITECTURES for found in threadpool_info())


def turned(b: Any) -> bool:
    """Whether a matrix lies in memory column by column, as the transpose of an ordinary one."""
    return bool(b.strides[-2] == b.itemsize < b.strides[-1])


def run_of_rows(b: Any) -> int:
    """How many rows at a time are best multiplied with b (…, K, N); less than RUN means: do not cut."""
    return SMALL // max(1, b.shape[-2] * b.shape[-1]) if small_kernels() else 0


def multiplied(a: Any, b: Any, y: Any) -> Iterator[Callable[[], object]]:
    """Calls that compute y = a (…, M, K) @ b (…, K, N); either operand may be a single matrix."""
    rows, piece = run_of_rows(b), window(a, b, y)
    if piece is not None:
        yield from by_windows(a, b, y, *piece)
    elif RUN <= rows < a.shape[-2] and a.size and y.size:
        yield from by_rows(a, b, y, rows)
    else:
        yield partial(np.matmul, a, b, y)


def by_rows(a: Any, b: Any, y: Any, most: int) -> Iterator[Callable[[], object]]:
    """The product as a stack of products of at most `most` rows each, and one more for the rows that are left over."""
    number = a.shape[-2]
    run = next((n for n in range(most, most // 2, -1) if number % n == 0), most)
    whole = number - number % run
    stacked, found = (x[..., :whole, :].reshape(*x.shape[:-2], -1, run, x.shape[-1]) for x in (a, y))
    yield partial(np.matmul, stacked, b[..., None, :, :], found)
    if whole < number:
        yield partial(np.matmul, a[..., whole:, :], b, y[..., whole:, :])


def few_rows(number: int, parts: int = 1) -> bool:
    """Whether each of `parts` shares of so many rows is small, yet quickly multiplied with a transposed matrix."""
    return small_kernels() and 2 * parts <= number <= MOST * parts


def window(a: Any, b: Any, y: Any) -> tuple[int, int] | None:
    """Rows and columns of a piece of y, for few rows times a large matrix; None where the whole product is as quick."""
    kinds = {a.dtype.char, b.dtype.char, y.dtype.char}
    if not (a.ndim == b.ndim == 2 and few_rows(len(a)) and kinds in ({"f"}, {"d"}) and len(a) * b.size > SMALL):
        return None
    by_row = [x.strides[1] == x.itemsize for x in (a, b, y)]
    if by_row == [True, False, True] and turned(b):
        return of_turned(len(a), len(b), b.shape[1])
    return of_straight(len(a), len(b), b.shape[1]) if all(by_row[1:]) and (by_row[0] or turned(a)) else None


def of_turned(number: int, inner: int, width: int) -> tuple[int, int] | None:
    """The size of a piece when b lies transposed: as many rows as leave room for some columns."""
    least, most = COLUMNS
    for rows in (number, *(even(-(-number // n)) for n in (2, 4, 8, 16))):
        columns = min(most, TURNED // rows, SMALL // (rows * inner)) // least * least
        if columns:
            return rows, next((c for c in range(columns, columns // 2, -least) if width % c == 0), columns)
    return None


def of_straight(number: int, inner: int, width: int) -> tuple[int, int] | None:
    """The size of a piece when b lies row by row: as many columns as possible, and an even share of the rows."""
    columns = min(COLUMNS[1], width)
    most = SMALL // (columns * inner)
    if number <= most:
        return number, columns
    count = -(-number // (most // EVEN * EVEN)) if most >= 4 * EVEN else 0
    return (even(-(-number // count)), columns) if count else None


def even(rows: int) -> int:
    """The number of rows rounded up to a multiple of EVEN, with which the kernels are quicker."""
    return -(-rows // EVEN) * EVEN


def by_windows(a: Any, b: Any, y: Any, rows: int, columns: int) -> Iterator[Callable[[], object]]:
    """The product in pieces of so many rows and columns; separate products for what is left over below and beside."""
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
