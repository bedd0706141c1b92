"""How a pass changes a graph: every node is made again, or what replaces it. For the compiler's passes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from minigrad.context import Scope, tracing
from minigrad.errors import UsageError
from minigrad.graph import Graph
from minigrad.op import Array, Op, Shape, apply
from minigrad.tensor import Tensor

Inputs: TypeAlias = tuple[Tensor, ...]
Rule: TypeAlias = Callable[["Builder", Any, Inputs], Tensor | None]
"""`rule(build, op, inputs)`: a node that equals op(*inputs) and costs less, or None."""
Rules: TypeAlias = Mapping[type[Op], Sequence[Rule]]


@dataclass(frozen=True)
class Scalar(Op):
    """A number that the program itself contains. It has no inputs, so equal numbers are one node."""

    number: complex
    to: str

    def forward(self) -> Array:
        """The number as a 0-d array."""
        return np.asarray(self.number).astype(self.to)

    def shape(self) -> Shape:
        """The empty shape ()."""
        return ()

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        """The dtype it was written in."""
        return np.dtype(self.to)


class Builder:
    """Makes nodes: equal Ops on equal inputs give the same node, and `rules` may replace each node before it is made.

    While an old node is being rewritten, new nodes get that node's `scope`.
    """

    def __init__(self, rules: Rules | None = None) -> None:
        self._rules = rules or {}
        self._known: dict[tuple[Any, ...], Tensor] = {}
        self.pinned: set[int] = set()
        self.scope: Scope | None = None

    def pin(self, node: Tensor) -> Tensor:
        """Marks a node as put in its place by a rule, so that rules for views do not move it again; returns it."""
        self.pinned.add(id(node))
        return node

    def __call__(self, op: Op, *inputs: Tensor, scope: Scope | None = None) -> Tensor:
        """The node op(inputs), or the one that stands for it."""
        key = (op, isinstance(op, Scalar) and repr(op.number), *map(id, inputs))  # 0.0 is not −0.0
        if key not in self._known:
            self._known[key] = self._made(op, inputs, scope)
        return self._known[key]

    def _made(self, op: Op, inputs: tuple[Tensor, ...], scope: Scope | None) -> Tensor:
        for rule in (rule for kind in type(op).__mro__ for rule in self._rules.get(kind, ())):
            better = rule(self, op, inputs)
            if better is not None:
                return better
        return made(op, inputs, scope or self.scope)

    def scalar(self, number: complex, dtype: np.dtype[Any]) -> Tensor:
        """The node of a number that the program contains."""
        return self(Scalar(number, dtype.name))


def made(op: Op, inputs: tuple[Tensor, ...], scope: Scope | None) -> Tensor:
    """A new symbolic node; to be called inside `tracing`."""
    node: Tensor = apply(op, *inputs) if inputs else _anyone.apply_op(op, ())
    node.scope = scope or (inputs[0].scope if inputs else node.scope)
    return node


_anyone = Tensor(np.zeros(()))  # whose `apply_op` makes nodes without inputs


@dataclass(frozen=True)
class Recipe:
    """How to replace an old node: `make` is called with what the `operands` (old nodes) have become."""

    operands: tuple[Tensor, ...]
    make: Callable[..., Tensor]


def rebuilt(graph: Graph, build: Builder, recipes: Mapping[int, Recipe] | None = None) -> Graph:
    """The graph with every node made by `build`, or by its recipe (given by id); nodes no longer needed are gone.

    UsageError when recipes make nodes depend on each other in a circle.
    """
    new: dict[int, Tensor] = {id(x): x for x in graph.inputs}
    with tracing():
        for output in graph.outputs:
            remake(output, new, build, recipes or {})
    return Graph(graph.inputs, [new[id(y)] for y in graph.outputs])


def remake(output: Tensor, new: dict[int, Tensor], build: Builder, recipes: Mapping[int, Recipe]) -> None:
    """Adds to `new`, by id of the old node, the output and everything it depends on."""
    waiting, opened = [output], set[int]()
    while waiting:
        node = waiting[-1]
        key = id(node)
        recipe = recipes.get(key)
        operands = node.inputs if recipe is None else recipe.operands
        missing = [] if key in new else [x for x in operands if id(x) not in new]
        if missing:
            if key in opened:
                raise UsageError(f"a rewriting of {node!r} depends on itself")
            opened.add(key)
            waiting.extend(reversed(missing))
            continue
        waiting.pop()
        if key in new:
            continue
        known = [new[id(x)] for x in operands]
        build.scope = node.scope
        if recipe is not None:
            new[key] = recipe.make(build, *known)
        else:
            new[key] = node if node.op is None else build(node.op, *known, scope=node.scope)


def consumers(graph: Graph) -> dict[int, list[Tensor]]:
    """By id of each node, the nodes that read it; one that reads it twice is listed twice."""
    found: dict[int, list[Tensor]] = {id(node): [] for node in graph.nodes}
    for node in graph.nodes:
        for x in node.inputs:
            found[id(x)].append(node)
    return found


def is_op(node: Tensor, *kinds: type[Op]) -> bool:
    """Whether the node was made by an Op of one of these kinds."""
    return isinstance(node.op, kinds)
