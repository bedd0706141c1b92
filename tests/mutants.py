"""Wrong gradients made on purpose, to see that the checks find them: kinds of mistakes times Ops."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.check.records import RECORDS, Draw
from minigrad.op import Array, Op, Shape, Value, apply
from minigrad.ops.elementwise import Where
from minigrad.ops.shape import SumTo

Mutation = Callable[[Value, Value], Value]  # (right gradient, operand) -> wrong gradient


# each with the words of the diagnosis that names it, any of which will do
KINDS: dict[str, tuple[Mutation, tuple[str, ...]]] = {
    "twice": (lambda gx, x: gx * 2, ("2.000 × too large",)),
    "a third": (lambda gx, x: gx / 3, ("3.000 × too small",)),
    "a little": (lambda gx, x: gx * 1.001, ("1.001 × too large",)),
    "sign": (lambda gx, x: -gx, ("sign",)),
    "zero": (lambda gx, x: gx * 0, ("all zero",)),
    "transposed": (lambda gx, x: gx.swapaxes(-1, -2).reshape(gx.shape), ("transposed", "reversed", "shifted")),
    "shifted": (lambda gx, x: gx[..., [*range(1, gx.shape[-1]), 0]], ("shifted", "reversed", "transposed")),
    "reversed": (lambda gx, x: gx[..., ::-1], ("reversed", "shifted", "transposed")),
    "only x < 0": (lambda gx, x: apply(Where(), x < 0, gx * 2, gx), ("where x < 0",)),
    "zero for x > 0": (lambda gx, x: apply(Where(), x > 0, gx * 0, gx), ("where x > 0", "zero")),
    "offset": (lambda gx, x: gx + 0.25, ("added everywhere",)),
    "times x": (lambda gx, x: gx * x, ("a factor x too many",)),
    "a step left out": (lambda gx, x: gx * first_left_out(gx.shape), ("at index 0 of axis 0",)),
}
FACTORS = ("twice", "a third", "a little", "sign", "zero")
PART = "no sum over the broadcast axis"  # a kind that needs more than the gradient: see Mutant.vjp


def first_left_out(shape: Shape) -> Array:
    """Ones, but zeros at index 0 of the first axis."""
    mask = np.ones(shape)
    mask[:1] = 0
    return mask


@dataclass(frozen=True)
class Mutant(Op):
    """An Op whose rule makes one kind of mistake in the gradient of one operand."""

    inner: Op
    kind: str
    operand: int = 0

    reads = "xy"

    def forward(self, *xs: Array) -> Array:
        return self.inner.forward(*xs)  # type: ignore[no-any-return]

    def shape(self, *shapes: Shape) -> Shape:
        return self.inner.shape(*shapes)

    def dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        return self.inner.dtype(*dtypes)

    def vjp(self, g: Value, y: Value, *xs: Value) -> tuple[Any, ...]:
        gradients = [gx() if callable(gx) else gx for gx in self.inner.vjp(g, y, *xs)]
        right, x = gradients[self.operand], xs[self.operand]
        wrong = one_copy(right, x.shape) if self.kind == PART else KINDS[self.kind][0](apply(SumTo(x.shape), right), x)
        summed = [gx if gx is None else apply(SumTo(v.shape), gx) for gx, v in zip(gradients, xs, strict=True)]
        return (*summed[: self.operand], wrong, *summed[self.operand + 1 :])


def one_copy(gx: Value, shape: Shape) -> Value:
    """The part of one copy alone, where the parts of all copies should be added up."""
    while len(gx.shape) > len(shape):
        gx = gx[0]
    for axis, size in enumerate(shape):
        if size == 1 != gx.shape[axis]:
            gx = gx[(slice(None),) * axis + (slice(0, 1),)]
    return gx


@dataclass(frozen=True)
class Planted:
    """A mutant and operands at which it is wrong."""

    mutant: Mutant
    arrays: tuple[Array, ...]

    @property
    def words(self) -> tuple[str, ...]:
        if self.mutant.kind == PART:
            return ("sum over", "too small")  # of equal copies one is a fraction of the sum
        return KINDS[self.mutant.kind][1]


def all_planted(seed: int = 0) -> Iterator[Planted]:
    """Every kind of mistake at every operand of every Op where it makes a difference, at a sample of the Op."""
    rng = np.random.default_rng(seed)
    for record in RECORDS.values():
        drawn = [s for s in record.samples(Draw(seed)) if s[0].differentiable]
        for kind in (*KINDS, PART):
            fitting = [p for op, *arrays in drawn for p in at_each_operand(op, kind, tuple(arrays))]
            if fitting:
                yield fitting[rng.integers(len(fitting))]


def at_each_operand(op: Op, kind: str, arrays: tuple[Array, ...]) -> Iterator[Planted]:
    """The mutants of one sample that are no equal of the Op."""
    y = np.asarray(op.forward(*arrays))
    g = np.random.default_rng(1).standard_normal(y.shape)
    for i, x in enumerate(arrays):
        if x.dtype.kind != "f" or y.dtype.kind != "f":
            continue
        right = op.vjp(g, y, *arrays)[i]
        if right is None:
            continue  # constant almost everywhere, such as where a pool takes from
        right = SumTo(x.shape).forward(right() if callable(right) else right)
        try:
            wrong = Mutant(op, kind, i).vjp(g, y, *arrays)[i]
        except (ValueError, IndexError):
            continue  # such as a number, which has nothing to transpose
        if differs(wrong, right, kind):
            yield Planted(Mutant(op, kind, i), arrays)


def differs(wrong: Array, right: Array, kind: str) -> bool:
    """Whether the mistake shows, and is not the same as a factor unless it is meant to be one."""
    scale = max(np.abs(right).max(initial=0), np.abs(wrong).max(initial=0))
    if kind in FACTORS:
        return bool(np.abs(wrong - right).max(initial=0) > 1e-4 * scale)
    factor = (wrong * right).sum() / max((right * right).sum(), 1e-300)
    return bool(np.abs(wrong - factor * right).max(initial=0) > 1e-2 * scale)
