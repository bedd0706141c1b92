"""The overhead of an operation beyond its arithmetic: small arrays, forward and backward."""

from argparse import ArgumentParser, Namespace
from typing import Any

import numpy as np

from minigrad.cli.bench.benchmark import Benchmark, Contestant, Work
from minigrad.op import Array

HELP = "what an operation costs beyond its arithmetic"
LENGTH = 200


def add_options(parser: ArgumentParser) -> None:
    """Adds nothing: this benchmark has no options of its own."""


def benchmark(arguments: Namespace) -> Benchmark:
    """200 × (tanh, multiply) on 8×8 arrays, eagerly and by our compiled program, against other packages."""
    return Benchmark(
        f"ops: {LENGTH} × (tanh, multiply) on 8×8 float64, forward and backward",
        (
            Contestant("minigrad", "minigrad", eager),
            Contestant("minigrad compiled", "minigrad", compiled),
            Contestant("torch", "torch", torch),
            Contestant("autograd", "autograd", autograd),
        ),
        calls=60,
        unit="µs an op",
        scale=1e6 / (2 * LENGTH),
    )


def start() -> Array:
    """The 8×8 array that the work starts from."""
    return np.random.default_rng(0).normal(size=(8, 8)) * 0.1


def eager() -> Work:
    """The loop, then backward(), eagerly."""
    import minigrad as mg

    x = mg.tensor(start(), requires_grad=True)

    def work() -> None:
        x.grad, y = None, x
        for _ in range(LENGTH):
            y = mg.tanh(y) * x
        y.sum().backward()

    return work


def compiled() -> Work:
    """The same loop, traced once and compiled."""
    import minigrad as mg

    @mg.compile
    def gradient(x: Any) -> Any:
        y = x
        for _ in range(LENGTH):
            y = mg.tanh(y) * x
        return mg.grad(y.sum(), [x])[0]

    x = start()
    return lambda: gradient(x)


def torch() -> Work:
    """The loop, then backward(), in PyTorch."""
    import torch

    x = torch.tensor(start(), requires_grad=True)

    def work() -> None:
        x.grad, y = None, x
        for _ in range(LENGTH):
            y = torch.tanh(y) * x
        y.sum().backward()

    return work


def autograd() -> Work:
    """The gradient of the loop in HIPS autograd."""
    import autograd
    import autograd.numpy as anp

    def total(x: Any) -> Any:
        y = x
        for _ in range(LENGTH):
            y = anp.tanh(y) * x
        return anp.sum(y)

    gradient, x = autograd.grad(total), start()
    return lambda: gradient(x)
