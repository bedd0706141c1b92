"""Products of rows that were looked up in a table: multiply the table, then look up, where it has fewer rows than ids.

A sentence's words repeat: the rows of a batch are more than the words there are, and equal rows have equal products.
"""

from functools import partial

from minigrad.compiler.rewrite import Builder, Recipe, consumers, is_op, rebuilt
from minigrad.graph import Graph
from minigrad.ops.index import Gather, ScatterAdd
from minigrad.ops.linalg import MatMul
from minigrad.ops.shape import Transpose
from minigrad.tensor import Tensor

WORTH = 4 / 3
"""Ids for each row of the table: below, the larger lookups cost as much as the products save."""
TURN = Transpose((1, 0))


def multiply_tables(graph: Graph, build: Builder) -> Graph:
    """T[ids] W = (T W)[ids]; T[ids]ᵀ g = Tᵀ (Σ g by id); Σ (g W) by id = (Σ g by id) W."""
    readers = consumers(graph)
    recipes = {}
    for node in graph.nodes:
        if is_op(node, MatMul) and node.ndim == 2:
            a, b = node.inputs
            if repeats(a):
                recipes[id(node)] = Recipe((*a.inputs, b), then_looked_up)
            elif a.op == TURN and repeats(a.inputs[0]):
                recipes[id(node)] = Recipe((*a.inputs[0].inputs, b), of_sums_by_id)
        elif is_op(node, ScatterAdd):
            g, ids = node.inputs
            by_rows = is_op(g, MatMul) and g.ndim == node.ndim == 2 and len(readers[id(g)]) == 1
            if by_rows and len(g) >= WORTH * len(node):
                recipes[id(node)] = Recipe((*g.inputs, ids), partial(summed_first, len(node)))
    return rebuilt(graph, build, recipes)


def repeats(x: Tensor) -> bool:
    """Whether x is rows of a table of many fewer rows."""
    return is_op(x, Gather) and x.ndim == x.inputs[0].ndim == 2 and len(x) >= WORTH * len(x.inputs[0])


def then_looked_up(build: Builder, table: Tensor, ids: Tensor, b: Tensor) -> Tensor:
    """(T b)[ids]."""
    return build(Gather(), build(MatMul(), table, b), ids)


def of_sums_by_id(build: Builder, table: Tensor, ids: Tensor, g: Tensor) -> Tensor:
    """Tᵀ (Σ g by id)."""
    return build(MatMul(), build(TURN, table), build(ScatterAdd(len(table)), g, ids))


def summed_first(rows: int, build: Builder, a: Tensor, b: Tensor, ids: Tensor) -> Tensor:
    """(Σ a by id) b."""
    return build(MatMul(), build(ScatterAdd(rows), a, ids), b)
