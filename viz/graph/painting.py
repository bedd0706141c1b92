"""Numbers for the nodes of a graph, by the name of what they measure. Reads minigrad.measure and minigrad.check."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minigrad.check import localize
from minigrad.errors import UsageError
from minigrad.graph import Graph
from minigrad.measure import evaluated, flops, nbytes, norm
from minigrad.tensor import Tensor
from viz.graph.gradients import Pairs

SMALL = 20_000
"""A graph with at most so many elements is evaluated in order to print its scalars."""
NAMES = ("kind", "grad_norm", "value_norm", "bytes", "ms", "flops", "check")


def numbers_for(
    color: str | Mapping[Any, float], graph: Graph, pairs: Pairs, arguments: Sequence[Any]
) -> tuple[str, dict[str, float]]:
    """The name of a colouring, and a number by id in the picture for each node that has one.

    `color` is one of NAMES, or a mapping from nodes (or their positions or names) to numbers; `arguments` are values
    for the graph's inputs, if something must be computed. UsageError for any other name.
    """
    place = {id(node): f"n{i}" for i, node in enumerate(graph.nodes)}
    if isinstance(color, Mapping):
        name = "check" if hasattr(color, "wrong") else "value"
        return name, {key_of(key, place): float(number) for key, number in color.items()}
    if color not in NAMES:
        raise UsageError(f"color={color!r}: there are {', '.join(NAMES)}, or a mapping from nodes to numbers")
    return color, {place[key]: float(number) for key, number in measured(color, graph, pairs, arguments).items()}


def key_of(key: Any, place: Mapping[int, str]) -> str:
    """The id of a node that is given as a Tensor or by its position; a name as it is."""
    if isinstance(key, Tensor):
        return place.get(id(key), "")
    return f"n{key}" if isinstance(key, int) else str(key)


def measured(color: str, graph: Graph, pairs: Pairs, arguments: Sequence[Any]) -> dict[int, float]:
    """The numbers of nodes, by their Python id."""
    if color == "bytes":
        return {id(node): nbytes(node) for node in graph.nodes}
    if color == "flops":
        return {id(node): flops(node) for node in graph.nodes if node.op is not None}
    if color == "check":
        forward = [y for y in graph.outputs if not y.scope.backward]
        return {id(node): error for node, error in localize(*forward).items()}
    if color == "kind":
        return {}
    values = evaluated(graph, *arguments)
    if color == "ms":
        return {id(node): 1e3 * seconds for node, _, seconds in values if node.op is not None}
    norms = {id(node): norm(value) for node, value, _ in values if np.issubdtype(value.dtype, np.inexact)}
    return norms if color == "value_norm" else gradient_norms(norms, graph, pairs)


def gradient_norms(norms: Mapping[int, float], graph: Graph, pairs: Pairs) -> dict[int, float]:
    """The norm of each node's gradient, for the node and for what computes the gradient."""
    backward = {id(node): norms[id(node)] for node in graph.nodes if node.scope.backward and id(node) in norms}
    return backward | {id(x): norms[id(g)] for x, g in pairs if id(g) in norms}


def scalars(graph: Graph) -> dict[int, float]:
    """The values of all scalars of a small graph, computed ones included; none if a leaf has no value."""
    if sum(node.size for node in graph.nodes) > SMALL or any(x.value is None for x in (*graph.inputs, *graph.leaves)):
        return {}
    return {id(node): value.item() for node, value, _ in evaluated(graph) if node.shape == ()}
