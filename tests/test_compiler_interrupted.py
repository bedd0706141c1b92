"""Compiled functions that are interrupted, forked, copied, called by several threads, and that go away."""

import copy
import gc
import multiprocessing
import os
import pickle
import threading
import time
import tracemalloc
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler import parallel
from minigrad.compiler.program import Program
from minigrad.errors import UsageError
from minigrad.op import Array

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 8))
W = mg.Parameter(rng.normal(size=(8, 8)), "W")


def chain(x: Any) -> Any:
    for _ in range(5):
        x = mg.tanh(x @ W)
    return x


@mg.compile
def halved(x: Any) -> Any:
    """Half of x."""
    return x / 2


def equal(found: Any, x: Array = X) -> bool:
    return np.array_equal(found.numpy(), chain(mg.tensor(x)).numpy())


@pytest.mark.parametrize("times", [1, 2, 5])
def test_however_often_a_run_is_interrupted_nobody_is_left_in_the_arena(
    times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    f, running, left = mg.compile(chain, workers=2), [], [times]
    wanted = f(X).numpy().copy()
    follow, wait = parallel.follow, parallel.wait

    def slowly(steps: Any) -> None:
        running.append(1)
        follow(time.sleep(0.001) or step for step in steps)  # type: ignore[func-returns-value]
        running.pop()

    def interrupted(futures: Any) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise KeyboardInterrupt
        wait(futures)

    with monkeypatch.context() as patch:
        patch.setattr(parallel, "follow", slowly)
        patch.setattr(parallel, "wait", interrupted)
        for _ in range(3):
            left[0] = times
            with pytest.raises(KeyboardInterrupt):
                f(X * 2)
            assert not running
    assert np.array_equal(f(X).numpy(), wanted)


@pytest.mark.parametrize("where", ["_bind", "_renew"])
def test_what_was_being_bound_is_bound_again(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    f = mg.compile(chain)
    kept = f(X)
    before, once = kept.numpy().copy(), getattr(Program, where)

    def interrupted(self: Any, *args: Any) -> Any:
        if where == "_renew":
            once(self, *args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Program, where, interrupted)
        with pytest.raises(KeyboardInterrupt):
            f(X * 2)
    assert equal(f(X * 2), X * 2) and equal(f(X * 3), X * 3)
    assert np.array_equal(kept.numpy(), before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_forked_processes_go_on() -> None:
    f = mg.compile(chain, workers=2)
    f(X)
    over = threading.Event()
    other = threading.Thread(target=lambda: [f(X * 2) for _ in iter(over.is_set, True)])
    other.start()  # a fork comes while threads are at work, and hold what they hold
    try:
        with multiprocessing.get_context("fork").Pool(2) as pool:
            found = pool.map_async(fixed, [f] * 4).get(timeout=30)
    finally:
        over.set()
        other.join()
    assert all(np.array_equal(y, f(X).numpy()) for y in found)


def fixed(f: Any) -> Array:
    """Of a function that came as a pickle, in another process."""
    return np.array(f(X).numpy())


def test_threads_take_turns() -> None:
    f, wrong = mg.compile(chain, workers=2), []

    def work(k: int) -> None:
        wrong.extend(k for _ in range(10) if not equal(f(X * k), X * k))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_copy_is_compiled_anew() -> None:
    f = mg.compile(chain, workers=1, without=["layout"])
    f(X)
    for other in (pickle.loads(pickle.dumps(f)), copy.deepcopy(f), copy.copy(f)):
        assert equal(other(X)) and "layout" not in [change.name for change in other.explain().changes]
    assert pickle.loads(pickle.dumps(halved)) is halved is copy.deepcopy(halved)
    assert (halved.__name__, halved.__doc__) == ("halved", "Half of x.")
    assert repr(halved) == "<compiled halved>"


def test_threads_end_with_their_function() -> None:
    gc.collect()
    before = threading.active_count()
    for _ in range(5):
        mg.compile(chain, workers=2)(X)
    gc.collect()
    patience = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < patience:
        time.sleep(0.01)
    assert threading.active_count() <= before


def test_programs_of_many_shapes_hold_the_memory_of_a_few() -> None:
    f = mg.compile(lambda x: mg.tanh(x @ W) * 2, workers=1)
    f(X)
    n = 20_000
    tracemalloc.start()
    for i in range(24):
        f(np.ones((n + i, 8)))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 12 * 3 * n * 8 * 8  # of 24 that each have an arena, an argument and a result
    assert np.array_equal(f(np.ones((n, 8))).numpy(), (mg.tanh(mg.tensor(np.ones((n, 8))) @ W) * 2).numpy())


def test_what_is_no_function_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match="a function can be compiled, or a Module, but not a int"):
        mg.compile(3)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"1\.5 workers"):
        mg.compile(chain, workers=1.5)  # type: ignore[arg-type]
