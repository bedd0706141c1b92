"""Calls of compiled functions: when a program fits, what may go in and come out, and what cannot be traced."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import IndexRangeError, MinigradError, UsageError
from minigrad.layers import Dropout, Linear
from minigrad.optim import SGD

X = np.arange(6.0).reshape(2, 3)
W = mg.Parameter(np.ones((3, 2)), "W")


@pytest.mark.fault(number=22)
def test_other_shapes_dtypes_values_and_flags_are_traced_again() -> None:
    traced = []

    class Scale(mg.Module):
        def forward(self, x: Any, k: float) -> Any:
            traced.append((x.shape, x.dtype, k, self.training))
            return x * (k if self.training else 1.0)

    scale = Scale()
    f = mg.compile(scale.__call__)
    for _ in range(2):
        assert f(np.ones(2), 3.0).numpy().tolist() == [3, 3]
    assert f(np.ones(3), 3.0).shape == (3,)
    assert f(np.ones(2, np.float32), 3.0).dtype == np.float32
    assert f(np.ones(2), 4.0).numpy().tolist() == [4, 4]
    scale.eval()
    assert f(np.ones(2), 4.0).numpy().tolist() == [1, 1]
    assert len(traced) == 2 * 5  # a function is traced twice, to see whether it is the same each time


def test_results_keep_their_structure() -> None:
    f = mg.compile(lambda x, pair: {"sum": x + pair[0], "rest": [pair[1]["y"] * 2, None]})
    found = f(np.ones(2), (np.ones(2), {"y": np.full(2, 3.0)}))
    assert found["sum"].numpy().tolist() == [2, 2]
    assert found["rest"][0].numpy().tolist() == [6, 6]
    assert found["rest"][1] is None


@dataclass(frozen=True)
class Pair:
    a: Any
    b: Any


class State(NamedTuple):
    h: Any
    c: Any


def test_dataclasses_and_named_tuples_go_in_and_come_out() -> None:
    f = mg.compile(lambda pair, state: (Pair(pair.a + state.h, "unchanged"), State(c=pair.b, h=state.c * 2)))
    for k in (1.0, 2.0):
        pair, state = f(Pair(X, X * k), State(np.ones(3), np.full(3, k)))
        assert isinstance(pair, Pair) and isinstance(state, State) and pair.b == "unchanged"
        assert np.array_equal(pair.a.numpy(), X + 1) and np.array_equal(state.c.numpy(), X * k)
        assert state.h.numpy().tolist() == [2 * k] * 3


def test_keywords_and_defaults() -> None:
    f = mg.compile(lambda x, *, scale=2.0, shift=None: x * scale if shift is None else x * scale + shift)
    assert np.array_equal(f(X).numpy(), X * 2)
    assert np.array_equal(f(X, scale=3.0).numpy(), X * 3)
    assert np.array_equal(f(x=X, shift=X).numpy(), X * 2 + X)


@pytest.mark.fault(number=22)
def test_minus_zero_is_not_zero_and_nan_is_nan() -> None:
    traced = []

    def f(x: Any, k: float) -> Any:
        traced.append(k)
        return x * k

    compiled = mg.compile(f)
    assert np.signbit([compiled(np.ones(1), k).item() for k in (0.0, -0.0)]).tolist() == [False, True]
    for _ in range(3):
        assert np.isnan(compiled(np.ones(1), float("nan")).item())
    assert len(traced) == 2 * 3


class Holder:
    """Not a Module, but has one."""

    def __init__(self) -> None:
        self.model = Linear(3, 2, rng=np.random.default_rng(0), dtype=np.float64)
        self.dropout = Dropout(0.5)

    def run(self, x: Any, mask: Any) -> Any:
        return self.dropout(self.model(x), mask)


@pytest.mark.fault(number=22)
def test_flags_are_seen_wherever_the_module_is() -> None:
    holder, mask = Holder(), np.zeros((2, 2))
    f = mg.compile(holder.run)
    assert not f(X, mask).numpy().any()
    holder.dropout.eval()
    assert f(X, mask).numpy().any()
    holder.dropout.train()
    assert not f(X, mask).numpy().any()


@pytest.mark.parametrize("form", [lambda m: m, lambda m: m.forward, lambda m: lambda x: x @ m.weight.T + m.bias])
def test_a_parameter_put_in_later_is_used(form: Callable[..., Any]) -> None:
    model = Linear(3, 2, rng=np.random.default_rng(0), dtype=np.float64)
    f = mg.compile(form(model))
    for scale in (1.0, 2.0):
        model.weight, model.bias = mg.Parameter(np.full((2, 3), scale)), mg.Parameter(np.zeros(2))
        assert np.array_equal(f(X).numpy(), X.sum(axis=1, keepdims=True) * [scale, scale])


@pytest.mark.fault(number=22)
def test_a_parameter_may_change_its_form() -> None:
    w = mg.Parameter(np.ones(3))
    f = mg.compile(lambda x: mg.grad((x * w).sum(), [x])[0])
    assert f(X).shape == (2, 3)
    w.data = np.full((2, 1), 2.0)
    assert np.array_equal(f(X).numpy(), np.full((2, 3), 2.0))
    w.data = np.ones(3, np.float32)
    assert np.array_equal(f(X).numpy(), np.ones((2, 3)))


@pytest.mark.fault(number=22)
def test_a_module_is_told_from_one_that_had_its_place_in_memory() -> None:
    f = mg.compile(lambda model, x: model(x))
    for i in range(20):
        model = Linear(3, 2, rng=np.random.default_rng(i), dtype=np.float64)
        assert np.array_equal(f(model, X).numpy(), model(X).numpy())


SCALE = 2.0


def scaled(x: Any) -> Any:
    return (x * SCALE).sum()


class Scaled(mg.Module):
    def __init__(self) -> None:
        self.factor, self.calls = 2.0, 0

    def forward(self, x: Any) -> Any:
        return self.times(x).sum()

    def times(self, x: Any) -> Any:
        return x * self.factor

    @mg.compile
    def compiled(self, x: Any, power: int = 1) -> Any:
        return self(x) ** power


@pytest.mark.fault(number=22)
def test_a_number_that_the_function_finds_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    module, factor = Scaled(), 2.0
    functions = (
        scaled, lambda x: sum(scaled(y) for y in (x,)), mg.value_and_grad(scaled), partial(scaled), mg.compile(scaled),
        lambda x: (x * factor).sum(), module, module.forward, lambda x: module(x),
    )  # fmt: skip
    compiled = [mg.compile(f) for f in functions]
    for number in (2.0, 3.0, -0.0, float("nan"), 2):
        monkeypatch.setattr(f"{__name__}.SCALE", number)
        module.factor = factor = number
        for f, original in zip(compiled, functions, strict=True):
            for found, wanted in (
                (y[0], z[0]) if isinstance(y, tuple) else (y, z) for y, z in [(f(X), original(mg.tensor(X)))]
            ):
                assert repr(found.item()) == repr(wanted.item())


def test_numbers_that_no_method_names_change_nothing() -> None:
    module, traced = Scaled(), []
    f = mg.compile(lambda x: traced.append(1) or module(x))
    for module.calls in range(3):
        f(X)
    assert len(traced) == 2


def test_a_method_is_compiled_for_each_owner() -> None:
    one, two = Scaled(), Scaled()
    two.factor = 5.0
    assert one.compiled(X).item() == 2 * X.sum() and two.compiled(X, power=2).item() == (5 * X.sum()) ** 2
    assert "traced" in str(one.compiled.explain())


@pytest.mark.parametrize("thing", [np.random.default_rng(0), {1, 2}, object(), Holder(), iter([1])])
@pytest.mark.fault(number=22)
def test_what_may_change_unseen_is_no_argument(thing: Any) -> None:
    with pytest.raises(UsageError, match="whose contents may change unseen: pass arrays"):
        mg.compile(lambda x, thing: x * 1)(X, thing)


def assigned(x: Any) -> Any:
    with mg.no_grad():
        W[...] = W * 2
    return x @ W


def assigned_in_part(x: Any) -> Any:
    y = x * 2
    y[0] = 0.0
    return y


def stepped(x: Any) -> Any:
    (W.grad,) = mg.grad((x @ W).sum(), [W])
    SGD([W], 0.1).step()
    return x


def doubled(x: Any) -> Any:
    while x.sum() < 100:
        x = x * 2
    return x


UNTRACEABLE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "if": (lambda x: x if x.sum() > 0 else -x, r"mg\.where"),
    "and": (lambda x: (x > 0) and (x < 1), r"mg\.where"),
    "max": (lambda x: max(x.sum(), x.mean()), r"mg\.where"),
    "while": (doubled, "loop over a size"),
    "range": (lambda x: [x * i for i in range(x.sum())], r"x\.shape\[0\]"),
    "float": (lambda x: x * float(x.sum()), "compute with the Tensor itself"),
    "item": (lambda x: x * x.sum().item(), "compute with the Tensor itself"),
    "a shape from values": (lambda x: x.reshape(int(x.sum()), -1), "compute with the Tensor itself"),
    "format": (lambda x: f"{x.sum():.2f}", "return it"),
    "numpy": (lambda x: x.numpy(), "look at it outside"),
    "tolist": (lambda x: x.tolist(), "look at it outside"),
    "np.array": (lambda x: np.array([x.sum(), x.mean()]), "stay with Tensors"),
    "another library": (lambda x: np.fft.fft(x), "use a function of minigrad"),
    "a boolean index": (lambda x: x[x > 0], r"mg\.where\(mask, x, 0\)"),
    "backward": (lambda x: (x @ W).sum().backward(), r"mg\.grad"),
    "assignment": (assigned, "return the new value and assign it outside"),
    "assignment in part": (assigned_in_part, r"mg\.where"),
    "an optimiser": (stepped, r"optimizer\.step\(compiled\.map\) outside"),
    "a random number": (lambda x: x * random.random(), "pass it as an argument"),
    "random numbers": (lambda x: x * np.random.default_rng().random(x.shape), "pass it as an argument"),
    "a clock": (lambda x: (x, time.perf_counter()), "pass it as an argument"),
    "a generator": (lambda x: (x + i for i in range(3)), "return Tensors"),
    "a set": (lambda x: {x}, "return Tensors"),
    "an array": (lambda x: (x, np.ones(3)), "would be the same at each call: return Tensors"),
    "a symbol kept from before": (lambda x: KEPT.append(x) or x + KEPT[0], "differ|another trace"),
}
KEPT: list[Any] = []


@pytest.mark.parametrize("name", UNTRACEABLE)
@pytest.mark.fault(number=22)
def test_what_cannot_be_traced_says_what_to_write_instead(name: str) -> None:
    f, instead = UNTRACEABLE[name]
    with pytest.raises(MinigradError, match=instead):
        mg.compile(f)(X)
    assert W.numpy().tolist() == np.ones((3, 2)).tolist()


def test_numbers_drawn_outside_are_arguments() -> None:
    rng = np.random.default_rng(0)
    f = mg.compile(lambda x, mask: mg.dropout(x, 0.5, mask=mask))
    for _ in range(3):
        mask = rng.random(X.shape) < 0.5
        assert np.array_equal(f(X, mask).numpy(), X * mask * 2)


def test_an_index_that_is_not_there_is_named() -> None:
    f = mg.compile(lambda x, i: mg.tanh(x)[i])
    f(X, np.array([1, 0]))
    with pytest.raises(IndexRangeError, match=r"index 2 is out of bounds.*Tanh\(\)"):
        f(X, np.array([0, 2]))


def test_a_compiled_function_is_a_part_of_one_that_calls_it() -> None:
    layer = Linear(3, 2, rng=np.random.default_rng(0), dtype=float)
    inner = mg.compile(lambda x: mg.tanh(x @ layer.weight.T))
    outer = mg.compile(lambda x: (inner(x) * 2, mg.grad(inner(x).sum(), [x, layer.weight])))
    for _ in range(2):
        x = mg.tensor(X, requires_grad=True)
        y = mg.tanh(x @ layer.weight.T)
        for found, wanted in zip(outer(x)[1], mg.grad(y.sum(), [x, layer.weight]), strict=True):
            np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-12)
        np.testing.assert_allclose(outer(x)[0].numpy(), 2 * y.numpy(), rtol=1e-12)
        layer.weight = mg.Parameter(np.ones((2, 3)))  # read by the inner function alone
    assert outer.traced.nodes and str(mg.trace(inner, X))
