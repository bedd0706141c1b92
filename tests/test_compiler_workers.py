"""Work divided among threads: the same values for any number of them, in whatever order they come to run."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from random_programs import random_program
from test_compiler import agree, unrolled
from threadpoolctl import threadpool_info, threadpool_limits

import minigrad as mg
from minigrad.compiler import cuts, parallel
from minigrad.compiler.cuts import cut
from minigrad.compiler.function import Compiled
from minigrad.compiler.parallel import Stage, Workers, follow, one_blas_thread
from minigrad.errors import UsageError
from models import Captioner
from models.cells import CELLS

rng = np.random.default_rng(0)
N = 6
X, IDS = rng.normal(size=(N, 4)), rng.integers(0, 5, (N, 3))
W = mg.Parameter(rng.normal(size=(4, 5)), "W")
WEIGHTS = rng.normal(size=100)


@pytest.fixture(autouse=True)
def small_work_is_worth_cutting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuts, "WORTH_CUTTING", 1)
    monkeypatch.setattr(cuts, "FEW", 1)


def with_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """f and the gradient of a weighted sum of it."""

    def both(x: Any) -> Any:
        y = f(x)
        return y, [
            g for g in mg.grad(y, [x, W], WEIGHTS[: y.size].reshape(y.shape), allow_unused=True) if g is not None
        ]

    return both


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sum of products": lambda x: (mg.tanh(x @ W) ** 2).sum(),
    "mean over everything": lambda x: mg.sigmoid(x @ W).mean(),
    "mean over rows": lambda x: (x @ W).mean(axis=0).sum() * 2 / 3,
    "softmax of rows": lambda x: (x @ W).softmax(axis=1),
    "softmax of columns": lambda x: (x @ W).softmax(axis=0),
    "maximum within rows": lambda x: (x @ W).max(axis=1).sum(),
    "maximum over rows": lambda x: (x @ W).max(axis=0),
    "reshaped and transposed": lambda x: ((x @ W).reshape(N, 5, 1).transpose(1, 0, 2).reshape(5 * N) * 2.0).sum(),
    "slices and joins": lambda x: mg.concat([x[:, :2], mg.stack([x[:, 3], x[:, 0]], 1)], 1) @ W,
    "rows times rows": lambda x: x @ x.T @ x @ W,
    "deviation from the mean of rows": lambda x: (x - x.mean(axis=0)) @ W,
    "neighbouring rows": lambda x: (x[1:] * x[:-1]) @ W,
    "a stack of products": lambda x: mg.stack([x, x + 1]) @ W,
    "einsum": lambda x: mg.einsum("ij,jk,ik->kj", x, W, x @ W),
    "lookups": lambda x: mg.gather(x @ W, IDS) + mg.embedding(IDS[::-1], W.T @ W)[:, :, :1].sum(axis=(0, 1)),
    "rows of a table": lambda x: mg.gather(x @ W, IDS[:, 0]) * 2.0,
    "cross entropy": lambda x: mg.softmax_cross_entropy(x @ W, IDS[:, 0]),
    "convolution and pooling": lambda x: mg.max_pool2d(
        mg.conv2d(x.reshape(N, 1, 2, 2), W[:, :4].reshape(4, 1, 2, 2), padding=1), 2, 1
    ),
    "transposed convolution": lambda x: mg.conv_transpose2d(x.reshape(N, 4, 1, 1), W.reshape(4, 5, 1, 1)),
    "kept axes": lambda x: (x @ W).sum(axis=0, keepdims=True) * x[:, :1],
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("workers", [2, 3, 4])
def test_the_parts_make_the_whole(name: str, workers: int) -> None:
    f = with_gradient(FUNCTIONS[name])
    agree(mg.compile(f, workers=workers)(X), mg.compile(f, workers=1)(X))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_a_captioners_step_is_the_eager_one_in_the_same_bits_each_time(cell: str, dtype: Any, tolerance: float) -> None:
    captioner = Captioner(cell, 40, 30, 20, 24, dtype=dtype, embedding_deviation=1.0)
    features, captions = rng.normal(size=(20, 30)).astype(dtype), rng.integers(0, 40, (20, 9))

    def step(features: Any, captions: Any) -> Any:
        loss = captioner.loss(features, captions)
        return loss, *mg.grad(loss, captioner.parameters())

    wanted = step(features, captions)
    for workers in (1, 2, 3):
        compiled = mg.compile(step, workers=workers)
        found = compiled(features, captions)
        agree(found, wanted, tolerance)
        again = mg.compile(step, workers=workers)(features, captions)
        for other in (compiled(features, captions), again):
            assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in zip(found, other, strict=True))


class OneAfterTheOther(Workers):
    """No threads: in each stage one worker after the other does its steps, in an order drawn for each stage."""

    def __init__(self, count: int, seed: int) -> None:
        super().__init__(count)
        self._rng = np.random.default_rng(seed)

    def run(self, stages: Sequence[Stage]) -> None:
        for stage in stages:
            for worker in self._rng.permutation(len(stage)):
                follow(stage[worker])


def in_any_order(f: Callable[..., Any], workers: int, seed: int) -> Compiled:
    """f compiled for workers that come to run in some order."""
    compiled = mg.compile(f, workers=workers)
    compiled._workers = OneAfterTheOther(workers, seed)
    return compiled


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
@pytest.mark.parametrize("workers", [2, 3])
def test_who_comes_first_does_not_matter(cell: str, workers: int) -> None:
    f, features, captions = unrolled(cell, 4)
    wanted = f(features, captions)
    for seed in range(5):
        agree(in_any_order(f, workers, seed)(features, captions), wanted)


@pytest.mark.parametrize("block", range(4))
def test_random_programs_in_any_order(block: int) -> None:
    for seed in range(5000 + 15 * block, 5015 + 15 * block):
        program = random_program(seed, ops=25)

        def step(*xs: Any, program: Any = program) -> Any:
            y = program(*xs)
            return [y, *(g for g in mg.grad(y, xs, allow_unused=True) if g is not None)]

        wanted = step(*(mg.tensor(a, requires_grad=True) for a in program.arrays))
        agree(in_any_order(step, 2 + seed % 2, seed)(*program.arrays), wanted, 1e-10)


def gradient_of_a_network(seed: int) -> tuple[Callable[..., Any], Any]:
    """A function of one to three pictures, as networks have them, of drawn sizes; and its gradient; the pictures."""
    draw = np.random.default_rng(seed)
    kernel, stride = (int(k) for k in draw.integers(1, 4, 2))
    padding, pool = int(draw.integers(0, kernel // 2 + 1)), int(draw.integers(1, 4))
    x = mg.tensor(draw.normal(size=(int(draw.integers(1, 4)), 2, int(draw.integers(9, 20)), 9)))
    shapes = (9, 2, kernel, kernel), (5, 9, 1, 1), (4, 9, 3, 3), (9, 3, 3, 2), (9,), (5,), (4,)
    w, bare, wide, v, b, c, d = (draw.normal(size=shape) for shape in shapes)

    def f(x: Any) -> Any:
        y = mg.relu(mg.conv2d(x, w, b, stride=stride, padding=padding))
        y = mg.relu(mg.concat([mg.conv2d(y, bare, c), mg.conv2d(y, wide, d, padding=1)], axis=1))
        y = mg.max_pool2d(y, pool, 2, ceil_mode=bool(seed % 2))
        z = mg.conv_transpose2d(mg.avg_pool2d(y, pool, 1, pool // 2), v, stride=2, padding=(1, 0))
        return z, *mg.grad((z * z).sum(), x)

    return f, x


@pytest.mark.parametrize("workers", [2, 3])
def test_pictures_are_cut_by_rows(workers: int) -> None:
    for seed in range(30):
        f, x = gradient_of_a_network(seed)
        wanted = f(mg.tensor(x.numpy(), requires_grad=True))
        agree(in_any_order(f, workers, seed)(x), wanted, 1e-10)
    compiled = mg.compile(lambda x: mg.conv2d(x, np.ones((9, 2, 3, 3))), workers=2)
    compiled(rng.normal(size=(1, 2, 90, 90)))
    assert [d.axis for d in compiled.last.program.divisions] == [2]


def stages(f: Callable[..., Any], *arguments: Any) -> int:
    """How often two workers wait for each other."""
    compiled = mg.compile(f, workers=2)
    compiled(*arguments)
    return len(compiled.last.program.stages)


def test_the_steps_of_a_recurrence_run_through_without_waiting() -> None:
    counts = []
    for steps in (4, 8):
        f, features, captions = unrolled("lstm", steps)
        counts.append(stages(f, features, captions))
    assert counts[0] == counts[1] <= 16


def test_products_of_few_rows_are_cut_by_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuts, "FEW", 32)
    w = mg.Parameter(rng.normal(size=(64, 96)))
    for rows, axis in ((24, 1), (200, 0)):
        compiled = mg.compile(lambda x: x @ w, workers=2)
        compiled(rng.normal(size=(rows, 64)))
        assert [d.axis for d in compiled.last.program.divisions] == [axis]


def test_small_work_is_left_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuts, "WORTH_CUTTING", 16384)
    assert stages(lambda x: mg.tanh(x @ W).sum(), X) == 1


def test_threads_are_used_by_themselves_where_that_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minigrad.compiler.function.default_workers", lambda: 2)
    square = mg.compile(lambda x: (x @ (x.T @ x)).sum(axis=1))
    for x, workers in ((rng.normal(size=(64, 8)), 1), (rng.normal(size=(64, 1024)), 2)):
        assert np.allclose(square(x).numpy(), (x @ (x.T @ x)).sum(axis=1))
        assert square.explain().workers == workers


def test_parts_are_cut_where_products_are_quick() -> None:
    def sizes(length: int, parts: int) -> list[int]:
        return [len(part) for part in cut(np.zeros((length, 2)), 0, parts)]

    assert sizes(128, 2) == [64, 64]
    assert sizes(1004, 2) == [504, 500]
    assert sizes(25, 2) == [12, 13]
    assert sizes(7, 3) == [2, 3, 2]


def test_an_error_in_one_worker_ends_the_run_and_not_the_program() -> None:
    table = mg.Parameter(rng.normal(size=(5, 3)))
    f = mg.compile(lambda ids: mg.tanh(mg.gather(table, ids)).sum(axis=1), workers=2)
    good = np.arange(4)
    wanted = np.tanh(table.numpy()[good]).sum(axis=1)
    for bad in (np.array([9, 0, 0, 0]), np.array([0, 0, 0, 9])):
        agree(f(good), mg.tensor(wanted))
        with pytest.raises(IndexError, match=rf"the first 9 at \({bad.argmax()},\)"):
            f(bad)
    agree(f(good), mg.tensor(wanted))


def test_there_is_at_least_one_worker() -> None:
    with pytest.raises(UsageError, match="at least one"):
        mg.compile(lambda x: x, workers=0)


def test_warnings_are_as_the_caller_wants_them() -> None:
    f = mg.compile(lambda x: mg.exp(x), workers=2)
    with np.errstate(over="ignore"):
        assert np.isinf(f(np.full((4, 2), 1e4)).numpy()).all()


@pytest.fixture
def blas_with_two_threads() -> Iterator[None]:
    with threadpool_limits(2, "blas"):
        yield


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.mark.usefixtures("blas_with_two_threads")
def test_blas_has_its_threads_back_after_a_step_even_a_failed_one() -> None:
    f = mg.compile(lambda ids: mg.gather(W, ids) @ W.T, workers=2)
    f(np.arange(4))
    assert blas_threads() == {2}
    with pytest.raises(IndexError):
        f(np.array([0, 9, 0, 0]))
    assert blas_threads() == {2}


@pytest.mark.usefixtures("blas_with_two_threads")
def test_blas_is_held_until_the_last_of_several_programs_has_ended() -> None:
    with one_blas_thread():
        with one_blas_thread():
            assert blas_threads() == {1}
        assert blas_threads() == {1}
    assert blas_threads() == {2}


def test_there_is_one_worker_where_blas_cannot_be_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "usable_cores", lambda: 2)
    assert parallel.default_workers() == 2
    monkeypatch.setattr(parallel, "blas", lambda: None)
    assert parallel.default_workers() == 1
    with one_blas_thread():
        pass
