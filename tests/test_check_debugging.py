"""Aids beside the checks: who changed an array, what made the first NaN, where a path is cut, what memory holds."""

import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mutants import Mutant

import minigrad as mg
from minigrad.check import (
    bytes_kept,
    compare_backward,
    first_not_finite,
    localize,
    missing_gradients,
    replay,
    stop_at_not_finite,
)
from minigrad.check.kept import table
from minigrad.errors import CheckError, DataError, GradientError, MissingFileError, NotFiniteError
from minigrad.op import Array, apply
from minigrad.ops.elementwise import Log
from models import closed_form

RNG = np.random.default_rng(0)


# changes through NumPy


@pytest.mark.fault(number=18)
def test_a_change_through_numpy_is_found_under_debug() -> None:
    array = np.ones(3)
    w = mg.from_numpy(array, requires_grad=True, name="w")
    with mg.debug():
        with mg.scope("layer", step=2):
            y = (w * w).sum()
        array[1] = 5.0
        with pytest.raises(
            GradientError, match=r"'w' \(3,\) float64 was changed through NumPy after Multiply\(\) in layer"
        ):
            y.backward()
        with pytest.raises(GradientError, match=r"read it at .*test_check_debugging\.py:\d+.*work on a copy"):
            mg.grad(y, w, create_graph=True)


@pytest.mark.fault(number=18)
def test_what_no_rule_reads_may_change_under_debug() -> None:
    array = np.ones(3)
    w = mg.from_numpy(array, requires_grad=True)
    with mg.debug():
        y = (w + 1.0).sum()
        array[1] = 5.0
        y.backward()
    assert w.grad.tolist() == [1.0, 1.0, 1.0]


def test_debug_ends_with_its_block_and_changes_no_value() -> None:
    w = mg.tensor(RNG.standard_normal((2, 3)), requires_grad=True)
    with mg.debug(), stop_at_not_finite():
        inside = mg.grad(mg.tanh(w).sum(), w)[0].numpy()
    np.testing.assert_array_equal(inside, mg.grad(mg.tanh(w).sum(), w)[0].numpy())
    with np.errstate(all="ignore"):
        mg.log(w * 0)


# the first value that is not finite


def logs(x: mg.Tensor) -> mg.Tensor:
    with mg.scope("head", step=3):
        return (mg.log(x) * 2).sum()


def roots(x: mg.Tensor) -> mg.Tensor:
    with mg.scope("head", step=3):
        return (1.0 / (x + 1e-200)).sum()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.fault(number=17)
def test_the_first_op_that_is_not_finite_is_named_with_its_place() -> None:
    x = mg.tensor([[1.0, 0.0], [2.0, 0.0]], requires_grad=True, name="x")
    words = (
        r"Log\(\) in head t=3 made the first value that is not finite: 2 of 4 elements, the first -inf at \(0, 1\), "
    )
    with pytest.raises(NotFiniteError, match=words + "where the operand is 0"), stop_at_not_finite():
        logs(x)
    assert first_not_finite(logs(x) + mg.log(x * 0).sum()) is not None
    found = first_not_finite(logs(x))
    assert found is not None and "Log() in head t=3" in found
    assert first_not_finite((x * 2).sum()) is None
    bad = mg.tensor([np.nan], requires_grad=True, name="bad")
    assert first_not_finite(bad * 2) == "the input 'bad' (1,) float64 is not finite itself"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.fault(number=17)
