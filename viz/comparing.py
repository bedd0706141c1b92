"""diff: what distinguishes two graphs, as text and picture. compare: pictures below each other on one scale."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from minigrad.errors import UsageError
from viz.drawing import LARGEST_IN_NOTEBOOK, Drawing, draw
from viz.graph.difference import Correspondence, correspondence, union
from viz.graph.geometry import Layout
from viz.graph.legend import furnish
from viz.graph.model import Box, Diagram
from viz.graph.overlay import Overlay, overlay_of
from viz.graph.reading import read, target_graph
from viz.graph.sheet import all_of, one_below_the_other, values_of
from viz.graph.svg import write_svg
from viz.graph.text import about, made, place
from viz.graph.views import Options


@dataclass(frozen=True)
class Difference:
    """Two graphs and which boxes of them correspond; notebooks show the picture, `print` the text."""

    before: Diagram
    after: Diagram
    match: Correspondence

    @property
    def added(self) -> tuple[Box, ...]:
        """Boxes of the second graph alone."""
        return tuple(box for box in self.after.boxes if not self.match.of(box.id))

    @property
    def removed(self) -> tuple[Box, ...]:
        """Boxes of the first graph alone."""
        known = {*self.match.same.values(), *self.match.changed.values()}
        return tuple(box for box in self.before.boxes if box.id not in known)

    @property
    def changed(self) -> tuple[tuple[Box, Box], ...]:
        """Boxes of the first graph with what became of them."""
        return tuple((self.before.by_id[old], self.after.by_id[new]) for new, old in self.match.changed.items())

    @cached_property
    def drawing(self) -> Drawing:
        """Both graphs as one picture: what was added, removed and changed in colour, the rest pale."""
        counts = f"{len(self.added)} added, {len(self.removed)} removed, {len(self.changed)} changed"
        diagram = union(self.before, self.after, self.match)
        return Drawing(diagram.with_note(f"{counts}, {len(self.match.same)} the same"), Options(backward="ops"))

    @property
    def svg(self) -> str:
        """The picture."""
        return self.drawing.svg

    @property
    def text(self) -> str:
        """A line for each box that is not the same: + added, − removed, ~ changed."""
        lines = [f"− {line(box, self.before)}" for box in self.removed]
        lines += [f"+ {line(box, self.after)}" for box in self.added]
        lines += [f"~ {line(old, self.before)}\n  {line(new, self.after)}" for old, new in self.changed]
        return "\n".join([*lines, self.drawing.diagram.notes[-1]]) + "\n"

    def __str__(self) -> str:
        return self.text

    def _repr_svg_(self) -> str | None:
        return self.svg if len(self.svg) <= LARGEST_IN_NOTEBOOK else None


def line(box: Box, diagram: Diagram) -> str:
    """A box in a line."""
    return "  ".join(part for part in (box.id, made(box, diagram), about(box), place(box)) if part)


def diff(before: Any, after: Any, path: str | Path | None = None, title: str = "difference") -> Difference:
    """What distinguishes two Graphs (or Tensors, or compiled functions); the picture is written to `path` if given."""
    first, second = (read(target_graph(target), title=title) for target in (before, after))
    found = Difference(first, second, correspondence(first, second))
    if path is not None:
        found.drawing.save(path)
    return found


@dataclass(frozen=True)
class Sheet:
    """Several drawings below each other, painted by one scale."""

    drawings: tuple[Drawing, ...]
    title: str

    @cached_property
    def overlay(self) -> Overlay | None:
        """The numbers on all boxes."""
        parts = [d.overlay.values for d in self.drawings if d.overlay is not None]
        return overlay_of(self.drawings[0].color, values_of(parts)) if len(parts) == len(self.drawings) else None

    @cached_property
    def layout(self) -> Layout:
        """Everything in its place."""
        scales = [self.scaled(drawing) for drawing in self.drawings]
        layout = one_below_the_other(
            [drawing.picture(scale) for drawing, scale in zip(self.drawings, scales, strict=True)]
        )
        furnish(layout, self.diagram, self.overlay)
        return layout

    @property
    def diagram(self) -> Diagram:
        """The boxes of all drawings."""
        return all_of([drawing.shown for drawing in self.drawings], self.title)

    def scaled(self, drawing: Drawing) -> Overlay | None:
        """A drawing's numbers on the scale of all."""
        if self.overlay is None or drawing.overlay is None:
            return None
        return drawing.overlay.on_scale_of(self.overlay)

    @cached_property
    def svg(self) -> str:
        """The pictures as one SVG document."""
        return write_svg(self.diagram, self.layout, self.overlay)

    def save(self, path: str | Path) -> Path:
        """Writes the SVG; returns the path."""
        path = Path(path)
        path.write_text(self.svg, encoding="utf-8", newline="\n")
        return path

    def _repr_svg_(self) -> str | None:
        return self.svg if len(self.svg) <= LARGEST_IN_NOTEBOOK else None


def compare(targets: Mapping[str, Any], path: str | Path | None = None, *, title: str = "", **options: Any) -> Sheet:
    """Drawings of several graphs below each other, named by their keys; options are those of `draw`.

    With `color="grad_norm"` vanishing gradients show: one scale for all, and a strip under each loop.
    """
    if not targets:
        raise UsageError("compare needs at least one graph: compare({'RNN': rnn_loss, 'LSTM': lstm_loss})")
    sheet = Sheet(tuple(draw(target, title=name, **options) for name, target in targets.items()), title)
    if path is not None:
        sheet.save(path)
    return sheet
