"""Which way round products are computed: BLAS reads a large matrix best along its rows, on the left of few columns."""

from collections import Counter

from minigrad.compiler.rewrite import Builder, Recipe, Rules, is_op, rebuilt
from minigrad.graph import Graph
from minigrad.ops.linalg import MatMul, quicker_turned
from minigrad.ops.shape import Copy, Transpose
from minigrad.tensor import Tensor

TURN = Transpose((1, 0))
OFTEN, LARGE = 8, 1 << 19
"""Products with one matrix, and its elements, from which on a transposed copy of it pays: more than a second-level
cache holds."""


def few_rows_turned(build: Builder, op: MatMul, inputs: tuple[Tensor, ...]) -> Tensor | None:
    """a Wᵀ = (W aᵀ)ᵀ for a of few rows: W is then read along its rows, and the result is a view."""
    a, b = inputs
    if not (few_rows(a, b) and is_op(b, Transpose)):
        return None
    return build(TURN, build(op, b.inputs[0], build(TURN, a)))


def few_rows(a: Tensor, b: Tensor) -> bool:
    """Whether a has few rows beside the size of the matrix b."""
    return a.ndim == b.ndim == 2 and quicker_turned(a.shape[0], b.size)


def turn_often(graph: Graph, build: Builder) -> Graph:
    """a W = (Wᵀ aᵀ)ᵀ too, with a copy of Wᵀ, where a W is multiplied as often as in the steps of a recurrence."""
    products = [node for node in graph.nodes if is_op(node, MatMul) and few_rows(*node.inputs)]
    plain = (node.inputs[1] for node in products)
    often = Counter(id(b) for b in plain if b.size >= LARGE and not is_op(b, Transpose))
    return rebuilt(
        graph, build, {id(n): Recipe(n.inputs, by_copy) for n in products if often[id(n.inputs[1])] >= OFTEN}
    )


def by_copy(build: Builder, a: Tensor, b: Tensor) -> Tensor:
    """(Wᵀ aᵀ)ᵀ."""
    return build(TURN, build(MatMul(), build(Copy(), build(TURN, b)), build(TURN, a)))


LAYOUT: Rules = {MatMul: (few_rows_turned,)}