def test_a_gradient_that_is_not_finite_is_named_too(tmp_path: Path) -> None:
    x = mg.tensor([1.0, 0.0], requires_grad=True)
    loss = roots(x)
    assert np.isfinite(loss.item())
    found = first_not_finite(loss, folder=tmp_path)
    assert found is not None and "Divide() in head t=3 made the first gradient to operand 1" in found
    with stop_at_not_finite(), pytest.raises(NotFiniteError, match="gradient to operand 1"):
        loss.backward()
    (file,) = tmp_path.glob("*.npz")
    again = replay(file)
    assert repr(again.op) == "Divide()" and np.isfinite(again.value).all()
    assert again.gradients[1] is not None and np.isinf(again.gradients[1]).any()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_file_replays_the_one_op(tmp_path: Path) -> None:
    with pytest.raises(NotFiniteError, match=r"minigrad\.check\.replay"), stop_at_not_finite(tmp_path):
        mg.logsumexp(mg.tensor(np.full((2, 2), 1e308)) * 2.0, axis=1)
    (file,) = tmp_path.glob("*.npz")
    command = [sys.executable, "-m", "minigrad.check.replay", str(file)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.splitlines()[0] == "Multiply()" and "4 of 4 not finite, inf at (0, 0)" in printed


def test_files_that_are_no_replays(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"stop_at_not_finite\(folder="):
        replay(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", x=np.zeros(2))
    with pytest.raises(DataError, match="is not an operation kept by"):
        replay(tmp_path / "other.npz")
    np.savez(tmp_path / "unknown.npz", label=np.array('{"op": "system", "module": "os", "attributes": {}}'))
    with pytest.raises(DataError):
        replay(tmp_path / "unknown.npz")


def test_infinities_that_were_given_are_no_fault() -> None:
    x = mg.tensor([0.0, -np.inf], requires_grad=True)
    with stop_at_not_finite():
        assert mg.softmax(x).tolist() == [1.0, 0.0]


# parameters without a gradient


class Net(mg.Module):
    def __init__(self, cut: Callable[[mg.Tensor], Any]) -> None:
        self.embed, self.head = mg.Parameter(np.eye(3)), mg.Parameter(np.ones(3))
        self.cut = cut

    def forward(self, x: mg.Tensor) -> Any:
        with mg.scope("encoder", step=1):
            h = x @ self.embed
            h = self.cut(h)
        return (h * self.head).sum()


def without_recording(h: mg.Tensor) -> mg.Tensor:
    with mg.no_grad():
        return mg.tanh(h)


@pytest.mark.parametrize(
    ("cut", "reason"),
    [
        (
            lambda h: h.argmax(1),
            r"cut by ArgMax\(axis=1, keepdims=False\) in net.encoder t=1, which has no gradient, at .*py:",
        ),
        (lambda h: h.detach(), r"cut by detach\(\) or numpy\(\), used again at .*test_check_debugging\.py:\d+"),
        (lambda h: mg.tensor(0.0) + mg.from_numpy(h.numpy()), r"cut by detach\(\) or numpy\(\)"),
        (without_recording, r"cut by no_grad\(\) around Tanh\(\) in net\.encoder t=1"),
        (lambda h: h.astype(int), r"cut by Cast\(to='int64'\) in net\.encoder t=1, which gives int64"),
        (lambda h: mg.tensor(np.ones(3)), r"its value does not reach the output: the last use is MatMul\(\)"),
    ],
)
def test_where_the_path_was_cut(cut: Callable[[mg.Tensor], Any], reason: str) -> None:
    (found,) = missing_gradients(Net(cut), [mg.tensor(np.ones((3, 3)))])
    assert found.parameter == "net.embed"
    assert re.search(reason, str(found)), str(found)


def test_parameters_that_are_never_used_and_those_that_are_well() -> None:
    net = Net(lambda h: h)
    net.spare = mg.Parameter(np.zeros(1))
    assert [str(cut) for cut in missing_gradients(net, [mg.tensor(np.ones((3, 3)))])] == ["net.spare: is never used"]
    frozen = mg.tensor([1.0], name="frozen")
    (cut,) = missing_gradients(lambda x: x * 2.0, [frozen])
    assert str(cut) == "frozen: does not require a gradient: requires_grad is off"


# memory


def test_bytes_kept_are_what_the_graph_holds() -> None:
    x = mg.tensor(RNG.standard_normal((200, 100)))
    weights = [mg.tensor(RNG.standard_normal((100, 100)), requires_grad=True) for _ in range(3)]

    def build() -> mg.Tensor:
        h = x
        for i, w in enumerate(weights):
            with mg.scope(f"layer{i}"):
                h = mg.tanh(h @ w) * mg.sigmoid(h[:, ::-1]) + h.reshape(100, 200).T
        return h.sum()

    build()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    loss = build()
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    rows = bytes_kept(loss)
    assert sum(row.bytes for row in rows) == pytest.approx(held, rel=0.05)
    tanh = next(row for row in rows if (row.op, row.module) == ("Tanh", "layer1"))
    assert (tanh.arrays, tanh.bytes, tanh.read) == (1, 160_000, 160_000)
    assert next(row for row in rows if row.op == "MatMul").read == 0
    assert "in all" in table(rows) and not {"Transpose", "Reshape", "Slice"} & {row.op for row in rows}


# backward passes derived by hand


def affine_by_hand(dout: Array, x: Array, w: Array, b: Array) -> tuple[Array, ...]:
    return dout @ w.T, x.T @ dout, dout.sum(0)


AFFINE = [RNG.standard_normal(s) for s in ((5, 4), (4, 4), (4,))]


def affine(x: mg.Tensor, w: mg.Tensor, b: mg.Tensor) -> mg.Tensor:
    return x @ w + b


@pytest.mark.parametrize(
    ("by_hand", "verdict"),
    [
        (affine_by_hand, "every gradient right"),
        (lambda g, x, w, b: (g @ w, x.T @ g, g.sum(0)), "x (5, 4): relative error"),
        (lambda g, x, w, b: (g @ w.T, g.T @ x, g.sum(0)), "transposed"),
        (
            lambda g, x, w, b: (g @ w.T, x.T @ g, g),
            "of shape (5, 4) instead of (4,): sum over the broadcast axis missing",
        ),
        (lambda g, x, w, b: (g @ w.T, x.T @ g, g.mean(0)), "5.000 × too small"),
        (lambda g, x, w, b: (g @ w.T, -x.T @ g, g.sum(0)), "sign"),
        (lambda g, x, w, b: (0 * x, x.T @ g, g.sum(0)), "all zero"),
    ],
)
def test_a_backward_pass_by_hand_is_compared(by_hand: Callable[..., Any], verdict: str) -> None:
    report = compare_backward(by_hand, affine, AFFINE)
    assert verdict in str(report)
    assert report.ok == (by_hand is affine_by_hand)
    assert ("places checked" in str(report)) == ("by hand       automatic" in str(report))


def test_the_closed_form_of_a_recurrent_step_is_compared() -> None:
    N, D, H = 3, 4, 5
    inputs = [RNG.standard_normal(s) for s in ((N, D), (N, H), (D, H), (H, H), (H,))]

    def by_hand(dh: Array, *inputs: Array) -> Any:
        return closed_form.rnn_step_backward(dh, closed_form.rnn_step_forward(*inputs)[1])

    def step(x: mg.Tensor, h: mg.Tensor, Wx: mg.Tensor, Wh: mg.Tensor, b: mg.Tensor) -> mg.Tensor:
        return mg.tanh(x @ Wx + h @ Wh + b)

    assert compare_backward(by_hand, step, inputs, tolerance=1e-12).ok
    swapped = compare_backward(lambda *a: [by_hand(*a)[i] for i in (0, 1, 2, 3, 3)], step, inputs)
    assert [f.name for f in swapped.findings if not f.ok] == ["b"]
    with pytest.raises(CheckError, match="gives 1 gradients and there are 5: x, h, Wx, Wh, b"):
        compare_backward(lambda *a: by_hand(*a)[0], step, inputs)
    with pytest.raises(CheckError, match="sign"):
        compare_backward(lambda *a: [-g for g in by_hand(*a)], step, inputs, raises=True)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_result_that_is_no_number_hides_no_mistake_and_is_none() -> None:
    x = mg.tensor([1.0, -1.0, 2.0, 0.0], requires_grad=True)
    assert not localize(mg.log(x).sum()).wrong
    (wrong,) = localize(apply(Mutant(Log(), "twice"), x).sum()).wrong
    assert "2.000 × too large" in wrong.summary


def test_gradients_in_lower_precision_are_called_that() -> None:
    report = compare_backward(
        lambda g, x: (g * (1 - np.tanh(x) ** 2)).astype(np.float32), mg.tanh, [RNG.normal(size=3)]
    )
    assert "lower precision" in str(report)


def test_local_errors_are_a_mapping_from_nodes() -> None:
    x = mg.tensor(RNG.standard_normal(4), requires_grad=True)
    errors = localize(mg.tanh(x * x).sum(), raises=True)
    assert [type(node.op).__name__ for node in errors] == ["Multiply", "Tanh", "Sum"]
    assert all(0 <= error < 1e-6 for error in errors.values())
    assert str(errors).startswith("3 rules checked, all right")
