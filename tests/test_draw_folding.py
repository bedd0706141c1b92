"""What is drawn as one: modules, time steps, loops nobody declared, gradients, and graphs too large to draw."""

import time
from typing import Any

import pytest
import sample_graphs as graphs

import minigrad as mg
import viz
from viz.graph.folding import BUDGET
from viz.graph.geometry import Rect
from viz.graph.model import Box


def boxes(target: Any, **options: Any) -> tuple[Box, ...]:
    return viz.draw(target, **options).shown.boxes


def nodes_behind(target: Any, **options: Any) -> list[str]:
    return sorted(key for box in boxes(target, **options) for key in box.members)


def test_each_gradient_is_one_box_under_its_node() -> None:
    drawing = viz.draw(graphs.lstm(4), view="both")
    place = {placed.box.id: placed.rect for placed in drawing.layout.placed}
    row = {box.id: place[box.id] for box in drawing.shown.boxes if box.id in place}
    paired = [
        b for b in drawing.shown.boxes if b.pair in row and b.step is not None and drawing.shown.by_id[b.pair].step
    ]
    assert len(paired) > 30
    for box in paired:
        if drawing.shown.by_id[box.pair].step == box.step:
            assert row[box.id].cx == row[box.pair].cx
    ordered = sorted(paired, key=lambda box: row[box.id].y)
    assert [row[b.pair].y for b in ordered] == sorted((row[b.pair].y for b in ordered), reverse=True)


def test_a_graph_without_time_is_reflected() -> None:
    drawing = viz.draw(graphs.mlp(), view="both")
    rects = {placed.box.id: placed.rect for placed in drawing.layout.placed}
    pairs = [(rects[b.id], rects[b.pair]) for b in drawing.shown.boxes if b.pair]
    assert len(pairs) == 14
    assert {round(a.x - b.x, 6) for a, b in pairs} == {0}
    assert len({round(a.cy + b.cy, 3) for a, b in pairs}) == 1


def test_the_backward_pass_that_a_trace_holds_is_recognised() -> None:
    derived = viz.draw(graphs.lstm(3), view="both").shown.boxes
    traced = viz.draw(graphs.traced_step(3)).shown.boxes
    assert [b.symbol for b in traced if b.pair] == [b.symbol for b in derived if b.pair]


def test_all_operations_of_the_backward_pass_when_asked() -> None:
    assert len(boxes(graphs.rnn(3), view="both", backward="ops")) > len(boxes(graphs.rnn(3), view="both"))


def test_views_are_one_pass() -> None:
    assert not any(box.backward for box in boxes(graphs.rnn(3), view="forward"))
    backward = boxes(graphs.rnn(3), view="backward")
    assert any(box.backward for box in backward)
    assert len(backward) < len(boxes(graphs.rnn(3), view="both"))


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_modules_fold_to_a_depth_and_lose_no_node(depth: int) -> None:
    whole = nodes_behind(graphs.squeeze(), fold=None)
    assert nodes_behind(graphs.squeeze(), depth=depth, fold=None) == whole
    names = [box.title for box in boxes(graphs.squeeze(), depth=depth) if box.kind == "group"]
    expected = {
        0: ["squeeze"],
        1: ["fires"],
        2: ["fires.0", "fires.1", "fires.2", "fires.3"],
        3: ["squeeze", "left", "right"] * 4,
    }
    assert sorted(names) == sorted(expected[depth])


def test_a_module_called_twice_is_two_boxes() -> None:
    layer = graphs.Linear(3, 3, graphs.np.random.default_rng(0))
    x = mg.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    folded = [box for box in boxes(mg.tanh(layer(mg.tanh(layer(x)))), depth=0) if box.kind == "group"]
    assert len(folded) == 2


def test_outlines_nest_as_modules_do() -> None:
    layout = viz.draw(graphs.squeeze()).layout
    outlines = [region for region in layout.regions if "module" in region.style]
    inner = [region for region in outlines if region.key.count("/") > 1]
    assert len(inner) >= 12
    for region in inner:
        parts = [other.rect for other in outlines if other.key == region.key.rpartition("/")[0]]
        assert any(contains(part, region.rect) for part in parts)


def contains(outer: Rect, inner: Rect) -> bool:
    return outer.x <= inner.x and outer.y <= inner.y and inner.right <= outer.right and inner.bottom <= outer.bottom


def test_steps_fold_into_boxes_but_those_to_expand() -> None:
    folded = boxes(graphs.lstm(5), fold="steps")
    assert [box.step for box in folded if box.title == "step"] == [0, 1, 2, 3, 4]
    opened = boxes(graphs.lstm(5), fold="steps", expand=[2])
    assert [box.step for box in opened if box.title == "step"] == [0, 1, 3, 4]
    assert sum(box.step == 2 for box in opened) > 15


def test_the_rolled_view_has_one_step_and_delays() -> None:
    shown = viz.draw(graphs.lstm(9), fold="rolled").shown
    assert {box.count for box in shown.boxes if box.step is not None} == {9}
    delays = {(shown.by_id[e.source].symbol, shown.by_id[e.target].symbol) for e in shown.edges if e.kind == "delay"}
    assert delays == {("×", "@"), ("+", "×")}  # h to the product with Wh, c to the forget gate's
    assert any(box.symbol == "[t]" for box in shown.boxes), "each step takes its own word"
    assert "one of 9 equal time steps" in " ".join(shown.notes)


def test_rows_hold_what_corresponds() -> None:
    drawing = viz.draw(graphs.lstm(6))
    rows: dict[float, set[str]] = {}
    for placed in drawing.layout.placed:
        if placed.box.step is not None:
            rows.setdefault(placed.rect.y, set()).add(placed.box.op.partition("(")[0])
    assert len(rows) == 18
    assert all(len(ops) == 1 for ops in rows.values())


def test_a_parameter_of_every_step_is_one_rail() -> None:
    layout = viz.draw(graphs.lstm(6)).layout
    rails = [wire for wire in layout.wires if wire.kind == "rail" and len(wire.targets) > 1]
    assert len(rails) == 3
    assert {len(rail.targets) for rail in rails} == {6}
    assert sorted(p.box.symbol for p in layout.placed if p.chip) == ["Wh", "Wx", "b"]


def test_what_is_too_large_is_folded_and_says_so() -> None:
    x = mg.tensor([1.0], requires_grad=True, name="x")
    y = x
    for i in range(BUDGET + 100):
        y = mg.tanh(y) if i % 7 and i % 11 else y + x
    start = time.process_time()
    shown = viz.draw(y).shown
    assert len(shown.boxes) <= 300
    assert "folded" in " ".join(shown.notes)
    assert sum(len(box.members) for box in shown.boxes) == BUDGET + 101
    assert time.process_time() - start < 5


def test_a_long_loop_is_rolled_and_a_short_one_is_not() -> None:
    assert viz.draw(graphs.rnn(400)).shown.rolled == tuple(range(400))
    assert viz.draw(graphs.rnn(20)).shown.rolled == ()


def test_a_step_of_training_is_laid_out_while_one_waits() -> None:
    start = time.process_time()
    assert viz.draw(graphs.lstm(16), view="both").svg
    assert time.process_time() - start < 5, "ten times what it takes"
