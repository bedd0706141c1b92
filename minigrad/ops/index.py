"""Ops that pick elements, and their adjoints, which put them back. Imports op.py alone.

Integers and slices are fields of the Op; index arrays are inputs. An id outside the axis is an error and never wraps
around; Gather refuses negative ids too (they are token ids), while Index counts them from the end, as NumPy does.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from minigrad.device import elsewhere, module_of
from minigrad.op import Array, Gradient, NonDifferentiable, Op, SameDtype, Shape, Value, apply

Part: TypeAlias = int | tuple[int, int, int] | None
"""One axis of an index: an integer, a slice as (start, stop, step), or None where an index array stands."""
Parts: TypeAlias = tuple[Part, ...]


def as_slice(part: tuple[int, int, int]) -> slice:
    """The Python slice; with a negative step, a stop of −1 means "to the first element, inclusive"."""
    start, stop, step = part
    return slice(start, None if step < 0 and stop < 0 else stop, step)


def as_index(parts: Parts, arrays: tuple[Array, ...] = ()) -> tuple[Any, ...]:
    """The index in the form that NumPy takes between brackets."""
    rest = iter(arrays)
    return tuple(next(rest) if p is None else as_slice(p) if isinstance(p, tuple) else p for p in parts)


def indexed_shape(x: Shape, parts: Parts, arrays: tuple[Shape, ...] = ()) -> Shape:
    """The shape of x[index] by NumPy's rules, found by indexing an array that has a shape but takes no memory."""
    hollow = np.broadcast_to(np.bool_(False), x)
    picked: Array = hollow[as_index(parts, tuple(np.zeros(s, np.intp) for s in arrays))]
    shape: Shape = picked.shape
    return shape


@dataclass(frozen=True)
class Slice(Op):
    """y = x[parts], with integers and slices only. Adjoint of SlicePut."""

    parts: Parts

    def forward(self, x: Array) -> Array:
        """A view, also where the result is a single element."""
        return x[(*as_index(self.parts), ...)]

    def shape(self, x: Shape) -> Shape:
        """The shape by NumPy's rules."""
        return indexed_shape(x, self.parts)

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = zeros, with g where the slice was taken."""
        return (lambda: apply(SlicePut(self.parts, x.shape), g),)

    def accumulate(self, total: Array, g: Array, x: Array) -> None:
        """Adds g to `total` where the slice was taken."""
        total[as_index(self.parts)] += g


@dataclass(frozen=True)
class SlicePut(Op):
    """y = zeros of shape `to`, with x assigned at `parts`. Adjoint of Slice."""

    parts: Parts
    to: Shape

    def forward(self, x: Array) -> Array:
        """Zeros, then one assignment."""
        y = np.zeros_like(x, shape=self.to)
        y[as_index(self.parts)] = x
        return y

    def shape(self, x: Shape) -> Shape:
        """The shape `to`; ValueError unless the slice of it has x's shape."""
        if indexed_shape(self.to, self.parts) != x:
            raise ValueError(f"cannot put {x} into {self.parts} of {self.to}")
        return self.to

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """gx = g[parts]."""
        return (apply(Slice(self.parts), g),)


def check_ids(ids: Array, size: int) -> None:
    """IndexError with the number of ids outside [0, size) and the first of them; TypeError unless ids are integers."""
    if ids.dtype.kind not in "iu" and ids.size:
        raise TypeError(f"ids must be integers, not {ids.dtype}")
    if ids.size == 0 or (int(ids.min()) >= 0 and int(ids.max()) < size):
        return
    wrong = np.argwhere((ids < 0) | (ids >= size))
    place = tuple(int(i) for i in wrong[0])
    raise IndexError(f"ids outside [0, {size}): {len(wrong)} of {ids.size}, the first {ids[place]} at {place}")


