"""Faults that the engine survives with one clear line: changes in place, freed graphs, misfits, depth."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from minigrad.errors import DTypeError, GradientError, IndexRangeError, ShapeError, TraceError, UsageError


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


# 18: changes in place


def test_assignment_into_what_backward_needs_names_both_places() -> None:
    x, w = mg.tensor(np.ones(3), requires_grad=True, name="x"), leaf(3, name="w")
    with mg.scope("layer", step=4):
        y = x * w
    with mg.no_grad():
        w[0] = 5.0  # the line that changes it
    with pytest.raises(GradientError) as caught:
        y.sum().backward()
    for part in ("w was changed in place", "test_faults_engine.py:", "Multiply()", "in layer t=4", "after backward()"):
        assert part in str(caught.value)


def test_the_line_named_is_the_line_that_changed_it() -> None:
    w = leaf(3, name="w")
    y = mg.exp(w)
    with mg.no_grad():
        y[0] = 1.0
        line = here() - 1
    with pytest.raises(GradientError, match=rf"test_faults_engine\.py:{line} after Exp\(\)"):
        y.sum().backward()


def here() -> int:
    import sys

    return sys._getframe(1).f_lineno


def test_an_optimiser_step_between_forward_and_backward() -> None:
    w = leaf(3, name="w")
    loss = (w * w).sum()
    loss.backward()
    optim.SGD([w]).step()
    with pytest.raises(GradientError, match=r"w was changed in place at .*test_faults_engine\.py"):
        loss.backward()


def test_a_change_through_a_view_counts() -> None:
    w = leaf(4, name="w")
    y = w * w
    with mg.no_grad():
        mg.from_numpy(w.numpy()[1:3])[...] = 0.0
    with pytest.raises(GradientError, match="changed in place"):
        y.sum().backward()


def test_a_change_of_what_no_rule_reads_is_no_fault() -> None:
    w = leaf(3, name="w")
    y = (w + 1.0).sum()
    z = mg.exp(w).sum()  # reads its output alone
    with mg.no_grad():
        w[...] = 9.0
    y.backward()
    z.backward()
    assert w.grad.numpy()[0] == pytest.approx(1.0 + np.exp(2.0))


def test_a_change_after_backward_is_no_fault() -> None:
    w = leaf(3, name="w")
    sgd = optim.SGD([w], lr=0.1)
    for _ in range(3):
        sgd.zero_grad()
        (w * w).sum().backward()
        sgd.step()
    np.testing.assert_allclose(w.numpy(), 2.0 * 0.8**3)


def test_assignment_into_a_recorded_parameter_says_what_to_do() -> None:
    with pytest.raises(UsageError, match=r"assignment into w that requires a gradient.*no_grad\(\).*mg\.where"):
        leaf(3, name="w")[0] = 1.0


@pytest.mark.parametrize("again", [lambda y, w: y.backward(), lambda y, w: mg.grad(y, w, create_graph=True)])
def test_a_second_order_walk_is_guarded_too(again: Callable[..., Any]) -> None:
    w = leaf(3, name="w")
    y = (w * w).sum()
    with mg.no_grad():
        w[...] = 1.0
    with pytest.raises(GradientError, match="w was changed"):
        again(y, w)


# 19: backward passes that cannot be done


def test_a_second_backward_over_a_freed_graph() -> None:
    y = (leaf(3) * 2).sum()
    y.backward(retain_graph=False)
    with pytest.raises(GradientError, match=r"freed by an earlier backward.*compute the loss again"):
        y.backward()


def test_a_graph_that_shares_a_freed_part() -> None:
    w = leaf(3)
    trunk = mg.tanh(w)
    trunk.sum().backward(retain_graph=False)
    for backward in (mg.Tensor.backward, lambda loss: mg.grad(loss, w)):
        with pytest.raises(GradientError, match="freed"):
            backward((trunk * w).sum())


def test_backward_of_more_than_a_number() -> None:
    with pytest.raises(GradientError, match=r"shape \(3,\) needs a gradient of that shape.*\.sum\(\)"):
        (leaf(3) * 2).backward()
    with pytest.raises(ShapeError, match=r"the gradient has shape \(2,\), the tensor \(3,\)"):
        (leaf(3) * 2).backward(np.ones(2))


def test_backward_of_what_has_no_parameter() -> None:
    with pytest.raises(GradientError, match=r"give a parameter requires_grad=True"):
        (mg.tensor(1.0) * 2).backward()
    with mg.no_grad():
        y = leaf(3).sum()
    with pytest.raises(GradientError, match=r"made under no_grad\(\)"):
        y.backward()
    with pytest.raises(GradientError, match=r"input 0 .w. does not require a gradient"):
        mg.grad(leaf(1).sum(), mg.tensor(1.0, name="w"))


# 20: shapes, kinds and sizes


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
    assert "test_faults_engine.py:" in str(caught.value)


def test_an_integer_tensor_asked_for_a_gradient() -> None:
    for make in (lambda: mg.tensor(np.arange(3), requires_grad=True), lambda: mg.tensor([1]).requires_grad_()):
        with pytest.raises(DTypeError, match=r"int64 cannot require a gradient: make it floating"):
            make()


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
def test_an_empty_batch_gives_zero_gradients(f: Callable[[mg.Tensor], mg.Tensor]) -> None:
    x = leaf(0, 3)
    y = f(x)
    (gx,) = mg.grad(y, x, mg.tensor(np.ones(y.shape)))
    assert gx.shape == (0, 3)


@pytest.mark.parametrize("f", [mg.mean, mg.mse, mg.Tensor.var, mg.Tensor.max, mg.bce_with_logits])
def test_the_mean_of_nothing_is_an_error(f: Callable[..., mg.Tensor]) -> None:
    x = leaf(0, 3)
    with pytest.raises(ShapeError, match="no elements"):
        f(x, x) if f in (mg.mse, mg.bce_with_logits) else f(x)


@pytest.mark.parametrize("reduction", ["batch", "words"])
def test_the_loss_of_an_empty_batch_is_an_error(reduction: str) -> None:
    with pytest.raises(ShapeError, match="no elements"):
        mg.softmax_cross_entropy(leaf(0, 3), np.zeros(0, int), reduction=reduction)


def test_the_mean_over_words_of_which_the_mask_leaves_none_is_an_error() -> None:
    with pytest.raises(ShapeError, match="none kept; leave such batches out"):
        mg.softmax_cross_entropy(leaf(2, 3), np.zeros(2, int), mask=np.zeros(2, bool), reduction="words")


def test_numbers_have_gradients() -> None:
    x = mg.tensor(3.0, requires_grad=True)
    (x * x).backward()
    assert (x.grad.shape, x.grad.item()) == ((), 6.0)


def test_non_contiguous_arrays() -> None:
    base = np.arange(24.0).reshape(4, 6)
    x = mg.from_numpy(base.T[::2], requires_grad=True)
    (mg.tanh(x / 10) @ mg.tensor(np.ones((4, 2)))).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 0.2 * (1 - np.tanh(base.T[::2] / 10) ** 2))


@pytest.mark.parametrize("index", [(0, 0, 0), 5, -4, (..., ...), 1.5, np.array([0.5]), np.array([3])], ids=repr)
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


def test_ten_thousand_steps() -> None:
    Wh, h = mg.tensor(np.eye(2) / 2, requires_grad=True), mg.tensor(np.ones((3, 2)))
    for t in range(10_000):
        with mg.scope("cell", step=t):
            h = mg.tanh(h @ Wh + 0.1)
    loss = h.sum()
    loss.backward()
    assert np.isfinite(Wh.grad.numpy()).all()
    assert "# cell t=9999" in str(mg.Graph.of(loss)).splitlines()[-3]
