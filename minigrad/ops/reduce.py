"""Ops that reduce or scan axes. `axes` are sorted and non-negative; `keepdims` is as in NumPy.

At ties, max and min share the gradient equally among the extreme elements. The mean or extreme of nothing is an error.
Imports op.py and siblings.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from minigrad.op import Array, FloatingDtype, Gradient, NonDifferentiable, Op, SameShape, Shape, Value, apply
from minigrad.ops.elementwise import Exp
from minigrad.ops.shape import BroadcastTo, SummedDtype


def reduced(x: Shape, axes: tuple[int, ...], keepdims: bool) -> Shape:
    """The shape after reducing `axes`."""
    if keepdims:
        return tuple(1 if i in axes else n for i, n in enumerate(x))
    return tuple(n for i, n in enumerate(x) if i not in axes)


def count(x: Shape, axes: tuple[int, ...]) -> int:
    """The number of elements that go into one result. Raises ValueError if it is zero."""
    number = prod(x[a] for a in axes)
    if number == 0:
        raise ValueError(f"mean, max, min or logsumexp over no elements: shape {x}, axes {axes}")
    return number


@dataclass(frozen=True)
class Reduction(Op):
    """An Op that reduces `axes`."""

    axes: tuple[int, ...]
    keepdims: bool = False

    def shape(self, x: Shape) -> Shape:
        """x without the axes, or with size 1 in their place."""
        return reduced(x, self.axes, self.keepdims)

    def spread(self, value: Value, x: Value) -> Value:
        """A value of the result's shape with the reduced axes back as size 1, so that it broadcasts against x."""
        return value.reshape(reduced(x.shape, self.axes, True))


class Sum(SummedDtype, Reduction):
    """y = Σ x."""

    def forward(self, x: Array) -> Array:
        """numpy.sum."""
        return x.sum(axis=self.axes, keepdims=self.keepdims)  # type: ignore[no-any-return]

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g, repeated along the axes."""
        return (apply(BroadcastTo(x.shape), self.spread(g, x)),)


class OfSome(Reduction):
    """A Reduction that needs at least one element for each result."""

    def shape(self, x: Shape) -> Shape:
        """As for any Reduction. Raises ValueError if there is nothing to reduce."""
        count(x, self.axes)
        return super().shape(x)


class Mean(FloatingDtype, OfSome):
    """y = Σ x / n."""

    def forward(self, x: Array) -> Array:
        """numpy.mean."""
        count(x.shape, self.axes)
        return x.mean(axis=self.axes, keepdims=self.keepdims)  # type: ignore[no-any-return]

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g / n, repeated along the axes."""
        return (apply(BroadcastTo(x.shape), self.spread(g, x) / count(x.shape, self.axes)),)


class Extreme(OfSome):
    """Max or Min: the gradient is shared equally among the extreme elements."""

    reads = "xy"

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g / ties where x = y."""
        winners = (x == self.spread(y, x)).astype(g.dtype)
        ties = winners.sum(axis=self.axes, keepdims=True)
        return (winners * (self.spread(g, x) / ties),)


class Max(Extreme):
    """y = max x."""

    def forward(self, x: Array) -> Array:
        """numpy.max."""
        return x.max(axis=self.axes, keepdims=self.keepdims)  # type: ignore[no-any-return]


class Min(Extreme):
    """y = min x."""

    def forward(self, x: Array) -> Array:
        """numpy.min."""
        return x.min(axis=self.axes, keepdims=self.keepdims)  # type: ignore[no-any-return]


class LogSumExp(FloatingDtype, OfSome):
    """y = log Σ eˣ, computed after subtracting the maximum; −∞ if all elements are −∞."""

    reads = "xy"

    def forward(self, x: Array) -> Array:
        """Does not overflow. The formula is analytic, so complex arguments work too."""
        x = self.floating(x)
        top = x.real.max(axis=self.axes, keepdims=True)
        top = np.where(np.isfinite(top), top, 0)
        with np.errstate(divide="ignore", over="ignore"):
            y = np.log(np.exp(x - top).sum(axis=self.axes, keepdims=True)) + top
        return y if self.keepdims else y.reshape(self.shape(x.shape))  # type: ignore[no-any-return]

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g eˣ⁻ʸ."""
        return (self.spread(g, x) * apply(Exp(), x - self.spread(y, x)),)


@dataclass(frozen=True)
class CumSum(SummedDtype, SameShape):
    """y = the running sum along `axis`, from the end if `reverse`. Its adjoint runs in the other direction."""

    axis: int
    reverse: bool = False

    def forward(self, x: Array) -> Array:
        """numpy.cumsum."""
        way = (*(slice(None),) * self.axis, slice(None, None, -1 if self.reverse else 1))
        return np.cumsum(x[way], axis=self.axis)[way]

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = the running sum from the other end."""
        return (apply(CumSum(self.axis, not self.reverse), g),)


@dataclass(frozen=True)
class ArgMax(NonDifferentiable):
    """y = the index of the first largest element along `axis`."""

    axis: int
    keepdims: bool = False

    def forward(self, x: Array) -> Array:
        """numpy.argmax."""
        return np.argmax(x, axis=self.axis, keepdims=self.keepdims)  # type: ignore[no-any-return]

    def shape(self, x: Shape) -> Shape:
        """x without the axis."""
        count(x, (self.axis,))
        return reduced(x, (self.axis,), self.keepdims)

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """NumPy's index type."""
        return np.dtype(np.intp)
