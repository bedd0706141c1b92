"""draw: a graph as a picture. The entry point to viz.graph."""

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
"""The most modules that a title names."""
LARGEST_IN_NOTEBOOK = 8_000_000
"""A notebook does not get the picture if its SVG has more bytes than this."""


@dataclass(frozen=True)
class Drawing:
    """A picture of a graph in all its formats; notebooks show it.

    `diagram` is the whole graph, `shown` what folding leaves of it; `values` are numbers by node, and `color` is their
    name.
    """

    diagram: Diagram
    options: Options = field(default_factory=Options)
    color: str = "kind"
    values: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def shown(self) -> Diagram:
        """The diagram that the picture shows."""
        return shown(self.diagram, self.options)

    @cached_property
    def overlay(self) -> Overlay | None:
        """The numbers that colour the boxes."""
        if not self.values:
            return None
        return overlay_of(self.color, values_of_boxes(self.shown, self.values, self.color in ADDS_UP))

    @cached_property
    def layout(self) -> Layout:
        """The layout with title and legend."""
        layout = self.picture(self.overlay)
        furnish(layout, self.shown, self.overlay)
        return layout

    def picture(self, overlay: Overlay | None) -> Layout:
        """The layout with its title and without a legend; with the strip of bars if the overlay has one."""
        layout = laid_out(self.shown, self.options)
        layout.texts.append(Text(MARGIN, MARGIN + 4, self.shown.title, "title"))
        if overlay is not None and self.color == "grad_norm":
            add_strips(layout, self.shown, overlay)
        return layout

    @property
    def html(self) -> str:
        """A page that needs no network, in which the picture can be moved, searched, folded and unfolded."""
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
        """The SVG without its style sheet, for a page that has it already."""
        return write_svg(self.shown, self.layout, self.overlay, style=False)

    @property
    def dot(self) -> str:
        """The boxes and edges of the picture in Graphviz's language DOT."""
        return write_dot(self.shown, labels=self.options.labels)

    @property
    def text(self) -> str:
        """One line for each box."""
        return write_text(self.shown, self.overlay.values if self.overlay else None)

    @property
    def json(self) -> str:
        """The whole graph and how it is shown, in a versioned format that `Drawing.loads` reads."""
        return write_record(self.diagram, asdict(self.options), self.color, self.values)

    @classmethod
    def loads(cls, text: str) -> "Drawing":
        """The drawing read from JSON; DataError if the text is none."""
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
        """A complete SVG document without a script."""
        return write_svg(self.shown, self.layout, self.overlay)

    def __str__(self) -> str:
        return self.svg

    def save(self, path: str | Path) -> Path:
        """Writes the format that the suffix names; returns the path."""
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
    """The picture of a Graph, a Tensor or a compiled function; written to `path` if given, in the format of its suffix.

    `view`: "forward", "backward" or "both" (the backward pass is derived unless the graph has it); by default what the
    graph has. `backward`: "gradients" draws each gradient as one box under its node, "ops" all its operations. `fold`:
    "steps" draws each time step as a box, except those in `expand`; "rolled" one step for all; "repeats" finds loops
    that nobody declared; "auto" folds what is too large; None folds nothing. `depth`: how many levels of modules stay
    open. `color`: "kind", "grad_norm", "value_norm", "bytes", "ms", "flops", "check", or a mapping from nodes to
    numbers; `arguments` are values for the inputs of a traced graph, if numbers need them. `labels`: shapes on the
    edges. `engine`: which layout to use.
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
    """Writes the format that the path's suffix names and returns the path; UsageError if there is none."""
    path = Path(path)
    form = forms.get(path.suffix.lower())
    if form is None:
        raise UsageError(f"{path}: a drawing is written as {', '.join(forms)}, not as {path.suffix or 'a bare name'}")
    write_whole(path, form())
    return path


def default_title(graph: Graph) -> str:
    """The names of the modules in the graph, or `graph`."""
    roots = dict.fromkeys(node.scope.path.partition(".")[0] for node in graph.nodes if node.scope.path)
    return ", ".join([*islice(roots, MOST_NAMES), *(["…"] if len(roots) > MOST_NAMES else [])]) or "graph"


def laid_out(diagram: Diagram, options: Options) -> Layout:
    """The layout that was asked for, or the one that suits the diagram."""
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
