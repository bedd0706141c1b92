"""The backward pass beside the forward one: which node is whose gradient, and each gradient as one box."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from minigrad.context import tracing
from minigrad.gradient import grad
from minigrad.graph import Graph
from minigrad.tensor import Tensor
from viz.graph.contraction import contracted
from viz.graph.model import Box, Diagram

Pairs = Sequence[tuple[Tensor, Tensor]]
"""Each node that has a gradient, with that gradient; several nodes may share one, the last of them computes it."""


def with_backward(graph: Graph) -> tuple[Graph, Pairs]:
    """The graph with its backward pass, derived unless the graph has one, and the pairs of node and gradient."""
    if any(node.scope.backward for node in graph.nodes):
        return graph, pairs_of(graph)
    pairs = derived(graph.nodes, graph.outputs)
    last = {id(x) for x in ends_of_backward(graph)}
    return Graph(graph.inputs, (*graph.outputs, *(g for x, g in pairs if id(x) in last))), pairs


def derived(nodes: Iterable[Tensor], outputs: Sequence[Tensor]) -> Pairs:
    """The nodes that have a gradient of the sum of the outputs, with that gradient as a symbol."""
    reachable = [node for node in nodes if node.requires_grad]
    ys = [y for y in outputs if y.requires_grad]
    if not ys:
        return []
    with tracing():
        ones = [Tensor(np.ones(y.shape, y.dtype)) for y in ys]
        gradients = grad(ys, reachable, ones, create_graph=True, allow_unused=True)
    return [(x, g) for x, g in zip(reachable, gradients, strict=True) if g is not None]


def ends_of_backward(graph: Graph) -> Sequence[Tensor]:
    """The leaves whose gradients end the picture: parameters, or inputs if there are none."""
    parameters = [leaf for leaf in graph.leaves if leaf.requires_grad]
    return parameters or graph.inputs


def pairs_of(graph: Graph) -> Pairs:
    """The pairs for a graph with a backward pass: it is derived again, and recognised by its structure."""
    read = {id(x) for node in graph.nodes if not node.scope.backward for x in node.inputs}
    seeds = {id(node) for node in graph.nodes if is_number(node) and id(node) not in read}
    forward = [node for node in graph.nodes if not node.scope.backward and id(node) not in seeds]
    forward_ids = {id(node) for node in forward}
    known: dict[Any, int] = {id(node): i for i, node in enumerate(forward) if not is_number(node)}
    structure = {structure_of(node, known): node for node in graph.nodes if id(node) not in forward_ids}
    found = [(x, structure.get(structure_of(g, known))) for x, g in derived(forward, ends(forward))]
    return [(x, node) for x, node in found if node is not None]


def ends(nodes: Sequence[Tensor]) -> list[Tensor]:
    """Computed nodes that no other of these nodes reads."""
    read = {id(x) for node in nodes for x in node.inputs}
    return [node for node in nodes if id(node) not in read and node.op is not None]


def is_number(node: Tensor) -> bool:
    """Whether a node is a constant scalar, which is the same wherever it is made."""
    return node.op is None and node.value is not None and node.size == 1 and not node.requires_grad


def structure_of(node: Tensor, known: dict[Any, int]) -> int:
    """A number shared by nodes with the same Op and operands; `known` collects the numbers."""
    waiting = [node]
    while waiting:
        top = waiting[-1]
        unknown = [x for x in top.inputs if id(x) not in known]
        if id(top) in known:
            waiting.pop()
        elif unknown:
            waiting.extend(unknown)
        else:
            known[id(top)] = known.setdefault(content_of(top, known), len(known))
    return known[id(node)]


def content_of(node: Tensor, known: dict[Any, int]) -> Any:
    """What identifies a node: its Op and operands, a scalar's value, otherwise its identity."""
    if node.op is not None:
        return node.op, tuple(known[id(x)] for x in node.inputs)
    return (node.shape, str(node.dtype), node.item()) if is_number(node) else ("leaf", id(node))


def fold_gradients(diagram: Diagram) -> Diagram:
    """Each gradient's computation, from the gradients it depends on, as a single box: the mirror image of its node."""
    owner = owners(diagram)
    groups: dict[tuple[str, int | None], list[Box]] = {}
    for box in diagram.boxes:
        if box.id in owner:
            groups.setdefault(group_key(box, owner, diagram), []).append(box)
    whole = joined_again(groups).items()
    return contracted(diagram, [(members, gradient_box(members, step, owner, diagram)) for (_, step), members in whole])


def owners(diagram: Diagram) -> dict[str, str]:
    """For each backward box the first gradient that it contributes to."""
    order = {box.id: i for i, box in enumerate(diagram.boxes)}
    owner: dict[str, str] = {}
    for box in reversed(diagram.boxes):
        after = [owner[e.target] for e in diagram.outgoing[box.id] if e.target in owner]
        if box.backward:
            owner[box.id] = box.id if box.pair or not after else min(after, key=order.__getitem__)
    return owner


def group_key(box: Box, owner: dict[str, str], diagram: Diagram) -> tuple[str, int | None]:
    """The key of boxes drawn as one; a parameter's gradient summed over time is drawn in parts, one for each step."""
    pair = pair_of(diagram.by_id[owner[box.id]], diagram)
    return owner[box.id], box.step if pair is None or pair.step is None else pair.step


def joined_again(groups: dict[tuple[str, int | None], list[Box]]) -> dict[tuple[str, int | None], list[Box]]:
    """The groups, with a gradient that was computed in a single time step undivided: it belongs where its node is."""
    parts = Counter(owner for owner, _ in groups)
    return {(owner, step if parts[owner] > 1 else None): members for (owner, step), members in groups.items()}


def pair_of(box: Box, diagram: Diagram) -> Box | None:
    """The forward box whose gradient this box is."""
    return diagram.by_id.get(box.pair)


def gradient_box(members: list[Box], step: int | None, owner: dict[str, str], diagram: Diagram) -> Box:
    """One box for the members, named after the node whose gradient they compute."""
    last = members[-1]
    pair = pair_of(diagram.by_id[owner[last.id]], diagram)
    if pair is None:
        return last
    number = ("folded", f"{len(members)} operations: " + ", ".join(m.symbol for m in members))
    return replace(
        last,
        kind=pair.kind,
        op="",
        name=f"∂{pair.name}" if pair.name else "",
        symbol=f"∂{pair.symbol}",
        title=f"∂{pair.name if pair.name and pair.op else pair.symbol}",
        path=pair.path,
        step=step if pair.step is None else pair.step,
        pair=pair.id,
        count=1,
        facts=(
            ("", f"gradient of {pair.name or pair.op}"),
            number,
            *(f for f in last.facts if f[0] not in ("op", "formula")),
        ),
        members=tuple(m.id for m in members),
    )
