"""Arguments for which two programs differ: what shows, without any proof, that they are not the same function."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from minigrad.errors import DTypeError, ShapeError
from minigrad.graph import Graph
from minigrad.op import Array, Shape
from minigrad.tensor import Tensor

DRAWS = 3
DIFFERENT = 1e-6
"""Relative difference of two results that no rounding explains."""


@dataclass(frozen=True)
class Counterexample:
    """Arguments for which an output of the two programs differs, where most, and both values there."""

    inputs: dict[str, Array]
    index: Shape
    automatic: float
    textbook: float

    def __str__(self) -> str:
        return f"at {list(self.index)} {self.automatic:.6g} and {self.textbook:.6g}"


def corresponding(automatic: Graph, textbook: Graph) -> None:
    """ShapeError unless inputs and outputs have the same shapes; DTypeError where they are not real."""
    if any(node.dtype.kind == "c" for graph in (automatic, textbook) for node in graph.nodes):
        raise DTypeError("a proof is about real numbers, and a program computes with complex ones")
    for what in ("inputs", "outputs"):
        a, b = ([x.shape for x in getattr(g, what)] for g in (automatic, textbook))
        if a != b:
            raise ShapeError(f"the {what} of the two programs do not correspond: {a} and {b}")


def drawn(inputs: Sequence[Tensor], below: int = 2) -> list[list[Array]]:
    """Arguments for a few runs: normal numbers; both truth values; ids less than `below`, some repeated and some 0."""
    return [
        [argument(x, below, np.random.default_rng((run, i)), run) for i, x in enumerate(inputs)] for run in range(DRAWS)
    ]


def argument(x: Tensor, below: int, rng: np.random.Generator, run: int) -> Array:
    """One of them."""
    if x.dtype.kind in "iu":
        ids = rng.integers(0, below, x.shape).astype(x.dtype)
        ids[..., -1:] = (ids[..., :1], ids[..., -1:], 0)[run % 3]
        ids[..., :1] *= run % 3 != 1
        return ids
    if x.dtype.kind == "b":
        mask = rng.random(x.shape) < 0.5
        mask[..., :1], mask[..., 1:2] = True, False
        return mask
    return rng.standard_normal(x.shape).astype(x.dtype)


def counterexamples(
    automatic: Graph, textbook: Graph, draws: Sequence[list[Array]], values: Sequence[Sequence[tuple[Array, ...]]]
) -> Iterator[Counterexample | None]:
    """For each output a draw and the place at which the two differ most, if that is more than rounding."""
    names = [x.name or f"input {i}" for i, x in enumerate(automatic.inputs)]
    for a, b in zip(*(places(g) for g in (automatic, textbook)), strict=True):
        found = (
            difference(v[a], w[b], dict(zip(names, draw, strict=True)))
            for v, w, draw in zip(*values, draws, strict=True)
        )
        yield next((example for example in found if example), None)


def places(graph: Graph) -> list[int]:
    """Where among the nodes the outputs are."""
    number = {id(node): i for i, node in enumerate(graph.nodes)}
    return [number[id(y)] for y in graph.outputs]


def difference(a: Array, b: Array, inputs: dict[str, Array]) -> Counterexample | None:
    """Where two arrays differ most, if they do."""
    gap = np.abs(a - b)
    if not gap.size or not np.isfinite(gap).all() or gap.max() <= DIFFERENT * max(np.abs(a).max(), np.abs(b).max()):
        return None
    index = tuple(map(int, np.unravel_index(gap.argmax(), gap.shape)))
    return Counterexample(inputs, index, float(a[index]), float(b[index]))
