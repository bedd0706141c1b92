"""What an operation costs beyond its arithmetic: 200 × (tanh, multiply by x) on 8×8 arrays, forward and backward."""

from collections.abc import Callable

import numpy as np
from peers import Benchmark, main

LENGTH = 200
START = np.random.default_rng(0).normal(size=(8, 8)) * 0.1


def minigrad() -> Callable[[], object]:
    import minigrad as mg

    x = mg.tensor(START, requires_grad=True)

    def work() -> None:
        x.grad = None
        y = x
        for _ in range(LENGTH):
            y = mg.tanh(y) * x
        y.sum().backward()

    return work


def pytorch() -> Callable[[], object]:
    import torch

    x = torch.tensor(START, requires_grad=True)

    def work() -> None:
        x.grad = None
        y = x
        for _ in range(LENGTH):
            y = torch.tanh(y) * x
        y.sum().backward()

    return work


if __name__ == "__main__":
    title = f"overhead of an operation, forward and backward: {LENGTH} × (tanh, multiply) on 8×8 float64"
    peers = {"minigrad": minigrad, "pytorch": pytorch}
    main(Benchmark(title, peers, calls=60, unit="µs per op", scale=1e6 / (2 * LENGTH)))
