"""Which way round a product is computed: BLAS is quickest when the side with few rows is not the one that is moved.

Measured on (64, 2048) · (2048, 512) of float32, with the right matrix the transpose of one that is stored by rows:
as it stands 96 GFLOP/s, as the transpose of (512, 2048) · (2048, 64) 124.
"""

from minigrad.compiler.rewrite import Builder, Rules, is_op
from minigrad.ops.linalg import MatMul
from minigrad.ops.shape import Transpose
from minigrad.tensor import Tensor

FEW = 256
"""Rows up to which the order of work matters."""


def few_rows_by_transposed(build: Builder, op: MatMul, inputs: tuple[Tensor, ...]) -> Tensor | None:
    """a Wᵀ = (W aᵀ)ᵀ, for a of few rows: W is then read along its rows."""
    a, b = inputs
    if a.ndim != 2 or not is_op(b, Transpose) or a.shape[0] > FEW or a.shape[0] >= b.shape[1]:
        return None
    swap = Transpose((1, 0))
    return build(swap, build(op, b.inputs[0], build(swap, a)))


LAYOUT: Rules = {MatMul: (few_rows_by_transposed,)}
