"""Records of the convolutions, with loops over every element as reference."""

from collections.abc import Iterable, Iterator

import numpy as np

from minigrad.check.records.record import Applied, Draw, Record, Refusal, misfit
from minigrad.errors import ShapeError
from minigrad.op import Array, Shape
from minigrad.ops.conv import Conv2d, Convolution, ConvTranspose2d, ConvWeight2d
from minigrad.ops.window import Pair

CASES: tuple[tuple[Shape, Shape, Pair, Pair], ...] = (  # x, w, stride, padding
    ((2, 2, 3, 4), (3, 2, 1, 1), (1, 1), (0, 0)),
    ((1, 2, 4, 4), (1, 2, 1, 1), (2, 3), (1, 0)),
    ((2, 2, 4, 3), (2, 2, 3, 3), (1, 1), (1, 1)),
    ((1, 1, 6, 5), (2, 1, 3, 3), (2, 2), (0, 1)),
    ((1, 2, 5, 6), (1, 2, 4, 4), (2, 2), (1, 1)),
    ((1, 1, 5, 7), (1, 1, 5, 5), (1, 2), (0, 2)),
    ((1, 1, 4, 3), (1, 1, 7, 7), (1, 1), (3, 3)),
    ((1, 9, 3, 2), (2, 9, 2, 1), (1, 1), (0, 0)),
    ((1, 1, 5, 5), (1, 1, 2, 2), (3, 4), (0, 0)),
    ((0, 2, 3, 3), (1, 2, 2, 2), (1, 1), (0, 0)),
)


def convolutions(draw: Draw) -> Iterable[Applied]:
    """Kernels of size 1 to 7, strides, paddings, odd sizes, no pictures at all; with and without a bias."""
    for x, w, stride, padding in CASES:
        yield Conv2d(stride, padding), draw.normal(*x), draw.normal(*w)
    for x, w, stride, padding in CASES[1:4]:
        yield Conv2d(stride, padding), draw.normal(*x), draw.normal(*w), draw.normal(w[0])


def results() -> Iterator[tuple[Shape, Shape, Shape, Pair, Pair]]:
    """The same cases, each with the shape of its result y."""
    for x, w, stride, padding in CASES:
        yield x, w, Conv2d(stride, padding).shape(x, w), stride, padding


def transposes(draw: Draw) -> Iterable[Applied]:
    """Samples of the transposed convolution, from the same cases."""
    for x, w, y, stride, padding in results():
        yield ConvTranspose2d(stride, padding, (x[2], x[3])), draw.normal(*y), draw.normal(*w)


def weights(draw: Draw) -> Iterable[Applied]:
    """Samples of the gradient by the kernel, from the same cases."""
    for x, w, y, stride, padding in results():
        yield ConvWeight2d(stride, padding, (w[2], w[3])), draw.normal(*x), draw.normal(*y)


def triples(op: Convolution, x: Shape, w: Shape) -> Iterator[tuple[Shape, Shape, Shape]]:
    """The indices of x, w and y that belong together by the definition y[·] += x[·] w[·]."""
    n, k, height, width = op.result(x, w)
    for m, f, c, i, j, r, s in np.ndindex(n, k, w[1], height, width, *w[2:]):
        row, column = i * op.stride[0] - op.padding[0] + r, j * op.stride[1] - op.padding[1] + s
        if 0 <= row < x[2] and 0 <= column < x[3]:
            yield (m, c, row, column), (f, c, r, s), (m, f, i, j)


def convolved(op: Conv2d, x: Array, w: Array, *bias: Array) -> Array:
    """The convolution, term by term."""
    y = np.zeros(op.shape(x.shape, w.shape))
    for at, weight, to in triples(op, x.shape, w.shape):
        y[to] += x[at] * w[weight]
    return y + sum(b[:, None, None] for b in bias)


def spread(op: ConvTranspose2d, y: Array, w: Array) -> Array:
    """The transposed convolution, term by term."""
    x = np.zeros(op.shape(y.shape, w.shape))
    for to, weight, at in triples(op, x.shape, w.shape):
        x[to] += y[at] * w[weight]
    return x


def correlated(op: ConvWeight2d, x: Array, y: Array) -> Array:
    """The gradient by the kernel, term by term."""
    w = np.zeros(op.shape(x.shape, y.shape))
    for at, to, other in triples(op, x.shape, w.shape):
        w[to] += x[at] * y[other]
    return w


ONE: Pair = (1, 1)
NONE: Pair = (0, 0)

RECORDS = (
    Record(
        Conv2d,
        convolutions,
        convolved,
        refusals=(
            misfit(Conv2d(ONE, NONE), (2, 3, 5, 5), (4, 2, 3, 3), says=("channels",)),
            misfit(Conv2d(ONE, NONE), (3, 5, 5), (4, 3, 3, 3), says=("(N, C, H, W)",)),
            misfit(Conv2d(ONE, NONE), (1, 1, 2, 5), (1, 1, 3, 3), says=("at least (3, 3), not (2, 5)",)),
            misfit(Conv2d((2, 2), ONE), (1, 1, 1, 4), (1, 1, 5, 5), says=("at least (3, 3)", "padding (1, 1)")),
            Refusal(
                Conv2d(ONE, NONE),
                (np.zeros((1, 2, 3, 3)), np.zeros((4, 2, 1, 1)), np.zeros(3)),
                ShapeError,
                ("Conv2d", "(4, 2, 1, 1)", "a bias of (4,), not (3,)"),
            ),
        ),
    ),
    Record(
        ConvTranspose2d,
        transposes,
        spread,
        refusals=(
            misfit(ConvTranspose2d(ONE, NONE, (4, 4)), (1, 2, 3, 3), (2, 1, 3, 3), says=("not (1, 2, 3, 3)",)),
            misfit(ConvTranspose2d(ONE, NONE, (4, 4)), (1, 2, 2, 2), (3, 1, 3, 3)),
        ),
    ),
    Record(
        ConvWeight2d,
        weights,
        correlated,
        refusals=(misfit(ConvWeight2d(ONE, NONE, (2, 2)), (1, 1, 3, 3), (1, 1, 3, 3), says=("not (1, 1, 3, 3)",)),),
    ),
)
