"""Elementwise Ops with gradients: arithmetic, exponentials, selection. Imports op.py and logic.py.

Where a derivative does not exist the gradient is still finite: abs and sqrt have gradient 0 at 0, maximum and minimum
share it equally at ties, 0 ** 0 has gradient 0.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.op import Array, Gradient, Op, Value, apply, as_number
from minigrad.ops.logic import OnElements, Sign


class Elementwise(OnElements):
    """An Op on each element that has a gradient."""

    broadcasts = True


class Unary(Elementwise):
    """An elementwise Op with one input."""

    broadcasts = False


class Add(Elementwise):
    """y = a + b."""

    ufunc = np.add

    def vjp(self, g: Value, y: Value, a: Value, b: Value) -> tuple[Gradient, ...]:
        """ga = g, gb = g."""
        return g, g


class Subtract(Elementwise):
    """y = a − b."""

    ufunc = np.subtract

    def vjp(self, g: Value, y: Value, a: Value, b: Value) -> tuple[Gradient, ...]:
        """ga = g, gb = −g."""
        return g, lambda: -g


class Multiply(Elementwise):
    """y = a b."""

    ufunc = np.multiply
    reads = "x"

    def vjp(self, g: Value, y: Value, a: Value, b: Value) -> tuple[Gradient, ...]:
        """ga = g b, gb = g a."""
        return g * b, g * a


class Divide(Elementwise):
    """y = a / b."""

    ufunc = np.divide
    reads = "x"

    def vjp(self, g: Value, y: Value, a: Value, b: Value) -> tuple[Gradient, ...]:
        """ga = g / b, gb = −g a / b²."""
        return lambda: g / b, lambda: -g * a / (b * b)


class Negative(Unary):
    """y = −x."""

    ufunc = np.negative

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = −g."""
        return (-g,)


class Power(Elementwise):
    """y = aᵇ for two arrays; where a < 0, b must be whole."""

    ufunc = np.power
    reads = "xy"

    def vjp(self, g: Value, y: Value, a: Value, b: Value) -> tuple[Gradient, ...]:
        """ga = g b aᵇ⁻¹ (0 where b = 0), gb = g y log a (0 where a ≤ 0)."""

        def base() -> Value:
            return g * b * apply(Where(), b == 0, 1, a) ** (b - 1)

        def exponent() -> Value:
            return g * y * apply(Log(), apply(Where(), a > 0, a, 1))

        return base, exponent


@dataclass(frozen=True)
class PowerOf(Unary):
    """y = xⁿ for a fixed number n."""

    exponent: float
    reads = "x"

    def forward(self, x: Array) -> Array:
        """x ** n; the Python number n does not change x's precision."""
        return x**self.exponent

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """A fractional exponent makes integers float64."""
        return np.result_type(*dtypes, self.exponent)

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g n xⁿ⁻¹."""
        return (g * 0 if self.exponent == 0 else g * self.exponent * x ** (self.exponent - 1),)


def power_of(exponent: Any) -> Op:
    """The Op for x ** exponent: Square and Sqrt for 2 and 0.5, which are faster."""
    exponent = as_number(exponent)
    return {2: Square(), 0.5: Sqrt()}.get(exponent) or PowerOf(exponent)


class Square(Unary):
    """y = x²."""

    ufunc = np.square
    reads = "x"

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = 2 g x."""
        return (g * (x * 2),)


class Sqrt(Unary):
    """y = √x."""

    ufunc = np.sqrt
    reads = "y"

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g / 2y, and 0 where y = 0."""
        zero = y == 0
        return (apply(Where(), zero, 0, g * 0.5 / apply(Where(), zero, 1, y)),)


class Exp(Unary):
    """y = eˣ."""

    ufunc = np.exp
    reads = "y"

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g y."""
        return (g * y,)


class Log(Unary):
    """y = log x."""

    ufunc = np.log
    reads = "x"

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g / x."""
        return (g / x,)


class Log1p(Unary):
    """y = log(1 + x)."""

    ufunc = np.log1p
    reads = "x"

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g / (1 + x)."""
        return (g / (x + 1),)


class Sin(Unary):
    """y = sin x."""

    ufunc = np.sin
    reads = "x"

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g cos x."""
        return (g * apply(Cos(), x),)


class Cos(Unary):
    """y = cos x."""

    ufunc = np.cos
    reads = "x"

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = −g sin x."""
        return (-g * apply(Sin(), x),)


class Abs(Unary):
    """y = |x|."""

    ufunc = np.absolute
    reads = "x"

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g sign x, 0 at 0."""
        return (g * apply(Sign(), x),)


class Maximum(Elementwise):
    """y = max(a, b), element by element; NaN if either is NaN."""

    ufunc = np.maximum
    reads = "x"

    def vjp(self, g: Value, y: Value, a: Value, b: Value) -> tuple[Gradient, ...]:
        """The larger input gets g; at ties each gets half."""
        return shared(g, a >= b, a > b)


class Minimum(Elementwise):
    """y = min(a, b), element by element; NaN if either is NaN."""

    ufunc = np.minimum
    reads = "x"

    def vjp(self, g: Value, y: Value, a: Value, b: Value) -> tuple[Gradient, ...]:
        """The smaller input gets g; at ties each gets half."""
        return shared(g, a <= b, a < b)


def shared(g: Value, weak: Value, strict: Value) -> tuple[Gradient, ...]:
    """Gradients of max or min: g for a where `strict` holds, half for each where only `weak` does, else g for b."""
    ga = g * ((weak.astype(g.dtype) + strict.astype(g.dtype)) * 0.5)
    return ga, g - ga


class Where(Elementwise):
    """y = a where the condition holds, else b."""

    reads = "x"

    def forward(self, condition: Array, a: Array, b: Array) -> Array:
        """numpy.where."""
        return np.where(condition, a, b)

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """The promoted dtype of the two values."""
        return np.result_type(*dtypes[1:])

    def vjp(self, g: Value, y: Value, condition: Value, a: Value, b: Value) -> tuple[Gradient, ...]:
        """Each side gets g where it was taken."""
        return None, lambda: apply(Where(), condition, g, 0), lambda: apply(Where(), condition, 0, g)
