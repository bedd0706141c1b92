"""Functions composed of Ops: values against formulas, gradients against the checks, conventions at the edges."""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import init
from minigrad.check import gradcheck
from minigrad.errors import IndexRangeError, ShapeError, UsageError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 4))
IDS = np.array([[0, 0, 3], [1, 2, 1], [3, 1, 3]])

COMPOSED: dict[str, Callable[..., mg.Tensor]] = {
    "prod": lambda x: x.prod() + x.prod(0).sum() + x.prod((0, 1), keepdims=True).sum(),
    "var": lambda x: x.var(1) + x.var(1, ddof=1),
    "std": lambda x: x.std(0, keepdims=True) * x,
    "norm": lambda x: mg.norm(x, axis=1) + mg.norm(x),
    "powers": lambda x: (x * x + 1) ** 0.5 + (x * x + 1) ** -1.5 + 2**x + x**3,
    "split": lambda x: mg.split(x, [1, 3], axis=1)[1] * mg.split(x, 2, axis=1)[0],
    "matmul of vectors": lambda x: (x[0] @ x[1]) * (x[0] @ x.T) + x @ x[2],
    "masked": lambda x: x[X > 0] ** 2,
    "new axes": lambda x: x[None, ..., :, None] * x[:, 1:2, None],
    "squeezed": lambda x: mg.expand_dims(x, 1).squeeze(1) * x.mT.T,
    "bce": lambda x: mg.bce_with_logits(x, np.abs(np.tanh(X))),
    "mse": lambda x: mg.mse(x, X[::-1].copy()),
    "cross entropy": lambda x: mg.softmax_cross_entropy(x, np.array([1, 3, 0])),
    "masked cross entropy": lambda x: mg.softmax_cross_entropy(
        x.reshape(1, 3, 4), np.array([[1, 3, 0]]), np.array([[True, False, True]]), reduction="words"
    ),
    "flip": lambda x: mg.flip(x) * mg.flip(x, 1) + mg.flip(x, ()),
    "roll": lambda x: mg.roll(x, 2) * mg.roll(x, -1, 0) + mg.roll(x, (7, 1), (1, 0)),
    "take along an axis": lambda x: mg.take_along_axis(x, IDS, 1) ** 2 + mg.take_along_axis(x[:1], IDS, 1),
    "embedding": lambda x: mg.embedding(np.array([[0, 2], [2, 2]]), x),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_composed_functions_to_second_order(name: str) -> None:
    assert gradcheck(COMPOSED[name], [X], method="complex").error < 1e-12
    assert gradcheck(COMPOSED[name], [X], method="complex", order=2).error < 1e-12
    assert gradcheck(COMPOSED[name], [X]).ok


@pytest.mark.parametrize("zeros", [0, 1, 2])
def test_a_product_with_zeros_has_right_gradients_of_both_orders(zeros: int) -> None:
    x = np.arange(1.0, 6.0)
    x[:zeros] = 0.0
    for order in (1, 2):
        assert gradcheck(lambda x: x.prod(), [x], method="complex", order=order).error < 1e-12
    (gx,) = mg.grad((leaf := mg.tensor(x, requires_grad=True)).prod(), leaf)
    np.testing.assert_allclose(gx.numpy(), [prod(np.delete(x, i)) for i in range(5)])


@pytest.mark.parametrize(
    "f", [mg.norm, mg.Tensor.std, lambda x: mg.sqrt(x).sum(), lambda x: mg.abs(x).sum(), lambda x: (x**2).sum() ** 0.5]
)
def test_gradients_at_zero_are_zero(f: Callable[[mg.Tensor], mg.Tensor]) -> None:
    x = mg.tensor(np.zeros(3), requires_grad=True)
    for create_graph in (False, True):
        (gx,) = mg.grad(f(x), x, create_graph=create_graph)
        assert gx.tolist() == [0.0, 0.0, 0.0]


def test_functions_are_stable_at_a_thousand() -> None:
    x = np.array([-1e3, 0.0, 1e3])
    assert mg.sigmoid(mg.tensor(x)).tolist() == [0.0, 0.5, 1.0]
    assert mg.softplus(mg.tensor(x)).tolist() == [0.0, pytest.approx(np.log(2)), 1e3]
    assert mg.softplus(x + 1e-30j).real.tolist() == [0.0, pytest.approx(np.log(2)), 1e3]
    assert (mg.softplus(x + 1e-30j).imag / 1e-30).tolist() == pytest.approx([0, 0.5, 1])
    assert mg.softmax(mg.tensor(x)).tolist() == [0.0, 0.0, 1.0]
    assert mg.log_softmax(mg.tensor(x)).tolist() == [-2e3, -1e3, 0.0]
    assert mg.logsumexp(mg.tensor(x)).item() == 1e3
    assert mg.logsumexp(mg.tensor([-np.inf, -np.inf])).item() == -np.inf
    assert mg.bce_with_logits(mg.tensor(x), np.array([0.0, 0.5, 1.0])).item() == pytest.approx(np.log(2) / 3)


def test_the_loss_and_its_reductions_are_the_courses() -> None:
    N, T, V = 2, 3, 5
    scores, targets = RNG.standard_normal((N, T, V)), RNG.integers(0, V, (N, T))
    mask = np.array([[True, True, False], [True, False, False]])
    p = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    words = -np.log(np.take_along_axis(p, targets[..., None], -1)[..., 0]) * mask
    expected = {"batch": words.sum() / N, "words": words.sum() / mask.sum(), "sum": words.sum(), "none": words}
    for reduction, value in expected.items():
        loss = mg.softmax_cross_entropy(mg.tensor(scores), targets, mask, reduction)
        np.testing.assert_allclose(loss.numpy(), value, rtol=1e-14)
    x = mg.tensor(scores, requires_grad=True)
    (gx,) = mg.grad(mg.softmax_cross_entropy(x, targets, mask), x)
    hot = np.eye(V)[targets]
    np.testing.assert_allclose(gx.numpy(), (p - hot) * mask[..., None] / N, rtol=1e-12, atol=1e-15)
    with pytest.raises(UsageError, match="reduction 'mean' is none of"):
        mg.softmax_cross_entropy(x, targets, reduction="mean")
    with pytest.raises(
        ShapeError, match=r"scores \(2, 3, 5\) need targets of shape \(2, 3\), one id for each row, not"
    ):
        mg.softmax_cross_entropy(x, targets[:, 0])


def test_losses_compare_like_with_like() -> None:
    x, scores = mg.tensor(X.astype(np.float32)), mg.tensor(np.zeros((2, 3, 5), np.float32))
    for loss in (mg.mse, mg.bce_with_logits):
        assert loss(x, np.abs(X) / 3).dtype == np.float32
        assert loss(x, 1).item() == pytest.approx(loss(x, np.ones(X.shape)).item())
        for other in (X[:, :1], X[0], X.T):  # which would broadcast to another mean, or not at all
            with pytest.raises(ShapeError, match=r"should have the shape \(3, 4\)"):
                loss(x, other)
    with pytest.raises(ShapeError, match=r"the mask should have the shape \(2, 3\), and has \(2, 1\)"):
        mg.softmax_cross_entropy(scores, np.zeros((2, 3), int), np.ones((2, 1)), reduction="words")


def test_functions_take_plain_arrays_and_give_plain_arrays() -> None:
    for f in (mg.tanh, mg.softmax, mg.norm, mg.logsumexp, lambda x: mg.pad(x, 1), lambda x: mg.stack([x, x])):
        assert isinstance(f(X), np.ndarray | np.generic)
    assert isinstance(mg.softmax_cross_entropy(X, np.array([0, 1, 2])), np.ndarray | np.generic)


def test_where_names_follow_numpy_and_pytorch() -> None:
    assert mg.tensor(X).var().item() == pytest.approx(X.var())  # ddof 0
    assert [part.shape for part in mg.split(mg.tensor(X), 2, axis=1)] == [(3, 2), (3, 2)]  # sections, not sizes
    assert mg.leaky_relu(mg.tensor(-1.0)).item() == -0.01
    assert mg.one_hot(np.array([1, 0]), 3).tolist() == [[0, 1, 0], [1, 0, 0]]
    assert mg.tensor(X).argmax().item() == X.argmax() and mg.tensor(X).argmax(1).tolist() == X.argmax(1).tolist()
    assert mg.tensor([1.5, -2.5]).astype("int32").dtype == np.int32


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: x.sum(axis=2), ShapeError, "axis 2 does not exist in 2 dimensions"),
        (lambda x: x.sum(axis=(0, -2)), ShapeError, "names an axis twice"),
        (lambda x: x.reshape(5, -1), ShapeError, "cannot reshape 12 elements"),
        (lambda x: mg.split(x, 5), ShapeError, r"cannot split axis 0 of shape \(3, 4\) into 5 equal parts"),
        (lambda x: mg.stack([]), UsageError, "nothing to join"),
        (lambda x: mg.einsum("ij,jk", x), UsageError, "names 2 operands and got 1"),
        (lambda x: mg.einsum("ii", x), UsageError, "a letter twice"),
        (lambda x: mg.einsum("i...->i", x), UsageError, "no ellipsis"),
        (lambda x: x[3], IndexRangeError, "index 3 is outside an axis of size 3"),
        (lambda x: x.squeeze(0), ShapeError, "not of size 1"),
        (lambda x: mg.take_along_axis(x, np.array([[4]]), 1), IndexRangeError, "index 4 is out of bounds"),
        (lambda x: mg.take_along_axis(x, np.array([1]), 1), ShapeError, r"indices \(1,\) as in \(3, 4\)"),
    ],
)
def test_arguments_that_do_not_fit(call: Callable[[mg.Tensor], Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call(mg.tensor(X))


def test_initialisers_draw_what_they_say() -> None:
    shape = (400, 300)
    deviations = {
        init.he_normal: np.sqrt(2 / 400),
        init.fan_in_normal: np.sqrt(1 / 400),
        init.xavier_uniform: np.sqrt(2 / 700),
    }
    for draw, deviation in deviations.items():
        wide, narrow = (draw(np.random.default_rng(1), shape, dtype=dtype) for dtype in (np.float64, np.float32))
        assert wide.std() == pytest.approx(deviation, rel=0.01) and abs(wide.mean()) < 0.01 * deviation * 3
        np.testing.assert_array_equal(narrow, wide.astype(np.float32))
    uniform = init.uniform(np.random.default_rng(2), shape, limit=0.1)
    assert np.abs(uniform).max() <= 0.1 and init.normal(np.random.default_rng(3), shape, std=2.0).std() > 1.9


def test_reductions_are_functions_too_on_tensors_and_arrays() -> None:
    x = np.random.default_rng(0).standard_normal((3, 4))
    for name in ("sum", "mean", "max", "min", "prod", "var", "std"):
        wanted = getattr(np, name)(x, axis=1, keepdims=True)
        for found in (getattr(mg, name)(mg.tensor(x), 1, True).numpy(), getattr(mg, name)(x, 1, True)):
            np.testing.assert_allclose(found, wanted, atol=1e-14)
    np.testing.assert_allclose(mg.cumsum(mg.tensor(x), 1).numpy(), np.cumsum(x, 1), atol=1e-14)
