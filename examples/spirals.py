"""A network of two layers on three spirals: its gradients checked, trained by a compiled step, and drawn as a graph.

Run: python examples/spirals.py [GRAPH.svg]
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
import viz
from minigrad.check import gradcheck
from minigrad.layers import Linear
from minigrad.op import Array
from minigrad.optim import Adam

FILE = Path(__file__).resolve().parents[1] / "docs" / "gallery" / "spirals.svg"


def spirals(points: int, arms: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Points (points · arms, 2) of spirals around the origin, float32, and the number of each one's arm."""
    radius = np.tile(np.linspace(0.05, 1, points), arms)
    arm = np.repeat(np.arange(arms), points)
    angle = 4 * (radius + arm) + 0.2 * rng.standard_normal(len(arm))
    return np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1).astype(np.float32), arm


class TwoLayers(mg.Module):
    """Scores of `classes` from an affine layer, a ReLU and another affine layer."""

    def __init__(self, inputs: int, hidden: int, classes: int, rng: np.random.Generator) -> None:
        self.first = Linear(inputs, hidden, rng=rng)
        self.second = Linear(hidden, classes, rng=rng)

    def forward(self, x: Any) -> Any:
        """(N, inputs) to (N, classes)."""
        return self.second(mg.relu(self.first(x)))

    def loss(self, x: Any, y: Any) -> Any:
        """Mean cross entropy in nats of points (N, inputs) whose classes are y (N,)."""
        return mg.softmax_cross_entropy(self(x), y)


def main(graph: Path) -> None:
    """Checks, trains, draws."""
    rng = np.random.default_rng(0)
    x, y = spirals(100, 3, rng)
    net = TwoLayers(2, 100, 3, rng)
    print(gradcheck(net.loss, (x[::25], y[::25])))

    parameters = net.parameters()
    optimizer = Adam(parameters, 0.01)

    @mg.compile
    def step(x: Any, y: Any) -> Any:
        loss = net.loss(x, y)
        return loss, mg.grad(loss, parameters)

    for number in range(1, 501):
        loss, gradients = step(x, y)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        optimizer.step()
        if number % 100 == 0:
            print(f"step {number}: loss {loss.item():.4f}")
    with mg.no_grad():
        right = net(x).numpy().argmax(axis=1) == y
    print(f"{100 * right.mean():.1f} % of the points are given to their arm")

    graph.parent.mkdir(parents=True, exist_ok=True)
    viz.draw(net.loss(mg.tensor(x[:8], name="points"), y[:8]), graph, view="both", title="two layers on spirals")
    print(graph)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FILE)
