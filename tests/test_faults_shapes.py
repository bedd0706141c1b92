"""Operands, sizes and programs that do not fit: each is one clear error; length is none."""

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from thorough import TIMES

import minigrad as mg
import viz
from minigrad.errors import DTypeError, IndexRangeError, ShapeError, TraceError


def leaf(*shape: int, name: str | None = None) -> mg.Tensor:
    return mg.tensor(np.full(shape, 2.0), requires_grad=True, name=name)


class Cell(mg.Module):
    """One LSTM step, written out."""

    def __init__(self, D: int, H: int) -> None:
        self.Wx, self.Wh = mg.Parameter(np.ones((D, 4 * H))), mg.Parameter(np.ones((H, 4 * H)))
        self.b = mg.Parameter(np.zeros(4 * H))

    def forward(self, x: mg.Tensor, h: mg.Tensor, c: mg.Tensor) -> tuple[mg.Tensor, mg.Tensor]:
        a = x @ self.Wx + h @ self.Wh + self.b  # (N, 4H)
        i, f, o, g = mg.split(a, 4, axis=1)
        c = mg.sigmoid(f) * c + mg.sigmoid(i) * mg.tanh(g)
        return mg.sigmoid(o) * mg.tanh(c), c


class Captioner(mg.Module):
    """The cell, unrolled."""

    def __init__(self) -> None:
        self.cell = Cell(3, 2)

    def forward(self, steps: list[mg.Tensor]) -> mg.Tensor:
        h = c = mg.tensor(np.zeros((5, 2)))
        for t, x in enumerate(steps):
            with mg.scope(step=t):
                h, c = self.cell(x, h, c)
        return h.sum()


# 20: shapes, kinds and sizes


@pytest.mark.fault(number=20)
def test_a_shape_error_in_the_middle_of_an_unrolled_lstm() -> None:
    steps = [mg.tensor(np.ones((5, 3)))] * 3 + [mg.tensor(np.ones((5, 4)), name="x3")]
    with pytest.raises(ShapeError) as caught:
        Captioner()(steps)
    for part in (
        "MatMul()",
        "captioner.cell t=3",
        "'x3' (5, 4)",
        "'captioner.cell.Wx' (3, 8)",
        "inner sizes (4,) and (3,)",
    ):
        assert part in str(caught.value), str(caught.value)
    assert "test_faults_shapes.py:" in str(caught.value)


@pytest.mark.fault(number=20)
def test_an_integer_tensor_asked_for_a_gradient() -> None:
    for make in (lambda: mg.tensor(np.arange(3), requires_grad=True), lambda: mg.tensor([1]).requires_grad_()):
        with pytest.raises(DTypeError, match=r"int64 cannot require a gradient: make it floating"):
            make()


@pytest.mark.fault(number=20)
def test_an_id_outside_the_table() -> None:
    table = leaf(10, 4, name="captioner.W_embed")
    with pytest.raises(IndexRangeError, match=r"ids outside \[0, 10\): 1 of 2, the first 12 at \(1,\).*W_embed"):
        mg.embedding(np.array([3, 12]), table)
    with pytest.raises(IndexRangeError, match="-1"):
        mg.embedding(np.array([-1]), table)


EMPTY: dict[str, Callable[[mg.Tensor], mg.Tensor]] = {
    "sum": lambda x: x.sum(),
    "matmul": lambda x: x @ mg.tensor(np.ones((3, 2))),
    "softmax": mg.softmax,
    "logsumexp": lambda x: mg.logsumexp(x, axis=1),
    "max": lambda x: x.max(1),
    "norm": mg.norm,
    "prod": lambda x: x.prod(),
    "cumsum": lambda x: x.cumsum(0),
    "index": lambda x: x[:, [0, 0]],
    "concat": lambda x: mg.concat([x, x]),
    "loss": lambda x: mg.softmax_cross_entropy(x, np.zeros(0, int), reduction="sum"),
}


@pytest.mark.parametrize("f", EMPTY.values(), ids=EMPTY)
@pytest.mark.fault(number=20)
def test_an_empty_batch_gives_zero_gradients(f: Callable[[mg.Tensor], mg.Tensor]) -> None:
    x = leaf(0, 3)
    y = f(x)
    (gx,) = mg.grad(y, x, mg.tensor(np.ones(y.shape)))
    assert gx.shape == (0, 3)


