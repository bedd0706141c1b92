"""Which way round a product is computed. One rule, for the pass of that name."""

from minigrad.compiler.rewrite import Builder, Rules, is_op
from minigrad.ops.linalg import MatMul, quicker_turned
from minigrad.ops.shape import Transpose
from minigrad.tensor import Tensor


def few_rows_turned(build: Builder, op: MatMul, inputs: tuple[Tensor, ...]) -> Tensor | None:
    """a Wᵀ = (W aᵀ)ᵀ for a of few rows: W is then read along its rows, and the result is a view."""
    a, b = inputs
    if not (a.ndim == b.ndim == 2 and is_op(b, Transpose) and quicker_turned(a.shape[0], b.size)):
        return None
    turn = Transpose((1, 0))
    return build(turn, build(op, b.inputs[0], build(turn, a)))


LAYOUT: Rules = {MatMul: (few_rows_turned,)}
