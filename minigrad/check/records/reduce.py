"""Records of reductions and scans."""

from collections.abc import Iterable
from itertools import product

import numpy as np

from minigrad.check.records.record import Applied, Corner, Draw, Kind, Record, Refusal, Samples, misfit
from minigrad.op import Array, Op
from minigrad.ops.reduce import ArgMax, CumSum, LogSumExp, Max, Mean, Min, Reduction, Sum

AXES = ((), (0,), (1,), (0, 2), (0, 1, 2))


def reductions(op: type[Reduction], kind: Kind = Draw.normal, empty: bool = False) -> Samples:
    """Every choice of axes of a 3-d array, with and without keepdims; a scalar; if allowed, empty arrays."""

    def samples(draw: Draw) -> Iterable[Applied]:
        for axes, keepdims in product(AXES, (False, True)):
            yield op(axes, keepdims), kind(draw, 2, 3, 2)
        yield op(()), kind(draw)
        yield op((0,)), kind(draw, 3, 0)
        if empty:
            yield op((1,)), kind(draw, 3, 0)

    return samples


def of_nothing(op: Op) -> Refusal:
    """Empty arrays, which means and extremes refuse."""
    return misfit(op, (3, 0), says=("no elements",))


def ties(op: Op) -> Corner:
    """Equal extreme elements share the gradient."""
    return Corner(op, (np.array([[2.0, 2.0], [5.0, 5.0]]),), (np.full((2, 2), 0.5),))


def scans(draw: Draw) -> Iterable[Applied]:
    """In both directions along each axis."""
    for axis, reverse in product((0, 1), (False, True)):
        yield CumSum(axis, reverse), draw.normal(3, 4)
    yield CumSum(0), draw.normal(0)


def positions(draw: Draw) -> Iterable[Applied]:
    """Along each axis, ties included, where the first counts."""
    for axis, keepdims in product((0, 1, 2), (False, True)):
        yield ArgMax(axis, keepdims), draw.whole(2, 3, 4)


def summed_by_matrix(x: Array, axis: int, reverse: bool) -> Array:
    """A running sum as a product with a triangular matrix of ones."""
    ones = np.tri(x.shape[axis])
    return np.moveaxis(np.tensordot(ones.T if reverse else ones, x, (1, axis)), 0, axis)


RECORDS = (
    Record(Sum, reductions(Sum, empty=True), lambda op, x: np.add.reduce(x, op.axes, keepdims=op.keepdims)),
    Record(
        Mean,
        reductions(Mean),
        lambda op, x: np.add.reduce(x, op.axes, keepdims=op.keepdims) / np.prod([x.shape[a] for a in op.axes]),
        refusals=(of_nothing(Mean((1,))),),
    ),
    Record(
        Max,
        reductions(Max, Draw.distinct),
        lambda op, x: np.maximum.reduce(x, op.axes, keepdims=op.keepdims),
        analytic=False,
        refusals=(of_nothing(Max((1,))),),
        corners=(ties(Max((1,))),),
    ),
    Record(
        Min,
        reductions(Min, Draw.distinct),
        lambda op, x: np.minimum.reduce(x, op.axes, keepdims=op.keepdims),
        analytic=False,
        refusals=(of_nothing(Min((1,))),),
        corners=(ties(Min((1,))),),
    ),
    Record(
        LogSumExp,
        reductions(LogSumExp),
        lambda op, x: np.log(np.sum(np.exp(x), op.axes, keepdims=op.keepdims)),
        corners=(Corner(LogSumExp((0,)), (np.array([1e3, 1e3, -1e3]),), (np.array([0.5, 0.5, 0.0]),)),),
    ),
    Record(CumSum, scans, lambda op, x: summed_by_matrix(x, op.axis, op.reverse)),
    Record(
        ArgMax,
        positions,
        lambda op, x: np.argsort(-x, op.axis, kind="stable").take([0] if op.keepdims else 0, op.axis),
        analytic=False,
        refusals=(misfit(ArgMax(1), (3, 0), says=("no elements",)),),
    ),
)
