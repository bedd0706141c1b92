"""What holds for any shapes, axes and indices: against NumPy, and for gradients against their definition."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigrad as mg
from minigrad.op import Array

settings.register_profile("minigrad", max_examples=60, deadline=None, derandomize=True)
settings.load_profile("minigrad")

SHAPE = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
SOLID = hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4)
BROADCAST = hnp.mutually_broadcastable_shapes(num_shapes=2, min_dims=0, max_dims=4, min_side=0, max_side=4)
SEED = st.integers(0, 2**32 - 1)

TWO_SIDED: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / (b * b + 1),
    "maximum": np.maximum,
    "where": lambda a, b: np.where(a > b, a, b),
}


def normal(seed: int, *shapes: tuple[int, ...]) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape)) for shape in shapes]


def leaves(*arrays: Array) -> list[mg.Tensor]:
    return [mg.tensor(x, requires_grad=True) for x in arrays]


@pytest.mark.parametrize("f", TWO_SIDED.values(), ids=TWO_SIDED)
@given(shapes=BROADCAST, seed=SEED)
def test_broadcasting_is_numpys_and_its_gradient_the_sum_over_copies(
    f: Callable[[Any, Any], Any], shapes: hnp.BroadcastableShapes, seed: int
) -> None:
    arrays = normal(seed, *shapes.input_shapes)
    operands = leaves(*arrays)
    y = f(*operands)
    np.testing.assert_array_equal(y.numpy(), f(*arrays))
    copies = leaves(*(np.broadcast_to(x, shapes.result_shape) for x in arrays))
    (g,) = normal(seed + 1, shapes.result_shape)
    whole = mg.grad(f(*copies), copies, mg.tensor(g))
    for x, gx, parts in zip(operands, mg.grad(y, operands, mg.tensor(g)), whole, strict=True):
        assert gx.shape == x.shape
        np.testing.assert_allclose(gx.numpy(), summed_to(parts.numpy(), x.shape), atol=1e-12)


def summed_to(whole: Array, shape: tuple[int, ...]) -> Array:
    """Each copy's part added at the place it came from."""
    total = np.zeros(shape)
    np.add.at(total.reshape(-1), np.broadcast_to(np.arange(total.size).reshape(shape), whole.shape), whole)
    return total


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod", "var", "std"])
@given(shape=SOLID, seed=SEED, data=st.data(), keepdims=st.booleans())
def test_reductions_are_numpys(
    name: str, shape: tuple[int, ...], seed: int, data: st.DataObject, keepdims: bool
) -> None:
    axes = st.none() | st.integers(-len(shape), len(shape) - 1) | hnp.valid_tuple_axes(len(shape))
    axis = data.draw(axes)
    (x,) = normal(seed, shape)
    expected = getattr(np, name)(x, axis=axis, keepdims=keepdims)
    np.testing.assert_allclose(getattr(mg.tensor(x), name)(axis=axis, keepdims=keepdims).numpy(), expected, atol=1e-12)


@given(shape=SHAPE, seed=SEED, data=st.data())
def test_basic_indexing_is_numpys_and_its_gradient_puts_back(
    shape: tuple[int, ...], seed: int, data: st.DataObject
) -> None:
    key = data.draw(hnp.basic_indices(shape, allow_newaxis=True, max_dims=6))
    check_indexing(shape, seed, key)


@given(shape=SOLID, seed=SEED, data=st.data())
def test_integer_indexing_is_numpys_and_repeated_places_add_up(
    shape: tuple[int, ...], seed: int, data: st.DataObject
) -> None:
    arrays = hnp.array_shapes(max_dims=2, max_side=3)
    check_indexing(shape, seed, data.draw(hnp.integer_array_indices(shape, result_shape=arrays)))


@given(shape=SOLID, seed=SEED)
def test_boolean_indexing_is_numpys(shape: tuple[int, ...], seed: int) -> None:
    check_indexing(shape, seed, np.random.default_rng(seed).random(shape) < 0.5)


