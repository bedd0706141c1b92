"""Rules for zeros that the program puts around a slice, as the gradient of one score among many has them.

They are not multiplied: a sum over them is a sum over the slice alone (provided they would meet finite numbers).
"""

from minigrad.compiler.identities import number
from minigrad.compiler.rewrite import Builder, Inputs, Rules, is_op
from minigrad.compiler.slices import Range, only_axis, taken
from minigrad.ops.conv import ConvTranspose2d
from minigrad.ops.elementwise import Divide, Multiply
from minigrad.ops.index import SlicePut
from minigrad.ops.linalg import MatMul
from minigrad.ops.shape import Reshape
from minigrad.tensor import Tensor

CHANNELS = 1


def filled(x: Tensor, axis: int) -> Range | None:
    """The window of an axis outside of which x is known to be zero, from how it is made; None where it is not."""
    if isinstance(x.op, SlicePut):
        found = only_axis(x.op, x)
        return found[1] if found and found[0] == axis and found[1] != (0, x.shape[axis]) else None
    if splits_behind(x, axis) or (scales(x) and x.inputs[0].ndim == x.ndim and same_before(x, axis)):
        return filled(x.inputs[0], axis)
    return None


def scales(x: Tensor) -> bool:
    """Whether x is an operand masked, or divided by a number: zeros stay zeros."""
    if not is_op(x, Divide, Multiply):
        return False
    return bool(number(x.inputs[1])) if is_op(x, Divide) else x.inputs[1].dtype == bool


def splits_behind(x: Tensor, axis: int) -> bool:
    """Whether x is a reshape that leaves this axis and those before it alone."""
    return is_op(x, Reshape) and same_before(x, axis)


def same_before(x: Tensor, axis: int) -> bool:
    """Whether x and its first operand have the same sizes up to and including this axis."""
    return x.inputs[0].shape[: axis + 1] == x.shape[: axis + 1]


def narrowed(build: Builder, x: Tensor, axis: int, part: Range) -> Tensor:
    """This window of x, computed from windows of what x is made of."""
    shape = (*x.shape[:axis], part[1] - part[0], *x.shape[axis + 1 :])
    if axis < 0 or x.shape[axis] == 1:
        return x
    if is_op(x, SlicePut) and filled(x, axis) == part:
        return build(Reshape(shape), x.inputs[0])
    if x.op and scales(x) and filled(x, axis) == part:
        return build(x.op, *(narrowed(build, other, axis - x.ndim + other.ndim, part) for other in x.inputs))
    if splits_behind(x, axis):
        return build(Reshape(shape), narrowed(build, x.inputs[0], axis, part))
    return taken(build, x, axis, *part)


def spread_of_part(build: Builder, op: ConvTranspose2d, inputs: Inputs) -> Tensor | None:
    """A transposed convolution of only those channels that are not zero."""
    g, w = inputs
    part = filled(g, CHANNELS)
    return build(op, narrowed(build, g, CHANNELS, part), taken(build, w, 0, *part)) if part else None


def product_of_part(build: Builder, op: MatMul, inputs: Inputs) -> Tensor | None:
    """A product of only those columns that are not zero, with the rows of the matrix that they meet."""
    a, b = inputs
    part = filled(a, a.ndim - 1) if b.ndim == 2 else None
    return build(op, narrowed(build, a, a.ndim - 1, part), taken(build, b, 0, *part)) if part else None


ZEROS: Rules = {ConvTranspose2d: (spread_of_part,), MatMul: (product_of_part,)}
