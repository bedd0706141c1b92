"""Graph: a program as data. Tracing makes one; running, differentiating, verifying and listing read it.

A node is a Tensor. A traced graph holds symbols; `Graph.of` gives the graph behind tensors already computed.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from minigrad import display
from minigrad.autodiff import ancestors
from minigrad.context import tracing
from minigrad.errors import ShapeError, UsageError
from minigrad.explain import worded
from minigrad.gradient import grad, zeros_like
from minigrad.nest import leaves
from minigrad.op import Array
from minigrad.symbol import Symbol
from minigrad.tensor import Tensor


class Graph:
    """A program: `nodes` in topological order, `inputs` that each run is given, and `outputs`.

    Leaves that are no inputs (parameters, constants) are read anew at each run.
    """

    def __init__(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self.nodes: tuple[Tensor, ...] = tuple(ancestors(self.outputs, inputs=self.inputs))

    @classmethod
    def of(cls, *outputs: Tensor) -> "Graph":
        """The recorded graph behind computed tensors. It has no inputs: all its leaves have values."""
        return cls((), outputs)

    @property
    def leaves(self) -> tuple[Tensor, ...]:
        """Nodes that no Op made and that are no inputs: parameters and constants."""
        given = {id(x) for x in self.inputs}
        return tuple(n for n in self.nodes if n.op is None and id(n) not in given)

    def run(self, *arguments: Any) -> tuple[Array, ...]:
        """The outputs' values for these values of the inputs, computed node by node: the reference interpreter."""
        values = dict(zip(map(id, self.inputs), self._checked(arguments), strict=True))
        for node in self.nodes:
            if id(node) in values:
                continue
            if node.op is None:
                values[id(node)] = node.numpy()
            else:
                values[id(node)] = computed(node, [values[id(x)] for x in node.inputs])
        return tuple(values[id(y)] for y in self.outputs)

    def _checked(self, arguments: tuple[Any, ...]) -> list[Array]:
        """The arguments as arrays; ShapeError unless they have the shapes and dtypes of the inputs."""
        if len(arguments) != len(self.inputs):
            raise UsageError(f"the graph has {len(self.inputs)} inputs and was given {len(arguments)}")
        arrays = [np.asarray(a.numpy() if isinstance(a, Tensor) else a) for a in arguments]
        for i, (x, a) in enumerate(zip(self.inputs, arrays, strict=True)):
            if (x.shape, x.dtype) != (a.shape, a.dtype):
                raise ShapeError(f"input {x.name or i} is {x.shape} {x.dtype}, the argument {a.shape} {a.dtype}")
        return arrays

    def verify(self) -> "Graph":
        """Checks the nodes' order, and their shapes and dtypes against the rules of their Ops; returns the graph."""
        known: set[int] = set()
        for i, node in enumerate(self.nodes):
            if node.op is not None:
                shape = node.op.shape(*(x.shape for x in node.inputs))
                dtype = node.op.dtype(*(x.dtype for x in node.inputs))
                if (shape, dtype) != (node.shape, node.dtype):
                    raise ShapeError(f"%{i} = {node.op!r} is {node.shape} {node.dtype}, its rule says {shape} {dtype}")
                if any(id(x) not in known for x in node.inputs):
                    raise UsageError(f"%{i} = {node.op!r} comes before one of its inputs")
            known.add(id(node))
        return self

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.nodes)

    def __str__(self) -> str:
        """One line for each node: its number, what made it, dtype, shape and scope."""
        number = {id(node): f"%{i}" for i, node in enumerate(self.nodes)}
        given = {id(x) for x in self.inputs}
        lines = [listing_line(node, number, id(node) in given) for node in self.nodes]
        return "\n".join([*lines, "return " + ", ".join(number[id(y)] for y in self.outputs)])

    def _repr_svg_(self) -> str | None:
        return display.svg(self)


def computed(node: Tensor, operands: Sequence[Array]) -> Array:
    """A node's value for these operands; whatever the Op raises becomes an error of ours that says where."""
    assert node.op is not None
    try:
        return np.asarray(node.op.forward(*operands))
    except (ValueError, IndexError, TypeError) as error:
        raise worded(error, node.op, node.inputs, node.scope) from error


def listing_line(node: Tensor, number: dict[int, str], given: bool) -> str:
    """`%7 = MatMul(%1, %6)  float32 (25, 2048)  # captioner.cell t=3`."""
    if node.op is not None:
        operands = ", ".join(number[id(x)] for x in node.inputs)
        label = repr(node.op)
        made = f"{label.removesuffix('()')}({operands})" if label.endswith("()") else f"{label}({operands})"
    else:
        made = "input" if given else "parameter" if node.requires_grad else "constant"
    name = f" {node.name!r}" if node.name else ""
    scope = f"  # {node.scope}" if str(node.scope) else ""
    return f"{number[id(node)]} = {made}{name}  {node.dtype} {node.shape}{scope}"


def trace(f: Callable[..., Any], *examples: Any) -> Graph:
    """The graph of the function f, found by calling it with symbols that have the shapes and dtypes of the examples.

    Nothing is computed. f returns a Tensor or a nest (tuples, lists, dicts, dataclasses) of them. Tensors that f uses
    but is not given, such as parameters, are leaves of the graph; their values are read at each run.
    """
    with tracing():
        inputs = [symbolic(x, f"arg{i}") for i, x in enumerate(examples)]
        outputs = list(flat(f(*inputs)))
    return Graph(inputs, outputs)


def symbolic(x: Any, name: str) -> Tensor:
    """A Tensor without a value, of x's shape and dtype; gradients by it can be taken if it is floating-point."""
    array = x.data if isinstance(x, Tensor) else np.asarray(x)
    label = x.name if isinstance(x, Tensor) and x.name else name
    return Tensor(Symbol(array.shape, array.dtype), requires_grad=array.dtype.kind in "fc", name=label)


def flat(result: Any) -> Iterator[Tensor]:
    """The Tensors in a function's result (nested tuples, lists, dicts and dataclasses), in order."""
    for part in leaves(result):
        if isinstance(part, Tensor):
            yield part
        elif part is not None:
            raise UsageError(f"a traced function returns Tensors, not {type(part).__name__}")


def differentiate(graph: Graph, inputs: Sequence[Tensor] | None = None) -> Graph:
    """The graph that computes the gradients of the sum of graph's outputs by `inputs` (by default its own inputs).

    It has graph's inputs, and one output for each of `inputs`: zeros where the outputs do not depend on it.
    """
    wanted = [x for x in graph.inputs if x.requires_grad] if inputs is None else list(inputs)
    with tracing():
        ones = [Tensor(np.ones(y.shape, y.dtype)) for y in graph.outputs]
        gradients = grad(list(graph.outputs), wanted, ones, create_graph=True, allow_unused=True)
        filled = [zeros_like(x) if g is None else g for x, g in zip(wanted, gradients, strict=True)]
    return Graph(graph.inputs, filled)
