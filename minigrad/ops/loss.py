"""Softmax, and losses that would be slow or unstable if composed of other Ops. Imports op.py and siblings."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from minigrad.device import module_of
from minigrad.op import Array, FloatingDtype, Gradient, SameDtype, SameShape, Shape, Value, apply
from minigrad.ops.activation import Sigmoid, Softplus
from minigrad.ops.elementwise import Elementwise, Exp
from minigrad.ops.index import OneHot, check_ids


@dataclass(frozen=True)
class AlongAxis(FloatingDtype, SameShape):
    """An Op that works along one axis (non-negative)."""

    axis: int


def shifted(x: Array, axis: int) -> Array:
    """x minus its largest real part along the axis, so that exp of it cannot overflow."""
    return x - x.real.max(axis=axis, keepdims=True)  # type: ignore[no-any-return]


class Softmax(AlongAxis):
    """y = eˣ / Σ eˣ."""

    reads = "y"

    def forward(self, x: Array) -> Array:
        """Stable for scores of any size."""
        y = shifted(self.floating(x), self.axis)
        np.exp(y, out=y)
        y /= y.sum(axis=self.axis, keepdims=True)
        return y

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = y (g − Σ g y)."""
        gy = g * y
        return (gy - y * gy.sum(axis=self.axis, keepdims=True),)


class LogSoftmax(AlongAxis):
    """y = x − log Σ eˣ."""

    reads = "y"

    def forward(self, x: Array) -> Array:
        """Stable for scores of any size."""
        low = shifted(self.floating(x), self.axis)
        return low - np.log(np.exp(low).sum(axis=self.axis, keepdims=True))  # type: ignore[no-any-return]

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g − eʸ Σ g."""
        return (g - apply(Exp(), y) * g.sum(axis=self.axis, keepdims=True),)


BLOCK = 1 << 16  # elements of a block of rows: a few such arrays of float32 stay in a second-level cache


def as_rows(x: Array, *others: Array) -> list[Array]:
    """Scores (..., V) as a matrix (n, V), and the other arrays, with an entry or a row for each score row, likewise."""
    return [a.reshape((-1, *a.shape[x.ndim - 1 :])) if x.size else a.reshape(0) for a in (x, *others)]


def in_blocks(work: Callable[..., None], *arrays: Array) -> None:
    """Calls `work` on a few rows of the arrays at a time, so that its temporaries stay in the cache."""
    size = rows_of_block(arrays[0])
    for start in range(0, len(arrays[0]), size):
        work(*(a[start : start + size] for a in arrays))


def rows_of_block(x: Array) -> int:
    """The number of rows of x in a block."""
    return max(1, BLOCK // max(1, x[:1].size))


def block_of(x: Array) -> Array:
    """Uninitialised memory for a block of rows of x."""
    return np.empty_like(x, shape=(min(len(x), rows_of_block(x)), *x.shape[1:]))


def cross_entropy(room: Array, x: Array, target: Array, y: Array) -> None:
    """y = −log softmax(x)[target] for scores x (n, V); `room` is memory for one block."""
    low = np.subtract(x, x.real.max(axis=1, keepdims=True), out=room[: len(x)])
    picked = low[module_of(low).arange(len(low)), target]
    np.subtract(np.log(np.exp(low, out=low).sum(axis=1)), picked, out=y)


def softmax_less_hot(x: Array, target: Array, g: Array, y: Array) -> None:
    """y = g (softmax(x) − one-hot(target)) of scores (n, V)."""
    np.subtract(x, x.real.max(axis=1, keepdims=True), out=y)
    np.exp(y, out=y)
    y *= (g / y.sum(axis=1))[:, None]
    y[module_of(y).arange(len(y)), target] -= g


class CrossEntropy(SameDtype):
    """y = −log softmax(x)[target], one number for each row of scores x (..., V); targets (...) are integers."""

    reads = "x"

    def forward(self, x: Array, target: Array) -> Array:
        """Scores (..., V) and targets (...) give (...)."""
        check_ids(target, x.shape[-1])
        y = np.empty_like(x, shape=target.size).reshape(target.shape)  # CuPy takes the shape () for none
        rows = as_rows(x, target, y)
        in_blocks(partial(cross_entropy, block_of(rows[0])), *rows)
        return y

    def shape(self, x: Shape, target: Shape) -> Shape:
        """The targets' shape."""
        if x[:-1] != target:
            raise ValueError(f"scores {x} need targets of shape {x[:-1]}, one id for each row, not {target}")
        return target

    def vjp(self, g: Value, y: Value, x: Value, target: Value) -> tuple[Gradient, ...]:
        """gx = g (softmax(x) − one-hot(target))."""
        return apply(CrossEntropyGrad(), x, target, g), None


class CrossEntropyGrad(SameShape, SameDtype):
    """y = g (softmax(x) − one-hot(target)), the gradient of CrossEntropy, computed in one new array."""

    reads = "x"

    def forward(self, x: Array, target: Array, g: Array) -> Array:
        """Scores (..., V), targets (...) and g (...) give (..., V)."""
        y = np.empty_like(x, order="C")
        in_blocks(softmax_less_hot, *as_rows(x, target, g, y))
        return y

    def vjp(self, u: Value, y: Value, x: Value, target: Value, g: Value) -> tuple[Gradient, ...]:
        """With p = softmax(x) and w = u g: gx = p (w − Σ w p), gg = Σ u (p − one-hot)."""
        p = apply(Softmax(len(x.shape) - 1), x)
        wp = u * g.reshape((*g.shape, 1)) * p
        hot = apply(OneHot(x.shape[-1], x.dtype.name), target)
        return wp - p * wp.sum(axis=-1, keepdims=True), None, (u * (p - hot)).sum(axis=-1)


class BinaryCrossEntropy(FloatingDtype, Elementwise):
    """y = max(x, 0) − x t + log1p(e^−|x|): the binary cross entropy of logits x and targets t in [0, 1]."""

    reads = "x"

    def forward(self, x: Array, t: Array) -> Array:
        """Stable at ±1000, and exact near 0 at both ends; analytic, so that complex arguments pass through."""
        x = x.astype(self.dtype(x.dtype, t.dtype), copy=False)
        if np.iscomplexobj(x):
            return Softplus().forward(x) - x * t  # type: ignore[no-any-return]
        return np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))  # type: ignore[no-any-return]

    def vjp(self, g: Value, y: Value, x: Value, t: Value) -> tuple[Gradient, ...]:
        """gx = g (σ(x) − t), gt = −g x."""
        return g * (apply(Sigmoid(), x) - t), lambda: -g * x
