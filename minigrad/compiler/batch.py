"""Follows the axis of examples through a graph, to run it on a part of the batch.

Each node is one of three things. *Shared*: the same for every part. *Carried*: it has the axis of examples, whole or
inside a longer one. *Partial*: a sum over examples, so that the parts' values add up to the whole's. Where an Op mixes
examples in another way (a maximum over them, a mean used before it is complete) the graph cannot be split.
"""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple, TypeAlias

from minigrad.compiler.rewrite import Builder
from minigrad.context import tracing
from minigrad.errors import UsageError
from minigrad.graph import Graph
from minigrad.op import Op, Shape
from minigrad.ops.elementwise import Elementwise
from minigrad.ops.shape import BroadcastTo, Reshape, Transpose
from minigrad.symbol import Symbol
from minigrad.tensor import Tensor


class Carried(NamedTuple):
    """The examples run along `axis`, which has size before · N · after."""

    axis: int
    before: int = 1
    after: int = 1


SHARED, PARTIAL = "shared", "partial"
State: TypeAlias = Carried | str
Split: TypeAlias = Callable[["Splitter", Any, list[State]], tuple[State, Tensor]]
"""`rule(splitter, node, states of its inputs)`: the node's own state, and what it is in the part."""


class Mixed(UsageError):
    """An Op lets examples of a batch see each other."""


class Part(NamedTuple):
    """A graph on `rows` of the batch; what each of its outputs is."""

    graph: Graph
    states: tuple[State, ...]


class Splitter:
    """Rebuilds a graph for fewer examples: `whole` of them in the graph, `rows` in the part."""

    def __init__(
        self, graph: Graph, whole: int, rows: int, batched: Sequence[bool], rules: Mapping[type[Op], Split]
    ) -> None:
        self.graph, self.whole, self.rows, self._rules = graph, whole, rows, rules
        self.build = Builder()
        self.state: dict[int, State] = {}
        self.new: dict[int, Tensor] = {}
        for x, has_axis in zip(graph.inputs, batched, strict=True):
            self.state[id(x)] = Carried(0) if has_axis else SHARED
            self.new[id(x)] = self._input(x) if has_axis else x

    def part(self) -> Part:
        """The graph of the part. Raises Mixed."""
        with tracing():
            for node in self.graph.nodes:
                if id(node) not in self.new:
                    self.state[id(node)], self.new[id(node)] = self._split(node)
        inputs = [self.new[id(x)] for x in self.graph.inputs]
        outputs = [self.new[id(y)] for y in self.graph.outputs]
        return Part(Graph(inputs, outputs), tuple(self.state[id(y)] for y in self.graph.outputs))

    def _input(self, x: Tensor) -> Tensor:
        symbol = Symbol(self.resized(x.shape, Carried(0)), x.dtype)
        return Tensor(symbol, requires_grad=x.requires_grad, name=x.name)

    def _split(self, node: Tensor) -> tuple[State, Tensor]:
        states = [self.state[id(x)] for x in node.inputs]
        if node.op is None or all(s == SHARED for s in states):
            return (SHARED, node) if node.op is None else self.made(node, node.op, SHARED)
        kind = next((k for k in type(node.op).__mro__ if k in self._rules), None)
        if kind is None:
            raise self.mixed(node)
        return self._rules[kind](self, node, states)

    def inputs(self, node: Tensor) -> list[Tensor]:
        """What a node's inputs are in the part."""
        return [self.new[id(x)] for x in node.inputs]

    def made(self, node: Tensor, op: Op, state: State, inputs: Sequence[Tensor] | None = None) -> tuple[State, Tensor]:
        """A new node in a state."""
        return state, self.build(op, *(inputs or self.inputs(node)), scope=node.scope)

    def mixed(self, node: Tensor) -> Mixed:
        """The error that names the node."""
        place = f" in {node.scope}" if str(node.scope) else ""
        return Mixed(f"{node.op!r}{place} mixes the examples of a batch, so that the batch cannot be split: workers=1")

    def resized(self, shape: Shape, state: Carried) -> Shape:
        """A shape for the part."""
        size = shape[state.axis] // self.whole * self.rows
        return (*shape[: state.axis], size, *shape[state.axis + 1 :])

    def fitted(self, node: Tensor, x: Tensor, state: Carried) -> Tensor:
        """A shared operand, beside a carried one of its shape, for the part: it must be the same for every example."""
        if isinstance(x.op, BroadcastTo | Reshape | Transpose | Elementwise):
            places = [place_in(source, x, state, self.whole) for source in x.inputs]
            pairs = zip(x.inputs, places, strict=True)
            sources = [self.new[id(s)] if p is None else self.fitted(node, s, p) for s, p in pairs]
            op = type(x.op)(self.resized(x.shape, state)) if isinstance(x.op, BroadcastTo | Reshape) else x.op
            return self.build(op, *sources)
        if x.value is not None and not x.requires_grad and (x.value == x.value.take([0], state.axis)).all():
            return Tensor(x.value.take(range(self.resized(x.shape, state)[state.axis]), state.axis))
        raise self.mixed(node)


def place_in(source: Tensor, x: Tensor, state: Carried, whole: int) -> Carried | None:
    """Where the examples of x are in what x is made of; None where that is the same for all."""
    if isinstance(x.op, Reshape):
        return place_of(source.shape, prod(x.shape[: state.axis]) * state.before, whole)
    if isinstance(x.op, Transpose):
        return state._replace(axis=x.op.axes[state.axis])
    axis = state.axis - x.ndim + source.ndim
    return None if axis < 0 or source.shape[axis] == 1 else state._replace(axis=axis)


def place_of(shape: Shape, before: int, whole: int) -> Carried | None:
    """The axis of a shape that holds the examples, of which each block of `whole` comes after `before` others."""
    lead = 1
    for axis, size in enumerate(shape):
        if before % lead == 0 and (lead * size) % (before * whole) == 0:
            return Carried(axis, before // lead, lead * size // (before * whole))
        lead *= size
    return None
