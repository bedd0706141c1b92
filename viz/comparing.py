"""diff: how two graphs differ, as text and picture. compare: several drawings below each other on one colour scale."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from minigrad.errors import UsageError
from viz.drawing import LARGEST_IN_NOTEBOOK, Drawing, draw, written
from viz.graph.difference import Correspondence, correspondence, marked
from viz.graph.geometry import Layout
from viz.graph.legend import furnish
from viz.graph.model import Box, Diagram
from viz.graph.overlay import Overlay, overlay_of
from viz.graph.reading import read, target_graph
from viz.graph.sheet import all_of, on_one_sheet, values_of
from viz.graph.svg import write_svg
from viz.graph.text import about, made, place
from viz.graph.views import Options


@dataclass(frozen=True)
class Difference:
    """Two graphs, and which of their boxes correspond. Notebooks show the picture, `print` shows the text."""

    before: Diagram
    after: Diagram
    match: Correspondence
    title: str = "difference"

    @property
    def added(self) -> tuple[Box, ...]:
        """Boxes that only the second graph has."""
        return tuple(box for box in self.after.boxes if not self.match.of(box.id))

    @property
    def removed(self) -> tuple[Box, ...]:
        """Boxes that only the first graph has."""
        known = {*self.match.same.values(), *self.match.changed.values()}
        return tuple(box for box in self.before.boxes if box.id not in known)

    @property
    def changed(self) -> tuple[tuple[Box, Box], ...]:
        """Pairs of a box of the first graph and what it became in the second."""
        return tuple((self.before.by_id[old], self.after.by_id[new]) for new, old in self.match.changed.items())

    @property
    def counts(self) -> str:
        """How many boxes differ, as one line."""
        counts = f"{len(self.added)} added, {len(self.removed)} removed, {len(self.changed)} changed"
        return f"{counts}, {len(self.match.same)} the same"

    @cached_property
    def sheet(self) -> "Sheet":
        """Both graphs side by side: what was added, removed and changed in colour, everything else pale."""
        before, after = marked(self.before, self.after, self.match)
        options = Options(backward="ops")
        drawings = Drawing(before, options), Drawing(after.with_note(self.counts), options)
        return Sheet(drawings, self.title, beside=True)

    @property
    def svg(self) -> str:
        """The picture."""
        return self.sheet.svg

    @property
    def text(self) -> str:
        """One line for each box that is not the same: + added, − removed, ~ changed."""
        lines = [f"− {line(box, self.before)}" for box in self.removed]
        lines += [f"+ {line(box, self.after)}" for box in self.added]
        lines += [f"~ {line(old, self.before)}\n  {line(new, self.after)}" for old, new in self.changed]
        return "\n".join([*lines, self.counts]) + "\n"

    def save(self, path: str | Path) -> Path:
        """Writes the picture, or the text if the suffix is .txt; returns the path."""
        return written(path, {".svg": lambda: self.svg, ".txt": lambda: self.text})

    def __str__(self) -> str:
        return self.text

    def _repr_svg_(self) -> str | None:
        return self.svg if len(self.svg) <= LARGEST_IN_NOTEBOOK else None


def line(box: Box, diagram: Diagram) -> str:
    """A box as one line of text."""
    return "  ".join(part for part in (box.id, made(box, diagram), about(box), place(box)) if part)


def diff(before: Any, after: Any, path: str | Path | None = None, title: str = "difference") -> Difference:
    """How two Graphs (or Tensors, or compiled functions) differ; the picture is written to `path` if given."""
    first, second = read(target_graph(before), title="before"), read(target_graph(after), title="after")
    found = Difference(first, second, correspondence(first, second), title)
    if path is not None:
        found.save(path)
    return found


@dataclass(frozen=True)
class Sheet:
    """Several drawings below each other on one colour scale; with `beside`, side by side if they are narrow enough."""

    drawings: tuple[Drawing, ...]
    title: str
    beside: bool = False

    @cached_property
    def overlay(self) -> Overlay | None:
        """The numbers of all boxes, if all drawings have numbers."""
        parts = [d.overlay.values for d in self.drawings if d.overlay is not None]
        return overlay_of(self.drawings[0].color, values_of(parts)) if len(parts) == len(self.drawings) else None

    @cached_property
    def layout(self) -> Layout:
        """The layout of the whole sheet."""
        scales = [self.scaled(drawing) for drawing in self.drawings]
        pictures = [drawing.picture(scale) for drawing, scale in zip(self.drawings, scales, strict=True)]
        layout = on_one_sheet(pictures, self.beside)
        furnish(layout, self.diagram, self.overlay)
        return layout

    @property
    def diagram(self) -> Diagram:
        """The boxes of all drawings as one diagram."""
        return all_of([drawing.shown for drawing in self.drawings], self.title)

    def scaled(self, drawing: Drawing) -> Overlay | None:
        """The numbers of one drawing, on the scale of all."""
        if self.overlay is None or drawing.overlay is None:
            return None
        return drawing.overlay.on_scale_of(self.overlay)

    @cached_property
    def svg(self) -> str:
        """All drawings as one SVG document."""
        return write_svg(self.diagram, self.layout, self.overlay)

    def save(self, path: str | Path) -> Path:
        """Writes the SVG; returns the path."""
        return written(path, {".svg": lambda: self.svg})

    def _repr_svg_(self) -> str | None:
        return self.svg if len(self.svg) <= LARGEST_IN_NOTEBOOK else None


def compare(targets: Mapping[str, Any], path: str | Path | None = None, *, title: str = "", **options: Any) -> Sheet:
    """Drawings of several graphs below each other, titled by their keys; options are those of `draw`.

    With `color="grad_norm"` it shows vanishing gradients: one scale for all, and a strip of bars below each loop.
    """
    if not targets:
        raise UsageError("compare needs at least one graph: compare({'RNN': rnn_loss, 'LSTM': lstm_loss})")
    sheet = Sheet(tuple(draw(target, title=name, **options) for name, target in targets.items()), title)
    if path is not None:
        sheet.save(path)
    return sheet
