"""Several pictures as one, below or beside each other, on one colour scale."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from viz.graph.geometry import Layout
from viz.graph.look import MARGIN
from viz.graph.model import Diagram

BETWEEN = 16.0
WIDEST = 1800.0
"""Pictures that are wider than this together are not put side by side."""


def on_one_sheet(layouts: Sequence[Layout], beside: bool = False) -> Layout:
    """One layout with the others from top to bottom, or from left to right if `beside` and they are narrow enough.

    Ids are prefixed with the number of their picture.
    """
    fits = beside and sum(layout.width for layout in layouts) <= WIDEST
    whole = Layout()
    for number, layout in enumerate(layouts):
        dx, dy = (whole.width, 0.0) if fits else (0.0, whole.height)
        add(whole, renamed(layout, number), dx, dy)
        whole.width = max(whole.width, dx + layout.width + MARGIN)
        whole.height = max(whole.height, dy + layout.height + BETWEEN)
    return whole


def renamed(layout: Layout, number: int) -> Layout:
    """The layout with ids that no other picture has."""
    placed = [replace(p, box=replace(p.box, id=name(number, p.box.id))) for p in layout.placed]
    wires = [
        replace(w, sources=tuple(name(number, k) for k in w.sources), targets=tuple(name(number, k) for k in w.targets))
        for w in layout.wires
    ]
    return replace(layout, placed=placed, wires=wires)


def name(number: int, key: str) -> str:
    """An id prefixed with the number of its picture."""
    return f"p{number}{key}"


def add(whole: Layout, part: Layout, dx: float, dy: float) -> None:
    """Adds a layout to the sheet, moved by (dx, dy)."""
    whole.placed += [replace(p, rect=p.rect.moved(dx, dy)) for p in part.placed]
    whole.regions += [replace(r, rect=r.rect.moved(dx, dy)) for r in part.regions]
    whole.texts += [replace(t, x=t.x + dx, y=t.y + dy) for t in part.texts]
    for wire in part.wires:
        points, dots = (tuple((x + dx, y + dy) for x, y in line) for line in (wire.points, wire.dots))
        whole.wires.append(replace(wire, points=points, dots=dots))


def all_of(diagrams: Sequence[Diagram], title: str) -> Diagram:
    """The boxes of several diagrams as one diagram, with their ids on the sheet."""
    boxes = tuple(replace(b, id=name(i, b.id)) for i, d in enumerate(diagrams) for b in d.boxes)
    outputs = tuple(name(i, key) for i, d in enumerate(diagrams) for key in d.outputs)
    notes = tuple(note for d in diagrams for note in d.notes)
    return Diagram(boxes, (), title, notes, outputs)


def values_of(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The numbers of several pictures, by their ids on the sheet."""
    return {name(i, key): value for i, values in enumerate(parts) for key, value in values.items()}
