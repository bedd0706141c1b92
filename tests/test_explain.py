"""`explain()`: a story of what the passes did, with numbers that are those of the graphs and the plan."""

import numpy as np
from test_compiler import products, unrolled

import minigrad as mg
import viz
from minigrad.compiler.passes import PASSES
from minigrad.errors import UsageError


def test_the_story_of_a_loop() -> None:
    f, features, captions = unrolled("lstm", 6)
    compiled = mg.compile(f, workers=1)
    compiled(features, captions)
    found = compiled.explain()
    assert [change.name for change in found.changes] == [p.name for p in PASSES]
    assert found.changes[0].before is compiled.traced
    assert found.changes[-1].sizes["matrix products"][1] == products(compiled.graph) == 2 * 6 + 9
    assert all(viz.diff(change.before, change.after).svg.startswith("<svg") for change in found.changes)
    text = str(found)
    for line in (
        "products gone: 6 × 6×3 · 3×16 with Wx",
        "Products with one matrix are one product",
        "laid side by side",
        "computed in their place inside a larger one",
        "GFLOP in them",
        "predicted: products at the",
    ):
        assert line in text, text
    assert sum(cost.count for cost in found.costs) > 50
    assert found.measured > found.floor > 0
    assert found.memory["arena"] < found.memory["values"]


def test_it_tells_of_one_worker_of_several() -> None:
    w = mg.Parameter(np.ones((5, 3)), "w")
    compiled = mg.compile(lambda x: mg.tanh(x @ w.T), workers=2)
    compiled(np.ones((4, 3)))
    assert "on each of 2 workers" in str(compiled.explain())


def test_nothing_is_explained_before_the_first_call() -> None:
    try:
        mg.compile(lambda x: x).explain()
    except UsageError as error:
        assert "call the function once" in str(error)
    else:
        raise AssertionError("explained nothing")
