"""What pictures of loops say beside the boxes: which rows a module makes, what states are called, who reads what."""

from itertools import pairwise
from typing import Any

import numpy as np
import sample_graphs as graphs

import minigrad as mg
import viz
from models.captioner import Captioner
from viz.graph.geometry import Layout


def texts(layout: Layout, style: str) -> list[str]:
    return [text.content for text in layout.texts if text.style == style]


def stacked(steps: int) -> Any:
    """Two LSTM layers, one above the other."""
    rng = np.random.default_rng(0)

    class Stacked(mg.Module):
        def __init__(self) -> None:
            self.layers = [graphs.Cell(4, 4, rng) for _ in range(2)]

        def forward(self, x: Any) -> Any:
            zero = mg.from_numpy(np.zeros((2, 4)))
            states = [(zero, zero), (zero, zero)]
            for t in range(steps):
                with mg.scope(step=t):
                    y = x[:, t]
                    for i, layer in enumerate(self.layers):
                        states[i] = layer(y, *states[i])
                        y = states[i][0]
            return y.sum()

    return Stacked()(mg.tensor(np.full((2, steps, 4), 0.5), name="x"))


def test_brackets_tell_the_modules_of_rows() -> None:
    layout = viz.draw(stacked(6), view="both").layout
    assert texts(layout, "module-name") == ["layers.0", "layers.1", "layers.1", "layers.0"]
    brackets = [region.rect for region in layout.regions if region.style == "bracket"]
    assert len(brackets) == 4
    assert all(a.bottom < b.y for a, b in pairwise(brackets))
    assert texts(viz.draw(graphs.attention()).layout, "module-name") == ["encoder", "decoder"]
    assert texts(viz.draw(graphs.lstm(6)).layout, "module-name") == ["cell"]


def test_the_captioner_says_what_its_states_and_words_are() -> None:
    rng = np.random.default_rng(0)
    model = Captioner("lstm", 20, 8, 8, 8)
    loss = model.loss(rng.standard_normal((2, 8)).astype(np.float32), np.array([[1, 5, 6, 7, 8, 9, 2, 0]] * 2))
    drawing = viz.draw(loss, view="both", color="grad_norm")
    rows = texts(drawing.layout, "row")
    assert {"h = Multiply  2×8", "c = Add  2×8", "∂h  2×8", "∂c  2×8"} <= set(rows)
    assert {"‖∂L/∂h‖", "‖∂L/∂c‖"} <= set(rows)
    assert {"ids 2×7", "target 2×7", "mask 2×7"} <= {placed.lines[0] for placed in drawing.layout.placed}


def test_an_open_step_reads_its_parameters_from_rails_too() -> None:
    layout = viz.draw(graphs.lstm(6), fold="steps", expand=[2]).layout
    rails = [wire for wire in layout.wires if wire.kind == "rail"]
    assert sorted(len(wire.targets) for wire in rails if wire.arrow and len(wire.points) > 2) == [1, 1, 1, 5, 5, 5]
    assert not [p for p in layout.placed if p.box.kind == "parameter" and not p.chip and p.box.path.endswith("cell")]


def test_what_is_drawn_as_one_reads_a_parameter_once() -> None:
    layout = viz.draw(graphs.lstm(6), fold="steps", view="both").layout
    chips = [placed.lines[0].split()[0] for placed in layout.placed if placed.chip]
    assert sorted(chips) == ["cell.Wh", "cell.Wh", "cell.Wx", "cell.Wx", "cell.b"]


def test_titles_name_all_modules() -> None:
    assert viz.draw(graphs.attention()).diagram.title == "encoder, decoder"
    assert viz.draw(graphs.scalar()).diagram.title == "graph"
