"""Arrays that few programs have, compiled: narrow ids, mixed dtypes, columns of few rows, empty pictures."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import blas
from minigrad.compiler import cuts
from minigrad.errors import DTypeError
from minigrad.op import Array, apply
from minigrad.ops.index import ScatterAdd

rng = np.random.default_rng(0)
WORKERS = pytest.mark.parametrize("workers", [1, 2, 3])


@pytest.fixture(autouse=True)
def small_work_is_worth_cutting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuts, "WORTH_CUTTING", 1)


def same(f: Callable[..., Any], workers: int, *arguments: Array) -> None:
    """Checks that f gives compiled what it gives eagerly, dtype included."""
    found, wanted = mg.compile(f, workers=workers)(*arguments), f(*map(mg.tensor, arguments))
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-6, atol=1e-6)


@WORKERS
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int64, np.uint64])
def test_ids_of_a_narrow_dtype_find_rows_of_a_window(workers: int, dtype: type) -> None:
    table, ids = rng.normal(size=(120, 6)), rng.integers(0, 120, 50).astype(dtype)
    same(lambda table, ids: mg.gather(table[:, 2:4], ids), workers, table, ids)


@WORKERS
def test_sums_by_ids_of_any_number_of_axes(workers: int) -> None:
    x = rng.normal(size=(3, 4))
    for ids in (rng.integers(0, 9, (3, 4)), rng.integers(0, 9, 3), np.array(7)):
        same(lambda x, ids: apply(ScatterAdd(9), x, ids), workers, x, ids)


def test_ids_that_are_no_integers_are_refused_as_they_are_eagerly() -> None:
    with pytest.raises(DTypeError, match=r"Gather\(\): ids must be integers, not bool"):
        mg.compile(mg.gather)(np.eye(3), np.array([True, False]))


@WORKERS
@pytest.mark.parametrize(("dtype", "columns"), [(np.float32, 4), (np.float64, 8), (np.int32, 4)])
def test_columns_are_negated_where_they_lie(workers: int, dtype: type, columns: int) -> None:
    # numpy.negative takes such columns for neighbours in memory.
    x = rng.integers(-9, 9, (5, columns)).astype(dtype)
    same(lambda x: mg.concat([-x[:, 1:2], x[:, :1]], axis=1), workers, x)
    same(lambda x: mg.concat([(-x)[3:], (-x)[:3]], axis=0), workers, x)


@WORKERS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_finite_in_a_column_is_told_of_its_own_row(workers: int, dtype: type) -> None:
    # numpy.isnan and isfinite write other rows of such a column.
    x = np.where(np.arange(80).reshape(40, 2) % 7, 1, np.nan).astype(dtype)
    for f in (np.isnan, np.isfinite):
        same(lambda x, f=f: mg.concat([f(x[:, :1]), f(x[:, 1:])], axis=1), workers, x)


@WORKERS
def test_a_part_of_what_was_joined_has_the_dtype_of_the_whole(workers: int) -> None:
    a, b = rng.normal(size=(2, 3, 4))
    narrow = a.astype(np.float32)
    same(lambda a, b: mg.concat([a, b], axis=1)[:, :3] * (1 / 3), workers, narrow, b)
    same(lambda a, b: mg.stack([a, b])[0] * (1 / 3), workers, narrow, b)
    same(lambda a, b: mg.concat([a, b[:0]]), workers, narrow, b)


@WORKERS
def test_a_comparison_of_booleans_is_activated_as_booleans(workers: int) -> None:
    same(lambda x: mg.relu(x > 0) + x, workers, rng.normal(size=(3, 4)))


@WORKERS
def test_rows_of_one_pixel_may_lie_in_the_padding(workers: int) -> None:
    x, w = rng.normal(size=(1, 2, 3, 5)), rng.normal(size=(3, 2, 1, 1))
    same(lambda x, w: mg.conv2d(x, w, np.ones(3), padding=(3, 0)), workers, x, w)


@WORKERS
@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize(("pictures", "channels", "results"), [(0, 2, 3), (2, 0, 3), (2, 2, 0)])
def test_convolutions_of_nothing(workers: int, kernel: int, pictures: int, channels: int, results: int) -> None:
    x, w = np.ones((pictures, channels, 5, 4)), np.ones((results, channels, kernel, kernel))
    same(lambda x, w: mg.conv2d(x, w, np.arange(results) * 1.0), workers, x, w)


@WORKERS
@pytest.mark.parametrize(("stack", "inner"), [(0, 5), (2, 0)])
def test_stacks_of_empty_products(workers: int, stack: int, inner: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "small_kernels", lambda: True)
    monkeypatch.setattr(blas, "SMALL", 100)
    monkeypatch.setattr(blas, "RUN", 1)
    same(lambda a, b: a @ b, workers, np.ones((stack, 200, inner)), np.ones((stack, inner, 3)))


def test_outside_a_picture_of_booleans_nothing_is_true() -> None:
    assert not mg.max_pool2d(np.zeros((1, 1, 3, 3), bool), 2, padding=1).any()


@WORKERS
def test_one_element_of_a_vector_is_a_view_of_it(workers: int) -> None:
    x, table = np.arange(-2.0, 4), rng.normal(size=(6, 2))
    same(lambda x: (mg.tanh(x) * 2)[0] * x[1], workers, x)
    same(lambda x, table: mg.gather(table, mg.tanh(x).reshape(2, 3).argmax(axis=0)[2]) * 2, workers, x, table)
    double = mg.compile(lambda x: x[3] * 2, workers=workers)
    for x[3] in (5, 7):
        assert double(x).numpy() == 2 * x[3]


@WORKERS
@pytest.mark.parametrize("x", [np.ones((6, 4)).T, np.ones((4, 9))[:, 1:7], np.ones((8, 6))[::-2]])
def test_an_array_may_be_changed_between_calls_however_it_lies(workers: int, x: Array) -> None:
    shared = mg.from_numpy(x)
    given = mg.compile(lambda x: x.reshape(6, 4) @ x, workers=workers)
    outside = mg.compile(lambda: shared.reshape(6, 4) @ shared, workers=workers)
    for _ in range(3):
        x += rng.normal(size=(4, 6))
        for found in (given(x), outside()):
            np.testing.assert_allclose(found.numpy(), x.reshape(6, 4) @ x, rtol=1e-10)


@WORKERS
def test_sums_and_products_over_nothing(workers: int) -> None:
    x, column = np.ones((3, 2, 0)), mg.Parameter(np.ones((2, 1)))
    same(lambda x: x.sum(axis=(1,)), workers, x)
    same(lambda x: x.sum(axis=(0, 2), keepdims=True) + 1, workers, x)
    same(lambda x: mg.grad((x * column).sum(), column)[0], workers, x)
    same(lambda x: x @ np.ones((0, 4)), workers, x)
