"""draw: a graph as a picture. The front door of viz.graph."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any

from minigrad.errors import DataError, UsageError
from minigrad.files import write_whole
from minigrad.graph import Graph
from viz.graph.dot import write_dot
from viz.graph.external import NoGraphvizError, lay_out_by_graphviz
from viz.graph.flow import lay_out_as_flow
from viz.graph.geometry import Layout, Text
from viz.graph.gradients import with_backward
from viz.graph.html import View, write_html
from viz.graph.lanes import lay_out_in_lanes
from viz.graph.legend import furnish
from viz.graph.look import MARGIN
from viz.graph.model import Diagram
from viz.graph.overlay import ADDS_UP, Overlay, overlay_of, values_of_boxes
from viz.graph.painting import numbers_for, scalars
from viz.graph.reading import read, target_graph
from viz.graph.record import read_record, write_record
from viz.graph.steps import has_steps
from viz.graph.strip import add_strips
from viz.graph.svg import write_svg
from viz.graph.text import write_text
from viz.graph.views import Backward, Engine, Fold, Options, Pass, is_drawable, shown, unfolding, ways

MOST_NAMES = 3
"""Modules that a title names."""
LARGEST_IN_NOTEBOOK = 8_000_000
"""Bytes of SVG beyond which a notebook is not given the picture."""


@dataclass(frozen=True)
class Drawing:
    """A picture of a graph in all its forms; notebooks show it.

    `diagram` is the whole graph, `shown` what is left of it after folding; `values` are numbers by node, named `color`.
    """

    diagram: Diagram
    options: Options = field(default_factory=Options)
    color: str = "kind"
    values: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def shown(self) -> Diagram:
        """What the picture shows."""
        return shown(self.diagram, self.options)

    @cached_property
    def overlay(self) -> Overlay | None:
        """The numbers painted on the boxes."""
        if not self.values:
            return None
        return overlay_of(self.color, values_of_boxes(self.shown, self.values, self.color in ADDS_UP))

    @cached_property
    def layout(self) -> Layout:
        """Everything in its place."""
        layout = self.picture(self.overlay)
        furnish(layout, self.shown, self.overlay)
        return layout

    def picture(self, overlay: Overlay | None) -> Layout:
        """The layout without title and legend; with the strip of an overlay that has one."""
        layout = laid_out(self.shown, self.options)
        layout.texts.append(Text(MARGIN, MARGIN + 4, self.shown.title, "title"))
        if overlay is not None and self.color == "grad_norm":
            add_strips(layout, self.shown, overlay)
        return layout

    @property
    def html(self) -> str:
        """A page that needs no network: the picture to move in, to search, to fold and unfold."""
        drawings: dict[str, tuple[str, Drawing]] = {}
        for name, label, options in ways(self.diagram, self.options):
            drawing = replace(self, options=options)
            if not drawings or is_drawable(drawing.shown):
                drawings[name] = label, drawing
        offered = set(drawings)
        return write_html(
            self.diagram.title,
            [View(name, label, d.bare_svg, unfolding(name, d.shown, offered)) for name, (label, d) in drawings.items()],
        )

    @property
    def bare_svg(self) -> str:
        """The SVG without its style sheet, for a page that has it."""
        return write_svg(self.shown, self.layout, self.overlay, style=False)

    @property
    def dot(self) -> str:
        """The picture's boxes and edges in Graphviz's language."""
        return write_dot(self.shown, labels=self.options.labels)

    @property
    def text(self) -> str:
        """One line a box."""
        return write_text(self.shown, self.overlay.values if self.overlay else None)

    @property
    def json(self) -> str:
        """The whole graph and how it is shown, in a versioned form that `Drawing.loads` reads."""
        return write_record(self.diagram, asdict(self.options), self.color, self.values)

    @classmethod
    def loads(cls, text: str) -> "Drawing":
        """The drawing that was written as JSON; DataError for anything else."""
        diagram, options, color, values = read_record(text)
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in options.items()
        }
        try:
            return cls(diagram, Options(**given), color, values)
        except TypeError as error:
            raise DataError(f"a drawing in JSON has options that are not this version's: {error}") from None

    @cached_property
    def svg(self) -> str:
        """An SVG document, complete without any script."""
        return write_svg(self.shown, self.layout, self.overlay)

    def __str__(self) -> str:
        return self.svg

    def save(self, path: str | Path) -> Path:
        """Writes the form that the suffix names; returns the path."""
        forms = {".svg": "svg", ".html": "html", ".dot": "dot", ".json": "json", ".txt": "text"}
        return written(path, {suffix: partial(getattr, self, name) for suffix, name in forms.items()})

    def _repr_svg_(self) -> str | None:
        return self.svg if len(self.svg) <= LARGEST_IN_NOTEBOOK else None


def draw(
    target: Any,
    path: str | Path | None = None,
    *,
    view: Pass | None = None,
    backward: Backward = "gradients",
    fold: Fold = "auto",
    depth: int | None = None,
    expand: Sequence[int] = (),
    color: str | Mapping[Any, float] = "kind",
    arguments: Sequence[Any] = (),
    labels: bool = False,
    engine: Engine = "auto",
    title: str = "",
) -> Drawing:
    """The picture of a Graph, a Tensor or a compiled function; written to `path` when one is given, by its suffix.

    `view`: "forward", "backward" or "both", which derives the backward pass unless the graph has it; by default what
    is there. `backward`: each gradient as one box under its node, or all its operations. `fold`: "steps" draws time
    steps as boxes but for those in `expand`, "rolled" one step for all, "repeats" finds loops nobody declared, "auto"
    folds what is too large, None nothing. `depth`: how many levels of modules stay open. `color`: "kind", "grad_norm",
    "value_norm", "bytes", "ms", "flops", "check", or a mapping from nodes to numbers; `arguments` are values for the
    inputs of a traced graph, where numbers need them. `labels`: shapes on the edges.
    """
    if depth is not None and depth < 0:
        raise UsageError(f"depth={depth}: it is a number of levels, 0 or more")
    graph = target_graph(target)
    has_backward = any(node.scope.backward for node in graph.nodes)
    chosen: Pass = view or ("both" if has_backward else "forward")
    whole, pairs = with_backward(graph) if chosen != "forward" or color == "grad_norm" else (graph, [])
    diagram = read(whole, pairs, title or default_title(graph), scalars(whole))
    name, values = numbers_for(color, whole, pairs, arguments)
    drawing = Drawing(diagram, Options(chosen, backward, fold, depth, tuple(expand), labels, engine), name, values)
    if path is not None:
        drawing.save(path)
    return drawing


def written(path: str | Path, forms: Mapping[str, Callable[[], str]]) -> Path:
    """Writes the form that a path's suffix names, and returns the path; UsageError where there is none."""
    path = Path(path)
    form = forms.get(path.suffix.lower())
    if form is None:
        raise UsageError(f"{path}: a drawing is written as {', '.join(forms)}, not as {path.suffix or 'a bare name'}")
    write_whole(path, form())
    return path


def default_title(graph: Graph) -> str:
    """The modules that the graph is made of, or that it is a graph."""
    roots = dict.fromkeys(node.scope.path.partition(".")[0] for node in graph.nodes if node.scope.path)
    return ", ".join([*islice(roots, MOST_NAMES), *(["…"] if len(roots) > MOST_NAMES else [])]) or "graph"


def laid_out(diagram: Diagram, options: Options) -> Layout:
    """The layout that was asked for, or the one that fits."""
    if options.engine == "graphviz":
        try:
            return lay_out_by_graphviz(diagram, options.labels)
        except NoGraphvizError as error:
            layout = lay_out_as_flow(diagram, options.labels)
            layout.notes.append(f"{error}: laid out without it")
            return layout
    if has_steps(diagram) and options.engine != "layered":
        return lay_out_in_lanes(diagram, options.labels)
    layout = lay_out_as_flow(diagram, options.labels)
    if options.engine == "lanes":
        layout.notes.append("there are no time steps to lay out in lanes")
    return layout
