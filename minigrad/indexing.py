"""Turns the key of x[key] into an Op and the index arrays it takes. Imports the Ops alone."""

from typing import Any

import numpy as np

from minigrad.errors import DTypeError, IndexRangeError, TraceError
from minigrad.op import Op, Shape, as_value
from minigrad.ops.index import Index, Part, Slice


def index_op(key: Any, shape: Shape) -> tuple[Shape, Op, tuple[Any, ...]]:
    """The Op that x[key] applies, the shape to give x before that, and the index arrays the Op takes.

    The shape has an axis of size 1 for each None in the key. Without index arrays the Op is a Slice. IndexRangeError
    for too many indices or an integer outside its axis.
    """
    if type(key) is int and shape and -shape[0] <= key < shape[0]:  # the commonest key, made quick
        return shape, Slice((key % shape[0], *((0, n, 1) for n in shape[1:]))), ()
    items = spelled_out(key if isinstance(key, tuple) else (key,), len(shape))
    sizes: list[int] = []
    parts: list[Part] = []
    arrays: list[Any] = []
    remaining = iter(shape)
    for item in items:
        size = 1 if item is None else next(remaining)
        if isinstance(item, tuple):
            item, expected = item
            if expected != size:
                raise IndexRangeError(f"a boolean index of size {expected} does not fit an axis of size {size}")
        sizes.append(size)
        parts.append(static_part(item, size))
        if parts[-1] is None:
            arrays.append(item)
    op: Op = Index(tuple(parts)) if arrays else Slice(tuple(parts))
    return tuple(sizes), op, tuple(arrays)


def spelled_out(key: tuple[Any, ...], ndim: int) -> list[Any]:
    """The key with one item for each axis: boolean arrays as positions, an ellipsis or missing axes as full slices."""
    items = [part for item in key for part in without_booleans(item)]
    missing = ndim - sum(item is not None and item is not Ellipsis for item in items)
    if missing < 0:
        raise IndexRangeError(f"too many indices: {ndim - missing} for {ndim} dimensions")
    dots = [i for i, item in enumerate(items) if item is Ellipsis]
    if len(dots) > 1:
        raise IndexRangeError("an index can have only one ellipsis (...)")
    at = dots[0] if dots else len(items)
    return items[:at] + [slice(None)] * missing + items[at + len(dots) :]


def without_booleans(item: Any) -> tuple[Any, ...]:
    """An item of a key; a boolean array becomes pairs (positions of its True elements, size), one for each axis."""
    if item is None or item is Ellipsis or (isinstance(item, int | np.integer | slice) and not isinstance(item, bool)):
        return (item,)
    array = as_value(item)
    if array.dtype == np.bool_:
        return positions(array)
    if array.dtype.kind not in "iu" and array.size:
        raise DTypeError(f"an index must be of integers or booleans, not {array.dtype}")
    return (array if array.size or array.dtype.kind in "iu" else array.astype(np.intp),)


def positions(mask: Any) -> tuple[Any, ...]:
    """For each axis of a boolean array: the positions of its True elements, and its size. The values must be known."""
    value = getattr(mask, "value", mask)
    if value is None:
        raise TraceError(
            "x[mask] has a shape that depends on values, which a traced program has not; "
            "write mg.where(mask, x, 0), which keeps the shape"
        )
    if value.ndim == 0:
        raise IndexRangeError("True or False is no index")
    return tuple(zip(np.nonzero(value), value.shape, strict=True))


def static_part(item: Any, size: int) -> Part:
    """An integer or slice of the key in the form that an Op's field takes; None for an index array."""
    if item is None:
        return (0, 1, 1)
    if isinstance(item, slice):
        bounds = item.indices(size)
        return bounds if len(range(*bounds)) else (0, 0, 1)
    if not isinstance(item, int | np.integer):
        return None
    if not -size <= item < size:
        raise IndexRangeError(f"index {item} is outside an axis of size {size}")
    return int(item) % size
