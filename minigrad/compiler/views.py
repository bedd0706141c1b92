"""Rules that move a transpose or reshape of leading axes past the work done on it, towards the outputs.

What is left between is work on plain matrices in the order in which they were made: time first, where a loop made them.
The inverse of a view is applied only to small operands (targets, masks) and is never moved again.
"""

from math import prod

from minigrad.compiler.rewrite import Builder, Inputs, Rules, is_op
from minigrad.op import Op, Shape
from minigrad.ops.elementwise import Elementwise
from minigrad.ops.index import ScatterAdd
from minigrad.ops.linalg import MatMul
from minigrad.ops.loss import BinaryCrossEntropy, CrossEntropy, CrossEntropyGrad
from minigrad.ops.reduce import Sum
from minigrad.ops.shape import Reshape, SumTo, Transpose
from minigrad.tensor import Tensor

SMALL = 1 << 16  # elements; to copy so few costs less than a call


class View:
    """A transpose or reshape that leaves the last `fixed` axes alone."""

    def __init__(self, node: Tensor) -> None:
        assert node.op is not None
        self.op, (self.source,) = node.op, node.inputs
        self.shape = node.shape
        if isinstance(node.op, Transpose):
            ends = [i for i, (a, b) in enumerate(zip(node.op.axes, range(node.ndim), strict=True)) if a != b]
            self.fixed = node.ndim - 1 - max(ends, default=-1)
        else:
            self.fixed = common_tail(self.source.shape, node.shape)

    @property
    def moved(self) -> Shape:
        """The sizes, before the view, of the leading axes that it changes."""
        return self.source.shape[: self.source.ndim - self.fixed]

    @property
    def seen(self) -> Shape:
        """The sizes of those axes after the view."""
        return self.shape[: len(self.shape) - self.fixed]

    def forward(self, build: Builder, x: Tensor) -> Tensor:
        """The same view of another node with the same leading axes."""
        return self._applied(build, x, self.moved, self.seen, forward=True)

    def back(self, build: Builder, x: Tensor) -> Tensor:
        """The inverse view: forward(back(x)) is x."""
        return self._applied(build, x, self.seen, self.moved, forward=False)

    def _applied(self, build: Builder, x: Tensor, old: Shape, new: Shape, forward: bool) -> Tensor:
        tail = x.shape[len(old) :]
        if isinstance(self.op, Reshape):
            return build(Reshape((*new, *tail)), x)
        axes = self.op.axes[: len(old)]  # type: ignore[attr-defined]
        if not forward:
            axes = tuple(axes.index(a) for a in range(len(old)))
        return build(Transpose((*axes, *range(len(old), x.ndim))), x)


def common_tail(a: Shape, b: Shape) -> int:
    """How many last sizes two shapes share, such that the sizes before them hold equally many elements."""
    n = 0
    while n < min(len(a), len(b)) and a[-1 - n] == b[-1 - n]:
        n += 1
    while n and prod(a[: len(a) - n]) != prod(b[: len(b) - n]):
        n -= 1
    return n


def view_of(build: Builder, node: Tensor) -> View | None:
    """The node as a View, if it is one and was not put there by a rule."""
    return View(node) if is_op(node, Transpose, Reshape) and id(node) not in build.pinned else None


def past_elementwise(build: Builder, op: Op, inputs: Inputs) -> Tensor | None:
    """op(view(x), y) = view(op(x, inverse(y)))."""
    shape = op.shape(*(x.shape for x in inputs))
    views = [view_of(build, x) for x in inputs]
    largest = max((v for v in views if v), key=lambda v: len(v.shape), default=None)
    if largest is None or largest.shape != shape:
        return None
    under = [mirrored(build, largest, x) for x in inputs]
    if any(x is None for x in under):
        return None
    return largest.forward(build, build(op, *under))  # type: ignore[arg-type]


def mirrored(build: Builder, view: View, x: Tensor) -> Tensor | None:
    """Operand x of an elementwise Op as it is before the view; None where that would need a large copy."""
    if x.op == view.op and x.inputs[0].shape == view.source.shape and id(x) not in build.pinned:
        return x.inputs[0]
    if x.ndim <= view.fixed:
        return x
    if x.shape != view.shape or x.size > SMALL:
        return None
    return build.pin(view.back(build, x))


