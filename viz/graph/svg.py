"""Layout → SVG: complete without a script, for light and dark, the same bytes for the same layout."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from viz.graph.geometry import Layout, Placed, Point, Rect, Region, Text, Wire
from viz.graph.look import LETTER, SMALL
from viz.graph.model import Diagram
from viz.graph.overlay import Overlay, box_facts, is_dark, number_label
from viz.graph.style import style_sheet
from viz.markup import escaped

CORNER = 4.0
RADII = {"bar": 2, "bracket": 1, "scale": 0, "swatch": 3}
"""The corner radii of regions; others have 6."""
SHEETS = (7.0, 3.5)
"""The offset of the sheets drawn behind a box that stands for several."""
FACTS = 2_000
"""The most letters of a box's facts that a picture carries."""


def write_svg(diagram: Diagram, layout: Layout, overlay: Overlay | None = None, style: bool = True) -> str:
    """The picture as an SVG document; with `style=False` for a page that has its style sheet."""
    body = [
        *map(region, layout.regions),
        *map(wire, layout.wires),
        *(placed(box, overlay, box.box.id in diagram.outputs) for box in layout.placed),
        *map(text, layout.texts),
    ]
    return document(diagram, layout, body, style)


def document(diagram: Diagram, layout: Layout, body: Iterable[str], style: bool = True) -> str:
    """An SVG document with these elements, and a title and a description for those who cannot see it."""
    width, height = number(layout.width), number(layout.height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'role="img" aria-labelledby="title desc" class="graph" text-anchor="middle">',
        tag("title", diagram.title, id="title"),
        tag("desc", description(diagram), id="desc"),
        f"<style>{style_sheet()}</style>" if style else "",
        ARROW,
        '<rect class="ground" width="100%" height="100%"/>',
        *body,
        "</svg>\n",
    ]
    return "\n".join(parts)


ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 6 6" refX="5.4" refY="3" markerWidth="6" markerHeight="6" orient="auto" '
    'markerUnits="userSpaceOnUse"><path d="M0 0.6L6 3L0 5.4z" class="head"/></marker></defs>'
)


def description(diagram: Diagram) -> str:
    """What the picture shows, for those who cannot see it."""
    kinds: dict[str, int] = {}
    for box in diagram.boxes:
        kinds[box.kind] = kinds.get(box.kind, 0) + box.count
    counted = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    return f"A computation graph of {len(diagram.boxes)} boxes and {len(diagram.edges)} edges: {counted}."


