"""Records of Ops that pick elements and put them back."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from minigrad.check.records.record import Applied, Draw, Record, Refusal, misfit, outside, wrong_kind
from minigrad.errors import IndexRangeError, ShapeError
from minigrad.op import Array
from minigrad.ops.index import (
    Gather,
    Index,
    IndexAdd,
    OneHot,
    Parts,
    ScatterAdd,
    Slice,
    SlicePut,
)

SLICES: tuple[Parts, ...] = (
    (1, (0, 4, 1)),
    ((0, 3, 2), (1, 3, 1)),
    ((2, -1, -1), (3, 0, -2)),
    (2, 3),
    ((0, 0, 1), (0, 4, 1)),
)
INDICES: tuple[tuple[Parts, tuple[Array, ...]], ...] = (
    ((None, (0, 4, 1)), (np.array([2, 0, 2, -1]),)),
    (((0, 3, 1), None), (np.array([[1, 1], [3, 0]]),)),
    ((None, None), (np.array([0, 2, 2]), np.array([1, 3, 3]))),
    ((1, None), (np.array([3, 3, 0]),)),
    ((None, (3, -1, -2)), (np.zeros(0, np.intp),)),
)


def gathers(draw: Draw) -> Iterable[Applied]:
    """Ids of several shapes, repeated; rows of several shapes; no ids at all."""
    for table, ids in (((5, 3), (4,)), ((4,), (2, 3)), ((3, 2, 2), (6,)), ((5, 3), ()), ((5, 2), (0,))):
        yield Gather(), draw.normal(*table), draw.ids(table[0], *ids)


def scatters(draw: Draw) -> Iterable[Applied]:
    """The shapes of `gathers`, in the other direction."""
    for row, ids in (((3,), (4,)), ((), (2, 3)), ((2, 2), (6,)), ((3,), ()), ((2,), (0,))):
        yield ScatterAdd(5), draw.normal(*ids, *row), draw.ids(5, *ids)


def picked(x: Array, parts: Parts) -> Array:
    """x at integers and slices, applied one axis after another from the last."""
    for axis in reversed(range(len(parts))):
        part = parts[axis]
        assert part is not None
        x = x.take(part if isinstance(part, int) else np.array([*range(*part)], int), axis)
    return x


def numpy_key(parts: Parts, arrays: tuple[Array, ...]) -> tuple[Any, ...]:
    """The key as NumPy takes it: full slices written as `:`, reversed ones with their explicit end."""
    rest = iter(arrays)
    slices = {p: slice(p[0], None if p[1] < 0 else p[1], p[2]) for p in parts if isinstance(p, tuple)}
    return tuple(next(rest) if p is None else slices[p] if isinstance(p, tuple) else p for p in parts)


def put(x: Array, places: Array, shape: tuple[int, ...]) -> Array:
    """The elements of x added into zeros at flat positions."""
    y = np.zeros(shape)
    np.add.at(y.reshape(-1), places, x)
    return y


def numbered(shape: tuple[int, ...]) -> Array:
    """An array whose elements are their own flat positions."""
    return np.arange(np.prod(shape, dtype=int)).reshape(shape)


TABLE, WRONG = np.zeros((5, 2)), np.array([0, 5, 7])

RECORDS = (
    Record(
        Slice,
        lambda draw: [(Slice(parts), draw.normal(3, 4)) for parts in SLICES],
        lambda op, x: picked(x, op.parts),
    ),
    Record(
        SlicePut,
        lambda draw: [
            (SlicePut(parts, (3, 4)), draw.normal(*picked(np.zeros((3, 4)), parts).shape)) for parts in SLICES
        ],
        lambda op, x: put(x, picked(numbered(op.to), op.parts), op.to),
        refusals=(misfit(SlicePut(((0, 2, 1),), (3,)), (3,)),),
    ),
    Record(
        Gather,
        gathers,
        lambda op, x, ids: np.array([x[i] for i in ids.ravel()]).reshape(ids.shape + x.shape[1:]),
        refusals=(
            outside(Gather(), TABLE, WRONG, says=("ids outside [0, 5): 2 of 3, the first 5 at (1,)",)),
            outside(Gather(), TABLE, np.array([-1]), says=("-1",)),
            wrong_kind(Gather(), TABLE, np.array([0.5])),
        ),
    ),
    Record(
        ScatterAdd,
        scatters,
        lambda op, x, ids: np.tensordot(np.equal.outer(np.arange(op.rows), ids), x, ids.ndim),
        refusals=(
            outside(ScatterAdd(5), np.zeros((3, 2)), WRONG),
            Refusal(ScatterAdd(5), (np.zeros((2, 2)), np.zeros(3, int)), ShapeError, ("ScatterAdd", "(2, 2)", "(3,)")),
        ),
    ),
    Record(
        Index,
        lambda draw: [(Index(parts), draw.normal(3, 4), *arrays) for parts, arrays in INDICES],
        lambda op, x, *arrays: x[numpy_key(op.parts, arrays)],
        refusals=(
            outside(Index((None,)), TABLE, np.array([5]), says=("5",)),
            Refusal(
                Index((None, None)),
                (TABLE, np.zeros(2, int), np.zeros(3, int)),
                IndexRangeError,
                ("Index", "(2,)", "(3,)"),
            ),
        ),
    ),
    Record(
        IndexAdd,
        lambda draw: [
            (IndexAdd(parts, (3, 4)), draw.normal(*np.zeros((3, 4))[numpy_key(parts, arrays)].shape), *arrays)
            for parts, arrays in INDICES
        ],
        lambda op, x, *arrays: put(x, numbered(op.to)[numpy_key(op.parts, arrays)], op.to),
        refusals=(
            outside(IndexAdd((None,), (5,)), np.zeros(1), np.array([5])),
            Refusal(IndexAdd((None,), (5,)), (np.zeros(4), np.zeros(3, int)), ShapeError, ("IndexAdd", "(4,)")),
        ),
    ),
    Record(
        OneHot,
        lambda draw: [(OneHot(4, "float64"), draw.ids(4, *shape)) for shape in ((), (3,), (2, 3), (0,))],
        lambda op, ids: np.eye(op.depth)[ids],
        analytic=False,
        refusals=(outside(OneHot(5, "float64"), WRONG),),
    ),
)
