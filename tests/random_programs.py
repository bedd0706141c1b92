"""Random programs of a given number of Ops: for what must hold of whatever a user writes."""

from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.op import Array, apply

SIZE = (3, 4)
Step = Callable[[np.random.Generator, mg.Tensor, mg.Tensor], mg.Tensor]

STEPS: tuple[Step, ...] = (
    lambda rng, a, b: mg.tanh(a),
    lambda rng, a, b: mg.sigmoid(a),
    lambda rng, a, b: mg.sin(a) * mg.cos(b),
    lambda rng, a, b: mg.softplus(a),
    lambda rng, a, b: mg.relu(a),
    lambda rng, a, b: mg.leaky_relu(a, 0.2),
    lambda rng, a, b: mg.abs(a),
    lambda rng, a, b: mg.clip(a, -0.5, 0.5),
    lambda rng, a, b: mg.square(a) - b**3,
    lambda rng, a, b: mg.exp(mg.tanh(a)),
    lambda rng, a, b: mg.log(a * a + 1.5),
    lambda rng, a, b: mg.sqrt(a * a + 0.5),
    lambda rng, a, b: -a + b,
    lambda rng, a, b: a - b,
    lambda rng, a, b: a * b,
    lambda rng, a, b: a / (b * b + 1),
    lambda rng, a, b: mg.maximum(a, b),
    lambda rng, a, b: mg.minimum(a, b),
    lambda rng, a, b: mg.where(rng.random(a.shape) < 0.5, a, b),
    lambda rng, a, b: a.sum(axis=0, keepdims=True) * b,
    lambda rng, a, b: a.mean(axis=1, keepdims=True) + b,
    lambda rng, a, b: a.max(axis=0) - b,
    lambda rng, a, b: a.min(axis=1, keepdims=True) * b,
    lambda rng, a, b: mg.logsumexp(a, axis=1, keepdims=True) - b,
    lambda rng, a, b: mg.softmax(a, axis=1) * b,
    lambda rng, a, b: mg.log_softmax(a, axis=0),
    lambda rng, a, b: a.cumsum(1),
    lambda rng, a, b: mg.flip(a, 0) + mg.roll(b, 1, 1),
    lambda rng, a, b: (a @ b.T) @ a / 4,
    lambda rng, a, b: mg.einsum("ij,kj->ki", a, b) @ a,
    lambda rng, a, b: mg.concat([a[:, 2:], b[:, :2]], axis=1),
    lambda rng, a, b: mg.stack([a, b], axis=1).sum(1),
    lambda rng, a, b: mg.pad(a[1:, :-1], ((1, 0), (0, 1))) + b,
    lambda rng, a, b: a.reshape(a.shape[::-1]).T + b,
    lambda rng, a, b: mg.gather(a, rng.integers(0, len(a), len(a))) - b,
    lambda rng, a, b: mg.take_along_axis(a, rng.integers(0, a.shape[1], a.shape), 1),
    lambda rng, a, b: a[[-1, 0, *range(2, len(a))][: len(a)]] * b,
)


class Program:
    """A recorded graph that can be run again on other inputs, Tensors or arrays."""

    def __init__(self, inputs: list[mg.Tensor], output: mg.Tensor) -> None:
        self.inputs, self.output = inputs, output
        self.graph = mg.Graph(inputs, [output])

    @property
    def arrays(self) -> list[Array]:
        return [x.numpy().copy() for x in self.inputs]

    def __call__(self, *operands: Any) -> Any:
        values = dict(zip(map(id, self.inputs), operands, strict=True))
        for node in self.graph.nodes:
            if node.op is not None:
                values[id(node)] = apply(node.op, *(values[id(x)] for x in node.inputs))
            else:
                values.setdefault(id(node), node.numpy())
        return values[id(self.output)]


def random_program(seed: int, ops: int = 60, kinks: bool = False, size: tuple[int, int] = SIZE) -> Program:
    """At least `ops` Ops from three inputs to one number; with `kinks` the inputs are full of zeros and ties.

    Inputs and values have `size`, or broadcast to it; at least two columns.
    """
    rng = np.random.default_rng(seed)
    rows, columns = size
    inputs = [leaf(rng, shape, kinks) for shape in (size, (columns,), (rows, 1))]
    spread = mg.tensor(np.zeros(size))
    pool = [x + spread for x in inputs]
    while True:
        step = STEPS[rng.integers(len(STEPS))]
        a, b = (pool[i] for i in rng.integers(max(0, len(pool) - 8), len(pool), 2))
        y = step(rng, a, b)
        pool.append(y if np.abs(y.numpy()).max() < 3 else mg.tanh(y))
        loss = mg.stack(pool[-6:]).sum()
        if sum(node.op is not None for node in mg.Graph.of(loss).nodes) >= ops:
            return Program(inputs, loss)


def leaf(rng: np.random.Generator, shape: tuple[int, ...], kinks: bool) -> mg.Tensor:
    """Gaussian, or multiples of ½ between −1 and 1."""
    array = rng.integers(-2, 3, shape) / 2 if kinks else rng.standard_normal(shape)
    return mg.tensor(array, requires_grad=True)
