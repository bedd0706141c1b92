"""Rules for relu, max(x, 0), beside concatenations and pools: once on a whole, and on the few pooled elements.

They hold since max(x, 0) is positive exactly where x is, and since the largest element of a window stays the largest.
"""

from minigrad.compiler.identities import number
from minigrad.compiler.plan import windows
from minigrad.compiler.rewrite import Builder, Inputs, Rules, is_op
from minigrad.compiler.slices import only_axis
from minigrad.ops.activation import Relu
from minigrad.ops.elementwise import Multiply
from minigrad.ops.index import Slice
from minigrad.ops.logic import Greater
from minigrad.ops.pool import MaxPool2d, MaxPoolGrad
from minigrad.ops.shape import Concat
from minigrad.tensor import Tensor


def relu_of_whole(build: Builder, op: Concat, inputs: Inputs) -> Tensor | None:
    """A concatenation of relus is the relu of a concatenation."""
    return build(Relu(), build(op, *(x.inputs[0] for x in inputs))) if all(is_op(x, Relu) for x in inputs) else None


def relu_after_pool(build: Builder, op: MaxPool2d, inputs: Inputs) -> Tensor | None:
    """Max pooling of a relu is the relu of the pooled elements."""
    (x,) = inputs
    return build(Relu(), build(op, x.inputs[0])) if is_op(x, Relu) else None


def sign_before_relu(build: Builder, op: Greater, inputs: Inputs) -> Tensor | None:
    """max(x, 0) > 0 is x > 0."""
    y, zero = inputs
    return build(op, y.inputs[0], zero) if is_op(y, Relu) and number(zero) == 0 else None


def mask_before_pool(build: Builder, op: Multiply, inputs: Inputs) -> Tensor | None:
    """The gradient of a pool over relu(x), masked by x > 0, is the gradient of a pool over x, its cotangent masked."""
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
    """The part of the concatenation `whole` that the slice `spread` takes; all of it if `spread` is no slice."""
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
