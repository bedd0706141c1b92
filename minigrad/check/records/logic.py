"""Records of comparisons, logic, sign and casts. Of these only Cast has a gradient."""

from collections.abc import Callable, Iterable
from operator import and_, eq, ge, gt, inv, le, lt, ne, or_, xor
from typing import Any

import numpy as np

from minigrad.check.records.record import Applied, Draw, Record, binary, misfit, unary, wrong_kind
from minigrad.ops.logic import (
    And,
    Cast,
    Detach,
    Equal,
    FloorDivide,
    Greater,
    GreaterEqual,
    Invert,
    IsFinite,
    IsNan,
    Less,
    LessEqual,
    Logical,
    NotEqual,
    Or,
    Sign,
    Xor,
)


def comparison(op: type[Logical], holds: Callable[[Any, Any], bool]) -> Record:
    """A record of a comparison, checked pair by pair in Python; the samples include ties."""
    return Record(
        op,
        lambda draw: [*binary(op(), Draw.whole)(draw), *binary(op())(draw)],
        lambda _, a, b: np.vectorize(holds, otypes=[bool])(a, b),
        analytic=False,
        refusals=(misfit(op(), (2, 3), (4,)),),
    )


def bitwise(op: type[Logical], holds: Callable[[Any, Any], Any]) -> Record:
    """A record of a bitwise operation on booleans and integers, checked in Python."""
    return Record(
        op,
        lambda draw: [*binary(op(), Draw.flags)(draw), *binary(op(), Draw.whole)(draw)],
        lambda _, a, b: np.vectorize(holds, otypes=[a.dtype])(a, b),
        analytic=False,
        refusals=(misfit(op(), (2, 3), (4,), dtype=bool), wrong_kind(op(), np.zeros(2), np.zeros(2))),
    )


def inverted(draw: Draw) -> Iterable[Applied]:
    """Booleans and integers."""
    yield from unary(Invert(), Draw.flags)(draw)
    yield from unary(Invert(), Draw.whole)(draw)


def spoilt(op: Logical) -> Callable[[Draw], Iterable[Applied]]:
    """Numbers of which some are NaN or infinite."""
    return lambda draw: [(op, np.array([np.nan, np.inf, -np.inf, 0.0, -1.5])), *unary(op)(draw)]


def casts(draw: Draw) -> Iterable[Applied]:
    """Between floating dtypes, and from integers."""
    yield from unary(Cast("float64"))(draw)
    yield from unary(Cast("float64"), Draw.whole)(draw)
    yield from unary(Cast("int64"), Draw.signed)(draw)
    yield from unary(Cast("bool"), Draw.whole)(draw)


RECORDS = (
    comparison(Equal, eq),
    comparison(NotEqual, ne),
    comparison(Less, lt),
    comparison(LessEqual, le),
    comparison(Greater, gt),
    comparison(GreaterEqual, ge),
    bitwise(And, and_),
    bitwise(Or, or_),
    bitwise(Xor, xor),
    Record(
        Invert,
        inverted,
        lambda op, x: x == 0 if x.dtype == bool else np.vectorize(inv, otypes=[x.dtype])(x),
        analytic=False,
        refusals=(wrong_kind(Invert(), np.zeros(2)),),
    ),
    Record(
        FloorDivide,
        binary(FloorDivide(), Draw.signed),
        lambda op, a, b: np.floor(a / b),
        analytic=False,
        refusals=(misfit(FloorDivide(), (2, 3), (4,)),),
    ),
    Record(Sign, unary(Sign(), Draw.whole), lambda op, x: (x > 0) * 1 - (x < 0), analytic=False),
    Record(IsFinite, spoilt(IsFinite()), lambda op, x: np.abs(x) <= np.finfo(float).max, analytic=False),
    Record(IsNan, spoilt(IsNan()), lambda op, x: x != x, analytic=False),
    Record(Cast, casts, lambda op, x: np.array(x, op.to), analytic=False),
    Record(Detach, unary(Detach()), lambda op, x: x, analytic=False),
)
