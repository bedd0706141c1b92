"""Numbers for normal forms, and small random programs to compare them with: whatever users write, and gradients."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.check.counterexample import NEAR
from minigrad.check.proof import Proof, prove
from minigrad.check.proof.algebra import Algebra, Atom
from minigrad.check.proof.lemmas import Lemmas
from minigrad.check.proof.polynomial import Polynomial
from minigrad.graph import Graph
from minigrad.op import Array
from models.theorems import zeros

ROWS, COLUMNS = 2, 3


def numbers(algebra: Algebra, arguments: Sequence[Array]) -> list[float]:
    """The value of every atom, for the inputs' values: an atom's arguments are older than itself."""
    values: list[float] = []
    for atom in algebra.atoms:
        values.append(atom_value(atom, [value(p, values) for p in atom.arguments], arguments))
    return values


def value(p: Polynomial, atoms: Sequence[float]) -> float:
    return math.fsum(float(c) * math.prod(atoms[a] ** float(k) for a, k in m) for m, c in p.terms.items())


def atom_value(atom: Atom, xs: list[float], arguments: Sequence[Array]) -> float:
    kind: Any = atom.kind
    if isinstance(kind, str):
        return float(KNOWN[kind](*xs))
    if kind[0] == "input":
        return float(arguments[kind[1]][kind[2]])
    op, types, place = kind
    arrays, rest = [], iter(xs)
    for shape, dtype in types:
        arrays.append(np.array([next(rest) for _ in range(math.prod(shape))]).reshape(shape).astype(dtype))
    return float(op.forward(*arrays)[place])


KNOWN: dict[str, Callable[..., float]] = {
    "lemma": lambda p: p,
    "exp": math.exp,
    "log": lambda p: math.log(abs(p)) if p else 0.0,  # beyond its domain any extension: programs select other values
    "sqrt": lambda p: math.sqrt(max(p, 0.0)),
    "tanh": math.tanh,
    "inverse": lambda p: 1 / p if p else 0.0,
    "zero": lambda p: abs(p) < NEAR,
    "positive": lambda p: p >= NEAR,
    "largest": max,
}

Step = Callable[[np.random.Generator, Any, Any, Any, Any], Any]

STEPS: tuple[Step, ...] = (
    lambda r, a, b, ids, mask: mg.tanh(a),
    lambda r, a, b, ids, mask: mg.sigmoid(a),
    lambda r, a, b, ids, mask: mg.softplus(a),
    lambda r, a, b, ids, mask: mg.sin(a) + mg.cos(b),
    lambda r, a, b, ids, mask: mg.relu(a),
    lambda r, a, b, ids, mask: mg.leaky_relu(a, 0.25),
    lambda r, a, b, ids, mask: mg.abs(a),
    lambda r, a, b, ids, mask: mg.clip(a, -0.5, 0.5),
    lambda r, a, b, ids, mask: mg.square(a) - b,
    lambda r, a, b, ids, mask: a**3,
    lambda r, a, b, ids, mask: (a * a + 0.5) ** -1.5,
    lambda r, a, b, ids, mask: mg.exp(a - 1),
    lambda r, a, b, ids, mask: 1 / (1 + mg.exp(-a)),
    lambda r, a, b, ids, mask: mg.log(a * a + 1.5),
    lambda r, a, b, ids, mask: mg.log(mg.exp(a) * mg.exp(b)),
    lambda r, a, b, ids, mask: mg.log1p(mg.exp(-mg.abs(a))),
    lambda r, a, b, ids, mask: mg.sqrt(a * a),
    lambda r, a, b, ids, mask: mg.sqrt(mg.square(a) + 0.25),
    lambda r, a, b, ids, mask: a - 2 * b,
    lambda r, a, b, ids, mask: a * b,
    lambda r, a, b, ids, mask: a / (b * b + 1),
    lambda r, a, b, ids, mask: (a * b) / (mg.square(b) + mg.exp(a)),
    lambda r, a, b, ids, mask: mg.maximum(a, b),
    lambda r, a, b, ids, mask: mg.minimum(a, -b),
    lambda r, a, b, ids, mask: mg.where(mask, a, b),
    lambda r, a, b, ids, mask: mg.where(a > b, a, b * b),
    lambda r, a, b, ids, mask: a * mask + b * (1 - mask.astype(a.dtype)),
    lambda r, a, b, ids, mask: mask.astype(a.dtype).sum(axis=1, keepdims=True) * a,
    lambda r, a, b, ids, mask: ((a <= b) & mask).astype(a.dtype) * b,
    lambda r, a, b, ids, mask: ((a == b) | ~mask).astype(a.dtype) + a,
    lambda r, a, b, ids, mask: a.sum(axis=0, keepdims=True) * b,
    lambda r, a, b, ids, mask: a.mean(axis=1, keepdims=True) + b,
    lambda r, a, b, ids, mask: a.max(axis=0) - b,
    lambda r, a, b, ids, mask: a.min(axis=1, keepdims=True) * b,
    lambda r, a, b, ids, mask: mg.logsumexp(a, axis=1, keepdims=True) - b,
    lambda r, a, b, ids, mask: mg.softmax(a, axis=1) * b,
    lambda r, a, b, ids, mask: mg.log_softmax(a, axis=0),
    lambda r, a, b, ids, mask: (mg.exp(a) / mg.exp(a).sum(axis=1, keepdims=True)).sum(axis=1, keepdims=True) * b,
    lambda r, a, b, ids, mask: a.cumsum(1),
    lambda r, a, b, ids, mask: mg.flip(a, 0) + mg.roll(b, 1, 1),
    lambda r, a, b, ids, mask: (a @ b.T) @ a / 4,
    lambda r, a, b, ids, mask: mg.einsum("ij,kj->ki", a, b) @ a,
    lambda r, a, b, ids, mask: mg.concat([a[:, 2:], b[:, :2]], axis=1),
    lambda r, a, b, ids, mask: mg.stack([a, b], axis=1).sum(1),
    lambda r, a, b, ids, mask: mg.pad(a[1:, :-1], ((1, 0), (0, 1))) + b,
    lambda r, a, b, ids, mask: a.reshape(COLUMNS, ROWS).T * b,
    lambda r, a, b, ids, mask: mg.gather(a.T, ids).T @ b[:, :2].T @ b,
    lambda r, a, b, ids, mask: mg.one_hot(ids, COLUMNS) * a,
    lambda r, a, b, ids, mask: mg.softmax_cross_entropy(a, ids) * b,
    lambda r, a, b, ids, mask: mg.bce_with_logits(a, mask.astype(a.dtype)) + b,
    lambda r, a, b, ids, mask: mg.take_along_axis(a, ids.reshape(ROWS, 1), 1) * b,
    lambda r, a, b, ids, mask: a[[1, 0]] * b,
    lambda r, a, b, ids, mask: a * (ids != 0).reshape(ROWS, 1),
    lambda r, a, b, ids, mask: mg.where(mg.one_hot(ids, COLUMNS) > 0, a, b),
)


def random_graph(seed: int) -> tuple[Graph, list[Array]]:
    """Up to six Ops on two float inputs, ids and a mask, in one of three with a gradient; and values for them."""
    rng = np.random.default_rng(seed)
    exact = rng.random() < 0.5  # halves: zeros and ties
    floats = [rng.integers(-2, 3, s) / 2 if exact else rng.standard_normal(s) for s in ((ROWS, COLUMNS), (COLUMNS,))]
    arrays = [*floats, rng.integers(0, COLUMNS, ROWS), rng.random((ROWS, COLUMNS)) < 0.5]

    def f(x: Any, y: Any, ids: Any, mask: Any) -> Any:
        pool = [x, x * 0 + y]
        for _ in range(rng.integers(1, 7)):
            a, b = (pool[i] for i in rng.integers(max(0, len(pool) - 3), len(pool), 2))
            pool.append(STEPS[rng.integers(len(STEPS))](rng, a, b, ids, mask))
        if rng.random() < 0.33:
            return [g for g in mg.grad(pool[-1].sum(), [x, y], create_graph=True, allow_unused=True) if g is not None]
        return [pool[-1]]

    return mg.trace(f, *arrays), arrays


def normal_form_values(graph: Graph, arrays: list[Array], limit: int) -> tuple[list[Array], Algebra]:
    """The outputs' values by way of their normal forms."""
    lemmas = Lemmas(graph.inputs, (), limit)
    forms = lemmas.outputs(graph, [np.full(node.shape, None, object) for node in graph.nodes])
    atoms = numbers(lemmas.algebra, arrays)
    return [np.array([value(p, atoms) for p in form.flat]).reshape(form.shape) for form in forms], lemmas.algebra


def compared(f: Callable[..., Any], g: Callable[..., Any], *sizes: Any, **options: Any) -> Proof:
    """What `prove` says of two functions; a size is a shape, or an array where dtype matters."""
    inputs = zeros(dict(zip("xyz", sizes, strict=False)))
    symbols = [mg.tensor(array, name=name) for name, array in inputs.items()]
    return prove(mg.trace(f, *symbols), mg.trace(g, *symbols), **options)
