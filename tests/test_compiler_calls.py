"""Calls of compiled functions: when a program fits, what may go in, and what comes out."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import IndexRangeError, UsageError
from minigrad.layers import Dropout, Linear

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
        lambda x: (x * factor).sum(), module, module.forward, lambda x: module(x), partial(module.forward),
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


class Shared(mg.Module):
    factor: Any = 2.0

    @property
    def doubled(self) -> Any:
        return 2 * self.factor

    @mg.compile
    def forward(self, x: Any) -> Any:
        return (x * (self.doubled if self.factor is not None else 1.0)).sum()


@pytest.mark.fault(number=22)
def test_a_number_of_the_class_and_none_and_numpys_numbers_are_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    module, factor = Shared(), None
    f, g = mg.compile(lambda x: module.forward(x)), mg.compile(lambda x: x.sum() * (1.0 if factor is None else factor))
    for factor in (None, np.float32(2), np.int64(3), None):
        monkeypatch.setattr(Shared, "factor", factor)
        assert f(X).item() == X.sum() * (1.0 if factor is None else 2 * factor)
        assert g(X).item() == X.sum() * (1.0 if factor is None else factor)
    module.factor = 5.0
    assert f(X).item() == 10 * X.sum()


@pytest.mark.fault(number=22)
def test_a_number_of_a_part_that_is_not_called_by_itself_is_looked_at_again() -> None:
    class Whole(mg.Module):
        def __init__(self) -> None:
            self.parts = [Scaled(), Scaled()]

        def forward(self, x: Any) -> Any:
            return sum(part.times(x) for part in self.parts).sum()

    whole = Whole()
    f = mg.compile(whole)
    for whole.parts[1].factor in (2.0, 3.0):
        assert f(X).item() == whole(mg.tensor(X)).item()


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
