"""What the table holds for each Op, and how its samples are drawn. Imports only op.py."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from minigrad.errors import DTypeError, IndexRangeError, MinigradError, ShapeError
from minigrad.op import Array, Op, Shape

Applied: TypeAlias = tuple[Any, ...]
"""An Op and the arrays it is applied to."""

SHAPES: tuple[Shape, ...] = ((), (3,), (2, 3), (3, 1, 2), (0, 3))
PAIRS: tuple[tuple[Shape, Shape], ...] = (
    ((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (3,)), ((2, 3), ()), ((3, 1, 2), (2, 1)), ((0, 3), (1,)),
)  # fmt: skip


class Draw:
    """Draws the kinds of arrays that Ops need, from one random generator."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)

    def normal(self, *shape: int) -> Array:
        """Gaussian numbers."""
        return np.asarray(self.rng.standard_normal(shape))

    def positive(self, *shape: int) -> Array:
        """Numbers in [½, 2)."""
        return np.asarray(self.rng.uniform(0.5, 2.0, shape))

    def signed(self, *shape: int) -> Array:
        """Numbers of both signs, at least ½ away from 0."""
        return np.asarray(self.positive(*shape) * self.rng.choice([-1.0, 1.0], shape))

    def distinct(self, *shape: int) -> Array:
        """Numbers that are all different, at least 0.1 apart, and none within 0.05 of 0."""
        size = int(np.prod(shape))
        return self.rng.permutation(0.1 * (np.arange(size) - size // 2) + 0.05).reshape(shape)

    def whole(self, *shape: int) -> Array:
        """Integers from −3 to 3, so ties are likely."""
        return self.rng.integers(-3, 4, shape)

    def ids(self, below: int, *shape: int) -> Array:
        """Integers from 0 to `below` − 1."""
        return self.rng.integers(0, below, shape)

    def flags(self, *shape: int) -> Array:
        """Booleans."""
        return np.asarray(self.rng.random(shape) < 0.5)


Kind: TypeAlias = Callable[..., Array]
Samples: TypeAlias = Callable[[Draw], Iterable[Applied]]


@dataclass(frozen=True)
class Refusal:
    """An application that must fail: the class of its error, and what the message must contain."""

    op: Op
    arrays: tuple[Array, ...]
    error: type[MinigradError]
    message: tuple[str, ...]


@dataclass(frozen=True)
class Corner:
    """A point where the derivative does not exist, and the gradients that convention gives there for g = 1."""

    op: Op
    arrays: tuple[Array, ...]
    gradients: tuple[Array, ...]


@dataclass(frozen=True)
class Record:
    """Everything that the tests of one Op class need.

    `samples` draws applications inside the domain and away from kinks. `reference(op, *arrays)` computes the same value
    with plain NumPy, in another way where there is one. An `analytic` Op accepts complex arrays.
    """

    op: type[Op]
    samples: Samples
    reference: Callable[..., Any]
    analytic: bool = True
    refusals: tuple[Refusal, ...] = ()
    corners: tuple[Corner, ...] = ()


def unary(op: Op, kind: Kind = Draw.normal, shapes: Iterable[Shape] = SHAPES) -> Samples:
    """One input of each shape."""
    return lambda draw: [(op, kind(draw, *shape)) for shape in shapes]


def binary(op: Op, kind: Kind = Draw.normal, second: Kind | None = None) -> Samples:
    """Two inputs of shapes that broadcast."""
    return lambda draw: [(op, kind(draw, *a), (second or kind)(draw, *b)) for a, b in PAIRS]


def misfit(op: Op, *shapes: Shape, says: tuple[str, ...] = (), dtype: type = float) -> Refusal:
    """Shapes that do not fit: the Op must raise a ShapeError that names it and every shape."""
    names = (type(op).__name__, *map(str, shapes), *says)
    return Refusal(op, tuple(np.zeros(s, dtype) for s in shapes), ShapeError, names)


def outside(op: Op, *arrays: Array, says: tuple[str, ...] = ()) -> Refusal:
    """Indices out of range: the Op must raise an IndexRangeError that names it."""
    return Refusal(op, arrays, IndexRangeError, (type(op).__name__, *says))


def wrong_kind(op: Op, *arrays: Array, says: tuple[str, ...] = ()) -> Refusal:
    """Operands of a dtype that the Op cannot take: it must raise a DTypeError that names it."""
    return Refusal(op, arrays, DTypeError, (type(op).__name__, *says))


def corner(op: Op, *pairs: tuple[Any, Any]) -> Corner:
    """A point given as pairs of an input's value and the gradient expected for it."""
    return Corner(op, tuple(np.array(x, float) for x, _ in pairs), tuple(np.array(g, float) for _, g in pairs))
