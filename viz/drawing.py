"""draw: a graph as a picture. The front door of viz.graph."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from viz.graph.flow import lay_out_as_flow
from viz.graph.geometry import Layout
from viz.graph.gradients import folded, with_backward
from viz.graph.lanes import lay_out_in_lanes
from viz.graph.model import Diagram
from viz.graph.reading import read, target_graph
from viz.graph.steps import has_steps
from viz.graph.svg import write_svg
from viz.graph.tidy import with_steps, without_scalars

LARGEST_IN_NOTEBOOK = 8_000_000
"""Bytes of SVG beyond which a notebook is not given the picture."""


@dataclass(frozen=True)
class Drawing:
    """A picture of a graph in all its forms; notebooks show it."""

    diagram: Diagram
    layout: Layout

    @property
    def svg(self) -> str:
        """An SVG document, complete without any script."""
        return write_svg(self.diagram, self.layout)

    def __str__(self) -> str:
        return self.svg

    def save(self, path: str | Path) -> Path:
        """Writes the form that the suffix names; returns the path."""
        path = Path(path)
        path.write_text(self.svg, encoding="utf-8", newline="\n")
        return path

    def _repr_svg_(self) -> str | None:
        return self.svg if len(self.svg) <= LARGEST_IN_NOTEBOOK else None


def draw(target: Any, path: str | Path | None = None, *, view: str | None = None, title: str = "graph") -> Drawing:
    """The picture of a Graph, a Tensor or a compiled function; written to `path` when one is given.

    `view`: "forward", "backward" or "both", which derives the backward pass unless the graph has it.
    """
    graph = target_graph(target)
    both = view == "both" or (view is None and any(node.scope.backward for node in graph.nodes))
    whole, pairs = with_backward(graph) if both else (graph, {})
    diagram = with_steps(folded(without_scalars(read(whole, pairs, title))))
    layout = lay_out_in_lanes(diagram) if has_steps(diagram) else lay_out_as_flow(diagram)
    drawing = Drawing(diagram, layout)
    if path is not None:
        drawing.save(path)
    return drawing
