"""Ops that move or repeat elements, and the sums that are their adjoints. Imports op.py alone."""

import operator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from minigrad.errors import ShapeError
from minigrad.op import Array, Gradient, Op, SameShape, Shape, Value, apply


def axes_of(axis: int | tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    """Axes as a sorted tuple of non-negative numbers; None means all. ShapeError for a missing or repeated axis."""
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(axis) if isinstance(axis, tuple | list) else (operator.index(axis),)
    if any(not -ndim <= a < ndim for a in axes):
        raise ShapeError(f"axis {axis} does not exist in {ndim} dimensions")
    positive = sorted(a % ndim for a in axes)
    if len(set(positive)) < len(positive):
        raise ShapeError(f"axis {axis} names an axis twice")
    return tuple(positive)


def sizes_of(shape: Any) -> Shape:
    """A shape, given as one size or a sequence of sizes, as a tuple of Python integers."""
    return tuple(map(operator.index, shape)) if np.iterable(shape) else (operator.index(shape),)


class SummedDtype(Op):
    """An Op that sums elements of its input."""

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """The dtype of numpy.sum: booleans and small integers become larger ones."""
        return np.zeros(0, dtypes[0]).sum().dtype  # type: ignore[no-any-return]


class Copy(SameShape):
    """y = x in new memory."""

    def forward(self, x: Array) -> Array:
        """A copy."""
        return x.copy()

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g."""
        return (g,)


@dataclass(frozen=True)
class Reshape(Op):
    """y = the same elements in C order in the shape `to`, in which all sizes are given."""

    to: Shape

    def forward(self, x: Array) -> Array:
        """A view where NumPy can give one."""
        return x.reshape(self.to)

    def shape(self, x: Shape) -> Shape:
        """The shape `to`; ValueError unless it has as many elements."""
        if prod(x) != prod(self.to):
            raise ValueError(f"cannot reshape {x} into {self.to}")
        return self.to

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g in x's shape."""
        return (g.reshape(x.shape),)


@dataclass(frozen=True)
class Transpose(Op):
    """y = x with permuted axes: y's axis i is x's axis `axes[i]`."""

    axes: tuple[int, ...]

    def forward(self, x: Array) -> Array:
        """A view."""
        return x.transpose(self.axes)

    def shape(self, x: Shape) -> Shape:
        """The sizes, permuted."""
        if sorted(self.axes) != list(range(len(x))):
            raise ValueError(f"axes {self.axes} are no permutation of {len(x)} dimensions")
        return tuple(x[a] for a in self.axes)

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g with the inverse permutation."""
        return (g.transpose(tuple(sorted(range(len(self.axes)), key=self.axes.__getitem__))),)


@dataclass(frozen=True)
class BroadcastTo(Op):
    """y = x repeated along axes of size 1 and new leading axes, to the shape `to`. Adjoint of SumTo."""

    to: Shape

    def forward(self, x: Array) -> Array:
        """A read-only view."""
        return np.broadcast_to(x, self.to)

    def shape(self, x: Shape) -> Shape:
        """The shape `to`; ValueError unless x broadcasts to it."""
        if np.broadcast_shapes(x, self.to) != self.to:
            raise ValueError(f"cannot broadcast {x} to {self.to}")
        return self.to

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g, summed over what was repeated."""
        return (apply(SumTo(x.shape), g),)


@dataclass(frozen=True)
class SumTo(SummedDtype):
    """y = x summed to the shape `to`, over the axes along which `to` would broadcast to x. Adjoint of BroadcastTo."""

    to: Shape

    def axes_summed(self, x: Shape) -> tuple[int, ...]:
        """The axes of x that are summed: extra leading ones, and those where `to` has size 1 and x has not."""
        lead = len(x) - len(self.to)
        return tuple(i for i, size in enumerate(x) if i < lead or (self.to[i - lead] == 1 and size != 1))

    def forward(self, x: Array) -> Array:
        """numpy.sum over those axes."""
        axes = self.axes_summed(x.shape)
        return (x.sum(axis=axes, keepdims=True) if axes else x).reshape(self.to)

    def shape(self, x: Shape) -> Shape:
        """The shape `to`; ValueError unless it broadcasts to x."""
        if np.broadcast_shapes(x, self.to) != x:
            raise ValueError(f"cannot sum {x} to {self.to}")
        return self.to

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g broadcast back."""
        return (apply(BroadcastTo(x.shape), g),)


def concatenated(shapes: tuple[Shape, ...], axis: int) -> Shape:
    """The shape of a concatenation; ValueError when sizes along other axes differ."""
    first = shapes[0]
    rest = {s[:axis] + s[axis + 1 :] for s in shapes}
    if len(rest) > 1 or len({len(s) for s in shapes}) > 1:
        raise ValueError(f"cannot concatenate shapes {', '.join(map(str, shapes))} along axis {axis}")
    return (*first[:axis], sum(s[axis] for s in shapes), *first[axis + 1 :])


@dataclass(frozen=True)
class Concat(Op):
    """y = the inputs one after another along an existing axis (non-negative). Its adjoint is one Slice per input."""

    axis: int

    def forward(self, *xs: Array) -> Array:
        """numpy.concatenate."""
        return np.concatenate(xs, axis=self.axis)

    def shape(self, *shapes: Shape) -> Shape:
        """Sizes along the axis add up; the others must agree."""
        return concatenated(shapes, self.axis)

    def vjp(self, g: Value, y: Value, *xs: Value) -> tuple[Gradient, ...]:
        """Each input gets its part of g."""
        before = (slice(None),) * self.axis
        gradients, start = [], 0
        for x in xs:
            stop = start + x.shape[self.axis]
            gradients.append(g[(*before, slice(start, stop))])
            start = stop
        return tuple(gradients)


@dataclass(frozen=True)
class Stack(Op):
    """y = the inputs, all of one shape, side by side along a new axis (non-negative)."""

    axis: int

    def forward(self, *xs: Array) -> Array:
        """numpy.stack."""
        return np.stack(xs, axis=self.axis)

    def shape(self, *shapes: Shape) -> Shape:
        """The inputs' shape with the new axis inserted."""
        if len(set(shapes)) > 1:
            raise ValueError(f"cannot stack different shapes {', '.join(map(str, dict.fromkeys(shapes)))}")
        return (*shapes[0][: self.axis], len(shapes), *shapes[0][self.axis :])

    def vjp(self, g: Value, y: Value, *xs: Value) -> tuple[Gradient, ...]:
        """Input i gets g at index i."""
        before = (slice(None),) * self.axis
        return tuple(g[(*before, i)] for i in range(len(xs)))


@dataclass(frozen=True)
class Pad(Op):
    """y = x with `widths[axis] = (before, after)` constant elements added on each side. Its adjoint is a Slice."""

    widths: tuple[tuple[int, int], ...]
    value: float = 0.0

    def forward(self, x: Array) -> Array:
        """numpy.pad with a constant."""
        return np.pad(x, self.widths or 0, constant_values=self.value)

    def shape(self, x: Shape) -> Shape:
        """Sizes grow by both widths."""
        if len(self.widths) != len(x) or any(w < 0 for pair in self.widths for w in pair):
            raise ValueError(f"pad widths {self.widths} do not fit shape {x}")
        return tuple(n + a + b for n, (a, b) in zip(x, self.widths, strict=True))

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = the part of g where x stood."""
        return (g[tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, self.widths, strict=True))],)
