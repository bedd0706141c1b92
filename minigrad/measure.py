"""The costs of a graph, node by node (bytes, floating-point operations, time, norms), and the processor's rates.

Pictures show these numbers on the nodes. Imports Graph; anyone may import it.
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
"""How often a measurement is repeated; the quickest counts."""
MOVES = ("index", "shape")
"""Families of Ops (modules of minigrad.ops) that compute nothing, but move elements."""


def nbytes(node: Tensor) -> int:
    """Bytes of the node's value."""
    return node.size * node.dtype.itemsize


def flops(node: Tensor) -> int:
    """Floating-point operations of one evaluation: 2 for each multiplication with addition, 1 for each function value.

    Ops that only move elements have none; for sums it is the number of elements added.
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
    """The floating-point operations of all matrix products and convolutions in the graph."""
    return sum(flops(node) for node in graph.nodes if isinstance(node.op, MatMul | Einsum | Convolution))


def evaluated(graph: Graph, *arguments: Any) -> Iterator[tuple[Tensor, Array, float]]:
    """Every node in order, with its value for these arguments and the seconds that computing it took.

    Known values are used as they are; UsageError when an input has no value and no argument is given for it.
    """
    given = dict(zip(map(id, graph.inputs), arguments, strict=False))
    values: dict[int, Array] = {}
    for node in graph.nodes:
        start = time.perf_counter()
        values[id(node)] = value_of(node, values, given)
        yield node, values[id(node)], time.perf_counter() - start


def value_of(node: Tensor, values: dict[int, Array], given: dict[int, Any]) -> Array:
    """A node's value: given, computed from its operands, or known."""
    if id(node) in given:
        return np.asarray(given[id(node)], node.dtype)
    if node.op is not None:
        return np.asarray(node.op.forward(*(values[id(x)] for x in node.inputs)))
    if node.value is None:
        raise UsageError(f"{node!r} has no value: give one argument for each input of the graph")
    return node.value


def seconds(work: Callable[[], object]) -> float:
    """The wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def product_rate(size: int, spread: Callable[..., Iterable[object]] = map, at_once: int = 1) -> float:
    """The best rate, in floating-point operations a second, of float32 products of `size` × `size` matrices.

    `at_once` products run at a time, on the threads of a pool if `spread` is its `map`.
    """
    a = np.ones((size, size), np.float32)
    results = [np.empty_like(a) for _ in range(at_once)]
    best = min(seconds(lambda: list(spread(lambda c: np.matmul(a, a, c), results))) for _ in range(REPEATS))
    return at_once * 2 * size**3 / best


def copy_rate(nbytes: int) -> float:
    """The best rate of copying `nbytes` bytes, in bytes read and written a second."""
    a, b = np.ones(nbytes, np.uint8), np.empty(nbytes, np.uint8)
    return 2 * nbytes / min(seconds(lambda: np.copyto(b, a)) for _ in range(REPEATS))


def norm(value: Array) -> float:
    """The Euclidean norm of all elements; NaN if one is NaN."""
    return float(np.sqrt(np.sum(np.square(np.abs(value.astype(np.float64))))))
