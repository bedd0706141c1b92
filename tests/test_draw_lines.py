"""Long flows are broken into lines: where, how wide they are, and that every value finds its way on."""

from collections import defaultdict
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import sample_graphs as graphs

import minigrad as mg
import viz
from viz.graph.breaking import LONGEST, NARROWEST, WIDEST, number_across
from viz.graph.geometry import Point, Wire

LONG = {
    "forward": (graphs.residual, {}),
    "both passes": (graphs.residual, {"view": "both"}),
    "repeated modules": (lambda: graphs.Fires()(np.ones((3, 8))).sum(), {"view": "both", "fold": "repeats"}),
    "operations": (lambda: graphs.random_graph(120), {"view": "both"}),
    "a chain": (lambda: chain(60), {"view": "both"}),
}


def chain(length: int) -> Any:
    x = mg.tensor(np.ones(3), requires_grad=True, name="x")
    for _ in range(length):
        x = mg.tanh(x)
    return x.sum()


@pytest.mark.parametrize("name", LONG)
def test_a_long_flow_is_a_page_of_lines(name: str) -> None:
    target, options = LONG[name]
    layout = viz.draw(target(), **options).layout
    assert NARROWEST * 0.6 < layout.width < WIDEST * LONGEST + 100
    assert layout.width < 3 * layout.height


@pytest.mark.parametrize("name", LONG)
def test_what_goes_on_in_another_line_is_connected(name: str) -> None:
    target, options = LONG[name]
    wires = [w for w in viz.draw(target(), **options).layout.wires if w.kind == "data" and w.sources]
    ends: dict[str, set[Point]] = defaultdict(set)
    for wire in (w for w in wires if w.shape == "square"):
        ends[wire.sources[0]] |= {rounded(wire.points[0]), rounded(wire.points[-1])}
    assert ends
    parts = stretches([w for w in wires if w.shape == "level"])
    broken = {key: found for key, found in parts.items() if len(found) > 1}
    assert broken
    for (source, _), found in broken.items():
        for one, other in pairwise(found):
            assert {rounded(one.points[-1]), rounded(other.points[0])} <= ends[source]
            assert not one.arrow
        assert found[-1].arrow


def stretches(wires: list[Wire]) -> dict[tuple[str, str], list[Wire]]:
    found: dict[tuple[str, str], list[Wire]] = defaultdict(list)
    for wire in wires:
        found[wire.sources[0], wire.targets[0]].append(wire)
    return found


def rounded(point: Point) -> Point:
    return round(point[0], 1), round(point[1], 1)


def test_repeated_modules_are_never_broken_and_others_keep_their_name() -> None:
    layout = viz.draw(graphs.Fires()(np.ones((3, 8))).sum(), fold="repeats").layout
    labels = [region.label for region in layout.regions if "module" in region.style]
    assert labels.count("fire* ×2") == 2
    assert labels.count("fires") == 1
    assert labels.count("fires …") >= 1


def test_gradients_stay_under_their_nodes_in_every_line() -> None:
    drawing = viz.draw(graphs.residual(), view="both")
    rects = {placed.box.id: placed.rect for placed in drawing.layout.placed}
    pairs = [(rects[b.id], rects[b.pair]) for b in drawing.shown.boxes if b.pair]
    assert len(pairs) > 60
    assert {round(a.x - b.x, 6) for a, b in pairs} == {0}
    assert all(a.y > b.y for a, b in pairs)


def test_short_flows_are_one_line() -> None:
    for target in (graphs.scalar, graphs.mlp):
        wires = viz.draw(target(), view="both").layout.wires
        assert not any(wire.shape == "square" and wire.sources for wire in wires)


def test_spans_are_counted_where_they_are_crossed() -> None:
    assert number_across([(0, 10), (2, 4), (4, 6)], [1, 3, 4, 5, 10, 11]) == [1, 2, 1, 2, 0, 0]
