"""Graphs that the tests of drawings draw: from one formula to an unrolled captioner."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

import minigrad as mg


class Linear(mg.Module):
    def __init__(self, inputs: int, outputs: int, rng: np.random.Generator) -> None:
        self.W = mg.Parameter(rng.standard_normal((inputs, outputs)) * 0.3)
        self.b = mg.Parameter(np.zeros(outputs))

    def forward(self, x: Any) -> Any:
        return x @ self.W + self.b


class MLP(mg.Module):
    def __init__(self, *sizes: int) -> None:
        rng = np.random.default_rng(0)
        self.layers = [Linear(a, b, rng) for a, b in pairwise(sizes)]

    def forward(self, x: Any) -> Any:
        for layer in self.layers[:-1]:
            x = mg.relu(layer(x))
        return self.layers[-1](x)


class Fire(mg.Module):
    """Squeeze, then two branches side by side."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.squeeze, self.left, self.right = (
            Linear(a, b, rng) for a, b in ((size, 4), (4, size // 2), (4, size // 2))
        )

    def forward(self, x: Any) -> Any:
        s = mg.relu(self.squeeze(x))
        return mg.concat([mg.relu(self.left(s)), mg.relu(self.right(s))], 1)


class Squeeze(mg.Module):
    def __init__(self, count: int = 4, size: int = 8) -> None:
        rng = np.random.default_rng(0)
        self.fires = [Fire(size, rng) for _ in range(count)]

    def forward(self, x: Any) -> Any:
        for fire in self.fires:
            x = fire(x)
        return x


class Cell(mg.Module):
    """h' = tanh(x Wx + h Wh + b), or an LSTM with four gates."""

    def __init__(self, size: int, gates: int, rng: np.random.Generator) -> None:
        self.Wx, self.Wh = (mg.Parameter(rng.standard_normal((size, gates * size)) * 0.3) for _ in range(2))
        self.b = mg.Parameter(np.zeros(gates * size))
        self.gates, self.size = gates, size

    def forward(self, x: Any, h: Any, c: Any) -> Any:
        a = x @ self.Wx + h @ self.Wh + self.b
        if self.gates == 1:
            return mg.tanh(a), c
        i, f, o, g = mg.split(a, 4, 1)
        c = mg.sigmoid(f) * c + mg.sigmoid(i) * mg.tanh(g)
        return mg.sigmoid(o) * mg.tanh(c), c


class Captioner(mg.Module):
    def __init__(self, gates: int = 4, size: int = 6, vocabulary: int = 12, gain: float = 1.0) -> None:
        rng = np.random.default_rng(0)
        self.project, self.scores = Linear(5, size, rng), Linear(size, vocabulary, rng)
        self.embed = mg.Parameter(rng.standard_normal((vocabulary, size)))
        self.cell = Cell(size, gates, rng)
        self.cell.Wh.numpy()[...] *= gain

    def forward(self, features: Any, words: Any) -> Any:
        h = self.project(features)
        c = mg.from_numpy(np.zeros(h.shape))
        x = mg.embedding(words[:, :-1], self.embed)
        states = []
        for t in range(words.shape[1] - 1):
            with mg.scope(step=t):
                h, c = self.cell(x[:, t], h, c)
            states.append(h)
        return mg.softmax_cross_entropy(self.scores(mg.stack(states, 1)), words[:, 1:])


def data(steps: int) -> tuple[Any, Any]:
    """Features and words of three captions."""
    rng = np.random.default_rng(1)
    return rng.standard_normal((3, 5)), rng.integers(0, 12, (3, steps + 1))


class Residual(mg.Module):
    """x + two layers of x."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.first, self.second = (Linear(size, size, rng) for _ in range(2))

    def forward(self, x: Any) -> Any:
        return mg.relu(x + self.second(mg.relu(self.first(x))))


class ResNet(mg.Module):
    def __init__(self, count: int = 8) -> None:
        rng = np.random.default_rng(0)
        self.stem, self.head = Linear(5, 6, rng), Linear(6, 3, rng)
        self.blocks = [Residual(6, rng) for _ in range(count)]

    def forward(self, x: Any) -> Any:
        x = mg.relu(self.stem(x))
        for block in self.blocks:
            x = block(x)
        return self.head(x)


class Deep(mg.Module):
    """Stages of residual blocks."""

    def __init__(self, stages: int, blocks: int, size: int = 6) -> None:
        rng = np.random.default_rng(0)
        self.stages = [Stage(blocks, size, rng) for _ in range(stages)]

    def forward(self, x: Any) -> Any:
        for stage in self.stages:
            x = stage(x)
        return x


class Stage(mg.Module):
    def __init__(self, count: int, size: int, rng: np.random.Generator) -> None:
        self.blocks = [Residual(size, rng) for _ in range(count)]
        self.out = Linear(size, size, rng)

    def forward(self, x: Any) -> Any:
        for block in self.blocks:
            x = block(x)
        return self.out(x)


class Fires(mg.Module):
    """SqueezeNet's order: twice two fire modules and something between, then four larger ones; named, not listed."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        for i in range(8):
            setattr(self, f"fire{i + 2}", Fire(8 if i < 4 else 16, rng))

    def forward(self, x: Any) -> Any:
        for i in range(8):
            x = getattr(self, f"fire{i + 2}")(x)
            if i in (1, 3):
                x = mg.maximum(x, 0.1) if i == 1 else mg.concat([x, x], 1)
        return x


def scalar() -> Any:
    x = mg.tensor(0.5, requires_grad=True, name="x")
    return mg.tanh(x) * x + mg.exp(-x)


def mlp() -> Any:
    x = np.random.default_rng(1).standard_normal((5, 6))
    return mg.softmax_cross_entropy(MLP(6, 8, 8, 4)(x), np.arange(5) % 4)


def squeeze() -> Any:
    return Squeeze()(np.ones((3, 8))).sum()


def residual(count: int = 8) -> Any:
    x = mg.tensor(np.ones((4, 5)), name="x")
    return mg.softmax_cross_entropy(ResNet(count)(x), np.arange(4) % 3)


def rnn(steps: int = 4, gain: float = 1.0) -> Any:
    return Captioner(gates=1, gain=gain)(*data(steps))


def lstm(steps: int = 16) -> Any:
    return Captioner()(*data(steps))


def traced_step(steps: int = 3) -> mg.Graph:
    """Loss and gradients of all parameters, as symbols."""
    model = Captioner()

    def step(features: Any, words: Any) -> Any:
        loss = model(features, words)
        return loss, mg.grad(loss, model.parameters())

    return mg.trace(step, *data(steps))


def random_graph(nodes: int = 60, seed: int = 0) -> Any:
    """Operations on whatever was computed before, near or far."""
    rng = np.random.default_rng(seed)
    values = [mg.tensor(rng.uniform(0.2, 0.8, 3), requires_grad=True, name=f"x{i}") for i in range(4)]
    unary: list[Callable[[Any], Any]] = [mg.tanh, mg.sigmoid, mg.sin, mg.softplus]
    for _ in range(nodes):
        a, b = (values[-1 - int(rng.integers(0, min(len(values), 9)))] for _ in range(2))
        values.append(unary[rng.integers(4)](a) if rng.random() < 0.6 else (a * b if rng.random() < 0.5 else a + b))
    return mg.stack(values[-5:]).sum()


def attention(steps: int = 5) -> Any:
    """Each step reads all states of an encoder, and the step before."""
    rng = np.random.default_rng(0)
    w = mg.tensor(rng.standard_normal((4, 4)), requires_grad=True, name="w")
    h = mg.tensor(np.ones((2, 4)), name="h0")
    keys = []
    for t in range(steps):
        with mg.scope("encoder", step=t):
            h = mg.tanh(h @ w)
            keys.append(h)
    memory = mg.stack(keys, 1)
    for t in range(steps):
        with mg.scope("decoder", step=t):
            weights = mg.softmax((memory * h.reshape((2, 1, 4))).sum(2), 1)
            h = mg.tanh((memory * weights.reshape((2, steps, 1))).sum(1) @ w)
    return h.sum()


def undeclared_loop(steps: int = 6) -> Any:
    """A loop whose steps no scope names."""
    w = mg.tensor(np.eye(3), requires_grad=True, name="w")
    h = mg.tensor(np.ones((2, 3)), name="h0")
    for _ in range(steps):
        h = mg.tanh(h @ w) * 0.5 + h
    return h.sum()


SOME: tuple[Callable[[Any, Any], Any], ...] = (
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: mg.tanh(a),
    lambda a, b: mg.sigmoid(a) * 2.0,
    lambda a, b: mg.stack([a[:1], b[:1]]).sum(0) + a,
)


def random_loop(seed: int) -> Any:
    """Up to five unequal steps, some of them without a name, in nested modules that come and go."""
    rng = np.random.default_rng(seed)
    values = [mg.tensor(rng.uniform(0.1, 0.9, 3), requires_grad=rng.random() < 0.7, name=f"p{i}") for i in range(3)]
    for t in range(rng.integers(1, 6)):
        with mg.scope("m" if rng.random() < 0.5 else "", step=t * 2 if rng.random() < 0.9 else None):
            for _ in range(rng.integers(1, 7)):
                with mg.scope(f"c{rng.integers(0, 3)}" if rng.random() < 0.4 else ""):
                    a, b = (values[-1 - int(i)] for i in rng.integers(0, min(len(values), 10), 2))
                    values.append(SOME[rng.integers(len(SOME))](a, b))
    return (values[-1] + values[-2] * values[-3]).sum()
