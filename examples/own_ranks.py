"""A training loop of your own on several processes.

Run: python examples/own_ranks.py                            alone
     mpiexec -n 3 python -m mpi4py examples/own_ranks.py     by three ranks, to the same numbers

Each rank computes the gradients of its rows; `added` makes them the mean over all rows, the same on all ranks.
"""

from typing import Any

import numpy as np

import minigrad as mg
from minigrad.optim import Adam
from models.parallel import world

w = mg.tensor(np.zeros((3, 1), np.float32), requires_grad=True, name="w")


@mg.compile
def step(x: Any, y: Any) -> Any:
    """The loss of some rows and its gradient."""
    loss = ((x @ w - y) ** 2).mean()
    return loss, mg.grad(loss, [w])


def main() -> None:
    """Finds (1, 2, 3) from noisy products with it."""
    ranks, optimizer = world(), Adam([w], 0.1)
    rng = np.random.default_rng(0)  # the same numbers on every rank
    for _ in range(200):
        x = rng.standard_normal((10, 3)).astype(np.float32)
        y = x @ np.float32([[1], [2], [3]]) + 0.1 * rng.standard_normal((10, 1)).astype(np.float32)
        mine = ranks.part(len(x))  # a slice
        rows = len(x[mine])  # none, where there are more ranks than rows
        loss, (w.grad,) = step(x[mine], y[mine]) if rows else (0.0, [None])
        (total,) = ranks.added([w], rows, [rows * float(loss)])
        optimizer.step()
    if ranks.first:
        print(f"loss {total / len(x):.5f}, w", *(f"{value:.4f}" for value in w.numpy().ravel()))


if __name__ == "__main__":
    main()
