"""What repeats is found by its structure, whatever the modules are called, and drawn once with the number of times."""

import json
import re
from typing import Any

import numpy as np
import pytest
import sample_graphs as graphs

import minigrad as mg
import viz
from models.squeezenet import SqueezeNet
from viz.graph.geometry import Layout
from viz.graph.model import Diagram


def once(target: Any, **options: Any) -> Diagram:
    return viz.draw(target, **{"fold": "repeats", **options}).shown


def outlines(layout: Layout) -> list[str]:
    """The names of the repeated groups."""
    return [region.label for region in layout.regions if "stacked" in region.style]


def delays(shown: Diagram) -> set[tuple[str, str]]:
    return {(shown.by_id[e.source].symbol, shown.by_id[e.target].symbol) for e in shown.edges if e.kind == "delay"}


def test_eight_residual_blocks_are_one_times_eight() -> None:
    whole, drawing = viz.draw(graphs.residual()), viz.draw(graphs.residual(), fold="repeats")
    assert outlines(drawing.layout) == ["blocks.* ×8"]
    assert len(whole.shown.boxes) - len(drawing.shown.boxes) == 7 * 11
    assert delays(drawing.shown) == {("relu", "@"), ("relu", "+")}
    names = {box.name for box in drawing.shown.boxes if "blocks" in box.name}
    assert names == {f"resnet.blocks.*.{layer}.{p}" for layer in ("first", "second") for p in "Wb"}
    assert sorted(key for box in drawing.shown.boxes for key in box.members) == sorted(
        key for box in whole.shown.boxes for key in box.members
    )


def test_both_passes_of_residual_blocks_fold_alike() -> None:
    drawing = viz.draw(graphs.residual(), fold="repeats", view="both")
    assert outlines(drawing.layout) == ["blocks.* ×8"] * 2
    gradients = [box for box in drawing.shown.boxes if box.backward and "×8" in box.path]
    assert len(gradients) == 8
    assert all(box.count == 8 and "×8" in drawing.shown.by_id[box.pair].path for box in gradients)
    loops = [wire for wire in drawing.layout.wires if wire.kind == "delay" and wire.targets]
    forward, backward = ({key for w in loops for key in w.sources} & ids for ids in passes(drawing.shown))
    assert forward
    assert backward


def passes(shown: Diagram) -> tuple[set[str], set[str]]:
    backward = {box.id for box in shown.boxes if box.backward}
    return {box.id for box in shown.boxes} - backward, backward


def test_operations_of_the_backward_pass_fold_by_themselves() -> None:
    drawing = viz.draw(graphs.residual(), fold="repeats", view="both", backward="ops")
    assert outlines(drawing.layout) == ["blocks.* ×8"] * 2
    assert len(drawing.shown.boxes) < 60


def test_folded_blocks_unfold_in_the_page() -> None:
    drawing = viz.draw(graphs.residual(), depth=2, fold="repeats")
    (block,) = (box for box in drawing.shown.boxes if box.kind == "group" and box.count > 8)
    assert block.title == "blocks.* ×8"
    unfold = views(viz.draw(graphs.residual()).html)["unfold"]
    assert set(unfold["repeats"]) == {box.id for box in once(graphs.residual()).boxes if box.count == 8}
    assert set(unfold["repeats"].values()) == {"drawn"}


def views(page: str) -> Any:
    match = re.search(r'<script type="application/json" id="views">(.*?)</script>', page)
    assert match
    return json.loads(match[1])


def test_what_is_drawn_once_lies_in_one_outline_and_all_turns_share_what_is_outside() -> None:
    drawing = viz.draw(graphs.undeclared_loop(6), fold="repeats")
    (outline,) = (region.rect for region in drawing.layout.regions if "stacked" in region.style)
    inside = {p.box.symbol for p in drawing.layout.placed if outline.overlaps(p.rect)}
    assert inside == {"@", "tanh", "× 0.5", "+"}
    assert delays(drawing.shown) == {("+", "@"), ("+", "+")}
    assert [p.box.name for p in drawing.layout.placed if p.box.is_source] == ["w", "h0"]


def test_named_modules_in_a_row_and_rows_within_rows() -> None:
    drawing = viz.draw(graphs.Fires()(np.ones((3, 8))).sum(), fold="repeats")
    assert outlines(drawing.layout) == ["fire* ×2", "fire* ×2", "fire* ×4"]
    layers = once(graphs.Deep(3, 4)(np.ones((2, 6))).sum())
    assert {box.path for box in layers.boxes if box.op == "Relu()"} == {"deep.stages.* ×3.blocks.* ×4"}
    assert {box.count for box in layers.boxes if box.op == "Relu()"} == {12}


def test_squeezenet() -> None:
    x = mg.from_numpy(np.zeros((1, 3, 32, 32), np.float32))
    drawing = viz.draw(SqueezeNet(num_classes=10)(x).sum(), fold="repeats", view="both")
    labels = ["×2", "features.* ×2", "features.* ×4"]
    assert sorted(outlines(drawing.layout)) == sorted(2 * labels)
    assert len(drawing.shown.boxes) < 90
    texts = {placed.lines[0] for placed in drawing.layout.placed}
    assert {"conv 3×3 stride 2", "max pool 3×3 stride 2", "squeeze.weight", "∂expand3x3.bias"} <= texts
    assert "1×64…128×7…3×7…3" in {placed.lines[1] for placed in drawing.layout.placed}


def test_shapes_that_differ_are_told() -> None:
    class Growing(mg.Module):
        def __init__(self) -> None:
            rng = np.random.default_rng(0)
            self.layers = [graphs.Linear(2 + i, 3 + i, rng) for i in range(5)]

        def forward(self, x: Any) -> Any:
            for layer in self.layers:
                x = layer(x)
            return x

    (product,) = (box for box in once(Growing()(np.ones((4, 2)))).boxes if box.op == "MatMul()")
    assert (product.count, product.detail) == (5, "4×3…7")
    assert dict(product.facts)["shapes"] == "4×3, 4×4, 4×5, 4×6 and 1 more"


def test_branches_side_by_side_repeat_only_when_they_are_a_list() -> None:
    class Heads(mg.Module):
        def __init__(self, listed: bool) -> None:
            rng = np.random.default_rng(0)
            self.listed = listed
            if listed:
                self.heads = [graphs.MLP(6, 4, 2) for _ in range(4)]
            else:
                self.left, self.right = (graphs.Linear(6, 2, rng) for _ in range(2))

        def forward(self, x: Any) -> Any:
            return mg.concat([head(x) for head in (self.heads if self.listed else (self.left, self.right))], 1)

    x = mg.tensor(np.ones((3, 6)), name="x")
    assert outlines(viz.draw(Heads(True)(x).sum(), fold="repeats").layout) == ["heads.* ×4"]
    assert outlines(viz.draw(Heads(False)(x).sum(), fold="repeats").layout) == []
    assert not [edge for edge in once(Heads(True)(x).sum()).edges if edge.kind == "delay"]


@pytest.mark.parametrize("target", [lambda: graphs.random_graph(30), graphs.scalar], ids=["random", "scalar"])
def test_what_does_not_repeat_is_left_alone(target: Any) -> None:
    drawing = viz.draw(target(), fold="repeats")
    assert drawing.shown == viz.draw(target(), fold=None).shown


@pytest.mark.fault(number=21)
def test_very_deep_networks_fold_by_themselves() -> None:
    shown = viz.draw(graphs.residual(400)).shown
    assert len(shown.boxes) == 25
    assert "folded" in shown.notes[-1]
