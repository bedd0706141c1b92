"""Bars below the columns of a loop: the norm of the loss's gradient by each state, step by step."""

from collections.abc import Sequence

from viz.graph.geometry import Layout, Placed, Rect, Region, Text
from viz.graph.look import shortened
from viz.graph.model import Diagram
from viz.graph.overlay import Overlay, number_label

HEIGHT = 34.0
"""The height of the highest bar."""
LINE = 14.0


def add_strips(layout: Layout, diagram: Diagram, overlay: Overlay) -> None:
    """Adds a row of bars for each state that forward steps pass on, if the overlay has numbers for it."""
    rows = sorted({placed.rect.y for placed in layout.placed if is_state(placed, diagram)})
    for y in rows:
        states = [
            p for p in layout.placed if p.rect.y == y and p.box.step is not None and overlay.value_of(p.box) is not None
        ]
        if len(states) > 1:
            add_strip(layout, states, overlay)


def is_state(placed: Placed, diagram: Diagram) -> bool:
    """Whether a later step reads this box of a step."""
    box = placed.box
    readers = (diagram.by_id[e.target] for e in diagram.outgoing.get(box.id, ()))
    return box.step is not None and not box.backward and any(
        r.step is not None and r.step > box.step and not r.backward for r in readers
    )  # fmt: skip


def add_strip(layout: Layout, states: Sequence[Placed], overlay: Overlay) -> None:
    """Adds bars with heights by order of magnitude, and the numbers below them."""
    bottom = layout.height + HEIGHT
    first = min(states, key=lambda placed: placed.rect.x)
    label = f"‖∂L/∂{shortened(first.box.name or first.box.symbol, 8)}‖"
    layout.texts.append(Text(first.rect.x - 14, bottom - HEIGHT / 2, label, "row", "end"))
    for placed in states:
        value = overlay.value_of(placed.box)
        assert value is not None
        height = 2 + (HEIGHT - 2) * overlay.share(value)
        bar = Rect(placed.rect.x, bottom - height, placed.rect.width, height)
        layout.regions.append(Region(bar, "bar", fill=overlay.tint(value)))
        text = Text(placed.rect.cx, bottom + LINE - 3, number_label(value), "label", "middle")
        layout.texts.append(text)
    layout.height = bottom + LINE + 8
