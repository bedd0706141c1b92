"""Finds arguments for which two programs give different results: a refutation that needs no proof.

Programs are run as if on real numbers: in float64 whatever their own precision, and with comparisons that treat numbers
as equal that differ by rounding alone. So a difference found is a difference between formulas.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.errors import DTypeError, ShapeError
from minigrad.graph import Graph
from minigrad.op import Array, Shape
from minigrad.ops import logic
from minigrad.tensor import Tensor

NORMAL, POSITIVE, HALVES, EQUAL, WIDE = "normal", "positive", "halves", "equal", "wide"
KINDS = (NORMAL, NORMAL, NORMAL, POSITIVE, HALVES, HALVES, EQUAL, WIDE, WIDE)
"""Of numbers: any; positive ones, for logarithms and roots; halves, among which are zeros and equals, the first one
zero; all the same. At last integers that need not be ids, negative ones too."""
ORDINARY = KINDS.count(NORMAL)
DIFFERENT, ROUNDING = 1e-6, 1e-12
"""Differences larger than rounding explains: relative to the two results, and to the largest value on the way."""

NEAR = 1e-9
FORGIVING: dict[Any, Callable[..., Any]] = {
    logic.Equal: lambda a, b: np.abs(a - b) < NEAR,
    logic.NotEqual: lambda a, b: np.abs(a - b) >= NEAR,
    logic.Greater: lambda a, b: a - b >= NEAR,
    logic.GreaterEqual: lambda a, b: a - b > -NEAR,
    logic.Less: lambda a, b: b - a >= NEAR,
    logic.LessEqual: lambda a, b: b - a > -NEAR,
    logic.Sign: lambda a: np.where(np.abs(a) < NEAR, 0.0, np.sign(a)),
}
"""Comparisons of floating-point numbers that treat nearly equal numbers as equal."""


@dataclass(frozen=True)
class Counterexample:
    """Arguments for which two programs differ, the element where an output does most, and both values there."""

    inputs: dict[str, Array]
    index: Shape
    automatic: float
    textbook: float

    def __str__(self) -> str:
        return f"at {list(self.index)} {self.automatic:.6g} and {self.textbook:.6g}"


def corresponding(automatic: Graph, textbook: Graph) -> None:
    """ShapeError unless inputs and outputs of both have the same shapes; DTypeError for complex numbers."""
    if any(node.dtype.kind == "c" for graph in (automatic, textbook) for node in graph.nodes):
        raise DTypeError("a proof is about real numbers, and a program computes with complex ones")
    for what in ("inputs", "outputs"):
        a, b = ([x.shape for x in getattr(g, what)] for g in (automatic, textbook))
        if a != b:
            raise ShapeError(f"the {what} of the two programs do not correspond: {a} and {b}")


@dataclass(frozen=True)
class Trial:
    """One set of arguments, and the values that all nodes of both programs have for it."""

    arguments: list[Array]
    automatic: list[Array]
    textbook: list[Array]


def trials(automatic: Graph, textbook: Graph, below: int) -> list[Trial]:
    """A few trials. Integers are ids below `below`, some repeated.

    In the last trials any integers the programs accept.
    """
    found = []
    for run, kind in enumerate(KINDS):
        arguments = [argument(x, below, run, i) for i, x in enumerate(automatic.inputs)]
        try:
            found.append(Trial(arguments, run_real(automatic, arguments), run_real(textbook, arguments)))
        except IndexError:
            if kind != WIDE:
                raise
    return found


def argument(x: Tensor, below: int, run: int, i: int) -> Array:
    """A random value for the i-th argument.

    The first of its ids or booleans varies with the run, the last repeats it.
    """
    kind, rng = KINDS[run], np.random.default_rng((run, i))
    if x.dtype.kind in "iu" and kind == WIDE:
        return rng.integers(-9 * (x.dtype.kind == "i"), 10, x.shape).astype(x.dtype)
    if x.dtype.kind in "biu":
        ids = rng.integers(0, 2 if x.dtype.kind == "b" else below, x.size)
        ids[:1] = (run >> i % 3) % min(2, below)
        ids[-1:] = ids[:1]
        return ids.reshape(x.shape).astype(x.dtype)
    return numbers(kind, x.size, rng).reshape(x.shape).astype(x.dtype)


def numbers(kind: str, size: int, rng: np.random.Generator) -> Array:
    """Random real numbers of this kind."""
    if kind == EQUAL:
        return np.full(size, 0.5)
    if kind == HALVES:
        return rng.integers(-2, 3, size) / 2 * (np.arange(size) > 0)
    normal = rng.standard_normal(size)
    return np.abs(normal) + 0.1 if kind == POSITIVE else normal


def run_real(graph: Graph, arguments: Sequence[Array]) -> list[Array]:
    """The values of all nodes, with float64 for every floating-point dtype."""
    given = (a.astype(np.float64) if a.dtype.kind == "f" else a for a in arguments)
    values = dict(zip(map(id, graph.inputs), given, strict=True))
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            if id(node) not in values:
                values[id(node)] = value(node, [values[id(x)] for x in node.inputs])
    return [values[id(node)] for node in graph.nodes]


def value(node: Tensor, xs: list[Array]) -> Array:
    """One node's value. A cast between floating-point dtypes changes nothing."""
    if node.op is None:
        return node.numpy()
    floating = all(x.dtype.kind == "f" for x in xs)
    if floating and isinstance(node.op, logic.Cast) and node.dtype.kind == "f":
        return xs[0]
    return np.asarray(((floating and FORGIVING.get(type(node.op))) or node.op.forward)(*xs))