@dataclass(frozen=True)
class Gather(SameDtype):
    """y = x[ids]: rows of a table, such as word vectors, for ids of any shape. Adjoint of ScatterAdd."""

    reads = "x"

    def forward(self, x: Array, ids: Array) -> Array:
        """x (V, ...) and ids (...) give (..., ...)."""
        check_ids(ids, x.shape[0])
        return np.take(x, ids, axis=0)

    def shape(self, x: Shape, ids: Shape) -> Shape:
        """The ids' shape, then a row's."""
        if not x:
            raise ValueError("cannot gather rows of a 0-d array")
        return ids + x[1:]

    def vjp(self, g: Value, y: Value, x: Value, ids: Value) -> tuple[Gradient, ...]:
        """gx = the rows of g, added up by id."""
        return lambda: apply(ScatterAdd(x.shape[0]), g, ids), None


@dataclass(frozen=True)
class ScatterAdd(SameDtype):
    """y[v] = the sum of the rows of x whose id is v, for v < rows. Adjoint of Gather."""

    rows: int
    reads = "x"

    def forward(self, x: Array, ids: Array) -> Array:
        """Sorts the rows by id and sums each run of equal ids: faster than numpy.add.at, and always in one order."""
        check_ids(ids, self.rows)
        row = x.shape[ids.ndim :]
        y = np.zeros_like(x, shape=(self.rows, *row))
        if elsewhere(x):
            module_of(x).add.at(y, ids, x)
        elif ids.size:
            order = np.argsort(ids, axis=None, kind="stable")
            present, starts = np.unique(ids.ravel()[order], return_index=True)
            y[present] = np.add.reduceat(x.reshape(ids.size, *row)[order], starts, axis=0)
        return y

    def shape(self, x: Shape, ids: Shape) -> Shape:
        """(rows, ...)."""
        if x[: len(ids)] != ids:
            raise ValueError(f"rows {x} do not fit ids {ids}")
        return (self.rows, *x[len(ids) :])

    def vjp(self, g: Value, y: Value, x: Value, ids: Value) -> tuple[Gradient, ...]:
        """gx = g[ids]."""
        return apply(Gather(), g, ids), None


@dataclass(frozen=True)
class Index(SameDtype):
    """y = x[parts], where None in `parts` stands for an index array, which is a further input. Adjoint of IndexAdd."""

    parts: Parts
    reads = "x"

    def forward(self, x: Array, *arrays: Array) -> Array:
        """NumPy's integer-array indexing."""
        return x[as_index(self.parts, arrays)]  # type: ignore[no-any-return]

    def shape(self, x: Shape, *arrays: Shape) -> Shape:
        """The shape by NumPy's rules."""
        return indexed_shape(x, self.parts, arrays)

    def vjp(self, g: Value, y: Value, x: Value, *arrays: Value) -> tuple[Gradient, ...]:
        """gx = g, added up where its elements were read."""
        return (apply(IndexAdd(self.parts, x.shape), g, *arrays), *(None for _ in arrays))


@dataclass(frozen=True)
class IndexAdd(SameDtype):
    """y = zeros of shape `to`, with x added at `parts`; values for the same place add up. Adjoint of Index."""

    parts: Parts
    to: Shape
    reads = "x"

    def forward(self, x: Array, *arrays: Array) -> Array:
        """numpy.add.at."""
        y = np.zeros_like(x, shape=self.to)
        module_of(x).add.at(y, as_index(self.parts, arrays), x)
        return y

    def shape(self, x: Shape, *arrays: Shape) -> Shape:
        """The shape `to`; ValueError unless the index of it has x's shape."""
        if indexed_shape(self.to, self.parts, arrays) != x:
            raise ValueError(f"cannot add {x} into {self.parts} of {self.to}")
        return self.to

    def vjp(self, g: Value, y: Value, x: Value, *arrays: Value) -> tuple[Gradient, ...]:
        """gx = g read at `parts`."""
        return (apply(Index(self.parts), g, *arrays), *(None for _ in arrays))


@dataclass(frozen=True)
class OneHot(NonDifferentiable):
    """y[..., v] = 1 where v is the id, else 0; `to` is the name of y's dtype."""

    depth: int
    to: str

    def forward(self, ids: Array) -> Array:
        """ids (...) give (..., depth)."""
        check_ids(ids, self.depth)
        return np.equal(ids[..., None], module_of(ids).arange(self.depth)).astype(self.to)  # type: ignore[no-any-return]

    def shape(self, ids: Shape) -> Shape:
        """(..., depth)."""
        return (*ids, self.depth)

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """The dtype asked for."""
        return np.dtype(self.to)
