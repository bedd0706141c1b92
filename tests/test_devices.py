"""Devices: every Op and its gradient where its operands are; nothing moves by itself; what is mixed is refused.

Where there is no GPU, a fake one that is as strict shows that no Op converts an array to NumPy's without a word.
"""

import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from test_ops import DIFFERENTIABLE, EACH_OP, samples

import minigrad as mg
from minigrad import device
from minigrad.check.records import Draw, Record
from minigrad.errors import DeviceError, MissingPackageError, UsageError
from minigrad.layers import BatchNorm2d, Conv2d, Dropout, Flatten, LayerNorm, Linear, MaxPool2d, ReLU, Sequential
from minigrad.op import Array, Op, apply
from minigrad.optim import Adam, clip_grad_norm
from models.captioner import Captioner


def gpu() -> str:
    """Why there is none, or nothing."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return "" if import_module("cupy").cuda.runtime.getDeviceCount() else "no GPU"
    except Exception as error:
        return f"no GPU: {type(error).__name__}: {error}"


NO_GPU = gpu()


@pytest.fixture(params=["fake"] if NO_GPU else ["fake", "cuda"], autouse=True)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The device under test; the fake one is known for as long as a test lasts."""
    monkeypatch.setitem(device.MODULES, "fake", "fake_device")
    return f"{request.param}:0"


@pytest.mark.skipif(bool(NO_GPU), reason=f"all tests of devices run on a fake one alone: {NO_GPU}")
def test_there_is_a_gpu(place: str) -> None:
    assert mg.tensor([1.0], device="cuda").device == "cuda:0"


def there(arrays: list[Array], place: str) -> list[mg.Tensor]:
    return [mg.tensor(x, requires_grad=x.dtype.kind == "f", device=place) for x in arrays]


def same(x: mg.Tensor, y: Any, place: str) -> None:
    """x is on the device, and there what y is here."""
    assert (x.device, x.shape) == (place, y.shape)
    np.testing.assert_allclose(x.detach().to("cpu").numpy(), y.detach().numpy(), rtol=1e-10, atol=1e-12)


@EACH_OP
def test_values_are_computed_where_the_operands_are(record: Record, place: str) -> None:
    for op, arrays in samples(record):
        arrays = [np.asarray(x) for x in arrays]
        with mg.no_grad():
            same(apply(op, *there(arrays, place)), apply(op, *map(mg.tensor, arrays)), place)


@DIFFERENTIABLE
@pytest.mark.parametrize("create_graph", [False, True], ids=["arrays", "graph"])
def test_gradients_are_computed_there_too(record: Record, place: str, create_graph: bool) -> None:
    for op, arrays in samples(record):
        here, elsewhere = (pulled(op, [np.asarray(x) for x in arrays], at, create_graph) for at in ("cpu", place))
        for ours, theirs in zip(here, elsewhere, strict=True):
            same(theirs, ours, place)


def pulled(op: Op, arrays: list[Array], place: str, create_graph: bool) -> list[Any]:
    """The gradients of a random weighting of op, of first order, that there are."""
    operands = there(arrays, place)
    y = apply(op, *operands)
    if not y.requires_grad:
        return []
    g = mg.tensor(Draw(7).normal(*y.shape).astype(y.dtype), device=place)
    found = mg.grad(y, [x for x in operands if x.requires_grad], g, create_graph=create_graph, allow_unused=True)
    return [gx for gx in found if gx is not None]


@EACH_OP
def test_operands_on_two_devices_are_refused(record: Record, place: str) -> None:
    for op, arrays in samples(record):
        operands = there([np.asarray(x) for x in arrays], place)
        for i in range(len(operands) if len(operands) > 1 else 0):
            mixed = [x.detach().to("cpu") if i == j else x for j, x in enumerate(operands)]
            with pytest.raises(DeviceError, match=rf"{type(op).__name__}.*on {place}") as caught:
                apply(op, *mixed)
            assert "on cpu" in str(caught.value), op


# whole programs


def step(module: mg.Module, loss: Callable[[], mg.Tensor]) -> list[Any]:
    """Two steps of Adam with clipped gradients: the losses."""
    optimizer, losses = Adam(module.parameters(), 0.1), []
    for _ in range(2):
        losses.append(loss())
        optimizer.zero_grad()
        losses[-1].backward()
        clip_grad_norm(module.parameters(), 0.5)
        optimizer.step()
    return losses


