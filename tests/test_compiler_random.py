"""500 random programs, gradients of gradients too: compiled, interpreted and computed eagerly they are the same."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from random_programs import Program, random_program
from test_compiler import clashes

import minigrad as mg
from minigrad.op import Array

SECOND_ORDER = 3
"""Of every so many programs the gradients are differentiated again."""


def shown(program: Program, second_order: bool) -> Any:
    """The program's value, its gradients, and those of the sum of their squares."""

    def step(*xs: Any) -> Any:
        y = program(*xs)
        first = [g for g in mg.grad(y, xs, create_graph=True, allow_unused=True) if g is not None]
        if not second_order or not any(g.requires_grad for g in first):
            return [y, *first]
        second = mg.grad(sum((g * g).sum() for g in first), xs, allow_unused=True)
        return [y, *first, *(g for g in second if g is not None)]

    return step


def agree(found: Sequence[Array], wanted: Sequence[Array], seed: int) -> None:
    for a, b in zip(found, wanted, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        assert np.abs(a - b).max(initial=0) <= 1e-11 * max(1.0, np.abs(b).max(initial=0)), seed


@pytest.mark.parametrize("block", range(10))
def test_compiled_equals_interpreted_equals_eager(block: int) -> None:
    for seed in range(block * 50, block * 50 + 50):
        rng = np.random.default_rng(seed)
        second_order = seed % SECOND_ORDER == 0
        size = (int(rng.integers(1, 6)), int(rng.integers(2, 7)))
        program = random_program(seed, ops=8 if second_order else 15, size=size)
        step = shown(program, second_order)
        compiled = mg.compile(step, workers=1 + seed % 2)
        found = [y.numpy() for y in compiled(*program.arrays)]
        agree(found, compiled.traced.run(*program.arrays), seed)
        agree(found, [y.numpy() for y in step(*(mg.tensor(a, requires_grad=True) for a in program.arrays))], seed)
        assert clashes(compiled) == [], seed
