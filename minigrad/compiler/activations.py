"""Rules for max(x, 0) among concatenations and pools: once over a whole, and on the few elements that a pool leaves.

Where max(x, 0) is above 0 is where x is; and a window's largest element is the same one, wherever it is above 0.
"""

from minigrad.compiler.identities import Inputs, number
from minigrad.compiler.plan import windows
from minigrad.compiler.rewrite import Builder, Rules, is_op
from minigrad.compiler.slices import only_axis
from minigrad.ops.activation import Relu
from minigrad.ops.elementwise import Multiply
from minigrad.ops.index import Slice
from minigrad.ops.logic import Greater
from minigrad.ops.pool import MaxPool2d, MaxPoolGrad
from minigrad.ops.shape import Concat
from minigrad.tensor import Tensor


def relu_of_whole(build: Builder, op: Concat, inputs: Inputs) -> Tensor | None:
    """Of parts side by side at once."""
    return build(Relu(), build(op, *(x.inputs[0] for x in inputs))) if all(is_op(x, Relu) for x in inputs) else None


def relu_after_pool(build: Builder, op: MaxPool2d, inputs: Inputs) -> Tensor | None:
    """Of the largest elements alone."""
    (x,) = inputs
    return build(Relu(), build(op, x.inputs[0])) if is_op(x, Relu) else None


def sign_before_relu(build: Builder, op: Greater, inputs: Inputs) -> Tensor | None:
    """max(x, 0) > 0 is x > 0."""
    y, zero = inputs
    return build(op, y.inputs[0], zero) if is_op(y, Relu) and number(zero) == 0 else None


def mask_before_pool(build: Builder, op: Multiply, inputs: Inputs) -> Tensor | None:
    """The gradient of a pool over max(x, 0), masked by x > 0: that of a pool over x, of a masked cotangent."""
    spread, mask = inputs
    pooled = spread.inputs[0] if is_op(spread, Slice) else spread
    if not (isinstance(pooled.op, MaxPoolGrad) and is_op(pooled.inputs[0], Relu) and is_op(mask, Greater)):
        return None
    (y, g), (x, zero) = pooled.inputs, mask.inputs
    (whole,) = y.inputs
    if number(zero) != 0 or part_of(spread, whole) is not x:
        return None
    above = build(Greater(), build(MaxPool2d(*pooled.op.fields()), whole), zero)
    found = build(pooled.op, whole, build(op, g, above))
    return build(spread.op, found) if isinstance(spread.op, Slice) else found


def part_of(spread: Tensor, whole: Tensor) -> Tensor | None:
    """What stands in `whole` where `spread` is a slice: a part of a concatenation, or all of it."""
    if not isinstance(spread.op, Slice):
        return whole
    found = only_axis(spread.op, whole)
    if found is None or not is_op(whole, Concat):
        return None
    wanted = (*(slice(None),) * found[0], slice(*found[1]))
    return next((part for window, part in windows(whole) if window == wanted), None)


ACTIVATIONS: Rules = {
    Concat: (relu_of_whole,),
    MaxPool2d: (relu_after_pool,),
    Greater: (sign_before_relu,),
    Multiply: (mask_before_pool,),
}