def counterexamples(automatic: Graph, textbook: Graph, tried: Sequence[Trial]) -> Iterator[Counterexample | None]:
    """For each output a counterexample, where the two programs differ by more than rounding, or None."""
    names = unique([x.name or f"input {i}" for i, x in enumerate(automatic.inputs)])
    for a, b in zip(places(automatic), places(textbook), strict=True):
        found = (difference(t.automatic[: a + 1], t.textbook[: b + 1]) for t in tried)
        pairs = ((t, gap) for t, gap in zip(tried, found, strict=True) if gap)
        trial, gap = next(pairs, (None, None))
        yield Counterexample(dict(zip(names, trial.arguments, strict=True)), *gap) if trial and gap else None


def unique(names: Sequence[str]) -> list[str]:
    """The names, with a number added to those that repeat an earlier one."""
    return [name if name not in names[:i] else f"{name} (input {i})" for i, name in enumerate(names)]


def places(graph: Graph) -> list[int]:
    """The positions of the outputs among the nodes."""
    number = {id(node): i for i, node in enumerate(graph.nodes)}
    return [number[id(y)] for y in graph.outputs]


def difference(automatic: list[Array], textbook: list[Array]) -> tuple[Shape, float, float] | None:
    """The element in which the last values of two programs differ most, and both values; None if only by rounding.

    Elements that are not finite in either program are ignored.
    """
    a, b = automatic[-1], textbook[-1]
    x, y = (np.where(np.isfinite(a) & np.isfinite(b), v, 0).astype(float) for v in (a, b))
    gap = np.abs(x - y)
    most = gap.max(initial=0)
    if most <= DIFFERENT * largest([x, y]) or most <= ROUNDING * largest([*automatic, *textbook]):
        return None
    index = tuple(map(int, np.unravel_index(gap.argmax(), gap.shape)))
    return index, float(a[index]), float(b[index])


def defined(automatic: Graph, textbook: Graph, tried: Sequence[Trial]) -> Iterator[bool]:
    """For each output, whether it has elements and each was finite in both programs in some trial."""
    for a, b in zip(places(automatic), places(textbook), strict=True):
        finite = [np.isfinite(t.automatic[a]) & np.isfinite(t.textbook[b]) for t in tried]
        yield bool(np.size(finite[0]) and np.any(finite, axis=0).all())


def largest(arrays: Sequence[Array]) -> float:
    """The largest absolute value among the finite numbers."""
    return max(
        (float(np.abs(a, where=np.isfinite(a), out=np.zeros(a.shape)).max(initial=0)) for a in arrays), default=0
    )
