"""Infinite numbers, lowest numbers and NaN: they go where they belong and nowhere else, eagerly and compiled."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.check.records.pool import given, taken
from minigrad.compiler import cuts
from minigrad.op import Array, apply
from minigrad.ops.index import ScatterAdd
from minigrad.ops.loss import BinaryCrossEntropy
from minigrad.ops.pool import MaxPool2d

rng = np.random.default_rng(0)
WORKERS = pytest.mark.parametrize("workers", [None, 1, 2])
KERNEL, STRIDE, PADDING = (3, 4), (2, 1), (1, 2)


@pytest.fixture(autouse=True)
def small_work_is_worth_cutting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuts, "WORTH_CUTTING", 1)


def run(f: Callable[..., Any], workers: int | None, *arguments: Array) -> list[Array]:
    """What f gives: eagerly, or compiled for so many workers."""
    found = f(*map(mg.tensor, arguments)) if workers is None else mg.compile(f, workers=workers)(*arguments)
    return [y.numpy() for y in found]


def pooled(x: Any, g: Any, u: Any) -> tuple[Any, Any]:
    """The gradient of max pooling by x, and that one's by its cotangent g."""
    y = mg.max_pool2d(x.requires_grad_(), KERNEL, STRIDE, PADDING, ceil_mode=True)
    gx = mg.grad(y, x, g.requires_grad_(), create_graph=True)[0]
    return gx, mg.grad(gx, g, u)[0]


@WORKERS
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("lowest", [-np.inf, "finite"])
def test_a_window_of_lowest_numbers_keeps_its_gradient(workers: int | None, dtype: type, lowest: Any) -> None:
    x = np.full((2, 3, 7, 6), np.finfo(dtype).min if lowest == "finite" else lowest, dtype)
    x[1, :, 3] = 1
    op = MaxPool2d(KERNEL, STRIDE, PADDING, True)
    g, u = rng.normal(size=op.shape(x.shape)).astype(dtype), rng.normal(size=x.shape).astype(dtype)
    gx, gg = run(pooled, workers, x, g, u)
    np.testing.assert_allclose(gx, given(op, x, g), rtol=1e-2 if dtype is np.float16 else 1e-5, atol=1e-2)
    np.testing.assert_array_equal(gg, taken(op, x, u))


@WORKERS
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_an_infinite_cotangent_of_max_pooling_is_infinite_at_one_element(workers: int | None, dtype: type) -> None:
    x = rng.permutation(42).reshape(1, 1, 7, 6).astype(dtype)
    op = MaxPool2d(KERNEL, STRIDE, PADDING, True)
    g, u = np.ones(op.shape(x.shape), dtype), np.where(x % 5 == 0, -np.inf, x).astype(dtype)
    g[0, 0, 1, 2] = np.inf
    gx, gg = run(pooled, workers, x, g, u)
    assert np.isinf(gx).sum() == 1
    np.testing.assert_array_equal(gx, given(op, x, g))
    np.testing.assert_array_equal(gg, taken(op, x, u))


@WORKERS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("columns", [1, 5])
def test_sums_by_id_of_rows_that_are_not_finite_stay_with_their_ids(
    workers: int | None, dtype: type, columns: int
) -> None:
    x, ids = rng.normal(size=(90, columns)).astype(dtype), rng.integers(0, 70, 90)
    x[ids == 3, 0], x[ids == 40, -1], x[ids == 69] = np.inf, np.nan, -np.inf
    wide = np.stack([x, x], axis=1).reshape(90, -1)
    expected = np.zeros((71, columns), dtype)
    np.add.at(expected, ids, x)
    for rows in (x, wide):
        (y,) = run(lambda x, ids: [apply(ScatterAdd(71), x[:, :columns], ids)], workers, rows, ids)
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_zeros_of_two_signs_are_two_numbers() -> None:
    for y, sign in zip(run(lambda x: [1 / (x * 0.0), 1 / (x * -0.0)], 1, np.ones(2)), (1, -1), strict=True):
        np.testing.assert_array_equal(y, sign * np.inf)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_small_binary_cross_entropies_are_exact_at_both_ends(dtype: type) -> None:
    x, t = np.array([20, -20, 30, -80, 80], dtype), np.array([1, 0, 1, 0, 1], dtype)
    for y in (apply(BinaryCrossEntropy(), x, t), mg.softplus(-np.abs(x))):
        assert y.dtype == dtype
        np.testing.assert_allclose(y, np.exp(-np.abs(x.astype(float))), rtol=1e-6)
    np.testing.assert_array_equal(mg.softplus(np.array([-np.inf, np.inf, 500], dtype)), [0, np.inf, 500])


@WORKERS
def test_the_logarithm_of_a_sum_with_an_infinite_term_is_infinite(workers: int | None) -> None:
    x = np.array([[np.inf, 1000, -np.inf], [-np.inf, -np.inf, -np.inf], [-np.inf, 1000, -1000]])
    np.testing.assert_array_equal(run(lambda x: [mg.logsumexp(x, axis=1)], workers, x)[0], [np.inf, -np.inf, 1000])
