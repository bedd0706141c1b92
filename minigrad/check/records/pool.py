"""Records of pooling, with a loop over every window as reference."""

from collections.abc import Iterable, Iterator

import numpy as np

from minigrad.check.records.record import Applied, Corner, Draw, Record, misfit
from minigrad.op import Array, Shape
from minigrad.ops.pool import AvgPool2d, AvgPoolGrad, MaxPool2d, MaxPoolGrad, MaxPooling, MaxPoolTake, Pooling
from minigrad.ops.window import Pair

CASES: tuple[tuple[Shape, Pair, Pair, Pair], ...] = (  # x, kernel, stride, padding
    ((2, 2, 4, 4), (2, 2), (2, 2), (0, 0)),
    ((1, 2, 5, 7), (3, 3), (2, 2), (0, 0)),
    ((1, 1, 6, 4), (3, 3), (2, 2), (1, 1)),
    ((1, 1, 5, 6), (2, 3), (1, 4), (1, 0)),
    ((1, 1, 7, 7), (2, 2), (3, 3), (1, 1)),
    ((1, 2, 3, 2), (1, 1), (1, 1), (0, 0)),
    ((2, 1, 4, 3), (4, 3), (4, 3), (0, 0)),
    ((0, 1, 2, 2), (2, 2), (2, 2), (0, 0)),
)
CEIL: tuple[tuple[Shape, Pair, Pair, Pair], ...] = (
    ((1, 2, 6, 4), (3, 3), (2, 2), (0, 0)),
    ((1, 1, 5, 6), (2, 2), (2, 4), (1, 0)),
    ((1, 1, 3, 5), (1, 2), (2, 3), (0, 1)),
)


def max_pools() -> Iterator[tuple[MaxPool2d, Shape]]:
    """Every case, those in which a window reaches over the edge too."""
    for mode, cases in ((False, CASES), (True, CEIL)):
        yield from ((MaxPool2d(kernel, stride, padding, mode), x) for x, kernel, stride, padding in cases)


def largest(draw: Draw) -> Iterable[Applied]:
    """No two elements alike."""
    for op, x in max_pools():
        yield op, draw.distinct(*x)


def put(draw: Draw) -> Iterable[Applied]:
    """Ties do not matter to the gradient by g."""
    for op, x in max_pools():
        yield MaxPoolGrad(*op.fields()), draw.distinct(*x), draw.normal(*op.shape(x))


def take(draw: Draw) -> Iterable[Applied]:
    """The same, the other way."""
    for op, x in max_pools():
        yield MaxPoolTake(*op.fields()), draw.distinct(*x), draw.normal(*x)


def means(draw: Draw) -> Iterable[Applied]:
    """Every case."""
    for x, *fields in CASES:
        yield AvgPool2d(*fields), draw.normal(*x)


def spread(draw: Draw) -> Iterable[Applied]:
    """The same, the other way."""
    for x, kernel, stride, padding in CASES:
        y = AvgPool2d(kernel, stride, padding).shape(x)
        yield AvgPoolGrad(kernel, stride, padding, (x[2], x[3])), draw.normal(*y)


def places(op: Pooling, x: Shape, y: Shape) -> Iterator[tuple[Shape, list[Shape]]]:
    """Each index of y, and those of x in its window, row by row."""
    for n, c, i, j in np.ndindex(y):
        corner = [a * s - p for a, s, p in zip((i, j), op.stride, op.padding, strict=True)]
        inside = [(n, c, corner[0] + r, corner[1] + s) for r, s in np.ndindex(op.kernel)]
        yield (n, c, i, j), [at for at in inside if 0 <= at[2] < x[2] and 0 <= at[3] < x[3]]


def winners(op: MaxPooling, x: Array) -> Iterator[tuple[Shape, Shape]]:
    """Each index of y, and that of its window's largest element, the first of several."""
    for to, window in places(op, x.shape, op.pooled(x.shape, op.ceil_mode)):
        yield to, max(window, key=lambda at: x[at])


def taken(op: MaxPooling, x: Array, u: Array) -> Array:
    """One window after the other."""
    y = np.zeros(op.pooled(x.shape, op.ceil_mode))
    for to, at in winners(op, x):
        y[to] = u[at]
    return y


def given(op: MaxPooling, x: Array, g: Array) -> Array:
    """One window after the other."""
    gx = np.zeros(x.shape)
    for to, at in winners(op, x):
        gx[at] += g[to]
    return gx


def averaged(op: AvgPool2d, x: Array) -> Array:
    """One window after the other."""
    y = np.zeros(op.shape(x.shape))
    for to, window in places(op, x.shape, y.shape):
        y[to] = sum(x[at] for at in window) / np.prod(op.kernel)
    return y


def shared(op: AvgPoolGrad, g: Array) -> Array:
    """One window after the other."""
    gx = np.zeros(op.shape(g.shape))
    for to, window in places(op, gx.shape, g.shape):
        for at in window:
            gx[at] += g[to] / np.prod(op.kernel)
    return gx


TWO: tuple[Pair, Pair, Pair] = ((2, 2), (2, 2), (0, 0))
WIDE: tuple[Pair, Pair, Pair] = ((2, 3), (1, 1), (0, 0))


def picture(*rows: list[float]) -> Array:
    """One channel of one picture."""
    return np.array([[rows]], float)


TIES = picture([0, 0, 2, 2], [2, 2, 0, 0])

RECORDS = (
    Record(
        MaxPool2d,
        largest,
        lambda op, x: taken(op, x, x),
        analytic=False,
        refusals=(
            misfit(MaxPool2d(*TWO, False), (1, 1, 1, 4), says=("at least (2, 2), not (1, 4)",)),
            misfit(MaxPool2d(*TWO, False), (2, 4, 4), says=("(N, C, H, W)",)),
            misfit(MaxPool2d((2, 2), (2, 2), (2, 0), False), (1, 1, 4, 4), says=("half the kernel",)),
        ),
        corners=(
            Corner(MaxPool2d(*TWO, False), (picture([1, 1], [1, 1]),), (picture([1, 0], [0, 0]),)),
            Corner(MaxPool2d(*TWO, False), (picture([0, 1], [1, 1]),), (picture([0, 1], [0, 0]),)),
            Corner(MaxPool2d(*WIDE, False), (TIES,), (picture([0, 0, 2, 0], [0, 0, 0, 0]),)),
        ),
    ),
    Record(
        MaxPoolGrad,
        put,
        given,
        analytic=False,
        refusals=(misfit(MaxPoolGrad(*TWO, False), (1, 1, 4, 4), (1, 1, 2, 3), says=("not (1, 1, 2, 3)",)),),
    ),
    Record(
        MaxPoolTake,
        take,
        taken,
        analytic=False,
        refusals=(misfit(MaxPoolTake(*TWO, False), (1, 1, 4, 4), (1, 1, 4, 2)),),
    ),
    Record(AvgPool2d, means, averaged, refusals=(misfit(AvgPool2d(*TWO), (1, 1, 4, 1), says=("not (4, 1)",)),)),
    Record(
        AvgPoolGrad,
        spread,
        shared,
        refusals=(misfit(AvgPoolGrad(*TWO, (4, 4)), (1, 1, 2, 3), says=("not (1, 1, 2, 3)",)),),
    ),
)
