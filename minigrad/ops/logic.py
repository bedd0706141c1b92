"""Elementwise Ops without a gradient: comparisons, bitwise logic, sign, and casts. Imports op.py alone."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from minigrad.op import Array, Gradient, NonDifferentiable, Op, SameShape, Shape, Value


class OnElements(Op):
    """An Op that acts on each element, after NumPy's broadcasting; `ufunc` is the NumPy function for it, if any."""

    ufunc: ClassVar[np.ufunc | None] = None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the ufunc."""
        return self.ufunc(*args)  # type: ignore[misc]

    def shape(self, *shapes: Shape) -> Shape:
        """The broadcast shape."""
        return shapes[0] if len(set(shapes)) == 1 else broadcast(*shapes)

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """The dtype that the ufunc returns for these dtypes."""
        return np.result_type(*dtypes) if self.ufunc is None else self.ufunc.resolve_dtypes((*dtypes, None))[-1]


class Logical(OnElements, NonDifferentiable):
    """An elementwise Op that is one NumPy ufunc and has no gradient."""


def broadcast(*shapes: Shape) -> Shape:
    """The shape that NumPy broadcasts these to; where there is none, a ValueError that states the rule."""
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
    """y = −1, 0 or 1, the sign of x."""

    ufunc = np.sign


class IsFinite(Logical):
    """y = whether x is neither NaN nor infinite."""

    ufunc = np.isfinite


class IsNan(Logical):
    """y = whether x is NaN."""

    ufunc = np.isnan


@dataclass(frozen=True)
class Cast(SameShape):
    """y = x in another dtype, given by its NumPy name (`float32`)."""

    to: str

    def forward(self, x: Array) -> Array:
        """ndarray.astype, always a new array."""
        return x.astype(self.to)

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """The dtype asked for."""
        return np.dtype(self.to)

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g in x's dtype; None when y is not floating-point."""
        return (g.astype(x.dtype) if np.dtype(self.to).kind in "fc" else None,)


class Detach(SameShape, NonDifferentiable):
    """y = x, through which no gradient passes."""

    def forward(self, x: Array) -> Array:
        """x itself."""
        return x
