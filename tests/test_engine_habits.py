"""What the fingers of NumPy's and PyTorch's users do: scalars, lists, odd axes, masks. Right, or a clear error."""

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import (
    DTypeError,
    GradientError,
    IndexRangeError,
    MinigradError,
    ShapeError,
    TraceError,
    UsageError,
)


def parameter(*shape: int, dtype: Any = np.float64) -> mg.Tensor:
    """0, 1, 2, … in a shape."""
    return mg.tensor(np.arange(np.prod(shape), dtype=dtype).reshape(shape), requires_grad=True)


@pytest.mark.parametrize("start", [None, -100, -5, -1, 0, 2, 4, 100])
@pytest.mark.parametrize("stop", [None, -100, -5, -1, 0, 2, 4, 100])
@pytest.mark.parametrize("step", [-3, -1, 1, 2])
def test_slices_are_numpys(start: int | None, stop: int | None, step: int) -> None:
    x = parameter(5)
    np.testing.assert_array_equal(x[start:stop:step].numpy(), x.numpy()[start:stop:step])


def test_numpy_scalars_take_the_tensors_dtype() -> None:
    x = parameter(3, dtype=np.float32)
    two = np.float64(2.5)
    for y in (x * two, two * x, x**two, x.clip(two), x.clip(max=two), mg.leaky_relu(x, two)):
        assert y.dtype == np.float32


def test_numpy_integers_are_axes_and_lists_are_sizes() -> None:
    x = parameter(2, 3)
    assert x.sum(np.int64(0)).shape == (3,)
    assert x.reshape([3, 2]).shape == x.reshape(np.array([3, 2])).shape == (3, 2)
    assert (x @ [1.0, 2.0, 3.0]).tolist() == [8.0, 26.0]


def test_cumsum_and_roll_flatten_without_an_axis() -> None:
    x = parameter(2, 3)
    for y, expected in ((np.cumsum(x), np.cumsum(x.numpy())), (np.roll(x, 2), np.roll(x.numpy(), 2))):
        np.testing.assert_array_equal(y.numpy(), expected)


@pytest.mark.parametrize(
    "f",
    [
        lambda np, x: np.roll(x, (1, 2), (0, 1)),
        lambda np, x: np.roll(x, (1, 2), 1),
        lambda np, x: np.roll(x, 1, axis=(0, 1)),
        lambda np, x: np.roll(x, (1, 3)),
        lambda np, x: np.expand_dims(x, (0, -1)),
        lambda np, x: np.expand_dims(x, -1),
        lambda np, x: np.broadcast_to(x[0, 0], 4),
        lambda np, x: np.split(x, THREE, axis=1)[1],
        lambda np, x: (x > 2).any(1),
        lambda np, x: (x > 2).all(0, keepdims=True),
        lambda np, x: x[:0].all() & ~x[:0].any(),
    ],
)
def test_several_axes_and_numbers_where_numpy_takes_them(f: Callable[[Any, Any], Any]) -> None:
    x = parameter(2, 3)
    for found in (f(mg, x), f(np, x)):
        np.testing.assert_array_equal(found.numpy(), f(np, x.numpy()))


THREE = np.int64(3)


def test_copies_and_pickles_are_leaves_of_their_own() -> None:
    w = mg.Parameter([1.0, 2.0], name="w")
    w.grad = mg.tensor([3.0, 4.0])
    for twin in (copy.deepcopy(w), pickle.loads(pickle.dumps(w))):
        assert type(twin) is mg.Parameter and twin.name == "w" and twin.grad.tolist() == [3.0, 4.0]
        twin.numpy()[0] = 9.0
        assert w.tolist() == [1.0, 2.0]
    y = w
    for _ in range(10_000):  # deeper than Python's stack
        y = -y
    assert copy.deepcopy(y).is_leaf and not copy.deepcopy(y).requires_grad


def test_a_tensor_pickled_by_another_process_has_its_place_in_the_order() -> None:
    script = (
        "import pickle, sys, minigrad as mg, minigrad.mutation as m; [None for _ in zip(range(10**7), m.serials)];"
        "sys.stdout.buffer.write(pickle.dumps(mg.tensor(1.0, requires_grad=True)))"
    )
    pickled = subprocess.run([sys.executable, "-c", script], capture_output=True).stdout
    x = pickle.loads(pickled)
    (x * x).backward()
    assert x.grad.item() == 2.0


def test_a_number_is_an_id() -> None:
    table = parameter(4, 2)
    assert mg.embedding(3, table).tolist() == mg.gather(table, np.int64(3)).tolist() == [6.0, 7.0]
    assert mg.one_hot(1, 3).tolist() == [0, 1, 0]
    scores = parameter(2, 3)
    listed = mg.softmax_cross_entropy(scores, [0, 1], mask=[1, 0])
    assert float(listed) == float(mg.softmax_cross_entropy(scores, np.array([0, 1]), mask=np.array([1.0, 0.0])))


def test_other_byte_orders_become_the_machines() -> None:
    x = mg.tensor(np.arange(3, dtype=">f4"), requires_grad=True)
    (gx,) = mg.grad(mg.softmax(x)[0], x)
    assert x.dtype.isnative
    assert gx.dtype == np.float32


