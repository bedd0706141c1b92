"""animate: a drawing that plays, forward and then backward, in one SVG without a script. For slides."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from viz.drawing import Drawing, draw
from viz.graph.geometry import Placed, Wire
from viz.graph.ranking import ranks_of
from viz.graph.svg import document, placed, region, tag, text, wire

PALE = 0.12
"""Opacity of what has not been computed yet."""
PAUSE = 4
"""Moments at the end in which the whole picture stands, and at the turn from forward to backward."""


def animate(target: Any, path: str | Path | None = None, *, seconds: float = 12.0, **options: Any) -> str:
    """The drawing of a Graph or Tensor as an SVG whose boxes appear in the order of computing, again and again.

    `options` are those of `draw`; both passes are shown unless `view` says otherwise. Written to `path` when given.
    """
    drawing = draw(target, **{"view": "both", **options})
    svg = played(drawing, seconds)
    if path is not None:
        Path(path).write_text(svg, encoding="utf-8", newline="\n")
    return svg


def played(drawing: Drawing, seconds: float) -> str:
    """The SVG of a drawing, each box and wire with the time at which it appears."""
    layout, diagram = drawing.layout, drawing.shown
    moment = moments(drawing)
    end = max(moment.values(), default=0) + PAUSE
    body = [*map(region, layout.regions)]
    for shown_wire in layout.wires:
        body.append(appearing(wire(shown_wire), start_of(shown_wire, moment) / end, seconds))
    for box in layout.placed:
        drawn = placed(box, drawing.overlay, box.box.id in diagram.outputs)
        body.append(appearing(drawn, start_of(box, moment) / end, seconds))
    return document(diagram, layout, [*body, *map(text, layout.texts)])


def moments(drawing: Drawing) -> dict[str, int]:
    """When each box is computed: its depth in the forward pass; the backward pass begins after a pause."""
    diagram = drawing.shown
    backward = {box.id for box in diagram.boxes if box.backward}
    forward = [box.id for box in diagram.boxes if box.id not in backward]
    edges = [(e.source, e.target) for e in diagram.edges if e.kind == "data"]
    found = ranks_of(forward, (e for e in edges if not backward.intersection(e)))
    turn = max(found.values(), default=0) + PAUSE
    later = ranks_of([key for key in found | dict.fromkeys(backward) if key in backward],
                     (e for e in edges if backward.issuperset(e)))  # fmt: skip
    return found | {key: turn + rank for key, rank in later.items()}


def start_of(shown: Placed | Wire, moment: Mapping[str, int]) -> float:
    """The moment at which a box appears, or a wire: when its value arrives; what stands for nothing is always there."""
    keys = [shown.box.id] if isinstance(shown, Placed) else list(shown.targets)
    return min((moment.get(key.partition(".")[0], 0) for key in keys), default=0)


def appearing(element: str, share: float, seconds: float) -> str:
    """An element that is pale until its share of the time has passed; as it is where animations do not play."""
    times = f"0;{share:.4f};{min(1.0, share + 0.02):.4f};1"
    motion = tag(
        "animate", attributeName="opacity", values=f"{PALE};{PALE};1;1", keyTimes=times, dur=f"{seconds:g}s",
        repeatCount="indefinite",
    )  # fmt: skip
    return f"<g>{motion}{element}</g>" if share else element
