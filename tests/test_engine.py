"""Gradients as functions, their lifetime, and depth: what every user of the engine leans on."""

import gc
import threading
import tracemalloc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim


@contextmanager
def collector_off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def leaf(*values: float) -> mg.Tensor:
    return mg.tensor(list(values), requires_grad=True)


def test_backward_adds_into_grad() -> None:
    x = leaf(1.0, 2.0)
    for times in (1, 2):
        (x * x).sum().backward()
        np.testing.assert_array_equal(x.grad.numpy(), [2.0 * times, 4.0 * times])


def test_a_tensor_used_twice_gets_both_parts() -> None:
    x = leaf(3.0)
    y = x * x + x
    (gx,) = mg.grad(y + y, x)
    assert gx.item() == 14.0


def test_gradients_own_their_memory() -> None:
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    g = np.ones(2)
    ga, gb = mg.grad(a + b, [a, b], mg.from_numpy(g))
    ga.numpy()[:] = 7
    assert (gb.numpy() == 1).all() and (g == 1).all()
    (a + b).backward(g)
    a.grad.numpy()[:] = 7
    assert (b.grad.numpy() == 1).all() and (g == 1).all()


def test_gradients_of_inner_nodes_of_outputs_and_of_several_outputs() -> None:
    x = leaf(2.0)
    y = x * x
    z = y * 3
    assert [g.item() for g in mg.grad(z, [y, z, x])] == [3.0, 1.0, 12.0]
    assert mg.grad([z, y, y], x)[0].item() == 20.0
    assert mg.grad([z, y], x, [mg.tensor([2.0]), mg.tensor([10.0])])[0].item() == 64.0


def test_an_unused_input_is_none_only_when_asked() -> None:
    x, other = leaf(1.0), mg.tensor([1.0], requires_grad=True, name="other")
    assert mg.grad(x * 2, [x, other], allow_unused=True)[1] is None
    with pytest.raises(mg.errors.GradientError, match=r"do not depend on input 1 \(other\).*allow_unused"):
        mg.grad(x * 2, [x, other])


def test_every_order_of_derivative() -> None:
    x = leaf(0.7)
    y = mg.sin(x)
    expected = [np.cos(0.7), -np.sin(0.7), -np.cos(0.7), np.sin(0.7), np.cos(0.7)]
    for value in expected:
        (y,) = mg.grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(value, rel=1e-14)


def test_jvp_and_hvp_against_whole_matrices() -> None:
    rng = np.random.default_rng(0)
    x, w = (mg.tensor(rng.standard_normal(s), requires_grad=True) for s in ((4,), (4, 4)))
    y = mg.tanh(w @ x) * x
    rows = [mg.grad(y, x, mg.tensor(e))[0].numpy() for e in np.eye(4)]
    v = rng.standard_normal(4)
    np.testing.assert_allclose(mg.jvp(y, x, mg.tensor(v))[0].numpy(), np.array(rows) @ v, rtol=1e-12)
    loss = (y * y).sum()
    (gx,) = mg.grad(loss, x, create_graph=True)
    hessian = np.array([mg.grad(gx, x, mg.tensor(e))[0].numpy() for e in np.eye(4)])
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-12)
    np.testing.assert_allclose(mg.hvp(loss, x, mg.tensor(v))[0].numpy(), hessian @ v, rtol=1e-12)


def test_value_and_grad_nests() -> None:
    def slope(x: mg.Tensor) -> mg.Tensor:
        return mg.value_and_grad(lambda t: t**4)(x)[1]

    value, second = mg.value_and_grad(slope)(2.0)
    assert (value.item(), second.item()) == (32.0, 48.0)
    value, (ga, gb) = mg.value_and_grad(lambda a, b: a * b, argnums=(0, 1))(2.0, 5.0)
    assert (value.item(), ga.item(), gb.item()) == (10.0, 5.0, 2.0)


def test_what_is_not_recorded() -> None:
    x = leaf(1.0)
    with mg.no_grad():
        assert not (x * 2).requires_grad and (x * 2).op is None
    assert not x.detach().requires_grad and x.detach().numpy() is x.numpy()
    assert (mg.tensor(1.0) * 2).op is None
    assert not (x > 0).requires_grad


