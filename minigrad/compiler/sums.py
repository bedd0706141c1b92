"""Merges the terms of sums: slices are put side by side, products become one of stacked rows, sums one sum.

The gradient of what is used at every step of a loop arrives as a chain of additions; the terms to merge may stand
anywhere in it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from minigrad.compiler.rewrite import Builder, Recipe, consumers, is_op, rebuilt
from minigrad.compiler.slices import Range, full_parts, whole, window
from minigrad.graph import Graph
from minigrad.op import Op
from minigrad.ops.elementwise import Add
from minigrad.ops.index import SlicePut
from minigrad.ops.linalg import MatMul
from minigrad.ops.reduce import Sum
from minigrad.ops.shape import BroadcastTo, Concat, Reshape, Stack, SumTo, Transpose
from minigrad.tensor import Tensor


def sums(graph: Graph) -> Iterator[tuple[Tensor, list[Tensor]]]:
    """Each addition that ends a chain of additions of one shape, with the terms of the chain in order."""
    readers = consumers(graph)
    results = {id(y) for y in graph.outputs}

    def inside(node: Tensor, shape: tuple[int, ...]) -> bool:
        return is_op(node, Add) and node.shape == shape and len(readers[id(node)]) == 1 and id(node) not in results

    for root in graph.nodes:
        if not is_op(root, Add):
            continue
        (reader,) = readers[id(root)] if len(readers[id(root)]) == 1 else (None,)
        if reader is not None and is_op(reader, Add) and reader.shape == root.shape and id(root) not in results:
            continue
        terms, waiting = [], [root]
        while waiting:
            node = waiting.pop()
            if node is root or inside(node, root.shape):
                waiting.extend(reversed(node.inputs))
            else:
                terms.append(node)
        yield root, terms


def added(build: Builder, terms: Sequence[Tensor]) -> Tensor:
    """The sum of the terms, from left to right."""
    total = terms[0]
    for term in terms[1:]:
        total = build(Add(), total, term)
    return total


def join_puts(graph: Graph, build: Builder) -> Graph:
    """Slices put into zeros and added up become one concatenation, if no two of them overlap."""
    recipes = {}
    for root, terms in sums(graph):
        puts = [term for term in terms if is_op(term, SlicePut)]
        rest = tuple(term for term in terms if not is_op(term, SlicePut))
        layout = laid_out(puts)
        if layout is not None:
            recipes[id(root)] = Recipe((*(p.inputs[0] for p in puts), *rest), Joining(*layout, len(puts)))
    for node in graph.nodes:
        layout = laid_out([node]) if is_op(node, SlicePut) and id(node) not in recipes else None
        if layout is not None:
            recipes[id(node)] = Recipe((node.inputs[0],), Joining(*layout, 1))
    return rebuilt(graph, build, recipes)


@dataclass(frozen=True)
class Joining:
    """Concatenates operands along an axis: operand i fills `windows[i]`, and what nobody fills is zero."""

    axis: int
    shape: tuple[int, ...]
    windows: tuple[Range, ...]
    count: int

    def __call__(self, build: Builder, *operands: Tensor) -> Tensor:
        """The concatenation plus the remaining operands."""
        parts, rest = operands[: self.count], operands[self.count :]
        at: dict[Range, list[Tensor]] = defaultdict(list)
        mixed = len({part.ndim for part in parts}) > 1  # an integer drops the axis, a slice of one keeps it
        for (start, stop), part in zip(self.windows, parts, strict=True):
            at[start, stop].append(build(Reshape(self._with(stop - start)), part) if mixed else part)
        if self._one_by_one(at):
            rows = [build(Reshape(self._with()), added(build, at[window_])) for window_ in sorted(at)]
            return added(build, [build(Stack(self.axis), *rows), *rest])
        pieces, end = [], 0
        for start, stop in [*sorted(at), (self.shape[self.axis], self.shape[self.axis])]:
            if start > end:
                pieces.append(self._zeros(build, start - end, parts[0].dtype))
            if stop > start:
                pieces.append(build(Reshape(self._with(stop - start)), added(build, at[start, stop])))
            end = stop
        return added(build, [build(Concat(self.axis), *pieces), *rest])

    def _one_by_one(self, at: Mapping[Range, list[Tensor]]) -> bool:
        """Whether every index of an axis other than the first is filled by itself, as a loop over time does."""
        return self.axis > 0 and sorted(at) == [(i, i + 1) for i in range(self.shape[self.axis])]

    def _with(self, *size: int) -> tuple[int, ...]:
        return (*self.shape[: self.axis], *size, *self.shape[self.axis + 1 :])

    def _zeros(self, build: Builder, size: int, dtype: np.dtype[Any]) -> Tensor:
        return build(BroadcastTo(self._with(size)), build.scalar(0, dtype))


def laid_out(puts: Sequence[Tensor]) -> tuple[int, tuple[int, ...], tuple[Range, ...]] | None:
    """Axis, whole shape and windows of SlicePuts that narrow the same axis and overlap only if equal; else None."""
    found = []
    for put in puts:
        op = put.op
        assert isinstance(op, SlicePut)
        parts = full_parts(op, op.to)
        narrowed = [(a, window(p)) for a, p in enumerate(parts) if p != whole(op.to[a])]
        if len(narrowed) != 1 or narrowed[0][1] is None:
            return None
        found.append((narrowed[0][0], narrowed[0][1]))
    if not found or len({axis for axis, _ in found}) > 1 or len({put.shape for put in puts}) > 1:
        return None
    windows = tuple(w for _, w in found if w is not None)
    ordered = sorted(set(windows))
    if any(a[1] > b[0] for a, b in pairwise(ordered)):
        return None
    return found[0][0], puts[0].shape, windows


def sum_products(graph: Graph, build: Builder) -> Graph:
    """Σ aₜ @ bₜ is one product of the aₜ side by side and the bₜ one below the other; a sum of sums is one sum."""
    recipes, orders = {}, dict[frozenset[int], tuple[Tensor, ...]]()
    for kinds in ((MatMul,), (SumTo, Sum)):
        for root, terms in sums(graph):
            groups = [ordered(group, orders) for group in mergeable(terms, kinds)]
            if groups:
                recipes[id(root)] = recipe_of_sum(terms, groups)
    return rebuilt(graph, build, recipes)


def mergeable(terms: Sequence[Tensor], kinds: tuple[type[Op], ...]) -> list[list[Tensor]]:
    """Groups of two or more terms that one product or one sum can replace."""
    groups: dict[object, list[Tensor]] = defaultdict(list)
    for term in terms:
        if is_op(term, *kinds) and worth_merging(term):
            groups[term.op, term.shape, term.dtype].append(term)
    return [group for group in groups.values() if len(group) > 1]


def worth_merging(term: Tensor) -> bool:
    """Whether to merge a term: sums over rows, and products of computed values (leaves would have to be copied)."""
    x = term.inputs[0]
    if is_op(term, MatMul):
        return term.ndim == 2 and all(source(x).op is not None for x in term.inputs)
    by_rows = not isinstance(term.op, Sum) or term.op.axes == (0,)
    return by_rows and x.ndim == term.ndim + 1 and x.shape[1:] == term.shape


def ordered(group: list[Tensor], orders: dict[frozenset[int], tuple[Tensor, ...]]) -> list[Tensor]:
    """A group in the order in which its last operands were concatenated before, else by age."""
    by_operand = {id(term.inputs[-1]): term for term in group}
    known = orders.get(frozenset(by_operand))
    if known is not None and len(by_operand) == len(group):
        return [by_operand[id(x)] for x in known]
    group = sorted(group, key=age)
    orders[frozenset(by_operand)] = tuple(term.inputs[-1] for term in group)
    return group


def recipe_of_sum(terms: list[Tensor], groups: list[list[Tensor]]) -> Recipe:
    """A recipe that merges each group into one product or sum and adds the other terms."""
    taken = {id(term) for group in groups for term in group}
    rest = [term for term in terms if id(term) not in taken]
    operands = [x for group in groups for term in group for x in term.inputs]

    def make(build: Builder, *known: Tensor) -> Tensor:
        left = iter(known)
        merged = [
            merged_terms(build, group[0].op, [tuple(next(left) for _ in term.inputs) for term in group])
            for group in groups
        ]
        return added(build, [*merged, *left])

    return Recipe((*operands, *rest), make)


def age(term: Tensor) -> int:
    """When the earlier operand was made: the forward values of a loop come in the order of its steps."""
    return min(source(x).serial for x in term.inputs)


def source(x: Tensor) -> Tensor:
    """What a transpose or reshape, or several, are views of."""
    while is_op(x, Transpose, Reshape):
        x = x.inputs[0]
    return x


def merged_terms(build: Builder, op: Op | None, operands: list[tuple[Tensor, ...]]) -> Tensor:
    """The one node that replaces a group of products or of sums."""
    columns = list(zip(*operands, strict=True))
    if isinstance(op, MatMul):
        return build(op, build(Concat(1), *columns[0]), build(Concat(0), *columns[1]))
    assert op is not None
    return build(op, build(Concat(0), *columns[0]))
