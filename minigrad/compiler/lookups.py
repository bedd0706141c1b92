"""Products of rows looked up in a table: where the table has fewer rows than there are ids, multiply it, then look up.

In a batch of sentences words repeat: there are more ids than words in the table, and equal rows have equal products.
A row that no id names is multiplied by 0: it must be finite.
"""

from functools import partial

from minigrad.compiler.layout import TURN
from minigrad.compiler.rewrite import Builder, Recipe, consumers, is_op, rebuilt
from minigrad.graph import Graph
from minigrad.ops.index import Gather, ScatterAdd
from minigrad.ops.linalg import MatMul
from minigrad.tensor import Tensor

WORTH = 4 / 3
"""Ids for each row of the table; with fewer, the larger lookups cost as much as the products save."""


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
    """Whether x is looked up in a table with clearly fewer rows."""
    return is_op(x, Gather) and x.ndim == x.inputs[0].ndim == 2 and len(x) >= WORTH * len(x.inputs[0])


def then_looked_up(build: Builder, table: Tensor, ids: Tensor, b: Tensor) -> Tensor:
    """T[ids] b as (T b)[ids]."""
    return build(Gather(), build(MatMul(), table, b), ids)


def of_sums_by_id(build: Builder, table: Tensor, ids: Tensor, g: Tensor) -> Tensor:
    """T[ids]ᵀ g as Tᵀ (Σ g by id)."""
    return build(MatMul(), build(TURN, table), build(ScatterAdd(len(table)), g, ids))


def summed_first(rows: int, build: Builder, a: Tensor, b: Tensor, ids: Tensor) -> Tensor:
    """Σ (a b) by id as (Σ a by id) b."""
    return build(MatMul(), build(ScatterAdd(rows), a, ids), b)
