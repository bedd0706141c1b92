"""Records of Ops that move elements."""

from collections.abc import Iterable
from itertools import permutations

import numpy as np

from minigrad.check.records.record import Applied, Draw, Record, misfit, unary
from minigrad.op import Array, Shape
from minigrad.ops.shape import BroadcastTo, Concat, Copy, Pad, Reshape, Stack, SumTo, Transpose

SPREADS: tuple[tuple[Shape, Shape], ...] = (
    ((3,), (2, 3)), ((2, 1), (2, 3)), ((1, 3, 1), (2, 3, 4)), ((), (2, 2)), ((1,), (0,)), ((2, 3), (2, 3)), ((), ()),
)  # fmt: skip
RESHAPES: tuple[tuple[Shape, Shape], ...] = (
    ((2, 3), (3, 2)), ((6,), (2, 1, 3)), ((2, 3), (6,)), ((), (1, 1)), ((1,), ()), ((0, 3), (3, 0, 2)),
)  # fmt: skip


def joins(draw: Draw) -> Iterable[Applied]:
    """One to three inputs of different sizes, one of them empty."""
    yield Concat(0), draw.normal(2, 3), draw.normal(1, 3), draw.normal(0, 3)
    yield Concat(1), draw.normal(2, 3), draw.normal(2, 2)
    yield Concat(2), draw.normal(1, 2, 1), draw.normal(1, 2, 3), draw.normal(1, 2, 2)
    yield Concat(0), draw.normal(3)


def stacks(draw: Draw) -> Iterable[Applied]:
    """A new axis before, between and after the others; also of scalars."""
    for axis in range(3):
        yield Stack(axis), draw.normal(2, 3), draw.normal(2, 3), draw.normal(2, 3)
    yield Stack(0), draw.normal(), draw.normal()
    yield Stack(1), draw.normal(2)


def permuted(draw: Draw) -> Iterable[Applied]:
    """Every order of three axes, and a scalar, which has none."""
    for order in permutations(range(3)):
        yield Transpose(order), draw.normal(2, 3, 4)
    yield Transpose(()), draw.normal()


def pads(draw: Draw) -> Iterable[Applied]:
    """Different widths on each side, around an array, an empty one and a scalar."""
    yield Pad(((1, 0), (2, 3)), -1.5), draw.normal(2, 3)
    yield Pad(((1, 1),)), draw.normal(0)
    yield Pad(()), draw.normal()


def summed_to(x: Array, to: Shape) -> Array:
    """Each element added at the position it would be broadcast from."""
    y = np.zeros(to)
    places = np.broadcast_to(np.arange(y.size).reshape(to), x.shape)
    np.add.at(y.reshape(-1), places, x)
    return y


def padded(x: Array, widths: tuple[tuple[int, int], ...], value: float) -> Array:
    """x assigned into the middle of a constant array."""
    y = np.full([n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)], value)
    y[tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, widths, strict=True))] = x
    return y


RECORDS = (
    Record(Copy, unary(Copy()), lambda op, x: x + 0),
    Record(
        Reshape,
        lambda draw: [(Reshape(to), draw.normal(*shape)) for shape, to in RESHAPES],
        lambda op, x: np.array(x.ravel().tolist()).reshape(op.to),
        refusals=(misfit(Reshape((4, 2)), (2, 3), says=("(4, 2)",)),),
    ),
    Record(
        Transpose,
        permuted,
        lambda op, x: np.einsum(x, list(range(x.ndim)), list(op.axes)),
        refusals=(misfit(Transpose((0, 0)), (2, 3)), misfit(Transpose((1, 0)), (2,))),
    ),
    Record(
        BroadcastTo,
        lambda draw: [(BroadcastTo(to), draw.normal(*shape)) for shape, to in SPREADS],
        lambda op, x: x + np.zeros(op.to),
        refusals=(misfit(BroadcastTo((2, 4)), (2, 3), says=("(2, 4)",)),),
    ),
    Record(
        SumTo,
        lambda draw: [(SumTo(to), draw.normal(*shape)) for to, shape in SPREADS],
        lambda op, x: summed_to(x, op.to),
        refusals=(misfit(SumTo((2, 4)), (2, 3), says=("(2, 4)",)),),
    ),
    Record(
        Concat,
        joins,
        lambda op, *xs: np.moveaxis(np.array([row for x in xs for row in np.moveaxis(x, op.axis, 0)]), 0, op.axis),
        refusals=(misfit(Concat(0), (2, 3), (2, 4)), misfit(Concat(0), (2, 3), (3,))),
    ),
    Record(
        Stack,
        stacks,
        lambda op, *xs: np.moveaxis(np.array(xs), 0, op.axis),
        refusals=(misfit(Stack(0), (2, 3), (3, 2)),),
    ),
    Record(
        Pad,
        pads,
        lambda op, x: padded(x, op.widths, op.value),
        refusals=(misfit(Pad(((-1, 1),)), (3,)),),
    ),
)  # fmt: skip
