"""The closed forms against the automatic gradients, central differences and complex steps; and on symbols."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.op import Array
from models import Captioner
from models import closed_form as cf
from models.cells import CELLS

N, T, D, H, V = 3, 10, 4, 5, 7
rng = np.random.default_rng(0)
GATES = {"rnn": 1, "lstm": 4}


def error(a: Any, b: Any) -> float:
    """max |a − b| / max(max |a|, max |b|)."""
    a, b = (x.numpy() if isinstance(x, mg.Tensor) else np.asarray(x) for x in (a, b))
    assert a.shape == b.shape
    return float(np.abs(a - b).max() / max(np.abs(a).max(), np.abs(b).max(), 1e-300))


def weights(cell: str) -> list[Array]:
    """Wx, Wh, b."""
    columns = GATES[cell] * H
    return [rng.normal(size=shape) for shape in ((D, columns), (H, columns), (columns,))]


def step_case(cell: str) -> tuple[Callable[..., Any], Callable[..., Any], list[Array]]:
    """Forward and backward of a step as functions of all its inputs."""
    states = [rng.normal(size=(N, H)) for _ in range(GATES[cell] // 4 + 1)]
    forward, backward = getattr(cf, f"{cell}_step_forward"), getattr(cf, f"{cell}_step_backward")

    def gradients(g: list[Array], *xs: Array) -> Any:
        return backward(*g, forward(*xs)[-1])

    return lambda *xs: forward(*xs)[:-1], gradients, [rng.normal(size=(N, D)), *states, *weights(cell)]


def sequence_case(cell: str) -> tuple[Callable[..., Any], Callable[..., Any], list[Array]]:
    """The same of a whole sequence."""
    forward, backward = getattr(cf, f"{cell}_forward"), getattr(cf, f"{cell}_backward")

    def gradients(g: list[Array], *xs: Array) -> Any:
        return backward(*g, forward(*xs)[1])

    return (
        lambda *xs: forward(*xs)[:1],
        gradients,
        [rng.normal(size=(N, T, D)), rng.normal(size=(N, H)), *weights(cell)],
    )


def norm_case(name: str, *shape: int) -> tuple[Callable[..., Any], Callable[..., Any], list[Array]]:
    """A normalisation of x with γ and β for the second axis."""
    forward, backward = getattr(cf, f"{name}_forward"), getattr(cf, f"{name}_backward")

    def gradients(g: list[Array], *xs: Array) -> Any:
        return backward(g[0], forward(*xs)[1])

    xs = [rng.normal(size=shape), rng.normal(size=shape[1]), rng.normal(size=shape[1])]
    return lambda *xs: forward(*xs)[:1], gradients, xs


IDS, MASK = rng.integers(0, V, (N, T)), rng.random((N, T)) < 0.7


def loss_case(f: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """A loss that gives its gradient with it."""
    return lambda x: (f(x)[0],), lambda g, x: (g[0] * f(x)[1],)


CASES: dict[str, Any] = {
    "rnn step": step_case("rnn"),
    "lstm step": step_case("lstm"),
    "rnn sequence": sequence_case("rnn"),
    "lstm sequence": sequence_case("lstm"),
    "sigmoid": (
        lambda x: (cf.sigmoid(x),),
        lambda g, x: (cf.sigmoid_backward(g[0], cf.sigmoid(x)),),
        [rng.normal(size=(N, D))],
    ),
    "word embedding": (
        lambda W: cf.word_embedding_forward(IDS, W)[:1],
        lambda g, W: (cf.word_embedding_backward(g[0], (IDS, W)),),
        [rng.normal(size=(V, D))],
    ),
    "temporal affine": (
        lambda *xs: cf.temporal_affine_forward(*xs)[:1],
        lambda g, *xs: cf.temporal_affine_backward(g[0], cf.temporal_affine_forward(*xs)[1]),
        [rng.normal(size=(N, T, D)), rng.normal(size=(D, V)), rng.normal(size=V)],
    ),
    "temporal softmax loss": (
        *loss_case(lambda x: cf.temporal_softmax_loss(x, IDS, MASK)),
        [rng.normal(size=(N, T, V)) * 3],
    ),
    "bce": (*loss_case(lambda x: cf.bce_loss(x, MASK * 0.9)), [rng.normal(size=(N, T)) * 3]),
    "batch norm": norm_case("batchnorm", 7, 3),
    "batch norm of pictures": norm_case("batchnorm", 2, 3, 4, 5),
    "layer norm": norm_case("layernorm", 3, 7),
    "mse": (*loss_case(lambda x: cf.mse_loss(x, IDS * 1.0)), [rng.normal(size=(N, T))]),
}


def cotangents(forward: Any, xs: list[Array]) -> list[Array]:
    return [rng.normal(size=np.shape(y)) for y in forward(*xs)]


@pytest.mark.parametrize("name", CASES)
def test_closed_form_is_the_automatic_gradient(name: str) -> None:
    forward, backward, xs = CASES[name]
    gs = cotangents(forward, xs)
    tensors = [mg.tensor(x, requires_grad=True) for x in xs]
    automatic = mg.grad(list(forward(*tensors)), tensors, [mg.tensor(g) for g in gs])
    for by_engine, by_hand in zip(automatic, backward(gs, *xs), strict=True):
        assert error(by_engine, by_hand) <= 1e-12


def central(f: Callable[[Array], Any], x: Array, step: Array) -> Any:
    one, two = (f(x + k * 1e-3 * step) - f(x - k * 1e-3 * step) for k in (1, 2))
    return (8 * one - two) / 12e-3


def complex_step(f: Callable[[Array], Any], x: Array, step: Array) -> Any:
    return f(x + 1e-40j * step).imag * 1e40


def numerical(slope: Callable[..., Any], f: Callable[[Array], Any], x: Array) -> Array:
    """∂f/∂x, element by element."""
    steps = np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([slope(f, x, step) for step in steps]).reshape(x.shape)


def check_numerically(f: Callable[[Array], Any], x: Array, by_hand: Array, analytic: bool = True) -> None:
    """A gradient against central differences and, where f is analytic, complex steps."""
    assert error(numerical(central, f, x), by_hand) <= 1e-7
    if analytic:
        assert error(numerical(complex_step, f, x), by_hand) <= 1e-12


@pytest.mark.parametrize("name", CASES)
def test_closed_form_is_the_numerical_gradient(name: str) -> None:
    forward, backward, xs = CASES[name]
    gs = cotangents(forward, xs)
    for i, by_hand in enumerate(backward(gs, *xs)):

        def contracted(x: Array, i: int = i) -> Any:
            return sum((y * g).sum() for y, g in zip(forward(*xs[:i], x, *xs[i + 1 :]), gs, strict=True))

        check_numerically(contracted, xs[i], by_hand, analytic=name != "bce")  # max and |x| are not analytic


def check_on_symbols(f: Callable[..., list[Any]], *arrays: Array) -> None:
    """The graph that f traces computes what f does."""
    for symbolic, by_hand in zip(mg.trace(f, *arrays).run(*arrays), f(*arrays), strict=True):
        assert error(symbolic, by_hand) <= 1e-14


@pytest.mark.parametrize("name", CASES)
def test_closed_form_runs_on_symbols(name: str) -> None:
    forward, backward, xs = CASES[name]
    gs = [np.asarray(g) for g in cotangents(forward, xs)]

    def both(*arrays: Any) -> list[Any]:
        g, inputs = list(arrays[: len(gs)]), arrays[len(gs) :]
        return [*forward(*inputs), *backward(g, *inputs)]

    check_on_symbols(both, *gs, *xs)


def whole(cell: str) -> tuple[Captioner, Array, Array, dict[str, Array]]:
    """A captioner, features, captions with padding, and its parameters by the closed form's names."""
    captioner = Captioner(cell, V, D, 6, H, dtype=np.float64, seed=1, embedding_deviation=1.0)
    features, captions = rng.normal(size=(N, D)), rng.integers(0, V, (N, T + 1))
    return captioner, features, captions, {short(path): array for path, array in captioner.state_dict().items()}


