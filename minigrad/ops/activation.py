"""Activation functions: elementwise Ops that networks put between their products. Imports op.py and siblings.

All are stable at ±1000. The gradient at a kink is 0 for relu, the slope for leaky_relu, and 1 at both edges of clip.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.errors import DTypeError
from minigrad.op import Array, FloatingDtype, Gradient, Value, apply, as_number
from minigrad.ops.elementwise import Unary


class Tanh(Unary):
    """y = tanh x."""

    ufunc = np.tanh
    reads = "y"

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g (1 − y²), multiplied out: two array operations fewer than with the constant."""
        gyy = g * y
        gyy *= y
        return (g - gyy,)


class Sigmoid(FloatingDtype, Unary):
    """y = 1 / (1 + e⁻ˣ), computed as ½ tanh(½ x) + ½, which never overflows.

    Its error is that of 1's last bit: below −17 a float32 is 0. For its logarithm write −softplus(−x).
    """

    reads = "y"

    def forward(self, x: Array) -> Array:
        """Allocates one array and computes in place."""
        y = x * 0.5
        y = np.tanh(y, out=y if y.ndim else None)
        y *= 0.5
        y += 0.5
        return y

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g y (1 − y), multiplied out."""
        gy = g * y
        return (gy - gy * y,)


class Relu(Unary):
    """y = max(x, 0); NaN stays NaN."""

    reads = "y"

    def forward(self, x: Array) -> Array:
        """numpy.maximum with a zero of the same dtype."""
        return np.maximum(x, x.dtype.type(0))  # type: ignore[no-any-return]

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g where y > 0."""
        return (g * (y > 0),)


@dataclass(frozen=True)
class LeakyRelu(FloatingDtype, Unary):
    """y = x where x > 0, else slope · x."""

    slope: float = 0.01
    reads = "x"

    def forward(self, x: Array) -> Array:
        """The maximum of x and slope · x for slopes where that is right.

        Otherwise selected by sign, since any is allowed.
        """
        return np.maximum(x, x * self.slope) if 0 < self.slope <= 1 else np.where(x > 0, x, x * self.slope)

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g where x > 0, else slope · g."""
        positive = (x > 0).astype(g.dtype)
        return (g * (positive * (1 - self.slope) + self.slope),)


class Softplus(FloatingDtype, Unary):
    """y = log(1 + eˣ) = max(x, 0) + log1p(e^−|x|)."""

    reads = "x"

    def forward(self, x: Array) -> Array:
        """Does not overflow on either side. The formula is analytic, so complex arguments work too."""
        x = self.floating(x)
        top = np.maximum(x.real, 0)
        below = np.exp(x - top) + np.expm1(-top) if np.iscomplexobj(x) else np.exp(-np.abs(x))
        return top + np.log1p(below)  # type: ignore[no-any-return]

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g σ(x)."""
        return (g * apply(Sigmoid(), x),)


@dataclass(frozen=True)
class Clip(Unary):
    """y = x limited to low … high (either may be infinite)."""

    low: float
    high: float
    reads = "x"

    def forward(self, x: Array) -> Array:
        """numpy.clip, without an infinite bound, so that integers stay integers."""
        return np.clip(x, None if self.low == -np.inf else self.low, None if self.high == np.inf else self.high)

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """A fractional bound turns integers into float64."""
        return np.result_type(*dtypes, *(bound for bound in (self.low, self.high) if not np.isinf(bound)))

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g where low ≤ x ≤ high."""
        return (g * ((x >= self.low) & (x <= self.high)),)


def clip_between(low: float | None, high: float | None) -> Clip:
    """The Clip with these bounds, None for none. Raises DTypeError for arrays as bounds."""
    low, high = as_number(low), as_number(high)
    if any(not isinstance(bound, int | float | None) for bound in (low, high)):
        raise DTypeError("clip holds values between two numbers; between arrays write mg.maximum(mg.minimum(x, b), a)")
    return Clip(-np.inf if low is None else low, np.inf if high is None else high)
