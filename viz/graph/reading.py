"""Graph → Diagram: one box for each node, named, described and numbered as in the graph's listing."""

from collections.abc import Mapping
from typing import Any

from minigrad.graph import Graph
from minigrad.measure import flops, nbytes
from minigrad.op import Array
from minigrad.tensor import Tensor
from viz.graph.gradients import Pairs
from viz.graph.look import printable
from viz.graph.model import Box, Diagram, Edge
from viz.graph.notation import (
    attributes_of,
    dtype_text,
    formula_of,
    kind_of,
    number_text,
    operand_name,
    shape_text,
    symbol_of,
)

NO_VALUES: Mapping[int, float] = {}


def read(graph: Graph, pairs: Pairs = (), title: str = "graph", values: Mapping[int, float] = NO_VALUES) -> Diagram:
    """The graph as boxes and edges; `pairs` are nodes with their gradients, `values` those of scalars by Python id."""
    numbers = {id(node): f"n{i}" for i, node in enumerate(graph.nodes)}
    given = {id(x) for x in graph.inputs}
    paired = {id(g): numbers[id(x)] for x, g in pairs if id(x) in numbers}
    roles = {id(x): operand_name(node.op, i) for node in graph.nodes if node.op for i, x in enumerate(node.inputs)}
    boxes = []
    for node in graph.nodes:
        symbol = leaf_symbol(node, roles.get(id(node), "")) if node.op is None else op_symbol(node)
        key, pair = numbers[id(node)], paired.get(id(node), "")
        boxes.append(box_of(node, key, symbol, id(node) in given, pair, values.get(id(node))))
    edges = [edge for node in graph.nodes if id(node) not in given for edge in edges_into(node, numbers)]
    return Diagram(tuple(boxes), tuple(edges), printable(title), outputs=tuple(numbers[id(y)] for y in graph.outputs))


def edges_into(node: Tensor, numbers: Mapping[int, str]) -> list[Edge]:
    """An edge for each operand; `saved` for what a gradient reads of the forward pass."""
    return [
        Edge(numbers[id(x)], numbers[id(node)], slot, edge_kind(x, node), shape_text(x.shape))
        for slot, x in enumerate(node.inputs)
    ]


def edge_kind(x: Tensor, node: Tensor) -> str:
    """`saved` from a computed forward node to a backward node, otherwise `data`."""
    return "saved" if node.scope.backward and not x.scope.backward and x.op is not None else "data"


def box_of(node: Tensor, key: str, symbol: str, given: bool, pair: str, value: float | None) -> Box:
    """The box of a node."""
    kind = kind_of(node.op) if node.op is not None and node.inputs else leaf_kind(node, given)
    name = printable(node.name or "")
    shape, dtype = node.shape, node.dtype.name
    return Box(
        id=key,
        kind=kind,
        symbol=symbol,
        title=title_of(node, symbol, name),
        detail=detail_of(node, dtype, value),
        op=repr(node.op) if node.op is not None else "",
        name=name,
        shape=shape,
        dtype=dtype,
        path=printable(node.scope.path or module_of(node)),
        step=node.scope.step,
        backward=node.scope.backward or bool(pair),
        pair=pair,
        facts=tuple(facts(node, kind, dtype)),
        members=(key,),
    )


def title_of(node: Tensor, symbol: str, name: str) -> str:
    """A name, or the Op's symbol with its attributes."""
    if node.op is None:
        return symbol
    text = symbol if symbol.endswith("]") else f"{symbol} {attributes_of(node.op, briefly=True)}".strip()
    return f"{name} = {text}" if name else text


def detail_of(node: Tensor, dtype: str, value: float | None) -> str:
    """The shape and a short dtype; the value of a scalar if it is known."""
    if node.shape == ():
        known = node.value.item() if node.value is not None else value
        return "scalar" if known is None else number_text(known)
    return f"{shape_text(node.shape)} {dtype_text(dtype)}"


def leaf_kind(node: Tensor, given: bool) -> str:
    """The kind of a node without an Op."""
    return "input" if given else "parameter" if node.requires_grad else "constant"


def op_symbol(node: Tensor) -> str:
    """The Op in a few letters."""
    assert node.op is not None
    return symbol_of(node.op, *(x.shape for x in node.inputs))


def leaf_symbol(node: Tensor, role: str) -> str:
    """A parameter's last part of its path; a constant's content, or the name of the operand it is."""
    if node.name:
        return printable(node.name).rpartition(".")[2]
    kind = leaf_kind(node, False)
    if kind == "parameter" or node.value is None or not node.value.size:
        return kind
    return role or content_of(node.value) or kind


def content_of(value: Array) -> str:
    """The content of an array if one word says it: a number that is everywhere, or `mask` for zeros and ones."""
    first = value.flat[0]
    if (value == first).all():
        return number_text(first.item())
    return "mask" if value.dtype == bool or ((value == 0) | (value == 1)).all() else ""


def module_of(node: Tensor) -> str:
    """The module of a parameter, from its name; "" for other leaves."""
    return (node.name or "").rpartition(".")[0] if node.op is None and node.requires_grad else ""


def facts(node: Tensor, kind: str, dtype: str) -> list[tuple[str, str]]:
    """What is shown to a reader who points at the node."""
    op = node.op
    scope = node.scope
    rows = [
        ("", node.name or ""),
        ("op", f"{type(op).__name__} {attributes_of(op)}".strip() if op is not None else kind),
        ("formula", formula_of(op) if op is not None else ""),
        ("shape", f"{shape_text(node.shape)} {dtype}"),
        ("bytes", f"{nbytes(node):,}"),
        ("flops", f"{flops(node):,}" if op is not None else ""),
        ("module", scope.path),
        ("time step", "" if scope.step is None else str(scope.step)),
        ("pass", "backward" if scope.backward else ""),
    ]
    return [(name, printable(text)) for name, text in rows if text]


def target_graph(target: Any) -> Graph:
    """The Graph of a Graph, a Tensor, or something with an attribute `graph`."""
    if isinstance(target, Tensor):
        return Graph.of(target)
    return target if isinstance(target, Graph) else target.graph
