"""Passes where shapes or dtypes of the terms differ, or where only the axis tells one sum from another."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler.passes import PASSES, Pass
from minigrad.compiler.rewrite import Builder
from minigrad.errors import ShapeError
from minigrad.op import Array, apply
from minigrad.ops.index import ScatterAdd

rng = np.random.default_rng(0)
IDS = np.zeros((4, 3), int)


def draw(*shape: int) -> Array:
    return rng.normal(size=shape)


def gradients_of_windows(a: Any, b: Any) -> Any:
    first, second = mg.grad((a[:, :2] * 3).sum(), a)[0], mg.grad((b[:, 2:] ** 2).sum(), b)[0]
    return first + second


def products(a: Any, b: Any, c: Any, d: Any) -> Any:
    return mg.tanh(a) @ mg.tanh(b) + mg.tanh(c) @ mg.tanh(d)


def masked(x: Any, w: Any) -> Any:
    return mg.grad((x @ w * np.array([True, False, True, True]))[:, 2:3].sum(), x)[0]


def only_column(x: Any, w: Any) -> Any:
    return mg.grad((mg.relu(x @ w[:, :1])[:, 0] ** 2).sum(), x)[0]


def one_column_twice(x: Any) -> Any:
    y = mg.tanh(x)
    return mg.grad((y[:, 1] ** 2).sum() + (y[:, 1:2] ** 3).sum(), x)[0]


FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[Array, ...]]] = {
    "sums of columns": (lambda a, b: a.sum(axis=1) + b.sum(axis=1), (draw(3, 3), draw(3, 3))),
    "sums of a middle axis": (lambda a, b: a.sum(axis=1) + b.sum(axis=1), (draw(2, 2, 4), draw(2, 2, 4))),
    "sums of other widths": (lambda a, b: a.sum(axis=0) + b.sum(axis=0), (draw(5, 4), draw(3, 1))),
    "sums of other ranks": (lambda a, b: a.sum(axis=0) + b.sum(axis=0), (draw(5, 4), draw(3, 2, 4))),
    "products of one row": (products, (draw(1, 3), draw(3, 4), draw(5, 2), draw(2, 4))),
    "products of one column": (products, (draw(5, 3), draw(3, 1), draw(5, 2), draw(2, 4))),
    "products of booleans": (
        lambda a, b, c, d: (a > 0) @ (b > 0) + mg.tanh(c) @ mg.tanh(d),
        (draw(5, 3), draw(3, 4), draw(5, 2), draw(2, 4)),
    ),
    "gradients of other shapes": (gradients_of_windows, (draw(1, 4), draw(3, 4))),
    "elements of a vector, looked up": (lambda a, b: mg.gather(a, IDS) @ b, (draw(1), draw(3, 2))),
    "elements of a product, by id": (
        lambda a, b: apply(ScatterAdd(1), a @ b, mg.tensor(IDS)),
        (draw(4, 2), draw(2, 3)),
    ),
    "a mask of each column": (masked, (draw(2, 3), draw(3, 4))),
    "the only column": (only_column, (draw(2, 3), draw(3, 4))),
    "one column twice": (one_column_twice, (draw(3, 3),)),
    "one matrix in two dtypes": (
        lambda a, b, w: [a @ w, b @ w],
        (draw(2, 3).astype(np.float32), draw(2, 3), draw(3, 5).astype(np.float32)),
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_terms_that_differ_stay_apart(name: str) -> None:
    f, arrays = FUNCTIONS[name]
    found, wanted = (g(*(mg.tensor(a, requires_grad=True) for a in arrays)) for g in (mg.compile(f, workers=1), f))
    for x, y in zip(*(v if isinstance(v, list) else [v] for v in (found, wanted)), strict=True):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("spoiled", [lambda y: y.sum(), lambda y: y.astype("float32")])
def test_a_pass_that_changes_what_comes_out_is_found(spoiled: Callable[[Any], Any]) -> None:
    def run(graph: mg.Graph, build: Builder) -> mg.Graph:
        return mg.trace(lambda x: spoiled(mg.tanh(x)), draw(3, 4))

    broken = Pass("broken", run, {}, "It does not.")
    with pytest.raises(ShapeError, match=r"broken: \(3, 4\) float64 has become"):
        broken(mg.trace(mg.tanh, draw(3, 4)))
    assert all(len(rewriting(mg.trace(mg.tanh, draw(3, 4)))) == 2 for rewriting in PASSES)
