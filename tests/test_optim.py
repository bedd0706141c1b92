"""Optimisers against their formulas written out, and against values known from elsewhere."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import sqrt
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from minigrad.errors import CheckpointError, ShapeError, UsageError
from minigrad.op import Array

Updates = Callable[[list[Array]], Array]
START = np.array([1.0, -2.0, 0.5])


def gradients(count: int = 7) -> list[Array]:
    return list(np.random.default_rng(0).standard_normal((count, 3)))


def after(make: Callable[[list[mg.Tensor]], optim.Optimizer], dtype: Any = np.float64) -> Array:
    """The weights after a step for each gradient."""
    w = mg.tensor(START.astype(dtype), requires_grad=True)
    optimizer = make([w])
    for g in gradients():
        w.grad = mg.tensor(g.astype(dtype))
        optimizer.step()
    return w.numpy()


def sgd(lr: float, momentum: float, decay: float) -> Array:
    w, v = START.copy(), np.zeros(3)
    for g in gradients():
        v = momentum * v - lr * (g + decay * w)
        w = w + v
    return w


def rmsprop(lr: float, decay: float, epsilon: float) -> Array:
    w, s = START.copy(), np.zeros(3)
    for g in gradients():
        s = decay * s + (1 - decay) * g**2
        w = w - lr * g / (np.sqrt(s) + epsilon)
    return w


def adam(lr: float, b1: float, b2: float, epsilon: float, correction: str) -> Array:
    w, m, v = START.copy(), np.zeros(3), np.zeros(3)
    for t, g in enumerate(gradients(), start=1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        if correction == "moments":
            w = w - lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + epsilon)
        else:
            w = w - lr * sqrt(1 - b2**t) / (1 - b1**t) * m / (np.sqrt(v) + epsilon)
    return w


CASES: dict[str, tuple[Callable[[list[mg.Tensor]], optim.Optimizer], Array]] = {
    "sgd": (lambda ps: optim.SGD(ps, 0.1), sgd(0.1, 0, 0)),
    "momentum": (lambda ps: optim.SGD(ps, 0.1, momentum=0.9), sgd(0.1, 0.9, 0)),
    "weight decay": (lambda ps: optim.SGD(ps, 0.1, momentum=0.5, weight_decay=0.01), sgd(0.1, 0.5, 0.01)),
    "rmsprop": (lambda ps: optim.RMSProp(ps, 0.1, decay=0.9, epsilon=1e-3), rmsprop(0.1, 0.9, 1e-3)),
    "adam": (lambda ps: optim.Adam(ps, 0.1, (0.8, 0.95), 1e-2), adam(0.1, 0.8, 0.95, 1e-2, "moments")),
    "adam, the course's": (
        lambda ps: optim.Adam(ps, 0.1, (0.8, 0.95), 1e-2, correction="rate"),
        adam(0.1, 0.8, 0.95, 1e-2, "rate"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_steps_are_the_formula(case: str) -> None:
    make, expected = CASES[case]
    np.testing.assert_allclose(after(make), expected, rtol=1e-13)


@pytest.mark.parametrize("case", CASES)
def test_float32_weights_have_float32_state(case: str) -> None:
    make, expected = CASES[case]
    np.testing.assert_allclose(after(make, np.float32), expected, rtol=1e-5)
    w = mg.tensor(START.astype(np.float32), requires_grad=True)
    optimizer = make([w])
    (w * w).sum().backward()
    optimizer.step()
    state = [a for name, a in optimizer.state_dict().items() if name not in ("steps", "lr")]
    assert w.dtype == w.grad.dtype == np.float32 and all(a.dtype == np.float32 for a in state)


def test_the_two_corrections_of_adam_differ_by_epsilon_alone() -> None:
    moments, rate = (after(lambda ps, c=c: optim.Adam(ps, 0.1, correction=c)) for c in ("moments", "rate"))
    assert 0 < np.abs(moments - rate).max() < 1e-5


def test_known_values() -> None:
    """PyTorch 2 on w = 1, 2, 3 with gradient 2 w, three steps at lr 0.1."""
    known = {
        optim.SGD: [0.512, 1.024, 1.536],
        optim.Adam: [0.7015863, 1.7006234, 2.7003815],
        optim.RMSProp: [0.0, 0.3096874, 1.0689949],
    }
    for kind, expected in known.items():
        w = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
        optimizer = kind([w], lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            (w * w).sum().backward()
            optimizer.step()
        np.testing.assert_allclose(w.numpy(), expected, atol=1e-6)


def test_a_parameter_without_a_gradient_is_left_alone() -> None:
    a, b = (mg.tensor(START, requires_grad=True) for _ in range(2))
    adam = optim.Adam([a, b])
    a.grad = mg.tensor(np.ones(3))
    adam.step()
    assert (b.numpy() == START).all() and (a.numpy() != START).all()


def test_updates_happen_in_place() -> None:
    w = mg.tensor(START, requires_grad=True)
    array = w.numpy()
    w.grad = mg.tensor(np.ones(3))
    optim.SGD([w], 1.0).step()
    assert w.numpy() is array and (array == START - 1).all()


@pytest.mark.parametrize("case", CASES)
def test_state_resumes_to_the_bit(case: str) -> None:
    make, _ = CASES[case]
    w, twin = (mg.tensor(START, requires_grad=True) for _ in range(2))
    first, second = make([w]), make([twin])
    for i, g in enumerate(gradients()):
        if i == 3:
            twin.numpy()[...] = w.numpy()
            second.load_state_dict({name: a.copy() for name, a in first.state_dict().items()})
        for optimizer, parameter in ((first, w), (second, twin))[: 1 if i < 3 else 2]:
            parameter.grad = mg.tensor(g)
            optimizer.step()
    np.testing.assert_array_equal(w.numpy(), twin.numpy())


def test_the_state_of_another_optimiser_is_refused() -> None:
    w = mg.tensor(START, requires_grad=True)
    with pytest.raises(CheckpointError, match=r"lacks.*mean\.0"):
        optim.Adam([w]).load_state_dict(optim.SGD([w]).state_dict())


def test_clipping() -> None:
    a, b = (mg.tensor(np.zeros(2), requires_grad=True) for _ in range(2))
    a.grad, b.grad = mg.tensor([3.0, 0.0]), mg.tensor([0.0, 4.0])
    assert optim.clip_grad_norm([a, b], 10.0) == 5.0 and a.grad.tolist() == [3.0, 0.0]
    assert optim.clip_grad_norm([a, b], 1.0) == 5.0
    np.testing.assert_allclose([a.grad.tolist(), b.grad.tolist()], [[0.6, 0.0], [0.0, 0.8]])
    optim.clip_grad_value([a, b], 0.7)
    np.testing.assert_allclose([a.grad.tolist(), b.grad.tolist()], [[0.6, 0.0], [0.0, 0.7]])
    assert optim.squares([np.arange(6.0).reshape(2, 3).T]) == 55.0
    b.grad = mg.tensor([np.inf, 0.0])
    assert optim.clip_grad_norm([a, b], 1.0) == np.inf
    np.testing.assert_allclose(a.grad.tolist(), [0.6, 0.0])


@pytest.mark.parametrize(("value", "count"), [(1e20, 99), (1e-30, 99), (0.1, 1 << 22)], ids=["large", "small", "many"])
def test_a_norm_of_float32_is_that_of_float64(value: float, count: int) -> None:
    w = mg.tensor(np.zeros(count, np.float32), requires_grad=True)
    w.grad = mg.tensor(np.full(count, value, np.float32))
    norm = float(np.float32(value)) * sqrt(count)
    assert optim.clip_grad_norm([w], norm / 2) == pytest.approx(norm, rel=1e-6)
    np.testing.assert_allclose(w.grad.numpy()[[0, -1]], value / 2, rtol=1e-6)


def test_schedules() -> None:
    steps = optim.exponential(0.1, 0.5, every=10)
    assert [steps(t) for t in (0, 9, 10, 25)] == [0.1, 0.1, 0.05, 0.025]
    cosine = optim.warmup_cosine(1.0, warmup=4, total=24, floor=0.1)
    assert [cosine(t) for t in (0, 1, 3)] == [0.25, 0.5, 1.0]
    assert [cosine(4), cosine(24), cosine(99)] == pytest.approx([1.0, 0.1, 0.1])
    assert cosine(14) == pytest.approx(0.55)


def test_arguments_that_make_no_sense() -> None:
    w = mg.tensor(START, requires_grad=True)
    for make, words in (
        (lambda: optim.SGD([]), "at least one parameter"),
        (lambda: optim.SGD([w], lr=-1.0), "learning rate is -1"),
        (lambda: optim.SGD([w], lr=float("nan")), "learning rate is nan"),
        (lambda: optim.Adam([w], correction="both"), "neither 'moments' nor 'rate'"),
        (lambda: optim.SGD([w * 2]), "what was computed is none"),
        (lambda: optim.SGD(w), "parameter, in a list"),
        (lambda: optim.SGD(["w"]), "parameter, in a list"),
    ):
        with pytest.raises(UsageError, match=words):
            make()


def test_a_gradient_of_another_shape_is_refused_by_name() -> None:
    w = mg.tensor(np.ones((2, 3)), requires_grad=True, name="w")
    for shape in ((3, 2), (3,), (1,)):
        w.grad = mg.tensor(np.ones(shape))
        with pytest.raises(ShapeError, match=r"w has shape \(2, 3\), its gradient"):
            optim.SGD([w]).step()
    assert (w.numpy() == 1).all()


def test_a_parameter_named_twice_is_updated_once() -> None:
    w = mg.tensor([1.0], requires_grad=True)
    w.grad = mg.tensor([1.0])
    optim.SGD([w, w], lr=0.25).step()
    assert w.tolist() == [0.75]


def test_threads_share_the_blocks_of_a_step_and_give_the_same_bits() -> None:
    def trained(spread: Any, order: Any = np.asarray) -> list[Array]:
        rng = np.random.default_rng(0)
        parameters = [mg.Parameter(rng.normal(size=s).astype(np.float32)) for s in ((700, 900), (3,), ())]
        parameters[1].data = rng.normal(size=6).astype(np.float32)[::2]  # not contiguous
        optimizer = optim.Adam(parameters, 1e-2)
        for _ in range(2):
            for p in parameters:
                p.grad = mg.tensor(order(rng.normal(size=p.shape).astype(np.float32)))
            optimizer.step(spread)
        return [p.numpy() for p in parameters]

    with ThreadPoolExecutor(2) as pool:
        shared = trained(pool.map), trained(pool.map, lambda x: x.T.copy().T)
    for alone, *others in zip(trained(map), *shared, strict=True):
        assert all(np.array_equal(alone, other) for other in others)
