"""What is below a picture: the meaning of colours and lines, and any notes."""

import math
from collections.abc import Iterable

from viz.graph.geometry import Layout, Rect, Region, Text, Wire
from viz.graph.look import MARGIN, MARKS, SMALL, width_of
from viz.graph.model import Diagram
from viz.graph.overlay import NOT_FINITE, Overlay, number_label

LINE = 20.0
SWATCH = 14.0
KINDS = {
    "input": "input", "parameter": "parameter", "constant": "constant", "product": "product", "nonlinear": "nonlinear",
    "arithmetic": "arithmetic", "reduce": "reduction", "move": "rearrangement", "loss": "loss", "group": "folded",
}  # fmt: skip
LINES = {"rail": "read at every step", "saved": "kept for the backward pass", "delay": "into the next turn"}
STEPS_OF_SCALE = 7
SCALE, CELLS = 336.0, 48
"""The length of a scale in pixels, and the number of colours in it."""


def furnish(layout: Layout, diagram: Diagram, overlay: Overlay | None = None) -> None:
    """Adds the legend and notes, and the room that they and the title need."""
    layout.width = max(layout.width, 2 * MARGIN + width_of(diagram.title, 1.4))
    y = layout.height
    rows = [kind_entries(layout), line_entries(layout)] if overlay is None else [line_entries(layout)]
    for row in rows:
        y = add_entries(layout, list(row), y)
    if overlay is not None:
        y = add_scale(layout, overlay, y)
    for note in (*diagram.notes, *layout.notes):
        layout.texts.append(Text(MARGIN, y + 10, note, "note"))
        layout.width = max(layout.width, 2 * MARGIN + width_of(note, SMALL))
        y += LINE
    layout.height = y + MARGIN / 2


def kind_entries(layout: Layout) -> Iterable[tuple[str, str, bool]]:
    """A style and a text for each mark of a comparison, or else for each kind of box, in the picture."""
    marks = {placed.box.mark for placed in layout.placed}
    if marks != {""}:
        return ((mark, mark, False) for mark in (*MARKS, "same") if mark in marks)
    shown = {placed.box.kind for placed in layout.placed}
    return ((kind, text, False) for kind, text in KINDS.items() if kind in shown)


def line_entries(layout: Layout) -> Iterable[tuple[str, str, bool]]:
    """A style and a text for each kind of line that needs an explanation."""
    shown = {wire.kind for wire in layout.wires}
    return ((kind, text, True) for kind, text in LINES.items() if kind in shown)


def add_entries(layout: Layout, entries: list[tuple[str, str, bool]], y: float) -> float:
    """Adds samples with their meaning, in as many lines as necessary; returns the lower end."""
    x = float(MARGIN)
    for style, text, is_line in entries:
        width = SWATCH + 8 + width_of(text, SMALL) + 18
        if x > MARGIN and x + width > layout.width - MARGIN / 2:
            x, y = float(MARGIN), y + LINE
        if is_line:
            ends = ((x, y + 6), (x + SWATCH + 2, y + 6))
            layout.wires.append(Wire(ends, style, (), (), arrow=False))
        else:
            layout.regions.append(Region(Rect(x, y, SWATCH, 12), f"swatch {style}"))
        layout.texts.append(Text(x + SWATCH + 7, y + 9.5, text, "note"))
        layout.width = max(layout.width, x + width)
        x += width
    return y + LINE if entries else y


def add_scale(layout: Layout, overlay: Overlay, y: float) -> float:
    """Adds the colours of an overlay from low to high with numbers below; returns the lower end."""
    layout.texts.append(Text(MARGIN, y + 9.5, overlay.title, "note"))
    x = MARGIN + width_of(overlay.title, SMALL) + 24
    cell = SCALE / CELLS
    for i in range(CELLS):
        place = Rect(x + i * cell, y, cell + 0.5, 11)
        layout.regions.append(Region(place, "scale", fill=overlay.colour_at((i + 0.5) / CELLS)))
    for value in overlay.samples(STEPS_OF_SCALE):
        place_of_value = x + SCALE * overlay.share(value)
        layout.texts.append(Text(place_of_value, y + 22, number_label(value), "label", "middle"))
    x += SCALE + 30
    if not all(map(math.isfinite, overlay.values.values())):
        layout.regions.append(Region(Rect(x, y, SWATCH, 11), "swatch", fill=NOT_FINITE))
        layout.texts.append(Text(x + SWATCH + 7, y + 9.5, "not finite", "note"))
        x += SWATCH + 7 + width_of("not finite", SMALL)
    layout.width = max(layout.width, x)
    return y + LINE + 14