def check_indexing(shape: tuple[int, ...], seed: int, key: Any) -> None:
    (array,) = normal(seed, shape)
    (x,) = leaves(array)
    y = x[key]
    np.testing.assert_array_equal(y.numpy(), array[key])
    (g,) = normal(seed + 1, y.shape)
    (gx,) = mg.grad(y, x, mg.tensor(g))
    expected = np.zeros(shape)
    np.add.at(expected, key, g)
    np.testing.assert_allclose(gx.numpy(), expected, atol=1e-12)


@given(shapes=hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, max_side=3), seed=SEED)
def test_matmul_is_numpys_in_every_number_of_dimensions(shapes: hnp.BroadcastableShapes, seed: int) -> None:
    arrays = normal(seed, *shapes.input_shapes)
    operands = leaves(*arrays)
    y = operands[0] @ operands[1]
    np.testing.assert_allclose(y.numpy(), arrays[0] @ arrays[1], atol=1e-12)
    (g,) = normal(seed + 1, y.shape)
    for i, gx in enumerate(mg.grad(y, operands, mg.tensor(g))):
        (v,) = normal(seed + 2, arrays[i].shape)
        moved = v @ arrays[1] if i == 0 else arrays[0] @ v
        np.testing.assert_allclose((gx.numpy() * v).sum(), (g * moved).sum(), atol=1e-9)


@given(shape=SHAPE, seed=SEED, data=st.data())
def test_moving_axes_and_elements_is_numpys(shape: tuple[int, ...], seed: int, data: st.DataObject) -> None:
    (array,) = normal(seed, shape)
    x = mg.tensor(array)
    order = data.draw(st.permutations(range(len(shape))))
    np.testing.assert_array_equal(x.transpose(order).numpy(), array.transpose(order))
    np.testing.assert_array_equal(x.reshape(-1).numpy(), array.reshape(-1))
    np.testing.assert_array_equal(x.squeeze().numpy(), array.squeeze())
    np.testing.assert_array_equal(mg.flip(x).numpy(), np.flip(array))
    for axis in range(-len(shape), len(shape)):
        shift = data.draw(st.integers(-5, 5))
        np.testing.assert_array_equal(mg.roll(x, shift, axis).numpy(), np.roll(array, shift, axis))
        np.testing.assert_array_equal(mg.expand_dims(x, axis).numpy(), np.expand_dims(array, axis))
        np.testing.assert_array_equal(mg.stack([x, x], axis).numpy(), np.stack([array, array], axis))
        np.testing.assert_array_equal(mg.concat([x, x], axis).numpy(), np.concatenate([array, array], axis))


@given(shape=SOLID, seed=SEED, data=st.data())
def test_splitting_and_padding_undo_joining(shape: tuple[int, ...], seed: int, data: st.DataObject) -> None:
    (array,) = normal(seed, shape)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    cuts = sorted(data.draw(st.lists(st.integers(0, shape[axis]), max_size=3)))
    parts = mg.split(mg.tensor(array), cuts, axis)
    for ours, numpys in zip(parts, np.split(array, cuts, axis), strict=True):
        np.testing.assert_array_equal(ours.numpy(), numpys)
    np.testing.assert_array_equal(mg.concat(parts, axis).numpy(), array)
    padded = mg.pad(mg.tensor(array), (1, 2), 3.0)
    np.testing.assert_array_equal(padded.numpy(), np.pad(array, (1, 2), constant_values=3.0))


@given(dtypes=st.tuples(*[st.sampled_from(["float32", "float64", "int32", "int64", "bool"])] * 2), seed=SEED)
def test_promotion_is_numpys_and_scalars_are_weak(dtypes: tuple[str, str], seed: int) -> None:
    a, b = (x.astype(dtype) for x, dtype in zip(normal(seed, (3,), (3,)), dtypes, strict=True))
    assert (mg.tensor(a) + mg.tensor(b)).dtype == (a + b).dtype
    assert (mg.tensor(a) * mg.tensor(b)).dtype == (a * b).dtype
    for scalar in (2, 2.0, np.float64(2), np.int64(2)):
        weak = scalar.item() if isinstance(scalar, np.generic) else scalar
        assert (mg.tensor(a) * scalar).dtype == (scalar * mg.tensor(a)).dtype == (a * weak).dtype
