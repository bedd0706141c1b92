"""Splitting a batch over workers: exact where examples do not see each other, refused by name where they do."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler.batch import Mixed
from minigrad.compiler.batch_rules import part_of
from minigrad.compiler.parallel import parts_of
from minigrad.errors import UsageError
from models import Captioner
from models.cells import CELLS

rng = np.random.default_rng(0)
N = 6
X, IDS = rng.normal(size=(N, 4)), rng.integers(0, 5, (N, 3))
W = mg.Parameter(rng.normal(size=(4, 5)), "W")


def with_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """f and the gradient of its sum."""

    def both(x: Any) -> Any:
        y = f(x)
        return y, mg.grad(y, [x, W], np.ones(y.shape))

    return both


SPLITTABLE: dict[str, Callable[..., Any]] = {
    "sum of products": lambda x: (mg.tanh(x @ W) ** 2).sum(),
    "mean over everything": lambda x: mg.sigmoid(x @ W).mean(),
    "mean over examples": lambda x: (x @ W).mean(axis=0).sum() * 2 / 3,
    "per example": lambda x: (x @ W).softmax(axis=1),
    "maximum within examples": lambda x: (x @ W).max(axis=1).sum(),
    "reshaped and transposed": lambda x: ((x @ W).reshape(N, 5, 1).transpose(1, 0, 2).reshape(5 * N) * 2.0).sum(),
    "slices and joins": lambda x: mg.concat([x[:, :2], mg.stack([x[:, 3], x[:, 0]], 1)], 1) @ W,
    "constants of the batch's size": lambda x: (x * np.zeros((N, 4)) + np.ones((N, 1))) @ W,
}


@pytest.mark.parametrize("name", SPLITTABLE)
@pytest.mark.parametrize("workers", [2, 4])
def test_the_parts_make_the_whole(name: str, workers: int) -> None:
    f = with_gradient(SPLITTABLE[name])
    wanted = mg.compile(f)(X)
    found = mg.compile(f, workers=workers)(X)
    for a, b in zip([wanted[0], *wanted[1]], [found[0], *found[1]], strict=True):
        assert a.shape == b.shape
        assert np.abs(a.numpy() - b.numpy()).max() <= 1e-12 * max(1.0, np.abs(a.numpy()).max())


@pytest.mark.parametrize("cell", CELLS)
def test_the_captioners_step_is_the_same_on_any_number_of_workers(cell: str) -> None:
    captioner = Captioner(cell, 5, 4, 3, 6, dtype=np.float64, embedding_deviation=1.0)

    def step(features: Any, captions: Any) -> Any:
        loss = captioner.loss(features, captions)
        return loss, *mg.grad(loss, captioner.parameters())

    wanted = step(X, IDS)
    for workers in (1, 2, 3):
        compiled = mg.compile(step, workers=workers)
        found = compiled(X, IDS)
        for a, b in zip(wanted, found, strict=True):
            assert np.abs(a.numpy() - b.numpy()).max() <= 1e-12 * np.abs(a.numpy()).max()
        again = compiled(X, IDS)
        assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in zip(found, again, strict=True))


MIXING: dict[str, Callable[..., Any]] = {
    "maximum over examples": lambda x: x.max(axis=0),
    "softmax over examples": lambda x: x.softmax(axis=0),
    "a product of examples": lambda x: x @ x.T,
    "a sum used too early": lambda x: mg.tanh(x.sum()),
    "deviation from the batch's mean": lambda x: x - x.mean(axis=0),
    "other examples' rows": lambda x: x[1:] * x[:-1],
    "data beside the batch": lambda x: x * X,
}


@pytest.mark.parametrize("name", MIXING)
def test_what_mixes_examples_is_refused(name: str) -> None:
    with pytest.raises(Mixed, match="mixes the examples"):
        mg.compile(MIXING[name], workers=2)(X)


def test_arguments_without_a_common_batch_are_refused() -> None:
    with pytest.raises(UsageError, match=r"\[3, 6\]"):
        mg.compile(lambda x, y: x.sum() + y.sum(), workers=2)(X, np.ones(3))


def test_a_part_is_a_valid_graph_of_its_own() -> None:
    graph = mg.trace(lambda x: (mg.tanh(x @ W) * 2).sum(), X)
    part = part_of(graph, N, 2, [True])
    assert part.states == ("partial",)
    assert part.graph.verify().inputs[0].shape == (2, 4)


def test_a_batch_is_split_by_itself_where_that_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minigrad.compiler.function.usable_cores", lambda: 2)
    small, large = rng.normal(size=(64, 8)), rng.normal(size=(64, 1024))
    square = mg.compile(lambda x: (x @ (x.T @ x)).sum(axis=1))
    for x in (small, large):
        assert np.allclose(square(x).numpy(), (x @ (x.T @ x)).sum(axis=1))
    mean = mg.compile(lambda x, w: mg.tanh(x @ w - (x @ w).mean(axis=0)))  # examples see each other
    w = rng.normal(size=(1024, 1024))
    assert np.allclose(mean(large, w).numpy(), np.tanh(large @ w - (large @ w).mean(axis=0)))


def test_rows_are_cut_where_products_are_quick() -> None:
    assert [r.stop - r.start for r in parts_of(25, 2)] == [16, 9]
    assert [r.stop - r.start for r in parts_of(128, 2)] == [64, 64]
    assert [r.stop - r.start for r in parts_of(6, 4)] == [2, 1, 2, 1]
    assert [r.stop - r.start for r in parts_of(20, 8)] == [16, 4]