def past_rows(build: Builder, op: Op, inputs: Inputs) -> Tensor | None:
    """Moves a view past an Op along the last axis whose other operands have one number or id for each row."""
    view = view_of(build, inputs[0])
    if view is None or view.fixed != 1:
        return None
    rest = [row_operand(build, view, x) for x in inputs[1:]]
    if any(x is None for x in rest):
        return None
    return view.forward(build, build(op, view.source, *rest))  # type: ignore[arg-type]


def row_operand(build: Builder, view: View, x: Tensor) -> Tensor | None:
    """Ids or weights of shape `view.seen` as they are before the view; None where that would need a large copy."""
    return build.pin(view.back(build, x)) if x.shape == view.seen and x.size <= SMALL else None


def past_product(build: Builder, op: MatMul, inputs: Inputs) -> Tensor | None:
    """view(x) @ w = view(x @ w), for a view of the rows and one matrix w."""
    a, w = inputs
    view = view_of(build, a)
    if view is None or w.ndim != 2 or view.fixed != 1 or not 2 <= view.source.ndim <= a.ndim:
        return None
    return view.forward(build, build(op, view.source, w))


def flat_product(build: Builder, op: MatMul, inputs: Inputs) -> Tensor | None:
    """A stack of matrices times one matrix is one product of two matrices."""
    a, w = inputs
    if w.ndim != 2 or a.ndim <= 2:
        return None
    flat = build(Reshape((prod(a.shape[:-1]), a.shape[-1])), a)
    return build(Reshape(op.shape(a.shape, w.shape)), build(op, flat, w))


def rows_alike(build: Builder, op: MatMul, inputs: Inputs) -> Tensor | None:
    """aᵀ @ b where the rows of both are permuted alike: the order of rows does not change the sum."""
    left, right = inputs
    if not (is_op(left, Transpose) and left.ndim == 2):
        return None
    a, b = order_of_rows(left.inputs[0]), order_of_rows(right)
    if a is None or b is None or a[1] != b[1] or a[0].shape[: len(a[1])] != b[0].shape[: len(b[1])]:
        return None
    plain = [build(Reshape((prod(x.shape[:-1]), x.shape[-1])), x) for x, _ in (a, b)]
    return build(op, build(Transpose((1, 0)), plain[0]), plain[1])


def order_of_rows(x: Tensor) -> tuple[Tensor, tuple[int, ...]] | None:
    """Source and permutation, if x is a matrix Reshape(Transpose(source)) whose last axis stays in place; else None."""
    if x.ndim != 2 or not is_op(x, Reshape):
        return None
    (t,) = x.inputs
    if not isinstance(t.op, Transpose) or t.shape[-1] != x.shape[-1] or t.op.axes[-1] != t.ndim - 1:
        return None
    return t.inputs[0], t.op.axes[:-1]


def sum_to_of_view(build: Builder, op: SumTo, inputs: Inputs) -> Tensor | None:
    """A sum over all axes that a view changes can skip the view."""
    view = view_of(build, inputs[0])
    return build(op, view.source) if view and view.fixed >= len(op.to) and len(op.to) < view.source.ndim else None


def sum_of_view(build: Builder, op: Sum, inputs: Inputs) -> Tensor | None:
    """Likewise for a Sum over named axes."""
    view = view_of(build, inputs[0])
    if view is None or op.keepdims or op.axes != tuple(range(len(op.axes))) or len(op.axes) < len(view.seen):
        return None
    axes = len(op.axes) - len(view.seen) + len(view.moved)
    return build(Sum(tuple(range(axes))), view.source)


def scatter_of_view(build: Builder, op: ScatterAdd, inputs: Inputs) -> Tensor | None:
    """Rows can be added up in any order, if their ids are in the same order."""
    x, ids = inputs
    view = view_of(build, x)
    if view is None or view.seen != ids.shape or ids.size > SMALL:
        return None
    return build(op, view.source, build.pin(view.back(build, ids)))


VIEWS: Rules = {
    **dict.fromkeys((Elementwise, BinaryCrossEntropy), (past_elementwise,)),
    **dict.fromkeys((CrossEntropy, CrossEntropyGrad), (past_rows,)),
    MatMul: (past_product, flat_product, rows_alike),
    SumTo: (sum_to_of_view,),
    Sum: (sum_of_view,),
    ScatterAdd: (scatter_of_view,),
}
