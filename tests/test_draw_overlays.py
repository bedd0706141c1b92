"""Numbers on pictures, the strip of gradients, comparisons, and Graphviz where it is."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sample_graphs as graphs

import minigrad as mg
import viz
from minigrad.check import localize
from minigrad.errors import UsageError
from minigrad.measure import evaluated, flops, nbytes, norm
from minigrad.op import Array, Gradient, Op, Shape, Value, apply
from viz.graph import external
from viz.graph.external import NoGraphvizError, lay_out_by_graphviz
from viz.graph.overlay import is_dark, number_label, overlay_of


class WrongTanh(Op):
    """y = tanh x, whose rule has the wrong sign."""

    reads = "y"

    def forward(self, x: Array) -> Array:
        return np.tanh(x)  # type: ignore[no-any-return]

    def shape(self, x: Shape) -> Shape:
        return x

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        return (-g * (1 - y * y),)


def sixty_with_one_wrong() -> Any:
    """A graph of sixty operations in which one rule is wrong."""
    x = mg.tensor(np.linspace(0.1, 0.9, 4), requires_grad=True, name="x")
    y = x
    for i in range(30):
        y = apply(WrongTanh(), y) if i == 17 else mg.sin(y)
        y = y + x
    return y.sum()


def value_of(drawing: viz.Drawing, symbol: str) -> list[float]:
    assert drawing.overlay is not None
    return [
        drawing.overlay.values[b.id]
        for b in drawing.shown.boxes
        if b.symbol == symbol and b.id in drawing.overlay.values
    ]


def test_measures() -> None:
    x, w = mg.tensor(np.ones((2, 3)), requires_grad=True), mg.tensor(np.ones((3, 5)), requires_grad=True)
    y = mg.tanh(x @ w)
    assert [flops(node) for node in mg.Graph.of(y).nodes] == [0, 0, 2 * 2 * 3 * 5, 10]
    assert nbytes(y) == 80
    assert flops(mg.einsum("ij,jk->ik", x, w)) == 60
    assert flops(x.reshape((3, 2))) == 0
    assert flops(x.sum()) == 6
    assert norm(np.array([3.0, 4.0])) == 5
    values = [value for _, value, _ in evaluated(mg.Graph.of(y))]
    assert np.array_equal(values[-1], y.numpy())


def test_a_traced_graph_needs_arguments_for_its_values() -> None:
    graph = mg.trace(lambda x: mg.tanh(x).sum(), np.ones(4))
    with pytest.raises(UsageError, match="argument"):
        viz.draw(graph, color="value_norm")
    drawing = viz.draw(graph, color="value_norm", arguments=[np.zeros(4)])
    assert value_of(drawing, "tanh") == [0]
    assert value_of(viz.draw(graph, color="bytes"), "tanh") == [32]


def test_gradient_norms_are_those_of_backward() -> None:
    model = graphs.Captioner()
    loss = model(*graphs.data(4))
    loss.backward()
    drawing = viz.draw(loss, color="grad_norm")
    expected = {p.name: float(np.linalg.norm(p.grad.numpy())) for p in model.parameters() if p.grad is not None}
    assert drawing.overlay is not None
    named = {b.name: drawing.overlay.values[b.id] for b in drawing.shown.boxes if b.name in expected}
    assert named == pytest.approx(expected, rel=1e-12)


def test_bytes_of_folded_boxes_add_up() -> None:
    whole = sum(nbytes(node) for node in mg.Graph.of(graphs.squeeze()).nodes)
    drawing = viz.draw(graphs.squeeze(), color="bytes", depth=2)
    assert drawing.overlay is not None
    assert sum(drawing.overlay.values.values()) == whole


def test_a_mapping_paints_nodes_positions_and_names() -> None:
    y = graphs.scalar()
    x, tanh = mg.Graph.of(y).nodes[:2]
    drawing = viz.draw(y, color={tanh: 2.0, 2: 3.0, "x": 1.0})
    assert drawing.overlay is not None
    assert drawing.overlay.values == {"n0": 1.0, "n1": 2.0, "n2": 3.0}
    assert x.name == "x"


def test_a_wrong_op_is_red_and_alone() -> None:
    loss = sixty_with_one_wrong()
    for color in ("check", localize(loss)):
        drawing = viz.draw(loss, color=color)
        overlay = drawing.overlay
        assert overlay is not None
        tints = {
            box.op: overlay.tint(overlay.values[box.id]) for box in drawing.shown.boxes if box.id in overlay.values
        }
        red, green, blue = rgb(tints.pop("WrongTanh()"))
        assert red > 3 * green
        assert red > 3 * blue
        assert all(rgb(tint)[1] > 200 for tint in tints.values())
        assert 'style="fill:#b3001b"' in drawing.svg


def rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def test_a_colour_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="grad_norm"):
        viz.draw(graphs.scalar(), color="rainbow")


def test_scales_tell_what_colours_mean() -> None:
    overlay = overlay_of("bytes", {"a": 1.0, "b": 1000.0, "c": float("nan"), "d": 0.0})
    assert overlay.samples(7) == [1, 10, 100, 1000]
    assert overlay.tint(1.0) != overlay.tint(1000.0)
    assert not is_dark(overlay.tint(1.0))
    assert is_dark(overlay.tint(1000.0))
    assert overlay.tint(float("nan")) == overlay.tint(float("inf"))
    assert [number_label(v) for v in overlay.samples(7)] == ["1", "10", "100", "1k"]
    assert "bytes" in viz.draw(graphs.mlp(), color="bytes").svg


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.01234, "0.0123"),
        (-2.5, "−2.5"),
        (1234567, "1.23M"),
        (3e-8, "3e−08"),
        (45000, "45k"),
        (999.9, "1k"),
        (2373, "2.37k"),
        (-999_700, "−1M"),
    ],
)
def test_numbers_in_few_letters(value: float, text: str) -> None:
    assert number_label(value) == text


def test_vanishing_gradients_show_in_the_strip() -> None:
    sheet = viz.compare({"RNN": last_step(1, 0.3), "LSTM": last_step(4, 0.3)}, color="grad_norm", title="both")
    bars = [region.rect for region in sheet.layout.regions if region.style == "bar"]
    rnn = bars[:12]
    assert rnn[0].height < rnn[-1].height
    assert len(bars) == 36
    assert sheet.svg.count("‖∂L/∂") == 3
    assert sheet.drawings[0].diagram.title == "RNN"


def last_step(gates: int, gain: float) -> Any:
    """A loss that only the last state of twelve goes into."""
    cell = graphs.Cell(6, gates, np.random.default_rng(0))
    cell.Wh.numpy()[...] *= gain
    h, c = mg.tensor(np.full((2, 6), 0.1)), mg.tensor(np.full((2, 6), 0.1))
    for t in range(12):
        with mg.scope(step=t):
            h, c = cell(mg.from_numpy(np.full((2, 6), 0.2)), h, c)
    return (h * h).sum()


def test_the_difference_of_two_graphs() -> None:
    def before(x: Any) -> Any:
        return (mg.tanh(x) * 2 + mg.exp(x)).sum()

    def after(x: Any) -> Any:
        return (mg.sigmoid(x) * 2 + mg.exp(x)).sum()

    found = viz.diff(mg.trace(before, np.ones(3)), mg.trace(after, np.ones(3)))
    assert [box.op for box in found.added] == ["Sigmoid()"]
    assert [box.op for box in found.removed] == ["Tanh()"]
    assert [old.op for old, _ in found.changed] == ["Multiply()"]
    assert "1 added, 1 removed, 1 changed, 5 the same" in found.text
    assert 'class="box nonlinear added"' in found.svg
    panels = [text.content for text in found.sheet.layout.texts if text.style == "title"]
    assert panels == ["before", "after"]
    assert len({text.y for text in found.sheet.layout.texts if text.style == "title"}) == 1, "side by side"
    assert found.counts in found.svg


def test_equal_graphs_differ_in_nothing(tmp_path: Path) -> None:
    found = viz.diff(graphs.lstm(3), graphs.lstm(3), tmp_path / "same.svg")
    assert (found.added, found.removed, found.changed) == ((), (), ())
    assert (tmp_path / "same.svg").read_text(encoding="utf-8") == found.svg
    assert found.save(tmp_path / "same.txt").read_text(encoding="utf-8") == found.text
    with pytest.raises(UsageError, match=r"\.svg, \.txt"):
        found.save(tmp_path / "same.html")


def test_what_the_compiler_did() -> None:
    step = mg.compile(lambda x: (mg.tanh(x) * 1.0).sum() + 0.0)
    step(np.ones(3))
    found = viz.diff(step.traced, step)
    assert sorted(box.op.partition("(")[0] for box in found.removed) == ["Add", "Multiply", "Scalar", "Scalar"]
    assert found.added == ()


@pytest.mark.fault(number=23)
def test_graphviz_draws_or_the_picture_says_why_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(external, "find_spec", lambda name: None)
    drawing = viz.draw(graphs.mlp(), engine="graphviz")
    assert drawing.layout.engine == "layered"
    assert "neither the program dot nor the package pygraphviz" in drawing.svg


def fake_dot(folder: Path, script: str) -> None:
    dot = folder / "dot"
    dot.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    dot.chmod(0o755)


@pytest.mark.parametrize(
    ("script", "reason"), [("exec sleep 60", "more than 0.3 s"), ("exit 3", "failed"), ("echo {", "failed")]
)
@pytest.mark.fault(number=23)
def test_a_graphviz_that_hangs_or_crashes(
    script: str, reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_dot(tmp_path, script)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(NoGraphvizError, match=reason):
        lay_out_by_graphviz(viz.draw(graphs.scalar()).shown, seconds=0.3)


@pytest.mark.skipif(find_spec("pygraphviz") is None, reason="pygraphviz is not installed")
def test_graphviz_from_the_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    layout = viz.draw(graphs.squeeze(), view="both", engine="graphviz").layout
    assert layout.engine == "Graphviz"
    rects = [placed.rect for placed in layout.placed]
    assert not any(a.overlaps(b) for i, a in enumerate(rects) for b in rects[i + 1 :])


@pytest.mark.fault(number=23)
def test_everything_draws_with_nothing_on_path_and_core_packages_alone(tmp_path: Path) -> None:
    block = "sys.modules.update(dict.fromkeys(['pygraphviz', 'matplotlib', 'PIL', 'safetensors', 'tqdm']))"
    script = (
        f"import sys; {block}; import viz, sample_graphs\n"
        f"viz.draw(sample_graphs.lstm(3), {str(tmp_path / 'a.html')!r}, view='both')\n"
        f"viz.draw(sample_graphs.mlp(), {str(tmp_path / 'a.svg')!r}, engine='graphviz')\n"
    )
    environment = {"PATH": str(tmp_path), "PYTHONPATH": str(Path(__file__).parent)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=60)
    assert (tmp_path / "a.html").stat().st_size > 10_000
    assert (tmp_path / "a.svg").stat().st_size > 5_000


def test_notebooks_draw_tensors_and_graphs() -> None:
    assert (graphs.scalar()._repr_svg_() or "").startswith("<svg")
    assert (mg.trace(lambda x: mg.tanh(x), np.ones(2))._repr_svg_() or "").startswith("<svg")
