"""500 random programs: what the compiler makes of them equals the engine's own values, gradients of gradients too."""

from typing import Any

import numpy as np
import pytest
from random_programs import random_program

import minigrad as mg


def agree(found: Any, wanted: Any) -> None:
    for a, b in zip(found, wanted, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        assert np.abs(a.numpy() - b.numpy()).max() <= 1e-11 * max(1.0, np.abs(b.numpy()).max())


@pytest.mark.parametrize("block", range(10))
def test_values_and_gradients(block: int) -> None:
    for seed in range(block * 50, block * 50 + 50):
        program = random_program(seed, ops=15)

        def step(*xs: Any, program: Any = program) -> Any:
            y = program(*xs)
            return [y, *(g for g in mg.grad(y, xs, allow_unused=True) if g is not None)]

        wanted = step(*(mg.tensor(a, requires_grad=True) for a in program.arrays))
        agree(mg.compile(step)(*program.arrays), wanted)


@pytest.mark.parametrize("seed", range(1000, 1030))
def test_gradients_of_gradients(seed: int) -> None:
    program = random_program(seed, ops=12)

    def step(*xs: Any) -> Any:
        first = [g for g in mg.grad(program(*xs), xs, create_graph=True, allow_unused=True) if g is not None]
        if not any(g.requires_grad for g in first):
            return first
        second = mg.grad(sum((g * g).sum() for g in first), xs, create_graph=True, allow_unused=True)
        return [g for g in (*first, *second) if g is not None]

    wanted = step(*(mg.tensor(a, requires_grad=True) for a in program.arrays))
    agree(mg.compile(step)(*program.arrays), wanted)