@pytest.mark.parametrize("f", [mg.mean, mg.mse, mg.Tensor.var, mg.Tensor.max, mg.bce_with_logits])
@pytest.mark.fault(number=20)
def test_the_mean_of_nothing_is_an_error(f: Callable[..., mg.Tensor]) -> None:
    x = leaf(0, 3)
    with pytest.raises(ShapeError, match="no elements"):
        f(x, x) if f in (mg.mse, mg.bce_with_logits) else f(x)


@pytest.mark.parametrize("reduction", ["batch", "words"])
@pytest.mark.fault(number=20)
def test_the_loss_of_an_empty_batch_is_an_error(reduction: str) -> None:
    with pytest.raises(ShapeError, match="no elements"):
        mg.softmax_cross_entropy(leaf(0, 3), np.zeros(0, int), reduction=reduction)


@pytest.mark.fault(number=20)
def test_the_mean_over_words_of_which_the_mask_leaves_none_is_an_error() -> None:
    with pytest.raises(ShapeError, match="none kept; leave such batches out"):
        mg.softmax_cross_entropy(leaf(2, 3), np.zeros(2, int), mask=np.zeros(2, bool), reduction="words")


@pytest.mark.fault(number=20)
def test_numbers_have_gradients() -> None:
    x = mg.tensor(3.0, requires_grad=True)
    (x * x).backward()
    assert (x.grad.shape, x.grad.item()) == ((), 6.0)


@pytest.mark.fault(number=20)
def test_non_contiguous_arrays() -> None:
    base = np.arange(24.0).reshape(4, 6)
    x = mg.from_numpy(base.T[::2], requires_grad=True)
    (mg.tanh(x / 10) @ mg.tensor(np.ones((4, 2)))).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 0.2 * (1 - np.tanh(base.T[::2] / 10) ** 2))


@pytest.mark.parametrize("index", [(0, 0, 0), 5, -4, (..., ...), 1.5, np.array([0.5]), np.array([3])], ids=repr)
@pytest.mark.fault(number=20)
def test_wrong_indices_are_errors_of_ours(index: Any) -> None:
    with pytest.raises(mg.MinigradError):
        leaf(3, 2)[index]


# a traced program asked for a number


@pytest.mark.parametrize(
    ("asks", "remedy"),
    [
        (lambda x: float(x.sum()), "compute with the Tensor itself"),
        (lambda x: x if x.sum() > 0 else -x, r"mg\.where\(condition, a, b\) in place of if"),
        (lambda x: x[x > 0], r"mg\.where\(mask, x, 0\)"),
        (lambda x: x.numpy(), "has no value while the program is traced"),
        (lambda x: np.asarray(x), "stay with Tensors"),
    ],
)
@pytest.mark.fault(number=22)
def test_a_symbol_asked_for_its_value(asks: Callable[[mg.Tensor], Any], remedy: str) -> None:
    with pytest.raises(TraceError, match=remedy):
        mg.trace(asks, np.ones(3))


def test_no_grad_holds_inside_a_trace() -> None:
    def f(x: mg.Tensor) -> mg.Tensor:
        with mg.no_grad():
            y = x * 3
        return x * y

    graph = mg.trace(f, np.ones(()))
    assert mg.differentiate(graph).run(np.array(2.0))[0] == mg.value_and_grad(f)(2.0)[1].item() == 6.0


# 21: length


@pytest.mark.fault(number=21)
def test_ten_thousand_steps() -> None:
    Wh, h = mg.tensor(np.eye(2) / 2, requires_grad=True), mg.tensor(np.ones((3, 2)))
    for t in range(10_000):
        with mg.scope("cell", step=t):
            h = mg.tanh(h @ Wh + 0.1)
    loss = h.sum()
    loss.backward()
    assert np.isfinite(Wh.grad.numpy()).all()
    assert "# cell t=9999" in str(mg.Graph.of(loss)).splitlines()[-3]


@pytest.mark.fault(number=21)
@pytest.mark.fault(number=23)
def test_very_many_nodes_are_a_small_picture_with_a_note() -> None:
    nodes = min(10_000 * TIMES, 50_000)
    rng, values = np.random.default_rng(0), [leaf(2, name="w")]
    for n in range(nodes):
        a = values[-1 - int(rng.integers(min(len(values), 50)))]
        values.append((mg.maximum if n % 2 else mg.minimum)(a, values[-1]))
    drawing = viz.draw(values[-1])
    assert ElementTree.fromstring(drawing.svg) is not None and len(drawing.svg) < 100_000
    assert f"{nodes + 1:,} boxes, folded into" in drawing.shown.notes[-1]
