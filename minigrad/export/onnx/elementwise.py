"""Rules for elementwise Ops: arithmetic, comparisons, activation functions. Imports the emitter."""

from typing import Any

import numpy as np

from minigrad.export.onnx.emit import Emit, Rule, numbered, onnx_dtype
from minigrad.op import Op


def arithmetic(kind: str) -> Rule:
    """Operands are cast to the result's dtype; for booleans, which ONNX cannot compute with, int32 is used."""

    def rule(emit: Emit, op: Op, *xs: str) -> str:
        work = numbered(emit.y.dtype)
        return emit.cast(emit(kind, *emit.operands(xs, work)), work, emit.y.dtype)

    return rule


def comparison(kind: str, negated: bool = False) -> Rule:
    """Operands are cast to their common dtype."""

    def rule(emit: Emit, op: Op, *xs: str) -> str:
        common = np.result_type(*emit.dtypes)
        y = emit(kind, *emit.operands(xs, numbered(common)))
        return emit("Not", y) if negated else y

    return rule


def bitwise(kind: str, of_whole: str) -> Rule:
    """One operator for booleans, another for integers."""

    def rule(emit: Emit, op: Op, *xs: str) -> str:
        return emit(kind if emit.y.dtype == bool else of_whole, *emit.operands(xs, emit.y.dtype))

    return rule


def power_of(emit: Emit, op: Any, x: str) -> str:
    """A power with a constant exponent."""
    (x,) = emit.operands((x,), emit.y.dtype)
    return emit("Pow", x, emit.constant(op.exponent, emit.y.dtype))


def square(emit: Emit, op: Op, x: str) -> str:
    """x · x."""
    return emit("Mul", x, x)


def log1p(emit: Emit, x: str, dtype: Any) -> str:
    """log(1 + x), accurate for small x: log u − ((u − 1) − x) / u with u = 1 + x; log u where that is infinite."""
    one = emit.constant(1, dtype)
    u = emit("Add", x, one)
    y = emit("Log", u)
    finite = emit("Less", emit("Abs", y), emit.constant(np.inf, dtype))
    lost = emit("Div", emit("Sub", emit("Sub", u, one), x), u)
    return emit("Where", finite, emit("Sub", y, lost), y)


def log1p_of(emit: Emit, op: Op, x: str) -> str:
    """By `log1p`: ONNX has no such operator."""
    return log1p(emit, emit.operands((x,), emit.y.dtype)[0], emit.y.dtype)


def where(emit: Emit, op: Op, condition: str, a: str, b: str) -> str:
    """Booleans are selected as uint8, since onnxruntime cannot select them."""
    of, *dtypes = emit.dtypes
    work = np.uint8 if emit.y.dtype == bool else emit.y.dtype
    a, b = (emit.cast(x, dtype, work) for x, dtype in zip((a, b), dtypes, strict=True))
    return emit.cast(emit("Where", emit.cast(condition, of, bool), a, b), work, emit.y.dtype)


def leaky_relu(emit: Emit, op: Any, x: str) -> str:
    """Selected by sign, since ONNX's own operator has its slope in single precision."""
    dtype = emit.y.dtype
    (x,) = emit.operands((x,), dtype)
    positive = emit("Greater", x, emit.constant(0, dtype))
    return emit("Where", positive, x, emit("Mul", x, emit.constant(op.slope, dtype)))


def softplus(emit: Emit, op: Op, x: str) -> str:
    """max(x, 0) + log1p(e^−|x|), since ONNX's own operator overflows."""
    dtype = emit.y.dtype
    x = emit.cast(x, emit.dtypes[0], dtype)
    rest = log1p(emit, emit("Exp", emit("Neg", emit("Abs", x))), dtype)
    return emit("Add", emit("Max", x, emit.constant(0, dtype)), rest)


def binary_cross_entropy(emit: Emit, op: Op, x: str, t: str) -> str:
    """softplus(x) − x t."""
    x, t = emit.operands((x, t), emit.y.dtype)
    return emit("Sub", softplus(emit, op, x), emit("Mul", x, t))


def clip(emit: Emit, op: Any, x: str) -> str:
    """An infinite bound is left out."""
    (x,) = emit.operands((x,), emit.y.dtype)
    low, high = ("" if np.isinf(b) else emit.constant(b, emit.y.dtype) for b in (op.low, op.high))
    return emit("Clip", x, low, high)


def floor_divide(emit: Emit, op: Op, a: str, b: str) -> str:
    """(a − remainder) / b with a remainder of b's sign, as NumPy does it: ⌊a / b⌋ would round twice."""
    dtype = emit.y.dtype
    a, b = emit.operands((a, b), dtype)
    if dtype.kind in "iu":
        return emit("Div", emit("Sub", a, emit("Mod", a, b)), b)
    rest, zero = emit("Mod", a, b, fmod=1), emit.constant(0, dtype)
    other_side = emit("Less", emit("Mul", rest, b), zero)
    rest = emit("Where", other_side, emit("Add", rest, b), rest)
    return emit("Round", emit("Div", emit("Sub", a, rest), b))


def floating(emit: Emit, x: str) -> tuple[str, Any]:
    """x, which may be of integers, as floating-point numbers; and its dtype."""
    (of,) = emit.dtypes
    to = of if of.kind == "f" else np.float32
    return emit.cast(x, of, to), to


def is_nan(emit: Emit, op: Op, x: str) -> str:
    """Integers are never NaN."""
    return emit("IsNaN", floating(emit, x)[0])


def is_finite(emit: Emit, op: Op, x: str) -> str:
    """|x| < ∞, which is false for NaN."""
    x, dtype = floating(emit, x)
    return emit("Less", emit("Abs", x), emit.constant(np.inf, dtype))


def cast(emit: Emit, op: Any, x: str) -> str:
    """ONNX's Cast."""
    return emit("Cast", x, to=onnx_dtype(op.to))


def scalar(emit: Emit, op: Any) -> str:
    """A number that a compiled program contains."""
    return emit.constant(op.number, op.to)


def identity(emit: Emit, op: Op, x: str) -> str:
    """No node at all: x itself."""
    return x
