"""How products are laid out: BLAS reads a large matrix fastest along its rows, on the left of few columns."""

from collections import Counter

from minigrad import blas
from minigrad.compiler.rewrite import Builder, Inputs, Recipe, Rules, is_op, rebuilt
from minigrad.graph import Graph
from minigrad.ops.linalg import MatMul, quicker_turned
from minigrad.ops.shape import Copy, Transpose
from minigrad.tensor import Tensor

TURN = Transpose((1, 0))
OFTEN, LARGE = 8, 1 << 19
"""A transposed copy pays for a matrix of LARGE elements, too many for a second-level cache, in OFTEN products."""


def few_rows_turned(build: Builder, op: MatMul, inputs: Inputs) -> Tensor | None:
    """a Wᵀ = (W aᵀ)ᵀ for a of few rows: W is then read along its rows, and the result is a view."""
    a, b = inputs
    turns = few_rows_beside(a, b) and is_op(b, Transpose) and not blas.small_kernels()
    return build(TURN, build(op, b.inputs[0], build(TURN, a))) if turns else None


def few_rows_beside(a: Tensor, b: Tensor) -> bool:
    """Whether a has few rows beside the size of the matrix b."""
    return a.ndim == b.ndim == 2 and quicker_turned(a.shape[0], b.size)


def turn(graph: Graph, build: Builder) -> Graph:
    """Lays out results by rows, and makes one transposed copy of a W that is multiplied often: a W = (Wᵀ aᵀ)ᵀ."""
    products = [node for node in graph.nodes if is_op(node, MatMul) and few_rows_beside(*node.inputs)]
    matrices = (node.inputs[1] for node in products if not is_op(node.inputs[1], Transpose))
    often = Counter(id(b) for b in matrices if b.size >= LARGE)
    copied = {id(n): Recipe(n.inputs, by_copy) for n in products if often[id(n.inputs[1])] >= OFTEN}
    return rebuilt(graph, build, results_by_rows(graph) | copied)


def results_by_rows(graph: Graph) -> dict[int, Recipe]:
    """(a b)ᵀ = bᵀ aᵀ where it is a result: it then lies in memory row by row, as an optimiser reads its parameters."""
    readers = Counter(id(x) for x in (*graph.outputs, *(x for node in graph.nodes for x in node.inputs)))
    products = ((y, y.inputs[0]) for y in graph.outputs if y.op == TURN and is_op(y.inputs[0], MatMul))
    once = ((y, ab) for y, ab in products if ab.inputs[1].ndim == 2 and readers[id(ab)] == 1)
    return {id(y): Recipe(ab.inputs, other_way_round) for y, ab in once}


def other_way_round(build: Builder, a: Tensor, b: Tensor) -> Tensor:
    """(a b)ᵀ as bᵀ aᵀ."""
    return build(MatMul(), build(TURN, b), build(TURN, a))


def by_copy(build: Builder, a: Tensor, b: Tensor) -> Tensor:
    """a W by a copy of Wᵀ: as (Wᵀ aᵀ)ᵀ, or, where BLAS has kernels for small products, as a (Wᵀ)ᵀ."""
    copy = build(Copy(), build(TURN, b))
    if blas.small_kernels():
        return build(MatMul(), a, build(TURN, copy))
    return build(TURN, build(MatMul(), copy, build(TURN, a)))


LAYOUT: Rules = {MatMul: (few_rows_turned,)}