def trained_alike(make: Callable[[], Any], arrays: list[Array], place: str, loss: Callable[..., Any]) -> None:
    """Training there is training here, to the parameters and buffers."""
    states = []
    for at in ("cpu", place):
        module = make().to(at)
        inputs = [mg.tensor(x, device=at) for x in arrays]
        losses = step(module, lambda module=module, inputs=inputs: loss(module, *inputs))
        assert {y.device for y in (*losses, *module.parameters())} == {at}
        states.append([float(y) for y in losses] + list(module.to("cpu").state_dict().values()))
    for here, elsewhere in zip(*states, strict=True):
        np.testing.assert_allclose(elsewhere, here, rtol=1e-9, atol=1e-9)  # Adam divides by what may be rounding


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_a_captioner_is_trained_on_a_device(cell: str, place: str) -> None:
    arrays = [Draw(0).normal(3, 4), Draw(1).ids(11, 3, 5)]
    make = lambda: Captioner(cell, 11, 4, 3, 5, dtype=np.float64)  # noqa: E731
    trained_alike(make, arrays, place, lambda net, *inputs: net.loss(*inputs))


def test_a_network_for_pictures_is_trained_on_a_device(place: str) -> None:
    def make() -> Sequential:
        rng: Any = np.random.default_rng(0)
        return Sequential(
            Conv2d(3, 9, 3, padding=1, rng=rng, dtype=float), BatchNorm2d(9, dtype=float), ReLU(), MaxPool2d(2),
            Dropout(0.5, np.random.default_rng(1)), Flatten(), Linear(36, 4, rng=rng, dtype=float),
            LayerNorm(4, dtype=float),
        )  # fmt: skip

    trained_alike(make, [Draw(2).normal(5, 3, 4, 4)], place, lambda net, x: mg.square(net(x)).mean())


# what moves, and what does not


def test_nothing_moves_unless_it_is_told_to(place: str) -> None:
    x = mg.tensor([[1.0, 2.0]], requires_grad=True, name="x", device=place.partition(":")[0])
    assert x.device == place and x.to(place) is x and mg.tensor(x).device == place
    assert x[:, mg.tensor([0], device=place)].tolist() == [[1.0]]
    with pytest.raises(DeviceError, match=r"Index.*x \(1, 2\) on .*on cpu"):
        x[:, [0]]
    y = (x * 2 + np.float64(1)) ** 2
    assert y.device == place and y.tolist() == [[9.0, 25.0]] and "9." in repr(y) and float(y[0, 0]) == 9.0
    back = x.to("cpu")
    assert back.device == "cpu" and back.is_leaf and back.requires_grad and back.name == "x"
    np.testing.assert_array_equal(back.detach().numpy(), [[1.0, 2.0]])
    for leaves in (lambda: x.numpy(), lambda: np.asarray(x.detach()), lambda: mg.trace(mg.tanh, x).run(x)):
        with pytest.raises(DeviceError, match=rf"x is on {place}.*to\('cpu'\)"):
            leaves()
    with pytest.raises(DeviceError, match="would lose its history on cpu"):
        y.to("cpu")


def test_a_compiled_function_refuses_what_is_on_a_device(place: str) -> None:
    net = Linear(2, 2, rng=np.random.default_rng(0))
    x = np.ones((1, 2), np.float32)
    compiled = mg.compile(lambda x: net(x))
    with pytest.raises(DeviceError, match=f"is on {place}: .*compiled functions"):
        compiled(mg.tensor(x, device=place))
    compiled(x)
    net.to(place)
    with pytest.raises(DeviceError, match=f"linear.* is on {place}"):
        compiled(x)


def test_state_is_loaded_into_a_module_where_it_is(place: str) -> None:
    net, other = (Linear(3, 2, rng=np.random.default_rng(seed)) for seed in (0, 1))
    net.to(place).load_state_dict(other.state_dict())
    assert net.weight.device == place
    with pytest.raises(DeviceError, match="is on"):
        net.state_dict()
    np.testing.assert_array_equal(net.to("cpu").weight.detach().numpy(), other.weight.detach().numpy())


def test_a_change_in_place_is_found_there_too(place: str) -> None:
    x = mg.tensor([1.0, 2.0], requires_grad=True, device=place)
    y = (x * x).sum()
    with mg.no_grad():
        x *= 2
    with pytest.raises(mg.errors.GradientError, match="changed in place"):
        y.backward()


def test_two_devices_of_a_kind_are_two_devices() -> None:
    a, b = (mg.tensor([1.0], device=f"fake:{number}") for number in (0, 1))
    with pytest.raises(DeviceError, match=r"Add.*on fake:0, .*on fake:1"):
        a + b
    assert (a + b.to("fake:0")).device == "fake:0"


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:1", ""])
def test_a_device_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=rf"there is no device '{name}': there are cpu, cuda"):
        mg.tensor([1.0], device=name)


def test_without_cupy_the_error_says_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(MissingPackageError, match=r"needs the package cupy: .*'minigrad\[gpu\]'"):
        mg.tensor([1.0], device="cuda")
