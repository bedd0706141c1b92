"""Ten pictures measured: boxes apart, texts inside, wires around, everything on the paper."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
import sample_graphs as graphs

import viz
from viz.graph.geometry import Layout, Placed, Point, Rect, Wire
from viz.graph.look import LETTER, SMALL, width_of

PICTURES: dict[str, tuple[Any, dict[str, Any]]] = {
    "scalar": (graphs.scalar, {"view": "both"}),
    "mlp": (graphs.mlp, {"view": "both"}),
    "modules": (graphs.squeeze, {"view": "forward"}),
    "modules both": (graphs.squeeze, {"view": "both", "depth": 2}),
    "rnn": (graphs.rnn, {"view": "both"}),
    "lstm": (graphs.lstm, {"view": "both"}),
    "lstm operations": (lambda: graphs.lstm(7), {"view": "both", "backward": "ops"}),
    "rolled": (graphs.lstm, {"view": "both", "fold": "rolled"}),
    "one step open": (graphs.lstm, {"view": "both", "fold": "steps", "expand": [3]}),
    "traced": (graphs.traced_step, {}),
    "random": (graphs.random_graph, {"view": "both"}),
    "attention": (graphs.attention, {"view": "both"}),
    "in layers": (lambda: graphs.lstm(3), {"view": "both", "engine": "layered"}),
    "one module": (graphs.lstm, {"view": "both", "depth": 1}),
    "repeats": (graphs.residual, {"view": "both", "fold": "repeats"}),
    "lines": (graphs.residual, {"view": "both"}),
    "lines without modules": (lambda: graphs.random_graph(120), {"view": "both"}),
    "shapes": (graphs.mlp, {"view": "both", "labels": True}),
    "shapes in lanes": (graphs.rnn, {"view": "both", "labels": True}),
}


@pytest.fixture(scope="module", params=PICTURES)
def layout(request: pytest.FixtureRequest) -> Layout:
    target, options = PICTURES[request.param]
    return viz.draw(target(), **options).layout


def test_no_two_boxes_overlap(layout: Layout) -> None:
    placed = sorted(layout.placed, key=lambda p: p.rect.x)
    for i, one in enumerate(placed):
        for other in placed[i + 1 :]:
            if other.rect.x >= one.rect.right:
                break
            assert not one.rect.overlaps(other.rect), (one, other)


def test_texts_fit_into_their_boxes(layout: Layout) -> None:
    for placed in layout.placed:
        for i, line in enumerate(placed.lines):
            assert width_of(line, SMALL if i or placed.chip else 1) <= placed.rect.width, placed
        assert len(placed.lines) * LETTER <= placed.rect.height, placed


def test_everything_is_on_the_paper(layout: Layout) -> None:
    paper = Rect(0, 0, layout.width, layout.height)
    for placed in layout.placed:
        assert contains(paper, placed.rect), placed
    for wire in layout.wires:
        assert all(0 <= x <= layout.width and 0 <= y <= layout.height for x, y in wire.points), wire
    for text in layout.texts:
        assert contains(paper, text_rect(text.x, text.y, text.content, text.anchor)), text


def test_labels_beside_the_boxes_do_not_touch_them(layout: Layout) -> None:
    for text in layout.texts:
        if text.style in ("row", "header", "title", "label"):
            rect = text_rect(text.x, text.y, text.content, text.anchor)
            assert not any(rect.overlaps(placed.rect) for placed in layout.placed), text


def test_wires_run_around_boxes(layout: Layout) -> None:
    if layout.engine == "lanes":
        for wire in layout.wires:
            if wire.kind != "saved":
                hit = crossed(wire, layout.placed)
                assert not hit, (wire, hit)


def test_wires_end_at_their_boxes(layout: Layout) -> None:
    rects: dict[str, list[Rect]] = {}
    for placed in layout.placed:
        rects.setdefault(placed.box.id.partition(".")[0], []).append(placed.rect)
    for wire in layout.wires:
        if wire.arrow and wire.targets:
            near = [rect for key in wire.targets for rect in rects[key.partition(".")[0]]]
            if wire.kind == "delay":  # or where the lines that enter a repeated module do
                near += [region.rect for region in layout.regions if "stacked" in region.style]
            assert any(touches(rect, wire.points[-1]) for rect in near), wire


def test_arrows_point_into_their_boxes(layout: Layout) -> None:
    rects = {placed.box.id: placed.rect for placed in layout.placed}
    for wire in layout.wires:
        assert all(a != b for a, b in pairwise(wire.points)), wire
        x0, x = (point[0] for point in wire.points[-2:])
        if wire.shape == "level" and wire.arrow and wire.targets[0] in rects:
            assert (x0 < x) == (x < rects[wire.targets[0]].cx), wire


def test_curves_bend_between_the_ranks(layout: Layout) -> None:
    for wire in layout.wires:
        if wire.shape == "level":
            ends = {*wire.sources, *wire.targets}
            others = [shrunk(p.rect) for p in layout.placed if p.box.id not in ends]
            for point in along(wire.points):
                assert not any(r.x < point[0] < r.right and r.y < point[1] < r.bottom for r in others), wire


def test_saved_values_go_round_the_boxes(layout: Layout) -> None:
    if layout.engine == "layered":
        for wire in (w for w in layout.wires if w.shape == "upright"):
            others = [shrunk(p.rect) for p in layout.placed if p.box.id not in {*wire.sources, *wire.targets}]
            for y, x in along([(y, x) for x, y in wire.points]):
                assert not any(r.x < x < r.right and r.y < y < r.bottom for r in others), wire


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(
    "options", [{"view": "both"}, {"fold": "rolled"}, {"fold": "steps", "expand": [2]}, {"depth": 1}], ids=str
)
def test_any_loop_can_be_drawn(seed: int, options: dict[str, Any]) -> None:
    layout = viz.draw(graphs.random_loop(seed), **options).layout
    test_no_two_boxes_overlap(layout)
    test_texts_fit_into_their_boxes(layout)
    test_everything_is_on_the_paper(layout)
    test_wires_run_around_boxes(layout)
    test_wires_end_at_their_boxes(layout)


def along(points: Sequence[Point]) -> list[Point]:
    """Places on a level curve: cubic, with both control points halfway between the ends."""
    found = []
    for (x0, y0), (x1, y1) in pairwise(points):
        for t in (i / 16 for i in range(17)):
            bend = 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2
            x = (1 - t) ** 3 * x0 + sum(bend) * (x0 + x1) / 2 + t**3 * x1
            found.append((x, ((1 - t) ** 3 + bend[0]) * y0 + (bend[1] + t**3) * y1))
    return found


def contains(outer: Rect, inner: Rect) -> bool:
    return outer.x <= inner.x and outer.y <= inner.y and inner.right <= outer.right and inner.bottom <= outer.bottom


def text_rect(x: float, y: float, content: str, anchor: str) -> Rect:
    width = width_of(content, SMALL)
    left = {"start": x, "middle": x - width / 2, "end": x - width}[anchor]
    return Rect(left, y - LETTER * SMALL, width, LETTER * SMALL)


def touches(rect: Rect, point: Point) -> bool:
    x, y = point
    return rect.x - 0.1 <= x <= rect.right + 0.1 and rect.y - 0.1 <= y <= rect.bottom + 0.1


def crossed(wire: Wire, placed: list[Placed]) -> list[Placed]:
    """Boxes through whose inside a wire runs."""
    found = []
    for (x0, y0), (x1, y1) in pairwise(wire.points):
        line = Rect(min(x0, x1), min(y0, y1), abs(x1 - x0) or 0.01, abs(y1 - y0) or 0.01)
        found += [p for p in placed if line.overlaps(shrunk(p.rect))]
    return found


def shrunk(rect: Rect) -> Rect:
    return Rect(rect.x + 0.5, rect.y + 0.5, rect.width - 1, rect.height - 1)
