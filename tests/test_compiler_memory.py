"""Memory of a compiled program: nothing large is allocated in a step, and what was returned is the caller's."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.op import Array
from models import Captioner

LARGEST = 64 << 10
"""Bytes of an array that a step may allocate."""
N, T, D, W, H, V = 128, 4, 256, 128, 256, 1004


def step(cell: str) -> tuple[Callable[..., Any], Array, Array]:
    """A captioner's loss and gradients, all of whose values are larger than LARGEST, and a batch."""
    captioner = Captioner(cell, V, D, W, H)
    rng = np.random.default_rng(0)

    def f(features: Any, captions: Any) -> Any:
        loss = captioner.loss(features, captions)
        return loss, mg.grad(loss, captioner.parameters())

    return f, rng.normal(size=(N, D)).astype(np.float32), rng.integers(4, V, (N, T + 1))


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_step_allocates_nothing_large(cell: str, workers: int) -> None:
    # What is measured is all that a step holds at its highest: NumPy's buffers and a block of rows for each worker.
    # The smallest value of the step has 128 KiB.
    f, features, captions = step(cell)
    compiled = mg.compile(f, workers=workers)
    for _ in range(4):
        results = compiled(features, captions)
    del results
    compiled(features, captions)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        compiled(features, captions)
        after, highest = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert highest - before < 2 * LARGEST * workers
    assert after - before < LARGEST


def test_results_are_never_written_again() -> None:
    f, features, captions = step("rnn")
    compiled = mg.compile(f, workers=2)
    held, copies = [], []
    for k in (1.0, 0.5, 2.0):
        loss, gradients = compiled(features * np.float32(k), captions)
        held.append(gradients)
        copies.append([g.numpy().copy() for g in gradients])
        part = gradients[0].numpy()[3:5]  # a view of a result keeps it too
        kept, gradients = part.copy(), None
        del loss
        compiled(features, captions)
        assert np.array_equal(part, kept)
    for gradients, wanted in zip(held, copies, strict=True):
        assert all(np.array_equal(g.numpy(), w) for g, w in zip(gradients, wanted, strict=True))


def test_results_that_nobody_holds_are_used_again() -> None:
    f, features, captions = step("rnn")
    compiled = mg.compile(f, workers=1)
    places = set()
    for _ in range(6):
        _, gradients = compiled(features, captions)
        places.add(gradients[0].numpy().ctypes.data)
        del gradients, _
    assert len(places) <= 2


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_not_needed_any_more_is_computed_in_place(workers: int) -> None:
    chain = mg.compile(lambda x, y: mg.relu(mg.tanh(x @ y) * 3 + 1) @ y, workers=workers)
    kept = mg.compile(lambda x, y: mg.tanh(x @ y) * (x @ y) @ y, workers=workers)
    x, y = np.random.default_rng(0).normal(size=(2, 256, 256))
    np.testing.assert_allclose(chain(x, y).numpy(), np.maximum(np.tanh(x @ y) * 3 + 1, 0) @ y, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(kept(x, y).numpy(), np.tanh(x @ y) * (x @ y) @ y, rtol=1e-10, atol=1e-10)
    assert chain.last.program.plan.arena == x.nbytes
    assert kept.last.program.plan.arena == 2 * x.nbytes


def test_comparisons_are_made_as_soon_as_can_be() -> None:
    # Of six layers the backward pass needs to know where each was above zero, not what it was.
    def gradient(x: Any, w: Any) -> Any:
        y = x
        for _ in range(6):
            y = mg.relu(y @ w)
        return mg.grad(y.sum(), x)[0]

    compiled = mg.compile(gradient, workers=1)
    x, w = np.random.default_rng(0).normal(size=(2, 256, 256))
    found = compiled(mg.tensor(x, requires_grad=True), w)
    assert compiled.last.program.plan.arena <= 2 * x.nbytes + 6 * x.size
    np.testing.assert_allclose(found.numpy(), gradient(mg.tensor(x, requires_grad=True), w).numpy(), rtol=1e-10)


def test_a_result_may_be_changed_without_the_others() -> None:
    def results(x: Any) -> Any:
        y = mg.tanh(x)
        return y, mg.tanh(x), mg.concat([y, x]), y.T, y[1:]

    compiled = mg.compile(results, workers=1)
    x = np.random.default_rng(0).normal(size=(3, 4))
    for _ in range(3):
        for i in range(5):
            found = [y.numpy() for y in compiled(x)]
            found[i][...] = 7
            for j, (y, wanted) in enumerate(zip(found, results(mg.tensor(x)), strict=True)):
                assert i == j or np.allclose(y, wanted.numpy())
