"""Products in pieces for BLAS's small kernels: the same values, in memory of whatever strides, and fewer waits."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from test_compiler import agree, unrolled

import minigrad as mg
from minigrad import blas
from minigrad.compiler.kernels import gather, in_one_piece, scatter_add
from minigrad.op import Array, apply
from minigrad.ops.index import Gather, ScatterAdd
from minigrad.ops.linalg import MatMul
from minigrad.ops.shape import Copy

rng = np.random.default_rng(0)


@pytest.fixture(params=[False, True], ids=["without small kernels", "with small kernels"])
def small_kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(blas, "small_kernels", lambda: request.param)
    return bool(request.param)


def product(a: Array, b: Array, y: Array) -> int:
    """Checks what the calls write into y; how many there are."""
    calls = [*blas.multiplied(a, b, y)]
    y[...] = np.nan
    for call in calls:
        call()
    np.testing.assert_allclose(y, a @ b, rtol=1e-4 if y.dtype == np.float32 else 1e-12, atol=1e-4)
    return len(calls)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [1, 2, 13, 24, 25, 64, 200, 256, 257])
def test_few_rows_times_a_transposed_matrix(small_kernels: bool, rows: int, dtype: type) -> None:
    for inner, columns in ((512, 512), (300, 1003), (2048, 70)):
        a, w = rng.normal(size=(rows, inner)).astype(dtype), rng.normal(size=(columns, inner)).astype(dtype)
        wide = np.empty((rows, columns + 5), dtype)
        assert product(a, w.T, wide[:, 2:-3]) <= 3
        assert product(a.T.copy().T, w.T, wide[:, 5:]) == 1
        assert product(a, w.T.copy(), wide[:, 5:]) <= 3
        assert product(a.T.copy().T, w.T.copy(), wide[:, 5:]) <= 3


def test_what_is_cut_and_what_is_not(small_kernels: bool) -> None:
    def pieces(rows: int, inner: int, columns: int, order: str = "F") -> tuple[int, int] | None:
        b: Array = np.empty((inner, columns), order=order)  # type: ignore[call-overload]
        return blas.window(np.empty((rows, inner)), b, np.empty((rows, columns)))

    assert pieces(25, 512, 2048) == ((25, 32) if small_kernels else None)  # 48 would do: 32 divide 2048
    assert pieces(64, 2048, 512) == ((32, 8) if small_kernels else None)
    assert pieces(390, 576, 256, "C") == ((24, 64) if small_kernels else None)
    assert pieces(25, 512, 2048, "C") == ((25, 64) if small_kernels else None)
    assert pieces(4, 16, 16) is pieces(1, 512, 2048) is pieces(64, 2048, 512, "C") is None


def test_a_recurrence_of_an_odd_batch_runs_through_without_waiting(small_kernels: bool) -> None:
    w = mg.Parameter(rng.normal(size=(512, 2048), scale=1e-2))

    def recurrence(x: Any) -> Any:
        for _ in range(8):
            x = mg.tanh((x @ w)[:, :512])
        return x

    x = rng.normal(size=(25, 512))
    f = mg.compile(recurrence, workers=2)
    assert np.allclose(f(x).numpy(), recurrence(mg.tensor(x)).numpy(), atol=1e-14)
    assert {n.shape for n in f.graph if isinstance(n.op, MatMul)} == {(25, 2048) if small_kernels else (2048, 25)}
    assert sum(isinstance(n.op, Copy) for n in f.graph) == 1
    assert (len(f.last.program.stages) <= 3) == small_kernels


@pytest.mark.parametrize("workers", [1, 2])
def test_an_lstm_is_the_same_either_way(small_kernels: bool, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "SMALL", 100)
    f, features, captions = unrolled("lstm", 5)
    agree(mg.compile(f, workers=workers)(features, captions), f(features, captions))


@pytest.mark.parametrize("count", [1, 7, 300, 5000])
@pytest.mark.parametrize("vocabulary", [1, 5, 1004])
def test_sums_by_id(count: int, vocabulary: int) -> None:
    ids = (rng.pareto(0.5, count) * 2).astype(int) % vocabulary  # a few are most of them, as in language
    for x in (rng.normal(size=(count, 6)), rng.normal(size=(count, 9))[:, 3:6], rng.normal(size=(count, 8))[:, 1:7]):
        wanted = np.zeros((vocabulary, x.shape[1]))
        np.add.at(wanted, ids, x)
        summed = mg.compile(lambda x, ids: apply(ScatterAdd(vocabulary), x, ids), workers=1)
        np.testing.assert_allclose(summed(x, ids).numpy(), wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("columns", [500, 504])
def test_rows_of_a_window_are_looked_up_and_summed_without_a_copy_of_the_table(columns: int) -> None:
    table, ids = rng.normal(size=(600, 1004))[:, :columns], rng.integers(0, 600, 600)
    found, summed = np.empty((600, columns)), np.empty((700, columns))
    wanted = np.zeros_like(summed)
    np.add.at(wanted, ids, table)
    calls = [*gather(Gather(), (table, ids), found), *scatter_add(ScatterAdd(700), (table, ids), summed)]
    tracemalloc.start()
    try:
        for call in calls:
            call()
        _, highest = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert highest < table.nbytes // 8
    assert np.array_equal(found, table[ids])
    np.testing.assert_allclose(summed, wanted, rtol=1e-9, atol=1e-9)


def test_windows_of_rows_are_pieces_of_the_whole() -> None:
    whole = rng.normal(size=(6, 8))
    for window, step in ((whole, 1), (whole[:, 4:], 2), (whole[1:5, 2:4], 4), (whole[:, :3], 1), (whole[:, ::2], 1)):
        pieces, found = in_one_piece(window)
        assert found == step and np.array_equal(pieces[::step], window)
        assert pieces.flags.c_contiguous == (step > 1 or window is whole)
