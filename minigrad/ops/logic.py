"""Elementwise Ops without a gradient: comparisons, logic, sign, casts. Imports op.py alone."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from minigrad.op import Array, Constant, Gradient, SameShape, Shape, Value


@dataclass(frozen=True)
class Logical(Constant):
    """An elementwise Op named after a ufunc, without a gradient."""

    ufunc: ClassVar[np.ufunc]

    def forward(self, *xs: Array) -> Array:
        """Calls the ufunc."""
        return self.ufunc(*xs)  # type: ignore[no-any-return]

    def shape(self, *shapes: Shape) -> Shape:
        """The shapes, broadcast."""
        return broadcast(*shapes)

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """What the ufunc gives for these dtypes."""
        return self.ufunc.resolve_dtypes((*dtypes, None))[-1]


def broadcast(*shapes: Shape) -> Shape:
    """The shape NumPy broadcasts to; ValueError that tells the rule when there is none."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError("sizes are compared from the last axis on and must be equal, or one of them 1") from None


class Equal(Logical):
    """y = (a == b)."""

    ufunc = np.equal


class NotEqual(Logical):
    """y = (a != b)."""

    ufunc = np.not_equal


class Less(Logical):
    """y = (a < b)."""

    ufunc = np.less


class LessEqual(Logical):
    """y = (a <= b)."""

    ufunc = np.less_equal


class Greater(Logical):
    """y = (a > b)."""

    ufunc = np.greater


class GreaterEqual(Logical):
    """y = (a >= b)."""

    ufunc = np.greater_equal


class And(Logical):
    """y = a & b."""

    ufunc = np.bitwise_and


class Or(Logical):
    """y = a | b."""

    ufunc = np.bitwise_or


class Xor(Logical):
    """y = a ^ b."""

    ufunc = np.bitwise_xor


class Invert(Logical):
    """y = ~x."""

    ufunc = np.invert


class FloorDivide(Logical):
    """y = ⌊a / b⌋."""

    ufunc = np.floor_divide


class Sign(Logical):
    """y = −1, 0 or 1."""

    ufunc = np.sign


class IsFinite(Logical):
    """y = neither NaN nor infinite."""

    ufunc = np.isfinite


class IsNan(Logical):
    """y = is NaN."""

    ufunc = np.isnan


@dataclass(frozen=True)
class Cast(SameShape):
    """y = x in another dtype, given by NumPy's name for it (`float32`)."""

    to: str

    def forward(self, x: Array) -> Array:
        """ndarray.astype, always a new array."""
        return x.astype(self.to)

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """The dtype asked for."""
        return np.dtype(self.to)

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g in x's dtype; nothing when either side is not floating."""
        return (g.astype(x.dtype) if np.dtype(self.to).kind in "fc" else None,)


class Detach(SameShape, Constant):
    """y = x, through which no gradient passes."""

    def forward(self, x: Array) -> Array:
        """x itself."""
        return x
