"""Rules for slices: they are moved to where they cost nothing, and merged again where they cover a whole."""

from itertools import pairwise
from math import prod

from minigrad.compiler.rewrite import Builder, Inputs, Rules, is_op
from minigrad.op import Shape
from minigrad.ops.index import Gather, Part, Parts, Slice, SlicePut
from minigrad.ops.shape import Concat, Reshape, Transpose
from minigrad.tensor import Tensor

Range = tuple[int, int]


def whole(size: int) -> tuple[int, int, int]:
    """The part of an index that takes all of an axis."""
    return 0, size, 1


def full_parts(op: Slice | SlicePut, shape: Shape) -> Parts:
    """The index with a part for every axis."""
    return (*op.parts, *(whole(n) for n in shape[len(op.parts) :]))


def window(part: Part) -> Range | None:
    """Start and stop of a part that takes neighbouring elements in order (an integer takes one); else None."""
    if isinstance(part, int):
        return part, part + 1
    return part[:2] if part is not None and part[2] == 1 and 0 <= part[0] <= part[1] else None


def only_axis(op: Slice | SlicePut, x: Tensor) -> tuple[int, Range] | None:
    """The only axis of x that the slice narrows, and the window it takes; None if there are several, or a step."""
    narrowed = [(a, p) for a, p in enumerate(full_parts(op, x.shape)) if p != whole(x.shape[a])]
    if len(narrowed) != 1:
        return None
    axis, part = narrowed[0]
    found = window(part)
    return None if found is None else (axis, found)


def taken(build: Builder, x: Tensor, axis: int, start: int, stop: int) -> Tensor:
    """x[start:stop] along an axis."""
    parts = tuple((start, stop, 1) if a == axis else whole(n) for a, n in enumerate(x.shape))
    return build(Slice(parts), x)


def slice_of_all(build: Builder, op: Slice, inputs: Inputs) -> Tensor | None:
    """A slice of everything is the operand; an integer on an axis of size 1 only drops that axis."""
    (x,) = inputs
    parts = full_parts(op, x.shape)
    if all(p == whole(n) or (p == 0 and n == 1) for p, n in zip(parts, x.shape, strict=True)):
        return build(Reshape(op.shape(x.shape)), x)
    return build(Slice(parts), x) if parts != op.parts else None


def slice_of_slice(build: Builder, op: Slice, inputs: Inputs) -> Tensor | None:
    """A slice of a slice is one slice, where both take neighbouring elements in order."""
    (x,) = inputs
    if not isinstance(x.op, Slice):
        return None
    (source,) = x.inputs
    outer, inner = iter(full_parts(op, x.shape)), full_parts(x.op, source.shape)
    parts: list[Part] = []
    for part in inner:
        if isinstance(part, int):
            parts.append(part)
            continue
        second = next(outer)
        first, then = window(part), window(second)
        if first is None or then is None:
            return None
        start, stop = first[0] + then[0], first[0] + then[1]
        parts.append(start if isinstance(second, int) else (start, stop, 1))
    return build(Slice(tuple(parts)), source)


def slice_of_transpose(build: Builder, op: Slice, inputs: Inputs) -> Tensor | None:
    """Slice first, then permute the axes that are left."""
    (x,) = inputs
    if not isinstance(x.op, Transpose):
        return None
    axes, parts = x.op.axes, full_parts(op, x.shape)
    by_source = dict(zip(axes, parts, strict=True))
    kept = [a for a in sorted(axes) if not isinstance(by_source[a], int)]
    order = tuple(kept.index(a) for a in axes if a in kept)
    narrowed = build(Slice(tuple(by_source[a] for a in range(len(axes)))), x.inputs[0])
    return build(Transpose(order), narrowed)


