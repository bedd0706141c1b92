"""Every function on every dtype: compiled it gives what it gives eagerly, dtype included, and that is NumPy's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import MinigradError
from minigrad.op import Array

Function = Callable[..., Any]
WHOLE = ("bool", "int8", "uint8", "int16", "uint16", "int32", "int64", "uint64")
DTYPES = (*WHOLE, "float16", "float32", "float64")
SHAPES = ((), (1,), (0, 2), (3, 4))


def given(dtype: str, shape: tuple[int, ...], seed: int = 0) -> Array:
    """From one end of a narrow dtype to the other; floating numbers around 0."""
    rng = np.random.default_rng(seed)
    if dtype in WHOLE:
        low, high = (0, 2) if dtype == "bool" else (max(np.iinfo(dtype).min, -128), min(np.iinfo(dtype).max, 255) + 1)
        return np.asarray(rng.integers(low, high, shape)).astype(dtype)
    return np.asarray(rng.normal(size=shape)).astype(dtype)


def as_float(x: Array) -> Array:
    return x if x.dtype.kind == "f" else x.astype(float)


def softmax(x: Array) -> Array:
    y = np.exp(as_float(x) - as_float(x).max(-1, keepdims=True))
    return y / y.sum(-1, keepdims=True)  # type: ignore[no-any-return]


ALIKE: tuple[Function, ...] = (  # ours and NumPy's are written alike
    np.exp, np.log1p, np.sqrt, np.square, np.sin, np.cos, np.abs, np.sign, np.tanh, np.isfinite, np.isnan,
    np.sum, np.mean, np.max, np.min, np.prod, np.var, np.std, np.cumsum, np.any, np.all, np.argmax, np.ravel, np.flip,
    lambda x: -x, lambda x: ~x, lambda x: x**3, lambda x: x**2, lambda x: x**2.0, lambda x: x**0.5, lambda x: x**0,
    lambda x: 2.0**x, lambda x: 7 // (x + 1000.0), lambda x: x / 3, lambda x: 3 - x, lambda x: x * 2.5, lambda x: x < 2,
    lambda x: np.clip(x, 0, 2), lambda x: np.clip(x, 0.5, 1.5), lambda x: np.where(x > 1, x, 1.5),
    lambda x: np.maximum(x, 1), lambda x: np.minimum(x, 1.5), lambda x: x.T, lambda x: x[..., None],
    lambda x: x.astype("int8"), lambda x: x.astype("float32"), lambda x: np.stack([x, x]), lambda x: np.sum(x, ()),
)  # fmt: skip
OURS: dict[Function, Function] = {  # beside the same in NumPy
    mg.sigmoid: lambda x: 1 / (1 + np.exp(-as_float(x))),
    mg.softplus: lambda x: np.logaddexp(as_float(x), 0),
    mg.relu: lambda x: np.maximum(x, x.dtype.type(0)),
    lambda x: mg.leaky_relu(x, 1): as_float,
    lambda x: mg.leaky_relu(x, 2): lambda x: np.where(x > 0, as_float(x), as_float(x) * 2),
    mg.logsumexp: lambda x: np.logaddexp.reduce(as_float(x), None),
    lambda x: mg.softmax(x[None]): lambda x: softmax(x[None]),
    lambda x: mg.log_softmax(x[None]): lambda x: np.log(softmax(x[None])),
}
FUNCTIONS = dict.fromkeys(ALIKE) | OURS
PAIRS: tuple[Function, ...] = (
    np.add, np.subtract, np.multiply, np.divide, np.floor_divide, np.maximum, np.minimum, np.less, np.equal,
    np.bitwise_and, lambda a, b: np.where(a > b, a, b), lambda a, b: a @ b.T, lambda a, b: np.concat([a, b]),
    lambda a, b: np.einsum("ij,kj->ik", a, b),
)  # fmt: skip


def outcome(f: Function, *arrays: Any) -> Any:
    """An array, or what kind of error there was."""
    try:
        found = f(*arrays)
    except (MinigradError, TypeError, ValueError):
        return "refused"
    return found.numpy() if isinstance(found, mg.Tensor) else np.asarray(found)


def same(found: Any, wanted: Any, about: str) -> None:
    """Shapes, dtypes, and values to the dtype's precision; or both refused."""
    if isinstance(found, str) or isinstance(wanted, str):
        assert found is wanted, about
        return
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype), about
    precision = 16 * np.finfo(found.dtype).eps if found.dtype.kind == "f" else 0
    largest = np.abs(wanted, where=np.isfinite(wanted), out=np.zeros(wanted.shape)).max(initial=0)
    np.testing.assert_allclose(found, wanted, precision, precision * largest, err_msg=about)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", DTYPES)
def test_functions_of_one(dtype: str) -> None:
    for f, reference in FUNCTIONS.items():
        for shape in SHAPES[:: 1 if reference else 3]:
            x, about = given(dtype, shape), f"{ALIKE.index(f) if f in ALIKE else f} {dtype} {shape}"
            eager = outcome(f, mg.tensor(x))
            same(outcome(mg.compile(f, workers=1), x), eager, about)
            same(eager, outcome(reference or f, x) if x.size else eager, about)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", DTYPES)
def test_functions_of_two(dtype: str) -> None:
    for other in DTYPES[DTYPES.index(dtype) :]:
        a, b = given(dtype, (3, 4)), given(other, (3, 4), 1)
        for i, f in enumerate(PAIRS):
            eager = outcome(f, mg.tensor(a), mg.tensor(b))
            same(outcome(mg.compile(f, workers=1), a, b), eager, f"{i} {dtype} {other}")
            same(eager, outcome(f, a, b), f"{i} {dtype} {other}")
        loss = outcome(mg.bce_with_logits, mg.tensor(a), mg.tensor(b))
        same(outcome(mg.compile(mg.bce_with_logits, workers=1), a, b), loss, f"{dtype} {other}")


def test_the_mean_of_half_precision_does_not_overflow() -> None:
    x = np.full((3, 50), 60_000, np.float16)
    for axis in (0, 1, None):
        assert (mg.compile(lambda x, axis=axis: x.mean(axis))(x).numpy() == 60_000).all()