def short(path: str) -> str:
    return path.removeprefix("cell.")


@pytest.mark.parametrize("cell", CELLS)
def test_the_whole_captioner_agrees_with_the_closed_form(cell: str) -> None:
    captioner, features, captions, parameters = whole(cell)
    loss = captioner.loss(features, captions)
    loss.backward()
    by_hand, gradients = cf.captioning_loss(cell, features, captions, parameters)
    assert error(loss, by_hand) <= 1e-14
    for path, parameter in captioner.named_parameters():
        assert error(parameter.grad, gradients[short(path)]) <= 1e-12, path


@pytest.mark.parametrize("cell", CELLS)
def test_the_whole_closed_form_is_the_numerical_gradient(cell: str) -> None:
    _, features, captions, parameters = whole(cell)
    _, gradients = cf.captioning_loss(cell, features, captions, parameters)
    for name, array in parameters.items():

        def loss(x: Array, name: str = name) -> Any:
            return cf.captioning_loss(cell, features, captions, parameters | {name: x})[0]

        check_numerically(loss, array, gradients[name])


@pytest.mark.parametrize("cell", CELLS)
def test_the_whole_closed_form_runs_on_symbols(cell: str) -> None:
    _, features, captions, parameters = whole(cell)

    def both(features: Any, captions: Any, *arrays: Any) -> list[Any]:
        named = dict(zip(parameters, arrays, strict=True))
        loss, gradients = cf.captioning_loss(cell, features, captions, named)
        return [loss, *gradients.values()]

    check_on_symbols(both, features, captions, *parameters.values())


def test_sigmoid_is_stable_far_out() -> None:
    assert cf.sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist() == [0, 0.5, 1]
    loss, dx = cf.temporal_softmax_loss(np.full((1, 1, 2), [1000.0, -1000.0]), np.array([[0]]), np.array([[True]]))
    assert loss == 0
    assert np.isfinite(dx).all()
