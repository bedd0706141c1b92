"""Records of arithmetic, exponentials, trigonometry and selection."""

from collections.abc import Iterable

import numpy as np

from minigrad.check.records.record import Applied, Corner, Draw, Record, Refusal, binary, corner, misfit, unary
from minigrad.op import Op
from minigrad.ops.elementwise import (
    Abs,
    Add,
    Cos,
    Divide,
    Exp,
    Log,
    Log1p,
    Maximum,
    Minimum,
    Multiply,
    Negative,
    Power,
    PowerOf,
    Sin,
    Sqrt,
    Square,
    Subtract,
    Where,
)


def powers(draw: Draw) -> Iterable[Applied]:
    """A positive base with any exponent, a negative one with whole exponents."""
    yield from binary(Power(), Draw.positive, Draw.normal)(draw)


def fixed_powers(draw: Draw) -> Iterable[Applied]:
    """Whole and fractional exponents of either sign, and 0."""
    for exponent in (0, 1, 3, 1.5, -1, -0.5, 4.0):
        yield from unary(PowerOf(exponent), Draw.positive)(draw)


def choices(draw: Draw) -> Iterable[Applied]:
    """A condition of the operands' shape, and conditions and operands that broadcast."""
    for c, a, b in (
        ((2, 3), (2, 3), (2, 3)), ((3,), (2, 1), (2, 3)), ((2, 1), (), (3,)), ((), (2,), (2,)), ((0, 3), (3,), (1,)),
    ):  # fmt: skip
        yield Where(), draw.flags(*c), draw.normal(*a), draw.normal(*b)


def two_shapes(op: Op) -> tuple[Refusal, ...]:
    """The shapes that every broadcasting Op refuses."""
    return misfit(op, (2, 3), (4,)), misfit(op, (2, 3), (3, 2))


def shared(op: Op) -> tuple[Corner, ...]:
    """At ties each input gets half of the gradient."""
    return (corner(op, ([1.0, 0.0], [0.5, 0.5]), ([1.0, 0.0], [0.5, 0.5])),)


RECORDS = (
    Record(Add, binary(Add()), lambda op, a, b: a - (-b), refusals=two_shapes(Add())),
    Record(Subtract, binary(Subtract()), lambda op, a, b: a + (-b), refusals=two_shapes(Subtract())),
    Record(Multiply, binary(Multiply()), lambda op, a, b: a * b, refusals=two_shapes(Multiply())),
    Record(Divide, binary(Divide(), Draw.signed), lambda op, a, b: a * b**-1.0, refusals=two_shapes(Divide())),
    Record(Negative, unary(Negative()), lambda op, x: 0 - x),
    Record(
        Power,
        powers,
        lambda op, a, b: np.exp(b * np.log(a)),
        refusals=two_shapes(Power()),
        corners=(
            corner(Power(), ([0.0, 0.0, -2.0], [0.0, 0.0, 12.0]), ([0.0, 2.0, 3.0], [0.0, 0.0, 0.0])),
            corner(Power(), ([0.0, 0.0], [1.0, 0.0]), ([1.0, 3.0], [0.0, 0.0])),
        ),
    ),
    Record(
        PowerOf,
        fixed_powers,
        lambda op, x: np.exp(op.exponent * np.log(x)),
        corners=(corner(PowerOf(3), ([0.0, -1.0], [0.0, 3.0])), corner(PowerOf(0), ([0.0], [0.0]))),
    ),
    Record(Square, unary(Square()), lambda op, x: x * x, corners=(corner(Square(), ([0.0], [0.0])),)),
    Record(
        Sqrt, unary(Sqrt(), Draw.positive), lambda op, x: x**0.5, corners=(corner(Sqrt(), ([0.0, 4.0], [0.0, 0.25])),)
    ),
    Record(Exp, unary(Exp()), lambda op, x: np.e**x),
    Record(Log, unary(Log(), Draw.positive), lambda op, x: np.log2(x) * np.log(2.0)),
    Record(Log1p, unary(Log1p(), Draw.positive), lambda op, x: np.log(1 + x)),
    Record(Sin, unary(Sin()), lambda op, x: np.imag(np.exp(1j * x))),
    Record(Cos, unary(Cos()), lambda op, x: np.real(np.exp(1j * x))),
    Record(
        Abs,
        unary(Abs(), Draw.signed),
        lambda op, x: np.sqrt(x * x),
        analytic=False,
        corners=(corner(Abs(), ([0.0, -0.0, -3.0], [0.0, 0.0, -1.0])),),
    ),
    Record(
        Maximum,
        binary(Maximum()),
        lambda op, a, b: np.where(a > b, a, b),
        analytic=False,
        refusals=two_shapes(Maximum()),
        corners=shared(Maximum()),
    ),
    Record(
        Minimum,
        binary(Minimum()),
        lambda op, a, b: np.where(a < b, a, b),
        analytic=False,
        refusals=two_shapes(Minimum()),
        corners=shared(Minimum()),
    ),
    Record(
        Where,
        choices,
        lambda op, c, a, b: c * a + ~c * b,
        refusals=(misfit(Where(), (2, 3), (2, 3), (4,)), misfit(Where(), (5,), (2, 3), (2, 3))),
    ),
)
