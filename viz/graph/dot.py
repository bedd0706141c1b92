"""Diagram → DOT, by the package graphviz: for Graphviz's layout, and for readers with tools of their own."""

from collections.abc import Iterable, Mapping

import graphviz

from viz.graph.look import COLOURS, LETTER, LIGHT, MONO, SANS, SMALL
from viz.graph.model import Box, Diagram, Edge
from viz.graph.modules import Group, module_tree

POINTS_PER_INCH = 72
GRAPH = {
    "rankdir": "LR",
    "nodesep": "0.2",
    "ranksep": "0.45",
    "fontname": SANS,
    "compound": "true",
    "bgcolor": "transparent",
}
NODE = {"shape": "box", "style": "rounded,filled", "fontname": MONO, "fontsize": str(LETTER), "height": "0.3"}
EDGE = {"color": LIGHT["edge"], "arrowsize": "0.5", "fontname": MONO, "fontsize": f"{LETTER * SMALL:.2f}"}
STYLES = {
    "saved": {"style": "dotted", "constraint": "false"},
    "delay": {"color": COLOURS["reduce"][1], "constraint": "false"},
}


def write_dot(diagram: Diagram, sizes: Mapping[str, tuple[float, float]] | None = None, labels: bool = False) -> str:
    """The diagram in DOT, with a cluster for each module, time step and pass; `sizes` of boxes are in pixels.

    With `labels`, edges have labels.
    """
    dot = graphviz.Digraph(name=plain(diagram.title), graph_attr=GRAPH, node_attr=NODE, edge_attr=EDGE)
    for backward in (False, True):
        add_group(dot, module_tree(diagram, backward), diagram, sizes)
    for edge in diagram.edges:
        dot.edge(edge.source, edge.target, **edge_attributes(edge, labels))
    return str(dot.source)


def add_group(
    dot: graphviz.Digraph, group: Group, diagram: Diagram, sizes: Mapping[str, tuple[float, float]] | None
) -> None:
    """Adds the boxes of a group, with a cluster for each time step and each inner group."""
    for step, boxes in by_step(diagram.by_id[key] for key in group.boxes):
        if step is None:
            add_boxes(dot, boxes, sizes)
        else:
            with dot.subgraph(name=f"cluster_{group.id} {step}") as part:
                part.attr(label=f"t = {step}", color=LIGHT["rule"], fontsize="10")
                add_boxes(part, boxes, sizes)
    for child in group.groups:
        with dot.subgraph(name=f"cluster_{child.id}") as part:
            part.attr(label=plain(child.label), color=LIGHT["rule"], fontsize="10")
            add_group(part, child, diagram, sizes)


def by_step(boxes: Iterable[Box]) -> Iterable[tuple[int | None, list[Box]]]:
    """The boxes by time step, in the order of their first box."""
    steps: dict[int | None, list[Box]] = {}
    for box in boxes:
        steps.setdefault(box.step, []).append(box)
    return steps.items()


def add_boxes(dot: graphviz.Digraph, boxes: Iterable[Box], sizes: Mapping[str, tuple[float, float]] | None) -> None:
    """Adds a node for each box."""
    for box in boxes:
        fill, border = COLOURS.get(box.kind, COLOURS["group"])[:2]
        extent = {}
        if sizes is not None:
            width, height = (f"{length / POINTS_PER_INCH:.4f}" for length in sizes[box.id])
            extent = {"width": width, "height": height, "fixedsize": "true"}
        text = plain("" if sizes is not None else f"{box.title}\n{box.detail}")
        dot.node(box.id, label=text, fillcolor=fill, color=border, tooltip=plain(box.title), **extent)


def edge_attributes(edge: Edge, labels: bool) -> dict[str, str]:
    """The style of an edge of its kind, and its label."""
    text = {"label": plain(edge.label)} if labels and edge.label and edge.kind == "data" else {}
    return STYLES.get(edge.kind, {}) | text


def plain(text: str) -> str:
    """Text that Graphviz uses as it is, not as its HTML or escapes."""
    return str(graphviz.nohtml(graphviz.escape(text).replace("\n", "\\n")))
