"""Run by test_jax.py in a process of its own, for JAX has threads that forks in other tests would not survive.

Prints, as JSON, how far JAX's values and gradients are from ours. An Op's samples are one compiled function: to compile
takes nearly all of the time, so only a few samples of each Op are taken, unless the argument says how many.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

import minigrad as mg
from minigrad.check.records import RECORDS, Draw
from minigrad.layers import BatchNorm1d, BatchNorm2d, ConvTranspose2d, Linear, Tanh
from minigrad.op import Array, Op, apply
from models.captioner import Captioner
from models.gan import Generator, Unflatten

FEW = 2


def main() -> None:
    """One object with `ops`, `corners` and `models`."""
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_disable_most_optimizations", True)
    few = int(sys.argv[1]) if len(sys.argv) > 1 else FEW
    found = {
        "ops": {record.op.__name__: errors(spread(list(record.samples(Draw(0))), few)) for record in RECORDS.values()},
        "corners": {
            f"{op.__name__} {i}": errors([(corner.op, *corner.arrays)], weight=1.0)
            for op, record in RECORDS.items()
            for i, corner in enumerate(record.corners)
        },
        "models": {"captioner": captioner(), "generator": generator()},
    }
    print(json.dumps(found))


def spread(samples: list[Any], few: int) -> list[Any]:
    """So many of the samples, evenly."""
    return samples[:: -(-len(samples) // few)]


def errors(samples: list[Any], weight: float | None = None) -> list[float]:
    """The largest relative difference of values, and of gradients."""
    applied: list[tuple[Op, list[Array]]] = [(op, [np.asarray(x) for x in xs]) for op, *xs in samples]
    functions = [jax_gradient(op, arrays, weight) for op, arrays in applied]
    theirs = jax.jit(lambda: [f() for f in functions])()
    ours = [gradient(op, arrays, weight) for op, arrays in applied]
    far = [[relative(a, np.asarray(b)) for a, b in zip(x, y, strict=True)] for x, y in zip(ours, theirs, strict=True)]
    return [max(each[0] for each in far), max((e for each in far for e in each[1:]), default=0.0)]


def jax_gradient(op: Op, arrays: list[Array], weight: float | None) -> Callable[[], list[Any]]:
    """What computes the value and the gradient of each floating operand, by JAX."""
    graph = mg.trace(lambda *xs: apply(op, *xs), *arrays)
    function = mg.to_jax(graph)

    def value_and_gradients() -> list[Any]:
        if not graph.outputs[0].requires_grad:
            return [*function(*arrays)]
        floating = [x for x in arrays if x.dtype.kind == "f"]
        y, pull = jax.vjp(lambda *xs: function(*filled(arrays, xs))[0], *floating)
        return [y, *pull(cotangent(graph.outputs[0].shape, weight))]

    return value_and_gradients


def filled(arrays: list[Array], floating: Any) -> list[Any]:
    """The operands with other floating ones."""
    rest = iter(floating)
    return [next(rest) if x.dtype.kind == "f" else x for x in arrays]


def gradient(op: Op, arrays: list[Array], weight: float | None) -> list[Array]:
    """The same by us; zeros where no gradient is."""
    operands = [mg.tensor(x, requires_grad=x.dtype.kind == "f") for x in arrays]
    y = apply(op, *operands)
    if not y.requires_grad:
        return [y.numpy()]
    leaves = [x for x in operands if x.requires_grad]
    found = mg.grad(y, leaves, mg.tensor(cotangent(y.shape, weight)), allow_unused=True)
    return [y.numpy(), *(np.zeros(x.shape) if g is None else g.numpy() for x, g in zip(leaves, found, strict=True))]


def cotangent(shape: tuple[int, ...], weight: float | None) -> Array:
    """Gaussian, or one number everywhere."""
    return Draw(1).normal(*shape) if weight is None else np.full(shape, weight)


def relative(a: Array, b: Array) -> float:
    """max|a − b| / max(max|a|, max|b|), equal NaNs and infinities left out; a large number where only one is finite."""
    if (a.shape, a.dtype) != (b.shape, b.dtype):
        return 1e300
    a, b = a.astype(float), b.astype(float)
    finite = np.isfinite(a) & np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return 1e300
    a, b = a[finite], b[finite]
    far = np.abs(a - b).max(initial=0)
    return float(far / max(np.abs(a).max(), np.abs(b).max())) if far else 0.0


def of_model(f: Callable[..., Any], module: mg.Module, *arrays: Array) -> float:
    """The worst relative difference of a loss's gradients: jax.grad of the loss, and our own of all parameters."""
    parameters = module.parameters()
    traced = mg.trace(f, *arrays)
    loss = mg.to_jax(mg.Graph([*parameters, *traced.inputs], traced.outputs))
    numbers = tuple(range(len(parameters)))
    theirs = jax.jit(jax.grad(lambda *xs: loss(*xs)[0], argnums=numbers))(*(p.numpy() for p in parameters), *arrays)
    ours: Any = mg.grad(f(*map(mg.tensor, arrays)), parameters)
    return max(relative(a.numpy(), np.asarray(b)) for a, b in zip(ours, theirs, strict=True))


def captioner() -> float:
    """The loss of an unrolled LSTM."""
    net = Captioner("lstm", vocab_size=11, feature_dim=4, word_dim=3, hidden_dim=5, dtype=np.float64)
    draw = Draw(2)
    return of_model(net.loss, net, draw.normal(3, 4), draw.ids(11, 3, 4))


def generator() -> float:
    """A generator's layers, what they make squared; without biases, which batch norm takes away again."""
    rng: Any = np.random.default_rng(0)
    net = Generator(
        Linear(4, 18, bias=False, rng=rng, dtype=float), BatchNorm1d(18, dtype=float), Unflatten(2, 3, 3),
        ConvTranspose2d(2, 3, 4, 2, 1, bias=False, rng=rng, dtype=float), BatchNorm2d(3, dtype=float), Tanh(),
    )  # fmt: skip
    return of_model(lambda z: mg.square(net(z)).sum(), net, Draw(3).normal(5, 4))


if __name__ == "__main__":
    main()
