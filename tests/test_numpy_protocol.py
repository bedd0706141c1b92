"""NumPy's functions on Tensors: a Tensor with NumPy's value, or an error that names the function; never objects."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DTypeError, MinigradError

ARRAY = np.array([[0.8, 0.5, 0.3], [0.2, 0.9, 0.4], [0.1, 0.6, 0.7]])
APART = {  # they write files or settings, are about dtypes, or warn that they are going away
    "save", "savez", "savez_compressed", "savetxt", "fromregex", "test", "info", "show_config", "show_runtime",
    "seterr", "seterrcall", "setbufsize", "set_printoptions", "asmatrix", "bmat", "row_stack", "isdtype",
}  # fmt: skip

SUPPORTED: dict[str, Callable[[Any], Any]] = {
    "arithmetic": lambda x: np.add(x, 1) * np.negative(x) - np.divide(2.0, x),
    "power": lambda x: np.power(x, 3.0) + np.float_power(ARRAY, 1) * x,
    "ufuncs": lambda x: np.exp(x) + np.log(x) + np.sqrt(x) + np.square(x) + np.log1p(x),
    "trigonometry": lambda x: np.sin(x) + np.cos(x) + np.tanh(x),
    "kinks": lambda x: np.abs(x - 0.45) + np.maximum(x, 0.45) + np.minimum(0.45, x),
    "matmul": lambda x: np.matmul(ARRAY, x) @ ARRAY,
    "reductions": lambda x: np.sum(x, axis=0) + np.mean(x, 1) + np.max(x) + np.min(x, axis=-1) + np.prod(x, 0),
    "moments": lambda x: np.var(x, axis=0) + np.std(x, axis=1, ddof=1),
    "keepdims": lambda x: x / np.sum(x, axis=1, keepdims=True),
    "cumsum": lambda x: np.cumsum(x, axis=1),
    "reshape": lambda x: np.reshape(x, (1, 9)) + np.ravel(x),
    "transpose": lambda x: np.transpose(x) + np.swapaxes(x, 0, 1) + np.moveaxis(x, 0, -1),
    "transposed by axes": lambda x: np.transpose(x, (1, 0)),
    "squeeze": lambda x: np.squeeze(np.expand_dims(x, 0)),
    "concatenate": lambda x: np.concatenate([x, ARRAY], axis=1),
    "stack": lambda x: np.stack([x, x * 2], axis=1),
    "split": lambda x: np.split(x, 3)[1],
    "pad": lambda x: np.pad(x, 1) + np.pad(x, 1, "constant", constant_values=2.0),
    "flip": lambda x: np.flip(x, 0) + np.roll(x, 1, axis=0),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 3, 3)),
    "einsum": lambda x: np.einsum("ij,kj->ik", x, ARRAY),
    "where": lambda x: np.where(ARRAY > 0.45, x, 0.0),
    "clip": lambda x: np.clip(x, 0.25, 0.75),
    "norm": lambda x: np.linalg.norm(x, axis=1) + np.linalg.norm(x, 2, 0) + np.linalg.norm(x),
    "copy": np.copy,
    "take_along_axis": lambda x: np.take_along_axis(x, np.array([[0], [2], [1]]), axis=1),
    "mixed with arrays on the left": lambda x: ARRAY + ARRAY * x - ARRAY / x,
    "NumPy scalars": lambda x: np.float64(2) * x + np.float32(1),
}


@pytest.mark.parametrize("f", SUPPORTED.values(), ids=SUPPORTED)
def test_value_and_gradient_of_what_is_supported(f: Callable[[Any], Any]) -> None:
    x = mg.tensor(ARRAY, requires_grad=True)
    y = f(x)
    assert isinstance(y, mg.Tensor)
    np.testing.assert_allclose(y.numpy(), f(ARRAY), rtol=1e-14)
    v = np.random.default_rng(0).standard_normal(ARRAY.shape)
    (gx,) = mg.grad(y, x, mg.tensor(np.ones(y.shape)))
    slope = (f(ARRAY + 1e-6 * v).sum() - f(ARRAY - 1e-6 * v).sum()) / 2e-6
    assert (gx.numpy() * v).sum() == pytest.approx(slope, rel=1e-7, abs=1e-8)


def public() -> dict[str, Callable[..., Any]]:
    """Every function of numpy, numpy.linalg and numpy.fft, by the name users type."""
    modules = {"np": np, "np.linalg": np.linalg, "np.fft": np.fft}
    return {
        f"{prefix}.{name}": function
        for prefix, module in modules.items()
        for name in module.__all__
        if callable(function := getattr(module, name)) and not isinstance(function, type) and name not in APART
    }


@pytest.mark.parametrize("name", sorted(public()))  # NumPy lists them in any order, processes in the same
def test_no_numpy_function_loses_the_graph_without_a_word(name: str) -> None:
    function = public()[name]
    t = mg.tensor(ARRAY, requires_grad=True)
    for arguments in ((t,), (t, t), ([t, t],)):
        try:
            results = list(parts(function(*arguments)))
        except MinigradError as error:
            named = (name.split(".")[-1], function.__name__, "leave the graph")
            assert any(part in str(error) for part in named), str(error)
        except Exception as error:
            assert type(error) in (TypeError, ValueError, AttributeError, KeyError, np.linalg.LinAlgError), error
        else:
            assert not any(isinstance(part, np.ndarray) for part in results), results


def parts(result: Any) -> Iterator[Any]:
    """What a function returned, tuples and lists opened."""
    if isinstance(result, tuple | list):
        for item in result:
            yield from parts(item)
    else:
        yield result


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda t: np.sort(t), "np.sort"),
        (lambda t: np.linalg.inv(t), "np.inv"),
        (lambda t: np.arctan2(t, t), "np.arctan2"),
        (lambda t: np.add.reduce(t), r"np\.add\.reduce"),
        (lambda t: np.add.outer(t, t), r"np\.add\.outer"),
        (lambda t: np.exp(t, where=ARRAY > 0), "np.exp with where="),
        (lambda t: np.sum(t, dtype=np.float32), r"np\.sum with these arguments .*dtype"),
        (lambda t: np.einsum(t, [0, 1], [0]), r"np\.einsum with these arguments"),
        (lambda t: np.multiply(t, 2, out=ARRAY.copy()), "np.multiply with out="),
        (lambda t: np.linalg.norm(t, 1), r"np\.norm with these arguments \(ord=1\)"),
        (lambda t: np.linalg.norm(t, 2), r"np\.norm with these arguments \(ord=2\)"),
        (lambda t: np.mean(t, 0, np.float32), r"np\.mean with these arguments"),
        (lambda t: np.pad(t, 1, "edge"), r"np\.pad with these arguments \(mode='edge'\)"),
    ],
)
def test_the_error_names_function_and_remedy(call: Callable[[mg.Tensor], Any], named: str) -> None:
    with pytest.raises(DTypeError, match=named + r".*not supported on Tensors: use a function of minigrad"):
        call(mg.tensor(ARRAY, requires_grad=True))


def test_an_array_changed_by_a_tensor_is_refused() -> None:
    array = ARRAY.copy()
    with pytest.raises(MinigradError, match="add with out="):
        array += mg.tensor(ARRAY, requires_grad=True)
    with pytest.raises(MinigradError, match="leave the graph"):
        array[...] = mg.tensor(ARRAY, requires_grad=True)


def test_arrays_of_tensors() -> None:
    plain = mg.tensor([1.0, 2.0])
    assert np.asarray(plain).dtype == float and np.array([plain, plain]).shape == (2, 2)
    recorded = mg.tensor([1.0, 2.0], requires_grad=True)
    for make in (lambda: np.asarray(recorded), lambda: np.array([recorded, recorded])):
        with pytest.raises(DTypeError, match=r"t\.detach\(\)\.numpy\(\)"):
            make()


def test_lists_and_tuples_are_operands() -> None:
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    assert (x * [1, 2]).tolist() == [1.0, 4.0]
    assert ((3.0, 4.0) * x).tolist() == [3.0, 8.0]
    for wrong in (None, "text", object()):
        with pytest.raises(TypeError):
            _ = x + wrong
