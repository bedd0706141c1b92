"""Records of softmax and the losses."""

from collections.abc import Iterable

import numpy as np

from minigrad.check.records.elementwise import two_shapes
from minigrad.check.records.record import Applied, Corner, Draw, Record, Refusal, Samples, outside
from minigrad.errors import ShapeError
from minigrad.op import Array
from minigrad.ops.loss import (
    BinaryCrossEntropy,
    CrossEntropy,
    CrossEntropyGrad,
    LogSoftmax,
    Softmax,
)

SCORES = ((4,), (3, 4), (2, 3, 4), (1, 1), (0, 4))


def along_each_axis(op: type[Softmax] | type[LogSoftmax]) -> Samples:
    """A 3-d array along each axis; a row; a single element; no rows."""
    return lambda draw: [
        *((op(axis), draw.normal(2, 3, 2)) for axis in range(3)),
        (op(0), draw.normal(4)), (op(1), draw.normal(2, 1)), (op(1), draw.normal(0, 3)),
    ]  # fmt: skip


def entropies(draw: Draw) -> Iterable[Applied]:
    """Scores of one to three dimensions with their targets."""
    for shape in SCORES:
        yield CrossEntropy(), draw.normal(*shape), draw.ids(shape[-1], *shape[:-1])


def entropy_gradients(draw: Draw) -> Iterable[Applied]:
    """The same, with a cotangent."""
    for shape in SCORES:
        yield CrossEntropyGrad(), draw.normal(*shape), draw.ids(shape[-1], *shape[:-1]), draw.normal(*shape[:-1])


def logits(draw: Draw) -> Iterable[Applied]:
    """Soft targets, and shapes that broadcast."""
    for a, b in (((3,), (3,)), ((2, 3), (3,)), ((), ()), ((2, 1), (1, 3)), ((0,), (1,))):
        yield BinaryCrossEntropy(), draw.signed(*a), draw.positive(*b) / 2


def probabilities(x: Array, axis: int) -> Array:
    """The softmax eˣ / Σ eˣ, literally."""
    return np.exp(x) / np.exp(x).sum(axis, keepdims=True)  # type: ignore[no-any-return]


def hot(target: Array, size: int) -> Array:
    """The targets as one-hot rows."""
    return np.eye(size)[target]


FOUR = np.zeros((2, 4))

RECORDS = (
    Record(
        Softmax,
        along_each_axis(Softmax),
        lambda op, x: probabilities(x, op.axis),
        corners=(Corner(Softmax(0), (np.array([1e3, -1e3]),), (np.zeros(2),)),),
    ),
    Record(
        LogSoftmax,
        along_each_axis(LogSoftmax),
        lambda op, x: np.log(probabilities(x, op.axis)),
        corners=(Corner(LogSoftmax(0), (np.array([1e3, -1e3]),), (np.array([-1.0, 1.0]),)),),
    ),
    Record(
        CrossEntropy,
        entropies,
        lambda op, x, target: -(np.log(probabilities(x, -1)) * hot(target, x.shape[-1])).sum(-1),
        refusals=(
            outside(CrossEntropy(), FOUR, np.array([0, 4]), says=("4",)),
            Refusal(CrossEntropy(), (FOUR, np.zeros(3, int)), ShapeError, ("CrossEntropy", "(2, 4)", "(3,)", "(2,)")),
        ),
        corners=(Corner(CrossEntropy(), (np.array([1e3, -1e3]), np.array(1)), (np.array([1.0, -1.0]),)),),
    ),
    Record(
        CrossEntropyGrad,
        entropy_gradients,
        lambda op, x, target, g: g[..., None] * (probabilities(x, -1) - hot(target, x.shape[-1])),
    ),
    Record(
        BinaryCrossEntropy,
        logits,
        lambda op, x, t: -t * np.log(1 / (1 + np.exp(-x))) - (1 - t) * np.log(1 - 1 / (1 + np.exp(-x))),
        refusals=two_shapes(BinaryCrossEntropy()),
        corners=(
            Corner(
                BinaryCrossEntropy(),
                (np.array([1e3, -1e3, 0.0]), np.array([1.0, 0.0, 0.5])),
                (np.zeros(3), np.array([-1e3, 1e3, 0.0])),
            ),
        ),
    ),
)
