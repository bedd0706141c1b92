"""Programs as data: tracing, running, listing, verifying, differentiating."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import ShapeError, UsageError
from minigrad.ops.activation import Tanh
from minigrad.ops.reduce import Sum

X, W = np.random.default_rng(0).standard_normal((2, 5, 4))


def net(x: mg.Tensor, w: mg.Tensor) -> mg.Tensor:
    with mg.scope("net", step=1):
        return mg.tanh(x * w + 1).sum()


def test_a_trace_computes_nothing_and_runs_on_any_values() -> None:
    graph = mg.trace(net, X, W)
    assert all(node.value is None for node in graph.nodes if node.op is not None)
    assert [x.name for x in graph.inputs] == ["arg0", "arg1"]
    for x, w in ((X, W), (W, -X)):
        np.testing.assert_array_equal(graph.run(x, w)[0], net(mg.tensor(x), mg.tensor(w)).numpy())


def test_a_trace_reads_parameters_at_each_run() -> None:
    w = mg.tensor(W, requires_grad=True, name="w")
    graph = mg.trace(lambda x: (x * w).sum(), X)
    assert graph.leaves == (w,)
    before = graph.run(X)[0]
    with mg.no_grad():
        w[...] = 2 * W
    assert graph.run(X)[0] == pytest.approx(2 * before)


def test_a_program_is_differentiated_after_its_parameters_have_moved() -> None:
    w = mg.tensor(np.full(3, 2.0), requires_grad=True)
    graph = mg.trace(lambda x: (x * w).sum(), np.ones(3))
    with mg.no_grad():
        w[...] = [1.0, 2.0, 3.0]
    assert mg.differentiate(graph, [w]).run(np.full(3, 7.0))[0].tolist() == [7.0, 7.0, 7.0]
    assert mg.differentiate(graph).run(np.ones(3))[0].tolist() == [1.0, 2.0, 3.0]


def test_the_listing_can_be_read_and_compared() -> None:
    assert str(mg.trace(net, X, W)).splitlines() == [
        "%0 = input 'arg0'  float64 (5, 4)",
        "%1 = input 'arg1'  float64 (5, 4)",
        "%2 = Multiply(%0, %1)  float64 (5, 4)  # net t=1",
        "%3 = constant  float64 ()  # net t=1",
        "%4 = Add(%2, %3)  float64 (5, 4)  # net t=1",
        "%5 = Tanh(%4)  float64 (5, 4)  # net t=1",
        "%6 = Sum(axes=(0, 1), keepdims=False)(%5)  float64 ()  # net t=1",
        "return %6",
    ]


def test_the_graph_behind_computed_tensors() -> None:
    x = mg.tensor(X, requires_grad=True)
    y = net(x, mg.tensor(W))
    graph = mg.Graph.of(y)
    assert [type(n.op).__name__ for n in graph if n.op] == ["Multiply", "Add", "Tanh", "Sum"]
    assert graph.run()[0] == y.item() and len(graph.verify()) == 7


def test_results_of_any_nesting_and_unused_inputs() -> None:
    graph = mg.trace(lambda a, b: {"first": (a, [a + 1])}, X, W)
    assert len(graph.outputs) == 2 and len(graph.run(X, W)) == 2
    with pytest.raises(UsageError, match="a traced function returns Tensors, not float"):
        mg.trace(lambda a: 1.0, X)


def test_arguments_that_do_not_fit_a_graph() -> None:
    graph = mg.trace(net, X, W)
    with pytest.raises(UsageError, match="2 inputs and was given 1"):
        graph.run(X)
    with pytest.raises(ShapeError, match=r"input arg1 is \(5, 4\) float64, the argument \(4,\) float64"):
        graph.run(X, W[0])
    with pytest.raises(ShapeError, match="float32"):
        graph.run(X, W.astype(np.float32))


@pytest.mark.parametrize("spoil", ["shape", "order"])
def test_verify_finds_what_a_rewrite_broke(spoil: str) -> None:
    graph = mg.trace(net, X, W)
    node = next(n for n in graph.nodes if isinstance(n.op, Sum))
    if spoil == "shape":
        node.op = replace(node.op, keepdims=True)
    else:
        nodes = list(graph.nodes)
        graph.nodes = (*nodes[:-2], nodes[-1], nodes[-2])
    with pytest.raises((ShapeError, UsageError), match=r"its rule says|comes before one of its inputs"):
        graph.verify()


def test_differentiating_graphs_to_any_order() -> None:
    graph = mg.trace(net, X, W)
    first = mg.differentiate(graph).verify()
    x, w = (mg.tensor(a, requires_grad=True) for a in (X, W))
    for traced, eager in zip(first.run(X, W), mg.grad(net(x, w), [x, w]), strict=True):
        np.testing.assert_allclose(traced, eager.numpy(), rtol=1e-14)
    second = mg.differentiate(first, [graph.inputs[0]]).verify()
    gx, gw = mg.grad(net(x, w), [x, w], create_graph=True)
    (gxx,) = mg.grad([gx, gw], x, [mg.tensor(np.ones((5, 4)))] * 2)
    np.testing.assert_allclose(second.run(X, W)[0], gxx.numpy(), rtol=1e-12)
    assert any(node.scope.backward and node.scope.path == "net" for node in first.nodes)


def test_an_input_without_influence_has_zero_gradient() -> None:
    graph = mg.differentiate(mg.trace(lambda a, b: a.sum(), X, W))
    assert (graph.run(X, W)[1] == 0).all()


def test_gradients_inside_a_trace_are_traced() -> None:
    def step(x: mg.Tensor) -> Any:
        return mg.value_and_grad(lambda t: mg.tanh(t).sum())(x)

    value, gradient = mg.trace(step, X).verify().run(X)
    np.testing.assert_allclose(value, np.tanh(X).sum())
    np.testing.assert_allclose(gradient, 1 - np.tanh(X) ** 2)


def test_shapes_are_checked_while_tracing() -> None:
    with pytest.raises(ShapeError, match=r"Add\(\) in net.*\(5, 4\).*\(3,\)"):
        mg.trace(lambda x: scoped_sum(x, np.ones(3)), X)


def scoped_sum(x: mg.Tensor, y: Any) -> mg.Tensor:
    with mg.scope("net"):
        return x + y


def test_ops_are_values() -> None:
    assert Sum((0,)) == Sum((0,)) != Sum((1,)) and hash(Tanh()) == hash(Tanh())
    assert repr(Sum((0,), True)) == "Sum(axes=(0,), keepdims=True)"
