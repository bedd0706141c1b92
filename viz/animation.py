"""animate: a drawing that plays, forward and then backward, as one SVG without a script. For slides."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from minigrad.files import write_whole
from viz.drawing import Drawing, draw
from viz.graph.geometry import Placed, Rect, Wire
from viz.graph.look import MARGIN
from viz.graph.model import Diagram
from viz.graph.ranking import ranks_of
from viz.graph.svg import document, path_of, placed, region, sides, tag, text, wire

PALE = 0.25
"""The opacity of what has not been computed yet."""
NOW = "#c2410c"
"""The colour of what is being computed: the outline of boxes, and a point that runs along wires."""
PAUSE = 4
"""Moments at the end, and at the turn from forward to backward, during which the picture stands still."""


def animate(target: Any, path: str | Path | None = None, *, seconds: float = 12.0, **options: Any) -> str:
    """The drawing of a Graph or Tensor as an SVG whose boxes appear in the order of computation, repeated for ever.

    `options` are those of `draw`; both passes are shown unless `view` says otherwise. Written to `path` if given.
    """
    drawing = draw(target, **{"view": "both", **options})
    svg = played(drawing, seconds)
    if path is not None:
        write_whole(Path(path), svg)
    return svg


def played(drawing: Drawing, seconds: float) -> str:
    """The SVG of a drawing in which each box and wire appears at its time."""
    layout, diagram = drawing.layout, drawing.shown
    moment = moments(drawing)
    end = max(moment.values(), default=0) + PAUSE
    body = [*map(region, layout.regions)]
    for shown_wire in layout.wires:
        start = start_of(shown_wire, moment) / end
        body.append(appearing(wire(shown_wire), start, seconds))
        if shown_wire.targets and start:
            body.append(running(shown_wire, start, 1 / end, seconds))
    for box in layout.placed:
        start = start_of(box, moment) / end
        body.append(appearing(placed(box, drawing.overlay, box.box.id in diagram.outputs), start, seconds))
        body.append(lit(box, start, 1 / end, seconds))
    return document(diagram, layout, [*body, *map(text, layout.texts), *captions(diagram, moment, end, seconds)])


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
    """The moment at which a box appears, or a wire (when its value arrives).

    Parts of the decoration are there from the start.
    """
    keys = [shown.box.id] if isinstance(shown, Placed) else list(shown.targets)
    return min((moment.get(key.partition(".")[0], 0) for key in keys), default=0)


def captions(diagram: Diagram, moment: Mapping[str, int], end: int, seconds: float) -> Iterable[str]:
    """Texts that say which pass is being computed."""
    turn = min((moment[box.id] for box in diagram.boxes if box.backward), default=end) / end
    for words, start, stop in (("forward", 0.0, turn), ("backward", turn, 1.0)):
        if start < 1:
            said = tag("text", words, class_="header", text_anchor="start", x=MARGIN, y=MARGIN + 21)
            yield f'<g opacity="0">{motion("opacity", [(0, 0), (start, 1), (stop, 0)], seconds)}{said}</g>'


def appearing(element: str, start: float, seconds: float) -> str:
    """An element that is pale until its time comes. Where animations do not play it is never pale."""
    return f"<g>{motion('opacity', [(0, PALE), (start, 1)], seconds)}{element}</g>" if start else element


def lit(box: Placed, start: float, length: float, seconds: float) -> str:
    """An outline around a box while it is computed. Where animations do not play there is none."""
    r = box.rect
    around = Rect(r.x - 2.5, r.y - 2.5, r.width + 5, r.height + 5)
    frame = tag("rect", **sides(around), rx=6, fill="none", stroke=NOW, stroke_width=2)
    return f'<g opacity="0">{motion("opacity", [(0, 0), (start, 1), (start + length, 0)], seconds)}{frame}</g>'


def running(shown: Wire, start: float, length: float, seconds: float) -> str:
    """A point that runs along a wire just before its value arrives. Where animations do not play there is none."""
    first = max(0.0, start - length)
    times = f"0;{first:.4f};{start:.4f};1"
    way = tag(
        "animateMotion", path=path_of(shown), keyPoints="0;0;1;1", keyTimes=times, calcMode="linear",
        dur=f"{seconds:g}s", repeatCount="indefinite",
    )  # fmt: skip
    seen = motion("opacity", [(0, 0), (first, 1), (start, 0)], seconds)
    return f'<g opacity="0">{seen}<circle r="3.2" fill="{NOW}">{way}</circle></g>'


def motion(name: str, steps: Sequence[tuple[float, float]], seconds: float) -> str:
    """An `<animate>` element: the values of an attribute, each from a fraction of the time on.

    A later value overrides.
    """
    kept = list({f"{min(share, 1.0):.4f}": value for share, value in steps if share < 1}.items())
    return tag(
        "animate", attributeName=name, values=";".join(f"{value:g}" for _, value in kept), calcMode="discrete",
        keyTimes=";".join(share for share, _ in kept), dur=f"{seconds:g}s", repeatCount="indefinite",
    )  # fmt: skip