def test_copying_and_sharing() -> None:
    array = np.zeros(2)
    mg.tensor(array).numpy()[:] = 1
    assert (array == 0).all()
    mg.from_numpy(array).numpy()[:] = 1
    assert (array == 1).all()


def test_equality_is_elementwise_and_hash_is_identity() -> None:
    a, b = leaf(1.0, 2.0), leaf(1.0, 3.0)
    assert (a == b).tolist() == [True, False] and (a != b).tolist() == [False, True]
    assert len({a, b, a}) == 2


@pytest.mark.parametrize("release", [False, True])
@pytest.mark.fault(number=21)
def test_a_chain_of_200_000_nodes(release: bool) -> None:
    x = leaf(1.0)
    y = x
    for _ in range(200_000):
        y = -y
    inner = weakref.ref(y)
    y.backward(retain_graph=not release)
    assert x.grad.item() == 1.0
    with collector_off():
        del y
        assert inner() is None


@pytest.mark.fault(number=21)
def test_second_order_through_a_long_chain() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(5_000):
        y = y * x
    (gx,) = mg.grad(y, x, create_graph=True)
    assert mg.grad(gx, x)[0].item() == 5_000.0 * 5_001.0


def test_training_with_graphs_of_gradients_leaks_nothing() -> None:
    rng = np.random.default_rng(0)
    x = mg.tensor(rng.standard_normal((4, 8)))
    w = mg.tensor(rng.standard_normal((8, 8)) / 3, requires_grad=True)
    adam = optim.Adam([w])

    def step() -> None:
        (gw,) = mg.grad((mg.tanh(x @ w) ** 2).mean(), w, create_graph=True)
        (w.grad,) = mg.grad((gw * gw).sum() + 1.0, w)
        adam.step()

    with collector_off():
        for _ in range(50):
            step()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(1_000):
            step()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    assert grown < 1 << 20


def test_no_cycles_a_graph_dies_with_its_loss() -> None:
    class Net(mg.Module):
        def __init__(self) -> None:
            self.w = mg.Parameter(np.eye(3))

        def forward(self, x: mg.Tensor) -> mg.Tensor:
            return mg.softmax(mg.relu(x @ self.w)[:, None].sum(1)).max(0)

    with collector_off():
        net = Net()
        loss = net(mg.tensor(np.ones((2, 3)))).sum()
        nodes = [weakref.ref(node) for node in mg.Graph.of(loss).nodes if node.op is not None]
        loss.backward()
        mg.grad(loss, net.w, create_graph=True)
        mg.trace(net, np.ones((2, 3))).run(np.ones((2, 3)))
        with pytest.raises(mg.MinigradError):
            _ = net.w @ mg.tensor(np.ones((2, 2)))
        del loss
        assert [node() for node in nodes if node() is not None] == []


def test_backward_can_free_as_it_goes() -> None:
    x = mg.tensor(np.ones(100_000), requires_grad=True)
    y = mg.exp(x)
    inner = weakref.ref(y)
    loss = y.sum()
    del y
    loss.backward(retain_graph=False)
    assert inner() is None and loss.item() > 0


def test_threads_build_graphs_side_by_side() -> None:
    failures: list[BaseException] = []
    ready = threading.Barrier(4)

    def work(seed: int) -> None:
        try:
            ready.wait()
            for i in range(200):
                with mg.scope(f"thread{seed}", step=i):
                    x = leaf(float(seed), float(i))
                    y = (mg.tanh(x) * x).sum()
                    assert str(y.scope) == f"thread{seed} t={i}"
                with mg.no_grad():
                    assert not (x * 2).requires_grad
                y.backward()
                t = np.tanh(x.numpy())
                np.testing.assert_allclose(x.grad.numpy(), t + x.numpy() * (1 - t * t), rtol=1e-12)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    with mg.no_grad():  # of this thread alone
        for thread in threads:
            thread.join()
    assert failures == []