def tag(name: str, content: object = "", /, **attributes: object) -> str:
    """An element with escaped content and attributes; `class_` means `class`, and None leaves an attribute out."""
    given = (
        f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = escaped(content)
    opening = f"<{name}{''.join(given)}"
    return f"{opening}>{inner}</{name}>" if inner else f"{opening}/>"


def number(value: float) -> str:
    """A number with at most one decimal."""
    text = f"{value:.1f}"
    return text.removesuffix(".0") if text != "-0.0" else "0"


def region(shown: Region) -> str:
    """A rectangle behind the boxes."""
    r = shown.rect
    look = {"class_": f"region {shown.style}", "style": f"fill:{shown.fill}" if shown.fill else None}
    rx = next((radius for name, radius in RADII.items() if name in shown.style), 6)
    sheets = [r.moved(shift, -shift) for shift in SHEETS] if "stacked" in shown.style else []
    behind = "".join(tag("rect", **look, **sides(sheet), rx=rx) for sheet in sheets)
    rect = tag("rect", **look, **sides(r), rx=rx, data_key=shown.key or None)
    return (
        behind
        + rect
        + (
            tag(
                "text",
                shown.label,
                class_="module-name",
                text_anchor="start",
                x=number(r.x + 9),
                y=number(r.bottom - 8 if "under" in shown.style else r.y + 15),
            )
            if shown.label
            else ""
        )
    )


def sides(rect: Rect) -> dict[str, str]:
    """A rectangle's position and size as attributes."""
    return {name: number(getattr(rect, name)) for name in ("x", "y", "width", "height")}


def wire(shown: Wire) -> str:
    """A line with its arrow and dots."""
    marker = "url(#arrow)" if shown.arrow and shown.kind != "saved" else None
    ends = {"data_from": " ".join(shown.sources), "data_to": " ".join(shown.targets)} if shown.sources else {}
    parts = [tag("path", class_=f"wire {shown.kind}", d=path_of(shown), marker_end=marker, **ends)]
    parts += [tag("circle", class_="dot", cx=number(x), cy=number(y), r=1.9) for x, y in shown.dots]
    return "".join(parts)


def path_of(shown: Wire) -> str:
    """The SVG path of a wire."""
    return PATHS[shown.shape](shown.points)


def rounded(points: Sequence[Point]) -> str:
    """A path with rounded corners."""
    parts = [f"M{pair(points[0])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        parts.append(f"L{pair(towards(corner, before))}Q{pair(corner)} {pair(towards(corner, after))}")
    return "".join([*parts, f"L{pair(points[-1])}"])


def towards(corner: Point, end: Point) -> Point:
    """The point on the way from a corner to its neighbour where the rounding ends."""
    dx, dy = end[0] - corner[0], end[1] - corner[1]
    length = max(abs(dx), abs(dy)) or 1
    part = min(CORNER, length / 2) / length
    return corner[0] + dx * part, corner[1] + dy * part


def level(points: Sequence[Point]) -> str:
    """A path that bends from point to point and is horizontal at each."""
    bends = (((x0 + x1) / 2, y0, (x0 + x1) / 2, y1, x1, y1) for (x0, y0), (x1, y1) in pairwise(points))
    return bent(points[0], bends)


def upright(points: Sequence[Point]) -> str:
    """A path that bends from point to point and is vertical at each."""
    bends = ((x0, (y0 + y1) / 2, x1, (y0 + y1) / 2, x1, y1) for (x0, y0), (x1, y1) in pairwise(points))
    return bent(points[0], bends)


def bezier(points: Sequence[Point]) -> str:
    """A path through every third point; the others are control points."""
    bends = ((*points[i], *points[i + 1], *points[i + 2]) for i in range(1, len(points) - 2, 3))
    return bent(points[0], bends)


def bent(start: Point, bends: Iterable[tuple[float, ...]]) -> str:
    """A path of cubic curves, each given by two control points and its end; flat ones are drawn straight."""
    parts = [f"M{pair(start)}"]
    x, y = start
    for x1, y1, x2, y2, x3, y3 in bends:
        flat = y == y1 == y2 == y3 or x == x1 == x2 == x3
        parts.append(f"L{pair((x3, y3))}" if flat else f"C{pair((x1, y1))} {pair((x2, y2))} {pair((x3, y3))}")
        x, y = x3, y3
    return "".join(parts)


def pair(point: Point) -> str:
    """`12 3.5`."""
    return f"{number(point[0])} {number(point[1])}"


PATHS = {"square": rounded, "level": level, "upright": upright, "bezier": bezier}


def placed(shown: Placed, overlay: Overlay | None, output: bool) -> str:
    """A box with its texts, and its facts for readers who point at it."""
    box = shown.box
    value = overlay.value_of(box) if overlay is not None else None
    tint = overlay.tint(value) if overlay is not None and value is not None else ""
    marks = {
        box.mark: bool(box.mark),
        "backward": box.backward,
        "chip": shown.chip,
        "output": output,
        "plain": overlay is not None and not tint,
        "on-dark": bool(tint) and is_dark(tint),
        "on-light": bool(tint) and not is_dark(tint),
    }
    classes = " ".join(["box", box.kind, *(name for name, holds in marks.items() if holds)])
    title = tag(
        "title", "\n".join(f"{name}: {text}" if name else text for name, text in box_facts(box, overlay))[:FACTS]
    )
    rect = tag("rect", **sides(shown.rect), rx=8 if shown.chip else 4, style=f"fill:{tint}" if tint else None)
    texts = shown.lines
    if value is not None and len(texts) > 1:
        texts = (texts[0], number_label(value))
    return f'<g class="{escaped(classes)}" id="{escaped(box.id)}">{title}{rect}{"".join(lines(shown, texts))}</g>'


def lines(shown: Placed, texts: Sequence[str]) -> Iterable[str]:
    """The texts of a box, centred in it."""
    r = shown.rect
    top = r.cy - 7 * (len(texts) - 1)
    for i, line in enumerate(texts):
        small = i > 0 or shown.chip
        yield tag(
            "text",
            line,
            x=number(r.cx),
            y=number(top + 14 * i + LETTER * (SMALL if small else 1) * 0.34),
            class_="small" if small else None,
        )


def text(shown: Text) -> str:
    """A text beside the boxes."""
    anchor = None if shown.anchor == "middle" else shown.anchor
    return tag("text", shown.content, class_=shown.style, x=number(shown.x), y=number(shown.y), text_anchor=anchor)
