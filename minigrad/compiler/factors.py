"""A rule that merges two products with one matrix, once transposed: the gradient of x xᵀ is made of g x and (xᵀ g)ᵀ."""

from minigrad.compiler.rewrite import Builder, Inputs, Rules, is_op
from minigrad.ops.elementwise import Add
from minigrad.ops.linalg import MatMul
from minigrad.ops.shape import Transpose
from minigrad.tensor import Tensor


def one_product(build: Builder, op: Add, inputs: Inputs) -> Tensor | None:
    """c x + (xᵀ b)ᵀ = (xᵀ (b + cᵀ))ᵀ: one product fewer, and the result lies in memory the same way round as x."""
    for plain, turned in (inputs, inputs[::-1]):
        if not (is_op(plain, MatMul) and is_op(turned, Transpose) and is_op(turned.inputs[0], MatMul)):
            continue
        (c, x), (xt, b), turn = plain.inputs, turned.inputs[0].inputs, turned.op
        if xt.op == turn and xt.inputs[0] is x and turn == swapped(x.ndim) and b.ndim == c.ndim == x.ndim:
            return build(turn, build(MatMul(), xt, build(op, b, build(turn, c))))
    return None


def swapped(ndim: int) -> Transpose:
    """The transposition of matrices in a stack."""
    return Transpose((*range(ndim - 2), ndim - 1, ndim - 2))


FACTORS: Rules = {Add: (one_product,)}
