"""`explain()`: a story of what the passes did, with numbers that are those of the graphs and the plan."""

from typing import Any

import numpy as np
import pytest
from test_compiler import products, unrolled

import minigrad as mg
import viz
from minigrad.compiler.passes import PASSES
from minigrad.errors import UsageError
from minigrad.measure import MEASURES


def test_the_story_of_a_loop() -> None:
    f, features, captions = unrolled("lstm", 6)
    compiled = mg.compile(f, workers=1)
    compiled(features, captions)
    found = compiled.explain()
    assert [change.name for change in found.changes] == [p.name for p in PASSES]
    assert found.changes[0].before is compiled.traced
    assert MEASURES["products"](found.changes[-1].after) == products(compiled.graph) == 2 * 6 + 9
    assert all(viz.diff(change.before, change.after).svg.startswith("<svg") for change in found.changes if change.story)
    text = str(found)
    for line in (
        "products gone: 6 × 6×3 · 3×16 with Wx",
        "Products with one matrix are one product",
        "laid side by side",
        "computed in their place in a larger one",
        "found nothing to do: common subexpressions, factors",
        "predicted: products at the",
    ):
        assert line in text, text
    assert sum(cost.count for cost in found.costs) > 50
    assert found.measured > found.floor > 0
    assert found.memory["arena"] < found.memory["values"]
    first, last = found.changes[0].old, found.changes[-1].new
    assert last.predicted < first.predicted and last.measured > 0 and last.buffers < first.buffers
    assert last.held == found.memory["arena"] + found.memory["results"]


def test_it_tells_of_one_worker_of_several() -> None:
    w = mg.Parameter(np.ones((5, 3)), "w")
    compiled = mg.compile(lambda x: mg.tanh(x @ w.T), workers=2)
    compiled(np.ones((4, 3)))
    assert "on each of 2 workers" in str(compiled.explain())


def test_convolutions_are_products_by_their_kernels() -> None:
    compiled = mg.compile(lambda x, w: mg.grad(mg.relu(mg.conv2d(x, w)).sum(), [x, w]), workers=1)
    compiled(np.ones((1, 2, 9, 9)), np.ones((4, 2, 3, 3)))
    found = compiled.explain()
    convolutions = {cost.kind: cost for cost in found.costs if " 3×3" in cost.kind}
    assert len(convolutions) == 3 and all(c.flops == 2 * 4 * 7 * 7 * 2 * 3 * 3 for c in convolutions.values())
    assert "0 matrix" not in str(found)


@pytest.mark.parametrize("f", [lambda x: x, lambda x: None, lambda x: mg.tanh(x)])
def test_little_is_explained_too(f: Any) -> None:
    compiled = mg.compile(f)
    compiled(np.ones(3))
    assert "found nothing to do" in str(compiled.explain())


def test_what_is_forgotten_is_explained_on_zeros() -> None:
    compiled = mg.compile(lambda x: mg.tanh(x))
    compiled(np.ones(3))
    compiled.last.program.forget()
    assert compiled.explain().costs[0].measured < 1


def test_nothing_is_explained_before_the_first_call() -> None:
    try:
        mg.compile(lambda x: x).explain()
    except UsageError as error:
        assert "call the function once" in str(error)
    else:
        raise AssertionError("explained nothing")
