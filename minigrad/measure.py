"""What a graph costs and how large its values are, node by node: bytes, floating-point operations, time, norms;
and what rates the processor reaches.

Pictures paint these numbers on the nodes. Imports Graph; anyone may import it.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from math import prod
from typing import Any

import numpy as np

from minigrad.errors import UsageError
from minigrad.graph import Graph
from minigrad.op import Array
from minigrad.ops.conv import Conv2d, Convolution, ConvTranspose2d
from minigrad.ops.linalg import Einsum, MatMul, letter_sizes
from minigrad.tensor import Tensor

REPEATS = 5
"""Of what is timed; the quickest counts."""
MOVES = ("index", "shape")
"""Families of Ops that compute nothing."""


def nbytes(node: Tensor) -> int:
    """Bytes of the node's value."""
    return node.size * node.dtype.itemsize


def flops(node: Tensor) -> int:
    """Floating-point operations of one evaluation: 2 for each multiply-and-add, 1 for each function of an element.

    What only moves elements has none; sums count their operands.
    """
    op = node.op
    if op is None or type(op).__module__.rpartition(".")[2] in MOVES:
        return 0
    if isinstance(op, MatMul):
        return 2 * node.size * node.inputs[0].shape[-1]
    if isinstance(op, Convolution):
        x, w = node.inputs[:2]
        y, w = (node, w) if isinstance(op, Conv2d) else (x, w) if isinstance(op, ConvTranspose2d) else (w, node)
        return 2 * y.size * prod(w.shape[1:])
    if isinstance(op, Einsum):
        return 2 * prod(letter_sizes(op.terms, tuple(x.shape for x in node.inputs)).values())
    return max([node.size, *(x.size for x in node.inputs)])


def product_flops(graph: Graph) -> int:
    """Of all matrix products and convolutions in the graph."""
    return sum(flops(node) for node in graph.nodes if isinstance(node.op, MatMul | Einsum | Convolution))


def evaluated(graph: Graph, *arguments: Any) -> Iterator[tuple[Tensor, Array, float]]:
    """Every node in order, with its value for these arguments and the seconds that computing it took.

    Values known from an eager run are used as they are; UsageError when an input has none and no argument is given.
    """
    given = dict(zip(map(id, graph.inputs), arguments, strict=False))
    values: dict[int, Array] = {}
    for node in graph.nodes:
        start = time.perf_counter()
        values[id(node)] = value_of(node, values, given)
        yield node, values[id(node)], time.perf_counter() - start


def value_of(node: Tensor, values: dict[int, Array], given: dict[int, Any]) -> Array:
    """A node's value from its operands', or where it comes from outside."""
    if id(node) in given:
        return np.asarray(given[id(node)], node.dtype)
    if node.op is not None:
        return np.asarray(node.op.forward(*(values[id(x)] for x in node.inputs)))
    if node.value is None:
        raise UsageError(f"{node!r} has no value: give one argument for each input of the graph")
    return node.value


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def product_rate(size: int, spread: Callable[..., Iterable[object]] = map, at_once: int = 1) -> float:
    """The best floating-point operations a second in float32 products of `size` × `size` matrices.

    `at_once` of them, spread over as many threads by the `map` of a pool.
    """
    a = np.ones((size, size), np.float32)
    results = [np.empty_like(a) for _ in range(at_once)]
    best = min(seconds(lambda: list(spread(lambda c: np.matmul(a, a, c), results))) for _ in range(REPEATS))
    return at_once * 2 * size**3 / best


def copy_rate(nbytes: int) -> float:
    """The most bytes a second that are read and written by copying so many."""
    a, b = np.ones(nbytes, np.uint8), np.empty(nbytes, np.uint8)
    return 2 * nbytes / min(seconds(lambda: np.copyto(b, a)) for _ in range(REPEATS))


def norm(value: Array) -> float:
    """Euclidean norm; NaN stays NaN."""
    return float(np.sqrt(np.sum(np.square(np.abs(value.astype(np.float64))))))
