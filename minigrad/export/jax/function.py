"""A graph as a function of JAX that computes every node by its rule. Imports the table, and jax."""

from typing import Any

import jax.numpy as jnp

from minigrad.errors import ShapeError, UsageError
from minigrad.export.jax.table import CANNOT, TABLE, kept
from minigrad.export.rules import rule_for
from minigrad.graph import Graph


class Function:
    """Called with the graph's inputs, returns a tuple of its outputs.

    Parameters have the values they hold when called.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.rules = {id(y): rule_for(y, TABLE, CANNOT, "JAX") for y in graph.nodes if id(y) not in self.given and y.op}

    @property
    def given(self) -> set[int]:
        """The ids of the graph's inputs."""
        return {id(x) for x in self.graph.inputs}

    def __call__(self, *arguments: Any) -> tuple[Any, ...]:
        """The outputs for these inputs; works under `jax.jit`, `jax.grad` and `jax.vmap`."""
        if len(arguments) != len(self.graph.inputs):
            raise UsageError(f"the graph has {len(self.graph.inputs)} inputs and was given {len(arguments)}")
        values = {id(x): jnp.asarray(a) for x, a in zip(self.graph.inputs, arguments, strict=True)}
        for i, x in enumerate(self.graph.inputs):
            if x.shape != values[id(x)].shape:
                raise ShapeError(f"input {x.name or i} is {x.shape}, the argument {values[id(x)].shape}")
        for y in self.graph.nodes:
            if id(y) not in values:
                values[id(y)] = self.value(y, [values[id(x)] for x in y.inputs])
        return tuple(values[id(y)] for y in self.graph.outputs)

    def value(self, y: Any, operands: list[Any]) -> Any:
        """A node's value, in the dtype that NumPy promotes to, as far as JAX has it."""
        if y.op is None:
            return jnp.asarray(y.numpy())
        return self.rules[id(y)](y.op, *operands).astype(kept(y.dtype))