def slice_of_reshape(build: Builder, op: Slice, inputs: Inputs) -> Tensor | None:
    """A window of the first axis, where the reshape had split the rows, is a window of the rows."""
    (x,) = inputs
    found = only_axis(op, x)
    if not is_op(x, Reshape) or found is None or found[0] != 0:
        return None
    (source,) = x.inputs
    if not source.shape or source.shape[0] % max(x.shape[0], 1):
        return None
    rows = source.shape[0] // x.shape[0]
    if prod(x.shape[1:]) != rows * prod(source.shape[1:]):
        return None
    start, stop = found[1]
    return build(Reshape(op.shape(x.shape)), taken(build, source, 0, start * rows, stop * rows))


def slice_of_concat(build: Builder, op: Slice, inputs: Inputs) -> Tensor | None:
    """A window within one part of a concatenation is a slice of that part."""
    (x,) = inputs
    if not isinstance(x.op, Concat):
        return None
    axis, parts = x.op.axis, full_parts(op, x.shape)
    found, begin = window(parts[axis]), 0
    for piece in x.inputs:
        end = begin + piece.shape[axis]
        if found is not None and begin <= found[0] and found[1] <= end and found[0] < found[1]:
            start, stop = found[0] - begin, found[1] - begin
            inside: Part = start if isinstance(parts[axis], int) else (start, stop, 1)
            return build(Slice((*parts[:axis], inside, *parts[axis + 1 :])), piece)
        begin = end
    return None


def slice_of_gather(build: Builder, op: Slice, inputs: Inputs) -> Tensor | None:
    """Slice the ids instead of the rows looked up."""
    (x,) = inputs
    if not is_op(x, Gather):
        return None
    table, ids = x.inputs
    parts = full_parts(op, x.shape)
    rest = parts[ids.ndim :]
    if any(p != whole(n) for p, n in zip(rest, table.shape[1:], strict=True)) or not ids.shape:
        return None
    return build(Gather(), table, build(Slice(parts[: ids.ndim]), ids))


def concat_of_gathers(build: Builder, op: Concat, inputs: Inputs) -> Tensor | None:
    """Rows of one table concatenated are one lookup of concatenated ids."""
    if op.axis or not all(is_op(x, Gather) for x in inputs) or len({id(x.inputs[0]) for x in inputs}) > 1:
        return None
    ids = [x.inputs[1] for x in inputs]
    return build(Gather(), inputs[0].inputs[0], build(Concat(0), *ids)) if all(i.shape for i in ids) else None


def concat_of_transposes(build: Builder, op: Concat, inputs: Inputs) -> Tensor | None:
    """Concatenate first, then permute."""
    if not all(is_op(x, Transpose) for x in inputs) or len({x.op for x in inputs}) > 1:
        return None
    axes = inputs[0].op.axes  # type: ignore[union-attr]
    return build(Transpose(axes), build(Concat(axes[op.axis]), *(x.inputs[0] for x in inputs)))


def concat_of_slices(build: Builder, op: Concat, inputs: Inputs) -> Tensor | None:
    """Adjacent windows of one operand are one window; integer indices too, with their axis moved to the front."""
    if not all(is_op(x, Slice) for x in inputs) or len({id(x.inputs[0]) for x in inputs}) > 1:
        return None
    (source,) = inputs[0].inputs
    found = [only_axis(x.op, source) for x in inputs]  # type: ignore[arg-type]
    if any(f is None for f in found) or len({f[0] for f in found if f}) > 1:
        return None
    windows = [f[1] for f in found if f]
    if any(a[1] != b[0] for a, b in pairwise(windows)):
        return None
    axis = found[0][0]  # type: ignore[index]
    covered = taken(build, source, axis, windows[0][0], windows[-1][1])
    if inputs[0].ndim == source.ndim:
        return covered if axis == op.axis else None
    if op.axis or any(b - a != 1 for a, b in windows):
        return None
    moved = build(Transpose((axis, *(a for a in range(source.ndim) if a != axis))), covered)
    return build(Reshape(op.shape(*(x.shape for x in inputs))), moved)


SLICES: Rules = {
    Slice: (
        slice_of_all,
        slice_of_slice,
        slice_of_transpose,
        slice_of_reshape,
        slice_of_concat,
        slice_of_gather,
    ),
    Concat: (concat_of_gathers, concat_of_transposes, concat_of_slices),
}