def test_whole_numbers_are_traced_with_the_dtype_they_get() -> None:
    whole = np.arange(3)
    for f in (lambda x: x.clip(0.5, 1.5), mg.logsumexp, lambda x: x.clip(1), mg.softplus):
        graph = mg.trace(f, whole)
        assert graph.outputs[0].dtype == graph.run(whole)[0].dtype


@pytest.mark.filterwarnings("error")
def test_an_infinite_cotangent_does_not_reach_what_was_not_chosen() -> None:
    x, infinite = parameter(2), mg.tensor([np.inf, np.inf])
    (gx,) = mg.grad(mg.where(np.array([True, False]), x, 0.0), x, infinite)
    assert gx is not None
    assert gx.tolist() == [np.inf, 0]
    (root,) = mg.grad(mg.sqrt(x), x, infinite)
    assert root is not None
    assert root.tolist() == [0, np.inf]


def test_products_where_another_axis_is_empty() -> None:
    assert parameter(3, 0, 2).prod(0).shape == (0, 2)


def test_gradients_of_what_does_not_depend_are_zeros() -> None:
    x = parameter(3)
    (hx,) = mg.hvp(x.sum(), x, np.ones(3))
    assert hx.tolist() == [0, 0, 0]
    graph = mg.trace(lambda a, b: a.sum(), np.ones(2), np.full(2, np.inf))
    assert mg.differentiate(graph).run(np.ones(2), np.full(2, np.inf))[1].tolist() == [0, 0]


def test_argnums_count_from_the_end() -> None:
    value, gradient = mg.value_and_grad(lambda a, b: (a * b).sum(), argnums=-1)(np.full(2, 3.0), np.ones(2))
    assert gradient.tolist() == [3, 3]
    assert float(value) == 6


@pytest.mark.parametrize(
    ("error", "says", "faulty"),
    [
        (ShapeError, "axis 5", lambda x: x.transpose(0, 5)),
        (ShapeError, "cannot reshape", lambda x: mg.trace(lambda a: a.reshape(-2, -3), x)),
        (ShapeError, "pad widths", lambda x: mg.pad(x, ((1, 0), (0, 2), (1, 1)))),
        (ShapeError, "ddof=1", lambda x: x[:1].std(0, ddof=1)),
        (ShapeError, "'j' is 1 and 3", lambda x: mg.einsum("ij,ij->ij", x[:, :1], x)),
        (ShapeError, "no elements", lambda x: mg.logsumexp(x[:0])),
        (ShapeError, "cannot multiply", lambda x: x @ 2),
        (ShapeError, "inhomogeneous", lambda x: mg.tensor([[1, 2], [3]])),
        (DTypeError, "<U3", lambda x: mg.tensor("abc")),
        (DTypeError, "NoneType", lambda x: x == None),  # noqa: E711
        (DTypeError, "float64", lambda x: mg.gather(x, np.zeros(2))),
        (DTypeError, "not of a float", lambda x: mg.grad(x.sum().item(), x)),
        (DTypeError, "not of a dict", lambda x: mg.grad(x.sum(), {"x": x})),
        (IndexRangeError, "size 3 does not fit an axis of size 2", lambda x: x[np.array([True, False, True])]),
        (UsageError, "tangents", lambda x: mg.jvp(x * x, x, [x, x])),
        (UsageError, "argnums is 5", lambda x: mg.value_and_grad(mg.sum, argnums=5)(x)),
    ],
)  # fmt: skip
def test_mistakes_are_named(error: type[MinigradError], says: str, faulty: Callable[[mg.Tensor], object]) -> None:
    with pytest.raises(error, match=says):
        faulty(parameter(2, 3))


def test_updates_by_hand_change_the_parameter_itself() -> None:
    w = parameter(2, dtype=np.float32)
    same, graph = w, (w * w).sum()
    graph.backward()
    with mg.no_grad():
        w -= 0.5 * w.grad
        w += 1
        w *= 2.0
        w /= 4
    assert w is same and w.requires_grad and w.dtype == np.float32
    assert w.tolist() == [0.5, 0.5]
    with pytest.raises(GradientError, match="changed in place"):
        graph.backward()


def test_elsewhere_they_make_a_new_tensor() -> None:
    w = total = parameter(2)
    total += 1
    total *= w
    assert w.tolist() == [0, 1]
    assert mg.grad(total.sum(), w)[0].tolist() == [1, 3]  # type: ignore[union-attr]


def test_a_number_is_formatted_as_one() -> None:
    assert f"loss {mg.tensor(1.25):.1f}" == "loss 1.2"
    assert f"{mg.tensor(1.5)}" == repr(mg.tensor(1.5))


def test_a_symbol_that_escaped_its_trace_is_named() -> None:
    kept: list[mg.Tensor] = []
    mg.trace(lambda x: kept.append(x) or x, np.ones(2))  # type: ignore[func-returns-value]
    with pytest.raises(TraceError, match="a trace that is over"):
        kept[0] + 1
