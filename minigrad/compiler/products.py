"""Merges products of several operands with one matrix into one product, wherever none depends on another's result."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minigrad.compiler.rewrite import Builder, Recipe, is_op, rebuilt
from minigrad.compiler.slices import taken
from minigrad.graph import Graph
from minigrad.ops.linalg import MatMul
from minigrad.ops.shape import Concat
from minigrad.tensor import Tensor


class Family(NamedTuple):
    """What products have in common that share an operand: on the right (side 1) or on the left (side 0)."""

    shared: int
    side: int
    varying: tuple[int, ...]
    dtype: np.dtype[Any]


def batch_products(graph: Graph, build: Builder) -> Graph:
    """Merges one set of independent products after another until there is none."""
    merged: set[object] = set()
    while True:
        members = next((m for m in independent_sets(graph) if signature(m) not in merged), None)
        if members is None:
            return graph
        merged.add(signature(members))
        graph = rebuilt(graph, build, recipes_for(members, existing_joins(graph)))


def signature(members: Sequence[Tensor]) -> object:
    """Identifies a set of products, so that it is merged only once."""
    return tuple(sorted(id(node) for node in members))


def independent_sets(graph: Graph) -> list[list[Tensor]]:
    """Sets of two or more products with one operand in common, none of which depends on another."""
    found = []
    for family, products in families(graph).items():
        if len(products) < 2:
            continue
        by_depth = defaultdict(list)
        for node, depth in depths(graph, products):
            by_depth[depth].append(node)
        found += [ordered(group, family.side) for group in by_depth.values() if len(group) > 1]
    return found


def families(graph: Graph) -> dict[Family, list[Tensor]]:
    """Products of two matrices, grouped by the operand they share and the shape and dtype of the other."""
    found: dict[Family, list[Tensor]] = defaultdict(list)
    for node in graph.nodes:
        if is_op(node, MatMul) and node.ndim == 2:
            a, b = node.inputs
            found[Family(id(b), 1, a.shape, a.dtype)].append(node)
            found[Family(id(a), 0, b.shape, b.dtype)].append(node)
    return found


def depths(graph: Graph, products: Sequence[Tensor]) -> list[tuple[Tensor, int]]:
    """For each product, how many of the products are on the longest path to it: equal depths are independent."""
    members = {id(node) for node in products}
    depth: dict[int, int] = {}
    for node in graph.nodes:
        above = max((depth[id(x)] for x in node.inputs), default=0)
        depth[id(node)] = above + (id(node) in members)
    return [(node, depth[id(node)]) for node in products]


def ordered(products: Sequence[Tensor], side: int) -> list[Tensor]:
    """Sorted by when the operand that varies was made."""
    return sorted(products, key=lambda node: node.inputs[1 - side].serial)


Joins = dict[frozenset[int], tuple[Tensor, ...]]


def existing_joins(graph: Graph) -> Joins:
    """For each set of nodes that some node concatenates along rows, the order in which it does."""
    return {frozenset(map(id, n.inputs)): n.inputs for n in graph.nodes if n.op == Concat(0)}


def recipes_for(products: Sequence[Tensor], joins: Joins) -> dict[int, Recipe]:
    """Recipes that make each product a window of one product of the concatenated operands."""
    side = 1 if len({id(node.inputs[1]) for node in products}) == 1 else 0
    shared = products[0].inputs[side]
    by_operand = {id(node.inputs[1 - side]): node for node in products}
    order = joins.get(frozenset(by_operand))
    if order is not None and len(order) == len(by_operand):
        products = [by_operand[id(x)] for x in order]
    varying = tuple(node.inputs[1 - side] for node in products)

    def recipe(i: int) -> Recipe:
        def make(build: Builder, shared: Tensor, *varying: Tensor) -> Tensor:
            axis = 1 - side
            joined = build(Concat(axis), *varying)
            whole = build(MatMul(), joined, shared) if side else build(MatMul(), shared, joined)
            size = varying[0].shape[axis]
            return taken(build, whole, axis, i * size, (i + 1) * size)

        return Recipe((shared, *varying), make)

    return {id(node): recipe(i) for i, node in enumerate(products)}
